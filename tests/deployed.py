"""The built zip, deployed as ``template.yml`` says, on the local Function Compute: fixtures for end-to-end tests."""

from __future__ import annotations

import json
import os
import pickle
from base64 import b64decode
from collections.abc import Mapping
from dataclasses import dataclass
from fcntl import LOCK_EX, flock
from functools import cache
from pathlib import Path
from types import MappingProxyType
from typing import Any, NamedTuple

import click
import pytest
import yaml

from functions._operator import interpreters
from functions._operator.build import RUNTIMES, Package, build
from tests.cloud.fc import FunctionCompute
from tests.cloud.fixtures import Served
from tests.cloud.seeds import seed
from tests.registry.stack import WHOLE, Stack
from tests.up import wiring

ROOT = Path(__file__).resolve().parents[1]
_interpreter = cache(interpreters.find)  # it starts several until one is of the version
RESULTS = "results"  # a queue that gets every result message


class Parts(NamedTuple):
    """The resources of the template that make up one function."""

    function: str
    role: str
    instances: str
    asynchronous: str


FUNCTIONS = {
    "set_vpc_access": Parts("Function", "Role", "MostInstances", "AsyncInvocations"),
    "release_vpc_access": Parts("ReleaseFunction", "ReleaseRole", "MostReleaseInstances", "AsyncReleaseInvocations"),
    "reconcile_vpc_access": Parts(
        "ReconcileFunction", "ReconcileRole", "MostReconcileInstances", "AsyncReconcileInvocations"
    ),
    "named_backends": Parts("NamedFunction", "NamedRole", "MostNamedInstances", "AsyncNamedInvocations"),
}


def installed() -> tuple[str, ...]:
    """Return the runtimes that the built zip is tested under.

    Under one of Function Compute's own that is the one: the suite under the other has the other, and ``.ci/run`` runs both.
    Else all of them that this machine has; where it has none, the running interpreter's version.
    """
    if interpreters.running() in RUNTIMES:
        return (interpreters.running(),)
    return tuple(version for version in RUNTIMES if _has(version)) or (interpreters.running(),)


def _has(version: str) -> bool:
    try:
        _interpreter(version)
    except click.ClickException:
        return False
    return True


def pytest_report_header() -> str:
    """Say which runtimes the built zip is tested under."""
    return f"the zip runs under python{', python'.join(installed())}"


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Repeat what uses ``package`` for each runtime; nobody else pays for finding out which there are."""
    if "package" in metafunc.fixturenames:
        metafunc.parametrize("package", installed(), indirect=True, scope="session")


@pytest.fixture(scope="session")
def package(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Package:
    """The package for one of Function Compute's runtimes."""
    return _built_once(tmp_path_factory, request.param, native=False)


@pytest.fixture(scope="session")
def native_package(tmp_path_factory: pytest.TempPathFactory) -> Package:
    """The package for the running Python and this machine."""
    return _built_once(tmp_path_factory, interpreters.running(), native=True)


def _built_once(temporary: pytest.TempPathFactory, version: str, *, native: bool) -> Package:
    """Build for all workers of a run: who comes first builds, the others wait and take that."""
    base = temporary.getbasetemp()
    shared = base.parent if "PYTEST_XDIST_WORKER" in os.environ else base
    place = shared / f"package-{version}{'-native' * native}"
    place.mkdir(exist_ok=True)
    with (place / "lock").open("w") as lock:
        flock(lock, LOCK_EX)
        note = place / "package.pickle"
        if not note.exists():
            note.write_bytes(pickle.dumps(build(place, version, native=native)))
        package: Package = pickle.loads(note.read_bytes())
        return package


def template(**parameters: Any) -> Stack:
    """Return the stack of the template with its defaults, but for these parameters; a name is allowed."""
    return Stack(_document(), {**WHOLE, **parameters})


@cache
def _document() -> Mapping[str, Any]:
    """Return what ``template.yml`` says, read once: nobody changes it, and what a stack computes from it is made anew."""
    return MappingProxyType(yaml.safe_load((ROOT / "template.yml").read_text(encoding="utf-8")))


def statements(stack: Stack, function: str = "set_vpc_access") -> list[dict[str, Any]]:
    """Return the statements of a function's role."""
    policy = stack.properties(FUNCTIONS[function].role)["Policies"][0]["PolicyDocument"]
    return list(policy["Statement"])


def dead_letters(stack: Stack, function: str) -> str | None:
    """Return where a function's failed asynchronous calls go, None if nowhere."""
    destinations = stack.properties(FUNCTIONS[function].asynchronous).get("DestinationConfig")
    return str(destinations["OnFailure"]["Destination"]) if destinations else None


def allowed(stack: Stack, function: str = "set_vpc_access") -> set[str]:
    """Return the actions that a function's role allows to the code; Function Compute uses the others with it."""
    letters = dead_letters(stack, function)
    ours = [
        statement["Action"]
        for statement in statements(stack, function)
        if statement["Effect"] == "Allow" and statement["Resource"] != [letters]
    ]
    return {action for actions in ours for action in actions} - {"log:PostLogStoreLogs"}


def create_queues(smq: Any, stack: Stack) -> None:
    """Create the queues of a stack with their attributes."""
    for queue in stack.of_type("ALIYUN::MNS::Queue"):
        smq.create_queue(queue.pop("QueueName"), **queue)


def document(stack: Stack, package: Package, endpoint: str, name: str) -> dict[str, Any]:
    """Return a function of a stack as the local Function Compute takes it, every endpoint set to ``endpoint``."""
    function = wiring.function(stack, stack.properties(FUNCTIONS[name].function), package.archive, endpoint)
    return {
        **function,
        "extraPaths": [],
        "pythonExecutable": str(_interpreter(package.version)),
        "roleActions": sorted(allowed(stack, name)),  # without those that only the platform makes use of
    }


@dataclass
class Deployed:
    """A stack on the stand-in."""

    cloud: Served
    stack: Stack
    package: Package

    @property
    def fc(self) -> FunctionCompute:
        found: FunctionCompute = self.cloud.products["FC"]
        return found

    def names(self) -> set[str]:
        """Return the names of all authorizations."""
        return {entry["Name"] for entry in self.cloud.products["CloudAPI"].state()["vpc_accesses"]}

    def results(self, count: int, seconds: float = 30.0) -> list[dict[str, Any]]:
        """Wait for ``count`` result messages and return them."""
        smq = self.cloud.products["SMQ"]
        taken: list[dict[str, Any]] = []
        while len(taken) < count and (found := smq.receive(RESULTS, 16, wait=seconds)):
            for message in found:
                smq.delete(RESULTS, message.receipt_handle)
                taken.append(json.loads(b64decode(message.body, validate=True)))
        return taken


@pytest.fixture
def deployed(cloud: Served, package: Package) -> Deployed:
    """The template's stack on a served stand-in that holds what the sample events are about."""
    return deploy(cloud, package, template())


def deploy(cloud: Served, package: Package, stack: Stack) -> Deployed:
    """Make a stack on a served stand-in that holds what the sample events are about."""
    smq = cloud.products["SMQ"]
    create_queues(smq, stack)
    (topic,) = stack.of_type("ALIYUN::MNS::Topic")
    seed(cloud.app, json.loads((ROOT / "events" / "cloud.json").read_text(encoding="utf-8")))
    seed(cloud.app, {"topics": [{"TopicName": topic["TopicName"], "Subscriptions": {"to-results": RESULTS}}]})
    for name in FUNCTIONS:
        cloud.products["FC"].create_from_json(document(stack, package, cloud.endpoint, name))
    return Deployed(cloud, stack, package)
