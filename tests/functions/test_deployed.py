"""End to end: the built zip on its real runtime, behind the template's triggers, with the role's rights alone."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from functions._operator import interpreters
from functions._operator.build import Package
from shared.events.naming import naming_message
from shared.model.records import Hint
from tests.cloud.fixtures import Served
from tests.cloud.seeds import seed
from tests.deployed import FUNCTIONS, Deployed, deploy, template
from tests.invoking import request

EVENTS = Path(__file__).resolve().parents[2] / "events"

AT_ONCE = {"BackgroundCallsPerSecond": 40, "ReleaseDelaySeconds": 1}  # its own 4 would be waited for, call by call

pytestmark = [pytest.mark.enable_socket, pytest.mark.no_cover]  # what is measured does not run in this process


def test_request_from_the_queue_is_authorized(deployed: Deployed) -> None:
    """A request on the request queue ends in an authorization and its id on the result topic."""
    deployed.cloud.products["SMQ"].send("set-vpc-access-requests", json.dumps(request()))
    (result,) = deployed.results(1)
    entry = deployed.cloud.products["CloudAPI"].state()["vpc_accesses"][-1]
    assert result["type"] == "vpcaccess.authorized"
    assert result["data"]["VpcAccessId"] == entry["VpcAccessId"]


def test_started_instance_is_authorized(deployed: Deployed) -> None:
    """An instance that starts with the port tag is authorized without anybody asking."""
    deployed.fc.ecs_state_change("i-bp1example0001")
    (result,) = deployed.results(1)
    assert (result["type"], result["data"]["InstanceId"]) == ("vpcaccess.authorized", "i-bp1example0001")


def test_created_load_balancer_is_authorized(deployed: Deployed) -> None:
    """A classic load balancer with the port tag is authorized once ActionTrail tells that it was made."""
    deployed.fc.put_event(json.loads((EVENTS / "slb" / "create-load-balancer.json").read_text(encoding="utf-8")))
    (result,) = deployed.results(1)
    assert (result["type"], result["data"]["InstanceId"]) == ("vpcaccess.authorized", "lb-bp1example0001")


def test_hook_in_its_queue_is_served(deployed: Deployed) -> None:
    """A lifecycle hook that names the queue of hooks has its instances authorized."""
    event = json.loads((EVENTS / "ess" / "hook-via-queue.json").read_text(encoding="utf-8"))
    deployed.cloud.products["SMQ"].send("set-vpc-access-hooks", event[0]["data"]["messageBody"])
    results = deployed.results(3)
    assert {result["type"] for result in results} == {"vpcaccess.authorized"}


def test_bad_request_is_rejected_and_the_batch_goes_on(deployed: Deployed) -> None:
    """One bad message costs no other message its answer, and nothing ends in the dead letters."""
    smq = deployed.cloud.products["SMQ"]
    for body in ("not JSON", json.dumps(request()), json.dumps(request(Name="shut", Port=22))):
        smq.send("set-vpc-access-requests", body)
    outcomes = sorted(result["type"] for result in deployed.results(3))
    assert outcomes == ["vpcaccess.authorized", "vpcaccess.refused", "vpcaccess.rejected"]
    assert smq.receive("set-vpc-access-dead-letters", 1) == []


@pytest.mark.parametrize(
    ("event", "mode", "told", "name", "left"),
    [
        pytest.param(
            "deleted.json", "apply", ("vpcaccess.released", None), "team-a-i-bp1gone0001-8080", False, id="instance"
        ),
        pytest.param(
            "balancer-deleted.json",
            "report",
            ("vpcaccess.kept", "ReportOnly"),
            "team-a-lb-bp1gone0001-80",
            True,
            id="load-balancer",
        ),
    ],
)
def test_end_of_a_backend_releases_its_entry(
    cloud: Served, package: Package, event: str, mode: str, told: tuple[str, str], name: str, left: bool
) -> None:
    """The end of a backend schedules, the queue brings it back, and only with ReleaseMode=apply the entry is removed."""
    deployed = deploy(cloud, package, template(**AT_ONCE, ReleaseMode=mode))
    deployed.fc.put_event(json.loads((EVENTS / "release" / event).read_text(encoding="utf-8")))
    (result,) = deployed.results(1)
    assert (result["type"], result["data"].get("ReasonCode"), result["data"]["Name"]) == (*told, name)
    assert (name in deployed.names()) == left


def test_invented_end_on_the_request_queue_removes_nothing(cloud: Served, package: Package) -> None:
    """Who may only send requests cannot have anything released: the end of a backend is ignored there."""
    deployed = deploy(cloud, package, template(ReleaseMode="apply", ReleaseDelaySeconds=0))
    before, smq = deployed.names(), cloud.products["SMQ"]
    smq.send("set-vpc-access-requests", (EVENTS / "release" / "deleted.json").read_text(encoding="utf-8"))
    smq.send("set-vpc-access-requests", json.dumps(request(Name="after-it")))
    deployed.results(1)
    assert deployed.names() == before | {"after-it"}
    assert smq.receive("set-vpc-access-releases", 1) == []


def test_sweep_opens_and_releases_what_no_event_told(cloud: Served, package: Package) -> None:
    """The timer's function opens what is tagged and schedules what is gone; the function that releases does the rest."""
    deployed = deploy(cloud, package, template(**AT_ONCE, ReconcileMode="apply", ReleaseMode="apply"))
    before = deployed.names()
    deployed.fc.fire_timer("reconcile")
    results = deployed.results(13)
    names = {
        kind: {result["data"]["Name"] for result in results if result["type"] == f"vpcaccess.{kind}"}
        for kind in ("authorized", "released")
    }
    assert {kind: len(found) for kind, found in names.items()} == {"authorized": 8, "released": 5}
    assert {result["data"]["Source"] for result in results if result["type"] == "vpcaccess.authorized"} == {"reconcile"}
    assert deployed.names() == (before | names["authorized"]) - names["released"]


def test_sweep_only_tells_unless_asked(deployed: Deployed) -> None:
    """By default the role may not write, and the sweep does not try: it tells what it would do."""
    before = deployed.names()
    event = (EVENTS / "reconcile" / "timer.json").read_bytes()
    summary = json.loads(deployed.fc.invoke("set-vpc-access-reconcile", event).body)
    assert {(line["outcome"], line["reason"].partition(":")[0]) for line in summary["results"]} == {
        ("planned", word) for word in ("create", "name", "release", "in use", "drift", "refused", "stays")
    }
    assert deployed.names() == before
    assert not [
        entry for entry in deployed.cloud.world.journal() if entry.write and entry.operation != "FC.InvokeFunction"
    ]


def test_name_moves_to_the_instance_that_stands_by(cloud: Served, package: Package) -> None:
    """A tagged instance gets its name, and when it has stopped the name and its API go to the other one that carries it."""
    deployed = deploy(cloud, package, template(**AT_ONCE, NamedBackends="apply"))
    tags = {"apigateway-port": "8080", "apigateway-name": "carts-prod"}
    first, second = ({"InstanceId": f"i-bp1named000{n}", "VpcId": "vpc-bp1example0001", "Tags": tags} for n in (1, 2))
    seed(cloud.app, {"instances": [first]})
    deployed.fc.ecs_state_change("i-bp1named0001")
    (made,) = deployed.results(1)
    assert (made["type"], made["data"]["InstanceId"]) == ("vpcaccess.authorized", "i-bp1named0001")

    seed(cloud.app, {"instances": [{**first, "Status": "Stopped"}, second]})
    seed(cloud.app, {"apis": [{"ApiId": "551877242a4b4f3a84a56b7c3570e4a7", "VpcName": "carts-prod"}]})
    deployed.fc.ecs_state_change("i-bp1named0001", "Stopped")
    (moved,) = deployed.results(1)
    assert (moved["type"], moved["data"]["InstanceId"]) == ("vpcaccess.replaced", "i-bp1named0002")
    assert moved["data"]["VpcAccessId"] == made["data"]["VpcAccessId"]


def test_names_are_only_planned_unless_asked(deployed: Deployed) -> None:
    """By default the role may not make or move a name, and the function does not try."""
    tags = {"apigateway-port": "8080", "apigateway-name": "carts-prod"}
    instance = {"InstanceId": "i-bp1named0001", "VpcId": "vpc-bp1example0001", "Tags": tags}
    seed(deployed.cloud.app, {"instances": [instance]})
    body = naming_message(Hint("carts-prod", "cn-hangzhou", "test", "i-bp1named0001"))
    answer = json.loads(deployed.fc.invoke("set-vpc-access-names", body.encode()).body)
    assert [line["outcome"] for line in answer["results"]] == ["planned"]
    assert "carts-prod" not in deployed.names()


@pytest.mark.parametrize("name", FUNCTIONS)
def test_runtime_is_the_real_one(deployed: Deployed, name: str) -> None:
    """The code runs on the Python version that it was built for, from the zip's bytecode."""
    key = deployed.stack.properties(FUNCTIONS[name].function)["FunctionName"]
    deployed.fc.invoke(key, json.dumps(request()).encode())
    function = deployed.fc.function(key)
    assert interpreters.version_of(Path(function.config.runtime)) == deployed.package.version
    tag = f"cpython-{deployed.package.version.replace('.', '')}.pyc"
    compiled = {path.name for path in function.code_directory.glob("__pycache__/*")}
    assert f"{name}.{tag}" in compiled
