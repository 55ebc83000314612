"""API Gateway's control plane, CloudAPI 2016-07-14: VPC access authorizations, and what tells who uses one.

Parameters and answers are those of the pages under
https://www.alibabacloud.com/help/en/api-gateway/traditional-api-gateway/developer-reference/api-cloudapi-2016-07-14-setvpcaccess
and of PyPI `alibabacloud_cloudapi20160714` 4.9.0; codes fill the templates of
https://help.aliyun.com/en/api-gateway/traditional-api-gateway/support/control-openapi-error-code-table. Which code comes
for a taken name, a taken target, a foreign target, a full quota, an entry in use or an absent one is not established.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, NamedTuple

from tests.cloud.cloudapi.entries import GatewayEntries
from tests.cloud.cloudapi.entry import GatewayEntry
from tests.cloud.cloudapi.published import CLOUDAPI
from tests.cloud.cloudapi.tasks import GatewayTasks, Task
from tests.cloud.cloudapi.uses import GatewayUses, completed
from tests.cloud.core import ServiceError
from tests.cloud.parameters import Parameter, not_found
from tests.cloud.rpc import Operation, RpcProduct

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from tests.cloud.core import Credential, World

    Run = Callable[[Credential, Mapping[str, Any]], Mapping[str, Any]]

_NAME, _TAG = Parameter("Name", required=True), Parameter("Tag", "tags")
_PORT = Parameter("Port", "integer", required=True)
_TARGET = (Parameter("VpcId", required=True), Parameter("InstanceId", required=True), _PORT)
_PAGING = (Parameter("PageNumber", "integer", minimum=1), Parameter("PageSize", "integer", minimum=1, maximum=100))
_REGION = Parameter("RegionId")  # accepted and ignored: the endpoint chooses the region, and Terraform sends it


class CloudApiProduct(RpcProduct):
    """The product; ``entries`` holds its authorizations, ``uses`` what refers to them.

    ``known_targets`` gives the instance ids and addresses of a VPC, for the switch ``target_check``.
    """

    name, version, published = "CloudAPI", "2016-07-14", CLOUDAPI

    def __init__(self, world: World, known_targets: Callable[[str], set[str]] = lambda _vpc_id: set()) -> None:
        self.entries, self.uses = GatewayEntries(world, known_targets), GatewayUses(world)
        self.tasks = GatewayTasks(world, self.entries, self.uses)
        super().__init__(world)

    def define(self) -> dict[str, Operation]:
        backend, batch = Parameter("BackendId", required=True), Parameter("NeedBatchWork", "boolean")
        modify = (*_texts("VpcId", "InstanceId", "VpcTargetHostName", "Token"), Parameter("Port", "integer"))
        filters = (*_texts("VpcAccessId", "Name", "VpcId", "InstanceId", "Port"), Parameter("AccurateQuery", "boolean"))
        connectivity = (Parameter("VpcAccessId", required=True), Parameter("InstanceId", required=True))
        writes: dict[str, tuple[Run, tuple[Parameter, ...]]] = {
            "SetVpcAccess": (self._set, (_NAME, *_TARGET, *_texts("Description", "VpcTargetHostName"), _TAG)),
            "RemoveVpcAccess": (self._remove, (*_TARGET, batch)),
            "RemoveVpcAccessAndAbolishApis": (self._abolish, (*_TARGET, batch)),
            "ModifyVpcAccessAndUpdateApis": (self._modify, (_NAME, *modify, Parameter("Refresh", "boolean"), batch)),
        }
        reads: dict[str, tuple[Run, tuple[Parameter, ...]]] = {
            "DescribeVpcAccesses": (self._describe, (*filters, _TAG, *_PAGING)),
            "DescribeUpdateVpcInfoTask": (self._task, (Parameter("OperationUid", required=True),)),
            "DescribeApisByVpcAccess": (self._apis, (Parameter("VpcName", required=True), *_PAGING)),
            "DescribeApisByBackend": (self._apis_by_backend, (backend, Parameter("StageName"), *_PAGING)),
            "DescribeBackendList": (self._backends, (*_texts("BackendName", "BackendType"), _TAG, *_PAGING)),
            "DescribeBackendInfo": (self._backend, (backend,)),
            "DescribePlugins": (self._plugins, (*_texts("PluginId", "PluginName", "PluginType"), _TAG, *_PAGING)),
            "ValidateVpcConnectivity": (self._validate, connectivity),
        }
        return {
            name: Operation(f"apigateway:{name}", name in writes, (*taken, _REGION), run)
            for name, (run, taken) in {**writes, **reads}.items()
        }

    def state(self) -> dict[str, Any]:
        """Return every entry as DescribeVpcAccesses shows it, those not visible yet included, and what uses them."""
        self.settle()
        entries = [self._attribute(entry) for entry in self.entries.everything()]
        return {"vpc_accesses": entries, **self.uses.state(self.entries), "tasks": self.tasks.state()}

    def settle(self) -> None:
        """Let what the clock brings happen: published APIs that follow a change."""
        self.tasks.settle()

    def clear(self) -> None:
        """Forget every entry and what refers to one."""
        self.entries.clear()
        self.uses.clear()
        self.tasks.clear()

    def _set(self, credential: Credential, values: Mapping[str, Any]) -> dict[str, Any]:
        entry = self.entries.set(credential.account_id, GatewayEntry.from_parameters(values))
        present = self.world.switches.vpc_access_id == "present"
        return {"VpcAccessId": entry.vpc_access_id} if present else {}

    def _describe(self, credential: Credential, values: Mapping[str, Any]) -> dict[str, Any]:
        page = _page(self.entries.describe(credential.account_id, values), values)
        return {**page.counts, "VpcAccessAttributes": {"VpcAccessAttribute": [self._attribute(e) for e in page.items]}}

    def _remove(self, credential: Credential, values: Mapping[str, Any]) -> dict[str, Any]:
        account, target = credential.account_id, (values["VpcId"], values["InstanceId"], values["Port"])
        entry, switches = self.entries.at(account, *target), self.world.switches
        if entry is None and switches.remove_absent == "accept":
            return {"Apis": {"Api": []}}
        apis = [] if entry is None else self.uses.published(account, entry)
        if apis and switches.remove_in_use == "refuse":
            raise ServiceError(400, "DependencyViolationVpcAccess", "The specified VpcAccess has Api definitions.")
        self.entries.remove(account, *target)
        return {"Apis": {"Api": [api.stage for api in apis]}}

    def _abolish(self, credential: Credential, values: Mapping[str, Any]) -> dict[str, Any]:
        account, target = credential.account_id, (values["VpcId"], values["InstanceId"], values["Port"])
        entry = self.entries.at(account, *target)
        apis = [] if entry is None else self.uses.published(account, entry)
        self.entries.remove(account, *target)
        for api in apis:
            self.uses.unpublish(account, api.api_id, api.stage_name)
        return {"OperationId": self.tasks.new(Task(account))}

    def _modify(self, credential: Credential, values: Mapping[str, Any]) -> dict[str, Any]:
        return {"OperationId": self.tasks.modify(credential.account_id, values)}

    def _task(self, credential: Credential, values: Mapping[str, Any]) -> dict[str, Any]:
        rows = self.tasks.rows(credential.account_id, values["OperationUid"])
        return {"ApiUpdateVpcInfoResults": {"ApiUpdateVpcInfoResult": rows}}

    def _apis(self, credential: Credential, values: Mapping[str, Any]) -> dict[str, Any]:
        entry = self.entries.named(credential.account_id, values["VpcName"])
        page = _page(self.uses.using(credential.account_id, entry), values)
        as_api = self.world.switches.listed_target == "api"
        had = [self.uses.reaches(credential.account_id, api, self.entries) if as_api else None for api in page.items]
        rows = [api.attribute(old or entry, self.world.region_id) for api, old in zip(page.items, had, strict=True)]
        return {**page.counts, "ApiVpcAccessInfos": {"ApiVpcAccessInfo": rows}}

    def _apis_by_backend(self, credential: Credential, values: Mapping[str, Any]) -> dict[str, Any]:
        backend, stage = self._found(credential, values["BackendId"]), values.get("StageName", "")
        named = [api for api in self.uses.apis(credential.account_id) if api.backend_id == backend["BackendId"]]
        page = _page([api.info() for api in named if api.stage_name == stage], values)
        return {**page.counts, "ApiInfoList": {"ApiInfo": page.items}}

    def _backends(self, credential: Credential, values: Mapping[str, Any]) -> dict[str, Any]:
        wanted = ".*".join(map(re.escape, values.get("BackendName", "*").split("*")))
        found = [
            {**{name: value for name, value in backend.items() if name != "BackendModels"}, "Tags": _tags(backend)}
            for backend in self.uses.backends(credential.account_id)
            if re.fullmatch(wanted, backend.get("BackendName", "")) and _fits(backend, values, "BackendType")
        ]
        page = _page(found, values)
        return {**page.counts, "BackendInfoList": page.items}

    def _backend(self, credential: Credential, values: Mapping[str, Any]) -> dict[str, Any]:
        whole = completed(self._found(credential, values["BackendId"]), self.entries.everything(credential.account_id))
        return {"BackendInfo": {name: value for name, value in whole.items() if name != "Tags"}}

    def _found(self, credential: Credential, backend_id: str) -> Mapping[str, Any]:
        for backend in self.uses.backends(credential.account_id):
            if backend["BackendId"] == backend_id:
                return backend
        raise not_found("Backend")

    def _plugins(self, credential: Credential, values: Mapping[str, Any]) -> dict[str, Any]:
        found = [
            {**plugin, "Tags": {"TagInfo": _tags(plugin)}, "RegionId": self.world.region_id}
            for plugin in self.uses.plugins(credential.account_id)
            if _fits(plugin, values, "PluginId", "PluginName", "PluginType")
        ]
        page = _page(found, values)
        return {**page.counts, "Plugins": {"PluginAttribute": page.items}}

    def _validate(self, credential: Credential, values: Mapping[str, Any]) -> dict[str, Any]:
        entry = self.entries.identified(credential.account_id, values["VpcAccessId"])
        kinds = {"i-": "ECS", "lb-": "SLB"}
        kind = next((kind for prefix, kind in kinds.items() if entry.instance_id.startswith(prefix)), "INVALID")
        is_open = self.world.switches.connectivity == "open"
        return {"Connected": is_open and kind != "INVALID", "IpType": kind}

    def _attribute(self, entry: GatewayEntry) -> dict[str, Any]:
        return {**entry.attribute(), "RegionId": self.world.region_id}


def _texts(*names: str) -> tuple[Parameter, ...]:
    return tuple(map(Parameter, names))


def _tags(seeded: Mapping[str, Any]) -> list[dict[str, str]]:
    return [{"Key": key, "Value": value} for key, value in seeded.get("Tags", {}).items()]


def _fits(seeded: Mapping[str, Any], values: Mapping[str, Any], *names: str) -> bool:
    """Tell if a seeded object has the values that a call filters by, its tags included."""
    tags = seeded.get("Tags", {})
    return all(not values.get(name) or values[name] == seeded.get(name) for name in names) and all(
        tags.get(tag["Key"]) == tag["Value"] for tag in values.get("Tag", ())
    )


class _Page(NamedTuple):
    items: list[Any]
    counts: dict[str, int]


def _page(found: list[Any], values: Mapping[str, Any]) -> _Page:
    number, size = values.get("PageNumber", 1), values.get("PageSize", 10)
    counts = {"TotalCount": len(found), "PageNumber": number, "PageSize": size}
    return _Page(found[(number - 1) * size : number * size], counts)
