"""One run: every question with every client, what it made undone, and whether anything is left."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from typing import NamedTuple

from shared.clock import Clock
from shared.cloud.apigateway import ApiGateway
from tests.contract import leftovers
from tests.contract.account import PORTS, Account, Given
from tests.contract.ledger import Ledger
from tests.contract.product import Product
from tests.contract.question import Question
from tests.contract.record import NOT_ASKED, NOT_SEEN, UNCLEAR, Asked, Outcome
from tests.contract.replies import Caller, NotAsked, NotSeen, Unclear

Consent = Callable[[Sequence[Question], Sequence[leftovers.Leftover], str], bool]
Telling = Callable[[str], AbstractContextManager[None]]
_NO_CONSENT = "give --yes, or answer yes"
_WITHOUT: Mapping[type[Exception], str] = {NotAsked: NOT_ASKED, NotSeen: NOT_SEEN, Unclear: UNCLEAR}
_FEW_LOOKS, _PAUSE = 5, 1.0


class Ran(NamedTuple):
    """What became of each question, and what could not be taken away again."""

    outcomes: list[Outcome]
    left: list[str]


def ask_all(
    questions: Sequence[Question],
    product: Product,
    others: Sequence[Caller],
    given: Given,
    clock: Clock,
    consent: Consent,
    run_id: str = "",
    telling: Telling = lambda _: nullcontext(),
    ledger: Ledger | None = None,
) -> Ran:
    """Ask the questions; ``consent`` is asked before the first one that writes, ``telling`` is open while one is asked.

    ``ledger`` is for who wants to know what is left even of a run that is ended. Raises the errors of ``Session.call`` if
    the key is refused: then nothing was asked.
    """
    with telling("Does the gateway answer, and take the key?"):
        ApiGateway(product.session(), product.place.endpoints["CloudAPI"]).page()
    account = Account(product, product, given, clock, run_id or secrets.token_hex(4), ledger or Ledger())

    def asked(question: Question) -> Outcome:
        with telling(question.text):
            return _asked(question, account, others)

    outcomes = [asked(question) for question in questions if not question.writes]
    writing = [question for question in questions if question.writes]
    if not writing:
        return Ran(outcomes, [])

    def unasked(word: str, why: str) -> Ran:
        because = Asked(None, word, why)
        return Ran([*outcomes, *(Outcome(each.id, {product.name: because}, 0.0) for each in writing)], [])

    try:
        account.smq_problem = leftovers.smq_problem(account)
        before = leftovers.found(account)
        opened = {row.get("Port") for row in leftovers.listed(account)}
    except Unclear as why:
        return unasked(UNCLEAR, f"nothing is written as long as the gateway does not list what there is: {why}")
    account.ports = (port for port in PORTS if port not in opened)
    if not consent(writing, before, account.run_id):
        return unasked(NOT_ASKED, _NO_CONSENT)
    with account.ledger.settled():
        with account.ledger.settled():
            for leftover in before:
                account.ledger.note(leftover.what, leftover.drop)
        outcomes += [asked(question) for question in writing]
    account.ledger.left += _left(account)
    return Ran(outcomes, account.ledger.left)


def _asked(question: Question, account: Account, others: Sequence[Caller]) -> Outcome:
    began = account.clock.monotonic()
    callers = [account.product, *([] if question.alone else others)]
    by_client = {caller.name: _answer(question, account, caller) for caller in callers}
    return Outcome(question.id, by_client, account.clock.monotonic() - began)


def _answer(question: Question, account: Account, caller: Caller) -> Asked:
    account.caller = caller
    try:
        with account.ledger.settled():
            return Asked(question.ask(account))
    except (NotAsked, NotSeen, Unclear) as why:
        return Asked(None, _WITHOUT[type(why)], str(why))
    except (ArithmeticError, AttributeError, LookupError, RecursionError, TypeError, ValueError) as error:
        return Asked(None, UNCLEAR, f"an answer has a form that nobody foresaw: {type(error).__name__}, {error}")


def _left(account: Account) -> list[str]:
    """Return what of this run still shows; a removal may show late."""
    left = list[str]()
    for _ in range(_FEW_LOOKS):
        try:
            left = [each.what for each in leftovers.found(account, account.run_id)]
        except Unclear as why:
            left = [f"perhaps something, for nobody could look: {why}"]
        if not left:
            break
        account.clock.sleep(_PAUSE)
    return left
