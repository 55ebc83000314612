"""The control surface and the command line: what a program that is not a test drives the stand-in with."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import urllib.request
from pathlib import Path
from typing import Any

import pytest
from werkzeug.test import Client

from tests.cloud.asking import Asker
from tests.cloud.core import Credential, ServiceError
from tests.cloud.ecs import Instance
from tests.cloud.fixtures import PERMANENT, TEMPORARY, Served
from tests.cloud.signed import V3
from tests.cloud.slb import LoadBalancer
from tests.patience import PATIENCE

ROOT = Path(__file__).parents[2]
ENTRY: dict[str, object] = {"Name": "web", "VpcId": "vpc-1", "InstanceId": "i-1", "Port": 80}
RULE = {"id": "lost", "operation": "CloudAPI.SetVpcAccess", "nth": 1, "status": 500, "code": "InternalError"}


def _control(cloud: Served, method: str, route: str, body: Any = None) -> tuple[int, Any]:
    answer = Client(cloud.app).open(f"/_cloud/{route}", method=method, data=json.dumps(body) if body else b"")
    return answer.status_code, json.loads(answer.get_data())


def test_faults_are_set_reported_and_dropped(inner_cloud: Served) -> None:
    """The document goes in, hits come out, and nothing is left after DELETE."""
    assert _control(inner_cloud, "PUT", "faults", [RULE])[0] == 200
    assert _control(inner_cloud, "GET", "faults")[1]["unfired"] == ["lost"]
    assert Asker(inner_cloud.app)("SetVpcAccess", **ENTRY)[0] == 500
    report = {"rules": [{**RULE, "seen": 1, "hits": 1}], "unfired": []}
    assert _control(inner_cloud, "GET", "faults") == (200, report)
    _control(inner_cloud, "DELETE", "faults")
    assert _control(inner_cloud, "GET", "faults")[1]["rules"] == []


def test_state_and_requests_tell_what_is_and_was(inner_cloud: Served) -> None:
    """State shows each product's objects, requests each call in order."""
    ask = Asker(inner_cloud.app)
    ask("SetVpcAccess", **ENTRY)
    ask("SetVpcAccess", **ENTRY)
    _status, state = _control(inner_cloud, "GET", "state")
    (entry,) = state["products"]["CloudAPI"]["vpc_accesses"]
    assert (entry["Name"], entry["Port"], state["switches"]["duplicate"]) == ("web", 80, "error")
    assert {"CloudAPI", "ECS", "SLB", "ESS", "SMQ", "FC"} <= set(state["products"])
    _status, requests = _control(inner_cloud, "GET", "requests")
    assert [(r["operation"], r["status"], r["code"], r["write"]) for r in requests] == [
        ("CloudAPI.SetVpcAccess", 200, "", True),
        ("CloudAPI.SetVpcAccess", 400, "DuplicateName", True),
    ]


def test_reset_forgets_what_happened_but_not_who_may_call(inner_cloud: Served) -> None:
    """State, journal and faults are empty again; keys still work."""
    ask = Asker(inner_cloud.app)
    ask("SetVpcAccess", **ENTRY)
    inner_cloud.products["SMQ"].create_queue("q")
    inner_cloud.faults.add(**RULE)
    assert _control(inner_cloud, "POST", "reset") == (200, None)
    assert _control(inner_cloud, "GET", "requests")[1] == []
    assert inner_cloud.faults.report() == []
    with pytest.raises(ServiceError, match="QueueNotExist"):
        inner_cloud.products["SMQ"].send("q", "x")
    assert ask("SetVpcAccess", **ENTRY)[0] == 200


def test_the_clock_can_be_moved(inner_cloud: Served) -> None:
    """Advancing and skewing move the server's time; a skewed server finds good dates expired."""
    before = inner_cloud.world.clock.now()
    assert _control(inner_cloud, "POST", "clock", {"advance": 60})[1] == {"now": before + 60}
    now = inner_cloud.world.clock.now()
    assert _control(inner_cloud, "POST", "clock", {"skew": 901})[1] == {"now": now + 901}
    honest = V3("DescribeVpcAccesses", {}, PERMANENT, now).sign()
    answer = Client(inner_cloud.app).open(**honest.for_werkzeug())
    assert json.loads(answer.get_data())["Code"] == "InvalidTimeStamp.Expired"
    assert _control(inner_cloud, "POST", "clock", {"speed": 2})[0] == 400


def test_switches_and_seeds_go_in_as_json(inner_cloud: Served) -> None:
    """What is open and what is there can be set from outside."""
    assert _control(inner_cloud, "PUT", "switches", {"duplicate": "overwrite"})[1]["duplicate"] == "overwrite"
    document = {
        "credentials": [{"access_key_id": "test-k", "access_key_secret": "s", "denied": ["apigateway:SetVpcAccess"]}],
        "permissions": [{"access_key_id": "test-k", "unseen": ["i-1"]}],
        "instances": [{"InstanceId": "i-1", "VpcId": "vpc-1", "Tags": {"apigateway-port": "80"}}],
        "load_balancers": [{"LoadBalancerId": "lb-1", "VpcId": "vpc-1"}],
        "hooks": [{"LifecycleHookId": "ash-1", "LifecycleActionToken": "t", "InstanceIds": ["i-1"]}],
        "vpc_accesses": [{**ENTRY, "VpcAccessId": "seeded", "Tag": [{"Key": "k", "Value": "v"}]}],
        "apis": [{"ApiId": "a-1", "VpcName": "web"}],
        "backends": [{"BackendId": "b-1"}],
        "plugins": [{"PluginId": "p-1", "PluginData": "routes: []"}],
        "queues": ["requests", {"QueueName": "later", "DelaySeconds": 3600, "VisibilityTimeout": 720}],
        "topics": [{"TopicName": "results", "Subscriptions": {"all": "results-q"}}],
    }
    assert _control(inner_cloud, "POST", "seed", document) == (200, {**dict.fromkeys(document, 1), "queues": 2})
    key = Credential("test-k", "s")
    assert Asker(inner_cloud.app, key)("SetVpcAccess", **ENTRY)[1]["Code"] == "NoPermission"
    assert inner_cloud.world.credentials["test-k"].unseen == {"i-1"}
    (entry,) = Asker(inner_cloud.app)("DescribeVpcAccesses")[1]["VpcAccessAttributes"]["VpcAccessAttribute"]
    assert (entry["VpcAccessId"], entry["Tags"]["TagInfo"]) == ("seeded", [{"Key": "k", "Value": "v"}])
    state = _control(inner_cloud, "GET", "state")[1]["products"]["CloudAPI"]
    assert [len(state[kind]) for kind in ("apis", "backends", "plugins")] == [1, 1, 1]
    smq = inner_cloud.products["SMQ"]
    assert smq.queue("later").attributes["DelaySeconds"] == 3600
    smq.publish("results", "hello")
    assert [message.body for message in smq.receive("results-q")] == ["hello"]


def test_what_was_seeded_can_go_again(inner_cloud: Served) -> None:
    """Instances are released, load balancers deleted, APIs taken offline …: by ids, entries by names."""
    document: dict[str, Any] = {
        "instances": [{"InstanceId": "i-1"}],
        "load_balancers": [{"LoadBalancerId": "lb-1"}],
        "vpc_accesses": [ENTRY],
        "apis": [{"ApiId": "a-1", "VpcName": "web"}, {"ApiId": "a-1", "VpcName": "web", "StageName": "TEST"}],
        "backends": [{"BackendId": "b-1"}],
        "plugins": [{"PluginId": "p-1"}],
    }
    _control(inner_cloud, "POST", "seed", document)
    gone = {"instances": ["i-1"], "load_balancers": ["lb-1"], "vpc_accesses": ["web"]}
    gone |= {"apis": ["a-1"], "backends": ["b-1"], "plugins": ["p-1"]}
    assert _control(inner_cloud, "POST", "remove", gone) == (200, dict.fromkeys(gone, 1))
    state = _control(inner_cloud, "GET", "state")[1]["products"]
    assert [state[name] for name in ("ECS", "SLB")] == [{"instances": []}, {"load_balancers": []}]
    assert set(map(len, state["CloudAPI"].values())) == {0}
    for kind, ids in gone.items():
        status, answer = _control(inner_cloud, "POST", "remove", {kind: ids})
        assert (status, ids[0] in answer["error"] or "NotFoundVpcAccess" in answer["error"]) == (400, True)


def _sees(cloud: Served, key: Credential) -> tuple[list[str], int]:
    """Return the instances and tagged load balancers that a key sees, and the status of its look-up of one."""
    listed = Asker(cloud.app, key, "2014-05-26")("DescribeInstances", RegionId="cn-hangzhou")[1]
    slb = Asker(cloud.app, key, "2014-05-15")
    status = slb("DescribeLoadBalancerAttribute", LoadBalancerId="lb-1")[0]
    tags = slb("ListTagResources", RegionId="cn-hangzhou", ResourceType="instance", ResourceId_1="lb-1")[1]
    seen = [instance["InstanceId"] for instance in listed["Instances"]["Instance"]]
    return seen + [tag["ResourceId"] for tag in tags.get("TagResources", {}).get("TagResource", [])], status


def test_permissions_change_while_it_runs(inner_cloud: Served) -> None:
    """Rights of one key or of all are changed from outside; what is not named stays as it was."""
    inner_cloud.products["ECS"].seed(Instance("i-1", "vpc-1"), Instance("i-2", "vpc-1"))
    inner_cloud.products["SLB"].seed(LoadBalancer("lb-1", "vpc-1", tags=(("k", "v"),)))
    change = {"access_key_id": PERMANENT.access_key_id, "unseen": ["i-1", "lb-1"]}
    assert _control(inner_cloud, "PUT", "permissions", change)[1] == {"access_key_ids": [PERMANENT.access_key_id]}
    assert (_sees(inner_cloud, PERMANENT), _sees(inner_cloud, TEMPORARY)) == (
        (["i-2"], 403),
        (["i-1", "i-2", "lb-1"], 200),
    )

    ids = [PERMANENT.access_key_id, TEMPORARY.access_key_id]
    denied = {"denied": ["ecs:DescribeInstances"]}
    assert _control(inner_cloud, "PUT", "permissions", denied)[1] == {"access_key_ids": ids}
    assert (_sees(inner_cloud, PERMANENT), _sees(inner_cloud, TEMPORARY)) == (([], 403), (["lb-1"], 200))

    allowed: dict[str, Any] = {"denied": [], "unseen": [], "allowed": ["ecs:DescribeInstances"]}
    _control(inner_cloud, "PUT", "permissions", allowed)
    assert _sees(inner_cloud, PERMANENT) == (["i-1", "i-2"], 403)
    _control(inner_cloud, "PUT", "permissions", {"allowed": None})
    assert _sees(inner_cloud, PERMANENT) == (["i-1", "i-2", "lb-1"], 200)


@pytest.mark.parametrize(
    ("method", "route", "body", "status", "reason"),
    [
        pytest.param("PUT", "permissions", {"access_key_id": "x"}, 400, "no key x; there are test-", id="unknown-key"),
        pytest.param("PUT", "permissions", {"hidden": []}, 400, "unknown right hidden; there are", id="unknown-right"),
        pytest.param("PUT", "permissions", {"denied": "x"}, 400, "denied is a list of texts", id="right-no-list"),
        pytest.param("PUT", "permissions", {"unseen": None}, 400, "unseen is a list of texts", id="right-null"),
        pytest.param("GET", "nowhere", None, 404, "GET /_cloud/state", id="unknown-route"),
        pytest.param("POST", "state", None, 404, "no such control route", id="wrong-method"),
        pytest.param("PUT", "faults", [{"operation": "x"}], 400, "unknown operation", id="bad-rule"),
        pytest.param("PUT", "switches", {"duplicate": "x"}, 400, "error or overwrite", id="bad-switch"),
        pytest.param("POST", "seed", {"ships": []}, 400, "unknown kind ships", id="unknown-kind"),
        pytest.param("POST", "seed", {"apis": [{"ApiId": "a", "Vpc": "x"}]}, 400, "unknown key Vpc", id="api-key"),
        pytest.param("POST", "seed", {"apis": [{}]}, 400, "api_id", id="api-without-id"),
        pytest.param("POST", "seed", {"plugins": [{}]}, 400, "PluginId", id="plug-in-without-id"),
        pytest.param("POST", "seed", {"queues": [{"QueueName": "q", "x": 1}]}, 400, "not an attribute", id="queue"),
        pytest.param("POST", "remove", {"hooks": ["a"]}, 400, "unknown kind hooks; there are apis", id="remove-kind"),
        pytest.param("POST", "seed", {"instances": [{}]}, 400, "InstanceId", id="seed-without-id"),
        pytest.param("POST", "seed", ["x"], 400, "unknown kind x", id="seed-list"),
    ],
)
def test_control_mistakes_say_what_is_wrong(
    inner_cloud: Served, method: str, route: str, body: Any, status: int, reason: str
) -> None:
    """A wrong route or document is refused with the reason and changes nothing."""
    answered, text = _control(inner_cloud, method, route, body)
    assert (answered, reason in text["error"]) == (status, True)


def _start(*arguments: str) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "tests.cloud", *arguments]
    return subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


@pytest.mark.enable_socket
def test_the_command_serves_until_told_to_stop(tmp_path: Path) -> None:
    """One JSON line when ready, state and fault hits over HTTP, where it differs on stderr, exit 0 on SIGTERM."""
    (tmp_path / "faults.json").write_text(json.dumps([RULE]))
    (tmp_path / "seed.json").write_text(json.dumps({"instances": [{"InstanceId": "i-1"}]}))
    options = ["--faults", str(tmp_path / "faults.json"), "--seed", str(tmp_path / "seed.json")]
    with _start(
        "--port", "0", *options, "--switch", "duplicate=overwrite", "--access-key-secret", "made-up"
    ) as process:
        assert process.stdout
        assert process.stderr
        ready = json.loads(process.stdout.readline())
        assert ready["access_key_secret"] == "made-up"
        assert set(ready) >= {"endpoint", "account_id", "region_id", "access_key_id", "security_token"}
        with urllib.request.urlopen(f"{ready['endpoint']}/_cloud/state", timeout=PATIENCE) as answer:
            state = json.load(answer)
        with urllib.request.urlopen(f"{ready['endpoint']}/_cloud/faults", timeout=PATIENCE) as answer:
            faults = json.load(answer)
        process.send_signal(signal.SIGTERM)
        rest, differences = process.communicate(timeout=PATIENCE)
    assert (process.returncode, rest) == (0, "")
    assert state["products"]["ECS"]["instances"][0]["InstanceId"] == "i-1"
    assert state["switches"]["duplicate"] == "overwrite"
    assert faults["unfired"] == ["lost"]
    assert differences == f"to look at: {ready['endpoint']}/_cloud/   where it differs: tests/cloud/README.md\n"


@pytest.mark.enable_socket
@pytest.mark.parametrize("command", [pytest.param([], id="cloud"), pytest.param(["up"], id="up")])
def test_a_port_that_is_taken_is_named(cloud: Served, command: list[str]) -> None:
    """Who starts a second one is told in one line how to have both."""
    port = cloud.endpoint.rpartition(":")[2]
    with _start(*command, "--port", port) as process:
        out, err = process.communicate(timeout=PATIENCE)
    said = f"Error: port {port} cannot be had (Address already in use): take another, as with make up PORT=8900\n"
    assert (process.returncode, out, err) == (1, "", said)


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        pytest.param(["--host", "0.0.0.0"], "loopback", id="host"),
        pytest.param(["--switch", "duplicate=x"], "error or overwrite", id="switch"),
        pytest.param(["--switch", "duplicate"], "NAME=VALUE", id="switch-without-value"),
        pytest.param(["--faults", "bad.json"], "unknown operation", id="faults"),
        pytest.param(["--seed", "bad.json"], "unknown kind", id="seed"),
    ],
)
@pytest.mark.enable_socket
def test_the_command_refuses_what_it_cannot_serve(tmp_path: Path, arguments: list[str], reason: str) -> None:
    """A wrong option ends with its reason in one line and no traceback."""
    document = [{"operation": "x"}] if "--faults" in arguments else {"ships": []}
    (tmp_path / "bad.json").write_text(json.dumps(document))
    arguments = [str(tmp_path / "bad.json") if item == "bad.json" else item for item in arguments]
    with _start("--port", "0", *arguments) as process:
        out, err = process.communicate(timeout=PATIENCE)
    assert process.returncode == 1
    assert out == ""
    assert reason in err
    assert "Traceback" not in err
