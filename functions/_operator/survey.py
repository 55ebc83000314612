"""What can be found out about many authorizations: whether their backends live, who uses them, whether they are reached.

A question that fails leaves its answers unknown and is told once; one that needs the operator is not asked again.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TypeVar

from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from functions._operator import terminal
from shared.backends.lookup import look_up, prove_absent
from shared.cloud.apigateway import VERSION
from shared.cloud.ecs import MAX_IDS
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

Item = TypeVar("Item")
Found = TypeVar("Found")


class Survey:
    """Asks, with a bar on a terminal. ``notes`` is what people should read afterwards, ``errors`` what stood in the way."""

    def __init__(self, session: Session, settings: Settings) -> None:
        self._session, self._settings = session, settings
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
            states |= {item: ALIVE for item in some if isinstance(answers.get(item), Backend)}
            missing += [item for item in some if item not in answers]
            self._tell(answers)
        with terminal.waiting("proving what is gone"):
            proof = prove_absent(missing, session, settings)
        self._tell(proof)
        return states | {item: GONE for item in missing if proof[item] is True}

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
