"""Plays a world of ``tests.release_worlds`` on the stand-in, through the real function, and judges what comes of it."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any, NamedTuple

from functions.release_vpc_access.index import desire
from shared import log
from shared.access.release import CHECKS, Check
from shared.flow.engine import Run, Work
from shared.flow.release import release
from shared.model.outcome import HookAnswer, Outcome
from shared.model.records import Record
from tests.invoking import VPC, Invoker, new_invoker, queue_event, request, state_change
from tests.release_worlds import ELSEWHERE, HOUR, LIVING, NOT_TOUCHED, PLUGINS, World, read, reasons, schedule

WRITES = {"CloudAPI.RemoveVpcAccess", "SMQ.PublishMessage", "SMQ.SendMessage"}


def with_checks(when_due: Sequence[Check]) -> Work:
    """Return the function's work with another table of checks."""

    def work(records: Sequence[Record], run: Run) -> tuple[list[Outcome], list[HookAnswer]]:
        return release([desire(record, run.settings) for record in records], run, when_due)

    return work


class Seen(NamedTuple):
    """What a world came to: the statements that do not hold, and the results that were told, by type and reason."""

    broken: list[str]
    told: list[str]


def play(world: World, when_due: Sequence[Check] = CHECKS) -> Seen:
    """Let the world happen with its fault, deliver again without it what asked for that, and judge."""
    switches = {"remove_in_use": world.in_use, "remove_absent": world.absent}
    switches |= {"apis_in_draft": world.listed, "apis_by_backend": world.listed}
    if world.sight == "refused":
        switches["ecs_without_permission"] = "refuse"
    invoke = new_invoker(**switches)
    invoke.work = with_checks(when_due)
    invoke.configure(RELEASE_MODE=world.mode, RELEASE_ORIGIN="any" if world.any_origin else "announced")
    try:
        return _Stage(world, invoke).seen()
    finally:
        log.configure()
        invoke.served.app.close()


class _Stage:
    """One world as it happens."""

    def __init__(self, world: World, invoke: Invoker) -> None:
        self.world, self.invoke = world, invoke
        self.broken: list[str] = []
        self.published = False
        self.due = False
        self._furnish()
        self.entry = self._named(world.name)
        invoke.before, invoke.after = self._before, self._after

    def seen(self) -> Seen:
        """Run both steps, and judge."""
        scheduled = self._ended()
        untouched = self._untouched()
        early = self.invoke.messages()
        if scheduled:
            self._meanwhile()
            untouched = self._untouched()
            self.invoke.clock.advance(HOUR)
            self.due = True
            for _ in range(1 + self.world.twice):
                self._serve(queue_event(*map(self._spoilt, scheduled)))
        messages = self.invoke.messages()
        self._judge(early, messages, due=bool(scheduled))
        if self._untouched() != untouched:
            self.broken.append("something else was changed")
        if other := {call.operation for call in self.invoke.served.world.journal() if call.write} - WRITES:
            self.broken.append(f"it wrote by {other}")
        told = [f"{message['type'].partition('.')[2]} {message['data'].get('ReasonCode', '')}" for message in messages]
        return Seen(self.broken, [told_one.strip() for told_one in told])

    def _furnish(self) -> None:
        world, name = self.world, self.world.name
        near = f"{name}80"
        vpc_name = near if world.near in ("api", "twin") else ""
        apis = [{"ApiId": "near", "VpcName": vpc_name}] if vpc_name else []
        plugins = [_plugin("near", PLUGINS["yaml"](near) + PLUGINS["quoted"](f"x-{name}"))] * (world.near == "plug-in")
        backends = [_backend("near", Name=near)] * (world.near == "backend")
        for use in world.uses:
            if use in PLUGINS:
                plugins.append(_plugin("p-1", PLUGINS[use](name)))
            elif use == "backend-by-id":
                backends.append(_backend("b-1", VpcAccessId="id-1"))
            elif use in ("backend", "api-by-backend"):
                backends.append(_backend("b-1", Name=name))
            if use in ("api", "draft"):
                apis.append({"ApiId": "a-1", "VpcName": name, "StageName": "RELEASE" if use == "api" else ""})
            elif use == "api-by-backend":
                apis.append({"ApiId": "a-1", "BackendId": "b-1"})
        living = [{"InstanceId": LIVING, "VpcId": VPC}]
        balancers = []
        if world.backend != "gone" and world.target == "clb":
            balancers = [{"LoadBalancerId": world.instance_id, "VpcId": VPC}]
        elif world.backend != "gone":
            living.append({"InstanceId": world.instance_id, "VpcId": VPC, "Status": world.backend})
        theirs = request(Name=NOT_TOUCHED[0], InstanceId=world.instance_id, Port=8443, Tag=_marks("team-b"))
        ours = request(Name=NOT_TOUCHED[1], InstanceId=LIVING, Port=80, Tag=_marks("team-a"))
        entry = request(Name=name, InstanceId=world.instance_id, Port=80, Tag=world.tags(), VpcAccessId="id-1")
        twin = request(Name=near, InstanceId=world.instance_id, Port=8080, Tag=world.tags(), VpcAccessId="id-2")
        self.invoke.given(
            entries=[theirs, *([twin] if world.near == "twin" else []), entry, ours],
            instances=living,
            load_balancers=balancers,
            apis=apis,
            backends=backends,
            plugins=plugins,
        )
        if world.sight in ("hidden", "this-one-hidden"):
            hidden = [world.instance_id, *([LIVING] if world.sight == "hidden" else [])]
            self.invoke.given(permissions=[{"unseen": hidden}])
        elif world.sight != "all":
            denied = ["ecs:DescribeInstances", "slb:DescribeLoadBalancerAttribute"]
            self.invoke.given(permissions=[{"denied": denied}])

    def _ended(self) -> list[str]:
        """Let the end be told, or write the message by hand; return the messages that will be due."""
        if self.world.sent_by_hand:
            return [schedule(entry) for entry in self.invoke.accesses() if entry["Name"].startswith(self.world.name)]
        self._serve(state_change(self.world.instance_id, "Deleted"))
        self.invoke.clock.advance(HOUR)
        bodies, smq = [], self.invoke.served.products["SMQ"]
        while found := smq.receive("releases", 16):
            for message in found:
                smq.delete("releases", message.receipt_handle)
                bodies.append(message.body)
        return bodies

    def _serve(self, event: list[dict[str, Any]] | dict[str, Any]) -> None:
        """Deliver with the fault; what asks for it is delivered again without."""
        self.invoke.given(faults=[self.world.fault.rule()] if self.world.fault else [])
        first = self.invoke(event)
        self.invoke.given(faults=[])
        again = self.invoke(event) if first.error else first
        if again.error and self.world.sight == "all":
            self.broken.append(f"it never ends: {again.error}")
        records = len(event) if isinstance(event, list) else 1
        if not again.error and len(again.results) < records:
            self.broken.append("a record has no outcome")

    def _meanwhile(self) -> None:
        world, what = self.world, self.world.meanwhile
        entries, account = self.invoke.served.products["CloudAPI"].entries, self.invoke.served.world.account_id
        target = (VPC, world.instance_id, 80)
        mine = request(Name=world.name, InstanceId=world.instance_id, Port=80, Tag=world.tags())
        if what in ("removed", "remade", "renamed"):
            entries.remove(account, *target)
        if what in ("moved", "moved-and-taken"):
            entries.modify(account, world.name, {"InstanceId": ELSEWHERE})
        again = {
            "remade": mine,
            "moved-and-taken": {**mine, "Name": "theirs", "Tag": _marks("team-b")},
            "renamed": {**mine, "Name": "another"},
            "taken-over": {**mine, **self._identity(), "Tag": _marks("team-b")},
        }
        if what in again:
            self.invoke.given(entries=[again[what]])

    def _identity(self) -> dict[str, str]:
        return {"VpcAccessId": self.entry["VpcAccessId"], "CreatedTime": self.entry["CreatedTime"]}

    def _spoilt(self, body: str) -> str:
        """Return the due message as it is delivered."""
        message, what = read(body), self.world.message
        if what == "not-json":
            return body[:-10]
        if what == "malformed":
            del message["Release"]["VpcAccessId"]
        elif what == "another-region":
            message["RegionId"] = "cn-beijing"
        elif what:
            message["Release"]["VpcAccessId" if what == "stale-id" else "CreatedTime"] = "2020-01-01T00:00:00Z"
        return json.dumps(message)

    def _before(self, operation: str) -> None:
        if operation == "RemoveVpcAccess":
            self._judge_removal()

    def _after(self, operation: str) -> None:
        if self.due and not self.published and operation == self.world.published_after:
            self.published = True
            self.invoke.given(apis=[{"ApiId": "late", "VpcName": self.world.name}])

    def _judge_removal(self) -> None:
        """A removal is about to be asked for: the truth of this moment has to allow it."""
        world = self.world
        why = reasons(world, published=self.published)
        if world.message:
            why.append(world.message)
        if world.mode != "apply":
            why.append(world.mode)
        if why:
            self.broken.append(f"a removal in spite of {why}")

    def _judge(self, early: list[dict[str, Any]], late: list[dict[str, Any]], *, due: bool) -> None:
        world, mine = self.world, self.entry["VpcAccessId"]
        odd = bool(world.fault and "odd" in world.fault.effect)
        why = reasons(world, published=self.published)
        allowed = {"Changed", "NotOurs", "NotAnnounced", "TargetNotVerifiable"} if odd else set[str]()
        before = reasons(world._replace(meanwhile="", message=""), published=False)
        for message in early:
            if message["data"].get("VpcAccessId") == mine:
                self._expect(message, allowed | set(before))
        told = [message for message in late if message["type"] in ("vpcaccess.kept", "vpcaccess.released")]
        told = [message for message in told if message["data"]["Name"] == world.name]
        for message in told:
            self._expect(message, allowed | set(why))
            kept = message["data"].get("ReasonCode")
            if kept and world.fault is None and why and kept != why[0]:
                self.broken.append(f"kept as {kept}, though {why[0]} comes first")
        removed = {message["id"] for message in told if message["type"] == "vpcaccess.released"}
        there = mine in {entry["VpcAccessId"] for entry in self.invoke.accesses()}
        if (
            not due
            and not odd
            and world.mode != "off"
            and not set(before) & {"NotOurs", "NotAnnounced", "NotAnInstance"}
        ):
            self.broken.append("its release was never scheduled")
        stays = bool(why) or bool(world.message) or world.mode != "apply" or not due
        gone_by_us = not there and world.meanwhile not in ("removed", "remade", "renamed")
        if gone_by_us and len(removed) != 1:
            self.broken.append(f"told of a removal under {len(removed)} ids")
        if removed and there:
            self.broken.append("told of a removal, and it is there")
        if not stays and there and not (odd and any(message["data"].get("ReasonCode") for message in told)):
            self.broken.append("dead, ours, announced and unused, and it is there")

    def _expect(self, message: dict[str, Any], allowed: set[str]) -> None:
        kept = message["data"].get("ReasonCode", "")
        if kept and kept not in allowed:
            self.broken.append(f"kept as {kept}; it may be {sorted(allowed)}")

    def _named(self, name: str) -> dict[str, Any]:
        return next(entry for entry in self.invoke.accesses() if entry["Name"] == name)

    def _untouched(self) -> list[dict[str, Any]]:
        """Return every entry but the one that is due, and who uses what."""
        state = self.invoke.served.products["CloudAPI"].state()
        others = [entry for entry in state["vpc_accesses"] if entry["VpcAccessId"] != self.entry["VpcAccessId"]]
        return [*others, *state["backends"], *state["plugins"]]


def _marks(owner: str) -> list[dict[str, str]]:
    return [{"Key": "vpc-access-owner", "Value": owner}, {"Key": "vpc-access-origin", "Value": "announced"}]


def _plugin(its_id: str, data: str) -> dict[str, Any]:
    return {"PluginId": its_id, "PluginName": its_id, "PluginData": data}


def _backend(its_id: str, **config: str) -> dict[str, Any]:
    model = {"StageName": "RELEASE", "BackendConfig": {"Type": "VPC", "VpcConfig": config}}
    return {"BackendId": its_id, "BackendName": its_id, "BackendType": "VPC", "BackendModels": [model]}
