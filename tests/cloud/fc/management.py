"""Making, showing and deleting services and functions, as far as a client needs it to bring its own code.

Bodies: what ``aliyun-fc2`` 2.5.2 and ``alibabacloud_fc20230330`` 4.8.3 send and read. Missing things are the vendor's
404s (<https://www.alibabacloud.com/help/en/function-compute/latest/error-codes>); the codes of the 409s are assumed.
"""

from __future__ import annotations

import base64
import binascii
import json
import tempfile
import zipfile
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, Any

from werkzeug.wrappers import Response

from tests.cloud.core import ServiceError
from tests.cloud.fc.config import FunctionConfig, find_python
from tests.cloud.fc.triggers.shapes import utc

if TYPE_CHECKING:
    from collections.abc import Callable

    from werkzeug.wrappers import Request

    from tests.cloud.fc.function import Function
    from tests.cloud.fc.platform import Platform
    from tests.cloud.fc.routes import Route


def find(fc: Platform, route: Route) -> Function:
    """Return the function that the route names; ServiceError 404 for a missing service or function."""
    if route.service:
        _check_service(fc, route.service)
    function = next((each for each in fc.functions if each.config.key == route.key), None)
    if function is None:
        where = f" in service '{route.service}'" if route.service else ""
        raise ServiceError(404, "FunctionNotFound", f"function '{route.function}' does not exist{where}")
    return function


def create_service(fc: Platform, _route: Route, request: Request) -> Response:
    """Make an empty service; 409 if it exists."""
    name = _text(_body(request), "serviceName")
    if name in fc.services:
        raise ServiceError(409, "ServiceAlreadyExists", f"service '{name}' already exists")
    fc.own_services.add(name)
    return _json({"serviceName": name, "createdTime": utc(fc.world.clock.now(), milliseconds=False)})


def get_service(fc: Platform, route: Route, _request: Request) -> Response:
    """Show a service."""
    _check_service(fc, route.service)
    return _json({"serviceName": route.service})


def delete_service(fc: Platform, route: Route, _request: Request) -> Response:
    """Remove a service; one with functions is refused (assumed: 409)."""
    _check_service(fc, route.service)
    if any(function.config.service == route.service for function in fc.functions):
        raise ServiceError(409, "ServiceNotEmpty", f"service '{route.service}' still has functions")
    fc.own_services.discard(route.service)
    return Response(b"", 204)


def create_function(fc: Platform, route: Route, request: Request) -> Response:
    """Deploy the zip in ``code.zipFile`` (Base64) on the runtime's interpreter; 409 if the function exists."""
    if route.service:
        _check_service(fc, route.service)
    body = _body(request)
    lifecycle = (body.get("instanceLifecycleConfig") or {}).get("initializer") or {}
    with tempfile.TemporaryDirectory(prefix="fc-upload-") as directory:
        code = Path(directory) / "code.zip"
        code.write_bytes(_zip(body))
        try:
            config = FunctionConfig(
                name=_text(body, "functionName"),
                service=route.service,
                code=code,
                handler=_text(body, "handler"),
                initializer=body.get("initializer") or lifecycle.get("handler", ""),
                initialization_timeout=body.get("initializationTimeout") or lifecycle.get("timeout", 3),
                runtime=find_python(_text(body, "runtime")),
                environment=body.get("environmentVariables") or {},
                timeout=body.get("timeout", 3),
                memory=body.get("memorySize", 512),
            )
            if any(function.config.key == config.key for function in fc.functions):
                raise ServiceError(409, "FunctionAlreadyExists", f"function '{config.name}' already exists")
            return _json(_shown(fc.create_function(config)))
        except (ValueError, LookupError) as error:
            raise ServiceError(400, "InvalidArgument", str(error)) from error


def get_function(fc: Platform, route: Route, _request: Request) -> Response:
    """Show a function's settings."""
    return _json(_shown(find(fc, route)))


def delete_function(fc: Platform, route: Route, _request: Request) -> Response:
    """Remove a function with its triggers and instances."""
    fc.delete_function(find(fc, route).config.key)
    return Response(b"", 204)


OPERATIONS: dict[str, Callable[[Platform, Route, Request], Response]] = {
    "CreateService": create_service,
    "GetService": get_service,
    "DeleteService": delete_service,
    "CreateFunction": create_function,
    "GetFunction": get_function,
    "DeleteFunction": delete_function,
}


def _check_service(fc: Platform, name: str) -> None:
    if name not in fc.services:
        raise ServiceError(404, "ServiceNotFound", f"service '{name}' does not exist")


def _body(request: Request) -> dict[str, Any]:
    try:
        body = json.loads(request.get_data())
    except ValueError:
        body = None
    if not isinstance(body, dict):
        raise ServiceError(400, "InvalidArgument", "the body is not a JSON object")
    return body


def _text(body: dict[str, Any], name: str) -> str:
    value = body.get(name)
    if not isinstance(value, str) or not value:
        raise ServiceError(400, "InvalidArgument", f"{name} is missing")
    return value


def _zip(body: dict[str, Any]) -> bytes:
    code = body.get("code") or {}
    try:
        data = base64.b64decode(code.get("zipFile") or "", validate=True)
    except (binascii.Error, TypeError) as error:
        raise ServiceError(400, "InvalidArgument", "code.zipFile is not Base64") from error
    if not zipfile.is_zipfile(BytesIO(data)):
        raise ServiceError(400, "InvalidArgument", "code.zipFile holds no zip; code in OSS is not emulated")
    return data


def _shown(function: Function) -> dict[str, Any]:
    config = function.config
    return {
        "functionName": config.name,
        "functionArn": function.arn,
        "handler": config.handler,
        "initializer": config.initializer,
        "environmentVariables": dict(config.environment),
        "timeout": config.timeout,
        "memorySize": config.memory,
    }


def _json(document: dict[str, Any]) -> Response:
    return Response(json.dumps(document), 200, content_type="application/json")
