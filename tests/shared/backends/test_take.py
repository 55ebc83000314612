"""What a sweep sees: which backends opted in, which of those that are open exist, and what could not be looked up."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from shared.backends.inventory import look_again, take
from shared.errors import AuthorizerError, CloudRefused
from shared.flow.engine import Invocation
from shared.model.backend import Backend, Inventory
from tests.invoking import VPC, Invoker

TAG = "apigateway-port"
INSTANCES, BALANCERS = "ECS.DescribeInstances", "SLB.DescribeLoadBalancers"
ATTRIBUTE = "SLB.DescribeLoadBalancerAttribute"
WORLD = {
    "instances": [
        {"InstanceId": "i-tagged", "VpcId": VPC, "Tags": {TAG: "8080"}},
        {"InstanceId": "i-plain", "VpcId": VPC},
    ],
    "load_balancers": [
        {"LoadBalancerId": "lb-tagged", "VpcId": VPC, "Tags": {TAG: "80"}, "ListenerPorts": [443]},
        {"LoadBalancerId": "lb-plain", "VpcId": VPC, "ListenerPorts": [443]},
    ],
}
OPEN = ("i-tagged", "i-plain", "i-gone", "lb-tagged", "lb-plain", "lb-gone", "10.0.0.7", "i-no.id")
"""What stands in entries of ours."""
EXIST = dict.fromkeys(("i-tagged", "i-plain", "lb-tagged", "lb-plain"), True)
REFUSED, UNHEARD, OUTAGE = (
    {"status": status, "code": code}
    for status, code in ((400, "InvalidParameter"), (400, "UnheardOf"), (503, "ServiceUnavailable"))
)
NO_INSTANCES = "the instances of authorizations could not be looked up"
NO_BALANCERS = "the load balancers of authorizations could not be looked up"


def _taken(invoke: Invoker, *ids: str) -> Inventory:
    engine = invoke.configure()
    return take(ids, engine.session(Invocation("r", 60, lambda: invoke.credentials)), engine.settings)


def _again(invoke: Invoker, *ids: str) -> Mapping[str, Backend | AuthorizerError]:
    engine = invoke.configure()
    return look_again(ids, engine.session(Invocation("r", 60, lambda: invoke.credentials)), engine.settings)


@pytest.mark.parametrize(
    ("faults", "alive", "problem"),
    [
        pytest.param([], {**EXIST, "i-gone": False, "lb-gone": False}, "", id="fair"),
        pytest.param(
            [{"operation": BALANCERS, "nth": 2, "odd": "counted-empty"}],
            {**EXIST, "i-gone": False, "lb-gone": False},
            "",
            id="a-balancer-that-its-listing-leaves-out-is-looked-up-by-itself",
        ),
        pytest.param(
            [{"operation": ATTRIBUTE, **REFUSED}],
            {**EXIST, "i-gone": False},
            "",
            id="of-a-balancer-whose-look-up-is-refused-nothing-is-known",
        ),
        pytest.param(
            [{"operation": ATTRIBUTE, **UNHEARD}],
            {**EXIST, "i-gone": False},
            "",
            id="nor-if-the-refusal-is-an-unknown-one",
        ),
        pytest.param(
            [{"operation": ATTRIBUTE, **OUTAGE}],
            {name: is_there for name, is_there in {**EXIST, "i-gone": False}.items() if name != "lb-plain"},
            NO_BALANCERS,
            id="an-outage-of-one-balancer-is-a-problem-of-all",
        ),
        pytest.param(
            [{"operation": INSTANCES, "from": 3, **OUTAGE}],
            {**EXIST, "lb-gone": False},
            NO_INSTANCES,
            id="without-the-proof-an-instance-that-does-not-show-is-not-gone",
        ),
        pytest.param(
            [{"operation": INSTANCES, "nth": 2, **REFUSED}],
            {**EXIST, "i-gone": False, "lb-gone": False},
            "",
            id="a-look-up-that-is-refused-once-is-made-in-parts",
        ),
    ],
)
def test_what_exists(invoke: Invoker, faults: list[dict[str, Any]], alive: dict[str, bool], problem: str) -> None:
    """True is what shows, False what is proven to be gone; of the rest nothing is known, and an error is a problem."""
    invoke.given(**WORLD, faults=faults)
    taken = _taken(invoke, *OPEN)

    assert taken.alive == alive
    assert [text.partition(":")[0] for text in taken.problems] == ([problem] if problem else [])


@pytest.mark.parametrize(
    ("faults", "tagged"),
    [
        pytest.param([], {"i-tagged", "lb-tagged"}, id="fair"),
        pytest.param(
            [{"operation": INSTANCES, "nth": 1, "odd": "counted-empty"}],
            {"i-tagged", "lb-tagged"},
            id="an-instance-that-the-list-by-tag-leaves-out-shows-by-its-id",
        ),
    ],
)
def test_what_opted_in(invoke: Invoker, faults: list[dict[str, Any]], tagged: set[str]) -> None:
    """Who carries the tag is found by it, or by an id of ours; whoever shows at all is kept, tagged or not."""
    hidden = {"InstanceId": "i-others", "VpcId": VPC}
    invoke.given(**{**WORLD, "instances": [*WORLD["instances"], hidden]}, faults=faults)
    taken = _taken(invoke, *OPEN)

    assert set(taken.tagged) == tagged
    assert set(taken.shown) == {"i-tagged", "i-plain", "lb-tagged"}
    assert taken.shown["i-tagged"] == taken.tagged["i-tagged"]
    assert taken.tagged["i-tagged"].tags == {TAG: "8080"}


def test_what_is_tagged_shows_its_listeners_where_the_tag_asks_for_them(invoke: Invoker) -> None:
    """Ports of listeners are looked up for the value "listener" only."""
    listening = {"LoadBalancerId": "lb-listening", "VpcId": VPC, "Tags": {TAG: "listener"}, "ListenerPorts": [80, 443]}
    invoke.given(**WORLD)
    invoke.given(load_balancers=[listening])

    for backends in (_taken(invoke).tagged, _again(invoke, "lb-tagged", "lb-listening")):
        assert {item: getattr(backends[item], "listener_ports", None) for item in ("lb-tagged", "lb-listening")} == {
            "lb-tagged": (),
            "lb-listening": (80, 443),
        }


def test_what_no_product_knows_costs_no_call(invoke: Invoker) -> None:
    """What is tagged is not looked up again, and what is no id is not asked for: it would spoil the look-up of all."""
    invoke.given(**WORLD)
    taken = _taken(invoke, "i-tagged", "lb-tagged", "10.0.0.7", "i-no.id", "lb-no.id", "alb-bp1")

    assert taken.alive == {"i-tagged": True, "lb-tagged": True}
    assert invoke.calls() == [INSTANCES, BALANCERS]


@pytest.mark.parametrize(
    ("denied", "problem"),
    [
        pytest.param("ecs:DescribeInstances", "the tagged instances could not be listed", id="instances"),
        pytest.param("slb:DescribeLoadBalancers", "the tagged load balancers could not be listed", id="balancers"),
    ],
)
def test_a_list_that_is_empty_for_want_of_a_right_is_a_problem(invoke: Invoker, denied: str, problem: str) -> None:
    """ECS hides everything from a role without the right, which a dry run tells from an account without instances."""
    invoke.given(**WORLD, permissions=[{"denied": [denied]}])
    taken = _taken(invoke)

    assert [text.partition(":")[0] for text in taken.problems] == [problem]
    assert denied in taken.problems[0]


def test_an_account_without_instances_is_no_problem(invoke: Invoker) -> None:
    """The dry run says that the empty list is a true one; whoever has tagged instances is not asked to prove it."""
    assert _taken(invoke) == Inventory({}, {})
    assert invoke.calls() == [INSTANCES, INSTANCES, BALANCERS]


def test_another_look_shows_what_is_there(invoke: Invoker) -> None:
    """Each kind is asked of its own product; what does not show is missing, and what is refused says why."""
    refused = [{"operation": INSTANCES, "nth": number, **REFUSED} for number in (1, 3)]
    invoke.given(**WORLD, faults=refused)
    found = _again(invoke, "i-tagged", "i-plain", "lb-plain", "lb-gone")

    assert set(found) == {"i-tagged", "i-plain", "lb-plain"}
    assert [item for item, answer in found.items() if isinstance(answer, CloudRefused)] == ["i-plain"]
    assert invoke.calls() == [INSTANCES, INSTANCES, INSTANCES, BALANCERS]
