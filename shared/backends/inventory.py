"""Everything that opted in by its tag, and which of the backends that are open still exist."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager

from shared.backends.lookup import prove_absent
from shared.backends.rules import LISTENER
from shared.cloud.ecs import Ecs
from shared.cloud.session import Session
from shared.cloud.slb import Slb
from shared.errors import AuthorizerError, CloudRefused, UnknownRefusal
from shared.model.backend import CLB, ECS, Backend, Inventory, kind_of
from shared.settings import Settings


def take(ids: Iterable[str], session: Session, settings: Settings) -> Inventory:
    """Return what is tagged, and of the backends ``ids`` whether they exist. Never raises our errors: they are problems."""
    problems = list[str]()
    tagged: dict[str, Backend] = {}
    ecs = Ecs(session, settings.ecs_endpoint, settings.region_id)
    slb = Slb(session, settings.slb_endpoint, settings.region_id)
    with _noting("the tagged instances could not be listed", problems):
        instances = ecs.tagged(settings.port_tag)
        if not instances:
            ecs.require_permission()  # without it the list is empty, too
        tagged |= {backend.instance_id: backend for backend in instances}
    with _noting("the tagged load balancers could not be listed", problems):
        tagged |= {
            backend.instance_id: backend for backend in _with_ports(slb.tagged(settings.port_tag), slb, settings)
        }
    alive = dict.fromkeys(tagged, True)
    seen = dict(tagged)
    others = sorted({item for item in ids if item not in tagged and _can_be_asked_for(item)})
    with _noting("the instances of authorizations could not be looked up", problems):
        listed = [item for item in others if kind_of(item) == ECS]
        found = ecs.describe_instances(listed)
        shown = {item: backend for item, backend in found.items() if isinstance(backend, Backend)}
        tagged |= {item: backend for item, backend in shown.items() if settings.port_tag in backend.tags}
        alive |= dict.fromkeys(shown, True)
        seen |= shown
        alive |= _gone([item for item in listed if item not in found], session, settings)
    with _noting("the load balancers of authorizations could not be looked up", problems):
        alive |= _balancers_alive([item for item in others if kind_of(item) == CLB], slb)
    return Inventory(tagged, alive, tuple(problems), seen)


def look_again(ids: Sequence[str], session: Session, settings: Settings) -> Mapping[str, Backend | AuthorizerError]:
    """Return those of the backends that show now, and for one that is refused why. Raises the errors of ``Session.call``."""
    found = dict[str, Backend | AuthorizerError]()
    ecs = Ecs(session, settings.ecs_endpoint, settings.region_id)
    slb = Slb(session, settings.slb_endpoint, settings.region_id)
    found.update(ecs.describe_instances([item for item in ids if kind_of(item) == ECS]))
    balancers = slb.showing([item for item in ids if kind_of(item) == CLB])
    found.update({backend.instance_id: backend for backend in _with_ports(balancers, slb, settings)})
    return found


def _can_be_asked_for(instance_id: str) -> bool:
    """Tell whether an id has the form of one: something else, which anybody can write there, would spoil the look-up of all."""
    kind = kind_of(instance_id)
    return kind is not None and kind.is_id(instance_id)


@contextmanager
def _noting(what: str, problems: list[str]) -> Iterator[None]:
    """Note an error of ours as a problem."""
    try:
        yield
    except AuthorizerError as error:
        problems.append(f"{what}: {error}")


def _with_ports(balancers: list[Backend], slb: Slb, settings: Settings) -> list[Backend]:
    """Return load balancers with the ports of their listeners, where the value of their tag says so."""
    asking = [backend for backend in balancers if backend.tags.get(settings.port_tag) == LISTENER]
    ports = slb.listening([backend.instance_id for backend in asking])
    return [backend._replace(listener_ports=ports.get(backend.instance_id, ())) for backend in balancers]


def _gone(missing: list[str], session: Session, settings: Settings) -> dict[str, bool]:
    """Return False for those instances that are proven to be gone; the others may be hidden, and are left out."""
    proofs = prove_absent(missing, session, settings)
    for proof in proofs.values():
        if isinstance(proof, AuthorizerError):
            raise proof
    return {item: False for item, proof in proofs.items() if proof}


def _balancers_alive(ids: list[str], slb: Slb) -> dict[str, bool]:
    """Tell by lists which exist, and of the others by the code of their look-up; one that is refused is left out.

    Any other error is raised: it would be the same for the next, and what is not seen is not gone.
    """
    alive = dict.fromkeys((backend.instance_id for backend in slb.showing(ids)), True)
    for item in [item for item in ids if item not in alive]:
        answer = slb.attributes([item]).get(item)
        if isinstance(answer, AuthorizerError) and not isinstance(answer, (CloudRefused, UnknownRefusal)):
            raise answer
        if not isinstance(answer, AuthorizerError):
            alive[item] = answer is not None
    return alive
