"""Answer the Auto Scaling hooks that announced instances, once every instance has its outcome and its result is out.

A hook of a scale-in is only told to go on: nothing is taken back before an instance is gone.
One token covers all instances of a hook, so the hook gets one answer. Where a redelivery will decide it is left
waiting, and its time is extended because a redelivery may come 512 s later
(https://help.aliyun.com/zh/functioncompute/fc/user-guide/advanced-features-of-triggers).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from shared import log
from shared.backends.rules import foreign
from shared.cloud.ess import STALE, Ess
from shared.errors import AuthorizerError, CloudRefused
from shared.model.outcome import GRANTED, IGNORED, SCHEDULED, HookAnswer, Outcome, has_outlived
from shared.model.records import Appeared, Hook, Leaving
from shared.parallel import in_parallel
from shared.settings import Settings

CONTINUE, ABANDON, WAIT = "CONTINUE", "ABANDON", "WAIT"


def answer_hooks(
    outcomes: Sequence[Outcome], ess: Ess, settings: Settings, now: float
) -> tuple[list[Outcome], list[HookAnswer]]:
    """Answer every hook among ``outcomes`` at the epoch time ``now``; where that is not possible for now they are due again."""
    hooks: dict[Hook, list[Outcome]] = {}
    for outcome in outcomes:
        if (hook := hook_of(outcome, settings)) is not None:
            hooks.setdefault(hook, []).append(outcome)
    # Whoever forges hooks invents their instances: hooks of backends that were found come first.
    waiting = sorted(hooks, key=lambda hook: not any(outcome.type in GRANTED for outcome in hooks[hook]))
    told = in_parallel(lambda hook: _tell(hook, hooks[hook], ess, settings, now), waiting, settings.concurrency)
    answers = dict(zip(waiting, told, strict=True))
    for answer in answers.values():
        (log.warning if answer.problem else log.info)("hook", **answer.line())
    return [_marked(outcome, answers, settings) for outcome in outcomes], list(answers.values())


def verdict(outcomes: Sequence[Outcome], settings: Settings) -> str:
    """Decide the answer to a hook, from the outcomes of all its instances."""
    if any(outcome.retry for outcome in outcomes):
        return WAIT
    if all(outcome.type in GRANTED or outcome.type in (IGNORED, SCHEDULED) for outcome in outcomes):
        return CONTINUE
    return settings.hook_on_failure.upper()


def hook_of(outcome: Outcome, settings: Settings) -> Hook | None:
    """Return the hook that waits for this outcome; those of other accounts and regions are not ours to answer."""
    content = outcome.record.content
    return content.hook if isinstance(content, (Appeared, Leaving)) and not foreign(content, settings) else None


def _tell(hook: Hook, outcomes: Sequence[Outcome], ess: Ess, settings: Settings, now: float) -> HookAnswer:
    answer = WAIT
    try:
        with log.tracing("hook"):
            answer = verdict(outcomes, settings)
            if answer == WAIT:
                ess.heartbeat(hook)
            else:
                ess.complete(hook, answer)
    except CloudRefused as error:
        stale = "the hook is over: it was answered before, or its time ran out" if error.code == STALE else str(error)
        return HookAnswer(hook, answer, stale)
    except AuthorizerError as error:
        return HookAnswer(hook, answer, str(error), retry=not has_outlived(outcomes[0].record, error, now))
    return HookAnswer(hook, answer)


def _marked(outcome: Outcome, answers: Mapping[Hook, HookAnswer], settings: Settings) -> Outcome:
    hook = hook_of(outcome, settings)
    answer = answers[hook] if hook is not None else None
    if answer is None or not answer.retry or outcome.retry:
        return outcome
    return outcome._replace(retry=True, reason="HookNotAnswered", text=f"the hook was not answered: {answer.problem}")
