"""What a function is made of: code, handler, environment, limits, asynchronous calls, triggers."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tests.cloud.fc.triggers.config import Trigger

_DAY = 86_400


@dataclass(frozen=True)
class AsyncConfig:
    """Asynchronous invocation settings: <https://www.alibabacloud.com/help/en/functioncompute/fc/asynchronous-invocation>.

    ``on_success`` and ``on_failure`` are destination ARNs. The wait between the retries of a function error is not
    documented: ``retry_wait`` seconds is assumed.
    """

    max_retry_attempts: int = 3
    max_event_age: float = _DAY
    on_success: str = ""
    on_failure: str = ""
    retry_wait: float = 1.0

    def __post_init__(self) -> None:
        if not 0 <= self.max_retry_attempts <= 8:
            raise ValueError(f"maxAsyncRetryAttempts is 0 to 8, not {self.max_retry_attempts}")
        if not 1 <= self.max_event_age <= 7 * _DAY:
            raise ValueError(f"maxAsyncEventAgeInSeconds is 1 to 604800, not {self.max_event_age}")


@dataclass(frozen=True)
class FunctionConfig:
    """One function. ``code`` is a directory or a zip; ``runtime`` a Python executable.

    With ``service`` it is a function of FC 2.0 (reachable there as ``service/name`` and in FC 3.0 as
    ``service$name``), without one of FC 3.0. ``extra_paths`` follow the code on ``sys.path``: for a source tree whose
    dependencies were not built into it. ``role_actions`` limits the role to these RAM actions (None: everything).
    ``freeze`` stops an instance between two invocations, as Function Compute does.
    """

    name: str
    code: Path
    service: str = ""
    handler: str = "index.handler"
    initializer: str = ""
    runtime: str = sys.executable
    environment: Mapping[str, str] = field(default_factory=dict)
    timeout: float = 60
    initialization_timeout: float = 60
    memory: int = 512
    max_instances: int = 100
    idle_seconds: float = 300
    freeze: bool = True
    role_actions: frozenset[str] | None = None
    extra_paths: tuple[Path, ...] = ()
    async_config: AsyncConfig = AsyncConfig()
    triggers: tuple[Trigger, ...] = ()

    def __post_init__(self) -> None:
        if not re.fullmatch(r"[A-Za-z_][A-Za-z0-9_-]{0,63}", self.name):
            raise ValueError(f"a function name has 1 to 64 letters, digits, _ and -, no digit first: {self.name!r}")
        if reserved := sorted(key for key in self.environment if key.startswith("FC_")):
            raise ValueError(f"environment variables FC_* are the platform's: {', '.join(reserved)}")
        if sum(len(f"{key}={value}".encode()) for key, value in self.environment.items()) > 4096:
            raise ValueError("the environment variables exceed 4 KB")

    @property
    def key(self) -> str:
        """The name in FC 3.0, unique in the account: ``name`` or ``service$name``."""
        return f"{self.service}${self.name}" if self.service else self.name


def find_python(runtime: str) -> str:
    """Return an executable for a runtime name (``python3.12``) or path; LookupError if none is installed."""
    if runtime == f"python{sys.version_info.major}.{sys.version_info.minor}":
        return sys.executable
    version = runtime.removeprefix("python")
    candidates = [str(path) for path in sorted(Path.home().glob(f".pyenv/versions/{version}.*/bin/python"))]
    for candidate in [*reversed(candidates), shutil.which(runtime)]:
        # A version manager's shim is on PATH for versions that are not switched on: only a run tells.
        if candidate and subprocess.run([candidate, "-c", ""], capture_output=True, check=False).returncode == 0:
            return candidate
    raise LookupError(
        f"no interpreter for the runtime {runtime!r} on PATH or under ~/.pyenv; install one or name its path"
    )
