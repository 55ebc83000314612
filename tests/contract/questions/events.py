"""In which shapes Function Compute hands over events: what the deployed recorder has seen, against the files under ``events/``."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from tests.contract.account import Account
from tests.contract.question import Answer, Question
from tests.contract.recorder.handler import shape
from tests.contract.recorder.names import EVENTS, event, known
from tests.contract.replies import NotAsked, NotSeen

_MARK = '{"recorded": '


def recorded(text: str) -> list[Any]:
    """Return the shapes in lines of a log, each once; a line may have other things before and after."""
    found = dict[str, Any]()
    for line in text.splitlines():
        for written in (line, line.replace('\\"', '"'), line.replace('""', '"')):  # as text, in JSON, in CSV
            _, mark, rest = written.partition(_MARK)
            if mark:
                whole, _ = json.JSONDecoder().raw_decode(mark + rest)
                found[json.dumps(whole["recorded"], sort_keys=True)] = whole["recorded"]
    return list(found.values())


def known_shapes() -> list[Any]:
    """Return the shapes of the events that the product is tested with."""
    names = known()
    return [shape(each, names) for each in map(event, EVENTS) if each is not None]


def _shapes(account: Account) -> Answer:
    if not account.given.recorded:
        raise NotAsked("give --recorded FILE: log lines of the recorder, see tests/contract/README.md")
    try:
        seen = recorded(Path(account.given.recorded).read_text(encoding="utf-8"))
    except ValueError as error:
        raise NotAsked(f"give --recorded a file with whole lines of the recorder's log: {error}") from error
    if not seen:
        raise NotSeen("no line holds the word recorded: let the recorder get some events")
    shapes = known_shapes()
    found = sum(each in shapes for each in seen)
    return Answer("all known" if found == len(seen) else "others, too", {}, {"shapes": len(seen), "known": found})


QUESTIONS = (
    Question(
        "event-shapes",
        "In which shapes does Function Compute hand over events of the template's triggers?",
        "https://help.aliyun.com/zh/functioncompute/fc/user-guide/formats-of-event-for-different-triggers-1",
        "a stack with a function and two queues, for an hour",
        ("all known", "others, too"),
        "all known",
        "it recognises a wrapper by several of its keys, and answers what it does not understand",
        _shapes,
        alone=True,
    ),
)
