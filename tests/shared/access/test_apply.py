"""Doubt is resolved by looking: whatever happens to the answer of SetVpcAccess, one entry and one answer remain."""

import json
from typing import Any

import pytest

from shared.clock import utc
from shared.cloud.signing import Credentials
from shared.errors import RetryNeeded, SettingsError
from shared.flow.engine import Invocation
from tests.invoking import VPC, Invoker, moving, queue_event, request, state_change

WRITE, READ = "CloudAPI.SetVpcAccess", "CloudAPI.DescribeVpcAccesses"
MODIFY, LOOK_UP = "CloudAPI.ModifyVpcAccessAndUpdateApis", "ECS.DescribeInstances"
TAGS = {"apigateway-port": "8080"}
BOTH = pytest.mark.parametrize("duplicate", ["error", "overwrite"])


def _waits(invoke: Invoker) -> list[float]:
    """Return the seconds waited, without the turns of a thousandth that calls take."""
    return [wait for wait in invoke.slept if wait >= 0.01]


@BOTH
@pytest.mark.parametrize("reads", [0, 1, 3])
@pytest.mark.parametrize(
    "fault",
    [
        pytest.param({"cut": "after"}, id="answer-lost-after-effect"),
        pytest.param({"cut": "before"}, id="connection-lost-before"),
        pytest.param({"status": 503, "code": "ServiceUnavailable"}, id="5xx-before"),
        pytest.param({"status": 500, "code": "InternalError", "when": "after"}, id="5xx-after-effect"),
        pytest.param({"status": 400, "code": "RepeatedCommit"}, id="repeated-commit"),
        pytest.param({"status": 400, "code": "RepeatedCommit", "when": "after"}, id="repeated-commit-after-effect"),
        pytest.param({"body": "truncated"}, id="truncated"),
        pytest.param({"body": "html"}, id="html"),
        pytest.param({"body": "empty"}, id="empty"),
        pytest.param({"body": "garbage"}, id="garbage"),
        pytest.param({"status": 400, "code": "Throttling.User"}, id="throttled"),
    ],
)
def test_one_entry_whatever_happens_to_the_answer(
    invoke: Invoker, duplicate: str, reads: int, fault: dict[str, Any]
) -> None:
    """After any doubtful answer there is exactly one authorization, one result, and no error."""
    invoke.given(duplicate=duplicate, visible_after_reads=reads)
    invoke.given(faults=[{"operation": WRITE, "nth": 1, **fault}])
    answer = invoke(request())
    (message,), (entry,) = invoke.messages(), invoke.accesses()

    assert answer.result["outcome"] == "authorized"
    assert message["data"]["VpcAccessId"] == entry["VpcAccessId"]


@BOTH
@pytest.mark.parametrize("reads", [0, 2])
def test_an_answer_without_an_id_is_completed_by_looking(invoke: Invoker, duplicate: str, reads: int) -> None:
    """Where SetVpcAccess returns no VpcAccessId, it is looked up; nothing is written a second time."""
    invoke.given(duplicate=duplicate, visible_after_reads=reads, vpc_access_id="absent")
    answer = invoke(request())

    assert answer.result["outcome"] == "authorized"
    assert answer.result["vpc_access_id"] == invoke.accesses()[0]["VpcAccessId"]
    assert invoke.calls(WRITE) == [WRITE]


def test_an_entry_that_is_kept_is_told_with_what_it_has_otherwise(invoke: Invoker) -> None:
    """Somebody made the entry without our description: unchanged, and the answer names the field."""
    invoke.given(entries=[request()])
    result = invoke(request(Description="orders")).result

    assert (result["outcome"], result["differs"]) == ("unchanged", ["Description"])


def test_a_key_that_vanishes_before_the_write_makes_the_record_due_again(invoke: Invoker) -> None:
    """The environment loses the access key after the look: nothing is opened, and the record is kept for redelivery."""

    def credentials() -> Credentials:
        if invoke.calls(READ):
            raise SettingsError(["ALIBABA_CLOUD_ACCESS_KEY_ID is missing"])
        return invoke.credentials

    event = json.dumps(request()).encode()
    with pytest.raises(RetryNeeded, match="ALIBABA_CLOUD_ACCESS_KEY_ID"):
        invoke.configure().handle(event, Invocation("req-1", 60, credentials))

    assert not invoke.accesses()


def test_an_entry_that_appeared_meanwhile_is_kept(invoke: Invoker) -> None:
    """Somebody else made the very entry between our look and our write: the answer is unchanged, with its id."""
    _race(invoke)
    answer = invoke(request())

    assert answer.result["outcome"] == "unchanged"
    assert answer.result["vpc_access_id"] == invoke.accesses()[0]["VpcAccessId"]


def test_an_entry_that_appeared_meanwhile_answers_a_refusal(invoke: Invoker) -> None:
    """The write is refused for good, and what it was to make is there, made by somebody else: unchanged, with its id."""
    _race(invoke)
    invoke.given(faults=[{"operation": WRITE, "nth": 1, "status": 400, "code": "InvalidVpcId"}])
    answer = invoke(request())

    assert answer.result["outcome"] == "unchanged"
    assert answer.result["vpc_access_id"] == invoke.accesses()[0]["VpcAccessId"]


def test_a_name_that_was_taken_meanwhile_is_refused(invoke: Invoker) -> None:
    """Somebody else took the name between our look and our write: refused, and their entry stands."""
    _race(invoke, Port=443)
    answer = invoke(request())

    assert (answer.result["outcome"], answer.result["reason"]) == ("refused", "NameTaken")
    assert [entry["Port"] for entry in invoke.accesses()] == [443]


@pytest.mark.parametrize("code", ["DuplicateName", "RepeatedVpcAccess"])
def test_what_somebody_has_made_is_looked_for_until_it_shows(invoke: Invoker, code: str) -> None:
    """The gateway says that the entry is there already, and shows it only later: unchanged, after one write."""
    invoke.given(visible_after_reads=4)
    invoke.given(faults=[{"operation": WRITE, "nth": 1, "status": 400, "code": code, "when": "after"}])

    assert invoke(request()).result["outcome"] == "unchanged"
    assert invoke.calls(WRITE) == [WRITE]


@pytest.mark.parametrize(
    ("switches", "faults", "why", "writes"),
    [
        pytest.param(
            {},
            [{"operation": WRITE, "nth": 1, "cut": "after"}],
            "First: SetVpcAccess failed with Duplicate",
            2,
            id="answer-lost",
        ),
        pytest.param(
            {"vpc_access_id": "absent"},
            [],
            "First: SetVpcAccess failed with NotConfirmed (no answer): the authorization could not be confirmed",
            1,
            id="answer-without-id",
        ),
        pytest.param(
            {"duplicate": "overwrite"},
            [{"operation": WRITE, "cut": "after"}],
            "First: SetVpcAccess failed with NoAnswer",
            6,
            id="every-answer-lost",
        ),
    ],
)
def test_an_entry_that_never_shows_is_due_again(
    invoke: Invoker, switches: dict[str, str], faults: list[dict[str, Any]], why: str, writes: int
) -> None:
    """Nothing shows for long: transient for the reason known last, no second entry, six looks and no wait after them."""
    invoke.given(visible_after_reads=1000, **switches)
    invoke.given(faults=faults)
    answer = invoke(request(), timeout=120)

    assert why in str(answer.error)
    assert len(invoke.calls(WRITE)) == writes
    assert _waits(invoke) == pytest.approx([0.2, 0.4, 0.8, 1.6, 3.2])
    assert len(invoke.calls(READ)) == 1 + 2 * 6  # of the batch, and two for each look
    assert len(invoke.accesses()) == 1


@pytest.mark.parametrize(
    ("timeout", "slept"), [pytest.param(1.68, [0.2], id="1.26-s-left"), pytest.param(1.56, [], id="1.17-s-left")]
)
def test_a_look_is_waited_for_only_if_a_second_is_left_for_it(
    invoke: Invoker, timeout: float, slept: list[float]
) -> None:
    """The first wait of 0.2 s is begun where a second remains after it; otherwise the record is due again at once."""
    invoke.given(visible_after_reads=1000, vpc_access_id="absent")
    answer = invoke(request(), timeout=timeout)

    assert "NotConfirmed" in str(answer.error)
    assert _waits(invoke) == slept


def test_the_line_of_a_record_counts_its_looks_and_the_seconds_waited(invoke: Invoker) -> None:
    """An entry that shows in the third look after its write was waited for twice: 0.2 and 0.4 s."""
    invoke.given(visible_after_reads=5, vpc_access_id="absent")
    invoke(request())
    (line,) = (line for line in invoke.lines() if line["event"] == "record")

    assert (line["looks"], line["waited"]) == (3, pytest.approx(0.6, abs=0.01))


@pytest.mark.parametrize("code", ["InvalidVpcId", "NotFoundVpc", "ForbiddenInstance"])
def test_a_refusal_of_the_gateway_is_an_answer(invoke: Invoker, code: str) -> None:
    """A permanent error is published with the gateway's own code and not tried again."""
    invoke.given(faults=[{"operation": WRITE, "nth": 1, "status": 400, "code": code}])
    answer = invoke(request())
    (message,) = invoke.messages()

    assert answer.result["outcome"] == "rejected"
    assert message["data"]["ReasonCode"] == code
    assert invoke.calls(WRITE) == [WRITE]
    assert not _waits(invoke)


UNKNOWN = {"status": 400, "code": "NeverHeardOf"}
NO = [
    pytest.param(UNKNOWN, id="unknown-code"),
    pytest.param({"status": 301, "body": "html"}, id="redirect"),
    pytest.param({"status": 404, "body": "html"}, id="page-not-found"),
    pytest.param({"status": 407, "body": "empty"}, id="proxy-authentication"),
    pytest.param({"status": 408, "body": "html"}, id="page-time-out"),
    pytest.param({"status": 413, "body": "garbage"}, id="page-too-large"),
]


@BOTH
@pytest.mark.parametrize("no", NO)
def test_a_no_that_is_not_known_to_be_final_is_looked_after_once(
    invoke: Invoker, duplicate: str, no: dict[str, Any]
) -> None:
    """If the write took effect the look shows it; if not, nothing is written again before the record comes again."""
    invoke.given(duplicate=duplicate)
    invoke.given(faults=[{"operation": WRITE, **no, "when": "after"}])
    assert invoke(request()).result["outcome"] == "authorized"

    invoke.served.world.journal.clear()
    invoke.given(faults=[{"operation": WRITE, "nth": 1, **no, "when": "before"}])
    other = request(Name="b", Port=443)
    assert invoke(other).error is not None
    assert invoke.calls() == [READ, WRITE, READ, READ, "SMQ.PublishMessage"]
    assert invoke(other).result["outcome"] == "authorized"
    assert [message["type"] for message in invoke.messages()] == [
        "vpcaccess.authorized",
        "vpcaccess.failed",
        "vpcaccess.authorized",
    ]


@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize("no", NO)
def test_a_change_that_is_refused_for_unknown_reason_is_looked_after_once(
    invoke: Invoker, no: dict[str, Any], when: str
) -> None:
    """The same holds for replacing: one look, and no second change in the invocation."""
    invoke(request())
    invoke.configure(ON_CONFLICT="replace")
    invoke.given(faults=[{"operation": MODIFY, "nth": 1, **no, "when": when}])
    answer = invoke(moving(Port=443))

    assert (answer.error is None) == (when == "after")
    assert invoke.calls(MODIFY) == [MODIFY]
    if answer.error is not None:
        answer = invoke(moving(Port=443))
    assert answer.result["outcome"] in ("replaced", "unchanged")
    assert [entry["Port"] for entry in invoke.accesses()] == [443]


def test_a_refused_change_of_what_is_gone_creates_nothing_after_an_unknown_no(invoke: Invoker) -> None:
    """Our entry is removed while the change is refused for an unknown reason: making it anew waits for the redelivery."""
    invoke(request())
    invoke.configure(ON_CONFLICT="replace")
    invoke.given(faults=[{"operation": MODIFY, **UNKNOWN}])

    def remove(operation: str) -> None:
        if operation == "ModifyVpcAccessAndUpdateApis":
            invoke.served.app["CloudAPI"].entries.remove(invoke.served.world.account_id, VPC, "i-bp1example0001", 8080)

    invoke.before = remove
    assert invoke(moving(Port=443)).error is not None
    assert invoke.calls(WRITE) == [WRITE]
    invoke.before = lambda _: None
    assert invoke(moving(Port=443)).result["outcome"] == "authorized"


PERMISSION = {"status": 403, "code": "Forbidden.NoUserAuthorization"}
PAGE = {"status": 404, "body": "html", "when": "before"}


@pytest.mark.parametrize(
    ("operation", "fault", "age", "ends"),
    [
        pytest.param(WRITE, UNKNOWN, 3_500, False, id="write-young"),
        pytest.param(WRITE, UNKNOWN, 3_700, True, id="write-old"),
        pytest.param(READ, UNKNOWN, 3_700, True, id="look-old"),
        pytest.param(READ, {"status": 400, "code": "InvalidParameter"}, 3_700, True, id="look-refused-for-good-old"),
        pytest.param(READ, {"status": 400, "code": "InvalidParameter"}, 3_500, False, id="look-refused-for-good-young"),
        pytest.param(LOOK_UP, UNKNOWN, 3_700, True, id="look-up-old"),
        pytest.param(LOOK_UP, UNKNOWN, 3_500, False, id="look-up-young"),
        pytest.param(WRITE, PERMISSION, 90_000, False, id="permission-however-old"),
        pytest.param(READ, PERMISSION, 90_000, False, id="look-permission-however-old"),
        pytest.param(LOOK_UP, PERMISSION, 90_000, False, id="look-up-permission-however-old"),
        pytest.param(WRITE, PAGE, 90_000, False, id="page-however-old"),
        pytest.param(LOOK_UP, PAGE, 90_000, False, id="look-up-page-however-old"),
    ],
)
def test_an_announcement_with_an_unknown_refusal_ends_after_an_hour(
    invoke: Invoker, operation: str, fault: dict[str, Any], age: int, *, ends: bool
) -> None:
    """What nobody can explain is not tried for a day; what somebody can cure is, and so is what a proxy says."""
    invoke.given(instances=[{"InstanceId": "i-bp1example0001", "VpcId": VPC, "Tags": TAGS}])
    invoke.given(faults=[{"operation": operation, **fault}])
    made = invoke.clock.now() - age
    answer = invoke(state_change(time=utc(made)))
    (message,) = invoke.messages()

    assert (answer.error is None) == ends
    assert message["type"] == ("vpcaccess.rejected" if ends else "vpcaccess.failed")
    if ends:
        assert message["data"]["ReasonCode"] == fault["code"]
        assert "more than an hour old" in message["data"]["Reason"]
    else:
        assert message["data"]["WillRetry"] is True


def test_a_request_with_an_unknown_refusal_is_due_however_old(invoke: Invoker) -> None:
    """How long a message has waited in its queue says nothing of how often it was tried: its trigger counts that."""
    invoke.given(faults=[{"operation": WRITE, **UNKNOWN}])
    invoke.clock.advance(90_000)

    assert invoke(queue_event(json.dumps(request()))).error is not None


@BOTH
@pytest.mark.parametrize("reads", [0, 3, 6])
def test_a_refusal_after_doubt_may_be_about_our_own_entry(invoke: Invoker, duplicate: str, reads: int) -> None:
    """The first write took effect and its answer was lost; the second finds the quota used up, by the first."""
    invoke.given(duplicate=duplicate, visible_after_reads=reads)
    rules = [{"operation": WRITE, "nth": 1, "cut": "after"}]
    if reads:  # otherwise the look after the first write shows the entry, and there is no second
        rules.append({"operation": WRITE, "nth": 2, "status": 400, "code": "ExceedLimitVpcAccess"})
    invoke.given(faults=rules)
    answer = invoke(request())

    assert answer.result["outcome"] == "authorized"
    assert len(invoke.accesses()) == 1


def test_a_refusal_after_doubt_that_explains_itself_is_the_answer(invoke: Invoker) -> None:
    """The first write came to nothing; when nothing shows for long, the second's refusal stands."""
    rules = [
        {"operation": WRITE, "nth": 1, "cut": "before"},
        {"operation": WRITE, "nth": 2, "status": 400, "code": "InvalidVpcId"},
    ]
    invoke.given(faults=rules)
    answer = invoke(request())

    assert (answer.result["outcome"], answer.result["reason"]) == ("rejected", "InvalidVpcId")
    assert len(invoke.calls(WRITE)) == 2


def test_a_refused_look_after_doubt_is_no_rejection(invoke: Invoker) -> None:
    """The write took effect; that the look at it is refused says nothing of the request, which stays due."""
    rules = [{"operation": WRITE, "nth": 1, "cut": "after"}, {"operation": READ, "nth": 2, "status": 400, "code": "X"}]
    invoke.given(faults=rules)

    assert "First: DescribeVpcAccesses failed with X" in str(invoke(request()).error)
    assert invoke(request()).result["outcome"] == "unchanged"


def test_a_full_quota_is_refused_with_the_way_out(invoke: Invoker) -> None:
    """ExceedLimit* is nobody's mistake in the request: refused, with what the operator can do."""
    invoke.given(faults=[{"operation": WRITE, "nth": 1, "status": 400, "code": "ExceedLimitVpcAccess"}])
    invoke(request())
    (message,) = invoke.messages()

    assert (message["type"], message["data"]["ReasonCode"]) == ("vpcaccess.refused", "QuotaExceeded")
    assert "Quota Center" in message["data"]["Reason"]


@BOTH
def test_our_entry_moves_when_replacing_is_allowed(invoke: Invoker, duplicate: str) -> None:
    """With ON_CONFLICT=replace the entry keeps its id and name, opens the new target only, and the answer says so."""
    invoke.given(duplicate=duplicate)
    invoke(request())
    invoke.configure(ON_CONFLICT="replace")
    answer = invoke(moving(Port=443))
    (entry,) = invoke.accesses()

    assert answer.result["outcome"] == "replaced"
    assert entry["Port"] == 443
    written, moved = [message["data"] for message in invoke.messages()]
    assert (written["VpcAccessId"], moved["VpcAccessId"]) == (entry["VpcAccessId"], entry["VpcAccessId"])
    assert moved["RequestId"].count("-") == 4  # the call's, which is not its task's
    assert moved["RequestId"] != written["RequestId"]


@pytest.mark.parametrize("cut", ["before", "after"])
def test_a_lost_answer_to_replacing_is_tried_again(invoke: Invoker, cut: str) -> None:
    """Replacing sets a state, so a lost answer costs a second call and changes nothing else."""
    invoke(request())
    invoke.configure(ON_CONFLICT="replace")
    invoke.given(faults=[{"operation": MODIFY, "nth": 1, "cut": cut}])

    assert invoke(moving(Port=443)).result["outcome"] == "replaced"
    assert [entry["Port"] for entry in invoke.accesses()] == [443]


def test_a_refusal_to_replace_is_an_answer(invoke: Invoker) -> None:
    """A permanent error of the change is published with the gateway's own code and not tried again."""
    invoke(request())
    invoke.configure(ON_CONFLICT="replace")
    invoke.given(faults=[{"operation": MODIFY, "status": 400, "code": "InvalidDescription"}])
    answer = invoke(moving(Port=443))

    assert (answer.result["outcome"], answer.result["reason"]) == ("rejected", "InvalidDescription")
    assert invoke.calls(MODIFY) == [MODIFY]


def test_replacing_that_never_succeeds_is_due_again(invoke: Invoker) -> None:
    """The gateway never answers: six attempts ever further apart, then transient, and the entry is as it was."""
    invoke(request())
    invoke.configure(ON_CONFLICT="replace")
    invoke.given(faults=[{"operation": MODIFY, "cut": "before"}])
    answer = invoke(moving(Port=443), timeout=120)

    assert f"First: {MODIFY.partition('.')[2]} failed with NoAnswer" in str(answer.error)
    assert len(invoke.calls(MODIFY)) == 6
    assert _waits(invoke) == pytest.approx([0.2, 0.4, 0.8, 1.6, 3.2])
    assert (
        len(invoke.calls(READ)) == 1 + 1 + 2 * 7
    )  # to make it, of the batch, and two for each look: also after the last
    assert [entry["Port"] for entry in invoke.accesses()] == [8080]


def _race(invoke: Invoker, **changes: Any) -> None:
    """Let another client make an entry after the function's first look, just before its write arrives."""
    entry = {"Name": "orders-prod", "VpcId": VPC, "InstanceId": "i-bp1example0001", "Port": 8080, **changes}

    def be_quicker(operation: str) -> None:
        if operation == "SetVpcAccess":
            invoke.given(entries=[entry])
            invoke.before = lambda _: None

    invoke.before = be_quicker


def test_replacing_after_doubt_does_not_touch_an_entry_that_is_not_ours(invoke: Invoker) -> None:
    """Our entry is removed and its name made anew by hand while the answer is lost: refused, and theirs stands."""
    invoke(request())
    invoke.configure(ON_CONFLICT="replace")
    accesses = invoke.served.app["CloudAPI"].entries

    def swap(operation: str) -> None:
        if operation == "ModifyVpcAccessAndUpdateApis":
            invoke.before = lambda _: None
            accesses.remove(invoke.served.world.account_id, VPC, "i-bp1example0001", 8080)
            invoke.given(entries=[request(Port=8081)])

    invoke.before = swap
    invoke.given(faults=[{"operation": MODIFY, "nth": 1, "cut": "before"}])
    answer = invoke(moving(Port=443))

    assert (answer.result["outcome"], answer.result["reason"]) == ("refused", "NameTaken")
    assert [entry["Port"] for entry in invoke.accesses()] == [8081]


def test_replacing_what_is_gone_creates_it(invoke: Invoker) -> None:
    """Our entry is removed between look and change: the request is granted all the same."""
    invoke(request())
    invoke.configure(ON_CONFLICT="replace")

    def remove(operation: str) -> None:
        if operation == "ModifyVpcAccessAndUpdateApis":
            invoke.before = lambda _: None
            invoke.served.app["CloudAPI"].entries.remove(invoke.served.world.account_id, VPC, "i-bp1example0001", 8080)

    invoke.before = remove

    assert invoke(moving(Port=443)).result["outcome"] == "authorized"
    assert [entry["Port"] for entry in invoke.accesses()] == [443]
