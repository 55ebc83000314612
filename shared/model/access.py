"""The one noun of the project: a VPC access authorization, as asked for and as the gateway holds it."""

from __future__ import annotations

from typing import NamedTuple

OWNER_TAG = "vpc-access-owner"


class Replaced(NamedTuple):
    """What a request to replace an entry has seen of it. The id proves nothing: a changed entry keeps it."""

    target: tuple[str, str, int]
    vpc_target_host_name: str = ""


class VpcAccess(NamedTuple):
    """One authorization. Its keys are ``name`` and the target (``vpc_id``, ``instance_id``, ``port``), each unique.

    https://www.alibabacloud.com/help/en/api-gateway/traditional-api-gateway/developer-reference/api-cloudapi-2016-07-14-setvpcaccess
    """

    name: str
    vpc_id: str
    instance_id: str
    port: int
    description: str = ""
    vpc_target_host_name: str = ""
    tags: tuple[tuple[str, str], ...] = ()
    vpc_access_id: str = ""  # opaque; "" for one that is only asked for
    replaces: Replaced | None = None  # of a request: what it says that the name opens now

    @property
    def target(self) -> tuple[str, str, int]:
        """Return what is opened: VPC, instance and port."""
        return (self.vpc_id, self.instance_id, self.port)

    @property
    def owner(self) -> str | None:
        """Return whose mark the entry carries, None if nobody's."""
        return next((value for key, value in self.tags if key == OWNER_TAG), None)

    def marked(self, owner: str) -> VpcAccess:
        """Return it with ``owner``'s mark as its last tag."""
        others = tuple(tag for tag in self.tags if tag[0] != OWNER_TAG)
        return self._replace(tags=(*others, (OWNER_TAG, owner)))

    def target_text(self) -> str:
        """Return the target for people: ``i-1:80 in vpc-1``."""
        return f"{self.instance_id}:{self.port} in {self.vpc_id}"
