"""Fault rules: which calls of an operation they take, counted or drawn reproducibly, and what they do.

A document is ``[{"operation": "CloudAPI.SetVpcAccess", "nth": 2, "cut": "after"}, …]``. Selection, at most
one of: ``nth`` | ``from`` (with ``to``, ``every``) | ``times`` | ``rate`` with ``seed``; none takes every call.
Effect, exactly one of: ``status`` with ``code`` | ``delay`` | ``cut`` | ``body`` (it may have a ``status``) |
``odd`` (a successful answer of no legal form; some take a ``key``) | ``skew`` | ``expired_token`` | ``throttle``.
``when`` or ``cut`` say whether the operation still takes effect.
Everything is deterministic; a rule counts its hits so that a test can insist on them.
An injected fault proves what a client does, never what the cloud answers.
"""

from __future__ import annotations

import hashlib
import threading
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from tests.cloud.faultcheck import check

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from tests.cloud.core import CloudClock


class Bucket:
    """A token bucket: ``burst`` calls at once, ``rate`` more per second."""

    def __init__(self, rate: float, burst: float, clock: CloudClock) -> None:
        self._rate, self._burst, self._clock = rate, burst, clock
        self._tokens, self._at = burst, clock.now()

    def take(self) -> bool:
        """Take a token; False if there is none."""
        now = self._clock.now()
        self._tokens = min(self._burst, self._tokens + max(0.0, now - self._at) * self._rate)
        self._at = now
        if self._tokens < 1:
            return False
        self._tokens -= 1
        return True

    @property
    def wait(self) -> float:
        """Seconds until the next token."""
        return (1 - self._tokens) / self._rate if self._rate else 60.0


@dataclass
class Rule:
    """One parsed rule with its counters; ``document`` is what was given."""

    id: str
    operation: str
    document: Mapping[str, Any]
    seen: int = 0
    hits: int = 0
    bucket: Bucket | None = field(default=None, repr=False)

    @property
    def skew(self) -> float:
        return float(self.document.get("skew", 0.0))

    @property
    def expired_token(self) -> bool:
        return bool(self.document.get("expired_token", False))

    @property
    def late(self) -> bool:
        """True if the operation takes effect before the fault hides its answer."""
        default = "after" if {"body", "odd"} & set(self.document) else "before"
        return str(self.document.get("cut", self.document.get("when", default))) == "after"

    def takes(self, count: int) -> bool:
        """Tell if the ``count``-th call of the operation (from 1) is this rule's."""
        document = self.document
        if "nth" in document:
            return bool(count == document["nth"])
        if "times" in document:
            return bool(count <= document["times"])
        if "rate" in document:
            text = f"{document.get('seed', 0)}:{self.id}:{count}"
            return int(hashlib.sha256(text.encode()).hexdigest()[:8], 16) < float(document["rate"]) * 2**32
        first = document.get("from", 1)
        return bool(first <= count <= document.get("to", count) and (count - first) % document.get("every", 1) == 0)


class Faults:
    """The rules in force. ``operations`` are the names a rule may use."""

    def __init__(self, operations: Iterable[str], clock: CloudClock) -> None:
        self._operations, self._clock = frozenset(operations), clock
        self._rules: list[Rule] = []
        self._lock = threading.Lock()

    def set(self, document: Any) -> None:
        """Replace all rules; ValueError or TypeError says what is wrong with the document."""
        if not isinstance(document, list):
            raise TypeError("a fault document is a list of rules")
        rules = [self._parse(number, item) for number, item in enumerate(document, 1)]
        if len({rule.id for rule in rules}) < len(rules):
            raise ValueError("two rules have the same id")
        with self._lock:
            self._rules = rules

    def add(self, **rule: Any) -> str:
        """Add one rule (``from`` is written ``from_``) and return its id."""
        item = {name.rstrip("_"): value for name, value in rule.items()}
        with self._lock:
            parsed = self._parse(len(self._rules) + 1, item)
            if any(other.id == parsed.id for other in self._rules):
                raise ValueError(f"there is a rule {parsed.id} already")
            self._rules.append(parsed)
        return parsed.id

    def clear(self) -> None:
        """Drop all rules and their counts."""
        with self._lock:
            self._rules = []

    def draw(self, operation: str) -> Rule | None:
        """Count a call of an operation and return the first rule that takes it."""
        if not self._rules:
            return None
        with self._lock:
            taken = None
            for rule in self._rules:
                if rule.operation == operation:
                    rule.seen += 1
                    if taken is None and rule.takes(rule.seen) and (rule.bucket is None or not rule.bucket.take()):
                        rule.hits += 1
                        taken = rule
            return taken

    def missed(self, rule: Rule) -> None:
        """Take a hit back: what the rule does did not fit the answer."""
        with self._lock:
            rule.hits -= 1

    def unfired(self) -> list[str]:
        """Return the ids of the rules that never did anything."""
        with self._lock:
            return [rule.id for rule in self._rules if not rule.hits]

    def report(self) -> list[dict[str, Any]]:
        """Return every rule with the calls it saw and its hits."""
        with self._lock:
            return [{**rule.document, "id": rule.id, "seen": rule.seen, "hits": rule.hits} for rule in self._rules]

    def _parse(self, number: int, item: Any) -> Rule:
        if not isinstance(item, dict):
            raise TypeError(f"rule {number} is not an object")
        rule = Rule(str(item.get("id", f"rule-{number}")), str(item.get("operation", "")), dict(item))
        check(item, rule.id, self._operations)
        if "throttle" in item:
            rate, burst = item["throttle"].get("rate"), item["throttle"].get("burst", 1)
            rule.bucket = Bucket(float(rate), float(burst), self._clock)
        return rule
