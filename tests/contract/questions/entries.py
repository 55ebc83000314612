"""What SetVpcAccess and RemoveVpcAccess do; each question makes authorizations of its own and takes them away again."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from tests.contract.account import PORTS, TAG, Account, Entry
from tests.contract.question import Answer, Question
from tests.contract.replies import NotAsked, NotSeen, Unclear

_GATEWAY = "https://www.alibabacloud.com/help/en/api-gateway/traditional-api-gateway/developer-reference/api-cloudapi-2016-07-14-"
_SET, _LISTED = f"{_GATEWAY}setvpcaccess", f"{_GATEWAY}describevpcaccesses"
_REMOVED = "https://help.aliyun.com/document_detail/51642.html"
_ONE = "an authorization for a moment"
_TWO = "up to two authorizations for a moment"
_FEW_LOOKS, _SECOND = 5, 1.0
_NOBODY = "i-vpcaccesscontract0000"


def _answer_of_set(account: Account) -> Answer:
    reply = account.taken(account.new_entry())
    word = "present" if reply.fields.get("VpcAccessId") else "absent"
    return Answer(word, {"vpc_access_id": word}, {"fields": sorted(reply.fields)})


def _visible(account: Account) -> Answer:
    entry = account.new_entry()
    account.taken(entry)
    _, looks, seconds = account.awaited(lambda: account.row(entry.name))
    return Answer("later" if looks else "at once", {"visible_after_reads": looks}, {"looks": looks, "seconds": seconds})


def _taken_name(account: Account) -> Answer:
    entry = account.new_entry()
    account.made(entry)
    return _second(account, entry, replace(account.new_entry(), name=entry.name))


def _taken_target(account: Account) -> Answer:
    entry = account.new_entry()
    account.made(entry)
    return _second(account, entry, replace(entry, name=f"{entry.name}-again"))


def _same_again(account: Account) -> Answer:
    entry = account.new_entry()
    account.made(entry)
    return _second(account, entry, entry)


def _second(account: Account, first: Entry, second: Entry) -> Answer:
    """Set a second entry that shares a name or a target with one that is there."""
    reply = account.set(second)
    if not reply.is_success:
        return Answer("refused", {"duplicate": "error"}, reply.why)
    account.awaited(lambda: _standing(account, second))
    if second == first or _is_gone(account, first):
        return Answer("overwritten", {"duplicate": "overwrite"}, reply.why)
    return Answer("both stand", {}, reply.why)


def _standing(account: Account, entry: Entry) -> Mapping[str, Any] | None:
    return next((row for row in account.opening(entry) if row.get("Name") == entry.name), None)


def _is_gone(account: Account, entry: Entry) -> bool:
    """Tell whether an entry stops to show; lists may lag."""
    for _ in range(_FEW_LOOKS):
        if _standing(account, entry) is None:
            return True
        account.clock.sleep(_SECOND)
    return False


def _tags(account: Account) -> Answer:
    entry = account.new_entry()
    account.taken(entry, Description="vpc-access-contract")
    row, _, _ = account.awaited(lambda: account.row(entry.name))
    tags = (row.get("Tags") or {}).get("TagInfo") if isinstance(row.get("Tags"), dict) else None
    told = tags == [{"Key": TAG, "Value": account.run_id}]
    asked = {"Tag.1.Key": TAG, "Tag.1.Value": account.run_id, "PageNumber": "1", "PageSize": "100"}
    found = account.call("CloudAPI", "DescribeVpcAccesses", asked).rows("VpcAccessAttributes", "VpcAccessAttribute")
    by_tag = any(other.get("Name") == entry.name for other in found)
    described = row.get("Description") == "vpc-access-contract"
    evidence = {"fields": sorted(row), "found_by_tag": by_tag, "description_told": described}
    return Answer("told" if told else "not told", {}, evidence)


def _filters(account: Account) -> Answer:
    """Look for parts of a name, a port and an instance id without AccurateQuery."""
    entry = account.new_entry()
    account.made(entry)
    parts = {"name": {"Name": entry.name[:-2]}, "port": {"Port": str(entry.port)[:-1]}}
    parts["instance"] = {"InstanceId": entry.instance_id[:-2]}
    found = {}
    for part, asked in parts.items():
        reply = account.call("CloudAPI", "DescribeVpcAccesses", {**asked, "PageNumber": "1", "PageSize": "100"})
        rows = reply.rows("VpcAccessAttributes", "VpcAccessAttribute")
        found[f"part_of_{part}"] = any(row.get("Name") == entry.name for row in rows)
    word = "parts" if all(found.values()) else "the whole" if not any(found.values()) else "parts of some"
    return Answer(word, {}, found)


def _port_range(account: Account) -> Answer:
    entry = replace(account.new_entry(), port=65_536)
    return _set_or_refused(account, entry, "port_range", ("accept", "refuse"))


def _target_check(account: Account) -> Answer:
    entry = replace(account.new_entry(), instance_id=_NOBODY)
    return _set_or_refused(account, entry, "target_check", ("off", "on"))


def _set_or_refused(account: Account, entry: Entry, switch: str, values: tuple[str, str]) -> Answer:
    """Set an odd entry; a refusal says something of what is odd only if the same without it is taken."""
    reply = account.set(entry)
    if not reply.is_success:
        account.taken(account.new_entry())
    word = "accepted" if reply.is_success else "refused"
    return Answer(word, {switch: values[0] if reply.is_success else values[1]}, reply.why)


def _remove_absent(account: Account) -> Answer:
    entry = account.new_entry()
    if account.opening(entry):
        raise NotAsked(f"the port {entry.port} is taken on your instance: name another instance")
    reply = account.call("CloudAPI", "RemoveVpcAccess", entry.target)
    word = "accepted" if reply.is_success else "refused"
    return Answer(word, {"remove_absent": "accept" if reply.is_success else "refuse"}, reply.why)


def _removed(account: Account) -> Answer:
    entry = account.new_entry()
    account.made(entry)
    reply = account.call("CloudAPI", "RemoveVpcAccess", entry.target)
    if not reply.is_success:
        raise Unclear(f"RemoveVpcAccess said {reply.code}")

    def gone() -> Mapping[str, Any] | None:
        return None if account.row(entry.name) else {"gone": True}

    _, looks, seconds = account.awaited(gone)
    evidence = {"looks": looks, "seconds": seconds, "fields": sorted(reply.fields)}
    return Answer("later" if looks else "at once", {}, evidence)


def _quota(account: Account) -> Answer:
    """Make authorizations until the gateway refuses one; all have ports of ours, and are taken away again."""
    most = account.given.fill_quota
    if not most:
        raise NotAsked(
            "give --fill-quota N: so many authorizations are made at most, and nobody else can make one meanwhile"
        )
    before = account.listed().count("TotalCount")
    for made in range(min(most, len(PORTS) // 4)):
        reply = account.set_or_full(account.new_entry())
        if reply.is_success:
            continue
        if not made and not reply.is_about_the_quota:
            raise NotAsked(f"the gateway refused the first authorization for your instance with {reply.code}")
        stand = before + made  # not a count of now: a new entry may show late
        return Answer("refused", {"vpc_access_quota": stand} if made else {}, {**reply.why, "entries": stand})
    raise NotSeen(f"{most} authorizations did not fill the quota: give more")


QUESTIONS = (
    Question(
        "set-answer",
        "Does the answer of SetVpcAccess have a VpcAccessId?",
        _SET,
        _ONE,
        ("present", "absent"),
        "present",
        "it looks for it if it is missing",
        _answer_of_set,
        writes=True,
        settles=("vpc_access_id",),
    ),
    Question(
        "visible-after-set",
        "Does DescribeVpcAccesses show a new entry at once?",
        _LISTED,
        _ONE,
        ("at once", "later"),
        "at once",
        "it looks again, with growing waits",
        _visible,
        writes=True,
        settles=("visible_after_reads",),
    ),
    Question(
        "taken-name",
        "Does a second SetVpcAccess for a taken name fail or overwrite, and with which code?",
        _SET,
        _TWO,
        ("refused", "overwritten", "both stand"),
        "refused",
        "it reads first; after an unclear answer it looks before it writes again",
        _taken_name,
        writes=True,
        settles=("duplicate",),
    ),
    Question(
        "taken-target",
        "Does a second SetVpcAccess for a taken target fail or overwrite, and with which code?",
        _SET,
        _TWO,
        ("refused", "overwritten", "both stand"),
        "refused",
        "it reads first, as for a name; in a batch the second one waits for the first",
        _taken_target,
        writes=True,
        settles=("duplicate",),
    ),
    Question(
        "set-again",
        "What does the same SetVpcAccess answer when it comes twice?",
        _SET,
        _ONE,
        ("refused", "overwritten", "both stand"),
        "refused",
        "it is not repeated after doubt: somebody looks first",
        _same_again,
        writes=True,
        settles=("duplicate",),
    ),
    Question(
        "tags",
        "Does DescribeVpcAccesses tell the tags of an authorization, and find it by them?",
        _LISTED,
        _ONE,
        ("told", "not told"),
        "told",
        "without its owner's tag nothing is ever replaced or removed",
        _tags,
        writes=True,
    ),
    Question(
        "filters",
        "What do the filters of DescribeVpcAccesses match without AccurateQuery?",
        _LISTED,
        _ONE,
        ("parts", "parts of some", "the whole"),
        "parts",
        "it compares every answer exactly",
        _filters,
        writes=True,
    ),
    Question(
        "port-range",
        "Is a port over 65535 refused?",
        _SET,
        _ONE,
        ("accepted", "refused"),
        "refused",
        "it refuses such a port itself",
        _port_range,
        writes=True,
        settles=("port_range",),
    ),
    Question(
        "missing-target",
        "Is an instance refused that is not there, and with which code?",
        _SET,
        _ONE,
        ("accepted", "refused"),
        "accepted",
        "`VERIFY_TARGET` looks before",
        _target_check,
        writes=True,
        settles=("target_check",),
    ),
    Question(
        "remove-absent",
        "What does RemoveVpcAccess say of an entry that is not there?",
        _REMOVED,
        "nothing: it finds nothing",
        ("accepted", "refused"),
        "refused",
        "an entry that is gone counts as released",
        _remove_absent,
        writes=True,
        settles=("remove_absent",),
    ),
    Question(
        "gone-after-remove",
        "Does DescribeVpcAccesses stop to show a removed entry at once?",
        _REMOVED,
        _ONE,
        ("at once", "later"),
        "at once",
        "it looks once more after a removal",
        _removed,
        writes=True,
    ),
    Question(
        "full-quota",
        "With which code does SetVpcAccess say that the quota is used up, and how large is it?",
        "",
        "as many authorizations as fit, for a minute",
        ("refused",),
        "refused",
        "it knows the documented family `ExceedLimit*`",
        _quota,
        writes=True,
        settles=("vpc_access_quota",),
    ),
)
