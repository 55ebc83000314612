"""VERIFY_TARGET: what a direct request claims about its instance is looked up before anything is opened."""

import json
from typing import Any

import pytest

from shared import settings
from shared.access.verify import verify_targets
from shared.model.access import VpcAccess
from shared.model.outcome import Job
from shared.model.records import Record
from tests.answering import session_answering
from tests.cloud.seeds import seed
from tests.invoking import SETTINGS, VPC, Invoker, queue_event, request, state_change

OTHER = "vpc-bp1example0002"
INSTANCES: list[dict[str, Any]] = [
    {"InstanceId": "i-bp1example0001", "VpcId": VPC, "Tags": {"apigateway-port": "8080"}},
    {"InstanceId": "i-bp1example0002", "VpcId": OTHER},
    {"InstanceId": "i-bp1example0003", "VpcId": ""},
]
BALANCERS = [
    {"LoadBalancerId": "lb-bp1example0001", "VpcId": VPC},
    {"LoadBalancerId": "lb-bp1example0002", "VpcId": OTHER},
]


@pytest.mark.parametrize(
    ("instance_id", "outcome", "reason"),
    [
        pytest.param("i-bp1example0001", "authorized", None, id="instance"),
        pytest.param("lb-bp1example0001", "authorized", None, id="load-balancer"),
        pytest.param("i-bp1example0002", "refused", "WrongVpc", id="instance-elsewhere"),
        pytest.param("lb-bp1example0002", "refused", "WrongVpc", id="load-balancer-elsewhere"),
        pytest.param("i-bp1example0003", "refused", "WrongVpc", id="classic-network"),
        pytest.param("i-bp1example0009", "refused", "TargetNotFound", id="unknown-instance"),
        pytest.param("10.0.0.7", "refused", "TargetNotVerifiable", id="address"),
        pytest.param("alb-example", "refused", "TargetNotVerifiable", id="other-balancer"),
    ],
)
def test_a_claim_is_checked(invoke: Invoker, instance_id: str, outcome: str, reason: str | None) -> None:
    """Only an instance or load balancer that is in the claimed VPC is authorized."""
    seed(invoke.served.app, {"instances": INSTANCES, "load_balancers": BALANCERS})
    invoke.configure(VERIFY_TARGET="true")
    result = invoke(request(InstanceId=instance_id)).result

    assert (result["outcome"], result.get("reason")) == (outcome, reason)
    assert len(invoke.accesses()) == (outcome == "authorized")
    if reason == "WrongVpc":
        where = "in the classic network" if instance_id == "i-bp1example0003" else f"in {OTHER}"
        assert f"{instance_id} is {where}, not in {VPC}" in result["text"]


def test_a_batch_is_checked_with_one_look_up(invoke: Invoker) -> None:
    """Thirty requests cost one DescribeInstances; what policy forbids and what was announced costs none of it."""
    invoke.given(instances=INSTANCES)
    invoke.configure(VERIFY_TARGET="true")
    requests: list[Any] = [json.dumps(request(Name=f"n{port}", Port=port)) for port in range(8001, 8031)]
    invoke([*queue_event(*requests, json.dumps(request(Port=22, InstanceId="i-secret")))])

    assert len(invoke.calls("ECS.DescribeInstances")) == 1
    assert len(invoke.accesses()) == 30
    invoke.served.world.journal.clear()
    invoke(state_change())

    assert len(invoke.calls("ECS.DescribeInstances")) == 1


def test_a_failing_look_up_is_due_again(invoke: Invoker) -> None:
    """When ECS does not answer, nothing is opened and the request is delivered again."""
    invoke.given(instances=INSTANCES)
    invoke.configure(VERIFY_TARGET="true")
    invoke.given(faults=[{"operation": "ECS.DescribeInstances", "status": 503, "code": "ServiceUnavailable"}])

    assert "ServiceUnavailable" in str(invoke(request()).error)
    assert not invoke.accesses()


@pytest.mark.parametrize(
    ("rights", "reason"),
    [
        pytest.param({"denied": ["ecs:DescribeInstances"]}, "ecs:DescribeInstances", id="no-right-to-see"),
        pytest.param({"unseen": [item["InstanceId"] for item in INSTANCES]}, "TargetNotShown", id="everything-hidden"),
    ],
)
def test_what_cannot_be_seen_is_not_refused_for_good(invoke: Invoker, rights: dict[str, Any], reason: str) -> None:
    """An empty list is what a missing permission looks like: the request stays until the operator has cured it."""
    seed(invoke.served.app, {"instances": INSTANCES, "permissions": [rights]})
    invoke.configure(VERIFY_TARGET="true")

    assert reason in str(invoke(request()).error)
    assert not invoke.accesses()
    invoke.given(permissions=[{name: [] for name in rights}])

    assert invoke(request()).result["outcome"] == "authorized"


def test_an_instance_whose_vpc_is_not_known_yet_is_waited_for() -> None:
    """An answer without a VPC says nothing about the classic network."""
    described = {"InstanceId": "i-bp1example0001", "VpcAttributes": {}, "InstanceNetworkType": "vpc"}
    answers = {"RequestId": "r", "Instances": {"Instance": [described]}}
    session = session_answering(answers)
    jobs = [
        Job(Record("manual", "", "", access, "{}"), access) for access in [VpcAccess("n", VPC, "i-bp1example0001", 80)]
    ]
    (job,) = verify_targets(jobs, session, settings.load({**SETTINGS, "VERIFY_TARGET": "true"}))

    assert job.outcome is not None
    assert (job.outcome.reason, job.outcome.retry) == ("TargetNotShown", True)
