"""What a sweep opens: targets that its plan found missing, looked at again, and then as if their backends had just appeared."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from shared.access.sweep import Item, asked_for
from shared.backends.inventory import look_again
from shared.errors import AuthorizerError, OutOfTime
from shared.flow.authorize import authorize
from shared.flow.engine import Run
from shared.flow.report import RECONCILE
from shared.model.backend import Backend, kind_of
from shared.model.outcome import FAILED, IGNORED, Job, Outcome
from shared.model.records import Appeared, Record

_CHANGED = "no look-up shows any more that its backend runs and that its tag asks for this port: it is not opened"


def create(items: Sequence[Item], run: Run) -> list[Outcome]:
    """Authorize targets as if their backends had just appeared; those that time was too short for have no outcome.

    The plan can be minutes old, so they are looked at again: what stopped, or lost its tag, is not opened.
    """
    ids = {item.access.instance_id for item in items}
    shown: Mapping[str, Backend | AuthorizerError]
    try:
        shown = look_again(sorted(ids), run.session, run.settings)
    except AuthorizerError as error:
        shown = dict.fromkeys(ids, error)
    asked = asked_for({item: found for item, found in shown.items() if isinstance(found, Backend)}, run.settings)
    jobs = list[Job]()
    for item in items:
        job, found = Job(announced(item, run), item.access._replace(tags=())), shown.get(item.access.instance_id)
        if isinstance(found, AuthorizerError):
            job = job.delayed(found)
        elif item.access.target not in asked:
            job = job.ended(IGNORED, "changed-meanwhile", _CHANGED)
        jobs.append(job)
    outcomes, _ = authorize(jobs, run)
    late = (FAILED, OutOfTime.code)
    return [outcome._replace(retry=False) for outcome in outcomes if (outcome.type, outcome.reason) != late]


def announced(item: Item, run: Run) -> Record:
    """Return the record of a target that a sweep found missing, as if its backend had just appeared."""
    kind = kind_of(item.access.instance_id)
    assert kind is not None  # a sweep creates for backends that it has looked up
    appeared = Appeared(kind.name, item.access.instance_id, run.settings.region_id, run.settings.account_id)
    return Record(RECONCILE, "", item.access.instance_id, appeared, "{}")
