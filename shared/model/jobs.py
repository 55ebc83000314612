"""A record on its way through an invocation."""

from __future__ import annotations

from typing import NamedTuple

from shared.errors import AuthorizerError, Transient
from shared.flow.report import FAILED, IGNORED, REJECTED, Outcome
from shared.model.access import VpcAccess
from shared.model.records import Ignored, Invalid, Record


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


def job_of(record: Record) -> Job:
    """Return the job that a parsed record makes."""
    content = record.content
    if isinstance(content, VpcAccess):
        return Job(record, content)
    if isinstance(content, Invalid):
        return Job(record).ended(FAILED if content.retry else REJECTED, "InvalidRecord", content.text)
    if isinstance(content, Ignored):
        return Job(record).ended(IGNORED, content.reason, content.text)
    return Job(record)
