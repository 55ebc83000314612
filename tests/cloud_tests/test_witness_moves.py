"""The vendor's SDK for CloudAPI moves an authorization, and its published APIs follow: under every switch."""

from __future__ import annotations

from typing import Any

import pytest
from alibabacloud_cloudapi20160714 import models
from alibabacloud_cloudapi20160714.client import Client
from alibabacloud_tea_openapi.exceptions import ClientException

from tests.cloud.core import Credential
from tests.cloud.fixtures import PERMANENT, TEMPORARY, Served
from tests.cloud.seeds import remove, seed
from tests.sdk import config_of

pytestmark = [
    pytest.mark.enable_socket,
    pytest.mark.filterwarnings(r"ignore:datetime\.datetime\.utcnow:DeprecationWarning:alibabacloud_tea_openapi"),
]
ENTRY = {"Name": "web", "VpcId": "vpc-1", "InstanceId": "i-1", "Port": 80, "VpcAccessId": "id-of-web"}
BACKEND = {
    "BackendId": "b-1",
    "BackendModels": [
        {"StageName": "RELEASE", "BackendConfig": {"Type": "VPC", "VpcConfig": {"Name": "web"}}},
        {"StageName": "PRE", "BackendConfig": {"Type": "VPC", "VpcConfig": {"VpcAccessId": "id-of-web"}}},
    ],
}
APIS: list[dict[str, Any]] = [
    {"ApiId": "a-1", "VpcName": "web"},
    {"ApiId": "a-2", "BackendId": "b-1"},
    {"ApiId": "a-2", "BackendId": "b-1", "StageName": "PRE"},
    {"ApiId": "a-draft", "VpcName": "web", "StageName": ""},
    {"ApiId": "a-other", "VpcName": "web-2"},
]
FOLLOWERS = [("a-1", "RELEASE"), ("a-2", "RELEASE"), ("a-2", "PRE")]
SUCCESS = "success", "Success. Request Success."
FAILED = "The request processing has failed due to some unknown error, exception or failure."


def _client(cloud: Served, credential: Credential = PERMANENT, **changes: Any) -> Client:
    return Client(config_of(cloud.endpoint, credential, **changes))


def _stock(cloud: Served, apis: list[dict[str, Any]] | None = None, **switches: Any) -> Client:
    """Return a client of a gateway where APIs use an entry by its name, and by a backend object."""
    cloud.world.switches = cloud.world.switches.with_values(**switches)
    others = {**ENTRY, "Name": "web-2", "Port": 81, "VpcAccessId": "id-of-web-2"}
    seed(cloud.app, {"vpc_accesses": [ENTRY, others], "apis": APIS if apis is None else apis, "backends": [BACKEND]})
    return _client(cloud)


def _move(client: Client, instance_id: str, **fields: Any) -> str:
    fields = {"need_batch_work": True, "instance_id": instance_id, **fields}
    request = models.ModifyVpcAccessAndUpdateApisRequest(name="web", **fields)
    return str(client.modify_vpc_access_and_update_apis(request).body.operation_id)


def _task(client: Client, operation_id: str) -> list[tuple[str, str]]:
    """Return what the task says of each API that is to follow, in order."""
    request = models.DescribeUpdateVpcInfoTaskRequest(operation_uid=operation_id)
    body = client.describe_update_vpc_info_task(request).body
    return [(api.update_status, api.error_msg) for api in body.api_update_vpc_info_results.api_update_vpc_info_result]


def _backends(cloud: Served) -> dict[tuple[str, str], str | None]:
    """Return the instance that a call of each API really reaches, by API and stage."""
    rows = cloud.products["CloudAPI"].state()["apis"]
    return {(row["ApiId"], row["StageName"]): row["Backend"] and row["Backend"]["InstanceId"] for row in rows}


def _followed(cloud: Served) -> list[str | None]:
    backends = _backends(cloud)
    return [backends[api] for api in FOLLOWERS]


def _code(client: Client, operation_id: str) -> str:
    with pytest.raises(ClientException) as refused:
        _task(client, operation_id)
    assert refused.value.status_code == 400
    return str(refused.value.code)


@pytest.mark.parametrize("config", [{}, {"signature_algorithm": "v2"}], ids=["v3", "v1"])
@pytest.mark.parametrize("credential", [PERMANENT, TEMPORARY], ids=["key", "sts"])
def test_the_apis_follow_at_once(cloud: Served, credential: Credential, config: dict[str, Any]) -> None:
    """Unless a switch says otherwise every published API of the entry has followed when the task is looked at."""
    _stock(cloud)
    client = _client(cloud, credential, **config)
    task = models.DescribeUpdateVpcInfoTaskRequest(operation_uid=_move(client, "i-2"))
    rows = client.describe_update_vpc_info_task(task).body.api_update_vpc_info_results.api_update_vpc_info_result
    assert [(row.api_uid, row.stage_name) for row in rows] == FOLLOWERS
    assert {(row.update_status, row.error_msg) for row in rows} == {SUCCESS}
    assert (rows[0].api_name, rows[0].group_name, len(rows[0].group_id), len(rows[0].stage_id)) == (
        *("orders", "shop"),
        *(32, 32),
    )
    others = {("a-draft", ""): None, ("a-other", "RELEASE"): "i-1"}
    assert _backends(cloud) == {**dict.fromkeys(FOLLOWERS, "i-2"), **others}


@pytest.mark.parametrize("looks", [1, 3])
def test_they_follow_after_n_looks(cloud: Served, looks: int) -> None:
    """Until the task was looked at n times its APIs go on with the old target; the list shows the new one."""
    client = _stock(cloud, apis_follow_after_looks=looks)
    task = _move(client, "i-2")
    for _ in range(looks):
        assert _followed(cloud) == ["i-1"] * 3
        assert _task(client, task) == [("updating", "")] * 3
    assert _followed(cloud) == ["i-2"] * 3
    assert _task(client, task) == [SUCCESS] * 3


def test_they_follow_after_seconds_though_nobody_looks(still_cloud: Served) -> None:
    """Time alone brings them there; each request to the gateway, and its state, find it done."""
    client = _stock(still_cloud, apis_follow_after_seconds=30)
    task = _move(client, "i-2")
    still_cloud.world.clock.advance(29)
    assert (_task(client, task), _followed(still_cloud)) == ([("updating", "")] * 3, ["i-1"] * 3)
    still_cloud.world.clock.advance(1)
    assert _followed(still_cloud) == ["i-2"] * 3
    assert _task(client, task) == [SUCCESS] * 3


def test_they_follow_one_by_one(cloud: Served) -> None:
    """A task may be half done."""
    client = _stock(cloud, apis_follow="one-by-one", apis_follow_after_looks=1)
    task = _move(client, "i-2")
    seen = [[status for status, _ in _task(client, task)].count("success") for _ in range(4)]
    assert seen == [0, 1, 2, 3]


@pytest.mark.parametrize(
    ("rows", "words", "first"),
    [
        pytest.param("listed", "updating-failed", ["updating"] * 3, id="listed"),
        pytest.param("listed", "running-fail", ["running"] * 3, id="other-words"),
        pytest.param("hidden", "updating-failed", [], id="hidden"),
    ],
)
def test_what_is_not_done_is_listed_or_not(cloud: Served, rows: str, words: str, first: list[str]) -> None:
    """Only `success` is printed by the vendor: what else a row may say, and whether it is there, is open."""
    client = _stock(cloud, apis_follow_after_looks=1, unfinished_rows=rows, task_words=words)
    task = _move(client, "i-2")
    assert [status for status, _ in _task(client, task)] == first
    assert _task(client, task) == [SUCCESS] * 3


@pytest.mark.parametrize("words", ["updating-failed", "running-fail"])
def test_one_api_fails_and_a_repeated_change_brings_it_there(cloud: Served, words: str) -> None:
    """The row of the API that failed says why, the API keeps its old target until an update of it succeeds."""
    client = _stock(cloud, [{**APIS[0], "UpdateFailures": 2}, *APIS[1:]], task_words=words)
    for _ in range(2):
        assert _task(client, _move(client, "i-2")) == [(words.partition("-")[2], FAILED), SUCCESS, SUCCESS]
        assert _followed(cloud) == ["i-1", "i-2", "i-2"]
    assert _task(client, _move(client, "i-2")) == [SUCCESS] * 3
    assert _followed(cloud) == ["i-2"] * 3


@pytest.mark.parametrize(
    ("setting", "fields", "after"),
    [
        pytest.param("refresh", {}, ["i-2"] * 3, id="refresh"),
        pytest.param("nothing", {}, ["i-1", "i-2", "i-2"], id="nothing"),
        pytest.param("nothing", {"refresh": True}, ["i-2"] * 3, id="nothing-but-asked-to"),
    ],
)
def test_a_change_to_the_same_target(cloud: Served, setting: str, fields: dict[str, Any], after: list[str]) -> None:
    """It updates the APIs again or not; Refresh always does."""
    apis = [{**APIS[0], "UpdateFailures": 1, "UpdateErrorMsg": "no"}, *APIS[1:]]
    client = _stock(cloud, apis, modify_same_target=setting)
    assert _task(client, _move(client, "i-2"))[0] == ("failed", "no")
    again = _task(client, _move(client, "i-2", **fields))
    assert again == ([SUCCESS] * 3 if after == ["i-2"] * 3 else [])
    assert _followed(cloud) == after


@pytest.mark.parametrize("setting", ["stays", "changes"])
def test_the_time_of_creation(still_cloud: Served, setting: str) -> None:
    """CreatedTime of a changed entry stays or is the change's; id, description and tags stay."""
    client = _stock(still_cloud, modify_created_time=setting)
    find = models.DescribeVpcAccessesRequest(name="web", accurate_query=True)
    (before,) = client.describe_vpc_accesses(find).body.vpc_access_attributes.vpc_access_attribute
    still_cloud.world.clock.advance(60)
    _move(client, "i-2")
    (after,) = client.describe_vpc_accesses(find).body.vpc_access_attributes.vpc_access_attribute
    assert (after.created_time == before.created_time) == (setting == "stays")
    assert (after.instance_id, after.vpc_access_id) == ("i-2", "id-of-web")


def test_a_change_while_a_task_runs_is_refused(cloud: Served) -> None:
    """It is for the entry whose APIs have not followed; another entry, and the same one later, may be changed."""
    client = _stock(cloud, modify_while_updating="refuse", apis_follow_after_looks=1)
    task = _move(client, "i-2")
    with pytest.raises(ClientException) as refused:
        _move(client, "i-3")
    assert (refused.value.status_code, refused.value.code) == (400, "RepeatedCommit")
    other = models.ModifyVpcAccessAndUpdateApisRequest(name="web-2", instance_id="i-3", need_batch_work=True)
    client.modify_vpc_access_and_update_apis(other)
    _task(client, task)
    _move(client, "i-3")
    assert _backends(cloud)["a-other", "RELEASE"] == "i-1"


@pytest.mark.parametrize(("late", "last"), [("present", "i-3"), ("asked", "i-2")])
def test_a_change_while_a_task_runs_is_taken(cloud: Served, late: str, last: str) -> None:
    """Whose task ends last wins: with what is there now, or with what it was asked for."""
    client = _stock(cloud, late_update=late, apis_follow_after_looks=1)
    first, second = _move(client, "i-2"), _move(client, "i-3")
    assert _followed(cloud) == ["i-1"] * 3
    _task(client, second)
    assert _followed(cloud) == ["i-3"] * 3
    _task(client, first)
    assert _followed(cloud) == [last] * 3


@pytest.mark.parametrize(("setting", "after"), [("needed", "i-1"), ("void", "i-2")])
def test_a_change_without_batch_work(cloud: Served, setting: str, after: str) -> None:
    """The vendor's pages disagree whether published APIs follow without NeedBatchWork."""
    client = _stock(cloud, need_batch_work=setting)
    assert len(_task(client, _move(client, "i-2", need_batch_work=None))) == (0 if after == "i-1" else 3)
    assert _followed(cloud) == [after] * 3
    _move(client, "i-2")
    assert _followed(cloud) == ["i-2"] * 3


@pytest.mark.parametrize("setting", ["empty", "refuse"])
def test_a_task_that_no_api_is_concerned_by(cloud: Served, setting: str) -> None:
    """It is an empty list or not found."""
    client = _stock(cloud, [], task_of_nothing=setting)
    task = _move(client, "i-2")
    if setting == "refuse":
        assert _code(client, task) == "NotFoundOperationUid"
    else:
        assert _task(client, task) == []


@pytest.mark.parametrize("setting", ["refuse", "empty"])
def test_a_task_that_is_not_known(cloud: Served, setting: str) -> None:
    """It is not found or an empty list; so is the task of another account."""
    client = _stock(cloud, task_unknown=setting)
    other = cloud.world.add_credential(Credential("test-other", "secret", account_id="2222222222222222"))
    task = _move(client, "i-2")
    for asking, operation_id in ((client, "0" * 32), (_client(cloud, other), task)):
        if setting == "refuse":
            assert _code(asking, operation_id) == "NotFoundOperationUid"
        else:
            assert _task(asking, operation_id) == []


@pytest.mark.parametrize(("setting", "told"), [("entry", "i-2"), ("api", "i-1")])
def test_the_target_that_the_list_of_apis_tells(cloud: Served, setting: str, told: str) -> None:
    """It is the entry's, or what the API still has."""
    client = _stock(cloud, listed_target=setting, apis_follow_after_looks=1)
    task = _move(client, "i-2")
    find = models.DescribeApisByVpcAccessRequest(vpc_name="web")
    listed = [client.describe_apis_by_vpc_access(find).body.api_vpc_access_infos.api_vpc_access_info[0].instance_id]
    _task(client, task)
    listed.append(client.describe_apis_by_vpc_access(find).body.api_vpc_access_infos.api_vpc_access_info[0].instance_id)
    assert listed == [told, "i-2"]


@pytest.mark.parametrize(
    ("switches", "fields", "code"),
    [
        pytest.param({"target_check": "on"}, {"instance_id": "i-9"}, "NotFoundInstanceId", id="not-there"),
        pytest.param({"target_check": "on"}, {"vpc_id": "vpc-2"}, "NotFoundInstanceId", id="in-another-vpc"),
        pytest.param({}, {"port": 0}, "InvalidPort", id="port"),
        pytest.param({}, {"instance_id": "i-1", "port": 81}, "RepeatedVpcAccess", id="taken"),
    ],
)
def test_a_target_that_is_refused(cloud: Served, switches: dict[str, Any], fields: dict[str, Any], code: str) -> None:
    """Neither the entry nor an API has moved; a target that is there is taken, and so is one that stays."""
    client = _stock(cloud, **switches)
    seed(cloud.app, {"instances": [{"InstanceId": "i-2", "VpcId": "vpc-1"}]})
    with pytest.raises(ClientException) as refused:
        _move(client, **{"instance_id": "i-2", **fields})
    assert (refused.value.status_code, refused.value.code) == (400, code)
    assert _followed(cloud) == ["i-1"] * 3
    _move(client, "i-1")
    _move(client, "i-2")
    assert _followed(cloud) == ["i-2"] * 3


def test_an_api_that_is_published_anew_has_the_entry_as_it_is(cloud: Served) -> None:
    """So has one whose entry was removed and made again; one whose entry is gone reaches nothing."""
    client = _stock(cloud, apis_follow_after_looks=9)
    _move(client, "i-2")
    seed(cloud.app, {"apis": [APIS[0]]})
    assert _followed(cloud) == ["i-2", "i-1", "i-1"]
    remove(cloud.app, {"vpc_accesses": ["web"]})
    assert _followed(cloud) == [None] * 3
    seed(cloud.app, {"vpc_accesses": [{**ENTRY, "InstanceId": "i-5", "VpcAccessId": "another"}]})
    assert _followed(cloud) == ["i-5", "i-5", None]


def test_an_api_that_went_offline_meanwhile_is_no_failure(cloud: Served) -> None:
    """The task still tells of it, and nothing of it is left."""
    client = _stock(cloud, apis_follow_after_looks=1)
    task = _move(client, "i-2")
    remove(cloud.app, {"apis": ["a-1"]})
    _task(client, task)
    assert _task(client, task) == [SUCCESS] * 3
    assert ("a-1", "RELEASE") not in _backends(cloud)
