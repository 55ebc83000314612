"""Absence counts only where it is proven: an empty answer is also what a missing permission looks like."""

from __future__ import annotations

from typing import Any

import pytest

from shared.backends.lookup import look_up
from shared.cloud.ecs import Ecs
from shared.errors import OperatorNeeded
from shared.flow.engine import Invocation
from tests.answering import session_answering
from tests.cloud.seeds import seed
from tests.invoking import VPC, Invoker

LIVE = [{"InstanceId": f"i-live{number}", "VpcId": VPC, "Status": "Stopped"} for number in range(3)]
HERE = "http://127.0.0.1:8080"


def _ecs(invoke: Invoker) -> Ecs:
    session = invoke.configure().session(Invocation("r", 60, lambda: invoke.credentials))
    return Ecs(session, HERE, "cn-hangzhou")


@pytest.mark.parametrize(
    ("world", "asked", "absent"),
    [
        pytest.param({"instances": LIVE}, ["i-gone"], {"i-gone"}, id="gone"),
        pytest.param({"instances": LIVE}, ["i-live0", "i-gone"], {"i-gone"}, id="one-of-two"),
        pytest.param({"instances": LIVE}, ["i-live0"], set(), id="stopped-is-alive"),
        pytest.param({"instances": []}, ["i-gone"], set(), id="nothing-to-see-proves-nothing"),
        pytest.param(
            {"instances": LIVE, "permissions": [{"unseen": [item["InstanceId"] for item in LIVE]}]},
            ["i-gone"],
            set(),
            id="a-policy-that-hides-everything",
        ),
        pytest.param(
            {"instances": LIVE}, [f"i-gone{n}" for n in range(200)], {f"i-gone{n}" for n in range(200)}, id="many"
        ),
        pytest.param({"instances": LIVE}, [], set(), id="none"),
    ],
)
def test_absence_needs_a_right_and_something_to_see(
    invoke: Invoker, world: dict[str, Any], asked: list[str], absent: set[str]
) -> None:
    """An id is absent if the caller may look, sees others, and not this one."""
    seed(invoke.served.app, world)

    assert _ecs(invoke).proven_absent(asked) == absent


def test_what_is_neither_instance_nor_load_balancer_is_not_looked_up(invoke: Invoker) -> None:
    """An id of no kind that we know is not found, costs no call, and keeps no other from being found."""
    seed(invoke.served.app, {"instances": LIVE})
    engine = invoke.configure()
    session = engine.session(Invocation("r", 60, lambda: invoke.credentials))

    assert look_up(["10.0.0.7", "alb-example"], session, engine.settings, opted_in=False) == {}
    assert not invoke.served.world.journal
    assert set(look_up(["10.0.0.7", "i-live0"], session, engine.settings, opted_in=False)) == {"i-live0"}


def test_without_the_right_nothing_is_absent(invoke: Invoker) -> None:
    """The dry run says what the empty list does not: the permission is missing, and which."""
    seed(invoke.served.app, {"instances": LIVE, "permissions": [{"denied": ["ecs:DescribeInstances"]}]})

    with pytest.raises(OperatorNeeded, match="ecs:DescribeInstances"):
        _ecs(invoke).proven_absent(["i-gone"])


def test_a_dry_run_that_was_none_proves_nothing() -> None:
    """A cloud that carries the dry run out has not said that the caller may look."""
    live = {"InstanceId": "i-live"}
    ecs = Ecs(session_answering({"RequestId": "r", "Instances": {"Instance": [live]}}), HERE, "cn-hangzhou")

    assert ecs.proven_absent(["i-gone"]) == set()


@pytest.mark.parametrize("hidden_after", [2, 3])
def test_what_a_listing_has_just_shown_is_not_absent(invoke: Invoker, hidden_after: int) -> None:
    """One look that shows an instance outweighs another that does not: a policy changed, or the list lags."""
    seed(invoke.served.app, {"instances": LIVE})

    def after(_: str) -> None:
        if len(invoke.calls()) == hidden_after:
            seed(invoke.served.app, {"permissions": [{"unseen": ["i-live0"]}]})

    invoke.after = after

    assert _ecs(invoke).proven_absent(["i-live0", "i-gone"]) == {"i-gone"}


def test_a_look_up_that_had_to_be_made_in_parts_proves_for_each_part(invoke: Invoker) -> None:
    """Where ECS refuses to answer for all at once, an empty answer about some proves nothing, whatever another part shows."""
    refused = {"operation": "ECS.DescribeInstances", "from": 3, "to": 4, "status": 400, "code": "UnheardOf"}
    empty = {"operation": "ECS.DescribeInstances", "nth": 5, "odd": "counted-empty"}
    instances = [{"InstanceId": f"i-live{number}", "VpcId": VPC} for number in range(12)]
    invoke.given(instances=instances, faults=[refused, empty])

    assert _ecs(invoke).proven_absent(["i-live10", "i-live11"]) == set()


def test_parts_are_proven_too(invoke: Invoker) -> None:
    """One look-up that is refused once costs nobody the proof."""
    refused = {"operation": "ECS.DescribeInstances", "nth": 3, "status": 400, "code": "UnheardOf"}
    invoke.given(instances=LIVE, faults=[refused])

    assert _ecs(invoke).proven_absent(["i-gone", "i-live0", "i-away"]) == {"i-gone", "i-away"}
