"""The local Function Compute without HTTP: functions, their triggers, and the work that goes on by itself."""

from __future__ import annotations

import atexit
import threading
from typing import TYPE_CHECKING, Any

from tests.cloud.core import ServiceError
from tests.cloud.fc.asynchronous import AsyncQueue
from tests.cloud.fc.deployment import Deployment
from tests.cloud.fc.destinations import Destination, InvocationRecord, bus_event, send_to_smq
from tests.cloud.fc.function import Function, InvocationEnd
from tests.cloud.fc.runner import Runner
from tests.cloud.fc.triggers import shapes
from tests.cloud.fc.triggers.config import TimerTrigger
from tests.cloud.fc.triggers.eventbridge import RulePump

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tests.cloud.core import World
    from tests.cloud.fc.config import FunctionConfig
    from tests.cloud.fc.ports import Smq
    from tests.cloud.fc.runner import Pump

MAX_SYNC_PAYLOAD = 32 * 1024 * 1024
_ASYNC_WORKERS = 4


class Platform:
    """Functions by key (``name`` or ``service$name``). Thread-safe; ``close`` ends every process and thread.

    Background work (triggers, asynchronous invocations) runs in threads between ``start`` and ``close``; without
    ``start`` it runs when a test calls ``pump_once`` or ``drain``. A fault of ours in a thread is raised by ``check`` or
    ``close``.
    """

    def __init__(self, world: World, smq: Smq) -> None:
        self.world, self.smq = world, smq
        self.queue = AsyncQueue(world, self._finish)
        self.lost_records: list[tuple[str, str, str]] = []  # function, destination or dead-letter queue, why
        self.faults: list[Exception] = []  # of threads that they ended, not raised yet
        self.own_services: set[str] = set()  # made without functions
        self._deployments: dict[str, Deployment] = {}
        self._async_runner: Runner | None = None
        self._lock = threading.RLock()
        atexit.register(self.close)

    def create_function(self, config: FunctionConfig) -> Function:
        """Deploy a function, in place of one with the same key; its triggers work at once.

        Raises ValueError for code that is neither directory nor zip or a malformed destination, ServiceError 404 for
        the topic of a trigger that does not exist.
        """
        for arn in (config.async_config.on_success, config.async_config.on_failure):
            if arn:
                Destination.parse(arn)
        self.delete_function(config.key, missing_ok=True)
        deployment = Deployment(Function(config, self.world), self)
        try:
            deployment.attach_triggers()
        except BaseException:
            self._close(deployment)
            raise
        with self._lock:
            self._deployments[config.key] = deployment
            if self._async_runner is not None:
                deployment.start()
        return deployment.function

    def delete_function(self, name: str, *, missing_ok: bool = False) -> None:
        """Remove a function with its triggers, instances and queued invocations."""
        with self._lock:
            deployment = self._deployments.pop(name, None)
        if deployment is not None:
            self._close(deployment)
        elif not missing_ok:
            raise ServiceError(404, "FunctionNotFound", f"function '{name}' does not exist")

    def function(self, name: str) -> Function:
        """Return a function by its key, or by its bare name if only one has it; ServiceError 404 otherwise."""
        with self._lock:
            found = self._deployments.get(name)
            if found is None:
                named = [each for each in self._deployments.values() if each.name == name]
                found = named[0] if len(named) == 1 else None
        if found is None:
            raise ServiceError(404, "FunctionNotFound", f"function '{name}' does not exist")
        return found.function

    @property
    def functions(self) -> list[Function]:
        """Every function, by key."""
        with self._lock:
            return [self._deployments[key].function for key in sorted(self._deployments)]

    @property
    def services(self) -> set[str]:
        """Every service of FC 2.0: those made, and those that functions were deployed into."""
        return self.own_services | {each.config.service for each in self.functions if each.config.service}

    def run(self, function: Function, event: bytes, request_id: str = "") -> InvocationEnd:
        """Invoke synchronously; ServiceError 400 for an event over 32 MB, 429 when no instance is free."""
        if len(event) > MAX_SYNC_PAYLOAD:
            raise ServiceError(
                400, "EntityTooLarge", f"payload size exceeds maximum allowed size ({MAX_SYNC_PAYLOAD} bytes)"
            )
        return function.invoke(event, request_id or self.world.ids.request_id())

    def submit(
        self, function: Function, event: bytes, request_id: str = "", *, task_id: str = "", delay: float = 0.0
    ) -> None:
        """Queue an asynchronous invocation; see ``AsyncQueue.submit``."""
        self.queue.submit(function, event, request_id or self.world.ids.request_id(), task_id=task_id, delay=delay)

    def invoke(self, name: str, event: bytes = b"") -> InvocationEnd:
        """Invoke a function synchronously from Python."""
        return self.run(self.function(name), event)

    def fire_timer(self, trigger_name: str) -> None:
        """Fire a timer trigger now, asynchronously as the real one."""
        for function in self.functions:
            for trigger in function.config.triggers:
                if isinstance(trigger, TimerTrigger) and trigger.name == trigger_name and trigger.enabled:
                    self.submit(function, shapes.dumps(shapes.timer_event(self.world, trigger)))
                    return
        raise ServiceError(404, "TriggerNotFound", f"there is no enabled timer trigger '{trigger_name}'")

    def put_event(self, event: Mapping[str, Any], bus: str = "default") -> dict[str, Any]:
        """Put a CloudEvent on a bus; returns it as the rules saw it. Missing id and time are added."""
        complete = shapes.cloud_event(self.world, bus, event)
        for pump in self._pumps():
            if isinstance(pump, RulePump):
                pump.offer(bus, complete)
        return complete

    def ecs_state_change(self, instance_id: str, state: str = "Running") -> dict[str, Any]:
        """Announce an instance's new state on the default bus, as ECS does."""
        return self.put_event(shapes.ecs_state_change(self.world, instance_id, state))

    def logs(self, name: str) -> str:
        """Return the log of a function's last invocations."""
        return b"".join(log for _, log in self.function(name).logs).decode(errors="replace")

    def kill_instance(self, name: str, instance_id: str = "") -> str:
        """Kill (SIGKILL) one instance, the named or any; returns its id. ServiceError 404 if there is none."""
        for instance in self.function(name).pool.instances:
            if instance_id in {"", instance.id} and instance.alive:
                instance.crash()
                return instance.id
        raise ServiceError(404, "InstanceNotFound", f"function '{name}' has no such living instance")

    def rotate_credentials(self, name: str, *, keep_instances: bool = False) -> None:
        """Let the role's keys expire; idle instances end too, unless a test wants to see what expired keys do."""
        function = self.function(name)
        function.role.expire()
        if not keep_instances:
            function.pool.retire_idle()

    def start(self) -> None:
        """Let triggers and asynchronous invocations run by themselves; once only."""
        with self._lock:
            if self._async_runner is not None:
                return
            self._async_runner = Runner(self.queue, self.world.clock, self.faults, _ASYNC_WORKERS, "async")
            self._async_runner.start()
            for deployment in self._deployments.values():
                deployment.start()

    def pump_once(self) -> bool:
        """Take one step in every trigger and in the asynchronous queue; False if there was nothing to do."""
        with self._lock:
            pumps = [self.queue, *(pump for each in self._deployments.values() for pump in each.pumps)]
        return any(pump.step() for pump in pumps)  # a list: every pump gets its step

    def drain(self) -> None:
        """Work until nothing is left to do, waiting for retries by the world's clock (a ManualClock jumps).

        A stream that is blocked on a batch (errors not tolerated, retries used up) is left as it is.
        """
        clock, condition = self.world.clock, threading.Condition()
        while True:
            if self.pump_once():
                continue
            pumps = self._pumps()
            waits = [due - clock.now() for pump in pumps if (due := pump.due()) is not None]
            if any(pump.busy() for pump in pumps):
                threading.Event().wait(0.01)  # another thread works on it
            elif not waits:
                return
            else:
                with condition:
                    clock.wait(condition, max(0.0, min(waits)))

    def clear(self) -> None:
        """Forget every function and everything that was to be done."""
        for function in self.functions:
            self.delete_function(function.config.key, missing_ok=True)
        self.lost_records.clear()
        self.own_services.clear()

    def check(self) -> None:
        """Raise RuntimeError if a fault of the stand-in ended a trigger or asynchronous invocations; once for each."""
        if self.faults:
            text = "the local Function Compute is broken, see the cause: what its thread had at hand was not delivered"
            raise RuntimeError(text) from self.faults.pop(0)

    def close(self) -> None:
        """Stop all threads, then all processes; safe to call twice. Ends with ``check``."""
        atexit.unregister(self.close)
        with self._lock:
            deployments, self._deployments = list(self._deployments.values()), {}
            runner, self._async_runner = self._async_runner, None
        if runner is not None:
            runner.stop()
        for deployment in deployments:
            self._close(deployment)
        if runner is not None:
            runner.join()
        self.check()

    def _pumps(self) -> list[Pump]:
        with self._lock:
            return [self.queue, *(pump for each in self._deployments.values() for pump in each.pumps)]

    def _close(self, deployment: Deployment) -> None:
        deployment.close()
        self.queue.forget(deployment.function)

    def _finish(self, function: Function, arn: str, record: InvocationRecord) -> None:
        """Hand the record of a finished asynchronous invocation to its destination; a refusal is only counted."""
        if not arn:
            return
        destination = Destination.parse(arn)
        try:
            destination.check(function.role.current(), len(shapes.dumps(record.document())))
            if destination.kind == "bus":
                self.put_event(bus_event(record), destination.name)
            elif destination.kind == "function":
                target = destination.name.replace("services/", "").replace(".LATEST/functions/", "$")
                self.submit(self.function(target.removeprefix("functions/")), shapes.dumps(record.document()))
            else:
                send_to_smq(self.smq, destination, record)
        except ServiceError as error:
            self.lost_records.append((function.config.key, arn, str(error)))
