"""Which modules have mutants, the tests that have to notice, and the survivors that nobody can tell from the original."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import NamedTuple

from tests.mutants.mutate import Mutant, mutants
from tests.mutants.run import ROOT

LISTED = Path(__file__).with_name("survivors.json")
_ACCESS, _BACKENDS, _CLOUD, _FLOW = (f"tests/shared/{folder}" for folder in ("access", "backends", "cloud", "flow"))
_EVENTS = "tests/shared/events"
_RELEASE = (f"{_ACCESS}/test_release.py", f"{_FLOW}/test_release.py")
_NAMES = (f"{_FLOW}/test_named.py", f"{_FLOW}/test_names_trouble.py", f"{_FLOW}/test_names_hooks.py")
_ANSWERS = (f"{_FLOW}/test_named_answers.py", f"{_FLOW}/test_following.py", f"{_FLOW}/test_moves.py")
TESTS: Mapping[str, tuple[str, ...]] = {
    "shared/access/plan.py": (
        f"{_ACCESS}/test_plan.py",
        f"{_ACCESS}/test_apply.py",
        f"{_ACCESS}/test_old_looks.py",
        f"{_ACCESS}/test_sweep_rows.py",
    ),
    "shared/access/apply.py": (
        f"{_ACCESS}/test_apply.py",
        f"{_ACCESS}/test_old_looks.py",
        f"{_ACCESS}/test_batch.py",
        f"{_FLOW}/test_handler.py",
    ),
    "shared/access/batch.py": (f"{_ACCESS}/test_batch.py",),
    "shared/access/observe.py": (
        f"{_ACCESS}/test_observe.py",
        f"{_ACCESS}/test_old_looks.py",
        f"{_ACCESS}/test_batch.py",
    ),
    "shared/access/verify.py": (f"{_ACCESS}/test_verify.py",),
    "shared/access/releasable.py": (
        f"{_ACCESS}/test_releasable.py",
        f"{_ACCESS}/test_sweep_rows.py",
        f"{_ACCESS}/test_release.py",
    ),
    "shared/access/release.py": _RELEASE,
    "shared/access/usage.py": (f"{_ACCESS}/test_usage.py", *_RELEASE),
    "shared/access/sweep.py": (
        f"{_ACCESS}/test_sweep_rows.py",
        f"{_ACCESS}/test_sweep.py",
        f"{_FLOW}/test_sweep_steps.py",
    ),
    "shared/backends/rules.py": (f"{_BACKENDS}/test_inventory.py", f"{_BACKENDS}/test_gone.py"),
    "shared/backends/lookup.py": (
        f"{_BACKENDS}/test_inventory.py",
        f"{_EVENTS}/test_parts.py",
        f"{_BACKENDS}/test_gone.py",
        f"{_BACKENDS}/test_absence.py",
    ),
    "shared/backends/inventory.py": (f"{_BACKENDS}/test_take.py",),
    "shared/cloud/answers.py": (
        f"{_CLOUD}/test_answer_fields.py",
        f"{_CLOUD}/test_answers.py",
        f"{_CLOUD}/test_odd_answers.py",
    ),
    "shared/cloud/session.py": (f"{_CLOUD}/test_session.py",),
    "shared/events/naming.py": (f"{_EVENTS}/test_naming.py",),
    "shared/access/naming.py": (f"{_ACCESS}/test_claimants.py", f"{_ACCESS}/test_naming.py"),
    "shared/access/moving.py": (
        f"{_FLOW}/test_names_meanwhile.py",
        f"{_FLOW}/test_moves.py",
        f"{_FLOW}/test_following.py",
        f"{_FLOW}/test_named.py",
    ),
    "shared/flow/moves.py": (f"{_FLOW}/test_moves.py", *_NAMES),
    "shared/flow/following.py": (f"{_FLOW}/test_following.py",),
    "shared/flow/named.py": _ANSWERS,
    "shared/flow/heard.py": _ANSWERS,
    "shared/flow/staying.py": _ANSWERS,
    "shared/flow/engine.py": (
        f"{_FLOW}/test_publishing.py",
        f"{_FLOW}/test_runtime.py",
        f"{_CLOUD}/test_sns.py",
        f"{_FLOW}/test_named.py",
        f"{_FLOW}/test_http.py",
        f"{_FLOW}/test_hooks.py",
    ),
    "shared/flow/authorize.py": (
        f"{_FLOW}/test_authorizing.py",
        f"{_FLOW}/test_turns.py",
        f"{_FLOW}/test_publishing.py",
        f"{_FLOW}/test_runtime.py",
        f"{_ACCESS}/test_old_looks.py",
        f"{_FLOW}/test_unexpected.py",
    ),
    "shared/flow/wishes.py": (f"{_FLOW}/test_names_trouble.py", f"{_FLOW}/test_named.py"),
    "shared/flow/hooks.py": (f"{_FLOW}/test_hooks.py",),
    "shared/flow/release.py": (f"{_FLOW}/test_ends.py", f"{_FLOW}/test_release.py"),
    "shared/flow/reconcile.py": (f"{_FLOW}/test_sweep_steps.py", f"{_FLOW}/test_reconcile.py"),
    "shared/model/age.py": ("tests/shared/model/test_age.py",),
}
"""The modules that decide, by their path: the tests see every branch of them (`make coverage`). The quickest tests come first."""


class Listed(NamedTuple):
    """A mutant that survives, and why it may: nothing that anybody can see differs."""

    module: str
    text: str
    what: str
    why: str

    def fits(self, module: str, mutant: Mutant) -> bool:
        """Tell whether it is that mutant; it may stand on another line by now."""
        return (self.module, self.text, self.what) == (module, mutant.text, mutant.what)


def listed() -> list[Listed]:
    """Return the survivors that have a reason."""
    return [Listed(**item) for item in json.loads(LISTED.read_text(encoding="utf-8"))]


def source_of(module: str) -> str:
    """Return a module's text."""
    return (ROOT / module).read_text(encoding="utf-8")


def outdated(survivors: Iterable[Listed]) -> list[str]:
    """Return what is wrong with the list: places that are no more, entries without a reason."""
    found = {module: mutants(source_of(module)) for module in TESTS}
    return [
        f"{one.module}: {one.text!r} ({one.what})"
        for one in survivors
        if not one.why or not any(one.fits(one.module, mutant) for mutant in found.get(one.module, ()))
    ]


if __name__ == "__main__":
    print(",".join(TESTS))  # as `coverage report --include` wants it
