"""End to end: the built zip on its real runtime, behind the template's triggers, with the role's rights alone."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from functions._operator import interpreters
from functions._operator.build import Package
from tests.cloud.fixtures import Served
from tests.cloud.seeds import seed
from tests.deployed import Deployed, deploy, template
from tests.invoking import request, state_change

EVENTS = Path(__file__).resolve().parents[2] / "events"

pytestmark = pytest.mark.enable_socket


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
    ("instance_id", "ended", "mode", "told", "left"),
    [
        pytest.param("i-bp1gone0001", None, "apply", ("vpcaccess.released", None), 0, id="instance"),
        pytest.param(
            "lb-bp1gone0001",
            EVENTS / "slb" / "delete-load-balancer.json",
            "report",
            ("vpcaccess.kept", "ReportOnly"),
            1,
            id="load-balancer",
        ),
    ],
)
def test_end_of_a_backend_releases_its_entry(
    cloud: Served, package: Package, instance_id: str, ended: Path | None, mode: str, told: tuple[str, str], left: int
) -> None:
    """The end of a backend schedules, the queue brings it back, and only with ReleaseMode=apply the entry is removed."""
    deployed = deploy(cloud, package, template(ReleaseMode=mode, ReleaseDelaySeconds=1))
    tags = [{"Key": "vpc-access-owner", "Value": "team-a"}, {"Key": "vpc-access-origin", "Value": "announced"}]
    seed(cloud.app, {"vpc_accesses": [request(Name="gone", InstanceId=instance_id, Tag=tags)]})
    if ended is None:
        deployed.fc.ecs_state_change(instance_id, "Deleted")
    else:
        text = ended.read_text(encoding="utf-8").replace("lb-bp1example0001", instance_id)
        deployed.fc.put_event(json.loads(text))
    (result,) = deployed.results(1)
    names = [entry["Name"] for entry in cloud.products["CloudAPI"].state()["vpc_accesses"]]
    assert (result["type"], result["data"].get("ReasonCode")) == told
    assert names.count("gone") == left


def test_invented_end_on_the_request_queue_removes_nothing(cloud: Served, package: Package) -> None:
    """Who may only send requests cannot have anything released: the end of a backend is ignored there."""
    deployed = deploy(cloud, package, template(ReleaseMode="apply", ReleaseDelaySeconds=0))
    tags = [{"Key": "vpc-access-owner", "Value": "team-a"}, {"Key": "vpc-access-origin", "Value": "announced"}]
    seed(cloud.app, {"vpc_accesses": [request(Name="gone", InstanceId="i-bp1gone0001", Tag=tags)]})
    smq = cloud.products["SMQ"]
    smq.send("set-vpc-access-requests", json.dumps(state_change("i-bp1gone0001", "Deleted")))
    smq.send("set-vpc-access-requests", json.dumps(request(Name="after-it")))
    deployed.results(1)
    names = {entry["Name"] for entry in cloud.products["CloudAPI"].state()["vpc_accesses"]}
    assert names == {"gone", "after-it"}
    assert smq.receive("set-vpc-access-releases", 1) == []


@pytest.mark.parametrize("name", ["set_vpc_access", "release_vpc_access"])
def test_runtime_is_the_real_one(deployed: Deployed, name: str) -> None:
    """The code runs on the Python version that it was built for, from the zip's bytecode."""
    key = {"set_vpc_access": "set-vpc-access", "release_vpc_access": "set-vpc-access-release"}[name]
    deployed.fc.invoke(key, json.dumps(request()).encode())
    function = deployed.fc.function(key)
    assert interpreters.version_of(Path(function.config.runtime)) == deployed.package.version
    tag = f"cpython-{deployed.package.version.replace('.', '')}.pyc"
    compiled = {path.name for path in function.code_directory.glob("__pycache__/*")}
    assert f"{name}.{tag}" in compiled
