"""A successful answer in no legal form of its operation is doubt: it never reads as "nothing is there"."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from shared.access.observe import observe
from shared.cloud.apigateway import ApiGateway
from shared.cloud.ecs import Ecs
from shared.cloud.ess import Ess
from shared.cloud.session import Session
from shared.cloud.slb import Slb
from shared.cloud.tasks import Tasks
from shared.errors import AuthorizerError, Doubtful
from shared.model.access import VpcAccess
from tests.answering import session_answering

HERE = "http://127.0.0.1:1"
ENTRY = {"Name": "n", "VpcId": "vpc-1", "InstanceId": "i-1", "Port": 80}
INSTANCE = {"InstanceId": "i-1", "VpcAttributes": {"VpcId": "vpc-1"}, "Tags": {"Tag": []}}
MEMBER = {"InstanceId": "i-1", "ScalingGroupId": "asg-1", "LifecycleState": "InService"}
UPDATE = {"ApiUid": "a-1", "StageName": "RELEASE", "UpdateStatus": "success", "ErrorMsg": "Success. Request Success."}
BALANCER = {"LoadBalancerId": "lb-1", "VpcId": "vpc-1", "ListenerPorts": {"ListenerPort": [80]}}


def _entries(*entries: Any, total: Any = None) -> dict[str, Any]:
    count = len(entries) if total is None else total
    return {"TotalCount": count, "VpcAccessAttributes": {"VpcAccessAttribute": list(entries)}}


def _instances(*instances: Any, **others: Any) -> dict[str, Any]:
    return {"Instances": {"Instance": list(instances)}, **others}


def _members(*members: Any, total: Any = None) -> dict[str, Any]:
    count = len(members) if total is None else total
    return {"TotalCount": count, "ScalingInstances": {"ScalingInstance": list(members)}}


def _updates(*updates: Any) -> dict[str, Any]:
    return {"ApiUpdateVpcInfoResults": {"ApiUpdateVpcInfoResult": list(updates)}}


def _look(session: Session) -> Any:
    return ApiGateway(session, HERE).page().entries


def _describe(session: Session) -> Any:
    return Ecs(session, HERE, "cn-hangzhou").describe_instances(["i-1"])


def _tags(session: Session) -> Any:
    return Slb(session, HERE, "cn-hangzhou").describe(["lb-1"], "port")


def _write(session: Session) -> Any:
    return ApiGateway(session, HERE).set_vpc_access(VpcAccess("n", "vpc-1", "i-1", 80)).vpc_access_id


def _attribute(session: Session) -> Any:
    return Slb(session, HERE, "cn-hangzhou").attributes(["lb-1"])


def _modify(session: Session) -> Any:
    return ApiGateway(session, HERE).modify_vpc_access(VpcAccess("n", "vpc-1", "i-1", 80)).operation_id


def _follow(session: Session) -> Any:
    return Tasks(session, HERE).updates("task")


def _groups(session: Session) -> Any:
    return Ess(session, HERE, "cn-hangzhou").scaling_instances(["i-1"])


READERS = {
    "entries": _look,
    "instances": _describe,
    "tags": _tags,
    "balancer": _attribute,
    "updates": _follow,
    "members": _groups,
}
WRITERS = {"write": _write, "modify": _modify}
NO_OBJECT: list[Any] = [None, [], "text", 7, True]
NO_LIST: list[Any] = [None, {}, "text"]
HALF = "i-1\ud83d"  # with half of a surrogate pair: as something else it would be another thing
NO_WORD: list[Any] = [None, "", [], {}, HALF]
NO_TAGS: list[Any] = [[], "text", {"Tag": None}, {"Tag": [{}]}]
NO_PORTS: list[Any] = [[80], "80", {"ListenerPort": None}, {"ListenerPort": ["80"]}]
ANYWHERE: dict[str, Any] = {
    "empty": {},
    "error-with-200": {"Code": "InternalError", "Message": "m", "RequestId": "r"},
    "only-a-request-id": {"RequestId": "r"},
    "null": None,
    "list": [],
    "text": "ok",
}
LEGAL: dict[str, list[dict[str, Any]]] = {
    "entries": [
        _entries(),
        _entries(ENTRY),
        _entries(ENTRY, total="1"),
        _entries(ENTRY, total=40),
        _entries({**ENTRY, "Description": HALF}),
    ],
    "instances": [_instances(), _instances(INSTANCE, TotalCount=0), _instances(INSTANCE, NextToken="")],
    "tags": [{"TagResources": {"TagResource": []}}, {"TagResources": {"TagResource": []}, "NextToken": ""}],
    "write": [{}, {"VpcAccessId": "v-1"}],
    "modify": [{}, {"OperationId": "task"}, {"OperationId": None}, {"OperationId": ""}],
    "updates": [
        _updates(),
        _updates(UPDATE),
        _updates({**UPDATE, "UpdateStatus": ""}),
        _updates({**UPDATE, "ErrorMsg": None}),
        _updates({**UPDATE, "ErrorMsg": HALF}),
    ],
    "members": [_members(), _members(MEMBER), _members(MEMBER, total="1")],
    "balancer": [BALANCER, {"LoadBalancerId": "lb-1"}, {**BALANCER, "ListenerPorts": {"ListenerPort": []}}],
}
ODD: dict[str, list[dict[str, Any]]] = {
    "write": [{"VpcAccessId": 7}, {"VpcAccessId": HALF}],
    "modify": [{"OperationId": 7}, {"OperationId": HALF}],
    "updates": [
        *({"ApiUpdateVpcInfoResults": odd} for odd in NO_OBJECT),
        *({"ApiUpdateVpcInfoResults": {"ApiUpdateVpcInfoResult": odd}} for odd in NO_LIST),
        *(_updates({**UPDATE, key: odd}) for key in ("ApiUid", "StageName") for odd in NO_WORD),
        *(_updates({**UPDATE, "UpdateStatus": odd}) for odd in [*NO_LIST[:2], 7]),
        _updates({**UPDATE, "ErrorMsg": 7}),
        _updates("update"),
    ],
    "members": [
        _members(total=40),
        _members(MEMBER, total=0),
        _members(MEMBER, total="many"),
        _members(MEMBER, total=True),
        {"ScalingInstances": {"ScalingInstance": [MEMBER]}},
        *({"TotalCount": 0, "ScalingInstances": odd} for odd in NO_OBJECT),
        *({"TotalCount": 0, "ScalingInstances": {"ScalingInstance": odd}} for odd in NO_LIST),
        *(_members({**MEMBER, key: odd}) for key in ("InstanceId", "ScalingGroupId") for odd in NO_WORD),
        *(_members({**MEMBER, "LifecycleState": odd}) for odd in NO_WORD[:-1]),
        _members("member"),
    ],
    "entries": [
        _entries(total=40),
        _entries(ENTRY, total=0),
        _entries(ENTRY, total="many"),
        _entries(ENTRY, total=-1),
        _entries(ENTRY, total=True),
        {"VpcAccessAttributes": {"VpcAccessAttribute": [ENTRY]}},
        *({"TotalCount": 0, "VpcAccessAttributes": odd} for odd in NO_OBJECT),
        *({"TotalCount": 0, "VpcAccessAttributes": {"VpcAccessAttribute": odd}} for odd in NO_LIST),
        *(_entries({**ENTRY, key: odd}) for key in ENTRY for odd in NO_WORD),
        _entries({**ENTRY, "Tags": {"TagInfo": None}}),
        _entries({**ENTRY, "Tags": {"TagInfo": [{"Value": "team-a"}]}}),
        _entries({**ENTRY, "VpcAccessId": 7}),
        _entries({**ENTRY, "VpcAccessId": HALF}),
        _entries("entry"),
    ],
    "instances": [
        _instances(INSTANCE, NextToken="more"),
        *({"Instances": odd} for odd in NO_OBJECT),
        *({"Instances": {"Instance": odd}} for odd in NO_LIST),
        *(_instances({**INSTANCE, "InstanceId": odd}) for odd in NO_WORD),
        *(_instances({**INSTANCE, "Tags": odd}) for odd in NO_TAGS),
        _instances({**INSTANCE, "VpcAttributes": []}),
        _instances({**INSTANCE, "VpcAttributes": {"VpcId": HALF}}),
    ],
    "tags": [
        *({"TagResources": odd} for odd in NO_OBJECT),
        {"TagResources": {"TagResource": None}},
        {"TagResources": {"TagResource": [{"TagKey": "port"}]}},
        {"TagResources": {"TagResource": [{"ResourceId": HALF, "TagKey": "port"}]}},
        {"TagResources": {"TagResource": []}, "NextToken": 7},
    ],
    "balancer": [
        {**BALANCER, "LoadBalancerId": None},
        {**BALANCER, "LoadBalancerId": HALF},
        {**BALANCER, "VpcId": HALF},
        *({**BALANCER, "ListenerPorts": odd} for odd in NO_PORTS),
    ],
}


def _cases(table: dict[str, list[dict[str, Any]]]) -> list[Any]:
    return [
        pytest.param({**READERS, **WRITERS}[name], body, id=f"{name}-{number}")
        for name, bodies in table.items()
        for number, body in enumerate(bodies)
    ]


def _result(read: Callable[[Session], Any], body: Any) -> Any:
    """Return what is read, or the error, whether it was raised or stands in the place of a backend."""
    try:
        found = read(session_answering(body))
    except AuthorizerError as error:
        return error
    return next(iter(found.values()), None) if isinstance(found, dict) else found


@pytest.mark.parametrize("name", READERS)
@pytest.mark.parametrize("form", ANYWHERE)
def test_what_is_no_answer_is_doubt(name: str, form: str) -> None:
    """No operation takes an empty object, an error in a 200, or anything but an object for an answer."""
    assert type(_result(READERS[name], ANYWHERE[form])) is Doubtful


@pytest.mark.parametrize(("read", "body"), _cases(ODD))
def test_an_odd_form_is_doubt(read: Callable[[Session], Any], body: dict[str, Any]) -> None:
    """Each operation knows its legal forms and takes no other."""
    assert type(_result(read, {"RequestId": "r", **body})) is Doubtful


@pytest.mark.parametrize(("read", "body"), _cases(LEGAL))
def test_a_legal_form_is_read(read: Callable[[Session], Any], body: dict[str, Any]) -> None:
    """Forms that the vendor documents, or its clients expect, are understood."""
    assert not isinstance(_result(read, {"RequestId": "r", **body}), AuthorizerError)


def test_an_account_without_entries_and_a_page_of_them_are_told_apart() -> None:
    """What is read is what was there."""
    assert _look(session_answering({"RequestId": "r", **_entries()})) == []
    assert _look(session_answering({"RequestId": "r", **_entries(ENTRY)})) == [VpcAccess("n", "vpc-1", "i-1", 80)]


def test_a_page_with_fewer_entries_than_it_counts_is_not_all() -> None:
    """An entry that the first page left out is found by the exact look-ups that follow."""
    wanted = VpcAccess("left-out", "vpc-1", "i-2", 80)
    left_out = {**ENTRY, "Name": "left-out", "InstanceId": "i-2"}
    session = session_answering(
        *({"RequestId": "r", **body} for body in (_entries(ENTRY, total=2), _entries(left_out)))
    )

    assert observe(ApiGateway(session, HERE), [wanted], 1).named("left-out") == wanted
