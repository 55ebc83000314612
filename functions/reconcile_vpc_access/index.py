"""Compare everything with everything on a timer. The file that Function Compute calls, at the zip's root.

``initialize`` runs once per instance, ``handler`` for each event.
"""

from __future__ import annotations

from collections.abc import Sequence

from shared.flow.engine import Run
from shared.flow.reconcile import sweep
from shared.flow.report import logged
from shared.flow.runtime import Function
from shared.model.outcome import IGNORED, HookAnswer, Outcome
from shared.model.records import Ignored, Invalid, Record, Timer


def work(records: Sequence[Record], run: Run) -> tuple[list[Outcome], list[HookAnswer]]:
    """Sweep once if a timer fired, whatever else came with it; return what became of each record. None is due again."""
    timers = [record for record in records if isinstance(record.content, Timer)]
    others = [logged(_told(record)) for record in records if not isinstance(record.content, Timer)]
    return [*others, *(sweep(timers[0], run) if timers else [])], []


def _told(record: Record) -> Outcome:
    """Return the outcome of what is not a timer: ignored, since nobody who sends that to this function waits for a result."""
    content = record.content
    if isinstance(content, Ignored):
        return Outcome(record, IGNORED, None, content.reason, content.text)
    text = content.text if isinstance(content, Invalid) else "this function acts on its timer only"
    return Outcome(record, IGNORED, None, "not-a-timer", text)


function = Function("reconcile_vpc_access", work)
initialize, handler = function.initialize, function.handler
