"""What became of a record, a record on its way there, and what a hook was told."""

from __future__ import annotations

from typing import Any, NamedTuple

from shared.errors import AuthorizerError, Transient
from shared.model.access import VpcAccess
from shared.model.records import Hook, Record

AUTHORIZED, UNCHANGED, REPLACED = "authorized", "unchanged", "replaced"
REFUSED, REJECTED, FAILED = "refused", "rejected", "failed"
IGNORED, PLANNED = "ignored", "planned"
GRANTED = frozenset({AUTHORIZED, UNCHANGED, REPLACED})
SILENT = frozenset({IGNORED, PLANNED})


class Outcome(NamedTuple):
    """What became of one record, or of one port of an announced backend."""

    record: Record
    type: str
    access: VpcAccess | None = None
    reason: str = ""  # a short fixed word: PortNotAllowed, InvalidRecord, the cloud's Code …
    text: str = ""
    request_id: str = ""
    drift: tuple[str, ...] = ()
    retry: bool = False  # the record can succeed when it is delivered again
    published: str = ""  # MessageId of the result message

    @property
    def name(self) -> str:
        """Return the name asked for, as far as it is known."""
        return self.access.name if self.access else getattr(self.record.content, "name", "")


class Job(NamedTuple):
    """A record with the request it stands for, or the outcome it has already; with neither it is to be looked up."""

    record: Record
    access: VpcAccess | None = None
    outcome: Outcome | None = None

    def ended(self, kind: str, reason: str, text: str) -> Job:
        """Return it with its outcome; FAILED means that a redelivery can help."""
        return self._replace(outcome=Outcome(self.record, kind, self.access, reason, text, retry=kind == FAILED))

    def failed(self, error: AuthorizerError) -> Job:
        """Return it as failed by ``error``, for another try if that is transient; otherwise the cloud's no is the answer."""
        retry = isinstance(error, Transient)
        kind = FAILED if retry else REJECTED
        return self._replace(outcome=Outcome(self.record, kind, self.access, error.code, str(error), retry=retry))

    def delayed(self, error: AuthorizerError) -> Job:
        """Return it as failed by ``error`` that has nothing to do with the record: it is due again whatever it was."""
        return self._replace(outcome=Outcome(self.record, FAILED, self.access, error.code, str(error), retry=True))


class HookAnswer(NamedTuple):
    """What a hook was told: CONTINUE or ABANDON, WAIT (a redelivery decides), or why it could not be told."""

    hook: Hook
    answer: str
    problem: str = ""
    retry: bool = False

    def line(self) -> dict[str, Any]:
        """Return what summary and log say; the token is left out, it is what completes a hook."""
        fields = {"hook": self.hook.hook_id, "answer": self.answer, "problem": self.problem}
        return {name: value for name, value in fields.items() if value}
