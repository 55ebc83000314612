"""The account as a question sees it: a client, what the user named, and what may be made, which is noted and undone."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from shared.clock import Clock
from tests.contract.ledger import Ledger
from tests.contract.product import Product
from tests.contract.replies import Caller, NotAsked, Reply, Unclear, allowed, answered

PREFIX = "vpc-access-contract-"
PORTS = range(64_000, 65_000)
"""Ports that no policy should allow: entries of the contract open nothing else, and whoever lists them knows them."""
TAG = "vpc-access-contract"
_MOST_LOOKS = 30
_PAUSE = 0.5  # seconds between two looks
_PAGE = {"PageNumber": "1", "PageSize": "100"}


@dataclass(frozen=True)
class Given:
    """What the user named. "" and None: nothing."""

    vpc_id: str = ""
    instance_id: str = ""
    gateway_instance: str = ""
    used_entry: str = ""
    draft_entry: str = ""
    may_remove_used: bool = False
    provoke_throttling: bool = False
    fill_quota: int = 0
    recorded: str | None = None


@dataclass(frozen=True)
class Entry:
    """An authorization that a question makes."""

    name: str
    vpc_id: str
    instance_id: str
    port: int

    @property
    def target(self) -> dict[str, str]:
        """The parameters that name its target."""
        return {"VpcId": self.vpc_id, "InstanceId": self.instance_id, "Port": str(self.port)}


@dataclass
class Account:
    """What a question works with. ``product`` is the product's caller, for what no other client can send."""

    caller: Caller
    product: Product
    given: Given
    clock: Clock
    run_id: str
    ledger: Ledger = field(default_factory=Ledger)
    ports: Iterator[int] = field(default_factory=lambda: iter(PORTS))
    smq_problem: str = ""

    @property
    def region(self) -> dict[str, str]:
        """The parameter of products that want it."""
        return {"RegionId": self.product.place.region_id}

    def call(
        self,
        product: str,
        action: str,
        parameters: Mapping[str, str],
        caller: Caller | None = None,
        expected: Collection[str] = (),
    ) -> Reply:
        """Call an operation; raises NotAsked if the key may not, Unclear if what came is no answer and not ``expected``."""
        if caller is not None:
            return answered(caller.call(product, action, parameters), expected)
        return allowed(f"{action} in {product}", self.caller.call(product, action, parameters), expected)

    def need(self, name: str, option: str) -> str:
        """Return what the user named; raises NotAsked if it is nothing."""
        value = getattr(self.given, name)
        if not value:
            raise NotAsked(f"give {option}")
        return str(value)

    def port(self) -> int:
        """Return a port of ours that no authorization opens, and that no question has had."""
        port = next(self.ports, None)
        if port is None:
            raise NotAsked(f"free some of the ports {PORTS.start} to {PORTS.stop - 1}: authorizations open all of them")
        return port

    def new_entry(self, vpc_id: str = "", instance_id: str = "") -> Entry:
        """Return an authorization to be made, of the user's instance or another, with a name and a port that nothing else has."""
        vpc_id = vpc_id or self.need("vpc_id", "--vpc")
        instance_id = instance_id or self.need("instance_id", "--instance")
        port = self.port()
        return Entry(f"{PREFIX}{self.run_id}-{port}", vpc_id, instance_id, port)

    def set(self, entry: Entry, **more: str) -> Reply:
        """Call SetVpcAccess; the entry is gone when the question ends. Raises NotAsked if there is no room for it."""
        reply = self.set_or_full(entry, **more)
        if reply.is_about_the_quota:
            raise NotAsked(f"remove an authorization, or ask for a larger quota: there is no room, said {reply.code}")
        return reply

    def set_or_full(self, entry: Entry, **more: str) -> Reply:
        """Call SetVpcAccess as ``set`` does; a full quota is an answer like others."""
        self.ledger.note(f"authorization {entry.name}", lambda: self.drop(entry))
        tag = {"Tag.1.Key": TAG, "Tag.1.Value": self.run_id}
        return self.call("CloudAPI", "SetVpcAccess", {"Name": entry.name, **entry.target, **tag, **more})

    def taken(self, entry: Entry, **more: str) -> Reply:
        """Call SetVpcAccess for an entry that nothing speaks against, and return the answer; NotAsked if it is refused."""
        reply = self.set(entry, **more)
        if not reply.is_success:
            raise NotAsked(f"the gateway refused an authorization for your instance with {reply.code}: name another")
        return reply

    def made(self, entry: Entry) -> Mapping[str, Any]:
        """Make an entry and return its row as soon as it shows."""
        self.taken(entry)
        row, _, _ = self.awaited(lambda: self.row(entry.name))
        return row

    def drop(self, entry: Entry) -> None:
        """Remove what opens the target of an entry, if it is ours or does not show; Unclear if it goes on to show.

        What opens it is not known without a list that can be read: then nothing is removed.
        """
        for row in self.opening(entry):
            if not str(row.get("Name", "")).startswith(PREFIX):
                return
        reply = self.product.call("CloudAPI", "RemoveVpcAccess", entry.target)
        if not reply.is_success and (not reply.is_an_answer or self.opening(entry)):
            raise Unclear(f"RemoveVpcAccess said {reply.code}")

    def drop_of_smq(self, path: str) -> None:
        """Delete a queue or a topic, if it is there."""
        reply = self.product.smq("DELETE", path)
        if not reply.is_success and reply.status != 404:
            raise Unclear(f"DELETE said {reply.code}")

    def opening(self, entry: Entry) -> list[Mapping[str, Any]]:
        """Return the entries that open the target of an entry."""
        found = self.product.call("CloudAPI", "DescribeVpcAccesses", {**_PAGE, **entry.target, "AccurateQuery": "true"})
        if not found.is_success:
            raise Unclear(f"DescribeVpcAccesses said {found.code}")
        return found.rows("VpcAccessAttributes", "VpcAccessAttribute")

    def listed(self, **filters: str) -> Reply:
        """Call DescribeVpcAccesses with exact filters."""
        exact = {"AccurateQuery": "true"} if filters else {}
        return self.call("CloudAPI", "DescribeVpcAccesses", {**_PAGE, **filters, **exact})

    def row(self, name: str) -> Mapping[str, Any] | None:
        """Return the entry of a name as the gateway lists it, None if it does not show."""
        rows = self.listed(Name=name).rows("VpcAccessAttributes", "VpcAccessAttribute")
        return next((row for row in rows if row.get("Name") == name), None)

    def awaited(self, look: Callable[[], Mapping[str, Any] | None]) -> tuple[Mapping[str, Any], int, float]:
        """Look until there is something; return it, how many looks showed nothing before, and the seconds that took."""
        began = self.clock.monotonic()
        for looks in range(_MOST_LOOKS):
            if (found := look()) is not None:
                return found, looks, self.clock.monotonic() - began
            self.clock.sleep(_PAUSE)
        raise Unclear(f"after {_MOST_LOOKS} looks it does not show")
