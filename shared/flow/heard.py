"""What the records of one invocation say, under the names that they are about, and the hooks among them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence

from shared import log
from shared.access.moving import Mover
from shared.errors import AuthorizerError
from shared.flow.engine import Run
from shared.flow.following import Name, left
from shared.model.access import VpcAccess
from shared.model.records import Changed, Ended, Held, Hint, Hook, Move, Record


class Heard:
    """The names of one invocation, each with what was said about it. Nothing of it is believed: it says where to look."""

    def __init__(self, run: Run, mover: Mover) -> None:
        self._run, self._mover = run, mover
        self.names: dict[str, Name] = {}
        self.opened_by: defaultdict[str, set[str]] = defaultdict(set)  # name → instances whose record led to it
        self.unseen: dict[int, AuthorizerError] = {}  # records whose names could not be looked up, by identity
        self.leaving: set[str] = set()  # the instances that hooks name: none of them is a candidate
        self.entries: dict[str, VpcAccess] = {}  # as they were seen a moment ago
        self._extended: set[Hook] = set()

    def sort(self, records: Iterable[Record]) -> None:
        """Note what each record says under the names that it is about."""
        for record in records:
            content = record.content
            if isinstance(content, Hint):
                self._of(content.name).hints.append(content)
            elif isinstance(content, Move):
                self._of(content.name).arrived.append(content)
            elif isinstance(content, Held):
                self.leaving.update(content.leaving.instance_ids)
                self._of_instances(record, content.leaving.instance_ids)
                for name in dict.fromkeys((*content.names, *self._left(content.leaving.instance_ids))):
                    self._hold_for(name, content)
            else:
                assert isinstance(content, (Ended, Changed))
                self._of_instances(record, (content.instance_id,))

    def _of_instances(self, record: Record, instance_ids: Sequence[str]) -> None:
        """Note a record under the names that open one of the instances."""
        try:
            with log.tracing("names"):
                found = self._mover.opening(instance_ids)
        except AuthorizerError as error:
            self.unseen[id(record)] = error
            return
        for entry in found:
            if entry.is_name_of(self._run.settings.owner):
                self._of(entry.name)
                self.entries[entry.name] = entry
                self.opened_by[entry.name].add(entry.instance_id)
                if isinstance(record.content, Held):
                    self._hold_for(entry.name, record.content)

    def _left(self, instance_ids: Sequence[str]) -> list[str]:
        """Return the names that have left one of the instances a moment ago, for whatever reason."""
        return [name for item in instance_ids for name in self._run.recent.noted_after(left(item))]

    def _hold_for(self, name: str, held: Held) -> None:
        if held not in self._of(name).held:
            self._of(name).held.append(held)

    def _of(self, name: str) -> Name:
        return self.names.setdefault(name, Name(name))

    def names_of(self, held: Held) -> list[Name]:
        """Return the names whose targets a hook is about."""
        return [name for name in self.names.values() if held in name.held]

    def hold(self, some: Iterable[Held]) -> None:
        """Have hooks wait for longer than we do, once: nobody knows how much of their time is left."""
        for held in some:
            if not self.is_extended(held):
                self._extend(held.leaving.hook)

    def _extend(self, hook: Hook) -> None:
        try:
            self._mover.ess.heartbeat(hook)
            self._extended.add(hook)
        except AuthorizerError as error:  # it may be over; the name moves in any case
            log.warning("hook not held", hook=hook.hook_id, code=error.code, text=str(error))

    def is_extended(self, held: Held) -> bool:
        """Tell whether a hook waits for longer than we do."""
        return held.extended or held.leaving.hook in self._extended
