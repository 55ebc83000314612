"""What is told of a name that keeps its target, and when it is looked at again."""

from __future__ import annotations

from typing import Any

from shared import log
from shared.access.moving import Mover
from shared.access.naming import NO_CANDIDATE, Stay
from shared.errors import AuthorizerError
from shared.flow.engine import Run
from shared.flow.following import COMES_BACK, Name, own_record
from shared.model.outcome import FAILED, Outcome
from shared.model.records import Hint


class Staying:
    """Names that stay, in one invocation."""

    def __init__(self, run: Run, mover: Mover) -> None:
        self._run, self._mover = run, mover

    def tell(self, name: Name, stay: Stay) -> None:
        """Say what is wrong with a name that keeps its target: people have to act."""
        if stay.drift:
            log.warning("drift", name=name.name, text=stay.drift)
        if stay.end:
            self._tell_of_its_end(name, stay.end)

    def _tell_of_its_end(self, name: Name, end: str) -> None:
        """Say that the target has ended, and that there is no other."""
        assert name.seen is not None
        entry, target = name.seen.entry, name.seen.target
        assert entry is not None
        text = (
            f"{entry.instance_id} is no backend for {name.name!r} any more ({end}), and no other running instance carries "
            "the name: start one with both tags"
        )
        log.error("no candidate", name=name.name, target=entry.target_text(), text=text)
        more = dict[str, Any]()
        if users := self._known_users(name):
            log.warning("dead and in use", name=name.name, target=entry.target_text(), used_by=users, text=text)
            more["UsedBy"] = users
        started = target.backend.started if target.backend else ""
        outage = "/".join(filter(None, (name.name, started)))  # another one has another id
        record = own_record(Hint(name.name, "", ""), outage)
        name.outcomes.append(Outcome(record, FAILED, entry, NO_CANDIDATE, text, more=more))

    def _known_users(self, name: Name) -> list[str]:
        """Return the published APIs that use a name, none if nobody can tell: an alarm does not wait for that."""
        users = list[str]()
        try:
            users, _ = self._mover.users(name.name)
        except AuthorizerError as error:
            log.warning("users not seen", name=name.name, code=error.code, text=str(error))
        return users

    def wait(self, name: Name, stay: Stay, leaving: frozenset[str]) -> None:
        """Look again in a moment at a name without a living target, while an instance of its own joins a scaling group.

        Those that a hook names (``leaving``) do not count. Raises the errors of ``Session.call``.
        """
        assert name.seen is not None
        candidates = name.seen.candidates
        if (name.entry is None or stay.end) and any(one.is_joining and one.place not in leaving for one in candidates):
            region = self._run.settings.region_id
            self._run.send_naming(Hint(name.name, region, "an instance of it joins a scaling group"), COMES_BACK)
