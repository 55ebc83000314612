"""A change of an authorization, and what its task tells of the published APIs that follow: under every switch."""

from __future__ import annotations

from typing import Any

import pytest

from shared.cloud.apigateway import ApiGateway, Modified
from shared.cloud.session import Session
from shared.cloud.tasks import ApiUpdate, Tasks
from shared.errors import CloudRefused, Doubtful, OperatorNeeded, UnknownRefusal
from shared.flow.engine import Invocation
from shared.model.access import VpcAccess
from tests.answering import session_answering
from tests.invoking import VPC, Invoker

HERE = "http://127.0.0.1:8080"
ENTRY = VpcAccess("web", VPC, "i-1", 80)
APIS = [{"ApiId": "a-1", "VpcName": "web"}, {"ApiId": "a-1", "VpcName": "web", "StageName": "TEST"}]
FIRST, SECOND = "a-1 in stage RELEASE", "a-1 in stage TEST"
DONE = "Success. Request Success."
TASK = "CloudAPI.DescribeUpdateVpcInfoTask"


def _session(invoke: Invoker) -> Session:
    return invoke.configure().session(Invocation("r", 60.0, lambda: invoke.credentials))


def _moved(invoke: Invoker, apis: list[dict[str, Any]], **switches: Any) -> tuple[Tasks, Modified]:
    """Let ``apis`` use an entry, point it to another instance, and return the tasks and the answer."""
    entry = {"Name": "web", "VpcId": VPC, "InstanceId": "i-1", "Port": 80}
    invoke.given(entries=[entry], apis=apis, **switches)
    session = _session(invoke)
    return Tasks(session, HERE), ApiGateway(session, HERE).modify_vpc_access(ENTRY._replace(instance_id="i-2"))


def _told(tasks: Tasks, operation_id: str) -> list[tuple[str, str, bool]]:
    return [(update.api, update.status, update.is_done) for update in tasks.updates(operation_id)]


def test_the_apis_of_a_change_are_followed(invoke: Invoker) -> None:
    """Each API is named with its stage, as it is elsewhere, and with the gateway's own words."""
    tasks, modified = _moved(invoke, APIS)

    assert modified.request_id
    assert tasks.updates(modified.operation_id) == (
        ApiUpdate(FIRST, "success", DONE),
        ApiUpdate(SECOND, "success", DONE),
    )


@pytest.mark.parametrize(
    ("switches", "first"),
    [
        pytest.param({}, [(FIRST, "updating", False), (SECOND, "updating", False)], id="listed"),
        pytest.param(
            {"task_words": "running-fail"}, [(FIRST, "running", False), (SECOND, "running", False)], id="other-words"
        ),
        pytest.param({"unfinished_rows": "hidden"}, [], id="hidden"),
    ],
)
def test_an_api_that_has_not_followed_is_not_done(invoke: Invoker, switches: dict[str, str], first: list[Any]) -> None:
    """Whatever the gateway calls it, or if it does not list it: only success is."""
    tasks, modified = _moved(invoke, APIS, apis_follow_after_looks=1, **switches)

    assert _told(tasks, modified.operation_id) == first
    assert _told(tasks, modified.operation_id) == [(FIRST, "success", True), (SECOND, "success", True)]


@pytest.mark.parametrize("words", ["updating-failed", "running-fail"])
def test_an_api_that_failed_says_why(invoke: Invoker, words: str) -> None:
    """Its status and its error are those of the gateway, and the other API is done."""
    tasks, modified = _moved(
        invoke, [{**APIS[0], "UpdateFailures": 1, "UpdateErrorMsg": "no"}, APIS[1]], task_words=words
    )

    failed, other = tasks.updates(modified.operation_id)
    assert failed == (FIRST, words.partition("-")[2], "no")
    assert (failed.is_done, other.is_done) == (False, True)


@pytest.mark.parametrize("status", ["success", "Success", "SUCCESS"])
def test_success_is_done_in_any_case(status: str) -> None:
    """The vendor prints it in small letters, once."""
    assert ApiUpdate(FIRST, status, "").is_done


@pytest.mark.parametrize("status", ["", "succeeded", "fail", "partial success", "success "])
def test_any_other_word_is_not(status: str) -> None:
    """What is not documented is not taken for success."""
    assert not ApiUpdate(FIRST, status, DONE).is_done


@pytest.mark.parametrize("setting", ["empty", "refuse"])
def test_a_task_that_concerns_nobody_tells_nothing(invoke: Invoker, setting: str) -> None:
    """Whether the gateway answers with no rows, or does not find it."""
    tasks, modified = _moved(invoke, [], task_of_nothing=setting)

    assert tasks.updates(modified.operation_id) == ()


@pytest.mark.parametrize("setting", ["empty", "refuse"])
def test_a_task_that_is_not_known_tells_nothing(invoke: Invoker, setting: str) -> None:
    """Whether the gateway answers with no rows, or does not find it."""
    tasks, _ = _moved(invoke, APIS, task_unknown=setting)

    assert tasks.updates("0" * 32) == ()


@pytest.mark.parametrize(
    ("fault", "error"),
    [
        pytest.param({"status": 400, "code": "InvalidOperationUid"}, CloudRefused, id="refused"),
        pytest.param({"status": 400, "code": "TaskExpired"}, UnknownRefusal, id="refused-in-a-code-of-no-family"),
        pytest.param({"status": 503, "code": "ServiceUnavailable"}, Doubtful, id="unavailable"),
        pytest.param({"status": 404, "code": "HTTP404", "body": "html"}, Doubtful, id="a-page"),
    ],
)
def test_an_error_is_not_nothing(invoke: Invoker, fault: dict[str, Any], error: type[Exception]) -> None:
    """Only the gateway itself says that it does not find a task; every other error is raised."""
    tasks, modified = _moved(invoke, APIS, faults=[{"operation": TASK, **fault}])

    with pytest.raises(error):
        tasks.updates(modified.operation_id)


def test_without_the_right_to_look_the_operator_is_told(invoke: Invoker) -> None:
    """A missing permission is not an empty task."""
    tasks, modified = _moved(invoke, APIS)
    invoke.given(permissions=[{"denied": ["apigateway:DescribeUpdateVpcInfoTask"]}])

    with pytest.raises(OperatorNeeded, match="DescribeUpdateVpcInfoTask"):
        tasks.updates(modified.operation_id)


def test_a_change_without_a_task_is_a_change() -> None:
    """Where the answer names no task, there is none to follow."""
    assert ApiGateway(session_answering({"RequestId": "r"}), HERE).modify_vpc_access(ENTRY) == Modified("", "r")
