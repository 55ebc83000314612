"""Who comes first where time may run out: messages take turns, small units before large ones, news before repeats."""

from __future__ import annotations

import json
from typing import Any

import pytest

from shared.flow.authorize import turns_of
from shared.model.outcome import Job
from shared.model.records import Appeared, Hook, Ignored, Record
from tests.invoking import VPC, Invoker, queue_event, request

ONE, OTHER = Hook("ash-1", "token-1"), Hook("ash-2", "token-2")


def _job(message_id: str, hook: Hook | None = None) -> Job:
    content = Appeared("ecs", "i-1", hook=hook) if hook is not None else Ignored("", "")
    return Job(Record("", message_id, "", content, "{}"))


@pytest.mark.parametrize(
    ("jobs", "turns"),
    [
        pytest.param([_job("a"), _job("b")], [(0, 1), (0, 1)], id="messages-of-one-record"),
        pytest.param([_job("a"), _job("a"), _job("b"), _job("a")], [(0, 1), (1, 1), (0, 1), (2, 1)], id="in-turns"),
        pytest.param([_job(""), _job(""), _job("")], [(0, 1)] * 3, id="a-record-without-a-message-is-one"),
        pytest.param([_job("a", ONE), _job("a", ONE), _job("b")], [(0, 2), (0, 2), (0, 1)], id="a-hook-has-one-turn"),
        pytest.param([_job("a", ONE), _job("a", OTHER), _job("a", ONE)], [(0, 2), (1, 1), (0, 2)], id="two-hooks"),
        pytest.param([_job("a", ONE), _job("b", ONE)], [(0, 1), (0, 1)], id="a-hook-in-two-messages"),
        pytest.param([_job("a"), _job("a", ONE), _job("a", ONE)], [(0, 1), (1, 2), (1, 2)], id="a-hook-after-another"),
        pytest.param([], [], id="none"),
    ],
)
def test_messages_take_turns(jobs: list[Job], turns: list[tuple[int, int]]) -> None:
    """Each record has the number of its turn in its message, and how many have that turn together."""
    found = turns_of(jobs)

    assert [found[id(job.record)] for job in jobs] == turns


def _hook(name: str, *instances: str) -> dict[str, Any]:
    content = {"lifecycleHookId": name, "lifecycleActionToken": f"token-{name}", "lifecycleTransition": "SCALE_OUT"}
    place = {"userId": "1234567890123456", "regionId": "cn-hangzhou"}
    return {**place, "content": {**content, "instanceIds": [f"i-{item}" for item in instances]}}


def _asked(*names: str) -> Any:
    """Return a message with a request for each of the names; one whose name begins with "k" is there already."""
    found = [request(Name=name, InstanceId=f"i-{name}") for name in names]
    return found[0] if len(found) == 1 else found


@pytest.mark.parametrize(
    ("messages", "order"),
    [
        pytest.param([_hook("h", "h1", "h2", "h3"), _asked("a")], "a h1 h2 h3", id="the-smaller-unit-first"),
        pytest.param(
            [_hook("h", "h1", "h2", "h3"), _hook("g", "g1", "g2"), _asked("a")], "a g1 g2 h1 h2 h3", id="by-size"
        ),
        pytest.param([_asked("a1", "a2", "a3"), _asked("b1", "b2")], "a1 b1 a2 b2 a3", id="messages-take-turns"),
        pytest.param([_asked("k1"), _asked("a")], "a k1", id="news-before-a-repeat"),
        pytest.param(
            [_hook("h", "h1", "h2"), _asked("k1")], "h1 h2 k1", id="news-before-a-repeat-however-large-the-unit"
        ),
        pytest.param(
            [_asked("a1", "k2", "a3"), _asked("b1", "b2")], "a1 b1 b2 a3 k2", id="a-repeat-after-news-of-later-turns"
        ),
        pytest.param([_asked("a1", "a2"), _asked("k1")], "a1 k1 a2", id="each-message-s-first-before-later-turns"),
        pytest.param(
            [_hook("x", "x1", "x2"), _asked("k1"), _asked("a")],
            "a k1 x1",
            id="what-still-cannot-be-done-is-told-last",
        ),
        pytest.param([_asked("k1"), _hook("r", "r1")], "r1 k1", id="a-final-no-is-news"),
        pytest.param(
            [[_asked("a1"), _hook("h", "h1", "h2")], [_asked("b1"), _asked("b2")]],
            "a1 b1 b2 h1 h2",
            id="the-smaller-unit-first-of-later-turns",
        ),
    ],
)
def test_results_come_in_turns(invoke: Invoker, messages: list[Any], order: str) -> None:
    """The order in which results are published: where time ends, the next delivery goes on with those behind it."""
    kept = [_asked(name) for name in ("k1", "k2")]
    tagged = [{"InstanceId": f"i-{n}", "VpcId": VPC, "Tags": {"apigateway-port": "8080"}} for n in ("h1", "h2", "h3")]
    tagged += [{**tagged[0], "InstanceId": f"i-{name}"} for name in ("g1", "g2")]
    tagged.append({**tagged[0], "InstanceId": "i-r1", "Tags": {"apigateway-port": "http"}})
    invoke.given(entries=kept, instances=tagged)
    invoke(queue_event(*map(json.dumps, messages)), timeout=6)

    assert " ".join(message["data"]["InstanceId"].removeprefix("i-") for message in invoke.messages()) == order


def test_look_ups_are_made_in_the_same_order(invoke: Invoker) -> None:
    """A hook of many instances is looked up after a hook of one, though its message came first."""
    invoke(queue_event(json.dumps(_hook("h", "h1", "h2")), json.dumps(_hook("g", "g1"))), timeout=3)
    (look_up,) = invoke.served.world.journal("ECS.DescribeInstances")

    assert json.loads(look_up.parameters["InstanceIds"]) == ["i-g1", "i-h1", "i-h2"]


@pytest.mark.parametrize("dry_run", ["false", "true"])
def test_the_report_is_in_the_order_of_the_event(invoke: Invoker, dry_run: str) -> None:
    """Whoever came first, the summary's lines stand as the records did."""
    tagged = [{"InstanceId": f"i-h{n}", "VpcId": VPC, "Tags": {"apigateway-port": "8080"}} for n in (1, 2)]
    invoke.given(instances=tagged)
    invoke.configure(DRY_RUN=dry_run)
    answer = invoke(queue_event(json.dumps(_hook("h", "h1", "h2")), json.dumps(_asked("a"))))

    assert [result["target"].split(":")[0] for result in answer.results] == ["i-h1", "i-h2", "i-a"]
