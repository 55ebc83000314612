"""Lifecycle hooks: one answer for all instances, after the results are out, and none twice."""

import json
from pathlib import Path
from typing import Any

import pytest

from shared import settings
from shared.clock import utc
from shared.flow.hooks import ABANDON, CONTINUE, WAIT, verdict
from shared.model.outcome import AUTHORIZED, FAILED, IGNORED, REFUSED, REJECTED, UNCHANGED, HookAnswer, Outcome
from shared.model.records import Appeared, Hook, Record
from tests.cloud.seeds import seed
from tests.invoking import SETTINGS, VPC, Answer, Invoker, request

EVENTS = Path(__file__).parents[3] / "events"
HOOK = Hook("ash-bp1example0001", "9C2E9DA7-F794-449A-ACF6-CEE24444F7BB")
COMPLETE, HEARTBEAT, PUBLISH = "ESS.CompleteLifecycleAction", "ESS.RecordLifecycleActionHeartbeat", "SMQ.PublishMessage"
TAGGED = {"VpcId": VPC, "Tags": {"apigateway-port": "8080"}}


def _outcome(kind: str, *, retry: bool = False) -> Outcome:
    notice = Appeared("ecs", "i-bp1example0001", hook=HOOK)
    return Outcome(Record("ess-hook", "", "", notice, "{}"), kind, retry=retry)


@pytest.mark.parametrize(
    ("outcomes", "on_failure", "told"),
    [
        pytest.param([_outcome(AUTHORIZED), _outcome(UNCHANGED)], "abandon", CONTINUE, id="all-granted"),
        pytest.param([_outcome(AUTHORIZED), _outcome(IGNORED)], "abandon", CONTINUE, id="one-did-not-opt-in"),
        pytest.param([_outcome(AUTHORIZED), _outcome(REFUSED)], "continue", CONTINUE, id="refused-continue"),
        pytest.param([_outcome(AUTHORIZED), _outcome(REFUSED)], "abandon", ABANDON, id="refused-abandon"),
        pytest.param([_outcome(REJECTED)], "abandon", ABANDON, id="rejected-abandon"),
        pytest.param([_outcome(FAILED)], "abandon", ABANDON, id="failed-for-good"),
        pytest.param([_outcome(AUTHORIZED), _outcome(FAILED, retry=True)], "abandon", WAIT, id="a-redelivery-decides"),
        pytest.param([_outcome(REFUSED), _outcome(AUTHORIZED, retry=True)], "abandon", WAIT, id="result-not-published"),
    ],
)
def test_all_instances_decide_together(outcomes: list[Outcome], on_failure: str, told: str) -> None:
    """The hook goes on if nothing was refused, as HOOK_ON_FAILURE says if something was, and waits for a redelivery."""
    assert verdict(outcomes, settings.load({**SETTINGS, "HOOK_ON_FAILURE": on_failure})) == told


def test_a_line_does_not_show_the_token() -> None:
    """What completes a hook stays out of logs and summaries."""
    assert HOOK.token not in str(HookAnswer(HOOK, CONTINUE, "why").line())


def _message(*numbers: int, **content: Any) -> dict[str, Any]:
    return {
        "userId": "1234567890123456",
        "regionId": "cn-hangzhou",
        "resourceArn": "acs:mns:cn-hangzhou:1234567890123456:topic/scaling",
        "content": {
            "lifecycleHookId": HOOK.hook_id,
            "lifecycleActionToken": HOOK.token,
            "lifecycleTransition": "SCALE_OUT",
            "instanceIds": [f"i-bp1example{n:04}" for n in numbers],
            **content,
        },
    }


def _bridged() -> dict[str, Any]:
    """Return the same through EventBridge."""
    event: dict[str, Any] = json.loads((EVENTS / "ess" / "hook-via-eventbridge.json").read_text(encoding="utf-8"))
    return {**event, "data": _message(1)["content"]}


def _scaling(invoke: Invoker, *instances: dict[str, Any]) -> None:
    hook = {"LifecycleHookId": HOOK.hook_id, "LifecycleActionToken": HOOK.token}
    seed(invoke.served.app, {"instances": list(instances), "hooks": [hook]})


def _instance(number: int, **fields: Any) -> dict[str, Any]:
    return {"InstanceId": f"i-bp1example{number:04}", **TAGGED, **fields}


def _told(invoke: Invoker) -> list[dict[str, str]]:
    return [dict(entry.parameters) for entry in invoke.served.world.journal() if entry.operation.startswith("ESS.")]


def _status(invoke: Invoker) -> str:
    (action,) = invoke.served.products["ESS"].state()["lifecycle_actions"]
    return f"{action['LifecycleActionStatus']} {action['LifecycleActionResult']}"


def test_a_hook_is_completed_after_all_results(invoke: Invoker) -> None:
    """Three instances give three results and then one CONTINUE, in the region and with a client token."""
    _scaling(invoke, *(_instance(n) for n in (1, 2, 3)))
    answer = invoke(_message(1, 2, 3))
    (told,) = _told(invoke)

    assert invoke.calls()[-1] == COMPLETE
    assert invoke.calls().count(PUBLISH) == 3
    assert told["LifecycleActionResult"] == CONTINUE
    assert told["RegionId"] == "cn-hangzhou"
    assert len(told["ClientToken"]) == 32
    assert _status(invoke) == "Completed CONTINUE"
    assert answer.summary["hooks"] == [{"hook": HOOK.hook_id, "answer": CONTINUE}]


def test_a_hook_in_two_messages_is_answered_once(invoke: Invoker) -> None:
    """The same hook delivered twice in one batch gets one answer."""
    _scaling(invoke, _instance(1))
    invoke([_message(1), _message(1)])

    assert invoke.calls(COMPLETE) == [COMPLETE]


def test_abandon_lets_auto_scaling_release_the_instances(invoke: Invoker) -> None:
    """With HOOK_ON_FAILURE=abandon one instance that is refused for good decides for all."""
    invoke.configure(HOOK_ON_FAILURE="abandon")
    _scaling(invoke, _instance(1), _instance(2, VpcId=""))
    answer = invoke(_message(1, 2))

    assert [result["outcome"] for result in answer.results] == ["authorized", "refused"]
    assert _status(invoke) == "Completed ABANDON"


@pytest.mark.parametrize("on_failure", ["continue", "abandon"])
@pytest.mark.parametrize(
    ("instance_ids", "outcomes"),
    [
        pytest.param(["eci-bp1example0001", "eci-bp1example0002"], {"ignored": 2}, id="container-groups"),
        pytest.param(["eci-bp1example0001", "i-bp1example0001"], {"authorized": 1, "ignored": 1}, id="mixed"),
        pytest.param(["i-bp1example0002"], {"ignored": 1}, id="untagged"),
    ],
)
def test_what_never_opted_in_goes_into_service(
    invoke: Invoker, on_failure: str, instance_ids: list[str], outcomes: dict[str, int]
) -> None:
    """Container groups and untagged instances are ignored and their hook goes on, whatever HOOK_ON_FAILURE says."""
    invoke.configure(HOOK_ON_FAILURE=on_failure)
    _scaling(invoke, _instance(1), _instance(2, Tags={}))
    answer = invoke(_message(instanceIds=instance_ids))

    assert answer.summary["counts"] == outcomes
    assert _status(invoke) == "Completed CONTINUE"


def test_a_redelivery_completes_the_hook(invoke: Invoker) -> None:
    """A hook with an instance that is not visible is kept waiting and raised; the redelivery completes it."""
    _scaling(invoke, _instance(1), _instance(2, VisibleAfterReads=5))
    first = invoke(_message(1, 2))
    assert first.error is not None
    assert _told(invoke) == [
        {"RegionId": "cn-hangzhou", "lifecycleHookId": HOOK.hook_id, "lifecycleActionToken": HOOK.token}
    ]
    assert [(line["answer"], line.get("problem")) for line in invoke.lines() if line["event"] == "hook"] == [
        ("WAIT", None)
    ]
    assert _status(invoke).startswith("Pending")

    second = invoke(_message(1, 2))
    assert second.error is None
    assert _status(invoke) == "Completed CONTINUE"
    assert invoke.calls().count("CloudAPI.SetVpcAccess") == 2


def test_a_stale_token_is_never_retried(invoke: Invoker) -> None:
    """A hook that is over is noted, once, and the event counts as done."""
    _scaling(invoke, _instance(1))
    invoke(_message(1))
    again = invoke(_message(1))

    assert again.error is None
    assert again.summary["hooks"][0]["problem"].startswith("the hook is over: it was answered before")
    assert [line["level"] for line in invoke.lines() if line["event"] == "hook"] == ["INFO", "WARNING"]


@pytest.mark.parametrize(
    ("fault", "raised", "calls", "problem"),
    [
        pytest.param({"nth": 1, "status": 400, "code": "Throttling.User"}, False, 2, "", id="throttled"),
        pytest.param({"nth": 1, "cut": "after"}, False, 2, "the hook is over", id="answer-lost"),
        pytest.param(
            {"status": 403, "code": "Forbidden.RAM"}, True, 1, "ess:CompleteLifecycleAction", id="no-permission"
        ),
        pytest.param(
            {"status": 404, "code": "InvalidLifecycleHookId.NotFound"},
            False,
            1,
            "CompleteLifecycleAction failed with InvalidLifecycleHookId.NotFound",
            id="refused-for-good",
        ),
    ],
)
def test_an_answer_that_does_not_arrive(
    invoke: Invoker, fault: dict[str, Any], calls: int, problem: str, *, raised: bool
) -> None:
    """What time cures is repeated, what the operator cures is raised for a redelivery, the rest is noted."""
    _scaling(invoke, _instance(1))
    invoke.given(faults=[{"operation": COMPLETE, **fault}])
    answer: Answer = invoke(_message(1))

    assert (answer.error is not None) == raised
    assert len(invoke.calls(COMPLETE)) == calls
    assert [message["type"] for message in invoke.messages()] == ["vpcaccess.authorized"]
    (told,) = [line.get("problem", "") for line in invoke.lines() if line["event"] == "hook"]
    assert problem in told
    assert bool(problem) == bool(told)
    assert not raised or problem in str(answer.error)


@pytest.mark.parametrize(
    "operation", ["CloudAPI.SetVpcAccess", "CloudAPI.DescribeVpcAccesses", "ECS.DescribeInstances"]
)
@pytest.mark.parametrize(
    "fault",
    [
        pytest.param({"status": 403, "code": "Forbidden"}, id="forbidden"),
        pytest.param({"status": 403, "code": "Forbidden.NoUserAuthorization"}, id="no-authorization"),
        pytest.param({"status": 403, "code": "UnauthorizedOperation"}, id="unauthorized"),
        pytest.param({"status": 400, "code": "InsufficientBalance"}, id="arrears"),
        pytest.param({"status": 400, "code": "NeverHeardOf"}, id="unknown"),
        pytest.param({"status": 301, "body": "html", "when": "before"}, id="redirect"),
        pytest.param({"status": 404, "body": "html", "when": "before"}, id="page-not-found"),
        pytest.param({"status": 407, "body": "empty", "when": "before"}, id="proxy-authentication"),
        pytest.param({"status": 413, "body": "html", "when": "before"}, id="page-too-large"),
    ],
)
def test_nothing_is_abandoned_for_a_proxy_or_a_permission(
    invoke: Invoker, operation: str, fault: dict[str, Any]
) -> None:
    """With HOOK_ON_FAILURE=abandon the instances live on until the cloud itself said a final no."""
    invoke.configure(HOOK_ON_FAILURE="abandon")
    _scaling(invoke, _instance(1))
    invoke.given(faults=[{"operation": operation, **fault}])
    assert invoke(_message(1)).error is not None
    assert _status(invoke).startswith("Pending")

    invoke.given(faults=[])
    assert invoke(_message(1)).error is None
    assert _status(invoke) == "Completed CONTINUE"


@pytest.mark.parametrize(
    ("age", "raised"), [pytest.param(3_500, True, id="young"), pytest.param(3_700, False, id="old")]
)
def test_an_answer_refused_for_unknown_reason_is_not_tried_for_a_day(
    invoke: Invoker, age: int, *, raised: bool
) -> None:
    """A hook that nobody can answer for a reason that nobody knows is noted once its event is older than an hour."""
    _scaling(invoke, _instance(1))
    invoke.given(faults=[{"operation": COMPLETE, "status": 400, "code": "NeverHeardOf"}])
    event = {**_bridged(), "time": utc(invoke.clock.now() - age)}
    answer = invoke(event)

    assert (answer.error is not None) == raised
    assert [message["type"] for message in invoke.messages()] == ["vpcaccess.authorized"]


def test_an_unpublished_result_keeps_the_hook_waiting(invoke: Invoker) -> None:
    """A hook is answered only when its results are out: otherwise nobody would hear of the instance again."""
    _scaling(invoke, _instance(1))
    invoke.given(faults=[{"operation": PUBLISH, "status": 403, "code": "AccessDenied"}])
    invoke(_message(1))

    assert invoke.calls(COMPLETE) == []
    assert invoke.calls(HEARTBEAT) == [HEARTBEAT]


def test_a_hook_that_cannot_be_told_makes_its_other_instances_due_again(invoke: Invoker) -> None:
    """One instance is not visible and the heartbeat is not permitted: each is due for a reason of its own."""
    _scaling(invoke, _instance(1))
    invoke.given(faults=[{"operation": HEARTBEAT, "status": 403, "code": "Forbidden.RAM"}])
    error = str(invoke(_message(1, 2)).error)

    assert "2 of 2 records" in error
    assert ": HookNotAnswered (1)" in error
    assert " InstanceNotFound (1)" in error


def test_a_hook_whose_instances_were_found_comes_first(invoke: Invoker) -> None:
    """The event begins with a hook whose instance nobody finds: who invents hooks delays no true one."""
    _scaling(invoke, _instance(1))
    invoke([_message(9, lifecycleHookId="ash-bp1example0009"), _message(1)])

    assert [call for call in invoke.calls() if call.startswith("ESS.")] == [COMPLETE, HEARTBEAT]


def test_a_hook_among_other_records_is_answered(invoke: Invoker) -> None:
    """A request in the same event waits for no hook and is none of its instances."""
    _scaling(invoke, _instance(1))
    answer = invoke([request(Port=22), _message(1)])

    assert [result["outcome"] for result in answer.results] == ["refused", "authorized"]
    assert _status(invoke) == "Completed CONTINUE"


@pytest.mark.parametrize("elsewhere", [{"regionId": "cn-shanghai"}, {"userId": "6543210987654321"}], ids=str)
def test_a_foreign_hook_is_not_answered(invoke: Invoker, elsewhere: dict[str, str]) -> None:
    """A hook of another region or account is the business of the function there."""
    _scaling(invoke, _instance(1))
    invoke({**_message(1), **elsewhere})

    assert invoke.calls() == []


def test_a_dry_run_answers_no_hook(invoke: Invoker) -> None:
    """A dry run looks and plans, and the hook goes on waiting."""
    invoke.configure(DRY_RUN="true")
    _scaling(invoke, _instance(1))
    answer = invoke(_message(1))

    assert _told(invoke) == []
    assert [result["outcome"] for result in answer.results] == ["planned"]
