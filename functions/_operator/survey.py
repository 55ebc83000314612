"""What can be found out about many authorizations: whether their backends live, who uses them, whether they are reached.

A question that fails leaves its answers unknown and is told once; one that needs the operator is not asked again.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import NamedTuple, TypeVar

from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from functions._operator import terminal
from shared.access.naming import Claimant, Target, claimants, without_taken
from shared.access.plan import Present
from shared.backends.lookup import look_up, prove_absent
from shared.cloud.apigateway import VERSION
from shared.cloud.ecs import MAX_IDS, Ecs
from shared.cloud.ess import Ess, Member
from shared.cloud.references import References
from shared.cloud.rpc import RpcService
from shared.cloud.session import Session
from shared.errors import AuthorizerError, CredentialsExpired, OperatorNeeded, OutOfTime
from shared.model.access import VpcAccess
from shared.model.backend import Backend, kind_of
from shared.parallel import in_parallel
from shared.settings import Settings

ALIVE, GONE, UNKNOWN = "alive", "gone", "unknown"
_HOPELESS = (OperatorNeeded, CredentialsExpired, OutOfTime)


class Named(NamedTuple):
    """What is known of a name that moves: its target, and every instance that claims it, the target with them."""

    target: Target
    claimants: Sequence[Claimant]


def moves(entry: VpcAccess, settings: Settings) -> bool:
    """Tell whether an entry is one that ``named_backends`` points to another instance once its own has ended."""
    return settings.keeps_names and entry.is_name_of(settings.owner)


def _named(
    entry: VpcAccess,
    backends: Sequence[Backend],
    members: Mapping[str, Member],
    states: Mapping[str, str],
    present: Present,
    settings: Settings,
) -> Named:
    at = entry.instance_id
    shown = next((one for one in backends if one.instance_id == at), None)
    in_groups = {item: member.lifecycle_state for item, member in members.items()}
    target = Target(shown, states[at] == GONE, in_groups.get(at, ""))
    claiming = claimants(entry.name, backends, in_groups, entry, settings)
    return Named(target, without_taken(entry.name, claiming, present))


Item = TypeVar("Item")
Found = TypeVar("Found")


class Survey:
    """Asks, with a bar on a terminal. ``notes`` is what people should read afterwards, ``errors`` what stood in the way."""

    def __init__(self, session: Session, settings: Settings) -> None:
        self._session, self._settings = session, settings
        self._shown: dict[str, Backend] = {}  # what look-ups of ``states`` show
        self.notes: list[str] = []
        self.errors: list[AuthorizerError] = []

    def note(self, text: str) -> None:
        """Add something that people should read, once."""
        if text not in self.notes:
            self.notes.append(text)

    def states(self, entries: Sequence[VpcAccess]) -> dict[str, str]:
        """Return for each instance id whether it is alive, proven to be gone, or unknown: 100 ids of ECS a call."""
        session, settings = self._session, self._settings
        ids = list(dict.fromkeys(entry.instance_id for entry in entries))
        states = dict.fromkeys(ids, UNKNOWN)
        known = [item for item in ids if (kind := kind_of(item)) is not None and kind.is_id(item)]
        slices = [known[start : start + MAX_IDS] for start in range(0, len(known), MAX_IDS)]
        found = self._ask("looking up backends", slices, lambda some: look_up(some, session, settings, opted_in=False))
        missing = []
        for some, answers in found:
            shown = {item: answer for item, answer in answers.items() if isinstance(answer, Backend)}
            self._shown |= shown
            states |= dict.fromkeys(shown, ALIVE)
            missing += [item for item in some if item not in answers]
            self._tell(answers)
        with terminal.waiting("proving what is gone"):
            proof = prove_absent(missing, session, settings)
        self._tell(proof)
        return states | {item: GONE for item in missing if proof[item] is True}

    def candidates(
        self, entries: Sequence[VpcAccess], states: Mapping[str, str], present: Present
    ) -> dict[VpcAccess, Named]:
        """Return for each entry whose name moves its target and who claims the name, all looked up together.

        ``states`` is what :meth:`states` returned of them, ``present`` all that the gateway holds. If the tagged instances
        cannot be seen, all are left out.
        """
        settings = self._settings
        named = [entry for entry in entries if moves(entry, settings)]

        def look(tag: str) -> tuple[list[Backend], Mapping[str, Member]]:
            ecs = Ecs(self._session, settings.ecs_endpoint, settings.region_id)
            backends = {**{entry.instance_id: self._shown.get(entry.instance_id) for entry in named}}
            backends |= {one.instance_id: one for one in ecs.tagged(tag)}
            found = [one for one in backends.values() if one is not None]
            ess = Ess(self._session, settings.ess_endpoint, settings.region_id)
            return found, ess.scaling_instances([one.instance_id for one in found])

        asked = self._ask("looking who claims names", [settings.name_tag] if named else [], look)
        return {
            entry: _named(entry, backends, members, states, present, settings)
            for _, (backends, members) in asked
            for entry in named
        }

    def apis(self, entries: Sequence[VpcAccess]) -> dict[VpcAccess, int]:
        """Return how many APIs use each, a call for each; an entry is left out where that could not be asked."""
        references = References(self._session, self._settings.apigateway_endpoint)

        def count(entry: VpcAccess) -> int:
            return len({api.api_id for api in references.apis(entry.name) if api.vpc_name in ("", entry.name)})

        return dict(self._ask("asking who uses them", entries, count))

    def connected(self, entries: Sequence[VpcAccess], gateway_id: str) -> dict[VpcAccess, bool | None]:
        """Return whether an instance of the gateway reaches each, a call for each; None where its answer is not documented.

        https://help.aliyun.com/zh/api-gateway/traditional-api-gateway/developer-reference/api-cloudapi-2016-07-14-validatevpcconnectivity
        """
        service = RpcService(self._session, self._settings.apigateway_endpoint, VERSION)

        def ask(entry: VpcAccess) -> bool | None:
            parameters = {"VpcAccessId": entry.vpc_access_id, "InstanceId": gateway_id}
            answer = service.call(
                "ValidateVpcConnectivity", parameters, lambda answer: answer.fields.get("Connected"), repeatable=True
            )
            return answer if isinstance(answer, bool) else None

        return dict(self._ask("validating connectivity", [entry for entry in entries if entry.vpc_access_id], ask))

    def _ask(self, what: str, items: Sequence[Item], ask: Callable[[Item], Found]) -> list[tuple[Item, Found]]:
        """Return the items with their answers, some at once; those without an answer are left out."""
        hopeless = False

        def one(item: Item) -> list[tuple[Item, Found]]:
            nonlocal hopeless
            try:
                return [] if hopeless else [(item, ask(item))]
            except AuthorizerError as error:
                hopeless = hopeless or isinstance(error, _HOPELESS)
                self._failed(error)
                return []
            finally:
                advance()

        with _bar(what, len(items)) as advance:
            answered = in_parallel(one, items, self._settings.concurrency)
        return [answer for answers in answered for answer in answers]

    def _tell(self, answers: Mapping[str, object]) -> None:
        for answer in answers.values():
            if isinstance(answer, AuthorizerError):
                self._failed(answer)

    def _failed(self, error: AuthorizerError) -> None:
        """Keep an error, and tell of the first with its code only: of a thousand calls each would have a RequestId of its own."""
        if all(error.code != other.code for other in self.errors):
            self.note(f"not everything is known: {error}")
        self.errors.append(error)


@contextmanager
def _bar(what: str, total: int) -> Iterator[Callable[[], None]]:
    """Show a bar on a terminal, elsewhere a line if it takes its time; give what is called for each item that is done."""
    console = terminal.console(stderr=True)
    if not console.is_interactive:
        with terminal.waiting(f"{what}: {total}"):
            yield lambda: None
        return
    columns = TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn()
    with Progress(*columns, console=console, transient=True) as progress:
        task = progress.add_task(what, total=total)
        yield lambda: progress.advance(task)
