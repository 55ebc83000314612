"""The product's own clients as a caller: each call by the client that the functions use, where they have one for it."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from functions._operator.queue import SmqQueue
from shared.clock import Clock, Deadline
from shared.cloud.apigateway import ApiGateway
from shared.cloud.ecs import Ecs
from shared.cloud.pace import Pace
from shared.cloud.references import References
from shared.cloud.rpc import RpcService
from shared.cloud.session import Session
from shared.cloud.signing import Credentials, mns
from shared.cloud.slb import Slb
from shared.cloud.smq import VERSION, SmqTopic, http_date
from shared.cloud.tasks import Tasks
from shared.cloud.transport import HttpRequest, HttpResponse, NetworkError, Transport
from shared.errors import AuthorizerError
from shared.model.access import VpcAccess
from tests.contract.places import VERSIONS, Place
from tests.contract.replies import Reply, Unclear, reply_of

_SECONDS = 60.0  # for one call with its repetitions
_CALLS_PER_SECOND = 5.0  # the account's other callers share its limits
_ENTRY = frozenset({"Name", "VpcId", "InstanceId", "Port"})


class Seeing:
    """A transport that keeps the last answer; in threads of one caller there is one call at a time."""

    def __init__(self, transport: Transport) -> None:
        self._transport = transport
        self.last: HttpResponse | None = None

    def send(self, request: HttpRequest, timeout: float) -> HttpResponse:
        """Send once, as ``Transport.send``."""
        self.last = None
        self.last = self._transport.send(request, timeout)
        return self.last

    def close(self) -> None:
        """Leave the connections to whoever has made the transport."""


class Product:
    """The product's clients with one key; ``ahead`` seconds are added to the dates of requests."""

    name = "product"

    def __init__(
        self, place: Place, transport: Transport, clock: Clock, key: Credentials | None = None, ahead: float = 0.0
    ) -> None:
        self.place, self.clock, self._transport = place, clock, transport
        self.key = key or place.credentials
        self._seeing = Seeing(transport)
        self._dated = clock._replace(now=lambda: clock.now() + ahead)
        self._pace = Pace(clock, _CALLS_PER_SECOND)

    def other(self, key: Credentials | None = None, ahead: float = 0.0) -> Product:
        """Return a caller with another key, or another date."""
        return Product(self.place, self._transport, self.clock, key or self.key, ahead)

    def session(self) -> Session:
        """Return a session for one call."""
        seen: Any = self._seeing  # what a session needs of a transport
        return Session(seen, self._dated, Deadline(self.clock, _SECONDS, margin=0), self._pace, lambda: self.key)

    def call(self, product: str, action: str, parameters: Mapping[str, str]) -> Reply:
        """Call an operation by the product's client of it, else by the frame that all of them use."""
        session, endpoint = self.session(), self.place.endpoints[product]
        typed = _TYPED.get(action)
        if typed is not None and typed.takes(parameters):
            return self._seen(lambda: typed.call(session, endpoint, self.place.region_id, parameters))
        service = RpcService(session, endpoint, VERSIONS[product])
        return self._seen(lambda: service.call(action, parameters, lambda answer: answer.fields, repeatable=False))

    def request(self, action: str, parameters: Mapping[str, str]) -> HttpRequest:
        """Return a signed request to the gateway, to be changed or sent twice."""
        service = RpcService(self.session(), self.place.endpoints["CloudAPI"], VERSIONS["CloudAPI"])
        return service.signer(action, parameters)(self.key)

    def raw(self, request: HttpRequest) -> Reply:
        """Send a request as it is, once."""
        try:
            return reply_of(self._transport.send(request, _SECONDS), "")
        except NetworkError as error:
            raise Unclear(str(error)) from error

    def send(self, queue: str, text: str, delay: int = 0) -> Reply:
        """Send a message by the product's client."""
        return self._seen(lambda: SmqQueue(self.session(), self._smq(), queue).send(text, delay))

    def publish(self, topic: str, text: str, tag: str, *, base64: bool) -> Reply:
        """Publish a message by the product's client."""
        return self._seen(lambda: SmqTopic(self.session(), self._smq(), topic, base64=base64).publish(text, tag))

    def receive(self, queue: str) -> str | None:
        """Receive a message that is there now."""
        try:
            received = SmqQueue(self.session(), self._smq(), queue).receive(0)
        except AuthorizerError as error:
            raise Unclear(str(error)) from error
        return received.body if received else None

    def smq(self, method: str, target: str, body: bytes = b"", prefix: str = "") -> Reply:
        """Call what only somebody who sets queues up needs: they are made, listed from a ``prefix`` on, and dropped."""
        headers = {
            "content-type": "text/xml;charset=utf-8",
            "date": http_date(self._dated.now()),
            "host": self._smq().partition("://")[2],
            "x-mns-version": VERSION,
            **({"x-mns-prefix": prefix} if prefix else {}),
        }
        headers["authorization"] = mns(method, target, headers, self.key).authorization
        if self.key.security_token:
            headers["security-token"] = self.key.security_token
        try:
            answer = self._transport.send(HttpRequest(method, self._smq(), target, headers, body), _SECONDS)
        except NetworkError as error:
            raise Unclear(str(error)) from error
        return reply_of(answer, "")._replace(fields={"Text": answer.body.decode("utf-8", "replace")})

    def _smq(self) -> str:
        return self.place.smq

    def _seen(self, call: Callable[[], object]) -> Reply:
        """Make a call and return the last answer of it, with what the product's client made of that."""
        read_as = ""
        try:
            call()
        except AuthorizerError as error:
            read_as = type(error).__name__
            if self._seeing.last is None:
                raise Unclear(str(error)) from error
        assert self._seeing.last is not None
        return reply_of(self._seeing.last, read_as)


class _Typed(NamedTuple):
    """A client of the product: the parameters that it can say, those that it always says, and the call."""

    possible: frozenset[str]
    given: Mapping[str, str]
    call: Callable[[Session, str, str, Mapping[str, str]], object]

    def takes(self, parameters: Mapping[str, str]) -> bool:
        """Tell whether the client says exactly these parameters."""
        plain = {name for name in parameters if not name.startswith("Tag.")}
        always = all(parameters.get(name) == value for name, value in self.given.items())
        return always and plain - self.given.keys() <= self.possible


def _entry(parameters: Mapping[str, str]) -> VpcAccess:
    tags = [
        (parameters[f"Tag.{number}.Key"], parameters[f"Tag.{number}.Value"])
        for number in range(1, 21)
        if f"Tag.{number}.Key" in parameters
    ]
    return VpcAccess(
        name=parameters.get("Name", ""),
        vpc_id=parameters["VpcId"],
        instance_id=parameters["InstanceId"],
        port=int(parameters["Port"]),
        description=parameters.get("Description", ""),
        tags=tuple(tags),
    )


def _page(session: Session, endpoint: str, _region: str, parameters: Mapping[str, str]) -> object:
    ours = ("PageSize", "PageNumber", "AccurateQuery")
    filters = {name: value for name, value in parameters.items() if name not in ours}
    return ApiGateway(session, endpoint).page(int(parameters["PageNumber"]), **filters)


_TYPED: Mapping[str, _Typed] = {
    "SetVpcAccess": _Typed(
        _ENTRY | {"Description"}, {}, lambda s, at, _, p: ApiGateway(s, at).set_vpc_access(_entry(p))
    ),
    "RemoveVpcAccess": _Typed(
        _ENTRY - {"Name"}, {}, lambda s, at, _, p: ApiGateway(s, at).remove_vpc_access(_entry(p))
    ),
    "ModifyVpcAccessAndUpdateApis": _Typed(
        _ENTRY, {"NeedBatchWork": "true"}, lambda s, at, _, p: ApiGateway(s, at).modify_vpc_access(_entry(p))
    ),
    "DescribeVpcAccesses": _Typed(_ENTRY | {"PageNumber"}, {"PageSize": "100", "AccurateQuery": "true"}, _page),
    "DescribeUpdateVpcInfoTask": _Typed(
        frozenset({"OperationUid"}), {}, lambda s, at, _, p: Tasks(s, at).updates(p["OperationUid"])
    ),
    "DescribeApisByVpcAccess": _Typed(
        frozenset({"VpcName"}), {"PageSize": "100"}, lambda s, at, _, p: References(s, at).apis(p["VpcName"])
    ),
    "DescribeInstances": _Typed(
        frozenset(), {"DryRun": "true"}, lambda s, at, region, _: Ecs(s, at, region).require_permission()
    ),
    "DescribeLoadBalancerAttribute": _Typed(
        frozenset({"LoadBalancerId"}), {}, lambda s, at, region, p: Slb(s, at, region).attributes([p["LoadBalancerId"]])
    ),
}


def real_clock() -> Clock:
    """Return the clock of this machine."""
    return Clock(time.time, time.monotonic, time.sleep)
