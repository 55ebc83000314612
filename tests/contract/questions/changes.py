"""What ModifyVpcAccessAndUpdateApis does to an authorization that no API uses; each question makes its own."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from tests.contract.account import Account, Entry
from tests.contract.question import Answer, Question
from tests.contract.replies import NotAsked

_MODIFY = (
    "https://help.aliyun.com/zh/api-gateway/developer-reference/api-cloudapi-2016-07-14-modifyvpcaccessandupdateapis"
)
_TASK = (
    "https://www.alibabacloud.com/help/en/api-gateway/traditional-api-gateway/developer-reference/"
    "api-cloudapi-2016-07-14-describeupdatevpcinfotask"
)
_ONE = "an authorization for a moment"
_A_WHILE = 2.0  # seconds; CreatedTime may be told in whole ones


def _moved(account: Account) -> tuple[Entry, Mapping[str, Any], Any]:
    """Make an entry and point it to another port; return it as it is then, its row before, and the reply."""
    entry = account.new_entry()
    before = account.made(entry)
    account.clock.sleep(_A_WHILE)
    after = replace(entry, port=account.new_entry().port)
    account.ledger.note(f"authorization {after.name}", lambda: account.drop(after))
    asked = {"Name": after.name, **after.target, "NeedBatchWork": "true"}
    reply = account.call("CloudAPI", "ModifyVpcAccessAndUpdateApis", asked)
    if not reply.is_success:
        raise NotAsked(f"the gateway does not change an authorization: {reply.code}")
    return after, before, reply


def _showing(account: Account, entry: Entry) -> tuple[Mapping[str, Any], int, float]:
    def look() -> Mapping[str, Any] | None:
        row = account.row(entry.name)
        return row if row is not None and row.get("Port") == entry.port else None

    return account.awaited(look)


def _visible(account: Account) -> Answer:
    entry, _, _ = _moved(account)
    _, looks, seconds = _showing(account, entry)
    word = "later" if looks else "at once"
    return Answer(word, {"modified_after_reads": looks}, {"looks": looks, "seconds": seconds})


def _created_time(account: Account) -> Answer:
    entry, before, _ = _moved(account)
    after, _, _ = _showing(account, entry)
    word = "stays" if before.get("CreatedTime") == after.get("CreatedTime") else "changes"
    same_id = before.get("VpcAccessId") == after.get("VpcAccessId")
    return Answer(word, {"modify_created_time": word}, {"id_stays": same_id})


def _task(account: Account) -> Answer:
    _, _, moved = _moved(account)
    task = moved.fields.get("OperationId")
    if not task:
        return Answer("no task", {}, {"fields": sorted(moved.fields)})
    reply = account.call("CloudAPI", "DescribeUpdateVpcInfoTask", {"OperationUid": str(task)})
    evidence = reply.why
    word = "an empty list" if reply.is_success else "refused"
    return Answer(word, {"task_of_nothing": "empty" if reply.is_success else "refuse"}, evidence)


QUESTIONS = (
    Question(
        "visible-after-change",
        "Does DescribeVpcAccesses show a changed target at once?",
        _MODIFY,
        _ONE,
        ("at once", "later"),
        "at once",
        "it looks again, with growing waits",
        _visible,
        writes=True,
        settles=("modified_after_reads",),
    ),
    Question(
        "created-time",
        "Does CreatedTime stay when an authorization is changed?",
        _MODIFY,
        _ONE,
        ("stays", "changes"),
        "stays",
        "a scheduled release that finds another CreatedTime keeps the entry",
        _created_time,
        writes=True,
        settles=("modify_created_time",),
    ),
    Question(
        "task-of-nothing",
        "What does DescribeUpdateVpcInfoTask say of a change that no API is concerned by?",
        _TASK,
        _ONE,
        ("an empty list", "refused", "no task"),
        "an empty list",
        "neither proves anything: it looks at the entry itself",
        _task,
        writes=True,
        settles=("task_of_nothing",),
    ),
)
