"""Unwrap what a trigger delivered until records are left.

Wrappers nest (a CloudEvent in a queue message, JSON in a string, Base64 of JSON); ``MAX_DEPTH`` bounds that. Nothing
raises: what cannot be understood becomes an Invalid record of its own and never costs another record its answer.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from hashlib import sha256
from sys import intern
from typing import Any, NamedTuple

from shared import log
from shared.events.envelopes import ENVELOPES, Envelope
from shared.events.fields import shown
from shared.events.text import (
    MAX_EVENT_BYTES,
    MAX_MESSAGE_BYTES,
    MAX_RECORD_BYTES,
    decode_base64,
    elements,
    outline,
    read_json,
    utf8,
)
from shared.model.records import UNWRITABLE, Appeared, Content, Ended, Ignored, Invalid, Record, Unwrapped

MAX_DEPTH = 16  # wrappers, lists and texts around one another; a hook in a topic message in a queue batch needs 9
MAX_RECORDS = 10_000  # of one event: the largest batch a trigger delivers
MAX_PER_MESSAGE = 1_000  # records of one message: more would fill a batch by itself, and nobody scales out by more
_SMALL = 4 * 1024  # bytes: a text of so many is read at once, since its elements cannot cost much
_SHOWN = 8  # keys of an unknown object that its error names

HELP = 'send an object with "Name", "VpcId", "InstanceId" and "Port", or forward a supported event unchanged (events/README.md)'
_XML_HELP = (
    "it is an SMQ topic's notification in XML: set NotifyContentFormat of the subscription to JSON or SIMPLIFIED"
)
_XML_HEAD = 512  # bytes within which an XML document has named its root element


class Piece(NamedTuple):
    """Something to understand, and what is known of where it came from."""

    value: Any  # bytes, text, or whatever JSON holds
    source: str = ""
    message_id: str = ""
    part: str = ""
    depth: int = 0
    place: str = ""
    passing_id: str = ""  # counts where there is no other

    def unwrapped(self, value: Any) -> Piece:
        """Return what was inside, one step deeper."""
        return self._replace(value=value, depth=self.depth + 1)

    def recognised_as(self, envelope: Envelope) -> Piece:
        """Return it with the envelope's name and, unless a wrapper around it gave one, identity."""
        source = intern(f"{self.source}/{envelope.name}".strip("/"))  # few, and held by each record of a batch
        if envelope.replays:
            return Piece(self.value, source, depth=self.depth)
        if self.message_id:
            return self._replace(source=source)
        identity = envelope.identity(self.value)
        if envelope.passing:
            return self._replace(source=source, passing_id=self.passing_id or identity)
        part = "" if identity else self.part
        return self._replace(source=source, message_id=identity, part=part, place="")  # a list around it is a batch

    def element(self, number: int, value: Any) -> Piece:
        """Return an element of the list. Inside one message its place names it; in a batch its own message id does."""
        place, named = f"{self.place}[{number}]", self.message_id or self.passing_id
        return self._replace(
            value=value, depth=self.depth + 1, part=f"{self.part}[{number}]" if named else self.part, place=place
        )

    def records(self, contents: Sequence[Content]) -> Iterator[Record]:
        """Return the records of what was understood, which share one original; a backend is a part of its message."""
        original = written(self.value) if contents else ""
        for content in contents:
            part = self.part
            if isinstance(content, (Appeared, Ended)):
                part = "/".join(filter(None, (part, content.instance_id)))
            yield Record(
                self.source or "manual", self.message_id or self.passing_id, part, content, original, self.place
            )

    def record(self, content: Content) -> Record:
        """Return the record of what was understood as one thing."""
        return next(self.records([content]))


def parse(event: bytes) -> list[Record]:
    """Return the records of an event, in its order: at least one. Never raises, whatever the bytes are.

    Time is linear in the event's size. Memory peaks at 1 to 5 times the size of real batches (tests/bench/parse.py);
    hostile ones cost at most 8 times their size and 12 MB: records are read one after the other, each within a size and
    a number of values of its own, and kept as text. Only two limits are about the whole: MAX_EVENT_BYTES and MAX_RECORDS.
    """
    if len(event) > MAX_EVENT_BYTES:
        return [
            Piece(b"").record(Invalid(f"the event has {len(event)} bytes; Function Compute takes {MAX_EVENT_BYTES}"))
        ]
    records: list[Record] = []
    begin = 0  # of the records of the present message
    for record in _records(Piece(event)):
        if not record.message_id or not records or record.message_id != records[-1].message_id:
            begin = len(records)
        if len(records) == MAX_RECORDS:
            del records[
                begin:
            ]  # a message is read as a whole, or not at all: a hook is answered once for all its instances
            records.append(
                Piece("").record(
                    Invalid(
                        f"the event holds more than {MAX_RECORDS} records and the rest was not read: make the trigger's "
                        "batches smaller, or send it in parts",
                        retry=True,
                    )
                )
            )
            break
        if len(records) - begin == MAX_PER_MESSAGE:
            records[begin:] = [record._replace(part="", content=_too_many(), original=UNWRITABLE, place="")]
            continue
        if len(records) - begin == 1 and records[begin].content == _too_many():
            continue
        records.append(record)
    return records


def _too_many(count: int | None = None) -> Invalid:
    """Return the refusal of a whole message that holds too many records."""
    held = f"{count}" if count is not None else f"more than {MAX_PER_MESSAGE}"
    return Invalid(f"the message holds {held} records, at most {MAX_PER_MESSAGE} are read: send it in parts")


def _records(piece: Piece) -> Iterator[Record]:
    """Return what is in a piece. An error that nobody foresaw costs this piece its answer for now, and no other."""
    try:
        yield from _understood(piece)
    except Exception as problem:  # noqa: BLE001 - parse never raises; the log has the trace
        yield piece._replace(value=None).record(Invalid(log.unexpected("parse", problem), retry=True))


def _understood(piece: Piece) -> Iterator[Record]:
    if piece.depth > MAX_DEPTH:
        yield piece.record(Invalid(f"more than {MAX_DEPTH} wrappers around one another: send the request itself"))
    elif isinstance(piece.value, (bytes, str)):
        yield from _from_text(piece)
    elif isinstance(piece.value, list):
        yield from _from_list(piece)
    elif isinstance(piece.value, dict):
        yield from _from_object(piece)
    else:
        yield piece.record(Invalid(f"a request is a JSON object, not {_kind(piece.value)}: {HELP}"))


def _from_text(piece: Piece) -> Iterator[Record]:
    """Read a text, of a list one element after the other: what is wrong with one, or too much, costs no other its answer."""
    raw = utf8(piece.value)
    if piece.depth and len(raw) > MAX_MESSAGE_BYTES:
        yield piece.record(_too_large(raw))
        return
    if len(raw) <= _SMALL and (found := _read_at_once(raw)) is not None:
        yield from _from_small(piece, found.value)
        return
    try:
        places = elements(raw, MAX_RECORDS)
    except ValueError as error:
        yield piece.record(_unreadable(raw, error))
        return
    if places is None:
        yield from _from_record(piece.unwrapped(raw))
    elif not places:
        yield from _records(piece.unwrapped([]))
    elif piece.message_id and len(places) > MAX_PER_MESSAGE:
        yield piece.record(_too_many(len(places)))
    else:
        batch = piece.unwrapped(None)
        for number, (begin, end) in enumerate(places):
            yield from _from_record(batch.element(number, raw[begin:end]))


def _read_at_once(raw: bytes) -> Unwrapped | None:
    """Read a small text; None if it is broken, or Base64: then it is looked at piece by piece."""
    try:
        return Unwrapped(read_json(raw))
    except ValueError:
        return None


def _from_small(piece: Piece, value: Any) -> Iterator[Record]:
    batch = piece.unwrapped(value)
    if not isinstance(value, list) or not value:
        yield from _records(batch)
    elif piece.message_id and len(value) > MAX_PER_MESSAGE:
        yield piece.record(_too_many(len(value)))
    else:
        for number, element in enumerate(value):
            yield from _records(batch.element(number, element))


def _from_record(piece: Piece) -> Iterator[Record]:
    """Read JSON, or Base64 of it: the vendor's SDKs encode queue messages by default, its console does not."""
    raw = piece.value
    if len(raw) > MAX_RECORD_BYTES:
        yield _from_outline(piece)
        return
    try:
        value = read_json(raw)
    except ValueError as error:
        value = decode_base64(raw)
        if value is None:
            yield piece.record(_unreadable(raw, error))
            return
    yield from _records(piece._replace(value=value))


def _from_outline(piece: Piece) -> Record:
    """Refuse a record that is too large to be read, under the identity that its wrapper gives as far as that is short."""
    refused = piece.record(_too_large(piece.value))
    try:
        value = read_json(outline(piece.value))
    except ValueError:
        return refused
    first = next(_records(piece._replace(value=value)))
    if isinstance(first.content, Ignored):
        return first
    correlation = getattr(first.content, "correlation", "")
    return first._replace(content=_too_large(piece.value, correlation), original=refused.original)


def _too_large(raw: bytes, correlation: str = "") -> Invalid:
    text = f"the message has {len(raw)} bytes; at most {MAX_MESSAGE_BYTES} are read: send it in parts"
    return Invalid(text, correlation=correlation)


def _unreadable(raw: bytes, error: ValueError) -> Invalid:
    text = " ".join(str(error).split())[:200]
    cure = _XML_HELP if _is_notification(raw) else HELP
    return Invalid(f"the message is not JSON ({text}) and not Base64 of JSON: {cure}")


def _is_notification(raw: bytes) -> bool:
    """Tell whether it is what a topic delivers in XML, the default of a subscription to a queue.

    https://help.aliyun.com/en/mns/notifycontentformat
    """
    return b"<Notification" in raw[:_XML_HEAD]


def _from_list(piece: Piece) -> Iterator[Record]:
    if not piece.value:
        yield piece.record(Ignored("empty", "the list holds no record"))
    if piece.message_id and len(piece.value) > MAX_PER_MESSAGE:
        yield piece.record(_too_many(len(piece.value)))
        return
    for number, value in enumerate(piece.value):
        yield from _records(piece.element(number, value))


def _from_object(piece: Piece) -> Iterator[Record]:
    keys = piece.value.keys()
    for key, envelope in _BY_A_KEY:
        if key in keys and envelope.keys <= keys and envelope.fits(piece.value):
            break
    else:
        yield piece.record(_request(piece.value))
        return
    known = piece.recognised_as(envelope)
    opened = list(envelope.open(piece.value))
    if len(opened) > MAX_PER_MESSAGE:
        yield known.record(_too_many(len(opened)))
        return
    yield from known.records([one for one in opened if not isinstance(one, Unwrapped)])
    for one in opened:
        if isinstance(one, Unwrapped):
            yield from _records(known.unwrapped(one.value))


_BY_A_KEY = tuple((min(envelope.keys), envelope) for envelope in ENVELOPES)  # one key rules most of them out


def _request(value: Mapping[str, Any]) -> Content:
    """Read our own request; pydantic is imported only now, an announcement never needs it."""
    from shared.events.request import FIELDS, correlation_of, read_request

    if value.keys().isdisjoint(FIELDS):
        keys = ", ".join(shown(key, 40) for key in list(value)[:_SHOWN]) or "no keys"
        return Invalid(f"not recognised: an object with {keys}. {HELP[0].upper()}{HELP[1:]}")
    found = read_request(value)
    if isinstance(found, str):
        name = value.get("Name")
        return Invalid(found, name[:256] if isinstance(name, str) else "", correlation=correlation_of(value))
    return found


def written(value: Any) -> str:
    """Return what a record was read from as text: a text as it is, JSON in ASCII, which takes less room than its values.

    Of a text that is too large for a message only the beginning is kept, more than any
    result shows, and a hash that stands for the rest. What could just be read may be too deep to be written again.
    """
    if isinstance(value, (bytes, str)):
        text = value[:MAX_MESSAGE_BYTES]
        text = text if isinstance(text, str) else text.decode("utf-8", "replace")
        return text if len(value) <= MAX_MESSAGE_BYTES else f"{text}… (sha256 {sha256(utf8(value)).hexdigest()})"
    try:
        return _ENCODER.encode(value)
    except RecursionError:
        return UNWRITABLE


_ENCODER = json.JSONEncoder(separators=(",", ":"))


def _kind(value: Any) -> str:
    if value is None:
        return "null"
    return "a boolean" if isinstance(value, bool) else "a number"
