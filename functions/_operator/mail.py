"""Where letters come from: files, and the messages that wait in a queue, which are held until they are sent or handed back."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from math import inf
from pathlib import Path
from typing import NamedTuple

from functions._operator.letters import Letter, documents, letters
from functions._operator.queue import Received, SmqQueue


class Mail(NamedTuple):
    """Letters that came in one document; ``place`` names it: file and line, or the id of the message."""

    place: str
    letters: list[Letter]


def from_files(files: Iterable[Path]) -> list[Mail]:
    """Read the documents of some files."""
    return [
        Mail(f"{path.name}:{line}", letters(document))
        for path in files
        for line, document in documents(path.read_bytes())
    ]


class Mailbox:
    """The messages that waited in a queue. Raises the errors of ``SmqQueue``.

    All are received first and decided about together. That may take as long as somebody thinks, so a receipt may be over
    when its message is to be deleted.
    """

    def __init__(self, queue: SmqQueue, wait: int) -> None:
        self._queue, self._wait = queue, wait
        self._receipts: dict[str, str] = {}  # message id → latest receipt of a message that is still in the queue
        self._late: list[str] = []  # ids of messages to be deleted whose receipt was over

    def take(self) -> Iterator[Mail]:
        """Receive the messages that were there at the start; what comes later waits for the next run."""
        begun = inf
        for received in self._received():
            begun = min(begun, received.now + 1)  # the server's clock, told in whole seconds
            if received.enqueued > begun:
                break
            yield Mail(received.message_id, letters(received.body.encode("utf-8", "surrogatepass")))

    def remove(self, mail: Mail) -> None:
        """Delete a message that was sent whole, now or, if its receipt is over, in ``remove_late``."""
        if self._queue.delete(self._receipts[mail.place]):
            del self._receipts[mail.place]
        else:
            self._late.append(mail.place)

    def remove_late(self) -> list[str]:
        """Receive the messages again whose receipt was over, and delete them; return the ids of those that do not show."""
        if self._late:
            for received in self._received():
                if received.message_id in self._late and self._queue.delete(received.handle):
                    self._late.remove(received.message_id)
                    del self._receipts[received.message_id]
                if not self._late:
                    break
        return self._late

    def hand_back(self) -> None:
        """Make what stays visible again."""
        for receipt in self._receipts.values():
            self._queue.hand_back(receipt)

    def _received(self) -> Iterator[Received]:
        """Yield messages until there is none, or one that was seen: it became visible meanwhile, so all others were seen."""
        seen = set[str]()
        while (received := self._queue.receive(self._wait)) and received.message_id not in seen:
            seen.add(received.message_id)
            self._receipts[received.message_id] = received.handle
            yield received
        if received:
            self._receipts[received.message_id] = received.handle
