"""The vendor's common clients drive ESS 2014-08-28, of which requirements/dev.txt has no SDK: groups, hooks, heartbeats."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from alibabacloud_tea_openapi.client import Client as OpenApiClient
from alibabacloud_tea_openapi.exceptions import ClientException
from alibabacloud_tea_openapi.utils_models import OpenApiRequest, Params
from aliyunsdkcore.auth.credentials import AccessKeyCredential
from aliyunsdkcore.client import AcsClient
from aliyunsdkcore.request import CommonRequest
from darabonba.runtime import RuntimeOptions

from tests.cloud.core import Credential
from tests.cloud.ess.activities import Activity
from tests.cloud.fixtures import PERMANENT, TEMPORARY, Served
from tests.cloud.seeds import permit, remove, seed
from tests.sdk import config_of

if TYPE_CHECKING:
    from collections.abc import Callable

pytestmark = [
    pytest.mark.enable_socket,
    pytest.mark.filterwarnings(r"ignore:datetime\.datetime\.utcnow:DeprecationWarning:alibabacloud_tea_openapi"),
    pytest.mark.filterwarnings("ignore::DeprecationWarning:aliyunsdkcore"),
]
GROUP = "asg-1"
STATES = ("InService", "Pending", "Pending:Wait", "Protected", "Standby", "Stopped", "Removing", "Removing:Wait")


def _ask(
    cloud: Served, action: str, /, credential: Credential = PERMANENT, config: Any = None, **query: Any
) -> dict[str, Any]:
    """Call an operation by the newer common client; lists come as ``LifecycleStates_1``."""
    client = OpenApiClient(config_of(cloud.endpoint, credential, **(config or {})))
    params = Params(
        action=action,
        version="2014-08-28",
        protocol="HTTP",
        pathname="/",
        method="POST",
        auth_type="AK",
        style="RPC",
        req_body_type="formData",
        body_type="json",
    )
    flat = {name.replace("_", "."): str(value) for name, value in query.items()}
    answer = client.call_api(params, OpenApiRequest(query=flat), RuntimeOptions())
    return dict(answer["body"])


def _ask_by_the_older(cloud: Served, action: str, /, **query: Any) -> dict[str, Any]:
    """Call an operation by `aliyun-python-sdk-core` (V1), as `aliyun-python-sdk-ess` does."""
    key = AccessKeyCredential(PERMANENT.access_key_id, PERMANENT.access_key_secret)
    client = AcsClient(region_id="cn-hangzhou", credential=key, auto_retry=False)
    request = CommonRequest(domain="unused", version="2014-08-28", action_name=action)
    for name, value in query.items():
        request.add_query_param(name.replace("_", "."), value)
    request.set_endpoint(cloud.endpoint.removeprefix("http://"))
    return dict(json.loads(client.do_action_with_exception(request)))


def _members(cloud: Served, **query: Any) -> dict[str, Any]:
    return _ask(cloud, "DescribeScalingInstances", **{"RegionId": "cn-hangzhou", **query})


def _ids(body: dict[str, Any]) -> list[str]:
    return [member["InstanceId"] for member in body["ScalingInstances"]["ScalingInstance"]]


def _refused(call: Callable[[], object]) -> str:
    with pytest.raises(ClientException) as refused:
        call()
    assert refused.value.status_code == 400
    return str(refused.value.code)


def _stock(cloud: Served, **switches: Any) -> None:
    """Fill a group with one instance in each state, and another group with one; i-0 is InService and Running."""
    cloud.world.switches = cloud.world.switches.with_values(**switches)
    members = [
        {"InstanceId": f"i-{number}", "ScalingGroupId": GROUP, "LifecycleState": state}
        for number, state in enumerate(STATES)
    ]
    other = {"InstanceId": "i-8", "ScalingGroupId": "asg-2", "CreationType": "Attached", "ScalingActivityId": "asa-8"}
    instances = [
        {"InstanceId": f"i-{number}", "Status": "Stopped" if number == 5 else "Running"} for number in range(9)
    ]
    seed(cloud.app, {"instances": instances, "scaling_instances": [*members, other]})


@pytest.mark.parametrize("config", [{}, {"signature_algorithm": "v2"}], ids=["v3", "v1"])
@pytest.mark.parametrize("credential", [PERMANENT, TEMPORARY], ids=["key", "sts"])
def test_a_member_is_described(cloud: Served, credential: Credential, config: dict[str, Any]) -> None:
    """Its fields are those of the vendor's page, in two wrappers; the counts stand beside them."""
    _stock(cloud)
    body = _members(cloud, credential=credential, config=config, InstanceId_1="i-0")
    (member,) = body.pop("ScalingInstances")["ScalingInstance"]
    assert body.pop("RequestId")
    assert body == {"TotalCount": 1, "TotalSpotCount": 0, "PageNumber": 1, "PageSize": 10}
    assert member == {
        "InstanceId": "i-0",
        "ScalingGroupId": GROUP,
        "ScalingConfigurationId": "asc-test",
        "ScalingActivityId": "asa-test",
        "LifecycleState": "InService",
        "HealthStatus": "Healthy",
        "CreationType": "AutoCreated",
        "Entrusted": True,
        "CreatedTime": "2026-11-01T08:00:00Z",
        "CreationTime": "2026-11-01T08:00Z",
        "WarmupState": "NoNeedWarmup",
        "LoadBalancerWeight": 50,
        "ZoneId": "cn-hangzhou-h",
    }


@pytest.mark.parametrize(
    ("query", "found"),
    [
        pytest.param({}, "012345678", id="all"),
        pytest.param({"ScalingGroupId": GROUP}, "01234567", id="group"),
        pytest.param({"ScalingGroupId": "asg-9"}, "", id="no-group"),
        pytest.param({"LifecycleState": "Removing:Wait"}, "7", id="state"),
        pytest.param({"LifecycleStates_1": "Removing", "LifecycleStates_2": "Removing:Wait"}, "67", id="states"),
        pytest.param({"InstanceId_1": "i-3", "InstanceId_2": "i-99", "InstanceId_3": "i-1"}, "31", id="ids"),
        pytest.param({"InstanceId_1": "i-8", "ScalingGroupId": GROUP}, "", id="id-of-another-group"),
        pytest.param({"HealthStatus": "Unhealthy"}, "5", id="health"),
        pytest.param({"CreationType": "Attached"}, "8", id="creation"),
        pytest.param({"CreationTypes_1": "Attached", "CreationTypes_2": "Managed"}, "8", id="creations"),
        pytest.param({"ScalingActivityId": "asa-8"}, "8", id="activity"),
        pytest.param({"ScalingConfigurationId": "asc-9"}, "", id="configuration"),
    ],
)
def test_filters(cloud: Served, query: dict[str, str], found: str) -> None:
    """Both clients find the same; an id that is nowhere is left out without a word."""
    _stock(cloud)
    expected = [f"i-{number}" for number in found]
    assert _ids(_members(cloud, **query)) == expected
    older = _ask_by_the_older(cloud, "DescribeScalingInstances", RegionId="cn-hangzhou", **query)
    assert (_ids(older), older["TotalCount"]) == (expected, len(expected))


def test_pages(cloud: Served) -> None:
    """Ten come unless asked; a page after the last one is empty, and the count stays."""
    members = [{"InstanceId": f"i-{number:03}", "ScalingGroupId": GROUP} for number in range(205)]
    seed(cloud.app, {"scaling_instances": members})
    assert len(_ids(_members(cloud))) == 10
    pages = [_members(cloud, PageNumber=number, PageSize=100) for number in (1, 2, 3, 4)]
    assert [len(_ids(page)) for page in pages] == [100, 100, 5, 0]
    assert [page["TotalCount"] for page in pages] == [205] * 4
    assert len({instance for page in pages for instance in _ids(page)}) == 205


@pytest.mark.parametrize(("setting", "code"), [("100", ""), ("50", "InvalidPageSize")])
def test_the_longest_page(cloud: Served, setting: str, code: str) -> None:
    """It is 100 by the vendor's page of 2026, 50 by that of 2021; one more is refused."""
    _stock(cloud, ess_most_per_page=setting)
    assert len(_ids(_members(cloud, PageSize=50))) == 9
    assert _refused(lambda: _members(cloud, PageSize=101)) == "InvalidPageSize"
    if code:
        assert _refused(lambda: _members(cloud, PageSize=51)) == code
    else:
        assert len(_ids(_members(cloud, PageSize=100))) == 9


@pytest.mark.parametrize(
    ("query", "code"),
    [
        pytest.param({"RegionId": ""}, "MissingRegionId", id="region"),
        pytest.param({"LifecycleState": "Leaving"}, "InvalidLifecycleState", id="state"),
        pytest.param({"LifecycleStates_1": "inservice"}, "InvalidLifecycleStates", id="states"),
        pytest.param({"LifecycleState": "Pending", "LifecycleStates_1": "Pending"}, "InvalidParameter", id="both"),
        pytest.param({"HealthStatus": "Ill"}, "InvalidHealthStatus", id="health"),
        pytest.param({"CreationType": "Made"}, "InvalidCreationType", id="creation"),
        pytest.param({"PageNumber": 0}, "InvalidPageNumber", id="page"),
        pytest.param({f"InstanceId_{number}": "i-1" for number in range(1, 22)}, "InvalidInstanceId", id="ids"),
        pytest.param({"InstanceIds_1": "i-1"}, "UnsupportedParameter", id="the-name-of-2022"),
    ],
)
def test_what_no_page_knows_is_refused(cloud: Served, query: dict[str, Any], code: str) -> None:
    """Values, counts and names that the version of 2014 does not have."""
    _stock(cloud)
    assert _refused(lambda: _members(cloud, **query)) == code


@pytest.mark.parametrize(("setting", "rows"), [("listed", [("i-0", "Unhealthy")]), ("hidden", [])])
def test_a_member_that_ecs_has_released(cloud: Served, setting: str, rows: list[tuple[str, str]]) -> None:
    """Its group goes on listing it as unhealthy, or no longer."""
    _stock(cloud, released_member=setting)
    remove(cloud.app, {"instances": ["i-0"]})
    found = _members(cloud, InstanceId_1="i-0")["ScalingInstances"]["ScalingInstance"]
    assert [(member["InstanceId"], member["HealthStatus"]) for member in found] == rows


def test_rights(cloud: Served) -> None:
    """Without the right it is refused; a policy on single groups hides the others."""
    _stock(cloud)
    permit(cloud.world, {"unseen": [GROUP]})
    assert _ids(_members(cloud)) == ["i-8"]
    permit(cloud.world, {"denied": ["ess:DescribeScalingInstances"]})
    with pytest.raises(ClientException) as refused:
        _members(cloud)
    assert (refused.value.status_code, refused.value.code) == (403, "NoPermission")


def _scale_in(cloud: Served, *hooks: dict[str, Any], ids: tuple[str, ...] = ("i-0",)) -> list[dict[str, Any]]:
    """Start a scale-in and return what names each hook's action."""
    document = {"ScalingGroupId": GROUP, "LifecycleTransition": "SCALE_IN", "InstanceIds": ids, "Hooks": hooks}
    started = cloud.products["ESS"].scale(Activity.from_json(document))
    names = ("lifecycleHookId", "lifecycleActionToken")
    return [{name: content[name] for name in names} for content in started["hooks"]]


def _complete(cloud: Served, action: dict[str, Any], result: str) -> None:
    named = {f"L{name[1:]}": value for name, value in action.items()}
    _ask(cloud, "CompleteLifecycleAction", RegionId="cn-hangzhou", LifecycleActionResult=result, **named)


def _whereabouts(cloud: Served, instance_id: str = "i-0") -> tuple[str, str]:
    """Return the state of an instance in its group and in ECS, "" where it is not."""
    found = _members(cloud, InstanceId_1=instance_id)["ScalingInstances"]["ScalingInstance"]
    return found[0]["LifecycleState"] if found else "", cloud.products["ECS"].status(instance_id)


@pytest.mark.parametrize(
    ("result", "after"),
    [
        pytest.param("CONTINUE", ("", ""), id="continue"),
        pytest.param("ABANDON", ("", ""), id="abandon"),
        pytest.param("ROLLBACK", ("InService", "Running"), id="rollback"),
    ],
)
def test_an_answer_ends_the_wait_of_a_scale_in(cloud: Served, result: str, after: tuple[str, str]) -> None:
    """CONTINUE and ABANDON let the instance go and be released; ROLLBACK keeps it."""
    _stock(cloud)
    (action,) = _scale_in(cloud, {"LifecycleHookId": "ash-1"})
    assert _whereabouts(cloud) == ("Removing:Wait", "Running")
    _complete(cloud, action, result)
    assert _whereabouts(cloud) == after
    assert _refused(lambda: _complete(cloud, action, result)) == "LifecycleHookIdAndLifecycleActionToken.Invalid"


@pytest.mark.parametrize(
    ("default", "after"), [("CONTINUE", ("", "")), ("ABANDON", ("", "")), ("ROLLBACK", ("InService", "Running"))]
)
def test_the_end_of_a_heartbeat_ends_the_wait(still_cloud: Served, default: str, after: tuple[str, str]) -> None:
    """The hook's default result decides, though nobody asks ESS: ECS has no longer what went."""
    _stock(still_cloud)
    (action,) = _scale_in(still_cloud, {"LifecycleHookId": "ash-1", "HeartbeatTimeout": 60, "DefaultResult": default})
    still_cloud.world.clock.advance(59)
    assert _whereabouts(still_cloud) == ("Removing:Wait", "Running")
    still_cloud.world.clock.advance(1)
    assert _whereabouts(still_cloud) == after
    assert _refused(lambda: _complete(still_cloud, action, "CONTINUE")).endswith("Token.Invalid")


def test_several_hooks_wait_for_each_other(cloud: Served) -> None:
    """After CONTINUE for one the instance waits for the next; ABANDON ends all waits at once."""
    _stock(cloud)
    first, second, third = _scale_in(cloud, *({"LifecycleHookId": f"ash-{number}"} for number in range(3)))
    _complete(cloud, first, "CONTINUE")
    assert _whereabouts(cloud) == ("Removing:Wait", "Running")
    _complete(cloud, second, "ABANDON")
    assert _whereabouts(cloud) == ("", "")
    assert _refused(lambda: _complete(cloud, third, "CONTINUE")).endswith("Token.Invalid")


@pytest.mark.parametrize(
    ("fields", "after"),
    [
        pytest.param({"CreationType": "Attached"}, "Running", id="attached"),
        pytest.param({"CreationType": "Attached", "Entrusted": True}, "", id="entrusted"),
        pytest.param({}, "", id="auto-created"),
    ],
)
def test_an_instance_that_its_group_does_not_manage_lives_on(cloud: Served, fields: dict[str, Any], after: str) -> None:
    """A scale-in is no deletion: what was attached and not entrusted is only removed from the group."""
    _stock(cloud)
    seed(cloud.app, {"scaling_instances": [{"InstanceId": "i-0", "ScalingGroupId": GROUP, **fields}]})
    assert _scale_in(cloud) == []
    assert _whereabouts(cloud) == ("", after)


@pytest.mark.parametrize(("setting", "ends"), [("now", 90), ("end", 150)])
def test_from_when_a_heartbeat_counts(still_cloud: Served, setting: str, ends: int) -> None:
    """The wait is longer from the heartbeat on, or from where it would have ended; both by 600 s unless it says."""
    _stock(still_cloud, heartbeat_from=setting)
    clock = still_cloud.world.clock
    (action,) = _scale_in(still_cloud, {"LifecycleHookId": "ash-1", "HeartbeatTimeout": 90})
    clock.advance(30)
    _ask(still_cloud, "RecordLifecycleActionHeartbeat", **action, heartbeatTimeout=60)
    clock.advance(ends - 31)
    assert _whereabouts(still_cloud)[0] == "Removing:Wait"
    clock.advance(1)
    assert _whereabouts(still_cloud)[0] == ""
    (action,) = _scale_in(still_cloud, {"LifecycleHookId": "ash-1", "HeartbeatTimeout": 30}, ids=("i-1",))
    _ask(still_cloud, "RecordLifecycleActionHeartbeat", **action)
    clock.advance(599)
    assert _whereabouts(still_cloud, "i-1")[0] == "Removing:Wait"


def test_heartbeats_come_to_an_end(still_cloud: Served) -> None:
    """Twenty at most, and six hours in all: https://www.alibabacloud.com/help/doc-detail/73846.htm."""
    _stock(still_cloud)
    (action,) = _scale_in(still_cloud, {"LifecycleHookId": "ash-1"})

    def beat(seconds: int) -> None:
        _ask(still_cloud, "RecordLifecycleActionHeartbeat", **action, heartbeatTimeout=seconds)

    for _ in range(20):
        beat(30)
    assert _refused(lambda: beat(30)) == "LifecycleAction.RecordTimesExceeded"
    (action,) = _scale_in(still_cloud, {"LifecycleHookId": "ash-1"}, ids=("i-1",))
    beat(21600)
    still_cloud.world.clock.advance(1)
    assert _refused(lambda: beat(21600)) == "LifecycleAction.TimeExceeded"
