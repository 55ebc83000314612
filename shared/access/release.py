"""Take back an authorization whose backend is gone, and nothing else. The only place that removes one.

RAM has no resource level for RemoveVpcAccess, so the checks here are the only guard. Too late is cheap: an idle
authorization exposes nothing. Too early is an outage. So everything is looked up anew, each check needs positive evidence,
and whatever is not known keeps the entry.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

from shared import log
from shared.access.releasable import Kept, not_alone, not_an_instance, not_announced, not_identified, not_ours
from shared.access.usage import users
from shared.backends.lookup import look_up, prove_absent
from shared.clock import Deadline
from shared.cloud.apigateway import ApiGateway, Removed
from shared.cloud.references import References
from shared.cloud.session import Session
from shared.errors import AuthorizerError, CloudRefused, Doubtful
from shared.model.access import VpcAccess
from shared.model.backend import kind_of
from shared.settings import Settings

IN_USE = "InUse"
_ROUNDS = 5  # looks after a removal
_FIRST_WAIT = 0.2  # seconds between them, doubled each time
_FRESH = 5.0  # seconds that the checks hold; a removal that has not ended by then is due again
NOT_FOUND, _USED = "NotFound", "DependencyViolation"
"""Families of codes: https://help.aliyun.com/en/api-gateway/traditional-api-gateway/support/control-openapi-error-code-table"""


class Case(NamedTuple):
    """One entry that may be released: as it was when that was decided, and what is there now under its name or target."""

    scheduled: VpcAccess
    present: Sequence[VpcAccess]
    gateway: ApiGateway
    session: Session
    settings: Settings

    @property
    def entry(self) -> VpcAccess | None:
        """Return the entry of that name as it is now."""
        return next((entry for entry in self.present if entry.name == self.scheduled.name), None)


class Check(NamedTuple):
    """One condition of a release, in words, and what finds out why it does not hold (None if it does)."""

    holds: str
    why_not: Callable[[Case], Kept | None]


def open_case(scheduled: VpcAccess, gateway: ApiGateway, session: Session, settings: Settings) -> Case:
    """Look up what has the name or the target now; raises the errors of ``Session.call``."""
    found = gateway.matching([scheduled])
    present = {
        (entry.name, entry.target): entry
        for entry in found
        if entry.name == scheduled.name or entry.target == scheduled.target
    }
    return Case(scheduled, tuple(present.values()), gateway, session, settings)


def examine(case: Case, checks: Sequence[Check]) -> Iterator[tuple[Check, Kept | None]]:
    """Yield each check with its finding, up to the first that does not hold. Raises the errors of ``Session.call``."""
    for check in checks:
        kept = check.why_not(case)
        yield check, kept
        if kept is not None:
            return


def _unchanged(case: Case) -> Kept | None:
    """Name, target, id and time of creation are those of the message, and no second name opens the target."""
    scheduled, entry = case.scheduled, case.entry
    if entry is None:
        return Kept("Changed", f"{scheduled.target_text()} is authorized under another name now")
    if (kept := not_identified(entry)) is not None:
        return kept
    for what, before, now in (
        ("target", scheduled.target_text(), entry.target_text()),
        ("VpcAccessId", scheduled.vpc_access_id, entry.vpc_access_id),
        ("CreatedTime", scheduled.created_time, entry.created_time),
    ):
        if before != now:
            return Kept("Changed", f"its {what} was {before} when its release was decided, and is {now} now")
    return not_alone(entry, (one for one in case.present if one.target == entry.target))


def _ours(case: Case) -> Kept | None:
    return not_ours(case.entry or case.scheduled, case.settings)


def _announced(case: Case) -> Kept | None:
    return not_announced(case.entry or case.scheduled, case.settings)


def _an_instance(case: Case) -> Kept | None:
    return not_an_instance(case.scheduled)


def _gone(case: Case) -> Kept | None:
    """Alive in any state is alive, and what merely does not show may be hidden."""
    item = case.scheduled.instance_id
    kind = kind_of(item)
    found = look_up([item], case.session, case.settings, opted_in=False).get(item)
    proof = prove_absent([item], case.session, case.settings).get(item) if found is None else None
    for answer in (found, proof):
        if isinstance(answer, CloudRefused):
            return Kept("TargetNotVerifiable", f"{item} cannot be looked up: {answer}")
        if isinstance(answer, AuthorizerError):
            raise answer
    if found is not None:
        return Kept("Alive", f"{item} exists, whatever its state and its tags are")
    if proof is not True:
        action = kind.action if kind else "that looks it up"
        text = (
            f"{item} does not show, and nothing proves that it is gone: let the function's role see all instances ({action}). "
            "Only another one that shows can prove it: if no other instance is left, and you know that it is gone, "
            "`python -m functions release NAME --although-alive`"
        )
        return Kept("TargetNotVerifiable", text)
    return None


def _unused(case: Case) -> Kept | None:
    used_by = users(case.scheduled, References(case.session, case.settings.apigateway_endpoint))
    if not used_by:
        return None
    first = ", ".join(used_by[:_NAMED]) + (f" and {len(used_by) - _NAMED} more" if len(used_by) > _NAMED else "")
    text = f"it is used by {first}: point them to another backend, or take them offline"
    return Kept(IN_USE, text, tuple(used_by[:_LISTED]))


_NAMED, _LISTED = 3, 20  # of the users of an entry: in a sentence, in a list

UNCHANGED = Check("it is the entry that was seen before, and no other opens its target", _unchanged)
OURS = Check("it carries our owner's mark", _ours)
FROM_ANNOUNCEMENT = Check("it was made for an announced backend", _announced)
AN_INSTANCE = Check("it opens an instance or a classic load balancer", _an_instance)
GONE = Check("the backend is proven to be gone", _gone)
UNUSED = Check("no API, backend object or routing plug-in uses it", _unused)
CHECKS = (UNCHANGED, OURS, FROM_ANNOUNCEMENT, AN_INSTANCE, GONE, UNUSED)
"""What has to hold, the two that can change any moment last, immediately before the removal."""
BEFORE_SCHEDULING = (UNCHANGED, OURS, FROM_ANNOUNCEMENT, AN_INSTANCE)
"""What can be told of an entry alone, so that what is not released in any case is not scheduled."""


def remove(case: Case) -> Removed | Kept:
    """Remove the entry, whose checks have just passed, and look until it is gone.

    Raises the errors of ``Session.call``; after doubt nothing is removed again in this invocation, since all checks
    would have to be made again. For the same reason a removal that the gateway turns away is not put off for long.
    """
    scheduled = case.scheduled
    if (another := _another_there(case)) is not None:
        return another
    removed = Removed((), "")
    trouble: AuthorizerError = Doubtful(
        "RemoveVpcAccess", "NotConfirmed", 0, "the authorization still shows after its removal"
    )
    try:
        removed = _gateway_for(_FRESH, case).remove_vpc_access(scheduled)
    except (CloudRefused, Doubtful) as error:
        if error.code.startswith(_USED):
            return Kept(IN_USE, f"API Gateway says that it is in use: {error}")
        gone = isinstance(error, CloudRefused) and error.code.startswith(NOT_FOUND)  # then it shows late, not for good
        trouble = Doubtful(error.operation, error.code, error.status, str(error)) if gone else error
    if removed.apis:
        log.error(
            "removed while in use", name=scheduled.name, vpc_access_id=scheduled.vpc_access_id, apis=list(removed.apis)
        )
    for round_ in range(_ROUNDS):
        if round_ > 0:
            wait = _FIRST_WAIT * 2 ** (round_ - 1)
            if not case.session.deadline.has(wait + 1):
                raise trouble
            log.add(waited=wait)
            case.session.clock.sleep(wait)
        if not _still_shows(case):
            return removed
        if isinstance(trouble, CloudRefused):
            raise trouble
    raise trouble


def _another_there(case: Case) -> Kept | None:
    """Look who has the target now, which is all that a removal goes by; None if it is still the entry, or nobody.

    The checks can take minutes where there are many backend objects, and what is made meanwhile may be anybody's.
    """
    present = tuple(case.gateway.opening(case.scheduled))
    return _unchanged(case._replace(present=present)) if present else None


def _gateway_for(seconds: float, case: Case) -> ApiGateway:
    """Return the gateway for calls that end within ``seconds``, their waits and repetitions included."""
    deadline = Deadline(case.session.clock, min(seconds, case.session.deadline.remaining()), margin=0)
    return ApiGateway(case.session._replace(deadline=deadline), case.settings.apigateway_endpoint)


def _still_shows(case: Case) -> bool:
    """Look again whether the entry is there; one made again since has another id."""
    log.add(looks=1)
    again = open_case(case.scheduled, case.gateway, case.session, case.settings)
    return any(entry.vpc_access_id in ("", case.scheduled.vpc_access_id) for entry in again.present)
