"""ECS 2014-05-26: which VPC an instance is in, and its tags.

https://www.alibabacloud.com/help/en/ecs/developer-reference/api-ecs-2014-05-26-describeinstances
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence

from shared.cloud.answers import Answer, error_of, read_tags
from shared.cloud.rpc import RpcService
from shared.cloud.session import Session
from shared.errors import AuthorizerError, CloudRefused, UnknownRefusal
from shared.model.backend import Backend

VERSION = "2014-05-26"
MAX_IDS = 100  # per call; with the default page size of 10 a longer answer would be cut silently
_MAX_ASKED = 90  # ids to be proven absent in one call, beside up to ten that exist
_MOST_BY_TAG = 1_000  # instances that a listing by tag can have: https://www.alibabacloud.com/help/en/ecs/developer-reference/api-ecs-2014-05-26-describeinstances
_DRY_RUN = "DryRunOperation"  # https://www.alibabacloud.com/help/doc-detail/25506.htm


class Ecs:
    """The look-up of instances."""

    def __init__(self, session: Session, endpoint: str, region_id: str) -> None:
        self._service = RpcService(session, endpoint, VERSION)
        self._region_id = region_id

    def describe_instances(self, instance_ids: Sequence[str]) -> dict[str, Backend | CloudRefused | UnknownRefusal]:
        """Return the instances found, by id, and for an id that the API refuses the refusal; at most 100 ids a call.

        An instance that is missing from the answer may be not visible yet, released, in another region, or hidden
        because the caller lacks ``ecs:DescribeInstances``: the API answers all four with an empty list.
        """
        found: dict[str, Backend | CloudRefused | UnknownRefusal] = {}
        for start in range(0, len(instance_ids), MAX_IDS):
            found |= self._describe(instance_ids[start : start + MAX_IDS])
        return found

    def tagged(self, key: str, value: str = "") -> list[Backend]:
        """Return every instance that carries the tag ``key``, with that ``value`` if one is given.

        A listing by tag ends at 1,000, so more are found by their ids.
        Raises the errors of ``Session.call``. https://www.alibabacloud.com/help/en/ecs/developer-reference/api-ecs-2014-05-26-listtagresources
        """
        tag = {"Tag.1.Key": key, **({"Tag.1.Value": value} if value else {})}
        parameters = {"RegionId": self._region_id, **tag, "MaxResults": str(MAX_IDS)}
        found: dict[str, Backend] = {}
        for page in self._service.pages("DescribeInstances", parameters, _read_listed):
            found |= {backend.instance_id: backend for backend in page}
            if len(found) >= _MOST_BY_TAG:
                break
        if len(found) < _MOST_BY_TAG:
            return list(found.values())
        parameters = {"RegionId": self._region_id, "ResourceType": "instance", **tag}
        pages = self._service.pages("ListTagResources", parameters, read_tags, read_error=_error_of_tags)
        ids = list(dict.fromkeys(item for page in pages for item, _, _ in page))
        described = [self._shown(ids[start : start + MAX_IDS]) for start in range(0, len(ids), MAX_IDS)]
        return [backend for some in described for backend in some if key in backend.tags]

    def proven_absent(self, instance_ids: Sequence[str]) -> set[str]:
        """Return those of the instances that are proven to be gone; the others may exist, though no look-up shows them.

        Proof takes three things: a dry run says that the caller may look for these ids, a listing shows that there are
        instances to see, and not this one, and one look-up shows at least one of those but not this id. Two calls and one
        more for every 90 ids. Raises OperatorNeeded where the right is missing, and the other errors of ``Session.call``.
        """
        absent: set[str] = set()
        if not instance_ids or not self._is_permitted(instance_ids[:_MAX_ASKED]):
            return absent
        seen = self._service.call(
            "DescribeInstances",
            {"RegionId": self._region_id, "MaxResults": str(MAX_IDS - _MAX_ASKED)},
            lambda answer: [_read_instance(row).instance_id for row in answer.rows("Instances", "Instance")],
            repeatable=True,
        )
        for start in range(0, len(instance_ids), _MAX_ASKED):
            absent |= self._missing(instance_ids[start : start + _MAX_ASKED], seen)
        return absent

    def require_permission(self) -> None:
        """Raise OperatorNeeded unless the caller may list instances: without the right every list is empty."""
        self._is_permitted([])

    def _is_permitted(self, ids: Sequence[str]) -> bool:
        """Ask for a dry run: its answer is an error with the code DryRunOperation if the caller has the right."""
        parameters = {"RegionId": self._region_id, "InstanceIds": json.dumps(ids), "DryRun": "true"}
        try:
            self._service.call("DescribeInstances", parameters, lambda _: None, repeatable=True)
        except CloudRefused as error:
            if error.code == _DRY_RUN:
                return True
            raise
        return False  # it was carried out, so it was not a dry run

    def _missing(self, ids: Sequence[str], seen: Sequence[str]) -> set[str]:
        """Return those of ``ids`` that a look-up leaves out which shows one of ``seen``; by halves if it is refused."""
        answer = self._ask([*ids, *seen])
        if isinstance(answer, list):
            shown = {backend.instance_id for backend in answer}
            return set() if shown.isdisjoint(seen) else set(ids) - shown - set(seen)
        if len(ids) == 1:
            return set()
        middle = len(ids) // 2
        return self._missing(ids[:middle], seen) | self._missing(ids[middle:], seen)

    def _describe(self, ids: Sequence[str]) -> dict[str, Backend | CloudRefused | UnknownRefusal]:
        """Ask for up to 100; if one of them makes the API refuse the call, find it by halves instead of failing all."""
        answer = self._ask(ids)
        if isinstance(answer, list):
            return {backend.instance_id: backend for backend in answer}
        if len(ids) == 1:
            return {ids[0]: answer}
        middle = len(ids) // 2
        return self._describe(ids[:middle]) | self._describe(ids[middle:])

    def _ask(self, ids: Sequence[str]) -> list[Backend] | CloudRefused | UnknownRefusal:
        """Return what shows of up to 100 instances, or the refusal of all that one of them may be the cause of."""
        try:
            return self._shown(ids)
        except (CloudRefused, UnknownRefusal) as error:
            return error

    def _shown(self, ids: Sequence[str]) -> list[Backend]:
        """Return what shows of up to 100 instances."""
        parameters = {"RegionId": self._region_id, "InstanceIds": json.dumps(ids), "MaxResults": str(MAX_IDS)}
        return self._service.call("DescribeInstances", parameters, _read_instances, repeatable=True)


def _error_of_tags(operation: str, status: int, headers: Mapping[str, str], body: bytes) -> AuthorizerError:
    """Map an error of an operation that other products have, too: its RAM action is another one there."""
    return error_of(f"{operation} of ECS", status, headers, body)


def _read_listed(answer: Answer) -> list[Backend]:
    """Read one page of a listing."""
    return [_read_instance(row) for row in answer.rows("Instances", "Instance")]


def _read_instances(answer: Answer) -> list[Backend]:
    """Read the one page of a look-up by at most 100 ids. TotalCount means nothing where MaxResults is given."""
    if answer.text("NextToken"):
        raise answer.odd("it has a second page, though at most 100 instances were asked for")
    return [_read_instance(row) for row in answer.rows("Instances", "Instance")]


def _read_instance(row: Answer) -> Backend:
    """Read an instance. Tags come as TagKey and TagValue, and from some versions as Key and Value."""
    tags = row.optional_rows("Tags", "Tag")
    return Backend(
        instance_id=row.identity("InstanceId"),
        vpc_id=row.object("VpcAttributes").identity("VpcId", optional=True),
        tags={
            tag.text("TagKey") or tag.required_text("Key"): tag.text("TagValue") or tag.text("Value") for tag in tags
        },
        classic=row.text("InstanceNetworkType") == "classic",
        status=row.text("Status"),
        created=row.text("CreationTime"),
        started=row.text("StartTime"),
    )
