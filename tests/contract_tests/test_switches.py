"""Each switch of the stand-in changes exactly the answers of the questions that are said to settle it."""

from __future__ import annotations

from dataclasses import fields
from functools import cache
from typing import Any

import pytest

from tests.cloud.switches import Switches
from tests.cloud.truth import switches_of
from tests.contract.questions import BY_ID, QUESTIONS, UNSETTLED
from tests.contract.record import NOT_ASKED, NOT_SEEN, UNCLEAR, document
from tests.contract_tests.asking import answers, asking

LATE = {"apis_follow_after_looks": 3}
TURNED = [
    pytest.param({"duplicate": "overwrite"}, {}, id="duplicate"),
    pytest.param({"visible_after_reads": 3}, {}, id="visible_after_reads"),
    pytest.param({"modified_after_reads": 2}, {}, id="modified_after_reads"),
    pytest.param({"modify_created_time": "changes"}, {}, id="modify_created_time"),
    pytest.param({"modify_same_target": "nothing"}, {}, id="modify_same_target"),
    pytest.param({"modify_while_updating": "refuse"}, LATE, id="modify_while_updating"),
    pytest.param({"need_batch_work": "void"}, {}, id="need_batch_work"),
    pytest.param({"apis_follow_after_looks": 3}, {}, id="apis_follow_after_looks"),
    pytest.param({"apis_follow_after_seconds": 7}, {}, id="apis_follow_after_seconds"),
    pytest.param({"apis_follow": "one-by-one"}, {}, id="apis_follow"),
    pytest.param({"unfinished_rows": "hidden"}, LATE, id="unfinished_rows"),
    pytest.param({"task_words": "running-fail"}, LATE, id="task_words"),
    pytest.param({"task_of_nothing": "refuse"}, {}, id="task_of_nothing"),
    pytest.param({"task_unknown": "empty"}, {}, id="task_unknown"),
    pytest.param({"listed_target": "api"}, LATE, id="listed_target"),
    pytest.param({"remove_in_use": "refuse"}, {}, id="remove_in_use"),
    pytest.param({"remove_absent": "accept"}, {}, id="remove_absent"),
    pytest.param({"apis_in_draft": "listed"}, {}, id="apis_in_draft"),
    pytest.param({"apis_by_backend": "listed"}, {}, id="apis_by_backend"),
    pytest.param({"connectivity": "closed"}, {}, id="connectivity"),
    pytest.param({"vpc_access_id": "absent"}, {}, id="vpc_access_id"),
    pytest.param({"retry_after": "present"}, {}, id="retry_after"),
    pytest.param({"future_dates": "refuse"}, {}, id="future_dates"),
    pytest.param({"port_range": "accept"}, {}, id="port_range"),
    pytest.param({"target_check": "on"}, {}, id="target_check"),
    pytest.param({"ecs_without_permission": "refuse"}, {}, id="ecs_without_permission"),
    pytest.param({"ecs_total_count": "whole"}, {}, id="ecs_total_count"),
    pytest.param({"slb_no_listener": "absent"}, {}, id="slb_no_listener"),
    pytest.param({"ess_most_per_page": "50"}, {}, id="ess_most_per_page"),
    pytest.param({"vpc_access_quota": 7}, {}, id="vpc_access_quota"),
    pytest.param({"smq_require_base64": "on"}, {}, id="smq_require_base64"),
    pytest.param({"smq_message_counts": "zero"}, {}, id="smq_message_counts"),
]


@cache
def _answers(**switches: Any) -> dict[str, tuple[str, dict[str, Any]]]:
    return answers(asking(**switches)())


@pytest.mark.parametrize(("turned", "beside"), TURNED)
def test_a_switch_changes_what_is_said_to_settle_it(turned: dict[str, Any], beside: dict[str, Any]) -> None:
    """What differs is what settles the switch and, where it decides whether something can be seen, what hinges on it."""
    before, after = _answers(**beside), _answers(**{**beside, **turned})
    (name,) = turned
    changed = {each for each in before if before[each] != after[each]}

    settling = {question.id for question in QUESTIONS if name in question.settles}
    assert settling <= changed
    assert changed <= settling | {question.id for question in QUESTIONS if name in question.hinges}
    assert {after[each][1].get(name) for each in settling} == {turned[name]}


def test_every_switch_is_settled_or_said_not_to_be() -> None:
    """A switch has a question that settles it and a row above, or a reason why nobody can; none has both."""
    settled = {name for question in QUESTIONS for name in question.settles}
    rows = {name for row in TURNED for name in row.values[0]}  # type: ignore[union-attr]

    assert rows == settled
    assert settled.isdisjoint(UNSETTLED)
    assert settled | UNSETTLED.keys() == {switch.name for switch in fields(Switches)}


def test_what_the_stand_in_plays_is_what_is_assumed() -> None:
    """With its default switches a stand-in gives the answers that the table calls assumed, as far as they can be seen."""
    words = {each: word for each, (word, _) in _answers().items()}
    unseen = {each for each, word in words.items() if word in {NOT_ASKED, NOT_SEEN, UNCLEAR}}

    assert {each: words[each] for each in words.keys() - unseen} == {
        each: BY_ID[each].assumed for each in words.keys() - unseen
    }
    assert unseen == {"event-shapes", "full-quota", "change-unfinished", "change-users", "change-meanwhile"}


def test_a_record_sets_another_stand_in_to_the_same_answers() -> None:
    """A stand-in with the switches of a record gives the answers of the record: the truth makes a round."""
    switches = {
        "duplicate": "overwrite",
        "visible_after_reads": 2,
        "apis_follow_after_seconds": 4,
        "task_words": "running-fail",
        "remove_in_use": "refuse",
        "smq_require_base64": "on",
        "vpc_access_quota": 8,
        "ess_most_per_page": "50",
    }
    first = asking(**switches)()
    seen = switches_of(document(first.outcomes, real=False, region_id="cn-hangzhou", now=0.0))

    assert not seen.contradictions
    assert switches.items() <= seen.switches.items()
    assert _answers(**seen.switches) == answers(first)
