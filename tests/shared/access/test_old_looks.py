"""A write never acts on an old look: what a batch saw may be somebody else's, or somebody's at all, by the time it writes."""

from __future__ import annotations

import json

import pytest

from tests.invoking import VPC, Invoker, queue_event, request, state_change

MODIFY, WRITE = "CloudAPI.ModifyVpcAccessAndUpdateApis", "CloudAPI.SetVpcAccess"
READ = "CloudAPI.DescribeVpcAccesses"
OURS = {
    "Name": "orders-prod",
    "VpcId": VPC,
    "InstanceId": "i-old",
    "Port": 80,
    "Tag": [{"Key": "vpc-access-owner", "Value": "team-a"}],
}


REPLACING = request(Replaces={"VpcId": VPC, "InstanceId": "i-old", "Port": 80})


def test_an_entry_that_lost_our_mark_since_the_batch_looked_is_not_moved(invoke: Invoker) -> None:
    """Between the batch's look and the change somebody takes the name over: the change is not made."""
    invoke.given(entries=[OURS])
    invoke.configure(ON_CONFLICT="replace")
    looks = 0

    def take_over(operation: str) -> None:
        nonlocal looks
        looks += operation == "DescribeVpcAccesses"
        if looks == 1:
            invoke.after = lambda _: None
            entries, account = invoke.served.app["CloudAPI"].entries, invoke.served.world.account_id
            entries.remove(account, VPC, "i-old", 80)
            invoke.given(entries=[{**OURS, "Tag": []}])

    invoke.after = take_over
    result = invoke(REPLACING).result

    assert (result["outcome"], result["reason"]) == ("refused", "NameTaken")
    assert not invoke.calls(MODIFY)


@pytest.mark.parametrize("reads", [0, 1, 3])
def test_a_change_is_told_when_it_shows(invoke: Invoker, reads: int) -> None:
    """The change is asynchronous: the old target is doubt, not failure, and is looked at again; one change is made."""
    invoke.given(entries=[OURS])
    invoke.configure(ON_CONFLICT="replace")
    invoke.given(modified_after_reads=reads)
    result = invoke(REPLACING).result

    assert result["outcome"] == "replaced"
    assert invoke.calls(MODIFY) == [MODIFY]


def test_a_change_that_never_shows_is_due_again(invoke: Invoker) -> None:
    """What was not seen is not told; the request comes again."""
    invoke.given(entries=[OURS])
    invoke.configure(ON_CONFLICT="replace")
    invoke.given(modified_after_reads=1000)

    assert "NotConfirmed (no answer): the change does not show yet" in str(invoke(REPLACING).error)
    assert invoke.calls(MODIFY) == [MODIFY]


@pytest.mark.parametrize("duplicate", ["error", "overwrite"])
@pytest.mark.parametrize(
    "second", [pytest.param({"InstanceId": "i-2"}, id="same-name"), pytest.param({"Name": "other"}, id="same-target")]
)
def test_what_was_written_and_does_not_show_yet_is_not_overwritten(
    invoke: Invoker, duplicate: str, second: dict[str, str]
) -> None:
    """Two requests, one after the other, and a list that lags: the second waits, and is refused when the first shows."""
    invoke.given(duplicate=duplicate, visible_after_reads=4)
    first = invoke(request())
    answer = invoke(request(**second))

    assert first.result["outcome"] == "authorized"
    assert answer.result["outcome"] == "refused"
    assert [(entry["Name"], entry["InstanceId"]) for entry in invoke.accesses()] == [
        ("orders-prod", "i-bp1example0001")
    ]
    assert invoke.calls(WRITE) == [WRITE]


@pytest.mark.parametrize("duplicate", ["error", "overwrite"])
def test_a_rival_that_never_shows_is_forgotten(invoke: Invoker, duplicate: str) -> None:
    """An entry that was removed before anybody saw it holds its name for a minute and no longer."""
    invoke(request())
    invoke.served.app["CloudAPI"].entries.remove(invoke.served.world.account_id, VPC, "i-bp1example0001", 8080)
    invoke.given(duplicate=duplicate)

    wrote = invoke.clock.now()
    looks = len(invoke.calls(READ))
    assert "NotVisibleYet (no answer)" in str(invoke(request(InstanceId="i-2")).error)
    assert len(invoke.calls(READ)) == looks + 1 + 2 * 6  # of the batch, and two for each look
    invoke.clock.advance(wrote + 59 - invoke.clock.now())
    assert "NotVisibleYet" in str(invoke(request(InstanceId="i-2"), timeout=4).error)
    invoke.clock.advance(wrote + 61 - invoke.clock.now())

    assert invoke(request(InstanceId="i-2")).result["outcome"] == "authorized"


def _removed(invoke: Invoker, instance_id: str = "i-bp1example0001") -> None:
    """Let the operator remove an entry."""
    invoke.served.app["CloudAPI"].entries.remove(invoke.served.world.account_id, VPC, instance_id, 8080)


@pytest.mark.parametrize(
    ("reads", "between"),
    [
        pytest.param(0, {}, id="the-look-of-a-batch-shows-it"),
        pytest.param(2, {"InstanceId": "i-2"}, id="a-look-of-its-own-shows-it"),
    ],
)
def test_what_was_seen_is_not_held_any_more(invoke: Invoker, reads: int, between: dict[str, str]) -> None:
    """From its first sight on the gateway is the state: what is removed after that frees its name at once."""
    invoke.given(visible_after_reads=reads)
    invoke(request())
    invoke(request(**between))
    _removed(invoke)
    invoke.given(visible_after_reads=0)
    slept = len(invoke.slept)

    assert invoke(request(InstanceId="i-3")).result["outcome"] == "authorized"
    assert max(invoke.slept[slept:], default=0) < 0.1


@pytest.mark.parametrize(
    "second",
    [
        pytest.param({"Name": "other", "InstanceId": "i-2"}, id="another"),
        pytest.param({}, id="the-same-after-it-was-removed"),
    ],
)
def test_only_a_rival_waits_for_what_does_not_show(invoke: Invoker, second: dict[str, str]) -> None:
    """A request of another name and target, or of both the same, is written at once."""
    invoke.given(visible_after_reads=4)
    invoke(request())
    if not second:
        _removed(invoke)
    slept = len(invoke.slept)

    assert invoke(request(**second)).result["outcome"] == "authorized"
    assert max(invoke.slept[slept:], default=0) < 0.1


def test_an_announcement_of_what_was_just_authorized_changes_nothing(invoke: Invoker) -> None:
    """Its target is open under another name that does not show yet: it waits for it, and is told that it was there."""
    invoke.given(
        visible_after_reads=4,
        instances=[{"InstanceId": "i-bp1example0001", "VpcId": VPC, "Tags": {"apigateway-port": "8080"}}],
    )
    invoke(request())
    result = invoke(state_change()).result

    assert (result["outcome"], result["name"]) == ("unchanged", "orders-prod")
    assert invoke.calls(WRITE) == [WRITE]


def test_an_old_message_undoes_nothing_newer(invoke: Invoker) -> None:
    """One message moves the entry to A, the next to B; the first one comes again and is refused under another id."""
    invoke.given(entries=[OURS])
    invoke.configure(ON_CONFLICT="replace")
    there = {"VpcId": VPC, "InstanceId": "i-old", "Port": 80}
    to_a, to_b = queue_event(
        json.dumps(request(InstanceId="i-a", Replaces=there)),
        json.dumps(request(InstanceId="i-b", Replaces={**there, "InstanceId": "i-a", "Port": 8080})),
    )
    told = [invoke([event]).result for event in (to_a, to_b, to_a, to_b)]
    ids = [message["id"] for message in invoke.messages()]

    assert [result["outcome"] for result in told] == ["replaced", "replaced", "refused", "unchanged"]
    assert told[2]["reason"] == "Superseded"
    assert '"InstanceId": "i-b", "Port": 8080' in told[2]["text"]
    assert [entry["InstanceId"] for entry in invoke.accesses()] == ["i-b"]
    assert ids[0] != ids[2]
    assert ids[1] == ids[3]


def test_a_503_is_doubt_whatever_header_comes_with_it(invoke: Invoker) -> None:
    """The write took effect and the answer says "ask again in 3 s": it is looked for, not written again."""
    invoke.given(retry_after="present")
    fault = {
        "operation": WRITE,
        "nth": 1,
        "status": 503,
        "code": "ServiceUnavailable",
        "when": "after",
        "retry_after": 3000,
    }
    invoke.given(faults=[fault])

    assert invoke(request()).result["outcome"] == "authorized"
    assert invoke.calls(WRITE) == [WRITE]


def test_what_was_made_and_shows_may_be_removed_and_made_anew(invoke: Invoker) -> None:
    """An entry that did not show yet is remembered for a minute; once it was seen, the gateway alone says what is there."""
    for _ in range(2):
        invoke(request())
    invoke.served.app["CloudAPI"].entries.remove(invoke.served.world.account_id, VPC, "i-bp1example0001", 8080)

    assert invoke(request(InstanceId="i-bp1example0002")).result["outcome"] == "authorized"
