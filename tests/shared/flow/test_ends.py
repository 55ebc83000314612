"""What an end, a stop and a release that is due come to, record by record: who is told, and what stands in the log."""

from __future__ import annotations

import json
from typing import Any

import pytest

from shared.errors import SettingsError
from shared.flow.engine import Invocation
from shared.flow.runtime import credentials
from tests.invoking import VPC, Invoker, queue_event, request, state_change
from tests.release_worlds import schedule
from tests.shared.flow.test_names_hooks import taken
from tests.shared.flow.test_release import ALIVE, GONE, NAME, NAMED, OURS

THEIRS = [{"Key": "vpc-access-owner", "Value": "team-b"}, NAMED[1]]
NAMES = {"ALLOWED_NAMES": f"{VPC}:orders-*"}
USERS = "DescribeApisByVpcAccess"


def entry(name: str = NAME, port: int = 8080, **changes: Any) -> dict[str, Any]:
    """Return an entry of ours for the instance that goes."""
    return request(Name=name, InstanceId=GONE, Port=port, **{"Tag": OURS, **changes})


def due(releasing: Invoker, **changes: Any) -> list[Any]:
    """Let the entry be there and its instance be gone; return the event that releases it."""
    releasing.given(entries=[entry(**changes)], instances=[{"InstanceId": ALIVE, "VpcId": VPC}])
    return queue_event(*map(schedule, releasing.accesses()))


def test_a_missing_key_is_said_once_for_the_whole_event(releasing: Invoker) -> None:
    """It is a mistake of the set-up, and no answer to any record; where nothing is to be done no key is asked for."""
    engine = releasing.configure()
    keyless = Invocation("req-1", 60.0, lambda: credentials({}, None))
    end, start = (json.dumps(state_change(GONE, state)).encode() for state in ("Deleted", "Running"))

    with pytest.raises(SettingsError, match="no credentials"):
        engine.handle(end, keyless)
    assert engine.handle(start, keyless).summary()["ignored_because"] == {"appeared": 1}


def test_each_record_has_a_line_and_what_comes_again_is_a_warning(releasing: Invoker) -> None:
    """The line has the outcome, and what it took: calls, and seconds waited to the thousandth."""
    event = due(releasing)
    releasing.configure(MAX_CALLS_PER_SECOND="7")
    releasing.given(faults=[{"operation": "CloudAPI.RemoveVpcAccess", "nth": 1, "status": 400, "code": "UnheardOf"}])
    releasing(event)
    releasing(event)
    first, second = [line for line in releasing.lines() if line["event"] == "record"]

    assert (first["level"], first["reason"], first["name"]) == ("WARNING", "UnheardOf", NAME)
    assert (second["level"], second["outcome"], second["name"]) == ("INFO", "released", NAME)
    assert first["waited"] == round(first["waited"], 3) > 0


@pytest.mark.parametrize(
    ("event", "entries", "told"),
    [
        pytest.param(
            state_change(GONE, "Stopped"),
            [entry(), entry("orders-1", 1, Tag=NAMED), entry("orders-2", 2, Tag=NAMED)],
            [("scheduled", "Named", "orders-1"), ("scheduled", "Named", "orders-2")],
            id="names-of-what-stops",
        ),
        pytest.param(state_change(GONE, "Stopped"), [entry()], [("ignored", "state", None)], id="no-name"),
        pytest.param(
            state_change(GONE, "Stopped"), [entry("orders-1", Tag=THEIRS)], [("ignored", "state", None)], id="theirs"
        ),
        pytest.param(
            state_change(GONE, "Deleted"),
            [
                entry("orders-1", 1, Tag=NAMED),
                entry("orders-2", 2, Tag=THEIRS),
                entry("orders-3", 3, Tag=OURS[:1]),
                entry("orders-4", 4),
                entry("orders-5", 5),
            ],
            [
                ("scheduled", "Named", "orders-1"),
                ("ignored", "foreign-entry", "orders-2"),
                ("kept", "NotAnnounced", "orders-3"),
                ("scheduled", None, "orders-4"),
                ("scheduled", None, "orders-5"),
            ],
            id="all-sorts-of-what-ends",
        ),
        pytest.param(state_change(GONE, "Deleted"), [], [("ignored", "no-entry", None)], id="nothing-opens-it"),
        pytest.param(
            state_change(GONE, "Deleted", subject=f"acs:ecs:cn-beijing:1234567890123456:instance/{GONE}"),
            [entry()],
            [("ignored", "foreign-region", None)],
            id="another-region",
        ),
    ],
)
def test_each_entry_of_an_instance_has_its_outcome(
    releasing: Invoker, event: Any, entries: list[Any], told: list[tuple[str, str | None, str | None]]
) -> None:
    """An instance can be opened under many names: what becomes of one says nothing of the next."""
    releasing.configure(**NAMES)
    releasing.given(entries=entries)
    answer = releasing(event)

    assert [(one["outcome"], one.get("reason"), one.get("name")) for one in answer.results] == told
    queued = sum({"Named": 2, None: 1}.get(reason, 0) for outcome, reason, _ in told if outcome == "scheduled")
    assert releasing.calls().count("SMQ.SendMessage") == queued


@pytest.mark.parametrize(
    ("changes", "at_once", "outcome"),
    [
        pytest.param({}, 1, "scheduled", id="handed-on"),
        pytest.param({"DRY_RUN": "true"}, 0, "planned", id="dry-run"),
    ],
)
def test_a_name_is_looked_at_twice(
    releasing: Invoker, naming: Invoker, changes: dict[str, str], at_once: int, outcome: str
) -> None:
    """At once, and half a minute later, when every list of instances should show what has stopped."""
    releasing.configure(**NAMES, **changes)
    releasing.given(entries=[entry("orders-1", Tag=NAMED)])
    result = releasing(state_change(GONE, "Stopped")).result
    queued = []
    for seconds in (0, 29, 1):
        releasing.clock.advance(seconds)
        queued.append(len(taken(naming)))

    assert (result["outcome"], queued) == (outcome, [at_once, 0, at_once])


@pytest.mark.parametrize(
    ("code", "vanishes", "first"),
    [
        pytest.param("NotFoundVpcAccess", True, "released", id="gone-and-said-so"),
        pytest.param("NotFoundVpcAccess", False, "NotFoundVpcAccess", id="said-so-and-it-shows"),
        pytest.param("UnheardOf", True, "UnheardOf", id="gone-and-something-else-is-wrong"),
        pytest.param("UnheardOf", False, "UnheardOf", id="something-else-is-wrong"),
    ],
)
def test_only_a_look_that_finds_nothing_makes_not_found_a_release(
    releasing: Invoker, code: str, vanishes: bool, first: str
) -> None:
    """A check that is refused is made again, unless it is the entry that was not found, and it is not there."""
    event = due(releasing)
    releasing.given(faults=[{"operation": f"CloudAPI.{USERS}", "nth": 1, "status": 404, "code": code}])
    gateway = releasing.served.products["CloudAPI"].entries
    account = releasing.served.world.account_id

    def vanish(called: str) -> None:
        if vanishes and called == USERS and gateway.everything(account):
            gateway.remove(account, VPC, GONE, 8080)

    releasing.before = vanish
    answer = releasing(event)

    assert first in (str(answer.error) if answer.error else answer.result["outcome"])
    assert releasing(event).result["outcome"] == "released"
    told = [message["data"] for message in releasing.messages() if message["type"] == "vpcaccess.released"]
    assert {data.get("FoundGone") for data in told} == {True if vanishes else None}


@pytest.mark.parametrize(
    ("event", "tags", "operation", "told"),
    [
        pytest.param(None, OURS, "CloudAPI.RemoveVpcAccess", ("kept", NAME), id="of-a-removal"),
        pytest.param("Deleted", OURS, "SMQ.SendMessage", ("rejected", NAME), id="of-its-schedule"),
        pytest.param("Stopped", NAMED, "SMQ.SendMessage", ("rejected", None), id="of-what-is-handed-on"),
    ],
)
def test_a_refusal_that_is_final_is_the_answer(
    releasing: Invoker, event: str | None, tags: Any, operation: str, told: tuple[str, str | None]
) -> None:
    """Another delivery would be refused as well: it is told, and nothing comes again."""
    scheduled = due(releasing, Tag=tags)
    releasing.configure(**NAMES)
    releasing.given(faults=[{"operation": operation, "nth": 1, "status": 400, "code": "InvalidPort"}])
    result = releasing(state_change(GONE, event) if event else scheduled).result

    assert (result["outcome"], result.get("name")) == told
    assert result["reason"] == "InvalidPort"
    assert len(releasing.accesses()) == 1


def test_a_release_of_another_region_is_not_this_function_s(releasing: Invoker) -> None:
    """Names and targets of two regions can be the same: a message that came to the wrong queue releases nothing."""
    due(releasing)
    (there,) = releasing.accesses()
    result = releasing(queue_event(schedule(there).replace("cn-hangzhou", "cn-beijing"))).result

    assert (result["outcome"], result["reason"]) == ("ignored", "foreign-region")
    assert len(releasing.accesses()) == 1


API = {"ApiId": "api-1", "VpcName": NAME}


@pytest.mark.parametrize(
    ("operation", "world", "told", "warned"),
    [
        pytest.param("DescribeInstances", {"apis": [API]}, ("kept", 1, 0), True, id="in-use"),
        pytest.param("DescribeInstances", {"instances": [{"InstanceId": GONE}]}, ("kept", 0, 0), False, id="alive"),
        pytest.param("RemoveVpcAccess", {"apis": [API]}, ("released", 0, 1), False, id="used-in-the-last-moment"),
        pytest.param("RemoveVpcAccess", {}, ("released", 0, 0), False, id="unused"),
    ],
)
def test_who_uses_what_is_gone_is_told(
    releasing: Invoker, operation: str, world: dict[str, Any], told: tuple[str, int, int], warned: bool
) -> None:
    """An API that points at nothing is in the result, and in a line for the alarm; where there is none, nothing says so."""
    event = due(releasing)
    releasing.before = lambda called: releasing.given(**world if called == operation else {})
    releasing(event)
    (data,) = [message["data"] | {"Type": message["type"].split(".")[1]} for message in releasing.messages()]
    lines = [line for line in releasing.lines() if line["event"] == "dead and in use"]

    assert (data["Type"], len(data.get("UsedBy", ())), len(data.get("Apis", ()))) == told
    assert ("UsedBy" in data, "Apis" in data) == (told[1] > 0, told[2] > 0)
    assert [line["used_by"] for line in lines] == ([data["UsedBy"]] if warned else [])


def test_the_way_back_is_of_the_entry_as_it_goes(releasing: Invoker) -> None:
    """What people changed since its release was scheduled is restored as well; the log has it before the result."""
    event = due(releasing, Description="orders")
    (there,) = releasing.accesses()
    same = {name: there[name] for name in ("VpcAccessId", "CreatedTime")}
    releasing.given(entries=[entry(Description="orders of the shop", **same)])
    releasing(event)
    (message,) = releasing.messages()
    (line,) = [line for line in releasing.lines() if line["event"] == "removing"]

    assert message["data"]["Undo"]["Description"] == "orders of the shop"
    assert line["undo"] == message["data"]["Undo"]
