"""What became of a record, a record on its way there, what an error makes of it, and the answer to a hook."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, NamedTuple

from shared.errors import AuthorizerError, CloudRefused, UnknownRefusal
from shared.model.access import VpcAccess
from shared.model.records import Ended, Hook, Record

AUTHORIZED, UNCHANGED, REPLACED = "authorized", "unchanged", "replaced"
REFUSED, REJECTED, FAILED = "refused", "rejected", "failed"
RELEASED, KEPT = "released", "kept"
IGNORED, PLANNED, SCHEDULED = "ignored", "planned", "scheduled"
GRANTED = frozenset({AUTHORIZED, UNCHANGED, REPLACED})
OF_AN_ENTRY = frozenset({RELEASED, KEPT})
SILENT = frozenset({IGNORED, PLANNED, SCHEDULED})
MAX_AGE_SECONDS = (
    3600.0  # of an announcement whose backend is proven to be gone, or that is refused for no known reason
)
_QUOTA = "ExceedLimit"  # https://help.aliyun.com/en/api-gateway/traditional-api-gateway/support/control-openapi-error-code-table


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
    more: Mapping[str, Any] = MappingProxyType({})  # what its result says besides, in fields of its own
    spoken_for: bool = False  # the result of another instance is about it, too

    @property
    def name(self) -> str:
        """Return the name asked for, as far as it is known."""
        return self.access.name if self.access else getattr(self.record.content, "name", "")

    @property
    def correlation(self) -> str:
        """Return the producer's own value, "" if it gave none."""
        return getattr(self.record.content, "correlation", "")


class Job(NamedTuple):
    """A record with the request it stands for, or the outcome it has already; with neither it is to be looked up."""

    record: Record
    access: VpcAccess | None = None
    outcome: Outcome | None = None

    def ended(self, kind: str, reason: str, text: str) -> Job:
        """Return it with its outcome; FAILED means that a redelivery can help."""
        return self._replace(outcome=Outcome(self.record, kind, self.access, reason, text, retry=kind == FAILED))

    def failed(self, error: AuthorizerError, now: float) -> Job:
        """Return it as stopped by ``error`` at the epoch time ``now``."""
        return self._replace(outcome=stopped(self.record, self.access, error, now))

    def delayed(self, error: AuthorizerError) -> Job:
        """Return it as failed by ``error`` that has nothing to do with the record: it is due again whatever it was."""
        return self._replace(outcome=Outcome(self.record, FAILED, self.access, error.code, str(error), retry=True))


def stopped(record: Record, access: VpcAccess | None, error: AuthorizerError, now: float) -> Outcome:
    """Return what becomes of a record that ``error`` stopped at the epoch time ``now``.

    A no that is known to be final is its answer. Everything else is due again. So that a refusal of unknown meaning is not
    tried for a day, an announcement ends with it once it is older than MAX_AGE_SECONDS; a record of a queue goes to the
    dead letters when its trigger has delivered it as often as it does.
    """
    failed = Outcome(record, FAILED, access, error.code, str(error), getattr(error, "request_id", ""), retry=True)
    if isinstance(error, CloudRefused):
        if not error.code.startswith(_QUOTA):
            return failed._replace(type=REJECTED, retry=False)
        hint = (
            f"{error}. Release authorizations that are no longer used (`python -m functions list --stale` shows those whose "
            "backend is gone), or have the quota raised in the Quota Center"
        )
        return failed._replace(type=REFUSED, reason="QuotaExceeded", text=hint, retry=False)
    if has_outlived(record, error, now):
        then = (
            "nothing is scheduled. Once it is clear why, let a sweep find it, or use `python -m functions release NAME`"
            if isinstance(record.content, Ended)
            else "send a request once it is clear why"
        )
        text = f"{error}. The event is more than an hour old, so this is its answer: {then}"
        return failed._replace(type=REJECTED, text=text, retry=False)
    return failed


def has_outlived(record: Record, error: AuthorizerError, now: float) -> bool:
    """Tell whether an announcement was refused for an unknown reason, and is too old to be tried again."""
    return isinstance(error, UnknownRefusal) and is_old(record, now)


def is_old(record: Record, now: float) -> bool:
    """Tell whether ``record`` is an announcement made over MAX_AGE_SECONDS before the epoch time ``now``, as far as told."""
    from shared.model.age import announced_at  # only what goes wrong needs it

    announced = announced_at(record)
    return announced is not None and now - announced > MAX_AGE_SECONDS


class HookAnswer(NamedTuple):
    """The answer to a hook: CONTINUE or ABANDON, WAIT (a redelivery decides), or why it could not be answered."""

    hook: Hook
    answer: str
    problem: str = ""
    retry: bool = False

    def line(self) -> dict[str, Any]:
        """Return what summary and log say; the token is left out, it is what completes a hook."""
        fields = {"hook": self.hook.hook_id, "answer": self.answer, "problem": self.problem}
        return {name: value for name, value in fields.items() if value}
