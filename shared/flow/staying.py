"""What is told of a name that keeps its target, and when it is looked at again."""

from __future__ import annotations

from shared import log
from shared.access.moving import Mover
from shared.access.naming import NO_CANDIDATE, Stay
from shared.errors import AuthorizerError
from shared.flow.engine import Run
from shared.flow.following import COMES_BACK, Name, own_record
from shared.model.outcome import FAILED, Outcome
from shared.model.records import Hint


class Staying:
    """Names that stay, in one invocation."""

    def __init__(self, run: Run, mover: Mover) -> None:
        self._run, self._mover = run, mover

    def tell(self, name: Name, stay: Stay) -> None:
        """Say what is wrong with a name that keeps its target: people have to act."""
        entry = name.entry
        if stay.drift:
            log.warning("drift", name=name.name, text=stay.drift)
        if not stay.end or entry is None:
            return
        text = (
            f"{entry.instance_id} is no backend for {name.name!r} any more ({stay.end}), and no other running instance carries "
            "the name: start one with both tags"
        )
        log.error("no candidate", name=name.name, target=entry.target_text(), text=text)
        users = self._known_users(name)
        if users:
            log.warning("dead and in use", name=name.name, target=entry.target_text(), used_by=users, text=text)
        more = {"UsedBy": users} if users else {}
        backend = name.seen.target.backend if name.seen else None
        outage = "/".join(filter(None, (name.name, backend.started if backend else "")))  # another one has another id
        record = own_record(Hint(name.name, "", ""), outage)
        name.outcomes.append(Outcome(record, FAILED, entry, NO_CANDIDATE, text, more=more))

    def _known_users(self, name: Name) -> list[str]:
        """Return the published APIs that use a name, none if nobody can tell: an alarm does not wait for that."""
        try:
            users, _ = self._mover.users(name.name)
        except AuthorizerError as error:
            log.warning("users not seen", name=name.name, code=error.code, text=str(error))
            return []
        return users

    def wait(self, name: Name, stay: Stay, leaving: frozenset[str]) -> None:
        """Look again in a moment at a name without a living target, while an instance of its own joins a scaling group.

        Those that a hook names (``leaving``) do not count. Raises the errors of ``Session.call``.
        """
        candidates = name.seen.candidates if name.seen else ()
        if (name.entry is None or stay.end) and any(one.is_joining and one.place not in leaving for one in candidates):
            region = self._run.settings.region_id
            self._run.send_naming(Hint(name.name, region, "an instance of it joins a scaling group"), COMES_BACK)
