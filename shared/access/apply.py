"""Carry out a decision. After any doubt: look, then decide again; never write blindly twice."""

from __future__ import annotations

from collections.abc import Callable

from shared import log
from shared.access.plan import Create, Decision, Keep, Present, Refuse, Replace, Wanted, decide
from shared.cloud.apigateway import ApiGateway
from shared.cloud.session import Session
from shared.errors import AuthorizerError, CloudRefused, Doubtful, Transient
from shared.model.access import VpcAccess
from shared.model.outcome import AUTHORIZED, FAILED, REFUSED, REJECTED, REPLACED, UNCHANGED, Outcome
from shared.model.records import Appeared, Record
from shared.settings import Settings

_MOST_ROUNDS = 6  # writes and looks around one record; each is retried by itself where that is safe
_FIRST_WAIT = 0.2  # seconds between looks, doubled each time
_QUOTA = "ExceedLimit"  # these families of codes are documented, their members for this API are not:
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

    def __init__(self, gateway: ApiGateway, session: Session, settings: Settings) -> None:
        self._gateway, self._session, self._settings = gateway, session, settings

    def carry_out(self, record: Record, decision: Decision) -> Outcome:
        """Carry out a decision and return what became of the record. Never raises our errors."""
        return _outcome(record, decision.access, lambda: self._carry_out(record, decision))

    def settle(self, record: Record, access: VpcAccess) -> Outcome:
        """Decide by what the gateway holds now and carry that out; return what became of it. Never raises our errors."""
        return _outcome(record, access, lambda: self._carry_out(record, self._decision(record, access)))

    def _carry_out(self, record: Record, decision: Decision) -> Outcome:
        if isinstance(decision, Create):
            return self._create(record, decision.access)
        if isinstance(decision, Replace):
            return self._replace(record, decision.access)
        return _answer(record, decision, UNCHANGED)

    def _replace(self, record: Record, access: VpcAccess) -> Outcome:
        """Change the entry; after any other answer look and decide again: the name may be somebody else's by now.

        A refusal is told only if the look does not answer the request: an earlier delivery may have changed the entry.
        """
        trouble: AuthorizerError
        for round_ in range(_MOST_ROUNDS):
            try:
                granted = self._gateway.modify_vpc_access(access)
                return Outcome(record, REPLACED, access, request_id=granted.request_id)
            except (Doubtful, CloudRefused) as error:
                trouble = error
            decision = self._decision(record, access)
            if isinstance(decision, (Keep, Refuse)):
                return _answer(record, decision, REPLACED)
            if isinstance(trouble, CloudRefused) and not trouble.code.startswith(_GONE):
                raise trouble
            if isinstance(decision, Create):
                return self._create(record, decision.access)
            self._wait(round_, trouble)
        raise trouble

    def _create(self, record: Record, access: VpcAccess) -> Outcome:
        """Write, unless a write is known to have taken effect; then look; then wait for what is not visible yet.

        A refusal is told only if no entry shows: it may be about the one that our own write made, in this invocation or
        in an earlier delivery (a name taken, a quota used up). After doubt in this one it is looked for longer.
        """
        mine = settled = False  # a write of ours may have, or somebody's certainly has, taken effect
        doubt: AuthorizerError | None = None
        refusal: CloudRefused | None = None
        for round_ in range(_MOST_ROUNDS):
            if not settled:
                try:
                    granted = self._gateway.set_vpc_access(access)
                except Doubtful as error:
                    doubt, mine = error, True
                except CloudRefused as error:
                    settled = True
                    if error.code.startswith(_TAKEN):
                        doubt = Doubtful("SetVpcAccess", error.code, error.status, str(error))
                    else:
                        refusal = error
                else:
                    if granted.vpc_access_id:
                        done = access._replace(vpc_access_id=granted.vpc_access_id)
                        return Outcome(record, AUTHORIZED, done, request_id=granted.request_id)
                    mine = settled = True
            found = self._look(record, access, mine=mine)
            if found is not None:
                return found
            if refusal is not None and not mine:
                raise refusal
            doubt = doubt or Doubtful("SetVpcAccess", "NotConfirmed", 0, "the authorization could not be confirmed")
            self._wait(round_, doubt)
        assert doubt is not None
        raise refusal or doubt

    def _look(self, record: Record, access: VpcAccess, *, mine: bool) -> Outcome | None:
        """Return the outcome that the gateway's present state allows, None if nothing is visible (yet)."""
        decision = self._decision(record, access)
        if isinstance(decision, (Create, Replace)):
            return None
        return _answer(record, decision, AUTHORIZED if mine else UNCHANGED)

    def _decision(self, record: Record, access: VpcAccess) -> Decision:
        """Decide by what the gateway holds now. A refused look is no answer to the request: raises Doubtful instead."""
        log.add(looks=1)
        try:
            present = Present(self._gateway.matching([access]))
        except CloudRefused as error:
            raise Doubtful("DescribeVpcAccesses", error.code, error.status, str(error), error.request_id) from error
        return decide(wanted(record, access), present, self._settings)

    def _wait(self, round_: int, doubt: AuthorizerError) -> None:
        """Wait before the next look; raises the doubt if the time budget has no room for it."""
        wait = _FIRST_WAIT * 2**round_
        if wait + 1 > self._session.deadline.remaining():
            raise doubt
        log.add(waited=wait)
        self._session.clock.sleep(wait)


def _answer(record: Record, decision: Keep | Refuse, kept: str) -> Outcome:
    """Return the outcome of a decision that writes nothing; ``kept`` is what keeping is called."""
    if isinstance(decision, Keep):
        return Outcome(record, kept, decision.access, drift=decision.drift)
    return Outcome(record, REFUSED, decision.access, decision.reason, decision.text)


def _outcome(record: Record, access: VpcAccess, work: Callable[[], Outcome]) -> Outcome:
    """Do the work; an error becomes the record's outcome and never costs another record its own."""
    try:
        with log.tracing("apply"):
            return work()
    except Transient as error:
        return Outcome(record, FAILED, access, error.code, str(error), error.request_id, retry=True)
    except CloudRefused as error:
        if error.code.startswith(_QUOTA):
            hint = (
                f"{error}. Remove authorizations that are no longer used, or have the quota raised in the Quota Center"
            )
            return Outcome(record, REFUSED, access, "QuotaExceeded", hint, error.request_id)
        return Outcome(record, REJECTED, access, error.code, str(error), error.request_id)
    except AuthorizerError as error:
        return Outcome(record, FAILED, access, error.code, str(error))
