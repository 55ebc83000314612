"""``python -m functions send``: requests onto their queue, and with ``--wait`` the results from a subscribed one."""

from __future__ import annotations

import json
from base64 import b64decode, b64encode
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from functions.__main__ import main
from functions._operator import inbox
from tests.cloud.fixtures import Served
from tests.cloud.seeds import seed
from tests.functions.test_replay import result
from tests.invoking import VPC, operator_environment, queue_event, request, state_change
from tests.working import INBOX, REQUESTS, at_work

pytestmark = pytest.mark.enable_socket

LOOK = ("--to", REQUESTS, "--results", INBOX, "--wait", "30")


def send(cloud: Served, given: Any, *options: str, **environment: str) -> Result:
    """Send what is given as a file is, on standard input."""
    text = given if isinstance(given, str) else json.dumps(given)
    return CliRunner().invoke(
        main, ["send", "-", *options], input=text, env={**operator_environment(cloud), **environment}
    )


def bodies(cloud: Served, queue: str) -> list[Any]:
    """Take what is in a queue, decoded."""
    found = cloud.products["SMQ"].receive(queue, 16)
    return [json.loads(b64decode(message.body)) for message in found]


@pytest.fixture
def queues(cloud: Served) -> Served:
    """A stand-in with the queues, and nobody who takes from them."""
    seed(cloud.app, {"queues": [REQUESTS, INBOX]})
    return cloud


@pytest.mark.parametrize(
    ("given", "sent"),
    [
        pytest.param(request(), [request()], id="request"),
        pytest.param([request(Name="a"), request(Name="b")], [request(Name="a"), request(Name="b")], id="list"),
        pytest.param(queue_event(json.dumps(request())), [request()], id="event-of-a-trigger"),
        pytest.param(f"{json.dumps(request(Name='a'))}\n{json.dumps(request(Name='b'))}", ["a", "b"], id="json-lines"),
        pytest.param({"Name": "orders"}, [{"Name": "orders"}], id="wrong-one"),
        pytest.param(result(request(Port=22)), [request(Port=22)], id="refused-result"),
    ],
)
def test_each_request_is_a_message(queues: Served, given: Any, sent: list[Any]) -> None:
    """Whatever wrapper they are given in, requests stand alone on the queue, also those that will be rejected."""
    done = send(queues, given, "--to", REQUESTS)
    found = bodies(queues, REQUESTS)

    assert done.exit_code == 0
    assert [one if isinstance(want, dict) else one["Name"] for one, want in zip(found, sent, strict=True)] == sent
    assert done.stdout.count("sent") >= len(sent)


def test_a_file_is_sent_as_well(queues: Served, tmp_path: Path) -> None:
    """The request is read from a file by its name, and the queue from the environment."""
    (tmp_path / "request.json").write_text(json.dumps(request()), encoding="utf-8")
    environment = {**operator_environment(queues), "REQUEST_QUEUE": REQUESTS}
    done = CliRunner().invoke(main, ["send", str(tmp_path / "request.json")], env=environment)

    assert (done.exit_code, bodies(queues, REQUESTS)) == (0, [request()])


@pytest.mark.parametrize(
    ("given", "word"),
    [
        pytest.param(state_change(), "announcement: its product sends it", id="announcement"),
        pytest.param([], "empty: the list holds no record", id="empty"),
        pytest.param(result(request(), "authorized"), "no-original", id="granted-result"),
        pytest.param(request(Description="d" * 60_000), "too-large", id="too-large"),
    ],
)
def test_what_is_no_request_is_skipped(queues: Served, given: Any, word: str) -> None:
    """Nothing is sent, the reason is told, and the exit code says that not all was done."""
    done = send(queues, given, "--to", REQUESTS)

    assert (done.exit_code, bodies(queues, REQUESTS)) == (3, [])
    assert word in done.stderr
    assert done.stdout == ""


@pytest.mark.parametrize("form", ["SIMPLIFIED", "JSON", "XML"])
@pytest.mark.parametrize("encoding", ["base64", "plain"])
def test_the_result_is_found_in_every_form(cloud: Served, form: str, encoding: str) -> None:
    """However the subscription delivers and the function encodes, the answer is read and leaves the queue."""
    with at_work(cloud, form, RESULT_ENCODING=encoding):
        done = send(cloud, request(Correlation="order 4711"), *LOOK, "--json")
    (answer,) = json.loads(done.stdout)["results"]

    assert done.exit_code == 0
    assert (answer["outcome"], answer["correlation"], answer["name"]) == ("authorized", "order 4711", "orders-prod")
    assert answer["target"] == f"i-bp1example0001:8080 in {VPC}"
    assert answer["vpc_access_id"]
    assert not any(cloud.products["SMQ"].state()["queues"][INBOX].values())


@pytest.mark.parametrize(
    ("given", "code", "words"),
    [
        pytest.param(
            request(Correlation="order 4711"), 0, ["authorized", "correlation", "order 4711"], id="authorized"
        ),
        pytest.param(request(Port=22), 3, ["refused", "PortNotAllowed: port 22 is not allowed"], id="refused"),
        pytest.param({"Name": "orders"}, 3, ["rejected", "InvalidRecord: VpcId is missing"], id="rejected"),
        pytest.param("no JSON", 3, ["rejected", "is not JSON"], id="no-json"),
        pytest.param([request(), request(Port=22)], 3, ["authorized", "refused"], id="two-answers"),
        pytest.param([request(), state_change()], 3, ["authorized", "skipped", "announcement"], id="one-is-skipped"),
    ],
)
def test_the_outcome_is_printed_and_decides_the_exit_code(
    cloud: Served, given: Any, code: int, words: list[str]
) -> None:
    """The same table and codes as those of `run`, for an answer that came through two queues and a topic."""
    with at_work(cloud):
        done = send(cloud, given, *LOOK)

    assert done.exit_code == code
    assert [word for word in words if word not in " ".join(done.output.split())] == []


def test_results_of_others_stay_in_the_queue(cloud: Served) -> None:
    """Somebody else's result is not ours to take, and nor is what is no result at all; both can be received at once."""
    smq = cloud.products["SMQ"]
    with at_work(cloud):
        for body in (b64encode(json.dumps(result(request(), "authorized")).encode()).decode(), "<not XML", "hello"):
            smq.send(INBOX, body)
        done = send(cloud, request(), *LOOK)

    assert done.exit_code == 0
    assert sum(smq.state()["queues"][INBOX].values()) == 3
    assert len(cloud.world.journal("SMQ.ChangeMessageVisibility")) == 3


def test_a_result_that_does_not_come_is_told(queues: Served) -> None:
    """Nobody takes from the request queue: the requests are told as sent, and the command may be repeated later."""
    done = send(queues, request(), "--to", REQUESTS, "--results", INBOX, "--wait", "1")

    assert done.exit_code == 4
    assert "sent" in done.stdout
    assert "no result of 1 of 1 requests came within 1 s. Is my-results subscribed" in " ".join(done.stderr.split())


AGAIN, YES, NEVER = ("failed", True), ("authorized", False), ("failed", False)


@pytest.mark.parametrize(
    ("told", "code", "word"),
    [
        pytest.param([[AGAIN]], 4, "failed", id="tried-again"),
        pytest.param([[AGAIN, YES]], 0, "authorized", id="then-granted"),
        pytest.param([[YES, AGAIN], [AGAIN, YES]], 0, "authorized authorized", id="overtaken"),
        pytest.param([[NEVER]], 1, "failed", id="failed-for-good"),
        pytest.param([[YES], []], 4, "authorized sent", id="one-is-missing"),
    ],
)
def test_a_failure_that_is_tried_again_is_not_the_end(
    queues: Served, told: list[list[tuple[str, bool]]], code: int, word: str
) -> None:
    """The command goes on waiting for what a redelivery gives; when the time is over the failure is what is known."""
    smq, rest = queues.products["SMQ"], list(told)

    def answer(queue: str) -> None:
        message_id = smq.receive(queue, 1)[0].message_id
        for kind, again in rest.pop(0):
            message = result(
                request(), kind, SourceMessageId=message_id, WillRetry=again, ReasonCode="Down", Reason="down"
            )
            smq.send(INBOX, b64encode(json.dumps(message).encode()).decode())

    smq.on_message(REQUESTS, answer)
    requests = [request(Name=f"n-{number}") for number, _ in enumerate(told)]
    done = send(queues, requests, "--to", REQUESTS, "--results", INBOX, "--wait", "1", "--json")

    assert done.exit_code == code, done.output
    assert [each["outcome"] for each in json.loads(done.stdout)["results"]] == word.split()


@pytest.mark.parametrize(
    ("arguments", "word"),
    [
        pytest.param(["--to", REQUESTS, "--wait", "5"], "--wait needs --results", id="no-queue-of-results"),
        pytest.param([], "--to", id="no-queue"),
        pytest.param(["--to", "http://queue"], "is not the name of a queue", id="url"),
    ],
)
def test_wrong_usage_is_told_before_anything_is_sent(cloud: Served, arguments: list[str], word: str) -> None:
    """It ends with the code of wrong usage and no call was made."""
    done = send(cloud, request(), *arguments)

    assert (done.exit_code, word in done.stderr) == (64, True)
    assert not cloud.world.journal()


def test_what_was_sent_before_an_error_is_told(queues: Served) -> None:
    """Who has to send the rest again sees which requests are on their way, by their names and message ids."""
    queues.faults.add(operation="SMQ.SendMessage", nth=2, status=403, code="AccessDenied")
    done = send(queues, [request(Name=f"n-{number}") for number in (1, 2, 3)], "--to", REQUESTS, "--json")

    assert done.exit_code == 1
    assert [each["name"] for each in json.loads(done.stdout)["results"]] == ["n-1"]
    assert "Allow the RAM action mns:SendMessage" in done.stderr


def test_a_queue_that_is_not_there_is_told(cloud: Served) -> None:
    """Sending to nowhere is an error that names what to do."""
    done = send(cloud, request(), "--to", "nowhere")

    assert done.exit_code == 1
    assert "Create the queue, or correct its name" in done.stderr


@pytest.mark.parametrize(
    "body",
    [
        pytest.param("", id="nothing"),
        pytest.param("<Notification><Message/></Notification>", id="empty-notification"),
        pytest.param('<!DOCTYPE a [<!ENTITY b "c">]><a>&b;</a>', id="entity"),
        pytest.param(json.dumps({**result(request()), "data": "text"}), id="data-is-no-object"),
    ],
)
def test_what_is_no_result_is_none(body: str) -> None:
    """Whatever others put into the queue is left alone."""
    assert inbox.results(body) == []
