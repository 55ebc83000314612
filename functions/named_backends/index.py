"""Keep a living backend for every name that instances claim. The file that Function Compute calls, at the zip's root.

``initialize`` runs once per instance, ``handler`` for each event. One instance at most runs at a time.
"""

from __future__ import annotations

from collections.abc import Sequence

from shared.flow.engine import Run
from shared.flow.named import keep_names
from shared.flow.runtime import Function
from shared.model.backend import ECS
from shared.model.outcome import FAILED, IGNORED, HookAnswer, Job, Outcome
from shared.model.records import Changed, Content, Ended, Held, Hint, Ignored, Invalid, Leaving, Move, Record
from shared.settings import Settings


def work(records: Sequence[Record], run: Run) -> tuple[list[Outcome], list[HookAnswer]]:
    """Settle the names that the records are about; return what became of each, and the answers to hooks."""
    jobs = [desire(record, run.settings, int(run.session.clock.now())) for record in records]
    return keep_names(jobs, run)


def desire(record: Record, settings: Settings, now: int) -> Job:
    """Return the job that a record makes here: something to look at, or its outcome."""
    content = record.content
    if isinstance(content, Invalid):
        return Job(record).ended(FAILED if content.retry else IGNORED, "InvalidRecord", content.text)
    if isinstance(content, Leaving):  # straight from Auto Scaling
        record = record._replace(content=Held(content, now))
    elif isinstance(content, Held):  # what says that it begins later would wait for ever
        record = record._replace(content=content._replace(first_seen=min(content.first_seen, now)))
    elif isinstance(content, Move):
        record = record._replace(content=content._replace(since=min(content.since, now)))
    ignored = _ignored(content, settings)
    return Job(record) if ignored is None else Job(record).ended(IGNORED, ignored.reason, ignored.text)


def _ignored(content: Content, settings: Settings) -> Ignored | None:
    """Return why a fact is about no name."""
    if isinstance(content, (Leaving, Held)):
        return None  # whoever waits is answered, whatever the settings are
    if not settings.keeps_names:
        return Ignored("names-off", "the tag is ignored: NAMED_BACKENDS is off, or ALLOWED_NAMES is none")
    if isinstance(content, (Hint, Move)):
        return None
    if isinstance(content, Changed) and content.state != "Stopped":
        return Ignored("state", f"instance {content.instance_id} is {content.state}: only Stopped and Deleted are ends")
    if isinstance(content, (Ended, Changed)) and content.kind == ECS.name:
        return None
    if isinstance(content, Ignored):
        return content
    return Ignored("not-a-name", "this function hears of names only: send events and requests to set_vpc_access")


function = Function("named_backends", work)
initialize, handler = function.initialize, function.handler
