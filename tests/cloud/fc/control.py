"""Function Compute's part of the control surface, ``/_cloud/*``; every body is a JSON object."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tests.cloud.core import ServiceError

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.cloud.fc.api import FunctionCompute


def routes(fc: FunctionCompute) -> dict[tuple[str, str], Callable[[Any], Any]]:
    """Return the routes; a refusal becomes a ValueError, which the control surface answers with 400."""
    return {
        ("PUT", "functions"): _refusing(lambda body: _created(fc, body)),
        ("DELETE", "functions"): _refusing(lambda body: fc.delete_function(body["functionName"])),
        ("POST", "functions/logs"): _refusing(lambda body: {"logs": fc.logs(body["functionName"])}),
        ("POST", "functions/kill"): _refusing(
            lambda body: {"instanceId": fc.kill_instance(body["functionName"], body.get("instanceId", ""))}
        ),
        ("POST", "functions/rotate-credentials"): _refusing(
            lambda body: fc.rotate_credentials(
                body["functionName"], keep_instances=bool(body.get("keepInstances", False))
            )
        ),
        ("POST", "timers"): _refusing(lambda body: fc.fire_timer(body["triggerName"])),
        ("POST", "events"): _refusing(lambda body: fc.put_event(body, body.get("aliyuneventbusname", "default"))),
        ("POST", "ecs-state-changes"): _refusing(
            lambda body: fc.ecs_state_change(body["instanceId"], body.get("state", "Running"))
        ),
        ("POST", "drain"): lambda _body: fc.drain(),
    }


def _created(fc: FunctionCompute, body: Any) -> dict[str, str]:
    function = fc.create_from_json(body)
    return {"functionName": function.config.key, "functionArn": function.arn}


def _refusing(handler: Callable[[Any], Any]) -> Callable[[Any], Any]:
    def handle(body: Any) -> Any:
        try:
            return handler(body)
        except (ServiceError, LookupError) as error:
            raise ValueError(str(error)) from error

    return handle
