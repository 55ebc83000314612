"""Release, case by case: what the search through random worlds does not reach easily."""

from __future__ import annotations

import json
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from shared.access.releasable import Kept
from shared.access.release import CHECKS, UNCHANGED, Case, examine, open_case
from shared.cloud.apigateway import ApiGateway
from shared.cloud.transport import HttpRequest, HttpResponse, Transport
from shared.flow.engine import Engine, Invocation
from shared.model.access import VpcAccess
from tests.invoking import VPC, Answer, Invoker, queue_event, request, state_change
from tests.release_stage import play
from tests.release_worlds import PLUGINS, World, read, schedule

GONE, ALIVE = "i-bp1example0001", "i-bp1example0002"
HOUR = 3600.0
NAME = f"team-a-{GONE}-80"
OURS = [{"Key": "vpc-access-owner", "Value": "team-a"}, {"Key": "vpc-access-origin", "Value": "announced"}]
REMOVE = "CloudAPI.RemoveVpcAccess"
API = {"ApiId": "a-1", "VpcName": NAME}


def given(releasing: Invoker, **changes: Any) -> str:
    """Let the entry be there, its instance gone and another alive; return the message that is due."""
    entry = request(**{"Name": NAME, "InstanceId": GONE, "Port": 80, "Tag": OURS, **changes})
    releasing.given(entries=[entry], instances=[{"InstanceId": ALIVE, "VpcId": VPC}])
    (there,) = releasing.accesses()
    return schedule(there)


def due(releasing: Invoker, *messages: str) -> Answer:
    """Deliver messages of the release queue."""
    return releasing(queue_event(*messages))


def became(answer: Answer) -> list[str]:
    """Return what became of each record, with its reason."""
    return [f"{one['outcome']} {one.get('reason', '')}".strip() for one in answer.results]


SCHEDULED = VpcAccess(
    NAME, VPC, GONE, 80, tags=(("vpc-access-owner", "team-a"),), vpc_access_id="id-1", created_time="t-1"
)
THEIRS = SCHEDULED._replace(name="theirs", tags=(("vpc-access-owner", "team-b"),), vpc_access_id="id-2")


@pytest.mark.parametrize(
    ("present", "reason", "words"),
    [
        pytest.param([SCHEDULED], None, "", id="as-it-was"),
        pytest.param([SCHEDULED._replace(description="new")], None, "", id="a-description-is-no-identity"),
        pytest.param([SCHEDULED, THEIRS], "NotOurs", "'theirs', too", id="a-foreign-name-for-the-target"),
        pytest.param([THEIRS, SCHEDULED], "NotOurs", "'theirs', too", id="in-any-order"),
        pytest.param([SCHEDULED, SCHEDULED._replace(name="b")], "Changed", "'b', too", id="two-names-of-ours"),
        pytest.param([THEIRS], "Changed", "another name", id="renamed"),
        pytest.param([SCHEDULED._replace(vpc_access_id="")], "Changed", "no VpcAccessId", id="without-id"),
        pytest.param([SCHEDULED._replace(created_time="")], "Changed", "no CreatedTime", id="without-time"),
        pytest.param([SCHEDULED._replace(vpc_access_id="id-9")], "Changed", "id-9 now", id="another-id"),
        pytest.param([SCHEDULED._replace(created_time="t-9")], "Changed", "t-9 now", id="another-time"),
        pytest.param([SCHEDULED._replace(port=81)], "Changed", ":81", id="another-port"),
        pytest.param([SCHEDULED._replace(vpc_id="vpc-2")], "Changed", "vpc-2", id="another-vpc"),
        pytest.param([SCHEDULED._replace(instance_id="i-9")], "Changed", "i-9", id="another-instance"),
    ],
)
def test_only_the_entry_that_was_scheduled_is_unchanged(
    releasing: Invoker, present: Sequence[VpcAccess], reason: str | None, words: str
) -> None:
    """Whatever tells it from the entry of the message keeps it, also what else opens its target."""
    engine = releasing.configure()
    session = engine.session(Invocation("r", 60.0, lambda: releasing.credentials))
    gateway = ApiGateway(session, engine.settings.apigateway_endpoint)
    kept = UNCHANGED.why_not(Case(SCHEDULED, present, gateway, session, engine.settings))

    assert (kept.reason if kept else None) == reason
    assert words in (kept.text if kept else "")


@pytest.mark.parametrize(
    ("owners", "owner"),
    [
        pytest.param(["team-a"], "team-a", id="one"),
        pytest.param(["team-a", "team-a"], "team-a", id="the-same-twice"),
        pytest.param([], None, id="none"),
        pytest.param(["team-a", "team-b"], None, id="two"),
        pytest.param(["team-b", "team-a"], None, id="two-in-any-order"),
        pytest.param(["team-a", ""], None, id="one-is-empty"),
        pytest.param(["Team-A"], "Team-A", id="as-it-is-written"),
    ],
)
def test_an_entry_with_two_owners_is_nobody_s(owners: list[str], owner: str | None) -> None:
    """A mark that stands there twice with two values says nothing."""
    tags = tuple(("vpc-access-owner", value) for value in owners)

    assert SCHEDULED._replace(tags=tags).owner == owner
    assert SCHEDULED._replace(tags=tuple(("vpc-access-origin", value) for value in owners)).origin == owner


@pytest.mark.parametrize("key", ["VpcAccessId", "CreatedTime"])
def test_an_entry_without_identity_is_not_even_scheduled(releasing: Invoker, key: str) -> None:
    """A gateway that gives no id or no time of creation leaves nothing by which it is known again."""
    given(releasing)
    releasing.given(faults=[{"operation": "CloudAPI.DescribeVpcAccesses", "odd": "missing-key", "key": key}])

    assert became(releasing(state_change(GONE, "Deleted"))) == ["kept Changed"]
    assert "SMQ.SendMessage" not in releasing.calls()


@pytest.mark.parametrize(
    ("faults", "first", "then", "left"),
    [
        pytest.param([{"status": 404, "code": "NotFoundVpcAccess", "when": "after"}], "released", "", 0, id="was-gone"),
        pytest.param([{"status": 404, "code": "NotFoundVpcAccess"}], "", "released", 0, id="still-shows"),
        pytest.param([{"status": 400, "code": "DependencyViolationApi"}], "kept InUse", "", 1, id="refused-as-used"),
        pytest.param([{"status": 400, "code": "InvalidPort"}], "kept InvalidPort", "", 1, id="refused"),
        pytest.param([{"status": 400, "code": "UnheardOf"}], "", "released", 0, id="unknown-code"),
        pytest.param([{"status": 400, "code": "UnheardOf", "when": "after"}], "released", "", 0, id="unknown-but-done"),
        pytest.param([{"status": 403, "code": "NoPermission"}], "", "released", 0, id="no-right"),
        pytest.param([{"cut": "after"}], "released", "", 0, id="doubtful-and-gone"),
        pytest.param([{"cut": "before"}], "", "released", 0, id="doubtful-and-not-done"),
        pytest.param([{"status": 503, "code": "ServiceUnavailable"}], "", "released", 0, id="doubtful-and-there"),
        pytest.param([{"body": "html", "status": 502}], "released", "", 0, id="page-of-a-proxy-and-gone"),
        pytest.param([{"odd": "empty-object"}], "released", "", 0, id="unreadable-and-gone"),
    ],
)
def test_what_a_removal_comes_to(
    releasing: Invoker, faults: list[dict[str, Any]], first: str, then: str, left: int
) -> None:
    """A look decides after any doubt, and nothing is removed twice in one invocation."""
    message = given(releasing)
    releasing.given(faults=[{"operation": REMOVE, "nth": 1, **fault} for fault in faults])
    answer = due(releasing, message)
    asked = len(releasing.calls(REMOVE))

    assert "".join(became(answer)) == first
    assert (answer.error is None) == bool(first)
    assert asked == 1
    if then:
        assert became(due(releasing, message)) == [then]
    assert len(releasing.accesses()) == left


def _looks_after_the_removal(releasing: Invoker) -> float:
    """Return how often the entry was looked for after its first removal, each time by its name and by its target."""
    calls = releasing.calls()
    return calls[calls.index(REMOVE) + 1 :].count("CloudAPI.DescribeVpcAccesses") / 2


def test_a_refused_removal_is_looked_after_once(releasing: Invoker) -> None:
    """A no that is known to be final is the answer as soon as one look shows the entry."""
    message = given(releasing)
    releasing.given(faults=[{"operation": REMOVE, "status": 400, "code": "InvalidPort"}])

    assert became(due(releasing, message)) == ["kept InvalidPort"]
    assert _looks_after_the_removal(releasing) == 1


@pytest.mark.parametrize(
    ("count", "said"),
    [
        pytest.param(3, "(a-02) in stage RELEASE: point", id="all-in-the-sentence"),
        pytest.param(4, "(a-02) in stage RELEASE and 1 more: point", id="one-more"),
        pytest.param(21, "and 18 more: point", id="more-than-are-listed"),
    ],
)
def test_three_users_are_named_and_twenty_listed(releasing: Invoker, count: int, said: str) -> None:
    """A result with hundreds of users would fit no message: the sentence has three of them, the list twenty."""
    message = given(releasing)
    releasing.given(apis=[{"ApiId": f"a-{number:02}", "VpcName": NAME} for number in range(count)])
    due(releasing, message)
    (told,) = releasing.messages()

    assert said in told["data"]["Reason"]
    assert len(told["data"]["UsedBy"]) == min(count, 20)


def test_what_is_no_instance_is_kept_as_such(releasing: Invoker) -> None:
    """Nothing can prove the end of another product's load balancer, and nobody is asked for it."""
    message = given(releasing, InstanceId="alb-1")

    assert became(due(releasing, message)) == ["kept NotAnInstance"]
    assert "ECS.DescribeInstances" not in releasing.calls()


def test_a_load_balancer_that_is_gone_is_no_longer_open(releasing: Invoker) -> None:
    """It is looked up itself: its tags, which are none by now, would not tell it from one that is there without any."""
    message = given(releasing, InstanceId="lb-bp1example0001")

    assert became(due(releasing, message)) == ["released"]


def test_a_look_at_the_instance_that_fails_for_now_makes_it_due_again(releasing: Invoker) -> None:
    """A right that is missing for a while says nothing of the instance: the release is neither kept nor carried out."""
    message = given(releasing)
    releasing.given(faults=[{"operation": "ECS.DescribeInstances", "nth": 1, "status": 403, "code": "NoPermission"}])

    assert "NoPermission" in str(due(releasing, message).error)
    assert became(due(releasing, message)) == ["released"]


def test_a_removal_that_still_shows_is_checked_again(releasing: Invoker) -> None:
    """An entry that is listed after its removal may have been listed late: it is due again, and then told as released."""
    message = given(releasing)
    entry = releasing.accesses()
    releasing.after = lambda operation: releasing.given(
        entries=[{**one, "Tag": OURS} for one in entry] if operation == "RemoveVpcAccess" else []
    )
    answer = due(releasing, message)
    releasing.after = lambda _: None

    assert "NotConfirmed (no answer)" in str(answer.error)
    assert [wait for wait in releasing.slept if wait >= 0.01] == pytest.approx([0.2, 0.4, 0.8, 1.6])
    assert _looks_after_the_removal(releasing) == 5
    assert became(due(releasing, message)) == ["released"]
    assert len({told["id"] for told in releasing.messages() if told["type"] == "vpcaccess.released"}) == 1


@pytest.mark.parametrize(("left", "looks"), [(1.0, 1), (1.5, 2)])
def test_a_removal_that_still_shows_when_time_is_over_comes_again(releasing: Invoker, left: float, looks: int) -> None:
    """No look is waited for that would not end in time, for which it gets a second: the record is delivered again."""
    message = given(releasing)
    entry = releasing.accesses()

    def shows_on(operation: str) -> None:
        if operation == "RemoveVpcAccess":
            releasing.given(entries=[{**one, "Tag": OURS} for one in entry])
            releasing.clock.advance(58.0 - left - sum(releasing.slept))

    releasing.after = shows_on
    answer = due(releasing, message)
    releasing.after = lambda _: None

    assert "NotConfirmed" in str(answer.error)
    assert _looks_after_the_removal(releasing) == looks
    assert became(due(releasing, message)) == ["released"]


@pytest.mark.parametrize("target", [{}, {"InstanceId": ALIVE}, {"Name": "another"}], ids=["same", "target", "name"])
def test_what_is_made_again_at_once_is_another_entry(releasing: Invoker, target: dict[str, str]) -> None:
    """The removal is told, though its name or its target is in the list again, under another id."""
    message = given(releasing)
    again = request(Name=NAME, InstanceId=GONE, Port=80) | target
    releasing.after = lambda operation: releasing.given(entries=[again] if operation == "RemoveVpcAccess" else [])
    answer = due(releasing, message)

    assert became(answer) == ["released"]
    assert [entry["Name"] for entry in releasing.accesses()] == [again["Name"]]


def test_an_entry_that_was_made_again_is_released_under_an_id_of_its_own(releasing: Invoker) -> None:
    """The same name and target under another VpcAccessId is another release, which no consumer drops as a repeat."""
    first = due(releasing, given(releasing))
    second = due(releasing, given(releasing))
    told = releasing.messages()

    assert [became(first), became(second)] == [["released"], ["released"]]
    assert len({one["data"]["VpcAccessId"] for one in told}) == len({one["id"] for one in told}) == 2


def throttled(milliseconds: int) -> dict[str, Any]:
    """Return the fault that the gateway asks to wait before the first removal."""
    return {"operation": REMOVE, "nth": 1, "status": 400, "code": "Throttling.User", "retry_after": milliseconds}


def test_a_removal_that_waits_for_a_moment_is_made(releasing: Invoker) -> None:
    """Checks that have passed hold for five seconds, the half second with them that an attempt takes."""
    message = given(releasing)
    releasing.given(faults=[throttled(4_000)])

    assert became(due(releasing, message)) == ["released"]


@pytest.mark.parametrize("milliseconds", [5_000, 30_000])
def test_a_removal_that_has_to_wait_is_checked_anew(releasing: Invoker, milliseconds: int) -> None:
    """After five seconds the checks hold no more: where the gateway asks to wait, an API may come to use the entry."""
    message = given(releasing)
    releasing.given(faults=[throttled(milliseconds)])
    releasing.after = lambda operation: releasing.given(apis=[API] if operation == "RemoveVpcAccess" else [])
    first = due(releasing, message)

    assert "Throttling.User" in str(first.error)
    assert became(due(releasing, message)) == ["kept InUse"]
    assert len(releasing.accesses()) == 1


@pytest.mark.parametrize(
    ("again", "kept"),
    [
        pytest.param({"Name": NAME, "Tag": OURS}, "Changed", id="made-again"),
        pytest.param({"Name": NAME, "Tag": [{"Key": "vpc-access-owner", "Value": "team-b"}]}, "Changed", id="foreign"),
        pytest.param({"Name": "theirs", "Tag": []}, "Changed", id="another-name"),
    ],
)
def test_what_takes_its_place_while_it_is_checked_stays(releasing: Invoker, again: dict[str, Any], kept: str) -> None:
    """A removal goes by the target, and reading every backend object takes a while: who has the target is looked up last."""
    message = given(releasing)
    taken = request(InstanceId=GONE, Port=80, **again)

    def take(operation: str) -> None:
        if operation == "DescribeApisByVpcAccess":
            releasing.served.products["CloudAPI"].entries.remove(releasing.served.world.account_id, VPC, GONE, 80)
            releasing.given(entries=[taken])

    releasing.after = take

    assert became(due(releasing, message)) == [f"kept {kept}"]
    assert [entry["Name"] for entry in releasing.accesses()] == [taken["Name"]]
    assert REMOVE not in releasing.calls()


def test_apis_that_a_removal_names_are_an_alarm(releasing: Invoker) -> None:
    """An API that went online in the last moment is told in the result and in an error of the log."""
    message = given(releasing)
    releasing.before = lambda operation: releasing.given(apis=[API] if operation == "RemoveVpcAccess" else [])
    due(releasing, message)
    (told,) = releasing.messages()
    (alarm,) = [line for line in releasing.lines() if line["event"] == "removed while in use"]

    assert told["data"]["Apis"][0].startswith("a-1 in stage")
    assert (alarm["level"], alarm["apis"]) == ("ERROR", told["data"]["Apis"])


def test_the_way_back_is_in_the_log_before_the_removal(releasing: Invoker) -> None:
    """Where no result can be published, and nobody delivers it for ever, the log still says how to make the entry again."""
    message = given(releasing, Description="orders", VpcTargetHostName="orders.example")
    releasing.configure(RESULT_TOPIC="not-there")
    logged = list[dict[str, Any]]()
    releasing.before = lambda operation: logged.extend(releasing.lines() if operation == "RemoveVpcAccess" else [])
    answer = due(releasing, message)
    way_back = [line["undo"] for line in logged if line["event"] == "removing"]

    assert "TopicNotExist" in str(answer.error)
    assert releasing.accesses() == []
    assert way_back == [
        request(Name=NAME, InstanceId=GONE, Port=80, Description="orders", VpcTargetHostName="orders.example")
    ]


def test_a_dead_backend_in_use_is_an_alarm(releasing: Invoker) -> None:
    """A published API that points at nothing is told as a warning of its own, with who it is."""
    message = given(releasing)
    releasing.given(apis=[API])
    due(releasing, message)
    (told,) = releasing.messages()
    (alarm,) = [line for line in releasing.lines() if line["event"] == "dead and in use"]

    assert alarm["used_by"] == told["data"]["UsedBy"] == ["API orders (a-1) in stage RELEASE"]


@pytest.mark.parametrize(
    ("origin", "said"),
    [
        pytest.param("announced", "released", id="announced"),
        pytest.param("requested", "released", id="requested"),
        pytest.param("", "released", id="older-than-the-mark"),
        pytest.param("named", "kept NotAnnounced", id="named"),
        pytest.param("who-knows", "kept NotAnnounced", id="of-a-later-version"),
        pytest.param("announced named", "kept NotAnnounced", id="two"),
    ],
)
def test_any_origin_is_announced_requested_or_untold(releasing: Invoker, origin: str, said: str) -> None:
    """RELEASE_ORIGIN=any adds what was requested, not what another function of ours looks after."""
    releasing.configure(RELEASE_ORIGIN="any")
    mark = [{"Key": "vpc-access-origin", "Value": each} for each in origin.split()]

    assert became(due(releasing, given(releasing, Tag=[OURS[0], *mark]))) == [said]


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        pytest.param({"RegionId": "cn-beijing"}, "ignored foreign-region", id="another-region"),
        pytest.param({"Release": []}, "rejected InvalidRecord", id="no-object"),
        pytest.param({"Release": {"Name": NAME}}, "rejected InvalidRecord", id="incomplete"),
        pytest.param({"Because": 1}, "rejected InvalidRecord", id="because-a-number"),
    ],
)
def test_a_message_that_is_not_ours_removes_nothing(releasing: Invoker, changes: dict[str, Any], said: str) -> None:
    """What is malformed, or of another region, has a reason, and costs no look."""
    message = {**json.loads(given(releasing)), **changes}

    assert became(due(releasing, json.dumps(message))) == [said]
    assert not releasing.calls("CloudAPI.DescribeVpcAccesses")


@pytest.mark.parametrize("port", [0, 65_536, "80", 80.0, True, None])
def test_a_port_that_is_none_is_rejected(releasing: Invoker, port: Any) -> None:
    """A schedule has the port as the number that the gateway gave."""
    message = json.loads(given(releasing))
    message["Release"]["Port"] = port

    assert became(due(releasing, json.dumps(message))) == ["rejected InvalidRecord"]


def test_each_record_of_a_batch_has_an_answer_of_its_own(releasing: Invoker) -> None:
    """What is wrong with one message costs the others nothing, and the same message twice is one release."""
    message = given(releasing)
    stale = json.dumps({**json.loads(message), "RegionId": "cn-beijing"})
    answer = due(releasing, "{", message, stale, message)

    assert became(answer) == ["rejected InvalidRecord", "released", "ignored foreign-region", "released"]
    assert len(releasing.calls(REMOVE)) == 1


def test_invocations_with_the_same_release_remove_once(releasing: Invoker) -> None:
    """Whoever comes second finds it gone, now or when delivered again, and tells of the same release."""
    message = given(releasing)
    releasing.configure()
    with ThreadPoolExecutor(4) as pool:
        answers = list(pool.map(lambda _: due(releasing, message), range(4)))
    again = [due(releasing, message) if answer.error else answer for answer in answers]
    told = [one for one in releasing.messages() if one["type"] == "vpcaccess.released"]

    assert [became(answer) for answer in again] == [["released"]] * 4
    assert len({one["id"] for one in told}) == 1
    assert [call.status for call in releasing.served.world.journal(REMOVE)].count(200) == 1


def test_a_batch_that_takes_too_long_gets_on_with_each_delivery(releasing: Invoker) -> None:
    """Where each release reads many backend objects, a time-out ends some of a batch, not all of it each time anew.

    The trigger delivers four times, and keeps no dead letters.
    """
    releasing.configure(CONCURRENCY="8", MAX_CALLS_PER_SECOND="2")
    entries = [request(Name=f"team-a-i-{n}-80", InstanceId=f"i-{n}", Port=80, Tag=OURS) for n in range(4)]
    models: list[dict[str, Any]] = []
    backends = [{"BackendId": f"b-{n}", "BackendName": "b", "BackendModels": models} for n in range(40)]
    releasing.given(entries=entries, instances=[{"InstanceId": ALIVE, "VpcId": VPC}], backends=backends)
    event = queue_event(*map(schedule, releasing.accesses()))
    left = list[int]()
    for _ in range(4):
        releasing(event)
        left.append(len(releasing.accesses()))

    assert left[0] < len(entries)
    assert left[-1] == 0


class Loose(Transport):
    """A gateway whose filters match more than they should, and a queue; keeps what is sent to it."""

    def __init__(self, rows: list[dict[str, Any]]) -> None:
        self._rows, self.sent = rows, list[dict[str, Any]]()

    def send(self, request: HttpRequest, seconds: float) -> HttpResponse:  # noqa: ARG002
        if "x-acs-action" not in request.headers:
            body = request.body.decode().partition("<MessageBody>")[2].partition("</MessageBody>")[0]
            self.sent.append(read(body))
            return HttpResponse(201, {}, b"<Message><MessageId>m-1</MessageId></Message>")
        listed = {"TotalCount": len(self._rows), "VpcAccessAttributes": {"VpcAccessAttribute": self._rows}}
        return HttpResponse(200, {}, json.dumps({"RequestId": "r-1", **listed}).encode())


def test_an_end_schedules_what_opens_exactly_that_instance(releasing: Invoker) -> None:
    """No page says what the filters of DescribeVpcAccesses match: an id that begins alike is another instance."""
    tags = {"TagInfo": OURS}
    row = {
        "Name": NAME,
        "VpcId": VPC,
        "InstanceId": GONE,
        "Port": 80,
        "CreatedTime": "t",
        "VpcAccessId": "1",
        "Tags": tags,
    }
    whole = releasing.configure()
    gateway = Loose([{**row, "InstanceId": f"{GONE}0", "Name": "longer", "VpcAccessId": "2"}, row])
    releasing.engine = Engine(whole.settings, whole._work, gateway, whole._clock)

    assert became(releasing(state_change(GONE, "Deleted"))) == ["scheduled"]
    assert [one["Release"]["Name"] for one in gateway.sent] == [NAME]


def test_a_case_has_what_shares_the_name_or_the_target_exactly(releasing: Invoker) -> None:
    """Whatever else a filter lets through has no part in a release."""
    row: dict[str, Any] = {**json.loads(given(releasing))["Release"], "VpcAccessId": "id-1"}
    others: list[dict[str, Any]] = [{"Name": "longer"}, {"Port": 81}, {"Name": "another", "Port": 82}]
    whole = releasing.configure()
    engine = Engine(whole.settings, whole._work, Loose([row, *({**row, **other} for other in others)]), whole._clock)
    session = engine.session(Invocation("r", 60.0, lambda: releasing.credentials))
    case = open_case(SCHEDULED, ApiGateway(session, engine.settings.apigateway_endpoint), session, engine.settings)

    assert sorted((one.name, one.port) for one in case.present) == [("longer", 80), (NAME, 80), (NAME, 81)]


@pytest.mark.parametrize("event", [state_change(GONE, "Deleted"), "due"])
def test_switched_off_nothing_is_even_looked_at(releasing: Invoker, event: Any) -> None:
    """RELEASE_MODE=off ignores ends and what is due, with a reason."""
    releasing.configure(RELEASE_MODE="off")
    message = given(releasing)
    answer = releasing(queue_event(message) if event == "due" else event)

    assert became(answer) == ["ignored release-off"]
    assert not releasing.calls()


def test_without_a_queue_an_end_stays_due(releasing: Invoker) -> None:
    """A missing RELEASE_QUEUE is told by its name, and the end is not lost."""
    releasing.configure(RELEASE_QUEUE="")
    given(releasing)

    assert "RELEASE_QUEUE is missing" in str(releasing(state_change(GONE, "Deleted")).error)


HOOK = {"lifecycleHookId": "ash-1", "lifecycleActionToken": "token-1", "instanceIds": [GONE]}


@pytest.mark.parametrize(
    ("transition", "said", "answered"),
    [
        pytest.param("SCALE_IN", "ignored transition", ["ESS.CompleteLifecycleAction"], id="scale-in"),
        pytest.param("SCALE_OUT", "ignored appeared", [], id="scale-out"),
    ],
)
def test_a_hook_is_told_to_go_on_at_scale_in_only(
    releasing: Invoker, transition: str, said: str, answered: list[str]
) -> None:
    """A scale-out that went astray waits for the function that authorizes; a scale-in is answered wherever it arrives."""
    given(releasing)
    releasing.given(hooks=[{"LifecycleHookId": "ash-1", "LifecycleActionToken": "token-1"}])
    content = {**HOOK, "lifecycleTransition": transition}
    answer = releasing({"userId": "1234567890123456", "regionId": "cn-hangzhou", "content": content})

    assert became(answer) == [said]
    assert releasing.calls() == answered
    assert [hook["answer"] for hook in answer.summary.get("hooks", [])] == ["CONTINUE"] * len(answered)


def test_the_way_back_that_fits_no_message_is_named(releasing: Invoker) -> None:
    """A result that is too large says which of its fields it leaves out."""
    many = [{"Key": f"k-{number}", "Value": "订" * 200} for number in range(40)]
    due(releasing, given(releasing, Tag=[*many, *OURS]))
    (told,) = releasing.messages()

    assert "Undo" not in told["data"]
    assert told["data"]["LeftOut"] == ["Undo"]


def test_a_rehearsal_changes_nothing(releasing: Invoker) -> None:
    """With DRY_RUN all checks are made, and nothing is sent, published or removed."""
    releasing.configure(DRY_RUN="true")
    message = given(releasing)

    assert became(releasing(state_change(GONE, "Deleted"))) == ["planned schedule"]
    assert became(due(releasing, message)) == ["planned release"]
    releasing.given(apis=[API])
    assert became(due(releasing, message)) == ["planned keep: InUse"]
    assert {call.operation for call in releasing.served.world.journal() if call.write} == set()


def test_the_checks_are_the_design_s_in_its_order(releasing: Invoker) -> None:
    """What is told of the entry alone comes first, life and use last; the first that does not hold ends it."""
    message = given(releasing, Tag=[])
    engine = releasing.configure()
    session = engine.session(Invocation("r", 60.0, lambda: releasing.credentials))
    (there,) = releasing.accesses()
    scheduled = VpcAccess(NAME, VPC, GONE, 80, vpc_access_id=there["VpcAccessId"], created_time=there["CreatedTime"])
    case = open_case(scheduled, ApiGateway(session, engine.settings.apigateway_endpoint), session, engine.settings)
    found = [(check.holds, kept) for check, kept in examine(case, CHECKS)]

    assert message
    assert [kept is None for _, kept in found] == [True, False]
    assert isinstance(found[1][1], Kept)
    assert [check.holds for check in CHECKS[-2:]] == [
        "the backend is proven to be gone",
        "no API, backend object or routing plug-in uses it",
    ]


def test_an_entry_that_cannot_be_scheduled_costs_the_others_nothing(releasing: Invoker) -> None:
    """A description that fills more than a message ends that entry alone, under its name."""
    given(releasing)
    large = request(Name="large", InstanceId=GONE, Port=8080, Tag=OURS, Description="x" * 50_000)
    releasing.given(entries=[large, request(Name="last", InstanceId=GONE, Port=8443, Tag=OURS)])
    told = {one["name"]: one["outcome"] for one in releasing(state_change(GONE, "Deleted")).results}

    assert told == {NAME: "scheduled", "large": "rejected", "last": "scheduled"}


@pytest.mark.parametrize("nth", [1, 2, 3])
def test_a_look_that_ecs_refuses_for_good_proves_nothing(releasing: Invoker, nth: int) -> None:
    """Whichever look at the instance it is, the entry is kept for one reason: its end cannot be known."""
    message = given(releasing)
    releasing.given(
        faults=[{"operation": "ECS.DescribeInstances", "nth": nth, "status": 400, "code": "InvalidParameter"}]
    )

    assert became(due(releasing, message)) == ["kept TargetNotVerifiable"]


def test_an_old_end_that_is_refused_says_how_to_go_on(releasing: Invoker) -> None:
    """An end asks for no request: what it would have scheduled a sweep finds, or a person releases."""
    given(releasing)
    releasing.clock.advance(2 * HOUR)
    releasing.given(faults=[{"operation": "CloudAPI.DescribeVpcAccesses", "status": 400, "code": "UnheardOf"}])
    told = releasing(state_change(GONE, "Deleted")).result

    assert (told["outcome"], told["reason"]) == ("rejected", "UnheardOf")
    assert "python -m functions release NAME" in told["text"]
    assert "send a request" not in told["text"]


def test_the_last_instance_of_a_region_is_kept_with_a_way_out(releasing: Invoker) -> None:
    """With none left that shows nothing proves an end, and that is not the role's fault: a person has to say so."""
    message = given(releasing)
    releasing.served.products["ECS"].remove(ALIVE)
    answer = due(releasing, message)

    assert became(answer) == ["kept TargetNotVerifiable"]
    assert "if no other instance is left" in answer.result["text"]
    assert "(ecs:DescribeInstances)" in answer.result["text"]
    assert "python -m functions release NAME --although-alive" in answer.result["text"]


def test_an_instance_that_alone_is_hidden_passes_for_gone() -> None:
    """The limit of the proof: among instances that show, one that a policy hides cannot be told from one that is gone.

    ECS says that the caller may look, shows others, and leaves this one out. Give the role all instances, as the
    template does.
    """
    world = World(backend="Running", sight="this-one-hidden")

    assert play(world).told == ["released"]


@pytest.mark.parametrize("form", sorted(PLUGINS))
def test_each_form_of_a_plug_in_is_a_use(form: str) -> None:
    """Whatever way its text is written in."""
    assert play(World(uses=(form,), sent_by_hand=True)).told == ["kept InUse"]
