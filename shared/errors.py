"""The error tree. Two words decide what happens next: Permanent and Transient.

::

    AuthorizerError
      * Permanent                 trying again changes nothing: the record gets its answer now
          + SettingsError         the function's settings are wrong (every mistake listed)
          + CloudRefused          the service itself said no, with a code that is known to be final
      * Transient                 a later try can help: the record is tried again, then redelivered
          + CloudUnavailable      the cloud said "not now", and did nothing (throttling)
          + Doubtful              the call may or may not have taken effect: look before repeating it
              - NotTheService     whoever answered is not the service: a page of a proxy, half an answer
              - UnknownRefusal    the service said no with a code that nobody knows to be final
          + CredentialsExpired    fresh credentials are needed
          + OperatorNeeded        the operator has to act (permission, secret, clock, account); then redelivery succeeds
          + OutOfTime             the invocation's time budget does not allow another attempt
          + Unexpected            a fault of our own, logged with its trace: it costs one record its answer for now
      * RetryNeeded               raised by the handler at the very end, so that the platform redelivers

Every message says what to do about it and none holds a secret: text that comes from the cloud passes
:func:`redact` first, because a signature refusal echoes the whole request, token included.
"""

from __future__ import annotations

import re
from typing import Any

_SIGNATURE_ECHO = re.compile(r"(?i)\b(server )?(string[ -]?to[ -]?sign|canonical ?(request|string))\b.*", re.DOTALL)
_SECRETS = re.compile(
    r"(?i)((?:x-acs-)?security-?token|x-acs-accesskey-id|accesskeysecret|signature|authorization)"
    r"([\"']?\s*(?:[=:]|%3D)\s*[\"']?)(?:ACS3-HMAC-SHA256 .*|MNS \S+|[^\s&,;\"'\]}]+)",
)
_MAX_TEXT_CHARS = 500


def redact(text: str) -> str:
    """Return ``text`` from the cloud without echoed requests, tokens and signatures, on one line, at most 500 characters."""
    text = _SIGNATURE_ECHO.sub("[redacted: the answer echoed the signed request]", text)
    text = _SECRETS.sub(r"\1\2[redacted]", text)
    text = " ".join(text.split())
    return text if len(text) <= _MAX_TEXT_CHARS else text[:_MAX_TEXT_CHARS] + "…"


class AuthorizerError(Exception):
    """Root of all our errors. ``code`` is a short stable word for results, logs and counters."""

    code = "Error"


class Permanent(AuthorizerError):
    """Trying again changes nothing."""


class SettingsError(Permanent):
    """Settings of the function are missing or wrong; ``problems`` lists each, by variable name."""

    code = "Settings"

    def __init__(self, problems: list[str]) -> None:
        super().__init__("the function's settings need attention: " + "; ".join(problems))
        self.problems = problems


class CloudRefused(Permanent):
    """The service refused a call for a reason that time does not cure: its code is one of ``answers.FINAL``.

    ``code`` is the vendor's error code, ``status`` the HTTP status (0: none), ``request_id`` what support asks for.
    """

    def __init__(self, operation: str, code: str, status: int, message: str, request_id: str, hint: str = "") -> None:
        super().__init__(_sentence(operation, code, status, message, request_id, hint))
        self.operation, self.code, self.status, self.request_id = operation, code, status, request_id


class Transient(AuthorizerError):
    """A later try can help. ``retry_after`` is the wait in seconds that the cloud asked for (None: it did not say)."""

    retry_after: float | None = None
    request_id = ""


class _CloudTransient(Transient):
    def __init__(
        self,
        operation: str,
        code: str,
        status: int,
        message: str,
        request_id: str = "",
        retry_after: float | None = None,
        hint: str = "",
    ) -> None:
        super().__init__(_sentence(operation, code, status, message, request_id, hint))
        self.operation, self.code, self.status, self.request_id = operation, code, status, request_id
        self.retry_after = retry_after


class CloudUnavailable(_CloudTransient):
    """The cloud turned the call away before doing anything: throttling, a used nonce."""


class Doubtful(_CloudTransient):
    """No usable answer: network error, 5xx, ``RepeatedCommit``. A write may have taken effect."""


class NotTheService(Doubtful):
    """The answer is not one of the service: a proxy's page, a redirect, an answer cut off. A write may have taken effect."""


class UnknownRefusal(Doubtful):
    """The service refused a call, and nothing says that this is final or that it did nothing.

    Not repeated now: one look, then a redelivery; an announcement ends with it once it is old (``outcome.stopped``).
    """


class CredentialsExpired(_CloudTransient):
    """The access key or token is not, or no longer, valid; only fresh credentials help."""


class OperatorNeeded(_CloudTransient):
    """Credentials, permissions, account or clock are wrong. Not repeated now; the record is kept for redelivery."""


class OutOfTime(Transient):
    """No further attempt fits into the invocation's time budget."""

    code = "OutOfTime"


class Unexpected(Transient):
    """A fault of this function that nobody foresaw; ``shared.log.tracing`` has written its trace."""

    code = "Unexpected"


class RetryNeeded(AuthorizerError):
    """Some records can still succeed: raised after the whole batch was tried and reported.

    ``summary`` is what would have been returned: the platform drops it, whoever calls the handler by hand shows it.
    """

    code = "RetryNeeded"

    def __init__(self, text: str, summary: dict[str, Any]) -> None:
        super().__init__(text)
        self.summary = summary


def _sentence(operation: str, code: str, status: int, message: str, request_id: str, hint: str) -> str:
    where = f"HTTP {status}" if status else "no answer"
    tail = f" (RequestId {request_id})" if request_id else ""
    text = f"{operation} failed with {code} ({where}): {redact(message)}{tail}"
    return f"{text}. {hint}" if hint else text
