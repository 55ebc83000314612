"""Pytest fixtures of the stand-in; `tests/conftest.py` loads them with ``pytest_plugins``."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pytest

from tests.cloud.app import Cloud, build_cloud
from tests.cloud.core import Credential, ManualClock, World
from tests.cloud.server import Server

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.cloud.faults import Faults

PERMANENT = Credential("test-access-key-id", "test-access-key-secret")
TEMPORARY = Credential("test-sts-key-id", "test-sts-key-secret", security_token="test-security-token")


@dataclass(frozen=True)
class Served:
    """A stand-in with what a test needs to drive it; ``endpoint`` is empty when it has no socket."""

    app: Cloud
    endpoint: str = ""
    credential: Credential = PERMANENT
    temporary: Credential = TEMPORARY

    @property
    def world(self) -> World:
        return self.app.world

    @property
    def faults(self) -> Faults:
        return self.app.faults

    @property
    def products(self) -> dict[str, Any]:
        """The products by name, as ``Any`` because tests use what each one offers on top of `core.Product`."""
        return dict(self.app.products)


def new_cloud(world: World | None = None) -> Cloud:
    """Return a stand-in that knows the two test keys."""
    cloud = build_cloud(world)
    cloud.world.add_credential(PERMANENT)
    cloud.world.add_credential(TEMPORARY)
    return cloud


def finish(cloud: Cloud) -> None:
    """Fail the test if a fault rule never fired; part of every fixture's end."""
    if unfired := cloud.faults.unfired():
        pytest.fail(f"fault rules that never fired: {', '.join(unfired)}")


@pytest.fixture
def cloud() -> Iterator[Served]:
    """A stand-in on a loopback socket and the real clock; fails the test if a fault rule never fired."""
    app = new_cloud()
    with Server(app) as server:
        yield Served(app, server.endpoint)
    finish(app)


@pytest.fixture
def still_cloud() -> Iterator[Served]:
    """Like `cloud`, but its clock stands still until the test moves it."""
    app = new_cloud(World(clock=ManualClock()))
    with Server(app) as server:
        yield Served(app, server.endpoint)
    finish(app)


@pytest.fixture
def inner_cloud() -> Iterator[Served]:
    """A stand-in without a socket on a manual clock, for `httpx.WSGITransport` or werkzeug's test client."""
    app = new_cloud(World(clock=ManualClock()))
    yield Served(app)
    app.close()
    finish(app)
