"""The third function on the stand-in: a timer, everything read, one plan, creations and scheduled releases."""

from __future__ import annotations

from typing import Any

import pytest

from shared.clock import utc
from tests.cloud.seeds import remove
from tests.invoking import VPC, Answer, Invoker, request

TIMER = {"triggerTime": "2026-01-05T05:00:00Z", "triggerName": "reconcile", "payload": ""}
OURS = [{"Key": "vpc-access-owner", "Value": "team-a"}, {"Key": "vpc-access-origin", "Value": "announced"}]
HOUR = 3600.0
EARLIER = "2026-01-04T00:00:00Z"  # longer ago than a sweep tells of it again


def made_instance(number: int, **changes: Any) -> dict[str, Any]:
    """Return a running instance that asks for port 8080."""
    return {
        "InstanceId": f"i-bp1sweep{number:04}",
        "VpcId": VPC,
        "Tags": {"apigateway-port": "8080"},
        "PrivateIpAddress": f"172.16.{number // 250}.{number % 250}",
        **changes,
    }


def made_entry(number: int, **changes: Any) -> dict[str, Any]:
    """Return an entry of ours for such an instance."""
    instance = f"i-bp1sweep{number:04}"
    return request(
        Name=f"team-a-{instance}-8080", InstanceId=instance, **{"Tag": OURS, "CreatedTime": EARLIER, **changes}
    )


def told(answer: Answer) -> list[tuple[str, str, str]]:
    """Return what a summary tells: outcome, reason and name of each line."""
    return [(line["outcome"], line.get("reason", ""), line.get("name", "")) for line in answer.results]


def closing(sweeping: Invoker) -> dict[str, Any]:
    """Return the line that ends the last sweep."""
    ends = ("sweep completed", "sweep incomplete")
    return [line for line in sweeping.lines() if line["event"] in ends][-1]


def test_what_is_tagged_and_missing_is_authorized(sweeping: Invoker) -> None:
    """The first sweep opens every running instance that is tagged, whatever events told, and the next finds nothing to do."""
    stopped = made_instance(3, Status="Stopped")
    balancer = {
        "LoadBalancerId": "lb-bp1sweep1",
        "VpcId": VPC,
        "ListenerPorts": [80],
        "Tags": {"apigateway-port": "listener"},
    }
    sweeping.given(instances=[made_instance(1), made_instance(2), stopped], load_balancers=[balancer])
    first, second = sweeping(TIMER), sweeping(TIMER)

    names = ["team-a-i-bp1sweep0001-8080", "team-a-i-bp1sweep0002-8080", "team-a-lb-bp1sweep1-80"]
    assert told(first) == [("authorized", "", name) for name in names]
    assert told(second) == []
    results = {message["id"]: message["data"]["Name"] for message in sweeping.messages()}
    assert sorted(results.values()) == names  # the second tells of them again, under the same ids
    assert {tuple(tag.values()) for tag in sweeping.accesses()[0]["Tags"]["TagInfo"]} == {
        tuple(tag.values()) for tag in OURS
    }


def test_a_count_of_names_is_not_taken_for_a_name(sweeping: Invoker) -> None:
    """In each line ``name`` is that of an entry: a search for it, or for its field, finds no count of a sweep."""
    tags = {"apigateway-port": "8080", "apigateway-name": "orders-prod"}
    sweeping.given(instances=[made_instance(1, Tags=tags)])
    sweeping.configure(ALLOWED_NAMES=f"{VPC}:orders-*")
    sweeping(TIMER)

    (done,) = [line for line in sweeping.lines() if line["event"] == "sweep completed"]
    assert (done.get("name"), done.get("names")) == (None, 1)


def test_a_name_that_cannot_be_handed_on_is_told(sweeping: Invoker) -> None:
    """The sweep goes on with what else there is, and its next run hands the name on."""
    tags = {"apigateway-port": "8080", "apigateway-name": "orders-prod"}
    sweeping.given(instances=[made_instance(1, Tags=tags), made_instance(2)])
    sweeping.configure(ALLOWED_NAMES=f"{VPC}:orders-*")
    sweeping.given(permissions=[{"denied": ["mns:SendMessage"]}])
    first = sweeping(TIMER)
    sweeping.given(permissions=[{"denied": []}])
    second = sweeping(TIMER)

    name = "team-a-i-bp1sweep0002-8080"
    (failed,) = [line for line in first.results if line["outcome"] == "failed"]
    assert ("authorized", "", name) in told(first)
    assert "mns:SendMessage" in failed["text"]
    assert told(second) == [("scheduled", "Named", "orders-prod")]


def test_what_is_gone_is_scheduled_and_released(sweeping: Invoker, releasing: Invoker) -> None:
    """An entry of ours whose instance is proven to be gone goes through the release queue, and is checked there."""
    sweeping.given(instances=[made_instance(1)], entries=[made_entry(1), made_entry(2), made_entry(3, Tag=OURS[:1])])
    answer = sweeping(TIMER)

    assert told(answer) == [
        ("scheduled", "", "team-a-i-bp1sweep0002-8080"),
        ("planned", "stays: NotAnnounced", "team-a-i-bp1sweep0003-8080"),
    ]
    assert releasing.due(HOUR).result["outcome"] == "released"
    assert [entry["Name"] for entry in sweeping.accesses()] == [
        "team-a-i-bp1sweep0001-8080",
        "team-a-i-bp1sweep0003-8080",
    ]


@pytest.mark.parametrize("mode", ["plan", "off"])
def test_nothing_is_done_unless_it_is_switched_on(sweeping: Invoker, mode: str) -> None:
    """By default a sweep only tells what it would do."""
    sweeping.configure(RECONCILE_MODE=mode)
    sweeping.given(instances=[made_instance(1)], entries=[made_entry(2)])
    answer = sweeping(TIMER)

    assert [entry["Name"] for entry in sweeping.accesses()] == ["team-a-i-bp1sweep0002-8080"]
    assert "SMQ.SendMessage" not in sweeping.calls()
    planned = [
        ("planned", "create", "team-a-i-bp1sweep0001-8080"),
        ("planned", "release", "team-a-i-bp1sweep0002-8080"),
    ]
    assert told(answer) == (planned if mode == "plan" else [("ignored", "reconcile-off", "reconcile")])


@pytest.mark.parametrize(
    ("kind", "change"),
    [
        pytest.param("instances", {"Status": "Stopped"}, id="stopped"),
        pytest.param("instances", {"Tags": {}}, id="untagged"),
        pytest.param("instances", {"Tags": {"apigateway-port": "8081"}}, id="another-port"),
        pytest.param("instances", None, id="deleted"),
        pytest.param("load_balancers", {"LoadBalancerStatus": "inactive"}, id="balancer-stopped"),
        pytest.param("load_balancers", {"Tags": {}}, id="balancer-untagged"),
        pytest.param("load_balancers", None, id="balancer-deleted"),
    ],
)
def test_what_changes_between_plan_and_creation_is_not_opened(
    sweeping: Invoker, kind: str, change: dict[str, Any] | None
) -> None:
    """The plan can be minutes old when its turn comes: what does not run or ask for it by then stays closed."""
    balancer = {"LoadBalancerId": "lb-bp1sweep1", "VpcId": VPC, "Tags": {"apigateway-port": "8080"}}
    first, others = (made_instance(1), [made_instance(2)]) if kind == "instances" else (balancer, [])
    sweeping.given(**{"instances": [made_instance(2)], kind: [first, *others]})
    identity = first.get("InstanceId") or first["LoadBalancerId"]

    def change_once(operation: str) -> None:
        if operation == "DescribeLoadBalancers" and len(sweeping.calls("SLB.DescribeLoadBalancers")) == 1:
            remove(sweeping.served.app, {kind: [identity]})
            sweeping.given(**{kind: [] if change is None else [first | change]})

    sweeping.after = change_once
    answer = sweeping(TIMER)

    assert [entry["InstanceId"] for entry in sweeping.accesses()] == ["i-bp1sweep0002"]
    assert ("ignored", "changed-meanwhile", f"team-a-{identity}-8080") in told(answer)


@pytest.mark.parametrize("code", ["NoPermission", "UnheardOf"])
def test_a_second_look_that_fails_opens_nothing(sweeping: Invoker, code: str) -> None:
    """If it cannot be seen whether they still ask for it, nothing is opened, each is told, and the next sweep goes on."""
    fault = {"operation": "ECS.DescribeInstances", "nth": 2, "status": 403, "code": code}
    sweeping.given(instances=[made_instance(1)], faults=[fault])
    first, second = sweeping(TIMER), sweeping(TIMER)

    assert [outcome for outcome, _, _ in told(first)] == ["failed"]
    assert [outcome for outcome, _, _ in told(second)] == ["authorized"]


def test_off_is_off_in_a_dry_run_too(sweeping: Invoker) -> None:
    """With RECONCILE_MODE=off nothing is looked at, whatever DRY_RUN says."""
    sweeping.configure(RECONCILE_MODE="off", DRY_RUN="true")
    sweeping.given(instances=[made_instance(1)])

    assert told(sweeping(TIMER)) == [("ignored", "reconcile-off", "reconcile")]
    assert sweeping.calls() == []


def test_too_many_to_be_true_are_held_back(sweeping: Invoker) -> None:
    """More ends than the breaker allows schedule nothing at all, and a line for the alarm says so."""
    sweeping.given(instances=[made_instance(1)], entries=[made_entry(number) for number in range(1, 13)])
    answer = sweeping(TIMER)

    assert [line["reason"] for line in answer.results] == ["held back: TooMany"] * 11
    assert "SMQ.SendMessage" not in sweeping.calls()
    (line,) = [line for line in sweeping.lines() if line["event"] == "sweep held back"]
    assert line["releases"] == 11


@pytest.mark.parametrize(
    "lost",
    [
        pytest.param("ecs:DescribeInstances", id="instances"),
        pytest.param("slb:DescribeLoadBalancers", id="balancers"),
        pytest.param("apigateway:DescribePlugins", id="users"),
    ],
)
def test_a_part_of_the_view_schedules_nothing(sweeping: Invoker, lost: str) -> None:
    """Without one of its permissions a sweep says what it could not see, and takes nothing for gone."""
    sweeping.given(instances=[made_instance(1)], entries=[made_entry(2)], permissions=[{"denied": [lost]}])
    sweeping(TIMER)

    assert "SMQ.SendMessage" not in sweeping.calls()
    (line,) = [line for line in sweeping.lines() if line["event"] == "sweep incomplete"]
    assert lost in " ".join(line["problems"])


def test_asking_who_uses_what_is_gone_leaves_time_for_what_is_missing(sweeping: Invoker) -> None:
    """However many are gone, what is missing is made in the same sweep, and a line says what there was no time for."""
    sweeping.configure(MAX_CALLS_PER_SECOND="4", RELEASE_MAX_PER_RUN="10000")
    gone = [made_entry(number) for number in range(100, 400)]
    sweeping.given(instances=[made_instance(number) for number in range(1, 31)], entries=gone)
    answer = sweeping(TIMER, timeout=60.0)

    assert sum(outcome == "authorized" for outcome, _, _ in told(answer)) == 30
    (line,) = [line for line in sweeping.lines() if line["event"] == "sweep incomplete"]
    assert (line["held_back"], line["left"]) == (300, 0)
    assert "no time to ask who uses 300 authorizations" in line["problems"][0]


def test_dead_and_in_use_is_told(sweeping: Invoker) -> None:
    """An API that points to a backend that is gone keeps its entry, and is told."""
    sweeping.given(
        instances=[made_instance(1)],
        entries=[made_entry(2)],
        apis=[{"ApiId": "551877242a4b4f3a84a56b7c3570e4a7", "VpcName": "team-a-i-bp1sweep0002-8080"}],
    )
    assert told(sweeping(TIMER))[1:] == [("planned", "in use", "team-a-i-bp1sweep0002-8080")]
    (line,) = [line for line in sweeping.lines() if line["event"] == "dead and in use"]
    assert "API orders" in line["text"]


def test_more_than_a_listing_by_tag_can_have_are_found(sweeping: Invoker) -> None:
    """Beyond 1,000 tagged instances their tags are listed, and then the instances by their ids."""
    sweeping.given(instances=[made_instance(number) for number in range(1, 1_203)])
    answer = sweeping(TIMER, timeout=600.0)

    assert len(answer.results) == len(sweeping.accesses()) == 1_202


@pytest.mark.parametrize(
    ("fault", "said"),
    [
        pytest.param(
            {"operation": "ECS.ListTagResources", "status": 403, "code": "Forbidden.RAM"},
            "Allow the RAM action ecs:ListTagResources",
            id="no-right-to-list-tags",
        ),
        pytest.param(
            {"operation": "ECS.DescribeInstances", "from": 11, "status": 400, "code": "InvalidInstanceIds.Malformed"},
            "InvalidInstanceIds.Malformed",
            id="their-ids-are-refused",
        ),
    ],
)
def test_more_than_a_listing_by_tag_can_have_are_seen_or_it_is_told(
    sweeping: Invoker, fault: dict[str, Any], said: str
) -> None:
    """Whatever refuses the rest beyond the first 1,000, the sweep says so and authorizes none of a list that is cut."""
    sweeping.given(instances=[made_instance(number) for number in range(1, 1_002)], faults=[fault])
    answer = sweeping(TIMER, timeout=600.0)

    assert said in str([*answer.results, *(line.get("problems") for line in sweeping.lines())])
    assert sweeping.accesses() == []


@pytest.mark.parametrize(
    ("payload", "minutes", "origin", "mode", "again"),
    [
        pytest.param("60", 0, "announced", "apply", True, id="just-made"),
        pytest.param("60", 120, "announced", "apply", True, id="two-sweeps-ago"),
        pytest.param("60", 131, "announced", "apply", False, id="three-sweeps-ago"),
        pytest.param("15", 39, "announced", "apply", True, id="often"),
        pytest.param("15", 41, "announced", "apply", False, id="often-and-three-ago"),
        pytest.param("1440", 2_880, "announced", "apply", True, id="once-a-day"),
        pytest.param("9999", 2_891, "announced", "apply", False, id="more-than-a-day-is-a-day"),
        pytest.param("0", 120, "announced", "apply", True, id="no-minutes"),
        pytest.param("nonsense", 120, "announced", "apply", True, id="nonsense"),
        pytest.param("60", 0, "requested", "apply", False, id="requested"),
        pytest.param("60", 0, "announced", "plan", False, id="plan"),
    ],
)
def test_what_was_made_lately_is_told_again(
    sweeping: Invoker, payload: str, minutes: int, origin: str, mode: str, again: bool
) -> None:
    """An entry of ours for an announced backend is told by the next two sweeps, too: the one that made it may have died."""
    made = utc(sweeping.clock.now() - 60 * minutes)
    tags = [OURS[0], {"Key": "vpc-access-origin", "Value": origin}]
    sweeping.given(instances=[made_instance(1)], entries=[made_entry(1, Tag=tags, CreatedTime=made)])
    sweeping.configure(RECONCILE_MODE=mode)
    answer = sweeping({**TIMER, "payload": payload})

    assert told(answer) == []
    assert [message["type"] for message in sweeping.messages()] == ["vpcaccess.unchanged"] * again


@pytest.mark.parametrize("instance", ["10.0.0.1", "alb-bp1other1"])
def test_what_no_backend_announced_is_not_told_again(sweeping: Invoker, instance: str) -> None:
    """An entry that somebody made with our marks for an address costs nobody else a result."""
    now = utc(sweeping.clock.now())
    entries = [{**made_entry(number), "CreatedTime": now} for number in (1, 2)]
    sweeping.given(instances=[made_instance(1)], entries=[entries[0], {**entries[1], "InstanceId": instance}])

    assert told(sweeping(TIMER)) == []
    assert [message["data"]["Name"] for message in sweeping.messages()] == [entries[0]["Name"]]
