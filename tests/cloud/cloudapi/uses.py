"""What refers to an authorization by its name: APIs, backend objects and routing plug-ins; each as it was seeded.

https://www.alibabacloud.com/help/en/api-gateway/traditional-api-gateway/developer-reference/api-cloudapi-2016-07-14-describeapisbyvpcaccess,
https://www.alibabacloud.com/help/en/api-gateway/traditional-api-gateway/user-guide/backend-routing and the models of PyPI
`alibabacloud_cloudapi20160714` 4.9.0. Whether DescribeApisByVpcAccess lists drafts, and APIs that come to the entry by
a backend object, no page says: each is a switch. Assumed: what refers to an authorization keeps the name when it is
removed, and then uses the next one of that name.
"""

from __future__ import annotations

import threading
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from tests.cloud.cloudapi.entry import GatewayEntry
    from tests.cloud.core import World


@dataclass(frozen=True)
class GatewayApi:
    """One API in one stage; ``stage_name`` is "" for its draft. It uses ``vpc_name``, or the backend object named."""

    api_id: str
    stage_name: str = "RELEASE"
    vpc_name: str = ""
    backend_id: str = ""
    api_name: str = "orders"
    group_id: str = "78d54ac4424d4b1792e33ca35637e8e4"
    group_name: str = "shop"
    stage_id: str = "d1e1ee28f9fb4b729db0ee8ca76ff0a5"
    method: str = "GET"
    path: str = "/orders"
    description: str = ""

    @classmethod
    def from_json(cls, document: Mapping[str, Any]) -> GatewayApi:
        """Build one from the vendor's names: ``{"ApiId", "StageName", "VpcName" or "BackendId", …}``."""
        names = {
            "ApiId": "api_id",
            "StageName": "stage_name",
            "VpcName": "vpc_name",
            "BackendId": "backend_id",
            "ApiName": "api_name",
            "GroupId": "group_id",
            "GroupName": "group_name",
            "StageId": "stage_id",
            "Method": "method",
            "Path": "path",
            "Description": "description",
        }
        if unknown := sorted(set(document) - set(names)):
            raise ValueError(f"unknown key {', '.join(unknown)} of an API; there are {', '.join(names)}")
        return cls(**{names[name]: value for name, value in document.items()})

    @property
    def stage(self) -> dict[str, str]:
        """The fields that every answer about an API has, the group's names not among them."""
        return {"ApiId": self.api_id, "StageId": self.stage_id if self.stage_name else "", "GroupId": self.group_id}

    def info(self) -> dict[str, str]:
        """Return the API as DescribeApisByBackend lists it."""
        described = {"Method": self.method, "Path": self.path, "Description": self.description}
        names = {"ApiId": self.api_id, "ApiName": self.api_name}
        return {**names, "GroupId": self.group_id, "GroupName": self.group_name, **described}

    def attribute(self, entry: GatewayEntry, region_id: str) -> dict[str, Any]:
        """Return the API as DescribeApisByVpcAccess lists it."""
        target = {"VpcId": entry.vpc_id, "VpcName": entry.name, "InstanceId": entry.instance_id, "Port": entry.port}
        return {**self.info(), **self.stage, "StageName": self.stage_name, **target, "RegionId": region_id}

    def updated(self) -> dict[str, str]:
        """Return the API as DescribeUpdateVpcInfoTask lists it: followed already."""
        names = {"ApiUid": self.api_id, "ApiName": self.api_name, "GroupId": self.group_id}
        place = {"GroupName": self.group_name, "StageId": self.stage_id, "StageName": self.stage_name}
        return {**names, **place, "UpdateStatus": "success", "ErrorMsg": ""}


class GatewayUses:
    """Everything of all accounts that can refer to an authorization; backend objects and plug-ins as the vendor's JSON."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._apis: dict[tuple[str, str, str], GatewayApi] = {}
        self._backends: dict[tuple[str, str], Mapping[str, Any]] = {}
        self._plugins: dict[tuple[str, str], Mapping[str, Any]] = {}
        self._lock = threading.Lock()

    def seed_api(self, account_id: str, api: GatewayApi) -> None:
        """Add or replace an API in one stage."""
        with self._lock:
            self._apis[account_id, api.api_id, api.stage_name] = api

    def seed_backend(self, account_id: str, backend: Mapping[str, Any]) -> None:
        """Add or replace a backend object: ``BackendInfo`` as DescribeBackendInfo answers it, with its BackendModels."""
        with self._lock:
            self._backends[account_id, backend["BackendId"]] = {"BackendModels": [], **backend}

    def seed_plugin(self, account_id: str, plugin: Mapping[str, Any]) -> None:
        """Add or replace a plug-in: ``PluginAttribute`` as DescribePlugins answers it."""
        with self._lock:
            self._plugins[account_id, plugin["PluginId"]] = {"PluginType": "routing", "PluginData": "{}", **plugin}

    def unpublish(self, account_id: str, api_id: str, stage_name: str | None = None) -> None:
        """Take an API offline in one stage, in all of them (and its draft) for None."""
        with self._lock:
            gone = [key for key in self._apis if key[:2] == (account_id, api_id) and stage_name in {None, key[2]}]
            if not gone:
                raise KeyError(api_id)
            for key in gone:
                del self._apis[key]

    def drop(self, account_id: str, kind: str, its_id: str) -> None:
        """Delete a backend object (``kind`` "backends") or a plug-in ("plugins")."""
        with self._lock:
            store = self._backends if kind == "backends" else self._plugins
            del store[account_id, its_id]

    def clear(self) -> None:
        """Forget everything."""
        with self._lock:
            for store in (self._apis, self._backends, self._plugins):
                store.clear()

    def state(self) -> dict[str, Any]:
        """Return everything as it was seeded."""
        with self._lock:
            apis = [{**api.info(), **api.stage, "StageName": api.stage_name} for api in self._apis.values()]
            return {"apis": apis, "backends": [*self._backends.values()], "plugins": [*self._plugins.values()]}

    def apis(self, account_id: str) -> list[GatewayApi]:
        """Return the APIs of an account, drafts included."""
        with self._lock:
            return [api for key, api in self._apis.items() if key[0] == account_id]

    def backends(self, account_id: str) -> list[Mapping[str, Any]]:
        """Return the backend objects of an account."""
        with self._lock:
            return [backend for key, backend in self._backends.items() if key[0] == account_id]

    def plugins(self, account_id: str) -> list[Mapping[str, Any]]:
        """Return the plug-ins of an account."""
        with self._lock:
            return [plugin for key, plugin in self._plugins.items() if key[0] == account_id]

    def using(self, account_id: str, entry: GatewayEntry) -> list[GatewayApi]:
        """Return the APIs that DescribeApisByVpcAccess lists for an entry: by the switches, drafts and backends too."""
        switches = self._world.switches
        by_backend = self._stages(account_id, entry) if switches.apis_by_backend == "listed" else set()
        return [
            api
            for api in self.apis(account_id)
            if (api.stage_name or switches.apis_in_draft == "listed")
            and (api.vpc_name == entry.name or (api.backend_id, api.stage_name) in by_backend)
        ]

    def published(self, account_id: str, entry: GatewayEntry) -> list[GatewayApi]:
        """Return the APIs that are online and would reach an entry, whatever is listed."""
        by_backend = self._stages(account_id, entry)
        return [
            api
            for api in self.apis(account_id)
            if api.stage_name and (api.vpc_name == entry.name or (api.backend_id, api.stage_name) in by_backend)
        ]

    def _stages(self, account_id: str, entry: GatewayEntry) -> set[tuple[str, str]]:
        """Return backend object and stage wherever a model names the entry."""
        return {
            (backend["BackendId"], model.get("StageName", ""))
            for backend in self.backends(account_id)
            for model in backend["BackendModels"]
            if refers(model, entry)
        }


def refers(model: Mapping[str, Any], entry: GatewayEntry) -> bool:
    """Tell if a backend object's model names an entry, by its name or its id."""
    config = model.get("BackendConfig", {}).get("VpcConfig", {})
    return bool(config.get("Name") == entry.name or config.get("VpcAccessId") == entry.vpc_access_id)


def completed(backend: Mapping[str, Any], entries: Iterable[GatewayEntry]) -> dict[str, Any]:
    """Return a backend object with what its VpcConfigs do not say themselves: the rest of the entry that they name."""
    known = list(entries)
    models = []
    for model in backend["BackendModels"]:
        entry = next((entry for entry in known if refers(model, entry)), None)
        if entry is not None:
            names = {"Name": entry.name, "VpcAccessId": entry.vpc_access_id, "VpcId": entry.vpc_id}
            whole = {**names, "InstanceId": entry.instance_id, "Port": entry.port}
            config = model["BackendConfig"]
            model = {**model, "BackendConfig": {**config, "VpcConfig": {**whole, **config["VpcConfig"]}}}  # noqa: PLW2901
        models.append(model)
    return {**backend, "BackendModels": models}
