"""What the gateway's answers to look-ups mean: lists, pages, what is not there, who uses an entry. Nothing is written."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tests.contract.account import PREFIX, Account
from tests.contract.question import Answer, Question
from tests.contract.replies import NotAsked, NotSeen, Reply

_GATEWAY = "https://www.alibabacloud.com/help/en/api-gateway/traditional-api-gateway/developer-reference/api-cloudapi-2016-07-14-"
_READ = "a read"
_ABSENT = f"{PREFIX}nothing-has-this-name"
_NO_TASK = "0" * 32


def _page_size(account: Account) -> Answer:
    reply = account.call("CloudAPI", "DescribeVpcAccesses", {"PageNumber": "1", "PageSize": "101"})
    if not reply.is_success:
        return Answer("refused", {}, reply.why)
    word = "taken" if reply.count("PageSize") > 100 else "cut"
    return Answer(word, {}, {"page_size": reply.count("PageSize")})


def _listing(account: Account) -> Answer:
    """List the first 100 by one page, twice, and by ten pages: the same entries, in the same order?"""
    whole, again = _names(account, 100), _names(account, 100)
    tens = _names(account, 10)
    evidence = {"entries": len(whole), "again": len(again), "by_tens": len(tens)}
    if sorted(whole) != sorted(again) or sorted(whole) != sorted(tens):
        return Answer("other entries", {}, evidence)
    return Answer("the same" if whole == again == tens else "another order", {}, evidence)


def _names(account: Account, size: int) -> list[str]:
    names = list[str]()
    for number in range(1, 100 // size + 1):
        page = {"PageNumber": str(number), "PageSize": str(size)}
        reply = account.call("CloudAPI", "DescribeVpcAccesses", page)
        names += [str(row.get("Name")) for row in reply.rows("VpcAccessAttributes", "VpcAccessAttribute")]
        if number * size >= reply.count("TotalCount"):
            break
    return names


def _empty_list(account: Account) -> Answer:
    reply = account.listed(Name=_ABSENT)
    if not reply.is_success:
        return Answer("refused", {}, reply.why)
    listed = isinstance(reply.fields.get("VpcAccessAttributes"), dict)
    evidence = {"fields": sorted(reply.fields), "total": reply.count("TotalCount"), "read_as": reply.read_as}
    return Answer("an empty list" if listed else "no list", {}, evidence)


def _unknown_task(account: Account) -> Answer:
    reply = account.call("CloudAPI", "DescribeUpdateVpcInfoTask", {"OperationUid": _NO_TASK})
    if reply.is_success:
        return Answer("an empty list", {"task_unknown": "empty"}, reply.why)
    return Answer("refused", {"task_unknown": "refuse"}, reply.why)


def _users_of_nothing(account: Account) -> Answer:
    reply = account.call("CloudAPI", "DescribeApisByVpcAccess", {"VpcName": _ABSENT, "PageSize": "100"})
    return Answer("an empty list" if reply.is_success else "refused", {}, reply.why)


def _draft(account: Account) -> Answer:
    name = account.need(
        "draft_entry", "--draft-entry: an authorization that only an API uses which was never published"
    )
    return _listed(_users(account, name), "apis_in_draft")


def _backend(account: Account) -> Answer:
    """Find a backend object by which a published API comes to an authorization: do the users of that list the API?"""
    listed = account.call("CloudAPI", "DescribeBackendList", {"PageNumber": "1", "PageSize": "100"})
    rows = listed.fields.get("BackendInfoList")
    for row in rows if isinstance(rows, list) else []:
        its_id = str(row.get("BackendId"))
        for name, stage in _named(account.call("CloudAPI", "DescribeBackendInfo", {"BackendId": its_id})):
            asked = {"BackendId": its_id, "StageName": stage, "PageNumber": "1", "PageSize": "100"}
            reply = account.call("CloudAPI", "DescribeApisByBackend", asked)
            if apis := {str(api.get("ApiId")) for api in reply.rows("ApiInfoList", "ApiInfo")}:
                shown = {str(api.get("ApiId")) for api in _users(account, name)}
                return _listed(sorted(apis & shown), "apis_by_backend")
    raise NotSeen("publish an API that uses a backend object of type VPC: there is none")


def _named(reply: Reply) -> list[tuple[str, str]]:
    """Return the authorizations that a backend object names, each with its stage."""
    info = reply.fields.get("BackendInfo")
    models = info.get("BackendModels") if isinstance(info, dict) else None
    found = list[tuple[str, str]]()
    for model in models if isinstance(models, list) else []:
        config = model.get("BackendConfig") or {}
        name = (config.get("VpcConfig") or {}).get("Name")
        if name and model.get("StageName"):
            found.append((str(name), str(model["StageName"])))
    return found


def _users(account: Account, name: str) -> list[Mapping[str, Any]]:
    reply = account.call("CloudAPI", "DescribeApisByVpcAccess", {"VpcName": name, "PageSize": "100"})
    if not reply.is_success:
        raise NotAsked("name an authorization that is there")
    return reply.rows("ApiVpcAccessInfos", "ApiVpcAccessInfo")


def _listed(found: list[Any], switch: str) -> Answer:
    word = "listed" if found else "hidden"
    return Answer(word, {switch: word}, {"apis": len(found)})


def _connectivity(account: Account) -> Answer:
    gateway = account.need(
        "gateway_instance", "--gateway-instance: an instance of API Gateway, such as api-shared-vpc-001"
    )
    rows = account.listed().rows("VpcAccessAttributes", "VpcAccessAttribute")
    found = next((str(row["VpcAccessId"]) for row in rows if row.get("VpcAccessId")), "")
    if not found:
        raise NotSeen("make an authorization: there is none that could be validated")
    began = account.clock.monotonic()
    reply = account.call("CloudAPI", "ValidateVpcConnectivity", {"VpcAccessId": found, "InstanceId": gateway})
    took = {"seconds": account.clock.monotonic() - began, **reply.why, "ip_type": reply.fields.get("IpType")}
    connected = reply.fields.get("Connected")
    if not reply.is_success or not isinstance(connected, bool):
        return Answer("another answer", {}, {**took, "fields": sorted(reply.fields)})
    word = "connected" if connected else "not connected"
    return Answer(word, {"connectivity": "open" if connected else "closed"}, took)


QUESTIONS = (
    Question(
        "page-size",
        "What becomes of a PageSize over 100 in DescribeVpcAccesses?",
        f"{_GATEWAY}describevpcaccesses",
        _READ,
        ("refused", "cut", "taken"),
        "refused",
        "it asks for 100",
        _page_size,
    ),
    Question(
        "listing-twice",
        "Does DescribeVpcAccesses list the same entries in the same order, whatever the size of the page?",
        "",
        "up to 12 reads",
        ("the same", "another order", "other entries"),
        "the same",
        "a list that shifts while it is read is never taken for the whole",
        _listing,
    ),
    Question(
        "empty-list",
        "Which form has DescribeVpcAccesses where nothing fits?",
        f"{_GATEWAY}describevpcaccesses",
        _READ,
        ("an empty list", "no list", "refused"),
        "an empty list",
        "an answer without a list is read again, and never means that nothing is there",
        _empty_list,
    ),
    Question(
        "unknown-task",
        "What does DescribeUpdateVpcInfoTask say of a task that it does not know?",
        f"{_GATEWAY}describeupdatevpcinfotask",
        _READ,
        ("an empty list", "refused"),
        "refused",
        "neither proves anything: it looks at the entry itself",
        _unknown_task,
        settles=("task_unknown",),
    ),
    Question(
        "users-of-nothing",
        "What does DescribeApisByVpcAccess say of a name that no entry has?",
        f"{_GATEWAY}describeapisbyvpcaccess",
        _READ,
        ("an empty list", "refused"),
        "refused",
        "it asks about entries that it has just seen",
        _users_of_nothing,
    ),
    Question(
        "users-in-draft",
        "Does DescribeApisByVpcAccess list APIs that were never published?",
        f"{_GATEWAY}describeapisbyvpcaccess",
        _READ,
        ("listed", "hidden"),
        "hidden",
        "what is listed keeps an entry; a draft that is not listed does not",
        _draft,
        settles=("apis_in_draft",),
    ),
    Question(
        "users-by-backend",
        "Does DescribeApisByVpcAccess list APIs that come to an entry by a backend object?",
        f"{_GATEWAY}describeapisbyvpcaccess",
        "three reads for each backend object",
        ("listed", "hidden"),
        "hidden",
        "it looks at the backend objects themselves as well",
        _backend,
        settles=("apis_by_backend",),
    ),
    Question(
        "connectivity",
        "What does ValidateVpcConnectivity say of an authorization, and how long does that take?",
        "https://help.aliyun.com/zh/api-gateway/traditional-api-gateway/developer-reference/api-cloudapi-2016-07-14-validatevpcconnectivity",
        _READ,
        ("connected", "not connected", "another answer"),
        "connected",
        "only `list --connectivity` asks, and what is not documented is `unknown`",
        _connectivity,
        settles=("connectivity",),
    ),
)
