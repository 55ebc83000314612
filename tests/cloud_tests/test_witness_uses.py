"""The vendor's SDK for CloudAPI asks who uses an authorization, and removes it."""

from __future__ import annotations

import json
from dataclasses import replace
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
ROUTES = json.dumps({"routes": [{"name": "green", "backend": {"type": "HTTP-VPC", "vpcAccessName": "web"}}]})
SUCCESS = "success", "Success. Request Success."
BACKEND = {
    "BackendId": "b-1",
    "BackendName": "orders-backend",
    "BackendType": "VPC",
    "Tags": {"team": "a"},
    "BackendModels": [
        {"StageName": "RELEASE", "BackendConfig": {"Type": "VPC", "VpcConfig": {"Name": "web"}}},
        {"StageName": "TEST", "BackendConfig": {"Type": "HTTP", "ServiceAddress": "http://example.com"}},
    ],
}


def _client(cloud: Served, credential: Credential = PERMANENT, **changes: Any) -> Client:
    return Client(config_of(cloud.endpoint, credential, **changes))


def _stock(cloud: Served, **switches: Any) -> Client:
    """Return a client of a gateway where an entry is used in every way there is."""
    cloud.world.switches = cloud.world.switches.with_values(**switches)
    apis = [
        {"ApiId": "a-direct", "VpcName": "web", "Path": "/direct"},
        {"ApiId": "a-direct", "VpcName": "web", "StageName": "PRE", "StageId": "s-pre", "Path": "/direct"},
        {"ApiId": "a-draft", "VpcName": "web", "StageName": ""},
        {"ApiId": "a-backend", "BackendId": "b-1"},
        {"ApiId": "a-backend", "BackendId": "b-1", "StageName": "TEST"},
        {"ApiId": "a-other", "VpcName": "web-2"},
    ]
    others = {**ENTRY, "Name": "web-2", "Port": 81, "VpcAccessId": "id-of-web-2"}
    plugin = {"PluginId": "p-1", "PluginName": "blue_green", "PluginType": "routing", "PluginData": ROUTES}
    document = {"vpc_accesses": [ENTRY, others], "apis": apis, "backends": [BACKEND], "plugins": [plugin]}
    seed(cloud.app, document)
    return _client(cloud)


def _apis(client: Client, name: str = "web", **fields: Any) -> Any:
    request = models.DescribeApisByVpcAccessRequest(vpc_name=name, **fields)
    return client.describe_apis_by_vpc_access(request).body


def _stages(body: Any) -> list[tuple[str, str]]:
    return [(api.api_id, api.stage_name) for api in body.api_vpc_access_infos.api_vpc_access_info]


def _remove(client: Client, port: int = 80) -> list[tuple[str, str, str]]:
    request = models.RemoveVpcAccessRequest(vpc_id="vpc-1", instance_id="i-1", port=port)
    apis = client.remove_vpc_access(request).body.apis.api
    return [(api.api_id, api.stage_id, api.group_id) for api in apis]


def _names(client: Client) -> list[str]:
    body = client.describe_vpc_accesses(models.DescribeVpcAccessesRequest()).body
    return [entry.name for entry in body.vpc_access_attributes.vpc_access_attribute]


@pytest.mark.parametrize("config", [{}, {"signature_algorithm": "v2"}], ids=["v3", "v1"])
@pytest.mark.parametrize("credential", [PERMANENT, TEMPORARY], ids=["key", "sts"])
def test_the_apis_of_an_entry(cloud: Served, credential: Credential, config: dict[str, Any]) -> None:
    """Each published API comes once a stage, with its group, its path and the entry's target."""
    _stock(cloud)
    body = _apis(_client(cloud, credential, **config))
    assert (body.total_count, body.page_number, body.page_size) == (2, 1, 10)
    assert _stages(body) == [("a-direct", "RELEASE"), ("a-direct", "PRE")]
    first = body.api_vpc_access_infos.api_vpc_access_info[0]
    assert (first.vpc_name, first.vpc_id, first.instance_id, first.port) == ("web", "vpc-1", "i-1", 80)
    assert (first.api_name, first.group_name, first.method, first.path) == ("orders", "shop", "GET", "/direct")
    assert (first.region_id, len(first.stage_id), len(first.group_id)) == ("cn-hangzhou", 32, 32)


@pytest.mark.parametrize(
    ("switches", "more"),
    [
        pytest.param({}, [], id="published"),
        pytest.param({"apis_in_draft": "listed"}, [("a-draft", "")], id="drafts"),
        pytest.param({"apis_by_backend": "listed"}, [("a-backend", "RELEASE")], id="by-backend"),
    ],
)
def test_which_apis_are_listed_is_open(cloud: Served, switches: dict[str, Any], more: list[tuple[str, str]]) -> None:
    """Drafts, and APIs that come to the entry by a backend object, may be missing from the list."""
    listed = _stages(_apis(_stock(cloud, **switches)))
    assert listed == [("a-direct", "RELEASE"), ("a-direct", "PRE"), *more]


def test_the_list_comes_in_pages(cloud: Served) -> None:
    """Ten come unless asked, a hundred at most."""
    seed(cloud.app, {"vpc_accesses": [ENTRY], "apis": [{"ApiId": f"a-{n:03}", "VpcName": "web"} for n in range(205)]})
    client = _client(cloud)
    assert len(_stages(_apis(client))) == 10
    pages = [_stages(_apis(client, page_number=number, page_size=100)) for number in (1, 2, 3, 4)]
    assert [len(page) for page in pages] == [100, 100, 5, 0]
    assert len({api for page in pages for api, _ in page}) == 205


def test_backend_objects_name_their_entry(cloud: Served) -> None:
    """The list tells no target; the object does, in each stage that has one, with the rest of the entry."""
    client = _stock(cloud)
    body = client.describe_backend_list(models.DescribeBackendListRequest()).body
    (row,) = body.backend_info_list
    assert (row.backend_id, row.backend_name, row.backend_type, body.total_count) == (
        *("b-1", "orders-backend", "VPC"),
        1,
    )
    assert [(tag.key, tag.value) for tag in row.tags] == [("team", "a")]
    info = client.describe_backend_info(models.DescribeBackendInfoRequest(backend_id="b-1")).body.backend_info
    release, test = info.backend_models
    config = release.backend_config.vpc_config
    assert (release.stage_name, config.name, config.vpc_access_id) == ("RELEASE", "web", "id-of-web")
    assert (config.vpc_id, config.instance_id, config.port) == ("vpc-1", "i-1", 80)
    assert (test.stage_name, test.backend_config.vpc_config) == ("TEST", None)
    for stage, found in (("RELEASE", ["a-backend"]), ("TEST", ["a-backend"]), ("PRE", []), (None, [])):
        request = models.DescribeApisByBackendRequest(backend_id="b-1", stage_name=stage)
        listed = client.describe_apis_by_backend(request).body
        assert [api.api_id for api in listed.api_info_list.api_info] == found


def test_a_backend_object_may_name_its_entry_by_id(cloud: Served) -> None:
    """VpcAccessId is as good as Name; what names an entry that is gone stays as it is."""
    model = {"StageName": "PRE", "BackendConfig": {"Type": "VPC", "VpcConfig": {"VpcAccessId": "id-of-web"}}}
    client = _stock(cloud)
    seed(cloud.app, {"backends": [{"BackendId": "b-2", "BackendModels": [model]}]})
    seen = []
    for act in (lambda _: None, _remove):
        act(client)
        info = client.describe_backend_info(models.DescribeBackendInfoRequest(backend_id="b-2")).body.backend_info
        config = info.backend_models[0].backend_config.vpc_config
        seen.append((config.vpc_access_id, config.name, config.port))
    assert seen == [("id-of-web", "web", 80), ("id-of-web", None, None)]


@pytest.mark.parametrize(
    ("filters", "found"),
    [
        pytest.param({}, ["b-1", "b-2", "b-3"], id="all"),
        pytest.param({"backend_name": "orders"}, ["b-2"], id="whole-name"),
        pytest.param({"backend_name": "orders*"}, ["b-1", "b-2"], id="wildcard"),
        pytest.param({"backend_name": "*-backend"}, ["b-1"], id="wildcard-before"),
        pytest.param({"backend_type": "HTTP"}, ["b-2"], id="type"),
        pytest.param({"tag": [models.DescribeBackendListRequestTag(key="team", value="a")]}, ["b-1"], id="tag"),
        pytest.param({"page_number": 2, "page_size": 2}, ["b-3"], id="page"),
    ],
)
def test_backend_objects_are_filtered(cloud: Served, filters: dict[str, Any], found: list[str]) -> None:
    """Name with wildcards, type and tags narrow the list."""
    more = [{"BackendId": "b-2", "BackendName": "orders", "BackendType": "HTTP"}, {"BackendId": "b-3"}]
    seed(cloud.app, {"backends": [BACKEND, *more]})
    body = _client(cloud).describe_backend_list(models.DescribeBackendListRequest(**filters)).body
    assert [row.backend_id for row in body.backend_info_list] == found


def test_routing_plug_ins_hold_the_name_as_text(cloud: Served) -> None:
    """PluginData is JSON or YAML in a text; type, name and id narrow the list, a hundred are a page at most."""
    client = _stock(cloud)
    seed(cloud.app, {"plugins": [{"PluginId": "p-2", "PluginType": "cors", "PluginData": "allowOrigins: '*'"}]})

    def listed(**filters: Any) -> list[tuple[str, str]]:
        body = client.describe_plugins(models.DescribePluginsRequest(**filters)).body
        return [(plugin.plugin_id, plugin.plugin_data) for plugin in body.plugins.plugin_attribute]

    assert listed(plugin_type="routing", page_size=100) == [("p-1", ROUTES)]
    assert listed() == [("p-1", ROUTES), ("p-2", "allowOrigins: '*'")]
    assert [plugin_id for plugin_id, _ in listed(page_number=2, page_size=1)] == ["p-2"]
    assert listed(plugin_name="blue_green") == listed(plugin_id="p-1") == [("p-1", ROUTES)]
    with pytest.raises(ClientException) as refused:
        listed(page_size=101)
    assert refused.value.code == "InvalidPageSize"


def test_removing_a_used_entry_tells_its_apis(cloud: Served) -> None:
    """By default the entry goes, its APIs stay online and are listed in the answer, those of a backend object too."""
    client = _stock(cloud)
    removed = _remove(client)
    assert [api for api, _, _ in removed] == ["a-direct", "a-direct", "a-backend"]
    assert [stage for _, stage, _ in removed][1] == "s-pre"
    assert _names(client) == ["web-2"]
    assert len(cloud.products["CloudAPI"].state()["apis"]) == 6
    with pytest.raises(ClientException) as refused:
        _apis(client)
    assert refused.value.code == "NotFoundVpcAccess"
    seed(cloud.app, {"vpc_accesses": [ENTRY]})
    assert len(_stages(_apis(client))) == 2


def test_removing_a_used_entry_may_be_refused(cloud: Served) -> None:
    """With the switch turned a used entry stays; an unused one goes, and so does this one when its APIs are offline."""
    client = _stock(cloud, remove_in_use="refuse")
    with pytest.raises(ClientException) as refused:
        _remove(client)
    assert (refused.value.status_code, refused.value.code) == (400, "DependencyViolationVpcAccess")
    assert _names(client) == ["web", "web-2"]
    remove(cloud.app, {"apis": ["a-direct"], "backends": ["b-1"]})
    assert _remove(client) == []


def test_a_draft_does_not_hold_an_entry(cloud: Served) -> None:
    """Only what is online counts for the removal; a plug-in does not either."""
    client = _stock(cloud, remove_in_use="refuse")
    remove(cloud.app, {"apis": ["a-direct", "a-backend"]})
    assert _remove(client) == []


@pytest.mark.parametrize(("setting", "code"), [("refuse", "NotFoundVpcAccess"), ("accept", "")])
def test_removing_what_is_not_there(cloud: Served, setting: str, code: str) -> None:
    """It is refused, or nothing happens and the answer lists no API."""
    client = _stock(cloud, remove_absent=setting)
    if not code:
        assert _remove(client, 9999) == []
        return
    with pytest.raises(ClientException) as refused:
        _remove(client, 9999)
    assert (refused.value.status_code, refused.value.code) == (400, code)


def test_abolishing_takes_the_apis_offline(cloud: Served) -> None:
    """The entry's published APIs are gone with it, drafts and others stay."""
    client = _stock(cloud)
    request = models.RemoveVpcAccessAndAbolishApisRequest(vpc_id="vpc-1", instance_id="i-1", port=80)
    assert client.remove_vpc_access_and_abolish_apis(request).body.operation_id
    left = [(api["ApiId"], api["StageName"]) for api in cloud.products["CloudAPI"].state()["apis"]]
    assert left == [("a-draft", ""), ("a-backend", "TEST"), ("a-other", "RELEASE")]


def test_a_change_is_followed_by_the_published_apis(cloud: Served) -> None:
    """The task of a modification tells each of them, done at once, and lists show the new target."""
    client = _stock(cloud)
    change = models.ModifyVpcAccessAndUpdateApisRequest(name="web", port=8080, need_batch_work=True)
    task = client.modify_vpc_access_and_update_apis(change).body.operation_id
    body = client.describe_update_vpc_info_task(models.DescribeUpdateVpcInfoTaskRequest(operation_uid=task)).body
    results = body.api_update_vpc_info_results.api_update_vpc_info_result
    assert [(api.api_uid, api.stage_name, api.update_status, api.error_msg) for api in results] == [
        ("a-direct", "RELEASE", *SUCCESS),
        ("a-direct", "PRE", *SUCCESS),
        ("a-backend", "RELEASE", *SUCCESS),
    ]
    assert _apis(client).api_vpc_access_infos.api_vpc_access_info[0].port == 8080


@pytest.mark.parametrize(
    ("call", "code"),
    [
        pytest.param(lambda c: _apis(c, "nobody"), "NotFoundVpcAccess", id="entry"),
        pytest.param(lambda c: _apis(c, ""), "MissingVpcName", id="no-entry"),
        pytest.param(lambda c: _apis(c, page_size=101), "InvalidPageSize", id="page"),
        pytest.param(
            lambda c: c.describe_backend_info(models.DescribeBackendInfoRequest(backend_id="b-9")),
            "NotFoundBackend",
            id="backend",
        ),
        pytest.param(
            lambda c: c.describe_apis_by_backend(models.DescribeApisByBackendRequest(backend_id="b-9")),
            "NotFoundBackend",
            id="apis-of-backend",
        ),
    ],
)
def test_what_is_not_there_is_refused(cloud: Served, call: Any, code: str) -> None:
    """An unknown entry or backend object has its code; a page may not be longer than documented."""
    client = _stock(cloud)
    with pytest.raises(ClientException) as refused:
        call(client)
    assert (refused.value.status_code, refused.value.code) == (400, code)


@pytest.mark.parametrize(
    ("operation", "call"),
    [
        pytest.param("DescribeApisByVpcAccess", _apis, id="apis"),
        pytest.param("RemoveVpcAccess", _remove, id="remove"),
        pytest.param(
            "DescribeBackendList", lambda c: c.describe_backend_list(models.DescribeBackendListRequest()), id="backends"
        ),
        pytest.param(
            "DescribeBackendInfo",
            lambda c: c.describe_backend_info(models.DescribeBackendInfoRequest(backend_id="b-1")),
            id="backend",
        ),
        pytest.param("DescribePlugins", lambda c: c.describe_plugins(models.DescribePluginsRequest()), id="plugins"),
    ],
)
def test_each_needs_its_right(cloud: Served, operation: str, call: Any) -> None:
    """A key without the right is refused, and nothing is removed."""
    client = _stock(cloud)
    cloud.world.add_credential(replace(PERMANENT, denied=frozenset({f"apigateway:{operation}"})))
    with pytest.raises(ClientException) as refused:
        call(client)
    assert (refused.value.status_code, refused.value.code) == (403, "NoPermission")
    assert len(cloud.products["CloudAPI"].entries.everything()) == 2


def test_another_account_s_uses_are_its_own(cloud: Served) -> None:
    """APIs, backend objects and plug-ins belong to an account as entries do."""
    account = {"AccountId": "2222222222222222"}
    document = {"vpc_accesses": [{**ENTRY, **account}], "apis": [{"ApiId": "a-1", "VpcName": "web", **account}]}
    seed(cloud.app, {**document, "backends": [{**BACKEND, **account}], "plugins": [{"PluginId": "p-1", **account}]})
    other = cloud.world.add_credential(Credential("test-foreign", "x", account_id="2222222222222222"))
    mine, theirs = _stock(cloud), _client(cloud, other)
    assert (_stages(_apis(theirs)), len(_stages(_apis(mine)))) == ([("a-1", "RELEASE")], 2)
    assert len(_remove(theirs)) == 1
    assert _names(mine) == ["web", "web-2"]
    plugins = theirs.describe_plugins(models.DescribePluginsRequest()).body.plugins.plugin_attribute
    assert [plugin.plugin_data for plugin in plugins] == ["{}"]
