"""API Gateway's control plane, CloudAPI 2016-07-14: the eight operations around a VPC access authorization.

Parameters and answers: reference `cloudapi.md` 1.3 and 1.4 with the vendor's pages named there; codes:
the templates of 2.2. Which code `SetVpcAccess` gives for a taken name, a taken target, a foreign target or
a full quota is not established (section 6); the names used here fill the templates and are assumed.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tests.cloud.cloudapi.entries import GatewayEntries, GatewayEntry
from tests.cloud.cloudapi.published import CLOUDAPI
from tests.cloud.parameters import Parameter
from tests.cloud.rpc import Operation, RpcProduct

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from tests.cloud.core import Credential, World

_NAME = Parameter("Name", required=True)
_TARGET = (Parameter("VpcId", required=True), Parameter("InstanceId", required=True))
_PORT = Parameter("Port", "integer", required=True)
_PAGING = (Parameter("PageNumber", "integer", minimum=1), Parameter("PageSize", "integer", minimum=1, maximum=100))
_REGION = Parameter("RegionId")  # accepted and ignored: the endpoint chooses the region (reference 1.1)


class CloudApiProduct(RpcProduct):
    """The product; ``entries`` holds its state.

    ``known_targets`` gives the instance ids and addresses of a VPC, for the switch ``target_check``.
    """

    name, version, published = "CloudAPI", "2016-07-14", CLOUDAPI

    def __init__(self, world: World, known_targets: Callable[[str], set[str]] = lambda _vpc_id: set()) -> None:
        self.entries = GatewayEntries(world, known_targets)
        super().__init__(world)

    def define(self) -> dict[str, Operation]:
        batch = Parameter("NeedBatchWork", "boolean")
        modify = (
            *(Parameter(name) for name in ("VpcId", "InstanceId", "VpcTargetHostName", "Token")),
            Parameter("Port", "integer"),
            Parameter("Refresh", "boolean"),
        )
        describe = (*(Parameter(name) for name in ("VpcAccessId", "Name", "VpcId", "InstanceId", "Port")),)
        settings = (Parameter("Description"), Parameter("VpcTargetHostName"), Parameter("Tag", "tags"))
        connectivity = (Parameter("VpcAccessId", required=True), Parameter("InstanceId", required=True))
        return {
            "SetVpcAccess": _operation("SetVpcAccess", self._set, _NAME, *_TARGET, _PORT, *settings, write=True),
            "DescribeVpcAccesses": _operation(
                "DescribeVpcAccesses",
                self._describe,
                *describe,
                Parameter("AccurateQuery", "boolean"),
                Parameter("Tag", "tags"),
                *_PAGING,
            ),
            "RemoveVpcAccess": _operation("RemoveVpcAccess", self._remove, *_TARGET, _PORT, batch, write=True),
            "RemoveVpcAccessAndAbolishApis": _operation(
                "RemoveVpcAccessAndAbolishApis", self._abolish, *_TARGET, _PORT, batch, write=True
            ),
            "ModifyVpcAccessAndUpdateApis": _operation(
                "ModifyVpcAccessAndUpdateApis", self._modify, _NAME, *modify, batch, write=True
            ),
            "DescribeUpdateVpcInfoTask": _operation(
                "DescribeUpdateVpcInfoTask", self._task, Parameter("OperationUid", required=True)
            ),
            "DescribeApisByVpcAccess": _operation(
                "DescribeApisByVpcAccess", self._apis, Parameter("VpcName", required=True), *_PAGING
            ),
            "ValidateVpcConnectivity": _operation("ValidateVpcConnectivity", self._validate, *connectivity),
        }

    def state(self) -> dict[str, Any]:
        """Return every entry as DescribeVpcAccesses shows it, those not visible yet included."""
        return {"vpc_accesses": [self._attribute(entry) for entry in self.entries.everything()]}

    def clear(self) -> None:
        """Forget every entry."""
        self.entries.clear()

    def _set(self, credential: Credential, values: Mapping[str, Any]) -> dict[str, Any]:
        entry = self.entries.set(credential.account_id, GatewayEntry.from_parameters(values))
        present = self.world.switches.vpc_access_id == "present"
        return {"VpcAccessId": entry.vpc_access_id} if present else {}

    def _describe(self, credential: Credential, values: Mapping[str, Any]) -> dict[str, Any]:
        found = self.entries.describe(credential.account_id, values)
        page = [self._attribute(entry) for entry in _page(found, values)]
        return {**_paging(found, values), "VpcAccessAttributes": {"VpcAccessAttribute": page}}

    def _remove(self, credential: Credential, values: Mapping[str, Any]) -> dict[str, Any]:
        self.entries.remove(credential.account_id, values["VpcId"], values["InstanceId"], values["Port"])
        return {"Apis": {"Api": []}}

    def _abolish(self, credential: Credential, values: Mapping[str, Any]) -> dict[str, Any]:
        self._remove(credential, values)
        return {"OperationId": self.entries.new_task()}

    def _modify(self, credential: Credential, values: Mapping[str, Any]) -> dict[str, Any]:
        self.entries.modify(credential.account_id, values["Name"], values)
        return {"OperationId": self.entries.new_task()}

    def _task(self, _credential: Credential, values: Mapping[str, Any]) -> dict[str, Any]:
        self.entries.check_task(values["OperationUid"])
        return {"ApiUpdateVpcInfoResults": {"ApiUpdateVpcInfoResult": []}}

    def _apis(self, credential: Credential, values: Mapping[str, Any]) -> dict[str, Any]:
        self.entries.named(credential.account_id, values["VpcName"])
        return {**_paging([], values), "ApiVpcAccessInfos": {"ApiVpcAccessInfo": []}}

    def _validate(self, credential: Credential, values: Mapping[str, Any]) -> dict[str, Any]:
        entry = self.entries.identified(credential.account_id, values["VpcAccessId"])
        kinds = {"i-": "ECS", "lb-": "SLB"}
        kind = next((kind for prefix, kind in kinds.items() if entry.instance_id.startswith(prefix)), "INVALID")
        return {"Connected": kind != "INVALID", "IpType": kind}

    def _attribute(self, entry: GatewayEntry) -> dict[str, Any]:
        return {**entry.attribute(), "RegionId": self.world.region_id}


def _operation(
    name: str,
    run: Callable[[Credential, Mapping[str, Any]], Mapping[str, Any]],
    *parameters: Parameter,
    write: bool = False,
) -> Operation:
    return Operation(f"apigateway:{name}", write, (*parameters, _REGION), run)


def _page(found: list[GatewayEntry], values: Mapping[str, Any]) -> list[GatewayEntry]:
    size = values.get("PageSize", 10)
    start = (values.get("PageNumber", 1) - 1) * size
    return found[start : start + size]


def _paging(found: list[GatewayEntry], values: Mapping[str, Any]) -> dict[str, int]:
    return {
        "TotalCount": len(found),
        "PageNumber": values.get("PageNumber", 1),
        "PageSize": values.get("PageSize", 10),
    }
