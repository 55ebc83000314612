"""Authorize what is asked for or has appeared, and nothing else. The file that Function Compute calls, at the zip's root.

``initialize`` runs once per instance, ``handler`` for each event.
"""

from __future__ import annotations

from collections.abc import Sequence

from shared.flow.authorize import authorize
from shared.flow.engine import Run
from shared.flow.runtime import Function
from shared.model.access import VpcAccess
from shared.model.backend import ECS
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


def work(records: Sequence[Record], run: Run) -> tuple[list[Outcome], list[HookAnswer]]:
    """Authorize what the records ask for or announce; return what became of each, and the answers to hooks."""
    return authorize([desire(record) for record in records], run)


def desire(record: Record) -> Job:
    """Return the job that a record makes here: a request, an announcement to be looked up, or its outcome."""
    content = record.content
    if isinstance(content, VpcAccess):
        return Job(record, content)
    if isinstance(content, Appeared):
        return Job(record)
    if isinstance(content, Invalid):
        return Job(record).ended(FAILED if content.retry else REJECTED, "InvalidRecord", content.text)
    ignored = _ignored(content)
    return Job(record).ended(IGNORED, ignored.reason, ignored.text)


def _ignored(content: Ended | Scheduled | Changed | Leaving | Naming | Timer | Succeeded | Ignored) -> Ignored:
    """Return why a fact asks for no authorization."""
    if isinstance(content, Ended) and content.kind != ECS.name:
        return Ignored("event-name", f"{content.event} of {content.kind} creates no backend")
    if isinstance(content, (Ended, Changed)):
        state = content.event if isinstance(content, Ended) else content.state
        return Ignored("state", f"instance {content.instance_id} is {state}: only Running is acted on")
    if isinstance(content, Scheduled):
        return Ignored(
            "schedule", f"the release of {content.access.name!r} is not this function's business, and nothing was done"
        )
    if isinstance(content, Leaving):
        return Ignored(
            "transition", f"hook {content.hook.hook_id} is of {content.transition}: only SCALE_OUT is acted on"
        )
    if isinstance(content, (Hint, Move, Held)):
        return Ignored("names", "a message of the names queue is not this function's business, and nothing was done")
    if isinstance(content, Timer):
        return Ignored("timer", f"timer {content.name}: this function has nothing to do on a timer")
    if isinstance(content, Succeeded):
        return Ignored("succeeded", "the invocation of this record succeeded: nothing is left to do")
    return content


function = Function("set_vpc_access", work)
initialize, handler = function.initialize, function.handler
