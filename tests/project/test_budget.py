"""What the function may cost, counted and not timed: modules at a cold start, and outside calls of an event.

Every budget stands in one table with the reason for its value. What is deployed runs, in a fresh process of its runtime,
isolated as in Function Compute. What the zip may weigh is held by ``tests/functions/test_build.py``.
"""

from __future__ import annotations

import json
import subprocess
from collections import Counter
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from functions._operator import interpreters
from functions._operator.build import Package
from tests.cloud.fixtures import TEMPORARY, Served
from tests.cloud.seeds import seed
from tests.invoking import SETTINGS, VPC, queue_event, request, state_change
from tests.release_worlds import schedule

pytestmark = pytest.mark.enable_socket

WORKER = Path(__file__).parents[1] / "bench" / "worker.py"
BATCH = 50

AVOIDED = frozenset(
    {
        "asyncio",  # the transport is synchronous
        "concurrent.futures",  # a pool is for batches, with CONCURRENCY above 1
        "difflib",  # proposals for misspelt fields
        "shared.flow.doctor",
        "shared.flow.hooks",
        "shared.access.verify",
        "httpx._main",  # the command line of httpx, with click and rich
        "importlib.metadata",
        "pydantic",  # its models; its core reads requests
        "pydantic_core",  # the package; what is compiled is loaded alone
        "shared.cloud.ess",
        "unittest",
        "xml.etree.ElementTree",  # one element is read from SMQ's answers
    }
)
"""Not needed by the events below. httpx itself brings certifi, pathlib and email."""
VALIDATION = frozenset({"shared.events.core", "shared.events.request"})
LOOK_UP = frozenset({"shared.backends.lookup", "shared.cloud.ecs", "shared.backends.rules"})


class Budget(NamedTuple):
    """What one event may cost in a fresh process; ``calls`` are exact, ``modules`` the most that may be loaded."""

    event: Any
    modules: int  # as counted under 3.12, without slack; 3.10 loads two or three less
    calls: dict[str, int]
    avoided: frozenset[str]
    function: str = "set_vpc_access"


LOOK = {"CloudAPI.DescribeVpcAccesses": 1}  # one page answers for name and target, and for any number of requests
WRITE = {"CloudAPI.SetVpcAccess": 1, "SMQ.PublishMessage": 1}
EACH = {"CloudAPI.SetVpcAccess": BATCH, "SMQ.PublishMessage": BATCH}
MESSAGES = [json.dumps(request(Name=f"orders-{n}", InstanceId=f"i-bp1example{n:04}")) for n in range(BATCH)]

BUDGETS = [
    # of these httpx loads 109, the bare interpreter 23; the rest is ours and the worker's
    pytest.param(Budget(request(), 223, LOOK | WRITE, AVOIDED | LOOK_UP), id="request"),
    # the look is shared by all, so it stays one
    pytest.param(Budget(queue_event(*MESSAGES), 223, LOOK | EACH, AVOIDED | LOOK_UP), id="batch"),
    # policy is asked before the gateway is; the producer still gets an answer
    pytest.param(Budget(request(Port=22), 223, {"SMQ.PublishMessage": 1}, AVOIDED | LOOK_UP), id="refused-by-policy"),
    # announcements are read without pydantic's core; the look-up adds six modules to those of an ignored one
    pytest.param(
        Budget(state_change(), 225, {"ECS.DescribeInstances": 1} | LOOK | WRITE, AVOIDED | VALIDATION), id="ecs-notice"
    ),
    # nothing to do: no call at all
    pytest.param(Budget(state_change(state="Stopped"), 219, {}, AVOIDED | VALIDATION | LOOK_UP), id="ignored"),
]

GONE = request(Name="gone", InstanceId="i-bp1example0109", VpcAccessId="id-9", CreatedTime="2026-01-05T03:18:26Z")
THEIRS = request(Name="theirs", InstanceId="i-bp1example0108", VpcAccessId="id-8", CreatedTime="2026-01-05T03:18:26Z")
MARKS = [{"Key": "vpc-access-owner", "Value": "team-a"}, {"Key": "vpc-access-origin", "Value": "announced"}]
AUTHORIZING = frozenset({"shared.access.apply", "shared.access.batch", "shared.flow.authorize"})
THE_ENTRY = {"CloudAPI.DescribeVpcAccesses": 2}  # by its name and by its target
TOLD = {"SMQ.PublishMessage": 1}
PROOF = {"ECS.DescribeInstances": 4}  # itself, a dry run, some that live, it and those together
USE = {"CloudAPI.DescribeApisByVpcAccess": 1, "CloudAPI.DescribeBackendList": 1, "CloudAPI.DescribePlugins": 1}


def release(event: Any, modules: int, calls: dict[str, int]) -> Budget:
    """Return the budget of an event of the function that releases."""
    return Budget(event, modules, calls, AVOIDED | VALIDATION | AUTHORIZING, "release_vpc_access")


RELEASES = [
    # one look finds the entries of the instance, and each is sent
    pytest.param(
        release(
            state_change("i-bp1example0109", "Deleted"), 228, {"CloudAPI.DescribeVpcAccesses": 1, "SMQ.SendMessage": 1}
        ),
        id="schedule",
    ),
    # everything anew, who has the target right before the removal, and once more after it
    pytest.param(
        release(
            queue_event(schedule(GONE)),
            229,
            {"CloudAPI.DescribeVpcAccesses": 5, "CloudAPI.RemoveVpcAccess": 1, **PROOF, **USE, **TOLD},
        ),
        id="release",
    ),
    # what is not ours costs no further look
    pytest.param(release(queue_event(schedule(THEIRS)), 228, THE_ENTRY | TOLD), id="keep-foreign"),
    # nothing to do: no call at all
    pytest.param(release(state_change(state="Stopped"), 225, {}), id="release-ignored"),
]

SWEEPS = [
    # each list once, whoever is not in one by its id and with proof, and what somebody who asks for the target would cost
    pytest.param(
        Budget(
            {"triggerTime": "2026-01-05T05:00:00Z", "triggerName": "reconcile", "payload": "60"},
            235,
            {
                "CloudAPI.DescribeVpcAccesses": 2,
                "ECS.DescribeInstances": 6,  # the last one just before the creation
                "SLB.DescribeLoadBalancers": 1,
                "SMQ.SendMessage": 1,
                **USE,
                **WRITE,
            },
            AVOIDED | VALIDATION,
            "reconcile_vpc_access",
        ),
        id="sweep",
    ),
    # what is not its timer is none of its business
    pytest.param(Budget(state_change(), 231, {}, AVOIDED | VALIDATION, "reconcile_vpc_access"), id="sweep-ignored"),
]


@pytest.fixture
def seeded(cloud: Served) -> Served:
    """A served stand-in with the instance and the topic that the events are about."""
    instance = {"InstanceId": "i-bp1example0001", "VpcId": VPC, "Tags": {"apigateway-port": "8080"}}
    topic = {"TopicName": SETTINGS["RESULT_TOPIC"], "Subscriptions": {"to-results": "results"}}
    entries = [{**GONE, "Tag": MARKS}, THEIRS]
    queues = ["results", SETTINGS["RELEASE_QUEUE"]]
    seed(cloud.app, {"instances": [instance], "queues": queues, "topics": [topic], "vpc_accesses": entries})
    cloud.world.journal.clear()
    return cloud


def loaded(package: Package, cloud: Served, event: Path, function: str) -> set[str]:
    """Hand the event to a fresh process of the package and return the modules that it has loaded after its answer."""
    job = {"index": function, "events": [str(event)], "warm_up": 1, "measured": 0}
    local = {name: cloud.endpoint if name.endswith("_ENDPOINT") else value for name, value in SETTINGS.items()}
    key = {
        "ALIBABA_CLOUD_ACCESS_KEY_ID": TEMPORARY.access_key_id,
        "ALIBABA_CLOUD_ACCESS_KEY_SECRET": TEMPORARY.access_key_secret,
        "ALIBABA_CLOUD_SECURITY_TOKEN": TEMPORARY.security_token,
    }
    done = subprocess.run(
        [interpreters.find(package.version), "-I", "-S", "-B", WORKER, json.dumps(job), package.folder],
        env=local | key,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return set(json.loads(done.stdout.rstrip().rpartition("\n")[2])["modules"])


@pytest.mark.parametrize("budget", BUDGETS + RELEASES + SWEEPS)
def test_event_keeps_its_budget(budget: Budget, package: Package, seeded: Served, tmp_path: Path) -> None:
    """A cold start loads no more than the event needs, and an event makes no more calls than being sure needs."""
    event = tmp_path / "event.json"
    event.write_text(json.dumps(budget.event), encoding="utf-8")
    modules = loaded(package, seeded, event, budget.function)
    assert sorted(modules & budget.avoided) == []
    assert Counter(entry.operation for entry in seeded.world.journal()) == budget.calls
    assert len(modules) <= budget.modules, sorted(modules)
