"""What Function Compute calls: ``index.initialize`` once per instance, ``index.handler`` for each event."""

from __future__ import annotations

import os
from typing import Any

from shared.flow.runtime import Runtime, start

_runtime: Runtime | None = None


def initialize(context: Any) -> None:  # noqa: ARG001 - the platform passes it
    """Read the settings and make the clients; raises SettingsError with every mistake listed."""
    global _runtime  # noqa: PLW0603 - one instance serves one request at a time
    _runtime = start(os.environ)


def handler(event: Any, context: Any) -> Any:
    """Authorize what ``event`` asks for and return the summary; raises RetryNeeded if a redelivery can help."""
    if _runtime is None:
        initialize(context)
    assert _runtime is not None
    return _runtime.invoke(event, context)
