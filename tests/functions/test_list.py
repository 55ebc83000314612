"""``python -m functions list`` on the stand-in: what it shows of each authorization, and that it guesses nothing."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest
from click.testing import CliRunner, Result

from functions.__main__ import main
from tests.cloud.fixtures import TEMPORARY, Served
from tests.cloud.seeds import permit, seed
from tests.invoking import VPC, operator_environment, request
from tests.running import on_a_terminal

pytestmark = pytest.mark.enable_socket

GATEWAY = "api-shared-vpc-001"
VALIDATE, DESCRIBE = "CloudAPI.ValidateVpcConnectivity", "ECS.DescribeInstances"
ALIVE, GONE, BALANCER, GONE_BALANCER = "i-bp1example0001", "i-bp1example0002", "lb-bp1example0001", "lb-bp1example0002"
API = {"ApiId": "551877242a4b4f3a84a56b7c3570e4a7", "VpcName": "alive"}


def _tags(owner: str, origin: str = "announced") -> list[dict[str, str]]:
    return [{"Key": "vpc-access-owner", "Value": owner}, {"Key": "vpc-access-origin", "Value": origin}]


@pytest.fixture
def served(cloud: Served) -> Served:
    """A served stand-in with an entry of each kind, and an API in two stages that uses one of them."""
    entries = [
        request(Name="alive", InstanceId=ALIVE, Tag=_tags("team-a")),
        request(Name="gone", InstanceId=GONE, Tag=_tags("team-a", "requested")),
        request(Name="balancer", InstanceId=BALANCER, Tag=_tags("team-a")),
        request(Name="gone-balancer", InstanceId=GONE_BALANCER, Tag=_tags("team-b")),
        request(Name="address", InstanceId="10.0.0.7", Tag=None),
    ]
    world = {
        "instances": [{"InstanceId": ALIVE, "VpcId": VPC}],
        "load_balancers": [{"LoadBalancerId": BALANCER, "VpcId": VPC}],
        "vpc_accesses": entries,
        "apis": [API, {**API, "StageName": "TEST"}],
    }
    seed(cloud.app, world)
    return cloud


def run(cloud: Served, *arguments: str, **changes: str) -> Result:
    """Run the command."""
    environment = {**operator_environment(cloud), "COLUMNS": "200", **changes}
    return CliRunner().invoke(main, ["list", *arguments], env=environment)


def listed(cloud: Served, *arguments: str) -> dict[str, dict[str, Any]]:
    """Return what the command prints as JSON, by name."""
    done = run(cloud, "--json", *arguments)
    assert done.exit_code == 0, done.output
    return {entry["Name"]: entry for entry in json.loads(done.stdout)}


def test_everything_is_listed(served: Served) -> None:
    """Each entry has its target, marks and id; whether it lives is proven or unknown; APIs count once, whatever the stage."""
    found = listed(served)

    assert {name: entry["State"] for name, entry in found.items()} == {
        "address": "unknown",
        "alive": "alive",
        "balancer": "alive",
        "gone": "gone",
        "gone-balancer": "gone",
    }
    assert [found[name]["Apis"] for name in ("alive", "gone")] == [1, 0]
    assert [found[name]["Owner"] for name in ("alive", "gone-balancer", "address")] == ["team-a", "team-b", None]
    assert found["gone"]["Origin"] == "requested"
    assert "Connected" not in found["alive"]
    (entry,) = (entry for entry in served.products["CloudAPI"].state()["vpc_accesses"] if entry["Name"] == "alive")
    assert {name: found["alive"][name] for name in ("VpcId", "InstanceId", "Port", "VpcAccessId", "CreatedTime")} == {
        name: entry[name] for name in ("VpcId", "InstanceId", "Port", "VpcAccessId", "CreatedTime")
    }


@pytest.mark.parametrize(
    ("arguments", "names"),
    [
        pytest.param(["--owner", "team-b"], {"gone-balancer"}, id="owner"),
        pytest.param(["--owner", "nobody"], set(), id="none"),
        pytest.param(["--foreign"], {"address", "gone-balancer"}, id="foreign"),
        pytest.param(["--stale"], {"gone"}, id="stale"),
    ],
)
def test_a_choice_is_what_is_asked_about(served: Served, arguments: list[str], names: set[str]) -> None:
    """An owner, what is foreign or what is stale can be chosen, and nobody is asked who uses the others."""
    assert set(listed(served, *arguments)) == names
    assert len(served.world.journal("CloudAPI.DescribeApisByVpcAccess")) == len(names)


def test_two_choices_are_wrong_usage(served: Served) -> None:
    """What contradicts itself is not guessed."""
    assert run(served, "--foreign", "--stale").exit_code == 64


def test_nothing_is_cut_at_80_columns(served: Served) -> None:
    """At 80 columns each name, target and id is whole in a line, and no line is longer."""
    lines = run(served, COLUMNS="80").stdout.splitlines()

    for entry in served.products["CloudAPI"].state()["vpc_accesses"]:
        target = f"{entry['InstanceId']}:{entry['Port']} in {entry['VpcId']}"
        for text in (entry["Name"], target, entry["VpcAccessId"]):
            assert any(text in line for line in lines), text
    assert max(map(len, lines)) <= 80


@pytest.mark.parametrize(
    ("connectivity", "rules", "found"),
    [
        pytest.param("open", [], {"alive": True, "address": False}, id="open"),
        pytest.param("closed", [], {"alive": False, "address": False}, id="closed"),
        pytest.param(
            "open",
            [{"odd": "missing-key", "key": "Connected"}],
            {"alive": None, "address": None},
            id="undocumented",
        ),
    ],
)
def test_connectivity_is_asked_for_each(
    served: Served, connectivity: str, rules: list[dict[str, Any]], found: dict[str, bool | None]
) -> None:
    """The gateway's own answer is shown as it is, and one that no page documents is unknown."""
    served.world.switches = served.world.switches.with_values(connectivity=connectivity)
    served.faults.set([{"operation": VALIDATE, **rule} for rule in rules])
    shown = listed(served, "--connectivity", GATEWAY)

    assert {name: shown[name]["Connected"] for name in found} == found
    table = run(served, "--connectivity", GATEWAY).stdout
    assert {True: "yes", False: "no", None: "unknown"}[found["alive"]] in table


@pytest.mark.parametrize(
    ("operation", "denied", "unknown"),
    [
        pytest.param(DESCRIBE, "ecs:DescribeInstances", ("State", "unknown", {"alive", "gone"}), id="life"),
        pytest.param(
            "CloudAPI.DescribeApisByVpcAccess",
            "apigateway:DescribeApisByVpcAccess",
            ("Apis", None, {"alive", "gone", "balancer", "gone-balancer", "address"}),
            id="use",
        ),
        pytest.param(
            VALIDATE,
            "apigateway:ValidateVpcConnectivity",
            ("Connected", None, {"alive", "gone", "balancer", "gone-balancer", "address"}),
            id="connectivity",
        ),
    ],
)
def test_a_missing_permission_leaves_unknown(
    served: Served, operation: str, denied: str, unknown: tuple[str, Any, set[str]]
) -> None:
    """What may not be asked is unknown, said once, not asked for each again, and the exit code is that of an error."""
    served.world.add_credential(replace(TEMPORARY, denied=frozenset({denied})))
    done = run(served, "--json", "--connectivity", GATEWAY, CONCURRENCY="1")
    field, value, names = unknown

    assert done.exit_code == 1, done.output
    assert {entry["Name"] for entry in json.loads(done.stdout) if entry[field] == value} >= names
    assert done.stderr.count("not everything is known") == 1
    assert denied in done.stderr
    assert len(served.world.journal(operation)) <= 2


def test_what_is_hidden_is_not_called_gone(served: Served) -> None:
    """Where a policy hides every instance nothing is proven, so nothing is called gone, and --stale says what it leaves out."""
    seed(served.app, {"instances": [{"InstanceId": GONE, "VpcId": VPC}]})
    served.world.add_credential(replace(TEMPORARY, unseen=frozenset({ALIVE, GONE})))
    done = run(served, "--json", "--stale")

    assert json.loads(done.stdout) == []
    assert "2 of ours are not shown" in done.stderr


def test_a_terminal_sees_that_something_goes_on(served: Served) -> None:
    """On a terminal each question to many has a bar, and what it shows at 80 columns is not wider."""
    code, shown = on_a_terminal(["list"], operator_environment(served))

    assert code == 0
    assert "looking up backends" in shown
    assert "asking who uses them" in shown
    assert "gone-balancer" in shown


def test_one_call_for_a_hundred_instances(served: Served) -> None:
    """Instances are looked up by the hundred, and who uses more than a hundred entries is asked only if that is wanted."""
    ids = [f"i-bp1many{number:05}" for number in range(250)]
    seed(
        served.app,
        {
            "instances": [{"InstanceId": item, "VpcId": VPC} for item in ids],
            "vpc_accesses": [request(Name=item, InstanceId=item, Tag=_tags("team-c")) for item in ids],
        },
    )
    done = run(served, "--json", "--owner", "team-c")
    found = json.loads(done.stdout)

    assert (len(found), {entry["State"] for entry in found}) == (250, {"alive"})
    assert len(served.world.journal(DESCRIBE)) == 3
    assert "Apis" not in found[0]
    assert "who uses 250 authorizations was not asked" in done.stderr
    assert "250 authorizations: 250 alive" in done.stderr
    assert served.world.journal("CloudAPI.DescribeApisByVpcAccess") == []


def test_no_use_can_be_asked_for(served: Served) -> None:
    """With --no-used nobody is asked who uses an entry, and nothing is said about it."""
    done = run(served, "--no-used")

    assert "APIs" not in done.stdout
    assert "was not asked" not in done.stderr
    assert served.world.journal("CloudAPI.DescribeApisByVpcAccess") == []


@pytest.mark.parametrize(
    ("rule", "code"),
    [
        pytest.param({"status": 503, "code": "ServiceUnavailable", "nth": 1}, 0, id="tried-again"),
        pytest.param({"odd": "no-list"}, 4, id="not-readable"),
    ],
)
def test_half_a_list_is_no_list(served: Served, rule: dict[str, Any], code: int) -> None:
    """Where the gateway's list cannot be read as a whole nothing is shown, with the code for what can succeed later."""
    served.faults.set([{"operation": "CloudAPI.DescribeVpcAccesses", **rule}])
    done = run(served, "--json")

    assert (done.exit_code, bool(done.stdout)) == (code, code == 0)


NAME, STANDBY, PENDING, TAKEN = "orders-prod", "i-bp1example0003", "i-bp1example0004", "i-bp1example0005"
ALLOWED = {"ALLOWED_NAMES": f"{VPC}:orders-*"}


def _claims(instance_id: str, **changes: Any) -> dict[str, Any]:
    tags = {"apigateway-port": "8080", "apigateway-name": NAME}
    return {"InstanceId": instance_id, "VpcId": VPC, "Tags": tags, **changes}


@pytest.fixture
def named(served: Served) -> Served:
    """The same, and a name that moves: its target is stopped, one stands by, and two may not have it. And one of others."""
    target, *others = "i-bp1example0009", STANDBY, PENDING, TAKEN
    world = {
        "instances": [_claims(target, Status="Stopped"), *map(_claims, others)],
        "scaling_instances": [{"InstanceId": PENDING, "ScalingGroupId": "asg-1", "LifecycleState": "Pending"}],
        "vpc_accesses": [
            request(Name=NAME, InstanceId=target, Tag=_tags("team-a", "named")),
            request(Name="its-own", InstanceId=TAKEN, Tag=_tags("team-a")),
            request(Name="orders-of-others", InstanceId=ALIVE, Port=8443, Tag=_tags("team-b", "named")),
        ],
    }
    seed(served.app, world)
    return served


def test_a_name_is_listed_with_its_candidates(named: Served) -> None:
    """In its row a name has its target, who stands by, and who may not have it; other entries have nothing there."""
    (shown,) = (line for line in run(named, COLUMNS="300", **ALLOWED).stdout.splitlines() if "→" in line)
    not_ready = f"{PENDING} (Pending), {TAKEN} (TargetTaken)"

    assert shown.endswith(f"{NAME} → i-bp1example0009 stopped · standby {STANDBY} · not {not_ready}")


def test_candidates_are_told_to_programs(named: Served) -> None:
    """JSON has each with its states and what keeps it from having the name."""
    done = run(named, "--json", **ALLOWED)
    entries = {entry["Name"]: entry for entry in json.loads(done.stdout)}

    assert [
        tuple(one[key] for key in ("InstanceId", "Status", "LifecycleState", "Ready", "ReasonCode"))
        for one in entries[NAME]["Candidates"]
    ] == [
        (STANDBY, "Running", None, True, None),
        (PENDING, "Running", "Pending", False, None),
        (TAKEN, "Running", None, False, "TargetTaken"),
    ]
    assert [name for name, entry in entries.items() if "Candidates" in entry] == [NAME]


def test_candidates_that_cannot_be_seen_are_unknown(named: Served) -> None:
    """Without the permission to look into scaling groups nobody is called a candidate, and what is missing is said."""
    permit(named.world, {"denied": ["ess:DescribeScalingInstances"]})
    done = run(named, "--json", **ALLOWED)

    assert next(entry for entry in json.loads(done.stdout) if entry["Name"] == NAME)["Candidates"] is None
    assert "ess:DescribeScalingInstances" in done.stderr
    assert done.exit_code == 1


@pytest.mark.parametrize(
    ("arguments", "changes"),
    [
        pytest.param((), {}, id="no-names-allowed"),
        pytest.param((), {**ALLOWED, "NAMED_BACKENDS": "off"}, id="off"),
        pytest.param(("--foreign",), ALLOWED, id="none-of-ours-shown"),
        pytest.param(("--stale",), ALLOWED, id="a-stopped-target-is-not-gone"),
    ],
)
def test_where_no_name_is_shown_nobody_is_asked_for_candidates(
    named: Served, arguments: tuple[str, ...], changes: dict[str, str]
) -> None:
    """It costs no call: scaling groups are not looked at."""
    done = run(named, *arguments, **changes)

    assert done.exit_code == 0, done.output
    assert "→" not in done.stdout
    assert named.world.journal("ESS.DescribeScalingInstances") == []
