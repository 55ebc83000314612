"""The HTTP side: FC 2.0 and 3.0 invocations, HTTP triggers, and each version's way to refuse.

Paths, headers and bodies: <https://www.alibabacloud.com/help/doc-detail/191156.htm> (2.0),
<https://help.aliyun.com/zh/functioncompute/fc/developer-reference/api-fc-2023-03-30-invokefunction> (3.0), and what PyPI
``aliyun-fc2`` 2.5.2 and ``alibabacloud_fc20230330`` 4.8.3 send; error codes:
<https://www.alibabacloud.com/help/en/function-compute/latest/error-codes>.
"""

from __future__ import annotations

import base64
import json
from typing import TYPE_CHECKING, Any

from werkzeug.wrappers import Response

from tests.cloud import verify
from tests.cloud.core import ServiceError
from tests.cloud.fc import control, management, signing
from tests.cloud.fc.platform import Platform
from tests.cloud.fc.routes import HTTP, OPERATIONS, V2, V3, Route, route
from tests.cloud.fc.triggers import http
from tests.cloud.fc.triggers.config import HttpTrigger
from tests.cloud.fc.wire import parse_function

if TYPE_CHECKING:
    from collections.abc import Callable

    from werkzeug.wrappers import Request

    from tests.cloud.core import Call
    from tests.cloud.fc.function import Function, InvocationEnd

_LOG_TAIL = 4096


class FunctionCompute(Platform):
    """Function Compute as a :class:`tests.cloud.core.Product`; the Python API is :class:`Platform`'s."""

    name = "FC"
    operations = OPERATIONS

    def matches(self, request: Request) -> bool:
        return request.path.startswith((V2, V3, HTTP))

    def operation(self, request: Request) -> str:
        found = route(request)
        return found.operation if found is not None else ""

    def handle(self, call: Call) -> Response:
        """Verify, invoke, answer; ServiceError for every refusal."""
        found = route(call.request)
        if found is None:
            message = f"'{call.request.path}' against '{call.request.method}' is not supported"
            raise ServiceError(400, "PathNotSupported", message)
        call.parameters = {"service": found.service, "function": found.function, "qualifier": found.qualifier}
        if found.operation == "HttpTrigger":
            call.action = "fc:InvokeFunction"
            return self._serve_http(call, found)
        call.action = f"fc:{found.operation}"
        self._authenticate(call)
        if found.operation == "InvokeFunction":
            return self._invoke(call, self._find(found))
        call.write = not found.operation.startswith("Get")
        response = management.OPERATIONS[found.operation](self, found, call.request)
        response.headers["X-Fc-Request-Id"] = call.request_id
        return response

    def render(self, error: ServiceError, call: Call) -> Response:
        """Render a refusal: FC 2.0 as ErrorCode and ErrorMessage (what its SDK reads), 3.0 as Code and Message."""
        if call.request.path.startswith(V3):
            body: dict[str, Any] = {"RequestId": call.request_id, "Code": error.code, "Message": error.message}
        else:
            body = {"ErrorCode": error.code, "ErrorMessage": error.message}
        response = Response(json.dumps({**body, **error.extra}), error.status, content_type="application/json")
        response.headers.update({"X-Fc-Request-Id": call.request_id, **error.headers})
        return response

    def state(self) -> Any:
        """Return the functions with their instances and queued work."""
        return {
            "functions": [
                {
                    "key": function.config.key,
                    "instances": [instance.id for instance in function.pool.instances],
                    "invocations": len(function.logs),
                    "triggers": [trigger.name for trigger in function.config.triggers],
                }
                for function in self.functions
            ],
            "lost_records": [list(lost) for lost in self.lost_records],
        }

    def create_from_json(self, document: Any) -> Function:
        """Deploy what a document in the vendor's names describes (``wire.py``); ValueError tells what is wrong."""
        return self.create_function(parse_function(document, self.world.switches))

    def control_routes(self) -> dict[tuple[str, str], Callable[[Any], Any]]:
        """Return this product's part of ``/_cloud/*``."""
        return control.routes(self)

    def _authenticate(self, call: Call) -> None:
        check = verify.acs3 if call.request.path.startswith(V3) else signing.verify
        credential = check(call, self.world)
        call.credential = credential
        if not credential.may(call.action):
            raise ServiceError(403, "AccessDenied", f"the caller is not authorized to perform '{call.action}'")

    def _find(self, found: Route) -> Function:
        function = management.find(self, found)
        if found.qualifier != "LATEST":  # versions and aliases are not emulated, so none exists
            message = f"alias '{found.qualifier}' of service '{found.service}' does not exist"
            raise ServiceError(404, "AliasNotFound", message)
        return function

    def _invoke(self, call: Call, function: Function) -> Response:
        headers, event = call.request.headers, call.request.get_data()
        kind = headers.get("x-fc-invocation-type", "Sync")
        if kind == "Async":
            task_id = headers.get("x-fc-async-task-id") or headers.get("x-fc-stateful-async-invocation-id", "")
            self.submit(function, event, call.request_id, task_id=task_id, delay=_delay(call.request))
            return Response(b"", 202, {"X-Fc-Request-Id": call.request_id})
        if kind != "Sync":
            raise ServiceError(400, "InvalidArgument", f"x-fc-invocation-type is Sync or Async, not '{kind}'")
        log_type = headers.get("x-fc-log-type", "None")
        if log_type not in {"None", "Tail"}:
            raise ServiceError(400, "InvalidArgument", f"x-fc-log-type is None or Tail, not '{log_type}'")
        return _answer(self.run(function, event, call.request_id), tail=log_type == "Tail")

    def _serve_http(self, call: Call, found: Route) -> Response:
        trigger = None
        function = self._find(found) if found.service or "$" in found.function else self.function(found.function)
        for each in function.config.triggers:
            if isinstance(each, HttpTrigger) and each.enabled:
                trigger = each
        if trigger is None:
            raise ServiceError(404, "TriggerNotFound", f"function '{function.config.name}' has no HTTP trigger")
        if trigger.auth_type != "anonymous" or "authorization" in call.request.headers:
            signing.verify(call, self.world)
        if call.request.method not in trigger.methods:
            raise ServiceError(405, "MethodNotAllowed", f"the trigger takes {', '.join(trigger.methods)}")
        event = http.request_event(self.world, call.request, found.path, call.request_id)
        if call.request.headers.get("x-fc-invocation-type") == "Async":
            self.submit(function, event, call.request_id)
            return Response(b"", 202, {"X-Fc-Request-Id": call.request_id})
        return http.response(self.run(function, event, call.request_id))


def _delay(request: Request) -> float:
    text = request.headers.get("x-fc-async-delay", "0")
    if not text.isdecimal():
        raise ServiceError(400, "InvalidArgument", f"x-fc-async-delay is 0 to 3600 seconds, not '{text}'")
    return float(text)


def _answer(outcome: InvocationEnd, *, tail: bool) -> Response:
    """Return 200 with the function's bytes, whether it succeeded or not.

    Header names: those of the vendor's retired local tool, ``src/lib/local/api-invoke.js`` of
    <https://github.com/alibaba/funcraft>; that the service sends the same is assumed.
    """
    content_type = "application/json" if outcome.error_type else "application/octet-stream"
    response = Response(outcome.body, 200, content_type=content_type)
    response.headers["X-Fc-Request-Id"] = outcome.request_id
    response.headers["X-Fc-Instance-Id"] = outcome.instance_id
    response.headers["X-Fc-Invocation-Duration"] = f"{outcome.duration:.2f}"
    response.headers["X-Fc-Invocation-Service-Version"] = "LATEST"
    response.headers["X-Fc-Max-Memory-Usage"] = str(outcome.memory)
    if outcome.error_type:
        response.headers["X-Fc-Error-Type"] = outcome.error_type
    if tail:
        response.headers["X-Fc-Log-Result"] = base64.b64encode(outcome.log[-_LOG_TAIL:]).decode()
    return response
