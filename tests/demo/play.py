"""``make demo``: fifteen events and their answers, each received from a queue that is subscribed to the result topic."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from string import ascii_lowercase
from tempfile import TemporaryDirectory
from typing import Any, NamedTuple

import click

from functions._operator import build, interpreters, interrupt, terminal
from tests.demo.stage import EVENTS, STANDING, Stage, stage


class Row(NamedTuple):
    """One act: what happens, how it is caused, what the answers have to be, and what else has to be true then."""

    what: str
    cause: Callable[[Stage], object]
    outcome: str
    reason: str = ""
    answers: int = 1
    same_id_as: int | None = None
    then: Callable[[Stage], bool] = lambda _: True


def _event(name: str) -> str:
    return (EVENTS / name).read_text(encoding="utf-8")


REQUEST = {"Name": "checkout-prod", "VpcId": "vpc-bp1example0001", "InstanceId": "i-bp1example0003", "Port": 8080}
RUNNING = json.loads(_event("ecs/running.json").replace("i-bp1example0001", "i-bp1example0002"))
SSH = {**REQUEST, "Name": "ssh", "Port": 22}
CALLED = {**REQUEST, "Name": "by-http", "Port": 8443}
BALANCER = json.loads(_event("slb/create-load-balancer.json"))
ENDED, USED = "i-bp1example0002", "i-bp1scaling0001"  # both were authorized when they appeared
FIRST, SECOND, THIRD = (str(one["InstanceId"]) for one in STANDING)


def _appear(stage: Stage) -> None:
    """Let the first of those run that stand for the name, which an API calls."""
    stage.call_by_name()
    stage.announce(json.loads(_event("ecs/running.json").replace("i-bp1example0001", FIRST)))


def _is_closed(stage: Stage) -> bool:
    """Tell whether only what is used stayed."""
    return stage.opens(USED) and not stage.opens(ENDED)


ROWS = (
    Row("a message on the request queue", lambda s: s.send(json.dumps(REQUEST)), "authorized"),
    Row("a tagged instance is Running", lambda s: s.announce(RUNNING), "authorized"),
    Row("an event file, by hand", lambda s: s.invoke(_event("manual/authorize.json")), "authorized"),
    Row("the first message again", lambda s: s.send(json.dumps(REQUEST)), "unchanged", same_id_as=0),
    Row("a malformed message", lambda s: s.send('{"Name": "checkout-prod"}'), "rejected", "InvalidRecord"),
    Row("a message that asks for port 22", lambda s: s.send(json.dumps(SSH)), "refused", "PortNotAllowed"),
    Row("a scaling hook of 3 instances", Stage.scale_out, "authorized", answers=3, then=Stage.hook_completed),
    Row("a load balancer was created", lambda s: s.announce(BALANCER), "authorized"),
    Row("a call over HTTP (answer: 200)", lambda s: s.call(CALLED), "authorized", then=Stage.called_well),
    Row("an instance is deleted", lambda s: s.delete(ENDED), "released", same_id_as=1, then=_is_closed),
    Row("one that an API uses is deleted", lambda s: s.delete(USED, used=True), "kept", "InUse", same_id_as=6),
    Row("a sweep finds an older instance", Stage.sweep, "authorized"),
    Row("three instances carry one name", _appear, "authorized", then=lambda s: s.reaches(FIRST)),
    Row(
        "the one that has it is deleted",
        lambda s: s.delete(FIRST),
        "replaced",
        same_id_as=12,
        then=lambda s: s.reaches(SECOND),
    ),
    Row(
        "a scale-in takes the next one",
        Stage.scale_in,
        "replaced",
        same_id_as=12,
        then=lambda s: s.reaches(THIRD) and s.left_after_the_name(),
    ),
)
_WITH_ID = ("authorized", "unchanged", "replaced", "released", "kept")


def main() -> int:
    """Play all rows and print their answers; 0 only if every answer is the expected one."""
    rows: list[tuple[str, ...]] = []
    try:
        with terminal.waiting("building the function, then deploying it on the stand-in"):
            wrong = _play(rows)
    except click.ClickException as error:  # nothing could be built, and it says why
        error.show()
        return error.exit_code
    names = ("", "what happens", "result", "VpcAccessId", "reason")
    terminal.show_table(terminal.console(), names, rows, ["red" if letter in wrong else "" for letter, *_ in rows])
    told = f"not as expected: {', '.join(wrong)}" if wrong else "all as expected"
    click.echo(f"{len(rows)} answers, received from the result topic: {told}")
    return 1 if wrong else 0


def _play(rows: list[tuple[str, ...]]) -> list[str]:
    """Play on a function of this run's own, put the answers into ``rows``, and return the letters of wrong ones.

    An answer that does not come is the last one.
    """
    wrong: list[str] = []
    first: list[dict[str, Any]] = []
    with interrupt.put_away(lambda: TemporaryDirectory(prefix="vpc-access-demo-")) as folder:
        package = build.build(Path(folder), interpreters.running(), native=True)
        with stage(package.archive) as play:
            for letter, row in zip(ascii_lowercase, ROWS, strict=False):
                row.cause(play)
                try:
                    results = sorted((play.result() for _ in range(row.answers)), key=_about)
                except TimeoutError as error:
                    rows.append((letter, row.what, "none", "", str(error)))
                    return [*wrong, letter]
                first.append(results[0])
                if not (all(_fits(row, result, first) for result in results) and play.within(row.then)):
                    wrong.append(letter)
                rows += [(letter, row.what, *_shown(result)) for result in results]
    return wrong


def _about(result: dict[str, Any]) -> str:
    """Return the instance a result is about: those of one hook come in any order."""
    return str(result["data"].get("InstanceId", ""))


def _shown(result: dict[str, Any]) -> tuple[str, str, str]:
    data = result["data"]
    reason = ": ".join(filter(None, (data.get("ReasonCode"), data.get("Reason"))))
    return result["type"].removeprefix("vpcaccess."), data.get("VpcAccessId", ""), reason


def _fits(row: Row, result: dict[str, Any], first: list[dict[str, Any]]) -> bool:
    data = result["data"]
    if result["type"] != f"vpcaccess.{row.outcome}" or data.get("ReasonCode", "") != row.reason:
        return False
    if row.same_id_as is not None:
        return bool(data["VpcAccessId"] == first[row.same_id_as]["data"]["VpcAccessId"])
    return bool(data.get("VpcAccessId")) == (row.outcome in _WITH_ID)
