"""A question about the cloud that no page of the vendor answers, and what an answer is."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from tests.contract.account import Account


class Answer(NamedTuple):
    """``word`` is one of the question's; ``switches`` are settings of the stand-in that it settles, ``evidence`` why."""

    word: str
    switches: Mapping[str, str | int] = {}
    evidence: Mapping[str, Any] = {}


class Question(NamedTuple):
    """One open question.

    ``words`` are its possible answers, ``assumed`` is what the stand-in plays by default. ``settles`` names the switches
    of ``tests/cloud/switches.py`` that an answer sets; ``hinges`` those without which it cannot be seen. ``alone``: only
    the product's clients can ask it, because it takes a request that no SDK sends.
    """

    id: str
    text: str
    page: str
    costs: str
    words: tuple[str, ...]
    assumed: str
    so: str
    ask: Callable[[Account], Answer]
    writes: bool = False
    settles: tuple[str, ...] = ()
    hinges: tuple[str, ...] = ()
    alone: bool = False
