"""The one noun of the project: a VPC access authorization, as asked for and as the gateway holds it."""

from __future__ import annotations

from functools import lru_cache
from typing import NamedTuple

OWNER_TAG = "vpc-access-owner"
ORIGIN_TAG = "vpc-access-origin"
ANNOUNCED, REQUESTED, NAMED = "announced", "requested", "named"
"""Where an entry comes from: a backend that appeared, a request, or a name that backends stand for by their tag.

Only what was announced is released by itself, and only what is named is pointed to another backend by itself.
"""

MARKS = (OWNER_TAG, ORIGIN_TAG)

Tags = tuple[tuple[str, str], ...]


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
    tags: Tags = ()
    vpc_access_id: str = ""  # opaque; "" for one that is only asked for
    replaces: Replaced | None = None  # of a request: what it says that the name opens now
    created_time: str = ""  # of an entry, as the gateway writes it: 2017-01-30T04:10:19Z
    correlation: str = ""  # of a request: its producer's own value, which the result gives back; no part of the entry

    @property
    def target(self) -> tuple[str, str, int]:
        """Return what is opened: VPC, instance and port."""
        return (self.vpc_id, self.instance_id, self.port)

    @property
    def owner(self) -> str | None:
        """Return whose mark the entry carries, None if nobody's."""
        return self._mark(OWNER_TAG)

    @property
    def origin(self) -> str | None:
        """Return where the entry comes from, None if it does not say: it is not ours, or older than this mark."""
        return self._mark(ORIGIN_TAG)

    def is_name_of(self, owner: str) -> bool:
        """Tell whether it is a name that backends of ``owner`` stand for by their tag: only such a name moves by itself."""
        return self.owner == owner and self.origin == NAMED

    def _mark(self, key: str) -> str | None:
        """Return the value of one of our marks; one that stands there twice with two values says nothing."""
        values = {value for name, value in self.tags if name == key}
        return values.pop() if len(values) == 1 else None

    @property
    def unmarked_tags(self) -> Tags:
        """Return its tags without our marks."""
        return _unmarked(self.tags)

    def marked(self, owner: str, origin: str) -> VpcAccess:
        """Return it with our two marks as its last tags: who made it, and where it comes from."""
        return self._replace(tags=_marked(self.tags, owner, origin))

    def target_text(self) -> str:
        """Return the target for people: ``i-1:80 in vpc-1``."""
        return f"{self.instance_id}:{self.port} in {self.vpc_id}"


def _unmarked(tags: Tags) -> Tags:
    return tuple(tag for tag in tags if tag[0] not in MARKS)


@lru_cache(16)  # the requests of a batch often have the same tags, and share these then
def _marked(tags: Tags, owner: str, origin: str) -> Tags:
    return (*_unmarked(tags), (OWNER_TAG, owner), (ORIGIN_TAG, origin))
