"""Every question, in the order in which they are asked: what changes nothing comes first, what hurts most last."""

from __future__ import annotations

from tests.contract.question import Question
from tests.contract.questions import changes, entries, events, frame, looks, products, queues, used

QUESTIONS: tuple[Question, ...] = (
    *looks.QUESTIONS,
    *products.QUESTIONS,
    *frame.QUESTIONS,
    *events.QUESTIONS,
    *entries.QUESTIONS,
    *changes.QUESTIONS,
    *queues.QUESTIONS,
    *used.QUESTIONS,
)
BY_ID = {question.id: question for question in QUESTIONS}

UNSETTLED = {
    "late_update": "what an API gets that follows late shows only to who calls it, not to who asks the gateway",
    "instance_change_after_reads": "an instance of yours would have to be stopped",
    "released_member": "an instance of a scaling group would have to be released",
    "heartbeat_from": "a scaling group with a hook would have to be scaled",
    "ess_messages": "a scaling group with a hook would have to be scaled; then tests/contract/recorder shows it",
    "fc_async_invocation_type": "a function with this trigger would have to fail: see tests/contract/recorder",
    "fc_default_retry": "a function with this trigger would have to fail: see tests/contract/recorder",
    "fc_rule_retry": "a function behind a rule would have to fail: see tests/contract/recorder",
}
"""Switches of ``tests/cloud/switches.py`` that no question settles, and why."""
