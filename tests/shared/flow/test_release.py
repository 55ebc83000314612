"""The second function on the stand-in: an end schedules, the due message releases, and whatever is not sure is kept."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.invoking import VPC, Invoker, queue_event, request, state_change
from tests.release_worlds import schedule

GONE, ALIVE = "i-bp1example0001", "i-bp1example0002"
HOUR = 3600.0
NAME = "team-a-i-bp1example0001-8080"
OURS = [{"Key": "vpc-access-owner", "Value": "team-a"}, {"Key": "vpc-access-origin", "Value": "announced"}]


def _entry(**changes: Any) -> dict[str, Any]:
    return request(Name=NAME, InstanceId=GONE, **{"Tag": OURS, "Description": "orders", **changes})


def _ended(releasing: Invoker, **changes: Any) -> None:
    """Let the entry be there, its instance gone and another alive, and its release be scheduled."""
    releasing.given(entries=[_entry(**changes)], instances=[{"InstanceId": ALIVE, "VpcId": VPC}])
    assert releasing(state_change(GONE, "Deleted")).result["outcome"] == "scheduled"


def test_a_deleted_instance_loses_its_authorization_an_hour_later(invoke: Invoker, releasing: Invoker) -> None:
    """What was authorized for an announced instance is released an hour after its end, and told with the way back."""
    invoke.given(
        instances=[{"InstanceId": i, "VpcId": VPC, "Tags": {"apigateway-port": "8080"}} for i in (GONE, ALIVE)]
    )
    invoke(state_change(GONE))
    (made,) = invoke.messages()
    invoke.served.products["ECS"].remove(GONE)

    assert releasing(state_change(GONE, "Deleted")).result["outcome"] == "scheduled"
    assert not releasing.messages()
    with pytest.raises(AssertionError, match="nothing is due"):
        releasing.due(HOUR - 1)
    assert releasing.due(1).result["outcome"] == "released"
    assert not releasing.accesses()
    (told,) = releasing.messages()
    assert told["type"] == "vpcaccess.released"
    assert told["data"]["VpcAccessId"] == made["data"]["VpcAccessId"]
    assert told["data"]["Because"] == f"{GONE} has ended (Deleted)"
    assert told["data"]["Undo"] == {"Name": NAME, "VpcId": VPC, "InstanceId": GONE, "Port": 8080}
    assert told["data"]["NotSeen"] == ["stage variables of API groups", "definitions of APIs outside the gateway"]


def test_the_way_back_makes_the_entry_again(invoke: Invoker, releasing: Invoker) -> None:
    """The request that a release gives restores the entry with description, host and tags, under an id of its own."""
    _ended(releasing, VpcTargetHostName="orders.example", Tag=[{"Key": "team", "Value": "shop"}, *OURS])
    releasing.due(HOUR)
    (released,) = releasing.messages()
    invoke(released["data"]["Undo"])
    (again,) = invoke.messages()
    (entry,) = invoke.accesses()

    assert again["type"] == "vpcaccess.authorized"
    assert again["data"]["VpcAccessId"] != released["data"]["VpcAccessId"]
    assert (entry["Name"], entry["Description"], entry["VpcTargetHostName"]) == (NAME, "orders", "orders.example")
    assert {"Key": "team", "Value": "shop"} in entry["Tags"]["TagInfo"]


def test_a_removal_is_told_under_one_id_however_often_it_is_due(releasing: Invoker) -> None:
    """A message that comes again finds nothing and tells of the same release."""
    _ended(releasing)
    releasing(state_change(GONE, "Deleted"))
    releasing.due(HOUR)
    told = releasing.messages()

    assert [one["type"] for one in told] == ["vpcaccess.released"] * 2
    assert len({one["id"] for one in told}) == 1
    assert releasing.calls().count("CloudAPI.RemoveVpcAccess") == 1


def test_what_is_no_tag_in_a_message_is_left_out_of_the_way_back(releasing: Invoker) -> None:
    """Who writes such a message by hand may get its form wrong, and the request that makes the entry again is a good one."""
    _ended(releasing)
    (entry,) = releasing.accesses()
    releasing.due(HOUR)
    tags = ["shop", {"Key": "stage"}, {"Key": 7, "Value": "x"}, {"Key": "team", "Value": "shop"}]
    releasing(queue_event(schedule(entry, Tag=tags), schedule(entry, Tag="shop")))
    undone = [told["data"]["Undo"].get("Tag") for told in releasing.messages()]

    assert undone == [None, [{"Key": "team", "Value": "shop"}], None]


@pytest.mark.parametrize(
    "operation",
    ["DescribeInstances", "DescribeBackendList", "DescribePlugins", "DescribeApisByVpcAccess", "RemoveVpcAccess"],
)
def test_what_another_delivery_has_removed_meanwhile_is_released(releasing: Invoker, operation: str) -> None:
    """An entry that vanishes between any two calls is told as released, at once and under the same id."""
    _ended(releasing)
    gateway = releasing.served.products["CloudAPI"].entries
    account = releasing.served.world.account_id

    def vanish(called: str) -> None:
        if called == operation and gateway.everything(account):
            gateway.remove(account, VPC, GONE, 8080)

    releasing.before = vanish
    answer = releasing.due(HOUR)

    assert answer.error is None
    assert answer.result["outcome"] == "released"


API = {"ApiId": "551877242a4b4f3a84a56b7c3570e4a7", "VpcName": NAME}
PLUGIN = {"PluginId": "p-1", "PluginName": "blue", "PluginData": json.dumps({"vpcAccessName": NAME})}
BACKEND = {
    "BackendId": "b-1",
    "BackendName": "orders",
    "BackendModels": [{"StageName": "RELEASE", "BackendConfig": {"VpcConfig": {"Name": NAME}}}],
}
DELETED = {"instances": [{"InstanceId": GONE, "VpcId": VPC}]}


@pytest.mark.parametrize(
    ("world", "reason", "words"),
    [
        pytest.param(
            {"apis": [API]}, "InUse", "API orders (551877242a4b4f3a84a56b7c3570e4a7) in stage RELEASE", id="api"
        ),
        pytest.param({"plugins": [PLUGIN]}, "InUse", "routing plug-in blue (p-1)", id="plug-in"),
        pytest.param({"backends": [BACKEND]}, "InUse", "backend object orders (b-1)", id="backend"),
        pytest.param(DELETED, "Alive", "exists, whatever its state", id="alive"),
        pytest.param(
            {"instances": [{"InstanceId": GONE, "VpcId": VPC, "Status": "Stopped"}]}, "Alive", "exists", id="stopped"
        ),
    ],
)
def test_what_is_alive_or_used_is_kept(releasing: Invoker, world: dict[str, Any], reason: str, words: str) -> None:
    """A check that does not hold keeps the entry, and the result says which and why."""
    _ended(releasing)
    releasing.given(**world)
    releasing.due(HOUR)
    (told,) = releasing.messages()

    assert told["type"] == "vpcaccess.kept"
    assert told["data"]["ReasonCode"] == reason
    assert words in told["data"]["Reason"]
    assert "CloudAPI.RemoveVpcAccess" not in releasing.calls()


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        pytest.param({"Tag": [OURS[0]]}, "NotAnnounced", id="older-than-the-mark"),
        pytest.param({"Tag": [OURS[0], {"Key": OURS[1]["Key"], "Value": "requested"}]}, "NotAnnounced", id="requested"),
    ],
)
def test_what_is_never_released_is_told_at_once(releasing: Invoker, changes: dict[str, Any], reason: str) -> None:
    """An entry of ours that was not made for an announced backend is not even scheduled."""
    releasing.given(entries=[_entry(**changes)])
    releasing(state_change(GONE, "Deleted"))
    (told,) = releasing.messages()

    assert (told["type"], told["data"]["ReasonCode"]) == ("vpcaccess.kept", reason)
    assert "SMQ.SendMessage" not in releasing.calls()


@pytest.mark.parametrize(
    "tags",
    [
        pytest.param(None, id="nobody's"),
        pytest.param([{"Key": "vpc-access-owner", "Value": "team-b"}, OURS[1]], id="another-team's"),
    ],
)
def test_entries_of_others_are_not_told_of(releasing: Invoker, tags: Any) -> None:
    """Every stack of an account sees every end: only the one that owns an entry publishes anything about it."""
    releasing.given(entries=[_entry(Tag=tags)])
    result = releasing(state_change(GONE, "Deleted")).result

    assert (result["outcome"], result["reason"], result["name"]) == ("ignored", "foreign-entry", NAME)
    assert not releasing.messages()


def test_a_report_checks_everything_and_removes_nothing(releasing: Invoker) -> None:
    """With RELEASE_MODE=report a release is rehearsed to its last check."""
    releasing.configure(RELEASE_MODE="report")
    _ended(releasing)
    releasing.due(HOUR)
    (told,) = releasing.messages()

    assert (told["type"], told["data"]["ReasonCode"]) == ("vpcaccess.kept", "ReportOnly")
    assert "CloudAPI.RemoveVpcAccess" not in releasing.calls()


MALFORMED = {"Release": {}, "RegionId": "r", "Because": "b"}


@pytest.mark.parametrize(
    ("world", "changes", "planned"),
    [
        pytest.param({}, {}, "release", id="release"),
        pytest.param({"apis": [API]}, {}, "keep: InUse", id="in-use"),
        pytest.param({}, {"RELEASE_MODE": "report"}, "keep: ReportOnly", id="report"),
    ],
)
def test_a_dry_run_tells_what_would_become_of_it(
    releasing: Invoker, world: dict[str, Any], changes: dict[str, str], planned: str
) -> None:
    """With DRY_RUN every check is made and shown as a plan; nothing is removed, and nothing is published."""
    _ended(releasing)
    releasing.given(**world)
    releasing.configure(DRY_RUN="true", **changes)
    told = releasing.due(HOUR).result

    assert (told["outcome"], told["reason"]) == ("planned", planned)
    assert len(releasing.accesses()) == 1
    assert not releasing.messages()


def test_a_dry_run_schedules_nothing(releasing: Invoker) -> None:
    """The end of a backend is planned to be scheduled; what is malformed is rejected, and what is none stays ignored."""
    releasing.configure(DRY_RUN="true")
    releasing.given(entries=[_entry()])
    told = releasing([state_change(GONE, "Deleted"), MALFORMED, state_change(GONE, "Stopped")]).results

    assert [(one["outcome"], one["reason"]) for one in told] == [
        ("planned", "schedule"),
        ("rejected", "InvalidRecord"),
        ("ignored", "state"),
    ]
    assert "SMQ.SendMessage" not in releasing.calls()


NAMED = [OURS[0], {"Key": "vpc-access-origin", "Value": "named"}]


@pytest.mark.parametrize(
    ("tags", "changes", "told", "sent"),
    [
        pytest.param(OURS, {"RELEASE_MODE": "off"}, ("ignored", "release-off"), 0, id="nothing-is-released"),
        pytest.param(NAMED, {"RELEASE_MODE": "off"}, ("scheduled", "Named"), 2, id="a-name-is-handed-on"),
        pytest.param(NAMED, {"DRY_RUN": "true"}, ("planned", "schedule"), 0, id="a-name-in-a-dry-run"),
    ],
)
def test_where_names_are_kept_an_end_is_heard_whatever_is_released(
    releasing: Invoker, tags: Any, changes: dict[str, str], told: tuple[str, str], sent: int
) -> None:
    """The end of what a name opens is handed on, now and for later; what is no name is not scheduled with RELEASE_MODE=off."""
    releasing.configure(ALLOWED_NAMES=f"{VPC}:orders-*", **changes)
    releasing.given(entries=[_entry(Tag=tags)])
    result = releasing(state_change(GONE, "Deleted")).result

    assert (result["outcome"], result["reason"]) == told
    assert releasing.calls().count("SMQ.SendMessage") == sent


def test_each_result_has_its_kind_as_the_tag_of_its_message(invoke: Invoker, releasing: Invoker) -> None:
    """A subscription can ask for one kind of result: the message's tag is the last word of its type."""
    smq = invoke.served.products["SMQ"]
    smq.create_queue("only-released")
    smq.subscribe("vpc-access-results", "released", queue="only-released", format="SIMPLIFIED", filter_tag="released")
    _ended(releasing)
    invoke(request(Name="another", InstanceId="i-bp1example0009"))
    releasing.due(HOUR)

    assert [kind["type"] for kind in releasing.messages()] == ["vpcaccess.authorized", "vpcaccess.released"]
    assert len(smq.receive("only-released", 16)) == 1


def test_a_malformed_schedule_is_rejected(releasing: Invoker) -> None:
    """What does not name an entry whole releases nothing and says so."""
    (told,) = (releasing(queue_event(json.dumps(MALFORMED))).results,)

    assert told[0]["outcome"] == "rejected"
    assert "Release needs Name, VpcId, InstanceId, VpcAccessId, CreatedTime, Port" in told[0]["text"]
