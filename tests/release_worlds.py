"""Worlds in which a release is due, driven through the real function, and an oracle of what may become of them.

A world is the plain case (dead, ours, announced, unused: released) with a few fields changed. The oracle is written from
the rules of a release in README.md, in terms of the stand-in; it knows nothing of the code that it judges.
"""

from __future__ import annotations

import json
from base64 import b64decode
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

from functions.release_vpc_access.index import desire
from shared.access.release import CHECKS, Check
from shared.flow.engine import Run, Work
from shared.flow.release import release
from shared.model.outcome import HookAnswer, Outcome
from shared.model.records import Record
from tests.invoking import VPC, Invoker, new_invoker, queue_event, request, state_change

HOUR = 3600.0
TARGETS = {"ecs": "i-bp1example0001", "clb": "lb-bp1example0001", "alb": "alb-bp1example0001", "address": "10.0.0.1"}
LIVING, ELSEWHERE = "i-bp1example0002", "i-bp1example0003"
READS = (
    *("DescribeVpcAccesses", "DescribeInstances", "DescribeLoadBalancerAttribute"),
    *("DescribeBackendList", "DescribePlugins"),
)
PLUGINS = {
    "json": lambda name: json.dumps({"routes": [{"backend": {"type": "HTTP-VPC", "vpcAccessName": name}}]}),
    "yaml": lambda name: f"routes:\n- backend:\n    type: HTTP-VPC\n    vpcAccessName: {name}\n",
    "escaped": lambda name: '{"vpcAccessName":"' + "".join(f"\\u{ord(letter):04X}" for letter in name) + '"}',
    "quoted": lambda name: f"routes: [{{backend: {{vpcAccessName: '{name}'}}}}] # the old one",
    "folded": lambda name: f'vpcAccessName: "{name[:9]}\\\n    {name[9:]}"',
}
NOT_TOUCHED = ("team-b-theirs", f"team-a-{LIVING}-80")


class Fault(NamedTuple):
    """What goes wrong with an operation, at its ``nth`` call (0: at each), until nothing goes wrong any more."""

    operation: str
    effect: dict[str, Any]
    nth: int = 0

    def rule(self) -> dict[str, Any]:
        return {"operation": self.operation, **self.effect, **({"nth": self.nth} if self.nth else {})}


class World(NamedTuple):
    """The plain case, unless a field says otherwise."""

    target: str = "ecs"
    owners: tuple[str, ...] = ("team-a",)
    origin: str = "announced"
    backend: str = "gone"  # or the status in which it lives
    sight: str = "all"  # "hidden": no instance shows; "denied": no right, an empty list; "refused": no right, in words
    uses: tuple[str, ...] = ()
    near: str = ""  # what uses an entry whose name only begins or ends like this one's; "twin": one that is there
    meanwhile: str = ""  # what happens to the entry between the two steps
    published_after: str = ""  # an API goes online right after the first call of this operation when it is due
    fault: Fault | None = None
    mode: str = "apply"
    any_origin: bool = False
    message: str = ""  # what is wrong with the message that is due
    sent_by_hand: bool = False  # nobody has scheduled it
    twice: bool = False
    in_use: str = "remove"  # three switches of the stand-in
    absent: str = "refuse"
    listed: str = "hidden"

    @property
    def instance_id(self) -> str:
        return TARGETS[self.target]

    @property
    def name(self) -> str:
        return f"team-a-{self.instance_id}-80"

    def tags(self) -> list[dict[str, str]]:
        """Return the marks of the entry."""
        owners = [{"Key": "vpc-access-owner", "Value": owner} for owner in self.owners]
        return owners + ([{"Key": "vpc-access-origin", "Value": self.origin}] if self.origin else [])


OPTIONS: dict[str, tuple[Any, ...]] = {
    "target": ("clb", "alb", "address"),
    "owners": (("team-b",), (), ("team-a", "team-b"), ("team-b", "team-a")),
    "origin": ("requested", "named", ""),
    "backend": ("Running", "Stopped"),
    "sight": ("hidden", "denied", "refused"),
    "uses": tuple((use,) for use in ("api", "draft", "api-by-backend", "backend", "backend-by-id", *PLUGINS)),
    "near": ("plug-in", "api", "backend", "twin"),
    "meanwhile": ("removed", "remade", "moved", "moved-and-taken", "renamed", "taken-over"),
    "published_after": READS,
    "mode": ("report", "off"),
    "any_origin": (True,),
    "message": ("stale-id", "stale-time", "another-region", "malformed", "not-json"),
    "twice": (True,),
    "in_use": ("refuse",),
    "absent": ("accept",),
    "listed": ("listed",),
}
"""What each field can be besides; ``sent_by_hand`` and ``fault`` are drawn for themselves."""


def reasons(world: World, *, published: bool) -> list[str]:
    """Return every reason to keep the entry when its message is due, in the order in which they are looked at."""
    return list(_reasons(world, published))


def _reasons(world: World, published: bool) -> Iterator[str]:
    if world.message in ("stale-id", "stale-time") or world.meanwhile in (
        *("remade", "moved", "moved-and-taken", "renamed"),
    ):
        yield "Changed"
    if world.owners != ("team-a",) or world.meanwhile == "taken-over":
        yield "NotOurs"
    if world.origin != "announced" and not (world.any_origin and world.origin != "named"):
        yield "NotAnnounced"
    if world.target in ("alb", "address"):
        yield "NotAnInstance"
    elif world.backend != "gone" and world.sight == "all":
        yield "Alive"
    elif world.sight != "all":
        yield "TargetNotVerifiable"
    if published or any(use != "draft" or world.listed == "listed" for use in world.uses):
        yield "InUse"
    if world.mode == "report":
        yield "ReportOnly"


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
    invoke.configure(
        RELEASE_MODE=world.mode, RELEASE_ORIGIN="any" if world.any_origin else "announced", LOG_LEVEL="OFF"
    )
    try:
        return _Stage(world, invoke).seen()
    finally:
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
        early = self._messages()
        if scheduled:
            self._meanwhile()
            untouched = self._untouched()
            self.invoke.clock.advance(HOUR)
            self.due = True
            for _ in range(1 + self.world.twice):
                self._serve(queue_event(*map(self._spoilt, scheduled)))
        messages = self._messages()
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

    def _messages(self) -> list[dict[str, Any]]:
        return self.invoke.messages()

    def _named(self, name: str) -> dict[str, Any]:
        return next(entry for entry in self.invoke.accesses() if entry["Name"] == name)

    def _untouched(self) -> list[dict[str, Any]]:
        """Return every entry but the one that is due, and who uses what."""
        state = self.invoke.served.products["CloudAPI"].state()
        others = [entry for entry in state["vpc_accesses"] if entry["VpcAccessId"] != self.entry["VpcAccessId"]]
        return [*others, *state["backends"], *state["plugins"]]


WRITES = {"CloudAPI.RemoveVpcAccess", "SMQ.PublishMessage", "SMQ.SendMessage"}


def schedule(entry: dict[str, Any], **changes: Any) -> str:
    """Return the message that schedules the release of an entry, as the gateway lists it."""
    fields = ("Name", "VpcId", "InstanceId", "Port", "VpcAccessId", "CreatedTime")
    whole = {name: entry[name] for name in fields} | changes
    return json.dumps({"Release": whole, "RegionId": "cn-hangzhou", "Because": "by hand"})


def read(body: str) -> dict[str, Any]:
    """Return what a scheduled message says; in Base64 if the function has sent it."""
    whole: dict[str, Any] = json.loads(body if body.startswith("{") else b64decode(body))
    return whole


def _marks(owner: str) -> list[dict[str, str]]:
    return [{"Key": "vpc-access-owner", "Value": owner}, {"Key": "vpc-access-origin", "Value": "announced"}]


def _plugin(its_id: str, data: str) -> dict[str, Any]:
    return {"PluginId": its_id, "PluginName": its_id, "PluginData": data}


def _backend(its_id: str, **config: str) -> dict[str, Any]:
    model = {"StageName": "RELEASE", "BackendConfig": {"Type": "VPC", "VpcConfig": config}}
    return {"BackendId": its_id, "BackendName": its_id, "BackendType": "VPC", "BackendModels": [model]}
