"""The authorizations of one region, per account: identity by name and by (VpcId, InstanceId, Port).

That both are keys is inferred: RemoveVpcAccess takes the one, ModifyVpcAccessAndUpdateApis the other. What a second
write does, when a new entry shows and whether a target must exist are switches of `core.Switches`.
"""

from __future__ import annotations

import threading
from dataclasses import replace
from datetime import datetime, timezone
from typing import TYPE_CHECKING, Any

from tests.cloud.cloudapi.entry import GatewayEntry, TargetKey, matching
from tests.cloud.core import ServiceError, World
from tests.cloud.parameters import invalid, not_found

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping


class _AccountEntries:
    """One account's entries in order of creation, with both keys."""

    def __init__(self) -> None:
        self.by_name: dict[str, GatewayEntry] = {}
        self.by_target: dict[TargetKey, GatewayEntry] = {}
        self.hidden: set[str] = set()

    def put(self, entry: GatewayEntry) -> GatewayEntry:
        self.by_name[entry.name] = self.by_target[entry.target] = entry
        if entry.reads_left > 0:
            self.hidden.add(entry.name)
        return entry

    def drop(self, entry: GatewayEntry) -> None:
        del self.by_name[entry.name], self.by_target[entry.target]
        self.hidden.discard(entry.name)

    def drop_taken(self, wanted: GatewayEntry) -> None:
        """Drop what stands in the way of an entry: the one of its name, the one of its target."""
        for entry in (self.by_name.get(wanted.name), self.by_target.get(wanted.target)):
            if entry is not None and entry.name in self.by_name:
                self.drop(entry)

    def visible(self) -> list[GatewayEntry]:
        """Return what a list call sees, and count that call for the entries that do not show yet."""
        if not self.hidden:
            return list(self.by_name.values())
        showing = [entry.before if entry.reads_left else entry for entry in self.by_name.values()]
        for name in tuple(self.hidden):
            entry = self.by_name[name]
            self.hidden.discard(name)
            self.put(replace(entry, reads_left=entry.reads_left - 1))
        return [entry for entry in showing if entry is not None]


class GatewayEntries:
    """All accounts' authorizations; every method is one atomic step."""

    def __init__(self, world: World, known_targets: Callable[[str], set[str]]) -> None:
        self._world, self._known_targets = world, known_targets
        self._accounts: dict[str, _AccountEntries] = {}
        self._lock = threading.RLock()

    def set(self, account_id: str, wanted: GatewayEntry) -> GatewayEntry:
        """Create (or, by the switch, overwrite) an entry and return it with its id."""
        switches = self._world.switches
        self._check_target(wanted)
        with self._lock:
            account = self._accounts.setdefault(account_id, _AccountEntries())
            taken = account.by_name.get(wanted.name), account.by_target.get(wanted.target)
            if switches.duplicate == "error":
                self._refuse_taken(*taken)
            old = taken[0] or taken[1]
            if old is None and 0 < switches.vpc_access_quota <= len(account.by_name):
                raise ServiceError(400, "ExceedLimitVpcAccess", "The specified VpcAccess count exceeds the limit.")
            account.drop_taken(wanted)
            return account.put(self._completed(wanted, old))

    def seed(self, account_id: str, entry: GatewayEntry) -> GatewayEntry:
        """Put an entry there at once, whatever the switches say; its id may be given."""
        with self._lock:
            account = self._accounts.setdefault(account_id, _AccountEntries())
            account.drop_taken(entry)
            return account.put(replace(self._completed(entry, None), reads_left=0))

    def describe(self, account_id: str, filters: Mapping[str, Any]) -> list[GatewayEntry]:
        """Return the visible entries that match, in order of creation."""
        with self._lock:
            account = self._accounts.get(account_id)
            visible = account.visible() if account else []
        return matching(visible, filters)

    def at(self, account_id: str, vpc_id: str, instance_id: str, port: int) -> GatewayEntry | None:
        """Return the entry with that target, shown yet or not."""
        with self._lock:
            return self._accounts.get(account_id, _AccountEntries()).by_target.get((vpc_id, instance_id, port))

    def remove(self, account_id: str, vpc_id: str, instance_id: str, port: int) -> None:
        """Remove by (VpcId, InstanceId, Port); an unknown one is refused."""
        with self._lock:
            entry = self.at(account_id, vpc_id, instance_id, port)
            if entry is None:
                raise not_found("VpcAccess")
            self._accounts[account_id].drop(entry)

    def modify(self, account_id: str, name: str, changes: Mapping[str, Any]) -> GatewayEntry:
        """Change target or host name of the entry called ``name``; its place and id stay."""
        with self._lock:
            old = self.named(account_id, name)
            account = self._accounts[account_id]
            new = replace(
                old.changed(changes),
                created_time=self._now() if self._world.switches.modify_created_time == "changes" else old.created_time,
                reads_left=max(old.reads_left, self._world.switches.modified_after_reads),
                before=old.before if old.reads_left else replace(old, before=None),
            )
            if new.target != old.target:
                self._check_target(new)
                self._refuse_taken(None, account.by_target.get(new.target))
            del account.by_target[old.target]
            return account.put(new)

    def named(self, account_id: str, name: str) -> GatewayEntry:
        """Return an entry by its name, shown yet or not."""
        entry = self.find(account_id, name)
        if entry is None:
            raise not_found("VpcAccess")
        return entry

    def identified(self, account_id: str, vpc_access_id: str) -> GatewayEntry:
        """Return an entry by its VpcAccessId."""
        entry = self.find(account_id, access_id=vpc_access_id)
        if entry is None:
            raise not_found("VpcAccessId")
        return entry

    def find(self, account_id: str, name: str = "", access_id: str = "") -> GatewayEntry | None:
        """Return the entry of that name, else the one of that VpcAccessId; None if there is none."""
        with self._lock:
            account = self._accounts.get(account_id, _AccountEntries())
            if name in account.by_name or not access_id:
                return account.by_name.get(name)
            return next((entry for entry in account.by_name.values() if entry.vpc_access_id == access_id), None)

    def everything(self, account_id: str | None = None) -> list[GatewayEntry]:
        """Return all entries, of one account if named."""
        with self._lock:
            accounts = [entries for its_id, entries in self._accounts.items() if account_id in {None, its_id}]
            return [entry for account in accounts for entry in account.by_name.values()]

    def clear(self) -> None:
        """Forget everything."""
        with self._lock:
            self._accounts.clear()

    def _completed(self, wanted: GatewayEntry, old: GatewayEntry | None) -> GatewayEntry:
        if old is not None:
            left = (
                old.reads_left if old.before is None else 0
            )  # an entry that was shown stays shown, with the new target
            return replace(wanted, vpc_access_id=old.vpc_access_id, created_time=old.created_time, reads_left=left)
        what = f"{wanted.name} {wanted.vpc_id} {wanted.instance_id}:{wanted.port} "  # the README shows the demo's ids
        return replace(
            wanted,
            vpc_access_id=wanted.vpc_access_id or self._world.ids.hex(of=what),
            created_time=wanted.created_time or self._now(),
            reads_left=self._world.switches.visible_after_reads,
        )

    def _check_target(self, wanted: GatewayEntry) -> None:
        switches = self._world.switches
        if switches.port_range == "refuse" and not 1 <= wanted.port <= 65535:
            raise invalid("Port")
        if switches.target_check == "on" and wanted.instance_id not in self._known_targets(wanted.vpc_id):
            raise not_found("InstanceId")

    def _now(self) -> str:
        return datetime.fromtimestamp(self._world.clock.now(), timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")

    @staticmethod
    def _refuse_taken(by_name: GatewayEntry | None, by_target: GatewayEntry | None) -> None:
        if by_name is not None:
            raise ServiceError(400, "DuplicateName", "The specified parameter Name value is duplicate.")
        if by_target is not None:
            raise ServiceError(400, "RepeatedVpcAccess", "The specified VpcAccess is repeated.")
