"""``make fleet``: many instances drain one queue under one account's rate, by the real engine on a virtual clock.

Each instance is the engine of ``set_vpc_access`` in a thread of its own, of which one runs at a time: whoever waits hands over
to whoever is due next, so that hours pass in minutes. The cloud counts calls: RATE a second and operation for the whole
account, a sweep and somebody else's Terraform included, which does not give way. The queue delivers at least once and in
batches, and what failed comes again. A few thousand messages are worked on by real code; what they take once the first quarter
is done says what a million take.
"""

from __future__ import annotations

import json
import threading
from collections import Counter, deque
from collections.abc import Callable
from functools import partial
from heapq import heappop, heappush
from itertools import count, islice
from random import Random
from typing import Any, NamedTuple
from urllib.parse import parse_qs

import httpx
from rich.console import Console
from rich.table import Table

from functions.set_vpc_access.index import work
from shared import log, settings
from shared.clock import Clock, Deadline
from shared.cloud.apigateway import PAGE_SIZE, ApiGateway
from shared.cloud.pace import Pace
from shared.cloud.session import Session
from shared.cloud.signing import Credentials
from shared.cloud.transport import Transport
from shared.errors import AuthorizerError
from shared.events.parsing import parse
from shared.flow.engine import Engine, Invocation
from tests.bench.readme import usd
from tests.invoking import SETTINGS, queue_event, request

RATE, BURST = 50, 50  # calls a second of an account and operation, as sibling operations document; the burst is assumed
OTHERS, SWEEP = 10, 4  # calls a second: Terraform, and a sweep with BackgroundCallsPerSecond
LATENCY = 0.03  # seconds that every call takes
CEILING, TIMEOUT = 10.0, 120.0  # template.yml: MaxCallsPerSecond, Timeout
AGAIN = 60.0  # seconds after which a batch that failed comes again
MOST = 90  # entries that the gateway holds at a time: the oldest is released for a new one, so that one page shows all
TWICE = 0.01  # of the messages are delivered twice
MILLION = 1_000_000
KEY = Credentials("made-up-key-id", "made-up-secret", "made-up-token")
_EPOCH = 1_767_600_000.0


class Fleet(NamedTuple):
    """So many instances, messages that real code works on, and messages in a batch (template.yml has 100)."""

    instances: int
    messages: int
    batch: int = 100


# With 300 instances each may make a call in 7 s, so that no batch of 100 ends within its time-out.
FLEETS = (Fleet(1, 1_500), Fleet(4, 6_000), Fleet(30, 16_000), Fleet(300, 12_000, 10))


class World:
    """A virtual clock for threads of which one runs at a time."""

    def __init__(self, seed: int) -> None:
        self.now, self.problems = 0.0, list[BaseException]()
        self._due: list[tuple[float, int, threading.Lock]] = []
        self._numbers, self._random, self._over = count(), Random(seed), threading.Event()
        self.clock = Clock(lambda: _EPOCH + self.now, lambda: self.now, self.sleep, self._random.random)

    def start(self, run: Callable[[], None]) -> None:
        """Let ``run`` begin in a thread of its own, now by the virtual clock."""
        turn = self._turn_at(self.now)

        def begin() -> None:
            turn.acquire()
            try:
                run()
            except BaseException as problem:  # noqa: BLE001 - raised by ``run``
                self.problems.append(problem)
            self._hand_over()

        threading.Thread(target=begin, daemon=True).start()

    def sleep(self, seconds: float) -> None:
        """Wait by the virtual clock, while others run."""
        until = self.now + max(0.0, seconds)
        if not self._due or until < self._due[0][0]:
            self.now = until
            return
        turn = self._turn_at(until)
        self._hand_over()
        turn.acquire()

    def run(self) -> None:
        """Let everything run to its end; raises what a thread could not handle."""
        self._hand_over()
        self._over.wait()
        if self.problems:
            raise self.problems[0]

    def _turn_at(self, when: float) -> threading.Lock:
        turn = threading.Lock()
        turn.acquire()
        heappush(self._due, (when, next(self._numbers), turn))
        return turn

    def _hand_over(self) -> None:
        if self._due and not self.problems:
            self.now, _, turn = heappop(self._due)
            turn.release()
        else:
            self._over.set()


class Account(httpx.BaseTransport):
    """The cloud as one account sees it: a bucket of calls for each operation, and the entries that were made."""

    def __init__(self, world: World, most: int) -> None:
        self._world = world
        self._left: dict[str, tuple[float, float]] = {}
        self._names, self._targets, self._most = dict[str, Any](), dict[str, Any](), most
        self.granted, self.throttled = Counter[str](), Counter[str]()

    def allows(self, operation: str, who: str) -> bool:
        """Take a call from the bucket, if there is one."""
        if operation == "PublishMessage":
            return True
        left, when = self._left.get(operation, (float(BURST), self._world.now))
        left = min(float(BURST), left + (self._world.now - when) * RATE)
        taken = left >= 1
        self._left[operation] = (left - taken, self._world.now)
        (self.granted if taken else self.throttled)[f"{who} {operation}"] += 1
        return taken

    def handle_request(self, asked: httpx.Request) -> httpx.Response:
        """Answer after LATENCY."""
        operation = asked.headers.get("x-acs-action", "PublishMessage")
        who = "sweep" if asked.url.host == "sweep" else "fleet"
        allowed = self.allows(operation, who)
        self._world.sleep(LATENCY)
        if not allowed:
            body = {
                "RequestId": "r",
                "Code": "Throttling.User",
                "Message": "Request was denied due to user flow control.",
            }
            return httpx.Response(400, json=body)
        if operation == "PublishMessage":
            return httpx.Response(201, text="<Message><MessageId>M-1</MessageId></Message>")
        query = {name: values[0] for name, values in parse_qs(asked.extensions["target"][2:].decode()).items()}
        return httpx.Response(200, json=self._set(query) if operation == "SetVpcAccess" else self._found(query))

    def _set(self, query: dict[str, str]) -> dict[str, Any]:
        entry = _entry(query)
        self._names[query["Name"]] = self._targets[query["InstanceId"]] = entry
        if len(self._names) > self._most:  # somebody releases the oldest
            oldest = self._names.pop(next(iter(self._names)))
            del self._targets[oldest["InstanceId"]]
        return {"RequestId": "r", "VpcAccessId": entry["VpcAccessId"]}

    def _found(self, query: dict[str, str]) -> dict[str, Any]:
        if "Name" not in query and "InstanceId" not in query:
            first = (int(query["PageNumber"]) - 1) * PAGE_SIZE
            return _page([*islice(self._names.values(), first, first + PAGE_SIZE)], len(self._names))
        found = self._names.get(query["Name"]) if "Name" in query else self._targets.get(query["InstanceId"])
        return _page([found] if found else [], 1 if found else 0)


def _entry(query: dict[str, str]) -> dict[str, Any]:
    keys = {name: query[name] for name in ("Name", "VpcId", "InstanceId")}
    tags = [{"Key": "vpc-access-owner", "Value": "team-a"}, {"Key": "vpc-access-origin", "Value": "requested"}]
    return {**keys, "Port": int(query["Port"]), "VpcAccessId": f"id-{query['Name']}", "Tags": {"TagInfo": tags}}


def _page(entries: list[dict[str, Any]], total: int) -> dict[str, Any]:
    return {"RequestId": "r", "TotalCount": total, "VpcAccessAttributes": {"VpcAccessAttribute": entries}}


class Queue:
    """Messages by number: delivered in batches, some twice, and again after a while if their batch failed."""

    def __init__(self, world: World, fleet: Fleet, seed: int) -> None:
        chance = Random(seed)
        twice = [number for number in range(fleet.messages) if chance.random() < TWICE]
        self._ready, self._later = deque([*range(fleet.messages), *twice]), list[tuple[float, list[int]]]()
        self._world, self._batch, self.open = world, fleet.batch, set(range(fleet.messages))

    def receive(self) -> list[int]:
        """Return the next batch, empty if nothing is ready."""
        while self._later and self._later[0][0] <= self._world.now:
            self._ready.extend(heappop(self._later)[1])
        return [self._ready.popleft() for _ in range(min(self._batch, len(self._ready)))]

    def again(self, batch: list[int]) -> None:
        """Let a batch come again."""
        heappush(self._later, (self._world.now + AGAIN, batch))


class Sample(NamedTuple):
    """How far a fleet is: seconds since the start, messages done, its calls granted and throttled, seconds that were billed."""

    when: float
    done: int
    granted: int
    throttled: int
    busy: float


class Drained(NamedTuple):
    """What a fleet did. ``terraform``: the share of somebody else's calls that was refused meanwhile."""

    fleet: Fleet
    by_instance: list[int]
    invocations: int
    samples: list[Sample]
    terraform: float

    @property
    def steady(self) -> Sample:
        """Return what lies between the first quarter of the messages and nine tenths: neither the start nor the last batches."""
        first, last = (
            next(sample for sample in self.samples if sample.done >= part * self.fleet.messages) for part in (0.25, 0.9)
        )
        when, done, granted, throttled, busy = (after - before for before, after in zip(first, last, strict=True))
        return Sample(when, int(done), int(granted), int(throttled), busy)

    @property
    def stretch(self) -> float:
        """Return in how many times the ideal time a million messages would be done: the first quarter as it was, then steadily."""
        begun = next(sample for sample in self.samples if sample.done >= 0.25 * self.fleet.messages)
        seconds = begun.when + (MILLION - begun.done) * self.steady.when / self.steady.done
        return seconds * min(self.fleet.instances * CEILING, RATE - OTHERS) / MILLION

    @property
    def throttled(self) -> float:
        """Return the share of throttled calls among those for a million messages, computed alike."""
        begun = next(sample for sample in self.samples if sample.done >= 0.25 * self.fleet.messages)
        times = (MILLION - begun.done) / self.steady.done
        granted = begun.granted + times * self.steady.granted
        throttled = begun.throttled + times * self.steady.throttled
        return throttled / (throttled + granted)

    @property
    def fairness(self) -> float:
        """Return Jain's index of the messages by instance: 1 if all did as many, 1 / n if one did all."""
        return sum(self.by_instance) ** 2 / (len(self.by_instance) * sum(done * done for done in self.by_instance))

    @property
    def usd(self) -> str:
        """Return what Function Compute takes for a million messages."""
        return usd(self.steady.busy / self.steady.done, self.fleet.messages / self.invocations)


def drain(fleet: Fleet, seed: int = 1) -> Drained:
    """Let a fleet drain its queue, on a world of its own."""
    world = World(seed)
    return _Drain(world, Account(world, MOST), Queue(world, fleet, seed), fleet).run()


class _Drain:
    """The threads of one fleet and of those who share its account."""

    def __init__(self, world: World, account: Account, queue: Queue, fleet: Fleet) -> None:
        self._world, self._account, self._queue, self._fleet = world, account, queue, fleet
        self._transport = Transport(10**6, inner=account)
        own = {"CONCURRENCY": "1", "MAX_CALLS_PER_SECOND": f"{CEILING:g}", "LOG_LEVEL": "OFF"}
        self._settings = settings.load({**SETTINGS, **own})
        log.configure("OFF")
        self._by_instance, self._busy, self._invocations = [0] * fleet.instances, 0.0, 0
        self._samples: list[Sample] = []

    def run(self) -> Drained:
        """Let everybody run until the queue is empty."""
        for number in range(self._fleet.instances):
            self._world.start(partial(self._instance, number))
        self._world.start(self._sweep)
        self._world.start(self._terraform)
        self._world.run()
        refused, made = (_of(counted, "terraform") for counted in (self._account.throttled, self._account.granted))
        return Drained(self._fleet, self._by_instance, self._invocations, self._samples, refused / (refused + made))

    def _instance(self, number: int) -> None:
        engine = Engine(self._settings, work, self._transport, self._world.clock, {})
        while self._queue.open:
            batch = self._queue.receive()
            if batch:
                self._by_instance[number] += self._invoke(engine, batch)
            else:
                self._world.sleep(1)

    def _invoke(self, engine: Engine, batch: list[int]) -> int:
        """Let an instance work on a batch and return how many messages are done by it."""
        start, self._invocations = self._world.now, self._invocations + 1
        event = [message for number in batch for message in queue_event(_body(number), first=number)]
        invocation = Invocation(f"r-{self._invocations}", TIMEOUT, lambda: KEY)
        outcomes = engine.process(parse(json.dumps(event).encode()), invocation).outcomes
        done = {number for number, outcome in zip(batch, outcomes, strict=True) if not outcome.retry}
        done &= self._queue.open
        self._queue.open -= done
        if any(outcome.retry for outcome in outcomes):
            self._queue.again(batch)
        self._busy += self._world.now - start
        granted, throttled = (_of(counted, "fleet") for counted in (self._account.granted, self._account.throttled))
        finished = self._fleet.messages - len(self._queue.open)
        self._samples.append(Sample(self._world.now, finished, granted, throttled, self._busy))
        return len(done)

    def _sweep(self) -> None:
        pace = Pace(self._world.clock, SWEEP)
        while self._queue.open:
            deadline = Deadline(self._world.clock, 600)
            session = Session(self._transport, self._world.clock, deadline, pace, lambda: KEY)
            try:
                ApiGateway(session, "https://sweep").page(Name="old-1")
            except AuthorizerError:
                self._world.sleep(1)

    def _terraform(self) -> None:
        while self._queue.open:
            for operation in ("DescribeVpcAccesses", "SetVpcAccess"):
                self._account.allows(operation, "terraform")
            self._world.sleep(1 / OTHERS)


def _of(counter: Counter[str], who: str) -> int:
    return sum(number for name, number in counter.items() if name.startswith(who))


def _body(number: int) -> str:
    return json.dumps(request(Name=f"orders-{number}", InstanceId=f"i-bp1example{number:07}"))


def row(drained: Drained) -> list[str]:
    """Return the cells of a fleet in the table."""
    fleet, steady = drained.fleet, drained.steady
    return [
        f"{fleet.instances}",
        f"{fleet.batch}",
        f"{steady.done / steady.when:.1f}",
        f"{drained.stretch:.2f}",
        f"{drained.throttled:.1%}",
        f"{drained.terraform:.1%}",
        f"{drained.fairness:.2f} ({min(drained.by_instance)} to {max(drained.by_instance)})",
        drained.usd,
    ]


def main() -> None:
    """Drain with each of FLEETS and print the table."""
    console = Console(width=130)
    heads = (
        "instances",
        "batch",
        "messages/s",
        "x ideal",
        "throttled",
        "Terraform's",
        "fairness (messages)",
        "a million",
    )
    table = Table(*heads, title=f"{RATE} calls a second for the account, {OTHERS} of them Terraform's")
    for fleet in FLEETS:
        with console.status(f"{fleet.instances} instances, {fleet.messages:,} messages by real code"):
            table.add_row(*row(drain(fleet)))
    console.print(table)


if __name__ == "__main__":
    main()
