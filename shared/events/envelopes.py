"""Unwrap what a trigger delivered until records are left.

Function Compute tells nobody which trigger fired, so nothing recognises a wrapper but the payload: always by several
of its keys, in the order of ``ENVELOPES``. Wrappers nest (a CloudEvent in a queue message, JSON in a string, Base64
of JSON); ``DEEPEST`` bounds that. Nothing raises: what cannot be understood becomes an Invalid record of its own and
never costs another record its answer.
"""

from __future__ import annotations

import binascii
import json
from base64 import b64decode
from collections.abc import Callable, Iterator, Mapping
from typing import Any, NamedTuple

from shared.events import notices
from shared.events.records import Content, Ignored, Invalid, Record

LARGEST_EVENT = 32 * 1024 * 1024  # bytes: Function Compute's limit for a synchronous payload
LARGEST_MESSAGE = 128 * 1024  # bytes: its limit for an asynchronous one, twice SMQ's
DEEPEST = 16  # wrappers and texts around one another; a hook in a topic message in a queue batch needs 9
_SHOWN = 8  # keys of an unknown object that its error names

Value = Any  # whatever JSON holds


class Piece(NamedTuple):
    """Something to understand, and what is known of where it came from."""

    value: Value
    source: str = "manual"
    message_id: str = ""
    part: str = ""
    depth: int = 0

    def inner(self, value: Value, source: str | None = None, message_id: str = "") -> Piece:
        """Return what was inside, one wrapper deeper. The outermost message id stays: it is what a sender knows."""
        return Piece(value, source or self.source, self.message_id or message_id, self.part, self.depth + 1)


class Envelope(NamedTuple):
    """A wrapper: recognised when all of ``keys`` are there (and ``fits``, if given, agrees), then opened."""

    source: str
    keys: frozenset[str]
    open: Callable[[Piece], Iterator[Piece | Record]]
    fits: Callable[[Mapping[str, Any]], bool] | None = None


def parse(event: bytes) -> list[Record]:
    """Return the records of an event, in its order: at least one. Never raises, whatever the bytes are."""
    if len(event) > LARGEST_EVENT:
        return [
            _record(Piece(""), Invalid(f"the event has {len(event)} bytes; Function Compute takes {LARGEST_EVENT}"))
        ]
    return list(_records(Piece(event)))


def _records(piece: Piece) -> Iterator[Record]:
    if piece.depth > DEEPEST:
        yield _record(piece, Invalid(f"more than {DEEPEST} wrappers around one another: send the request itself"))
        return
    if isinstance(piece.value, (bytes, str)):
        yield from _from_text(piece)
    elif isinstance(piece.value, list):
        yield from _from_list(piece)
    elif isinstance(piece.value, dict):
        for opened in _open(piece):
            if isinstance(opened, Piece):
                yield from _records(opened)
            else:
                yield opened
    else:
        yield _record(piece, Invalid(f"a request is a JSON object, not {_kind(piece.value)}: {_HELP}"))


def _from_text(piece: Piece) -> Iterator[Record]:
    """Read text as JSON, or as Base64 of JSON: the vendor's SDKs encode queue messages by default, its console does not."""
    raw = piece.value
    if piece.depth and len(raw) > LARGEST_MESSAGE:
        yield _record(piece, Invalid(f"the message has {len(raw)} bytes; at most {LARGEST_MESSAGE} are read"))
        return
    try:
        value = _read_json(raw)
    except ValueError as error:
        decoded = _base64(raw)
        if decoded is None:
            yield _record(piece, Invalid(f"the message is not JSON ({_one_line(error)}): {_HELP}"))
            return
        value = decoded
    yield from _records(piece.inner(value))


def _from_list(piece: Piece) -> Iterator[Record]:
    """Understand each element by itself. Inside one message its place names it; in a batch its own message id does."""
    if not piece.value:
        yield _record(piece, Ignored("empty", "the list holds no record"))
    for number, element in enumerate(piece.value):
        part = f"{piece.part}[{number}]" if piece.message_id else piece.part
        yield from _records(piece.inner(element)._replace(part=part))


def _open(piece: Piece) -> Iterator[Piece | Record]:
    keys = piece.value.keys()
    for envelope in ENVELOPES:
        if envelope.keys <= keys and (envelope.fits is None or envelope.fits(piece.value)):
            return envelope.open(piece)
    return _manual(piece)


def _manual(piece: Piece) -> Iterator[Record]:
    """Read our own request; pydantic is imported only now, an announcement never needs it."""
    from shared.events.request import FIELDS, read_request

    value = piece.value
    if not value.keys() & set(FIELDS):
        shown = ", ".join(str(key)[:40] for key in list(value)[:_SHOWN]) or "no keys"
        yield _record(piece, Invalid(f"not recognised: an object with {shown}. {_HELP[0].upper()}{_HELP[1:]}"))
        return
    found = read_request(value)
    if isinstance(found, str):
        name = value.get("Name")
        yield _record(piece, Invalid(found, name[:256] if isinstance(name, str) else ""))
    else:
        yield _record(piece, found)


def _cloud_event(piece: Piece) -> Iterator[Piece | Record]:
    """CloudEvents 1.0 as EventBridge sends it. Source and id identify an event: https://help.aliyun.com/document_detail/181428.html"""
    event = piece.value
    kind = notices.text_of(event, "type")
    inside = piece.inner(event["data"], "eventbridge", f"{event['source']}/{event['id']}")
    whole = inside._replace(value=event)
    if kind == "mns:Queue:SendMessage":
        yield inside._replace(source="smq-queue", message_id=piece.message_id)
        return
    for announcer in notices.CLOUD_EVENTS:
        if announcer.type == kind:
            yield from (_record(whole, content) for content in announcer.read(event))
            return
    if kind.startswith("ecs:"):
        yield _record(whole, Ignored("type", f"events of type {kind[:80]} announce no backend"))
        return
    yield inside


def _queue_message(piece: Piece) -> Iterator[Piece | Record]:
    """A message of an SMQ queue: https://help.aliyun.com/zh/functioncompute/fc/user-guide/mns-queue-triggers"""
    yield piece.inner(piece.value["messageBody"], "smq-queue", str(piece.value["messageId"]))


def _is_cloud_event(value: Mapping[str, Any]) -> bool:
    return all(isinstance(value[key], str) for key in ("specversion", "id", "source", "type"))


ENVELOPES: tuple[Envelope, ...] = (
    Envelope(
        "eventbridge", frozenset({"specversion", "id", "source", "type", "data"}), _cloud_event, fits=_is_cloud_event
    ),
    Envelope("smq-queue", frozenset({"requestId", "messageId", "messageBody"}), _queue_message),
)
"""All wrappers, in the order they are tried: a wrapper with fixed keys of its own comes before one that is laxer."""

_HELP = 'send an object with "Name", "VpcId", "InstanceId" and "Port", or forward a supported event unchanged (README, "Events")'


def _record(piece: Piece, content: Content) -> Record:
    return Record(piece.source, piece.message_id, piece.part, content, piece.value)


def _read_json(raw: bytes | str) -> Value:
    """Read JSON. Raises ValueError for everything that is not, nesting beyond the parser's depth included."""
    try:
        text = raw.decode("utf-8-sig") if isinstance(raw, bytes) else raw
        return json.loads(text, parse_constant=_no_constant)
    except RecursionError:
        raise ValueError("nested too deeply") from None


def _no_constant(name: str) -> None:
    raise ValueError(f"{name} is not JSON")


def _base64(raw: bytes | str) -> str | None:
    """Return the text that ``raw`` is strict Base64 of, None if it is not."""
    try:
        data = raw.strip() if isinstance(raw, bytes) else raw.strip().encode("ascii")
        decoded = b64decode(data, validate=True).decode("utf-8-sig")
    except (binascii.Error, UnicodeError):
        return None
    return decoded or None


def _kind(value: Value) -> str:
    if value is None:
        return "null"
    return "a boolean" if isinstance(value, bool) else "a number"


def _one_line(error: Exception) -> str:
    return " ".join(str(error).split())[:200]
