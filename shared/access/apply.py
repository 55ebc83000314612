"""Carry out a decision. After any doubt: look, then decide again; never write blindly twice."""

from __future__ import annotations

from collections.abc import Callable

from shared import log
from shared.access.observe import Recent
from shared.access.plan import Create, Decision, Keep, Present, Refuse, Replace, Wanted, decide
from shared.cloud.apigateway import ApiGateway, Modified
from shared.cloud.session import Session
from shared.errors import AuthorizerError, CloudRefused, Doubtful, NotTheService, UnknownRefusal
from shared.model.access import VpcAccess
from shared.model.outcome import AUTHORIZED, REFUSED, REPLACED, UNCHANGED, Outcome, stopped
from shared.model.records import Appeared, Record
from shared.settings import Settings

_MAX_ROUNDS = 6  # writes and looks around one record; each is retried by itself where that is safe
_FIRST_WAIT = 0.2  # seconds between looks, doubled each time
_NO_SECOND_WRITE = (CloudRefused, UnknownRefusal, NotTheService)  # a no, whoever says it
# These families of codes are documented, their members for this API are not:
_MODIFY = "ModifyVpcAccessAndUpdateApis"
_GONE = "NotFound"
_TAKEN = (
    "Repeated",
    "Duplicate",
)  # https://help.aliyun.com/en/api-gateway/traditional-api-gateway/support/control-openapi-error-code-table


def wanted(record: Record, access: VpcAccess) -> Wanted:
    """Return what ``record`` asks for: a notice leaves the name to us, so an entry of any name will do."""
    return Wanted(access, any_name=isinstance(record.content, Appeared))


class Applier:
    """Makes authorizations through the gateway, one record at a time; shared by threads."""

    def __init__(self, gateway: ApiGateway, session: Session, settings: Settings, recent: Recent) -> None:
        self._gateway, self._session, self._settings, self._recent = gateway, session, settings, recent

    def carry_out(self, record: Record, decision: Decision) -> Outcome:
        """Carry out a decision and return what became of the record. Never raises our errors."""
        return self._outcome(record, decision.access, lambda: self._carry_out(record, decision))

    def decide_and_apply(self, record: Record, access: VpcAccess) -> Outcome:
        """Decide by what the gateway holds now and carry that out; return what became of it. Never raises our errors."""
        return self._outcome(record, access, lambda: self._carry_out(record, self._decision(record, access)))

    def _outcome(self, record: Record, access: VpcAccess, work: Callable[[], Outcome]) -> Outcome:
        """Do the work; an error becomes the record's outcome and never costs another record its own."""
        try:
            with log.tracing("apply"):
                return work()
        except AuthorizerError as error:
            return stopped(record, access, error, self._session.clock.now())

    def _carry_out(self, record: Record, decision: Decision) -> Outcome:
        if isinstance(decision, Create):
            return self._create(record, decision.access)
        if isinstance(decision, Replace):
            return self._replace(record, decision.access)
        return _answer(record, decision, UNCHANGED)

    def _replace(self, record: Record, access: VpcAccess) -> Outcome:
        """Look, change the entry, and look until the change shows: it is the owner's at the moment of the change.

        The look of the batch may be minutes old, and the name somebody else's by now. A refusal is reported only if the look
        does not answer the request: an earlier delivery may have changed the entry. Nothing is written after one, unless
        it says that the entry is gone, nor after a success, which may show late.
        """
        trouble: AuthorizerError | None = None
        done: Modified | None = None
        for round_ in range(_MAX_ROUNDS + 1):
            decision = self._decision(record, access)
            if isinstance(decision, (Keep, Refuse)):
                found = _answer(record, decision, UNCHANGED if trouble is None else REPLACED)
                return (
                    found._replace(request_id=done.request_id) if done is not None and found.type == REPLACED else found
                )
            if isinstance(trouble, _NO_SECOND_WRITE) and not trouble.code.startswith(_GONE):
                raise trouble
            if isinstance(decision, Create):
                return self._create(record, decision.access)
            if round_ < _MAX_ROUNDS:
                if trouble is not None:
                    self._wait(round_ - 1, trouble)
                if done is None:
                    done, trouble = self._modify(decision.access)
        assert trouble is not None
        raise trouble

    def _modify(self, access: VpcAccess) -> tuple[Modified | None, AuthorizerError]:
        """Ask for the change; return its answer, if it came, and what is the trouble for as long as it does not show."""
        try:
            done = self._gateway.modify_vpc_access(access)
        except (Doubtful, CloudRefused) as error:
            return None, error
        return done, Doubtful(_MODIFY, "NotConfirmed", 0, "the change does not show yet")

    def _create(self, record: Record, access: VpcAccess) -> Outcome:
        """Write; after doubt look, and write again if nothing shows.

        A refusal that nobody knows to be final may have been a success, too: one look, and no second write.
        """
        if (rival := self._recent.rival(access)) is not None:
            text = f"{rival.name!r} for {rival.target_text()} was authorized a moment ago and does not show yet"
            hidden = Doubtful("SetVpcAccess", "NotVisibleYet", 0, text)
            return self._once_it_shows(record, access, hidden, 0, mine=False)
        doubt: Doubtful | None = None  # a write of ours may have taken effect
        for round_ in range(_MAX_ROUNDS):
            if doubt is not None:
                self._wait(round_ - 1, doubt)
            try:
                granted = self._gateway.set_vpc_access(access)
            except Doubtful as error:
                doubt = error
            except CloudRefused as error:
                return self._refused(record, access, error, doubt, round_)
            else:
                if granted.vpc_access_id:
                    done = access._replace(vpc_access_id=granted.vpc_access_id)
                    self._recent.wrote(done)
                    return Outcome(record, AUTHORIZED, done, request_id=granted.request_id)
                doubt = Doubtful("SetVpcAccess", "NotConfirmed", 0, "the authorization could not be confirmed")
                return self._once_it_shows(record, access, doubt, round_, mine=True)
            found = self._look(record, access, mine=True)
            if found is not None:
                return found
            if isinstance(doubt, _NO_SECOND_WRITE):
                break
        assert doubt is not None
        raise doubt

    def _refused(
        self, record: Record, access: VpcAccess, refusal: CloudRefused, doubt: Doubtful | None, round_: int
    ) -> Outcome:
        """Return the outcome of a refused write: the refusal is reported only if no entry shows.

        It may be about the entry that our own write made, in this invocation (after ``doubt``) or in an earlier
        delivery: a name taken, a quota used up.
        """
        if refusal.code.startswith(_TAKEN):
            taken = Doubtful("SetVpcAccess", refusal.code, refusal.status, str(refusal))
            return self._once_it_shows(record, access, taken, round_, mine=doubt is not None)
        if doubt is not None:
            return self._once_it_shows(record, access, doubt, round_, mine=True, otherwise=refusal)
        found = self._look(record, access, mine=False)
        if found is None:
            raise refusal
        return found

    def _once_it_shows(
        self,
        record: Record,
        access: VpcAccess,
        doubt: Doubtful,
        first: int,
        *,
        mine: bool,
        otherwise: CloudRefused | None = None,
    ) -> Outcome:
        """Look from round ``first`` on until an entry shows that may be there; raises ``otherwise`` if none does, or the doubt."""
        for round_ in range(first, _MAX_ROUNDS):
            if round_ > first:
                self._wait(round_ - 1, doubt)
            found = self._look(record, access, mine=mine)
            if found is not None:
                return found
        raise otherwise or doubt

    def _look(self, record: Record, access: VpcAccess, *, mine: bool) -> Outcome | None:
        """Return the outcome that the gateway's present state allows, None if nothing is visible (yet)."""
        decision = self._decision(record, access)
        if isinstance(decision, (Create, Replace)):
            return None
        return _answer(record, decision, AUTHORIZED if mine else UNCHANGED)

    def _decision(self, record: Record, access: VpcAccess) -> Decision:
        """Decide by what the gateway holds now."""
        log.add(looks=1)
        present = Present(self._gateway.matching([access]))
        self._recent.saw(present)
        return decide(wanted(record, access), present, self._settings)

    def _wait(self, round_: int, doubt: AuthorizerError) -> None:
        """Wait before the next look; raises the doubt if the time budget has no room for it."""
        wait = _FIRST_WAIT * 2**round_
        if not self._session.deadline.has(wait + 1):
            raise doubt
        log.add(waited=wait)
        self._session.clock.sleep(wait)


def _answer(record: Record, decision: Keep | Refuse, kept: str) -> Outcome:
    """Return the outcome of a decision that writes nothing; ``kept`` is the outcome's type for an entry that is kept."""
    if isinstance(decision, Keep):
        return Outcome(record, kept, decision.access, drift=decision.drift)
    return Outcome(record, REFUSED, decision.access, decision.reason, decision.text)
