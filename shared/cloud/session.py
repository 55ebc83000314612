"""The one way to call the cloud: sign, send, read the answer, try again with a new signature.

Every attempt signs anew, with a new date and nonce. The caller says what is safe to repeat blindly: reads and
publishing are, ``SetVpcAccess`` is not (after doubt somebody has to look first).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import NamedTuple, TypeVar

from shared import log
from shared.clock import Clock, Deadline
from shared.cloud.answers import error_of
from shared.cloud.pace import Pace
from shared.cloud.signing import Credentials
from shared.cloud.transport import HttpRequest, HttpResponse, NetworkError, Transport
from shared.errors import (
    AuthorizerError,
    CloudUnavailable,
    CredentialsExpired,
    Doubtful,
    NotTheService,
    Transient,
    UnknownRefusal,
)

MAX_ATTEMPTS = 8
_MAX_UNREADABLE = 3  # attempts of a call whose answers cannot be read: something else may answer at the endpoint
_MIN_ATTEMPT = 0.5  # seconds; below that an attempt cannot end in time
_FIRST_WAIT, _MAX_WAIT = 0.1, 8.0
_FIRST_WAIT_THROTTLED = 0.5

Sign = Callable[[Credentials], HttpRequest]
ReadError = Callable[[str, int, Mapping[str, str], bytes], AuthorizerError]  # operation, status, headers, body
Result = TypeVar("Result")


class Session(NamedTuple):
    """What the calls of one invocation share."""

    transport: Transport
    clock: Clock
    deadline: Deadline
    pace: Pace
    credentials: Callable[[], Credentials]

    def call(
        self,
        operation: str,
        sign: Sign,
        read: Callable[[HttpResponse], Result],
        *,
        repeatable: bool,
        paced: bool = True,
        read_error: ReadError = error_of,
    ) -> Result:
        """Call until it succeeds, fails for good, or time or attempts run out; return what ``read`` makes of the answer.

        ``sign`` makes a freshly signed request each time. ``read`` raises Doubtful for a successful answer that cannot be
        understood; ``read_error`` knows the service's error codes. Raises the error of the last attempt.
        """
        with log.tracing(operation):
            return self._call(operation, sign, read, repeatable=repeatable, paced=paced, read_error=read_error)

    def _call(
        self,
        operation: str,
        sign: Sign,
        read: Callable[[HttpResponse], Result],
        *,
        repeatable: bool,
        paced: bool,
        read_error: ReadError,
    ) -> Result:
        credentials = self.credentials()
        attempt = unreadable = 0
        while True:
            attempt += 1
            if paced:
                log.add(waited=self.pace.wait(operation, self.deadline))
            self.deadline.require(_MIN_ATTEMPT, operation)
            log.add(calls=1)
            answer = self._attempt(operation, sign(credentials), read_error)
            if isinstance(answer, HttpResponse):
                self.pace.succeeded(operation)
                try:
                    return read(answer)
                except Doubtful as error:
                    answer = error
                    unreadable += 1
            elif isinstance(answer, NotTheService) and not answer.retry_after:
                unreadable += 1
            if isinstance(answer, CloudUnavailable) or (isinstance(answer, Transient) and answer.retry_after):
                self.pace.throttled(operation, answer.retry_after)
            fresh = self.credentials()
            most = _most_attempts(answer, repeatable, fresh != credentials)
            if attempt >= most or unreadable >= _MAX_UNREADABLE:
                raise answer
            credentials = fresh
            self._back_off(operation, answer, attempt)

    def _attempt(self, operation: str, request: HttpRequest, read_error: ReadError) -> HttpResponse | AuthorizerError:
        try:
            answer = self.transport.send(request, self.deadline.remaining())
        except NetworkError as error:
            kind = Doubtful if error.sent else CloudUnavailable
            failure = kind(operation, "NoAnswer", 0, str(error))
            failure.__cause__ = error
            return failure
        if 200 <= answer.status < 300:
            return answer
        return read_error(operation, answer.status, answer.headers, answer.body)

    def _back_off(self, operation: str, error: AuthorizerError, attempt: int) -> None:
        """Wait with full jitter, at least as long as the cloud asked for; raises the error if that does not fit."""
        first = _FIRST_WAIT_THROTTLED if isinstance(error, CloudUnavailable) else _FIRST_WAIT
        wait = self.clock.jitter() * min(_MAX_WAIT, first * 2 ** (attempt - 1))
        asked = error.retry_after if isinstance(error, Transient) else None
        wait = max(wait, asked or 0.0)
        if wait + _MIN_ATTEMPT > self.deadline.remaining():
            raise error
        log.debug("retry", operation=operation, code=error.code, attempt=attempt, wait=round(wait, 3))
        log.add(retries=1, waited=wait)
        self.clock.sleep(wait)


def _most_attempts(error: AuthorizerError, repeatable: bool, fresh: bool) -> int:
    """Return how often a call that ends like this is tried in one invocation."""
    if repeatable and isinstance(error, Transient) and error.retry_after:
        return MAX_ATTEMPTS  # whatever it is, the cloud says when to ask again
    if isinstance(error, UnknownRefusal):
        return 1
    again = repeatable if isinstance(error, Doubtful) else isinstance(error, CredentialsExpired) and fresh
    return MAX_ATTEMPTS if again or isinstance(error, CloudUnavailable) else 1
