"""Result messages, summaries and the sentence for the platform, as values: no cloud, no handler."""

import json
from base64 import b64encode
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from shared import log
from shared.flow.report import MAX_MESSAGE_BYTES, Report, line, logged, result_id, result_message
from shared.model.access import VpcAccess
from shared.model.outcome import (
    AUTHORIZED,
    FAILED,
    GRANTED,
    IGNORED,
    KEPT,
    REFUSED,
    REJECTED,
    RELEASED,
    REPLACED,
    UNCHANGED,
    Outcome,
)
from shared.model.records import Content, Ignored, Invalid, Record

NOW = "2026-01-05T04:18:26Z"
ACCESS = VpcAccess("orders", "vpc-1", "i-1", 80, vpc_access_id="id-1")
SMQ_LIMIT = 64 * 1024  # bytes; https://alibabacloud.com/help/en/mns/product-overview/limits


def _record(original: str = "{}", message_id: str = "m-1", part: str = "", content: Content = ACCESS) -> Record:
    return Record("smq-queue", message_id, part, content, original)


def _message(outcome: Outcome) -> dict[str, Any]:
    whole: dict[str, Any] = json.loads(result_message(outcome, "team-a", NOW))
    return whole


# Long texts of few kinds of characters, the dearest in JSON among them: "\x00" takes six bytes, an emoji twelve.
_long = st.builds(
    lambda unit, times: unit * times,
    st.text(st.characters(), min_size=1, max_size=8) | st.sampled_from(["a", '"', "\\", "é", "\x00", "🚀", "\ud800"]),
    st.sampled_from([0, 1, 40, 256, 3_000, 20_000]),
)
_access = st.builds(
    VpcAccess, _long, _long, _long, st.integers(), description=_long, vpc_target_host_name=_long, vpc_access_id=_long
)
_outcomes = st.builds(
    Outcome,
    st.builds(
        Record,
        _long,
        _long,
        _long,
        st.builds(Invalid, _long, _long) | _access,
        _long | st.dictionaries(_long, _long, max_size=3).map(json.dumps),
    ),
    st.sampled_from([AUTHORIZED, UNCHANGED, REPLACED, REFUSED, REJECTED, FAILED, RELEASED, KEPT]),
    _access | st.none(),
    reason=_long,
    text=_long,
    request_id=_long,
    drift=st.sampled_from([(), ("Description", "VpcTargetHostName", "Tag")]),
    retry=st.booleans(),
    more=st.dictionaries(st.sampled_from(["Undo", "UsedBy", "Because"]), _long),
)


_DEAR = "🚀" * 20_000
_WORST = Outcome(
    Record(_DEAR, _DEAR, _DEAR, Invalid(_DEAR, _DEAR), _DEAR),
    REFUSED,
    VpcAccess(_DEAR, _DEAR, _DEAR, 10**9, vpc_access_id=_DEAR),
    reason=_DEAR,
    text=_DEAR,
    request_id=_DEAR,
    drift=("Description", "VpcTargetHostName", "Tag"),
)


@settings(deadline=None)  # the machine may be busy
@given(_outcomes)
@example(_WORST)
@example(_WORST._replace(type=REPLACED))
def test_every_result_fits_the_topic(outcome: Outcome) -> None:
    """Whatever texts come from producers and the cloud, the message is ASCII JSON that fits SMQ, in Base64 too."""
    text = result_message(outcome, "o" * 64, NOW)

    assert text.isascii()
    assert len(text) <= MAX_MESSAGE_BYTES
    assert len(b64encode(text.encode())) <= SMQ_LIMIT
    message = json.loads(text)
    assert message["id"] == result_id(outcome, "o" * 64)
    if outcome.type in (REFUSED, REJECTED):
        whole = outcome.record.original
        cut = message["data"].get("OriginalTruncated", False)
        shown = message["data"]["Original"]
        assert (shown == whole) is not cut
        assert whole.startswith(shown)
        if cut:
            assert len(json.dumps(shown)) > 10_000, "there was room for more of it"


@pytest.mark.parametrize(
    ("size", "cut"),
    [
        pytest.param(40_000, False, id="most-of-the-message"),
        pytest.param(MAX_MESSAGE_BYTES, True, id="larger-than-all"),
    ],
)
def test_an_original_is_cut_only_where_it_must(size: int, cut: bool) -> None:
    """A refused request of 40 KB comes back whole, so that it can be sent again; a larger one says that it was cut."""
    data = _message(Outcome(_record("x" * size), REFUSED, ACCESS, "PortNotAllowed", "no"))["data"]

    assert ("OriginalTruncated" in data) is cut
    assert len(data["Original"]) == size or cut


@pytest.mark.parametrize("kind", [AUTHORIZED, UNCHANGED, REPLACED, REFUSED, REJECTED, FAILED])
def test_each_outcome_says_what_a_consumer_needs(kind: str) -> None:
    """Grants carry the VpcAccessId, refusals the original, failures whether they are tried again; nobody else does."""
    outcome = Outcome(_record(), kind, ACCESS, "" if kind in GRANTED else "Because", "a text", "r-1", retry=True)
    message = _message(outcome)

    assert (message["specversion"], message["type"], message["subject"]) == ("1.0", f"vpcaccess.{kind}", "orders")
    assert (message["source"], message["time"]) == ("/vpc-access-authorizer/team-a", NOW)
    data = message["data"]
    assert {name: data[name] for name in ("Name", "VpcId", "InstanceId", "Port", "RequestId", "SourceMessageId")} == {
        "Name": "orders",
        "VpcId": "vpc-1",
        "InstanceId": "i-1",
        "Port": 80,
        "RequestId": "r-1",
        "SourceMessageId": "m-1",
    }
    assert ("VpcAccessId" in data) == (kind in GRANTED)
    assert ("Original" in data) == (kind in (REFUSED, REJECTED))
    assert ("WillRetry" in data) == (kind == FAILED)
    assert ("ReasonCode" in data) == (kind not in GRANTED)


def _id(outcome: Outcome, owner: str = "team-a") -> str:
    return result_id(outcome, owner)


BASE = Outcome(_record(), AUTHORIZED, ACCESS)


@pytest.mark.parametrize(
    "other",
    [
        pytest.param(BASE._replace(type=UNCHANGED), id="found-instead-of-made"),
        pytest.param(BASE._replace(type=REPLACED), id="replaced"),
        pytest.param(BASE._replace(access=ACCESS._replace(name="x")), id="under-another-name"),
        pytest.param(BASE._replace(record=_record(original="other")), id="same-message-other-bytes"),
        pytest.param(BASE._replace(record=_record()._replace(source="fc-destination/smq-queue")), id="other-wrapper"),
        pytest.param(BASE._replace(text="x", request_id="y", drift=("Tag",), retry=True), id="other-circumstances"),
    ],
)
def test_a_redelivered_record_answers_under_the_same_id(other: Outcome) -> None:
    """The id follows the message, its part, the target and the kind of answer, whatever else differs."""
    assert _id(other) == _id(BASE)


@pytest.mark.parametrize(
    "other",
    [
        pytest.param(BASE._replace(access=ACCESS._replace(vpc_access_id="id-2")), id="released-and-made-again"),
        pytest.param(BASE._replace(type=REFUSED), id="no-is-not-yes"),
        pytest.param(BASE._replace(type=FAILED), id="not-yet-is-not-yes"),
        pytest.param(BASE._replace(record=_record(message_id="m-2")), id="another-message"),
        pytest.param(BASE._replace(record=_record(part="[1]")), id="another-part"),
        pytest.param(BASE._replace(access=ACCESS._replace(port=81)), id="another-port-of-the-instance"),
        pytest.param(BASE._replace(access=None), id="no-target"),
        pytest.param(BASE._replace(record=_record(message_id="")), id="by-hand"),
    ],
)
def test_different_answers_have_different_ids(other: Outcome) -> None:
    """A consumer that drops repeats by id never drops an answer that is not a repeat."""
    assert _id(other) != _id(BASE)


def test_ids_without_a_message_id_follow_the_content() -> None:
    """An event by hand has the id of what it says, in whatever order its keys stand; another owner's results differ."""
    first, same, other = (
        Outcome(_record(original, ""), AUTHORIZED, ACCESS)
        for original in ('{"a":1,"b":2}', '{"b":2,"a":1}', '{"a":1,"b":3}')
    )

    assert _id(first) == _id(same) != _id(other)
    assert _id(first, "team-b") != _id(first)
    assert len(_id(first)) == 32


def test_lines_leave_out_what_is_empty() -> None:
    """The log and the summary show only what there is to say; zero and False are not confused with nothing."""
    assert line(Outcome(_record(), UNCHANGED, ACCESS, published="p-1")) == {
        "outcome": "unchanged",
        "source": "smq-queue",
        "message_id": "m-1",
        "name": "orders",
        "target": "i-1:80 in vpc-1",
        "vpc_access_id": "id-1",
        "result": "p-1",
    }
    assert line(Outcome(_record(content=Ignored("timer", "t")), IGNORED, None, "timer", "t")) == {
        "outcome": "ignored",
        "source": "smq-queue",
        "message_id": "m-1",
        "reason": "timer",
        "text": "t",
    }


@pytest.mark.parametrize(
    ("outcome", "level"),
    [
        pytest.param(BASE, "INFO", id="granted"),
        pytest.param(BASE._replace(type=FAILED), "WARNING", id="failed-for-good"),
        pytest.param(BASE._replace(retry=True), "WARNING", id="granted-and-due-again"),
        pytest.param(BASE._replace(type=FAILED, retry=True), "WARNING", id="failed-and-due-again"),
    ],
)
def test_the_log_warns_of_what_failed_and_of_what_is_due_again(
    capsys: pytest.CaptureFixture[str], outcome: Outcome, level: str
) -> None:
    """The line of a record has what the summary says of it, and its counts and seconds to the millisecond."""
    log.begin()
    assert logged(outcome, {"calls": 2, "waited": 0.12345}) is outcome
    whole = json.loads(capsys.readouterr().out)

    assert (whole.pop("event"), whole.pop("level"), whole.pop("time")[:2]) == ("record", level, "20")
    assert whole == {**line(outcome), "calls": 2, "waited": 0.123}


def test_a_summary_counts_and_keeps_the_order() -> None:
    """Counts by outcome, one line for each record as they came."""
    outcomes = [BASE, Outcome(_record(message_id="m-2"), REFUSED, ACCESS, "PortNotAllowed", "no"), BASE]
    report = Report("req-1", outcomes)
    whole = report.summary()

    assert whole["counts"] == report.counts() == {"authorized": 2, "refused": 1}
    assert (whole["request_id"], whole["records"]) == ("req-1", 3)
    assert [result["message_id"] for result in whole["results"]] == ["m-1", "m-2", "m-1"]


@pytest.mark.parametrize(
    ("outcomes", "text"),
    [
        pytest.param([BASE], "", id="nothing-to-do"),
        pytest.param(
            [BASE, Outcome(_record(), FAILED, ACCESS, "Throttling", "slow down", retry=True)],
            "1 of 2 records can succeed when delivered again: Throttling (1). First: slow down",
            id="one",
        ),
        pytest.param(
            [Outcome(_record(), FAILED, None, code, code.lower(), retry=True) for code in "DCBAAB"],
            "6 of 6 records can succeed when delivered again: B (2), A (2), D (1). First: d",
            id="the-three-most-frequent",
        ),
        pytest.param(
            [Outcome(_record(), FAILED, None, "NoAnswer", retry=True)],
            "1 of 1 records can succeed when delivered again: NoAnswer (1). First: no text",
            id="without-a-text",
        ),
    ],
)
def test_the_platform_is_told_what_to_deliver_again(outcomes: list[Outcome], text: str) -> None:
    """One sentence with the reasons by frequency; none where nothing can be helped by a redelivery."""
    assert Report("req-1", outcomes).retry_text() == text
