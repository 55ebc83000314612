"""What is no answer is never taken for one, what is not ours is never touched, and what could not be undone is told."""

from __future__ import annotations

from typing import Any

import httpx
import pytest

from tests.cloud.seeds import permit, seed
from tests.contract import places, stage
from tests.contract.account import Entry
from tests.contract.question import Question
from tests.contract.questions import BY_ID, QUESTIONS
from tests.contract.record import NOT_ASKED, NOT_SEEN, UNCLEAR
from tests.contract.replies import Unclear, answered
from tests.contract.vendor import Vendor
from tests.contract_tests.asking import Asking, answers, asking
from tests.contract_tests.test_run import Ended, end_at

NO_ANSWERS: list[dict[str, Any]] = [
    {"status": 503, "code": "ServiceUnavailable"},
    {"status": 400, "code": "Throttling.User"},
    {"body": "html"},
    {"odd": "error-object"},
]
WITHOUT = {NOT_ASKED, NOT_SEEN, UNCLEAR}


def asked(run: Asking, question_id: str) -> tuple[str, str]:
    """Ask a question and return what became of it, and why."""
    (outcome,) = run([BY_ID[question_id]]).outcomes
    product = outcome.by_client["product"]
    return product.word, product.why


@pytest.mark.parametrize(
    "question", [pytest.param(each, id=each.id) for each in QUESTIONS if each.id != "event-shapes"]
)
def test_what_is_no_answer_settles_nothing(question: Question) -> None:
    """Where the cloud fails, throttles, or something else answers, a question gets its right answer or none at all."""
    calm = asking(apis_follow_after_looks=1)
    right = answers(calm([question]))[question.id]
    operations = sorted({call.operation for call in calm.cloud.world.journal()})
    for operation in operations:
        for fault in NO_ANSWERS:
            run = asking(apis_follow_after_looks=1)
            run.cloud.faults.add(
                operation=operation, from_=2 if operation == "CloudAPI.DescribeVpcAccesses" else 1, **fault
            )
            told = answers(run([question]))[question.id]

            expected = question.id == "retry-after" and operation == "CloudAPI.DescribePlugins"
            assert told == right or told[0] in WITHOUT or expected, f"{operation}: {fault}"


@pytest.mark.parametrize("duplicate", ["error", "overwrite"])
def test_a_port_that_somebody_opens_is_left_alone(duplicate: str) -> None:
    """Questions take no port that an authorization opens, so nothing of others is refused to them, or overwritten."""
    run = asking(duplicate=duplicate)
    for port in (64_000, 64_002):
        run.entry(f"foreign-{port}", port)
    was = run.state()
    ran = run([BY_ID[each] for each in ("set-answer", "taken-name", "remove-absent", "created-time")])

    assert (run.state(), ran.left) == (was, [])
    assert not {word for word, _ in answers(ran).values()} & WITHOUT


@pytest.mark.parametrize(
    "fault", [{"odd": "null-list"}, {"body": "html"}, {"status": 403, "code": "NoPermission"}, {"odd": "empty-items"}]
)
def test_nothing_is_removed_unseen(fault: dict[str, Any]) -> None:
    """What opens a target has to be read before it is removed: it could be somebody's."""
    run = asking()
    run.entry("foreign", 64_000)
    was = run.state()
    run.cloud.faults.add(operation="CloudAPI.DescribeVpcAccesses", **fault)
    with pytest.raises(Unclear):
        run.account().drop(Entry("vpc-access-contract-cafe0123-64000", run.given.vpc_id, run.given.instance_id, 64_000))

    assert run.state() == was


def test_what_only_begins_like_ours_stays() -> None:
    """The recorder's queues, and whatever else somebody has named so, is not taken for what an earlier run left."""
    run = asking()
    seed(
        run.cloud,
        {"queues": ["vpc-access-contract-recorder-requests"], "topics": [{"TopicName": "vpc-access-contract-1"}]},
    )
    for number, name in enumerate(("mine", "cafe0123", "cafe0123-64000-mine", "CAFE0123-64000")):
        run.entry(f"vpc-access-contract-{name}", 64_900 + number)
    was = run.state()
    run([BY_ID["smq-missing"]])

    assert (run.consented[0][1], run.state()) == ([], was)


@pytest.mark.parametrize("question_id", ["missing-target", "port-range", "taken-name", "set-again", "tags"])
def test_a_full_quota_answers_nothing_else(question_id: str) -> None:
    """Where there is no room for another authorization that is what is told, and nothing about targets, ports or names."""
    word, why = asked(asking(vpc_access_quota=3), question_id)

    assert (word, why) == (
        NOT_ASKED,
        "remove an authorization, or ask for a larger quota: there is no room, said ExceedLimitVpcAccess",
    )


@pytest.mark.parametrize("question_id", ["port-range", "missing-target", "full-quota"])
def test_a_refused_instance_answers_nothing_else(question_id: str) -> None:
    """A gateway that refuses the instance says nothing about ports, other instances or the quota."""
    run = asking()
    run.cloud.faults.add(operation="CloudAPI.SetVpcAccess", status=400, code="InvalidInstanceId")

    assert asked(run, question_id)[0] == NOT_ASKED


@pytest.mark.parametrize(
    ("question_id", "operation", "code"),
    [
        pytest.param("ess-page-size", "ESS.DescribeScalingInstances", "InvalidParameter", id="page"),
        pytest.param("smq-plain", "SMQ.PublishMessage", "InvalidArgument", id="body"),
    ],
)
def test_a_refusal_of_something_else_is_no_answer(question_id: str, operation: str, code: str) -> None:
    """What is refused without what is asked about as well says nothing of it."""
    run = asking()
    run.cloud.faults.add(operation=operation, status=400, code=code)

    assert asked(run, question_id)[0] == NOT_SEEN


def test_a_key_that_may_not_publish_says_nothing_of_base64() -> None:
    """A missing right in SMQ is told as such."""
    run = asking()
    permit(run.cloud.world, {"access_key_id": stage.KEY.access_key_id, "denied": ["mns:PublishMessage"]})

    word, why = asked(run, "smq-plain")
    assert word == NOT_ASKED
    assert why.startswith("allow your key PublishMessage in SMQ")


@pytest.mark.parametrize("question_id", ["change-same-target", "change-without-batch"])
def test_apis_that_a_task_tells_of_late_are_not_taken_for_none(question_id: str) -> None:
    """That a task tells of no API means something only if another one tells of them as soon."""
    assert asked(asking(unfinished_rows="hidden", apis_follow_after_looks=8), question_id)[0] == NOT_SEEN


def test_a_change_that_came_too_late_says_nothing_of_one_meanwhile() -> None:
    """Where the APIs follow between the look and the second change, that it is taken proves nothing."""
    run = asking(apis_follow_after_looks=1, modify_while_updating="refuse")

    assert asked(run, "change-meanwhile")[0] == NOT_SEEN


def test_a_region_without_smq_answers_the_rest() -> None:
    """Where SMQ does not answer, its questions say so, nothing is made there, and the others are asked."""
    run = asking()
    for operation in ("ListQueue", "ListTopic"):
        run.cloud.faults.add(operation=f"SMQ.{operation}", cut="before")
    was = run.state()
    ran = run([BY_ID["smq-tags"], BY_ID["set-answer"]])

    assert {each: word for each, (word, _) in answers(ran).items()} == {"smq-tags": UNCLEAR, "set-answer": "present"}
    assert (run.state(), ran.left) == (was, [])


def test_nothing_is_written_where_nothing_can_be_listed() -> None:
    """Without a list of what there is, no question that writes is asked."""
    run = asking()
    run.cloud.faults.add(operation="CloudAPI.DescribeVpcAccesses", from_=2, odd="no-list")
    word, why = asked(run, "set-answer")

    assert (word, run.writes()) == (UNCLEAR, 0)
    assert why.startswith("nothing is written as long as ")


def test_answers_survive_a_network_that_goes_down_at_the_end() -> None:
    """Who cannot look any more says that something may be left, and keeps the answers."""
    run = asking()
    seen = list[None]()

    def cut() -> None:
        seen.append(None)
        if any(call.operation == "CloudAPI.RemoveVpcAccess" for call in run.cloud.world.journal()):
            raise httpx.ConnectError("no network")

    run.before = cut
    ran = run([BY_ID["set-answer"]])

    assert answers(ran)["set-answer"][0] == "present"
    assert [each.partition(",")[0] for each in ran.left] == ["perhaps something"]


def test_what_an_ended_run_could_not_undo_is_told() -> None:
    """After Ctrl-C, too, it is known what stays because the network is gone."""
    run = asking()
    end_at(run, 8, before=False, dead=True)
    with pytest.raises(Ended):
        run([BY_ID["set-answer"]])

    assert [each.partition(": ")[0] for each in run.ledger.left] == ["authorization vpc-access-contract-cafe0123-64000"]


def test_a_test_authorization_is_put_back_whatever_can_be_seen() -> None:
    """A key that may not look at tasks puts the authorization back all the same, and does not say that it is left."""
    run = asking(modify_while_updating="refuse", apis_follow_after_seconds=3)
    was = run.state()
    permit(
        run.cloud.world,
        {"access_key_id": stage.KEY.access_key_id, "denied": ["apigateway:DescribeUpdateVpcInfoTask"]},
    )
    ran = run([BY_ID["change-followed"]])

    assert (run.state(), ran.left) == (was, [])


def test_a_change_that_was_refused_leaves_nothing() -> None:
    """Where the key may not change the authorization, it is where it was, and nothing is told to be left."""
    run = asking()
    permit(
        run.cloud.world,
        {"access_key_id": stage.KEY.access_key_id, "denied": ["apigateway:ModifyVpcAccessAndUpdateApis"]},
    )
    ran = run([BY_ID["change-followed"]])

    assert (answers(ran)["change-followed"][0], ran.left) == (NOT_ASKED, [])


@pytest.mark.parametrize(
    ("denied", "quota"), [("apigateway:SetVpcAccess", 0), ("", 2)], ids=["without-the-right", "without-room"]
)
def test_what_could_not_be_made_again_is_not_removed(denied: str, quota: int) -> None:
    """The user's authorization stays where the key may not make one, or there is no room for another."""
    run = asking(vpc_access_quota=quota)
    permit(run.cloud.world, {"access_key_id": stage.KEY.access_key_id, "denied": [denied]})
    was = run.state()
    ran = run([BY_ID["remove-in-use"]])

    assert (answers(ran)["remove-in-use"][0], run.state(), ran.left) == (NOT_ASKED, was, [])


def test_a_removed_authorization_is_made_again_although_it_still_shows() -> None:
    """Lists may lag: that the user's authorization shows after its removal does not mean that it is there."""
    run = asking()
    was = run.state()
    shown = list[bytes]()

    def lag(answer: httpx.Response) -> httpx.Response:
        body = answer.read()
        operations = [call.operation for call in run.cloud.world.journal()]
        if operations[-1] == "CloudAPI.DescribeVpcAccesses":
            removed = "CloudAPI.RemoveVpcAccess" in operations and operations.count("CloudAPI.SetVpcAccess") < 2
            if not removed and run.given.used_entry.encode() in body:
                shown[:] = [body]
            elif removed:
                body = shown[0]
        return httpx.Response(answer.status_code, headers={"content-type": "application/json"}, content=body)

    run.spoil = lag
    run([BY_ID["remove-in-use"]])

    assert run.state() == was


@pytest.mark.parametrize(
    ("url", "here"),
    [
        ("http://127.0.0.1:8899", True),
        ("http://localhost", True),
        ("http://[::1]:8899", True),
        ("https://localhost.example.com", False),
        ("https://127.example.com", False),
        ("https://apigateway.cn-hangzhou.aliyuncs.com", False),
    ],
)
def test_only_what_is_on_this_machine_is_a_stand_in(url: str, here: bool) -> None:
    """A host that only begins like this machine is somebody's: it is not written to without a yes."""
    assert bool(places._ON_THIS_MACHINE.fullmatch(url)) is here


@pytest.mark.enable_socket
@pytest.mark.parametrize(
    "fault",
    [
        pytest.param({"cut": "before"}, id="cut"),
        pytest.param({"status": 502, "body": "html", "when": "before"}, id="proxy"),
        pytest.param({"body": "truncated"}, id="half"),
        pytest.param({"body": "empty"}, id="empty"),
        pytest.param({"odd": "error-object"}, id="error-with-200"),
    ],
)
def test_what_the_vendors_client_cannot_read_ends_no_run(fault: dict[str, Any]) -> None:
    """A network that breaks, or somebody else's page, under the vendor's client is unclear, as it is under ours."""
    with stage.embedded() as (cloud, server):
        cloud.faults.set([{"operation": "CloudAPI.DescribeVpcAccesses", **fault}])
        vendor = Vendor(places.stand_in(server.endpoint, stage.KEY))
        with pytest.raises(Unclear):
            answered(vendor.call("CloudAPI", "DescribeVpcAccesses", {"PageSize": "10"}))
