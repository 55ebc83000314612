"""Worlds in which names keep their backends: what is there at first, what happens, and what the cloud is like.

Nothing here knows the code that is judged: ``tests.names_stage`` plays a world through all four functions.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from hypothesis import strategies as st

NAME = "orders-prod"
IDS = tuple(f"i-bp1example000{number}" for number in range(1, 5))
TARGET = "the target"  # in a step: whatever the name opens then
WITNESS = "i-bp1example0009"  # is always there and never tagged: what is absent can be proven beside it only
GROUP = "asg-bp1example0001"


class Step(NamedTuple):
    """Something happens to an instance (or several), and the cloud tells of it in its own time.

    ``kind`` is start, stop, tag, untag, vanish, leave (a scale-in with a hook), sweep or wait. ``told`` says what becomes of
    the event: once, twice, late (after the next step) or lost. ``fault`` is a fault rule while it is dealt with.
    """

    kind: str
    ids: tuple[str, ...] = ()
    told: str = "once"
    seconds: int = 20
    heartbeat: int = 600
    fault: tuple[tuple[str, Any], ...] = ()


class World(NamedTuple):
    """Up to four instances stand for one name; ``flaws`` has what is wrong with one of them."""

    steps: tuple[Step, ...] = ()
    running: tuple[str, ...] = IDS[:2]
    flaws: tuple[tuple[str, str], ...] = ()
    failures: int = 0  # how often an API fails to follow
    switches: tuple[tuple[str, Any], ...] = ()
    fresh: bool = False  # each invocation begins with a new engine, which remembers nothing
    by_backend: bool = False  # one API more comes to the name by a backend object


FLAWS = ("port", "ports", "vpc", "name")
SWITCHES: dict[str, tuple[Any, ...]] = {
    "apis_follow_after_looks": (1, 4, 9),
    "apis_follow_after_seconds": (5, 40),
    "apis_follow": ("one-by-one",),
    "modify_same_target": ("nothing",),
    "modify_while_updating": ("refuse",),
    "late_update": ("asked",),
    "unfinished_rows": ("hidden",),
    "task_words": ("running-fail",),
    "task_of_nothing": ("refuse",),
    "task_unknown": ("empty",),
    "listed_target": ("api",),
    "modify_created_time": ("changes",),
    "modified_after_reads": (2, 4),
    "visible_after_reads": (3,),
    "instance_change_after_reads": (2,),
    "duplicate": ("overwrite",),
    "vpc_access_id": ("absent",),
    "heartbeat_from": ("end",),
    "released_member": ("hidden",),
    "target_check": ("on",),
    "apis_by_backend": ("listed",),
    "ecs_total_count": ("whole",),
    "need_batch_work": ("void",),
    "ess_messages": ("base64",),
}
HIDDEN = {"apis_by_backend": "hidden"}  # what the stand-in does unless a world says otherwise
OPERATIONS = (
    *("CloudAPI.ModifyVpcAccessAndUpdateApis", "CloudAPI.DescribeUpdateVpcInfoTask", "CloudAPI.DescribeVpcAccesses"),
    *("CloudAPI.DescribeApisByVpcAccess", "CloudAPI.SetVpcAccess", "ECS.DescribeInstances", "SMQ.SendMessage"),
    *("SMQ.PublishMessage", "ESS.DescribeScalingInstances", "ESS.CompleteLifecycleAction"),
    "ESS.RecordLifecycleActionHeartbeat",
)
EFFECTS: tuple[dict[str, Any], ...] = (
    {"status": 503, "code": "ServiceUnavailable"},
    {"status": 503, "code": "InternalError", "when": "after"},
    {"status": 400, "code": "Throttling.User"},
    {"cut": "before"},
    {"cut": "after"},
)


@st.composite
def steps(draw: st.DrawFn) -> Step:
    """Draw a step; most are told once, and nothing goes wrong."""
    kind = draw(
        st.sampled_from(["stop", "stop", "start", "start", "leave", "leave", "vanish", "untag", "tag", "sweep", "wait"])
    )
    several = kind in ("leave", "stop") and draw(st.integers(0, 4)) == 0
    among = IDS if kind in ("start", "tag") else (TARGET, TARGET, *IDS)
    ids = tuple(draw(st.permutations(among))[: 2 if several else 1]) if kind not in ("sweep", "wait") else ()
    told = draw(st.sampled_from(["once", "once", "once", "twice", "late", "lost"]))
    fault: dict[str, Any] = {}
    if draw(st.integers(0, 3)) == 0:
        fault = {"operation": draw(st.sampled_from(OPERATIONS)), **draw(st.sampled_from(EFFECTS))}
        nth = draw(st.integers(0, 3))
        fault |= {"nth": nth} if nth else {}
    heartbeat = draw(st.sampled_from([600, 600, 60, 30]))
    return Step(kind, ids, told, draw(st.sampled_from([0, 3, 20, 70, 200])), heartbeat, tuple(fault.items()))


@st.composite
def worlds(draw: st.DrawFn) -> World:
    """Draw up to eight steps in a cloud with up to four open questions answered otherwise."""
    flawed = draw(st.permutations(IDS))[: draw(st.integers(0, 1))]
    switches = {
        name: draw(st.sampled_from(SWITCHES[name]))
        for name in draw(st.lists(st.sampled_from(sorted(SWITCHES)), max_size=4, unique=True))
    }
    unknown = {"unfinished_rows": "hidden", "apis_by_backend": "hidden"}.items() <= {**HIDDEN, **switches}.items()
    return World(
        tuple(draw(st.lists(steps(), min_size=2, max_size=8))),
        tuple(draw(st.permutations(IDS))[: draw(st.integers(2, 4))]),
        tuple((one, draw(st.sampled_from(FLAWS))) for one in flawed),
        draw(st.sampled_from([0, 0, 1, 2])),
        tuple(switches.items()),
        draw(st.booleans()),
        draw(st.booleans()) and not unknown,
    )
