"""The queue behind asynchronous invocations: retries, maximum age, destinations, task ids.

Rules: <https://www.alibabacloud.com/help/en/functioncompute/fc/asynchronous-invocation> and
<https://www.alibabacloud.com/help/en/functioncompute/fc/error-handling-1-2>: a function error is retried
``max_retry_attempts`` times, throttling with a binary backoff from 0.5 s for up to 5 hours. The first page says that
system errors are retried like throttling, the second one that they are not; here they are.
"""

from __future__ import annotations

import threading
from dataclasses import dataclass
from typing import TYPE_CHECKING

from tests.cloud.core import ServiceError
from tests.cloud.fc.destinations import InvocationRecord

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.cloud.core import World
    from tests.cloud.fc.function import Function, InvocationEnd

MAX_PAYLOAD = 128 * 1024
MAX_DELAY = 3600.0
_FIRST_BACKOFF, _BACKOFF_ENDS = 0.5, 5 * 3600.0
# The condition in the record that the page on asynchronous invocation prints.
_EXHAUSTED = "FunctionResourceExhausted"


@dataclass
class Task:
    """One accepted asynchronous invocation."""

    function: Function
    event: bytes
    request_id: str
    submitted: float
    due: float
    invoked: int = 0
    refused: int = 0
    condition: str = _EXHAUSTED
    outcome: InvocationEnd | None = None


class AsyncQueue:
    """Accepts events at once and runs them in steps; ``finish`` gets the record of each that ended."""

    def __init__(self, world: World, finish: Callable[[Function, str, InvocationRecord], None]) -> None:
        self._world, self._finish = world, finish
        self.wake = threading.Event()
        self._tasks: list[Task] = []
        self._running = 0
        self._task_ids: set[tuple[str, str]] = set()
        self._lock = threading.Lock()

    def submit(
        self, function: Function, event: bytes, request_id: str, *, task_id: str = "", delay: float = 0.0
    ) -> None:
        """Accept an invocation; ServiceError 400 for a payload over 128 KB, 409 for a task id seen before.

        The 409's code is assumed; the status is documented (<https://www.alibabacloud.com/help/en/fc/task-deduplication>).
        """
        if len(event) > MAX_PAYLOAD:
            message = f"payload size exceeds maximum allowed size ({MAX_PAYLOAD} bytes)"
            raise ServiceError(400, "EntityTooLarge", message)
        if not 0 <= delay <= MAX_DELAY:
            raise ServiceError(400, "InvalidArgument", f"x-fc-async-delay is 0 to 3600 seconds, not {delay:g}")
        key, now = (function.config.key, task_id or request_id), self._world.clock.now()
        with self._lock:
            if key in self._task_ids:
                raise ServiceError(409, "StatefulAsyncInvocationAlreadyExists", f"task '{key[1]}' already exists")
            self._task_ids.add(key)
            self._tasks.append(Task(function, event, request_id, now, now + delay))
        self.wake.set()

    def step(self) -> bool:
        """Run the earliest task that is due; False if none is."""
        with self._lock:
            task = min(self._tasks, key=lambda waiting: waiting.due, default=None)
            if task is None or task.due > self._world.clock.now():
                return False
            self._tasks.remove(task)
            self._running += 1
        try:
            self._run(task)
        finally:
            with self._lock:
                self._running -= 1
        return True

    def due(self) -> float | None:
        """Return when the next task is due."""
        with self._lock:
            return min((task.due for task in self._tasks), default=None)

    def busy(self) -> bool:
        """True while a task runs."""
        with self._lock:
            return self._running > 0

    def forget(self, function: Function) -> None:
        """Drop the tasks and task ids of a deleted function."""
        with self._lock:
            self._tasks = [task for task in self._tasks if task.function is not function]
            self._task_ids = {key for key in self._task_ids if key[0] != function.config.key}

    def _run(self, task: Task) -> None:
        config, now = task.function.config.async_config, self._world.clock.now()
        if now - task.submitted > config.max_event_age:
            self._end(task, config.on_failure)
            return
        try:
            task.outcome = outcome = task.function.invoke(task.event, task.request_id)
        except ServiceError as error:
            if error.status == 404:  # the function was deleted meanwhile
                return
            task.condition, wait = _EXHAUSTED, _FIRST_BACKOFF * 2**task.refused
            task.refused += 1
            retried = now + wait - task.submitted <= _BACKOFF_ENDS
        else:
            task.condition, wait = outcome.error_type, config.retry_wait
            task.invoked += 1
            retried = task.invoked <= config.max_retry_attempts
        if not task.condition:
            self._end(task, config.on_success)
        elif retried:
            self._again(task, wait)
        else:
            self._end(task, config.on_failure)

    def _again(self, task: Task, wait: float) -> None:
        with self._lock:
            task.due = self._world.clock.now() + wait
            self._tasks.append(task)
        self.wake.set()

    def _end(self, task: Task, destination: str) -> None:
        outcome = task.outcome
        record = InvocationRecord(
            timestamp=int(self._world.clock.now() * 1000),
            request_id=task.request_id,
            function_arn=task.function.arn,
            condition=task.condition,
            invoke_count=task.invoked,
            request_payload=task.event,
            function_error=outcome.error_type if outcome else "",
            response_payload=outcome.body if outcome else b"",
        )
        self._finish(task.function, destination, record)
