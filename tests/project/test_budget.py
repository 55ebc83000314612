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
from shared.events.naming import naming_message
from shared.model.records import Hint
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
OF_NAMES = frozenset(
    {"shared.access.naming", "shared.backends.naming", "shared.events.naming", "shared.flow.moves", "shared.flow.named"}
)
"""Not needed where no backend carries the tag of names, even if tags may claim some."""
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
        Budget(state_change(), 225, {"ECS.DescribeInstances": 1} | LOOK | WRITE, AVOIDED | VALIDATION | OF_NAMES),
        id="ecs-notice",
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
            237,
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
    pytest.param(Budget(state_change(), 233, {}, AVOIDED | VALIDATION, "reconcile_vpc_access"), id="sweep-ignored"),
]


NAMED_MARKS = [{"Key": "vpc-access-owner", "Value": "team-a"}, {"Key": "vpc-access-origin", "Value": "named"}]
NAMED = request(Name="carts-prod", InstanceId="i-bp1named0001", VpcAccessId="id-7", CreatedTime="2026-01-05T03:18:26Z")
ENDED, NEXT, FIRST = (
    {"InstanceId": f"i-bp1named000{n}", "VpcId": VPC, "Tags": {"apigateway-port": "8080", "apigateway-name": name}}
    for n, name in enumerate(("carts-prod", "carts-prod", "carts-new"), 1)
)
NAMED_WORLD = {
    "instances": [{**ENDED, "Status": "Stopped"}, NEXT, FIRST],
    "vpc_accesses": [{**NAMED, "Tag": NAMED_MARKS}],
}


def names(name: str, modules: int, calls: dict[str, int]) -> Budget:
    """Return the budget of a message that has a name looked at."""
    event = queue_event(naming_message(Hint(name, "cn-hangzhou", "test")))
    avoided = AVOIDED - {"shared.cloud.ess", "shared.flow.hooks"} | VALIDATION  # groups and hooks are its business
    return Budget(event, modules, calls, avoided, "named_backends")


CANDIDATES = {"ECS.DescribeInstances": 1, "ESS.DescribeScalingInstances": 1}
NAMES = [
    # its entry, who carries the tag, what opens the best of them; then, as before every creation, name and target once more
    pytest.param(names("carts-new", 239, {"CloudAPI.DescribeVpcAccesses": 4} | CANDIDATES | WRITE), id="name-made"),
    # the same, who uses it, a message to ourselves, a last look at entry and instances, then the change and one look after it
    pytest.param(
        names(
            "carts-prod",
            239,
            {
                **CANDIDATES,
                **TOLD,
                "CloudAPI.DescribeVpcAccesses": 4,
                "CloudAPI.DescribeApisByVpcAccess": 1,
                "CloudAPI.ModifyVpcAccessAndUpdateApis": 1,
                "CloudAPI.DescribeUpdateVpcInfoTask": 1,  # APIs may follow that no list shows
                "ECS.DescribeInstances": 2,
                "SMQ.SendMessage": 1,
            },
        ),
        id="name-moved",
    ),
    # nothing carries the tag, so it is asked whether we may look at all
    pytest.param(
        names("carts-none", 240, {"CloudAPI.DescribeVpcAccesses": 1, "ECS.DescribeInstances": 2}), id="name-of-nobody"
    ),
]


@pytest.fixture
def seeded(cloud: Served) -> Served:
    """A served stand-in with the instance and the topic that the events are about."""
    instance = {"InstanceId": "i-bp1example0001", "VpcId": VPC, "Tags": {"apigateway-port": "8080"}}
    topic = {"TopicName": SETTINGS["RESULT_TOPIC"], "Subscriptions": {"to-results": "results"}}
    entries = [{**GONE, "Tag": MARKS}, THEIRS]
    queues = ["results", SETTINGS["RELEASE_QUEUE"], SETTINGS["NAMES_QUEUE"]]
    seed(cloud.app, {"instances": [instance], "queues": queues, "topics": [topic], "vpc_accesses": entries})
    cloud.world.journal.clear()
    return cloud


def loaded(package: Package, cloud: Served, event: Path, function: str) -> set[str]:
    """Hand the event to a fresh process of the package and return the modules that it has loaded after its answer."""
    job = {"index": function, "events": [str(event)], "warm_up": 1, "measured": 0}
    allowed = {"ALLOWED_NAMES": f"{VPC}:carts-*"} if function in ("named_backends", "set_vpc_access") else {}
    local = {name: cloud.endpoint if name.endswith("_ENDPOINT") else value for name, value in SETTINGS.items()}
    key = {
        "ALIBABA_CLOUD_ACCESS_KEY_ID": TEMPORARY.access_key_id,
        "ALIBABA_CLOUD_ACCESS_KEY_SECRET": TEMPORARY.access_key_secret,
        "ALIBABA_CLOUD_SECURITY_TOKEN": TEMPORARY.security_token,
    }
    done = subprocess.run(
        [interpreters.find(package.version), "-I", "-S", "-B", WORKER, json.dumps(job), package.folder],
        env=local | key | allowed,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return set(json.loads(done.stdout.rstrip().rpartition("\n")[2])["modules"])


@pytest.mark.parametrize("budget", BUDGETS + RELEASES + SWEEPS + NAMES)
def test_event_keeps_its_budget(budget: Budget, package: Package, seeded: Served, tmp_path: Path) -> None:
    """A cold start loads no more than the event needs, and an event makes no more calls than being sure needs."""
    event = tmp_path / "event.json"
    event.write_text(json.dumps(budget.event), encoding="utf-8")
    if budget.function == "named_backends":
        seed(seeded.app, NAMED_WORLD)
    modules = loaded(package, seeded, event, budget.function)
    assert sorted(modules & budget.avoided) == []
    assert Counter(entry.operation for entry in seeded.world.journal()) == budget.calls
    assert len(modules) <= budget.modules, sorted(modules)
