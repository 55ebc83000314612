"""The records of one event and what they have to do with one another.

Most do not depend on another one. Some ask for what another record of the event makes (``Keep.same_as``), or claim a
name or target that another one claimed first (``Refuse.claimed_by``): they wait for that record's outcome. If it was
turned down for good, they may have what it claimed, one after the other, but never what a third record has or may still get.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from shared.access.apply import Applier, wanted
from shared.access.plan import Claims, Decision, Keep, Refuse, shared_claim
from shared.model.outcome import FAILED, GRANTED, UNCHANGED, Job, Outcome


class Batch:
    """Jobs with their decisions on the way to their outcomes. Numbers are places in ``jobs``."""

    def __init__(self, jobs: Sequence[Job], decisions: Mapping[int, Decision], applier: Applier) -> None:
        self._jobs, self._decisions, self._applier = jobs, decisions, applier
        self._outcomes: list[Outcome | None] = [None] * len(jobs)
        self._claims = (
            Claims()
        )  # of the records that have what they asked for, or may get it when they are delivered again

    def leaders(self) -> list[int]:
        """Return the numbers of those that wait for nobody."""
        return [number for number in range(len(self._jobs)) if self._before(number) is None]

    def waiting(self) -> tuple[list[int], list[int]]:
        """Return, once the leaders have their outcomes, two lists: those whose answer follows from their leader's, and the freed.

        The freed may have what their leader could not; they have to be finished in this order and one by one.
        """
        followers: list[int] = []
        freed: list[int] = []
        for number in range(len(self._jobs)):
            leader = self._before(number)
            if leader is not None:
                (freed if self._is_free(number, self._outcome_of(leader)) else followers).append(number)
        return followers, freed

    def finish(self, number: int) -> Outcome:
        """Carry out what was decided about a job and return its outcome. Never raises our errors."""
        job = self._jobs[number]
        return self._note(number, job.outcome or self._outcome(job, self._decisions.get(number)))

    def finish_freed(self, number: int) -> Outcome:
        """Decide anew about one of the freed, by what the batch has got or may still get and by what the gateway holds."""
        job = self._jobs[number]
        assert job.access is not None
        holder = self._claims.holder(job.access.name, job.access.target)
        if holder is None:
            return self._note(number, self._applier.decide_and_apply(job.record, job.access))
        claimed = self._outcome_of(holder).access
        assert claimed is not None
        return self._note(number, self._outcome(job, shared_claim(wanted(job.record, job.access), claimed, holder)))

    def _note(self, number: int, outcome: Outcome) -> Outcome:
        self._outcomes[number] = outcome
        if outcome.access is not None and (outcome.type in GRANTED or outcome.retry):
            self._claims.add(number, outcome.access.name, outcome.access.target)
        return outcome

    def _before(self, number: int) -> int | None:
        """Return the record that has to be finished before this one."""
        decision = self._decisions.get(number)
        if isinstance(decision, Keep):
            return decision.same_as
        return decision.claimed_by if isinstance(decision, Refuse) else None

    def _is_free(self, number: int, leader: Outcome) -> bool:
        """Tell whether the leader was turned down for good, and not for a reason that is this record's as well."""
        if leader.retry or leader.type in GRANTED:
            return False
        decision, access = self._decisions.get(number), self._jobs[number].access
        same = isinstance(decision, Keep) and leader.access is not None and leader.access.name == decision.access.name
        return access is not None and not same

    def _is_due(self, number: int) -> bool:
        """Tell whether a finished record failed for now: it may still get what it claims."""
        return self._outcome_of(number).retry

    def _outcome_of(self, number: int) -> Outcome:
        outcome = self._outcomes[number]
        assert outcome is not None  # leaders come first
        return outcome

    def _outcome(self, job: Job, decision: Decision | None) -> Outcome:
        assert decision is not None  # only jobs that have their outcome are without one
        if isinstance(decision, Keep) and decision.same_as is not None:
            leader = self._outcome_of(decision.same_as)
            kind = UNCHANGED if leader.type in GRANTED else leader.type
            return leader._replace(record=job.record, type=kind, drift=decision.drift)
        if isinstance(decision, Refuse) and decision.claimed_by is not None and self._is_due(decision.claimed_by):
            text = f"{decision.text}; that one failed for now, so this is not decided yet"
            return Outcome(job.record, FAILED, decision.access, decision.reason, text, retry=True)
        return self._applier.carry_out(job.record, decision)
