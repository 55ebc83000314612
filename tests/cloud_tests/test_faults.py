"""Fault rules: which calls they take, what they do, and that none of them goes unaccounted for."""

from __future__ import annotations

import json
from typing import Any

import pytest
from werkzeug.test import Client

from tests.cloud.asking import Asker
from tests.cloud.core import CloudClock, ManualClock
from tests.cloud.faults import Faults
from tests.cloud.fixtures import PERMANENT, TEMPORARY, Served, finish
from tests.cloud.signed import V3

SET = "CloudAPI.SetVpcAccess"
DESCRIBE = "CloudAPI.DescribeVpcAccesses"
ENTRY: dict[str, object] = {"Name": "web", "VpcId": "vpc-1", "InstanceId": "i-1", "Port": 80}


def _faults(clock: CloudClock | None = None) -> Faults:
    return Faults({SET, DESCRIBE}, clock or ManualClock())


def _taken(selection: dict[str, Any], calls: int = 10) -> list[int]:
    faults = _faults()
    faults.set([{"operation": SET, "cut": "before", **selection}])
    return [count for count in range(1, calls + 1) if faults.draw(SET)]


@pytest.mark.parametrize(
    ("selection", "taken"),
    [
        pytest.param({}, list(range(1, 11)), id="all"),
        pytest.param({"nth": 3}, [3], id="nth"),
        pytest.param({"times": 2}, [1, 2], id="times"),
        pytest.param({"from": 8}, [8, 9, 10], id="from"),
        pytest.param({"from": 2, "to": 4}, [2, 3, 4], id="from-to"),
        pytest.param({"from": 2, "to": 9, "every": 3}, [2, 5, 8], id="every"),
        pytest.param({"rate": 0.0}, [], id="never"),
        pytest.param({"rate": 1.0}, list(range(1, 11)), id="always"),
    ],
)
def test_selection_is_by_count(selection: dict[str, Any], taken: list[int]) -> None:
    """The same calls are taken each time, counted from one."""
    assert _taken(selection) == _taken(selection) == taken


def test_a_rate_is_reproducible_and_about_right() -> None:
    """A seed gives the same calls again, another seed others, and the share is that of the rate."""
    first = _taken({"rate": 0.2, "seed": 7}, 5000)
    assert first == _taken({"rate": 0.2, "seed": 7}, 5000)
    assert first != _taken({"rate": 0.2, "seed": 8}, 5000)
    assert 0.18 < len(first) / 5000 < 0.22


def test_operations_are_counted_apart_and_the_first_rule_wins() -> None:
    """A rule counts its own operation's calls only; of two that take a call the first is applied."""
    faults = _faults()
    faults.set([{"id": "a", "operation": SET, "nth": 2, "delay": 1}, {"id": "b", "operation": SET, "delay": 2}])
    drawn = [faults.draw(name) for name in (SET, DESCRIBE, SET, SET)]
    assert [rule.id if rule else None for rule in drawn] == ["b", None, "a", "b"]
    assert [(rule["id"], rule["seen"], rule["hits"]) for rule in faults.report()] == [("a", 3, 1), ("b", 3, 2)]


@pytest.mark.parametrize(
    ("document", "reason"),
    [
        pytest.param({"operation": SET}, "a list of rules", id="no-list"),
        pytest.param(["x"], "is not an object", id="no-object"),
        pytest.param([{"operation": "CloudAPI.SetVpcAces", "cut": "after"}], "unknown operation", id="operation"),
        pytest.param([{"cut": "after"}], "unknown operation None", id="no-operation"),
        pytest.param([{"operation": SET, "cut": "after", "colour": 1}], "unknown key colour", id="key"),
        pytest.param([{"operation": SET}], "exactly one effect", id="no-effect"),
        pytest.param([{"operation": SET, "cut": "after", "delay": 1}], "exactly one effect", id="two-effects"),
        pytest.param([{"operation": SET, "cut": "during"}], "cut is one of before, after", id="cut"),
        pytest.param([{"operation": SET, "status": 400, "when": "never"}], "when is one of", id="when"),
        pytest.param([{"operation": SET, "body": "pdf"}], "body is one of", id="body"),
        pytest.param([{"operation": SET, "body": "html", "when": "before"}], "needs a status", id="body-before"),
        pytest.param([{"operation": SET, "odd": "strange"}], "odd is one of empty-object, ", id="odd"),
        pytest.param([{"operation": SET, "odd": "null", "when": "before"}], "comes after", id="odd-before"),
        pytest.param([{"operation": SET, "odd": "null", "status": 500}], "exactly one effect", id="odd-status"),
        pytest.param([{"operation": SET, "odd": "null", "key": "Port"}], "nothing else takes one", id="odd-with-key"),
        pytest.param([{"operation": SET, "odd": "null-key"}], "nothing else takes one", id="odd-without-key"),
        pytest.param([{"operation": SET, "odd": "null-key", "key": 1}], "name of a key", id="odd-key-no-text"),
        pytest.param([{"operation": SET, "cut": "after", "key": "Port"}], "nothing else takes one", id="key-alone"),
        pytest.param([{"operation": SET, "status": "400"}], "status is an HTTP status", id="status"),
        pytest.param([{"operation": SET, "delay": "1s"}], "delay must be a number", id="delay"),
        pytest.param([{"operation": SET, "expired_token": False}], "expired_token is one of True", id="token"),
        pytest.param([{"operation": SET, "throttle": {"burst": 1}}], "with a rate per second", id="throttle"),
        pytest.param([{"operation": SET, "throttle": {"rate": 1, "burst": "x"}}], "burst must be", id="burst"),
        pytest.param([{"operation": SET, "cut": "after", "nth": 0}], "whole number from 1", id="nth-zero"),
        pytest.param(
            [{"operation": SET, "cut": "after", "nth": 1, "times": 2}], "more than one of", id="two-selections"
        ),
        pytest.param([{"operation": SET, "cut": "after", "to": 2}], "need a from", id="to-without-from"),
        pytest.param([{"operation": SET, "cut": "after", "seed": 2}], "goes with a rate", id="seed-without-rate"),
        pytest.param([{"operation": SET, "cut": "after", "rate": 2}], "between 0 and 1", id="rate"),
        pytest.param([{"id": "a", "operation": SET, "cut": "after"}] * 2, "the same id", id="same-id"),
    ],
)
def test_a_wrong_document_is_refused_with_the_reason(document: Any, reason: str) -> None:
    """A rule that would do nothing, or something else than meant, is an error; the old rules stay."""
    faults = _faults()
    faults.add(operation=SET, cut="before")
    with pytest.raises((ValueError, TypeError), match=reason):
        faults.set(document)
    assert len(faults.report()) == 1


def test_adding_a_rule_twice_under_one_id_is_refused() -> None:
    """Ids name rules in journal and report, so they are unique."""
    faults = _faults()
    faults.add(id="a", operation=SET, cut="before")
    with pytest.raises(ValueError, match="already"):
        faults.add(id="a", operation=SET, cut="after")


def test_a_token_bucket_refills_with_time() -> None:
    """`burst` calls pass at once, then `rate` per second; only refusals are hits."""
    clock = ManualClock()
    faults = _faults(clock)
    faults.add(operation=SET, throttle={"rate": 2, "burst": 3})
    assert [bool(faults.draw(SET)) for _ in range(5)] == [False, False, False, True, True]
    clock.advance(0.5)
    assert [bool(faults.draw(SET)) for _ in range(2)] == [False, True]
    clock.advance(60)
    assert sum(not faults.draw(SET) for _ in range(10)) == 3
    assert faults.report()[0]["hits"] == 10


def test_throttling_is_counted_and_says_how_long(inner_cloud: Served) -> None:
    """The refusal is HTTP 400 `Throttling.User`, with the wait in milliseconds if the switch says so."""
    inner_cloud.faults.add(operation=DESCRIBE, throttle={"rate": 4, "burst": 1})
    waits = []
    for setting in ("absent", "present"):
        inner_cloud.world.switches = inner_cloud.world.switches.with_values(retry_after=setting)
        for _ in range(2):
            request = V3("DescribeVpcAccesses", {}, PERMANENT, inner_cloud.world.clock.now()).sign()
            answer = Client(inner_cloud.app).open(**request.for_werkzeug())
        assert (answer.status_code, json.loads(answer.get_data())["Code"]) == (400, "Throttling.User")
        waits.append(answer.headers.get("x-acs-retry-after"))
        inner_cloud.world.clock.advance(1)
    assert waits == [None, "250"]


def _entries(cloud: Served) -> int:
    return len(cloud.products["CloudAPI"].entries.everything())


@pytest.mark.parametrize(
    ("effect", "status", "code", "written"),
    [
        pytest.param({"status": 503, "code": "ServiceUnavailable"}, 503, "ServiceUnavailable", 0, id="before"),
        pytest.param({"status": 500, "code": "InternalError", "when": "after"}, 500, "InternalError", 1, id="after"),
        pytest.param({"skew": 1000}, 400, "InvalidTimeStamp.Expired", 0, id="skew"),
        pytest.param({"expired_token": True}, 400, "InvalidSecurityToken.Expired", 0, id="expired-token"),
        pytest.param({"delay": 5}, 200, "", 1, id="delay"),
    ],
)
def test_an_effect_hits_one_call_and_no_other(
    inner_cloud: Served, effect: dict[str, Any], status: int, code: str, written: int
) -> None:
    """The refused call did or did not write, as the rule says; the next one is as if nothing had been."""
    inner_cloud.faults.add(id="f", operation=SET, nth=1, **effect)
    ask = Asker(inner_cloud.app, TEMPORARY)
    answered, body = ask("SetVpcAccess", **ENTRY)
    assert (answered, body.get("Code", "")) == (status, code)
    assert _entries(inner_cloud) == written
    assert ask("SetVpcAccess", **{**ENTRY, "Name": "next", "Port": 81})[0] == 200
    first, second = inner_cloud.world.journal(SET)
    assert (first.fault, first.code, second.fault) == ("f", code, "")


def test_a_delay_lets_the_clock_run(inner_cloud: Served) -> None:
    """On a manual clock a delay costs no real time."""
    inner_cloud.faults.add(operation=DESCRIBE, nth=1, delay=3600)
    before = inner_cloud.world.clock.now()
    Asker(inner_cloud.app)("DescribeVpcAccesses")
    assert inner_cloud.world.clock.now() == before + 3600


JSON = "application/json;charset=utf-8"
SPOILT = [
    pytest.param({"body": "html"}, 200, "text/html", b"<html>", True, id="html"),
    pytest.param({"body": "html", "status": 502}, 502, "text/html", b"<html>", True, id="html-502"),
    pytest.param(
        {"body": "html", "status": 502, "when": "before"}, 502, "text/html", b"<html>", False, id="html-before"
    ),
    pytest.param({"body": "xml", "status": 500}, 500, "text/xml;charset=utf-8", b"<?xml", True, id="xml"),
    pytest.param({"body": "empty"}, 200, JSON, b"", True, id="empty"),
    pytest.param({"body": "empty", "status": 500, "when": "before"}, 500, JSON, b"", False, id="empty-before"),
    pytest.param({"body": "garbage"}, 200, JSON, b'{"RequestId":"\xff', True, id="garbage"),
    pytest.param({"body": "truncated"}, 200, JSON, b'{"RequestId":"', True, id="truncated"),
]


@pytest.mark.parametrize(("effect", "status", "kind", "start", "written"), SPOILT)
def test_a_spoilt_body(
    inner_cloud: Served, effect: dict[str, Any], status: int, kind: str, start: bytes, written: bool
) -> None:
    """The body is what the rule says, in place of the operation or after its effect."""
    inner_cloud.faults.add(operation=SET, nth=1, **effect)
    parameters = {name: str(value) for name, value in ENTRY.items()}
    request = V3("SetVpcAccess", parameters, PERMANENT, inner_cloud.world.clock.now()).sign()
    answer = Client(inner_cloud.app).open(**request.for_werkzeug())
    assert answer.status_code == status
    assert answer.headers["content-type"].startswith(kind)
    assert answer.get_data().startswith(start)
    assert _entries(inner_cloud) == written


@pytest.mark.parametrize("when", ["before", "after"])
def test_a_cut_is_an_exception_in_process(inner_cloud: Served, when: str) -> None:
    """Without a socket the client sees a ConnectionAbortedError; the effect is as the rule says."""
    inner_cloud.faults.add(operation=SET, nth=1, cut=when)
    with pytest.raises(ConnectionAbortedError):
        Asker(inner_cloud.app)("SetVpcAccess", **ENTRY)
    assert _entries(inner_cloud) == (when == "after")
    (entry,) = inner_cloud.world.journal(SET)
    assert (entry.fault, entry.status) == ("rule-1", 200 if when == "after" else 0)


def test_a_rule_that_never_fires_fails_its_test(inner_cloud: Served) -> None:
    """The fixture's end reports the rules without a hit by their ids."""
    inner_cloud.faults.add(id="forgotten", operation=DESCRIBE, nth=2, cut="after")
    with pytest.raises(pytest.fail.Exception, match="forgotten"):
        finish(inner_cloud.app)
    ask = Asker(inner_cloud.app)
    ask("DescribeVpcAccesses")
    with pytest.raises(ConnectionAbortedError):
        ask("DescribeVpcAccesses")
    finish(inner_cloud.app)
