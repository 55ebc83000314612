"""Changes of an authorization and the published APIs that follow them, each change one asynchronous task.

https://www.alibabacloud.com/help/en/api-gateway/traditional-api-gateway/developer-reference/api-cloudapi-2016-07-14-describeupdatevpcinfotask
says that the APIs are updated asynchronously and prints one row: `success`, with `Success. Request Success.` as its
ErrorMsg. When they follow, what other words there are, what a second change does meanwhile and what a task tells that
has no APIs, or is not known, no page says: each is a switch of `switches.Switches`.
"""

from __future__ import annotations

import threading
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from tests.cloud.core import ServiceError
from tests.cloud.parameters import not_found

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tests.cloud.cloudapi.api import GatewayApi
    from tests.cloud.cloudapi.entries import GatewayEntries
    from tests.cloud.cloudapi.entry import GatewayEntry
    from tests.cloud.cloudapi.uses import GatewayUses
    from tests.cloud.core import World

_SUCCESS = "success", "Success. Request Success."


@dataclass
class _Update:
    """One API in a task; its ``outcome`` is None until then, "" where it followed, else why it did not."""

    api: GatewayApi
    outcome: str | None = None


@dataclass
class Task:
    """What one change has to do: ``asked`` is the entry as that change made it (None: nothing to follow)."""

    account_id: str
    asked: GatewayEntry | None = None
    updates: list[_Update] = field(default_factory=list)
    started: float = 0.0
    looks: int = 0


class GatewayTasks:
    """The tasks of all accounts; those that are not done yet go on whenever `settle` is called."""

    def __init__(self, world: World, entries: GatewayEntries, uses: GatewayUses) -> None:
        self._world, self._entries, self._uses = world, entries, uses
        self._tasks: dict[tuple[str, str], Task] = {}
        self._open: list[Task] = []
        self._lock = threading.RLock()

    def modify(self, account_id: str, values: Mapping[str, Any]) -> str:
        """Change the entry that ``values`` name and return the id of the task that its published APIs follow by."""
        switches = self._world.switches
        with self._lock:
            self.settle()
            old = self._entries.named(account_id, values["Name"])
            if switches.modify_while_updating == "refuse" and self._is_followed(old):
                raise ServiceError(400, "RepeatedCommit", "Resubmit request.")
            is_same = old.changed(values) == old
            if is_same and switches.modify_same_target == "nothing" and not values.get("Refresh"):
                return self.new(Task(account_id))
            new = self._entries.modify(account_id, values["Name"], values)
            apis = self._uses.published(account_id, new)
            self._uses.stay_behind(account_id, apis, old)
            told = values.get("NeedBatchWork") or switches.need_batch_work == "void"
            updates = [_Update(api) for api in apis if told]
            return self.new(Task(account_id, new, updates, self._world.clock.now()))

    def new(self, task: Task) -> str:
        """Start a task and return its id; what is due at once is done."""
        with self._lock:
            task_id = self._world.ids.hex()
            self._tasks[task.account_id, task_id] = task
            self._open.append(task)
            self.settle()
        return task_id

    def rows(self, account_id: str, task_id: str) -> list[dict[str, str]]:
        """Return what DescribeUpdateVpcInfoTask tells of a task, and count this look at it."""
        switches = self._world.switches
        with self._lock:
            self.settle()
            task = self._tasks.get((account_id, task_id))
            if task is None and switches.task_unknown == "empty":
                return []
            if task is None or (not task.updates and switches.task_of_nothing == "refuse"):
                raise not_found("OperationUid")
            shown = [
                update for update in task.updates if update.outcome is not None or switches.unfinished_rows == "listed"
            ]
            rows = [update.api.updated(*self._told(update)) for update in shown]
            task.looks += 1
            self.settle()
        return rows

    def settle(self) -> None:
        """Let each API follow whose time has come."""
        if not self._open:
            return
        switches, now = self._world.switches, self._world.clock.now()
        step = 1 if switches.apis_follow == "one-by-one" else 0
        with self._lock:
            for task in tuple(self._open):
                if now >= task.started + switches.apis_follow_after_seconds:
                    due = task.looks - switches.apis_follow_after_looks
                    for number, update in enumerate(task.updates):
                        if update.outcome is None and number * step <= due:
                            asked = task.asked if switches.late_update == "asked" else None
                            update.outcome = self._uses.follow(task.account_id, update.api, asked)
                if all(update.outcome is not None for update in task.updates):
                    self._open.remove(task)

    def clear(self) -> None:
        """Forget everything."""
        with self._lock:
            self._tasks.clear()
            self._open.clear()

    def state(self) -> list[dict[str, Any]]:
        """Return the tasks in their order, each with the outcome of every API (None: not followed yet)."""
        with self._lock:
            return [
                {
                    "OperationId": task_id,
                    "Name": task.asked.name if task.asked else "",
                    "looks": task.looks,
                    "apis": {f"{u.api.api_id}/{u.api.stage_name}": u.outcome for u in task.updates},
                }
                for (_, task_id), task in self._tasks.items()
            ]

    def _is_followed(self, entry: GatewayEntry) -> bool:
        return any(task.asked and task.asked.vpc_access_id == entry.vpc_access_id for task in self._open)

    def _told(self, update: _Update) -> tuple[str, str]:
        """Return UpdateStatus and ErrorMsg of an API."""
        going, failed = self._world.switches.task_words.split("-")
        if update.outcome is None:
            return going, ""
        return (failed, update.outcome) if update.outcome else _SUCCESS
