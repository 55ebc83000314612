"""Timer triggers that fire by the stand-in's clock, which nothing in it does by itself."""

from __future__ import annotations

import re

from tests.cloud.app import Cloud
from tests.cloud.fc.triggers.config import TimerTrigger

_EVERY = re.compile(r"@every (\d+)m")  # the only form that the template has; others fire when they are told to


class Timers:
    """The timers of all functions; ``fire`` those that are due, each once, however many times it has missed."""

    def __init__(self, cloud: Cloud) -> None:
        self._cloud = cloud
        now = cloud.world.clock.now()
        triggers = [trigger for function in cloud["FC"].functions for trigger in function.config.triggers]
        every = {
            each.name: 60.0 * int(found[1])
            for each in triggers
            if isinstance(each, TimerTrigger) and each.enabled and (found := _EVERY.fullmatch(each.cron_expression))
        }
        self.due = {name: (now + seconds, seconds) for name, seconds in every.items()}

    def fire(self) -> list[str]:
        """Fire what is due and return the names."""
        now = self._cloud.world.clock.now()
        fired = [name for name, (due, _) in self.due.items() if due <= now]
        for name in fired:
            self.due[name] = now + self.due[name][1], self.due[name][1]
            self._cloud["FC"].fire_timer(name)
        return fired
