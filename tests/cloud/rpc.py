"""What every RPC product has in common: operations as data, the gateway's checks, its two formats.

The checks run in this order: operation known, signature (`verify`), ``x-acs-*`` headers, parameters,
RAM. Codes: https://developer.aliyun.com/ask/278265. Where the operation's name stands in this order
on the real gateway is assumed.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl

from tests.cloud import parameters, render, verify
from tests.cloud.core import Call, Credential, ServiceError, World

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from werkzeug.wrappers import Request, Response

    from tests.cloud.parameters import Parameter

# Common parameters of V1: https://help.aliyun.com/zh/sdk/product-overview/rpc-mechanism. `SecurityToken` is also in the
# models of PyPI `alibabacloud_cloudapi20160714` 4.9.0.
_COMMON = frozenset(
    (
        *("Action", "Version", "Format", "AccessKeyId", "SecurityToken", "Timestamp"),
        *("SignatureMethod", "SignatureVersion", "SignatureType", "SignatureNonce", "Signature"),
    )
)
# Headers of V3: https://www.alibabacloud.com/help/en/sdk/product-overview/v3-request-structure-and-signature; those the
# SDK adds, on retries too: https://github.com/aliyun/darabonba-openapi/pull/283; and those it sends with V1.
_HEADERS = frozenset(
    (
        *("x-acs-action", "x-acs-version", "x-acs-date", "x-acs-signature-nonce", "x-acs-content-sha256"),
        *("x-acs-security-token", "x-acs-accesskey-id", "x-acs-credentials-provider"),
        *("x-acs-retry-attempts", "x-acs-retry-delay"),
        *("x-acs-signature-method", "x-acs-signature-version", "x-acs-signature-type"),
    )
)


@dataclass(frozen=True)
class Operation:
    """One operation: its RAM action, whether it writes, what it takes, and what does it.

    ``run(credential, values)`` returns the body without ``RequestId`` or raises ServiceError.
    ``hidden`` operations leave the RAM decision to ``run`` (ECS answers an empty list instead of 403).
    """

    action: str
    write: bool
    parameters: tuple[Parameter, ...]
    run: Callable[[Credential, Mapping[str, Any]], Mapping[str, Any]]
    hidden: bool = False


class RpcProduct:
    """A product of the RPC gateway, told apart by its version; implements `core.Product`."""

    name = ""
    version = ""
    # What the vendor's SDK knows of this product; those without an Operation answer 501.
    published: frozenset[str] = frozenset()

    def __init__(self, world: World) -> None:
        self.world = world
        self.table = self.define()
        self.operations = frozenset(self.table)

    def define(self) -> dict[str, Operation]:
        """Return the operations by name."""
        raise NotImplementedError

    def matches(self, request: Request) -> bool:
        return request.path == "/" and _named(request, "x-acs-version", "Version") == self.version

    def operation(self, request: Request) -> str:
        return _named(request, "x-acs-action", "Action")

    def handle(self, call: Call) -> Response:
        given = all_parameters(call.request)
        operation = self._operation(call)
        call.action, call.write = operation.action, operation.write
        credential = authenticate(call, self.world, given)
        _check_headers(call.request)
        business = [(name, value) for name, value in given if name not in _COMMON]
        call.parameters = dict(business)
        values = parameters.read(operation.parameters, business)
        if not operation.hidden and not credential.may(operation.action):
            raise denied(credential, operation.action)
        return render.answer(call, operation.run(credential, values), as_json=_as_json(call))

    def render(self, error: ServiceError, call: Call) -> Response:
        return render.refusal(call, error, as_json=_as_json(call))

    def state(self) -> Any:
        return {}

    def _operation(self, call: Call) -> Operation:
        if call.request.method not in {"GET", "POST"}:
            raise ServiceError(400, "UnsupportedHTTPMethod", "This HTTP method is not supported.")
        if call.operation in self.table:
            return self.table[call.operation]
        if call.operation in self.published:
            raise ServiceError(501, "NotImplemented", f"The stand-in does not implement {self.name}.{call.operation}.")
        if not call.operation:
            raise ServiceError(400, "MissingAction", "Action is mandatory for this action.")
        raise ServiceError(
            404, "InvalidAction.NotFound", "Specified api is not found, please check your url and method."
        )


class UnknownVersion(RpcProduct):
    """Takes the RPC requests that no product claims: their version is missing, or no product has it."""

    name = "RPC"

    def define(self) -> dict[str, Operation]:
        return {}

    def matches(self, request: Request) -> bool:
        return request.path == "/" and bool(self.operation(request) or _named(request, "x-acs-version", "Version"))

    def handle(self, call: Call) -> Response:
        version = _named(call.request, "x-acs-version", "Version")
        if not version:
            raise ServiceError(400, "MissingVersion", "Version is mandatory for this action.")
        raise ServiceError(404, "InvalidVersion.NotFound", f"Specified version {version} is not found.")


def all_parameters(request: Request) -> list[tuple[str, str]]:
    """Return the parameters of the query and of a form body; the gateway reads both places."""
    cached: list[tuple[str, str]] | None = request.environ.get("stand-in.parameters")
    if cached is not None:
        return cached
    pairs = verify.query_pairs(request)
    if request.mimetype == "application/x-www-form-urlencoded":
        pairs += parse_qsl(request.get_data().decode("utf-8", "replace"), keep_blank_values=True)
    request.environ["stand-in.parameters"] = pairs
    return pairs


def authenticate(call: Call, world: World, given: list[tuple[str, str]]) -> Credential:
    """Verify by V3 if there is an Authorization header, by V1 if its parameters are there."""
    if "authorization" in call.request.headers:
        return verify.acs3(call, world)
    return verify.v1(call, world, given)


def denied(credential: Credential, action: str) -> ServiceError:
    """Return RAM's refusal with its detail.

    Values: https://help.aliyun.com/en/ram/developer-reference/api-ram-2015-05-01-decodediagnosticmessage; the
    field names are those of real answers that were published.
    """
    detail = {
        "PolicyType": "AccountLevelIdentityBasedPolicy",
        "NoPermissionType": "ExplicitDeny" if action in credential.denied else "ImplicitDeny",
        "AuthAction": action,
        "AuthPrincipalType": "AssumedRoleUser" if credential.security_token else "SubUser",
        "AuthPrincipalOwnerId": credential.account_id,
        "AuthPrincipalDisplayName": credential.access_key_id,
    }
    message = "User is not authorized to operate on the specified resource."
    return ServiceError(403, "NoPermission", message, extra={"AccessDeniedDetail": detail})


def _named(request: Request, header: str, parameter: str) -> str:
    value = request.headers.get(header)
    if value is not None:
        return value
    return next((value for name, value in all_parameters(request) if name == parameter), "")


def _as_json(call: Call) -> bool:
    return render.wants_json(call, next((v for n, v in all_parameters(call.request) if n == "Format"), None))


def _check_headers(request: Request) -> None:
    for name, _value in request.headers:
        if name.lower().startswith("x-acs-") and name.lower() not in _HEADERS:
            raise ServiceError(400, "UnsupportedParameter", f"The header {name.lower()} is not supported.")
