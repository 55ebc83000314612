"""``python -m functions event``: every source that the parser knows can be made, nested too, with the values put in."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from functions.__main__ import main
from functions._operator import catalogue, samples
from shared.events.envelopes import ENVELOPES
from shared.events.parsing import MAX_DEPTH, parse
from shared.model.access import VpcAccess
from shared.model.records import Appeared, Ended, Hint, Invalid, Record, Scheduled, Timer
from tests.cloud.fixtures import Served
from tests.cloud.seeds import seed
from tests.invoking import operator_environment
from tests.running import Run

ROOT = Path(__file__).parents[2]
DEEP = ["smq-queue/smq-topic/ess-hook", "smq-queue/fc-destination/smq-queue", "http/eventbridge/eventbridge/ecs"]
DEEP += ["fc-destination/kafka/eventbridge/actiontrail", "smq-queue/smq-topic/fc-destination/http/cloudmonitor"]


def event(*arguments: str, **environment: str) -> Result:
    """Run the command."""
    return CliRunner().invoke(main, ["event", *arguments], env=environment)


def made(*arguments: str) -> list[Record]:
    """Return the records of what the command prints."""
    done = event(*arguments)
    assert done.exit_code == 0, done.output
    return parse(done.stdout.encode())


def test_every_source_of_the_parser_can_be_made() -> None:
    """A wrapper or announcement that the parser learns fails here until there is a sample of it."""
    assert {envelope.name for envelope in ENVELOPES if envelope.name} | {"manual"} == {
        *samples.CONTENTS,
        *samples.WRAPPERS,
    }


@pytest.mark.parametrize("source", [pytest.param(source, id=source) for source in [*samples.sources(), *DEEP]])
def test_an_event_is_recognised_as_what_was_asked_for(source: str) -> None:
    """Alone and in every wrapper, and several deep: the parser calls the source what the command was told."""
    records = made(source)

    assert {record.source for record in records} == {source}
    assert [record for record in records if isinstance(record.content, Invalid)] == []


@pytest.mark.parametrize("around", ["", *samples.WRAPPERS])
@pytest.mark.parametrize(
    ("inner", "options", "found"),
    [
        pytest.param(
            "manual",
            "--name n-1 --vpc vpc-9 --instance 10.0.0.9 --port 443 --correlation c-1",
            [VpcAccess("n-1", "vpc-9", "10.0.0.9", 443, correlation="c-1")],
            id="manual",
        ),
        pytest.param(
            "eventbridge/ecs --instance i-9",
            "--region cn-shanghai --account 2222222222222222",
            [Appeared("ecs", "i-9", "cn-shanghai", "2222222222222222")],
            id="ecs",
        ),
        pytest.param(
            "eventbridge/ecs",
            "--instance i-9 --state Deleted",
            [Ended("ecs", "i-9", "cn-hangzhou", "1234567890123456", "Deleted")],
            id="ecs-deleted",
        ),
        pytest.param(
            "cloudmonitor",
            "--instance i-9 --region cn-shanghai --account 2222222222222222",
            [Appeared("ecs", "i-9", "cn-shanghai", "2222222222222222")],
            id="cloudmonitor",
        ),
        pytest.param(
            "eventbridge/ess",
            "--instance i-8 --instance i-9",
            [Appeared("ecs", f"i-{number}", "cn-hangzhou", "1234567890123456") for number in (8, 9)],
            id="ess",
        ),
        pytest.param(
            "actiontrail",
            "--instance lb-9",
            [Appeared("slb", "lb-9", "cn-hangzhou", "1234567890123456")],
            id="balancer",
        ),
        pytest.param(
            "eventbridge/actiontrail",
            "--instance i-8 --instance i-9",
            [Appeared("ecs", f"i-{number}", "cn-hangzhou", "1234567890123456") for number in (8, 9)],
            id="actiontrail",
        ),
        pytest.param("timer", "", [Timer("reconcile", "60")], id="timer"),
        pytest.param(
            "names",
            "--name n-1 --instance i-9",
            [Hint("n-1", "cn-hangzhou", "i-bp1example0012 has appeared", "i-9")],
            id="names",
        ),
    ],
)
def test_the_values_are_put_in(around: str, inner: str, options: str, found: list[Any]) -> None:
    """In every wrapper the record says what the options say, and nothing of the file's own backends is left."""
    source, *more = inner.split()
    whole = "/".join(filter(None, [around, source]))
    records = made(whole.removesuffix("/manual"), *more, *options.split())

    assert [record.content for record in records] == found


@pytest.mark.parametrize("source", ["ess-hook", "eventbridge/ess-hook", "kafka/ess-hook"])
def test_a_hook_is_about_the_instances_that_are_named(source: str) -> None:
    """However many there are, the hook has one token for them."""
    records = made(source, "--instance", "i-8", "--instance", "i-9", "--region", "cn-shanghai")
    contents = [record.content for record in records]

    assert [content.instance_id for content in contents if isinstance(content, Appeared)] == ["i-8", "i-9"]
    assert {content.region_id for content in contents if isinstance(content, Appeared)} == {"cn-shanghai"}
    assert len({content.hook for content in contents if isinstance(content, Appeared)}) == 1


def test_a_release_names_its_entry() -> None:
    """What is to be released is the entry that the options say."""
    (record,) = made("smq-queue/schedule", "--name", "n-1", "--vpc", "vpc-9", "--instance", "i-9", "--port", "443")

    assert isinstance(record.content, Scheduled)
    assert record.content.access[:4] == ("n-1", "vpc-9", "i-9", 443)


def test_region_and_account_of_the_environment_count() -> None:
    """An event for the real cloud is about the place that all other commands work in."""
    done = event("eventbridge/ecs", ALIBABA_CLOUD_REGION_ID="cn-shanghai", ALIBABA_CLOUD_ACCOUNT_ID="2222222222222222")
    (record,) = parse(done.stdout.encode())

    assert isinstance(record.content, Appeared)
    assert (record.content.region_id, record.content.account_id) == ("cn-shanghai", "2222222222222222")


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        pytest.param("ecs", "there is no 'ecs' in 'ecs': inside is one of manual,", id="not-a-source"),
        pytest.param("smq-queu/ess-hook", "there is no 'smq-queu'", id="not-a-wrapper"),
        pytest.param("ess-hook/smq-queue", "there is no 'ess-hook'", id="wrong-way-round"),
        pytest.param(
            "smq-queue/manual", "around a request they stand alone (smq-queue)", id="a-request-has-no-name-inside"
        ),
        pytest.param("eventbridge/ecs --port 80", "says nothing of --port: it takes --instance, --state", id="port"),
        pytest.param("timer --instance i-9", "says nothing of --instance: it takes none", id="timer"),
        pytest.param("cloudmonitor --instance i-8 --instance i-9", "about one backend: give --instance once", id="two"),
        pytest.param("ess-hook --instance lb-9", "ids begin with i-, all of one kind", id="balancer-in-a-hook"),
        pytest.param(
            "actiontrail --instance i-8 --instance lb-9", "begin with i- or lb-, all of one kind", id="two-kinds"
        ),
    ],
)
def test_what_cannot_be_made_is_told(arguments: str, words: str) -> None:
    """It is wrong usage, and the text says what there is instead."""
    done = event(*arguments.split())

    assert done.exit_code == 64
    assert words in " ".join(done.stderr.split())


def test_nothing_is_deeper_than_the_parser_looks() -> None:
    """The deepest of the table is within what is opened, so that none fails for its depth alone."""
    assert max(source.count("/") for source in DEEP) * 2 < MAX_DEPTH


@pytest.mark.parametrize(
    ("arguments", "name"),
    [
        pytest.param("eventbridge/ecs", "set_vpc_access", id="appeared"),
        pytest.param("smq-queue", "set_vpc_access", id="request"),
        pytest.param("eventbridge/ecs --state Deleted", "release_vpc_access", id="ended"),
        pytest.param("smq-queue/schedule", "release_vpc_access", id="due"),
        pytest.param("timer", "reconcile_vpc_access", id="timer"),
        pytest.param("smq-queue/names", "named_backends", id="names"),
    ],
)
def test_an_event_without_a_folder_goes_to_who_gets_it_delivered(arguments: str, name: str) -> None:
    """On standard input nobody names the function: its triggers do."""
    assert catalogue.for_content(event(*arguments.split()).stdout.encode()) == name


@pytest.mark.enable_socket
@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        pytest.param("smq-queue --port 8443 --name orders", 0, "authorized", id="request"),
        pytest.param("manual --port 22", 3, "PortNotAllowed", id="refused"),
        pytest.param("smq-queue/ess-hook --instance i-bp1example0001", 0, "ess-hook", id="hook"),
        pytest.param("smq-queue/schedule", 0, "released", id="release"),
    ],
)
def test_a_made_event_runs(cloud: Served, arguments: str, code: int, words: str) -> None:
    """`functions event … | functions run -`: two processes and a pipe, and the table and the exit code of the second."""
    seed(cloud.app, json.loads((samples.EVENTS / "cloud.json").read_text(encoding="utf-8")))
    python = [sys.executable, "-m", "functions"]
    environment = {"PYTHONPATH": str(ROOT), **operator_environment(cloud)}
    first = subprocess.run(
        [*python, "event", *arguments.split()], env=environment, cwd=ROOT, capture_output=True, check=True
    )
    done = subprocess.run(
        [*python, "run", "-"], env=environment, cwd=ROOT, input=first.stdout, capture_output=True, check=False
    )

    assert done.returncode == code, done.stderr.decode()
    assert words in done.stdout.decode()


@pytest.mark.enable_socket
def test_make_run_takes_standard_input(run: Run) -> None:
    """`make run EVENT=-` hands on what it is given, and nothing at all is rejected as an empty event would be."""
    done = run("-")

    assert done.code == 3
    assert "rejected" in done.all
