"""Sends letters, counts what became of them, and says how a command ends that did so."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field

from functions._operator import exits
from functions._operator.letters import STUCK, WRONG, Letter
from functions._operator.mail import Mail
from functions._operator.preview import UNCLEAR
from shared.errors import CloudRefused
from shared.model.outcome import REFUSED

DECLINED, UNASKED = "declined", "not-asked"
_CODES = {
    **dict.fromkeys((DECLINED, UNASKED), exits.ERROR),
    **dict.fromkeys((*STUCK, REFUSED), exits.NO),
    UNCLEAR: exits.LATER,
}
"""Exit codes for what was skipped, by the reason; others are DONE."""


@dataclass
class Tally:
    """What became of the letters; ``wrong`` are the texts of those that have to be repaired."""

    sent: int = 0
    skipped: Counter[str] = field(default_factory=Counter)
    failed: int = 0
    wrong: list[str] = field(default_factory=list)
    worst: int = exits.DONE  # exit code of the failures

    @property
    def code(self) -> int:
        """Return the exit code."""
        return max([self.worst, *(_CODES.get(reason, exits.DONE) for reason in self.skipped)])

    def sentence(self, verb: str) -> str:
        """Return the counts, such as ``sent 3, skipped 2 (truncated 1, wrong 1), failed 0``."""
        reasons = ", ".join(f"{reason} {count}" for reason, count in sorted(self.skipped.items()))
        skipped = f"{sum(self.skipped.values())} ({reasons})" if reasons else "0"
        return f"{verb} {self.sent}, skipped {skipped}, failed {self.failed}"


@dataclass
class Postman:
    """Sends what came and keeps the tally. ``send`` takes a text, ``tell`` a line for the operator."""

    send: Callable[[str], object]
    tell: Callable[[str], None]
    tally: Tally = field(default_factory=Tally)

    def deliver(self, mail: Mail) -> bool:
        """Send the letters and tell whether all were; raises Transient errors, after which no other send would succeed."""
        sent = [self._sent(mail.place, letter) for letter in mail.letters]
        return all(sent)

    def _sent(self, place: str, letter: Letter) -> bool:
        if letter.reason:
            self.tally.skipped[letter.reason] += 1
            if letter.reason == WRONG:
                self.tally.wrong.append(letter.text)
            if letter.why:
                self.tell(f"skipped  {place}: {letter.reason}: {letter.why}")
            return False
        try:
            self.send(letter.text)
        except CloudRefused as error:
            self.fail(f"{place}: {error}", exits.of_error(error))
            return False
        self.tally.sent += 1
        return True

    def fail(self, text: str, code: int) -> None:
        """Count and report a failure that ends the command with ``code``."""
        self.tally.failed += 1
        self.tally.worst = max(self.tally.worst, code)
        self.tell(f"failed   {text}")
