"""API Gateway (classic), API product CloudAPI 2016-07-14: the VPC access authorizations.

https://www.alibabacloud.com/help/en/api-gateway/traditional-api-gateway/developer-reference/api-cloudapi-2016-07-14-setvpcaccess
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, NamedTuple

from shared.cloud.answers import inner_list
from shared.cloud.rpc import RpcService
from shared.cloud.session import Session
from shared.errors import Doubtful
from shared.vpcaccess import VpcAccess

VERSION = "2016-07-14"
PAGE_SIZE = 100  # the maximum; the default of 10 made Terraform miss entries (terraform-provider-alicloud PR 9472)


class Page(NamedTuple):
    """One page of DescribeVpcAccesses; ``total`` counts all pages."""

    entries: list[VpcAccess]
    total: int


class Granted(NamedTuple):
    """The answer of SetVpcAccess; ``vpc_access_id`` is "" where the gateway does not return one."""

    vpc_access_id: str
    request_id: str


class ApiGateway:
    """The operations on VPC accesses that the project needs."""

    def __init__(self, session: Session, endpoint: str) -> None:
        self._service = RpcService(session, endpoint, VERSION)

    def set_vpc_access(self, access: VpcAccess) -> Granted:
        """Create the authorization. Not repeated after doubt: raises Doubtful, and the caller looks first."""
        parameters = {
            "Name": access.name,
            "VpcId": access.vpc_id,
            "InstanceId": access.instance_id,
            "Port": str(access.port),
        }
        if access.description:
            parameters["Description"] = access.description
        if access.vpc_target_host_name:
            parameters["VpcTargetHostName"] = access.vpc_target_host_name
        for number, (key, value) in enumerate(access.tags, 1):
            parameters[f"Tag.{number}.Key"] = key
            parameters[f"Tag.{number}.Value"] = value
        answer = self._service.call("SetVpcAccess", parameters, repeatable=False)
        return Granted(str(answer.get("VpcAccessId") or ""), str(answer.get("RequestId") or ""))

    def modify_vpc_access(self, access: VpcAccess) -> Granted:
        """Point the entry named ``access.name`` to ``access``'s target and host, its published APIs with it.

        Not repeated after doubt: raises Doubtful, and the caller looks first. https://help.aliyun.com/zh/api-gateway/developer-reference/api-cloudapi-2016-07-14-modifyvpcaccessandupdateapis
        """
        parameters = {
            "Name": access.name,
            "VpcId": access.vpc_id,
            "InstanceId": access.instance_id,
            "Port": str(access.port),
            "NeedBatchWork": "true",  # required as soon as a published API uses the entry
        }
        if access.vpc_target_host_name:
            parameters["VpcTargetHostName"] = access.vpc_target_host_name
        answer = self._service.call("ModifyVpcAccessAndUpdateApis", parameters, repeatable=False)
        return Granted(access.vpc_access_id, str(answer.get("RequestId") or ""))

    def page(self, number: int = 1, **filters: str) -> Page:
        """Return a page of at most 100 entries. ``filters`` (``Name``, ``VpcId``, ``InstanceId``, ``Port``) narrow it.

        What they match without ``AccurateQuery`` is not documented, so callers compare exactly.
        """
        parameters = {"PageNumber": str(number), "PageSize": str(PAGE_SIZE), **filters}
        if filters:
            parameters["AccurateQuery"] = "true"
        answer = self._service.call("DescribeVpcAccesses", parameters, repeatable=True)
        found = inner_list(answer, "VpcAccessAttributes", "VpcAccessAttribute")
        return Page([_read_entry(entry) for entry in found], _whole(answer.get("TotalCount")))

    def pages(self, first: Page | None = None, **filters: str) -> Iterator[VpcAccess]:
        """Yield all entries of all pages; ``first`` saves fetching page one again."""
        page = first or self.page(1, **filters)
        yield from page.entries
        for number in range(2, -(-page.total // PAGE_SIZE) + 1):
            page = self.page(number, **filters)
            yield from page.entries

    def matching(self, wanted: Iterable[VpcAccess]) -> Iterator[VpcAccess]:
        """Yield the entries that share a name or a target with one of ``wanted``: two look-ups each."""
        for access in wanted:
            yield from self.pages(Name=access.name)
            yield from self.pages(VpcId=access.vpc_id, InstanceId=access.instance_id, Port=str(access.port))


def _read_entry(entry: Mapping[str, Any]) -> VpcAccess:
    return VpcAccess(
        name=str(entry.get("Name") or ""),
        vpc_id=str(entry.get("VpcId") or ""),
        instance_id=str(entry.get("InstanceId") or ""),
        port=_whole(entry.get("Port")),
        vpc_access_id=str(entry.get("VpcAccessId") or ""),
        description=str(entry.get("Description") or ""),
        vpc_target_host_name=str(entry.get("VpcTargetHostName") or ""),
        tags=tuple(
            (str(tag.get("Key") or ""), str(tag.get("Value") or "")) for tag in inner_list(entry, "Tags", "TagInfo")
        ),
    )


def _whole(value: Any) -> int:
    """Return a number of an answer, 0 if it is absent; one that is none makes the answer unreadable."""
    try:
        return int(value or 0)
    except (TypeError, ValueError):
        raise Doubtful("DescribeVpcAccesses", "UnreadableAnswer", 200, "a number of the answer is none") from None
