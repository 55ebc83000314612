"""How outcomes are reported: the result message of each, its line in the log, the summary of all. Pure, but for that line.

A result message is a CloudEvent 1.0 in JSON (https://github.com/cloudevents/spec/blob/v1.0.2/cloudevents/spec.md).
Its ``id`` depends on the record, the kind of answer and what was granted, so a redelivered record answers under the same
id and a consumer can drop repeats; "not yet" (failed) and "no" (refused, rejected) have ids of their own, because a later
"yes" must not be taken for their repeat. What is told of an entry (released, kept) is named by the entry and the reason.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from hashlib import sha256
from types import MappingProxyType
from typing import Any, NamedTuple

from shared import log
from shared.model.outcome import (
    FAILED,
    GRANTED,
    IGNORED,
    OF_AN_ENTRY,
    REFUSED,
    REJECTED,
    HookAnswer,
    Outcome,
)
from shared.model.records import Appeared, Move

RECONCILE = "reconcile"  # source of what a sweep found
MAX_MESSAGE_BYTES = 48_000  # bytes, a third more in Base64: within SMQ's 64 KB
_MAX_FIELD_BYTES = (
    3_100  # bytes that a name of 256 characters can take; longer ones are not names of ours, but must fit
)
_MAX_REASON_BYTES, _MAX_REASON_CHARS = 6_000, 2_000  # bytes, characters
_NOTHING: Mapping[str, float] = MappingProxyType({})


def result_id(outcome: Outcome, owner: str) -> str:
    """Return the id of an outcome's result message: 32 hexadecimal characters, the same for every delivery."""
    record = outcome.record
    if outcome.type in GRANTED and isinstance(record.content, Move):
        move = record.content
        return _hash(owner, move.vpc_access_id, move.previous, move.target, move.cause, move.started)
    if outcome.type in OF_AN_ENTRY and outcome.access is not None:
        return _hash(owner, outcome.access.vpc_access_id, outcome.access.name, outcome.type, outcome.reason)
    key = record.message_id or sha256(_canonical(record.original).encode("utf-8", "surrogatepass")).hexdigest()
    target = outcome.access.target if outcome.access else ()
    if outcome.type in GRANTED and outcome.access is not None and record.source == RECONCILE:
        return _hash(owner, outcome.access.vpc_access_id, outcome.access.name, "granted")
    if outcome.type in GRANTED and outcome.access is not None:
        return _hash(owner, key, record.part, target, "granted", outcome.access.vpc_access_id)
    return _hash(owner, key, record.part, target, outcome.type)


def _hash(*parts: object) -> str:
    return sha256(json.dumps(parts).encode()).hexdigest()[:32]


def result_message(
    outcome: Outcome,
    owner: str,
    now: str,
    *,
    redelivered: bool = True,
    original_in: str = "",
    invocation_id: str = "",
) -> str:
    """Return the result message as ASCII JSON text of at most MAX_MESSAGE_BYTES bytes; ``now`` is RFC 3339.

    ``redelivered`` tells whether somebody delivers again what failed; over HTTP nobody does. The original of a refusal
    takes what room the rest leaves; cut off, it is marked so. ``original_in`` is the id of a result that has it already:
    the parts of one message do not repeat it. ``invocation_id`` is the id of the call that answers.
    """
    data = _data(outcome, invocation_id)
    if outcome.type == FAILED:
        data["WillRetry"] = outcome.retry and redelivered
    message = {
        "specversion": "1.0",
        "id": result_id(outcome, owner),
        "source": f"/vpc-access-authorizer/{owner}",
        "type": f"vpcaccess.{outcome.type}",
        **({"subject": _fitting(outcome.name, _MAX_FIELD_BYTES)} if outcome.name else {}),  # CloudEvents: never empty
        "time": now,
        "datacontenttype": "application/json",
        "data": data,
    }
    if outcome.more:
        _add(outcome.more, data, MAX_MESSAGE_BYTES - len(_json(message)))
    if original_in:
        data["OriginalIn"] = original_in
    elif has_original(outcome):
        original = outcome.record.original
        rest = _json(message | {"data": data | {"Original": "", "OriginalTruncated": True}})
        data["Original"] = _fitting(original, MAX_MESSAGE_BYTES - len(rest) + len('""'))
        if data["Original"] != original:
            data["OriginalTruncated"] = True
    return _json(message)


def _add(more: Mapping[str, Any], data: dict[str, Any], room: int) -> None:
    """Add the further fields of a result, small ones first; ``LeftOut`` names those that ``room`` bytes have no place for."""
    room -= len(_json({"LeftOut": list(more)}))
    for name, value in sorted(more.items(), key=lambda item: len(_json(item[1]))):
        size = len(_json({name: value}))
        if size <= room:
            data[name] = value
            room -= size
        else:
            data.setdefault("LeftOut", []).append(name)


def has_original(outcome: Outcome) -> bool:
    """Tell whether a result gives what its record was read from: what was turned down can be sent again."""
    return outcome.type in (REFUSED, REJECTED)


def _data(outcome: Outcome, invocation_id: str) -> dict[str, Any]:
    """Return what a result says in the vendor's field names, each bounded."""
    access = outcome.access
    data: dict[str, Any] = {"SourceMessageId": outcome.record.message_id, "Source": outcome.record.source}
    known = {"Correlation": outcome.correlation, "Place": outcome.record.place, "InvocationId": invocation_id}
    data |= {name: value for name, value in known.items() if value}
    if access:
        data |= {
            "Name": access.name,
            "VpcId": access.vpc_id,
            "InstanceId": access.instance_id,
            "Port": access.port,
        }
    elif isinstance(outcome.record.content, Appeared):
        data["InstanceId"] = outcome.record.content.instance_id
    if outcome.type in GRANTED | OF_AN_ENTRY and access:
        data["VpcAccessId"] = access.vpc_access_id
    if outcome.request_id:
        data["RequestId"] = outcome.request_id
    if outcome.drift:
        data["Differs"] = list(outcome.drift)
    if outcome.reason:
        data |= {"ReasonCode": outcome.reason, "Reason": outcome.text[:_MAX_REASON_CHARS]}
    sizes = {"Reason": _MAX_REASON_BYTES}
    return {
        name: _fitting(value, sizes.get(name, _MAX_FIELD_BYTES)) if isinstance(value, str) else value
        for name, value in data.items()
    }


def line(outcome: Outcome) -> dict[str, Any]:
    """Return what the summary and the log say about one record; empty fields are left out."""
    access = outcome.access
    fields = {
        "outcome": outcome.type,
        "source": outcome.record.source,
        "message_id": outcome.record.message_id,
        "part": outcome.record.part,
        "correlation": outcome.correlation,
        "name": outcome.name,
        "target": access.target_text() if access else "",
        "vpc_access_id": access.vpc_access_id if access else "",
        "reason": outcome.reason,
        "text": outcome.text,
        "differs": list(outcome.drift),
        "retry": outcome.retry,
        "result": outcome.published,
    }
    return {name: value for name, value in fields.items() if value not in ("", [], False)}


def logged(outcome: Outcome, tally: Mapping[str, float] = _NOTHING) -> Outcome:
    """Write the line of an outcome, with what ``tally`` counts of it, and return the outcome; a failure is a warning."""
    write = log.warning if outcome.type == FAILED or outcome.retry else log.info
    write("record", **line(outcome), **{name: round(amount, 3) for name, amount in tally.items()})
    return outcome


class Report(NamedTuple):
    """The outcomes of an invocation. ``awaited``: a client waits for it, and nobody delivers the event again."""

    request_id: str
    outcomes: Sequence[Outcome]
    hooks: Sequence[HookAnswer] = ()
    awaited: bool = False

    def summary(self) -> dict[str, Any]:
        """Return the JSON-able answer: counts by outcome, a line for each record in input order, the answers to hooks."""
        whole = {
            "request_id": self.request_id,
            "records": len(self.outcomes),
            "counts": self.counts(),
            "results": [line(outcome) for outcome in self.outcomes],
            **self.ignored_because(),
        }
        return whole | {"hooks": [hook.line() for hook in self.hooks]} if self.hooks else whole

    def counts(self) -> dict[str, int]:
        """Return how many outcomes there are of each type."""
        return dict(Counter(outcome.type for outcome in self.outcomes))

    def ignored_because(self) -> dict[str, dict[str, int]]:
        """Return how many records were ignored for each reason, under the key ``ignored_because``; empty if none were."""
        reasons = Counter(outcome.reason for outcome in self.outcomes if outcome.type == IGNORED)
        return {"ignored_because": dict(reasons)} if reasons else {}

    def retry_text(self) -> str:
        """Return one sentence about what has to be delivered again, "" if nothing has."""
        again = [outcome for outcome in self.outcomes if outcome.retry]
        if not again:
            return ""
        reasons = Counter(outcome.reason for outcome in again).most_common(3)
        first = next((outcome.text for outcome in again if outcome.text), "no text")
        listed = ", ".join(f"{reason} ({count})" for reason, count in reasons)
        return (
            f"{len(again)} of {len(self.outcomes)} records can succeed when delivered again: {listed}. First: {first}"
        )


_json = json.JSONEncoder(separators=(",", ":")).encode


def _fitting(text: str, most: int) -> str:
    """Return as much of ``text`` as takes ``most`` bytes as a JSON string, where one character can take twelve."""
    if 12 * len(text) + len('""') <= most:
        return text
    text = text[: max(0, most)]
    while text and (size := len(json.dumps(text))) > most:
        text = text[: len(text) * most // size]
    return text


def _canonical(original: str) -> str:
    """Return text that is the same for equal JSON, in whatever order its keys stand."""
    try:
        return json.dumps(json.loads(original), sort_keys=True, separators=(",", ":"))
    except (ValueError, RecursionError):  # a text, or deeper than can be written here
        return original
