"""Look at a name, point it to another backend, and follow the published APIs that use it. Raises the errors of ``Session.call``.

https://help.aliyun.com/zh/api-gateway/developer-reference/api-cloudapi-2016-07-14-modifyvpcaccessandupdateapis
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

from shared import log
from shared.access.naming import LEAVING, ON_PURPOSE, Choice, Claimant, Point, Target, choose, claimants, end_of, taken
from shared.access.observe import everything
from shared.backends.lookup import prove_absent
from shared.cloud.apigateway import ApiGateway, Modified
from shared.cloud.ecs import Ecs
from shared.cloud.ess import Ess
from shared.cloud.references import References
from shared.cloud.session import Session
from shared.cloud.tasks import Tasks
from shared.errors import AuthorizerError, CloudRefused, Doubtful
from shared.model.access import VpcAccess
from shared.model.backend import ECS, Backend
from shared.settings import Settings

_MANY = 10  # instances
_WAITS = (0.0, 0.2, 0.4, 0.8, 1.6)  # seconds before each look after a change, until it shows
_MODIFY = "ModifyVpcAccessAndUpdateApis"


class Seen(NamedTuple):
    """A name as it is now: its entry (None if nothing has it), what is known of its target, and who claims it."""

    name: str
    entry: VpcAccess | None
    target: Target
    candidates: Sequence[Claimant]


class Followed(NamedTuple):
    """How the published APIs fare that use a name: those that have followed, and what is told of each of the others."""

    done: tuple[str, ...]
    others: Mapping[str, str]
    is_over: bool  # of every API that was to follow it is known

    @property
    def have_all(self) -> bool:
        """Tell whether every API has followed."""
        return self.is_over and not self.others

    @property
    def not_updated(self) -> list[str]:
        """Return the others in words."""
        return [f"{api}: {words}" for api, words in self.others.items()]


class Mover:
    """Looks and changes, one name at a time."""

    def __init__(self, session: Session, settings: Settings) -> None:
        self.session, self.settings = session, settings
        self.gateway = ApiGateway(session, settings.apigateway_endpoint)
        self.ess = Ess(session, settings.ess_endpoint, settings.region_id)
        self._ecs = Ecs(session, settings.ecs_endpoint, settings.region_id)
        self._tasks = Tasks(session, settings.apigateway_endpoint)
        self._references = References(session, settings.apigateway_endpoint)

    def entry(self, name: str) -> VpcAccess | None:
        """Return the entry of that name, None if there is none."""
        return next((entry for entry in self.gateway.pages(Name=name) if entry.name == name), None)

    def opening(self, instance_ids: Iterable[str]) -> list[VpcAccess]:
        """Return the entries that open a port of one of the instances: a look each, or one at everything if they are many."""
        ids = dict.fromkeys(instance_ids)
        if len(ids) > _MANY:
            found: Iterable[VpcAccess] = everything(self.gateway, self.settings.concurrency)
        else:
            found = (entry for item in ids for entry in self.gateway.pages(InstanceId=item))
        return [entry for entry in found if entry.instance_id in ids]

    def look(self, name: str, entry: VpcAccess | None) -> Seen:
        """Return what there is to decide about ``name``, whose entry was just looked up."""
        backends = {one.instance_id: one for one in self._ecs.tagged(self.settings.name_tag, name)}
        if not backends:
            self._ecs.require_permission()  # nothing shows to whoever may not look
        at = entry.instance_id if entry is not None else ""
        is_gone = False
        if at not in backends and ECS.is_id(at):
            found = self._ecs.describe_instances([at]).get(at)
            if isinstance(found, AuthorizerError):
                raise found
            if isinstance(found, Backend):
                backends[at] = found
            else:
                proof = prove_absent([at], self.session, self.settings).get(at)
                if isinstance(proof, AuthorizerError):
                    raise proof
                is_gone = proof is True
        members = {item: one.lifecycle_state for item, one in self.ess.scaling_instances(list(backends)).items()}
        target = Target(backends.get(at), is_gone, members.get(at, ""))
        return Seen(name, entry, target, claimants(name, list(backends.values()), members, entry, self.settings))

    def choose(self, seen: Seen, leaving: frozenset[str], wish: str) -> tuple[Seen, Choice]:
        """Decide about a name; whoever would get it and is open under another name is ruled out by one look each."""
        while True:
            now = self.session.clock.now()
            choice = choose(
                seen.name, seen.entry, seen.target, seen.candidates, self.settings, now=now, leaving=leaving, wish=wish
            )
            if not isinstance(choice, Point):
                return seen, choice
            holder = next((one for one in self.gateway.opening(choice.access) if one.name != seen.name), None)
            if holder is None:
                return seen, choice
            out = taken(choice.to, holder)
            seen = seen._replace(candidates=[out if one == choice.to else one for one in seen.candidates])

    def users(self, name: str, target: VpcAccess | None = None) -> tuple[list[str], bool]:
        """Return the published APIs that use a name, and whether one of them is seen to go elsewhere than to ``target``."""
        apis = [one for one in self._references.apis(name) if one.vpc_name in ("", name) and one.stage_name]
        astray = target is not None and any(one.instance_id not in ("", target.instance_id) for one in apis)
        return [f"{one.api_id} in stage {one.stage_name}" for one in apis], astray

    def still_holds(self, entry: VpcAccess, point: Point) -> bool:
        """Look once more, immediately before a change: tell whether the entry, its end and the new target are as they were."""
        if self.entry(entry.name) != entry:
            return False
        ids = [point.access.instance_id, *([entry.instance_id] if ECS.is_id(entry.instance_id) else [])]
        found = self._ecs.describe_instances(list(dict.fromkeys(ids)))
        to, old = found.get(point.access.instance_id), found.get(entry.instance_id)
        if not isinstance(to, Backend):
            return False
        now = next(iter(claimants(entry.name, [to], {}, entry, self.settings)), None)
        if now is None or not now.is_ready or now.access != point.access:
            return False
        if old is None or point.cause in (LEAVING, ON_PURPOSE):
            return True
        return isinstance(old, Backend) and bool(end_of(entry, Target(old), self.settings))

    def point(self, access: VpcAccess, *, refresh: bool = False) -> Modified:
        """Change the entry named ``access.name`` once, and look until the change shows.

        After doubt nothing is written again here: whoever comes next looks first. Raises the trouble if the change does not show.
        """
        done, trouble = Modified("", ""), Doubtful(_MODIFY, "NotConfirmed", 0, "the change does not show yet")
        error: AuthorizerError = trouble
        try:
            done = self.gateway.modify_vpc_access(access, refresh=refresh)
        except (CloudRefused, Doubtful) as problem:
            if refresh:  # the entry shows nothing of it
                raise
            error = problem
        for wait in _WAITS:
            self.session.clock.sleep(wait)
            log.add(looks=1, waited=wait)
            found = self.entry(access.name)
            if found is not None and found.target == access.target:
                return done
            if isinstance(error, CloudRefused):
                break
        raise error

    def followed(self, operation_id: str, apis: int) -> Followed:
        """Return how a task fares that ``apis`` published APIs are to follow by, as far as the gateway tells."""
        rows = self._tasks.updates(operation_id) if operation_id else ()
        done = tuple(row.api for row in rows if row.is_done)
        others = {row.api: f"{row.status}{f' ({row.error})' if row.error else ''}" for row in rows if not row.is_done}
        known = len(rows) >= apis and all(row.is_done or row.error for row in rows)
        return Followed(done, others, known)
