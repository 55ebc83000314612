"""Announced backends: what decides without a call, what a tag stands for, and how long a slow look-up is waited for."""

import json
from typing import Any
from urllib.parse import parse_qsl

import httpx
import pytest

from shared import settings
from shared.backends.rules import Unresolved, resolve, without_asking, worth_waiting
from shared.clock import Clock, Deadline
from shared.cloud.pace import Pace
from shared.cloud.session import Session
from shared.cloud.signing import Credentials
from shared.cloud.slb import Slb
from shared.cloud.transport import Transport
from shared.errors import Doubtful
from shared.model.backend import Backend
from shared.model.outcome import FAILED, REFUSED, REJECTED
from shared.model.records import Appeared, Ignored
from tests.cloud.core import Credential
from tests.invoking import SETTINGS, VPC, Invoker, request, state_change

LOADED = settings.load(SETTINGS)
LOOK_UP = "ECS.DescribeInstances"
INSTANCE, BALANCER = "i-bp1example0001", "lb-bp1example0001"


def _notice(kind: str = "ecs", instance_id: str = INSTANCE, **fields: Any) -> Appeared:
    return Appeared(kind, instance_id, **fields)


def _backend(port: str | None, kind: str = "ecs", **fields: Any) -> Backend:
    tags = {} if port is None else {"apigateway-port": port}
    return Backend(**{"instance_id": BALANCER if kind == "slb" else INSTANCE, "vpc_id": VPC, "tags": tags, **fields})


@pytest.mark.parametrize(
    ("notice", "reason"),
    [
        pytest.param(_notice(account_id="6543210987654321"), "foreign-account", id="foreign-account"),
        pytest.param(_notice(region_id="cn-shanghai"), "foreign-region", id="foreign-region"),
        pytest.param(_notice(instance_id="eci-bp1example0001"), "not-a-backend", id="container-group"),
        pytest.param(_notice(instance_id="AY130111111111111111"), "not-a-backend", id="id-of-an-unknown-form"),
        pytest.param(_notice(instance_id="i-bp1 example"), "NotABackend", id="malformed-id"),
        pytest.param(_notice(instance_id="i-"), "NotABackend", id="prefix-only"),
        pytest.param(_notice(instance_id="i-169.254.169.254"), "NotABackend", id="address-behind-the-prefix"),
        pytest.param(_notice(instance_id="i-:::"), "NotABackend", id="colons-behind-the-prefix"),
        pytest.param(_notice("slb", "alb-bp1example0001"), "not-a-backend", id="application-load-balancer"),
        pytest.param(_notice("slb", INSTANCE), "not-a-backend", id="instance-for-balancer"),
        pytest.param(_notice(account_id="1234567890123456", region_id="cn-hangzhou"), "", id="ours"),
        pytest.param(_notice(), "", id="says-nothing"),
    ],
)
def test_what_a_notice_decides_by_itself(notice: Appeared, reason: str) -> None:
    """Foreign accounts and regions, other things than backends and malformed ids need no look-up."""
    answer = without_asking(notice, LOADED)

    assert (answer.reason if answer else "") == reason


def test_without_an_account_of_its_own_the_function_takes_notices_of_any() -> None:
    """Outside Function Compute nobody may have said which account is ours."""
    unknown = settings.load({name: value for name, value in SETTINGS.items() if name != "FC_ACCOUNT_ID"})

    assert without_asking(_notice(account_id="6543210987654321"), unknown) is None


@pytest.mark.parametrize(
    ("notice", "words"),
    [
        pytest.param(_notice(account_id="1"), f"{INSTANCE} is of account 1, not 1234567890123456", id="account"),
        pytest.param(_notice(region_id="cn-x"), f"{INSTANCE} is in cn-x, not cn-hangzhou", id="region"),
        pytest.param(
            _notice(instance_id="eci-1"), "'eci-1' is not an ECS instance, whose ids begin with 'i-'", id="ecs"
        ),
        pytest.param(
            _notice("slb", "alb-1"), "'alb-1' is not a classic load balancer, whose ids begin with 'lb-'", id="slb"
        ),
        pytest.param(_notice(instance_id="i-"), "'i-' is not a well-formed id of an ECS instance", id="malformed"),
    ],
)
def test_what_a_notice_decides_is_said_with_what_was_expected(notice: Appeared, words: str) -> None:
    """The text shows the value, and what stands there for notices that are ours."""
    answer = without_asking(notice, LOADED)

    assert answer is not None
    assert answer.text.startswith(words)


@pytest.mark.parametrize(
    ("kind", "tag", "fields", "ports"),
    [
        pytest.param("ecs", "8080", {}, [8080], id="one"),
        pytest.param("ecs", " 80 , 443,80", {}, [80, 443], id="list-with-a-repeat"),
        pytest.param("ecs", "1,65535,00080", {}, [1, 65_535, 80], id="first-last-and-zeros"),
        pytest.param("ecs", ",".join(map(str, range(1, 21))), {}, list(range(1, 21)), id="as-many-as-there-may-be"),
        pytest.param("slb", "8080", {"listener_ports": (80,)}, [8080], id="balancer-by-tag"),
        pytest.param("slb", "listener", {"listener_ports": (80, 443, 80)}, [80, 443], id="balancer-by-listener"),
    ],
)
def test_ports_come_from_the_tag(kind: str, tag: str, fields: dict[str, Any], ports: list[int]) -> None:
    """Each port of the tag, or of the listeners it points to, is one request with a name of its own."""
    backend = _backend(tag, kind, **fields)
    answer = resolve(_notice(kind, backend.instance_id), backend, LOADED)

    assert not isinstance(answer, (Ignored, Unresolved))
    assert [access.port for access in answer] == ports
    assert [access.name for access in answer] == [f"team-a-{backend.instance_id}-{port}" for port in ports]


@pytest.mark.parametrize(
    ("kind", "backend", "early", "outcome", "reason"),
    [
        pytest.param("ecs", None, False, FAILED, "InstanceNotFound", id="not-found"),
        pytest.param("ecs", None, True, "ignored", "not-yet", id="not-found-but-announced-again"),
        pytest.param("ecs", _backend(None), False, "ignored", "untagged", id="untagged"),
        pytest.param("slb", _backend(None, "slb"), False, "ignored", "still-untagged", id="balancer-still-untagged"),
        pytest.param("ecs", _backend("80", vpc_id="", classic=True), False, REFUSED, "ClassicNetwork", id="classic"),
        pytest.param("ecs", _backend("80", vpc_id=""), False, FAILED, "InstanceNotFound", id="vpc-not-known-yet"),
        pytest.param(
            "ecs", _backend("80", vpc_id=""), True, "ignored", "not-yet", id="vpc-not-known-yet-announced-again"
        ),
        pytest.param("ecs", _backend("listener"), False, REJECTED, "InvalidPortTag", id="instances-have-no-listener"),
        pytest.param("slb", _backend("listener", "slb"), False, FAILED, "NoListener", id="no-listener-yet"),
        pytest.param("slb", _backend("http", "slb"), False, REJECTED, "InvalidPortTag", id="balancer-with-a-word"),
        *(
            pytest.param("ecs", _backend(value), False, REJECTED, "InvalidPortTag", id=f"tag-{value[:12]!r}")
            for value in ("", "http", "0", "65536", "80;443", "80,", "８０", "-1", ",".join(map(str, range(1, 22))))
        ),
    ],
)
def test_why_there_is_no_request(kind: str, backend: Backend | None, outcome: str, reason: str, *, early: bool) -> None:
    """What cannot be resolved says why, and whether a redelivery can help."""
    answer = resolve(_notice(kind, BALANCER if kind == "slb" else INSTANCE, early=early), backend, LOADED)

    assert isinstance(answer, (Ignored, Unresolved))
    assert answer.reason == reason
    assert (answer.outcome if isinstance(answer, Unresolved) else "ignored") == outcome


def test_a_long_tag_is_shown_in_part() -> None:
    """Whoever writes a novel into the tag reads its beginning."""
    answer = resolve(_notice(), _backend("x" * 100), LOADED)

    assert isinstance(answer, Unresolved)
    assert f"is {'x' * 64!r}: give a port" in answer.text


@pytest.mark.parametrize(
    ("kind", "backend", "early", "again"),
    [
        pytest.param("ecs", None, False, True, id="not-found"),
        pytest.param("ecs", None, True, False, id="not-found-but-announced-again"),
        pytest.param("ecs", _backend("80"), False, False, id="complete"),
        pytest.param("ecs", _backend(None), False, False, id="untagged"),
        pytest.param("slb", _backend(None, "slb"), False, True, id="balancer-untagged"),
        pytest.param("ecs", _backend("80", vpc_id=""), False, True, id="vpc-not-known-yet"),
        pytest.param("ecs", _backend("80", vpc_id="", classic=True), False, False, id="classic"),
        pytest.param("ecs", _backend("listener"), False, False, id="instances-have-no-listener"),
        pytest.param("slb", _backend("80", "slb"), False, False, id="balancer-by-tag"),
        pytest.param("slb", _backend("listener", "slb"), False, True, id="no-listener-yet"),
        pytest.param("slb", _backend("listener", "slb", listener_ports=(80,)), False, False, id="balancer-by-listener"),
    ],
)
def test_what_a_moment_can_change_is_looked_up_again(
    kind: str, backend: Backend | None, *, early: bool, again: bool
) -> None:
    """Only what the product may not know yet is worth another look."""
    notice = _notice(kind, BALANCER if kind == "slb" else INSTANCE, early=early)

    assert worth_waiting(notice, backend, LOADED) == again


@pytest.mark.parametrize(
    ("kind", "looked_up"),
    [
        pytest.param("ecs", ("DescribeInstances", "ecs:DescribeInstances"), id="ecs"),
        pytest.param("slb", ("DescribeLoadBalancerAttribute", "slb:DescribeLoadBalancerAttribute"), id="slb"),
    ],
)
def test_what_is_not_found_names_the_call_and_its_permission(kind: str, looked_up: tuple[str, str]) -> None:
    """The operator reads where it was looked for, and which RAM action that takes."""
    answer = resolve(_notice(kind, BALANCER if kind == "slb" else INSTANCE), None, LOADED)

    assert isinstance(answer, Unresolved)
    assert f"not in the answer of {looked_up[0]}:" in answer.text
    assert answer.text.endswith(f"the RAM action {looked_up[1]}")


def _instances(invoke: Invoker, *numbers: int, **fields: Any) -> None:
    tagged = {"VpcId": VPC, "Tags": {"apigateway-port": "8080"}, **fields}
    invoke.given(instances=[{"InstanceId": f"i-bp1example{n:04}", **tagged} for n in numbers])


def test_a_batch_is_looked_up_in_one_call(invoke: Invoker) -> None:
    """A hundred announcements are one DescribeInstances with MaxResults, a hundred and one are two."""
    _instances(invoke, *range(101))
    events = [state_change(f"i-bp1example{n:04}") for n in range(101)]
    invoke(events[:100])
    assert len(invoke.calls(LOOK_UP)) == 1

    invoke(events)
    assert len(invoke.calls(LOOK_UP)) == 3
    sizes = [len(json.loads(entry.parameters["InstanceIds"])) for entry in invoke.served.world.journal(LOOK_UP)]
    assert sizes == [100, 100, 1]
    assert all(entry.parameters["MaxResults"] == "100" for entry in invoke.served.world.journal(LOOK_UP))


def test_only_what_is_missing_is_asked_again(invoke: Invoker) -> None:
    """Of a batch, the second look-up asks for the instances that the first did not know."""
    _instances(invoke, 1)
    _instances(invoke, 2, VisibleAfterReads=1)
    invoke([state_change("i-bp1example0001"), state_change("i-bp1example0002")])
    asked = [json.loads(entry.parameters["InstanceIds"]) for entry in invoke.served.world.journal(LOOK_UP)]

    assert asked == [["i-bp1example0001", "i-bp1example0002"], ["i-bp1example0002"]]
    assert invoke.slept[:1] == [1.0]
    assert len(invoke.accesses()) == 2


@pytest.mark.parametrize(
    ("timeout", "waits"),
    [
        pytest.param(60.0, [1.0, 2.0, 4.0, 8.0], id="plenty"),
        pytest.param(30.0, [1.0, 2.0, 4.0], id="a-third-of-28-s"),
        pytest.param(5.0, [1.0], id="a-third-of-3.75-s"),
        pytest.param(4.0, [1.0], id="a-third-of-3-s-is-just-enough"),
        pytest.param(3.0, [], id="hardly-any"),
    ],
)
def test_waiting_is_bounded_by_the_budget(invoke: Invoker, timeout: float, waits: list[float]) -> None:
    """An instance that never shows is waited for in growing steps, a third of the time at most, then raised."""
    answer = invoke(state_change("i-bp1example0099"), timeout=timeout)

    assert invoke.slept == waits
    assert [line["wait"] for line in invoke.lines() if line["event"] == "look-up again"] == waits
    assert answer.error is not None
    for cause in ("visible", "released", "region", "ecs:DescribeInstances"):
        assert cause in str(answer.error)


def test_a_missing_permission_looks_like_a_missing_instance(invoke: Invoker) -> None:
    """The API hides everything from a role without permission; the answer names that cause among the four."""
    _instances(invoke, 1)
    invoke.served.world.add_credential(
        Credential(
            "test-sts-key-id",
            "test-sts-key-secret",
            security_token="test-security-token",
            denied=frozenset({"ecs:DescribeInstances"}),
        )
    )
    answer = invoke(state_change("i-bp1example0001"))

    assert answer.error is not None
    assert "ecs:DescribeInstances" in str(answer.error)


def test_an_id_that_the_api_refuses_costs_only_itself(invoke: Invoker) -> None:
    """A refused look-up is repeated by halves until the culprit is alone; the others are authorized."""
    _instances(invoke, 1, 2, 3)
    refused = {"operation": LOOK_UP, "times": 3, "status": 400, "code": "InvalidInstanceId.Malformed"}
    invoke.given(faults=[refused])  # of all four, of the half with the culprit, of the culprit alone
    answer = invoke([state_change(f"i-bp1example{n:04}") for n in (9, 1, 2, 3)])

    assert [result["outcome"] for result in answer.results] == ["rejected", "authorized", "authorized", "authorized"]


@pytest.mark.parametrize(
    ("allowed", "tags", "said"),
    [
        pytest.param(f"{VPC}:orders-*", {"apigateway-name": "orders-a"}, "scheduled Named", id="claimed"),
        pytest.param(f"{VPC}:orders-*", {}, "authorized", id="stands-for-itself"),
        pytest.param("", {"apigateway-name": "orders-a"}, "authorized", id="nobody-allows-names"),
        pytest.param(f"{VPC}:orders-*", {"apigateway-name": "other"}, "refused NameNotAllowed", id="not-allowed"),
        pytest.param(
            f"{VPC}:orders-*",
            {"apigateway-name": "orders-a", "apigateway-port": "http"},
            "refused NameTagUnsupported",
            id="no-port",
        ),
    ],
)
def test_an_instance_that_claims_a_name_is_handed_on(
    invoke: Invoker, allowed: str, tags: dict[str, str], said: str
) -> None:
    """Where names are allowed, the tag says that the instance stands for one, and nothing is opened under a name of its own."""
    invoke.configure(ALLOWED_NAMES=allowed)
    _instances(invoke, 1, Tags={"apigateway-port": "8080", **tags})
    invoke(state_change())
    (line,) = [line for line in invoke.lines() if line["event"] == "record"]

    assert f"{line['outcome']} {line.get('reason', '')}".strip() == said
    assert line.get("name", "").startswith({"scheduled Named": "orders-a", "authorized": "team-a-"}.get(said, ""))
    assert len(invoke.accesses()) == (said == "authorized")


TAGS, ATTRIBUTE = "SLB.ListTagResources", "SLB.DescribeLoadBalancerAttribute"


def _created(number: int) -> dict[str, Any]:
    """Return ActionTrail's record of a new load balancer."""
    return {
        "eventId": f"F7393A43-6A4A-4409-AEDD-8B1C47DE{number:04}",
        "eventName": "CreateLoadBalancer",
        "eventTime": "2026-01-05T04:18:26Z",
        "serviceName": "Slb",
        "acsRegion": "cn-hangzhou",
        "referencedResources": {"ACS::SLB::LoadBalancer": [f"lb-bp1example{number:04}"]},
    }


def _balancers(invoke: Invoker, *numbers: int, **fields: Any) -> None:
    tagged = {"VpcId": VPC, "Tags": {"apigateway-port": "8080"}, **fields}
    invoke.given(load_balancers=[{"LoadBalancerId": f"lb-bp1example{n:04}", **tagged} for n in numbers])


def test_tags_are_asked_for_twenty_at_a_time(invoke: Invoker) -> None:
    """Twenty-one load balancers take two ListTagResources, and a description only where the tag is."""
    _balancers(invoke, *range(21))
    answer = invoke([_created(n) for n in range(21)])

    assert len(invoke.calls(TAGS)) == 2
    assert len(invoke.calls(ATTRIBUTE)) == 21
    assert answer.summary["counts"] == {"authorized": 21}


@pytest.mark.parametrize(
    ("event", "operation"),
    [pytest.param(_created(1), ATTRIBUTE, id="slb"), pytest.param(state_change(), LOOK_UP, id="ecs")],
)
def test_a_backend_is_looked_up_once_however_often_it_is_announced(
    invoke: Invoker, event: dict[str, Any], operation: str
) -> None:
    """A hundred and one announcements of one backend in a batch cost the look-up of one."""
    _balancers(invoke, 1)
    _instances(invoke, 1)
    answer = invoke([event] * 101)

    assert answer.summary["counts"] == {"authorized": 1, "unchanged": 100}
    assert invoke.calls(operation) == [operation]
    assert len(invoke.calls(TAGS)) == (operation == ATTRIBUTE)


@pytest.mark.parametrize(
    ("reads", "outcome", "waits"),
    [
        pytest.param(0, "authorized", [], id="tagged-at-its-creation"),
        pytest.param(1, "authorized", [1.0], id="a-second-later"),
        pytest.param(4, "authorized", [1.0, 2.0, 4.0, 8.0], id="just-in-time"),
        pytest.param(5, "ignored", [1.0, 2.0, 4.0, 8.0], id="too-late"),
    ],
)
def test_a_tag_may_follow_the_creation(invoke: Invoker, reads: int, outcome: str, waits: list[float]) -> None:
    """A load balancer is announced once, so an untagged one is asked for again, alone, while the time allows it."""
    _balancers(invoke, 1)
    _balancers(invoke, 2, TaggedAfterReads=reads)
    answer = invoke([_created(1), _created(2)])
    asked = [
        [value for name, value in entry.parameters.items() if name.startswith("ResourceId.")]
        for entry in invoke.served.world.journal(TAGS)
    ]

    assert [result["outcome"] for result in answer.results] == ["authorized", outcome]
    assert [slept for slept in invoke.slept if slept >= 1] == waits
    assert asked == [["lb-bp1example0001", "lb-bp1example0002"], *(["lb-bp1example0002"] for _ in waits)]
    assert len(invoke.calls(ATTRIBUTE)) == 1 + (outcome == "authorized")
    if outcome == "ignored":
        assert answer.summary["ignored_because"] == {"still-untagged": 1}


def test_the_wait_for_a_tag_is_bounded_by_the_budget(invoke: Invoker) -> None:
    """With hardly any time left an untagged load balancer is ignored at once."""
    _balancers(invoke, 1, Tags={"team": "shop"})
    invoke(_created(1), timeout=3.0)

    assert invoke.slept == []
    assert invoke.calls() == [TAGS]


@pytest.mark.parametrize(
    ("last", "result"),
    [
        pytest.param("", Backend(BALANCER, "", {"team": "shop"}), id="end"),
        pytest.param("3", Doubtful, id="a-page-that-follows-itself-is-no-end"),
    ],
)
def test_a_longer_list_of_tags_is_read_to_its_end(last: str, result: Backend | type[Doubtful]) -> None:
    """NextToken leads to the next page; a list that does not end is no list, and no endless invocation either."""
    tagged = {"TagResource": [{"ResourceId": BALANCER, "TagKey": "team", "TagValue": "shop"}]}
    pages = [("2", {"TagResource": []}), ("3", tagged), (last, {"TagResource": []})]
    answers = [{"RequestId": "r", "NextToken": token, "TagResources": rows} for token, rows in pages]
    asked = []

    def answer(sent: httpx.Request) -> httpx.Response:
        asked.append(dict(parse_qsl(sent.extensions["target"].decode().partition("?")[2])).get("NextToken"))
        return httpx.Response(200, stream=httpx.ByteStream(json.dumps(answers[len(asked) - 1]).encode()))

    clock = Clock()
    session = Session(
        Transport(inner=httpx.MockTransport(answer)),
        clock,
        Deadline(clock, 60),
        Pace(clock, 1000),
        lambda: Credentials("test-access-key-id", "test-access-key-secret"),
    )
    found = Slb(session, "http://127.0.0.1:1", "cn-hangzhou").describe([BALANCER], "apigateway-port")

    assert asked == [None, "2", "3"]
    assert found[BALANCER] == result if isinstance(result, Backend) else isinstance(found[BALANCER], result)


@pytest.mark.parametrize(
    ("fault", "outcomes"),
    [
        pytest.param(
            {"operation": ATTRIBUTE, "nth": 1, "status": 404, "code": "InvalidLoadBalancerId.NotFound"},
            ["authorized", "authorized"],
            id="found-a-moment-later",
        ),
        pytest.param(
            {"operation": ATTRIBUTE, "nth": 1, "status": 400, "code": "InvalidParameter"},
            ["rejected", "authorized"],
            id="one-refused",
        ),
        pytest.param(
            {"operation": TAGS, "nth": 1, "status": 400, "code": "InvalidParameter"},
            ["rejected", "rejected"],
            id="tags-refused",
        ),
    ],
)
def test_a_failing_look_up_costs_only_what_it_was_about(
    invoke: Invoker, fault: dict[str, Any], outcomes: list[str]
) -> None:
    """A load balancer that cannot be described leaves the others of its batch alone."""
    _balancers(invoke, 1, 2)
    invoke.given(faults=[fault])
    answer = invoke([_created(1), _created(2)])

    assert [result["outcome"] for result in answer.results] == outcomes


@pytest.mark.parametrize(
    ("operation", "failed", "action"),
    [
        pytest.param(TAGS, "lb-bp1example0001", "slb:ListTagResources", id="tags"),
        pytest.param(ATTRIBUTE, "lb-bp1example0001", "slb:DescribeLoadBalancerAttribute", id="load-balancer"),
        pytest.param(LOOK_UP, "i-bp1example0001", "ecs:DescribeInstances", id="instances"),
    ],
)
def test_a_product_without_permission_fails_only_its_own(
    invoke: Invoker, operation: str, failed: str, action: str
) -> None:
    """Without the right to look up one kind of backend its records are raised, the rest of the batch is done."""
    _balancers(invoke, 1)
    _instances(invoke, 1)
    invoke.given(faults=[{"operation": operation, "status": 403, "code": "Forbidden.RAM"}])
    answer = invoke([_created(1), state_change("i-bp1example0001"), request()])
    outcomes = {
        line["part"]: line["outcome"] for line in invoke.lines() if line["event"] == "record" and "part" in line
    }

    assert answer.error is not None
    assert "Forbidden.RAM (1)" in str(answer.error)
    assert action in str(answer.error)
    assert [instance_id for instance_id, outcome in outcomes.items() if outcome == "failed"] == [failed]
    assert sum(message["type"] == "vpcaccess.failed" for message in invoke.messages()) == 1
