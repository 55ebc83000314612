"""API Gateway, CloudAPI 2016-07-14: what can refer to a VPC access by its name or id.

APIs, in each stage that they are published in, backend objects, and routing plug-ins, which hold the name as text:
https://www.alibabacloud.com/help/en/api-gateway/traditional-api-gateway/developer-reference/api-cloudapi-2016-07-14-describeapisbyvpcaccess
https://www.alibabacloud.com/help/en/api-gateway/traditional-api-gateway/user-guide/backend-routing
and the models of PyPI `alibabacloud_cloudapi20160714` 4.9.0. Stage variables can refer to one, too, and cannot be seen.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import NamedTuple, TypeVar

from shared.cloud.answers import Answer, error_of_look
from shared.cloud.apigateway import PAGE_SIZE, VERSION
from shared.cloud.rpc import RpcService
from shared.cloud.session import Session

Item = TypeVar("Item")


class Api(NamedTuple):
    """An API in one stage; ``vpc_name`` is the authorization that it uses and ``instance_id`` where it goes, "" where not said."""

    api_id: str
    api_name: str
    stage_name: str
    vpc_name: str
    instance_id: str = ""


class BackendObject(NamedTuple):
    """A backend object, with the names and ids of the authorizations that its stages use."""

    backend_id: str
    backend_name: str
    refers_to: frozenset[str]


class Plugin(NamedTuple):
    """A routing plug-in; ``data`` is its text, JSON or YAML."""

    plugin_id: str
    plugin_name: str
    data: str


class Shared(NamedTuple):
    """All backend objects and all routing plug-ins, which can refer to any authorization."""

    backends: list[BackendObject]
    plugins: list[Plugin]


class References:
    """The look-ups. All raise the errors of ``Session.call``; what cannot be read as a whole is Doubtful."""

    def __init__(self, session: Session, endpoint: str) -> None:
        self._service = RpcService(session, endpoint, VERSION)

    def apis(self, name: str) -> list[Api]:
        """Return the APIs that use the authorization of that name, as the gateway lists them."""
        return self._all(
            "DescribeApisByVpcAccess",
            {"VpcName": name},
            lambda answer: answer.rows("ApiVpcAccessInfos", "ApiVpcAccessInfo"),
            _read_api,
        )

    def backends(self) -> list[BackendObject]:
        """Return every backend object: a list, and one look-up for each, since the list does not say what they use."""
        listed = self._all(
            "DescribeBackendList",
            {},
            lambda answer: answer.objects("BackendInfoList"),
            lambda row: row.identity("BackendId"),
        )
        return [self._backend(backend_id) for backend_id in listed]

    def routing_plugins(self) -> list[Plugin]:
        """Return every routing plug-in."""
        return self._all(
            "DescribePlugins",
            {"PluginType": "routing"},
            lambda answer: answer.rows("Plugins", "PluginAttribute"),
            lambda row: Plugin(row.identity("PluginId"), row.text("PluginName"), row.present_text("PluginData")),
        )

    def shared(self) -> Shared:
        """Return what is looked up in the same way for every authorization."""
        return Shared(self.backends(), self.routing_plugins())

    def _backend(self, backend_id: str) -> BackendObject:
        return self._service.call(
            "DescribeBackendInfo",
            {"BackendId": backend_id},
            lambda answer: _read_backend(answer, backend_id),
            repeatable=True,
            read_error=error_of_look,
        )

    def _all(
        self,
        operation: str,
        parameters: Mapping[str, str],
        rows: Callable[[Answer], list[Answer]],
        read: Callable[[Answer], Item],
    ) -> list[Item]:
        page = {**parameters, "PageSize": str(PAGE_SIZE)}
        return self._service.numbered(operation, page, rows, read, lambda item: item, read_error=error_of_look)


def _read_api(row: Answer) -> Api:
    vpc_name = row.identity("VpcName", optional=True)
    instance_id = row.identity("InstanceId", optional=True)
    return Api(row.identity("ApiId"), row.text("ApiName"), row.text("StageName"), vpc_name, instance_id)


def _read_backend(answer: Answer, backend_id: str) -> BackendObject:
    """Read a backend object: each stage has a model, whose VpcConfig names an authorization unless it is of another type."""
    info = answer.required_object("BackendInfo")
    if info.identity("BackendId") != backend_id:
        raise answer.odd("it is about another backend")
    refers_to = set[str]()
    for config in (model.required_object("BackendConfig") for model in info.objects("BackendModels")):
        vpc = config.object("VpcConfig")
        named = {vpc.identity(key, optional=True) for key in ("Name", "VpcAccessId")} - {""}
        if not named and (config.text("Type") or info.text("BackendType")) in ("", _IN_VPC):
            raise answer.odd("a backend in a VPC names no authorization")
        refers_to |= named
    return BackendObject(backend_id, info.text("BackendName"), frozenset(refers_to))


_IN_VPC = "VPC"  # of its types: https://help.aliyun.com/zh/ros/developer-reference/aliyun-apigateway-backend
