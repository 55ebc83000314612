"""The world that all products of the stand-in share: clock, credentials, ids, journal, switches.

A product (``cloudapi``, ``ecs``, ``smq``, ``fc`` …) owns its state and its dialect and gets a
:class:`World`. Nothing here knows HTTP beyond werkzeug's request and response.
"""

from __future__ import annotations

import hashlib
import threading
from collections import deque
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol

from tests.cloud.clock import CloudClock, ManualClock, bent, token_expired_by_fault
from tests.cloud.switches import Switches

if TYPE_CHECKING:
    from collections.abc import Mapping

    from werkzeug.wrappers import Request, Response

ACCOUNT_ID = "1234567890123456"
REGION_ID = "cn-hangzhou"
__all__ = [
    "ACCOUNT_ID",
    "REGION_ID",
    "Call",
    "CloudClock",
    "Credential",
    "Ids",
    "Journal",
    "ManualClock",
    "Nonces",
    "Product",
    "SeenCall",
    "ServiceError",
    "Switches",
    "World",
    "bent",
]


class ServiceError(Exception):
    """A refusal in the cloud's words; the product renders it in its own dialect.

    ``code`` and ``message`` are the vendor's, ``status`` the HTTP status; ``extra`` holds further
    fields of the error body (``AccessDeniedDetail``), ``headers`` further response headers.
    """

    def __init__(
        self,
        status: int,
        code: str,
        message: str,
        *,
        extra: Mapping[str, Any] | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(f"{status} {code}: {message}")
        self.status, self.code, self.message = status, code, message
        self.extra, self.headers = dict(extra or {}), dict(headers or {})


@dataclass(frozen=True)
class Credential:
    """An access key of an account; with ``security_token`` a temporary (STS) one.

    ``denied`` names RAM actions (``apigateway:SetVpcAccess``) that this key may not do; ``allowed``
    turns the key into a role that may do only those (None: everything). ``unseen`` names the instances and
    load balancers that its policy, scoped to single resources, leaves out.
    """

    access_key_id: str
    access_key_secret: str
    account_id: str = ACCOUNT_ID
    security_token: str = ""
    expires_at: float | None = None
    active: bool = True
    allowed: frozenset[str] | None = None
    denied: frozenset[str] = frozenset()
    unseen: frozenset[str] = frozenset()

    def may(self, action: str) -> bool:
        return action not in self.denied and (self.allowed is None or action in self.allowed)

    def sees(self, resource_id: str) -> bool:
        return resource_id not in self.unseen


class Ids:
    """Deterministic identifiers: the same seed gives the same ids in the same order."""

    def __init__(self, seed: str = "cloud") -> None:
        self._seed, self._lock = seed, threading.Lock()
        self._counts: dict[str, int] = {}

    def hex(self, length: int = 32, of: str = "") -> str:
        """Return a new lower-case hexadecimal id, at most 64 characters.

        The first id ``of`` something is always the same, and so is the second, whatever else got ids in between.
        """
        with self._lock:
            self._counts[of] = number = self._counts.get(of, 0) + 1
        return hashlib.sha256(f"{self._seed}:{of}{number}".encode()).hexdigest()[:length]

    def request_id(self) -> str:
        """Return a new request id in the gateway's form, ``8-4-4-4-12`` upper-case hexadecimal."""
        h = self.hex(32).upper()
        return f"{h[:8]}-{h[8:12]}-{h[12:16]}-{h[16:20]}-{h[20:]}"


@dataclass(frozen=True)
class SeenCall:
    """One call that reached the stand-in, for tests that count what was done."""

    operation: str  # "CloudAPI.SetVpcAccess", "SMQ.PublishMessage", "FC.InvokeFunction"
    action: str  # the RAM action, "apigateway:SetVpcAccess"; "" when refused before that was known
    access_key_id: str
    write: bool
    parameters: Mapping[str, str]
    status: int
    code: str = ""  # error code of the answer
    fault: str = ""  # id of the fault rule that was applied
    verified: str = ""  # the scheme by which its signature was found right; "" if it was not, or there was none
    message: str = ""  # of the refusal
    at: float = 0.0  # seconds since the epoch, of the answer


class Nonces:
    """Signature nonces already used, each remembered for 15 minutes.

    The window is a vendor's answer quoted in https://github.com/acmesh-official/acme.sh/issues/1639.
    """

    WINDOW = 15 * 60.0

    def __init__(self) -> None:
        self._seen: dict[tuple[str, str], float] = {}
        self._order: deque[tuple[float, tuple[str, str]]] = deque()
        self._lock = threading.Lock()

    def use(self, access_key_id: str, nonce: str, now: float) -> bool:
        """Remember a nonce of a key; False if it was used within the window before ``now``."""
        key = (access_key_id, nonce)
        with self._lock:
            while self._order and self._order[0][0] < now - self.WINDOW:
                stale_since, stale = self._order.popleft()
                if self._seen.get(stale) == stale_since:
                    del self._seen[stale]
            if key in self._seen:
                return False
            self._seen[key] = now
            self._order.append((now, key))
            return True

    def clear(self) -> None:
        with self._lock:
            self._seen.clear()
            self._order.clear()


class Journal:
    """Every call seen, in order of completion."""

    def __init__(self) -> None:
        self._calls: list[SeenCall] = []
        self._lock = threading.Lock()

    def add(self, call: SeenCall) -> None:
        with self._lock:
            self._calls.append(call)

    def __call__(self, operation: str | None = None) -> list[SeenCall]:
        """Return a copy of the calls, of one operation if named."""
        with self._lock:
            return [call for call in self._calls if operation in (None, call.operation)]

    def __len__(self) -> int:
        return len(self._calls)

    def clear(self) -> None:
        with self._lock:
            self._calls.clear()


@dataclass
class World:
    """What a product may know of its surroundings."""

    clock: CloudClock = field(default_factory=CloudClock)
    ids: Ids = field(default_factory=Ids)
    switches: Switches = field(default_factory=Switches)
    journal: Journal = field(default_factory=Journal)
    nonces: Nonces = field(default_factory=Nonces)
    credentials: dict[str, Credential] = field(default_factory=dict)  # by access key id
    region_id: str = REGION_ID
    account_id: str = ACCOUNT_ID
    endpoint: str = ""  # "http://127.0.0.1:PORT" once served
    lock: threading.RLock = field(default_factory=threading.RLock)

    def add_credential(self, credential: Credential) -> Credential:
        self.credentials[credential.access_key_id] = credential
        return credential

    def token_expired(self, credential: Credential) -> bool:
        """True if the key's temporary token has expired, by its date or by a fault of this request."""
        if not credential.security_token:
            return False
        return token_expired_by_fault() or (
            credential.expires_at is not None and credential.expires_at <= self.clock.now()
        )


@dataclass
class Call:
    """One request on its way through a product; the product fills in what it learns for the journal."""

    request: Request
    operation: str  # without the product: "SetVpcAccess"
    request_id: str
    credential: Credential | None = None
    action: str = ""
    write: bool = False
    parameters: dict[str, str] = field(default_factory=dict)
    verified: str = ""


class Product(Protocol):
    """One product behind the port. ``app.py`` routes to it, applies faults and keeps the journal."""

    name: str  # "CloudAPI", "ECS", "SMQ", "FC" …: prefix of its operations in journal and fault rules
    operations: frozenset[str]  # every operation it implements; a fault rule may name no other

    def matches(self, request: Request) -> bool:
        """True if the request is for this product (by path, version header or parameter)."""

    def operation(self, request: Request) -> str:
        """Name the operation before anything is verified ("" if it cannot be told)."""

    def handle(self, call: Call) -> Response:
        """Verify, do, answer. Raises ServiceError for every refusal."""

    def render(self, error: ServiceError, call: Call) -> Response:
        """Render a refusal (or an injected fault) in the product's dialect, JSON or XML."""

    def state(self) -> Any:
        """Return JSON-able state for GET /_cloud/state."""
