"""The call loop: new signature for each attempt, waits that fit the budget, and nothing repeated that must not be."""

from typing import Any

import pytest

from shared.clock import Clock, Deadline
from shared.cloud.pace import Pace
from shared.errors import OutOfTime
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
    invoke.served.faults.set([fault])

    assert invoke(request()).result["outcome"] == "authorized"
    assert len(invoke.calls(fault["operation"])) == calls
    assert len(invoke.accesses()) == 1


def test_every_attempt_has_its_own_nonce_and_date(invoke: Invoker) -> None:
    """The stand-in remembers nonces for 15 minutes and refuses none of five attempts, whose dates move on."""
    invoke.served.faults.set([{"operation": READ, "times": 4, "status": 503, "code": "ServiceUnavailable"}])

    assert invoke(request()).result["outcome"] == "authorized"
    assert not [entry for entry in invoke.served.world.journal() if entry.code == "SignatureNonceUsed"]


def test_waits_grow_with_jitter(invoke: Invoker) -> None:
    """With jitter at its middle the waits double from 50 ms."""
    invoke.served.faults.set([{"operation": READ, "times": 4, "status": 503, "code": "ServiceUnavailable"}])
    invoke(request())

    assert [wait for wait in invoke.slept if wait >= 0.01] == pytest.approx([0.05, 0.1, 0.2, 0.4])


def test_the_wait_that_the_cloud_asks_for_is_kept(invoke: Invoker) -> None:
    """`x-acs-retry-after` is the least that is waited."""
    invoke.served.faults.set([{"operation": READ, "nth": 1, "status": 400, "code": "Throttling", "retry_after": 3000}])
    invoke(request())

    assert max(invoke.slept) == 3.0


def test_no_wait_outlasts_the_budget(invoke: Invoker) -> None:
    """A wait that does not fit the invocation fails as transient instead of being begun."""
    invoke.served.faults.set(
        [{"operation": READ, "nth": 1, "status": 400, "code": "Throttling", "retry_after": 30_000}]
    )
    answer = invoke(request(), timeout=10)

    assert answer.error is not None
    assert "Throttling" in str(answer.error)
    assert sum(invoke.slept) < 10


def test_endless_trouble_ends_in_redelivery(invoke: Invoker) -> None:
    """A cloud that never recovers costs eight attempts, then the record is due again, and nothing was opened."""
    invoke.served.faults.set([{"operation": READ, "status": 503, "code": "ServiceUnavailable"}])
    answer = invoke(request(), timeout=300)

    assert "ServiceUnavailable" in str(answer.error)
    assert len(invoke.calls(READ)) == 8
    assert not invoke.accesses()


def test_refusals_are_not_repeated(invoke: Invoker) -> None:
    """A wrong secret is told at once: one attempt, and the record is kept for redelivery."""
    invoke.credentials = invoke.credentials._replace(access_key_secret="wrong")
    answer = invoke(request())

    assert "SignatureDoesNotMatch" in str(answer.error)
    assert "ALIBABA_CLOUD_ACCESS_KEY_SECRET" in str(answer.error)
    assert len(invoke.calls(READ)) == 1


def test_fresh_credentials_are_tried_once_after_a_token_error(invoke: Invoker) -> None:
    """When the environment holds new credentials by then, an expired token costs one more attempt only."""
    handler = invoke.configure()
    good, expired = invoke.credentials, invoke.credentials._replace(security_token="expired-token")
    supplied = iter([expired])
    import json

    from functions.set_vpc_access.handler import Invocation

    summary = handler.handle(json.dumps(request()).encode(), Invocation("req", 60, lambda: next(supplied, good)))

    assert summary["counts"] == {"authorized": 1}
    assert len(invoke.calls(READ)) == 2


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


def test_throttling_halves_the_rate_and_success_gives_it_back() -> None:
    """Throttled calls of one moment count once; twenty successes restore what one throttling took, and no more."""
    clock = ManualClock(100)
    pace = _pace(clock, 10)
    pace.throttled("X")
    pace.throttled("X")

    assert pace.rate("X") == 5
    clock.advance(1)
    pace.throttled("X")

    assert pace.rate("X") == 2.5
    for _ in range(40):
        pace.succeeded("X")

    assert pace.rate("X") == 10
    assert pace.rate("Y") == 10


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
