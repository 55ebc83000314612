"""Unwrap what a trigger delivered until records are left.

Wrappers nest (a CloudEvent in a queue message, JSON in a string, Base64 of JSON); ``DEEPEST`` bounds that. Nothing
raises: what cannot be understood becomes an Invalid record of its own and never costs another record its answer.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from shared.events.envelopes import ENVELOPES, Envelope
from shared.events.text import LARGEST_EVENT, LARGEST_MESSAGE, decode_base64, read_json
from shared.model.records import Appeared, Content, Ended, Ignored, Inner, Invalid, Record

DEEPEST = 16  # wrappers, lists and texts around one another; a hook in a topic message in a queue batch needs 9
MOST_RECORDS = 10_000  # of one event: the largest batch a trigger delivers
_SHOWN = 8  # keys of an unknown object that its error names

HELP = 'send an object with "Name", "VpcId", "InstanceId" and "Port", or forward a supported event unchanged (events/README.md)'
_XML_HELP = (
    "it is an SMQ topic's notification in XML: set NotifyContentFormat of the subscription to JSON or SIMPLIFIED"
)
_XML_HEAD = 512  # characters within which an XML document has named its root element


class Piece(NamedTuple):
    """Something to understand, and what is known of where it came from."""

    value: Any  # bytes, text, or whatever JSON holds
    source: str = ""
    message_id: str = ""
    part: str = ""
    depth: int = 0
    passing_id: str = ""  # counts where there is no other

    def inner(self, value: Any) -> Piece:
        """Return what was inside, one step deeper."""
        return self._replace(value=value, depth=self.depth + 1)

    def within(self, envelope: Envelope) -> Piece:
        """Return it with the envelope's name and, unless a wrapper around it gave one, identity."""
        source = f"{self.source}/{envelope.name}".strip("/")
        if envelope.replays:
            return Piece(self.value, source, depth=self.depth)
        if self.message_id:
            return self._replace(source=source)
        identity = envelope.identity(self.value)
        if envelope.passing:
            return self._replace(source=source, passing_id=self.passing_id or identity)
        return self._replace(source=source, message_id=identity, part="" if identity else self.part)

    def record(self, content: Content) -> Record:
        """Return the record of what was understood; a backend that appeared or ended is a part of its message."""
        part = self.part
        if isinstance(content, (Appeared, Ended)):
            part = "/".join(filter(None, (part, content.instance_id)))
        return Record(self.source or "manual", self.message_id or self.passing_id, part, content, self.value)


def parse(event: bytes) -> list[Record]:
    """Return the records of an event, in its order: at least one. Never raises, whatever the bytes are.

    Time is linear in the event's size. Memory peaks at 3.5 to 6.3 times the size of real batches (tests/bench/parse.py);
    hostile ones cost at most 8 times their size and 12 MB, because ``read_json`` refuses texts with too many values and
    at most MOST_RECORDS records are made.
    """
    if len(event) > LARGEST_EVENT:
        return [Piece(b"").record(Invalid(f"the event has {len(event)} bytes; Function Compute takes {LARGEST_EVENT}"))]
    records: list[Record] = []
    for record in _records(Piece(event)):
        if len(records) == MOST_RECORDS:
            records.append(
                Piece("").record(
                    Invalid(
                        f"the event holds more than {MOST_RECORDS} records and the rest was not read: make the trigger's "
                        "batches smaller, or send it in parts",
                        retry=True,
                    )
                )
            )
            break
        records.append(record)
    return records


def _records(piece: Piece) -> Iterator[Record]:
    if piece.depth > DEEPEST:
        yield piece.record(Invalid(f"more than {DEEPEST} wrappers around one another: send the request itself"))
    elif isinstance(piece.value, (bytes, str)):
        yield from _from_text(piece)
    elif isinstance(piece.value, list):
        yield from _from_list(piece)
    elif isinstance(piece.value, dict):
        yield from _from_object(piece)
    else:
        yield piece.record(Invalid(f"a request is a JSON object, not {_kind(piece.value)}: {HELP}"))


def _from_text(piece: Piece) -> Iterator[Record]:
    """Read text as JSON, or as Base64 of JSON: the vendor's SDKs encode queue messages by default, its console does not."""
    raw = piece.value
    if piece.depth and len(raw) > LARGEST_MESSAGE:
        yield piece.record(Invalid(f"the message has {len(raw)} bytes; at most {LARGEST_MESSAGE} are read"))
        return
    try:
        value = read_json(raw)
    except ValueError as error:
        value = decode_base64(raw)
        if value is None:
            text = " ".join(str(error).split())[:200]
            yield piece.record(
                Invalid(
                    f"the message is not JSON ({text}) and not Base64 of JSON: "
                    f"{_XML_HELP if _is_notification(raw) else HELP}"
                )
            )
            return
    yield from _records(piece.inner(value))


def _is_notification(raw: bytes | str) -> bool:
    """Tell whether it is what a topic delivers in XML, the default of a subscription to a queue.

    https://help.aliyun.com/en/mns/notifycontentformat
    """
    head = raw[:_XML_HEAD].decode("utf-8", "replace") if isinstance(raw, bytes) else raw[:_XML_HEAD]
    return "<Notification" in head


def _from_list(piece: Piece) -> Iterator[Record]:
    """Understand each element by itself. Inside one message its place names it; in a batch its own message id does."""
    if not piece.value:
        yield piece.record(Ignored("empty", "the list holds no record"))
    for number, element in enumerate(piece.value):
        inside = piece.inner(element)
        yield from _records(
            inside._replace(part=f"{piece.part}[{number}]") if piece.message_id or piece.passing_id else inside
        )


def _from_object(piece: Piece) -> Iterator[Record]:
    keys = piece.value.keys()
    for envelope in ENVELOPES:
        if envelope.keys <= keys and envelope.fits(piece.value):
            inside = piece.within(envelope)
            for opened in envelope.open(piece.value):
                if isinstance(opened, Inner):
                    yield from _records(inside.inner(opened.value))
                else:
                    yield inside.record(opened)
            return
    yield piece.record(_request(piece.value))


def _request(value: Mapping[str, Any]) -> Content:
    """Read our own request; pydantic is imported only now, an announcement never needs it."""
    from shared.events.request import FIELDS, read_request

    if value.keys().isdisjoint(FIELDS):
        shown = ", ".join(key[:40] for key in list(value)[:_SHOWN]) or "no keys"
        return Invalid(f"not recognised: an object with {shown}. {HELP[0].upper()}{HELP[1:]}")
    found = read_request(value)
    if isinstance(found, str):
        name = value.get("Name")
        return Invalid(found, name[:256] if isinstance(name, str) else "")
    return found


def _kind(value: Any) -> str:
    if value is None:
        return "null"
    return "a boolean" if isinstance(value, bool) else "a number"
