"""API Gateway (classic), API product CloudAPI 2016-07-14: the VPC access authorizations.

https://www.alibabacloud.com/help/en/api-gateway/traditional-api-gateway/developer-reference/api-cloudapi-2016-07-14-setvpcaccess
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import NamedTuple

from shared.cloud.answers import Answer, error_of_look
from shared.cloud.rpc import RpcService
from shared.cloud.session import Session
from shared.model.access import VpcAccess

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


class Modified(NamedTuple):
    """The answer of ModifyVpcAccessAndUpdateApis; ``operation_id`` is for ``shared.cloud.tasks``, "" where there is none."""

    operation_id: str
    request_id: str


class Removed(NamedTuple):
    """The answer of RemoveVpcAccess; ``apis`` are those that it names, though no page says what that means."""

    apis: tuple[str, ...]
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
        return self._service.call(
            "SetVpcAccess",
            parameters,
            lambda answer: Granted(answer.identity("VpcAccessId", optional=True), answer.request_id),
            repeatable=False,
        )

    def modify_vpc_access(self, access: VpcAccess, *, refresh: bool = False) -> Modified:
        """Point the entry named ``access.name`` to ``access``'s target and host; its published APIs follow in a task.

        With ``refresh`` they are to follow although the entry has this target already.
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
        if refresh:
            parameters["Refresh"] = "true"
        return self._service.call(
            "ModifyVpcAccessAndUpdateApis",
            parameters,
            lambda answer: Modified(answer.identity("OperationId", optional=True), answer.request_id),
            repeatable=False,
        )

    def remove_vpc_access(self, access: VpcAccess) -> Removed:
        """Remove the authorization of ``access``'s target. Not repeated after doubt: raises Doubtful, and the caller looks first.

        Its key is the target, neither name nor id, and no page says that one in use is refused: the caller has made sure.
        https://help.aliyun.com/document_detail/51642.html
        """
        parameters = {"VpcId": access.vpc_id, "InstanceId": access.instance_id, "Port": str(access.port)}
        return self._service.call(
            "RemoveVpcAccess",
            parameters,
            lambda answer: Removed(
                tuple(
                    f"{api.text('ApiId')} in stage {api.text('StageId')}" for api in answer.optional_rows("Apis", "Api")
                ),
                answer.request_id,
            ),
            repeatable=False,
        )

    def page(self, number: int = 1, **filters: str) -> Page:
        """Return a page of at most 100 entries. ``filters`` (``Name``, ``VpcId``, ``InstanceId``, ``Port``) narrow it.

        What they match without ``AccurateQuery`` is not documented, so callers compare exactly.
        """
        parameters = {"PageNumber": str(number), "PageSize": str(PAGE_SIZE), **filters}
        if filters:
            parameters["AccurateQuery"] = "true"
        return self._service.call(
            "DescribeVpcAccesses",
            parameters,
            lambda answer: _read_page(answer, number),
            repeatable=True,
            read_error=error_of_look,
        )

    def pages(self, **filters: str) -> Iterator[VpcAccess]:
        """Yield the entries of all pages."""
        page = self.page(1, **filters)
        yield from page.entries
        for number in range(2, -(-page.total // PAGE_SIZE) + 1):
            page = self.page(number, **filters)
            yield from page.entries

    def matching(self, wanted: Iterable[VpcAccess]) -> Iterator[VpcAccess]:
        """Yield the entries that share a name or a target with one of ``wanted``: two look-ups each."""
        for access in wanted:
            yield from self.pages(Name=access.name)
            yield from self.opening(access)

    def opening(self, access: VpcAccess) -> Iterator[VpcAccess]:
        """Yield the entries that open the target of ``access``."""
        found = self.pages(VpcId=access.vpc_id, InstanceId=access.instance_id, Port=str(access.port))
        return (entry for entry in found if entry.target == access.target)


def _read_page(answer: Answer, number: int) -> Page:
    """Read a page. Entries that come and go while pages are read change the count, so only an impossible one is odd."""
    rows = answer.rows("VpcAccessAttributes", "VpcAccessAttribute")
    total = answer.whole("TotalCount")
    if number == 1 and total and not rows:
        raise answer.odd(f"TotalCount is {total}, and the first page is empty")
    if not total and rows:
        raise answer.odd(f"TotalCount is 0, and the page has {len(rows)} entries")
    return Page([_read_entry(row) for row in rows], total)


def _read_entry(entry: Answer) -> VpcAccess:
    """Read an entry; both its keys have to be there."""
    return VpcAccess(
        name=entry.identity("Name"),
        vpc_id=entry.identity("VpcId"),
        instance_id=entry.identity("InstanceId"),
        port=entry.whole("Port"),
        vpc_access_id=entry.identity("VpcAccessId", optional=True),
        description=entry.text("Description"),
        vpc_target_host_name=entry.text("VpcTargetHostName"),
        created_time=entry.text("CreatedTime"),
        tags=tuple((tag.required_text("Key"), tag.text("Value")) for tag in entry.optional_rows("Tags", "TagInfo")),
    )
