"""The world that all products of the stand-in share: clock, credentials, ids, journal, switches.

A product (``cloudapi``, ``ecs``, ``smq``, ``fc`` …) owns its state and its dialect and gets a
:class:`World`. Nothing here knows HTTP beyond werkzeug's request and response.
"""

from __future__ import annotations

import hashlib
import itertools
import threading
import time
from collections import deque
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field, fields, replace
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from werkzeug.wrappers import Request, Response

ACCOUNT_ID = "1234567890123456"
REGION_ID = "cn-hangzhou"

# What a fault rule changes for the one request that a thread is serving (see `bent`).
_skew: ContextVar[float] = ContextVar("skew", default=0.0)
_token_expired: ContextVar[bool] = ContextVar("token_expired", default=False)


@contextmanager
def bent(*, skew: float = 0.0, token_expired: bool = False) -> Iterator[None]:
    """Let the current thread's request see a wrong clock, or its token as expired."""
    clock, token = _skew.set(skew), _token_expired.set(token_expired)
    try:
        yield
    finally:
        _skew.reset(clock)
        _token_expired.reset(token)


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


class Clock:
    """Wall-clock time, shiftable: ``skew`` seconds are added, so a server's wrong clock can be shown."""

    def __init__(self) -> None:
        self.skew = 0.0

    def now(self) -> float:
        """Return seconds since the epoch."""
        return time.time() + self.skew + _skew.get()

    def sleep(self, seconds: float) -> None:
        """Let time pass (an injected delay)."""
        time.sleep(seconds)

    def advance(self, seconds: float) -> None:
        """Jump forward; of a running clock this is one more skew."""
        self.skew += seconds

    def wait(self, condition: threading.Condition, seconds: float) -> bool:
        """Wait on a held condition at most ``seconds``; True if it was notified."""
        return condition.wait(seconds)


class ManualClock(Clock):
    """A clock that stands still until a test moves it; waits end at once unless notified."""

    def __init__(self, now: float = 1_795_000_000.0) -> None:
        super().__init__()
        self._now = now

    def now(self) -> float:
        return self._now + self.skew + _skew.get()

    def sleep(self, seconds: float) -> None:
        self.advance(seconds)

    def advance(self, seconds: float) -> None:
        """Move time forward."""
        self._now += seconds

    def wait(self, condition: threading.Condition, seconds: float) -> bool:
        del condition  # the time is over at once: whoever would notify has no time to
        self.advance(seconds)
        return False


@dataclass(frozen=True)
class Credential:
    """An access key of an account; with ``security_token`` a temporary (STS) one.

    ``denied`` names RAM actions (``apigateway:SetVpcAccess``) that this key may not do; ``allowed``
    turns the key into a role that may do only those (None: everything).
    """

    access_key_id: str
    access_key_secret: str
    account_id: str = ACCOUNT_ID
    security_token: str = ""
    expires_at: float | None = None
    active: bool = True
    allowed: frozenset[str] | None = None
    denied: frozenset[str] = frozenset()

    def may(self, action: str) -> bool:
        return action not in self.denied and (self.allowed is None or action in self.allowed)


@dataclass(frozen=True)
class Switches:
    """Open questions of the real cloud, each a named switch; the tests run under every setting.

    The question behind each is in the reference page `cloudapi.md` section 6, for `fc_*` in `events.md` section 7.
    """

    duplicate: str = "error"  # error | overwrite: a SetVpcAccess whose name or target is taken
    visible_after_reads: int = 0  # a new entry shows only after n DescribeVpcAccesses calls
    vpc_access_id: str = "present"  # present | absent in SetVpcAccess's answer
    retry_after: str = "absent"  # present | absent: x-acs-retry-after with a throttling answer
    future_dates: str = "accept"  # accept | refuse dates more than 15 minutes ahead
    port_range: str = "refuse"  # refuse | accept a Port outside 1-65535 in SetVpcAccess
    target_check: str = "off"  # off | on: SetVpcAccess refuses an instance that ECS and SLB do not show in that VPC
    smq_require_base64: str = "off"  # off | on: SMQ refuses message bodies that are not Base64
    fc_async_invocation_type: str = "true-is-sync"  # true-is-sync | true-is-async: asyncInvocationType of a trigger
    fc_default_retry: str = "BACKOFF_RETRY"  # BACKOFF_RETRY | EXPONENTIAL_DECAY_RETRY: a trigger that names none
    fc_rule_retry: str = "on"  # on | off: a rule tries again after a function error, which comes with HTTP 200
    vpc_access_quota: int = 0  # most entries an account may have; 0: no limit

    def with_values(self, **values: Any) -> Switches:
        """Return a copy; an unknown name or value is a ValueError that lists the known ones."""
        known = {f.name: f for f in fields(self)}
        choices = {
            "duplicate": {"error", "overwrite"},
            "vpc_access_id": {"present", "absent"},
            "retry_after": {"present", "absent"},
            "future_dates": {"accept", "refuse"},
            "port_range": {"accept", "refuse"},
            "target_check": {"off", "on"},
            "smq_require_base64": {"off", "on"},
            "fc_async_invocation_type": {"true-is-sync", "true-is-async"},
            "fc_default_retry": {"BACKOFF_RETRY", "EXPONENTIAL_DECAY_RETRY"},
            "fc_rule_retry": {"off", "on"},
        }
        for name, value in values.items():
            if name not in known:
                raise ValueError(f"unknown switch {name!r}; there are {', '.join(sorted(known))}")
            if name not in choices:
                values[name] = int(value)
            elif value not in choices[name]:
                raise ValueError(f"switch {name} takes {' or '.join(sorted(choices[name]))}, not {value!r}")
        return replace(self, **values)


class Ids:
    """Deterministic identifiers: the same seed gives the same ids in the same order."""

    def __init__(self, seed: str = "cloud") -> None:
        self._seed, self._count, self._lock = seed, itertools.count(1), threading.Lock()

    def hex(self, length: int = 32) -> str:
        """Return a new lower-case hexadecimal id, at most 64 characters."""
        with self._lock:
            number = next(self._count)
        return hashlib.sha256(f"{self._seed}:{number}".encode()).hexdigest()[:length]

    def request_id(self) -> str:
        """Return a new request id in the gateway's form, ``8-4-4-4-12`` upper-case hexadecimal."""
        h = self.hex(32).upper()
        return f"{h[:8]}-{h[8:12]}-{h[12:16]}-{h[16:20]}-{h[20:]}"


@dataclass(frozen=True)
class Entry:
    """One call that reached the stand-in, for tests that count what was done."""

    operation: str  # "CloudAPI.SetVpcAccess", "SMQ.PublishMessage", "FC.InvokeFunction"
    action: str  # the RAM action, "apigateway:SetVpcAccess"; "" when refused before that was known
    access_key_id: str
    write: bool
    parameters: Mapping[str, str]
    status: int
    code: str = ""  # error code of the answer
    fault: str = ""  # id of the fault rule that was applied


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
        self._entries: list[Entry] = []
        self._lock = threading.Lock()

    def add(self, entry: Entry) -> None:
        with self._lock:
            self._entries.append(entry)

    def __call__(self, operation: str | None = None) -> list[Entry]:
        """Return a copy of the entries, of one operation if named."""
        with self._lock:
            return [e for e in self._entries if operation in (None, e.operation)]

    def clear(self) -> None:
        with self._lock:
            self._entries.clear()


@dataclass
class World:
    """What a product may know of its surroundings."""

    clock: Clock = field(default_factory=Clock)
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
        """True if the key's temporary token is over, by its date or by a fault of this request."""
        if not credential.security_token:
            return False
        return _token_expired.get() or (credential.expires_at is not None and credential.expires_at <= self.clock.now())


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
