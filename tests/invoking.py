"""The function on the stand-in, in one process and without a socket: the real handler through the real transport."""

from __future__ import annotations

import json
import re
from base64 import b64decode
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, fields, replace
from io import StringIO
from typing import Any

import httpx
import pytest

from functions.named_backends.index import work as keep_names
from functions.reconcile_vpc_access.index import work as reconcile
from functions.release_vpc_access.index import work as release
from functions.set_vpc_access.index import work as authorize
from shared import log, settings
from shared.clock import Clock
from shared.cloud.signing import Credentials
from shared.cloud.transport import Transport
from shared.errors import RetryNeeded
from shared.flow.engine import Engine, Invocation, Work
from shared.flow.report import Report
from tests.cloud.app import Cloud
from tests.cloud.core import ManualClock, Switches, World
from tests.cloud.fixtures import TEMPORARY, Served, new_cloud
from tests.cloud.seeds import seed

VPC = "vpc-bp1example0001"
ANNOUNCED = 1_767_586_706.0  # when the announcements under events/ were made, and that of ``state_change``
SWITCHES = frozenset(switch.name for switch in fields(Switches))
SETTINGS = {
    "OWNER": "team-a",
    "ALLOWED_VPC_IDS": VPC,
    "ALLOWED_PORTS": "80,443,8000-8999",
    "RESULT_TOPIC": "vpc-access-results",
    "FC_REGION": "cn-hangzhou",
    "FC_ACCOUNT_ID": "1234567890123456",
    "APIGATEWAY_ENDPOINT": "http://127.0.0.1:8080",
    "ECS_ENDPOINT": "http://127.0.0.1:8080",
    "SLB_ENDPOINT": "http://127.0.0.1:8080",
    "ESS_ENDPOINT": "http://127.0.0.1:8080",
    "SMQ_ENDPOINT": "http://127.0.0.1:8080",
    "LOG_LEVEL": "DEBUG",
    "MAX_CALLS_PER_SECOND": "1000",
    "CONCURRENCY": "1",
    "RELEASE_MODE": "apply",
    "RECONCILE_MODE": "apply",
    "RELEASE_QUEUE": "releases",
    "NAMED_BACKENDS": "apply",
    "NAMES_QUEUE": "names",
}


def operator_environment(cloud: Served) -> dict[str, str]:
    """Return the environment of an operator's command: the function's settings on a served stand-in, a temporary key."""
    return {
        **SETTINGS,
        **dict.fromkeys(settings.ENDPOINTS, cloud.endpoint),
        "LOG_LEVEL": "OFF",
        "ALIBABA_CLOUD_ACCESS_KEY_ID": TEMPORARY.access_key_id,
        "ALIBABA_CLOUD_ACCESS_KEY_SECRET": TEMPORARY.access_key_secret,
        "ALIBABA_CLOUD_SECURITY_TOKEN": TEMPORARY.security_token,
    }


class InProcess(httpx.BaseTransport):
    """Hands requests to a WSGI application. httpx's own ignores the ``target`` extension that our transport uses."""

    def __init__(self, app: Cloud) -> None:
        self._inner = httpx.WSGITransport(app=app)

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        target = request.extensions["target"].decode()
        whole = httpx.URL(f"{request.url.scheme}://{request.headers['host']}{target}")
        try:
            return self._inner.handle_request(
                httpx.Request(request.method, whole, headers=request.headers, stream=request.stream)
            )
        except ConnectionError as error:  # the stand-in cut the connection
            raise httpx.ReadError(str(error)) from error


class Watched(InProcess):
    """Tells the invoker of each call, and keeps the signatures."""

    def __init__(self, invoker: Invoker) -> None:
        super().__init__(invoker.served.app)
        self._invoker = invoker

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        operation = request.headers.get("x-acs-action", "PublishMessage")
        self._invoker.signatures += re.findall(r"(?:Signature=|:)(.{20,})", request.headers["authorization"])
        self._invoker.before(operation)
        answer = super().handle_request(request)
        self._invoker.after(operation)
        return answer


@dataclass
class Answer:
    """What an invocation gave: its report and summary, or the error it raised for the platform's retry."""

    summary: dict[str, Any] = field(default_factory=dict)
    error: RetryNeeded | None = None
    report: Report | None = None

    @property
    def results(self) -> list[dict[str, Any]]:
        return list(self.summary.get("results", []))

    @property
    def result(self) -> dict[str, Any]:
        (only,) = self.results
        return only


@dataclass
class Invoker:
    """Invokes the function with an event and reads its answers from a queue subscribed to the result topic."""

    served: Served
    clock: ManualClock
    work: Work = authorize
    engine: Engine | None = None
    credentials: Credentials = field(
        default_factory=lambda: Credentials(
            TEMPORARY.access_key_id, TEMPORARY.access_key_secret, TEMPORARY.security_token
        )
    )
    logged: StringIO = field(default_factory=StringIO)
    signatures: list[str] = field(default_factory=list)
    slept: list[float] = field(default_factory=list)
    before: Callable[[str], None] = lambda _: None  # what happens just before a call reaches the cloud …
    after: Callable[[str], None] = lambda _: None  # … and just after it took effect, before the function knows

    def doing(self, work: Work) -> Invoker:
        """Return the function that does ``work``, on the same stand-in and not started yet."""
        return replace(self, work=work, engine=None)

    def configure(self, **changes: str) -> Engine:
        """Start the function anew with changed settings."""
        self.engine = Engine(
            settings.load({**SETTINGS, **changes}),
            self.work,
            Transport(inner=Watched(self)),
            Clock(self.clock.now, self.clock.now, self._sleep, lambda: 0.5),
        )
        log.configure("DEBUG", self.logged)
        return self.engine

    def __call__(self, event: Any, timeout: float = 60.0) -> Answer:
        """Invoke with bytes, or with anything JSON can hold."""
        engine = self.engine or self.configure()
        raw = event if isinstance(event, bytes) else json.dumps(event).encode()
        try:
            report = engine.handle(raw, Invocation("req-1", timeout, lambda: self.credentials))
        except RetryNeeded as error:
            return Answer(error=error)
        return Answer(report.summary(), report=report)

    def due(self, seconds: float = 0.0, queue: str = "releases") -> Answer:
        """Invoke with what that queue has after ``seconds``: what its trigger delivers, in one batch."""
        self.clock.advance(seconds)
        bodies, smq = list[str](), self.served.products["SMQ"]
        while found := smq.receive(queue, 16):
            for message in found:
                smq.delete(queue, message.receipt_handle)
                bodies.append(message.body)
        assert bodies, "nothing is due"
        return self(queue_event(*bodies))

    def given(self, *, faults: Any = None, **world: Any) -> None:
        """Put things into the cloud: what ``tests.cloud.seeds.seed`` knows, and switches by their names.

        ``entries`` are the seed's ``vpc_accesses``; ``faults`` are rules that take the place of those that are set.
        """
        switches = {name: world.pop(name) for name in list(world) if name in SWITCHES}
        if switches:
            self.served.world.switches = self.served.world.switches.with_values(**switches)
        if "entries" in world:
            world["vpc_accesses"] = world.pop("entries")
        seed(self.served.app, world)
        if faults is not None:
            self.served.faults.set(list(faults))

    def messages(self) -> list[dict[str, Any]]:
        """Take every result message that arrived."""
        taken = []
        while found := self.served.products["SMQ"].receive("results", 16):
            for message in found:
                self.served.products["SMQ"].delete("results", message.receipt_handle)
                taken.append(json.loads(b64decode(message.body, validate=True)))
        return taken

    def accesses(self) -> list[dict[str, Any]]:
        """Return every authorization at the gateway."""
        return list(self.served.products["CloudAPI"].state()["vpc_accesses"])

    def calls(self, operation: str | None = None) -> list[str]:
        """Return the names of the calls that the stand-in saw."""
        return [entry.operation for entry in self.served.world.journal(operation)]

    def lines(self) -> list[dict[str, Any]]:
        """Return the log lines so far."""
        return [json.loads(line) for line in self.logged.getvalue().splitlines()]

    def _sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.clock.advance(seconds)


def new_invoker(**switches: Any) -> Invoker:
    """Return the function on a fresh stand-in whose clock moves only when somebody sleeps."""
    clock = ManualClock(ANNOUNCED + 10)
    app = new_cloud(World(clock=clock, switches=Switches().with_values(**switches)))
    smq = app["SMQ"]
    smq.create_topic("vpc-access-results")
    smq.create_queue("results")
    smq.create_queue("releases")
    smq.create_queue("names")
    smq.subscribe("vpc-access-results", "to-results", queue="results", format="SIMPLIFIED")
    app.world.journal.clear()
    return Invoker(Served(app), clock)


@pytest.fixture
def invoke() -> Iterator[Invoker]:
    """The function on a stand-in of its own; a fault rule that never fired fails the test."""
    invoker = new_invoker()
    yield invoker
    log.configure()
    invoker.served.app.close()
    assert not invoker.served.faults.unfired(), "fault rules that never fired"


@pytest.fixture
def releasing(invoke: Invoker) -> Invoker:
    """The function that releases, on the same stand-in."""
    return invoke.doing(release)


@pytest.fixture
def sweeping(invoke: Invoker) -> Invoker:
    """The function that reconciles, on the same stand-in."""
    return replace(invoke, work=reconcile, engine=None)


@pytest.fixture
def naming(invoke: Invoker) -> Invoker:
    """The function that keeps names, on the same stand-in; ``orders-…`` may be claimed in ``VPC``."""
    keeper = invoke.doing(keep_names)
    keeper.configure(ALLOWED_NAMES=f"{VPC}:orders-*")
    invoke.configure(ALLOWED_NAMES=f"{VPC}:orders-*")
    return keeper


def request(**changes: Any) -> dict[str, Any]:
    """Return a request that policy allows, with changes; None leaves a field out."""
    whole = {"Name": "orders-prod", "VpcId": VPC, "InstanceId": "i-bp1example0001", "Port": 8080, **changes}
    return {name: value for name, value in whole.items() if value is not None}


def moving(**changes: Any) -> dict[str, Any]:
    """Return a request to replace what ``request()`` asks for."""
    seen = {"VpcId": VPC, "InstanceId": "i-bp1example0001", "Port": 8080}
    return request(Replaces=seen, **changes)


def state_change(instance_id: str = "i-bp1example0001", state: str = "Running", **changes: Any) -> dict[str, Any]:
    """Return EventBridge's notice about an instance."""
    return {
        "id": f"70c0414c-b260-4923-b584-{instance_id[-4:]}",
        "source": "acs.ecs",
        "specversion": "1.0",
        "type": "ecs:Instance:StateChange",
        "datacontenttype": "application/json;charset=utf-8",
        "subject": f"acs:ecs:cn-hangzhou:1234567890123456:instance/{instance_id}",
        "time": "2026-01-05T12:18:26.922+08:00",
        "aliyunaccountid": "1234567890123456",
        "aliyunpublishtime": "2026-01-05T04:18:27.762Z",
        "aliyuneventbusname": "default",
        "aliyunregionid": "cn-hangzhou",
        "aliyunpublishaddr": "172.25.0.1",
        "data": {"resourceId": instance_id, "resourceType": "ALIYUN::ECS::Instance", "state": state},
        **changes,
    }


def queue_event(*bodies: str, first: int = 1) -> list[dict[str, Any]]:
    """Return what the SMQ queue trigger delivers for messages with these bodies."""
    return [
        {
            "id": f"c2g71017-6f65-fhcf-a814-{number:012}",
            "source": "MNS-Function-mnstrigger",
            "specversion": "1.0",
            "type": "mns:Queue:SendMessage",
            "datacontenttype": "application/json; charset=utf-8",
            "subject": "acs:mns:cn-hangzhou:1234567890123456:queues/requests",
            "time": "2026-01-05T06:28:17.093Z",
            "aliyunaccountid": "1234567890123456",
            "aliyunpublishtime": "2026-01-05T06:28:17.093Z",
            "aliyunoriginalaccountid": "1234567890123456",
            "aliyuneventbusname": "MNS-Function-mnstrigger",
            "aliyunregionid": "cn-hangzhou",
            "aliyunpublishaddr": "42.120.0.1",
            "data": {
                "requestId": f"606EA3074344430D4C81{number:04}",
                "messageId": f"C6DB60D1574661357FA22727{number:08}",
                "messageBody": body,
            },
        }
        for number, body in enumerate(bodies, first)
    ]
