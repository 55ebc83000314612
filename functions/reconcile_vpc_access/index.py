"""Compare everything with everything on a timer. The file that Function Compute calls, at the zip's root.

``initialize`` runs once per instance, ``handler`` for each event.
"""

from __future__ import annotations

from collections.abc import Sequence

from shared.flow.engine import Run
from shared.flow.reconcile import sweep
from shared.flow.runtime import Function
from shared.model.outcome import FAILED, IGNORED, REJECTED, HookAnswer, Job, Outcome
from shared.model.records import Ignored, Invalid, Record, Timer


def work(records: Sequence[Record], run: Run) -> tuple[list[Outcome], list[HookAnswer]]:
    """Sweep once if a timer fired, whatever else came with it; return what became of each record."""
    outcomes = [outcome for record in records for outcome in _other(record)]
    timers = [record for record in records if isinstance(record.content, Timer)]
    return [*outcomes, *(sweep(timers[0], run) if timers else [])], []


def _other(record: Record) -> list[Outcome]:
    content = record.content
    if isinstance(content, Timer):
        return []
    if isinstance(content, Invalid):
        kind = FAILED if content.retry else REJECTED
        job = Job(record).ended(kind, "InvalidRecord", content.text)
    else:
        ignored = (
            content if isinstance(content, Ignored) else Ignored("not-a-timer", "this function acts on its timer only")
        )
        job = Job(record).ended(IGNORED, ignored.reason, ignored.text)
    assert job.outcome is not None
    return [job.outcome]


function = Function("reconcile_vpc_access", work)
initialize, handler = function.initialize, function.handler
