"""A run of the contract asks before it writes, and leaves nothing behind, however it ends."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import httpx
import pytest
from click.testing import CliRunner, Result

from shared.cloud.signing import Credentials
from shared.errors import OperatorNeeded
from tests.cloud.fixtures import Served
from tests.cloud.seeds import permit
from tests.contract import stage
from tests.contract.__main__ import main
from tests.contract.account import PREFIX, Given
from tests.contract.question import Question
from tests.contract.questions import BY_ID, QUESTIONS
from tests.contract.record import NOT_ASKED
from tests.contract_tests.asking import Asking, answers, asking
from tests.patience import PATIENCE, until
from tests.running import on_a_terminal

ROOT = Path(__file__).parents[2]
WRITING = [pytest.param(question, id=question.id) for question in QUESTIONS if question.writes]


class Ended(SystemExit):
    """What Ctrl-C raises."""


def end_at(run: Asking, number: int, *, before: bool, dead: bool = False) -> None:
    """Let a run be ended at its n-th request: before it is sent, or after it took effect; ``dead``: nothing answers then."""
    seen = [0]

    def count(*, here: bool) -> None:
        seen[0] += before == here and 1
        if before == here and seen[0] == number:
            raise Ended
        if dead and seen[0] > number:
            raise httpx.ConnectError("no network")

    run.before, run.after = lambda: count(here=True), lambda: count(here=False)


def requests_of(run: Asking, question: Question) -> int:
    """Return how many requests a question takes by itself."""
    seen = list[None]()
    run.after = lambda: seen.append(None)
    run([question])
    return len(seen)


def test_a_whole_run_leaves_nothing() -> None:
    """After all questions everything is as it was, and nothing is told to be left."""
    run = asking()
    before = run.state()
    ran = run()

    assert run.writes() > 50
    assert (run.state(), ran.left) == (before, [])


@pytest.mark.parametrize("question", WRITING)
def test_an_interrupted_run_leaves_nothing(question: Question) -> None:
    """Ctrl-C before or after any request of a question that writes leaves everything as it was."""
    requests = requests_of(asking(apis_follow_after_looks=1), question)
    for number in range(1, requests + 1):
        for before in (True, False):
            run = asking(apis_follow_after_looks=1)
            was = run.state()
            end_at(run, number, before=before)
            with pytest.raises(Ended):
                run([question])
            assert run.state() == was, f"ended {'before' if before else 'after'} request {number}"


@pytest.mark.parametrize("question_id", ["taken-name", "port-range", "visible-after-change", "smq-tags"])
def test_what_a_killed_run_left_goes_with_the_next(question_id: str) -> None:
    """A run that could take nothing away is cleaned up after by the next one, which says so before."""
    run = asking(port_range="accept")
    was = run.state()
    requests = requests_of(run, BY_ID[question_id])
    left = False
    for number in range(1, requests + 1):
        end_at(run, number, before=False, dead=True)
        with pytest.raises(Ended):
            run([BY_ID[question_id]])
        stays = run.state() != was
        left = left or stays
        run.before = run.after = lambda: None
        run.consented.clear()
        run([BY_ID["smq-missing"]])
        told = run.consented[0][1]

        assert (bool(told), run.state()) == (stays, was)
        assert all(PREFIX in each.what for each in told)
    assert left


def test_a_test_authorization_that_was_not_pointed_back_is_told() -> None:
    """A used entry that an earlier run left at a port of ours is not taken for the state to come back to."""
    run = asking()
    entries = run.cloud["CloudAPI"].entries
    entries.modify(run.cloud.world.account_id, run.given.used_entry, {"Port": 64_007})
    (outcome,) = run([BY_ID["change-followed"]]).outcomes

    assert outcome.by_client["product"].word == NOT_ASKED
    assert "point contract-used back to its own port" in outcome.by_client["product"].why


@pytest.mark.parametrize("question_id", ["set-answer", "visible-after-set", "taken-name", "created-time"])
def test_an_instance_that_the_gateway_refuses_answers_nothing(question_id: str) -> None:
    """Whose instance may not be authorized is told so, and why: that is no answer to a question about something else."""
    run = asking(target_check="on")
    run.given = replace(run.given, instance_id="i-nobody")
    (outcome,) = run([BY_ID[question_id]]).outcomes

    assert outcome.by_client["product"].word == NOT_ASKED
    assert "refused an authorization for your instance with " in outcome.by_client["product"].why


def test_nothing_is_written_without_consent() -> None:
    """Who does not say yes gets the answers of what only reads, and no call that writes is made."""
    run = asking()
    run.consents = False
    told = answers(run())

    assert run.writes() == 0
    assert {each for each, (word, _) in told.items() if word == NOT_ASKED} == {
        "event-shapes",
        *(question.id for question in QUESTIONS if question.writes),
    }


def test_who_names_nothing_is_told_what_to_give() -> None:
    """Each question that needs something of the user says which option or variable, and the rest is answered."""
    run = asking()
    run.given, run.place = Given(), run.place._replace(bare=None, account_id="")
    unasked = {outcome.question_id: outcome.by_client["product"] for outcome in run().outcomes}
    whys = {each: asked.why for each, asked in unasked.items() if asked.answer is None}

    assert all(why.startswith(("give --", "set ")) for why in whys.values()), whys
    assert {"set-answer", "change-followed", "smq-tags", "retry-after", "users-in-draft"} <= whys.keys()
    assert "ecs-dry-run" not in whys


def test_a_foreign_entry_on_a_port_of_ours_stays() -> None:
    """What opens the target of an entry of ours under another's name is not removed with it."""
    run = asking()
    entry = {"Name": "foreign", "VpcId": "vpc-contract0001", "InstanceId": "i-contract0001", "Port": 64_000}
    run.cloud["CloudAPI"].entries.seed(
        run.cloud.world.account_id, type(run.cloud["CloudAPI"].entries.everything()[0]).from_parameters(entry)
    )
    was = run.state()
    run([BY_ID["visible-after-set"], BY_ID["remove-absent"]])

    assert run.state() == was


def test_a_wrong_key_ends_before_anything_is_asked() -> None:
    """A key that the gateway refuses is told in the product's words, and nothing follows."""
    run = asking()
    run.place = run.place._replace(credentials=Credentials("test-access-key-id", "wrong"))
    with pytest.raises(OperatorNeeded, match="ALIBABA_CLOUD_ACCESS_KEY_SECRET"):
        run()

    assert [call.operation for call in run.cloud.world.journal()] == ["CloudAPI.DescribeVpcAccesses"]


def command(*arguments: str, **environment: str) -> Result:
    """Run the command with these variables only."""
    others = {name: None for name in os.environ if name.startswith(("ALIBABA", "CONTRACT", "SMQ_", "STAND_IN"))}
    return CliRunner().invoke(main, arguments, env={**others, **environment})


def test_an_account_without_credentials_gets_one_clear_text(tmp_path: Path) -> None:
    """`CLOUD=real` without a key names both variables, sends nothing (sockets are off) and writes no record."""
    ended = command("--cloud", "real", "--out", str(tmp_path / "contract.json"))

    assert ended.exit_code == 1
    assert ended.output == "Error: set ALIBABA_CLOUD_ACCESS_KEY_ID and ALIBABA_CLOUD_ACCESS_KEY_SECRET\n"
    assert list(tmp_path.iterdir()) == []


@pytest.mark.enable_socket
def test_a_wrong_secret_on_a_stand_in_leaves_no_record(cloud: Served, tmp_path: Path) -> None:
    """The command shows what the gateway said of the key, writes nothing, and takes its furniture away."""
    before = cloud.products["CloudAPI"].state()
    arguments = "--cloud", cloud.endpoint, "--out", str(tmp_path / "contract.json"), "--no-sdk"
    ended = command(*arguments, STAND_IN_SECRET="wrong")

    assert ended.exit_code == 1
    assert "SignatureDoesNotMatch" in ended.output
    assert list(tmp_path.iterdir()) == []
    assert cloud.products["CloudAPI"].state() == before
    assert not any(call.write for call in cloud.world.journal())


@pytest.mark.enable_socket
def test_an_account_is_asked_by_key_and_region_of_the_environment(cloud: Served, tmp_path: Path) -> None:
    """`CLOUD=real` reads without --yes and writes nothing; what answers on this machine is no account to the record."""
    out = tmp_path / "contract.json"
    endpoints = dict.fromkeys(
        (f"{name}_ENDPOINT" for name in ("APIGATEWAY", "ECS", "SLB", "ESS", "SMQ")), cloud.endpoint
    )
    key = {
        "ALIBABA_CLOUD_ACCESS_KEY_ID": "test-access-key-id",
        "ALIBABA_CLOUD_ACCESS_KEY_SECRET": "test-access-key-secret",
    }
    where = {"ALIBABA_CLOUD_REGION_ID": "cn-shanghai", "ALIBABA_CLOUD_ACCOUNT_ID": "1234567890123456"}
    asked = [part for each in ("page-size", "smq-missing", "smq-counts") for part in ("--only", each)]
    ended = command("--cloud", "real", "--out", str(out), "--no-sdk", *asked, **endpoints, **key, **where)
    told = json.loads(out.read_text(encoding="utf-8"))

    assert ended.exit_code == 0, ended.output
    assert (told["cloud"], told["region"]) == ("stand-in", "cn-shanghai")
    assert [row["answer"] for row in told["answers"]] == ["refused", NOT_ASKED, NOT_ASKED]
    assert not any(call.write for call in cloud.world.journal())


@pytest.mark.enable_socket
@pytest.mark.parametrize(("typed", "answer"), [("yes", "present"), ("y", NOT_ASKED), ("", NOT_ASKED)])
def test_only_a_typed_yes_lets_an_account_be_written_to(cloud: Served, tmp_path: Path, typed: str, answer: str) -> None:
    """On a terminal the command lists what it would make, and goes on for `yes` and nothing else."""
    out = tmp_path / "contract.json"
    endpoints = dict.fromkeys(
        (f"{name}_ENDPOINT" for name in ("APIGATEWAY", "ECS", "SLB", "ESS", "SMQ")), cloud.endpoint
    )
    key = {
        "ALIBABA_CLOUD_ACCESS_KEY_ID": "test-access-key-id",
        "ALIBABA_CLOUD_ACCESS_KEY_SECRET": "test-access-key-secret",
    }
    given = (
        "--cloud",
        "real",
        "--no-sdk",
        "--only",
        "set-answer",
        "--vpc",
        "vpc-1",
        "--instance",
        "i-1",
        "--out",
        str(out),
    )
    code, shown = on_a_terminal(
        given,
        {**endpoints, **key, "ALIBABA_CLOUD_REGION_ID": "cn-hangzhou"},
        typed,
        module="tests.contract",
        question=b"type yes to go on [no]: ",
    )
    (row,) = json.loads(out.read_text(encoding="utf-8"))["answers"]

    assert code == 0, shown
    assert "of i-1 in vpc-1 on ports 64000 to 64999" in " ".join(shown.split())
    assert row["answer"] == answer
    assert any(call.write for call in cloud.world.journal()) == (answer == "present")
    assert cloud.products["CloudAPI"].state()["vpc_accesses"] == []


@pytest.mark.enable_socket
def test_the_vendors_clients_get_the_same_answers(tmp_path: Path) -> None:
    """On the embedded stand-in the product's clients and the vendor's agree about every question that both can ask."""
    out = tmp_path / "contract.json"
    ended = command("--out", str(out), "--switch", "apis_follow_after_looks=2")
    rows = json.loads(out.read_text(encoding="utf-8"))["answers"]

    assert ended.exit_code == 0, ended.output
    assert [row["question"] for row in rows if len(set(row["clients"].values())) > 1] == []
    assert {row["question"] for row in rows if "sdk" not in row["clients"]} == {
        question.id for question in QUESTIONS if question.alone
    }
    assert len([row for row in rows if row.get("switches")]) > 25


def test_where_no_record_can_be_written_nothing_is_asked(tmp_path: Path) -> None:
    """A folder that is not there is told before the first call (sockets are off), not after the last one."""
    ended = command("--out", str(tmp_path / "nowhere" / "contract.json"))

    assert ended.exit_code == 64
    assert "make its folder, or name another file" in " ".join(ended.output.split())


def test_a_stand_in_does_not_write_over_an_accounts_record(tmp_path: Path) -> None:
    """Who has asked an account and tries something on the stand-in keeps the record, and is told to name another file."""
    out = tmp_path / "contract.json"
    out.write_text('{"contract": 1, "cloud": "real", "answers": []}', encoding="utf-8")
    before = out.read_bytes()
    ended = command("--out", str(out))

    assert (ended.exit_code, out.read_bytes()) == (64, before)
    assert "name another file by --out" in " ".join(ended.output.split())


@pytest.mark.enable_socket
def test_what_is_left_is_said_last(cloud: Served, tmp_path: Path) -> None:
    """An authorization that cannot be removed is named, with what becomes of it, and the exit code is 1."""
    cloud.faults.set([{"operation": "CloudAPI.RemoveVpcAccess", "status": 400, "code": "InvalidPort"}])
    out = tmp_path / "contract.json"
    ended = command("--cloud", cloud.endpoint, "--no-sdk", "--only", "set-answer", "--out", str(out))

    assert ended.exit_code == 1
    assert json.loads(out.read_text(encoding="utf-8"))["answers"][0]["answer"] == "present"
    *_, named, then = ended.output.splitlines()
    assert named.startswith("left behind: authorization vpc-access-contract-")
    assert then == "what is named vpc-access-contract-… goes with the next run; see to the rest by hand"


@pytest.mark.enable_socket
def test_ctrl_c_tells_what_it_could_not_take_away(cloud: Served, tmp_path: Path) -> None:
    """An ended command does not say that everything is taken away where it is not."""
    rules = [
        {"operation": "CloudAPI.ModifyVpcAccessAndUpdateApis", "nth": 1, "delay": 2.0},
        {"operation": "CloudAPI.RemoveVpcAccess", "status": 400, "code": "InvalidPort"},
    ]
    cloud.faults.set(rules)
    arguments = ["--cloud", cloud.endpoint, "--no-sdk", "--only", "visible-after-change", "--out", str(tmp_path / "c")]
    with subprocess.Popen(
        [sys.executable, "-m", "tests.contract", *arguments],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    ) as run:
        assert until(lambda: len(cloud.faults.unfired()) == 1)
        run.send_signal(signal.SIGINT)
        said, _ = run.communicate(timeout=PATIENCE)

    assert run.returncode == 130, said
    assert "left behind: authorization vpc-access-contract-" in said


@pytest.mark.enable_socket
def test_ctrl_c_leaves_a_stand_in_as_it_was(cloud: Served, tmp_path: Path) -> None:
    """Ctrl-C while the gateway takes its time ends the command with 130, and everything is taken away."""
    before = cloud.products["CloudAPI"].state()["vpc_accesses"]
    cloud.faults.set([{"operation": "CloudAPI.ModifyVpcAccessAndUpdateApis", "nth": 1, "delay": 2.0}])
    arguments = ["--cloud", cloud.endpoint, "--no-sdk", "--only", "visible-after-change", "--out", str(tmp_path / "c")]
    run = subprocess.Popen(
        [sys.executable, "-m", "tests.contract", *arguments],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    with run:
        assert until(lambda: not cloud.faults.unfired())
        run.send_signal(signal.SIGINT)
        said, _ = run.communicate(timeout=PATIENCE)

    assert run.returncode == 130, said
    assert said.startswith("\nended by Ctrl-C; what was made is taken away\n")
    assert cloud.products["CloudAPI"].state()["vpc_accesses"] == before
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("question_id", "denied", "bare", "why"),
    [
        pytest.param("set-answer", "apigateway:SetVpcAccess", "", "allow your key SetVpcAccess", id="write"),
        pytest.param("ess-page-size", "ess:DescribeScalingInstances", "", "allow your key", id="read"),
        pytest.param("retry-after", "apigateway:DescribePlugins", "", "DescribePlugins", id="not-throttled"),
        pytest.param("ecs-without-permission", "", "wrong", "correct CONTRACT_BARE_ACCESS_KEY_ID", id="bare-key"),
    ],
)
def test_a_refused_key_is_no_answer(question_id: str, denied: str, bare: str, why: str) -> None:
    """What is refused because of the key says nothing of the question: it is not asked, and says what to do."""
    run = asking()
    permit(run.cloud.world, {"access_key_id": stage.KEY.access_key_id, "denied": [denied]})
    run.place = run.place._replace(bare=stage.BARE._replace(access_key_secret=bare or stage.BARE.access_key_secret))
    (outcome,) = run([BY_ID[question_id]]).outcomes

    assert outcome.by_client["product"].word == NOT_ASKED
    assert why in outcome.by_client["product"].why
