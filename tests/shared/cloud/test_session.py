"""The call loop: new signature for each attempt, waits that fit the budget, and nothing repeated that must not be."""

from collections.abc import Callable
from typing import Any

import httpx
import pytest

from shared.clock import Clock, Deadline
from shared.cloud.pace import Pace
from shared.cloud.session import Session
from shared.cloud.signing import Credentials
from shared.cloud.transport import HttpRequest, Transport
from shared.errors import AuthorizerError, OutOfTime
from tests.cloud.core import ManualClock
from tests.invoking import Invoker, request

READ, WRITE, PUBLISH = "CloudAPI.DescribeVpcAccesses", "CloudAPI.SetVpcAccess", "SMQ.PublishMessage"


@pytest.mark.parametrize(
    ("fault", "calls"),
    [
        pytest.param({"operation": READ, "nth": 1, "status": 503, "code": "ServiceUnavailable"}, 2, id="read-5xx"),
        pytest.param({"operation": READ, "nth": 1, "status": 400, "code": "Throttling.User"}, 2, id="read-throttled"),
        pytest.param({"operation": READ, "nth": 1, "cut": "before"}, 2, id="read-cut"),
        pytest.param({"operation": READ, "nth": 1, "cut": "after"}, 2, id="read-answer-lost"),
        pytest.param({"operation": READ, "times": 3, "status": 502, "code": "X"}, 4, id="read-three-times"),
        pytest.param({"operation": WRITE, "nth": 1, "status": 400, "code": "Throttling"}, 2, id="write-throttled"),
        pytest.param({"operation": READ, "nth": 1, "body": "truncated"}, 2, id="read-truncated"),
        pytest.param({"operation": READ, "nth": 1, "body": "html"}, 2, id="read-html"),
        pytest.param({"operation": READ, "nth": 1, "body": "empty"}, 2, id="read-empty"),
        pytest.param({"operation": PUBLISH, "nth": 1, "body": "html"}, 2, id="publish-html"),
        pytest.param({"operation": PUBLISH, "nth": 1, "body": "empty"}, 2, id="publish-empty"),
        pytest.param({"operation": PUBLISH, "nth": 1, "status": 500, "code": "InternalError"}, 2, id="publish-5xx"),
        pytest.param({"operation": PUBLISH, "nth": 1, "status": 429, "code": "TooManyRequests"}, 2, id="publish-429"),
        pytest.param({"operation": PUBLISH, "nth": 1, "cut": "after"}, 2, id="publish-answer-lost"),
    ],
)
def test_what_is_safe_to_repeat_is_repeated(invoke: Invoker, fault: dict[str, Any], calls: int) -> None:
    """Reads, publishing and throttled writes are tried again, and the record is authorized all the same."""
    invoke.given(faults=[fault])

    assert invoke(request()).result["outcome"] == "authorized"
    assert len(invoke.calls(fault["operation"])) == calls
    assert len(invoke.accesses()) == 1


@pytest.mark.parametrize("status", [301, 404, 407, 408, 413])
@pytest.mark.parametrize("operation", [READ, PUBLISH])
def test_a_page_is_asked_again_three_times(invoke: Invoker, operation: str, status: int) -> None:
    """Something else may stand at the endpoint for a moment; where it stays, the record is kept for redelivery."""
    page = {"operation": operation, "status": status, "body": "html", "when": "before"}
    invoke.given(faults=[{**page, "times": 2}])
    assert invoke(request()).result["outcome"] == "authorized"

    invoke.served.world.journal.clear()
    invoke.given(faults=[page])
    assert f"HTTP{status}" in str(invoke(request()).error)
    assert len(invoke.calls(operation)) == 3


@pytest.mark.parametrize(
    "odd",
    [
        pytest.param({"body": "html"}, id="page"),
        pytest.param({"body": "html", "status": 404, "when": "before"}, id="page-404"),
        pytest.param({"odd": "empty-object"}, id="no-legal-form"),
    ],
)
@pytest.mark.parametrize("operation", [READ, PUBLISH])
def test_only_what_cannot_be_read_counts_as_such(invoke: Invoker, operation: str, odd: dict[str, Any]) -> None:
    """One odd answer after two that were throttled is the first of its kind; the third odd one is the last."""
    throttled = {"operation": operation, "times": 2, "status": 429, "code": "TooManyRequests"}
    if operation == READ:
        throttled.update(status=400, code="Throttling.User")
    invoke.given(faults=[throttled, {"operation": operation, "nth": 3, **odd}])
    assert invoke(request()).result["outcome"] == "authorized"
    assert len(invoke.calls(operation)) == 4

    invoke.served.world.journal.clear()
    invoke.given(faults=[throttled, {"operation": operation, **odd}])
    assert invoke(request()).error is not None
    assert len(invoke.calls(operation)) == 5


@pytest.mark.parametrize("operation", [READ, PUBLISH])
def test_an_unknown_refusal_is_asked_once(invoke: Invoker, operation: str) -> None:
    """A code that no table explains is not repeated within an invocation; the record is kept for redelivery."""
    invoke.given(faults=[{"operation": operation, "status": 400, "code": "NeverHeardOf"}])

    assert "NeverHeardOf" in str(invoke(request()).error)
    assert len(invoke.calls(operation)) == 1


def test_every_attempt_has_its_own_nonce_and_date(invoke: Invoker) -> None:
    """The stand-in remembers nonces for 15 minutes and refuses none of five attempts, whose dates move on."""
    invoke.given(faults=[{"operation": READ, "times": 4, "status": 503, "code": "ServiceUnavailable"}])

    assert invoke(request()).result["outcome"] == "authorized"
    assert not [entry for entry in invoke.served.world.journal() if entry.code == "SignatureNonceUsed"]


@pytest.mark.parametrize(
    ("fault", "waits"),
    [
        pytest.param({"times": 4, "status": 503, "code": "ServiceUnavailable"}, [0.05, 0.1, 0.2, 0.4], id="no-answer"),
        pytest.param({"status": 400, "code": "Throttling"}, [0.25, 0.5, 1, 2, 4, 4, 4], id="throttled"),
    ],
)
def test_waits_grow_with_jitter(invoke: Invoker, fault: dict[str, Any], waits: list[float]) -> None:
    """With jitter at its middle the waits double from 50 ms, after throttling from 250 ms, up to 4 s."""
    invoke.given(faults=[{"operation": READ, **fault}])
    invoke(request())

    assert [wait for wait in invoke.slept if wait >= 0.01] == pytest.approx(waits)
    assert [line["wait"] for line in invoke.lines() if line["event"] == "retry"] == waits


def test_the_line_of_a_record_counts_its_retries_and_the_seconds_waited(invoke: Invoker) -> None:
    """A write that is throttled twice shows in the closing line of its record: three calls and one to publish."""
    invoke.given(faults=[{"operation": WRITE, "times": 2, "status": 400, "code": "Throttling"}])
    invoke(request())
    (line,) = (line for line in invoke.lines() if line["event"] == "record")

    assert (line["calls"], line["retries"], line["waited"]) == (4, 2, 0.75)


@pytest.mark.parametrize(
    ("timeout", "calls"),
    [
        pytest.param(1.2, [READ, WRITE, PUBLISH], id="0.9-s-left"),
        pytest.param(0.6, [], id="0.45-s-left"),
    ],
)
def test_no_attempt_starts_that_cannot_end_in_time(invoke: Invoker, timeout: float, calls: list[str]) -> None:
    """An attempt needs half a second of what the invocation has left; where that is missing nothing is called."""
    invoke(request(), timeout=timeout)

    assert invoke.calls() == calls


def test_no_answer_at_all_is_told_as_such(invoke: Invoker) -> None:
    """A connection that is cut every time has neither a code of the cloud nor a status."""
    invoke.given(faults=[{"operation": READ, "cut": "before"}])

    assert "DescribeVpcAccesses failed with NoAnswer (no answer)" in str(invoke(request()).error)


def test_the_wait_that_the_cloud_asks_for_is_kept(invoke: Invoker) -> None:
    """`x-acs-retry-after` is the least that is waited."""
    invoke.given(faults=[{"operation": READ, "nth": 1, "status": 400, "code": "Throttling", "retry_after": 3000}])
    invoke(request())

    assert max(invoke.slept) == 3.0


ASKED_TO_WAIT = [
    pytest.param({"status": 400, "code": "NeverHeardOf"}, id="unknown-refusal"),
    pytest.param({"status": 403, "code": "NoPermission"}, id="no-permission"),
    pytest.param({"status": 503, "code": "ServiceUnavailable"}, id="trouble"),
]


@pytest.mark.parametrize("fault", ASKED_TO_WAIT)
def test_who_is_asked_to_wait_reads_again(invoke: Invoker, fault: dict[str, Any]) -> None:
    """Whatever a look ended in: if the cloud says when to ask again, it is asked eight times, and not before that."""
    invoke.given(faults=[{"operation": READ, "retry_after": 1500, **fault}])
    answer = invoke(request(), timeout=300)

    assert answer.error is not None
    assert len(invoke.calls(READ)) == 8
    assert min(wait for wait in invoke.slept if wait >= 0.01) == 1.5


@pytest.mark.parametrize("fault", ASKED_TO_WAIT)
def test_who_is_asked_to_wait_does_not_write_again(invoke: Invoker, fault: dict[str, Any]) -> None:
    """The write may have taken effect: after the wait it is looked for, or the record comes again."""
    invoke.given(faults=[{"operation": WRITE, "nth": 1, "retry_after": 1500, **fault}])
    invoke(request())
    calls = invoke.calls()

    assert WRITE not in calls[calls.index(WRITE) + 1 :][:1]


@pytest.mark.parametrize(
    ("asked", "slept"),
    [
        pytest.param(2500, [2.5], id="leaves-just-enough"),
        pytest.param(2501, [], id="leaves-too-little"),
        pytest.param(2999, [], id="leaves-almost-nothing"),
        pytest.param(30_000, [], id="is-longer-than-all"),
    ],
)
def test_no_wait_outlasts_the_budget(invoke: Invoker, asked: int, slept: list[float]) -> None:
    """With three seconds left, a wait after which no attempt fits fails as transient instead of being begun."""
    invoke.given(faults=[{"operation": READ, "nth": 1, "status": 400, "code": "Throttling", "retry_after": asked}])
    answer = invoke(request(), timeout=4)

    assert invoke.slept == slept
    assert (answer.error is None) == bool(slept)
    assert slept or "Throttling" in str(answer.error)


def test_endless_trouble_ends_in_redelivery(invoke: Invoker) -> None:
    """A cloud that never recovers costs eight attempts, then the record is due again, and nothing was opened."""
    invoke.given(faults=[{"operation": READ, "status": 503, "code": "ServiceUnavailable"}])
    answer = invoke(request(), timeout=300)

    assert "ServiceUnavailable" in str(answer.error)
    assert len(invoke.calls(READ)) == 8
    assert not invoke.accesses()


@pytest.mark.parametrize("status", [200, 299])
def test_an_answer_of_the_two_hundreds_is_read(status: int) -> None:
    """What is made of a successful answer is the reader's business."""
    assert _call(status) == status


@pytest.mark.parametrize("status", [199, 300, 302])
def test_any_other_answer_is_an_error(status: int) -> None:
    """A redirection or an interim answer is never handed to the reader as a success."""
    with pytest.raises(AuthorizerError, match=f"HTTP {status}"):
        _call(status)


SENT = HttpRequest("GET", "http://127.0.0.1:1", "/", {}, b"")


def _session(answer: Callable[[httpx.Request], httpx.Response]) -> Session:
    """Return a session of ten minutes with a peer, on a clock that nobody waits for."""
    manual = ManualClock(0)
    clock = Clock(manual.now, manual.now, manual.advance, lambda: 0.5)
    transport = Transport(inner=httpx.MockTransport(answer))
    return Session(transport, clock, Deadline(clock, 600), Pace(clock, 1000), lambda: Credentials("id", "secret"))


def _call(status: int) -> int:
    """Call once, answered with this status, and return what the reader got."""
    session = _session(lambda _: httpx.Response(status, stream=httpx.ByteStream(b"{}")))
    return session.call("X", lambda _: SENT, lambda answer: answer.status, repeatable=False)


@pytest.mark.parametrize(
    ("trouble", "calls"),
    [pytest.param(httpx.ConnectError, 8, id="not-sent"), pytest.param(httpx.ReadError, 1, id="perhaps-sent")],
)
def test_a_write_is_repeated_only_if_it_never_left(trouble: type[httpx.TransportError], calls: int) -> None:
    """Without a connection nothing was done; once something is on its way it may have been."""
    seen = []

    def fail(asked: httpx.Request) -> httpx.Response:
        seen.append(asked)
        raise trouble("no", request=asked)

    with pytest.raises(AuthorizerError, match="NoAnswer"):
        _session(fail).call("X", lambda _: SENT, bool, repeatable=False)

    assert len(seen) == calls


@pytest.mark.parametrize(
    ("headers", "repeatable", "calls", "least"),
    [
        pytest.param({}, True, 3, 0.05 + 0.1, id="a-page"),
        pytest.param({"x-acs-retry-after": "1500"}, True, 8, 7 * 1.5, id="a-page-that-asks-to-wait"),
        pytest.param({"x-acs-retry-after": "1500"}, False, 1, 0, id="a-page-after-a-write"),
    ],
)
def test_a_page_that_asks_to_wait_is_asked_again(
    headers: dict[str, str], repeatable: bool, calls: int, least: float
) -> None:
    """Something else stands at the endpoint: three looks, but as many as otherwise if it says when to ask again."""
    seen = []

    def page(asked: httpx.Request) -> httpx.Response:
        seen.append(asked)
        return httpx.Response(404, headers=headers, stream=httpx.ByteStream(b"<html>"))

    session = _session(page)
    with pytest.raises(AuthorizerError, match="HTTP404"):
        session.call("X", lambda _: SENT, bool, repeatable=repeatable)

    assert len(seen) == calls
    assert session.clock.now() >= least


def test_refusals_are_not_repeated(invoke: Invoker) -> None:
    """A wrong secret is told at once: one attempt, and the record is kept for redelivery."""
    invoke.credentials = invoke.credentials._replace(access_key_secret="wrong")
    answer = invoke(request())

    assert "SignatureDoesNotMatch" in str(answer.error)
    assert "ALIBABA_CLOUD_ACCESS_KEY_SECRET" in str(answer.error)
    assert len(invoke.calls(READ)) == 1


@pytest.mark.parametrize(
    ("first", "then", "fault", "reads"),
    [
        pytest.param("expired-token", None, [], 2, id="renewed"),
        pytest.param("expired-token", "expired-token", [], 1, id="still-the-same"),
        pytest.param(
            None, "other-token", [{"operation": READ, "status": 403, "code": "NoPermission"}], 1, id="another-trouble"
        ),
    ],
)
def test_fresh_credentials_are_tried_once_after_a_token_error(
    invoke: Invoker, first: str | None, then: str | None, fault: list[dict[str, Any]], reads: int
) -> None:
    """When the environment holds new credentials by then, an expired token costs one more attempt; nothing else does."""
    good = invoke.credentials
    invoke.credentials = good._replace(security_token=first or good.security_token)

    def renew(_: str) -> None:
        invoke.credentials = good._replace(security_token=then or good.security_token)

    invoke.before = renew  # while the first call is on its way
    invoke.given(faults=fault)
    answer = invoke(request())

    assert len(invoke.calls(READ)) == reads
    assert [result["outcome"] for result in answer.results] == ["authorized"] * (reads - 1)


def _moments(invoke: Invoker, **settings: str) -> dict[str, list[float]]:
    """Invoke with three requests and return when each write and each publication began, in seconds from the start."""
    invoke.configure(**settings)
    start, seen = invoke.clock.now(), dict[str, list[float]]()
    invoke.before = lambda operation: seen.setdefault(operation, []).append(round(invoke.clock.now() - start, 3))
    invoke([request(Name=f"orders-{number}", InstanceId=f"i-bp1example000{number}") for number in range(3)])
    return seen


def test_writes_are_spaced_and_publications_are_not(invoke: Invoker) -> None:
    """At two calls a second the three writes take one, what is published follows at once, and the log says who waited."""
    moments = _moments(invoke, MAX_CALLS_PER_SECOND="2")

    assert moments["SetVpcAccess"] == moments["PublishMessage"] == [0, 0.5, 1]
    assert [line["waited"] for line in invoke.lines() if line["event"] == "record"] == [0, 0.5, 0.5]


@pytest.mark.parametrize(
    ("fault", "writes"),
    [
        pytest.param({"status": 400, "code": "Throttling"}, [0, 0.5, 1.5, 2.497], id="throttled"),
        pytest.param(
            {"status": 503, "code": "ServiceUnavailable", "retry_after": 3000}, [0, 3, 4, 4.997], id="asked-to-wait"
        ),
        pytest.param({"status": 503, "code": "ServiceUnavailable"}, [0, 1.2, 1.7, 2.2], id="in-trouble"),
    ],
)
def test_an_operation_slows_down_for_the_cloud_and_recovers(
    invoke: Invoker, fault: dict[str, Any], writes: list[float]
) -> None:
    """From two calls a second a write that the cloud had no time for leaves one, and a success gives little back.

    Trouble alone slows nothing: the record looks twice, which takes a second, and waits 0.2 s.
    """
    invoke.given(faults=[{"operation": WRITE, "nth": 1, **fault}])

    assert _moments(invoke, MAX_CALLS_PER_SECOND="2")["SetVpcAccess"] == writes


def test_a_write_is_not_repeated_blindly_where_the_cloud_asks_to_wait(invoke: Invoker) -> None:
    """How long to wait says nothing of whether the write took effect: it is looked for first."""
    invoke.given(
        faults=[{"operation": WRITE, "nth": 1, "status": 503, "code": "ServiceUnavailable", "retry_after": 3000}]
    )
    invoke(request())

    assert invoke.calls()[:3] == [READ, WRITE, READ]


def _pace(clock: ManualClock, rate: float) -> Pace:
    return Pace(Clock(clock.now, clock.now, clock.advance, lambda: 0.0), rate)


def test_calls_are_spaced_by_the_ceiling() -> None:
    """Ten calls at two a second take 4.5 s."""
    clock = ManualClock(0)
    pace = _pace(clock, 2)
    deadline = Deadline(Clock(clock.now, clock.now), 60)
    for _ in range(10):
        pace.wait("X", deadline)

    assert clock.now() == pytest.approx(4.5)


def test_throttling_halves_the_rate_of_its_operation() -> None:
    """Throttled calls of one moment count once; another operation keeps its rate."""
    clock = ManualClock(100)
    pace = _pace(clock, 10)

    pace.throttled("X")
    pace.throttled("X")

    assert _spacing(pace, clock, "X") == pytest.approx(1 / 5)
    clock.advance(1)
    pace.throttled("X")
    clock.advance(1)
    assert _spacing(pace, clock, "X") == pytest.approx(1 / 2.5)
    assert _spacing(pace, clock, "Y") == pytest.approx(1 / 10)


@pytest.mark.parametrize(
    ("refusals", "seconds"),
    [pytest.param(1, 60, id="one"), pytest.param(2, 75, id="two"), pytest.param(60, 150, id="a-minute-of-them")],
)
def test_who_is_alone_is_soon_as_fast_as_before(refusals: int, seconds: int) -> None:
    """Where nothing is refused any more the ceiling is reached within a minute, and from the least rate in two and a half."""
    clock = ManualClock(100)
    pace = _pace(clock, 10)
    for _ in range(refusals):
        pace.throttled("X")
        clock.advance(1)
    end = clock.now() + seconds
    while clock.now() < end:
        pace.wait("X", Deadline(Clock(clock.now, clock.now), 1000, margin=0))
        pace.succeeded("X")
    clock.advance(1)

    assert _spacing(pace, clock, "X") == pytest.approx(1 / 10)
    pace.succeeded("X")
    assert _spacing(pace, clock, "X") == pytest.approx(1 / 10)


def test_a_success_gives_little_back_while_others_are_refused() -> None:
    """Of what one refusal takes, forty successes right after it give a tenth: many instances together stay below the limit."""
    clock = ManualClock(100)
    pace = _pace(clock, 10)
    pace.throttled("X")
    for _ in range(40):
        pace.succeeded("X")

    assert _spacing(pace, clock, "X") == pytest.approx(1 / 5.5)


def _spacing(pace: Pace, clock: ManualClock, operation: str) -> float:
    """Return the seconds between two calls of an operation."""
    deadline = Deadline(Clock(clock.now, clock.now), 1000, margin=0)
    pace.wait(operation, deadline)
    return pace.wait(operation, deadline)


def test_a_wait_that_the_cloud_asks_for_holds_every_call_of_the_operation() -> None:
    """No record's call of it starts before the wait is over; other operations go on."""
    clock = ManualClock(0)
    pace = _pace(clock, 10)
    deadline = Deadline(Clock(clock.now, clock.now), 1000, margin=0)
    pace.throttled("X", 60)

    assert pace.wait("Y", deadline) == 0
    assert pace.wait("X", deadline) == 60


def test_a_turn_that_comes_too_late_is_not_waited_for() -> None:
    """When the queue for a turn is longer than the budget, the call fails as out of time and takes no turn."""
    clock = ManualClock(0)
    pace = _pace(clock, 0.5)
    deadline = Deadline(Clock(clock.now, clock.now), 4, margin=0)
    pace.wait("X", deadline)
    pace.wait("X", deadline)
    with pytest.raises(OutOfTime, match="the next turn of X"):
        pace.wait("X", Deadline(Clock(clock.now, clock.now), 1, margin=0))

    assert clock.now() == 2
