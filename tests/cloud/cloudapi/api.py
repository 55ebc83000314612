"""An API of the gateway in one stage, as it was seeded, and how each operation lists it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tests.cloud.cloudapi.entry import GatewayEntry


@dataclass(frozen=True)
class GatewayApi:
    """One API in one stage; ``stage_name`` is "" for its draft. It uses ``vpc_name``, or the backend object named.

    The next ``update_failures`` times that a change of its authorization comes to it, it fails with ``update_error``.
    """

    api_id: str
    stage_name: str = "RELEASE"
    vpc_name: str = ""
    backend_id: str = ""
    api_name: str = "orders"
    group_id: str = "78d54ac4424d4b1792e33ca35637e8e4"
    group_name: str = "shop"
    stage_id: str = "d1e1ee28f9fb4b729db0ee8ca76ff0a5"
    method: str = "GET"
    path: str = "/orders"
    description: str = ""
    update_failures: int = 0
    update_error: str = "The request processing has failed due to some unknown error, exception or failure."

    @classmethod
    def from_json(cls, document: Mapping[str, Any]) -> GatewayApi:
        """Build one from the vendor's names: ``{"ApiId", "StageName", "VpcName" or "BackendId", …}``."""
        names = {
            "ApiId": "api_id",
            "StageName": "stage_name",
            "VpcName": "vpc_name",
            "BackendId": "backend_id",
            "ApiName": "api_name",
            "GroupId": "group_id",
            "GroupName": "group_name",
            "StageId": "stage_id",
            "Method": "method",
            "Path": "path",
            "Description": "description",
            "UpdateFailures": "update_failures",
            "UpdateErrorMsg": "update_error",
        }
        if unknown := sorted(set(document) - set(names)):
            raise ValueError(f"unknown key {', '.join(unknown)} of an API; there are {', '.join(names)}")
        return cls(**{names[name]: value for name, value in document.items()})

    @property
    def stage(self) -> dict[str, str]:
        """The fields that every answer about an API has, the group's names not among them."""
        return {"ApiId": self.api_id, "StageId": self.stage_id if self.stage_name else "", "GroupId": self.group_id}

    def info(self) -> dict[str, str]:
        """Return the API as DescribeApisByBackend lists it."""
        described = {"Method": self.method, "Path": self.path, "Description": self.description}
        names = {"ApiId": self.api_id, "ApiName": self.api_name}
        return {**names, "GroupId": self.group_id, "GroupName": self.group_name, **described}

    def attribute(self, entry: GatewayEntry, region_id: str) -> dict[str, Any]:
        """Return the API as DescribeApisByVpcAccess lists it."""
        target = {"VpcId": entry.vpc_id, "VpcName": entry.name, "InstanceId": entry.instance_id, "Port": entry.port}
        return {**self.info(), **self.stage, "StageName": self.stage_name, **target, "RegionId": region_id}

    def updated(self, status: str, error: str) -> dict[str, str]:
        """Return the API as DescribeUpdateVpcInfoTask lists it."""
        names = {"ApiUid": self.api_id, "ApiName": self.api_name, "GroupId": self.group_id}
        place = {"GroupName": self.group_name, "StageId": self.stage_id, "StageName": self.stage_name}
        return {**names, **place, "UpdateStatus": status, "ErrorMsg": error}
