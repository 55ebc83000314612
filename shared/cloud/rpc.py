"""RPC services (CloudAPI, ECS, SLB, ESS): POST ``/``, parameters percent-encoded in the query, empty body, V3 signature.

https://www.alibabacloud.com/help/en/sdk/product-overview/v3-request-structure-and-signature
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterator, Mapping
from functools import partial
from typing import NamedTuple, TypeVar

from shared.clock import utc
from shared.cloud.answers import Answer, error_of
from shared.cloud.session import ReadError, Session, Sign
from shared.cloud.signing import Credentials, acs3_headers, canonical_query
from shared.cloud.transport import HttpRequest, HttpResponse
from shared.errors import Doubtful

Result = TypeVar("Result")

_FORM = {"content-type": "application/x-www-form-urlencoded"}


class RpcService(NamedTuple):
    """One product at one endpoint (``https://apigateway.cn-hangzhou.aliyuncs.com``), in one API version."""

    session: Session
    endpoint: str
    version: str

    def call(
        self,
        action: str,
        parameters: Mapping[str, str],
        read: Callable[[Answer], Result],
        *,
        repeatable: bool,
        form: Mapping[str, str] | None = None,
        read_error: ReadError = error_of,
    ) -> Result:
        """Call ``action`` and return what ``read`` makes of the answer; raises the errors of ``Session.call``.

        ``read`` knows the legal forms of the operation's answer and raises Doubtful for all others, so an odd answer to
        a read is asked for again. ``form`` holds parameters too large for the query; few operations read them from the body.
        ``read_error`` says what an error answer means.
        """

        def answered(response: HttpResponse) -> Result:
            return read(Answer.of(action, response.headers, response.body))

        sign = self.signer(action, parameters, form)
        return self.session.call(action, sign, answered, repeatable=repeatable, read_error=read_error)

    def pages(
        self,
        action: str,
        parameters: Mapping[str, str],
        read: Callable[[Answer], Result],
        *,
        read_error: ReadError = error_of,
    ) -> Iterator[Result]:
        """Yield what ``read`` makes of each page of a listing that goes by NextToken; raises the errors of ``Session.call``."""
        seen = set[str]()
        while True:
            page, following = self.call(
                action,
                parameters,
                lambda answer: (read(answer), answer.text("NextToken")),
                repeatable=True,
                read_error=read_error,
            )
            if following in seen:
                raise Doubtful(action, "UnreadableAnswer", 200, "the answer names a page that was read as its next one")
            yield page
            if not following:
                return
            seen.add(following)
            parameters = {**parameters, "NextToken": following}

    def numbered(
        self,
        action: str,
        parameters: Mapping[str, str],
        rows: Callable[[Answer], list[Answer]],
        read: Callable[[Answer], Result],
        key: Callable[[Result], Hashable],
        *,
        read_error: ReadError = error_of,
    ) -> list[Result]:
        """Return the items of all pages of a listing that goes by PageNumber and counts its items in TotalCount.

        Where pages shift while they are read, one may hide an item, and that is Doubtful: they have if the count changes, or
        if a page repeats an item, by ``key``, of one before it. Raises the errors of ``Session.call``.
        """
        found, keys = list[Result](), set[Hashable]()
        total: int | None = None
        number = 0
        while total is None or len(found) < total:
            number += 1
            counted, items = self.call(
                action,
                {**parameters, "PageNumber": str(number)},
                partial(_read_numbered, rows, read, len(found)),
                repeatable=True,
                read_error=read_error,
            )
            if total not in (None, counted) or any(key(item) in keys for item in items):
                raise Doubtful(action, "PagesShifted", 200, "the list changed while it was read")
            total = counted
            found += items
            keys.update(map(key, items))
        return found

    def signer(self, action: str, parameters: Mapping[str, str], form: Mapping[str, str] | None = None) -> Sign:
        """Return what makes a freshly signed request of this call each time."""
        query = canonical_query(parameters.items())
        body = canonical_query(form.items()).encode() if form else b""
        host = self.endpoint.partition("://")[2]
        clock = self.session.clock

        def sign(credentials: Credentials) -> HttpRequest:
            headers = acs3_headers(
                "POST",
                "/",
                query,
                host=host,
                action=action,
                version=self.version,
                date=utc(clock.now()),
                nonce=clock.nonce(),
                credentials=credentials,
                body=body,
                extra=_FORM if form else None,
            )
            headers["accept"] = "application/json"
            return HttpRequest("POST", self.endpoint, f"/?{query}", headers, body)

        return sign


def _read_numbered(
    rows: Callable[[Answer], list[Answer]], read: Callable[[Answer], Result], before: int, answer: Answer
) -> tuple[int, list[Result]]:
    """Return how many items there are in all, and those of this page; ``before`` have been read from others."""
    total, items = answer.whole("TotalCount"), [read(row) for row in rows(answer)]
    if before + len(items) > total or (not items and before < total):
        raise answer.odd(f"TotalCount is {total}, and there are {before + len(items)}")
    return total, items
