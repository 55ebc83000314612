"""The records of one event and what they have to do with one another.

Most do not depend on another one. Some ask for what another record of the event makes (``Keep.same_as``), or claim a
name or target that another one claimed first (``Refuse.claimed_by``): they wait for that record's outcome. If it was
turned down for good, they may have what it claimed, one after the other, but never what a third record has or may still get.
"""

from __future__ import annotations

from collections.abc import Sequence

from shared.access.apply import Applier, wanted
from shared.access.plan import Claims, Decision, Keep, Refuse, shared_claim
from shared.model.outcome import FAILED, GRANTED, UNCHANGED, Job, Outcome


class Batch:
    """Jobs with their decisions on the way to their outcomes. Numbers are places in ``jobs``."""

    def __init__(self, jobs: Sequence[Job], decisions: dict[int, Decision], applier: Applier) -> None:
        """Take the decisions over: each is gone as soon as it is carried out."""
        self._jobs, self._decisions, self._applier = jobs, decisions, applier
        self._before = {
            number: leader for number, decision in decisions.items() if (leader := _leader_in(decision)) is not None
        }
        self._leaders = frozenset(self._before.values())
        asked = [access for number in self._before if (access := jobs[number].access) is not None]
        self._names, self._targets = {access.name for access in asked}, {access.target for access in asked}
        self._outcomes: dict[int, Outcome] = {}  # that somebody waits for
        # what somebody waits for and a record has, or may get when it is delivered again
        self._claims = Claims()

    def leaders(self) -> list[int]:
        """Return the numbers of those that wait for nobody."""
        return [number for number in range(len(self._jobs)) if number not in self._before]

    def waiting(self) -> tuple[list[int], list[int]]:
        """Return, once the leaders have their outcomes, two lists: those whose answer follows from their leader's, and the freed.

        The freed may have what their leader could not; they have to be finished in this order and one by one.
        """
        followers: list[int] = []
        freed: list[int] = []
        for number, leader in sorted(self._before.items()):
            (freed if self._is_free(number, self._outcomes[leader]) else followers).append(number)
        return followers, freed

    def finish(self, number: int) -> Outcome:
        """Carry out what was decided about a job and return its outcome. Never raises our errors."""
        job = self._jobs[number]
        decision = self._decisions.pop(number, None)
        return self._note(number, job.outcome or self._outcome(job, decision))

    def finish_freed(self, number: int) -> Outcome:
        """Decide anew about one of the freed, by what the batch has got or may still get and by what the gateway holds."""
        job = self._jobs[number]
        assert job.access is not None
        holder = self._claims.holder(job.access.name, job.access.target)
        if holder is None:
            return self._note(number, self._applier.decide_and_apply(job.record, job.access))
        claimed = self._outcomes[holder].access
        assert claimed is not None
        return self._note(number, self._outcome(job, shared_claim(wanted(job.record, job.access), claimed, holder)))

    def _note(self, number: int, outcome: Outcome) -> Outcome:
        """Keep what somebody waits for: the outcome of a leader, and who has the name or target that one who waits asks for."""
        access = outcome.access
        claimed = access is not None and (access.name in self._names or access.target in self._targets)
        if claimed or number in self._leaders:
            self._outcomes[number] = outcome
        if access is not None and claimed and (outcome.type in GRANTED or outcome.retry):
            self._claims.add(number, access.name, access.target)
        return outcome

    def _is_free(self, number: int, leader: Outcome) -> bool:
        """Tell whether the leader was turned down for good, and not for a reason that is this record's as well."""
        if leader.retry or leader.type in GRANTED:
            return False
        decision, access = self._decisions.get(number), self._jobs[number].access
        same = isinstance(decision, Keep) and leader.access is not None and leader.access.name == decision.access.name
        return access is not None and not same

    def _outcome(self, job: Job, decision: Decision | None) -> Outcome:
        assert decision is not None  # only jobs that have their outcome are without one
        if isinstance(decision, Keep) and decision.same_as is not None:
            leader = self._outcomes[decision.same_as]
            kind = UNCHANGED if leader.type in GRANTED else leader.type
            return leader._replace(record=job.record, type=kind, drift=decision.drift)
        if (
            isinstance(decision, Refuse)
            and decision.claimed_by is not None
            and self._outcomes[decision.claimed_by].retry
        ):
            text = f"{decision.text}; that one failed for now, so this is not decided yet"
            return Outcome(job.record, FAILED, decision.access, decision.reason, text, retry=True)
        return self._applier.carry_out(job.record, decision)


def _leader_in(decision: Decision) -> int | None:
    """Return the record that has to be finished before the one that this was decided about."""
    if isinstance(decision, Keep):
        return decision.same_as
    return decision.claimed_by if isinstance(decision, Refuse) else None
