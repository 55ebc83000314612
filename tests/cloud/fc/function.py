"""A deployed function: its code, its role's keys, its instances, its log, and one invocation."""

from __future__ import annotations

import json
import shutil
import tempfile
import threading
import time
import zipfile
from collections import deque
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from tests.cloud.fc.instance import Instance, InstanceGoneError, Reply
from tests.cloud.fc.pool import InstancePool
from tests.cloud.fc.roles import Role

if TYPE_CHECKING:
    from tests.cloud.core import World
    from tests.cloud.fc.config import FunctionConfig

_LOGS_KEPT = 1000  # invocations per function


@dataclass(frozen=True)
class InvocationEnd:
    """The end of one invocation. ``error_type`` is X-Fc-Error-Type, "" after success; ``duration`` is in ms."""

    request_id: str
    body: bytes
    error_type: str
    log: bytes
    duration: float
    memory: int
    instance_id: str


class Logged(NamedTuple):
    """What is kept of an invocation: see `InvocationEnd`; ``ended`` is in seconds since the epoch."""

    request_id: str
    log: bytes
    ended: float
    duration: float
    error_type: str


class Function:
    """One function of the stand-in; ``invoke`` may be called from several threads, ``close`` ends its processes."""

    def __init__(self, config: FunctionConfig, world: World) -> None:
        if shutil.which(config.runtime) is None:
            raise ValueError(f"the runtime of {config.key} is not an executable: {config.runtime}")
        self.config, self._world = config, world
        self.role = Role(world, config.role_actions)
        self._unpacked: list[tempfile.TemporaryDirectory[str]] = []
        self.code_directory = self._unpack(config.code)
        self.pool = InstancePool(self._create_instance, config.max_instances, config.idle_seconds, world.clock.now)
        self._logged: deque[Logged] = deque(maxlen=_LOGS_KEPT)
        self._lock = threading.Lock()

    @property
    def arn(self) -> str:
        """The ARN of the function's version in destination records.

        Forms of 2.0 and 3.0: <https://www.alibabacloud.com/help/en/functioncompute/feature-updates-in-function-compute-3>
        """
        prefix = f"acs:fc:{self._world.region_id}:{self._world.account_id}"
        if self.config.service:
            return f"{prefix}:services/{self.config.service}.LATEST/functions/{self.config.name}"
        return f"{prefix}:functions/{self.config.name}"

    @property
    def logs(self) -> list[tuple[str, bytes]]:
        """Request id and log of the last invocations, oldest first."""
        return [(each.request_id, each.log) for each in self.logged]

    @property
    def logged(self) -> list[Logged]:
        """The last invocations, oldest first."""
        with self._lock:
            return list(self._logged)

    def update_code(self, code: Path) -> None:
        """Run other code from the next invocation on; what runs now ends with the code that it began with."""
        self.code_directory = self._unpack(code)
        self.pool.renew()

    def invoke(self, event: bytes, request_id: str) -> InvocationEnd:
        """Run the function once on the event's bytes. Raises ServiceError 429 when no instance is free."""
        instance = self.pool.acquire()
        keep, started = False, time.monotonic()
        try:
            try:
                reply = self._exchange(instance, event, request_id)
                keep = instance.initialized
            except InstanceGoneError as gone:
                reply = self._explain(gone, started, initializing=not instance.initialized)
        finally:
            self.pool.release(instance, keep=keep)
        duration = (time.monotonic() - started) * 1000
        log = b"FC Invoke Start RequestId: %b\n%bFC Invoke End RequestId: %b\n" % (
            request_id.encode(),
            reply.log,
            request_id.encode(),
        )
        with self._lock:
            self._logged.append(Logged(request_id, log, self._world.clock.now(), duration, reply.error))
        return InvocationEnd(request_id, reply.body, reply.error, log, duration, reply.memory, instance.id)

    def close(self) -> None:
        """End all instances and remove unpacked code."""
        self.pool.close()
        for unpacked in self._unpacked:
            unpacked.cleanup()

    def _exchange(self, instance: Instance, event: bytes, request_id: str) -> Reply:
        request = self._request(request_id)
        log = b""
        if not instance.initialized:
            first = instance.exchange({**request, "op": "initialize"}, b"", self.config.initialization_timeout)
            if first.error:
                return first
            instance.initialized, log = True, first.log
        reply = instance.exchange({**request, "op": "invoke"}, event, self.config.timeout)
        return Reply(reply.error, reply.body, log + reply.log, reply.memory)

    def _explain(self, gone: InstanceGoneError, started: float, *, initializing: bool) -> Reply:
        """Put a lost instance in the vendor's words.

        A time-out: the record in <https://help.aliyun.com/zh/functioncompute/fc/user-guide/asynchronous-task>; an exit:
        <https://www.alibabacloud.com/help/en/functioncompute/fc/process-exited-unexpectedly-before-completing-request-1>;
        the document: <https://help.aliyun.com/zh/functioncompute/fc/user-guide/error-handling-1-1>. The error type of an
        exit is that of the vendor's retired local tool (https://github.com/alibaba/funcraft); that a lost initializer is
        an InitializationError is assumed.
        """
        used = f"maxMemoryUsage: {gone.memory}MB"
        if gone.timed_out:
            limit = self.config.initialization_timeout if initializing else self.config.timeout
            message, error = f"Function timed out after {limit:g} seconds ({used})", "InvocationError"
        else:
            duration = (time.monotonic() - started) * 1000
            message = f"Process exited unexpectedly before completing request (duration: {duration:.0f}ms, {used})"
            error = "UnhandledInvocationError"
        if initializing:
            error = "InitializationError"
        return Reply(error, json.dumps({"errorMessage": message}).encode(), gone.log, gone.memory)

    def _request(self, request_id: str) -> dict[str, Any]:
        config, key = self.config, self.role.current()
        return {
            "request_id": request_id,
            "region": self._world.region_id,
            "account_id": self._world.account_id,
            "initializer": config.initializer,
            "function": {
                "name": config.name,
                "handler": config.handler,
                "memory": config.memory,
                "timeout": int(config.timeout) if config.timeout == int(config.timeout) else config.timeout,
            },
            "service": {
                "name": config.service,
                "log_project": "",
                "log_store": "",
                "qualifier": "LATEST",
                "version_id": "",
            },
            "credentials": {
                "access_key_id": key.access_key_id,
                "access_key_secret": key.access_key_secret,
                "security_token": key.security_token,
            },
        }

    def _create_instance(self) -> Instance:
        config = self.config
        instance_id = f"c-{self._world.ids.hex(8)}-{self._world.ids.hex(12)}"
        paths = (self.code_directory, *config.extra_paths)
        environment = self._environment(instance_id)
        return Instance(instance_id, config.runtime, paths, environment, freeze=config.freeze)

    def _environment(self, instance_id: str) -> dict[str, str]:
        """What Function Compute sets, then what the user set; nothing of ours leaks.

        Source: <https://www.alibabacloud.com/help/en/functioncompute/fc/environment-variables>
        """
        key = self.role.current()
        return {
            "PATH": "/usr/local/bin:/usr/bin:/bin",
            "LANG": "C.UTF-8",
            "HOME": tempfile.gettempdir(),
            "FC_ACCOUNT_ID": self._world.account_id,
            "FC_REGION": self._world.region_id,
            "FC_FUNC_CODE_PATH": str(self.code_directory),
            "FC_FUNCTION_NAME": self.config.name,
            "FC_FUNCTION_HANDLER": self.config.handler,
            "FC_FUNCTION_MEMORY_SIZE": str(self.config.memory),
            "FC_VER_ID": "LATEST",
            "FC_FUNCTION_VERSION": "LATEST",
            "FC_CUSTOM_LISTEN_PORT": "9000",
            "FC_INSTANCE_ID": instance_id,
            "ALIBABA_CLOUD_ACCESS_KEY_ID": key.access_key_id,
            "ALIBABA_CLOUD_ACCESS_KEY_SECRET": key.access_key_secret,
            "ALIBABA_CLOUD_SECURITY_TOKEN": key.security_token,
            **self.config.environment,
        }

    def _unpack(self, code: Path) -> Path:
        if code.is_dir():
            return code.resolve()
        if not zipfile.is_zipfile(code):
            raise ValueError(f"the code of {self.config.key} is neither a directory nor a zip: {code}")
        unpacked = tempfile.TemporaryDirectory(prefix="fc-code-")
        self._unpacked.append(unpacked)
        with zipfile.ZipFile(code) as archive:
            archive.extractall(unpacked.name)
        return Path(unpacked.name)
