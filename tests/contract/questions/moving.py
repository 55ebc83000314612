"""The authorization of a test API: pointed to a port of ours, watched until its APIs have followed, and put back."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from typing import Any, NamedTuple

from tests.contract.account import PORTS, Account
from tests.contract.replies import NotAsked, Reply, Unclear

SECOND = 1.0
MOST_LOOKS, FEW_LOOKS = 60, 5
SUCCESS = "success"
_BUSY = frozenset({"RepeatedCommit"})
"""A change while another one goes on, by the vendor's own provider:
https://github.com/aliyun/terraform-provider-alicloud (resource_alicloud_api_gateway_app.go)."""


class Used(NamedTuple):
    """The authorization of the test API as it was, how many APIs in a stage use it, and the tasks of its changes."""

    row: Mapping[str, Any]
    apis: int
    tasks: list[str]


def used_of(account: Account) -> Used:
    """Return the authorization that the user named; raises NotAsked if it is none that can be used."""
    name = account.need("used_entry", "--used-entry: an authorization of a test API that is published, and may fail")
    row = account.row(name)
    if row is None:
        raise NotAsked(f"there is no authorization {name}")
    if not isinstance(row.get("Port"), int):
        raise Unclear(f"the port of {name} is no number")
    if row.get("Port") in PORTS:
        raise NotAsked(f"point {name} back to its own port: an earlier run ended before it could")
    users = account.call("CloudAPI", "DescribeApisByVpcAccess", {"VpcName": name, "PageSize": "100"})
    published = [api for api in users.rows("ApiVpcAccessInfos", "ApiVpcAccessInfo") if api.get("StageName")]
    if not published:
        raise NotAsked(f"publish an API that uses {name} by its name")
    return Used(row, len(published), [])


def target_of(row: Mapping[str, Any], port: int) -> dict[str, str]:
    """Return the parameters that name an authorization, its target at that port, and its host."""
    named = {name: str(row[name]) for name in ("Name", "VpcId", "InstanceId")}
    host = {"VpcTargetHostName": str(row["VpcTargetHostName"])} if row.get("VpcTargetHostName") else {}
    return {**named, **host, "Port": str(port)}


def called(row: Mapping[str, Any]) -> str:
    """Return what the authorization was, for whoever would have to make it good by hand."""
    return f"your authorization {row.get('Name')} ({row.get('VpcId')}, {row.get('InstanceId')}, port {row.get('Port')})"


def move(account: Account, used: Used, port: int, *, batch: bool = True, refresh: bool = False) -> Reply:
    """Point the authorization to a port; it is pointed back when the question ends."""
    if not used.tasks:
        account.ledger.note(called(used.row), lambda: _put_back(account, used))
    more = {**({"NeedBatchWork": "true"} if batch else {}), **({"Refresh": "true"} if refresh else {})}
    asked = {**target_of(used.row, port), **more}
    reply = account.call("CloudAPI", "ModifyVpcAccessAndUpdateApis", asked, expected=_BUSY)
    used.tasks.append(str(reply.fields.get("OperationId", "")))
    return reply


def task_of(reply: Reply) -> str:
    """Return the task of a change that was taken."""
    if not reply.is_success:
        raise NotAsked(f"the gateway does not change this authorization: {reply.code}")
    return str(reply.fields.get("OperationId", ""))


def _put_back(account: Account, used: Used) -> None:
    """Point the authorization back to its own port, as often as the gateway asks to come again; wait for its APIs.

    It is back whatever can be seen of its APIs, and a look that fails keeps nobody from the next try.
    """
    back = {**target_of(used.row, used.row["Port"]), "NeedBatchWork": "true"}
    for _ in range(MOST_LOOKS):
        reply = account.product.call("CloudAPI", "ModifyVpcAccessAndUpdateApis", back)
        if reply.is_success:
            with suppress(NotAsked, Unclear):
                followed(account, str(reply.fields.get("OperationId", "")), used.apis)
            return
        if reply.is_for_the_operator:
            break
        for task in filter(None, used.tasks):
            with suppress(NotAsked, Unclear):
                rows_of(account, task)
        account.clock.sleep(SECOND)
    row = account.row(str(used.row["Name"]))
    if row is None or row.get("Port") != used.row["Port"]:
        raise Unclear(f"it is not back at its own port: ModifyVpcAccessAndUpdateApis said {reply.code}")


def rows_of(account: Account, task: str) -> list[Mapping[str, Any]]:
    """Return what a task tells of its APIs, nothing if it is refused."""
    reply = account.call("CloudAPI", "DescribeUpdateVpcInfoTask", {"OperationUid": task})
    return reply.rows("ApiUpdateVpcInfoResults", "ApiUpdateVpcInfoResult")


def followers(rows: list[Mapping[str, Any]]) -> int:
    """Return how many APIs have followed."""
    return sum(str(row.get("UpdateStatus", "")).lower() == SUCCESS for row in rows)


class Followed(NamedTuple):
    """How the APIs of a task followed: looks and seconds before the first had, and whether some had and some had not."""

    looks: int
    seconds: float
    partly: bool


def followed(account: Account, task: str, apis: int) -> Followed:
    """Look at a task each second until all of its APIs have followed, or it is clear that they do not."""
    began, first, partly = account.clock.monotonic(), None, False
    for looks in range(MOST_LOOKS):
        rows = rows_of(account, task)
        count = followers(rows)
        took = account.clock.monotonic() - began
        first = (looks, took) if count and first is None else first
        partly = partly or 0 < count < apis
        if first is not None and (count >= apis or looks - first[0] > FEW_LOOKS):
            return Followed(*first, partly)
        account.clock.sleep(SECOND)
    return Followed(MOST_LOOKS, account.clock.monotonic() - began, partly)
