"""``make demo``: nine events and their answers, each received from a queue that is subscribed to the result topic."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from typing import Any, NamedTuple

from rich.console import Console
from rich.table import Table

from functions._operator import build, interpreters
from tests.demo.stage import EVENTS, Stage, stage

_LONGEST_REASON = 120


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
ROWS = (
    Row("a producer's message on the queue", lambda s: s.send(json.dumps(REQUEST)), "authorized"),
    Row("ECS: a tagged instance is Running", lambda s: s.announce(RUNNING), "authorized"),
    Row("an event file, by hand (aliyun-fc2)", lambda s: s.invoke(_event("manual/authorize.json")), "authorized"),
    Row("the first message again", lambda s: s.send(json.dumps(REQUEST)), "unchanged", same_id_as=0),
    Row("a malformed message", lambda s: s.send('{"Name": "checkout-prod"}'), "rejected", "InvalidRecord"),
    Row("a message that asks for port 22", lambda s: s.send(json.dumps(SSH)), "refused", "PortNotAllowed"),
    Row("Auto Scaling: a hook of 3 instances", Stage.scale_out, "authorized", answers=3, then=Stage.hook_completed),
    Row("a load balancer was created", lambda s: s.announce(BALANCER), "authorized"),
    Row("a call over HTTP, answered with 200", lambda s: s.call(CALLED), "authorized", then=Stage.called_well),
)


def main() -> int:
    """Play all rows and print them; 0 only if every answer is the expected one."""
    table = Table(
        "", "what happens", "result", "VpcAccessId", "reason", "as said", title="received from the result topic"
    )
    first: list[dict[str, Any]] = []
    good = True
    package = build.build(build.ROOT / "dist" / "local", interpreters.running(), native=True)
    with stage(package.archive) as play:
        for number, row in enumerate(ROWS):
            row.cause(play)
            results = [play.result() for _ in range(row.answers)]
            first.append(results[0])
            fits = all(_fits(row, result, first) for result in results) and play.within(row.then)
            good &= fits
            for result in results:
                kind, access_id, reason = _shown(result)
                mark = "[green]yes[/]" if fits else "[red]NO[/]"
                table.add_row("abcdefghi"[number], row.what, kind, access_id, reason, mark)
    Console(width=None if sys.stdout.isatty() else 150).print(table)
    return 0 if good else 1


def _shown(result: dict[str, Any]) -> tuple[str, str, str]:
    data = result["data"]
    reason = ": ".join(filter(None, (data.get("ReasonCode"), data.get("Reason"))))
    if len(reason) > _LONGEST_REASON:
        reason = reason[:_LONGEST_REASON] + "…"
    return result["type"].removeprefix("vpcaccess."), data.get("VpcAccessId", ""), reason


def _fits(row: Row, result: dict[str, Any], first: list[dict[str, Any]]) -> bool:
    data = result["data"]
    if result["type"] != f"vpcaccess.{row.outcome}" or data.get("ReasonCode", "") != row.reason:
        return False
    if row.same_id_as is not None:
        return bool(data["VpcAccessId"] == first[row.same_id_as]["data"]["VpcAccessId"])
    return bool(data.get("VpcAccessId")) == (row.outcome == "authorized")


if __name__ == "__main__":
    sys.exit(main())
