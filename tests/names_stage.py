"""Plays a world of ``tests.names_worlds`` on one stand-in and one clock, through all four functions, and judges it.

The functions do their real work; what happens between them (queues, delays, deliveries that are repeated) is played here.
The oracle knows what is there and what happened to it, and nothing of the code.
"""

from __future__ import annotations

import json
from base64 import b64decode
from collections.abc import Callable
from typing import Any, NamedTuple

from functions.named_backends.index import work as keep_names
from functions.reconcile_vpc_access.index import work as reconcile
from functions.release_vpc_access.index import work as release
from shared import log
from shared.flow.engine import Work
from tests.invoking import VPC, Answer, Invoker, new_invoker, queue_event, state_change
from tests.names_worlds import GROUP, IDS, NAME, TARGET, WITNESS, Step, World

ELSE = "vpc-bp1example0002"
SETTINGS = {"ALLOWED_NAMES": f"{VPC}:orders-*", "LOG_LEVEL": "ERROR", "RELEASE_DELAY_SECONDS": "3600"}
TIMER = {"triggerTime": "2026-01-05T05:00:00Z", "triggerName": "reconcile", "payload": "60"}
HOOK_ARN = "acs:mns:cn-hangzhou:1234567890123456:queue/hooks"
_HELD = 270  # seconds that a hook waits at most
_LONGEST = 1_800  # seconds that all names need to come to rest
_TRIES = 6  # deliveries of an event; the names queue's are repeated for a day, and nobody repeats a sweep
_RETRIED = 10  # seconds after which a delivery that failed is repeated


class Moved(NamedTuple):
    """A change of target as it took effect."""

    previous: str
    target: str
    at: float


class Seen(NamedTuple):
    """What a world came to: the statements that do not hold, its moves, and its hooks."""

    broken: list[str]
    moves: list[Moved]
    hooks: int


def play(world: World, work: Work = keep_names) -> Seen:
    """Let the world happen, let it come to rest, and judge."""
    stage = Stage(world, new_invoker(**dict(world.switches)), work)
    try:
        return stage.seen()
    finally:
        log.configure()
        stage.cloud.app.close()


class Stage:
    """One world as it happens."""

    def __init__(self, world: World, first: Invoker, work: Work = keep_names) -> None:
        self.world, self.cloud, self.clock = world, first.served, first.clock
        self.broken: list[str] = []
        self.moves: list[Moved] = []
        self.authorize, self.release, self.sweep = first, first.doing(release), first.doing(reconcile)
        self.names = first.doing(work)
        for one in (self.authorize, self.release, self.sweep, self.names):
            one.configure(**SETTINGS)
            one.after = self.after
        self.at = ""  # what the name opens
        self.ended: set[str] = set()  # instances that ended since the name last came to them
        self.hooks: dict[str, float] = {}  # token: when it was sent
        self.excused: set[str] = set()  # tokens whose message was lost, or whose wait was too short
        self.late: list[Callable[[], None]] = []
        self.repeated: list[tuple[float, Invoker, Any, int]] = []
        self.furnish()

    # the cloud

    def furnish(self) -> None:
        """Put the witness, the instances that run at first, APIs and their queue there, and tell of the instances."""
        smq = self.cloud.products["SMQ"]
        smq.create_queue("hooks")
        self.authorize.given(instances=[{"InstanceId": WITNESS, "VpcId": VPC}])
        for one in self.world.running:
            self.start(one)
        for one in self.world.running:
            self.tell(one, "Running")
        self.pump(5)
        self.authorize.given(visible_after_reads=0)  # an old entry shows, however few have looked
        for _ in range(9):
            self.cloud.products["CloudAPI"].entries.describe(self.cloud.world.account_id, {})
        apis: list[dict[str, Any]] = [
            {"ApiId": "api-1", "VpcName": NAME, "UpdateFailures": self.world.failures},
            {"ApiId": "api-2", "VpcName": NAME},
            {"ApiId": "draft", "VpcName": NAME, "StageName": ""},
        ]
        if self.world.by_backend:
            config = {"Type": "VPC", "VpcConfig": {"Name": NAME}}
            models = [{"StageName": "RELEASE", "BackendConfig": config}]
            backend = {"BackendId": "b-1", "BackendName": "b", "BackendType": "VPC", "BackendModels": models}
            self.authorize.given(backends=[backend])
            apis.append({"ApiId": "api-3", "BackendId": "b-1"})
        self.authorize.given(apis=apis)

    def tags(self, one: str) -> dict[str, str]:
        """Return the tags of an instance, with its flaw."""
        flaw = dict(self.world.flaws).get(one, "")
        port = {"port": "22", "ports": "8080,443"}.get(flaw, "8080")
        return {"apigateway-port": port, "apigateway-name": "orders-" if flaw == "name" else NAME}

    def start(self, one: str) -> None:
        """Let an instance run that is not there, or does not."""
        ecs = self.cloud.products["ECS"]
        if not ecs.status(one):
            vpc_id = ELSE if dict(self.world.flaws).get(one) == "vpc" else VPC
            at = self.minute()
            new = {"InstanceId": one, "VpcId": vpc_id, "Tags": self.tags(one), "Status": "Pending"}
            self.authorize.given(instances=[{**new, "CreationTime": at, "StartTime": at}])
            self.authorize.given(scaling_instances=[{"InstanceId": one, "ScalingGroupId": GROUP}])
        if ecs.status(one) != "Running":
            ecs.go_through(one, "Starting", "Running")

    def minute(self) -> str:
        """Return the present time as ECS writes it."""
        from shared.clock import utc

        return f"{utc(self.clock.now())[:16]}Z"

    def exists(self, one: str) -> bool:
        """Tell whether an instance is there."""
        return bool(self.cloud.products["ECS"].status(one))

    def entry(self) -> Any:
        """Return what has the name, whether it shows or not."""
        return self.cloud.products["CloudAPI"].entries.find(self.cloud.world.account_id, NAME)

    def instance(self, one: str) -> Any:
        """Return an instance as it is."""
        return self.cloud.products["ECS"]._instances.get(one)

    def fit(self) -> list[str]:
        """Return the instances that the name may be pointed to."""
        return [one for one in IDS if self.is_fit(one)]

    def is_fit(self, one: str) -> bool:
        there = self.instance(one)
        if there is None or there.status != "Running" or dict(self.world.flaws).get(one):
            return False
        member = self.cloud.products["ESS"]._members.get(one)
        state = member.lifecycle_state if member is not None else "InService"
        return dict(there.tags).get("apigateway-name") == NAME and state == "InService"

    def lives(self, one: str) -> bool:
        """Tell whether a target has no reason to be left."""
        there = self.instance(one)
        member = self.cloud.products["ESS"]._members.get(one)
        leaves = member is not None and member.lifecycle_state.startswith("Removing")
        tagged = there is not None and dict(there.tags).get("apigateway-name") == NAME
        return bool(tagged and there.status != "Stopped" and not leaves)

    # what happens

    def seen(self) -> Seen:
        """Play the steps, let everything come to rest, and judge."""
        for step in self.world.steps:
            self.happen(step)
        self.rest()
        self.judge()
        return Seen(self.broken, self.moves, len(self.hooks))

    def happen(self, step: Step) -> None:
        """Let one step happen, tell of it, and let time pass."""
        late, self.late = self.late, []
        tell = self.act(step)
        self.cloud.faults.set([dict(step.fault)] if step.fault else [])
        if step.told in ("once", "twice"):
            tell()
        if step.told == "twice":
            self.pump(2)
            tell()
        if step.told == "late":
            self.late.append(tell)
        for one in late:
            one()
        self.pump(step.seconds)
        self.cloud.faults.set([])

    def act(self, step: Step) -> Callable[[], None]:
        """Change the cloud; return what tells of it."""
        self.judge_target()
        ecs = self.cloud.products["ECS"]
        meant = dict.fromkeys(self.at if one == TARGET else one for one in step.ids)
        ids = [one for one in meant if self.exists(one) or step.kind == "start"]
        if step.kind == "sweep":
            return lambda: self.serve(self.sweep, TIMER, _TRIES)
        if step.kind == "leave":
            return self.leave(step, ids)
        if step.kind == "start":
            for one in ids:
                self.start(one)
            return lambda: self.tell_all(ids, "Running")
        if step.kind == "stop":
            for one in ids:
                self.end(one)
                if ecs.status(one) != "Stopped":
                    ecs.go_through(one, "Stopping", "Stopped")
            return lambda: self.tell_all(ids, "Stopped")
        if step.kind == "vanish":
            for one in ids:
                self.end(one)
                self.forget(one)
                ecs.go_through(one, "Stopping", "Stopped", "Deleted")
            return lambda: self.tell_all(ids, "Deleted")
        for one in ids if step.kind in ("tag", "untag") else []:
            tags = self.tags(one)
            if step.kind == "untag":
                self.end(one)
                del tags["apigateway-name"]
            ecs.change(one, tags=tuple(tags.items()))
        return lambda: None

    def leave(self, step: Step, ids: list[str]) -> Callable[[], None]:
        """Begin a scale-in with one hook; return what delivers its message."""
        ess = self.cloud.products["ESS"]
        among = [one for one in ids if one in ess._members]
        among = [one for one in among if ess._members[one].lifecycle_state == "InService"]
        if not among:
            return lambda: None
        from tests.cloud.ess.activities import Activity

        hook = {"LifecycleHookId": "ash-1", "NotificationArn": HOOK_ARN, "HeartbeatTimeout": step.heartbeat}
        activity = {"ScalingGroupId": GROUP, "LifecycleTransition": "SCALE_IN", "InstanceIds": among, "Hooks": [hook]}
        begun = ess.scale(Activity.from_json(activity))
        for one in among:
            self.end(one)
        token = begun["hooks"][0]["lifecycleActionToken"]
        self.hooks[token] = self.clock.now()
        unknown = self.world.fresh and (step.told == "twice" or step.fault)  # what became of the first message
        if step.told in ("lost", "late") or (step.heartbeat < 600 and step.fault) or unknown:
            self.excused.add(token)
        bodies = self.taken("hooks")
        return lambda: self.serve(self.authorize, queue_event(*bodies))

    def end(self, one: str) -> None:
        """Note that an instance ends as a target."""
        self.ended.add(one)

    def forget(self, one: str) -> None:
        """Let an instance leave its group."""
        ess = self.cloud.products["ESS"]
        if one in ess._members:
            ess.remove_member(one)

    def tell_all(self, ids: list[str], state: str) -> None:
        for one in ids:
            self.tell(one, state)

    def tell(self, one: str, state: str) -> None:
        """Deliver the event of a state to the function whose rule takes it."""
        self.serve(self.release if state in ("Stopped", "Deleted") else self.authorize, state_change(one, state))

    # deliveries

    def serve(self, invoke: Invoker, event: Any, tries: int = 1) -> None:
        """Deliver; what asks for it is delivered again later."""
        if self.world.fresh:
            invoke.configure(**SETTINGS)
        answer: Answer = invoke(event)
        if answer.error and (invoke is self.names or tries < _TRIES):
            self.repeated.append((self.clock.now() + _RETRIED, invoke, event, tries + 1))

    def taken(self, queue: str) -> list[str]:
        """Take the messages of a queue that are due."""
        smq, bodies = self.cloud.products["SMQ"], list[str]()
        for message in smq.receive(queue, 16):
            smq.delete(queue, message.receipt_handle)
            bodies.append(message.body)
        return bodies

    def pump(self, seconds: int) -> None:
        """Deliver what is due, for so many seconds."""
        until = self.clock.now() + seconds
        while True:
            now = self.clock.now()
            due = [one for one in self.repeated if one[0] <= now]
            self.repeated = [one for one in self.repeated if one[0] > now]
            for _, invoke, event, tries in due:
                self.serve(invoke, event, tries)
            if bodies := self.taken("names"):
                self.serve(self.names, queue_event(*bodies))
                if self.clock.now() < until:
                    continue
            self.cloud.products["ESS"].settle()
            if self.clock.now() >= until:
                return
            self.clock.advance(1)

    def rest(self) -> None:
        """No more trouble: tell what is late, sweep, and let the queue run dry."""
        self.cloud.faults.set([])
        self.cloud.products["ECS"]._stale.clear()  # time enough has passed for lists, however few have looked
        for one in self.late:
            one()
        self.pump(1)
        self.serve(self.sweep, TIMER)
        until = self.clock.now() + _LONGEST
        while self.repeated or self.is_waiting():
            if self.clock.now() > until:
                self.broken.append("it never comes to rest")
                return
            self.pump(5)

    def is_waiting(self) -> bool:
        """Tell whether the names queue holds anything, delayed or not."""
        return any(self.cloud.products["SMQ"].queue("names").counts().values())

    # judging

    def after(self, operation: str) -> None:
        """Judge what a call has done, before the function knows."""
        self.judge_target()
        if operation == "CompleteLifecycleAction":
            self.judge_release()

    def judge_target(self) -> None:
        """Wherever the name goes, it may, and it leaves only what has ended."""
        entry = self.entry()
        if entry is None or entry.instance_id == self.at:
            return
        if self.at and self.at not in self.ended:
            self.broken.append(f"a living target is left: {self.at}")
        if self.at:
            self.moves.append(Moved(self.at, entry.instance_id, self.clock.now()))
        self.at = entry.instance_id
        self.ended.discard(self.at)
        if not self.lives(self.at):
            self.ended.add(self.at)
        lags = "instance_change_after_reads" in dict(self.world.switches)
        there = self.instance(entry.instance_id)
        if not self.is_fit(entry.instance_id) and not (
            lags and there is not None and not dict(self.world.flaws).get(self.at)
        ):
            self.broken.append(f"it points to what must not have it: {entry.instance_id}")

    def judge_release(self) -> None:
        """A hook was answered, so its instances are gone: no published API may go there if a candidate lives."""
        fit, call = self.fit(), self.cloud.world.journal("ESS.CompleteLifecycleAction")[-1]
        token = str(call.parameters.get("LifecycleActionToken"))
        if self.clock.now() - self.hooks.get(token, 0.0) > _HELD or self.excused:
            return  # the time of the hook was over, or another was told nothing of
        for api, reached in self.reached().items():
            if reached is not None and not self.exists(reached.instance_id) and fit:
                self.broken.append(f"{api} goes to the released {reached.instance_id} although {fit[0]} lives")

    def reached(self) -> dict[str, Any]:
        """Return the entry by which each published API goes."""
        gateway, account = self.cloud.products["CloudAPI"], self.cloud.world.account_id
        gateway.tasks.settle()
        published = [api for api in gateway.uses.apis(account) if api.stage_name]
        return {api.api_id: gateway.uses.reaches(account, api, gateway.entries) for api in published}

    def judge(self) -> None:
        """At rest: a name with a living candidate points to one, its APIs, too; all is told, and all hooks are answered."""
        self.judge_target()
        entry, fit = self.entry(), self.fit()
        if fit and entry is None:
            self.broken.append(f"nothing has the name although {fit[0]} lives")
        if entry is not None and fit and not self.lives(entry.instance_id):
            self.broken.append(f"the name opens {entry.instance_id} although {fit[0]} lives")
        self.given_time()
        for api, reached in self.reached().items():
            if entry is not None and fit and reached.instance_id != entry.instance_id:
                self.broken.append(f"{api} goes to {reached.instance_id}, and the name opens {entry.instance_id}")
        self.judge_hooks()
        self.judge_told()

    def given_time(self) -> None:
        """Let every task that waits for looks go on: in the cloud nobody has to look."""
        self.authorize.given(apis_follow_after_looks=0, apis_follow="together")
        self.clock.advance(600)

    def judge_hooks(self) -> None:
        actions = {action.token: action for action in self.cloud.products["ESS"]._actions.everything()}
        for token in self.hooks.keys() - self.excused:
            action = actions[token]
            if action.status != "Completed" or action.result != "CONTINUE":
                self.broken.append(f"a hook ended as {action.status} {action.result}")

    def judge_told(self) -> None:
        told = [one for one in self.messages() if one["type"] == "vpcaccess.replaced"]
        ids = {one["id"] for one in told}
        ways = [(one["data"]["Previous"]["InstanceId"], one["data"]["InstanceId"]) for one in _first_of_each(told)]
        moved = [(move.previous, move.target) for move in self.moves]
        if sorted(ways) != sorted(moved):
            self.broken.append(f"moved {moved}, and told {ways} under {len(ids)} ids")

    def messages(self) -> list[dict[str, Any]]:
        """Take every result message."""
        taken = []
        while bodies := self.taken("results"):
            taken += [json.loads(b64decode(body, validate=True)) for body in bodies]
        return taken


def _first_of_each(told: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return list({one["id"]: one for one in reversed(told)}.values())
