"""Function Compute's part of the control surface, ``/_cloud/*``; every body is a JSON object."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.cloud.fc.api import FunctionCompute


def routes(fc: FunctionCompute) -> dict[tuple[str, str], Callable[[Any], Any]]:
    """Return the routes; the control surface answers a refusal with 400."""
    return {
        ("PUT", "functions"): lambda body: _created(fc, body),
        ("DELETE", "functions"): lambda body: fc.delete_function(body["functionName"]),
        ("POST", "functions/code"): (lambda body: fc.function(body["functionName"]).update_code(Path(body["code"]))),
        ("POST", "functions/logs"): lambda body: {"logs": fc.logs(body["functionName"])},
        ("POST", "functions/kill"): (
            lambda body: {"instanceId": fc.kill_instance(body["functionName"], body.get("instanceId", ""))}
        ),
        ("POST", "functions/rotate-credentials"): (
            lambda body: fc.rotate_credentials(
                body["functionName"], keep_instances=bool(body.get("keepInstances", False))
            )
        ),
        ("POST", "timers"): lambda body: fc.fire_timer(body["triggerName"]),
        ("POST", "events"): lambda body: fc.put_event(body, body.get("aliyuneventbusname", "default")),
        ("POST", "ecs-state-changes"): (
            lambda body: fc.ecs_state_change(body["instanceId"], body.get("state", "Running"))
        ),
        ("POST", "drain"): lambda _body: fc.drain(),
    }


def _created(fc: FunctionCompute, body: Any) -> dict[str, str]:
    function = fc.create_from_json(body)
    return {"functionName": function.config.key, "functionArn": function.arn}
