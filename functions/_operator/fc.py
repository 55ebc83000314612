"""Function Compute's two APIs for one thing: calling a function. 3.0 through our own signer, 2.0 through ``aliyun-fc2``."""

from __future__ import annotations

import json
from base64 import b64decode
from collections.abc import Mapping
from typing import NamedTuple

import click

from functions._operator import access
from shared.clock import utc
from shared.cloud.session import Session
from shared.cloud.signing import Credentials, acs3_headers, canonical_query, percent_encode
from shared.cloud.transport import HttpRequest

VERSION = "2023-03-30"
MAX_SECONDS = 600.0  # seconds that a synchronous call may take here


class Invoked(NamedTuple):
    """What came of a call. ``error`` is X-Fc-Error-Type, "" after success; ``log`` the end of what it wrote."""

    request_id: str
    answer: bytes = b""
    error: str = ""
    log: str = ""


class Failure(NamedTuple):
    """Why a function failed: the class of what it raised, its text, and the lines of its stack."""

    kind: str
    text: str
    trace: str


def read(headers: Mapping[str, str], body: bytes) -> Invoked:
    """Read an answer of either API. A failed function is HTTP 200 too: the header tells."""
    tail = b64decode(headers.get("x-fc-log-result", "")).decode("utf-8", "replace")
    return Invoked(headers.get("x-fc-request-id", ""), body, headers.get("x-fc-error-type", ""), tail)


def failure_of(invoked: Invoked) -> Failure:
    """Read the answer of a function that failed.

    https://help.aliyun.com/zh/functioncompute/fc/user-guide/error-handling-1-1
    """
    whole = invoked.answer.decode("utf-8", "replace")
    try:
        document = json.loads(whole)
    except ValueError:
        document = None
    if not isinstance(document, dict):
        return Failure(invoked.error, whole, "")
    frames = document.get("stackTrace") or []
    trace = "\n".join(frame if isinstance(frame, str) else " ".join(map(str, frame)) for frame in frames)
    return Failure(document.get("errorType") or invoked.error, document.get("errorMessage") or whole, trace)


def options(*, asynchronous: bool) -> dict[str, str]:
    """Return the headers that ask for a queued call, or for the end of the log."""
    return {"x-fc-invocation-type": "Async"} if asynchronous else {"x-fc-log-type": "Tail"}


def invoke(
    session: Session, endpoint: str, function: str, event: bytes, *, asynchronous: bool, qualifier: str = ""
) -> Invoked:
    """Call a function of FC 3.0; raises the errors of ``Session.call``.

    https://help.aliyun.com/zh/functioncompute/fc/developer-reference/api-fc-2023-03-30-invokefunction
    """
    path = f"/{VERSION}/functions/{percent_encode(function)}/invocations"
    query = canonical_query([("qualifier", qualifier)] if qualifier else [])

    def sign(credentials: Credentials) -> HttpRequest:
        headers = acs3_headers(
            "POST",
            path,
            query,
            host=endpoint.partition("://")[2],
            action="InvokeFunction",
            version=VERSION,
            date=utc(session.clock.now()),
            nonce=session.clock.nonce(),
            credentials=credentials,
            body=event,
            extra={"content-type": "application/octet-stream", **options(asynchronous=asynchronous)},
        )
        return HttpRequest("POST", endpoint, f"{path}?{query}" if query else path, headers, event)

    return session.call("InvokeFunction", sign, lambda answer: read(answer.headers, answer.body), repeatable=False)


def invoke_v2(
    endpoint: str, service: str, function: str, event: bytes, *, asynchronous: bool, qualifier: str = ""
) -> Invoked:
    """Call a function of FC 2.0 with the vendor's client; raises a ClickException for what is not the function's fault."""
    import logging

    import requests
    from fc2 import Client, FcError

    logging.disable(logging.ERROR)  # the client logs a failed function with all headers; we print it once
    key = access.credentials()
    client = Client(
        endpoint=endpoint,
        accessKeyID=key.access_key_id,
        accessKeySecret=key.access_key_secret,
        securityToken=key.security_token,
        Timeout=MAX_SECONDS,
    )
    try:
        answer = client.invoke_function(
            service, function, payload=event, headers=options(asynchronous=asynchronous), qualifier=qualifier or None
        )
    except FcError as error:
        if error.status_code == 200:  # the function failed; this client makes an exception of that, and drops the log
            return Invoked(
                error.request_id, error.message.encode(), json.loads(error.message).get("errorType") or "Error"
            )
        raise click.ClickException(f"{error.err_code}: {error.message} (request {error.request_id})") from error
    except requests.RequestException as error:
        raise click.ClickException(f"no answer from Function Compute at {endpoint}: {error}") from error
    return read({name.lower(): value for name, value in answer.headers.items()}, answer.data or b"")
