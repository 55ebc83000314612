"""The contract on a stand-in of its own, in this process and without a socket."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import httpx

from shared.clock import Clock
from shared.cloud.transport import Transport
from tests.cloud.app import Cloud
from tests.cloud.core import ManualClock, World
from tests.cloud.fixtures import new_cloud
from tests.cloud.seeds import seed
from tests.contract import places, stage
from tests.contract.account import Account, Given
from tests.contract.ledger import Ledger
from tests.contract.leftovers import Leftover
from tests.contract.product import Product
from tests.contract.question import Question
from tests.contract.questions import QUESTIONS
from tests.contract.record import Outcome
from tests.contract.run import Ran, ask_all
from tests.invoking import InProcess

RUN = "cafe0123"
GIVEN = replace(stage.GIVEN, provoke_throttling=True)


class Seen(httpx.BaseTransport):
    """Hands requests to a stand-in, and tells of each before and after."""

    def __init__(self, asking: Asking) -> None:
        self._inner, self._asking = InProcess(asking.cloud), asking

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        self._asking.before()
        answer = self._inner.handle_request(request)
        self._asking.after()
        return self._asking.spoil(answer)


@dataclass
class Asking:
    """A furnished stand-in and the product's clients; ``consents`` is what is said before the first write."""

    cloud: Cloud
    clock: ManualClock
    given: Given = GIVEN
    consents: bool = True
    consented: list[tuple[Sequence[Question], Sequence[Leftover]]] = field(default_factory=list)
    before: Callable[[], None] = lambda: None
    after: Callable[[], None] = lambda: None
    ledger: Ledger = field(default_factory=Ledger)
    spoil: Callable[[httpx.Response], httpx.Response] = lambda answer: answer
    place: places.Place = field(default_factory=lambda: places.stand_in("http://127.0.0.1:8080", stage.KEY, stage.BARE))

    def __call__(self, questions: Sequence[Question] = QUESTIONS) -> Ran:
        """Ask the questions once; ``ledger`` is of the last time."""
        account, self.ledger = self.account(), Ledger()
        return ask_all(
            questions, account.product, [], self.given, account.clock, self._consent, RUN, ledger=self.ledger
        )

    def account(self) -> Account:
        """Return the account as a question sees it."""
        clock = Clock(self.clock.now, self.clock.now, self.clock.advance, lambda: 0.5)
        product = Product(self.place, Transport(inner=Seen(self)), clock)
        return Account(product, product, self.given, clock, RUN)

    def entry(self, name: str, port: int) -> None:
        """Put an authorization of somebody else into the stand-in."""
        target = {"VpcId": self.given.vpc_id, "InstanceId": self.given.instance_id, "Port": port}
        seed(self.cloud, {"vpc_accesses": [{"Name": name, **target}]})

    def state(self) -> dict[str, Any]:
        """Return what can be left behind: authorizations without what a removal changes, queues, topics."""
        entries = self.cloud["CloudAPI"].state()["vpc_accesses"]
        plain = [{name: row[name] for name in row.keys() - {"VpcAccessId", "CreatedTime"}} for row in entries]
        smq = self.cloud["SMQ"].state()
        return {"entries": sorted(plain, key=lambda row: str(row["Name"])), "smq": [smq["queues"], smq["topics"]]}

    def writes(self) -> int:
        """Return how many calls that write were answered with success."""
        return sum(call.write and call.status < 300 for call in self.cloud.world.journal())

    def _consent(self, questions: Sequence[Question], left: Sequence[Leftover], _run_id: str) -> bool:
        self.consented.append((questions, left))
        return self.consents


def asking(**switches: Any) -> Asking:
    """Return the contract on a fresh stand-in with these switches."""
    clock = ManualClock()
    cloud = new_cloud(World(clock=clock))
    cloud.world.switches = cloud.world.switches.with_values(**switches)
    stage.furnish(cloud)
    return Asking(cloud, clock)


def answers(ran: Ran) -> dict[str, tuple[str, dict[str, Any]]]:
    """Return what was answered: each question's word and switches."""
    return {outcome.question_id: _told(outcome) for outcome in ran.outcomes}


def _told(outcome: Outcome) -> tuple[str, dict[str, Any]]:
    asked = outcome.by_client["product"]
    return asked.word, dict(asked.answer.switches) if asked.answer else {}
