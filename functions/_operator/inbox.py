"""Results that arrive in a queue of one's own: those of some messages are taken, all others go back."""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping
from typing import Any
from xml.etree.ElementTree import ParseError

from defusedxml import DefusedXmlException, ElementTree

from functions._operator.queue import NAMESPACE, SmqQueue
from shared.clock import Deadline
from shared.events.parsing import parse
from shared.model.outcome import FAILED
from shared.model.records import Ignored

_POLL_SECONDS = 30  # the longest that SMQ lets a receiver wait
OWN_RESULT = "own-result"


def results(body: str) -> list[dict[str, Any]]:
    """Return the results in a message's body, in any of the forms that a subscription delivers; none if it holds none.

    https://www.alibabacloud.com/help/en/mns/notifycontentformat
    """
    found = parse(_notified(body).encode("utf-8", "surrogatepass"))
    mine = [one for one in found if isinstance(one.content, Ignored) and one.content.reason == OWN_RESULT]
    whole = [json.loads(record.original) for record in mine]
    return [result for result in whole if isinstance(result.get("data"), dict)]


def _notified(body: str) -> str:
    """Return what a notification in XML holds, its default form; any other body as it is."""
    if not body.lstrip().startswith("<"):
        return body
    try:
        return ElementTree.fromstring(body).findtext(f"{NAMESPACE}Message") or body
    except (ParseError, DefusedXmlException):
        return body


def line(result: Mapping[str, Any]) -> dict[str, Any]:
    """Return what a result says as a line of a summary (``shared.flow.report.line``)."""
    data = result["data"]
    place = f"{data['InstanceId']}:{data['Port']} in {data['VpcId']}" if "Port" in data else ""
    return {
        "outcome": str(result["type"]).rpartition(".")[2],
        "source": data.get("Source", ""),
        "message_id": data.get("SourceMessageId", ""),
        "correlation": data.get("Correlation", ""),
        "name": data.get("Name") or result.get("subject", ""),
        "target": place,
        "vpc_access_id": data.get("VpcAccessId", ""),
        "reason": data.get("ReasonCode", ""),
        "text": data.get("Reason", ""),
        "differs": data.get("Differs", []),
        "retry": bool(data.get("WillRetry")),
        "result": result["id"],
    }


class Inbox:
    """A queue that is subscribed to the result topic. Raises the errors of ``SmqQueue``."""

    def __init__(self, queue: SmqQueue) -> None:
        self._queue = queue
        self._others: dict[str, str] = {}  # message id → latest receipt of a message that is not ours

    def answers(self, message_ids: Collection[str], deadline: Deadline) -> dict[str, dict[str, Any]]:
        """Return the result of each of these messages, by its id, as far as they come before the deadline.

        A failure that is tried again is the answer only if nothing else comes in time.
        """
        found: dict[str, dict[str, Any]] = {}
        while any(message_id not in found or _is_tried_again(found[message_id]) for message_id in message_ids):
            left = int(deadline.remaining())
            received = self._queue.receive(min(_POLL_SECONDS, max(left, 0)))
            if received is None:
                if left <= 0:
                    break
                continue
            mine = [result for result in results(received.body) if result["data"].get("SourceMessageId") in message_ids]
            if not mine:
                self._others[received.message_id] = received.handle
                continue
            self._queue.delete(received.handle)
            for result in mine:
                message_id = result["data"]["SourceMessageId"]
                if message_id not in found or _is_tried_again(found[message_id]):
                    found[message_id] = result
        return found

    def hand_back(self) -> None:
        """Make visible again what was for others."""
        for handle in self._others.values():
            self._queue.hand_back(handle)


def _is_tried_again(result: Mapping[str, Any]) -> bool:
    return str(result["type"]).endswith(f".{FAILED}") and bool(result["data"].get("WillRetry"))
