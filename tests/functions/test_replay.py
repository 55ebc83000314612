"""``python -m functions replay`` on the stand-in: what is sent again, what stays, and that nothing is ever lost."""

from __future__ import annotations

import json
from base64 import b64decode, b64encode, encodebytes
from collections.abc import Iterator
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from functions.__main__ import main
from functions._operator import access
from functions._operator.letters import documents, letters
from functions._operator.mail import Mailbox
from functions._operator.queue import SmqQueue
from functions._operator.replay import paced
from shared.flow.engine import Invocation
from tests.cloud.ecs.instances import Instance
from tests.cloud.fixtures import TEMPORARY, Served
from tests.cloud.seeds import seed
from tests.invoking import VPC, Invoker, new_invoker, operator_environment, queue_event, request, state_change
from tests.running import on_a_terminal

ROOT = Path(__file__).parents[2]
SEEN = {"VpcId": VPC, "InstanceId": "i-bp1example0001", "Port": 443}
EVENTS = ROOT / "events"
WRONG = {"Name": "orders-prod", "Port": 8080}


def result(original: Any, kind: str = "refused", **changes: Any) -> dict[str, Any]:
    """Return a result message about an original, given as text or as what its JSON holds."""
    text = original if isinstance(original, str) else json.dumps(original)
    return {
        "specversion": "1.0",
        "id": "e9f2442576e8d0a2282d97d57357b000",
        "source": "/vpc-access-authorizer/team-a",
        "type": f"vpcaccess.{kind}",
        "subject": "orders-prod",
        "time": "2026-11-23T09:00:00Z",
        "datacontenttype": "application/json",
        "data": {"SourceMessageId": "C6DB", "Source": "smq-queue", "Original": text, **changes},
    }


def record(payload: Any, condition: str = "UnhandledInvocationError") -> dict[str, Any]:
    """Return Function Compute's record of an asynchronous invocation."""
    whole: dict[str, Any] = json.loads((EVENTS / "fc-destination" / "failed-request.json").read_text(encoding="utf-8"))
    whole["requestContext"]["condition"] = condition
    return {**whole, "requestPayload": json.dumps(payload)}


def ordered(port: int) -> dict[str, Any]:
    """Return a request that no other port is in the way of."""
    return request(Name=f"orders-{port}", Port=port)


def encoded(value: Any) -> str:
    """Return a value as JSON in Base64, as queues have it."""
    return b64encode(json.dumps(value).encode()).decode()


@pytest.mark.parametrize(
    ("document", "sent"),
    [
        pytest.param(request(), [request()], id="request"),
        pytest.param([request(), request(Port=443)], [request(), request(Port=443)], id="requests"),
        pytest.param(result(request(Port=22)), [request(Port=22)], id="refused"),
        pytest.param(result(request(), "rejected"), [request()], id="rejected"),
        pytest.param(result(state_change()), [state_change()], id="refused-announcement"),
        pytest.param([result(request()), result(request(Port=443))], [request(), request(Port=443)], id="results"),
        pytest.param(queue_event(encoded(result(request()))), [request()], id="result-through-a-queue"),
        pytest.param(record(request()), [request()], id="record"),
        pytest.param(record(queue_event(encoded(request()))), [request()], id="record-of-a-queue's-batch"),
        pytest.param(
            queue_event(json.dumps(request()), encoded(request(Port=443))),
            [request(), request(Port=443)],
            id="trigger's-dead-letter",
        ),
        pytest.param(queue_event(json.dumps(request()))[0], [request()], id="one-event"),
        pytest.param(state_change(), [state_change()], id="announcement"),
    ],
)
def test_originals_are_found(document: Any, sent: list[Any]) -> None:
    """Whatever wrapper a dead letter has, each original in it is a message of its own, bare."""
    found = letters(json.dumps(document).encode())
    assert [(json.loads(letter.text), letter.reason) for letter in found] == [(original, "") for original in sent]


@pytest.mark.parametrize(
    "name", ["actiontrail/run-instances.json", "ess/hook-via-queue.json", "ess/scale-out-success.json"]
)
def test_announcement_of_several_instances_is_one_message(name: str) -> None:
    """Instances announced together are not sent once for each of them."""
    (letter,) = letters((EVENTS / name).read_bytes())
    assert letter.reason == ""


@pytest.mark.parametrize(
    ("document", "reason", "said"),
    [
        pytest.param(result('{"Name": "or', OriginalTruncated=True), "truncated", "from its producer", id="truncated"),
        pytest.param(result("", "authorized", Original=None), "no-original", "vpcaccess.authorized", id="authorized"),
        pytest.param(result("", Original=None, OriginalIn="e9f2"), "no-original", "in the result e9f2", id="elsewhere"),
        pytest.param(result(request(), "failed"), "no-original", "vpcaccess.failed", id="failed"),
        pytest.param(result(WRONG), "wrong", "VpcId", id="still-wrong"),
        pytest.param(result("no JSON"), "wrong", "not JSON", id="no-json"),
        pytest.param(result(result(request())), "own-result", "answer of this function", id="result-of-a-result"),
        pytest.param({**result(request()), "data": []}, "no-original", "Original", id="data-is-a-list"),
        pytest.param(record(request(), condition=""), "succeeded", "succeeded", id="succeeded"),
        pytest.param({**record(""), "requestPayload": ""}, "wrong", "requestPayload is empty", id="no-payload"),
        pytest.param({"Object": "unknown"}, "wrong", "not recognised", id="unknown"),
        pytest.param([], "empty", "no record", id="empty"),
        pytest.param(
            request(Description="ä" * 500, Tag=[{"Key": "k", "Value": "v"}] * 3000), "wrong", "Tag", id="tags"
        ),
        pytest.param(state_change(padding="x" * 50_000), "too-large", "functions invoke", id="too-large"),
    ],
)
def test_what_is_not_sent_is_told(document: Any, reason: str, said: str) -> None:
    """A letter that nobody could handle is skipped with a word for the counts and a sentence that helps."""
    (letter,) = letters(json.dumps(document).encode())
    assert (letter.reason, said in letter.why) == (reason, True), letter


def test_largest_letter_still_fits() -> None:
    """What takes exactly 64 KB in Base64 is sent, one byte more is not."""
    bare = len(json.dumps(state_change(padding=""), separators=(",", ":")))
    fits, large = (
        letters(json.dumps(state_change(padding="x" * (48 * 1024 - bare + more))).encode())[0] for more in (0, 1)
    )
    assert (len(b64encode(fits.text.encode())), fits.reason, large.reason) == (64 * 1024, "", "too-large")


def test_text_is_not_escaped() -> None:
    """Letters beyond ASCII stay as they are: escaped, a message could outgrow the queue."""
    (letter,) = letters(json.dumps(request(Description="Größe")).encode())
    assert "Größe" in letter.text


@pytest.mark.parametrize(
    ("raw", "lines"),
    [
        pytest.param(b'{"a": 1}\n', [1], id="one"),
        pytest.param(b'{\n "a": 1\n}', [1], id="indented"),
        pytest.param(b'{"a": 1}\n\n{"a": 2}\r\n{"a": 3}', [1, 3, 4], id="lines"),
        pytest.param(b'{"a": 1}\n{"a": \n', [1, 2], id="one-line-is-cut"),
        pytest.param(b'{\n "a": 1,\n "b"', [1], id="indented-and-cut"),
        pytest.param(b64encode(b'{"a": 1}') + b"\n" + b64encode(b'{"a": 2}'), [1, 2], id="base64-lines"),
        pytest.param(b64encode(b'{"a": 10}') + b"\n" + b64encode(b'{"a": 20}'), [1, 2], id="base64-lines-unpadded"),
        pytest.param(encodebytes(b'{"a": 10}' + b" " * 90), [1], id="base64-wrapped"),
        pytest.param(b"", [1], id="empty"),
    ],
)
def test_file_is_a_document_or_lines(raw: bytes, lines: list[int]) -> None:
    """JSON lines are told from a document by their first line."""
    assert [line for line, _ in documents(raw)] == lines


@pytest.fixture
def served(cloud: Served) -> Served:
    """A served stand-in with a queue of dead letters, the request queue, and an instance that may be announced."""
    for name in ("dead", "requests"):
        cloud.products["SMQ"].create_queue(name)
    cloud.products["ECS"].seed(Instance("i-bp1example0001", VPC, (("apigateway-port", "8080"),)))
    return cloud


def run_unasked(cloud: Served, *arguments: str | Path, **changes: str) -> Result:
    """Run the command where nobody is at a terminal, without waiting for messages."""
    environment = {**environment_of(cloud), **changes}
    return CliRunner().invoke(main, ["replay", "--wait", "0", *map(str, arguments)], env=environment)


def run(cloud: Served, *arguments: str | Path, **changes: str) -> Result:
    """Run the command, and agree to what it would ask."""
    return run_unasked(cloud, "--yes", *arguments, **changes)


def environment_of(cloud: Served) -> dict[str, str]:
    """Return the function's settings on the stand-in, with a temporary key."""
    return {
        **operator_environment(cloud),
        "COLUMNS": "400",  # a row is a line, however long the paths are here
        "REQUEST_QUEUE": "requests",
    }


def bodies(cloud: Served, queue: str = "requests") -> list[str]:
    """Return the bodies of the messages that are visible in a queue."""
    found = cloud.products["SMQ"].receive(queue, 16)
    return sorted(b64decode(message.body, validate=True).decode() for message in found)


def count(cloud: Served, queue: str) -> int:
    """Return how many messages a queue holds, visible or not."""
    return sum(cloud.products["SMQ"].state()["queues"][queue].values())


@pytest.mark.enable_socket
def test_files_are_sent(served: Served, tmp_path: Path) -> None:
    """Documents and JSON lines are sent message by message, in Base64; the counts end the output."""
    lines = tmp_path / "letters.jsonl"
    lines.write_text(f"{json.dumps(result(ordered(443)))}\n{json.dumps(record(request()))}\n", encoding="utf-8")
    done = run(served, lines, EVENTS / "manual" / "batch.json", EVENTS / "fc-destination" / "succeeded.json")
    assert done.exit_code == 0, done.output
    assert done.stderr.splitlines()[-1] == "sent 5, skipped 1 (succeeded 1), failed 0"
    batch = json.loads((EVENTS / "manual" / "batch.json").read_text(encoding="utf-8"))
    sent = [json.loads(body) for body in bodies(served)]
    assert sorted(sent, key=json.dumps) == sorted([request(), ordered(443), *batch], key=json.dumps)


@pytest.mark.enable_socket
@pytest.mark.parametrize("encode", [pytest.param(encoded, id="base64"), pytest.param(json.dumps, id="plain")])
def test_refused_request_comes_back_whole(served: Served, encode: Any) -> None:
    """A request is refused, its result taken from a queue: the message that is sent equals the request."""
    asked = request(Port=22, Description='<a & "b"> Größe')
    invoke: Invoker = new_invoker()
    refusal = invoke(queue_event(json.dumps(asked))).result
    (answer,) = invoke.messages()
    invoke.served.app.close()
    assert (refusal["reason"], answer["type"]) == ("PortNotAllowed", "vpcaccess.refused")
    served.products["SMQ"].send("dead", encode(answer))
    done = run(served, "--queue", "dead", ALLOWED_PORTS="22")
    assert (done.exit_code, done.stderr.splitlines()[-1]) == (0, "sent 1, skipped 0, failed 0")
    (body,) = bodies(served)
    assert (body, json.loads(body)) == (answer["data"]["Original"], asked)
    assert count(served, "dead") == 0


@pytest.mark.enable_socket
def test_what_is_not_sent_stays(served: Served) -> None:
    """Truncated, wrong, granted and half-useful messages stay in the queue, and are handed back; the rest leaves it.

    What somebody has to repair is an exit code of its own.
    """
    smq = served.products["SMQ"]
    staying = [
        result("{", OriginalTruncated=True),
        result(WRONG, "rejected"),
        result("", "authorized", Original=None),
        [WRONG, ordered(80)],
    ]
    for letter in [*staying, result(request())]:
        smq.send("dead", encoded(letter))
    done = run(served, "--queue", "dead")
    assert done.exit_code == 3, done.output
    assert done.stderr.splitlines()[-1] == "sent 2, skipped 4 (no-original 1, truncated 1, wrong 2), failed 0"
    assert len(bodies(served)) == 2
    assert count(served, "dead") == len(staying)
    assert len(served.world.journal("SMQ.DeleteMessage")) == 1
    assert len(served.world.journal("SMQ.ChangeMessageVisibility")) == len(staying)


@pytest.mark.enable_socket
@pytest.mark.parametrize(
    ("fault", "failed", "sent"),
    [
        pytest.param({"status": 400, "code": "InvalidArgument", "nth": 1}, 1, 1, id="one-is-refused"),
        pytest.param({"status": 403, "code": "AccessDenied", "nth": 1}, 1, 0, id="nothing-can-be-sent"),
    ],
)
def test_message_stays_when_sending_fails(served: Served, fault: dict[str, Any], failed: int, sent: int) -> None:
    """A message whose original could not be sent is not deleted, and the command fails; a hopeless run stops."""
    for port in (80, 443):
        served.products["SMQ"].send("dead", encoded(result(ordered(port))))
    served.faults.set([{"operation": "SMQ.SendMessage", **fault}])
    done = run(served, "--queue", "dead")
    assert done.exit_code == 1
    assert done.stderr.splitlines()[-1] == f"sent {sent}, skipped 0, failed {failed}"
    assert (count(served, "dead"), count(served, "requests")) == (2 - sent, sent)
    assert len(served.world.journal("SMQ.DeleteMessage")) == sent


@pytest.mark.enable_socket
def test_lost_answer_is_sent_again(served: Served) -> None:
    """When the answer to a send is lost, it is sent twice rather than not at all, and the dead letter goes."""
    served.products["SMQ"].send("dead", encoded(result(request())))
    served.faults.set([{"operation": "SMQ.SendMessage", "nth": 1, "cut": "after"}])
    done = run(served, "--queue", "dead")
    assert (done.exit_code, count(served, "dead")) == (0, 0)
    assert [json.loads(body) for body in bodies(served)] == [request(), request()]


@pytest.mark.enable_socket
def test_message_that_cannot_be_deleted_is_told(served: Served) -> None:
    """A receipt that ended in the meantime fails the command: the message was sent and will be seen again."""
    served.products["SMQ"].send("dead", encoded(result(request())))
    served.faults.set([{"operation": "SMQ.DeleteMessage", "status": 404, "code": "MessageNotExist", "nth": 1}])
    done = run(served, "--queue", "dead")
    assert done.exit_code == 1
    assert "was sent and is still in the queue" in done.stderr
    assert done.stderr.splitlines()[-1] == "sent 1, skipped 0, failed 1"
    assert (count(served, "dead"), count(served, "requests")) == (1, 1)


@pytest.mark.enable_socket
def test_dry_run_of_a_queue_changes_nothing(served: Served, tmp_path: Path) -> None:
    """Each original is printed as a JSON line, which replays to the same; nothing is sent or deleted."""
    for letter in (result(request(Name="Größe")), result(state_change())):
        served.products["SMQ"].send("dead", encoded(letter))
    done = run(served, "--queue", "dead", "--dry-run")
    assert done.exit_code == 0, done.output
    assert done.stderr.splitlines()[-1] == "would send 2, skipped 0, failed 0"
    printed = [json.loads(line) for line in done.stdout.splitlines()]
    assert sorted(printed, key=json.dumps) == sorted([request(Name="Größe"), state_change()], key=json.dumps)
    assert (count(served, "dead"), count(served, "requests")) == (2, 0)
    assert not [
        entry for entry in served.world.journal() if entry.operation in {"SMQ.SendMessage", "SMQ.DeleteMessage"}
    ]
    saved = tmp_path / "printed.jsonl"
    saved.write_text(done.stdout, encoding="utf-8")
    assert run(served, saved, "--dry-run").stdout == done.stdout


def test_dry_run_of_files_needs_no_cloud(tmp_path: Path) -> None:
    """Without settings, key or socket a file is read, not looked; control characters stay out of the terminal."""
    hostile = tmp_path / "letters.json"
    hostile.write_text(json.dumps([request(), {"\x1b[2JOops": 1}]), encoding="utf-8")
    done = CliRunner().invoke(
        main, ["replay", "--to", "requests", "--dry-run", "--blind", str(hostile)], env={"SMQ_ENDPOINT": ""}
    )
    assert (done.exit_code, json.loads(done.stdout)) == (3, request())
    assert "\x1b" not in done.output
    assert "skipped  letters.json:1: wrong: not recognised: an object with ·[2JOops" in done.stderr


@pytest.mark.enable_socket
def test_wrong_requests_can_be_repaired(served: Served, tmp_path: Path) -> None:
    """What is wrong goes to a file as it came; corrected there, the file is sent."""
    letter, repair = tmp_path / "letter.json", tmp_path / "repair.jsonl"
    letter.write_text(json.dumps([result(WRONG, "rejected"), result("no JSON", "rejected")]), encoding="utf-8")
    first = run(served, letter, "--repair", repair)
    wrong, text = [json.loads(line) for line in repair.read_text(encoding="utf-8").splitlines()]
    assert (first.exit_code, wrong, text) == (3, WRONG, "no JSON")
    repair.write_text(json.dumps({**wrong, "VpcId": request()["VpcId"], "InstanceId": "i-1"}) + "\n", encoding="utf-8")
    assert run(served, repair).exit_code == 0
    assert [json.loads(body) for body in bodies(served)] == [request(InstanceId="i-1")]


@pytest.mark.enable_socket
def test_answers_to_what_is_sent_do_not_come_round(served: Served) -> None:
    """A request that is refused again at once puts a new result into the queue, which this run leaves alone."""
    smq = served.products["SMQ"]
    smq.send("dead", encoded(result(request())))

    def refuse(_queue: str) -> None:
        served.world.clock.advance(5)  # a function takes its time
        smq.send("dead", encoded(result(request())))

    smq.on_message("requests", refuse)
    done = run(served, "--queue", "dead")
    assert done.stderr.splitlines()[-1] == "sent 1, skipped 0, failed 0"
    assert (count(served, "dead"), count(served, "requests")) == (1, 1)


@pytest.mark.enable_socket
@pytest.mark.parametrize(
    ("arguments", "changes", "said"),
    [
        pytest.param([], {}, "give FILES, or --queue NAME", id="nothing"),
        pytest.param(["--queue", "dead", EVENTS / "manual" / "authorize.json"], {}, "give FILES, or", id="both"),
        pytest.param(["--queue", "dead", "--to", "dead"], {}, "round for ever", id="same-queue"),
        pytest.param(["--queue", "dead"], {"REQUEST_QUEUE": ""}, "--to", id="no-target"),
        pytest.param(["--queue", "dead/messages"], {}, "not the name of a queue", id="not-a-name"),
        pytest.param(["--queue", "nowhere"], {}, "Create the queue, or correct its name", id="unknown-queue"),
        pytest.param(
            [EVENTS / "manual" / "authorize.json", "--to", "nowhere"], {}, "Create the queue", id="unknown-target"
        ),
        pytest.param(["--queue", "dead"], {"ALIBABA_CLOUD_ACCESS_KEY_ID": ""}, "set ALIBABA_CLOUD_ACCESS", id="no-key"),
        pytest.param(["--queue", "dead"], {"SMQ_ENDPOINT": ""}, "set SMQ_ENDPOINT, or ALIBABA", id="no-endpoint"),
        pytest.param(["--queue", "dead"], {"SMQ_ENDPOINT": "http://0.0.0.0:9"}, "use https", id="plain-endpoint"),
        pytest.param(["--queue", "dead"], {"OWNER": ""}, "OWNER is missing", id="no-setting"),
        pytest.param(["--queue", "dead"], {"OWNER": ""}, "--blind sends without looking", id="way-without-settings"),
    ],
)
def test_what_is_missing_is_told(served: Served, arguments: list[Any], changes: dict[str, str], said: str) -> None:
    """Wrong arguments, unknown queues and a missing setting, key or endpoint are each told with what to do."""
    done = run(served, *arguments, **changes)
    assert done.exit_code != 0
    assert said in done.stderr


@pytest.mark.enable_socket
@pytest.mark.parametrize("operation", ["ReceiveMessage", "SendMessage", "DeleteMessage"])
def test_missing_permission_is_named(served: Served, operation: str) -> None:
    """Take one permission away, and the command stops, names the RAM action, and the message is still there."""
    served.products["SMQ"].send("dead", encoded(result(request())))
    served.world.add_credential(replace(TEMPORARY, denied=frozenset({f"mns:{operation}"})))
    done = run(served, "--queue", "dead")
    assert done.exit_code == 1
    assert f"Allow the RAM action mns:{operation} to your access key" in done.stderr
    assert count(served, "dead") == 1


@pytest.mark.enable_socket
def test_handing_back_is_a_courtesy(served: Served) -> None:
    """Without the permission to hand messages back the command succeeds and says when they are visible."""
    served.products["SMQ"].send("dead", encoded(result(request())))
    served.world.add_credential(replace(TEMPORARY, denied=frozenset({"mns:ChangeMessageVisibility"})))
    done = run(served, "--queue", "dead", "--dry-run")
    assert done.exit_code == 0
    assert "messages that stay show again only after the queue's VisibilityTimeout" in done.stderr


@pytest.mark.enable_socket
def test_message_that_others_see_already_is_no_problem(served: Served) -> None:
    """A receipt that is over needs no handing back; the next message is handed back all the same."""
    for _ in range(2):
        served.products["SMQ"].send("dead", encoded(WRONG))
    served.faults.set(
        [{"operation": "SMQ.ChangeMessageVisibility", "status": 404, "code": "MessageNotExist", "nth": 1}]
    )
    done = run(served, "--queue", "dead")
    assert (done.exit_code, "note" in done.stderr) == (3, False)
    assert [entry.status for entry in served.world.journal("SMQ.ChangeMessageVisibility")] == [404, 200]


@pytest.mark.enable_socket
def test_long_run_ends_where_it_began(served: Served) -> None:
    """What stays becomes visible again while a long run lasts: it is neither told twice nor sent round for ever."""
    smq = served.products["SMQ"]
    for letter in (WRONG, ordered(80), ordered(443)):
        smq.send("dead", encoded(letter))
    smq.on_message("requests", lambda _queue: served.world.clock.advance(20))  # of 30 that a message stays invisible
    done = run(served, "--queue", "dead")
    assert done.stderr.splitlines()[-1] == "sent 2, skipped 1 (wrong 1), failed 0"
    assert (count(served, "dead"), count(served, "requests")) == (1, 2)


@pytest.mark.parametrize(
    ("rate", "sent_at"),
    [
        pytest.param(None, [0, 0, 0], id="no-limit"),
        pytest.param(4, [0, 0.25, 0.5], id="four-a-second"),
        pytest.param(0.1, [0, 10, 20], id="one-in-ten-seconds"),
    ],
)
def test_messages_keep_the_rate(rate: float | None, sent_at: list[float]) -> None:
    """The first message goes at once, each other one a turn later, also if a turn is longer than a second."""
    invoker = new_invoker()
    invoker.served.products["SMQ"].create_queue("requests")
    engine = invoker.configure()
    session = engine.session(Invocation("", 3600, lambda: invoker.credentials))
    begun, at = invoker.clock.now(), list[float]()
    invoker.after = lambda _operation: at.append(invoker.clock.now() - begun)
    send = paced(SmqQueue(session, "http://127.0.0.1:8080", "requests"), session, rate)
    for port in (80, 443, 8080):
        send(json.dumps(ordered(port)))
    engine.close()
    invoker.served.app.close()

    assert at == pytest.approx(sent_at)
    assert invoker.slept == pytest.approx([later - sooner for sooner, later in pairwise(sent_at) if later > sooner])


@pytest.mark.enable_socket
@pytest.mark.parametrize(
    ("rate", "code", "last"),
    [
        pytest.param("500", 0, "sent 2, skipped 0, failed 0", id="kept"),
        pytest.param("0.00001", 1, "give a --rate above 9.3e-05, or fewer messages", id="too-slow"),
        pytest.param("0", 64, "0.0 is not in the range x>0", id="never"),
    ],
)
def test_a_rate_that_takes_for_ever_is_told_first(served: Served, rate: str, code: int, last: str) -> None:
    """What would not be sent before the command has to end is not begun, and the error says which rate would do."""
    served.products["SMQ"].send("dead", encoded([ordered(80), ordered(443)]))
    done = run(served, "--queue", "dead", "--rate", rate)

    assert done.exit_code == code
    assert last in done.stderr.splitlines()[-1]
    assert count(served, "requests") == 2 * (code == 0)


@pytest.fixture
def box(served: Served, monkeypatch: pytest.MonkeyPatch) -> Iterator[Mailbox]:
    """The queue of dead letters, as the command empties it; a message is in it."""
    for name, value in environment_of(served).items():
        monkeypatch.setenv(name, value)
    served.products["SMQ"].send("dead", encoded(ordered(80)))
    with access.session(60) as session:
        yield Mailbox(SmqQueue(session, served.endpoint, "dead"), 0)


@pytest.mark.enable_socket
def test_a_queue_that_is_being_filled_has_an_end(served: Served, box: Mailbox) -> None:
    """What comes after the first message was received is left for the next run, and shows again at once."""
    taken = []
    for mail in box.take():
        taken.append(mail)
        assert len(taken) == 1
        served.world.clock.advance(5)
        served.products["SMQ"].send("dead", encoded(ordered(443)))
    box.hand_back()
    assert [item.status for item in served.world.journal("SMQ.ChangeMessageVisibility")] == [200, 200]


@pytest.mark.enable_socket
def test_the_latest_receipt_counts(served: Served, box: Mailbox) -> None:
    """A message that became visible while others were received is not taken twice, and deleted with its new receipt."""
    taken = []
    for mail in box.take():
        taken.append(mail)
        served.world.clock.advance(40)  # it is invisible for 30
    (mail,) = taken
    box.remove(mail)
    assert (count(served, "dead"), len(served.world.journal("SMQ.DeleteMessage"))) == (0, 1)


def opened(cloud: Served, *entries: dict[str, Any]) -> None:
    """Let the gateway hold what these requests ask for."""
    seed(
        cloud.app,
        {"vpc_accesses": [{**entry, "Tag": [{"Key": "vpc-access-owner", "Value": "team-a"}]} for entry in entries]},
    )


@pytest.mark.enable_socket
def test_only_what_is_not_done_is_sent(served: Served) -> None:
    """Of a dead batch the record that is done is shown with its id, not sent, and stays; looking writes nothing."""
    served.products["SMQ"].send("dead", json.dumps(queue_event(encoded(ordered(80)), encoded(ordered(443)))))
    opened(served, ordered(80))
    (entry,) = served.products["CloudAPI"].state()["vpc_accesses"]
    done = run(served, "--queue", "dead")
    assert done.exit_code == 0
    assert [line.split()[:2] for line in done.stderr.splitlines()[1:3]] == [
        ["keep", "orders-80"],
        ["create", "orders-443"],
    ]
    assert entry["VpcAccessId"] in done.stderr
    assert done.stderr.splitlines()[-2:] == [
        "what is done was not sent, and its results were not repeated: --done sends it, too",
        "sent 1, skipped 1 (done 1), failed 0",
    ]
    assert [json.loads(body) for body in bodies(served)] == [ordered(443)]
    assert count(served, "dead") == 1
    writes = {item.operation for item in served.world.journal() if item.write}
    assert writes == {"SMQ.SendMessage", "SMQ.ChangeMessageVisibility"}


@pytest.mark.enable_socket
def test_done_is_sent_if_asked_for(served: Served) -> None:
    """With --done results come again that may never have arrived, and the message leaves; nobody is asked, nothing opens."""
    served.products["SMQ"].send("dead", json.dumps([ordered(80), ordered(443)]))
    opened(served, ordered(80), ordered(443))
    done = run_unasked(served, "--queue", "dead", "--done")
    assert (done.exit_code, done.stderr.splitlines()[-1]) == (0, "sent 2, skipped 0, failed 0")
    assert count(served, "dead") == 0


@pytest.mark.enable_socket
@pytest.mark.parametrize(
    ("letter", "changes"),
    [
        pytest.param(ordered(80), {}, id="request"),
        pytest.param(queue_event(encoded(ordered(80)), encoded(ordered(443))), {}, id="beside-what-is-done"),
        pytest.param(state_change(), {}, id="announcement"),
        pytest.param({**ordered(80), "Name": "orders-443", "Replaces": SEEN}, {"ON_CONFLICT": "replace"}, id="move"),
    ],
)
def test_what_was_closed_is_not_opened_unasked(served: Served, letter: Any, changes: dict[str, str]) -> None:
    """Where nobody can be asked, nothing is sent that opens a target: it is said, the command fails, the message stays."""
    served.products["SMQ"].send("dead", json.dumps(letter))
    opened(served, ordered(443))
    done = run_unasked(served, "--queue", "dead", **changes)
    assert done.exit_code == 1
    assert "what opens 1 target is not sent, since nobody is here to be asked: --yes sends it" in done.stderr
    assert "not-asked 1" in done.stderr.splitlines()[-1]
    assert (count(served, "dead"), count(served, "requests")) == (1, 0)
    assert [item.status for item in served.world.journal("SMQ.ChangeMessageVisibility")] == [200]


@pytest.mark.enable_socket
@pytest.mark.parametrize(
    ("letters", "told", "sentence", "code"),
    [
        pytest.param([request(Port=22)], "PortNotAllowed", "sent 0, skipped 1 (refused 1)", 3, id="refused"),
        pytest.param([request(), request(Port=80)], "ClaimedInBatch", "sent 1, skipped 1 (refused 1)", 3, id="rivals"),
        pytest.param([request(), request()], "create", "sent 2, skipped 0", 0, id="twice"),
        pytest.param([ordered(443)], "keep", "sent 0, skipped 1 (done 1)", 0, id="done"),
        pytest.param([state_change("i-bp1gone0001")], "gone", "sent 0, skipped 1 (gone 1)", 0, id="released"),
        pytest.param([state_change("i-bp1plain0001")], "untagged", "sent 0, skipped 1 (untagged 1)", 0, id="untagged"),
        pytest.param(
            [state_change("i-bp1gone0001", "Deleted")], "Deleted", "sent 0, skipped 1 (state 1)", 0, id="of-the-other"
        ),
        pytest.param([state_change("i-bp1half0001")], "create", "sent 1, skipped 0", 0, id="one-of-two-ports"),
        pytest.param([WRONG, ordered(80)], "create", "sent 1, skipped 1 (wrong 1)", 3, id="wrong"),
    ],
)
def test_the_plan_decides(served: Served, letters: list[Any], told: str, sentence: str, code: int) -> None:
    """What would be refused, is done, is nothing to do or cannot be known is not sent; each record is shown, with why."""
    opened(served, ordered(443), request(Name="half", InstanceId="i-bp1half0001", Port=80))
    served.products["ECS"].seed(
        Instance("i-bp1plain0001", VPC), Instance("i-bp1half0001", VPC, (("apigateway-port", "80,443"),))
    )
    for letter in letters:
        served.products["SMQ"].send("dead", json.dumps(letter))
    done = run(served, "--queue", "dead")
    assert (done.exit_code, done.stderr.splitlines()[-1]) == (code, f"{sentence}, failed 0"), done.output
    assert told in done.stderr


@pytest.mark.enable_socket
def test_what_cannot_be_looked_up_is_not_sent(served: Served) -> None:
    """Without the right to look, nothing is sent; the RAM action is named, and the code says that it can succeed later."""
    served.products["SMQ"].send("dead", encoded(request()))
    served.world.add_credential(replace(TEMPORARY, denied=frozenset({"apigateway:DescribeVpcAccesses"})))
    done = run(served, "--queue", "dead")
    assert (done.exit_code, done.stderr.splitlines()[-1]) == (4, "sent 0, skipped 1 (unclear 1), failed 0")
    assert "apigateway:DescribeVpcAccesses" in done.stderr


@pytest.mark.enable_socket
def test_blind_sends_everything_and_warns(served: Served) -> None:
    """With --blind no setting is needed and nothing is looked up or asked; what that can do is said."""
    served.products["SMQ"].send("dead", json.dumps([ordered(80), ordered(443)]))
    opened(served, ordered(80))
    done = run_unasked(served, "--queue", "dead", "--blind", OWNER="")
    assert (done.exit_code, done.stderr.splitlines()[-1]) == (0, "sent 2, skipped 0, failed 0")
    assert "warning  nobody looks what is done already" in done.stderr
    assert served.world.journal("CloudAPI.DescribeVpcAccesses") == []


@pytest.mark.enable_socket
def test_dry_run_prints_what_would_be_sent_only(served: Served, tmp_path: Path) -> None:
    """A dry run shows the plan, asks nothing and leaves out what is done."""
    file = tmp_path / "letters.json"
    file.write_text(json.dumps([ordered(80), ordered(443)]), encoding="utf-8")
    opened(served, ordered(80))
    done = run_unasked(served, file, "--dry-run")
    assert (done.exit_code, json.loads(done.stdout)) == (0, ordered(443))
    assert done.stderr.splitlines()[-1] == "would send 1, skipped 1 (done 1), failed 0"


@pytest.mark.enable_socket
@pytest.mark.parametrize(
    ("answer", "code", "sent"), [pytest.param("y", 0, 2, id="yes"), pytest.param("n", 1, 0, id="no")]
)
def test_one_question_before_something_is_opened(served: Served, answer: str, code: int, sent: int) -> None:
    """At a terminal the plan is shown, then one question is asked about all of it; with no, everything stays."""
    for port in (80, 443):
        served.products["SMQ"].send("dead", encoded(ordered(port)))
    ended, shown = on_a_terminal(["replay", "--wait", "0", "--queue", "dead"], environment_of(served), answer)
    question = "send what opens 2 targets? [y/N]"
    assert (ended, shown.count(question)) == (code, 1), shown
    assert shown.index("orders-443") < shown.index(question)
    assert (count(served, "dead"), count(served, "requests")) == (2 - sent, sent)
