"""Changes, looks, failures and time in any order: each API goes where a model of few lines says, under every switch."""

from __future__ import annotations

import itertools
from dataclasses import dataclass, field
from typing import Any

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule, run_state_machine_as_test

from tests.cloud.asking import Asker
from tests.cloud.core import ManualClock, Switches, World
from tests.cloud.fixtures import new_cloud
from tests.cloud.seeds import seed

APIS = ("a-0", "a-1", "a-2")


@dataclass
class _Task:
    asked: str
    waiting: list[str]
    started: float
    looks: int = 0
    ended: dict[str, str] = field(default_factory=dict)


class _Model:
    """Where each API goes, said again with as little as possible: nothing is kept but the place itself."""

    def __init__(self, switches: Switches) -> None:
        self.switches, self.target, self.now = switches, "i-1", 0.0
        self.places = dict.fromkeys(APIS, "i-1")
        self.failures = dict.fromkeys(APIS, 0)
        self.tasks: list[_Task] = []

    def modify(self, target: str, *, batch: bool, refresh: bool) -> str:
        if self.switches.modify_while_updating == "refuse" and any(task.waiting for task in self.tasks):
            return "RepeatedCommit"
        same = target == self.target and self.switches.modify_same_target == "nothing" and not refresh
        self.target = target
        follow = not same and (batch or self.switches.need_batch_work == "void")
        self.tasks.append(_Task(target, list(APIS) if follow else [], self.now))
        self.go_on()
        return ""

    def look(self, task: _Task) -> list[str]:
        told = [task.ended.get(api, "updating") for api in APIS if api in task.ended or api in task.waiting]
        task.looks += 1
        self.go_on()
        return told

    def go_on(self) -> None:
        for task in self.tasks:
            if self.now < task.started + self.switches.apis_follow_after_seconds:
                continue
            for api in list(task.waiting):
                place = APIS.index(api) if self.switches.apis_follow == "one-by-one" else 0
                if task.looks >= self.switches.apis_follow_after_looks + place:
                    task.waiting.remove(api)
                    task.ended[api] = "failed" if self.failures[api] else "success"
                    if not self.failures[api]:
                        self.places[api] = task.asked if self.switches.late_update == "asked" else self.target
                    self.failures[api] = max(0, self.failures[api] - 1)


class _Machine(RuleBasedStateMachine):
    switches = Switches()

    def __init__(self) -> None:
        super().__init__()
        self.cloud = new_cloud(World(clock=ManualClock(), switches=self.switches))
        seed(self.cloud, {"vpc_accesses": [{"Name": "web", "VpcId": "vpc-1", "InstanceId": "i-1", "Port": 80}]})
        seed(self.cloud, {"apis": [{"ApiId": api, "VpcName": "web"} for api in APIS]})
        self.ask, self.model, self.ids = Asker(self.cloud), _Model(self.switches), list[str]()

    def teardown(self) -> None:
        self.cloud.close()

    @rule(place=st.sampled_from(["i-1", "i-2", "i-3"]), batch=st.booleans(), refresh=st.booleans())
    def modify(self, place: str, batch: bool, refresh: bool) -> None:
        fields = {"NeedBatchWork": batch, "Refresh": refresh}
        _status, body = self.ask("ModifyVpcAccessAndUpdateApis", Name="web", InstanceId=place, **fields)
        assert body.get("Code", "") == self.model.modify(place, batch=batch, refresh=refresh)
        if "OperationId" in body:
            self.ids.append(body["OperationId"])

    @rule(data=st.data())
    def look(self, data: Any) -> None:
        if self.ids:
            number = data.draw(st.integers(0, len(self.ids) - 1))
            body = self.ask("DescribeUpdateVpcInfoTask", OperationUid=self.ids[number])[1]
            rows = body["ApiUpdateVpcInfoResults"]["ApiUpdateVpcInfoResult"]
            assert [row["UpdateStatus"] for row in rows] == self.model.look(self.model.tasks[number])

    @rule(seconds=st.sampled_from([1, 10, 30]))
    def wait(self, seconds: int) -> None:
        self.cloud.world.clock.advance(seconds)
        self.model.now += seconds
        self.model.go_on()

    @rule(api=st.sampled_from(APIS), failures=st.integers(0, 2))
    def publish(self, api: str, failures: int) -> None:
        self.cloud.settle()
        seed(self.cloud, {"apis": [{"ApiId": api, "VpcName": "web", "UpdateFailures": failures}]})
        self.model.places[api], self.model.failures[api] = self.model.target, failures

    @invariant()
    def each_api_goes_where_the_model_says(self) -> None:
        rows = self.cloud["CloudAPI"].state()["apis"]
        assert {row["ApiId"]: row["Backend"]["InstanceId"] for row in rows} == self.model.places


@pytest.mark.parametrize(
    ("looks", "seconds", "pace", "late"),
    list(itertools.product([0, 2], [0, 20], ["together", "one-by-one"], ["present", "asked"])),
    ids=str,
)
@pytest.mark.parametrize("others", ["first", "second"])
def test_any_sequence_agrees_with_the_model(looks: int, seconds: int, pace: str, late: str, others: str) -> None:
    """Answers, rows and the backends of all APIs are the model's."""
    second: dict[str, Any] = {
        "modify_same_target": "nothing",
        "modify_while_updating": "refuse",
        "need_batch_work": "void",
    }
    switches = Switches(
        apis_follow_after_looks=looks,
        apis_follow_after_seconds=seconds,
        apis_follow=pace,
        late_update=late,
        **(second if others == "second" else {}),
    )
    run_state_machine_as_test(
        type("Machine", (_Machine,), {"switches": switches}),
        settings=settings(
            max_examples=20, stateful_step_count=25, deadline=None, suppress_health_check=[HealthCheck.too_slow]
        ),
    )
