"""RPC services (CloudAPI, ECS, SLB, ESS): POST ``/``, parameters percent-encoded in the query, empty body, V3 signature.

https://www.alibabacloud.com/help/en/sdk/product-overview/v3-request-structure-and-signature
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import NamedTuple, TypeVar

from shared.cloud.answers import Answer, error_of
from shared.cloud.session import ReadError, Session, Sign
from shared.cloud.signing import Credentials, acs3_headers, canonical_query
from shared.cloud.transport import HttpRequest, HttpResponse

Result = TypeVar("Result")

_FORM = {"content-type": "application/x-www-form-urlencoded"}


def utc(seconds: float) -> str:
    """Return an epoch time as ``yyyy-MM-ddTHH:mm:ssZ``."""
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(seconds))


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
