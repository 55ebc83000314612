"""What a question has made, noted before it is made, and undone in reverse whatever happens: an error, or Ctrl-C."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

Undo = Callable[[], None]


class Ledger:
    """The notes of a run. ``left`` says what could not be undone."""

    def __init__(self) -> None:
        self._notes: list[tuple[str, Undo]] = []
        self.left: list[str] = []

    def note(self, what: str, undo: Undo) -> None:
        """Note that ``what`` is about to be made; ``undo`` takes it away, and is content if it is not there."""
        self._notes.append((what, undo))

    @contextmanager
    def settled(self) -> Iterator[None]:
        """Undo what is noted inside, the newest first; what fails does not keep the rest from being undone."""
        before = len(self._notes)
        try:
            yield
        finally:
            while len(self._notes) > before:
                what, undo = self._notes[-1]
                try:
                    undo()
                except Exception as error:  # noqa: BLE001 - whatever it is, it is told, and the rest is undone all the same
                    self.left.append(f"{what}: {type(error).__name__}, {error}")
                self._notes.pop()
