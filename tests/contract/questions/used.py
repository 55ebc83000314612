"""How published APIs fare when the authorization changes that they use: one that the user names, of a test API.

It is pointed to a port where nothing answers and back again, so calls of its API fail for some seconds.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from tests.contract.account import Account
from tests.contract.question import Answer, Question
from tests.contract.questions.moving import (
    FEW_LOOKS,
    MOST_LOOKS,
    SECOND,
    SUCCESS,
    Used,
    called,
    followed,
    followers,
    move,
    rows_of,
    target_of,
    task_of,
    used_of,
)
from tests.contract.replies import NotAsked, NotSeen, Unclear

_MODIFY = (
    "https://help.aliyun.com/zh/api-gateway/developer-reference/api-cloudapi-2016-07-14-modifyvpcaccessandupdateapis"
)
_TASK = (
    "https://www.alibabacloud.com/help/en/api-gateway/traditional-api-gateway/developer-reference/"
    "api-cloudapi-2016-07-14-describeupdatevpcinfotask"
)
_USERS = (
    "https://www.alibabacloud.com/help/en/api-gateway/traditional-api-gateway/developer-reference/"
    "api-cloudapi-2016-07-14-describeapisbyvpcaccess"
)
_COSTS = "the API that uses your test authorization fails for some seconds"
_ALL_FOLLOWED = "all APIs had followed at the first look: there is nothing to see"
_WORDS = {"updating": "updating-failed", "running": "running-fail"}


def _change(account: Account) -> Answer:
    """Change the target and watch; then change it once more and look only when it should be over."""
    used = used_of(account)
    seen = followed(account, task_of(move(account, used, account.port())), used.apis)
    together = {"apis_follow": "one-by-one" if seen.partly else "together"} if used.apis > 1 else {}
    evidence = {"looks": seen.looks, "seconds": seen.seconds, "apis": used.apis, "some_before_others": seen.partly}
    if seen.looks >= MOST_LOOKS:
        return Answer("never", {}, evidence)
    if not seen.looks:
        return Answer("at once", {"apis_follow_after_looks": 0, "apis_follow_after_seconds": 0, **together}, evidence)
    task = task_of(move(account, used, account.port()))
    account.clock.sleep(math.ceil(seen.seconds) + SECOND)
    if followers(rows_of(account, task)):
        after = {"apis_follow_after_looks": 0, "apis_follow_after_seconds": math.ceil(seen.seconds - SECOND / 2)}
        return Answer("after a while", {**after, **together}, evidence)
    after = {"apis_follow_after_looks": seen.looks, "apis_follow_after_seconds": 0}
    return Answer("after looks", {**after, **together}, evidence)


def _unfinished(account: Account) -> Answer:
    used = used_of(account)
    rows = rows_of(account, task_of(move(account, used, account.port())))
    waiting = [str(row.get("UpdateStatus", "")) for row in rows if str(row.get("UpdateStatus")).lower() != SUCCESS]
    if not waiting and len(rows) >= used.apis:
        raise NotSeen(_ALL_FOLLOWED)
    if not waiting:
        return Answer("hidden", {"unfinished_rows": "hidden"}, {"rows": len(rows), "apis": used.apis})
    word = _WORDS.get(waiting[0].lower())
    switches = {"unfinished_rows": "listed", **({"task_words": word} if word else {})}
    return Answer("listed", switches, {"state": waiting[0], "rows": len(rows), "apis": used.apis})


def _listed_target(account: Account) -> Answer:
    used = used_of(account)
    port = account.port()
    task = task_of(move(account, used, port))
    name = str(used.row["Name"])
    users = account.call("CloudAPI", "DescribeApisByVpcAccess", {"VpcName": name, "PageSize": "100"})
    ports = {api.get("Port") for api in users.rows("ApiVpcAccessInfos", "ApiVpcAccessInfo")}
    if followers(rows_of(account, task)):
        raise NotSeen(_ALL_FOLLOWED)
    if ports == {port}:
        return Answer("the entry's", {"listed_target": "entry"})
    return Answer("its own", {"listed_target": "api"}) if ports == {used.row["Port"]} else Answer("another")


def _meanwhile(account: Account) -> Answer:
    used = used_of(account)
    task = task_of(move(account, used, account.port()))
    if followers(rows_of(account, task)):
        raise NotSeen(_ALL_FOLLOWED)
    reply = move(account, used, account.port())
    if reply.is_success and followers(rows_of(account, task)):
        raise NotSeen("APIs had perhaps followed before the second change: there is nothing to see")
    word = "taken" if reply.is_success else "refused"
    switch = {"modify_while_updating": "take" if reply.is_success else "refuse"}
    return Answer(word, switch, reply.why)


def _same_target(account: Account) -> Answer:
    used = used_of(account)
    reply = move(account, used, used.row["Port"])
    rows = _some_rows(account, used, task_of(reply))
    return Answer("updated again" if rows else "nothing", {"modify_same_target": "refresh" if rows else "nothing"})


def _refresh(account: Account) -> Answer:
    used = used_of(account)
    reply = move(account, used, used.row["Port"], refresh=True)
    return Answer("updated again" if _some_rows(account, used, task_of(reply)) else "nothing", {}, reply.why)


def _without_batch(account: Account) -> Answer:
    used = used_of(account)
    reply = move(account, used, account.port(), batch=False)
    if not reply.is_success:
        return Answer("refused", {}, reply.why)
    rows = _some_rows(account, used, task_of(reply))
    return Answer("they follow" if rows else "none follows", {"need_batch_work": "void" if rows else "needed"})


def _some_rows(account: Account, used: Used, task: str) -> int:
    """Return how many APIs a task tells of; raises NotSeen unless one that surely concerns them tells of them as soon."""
    if rows := _first_rows(account, task):
        return len(rows)
    if not _first_rows(account, task_of(move(account, used, account.port()))):
        raise NotSeen(
            f"a task tells of its APIs only after more than {FEW_LOOKS} looks: that it does not proves nothing"
        )
    return 0


def _first_rows(account: Account, task: str) -> list[Mapping[str, Any]]:
    for _ in range(FEW_LOOKS):
        if rows := rows_of(account, task):
            return rows
        account.clock.sleep(SECOND)
    return []


def _remove(account: Account) -> Answer:
    if not account.given.may_remove_used:
        raise NotAsked("give --may-remove-used: your test authorization is removed and made again, under another id")
    used = used_of(account)
    beside = account.new_entry(str(used.row["VpcId"]), str(used.row["InstanceId"]))
    account.taken(beside)  # what is removed could not be made again without the right and the room for it
    refused = list[str]()
    account.ledger.note(called(used.row), lambda: None if refused else _make_again(account, used))
    where = {name: str(used.row[name]) for name in ("VpcId", "InstanceId", "Port")}
    reply = account.call("CloudAPI", "RemoveVpcAccess", where)
    evidence = reply.why
    if not reply.is_success:
        refused.append(reply.code)
        return Answer("refused", {"remove_in_use": "refuse"}, evidence)
    named = len(reply.rows("Apis", "Api", optional=True))
    return Answer("removed", {"remove_in_use": "remove"}, {**evidence, "apis_named": named, "apis": used.apis})


def _make_again(account: Account, used: Used) -> None:
    """Make the authorization again; that it shows does not mean that it is there, since lists may lag."""
    row = used.row
    asked = target_of(row, row["Port"])
    if row.get("Description"):
        asked["Description"] = str(row["Description"])
    tags = row.get("Tags") or {}
    for number, tag in enumerate(tags.get("TagInfo") or [], 1):
        asked |= {f"Tag.{number}.Key": str(tag.get("Key")), f"Tag.{number}.Value": str(tag.get("Value") or "")}
    for _ in range(FEW_LOOKS):
        reply = account.product.call("CloudAPI", "SetVpcAccess", asked)
        if reply.is_success:
            return
        account.clock.sleep(SECOND)
    if account.row(str(row["Name"])) is None:
        raise Unclear(f"it is not made again: SetVpcAccess said {reply.code}")


_LATE = ("apis_follow_after_looks", "apis_follow_after_seconds", "apis_follow")
QUESTIONS = (
    Question(
        "change-same-target",
        "Are published APIs updated again by a change to the target that their authorization has?",
        _MODIFY,
        _COSTS,
        ("updated again", "nothing"),
        "updated again",
        "where APIs are to follow once more, it says `Refresh`",
        _same_target,
        writes=True,
        settles=("modify_same_target",),
    ),
    Question(
        "change-refresh",
        "Are they updated again by such a change with Refresh?",
        _MODIFY,
        _COSTS,
        ("updated again", "nothing"),
        "updated again",
        "it looks at the task of it, and tells of APIs that do not follow",
        _refresh,
        writes=True,
    ),
    Question(
        "change-followed",
        "When do published APIs follow a change of their authorization, and all at once?",
        _TASK,
        _COSTS,
        ("at once", "after looks", "after a while", "never"),
        "at once",
        "`named_backends` follows the task before it answers a hook; `replaced` says only what the entry opens",
        _change,
        writes=True,
        settles=_LATE,
    ),
    Question(
        "change-unfinished",
        "Does the task of a change list APIs that have not followed yet, and with which word?",
        _TASK,
        _COSTS,
        ("listed", "hidden"),
        "listed",
        "only `success` counts; with every other word, or no row, it is not known",
        _unfinished,
        writes=True,
        settles=("unfinished_rows", "task_words"),
        hinges=_LATE,
    ),
    Question(
        "change-users",
        "Which target does DescribeApisByVpcAccess tell of an API that has not followed yet?",
        _USERS,
        _COSTS,
        ("the entry's", "its own", "another"),
        "the entry's",
        "it takes only the names of APIs from there",
        _listed_target,
        writes=True,
        settles=("listed_target",),
        hinges=_LATE,
    ),
    Question(
        "change-meanwhile",
        "Is another change refused while APIs have not followed the last one?",
        _MODIFY,
        _COSTS,
        ("taken", "refused"),
        "taken",
        "a refusal is doubt: it looks, and tries again later",
        _meanwhile,
        writes=True,
        settles=("modify_while_updating",),
        hinges=_LATE,
    ),
    Question(
        "change-without-batch",
        "Do published APIs follow a change without NeedBatchWork? The vendor's two pages disagree.",
        _MODIFY,
        _COSTS,
        ("they follow", "none follows", "refused"),
        "none follows",
        "it always says NeedBatchWork",
        _without_batch,
        writes=True,
        settles=("need_batch_work",),
    ),
    Question(
        "remove-in-use",
        "Is RemoveVpcAccess refused for an entry that a published API uses, and what is Apis in its answer?",
        "https://help.aliyun.com/document_detail/51642.html",
        "your test authorization gets another VpcAccessId; its API fails for some seconds",
        ("removed", "refused"),
        "removed",
        "nothing in use is removed: it has looked at all who could use it",
        _remove,
        writes=True,
        settles=("remove_in_use",),
    ),
)
