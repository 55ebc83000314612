"""What the function would do now with letters: its own plan, as a dry run of it gives. Nothing is written or published."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import NamedTuple

from functions._operator import access, catalogue, terminal
from functions._operator.letters import Letter
from functions._operator.mail import Mail
from shared import log, settings
from shared.cloud.transport import Transport
from shared.errors import SettingsError
from shared.events.parsing import parse
from shared.flow.engine import Engine, Invocation
from shared.flow.report import line
from shared.model.outcome import FAILED, IGNORED, PLANNED, REFUSED, REJECTED, Outcome

DONE, UNCLEAR = "done", "unclear"
_MAX_SECONDS = 3600.0  # seconds for the look at everything
_CREATE, _REPLACE, _KEEP, _REFUSE = "create", "replace", "keep", "refuse"  # shared.access.plan
_REASONS = {
    _CREATE: "",
    _REPLACE: "",
    FAILED: UNCLEAR,
    _REFUSE: REFUSED,
    REFUSED: REFUSED,
    REJECTED: REFUSED,
    _KEEP: DONE,
    IGNORED: IGNORED,
}
"""Why a letter is not sent, by what would become of its records; where they differ, by the first of these."""

Plan = Callable[[Sequence[Letter]], list[list[Outcome]]]
"""Returns what would become of the records of each letter."""


@contextmanager
def planner(environment: Mapping[str, str] = os.environ) -> Iterator[Plan]:
    """Give what plans letters as the function with these settings would.

    Raises SettingsError, and a ClickException if there is no access key.
    """
    access.credentials()  # reported before anything is received
    try:
        loaded = settings.load({**environment, "DRY_RUN": "true"})
    except SettingsError as error:
        why = "these are the function's settings, to show first what it would do now; --blind sends without looking"
        raise SettingsError([*error.problems, why]) from error
    log.configure(environment.get("LOG_LEVEL", "OFF").upper(), sys.stderr)  # the table says it, unless asked for more
    transport = Transport(loaded.concurrency)
    try:
        engine = Engine(loaded, catalogue.work(catalogue.DEFAULT), transport, environment=environment)
        yield lambda letters: _planned(engine, letters)
    finally:
        transport.close()


def _planned(engine: Engine, letters: Sequence[Letter]) -> list[list[Outcome]]:
    records = [
        record._replace(message_id=str(number))  # whatever is made of a record, this stays
        for number, letter in enumerate(letters)
        for record in parse(letter.text.encode("utf-8", "surrogatepass"))
    ]
    planned: list[list[Outcome]] = [[] for _ in letters]
    for outcome in engine.process(records, Invocation("replay", _MAX_SECONDS, access.credentials)).outcomes:
        planned[int(outcome.record.message_id)].append(outcome)
    return planned


class Preview(NamedTuple):
    """Some mail, and what would become of the records of each of its letters that can be sent, in its order."""

    mails: Sequence[Mail]
    planned: Sequence[Sequence[Outcome]]

    @property
    def opened(self) -> set[str]:
        """Return the targets that would be opened."""
        outcomes = (outcome for outcomes in self.planned for outcome in outcomes)
        return {
            outcome.access.target_text() for outcome in outcomes if outcome.access and not _REASONS[_would(outcome)]
        }

    def show(self) -> None:
        """Print what would become of each record, on standard error; nothing if there are none."""
        if not self.planned:
            return
        places = (mail.place for mail in self.mails for letter in mail.letters if not letter.reason)
        results = [
            {**line(outcome), "outcome": _would(outcome), "source": "", "message_id": place, "reason": _code(outcome)}
            for place, outcomes in zip(places, self.planned, strict=True)
            for outcome in outcomes
        ]
        terminal.show_results(results, terminal.console(stderr=True))

    def judged(self, refusal: str, *, done: bool) -> list[Mail]:
        """Return the mail with a reason on every letter that is not to be sent: on one that opens something ``refusal``.

        With ``done`` a letter is sent although everything in it is done.
        """
        reasons = iter([_reason(outcomes) for outcomes in self.planned])

        def judge(letter: Letter) -> Letter:
            if letter.reason:
                return letter
            reason = next(reasons)
            return letter._replace(reason="" if done and reason == DONE else reason or refusal)

        return [mail._replace(letters=[judge(letter) for letter in mail.letters]) for mail in self.mails]


def preview(mails: Sequence[Mail], plan: Plan) -> Preview:
    """Plan the letters that can be sent, all together: they share their looks."""
    return Preview(mails, plan([letter for mail in mails for letter in mail.letters if not letter.reason]))


def _reason(outcomes: Sequence[Outcome]) -> str:
    order = list(_REASONS)
    first = min(outcomes, key=lambda outcome: order.index(_would(outcome)))
    return _code(first) if first.type == IGNORED else _REASONS[_would(first)]


def _would(outcome: Outcome) -> str:
    """Return in a word what the function would do with a record; to keep what another letter makes is to create it."""
    if outcome.type != PLANNED:
        return outcome.type
    word = outcome.reason.partition(":")[0]
    is_there = outcome.access is not None and outcome.access.vpc_access_id != ""
    return _CREATE if word == _KEEP and not is_there else word


def _code(outcome: Outcome) -> str:
    """Return the reason of what is not planned to be done, without the plan's word for it."""
    return outcome.reason.partition(": ")[2] if outcome.type == PLANNED else outcome.reason
