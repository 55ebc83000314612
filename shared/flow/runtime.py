"""A function as Function Compute runs it. The only place that knows what the platform's context looks like.

Contexts differ by runtime: python3.12 has no ``credentials``, and there the role's key is in the environment alone
(https://help.aliyun.com/zh/functioncompute/fc/user-guide/context-in-event-handlers).
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from functools import lru_cache
from typing import Any, NamedTuple, TextIO

from shared import log, settings
from shared.cloud.endpoints import region_notice
from shared.cloud.signing import Credentials
from shared.errors import SettingsError
from shared.flow.engine import Engine, Invocation, Work
from shared.flow.report import Report

_KEYS = ("ALIBABA_CLOUD_ACCESS_KEY_ID", "ALIBABA_CLOUD_ACCESS_KEY_SECRET", "ALIBABA_CLOUD_SECURITY_TOKEN")
_FIELDS = ("access_key_id", "access_key_secret", "security_token")
_BROUGHT = tuple(f"context.credentials.{field}" for field in _FIELDS)
_DEFAULT_TIMEOUT = 60.0  # seconds; Function Compute's own default


class Runtime(NamedTuple):
    """An instance of the function ``name``, ready for events."""

    name: str
    engine: Engine
    environment: Mapping[str, str]

    def invoke(self, event: Any, context: Any) -> str | dict[str, Any]:
        """Process one event and return the function's answer: an HTTP response if a client waits, else the summary as JSON.

        The platform hands over bytes; text, or what JSON was read as, is taken too, as programs that call the handler
        themselves pass it. ``{"doctor": true}`` is not an event but a question: what is missing?
        (``shared.flow.doctor``)
        """
        event = _bytes(event)
        if b'"doctor"' in event[:64] and not self.engine.settings.dry_run:  # it tries writes, of what is not there
            from shared.flow import doctor  # nothing else needs it

            if doctor.is_asked(event):
                session = self.engine.session(self._invocation(context))
                return json.dumps(doctor.report(doctor.examine(self.name, self.engine.settings, session)))
        report = self.answer(event, context)
        if report.awaited:
            from shared.flow.replies import response

            return response(report)
        return json.dumps(
            report.summary()
        )  # ASCII: half a surrogate pair in an answer of the cloud could not be encoded

    def answer(self, event: bytes, context: Any) -> Report:
        """Process one event with what its context says and return the report; raises RetryNeeded, SettingsError."""
        return self.engine.handle(event, self._invocation(context))

    def _invocation(self, context: Any) -> Invocation:
        return Invocation(
            request_id=str(getattr(context, "request_id", "")),
            timeout=_timeout(context),
            credentials=lambda: credentials(self.environment, context),
        )


class Function:
    """A function as the platform calls it: started once per instance, at the latest by its first event.

    ``initialize`` and ``handler`` are what a function's file offers to Function Compute. ``name`` is that of its folder.
    """

    def __init__(self, name: str, work: Work) -> None:
        self.name, self.work = name, work
        self._runtime: Runtime | None = None

    def initialize(self, context: Any) -> None:  # noqa: ARG002 - the platform passes it
        """Read the settings and make the clients; raises SettingsError with every mistake listed."""
        self._runtime = start(self.name, self.work, os.environ)

    def handler(self, event: Any, context: Any) -> Any:
        """Process ``event`` and return the answer; raises RetryNeeded if a redelivery can help."""
        if self._runtime is None:
            self.initialize(context)
        assert self._runtime is not None
        return self._runtime.invoke(event, context)


def start(name: str, work: Work, environment: Mapping[str, str], stream: TextIO | None = None) -> Runtime:
    """Read the settings and build the engine for a function's work, its log on ``stream`` (standard output).

    Raises SettingsError.
    """
    loaded = settings.load(environment)
    log.configure(loaded.log_level, stream)
    if notice := region_notice(loaded.region_id):
        log.warning("region not known", region=loaded.region_id, text=notice)
    return Runtime(name, Engine(loaded, work, environment=environment), environment)


def credentials(environment: Mapping[str, str], context: Any) -> Credentials:
    """Return the key of this invocation: what its context brings, or the environment's, read anew each time.

    What the context brings is new with each invocation, where the environment is as old as the instance, or holds what
    somebody once set by hand. Raises SettingsError if neither has a key.
    """
    given = getattr(context, "credentials", None)
    names = _BROUGHT
    brought = [getattr(given, field, None) or "" for field in _FIELDS] if given is not None else ["", ""]
    if not (brought[0] and brought[1]):
        brought, names = [environment.get(name, "").strip() for name in _KEYS], _KEYS
    if not (brought[0] and brought[1]):
        text = "no credentials: give the function a role, or set ALIBABA_CLOUD_ACCESS_KEY_ID and ALIBABA_CLOUD_ACCESS_KEY_SECRET"
        raise SettingsError([text])
    return _checked(names, *brought)


@lru_cache(1)  # asked for each call, and the same for all calls of an invocation
def _checked(names: tuple[str, ...], *values: str) -> Credentials:
    wrong = [name for name, value in zip(names, values, strict=True) if not _is_plain(value)]
    if wrong:
        raise SettingsError([f"{name} holds a character that no access key has: set it again" for name in wrong])
    return Credentials(*values)


def _bytes(event: Any) -> bytes:
    """Return an event as the platform hands it over. Half of a surrogate pair is kept, to be refused as not UTF-8."""
    if isinstance(event, (bytes, bytearray)):
        return bytes(event)
    text = event if isinstance(event, str) else json.dumps(event)
    return text.encode("utf-8", "surrogatepass")


def _is_plain(value: str) -> bool:
    """Tell whether a value can stand in a header: printable ASCII. What does not fit must not get as far as an error."""
    return value.isascii() and value.isprintable()


def _timeout(context: Any) -> float:
    return float(getattr(getattr(context, "function", None), "timeout", None) or _DEFAULT_TIMEOUT)
