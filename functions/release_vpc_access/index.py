"""Release what is gone, and nothing else. The file that Function Compute calls, at the zip's root.

``initialize`` runs once per instance, ``handler`` for each event.
"""

from __future__ import annotations

from collections.abc import Sequence

from shared.backends.rules import foreign
from shared.flow.engine import Run
from shared.flow.release import OFF, release
from shared.flow.runtime import Function
from shared.model.access import VpcAccess
from shared.model.outcome import FAILED, IGNORED, REJECTED, HookAnswer, Job, Outcome
from shared.model.records import (
    Appeared,
    Changed,
    Ended,
    Held,
    Hint,
    Ignored,
    Invalid,
    Leaving,
    Move,
    Naming,
    Record,
    Scheduled,
    Succeeded,
    Timer,
)
from shared.settings import Settings


def work(records: Sequence[Record], run: Run) -> tuple[list[Outcome], list[HookAnswer]]:
    """Schedule and carry out releases; return what became of each record, and the answers to hooks."""
    return release([desire(record, run.settings) for record in records], run)


def desire(record: Record, settings: Settings) -> Job:
    """Return the job that a record makes here: an end, a release that is due, or its outcome."""
    content = record.content
    if isinstance(content, Invalid):
        return Job(record).ended(FAILED if content.retry else REJECTED, "InvalidRecord", content.text)
    if isinstance(content, Changed) and content.state == "Stopped" and settings.keeps_names:
        elsewhere = foreign(content, settings)
        return Job(record) if elsewhere is None else Job(record).ended(IGNORED, elsewhere.reason, elsewhere.text)
    if isinstance(content, (Ended, Scheduled)):
        if settings.release_mode != "off" or (isinstance(content, Ended) and settings.keeps_names):
            return Job(record)
        ignored = OFF
    else:
        ignored = _ignored(content)
    return Job(record).ended(IGNORED, ignored.reason, ignored.text)


def _ignored(content: VpcAccess | Appeared | Changed | Leaving | Naming | Timer | Succeeded | Ignored) -> Ignored:
    """Return why a fact is no end of a backend."""
    if isinstance(content, VpcAccess):
        return Ignored("request", f"{content.name!r} is a request: send it to the queue of set_vpc_access")
    if isinstance(content, Appeared):
        return Ignored("appeared", f"{content.instance_id} has appeared: this function only releases")
    if isinstance(content, Changed):
        return Ignored(
            "state", f"instance {content.instance_id} is {content.state}, and may come back: only Deleted is an end"
        )
    if isinstance(content, Leaving):
        text = f"hook {content.hook.hook_id} is of {content.transition}: leaving a group is not an end, an instance may live on"
        return Ignored("transition", text)
    if isinstance(content, (Hint, Move, Held)):
        return Ignored("names", "a message of the names queue is not this function's business, and nothing was done")
    if isinstance(content, Timer):
        return Ignored("timer", f"timer {content.name}: this function has nothing to do on a timer")
    if isinstance(content, Succeeded):
        return Ignored("succeeded", "the invocation of this record succeeded: nothing is left to do")
    return content


function = Function("release_vpc_access", work)
initialize, handler = function.initialize, function.handler
