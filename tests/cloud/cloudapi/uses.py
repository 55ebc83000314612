"""What refers to an authorization by its name: APIs, backend objects and routing plug-ins; each as it was seeded.

https://www.alibabacloud.com/help/en/api-gateway/traditional-api-gateway/developer-reference/api-cloudapi-2016-07-14-describeapisbyvpcaccess,
https://www.alibabacloud.com/help/en/api-gateway/traditional-api-gateway/user-guide/backend-routing and the models of PyPI
`alibabacloud_cloudapi20160714` 4.9.0. Whether DescribeApisByVpcAccess lists drafts, and APIs that come to the entry by
a backend object, no page says: each is a switch. Assumed: what refers to an authorization keeps the name when it is
removed, and then uses the next one of that name.
"""

from __future__ import annotations

import threading
from dataclasses import replace
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from tests.cloud.cloudapi.api import GatewayApi
    from tests.cloud.cloudapi.entries import GatewayEntries
    from tests.cloud.cloudapi.entry import GatewayEntry
    from tests.cloud.core import World

    ApiKey = tuple[str, str, str]  # account, API, stage


class GatewayUses:
    """Everything of all accounts that can refer to an authorization; backend objects and plug-ins as the vendor's JSON."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._apis: dict[ApiKey, GatewayApi] = {}
        self._behind: dict[ApiKey, GatewayEntry] = {}  # what an API still has of an entry that was changed since
        self._backends: dict[tuple[str, str], Mapping[str, Any]] = {}
        self._plugins: dict[tuple[str, str], Mapping[str, Any]] = {}
        self._lock = threading.Lock()

    def seed_api(self, account_id: str, api: GatewayApi) -> None:
        """Add or replace an API in one stage; it is published anew, with the authorization as it is now."""
        with self._lock:
            self._apis[account_id, api.api_id, api.stage_name] = api
            self._behind.pop((account_id, api.api_id, api.stage_name), None)

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
            for store in (self._apis, self._behind, self._backends, self._plugins):
                store.clear()

    def state(self, entries: GatewayEntries) -> dict[str, Any]:
        """Return everything as it was seeded, and as ``Backend`` of each API where a call of it really goes."""
        with self._lock:
            apis = dict(self._apis)
            backends, plugins = [*self._backends.values()], [*self._plugins.values()]
        rows = []
        for (account_id, _, _), api in apis.items():
            found = self.reaches(account_id, api, entries)
            backend = None if found is None else found.backend()
            rows.append({**api.info(), **api.stage, "StageName": api.stage_name, "Backend": backend})
        return {"apis": rows, "backends": backends, "plugins": plugins}

    def reaches(self, account_id: str, api: GatewayApi, entries: GatewayEntries) -> GatewayEntry | None:
        """Return the entry that a call of a published API goes by, as it was when the API followed it last.

        None for a draft, and where the entry that the API names is not there.
        """
        name, access_id = api.vpc_name, ""
        if not name:
            models = self._backends.get((account_id, api.backend_id), {}).get("BackendModels", ())
            for model in models:
                if model.get("StageName", "") == api.stage_name:
                    config = model.get("BackendConfig", {}).get("VpcConfig", {})
                    name, access_id = config.get("Name", ""), config.get("VpcAccessId", "")
        entry = entries.find(account_id, name, access_id) if api.stage_name else None
        return None if entry is None else self._had(account_id, api, entry) or entry

    def stay_behind(self, account_id: str, apis: Iterable[GatewayApi], old: GatewayEntry) -> None:
        """Let APIs go on with what they have of an entry that changes now."""
        with self._lock:
            for api in apis:
                had = self._had(account_id, api, old) or old
                self._behind[account_id, api.api_id, api.stage_name] = had

    def follow(self, account_id: str, api: GatewayApi, asked: GatewayEntry | None) -> str:
        """Let an API follow its entry as it is now, or as ``asked``; return why it does not, "" if it does."""
        key = account_id, api.api_id, api.stage_name
        with self._lock:
            found = self._apis.get(key)
            if found is not None and found.update_failures > 0:
                self._apis[key] = replace(found, update_failures=found.update_failures - 1)
                return found.update_error
            if asked is None or found is None:
                self._behind.pop(key, None)
            else:
                self._behind[key] = asked
        return ""

    def _had(self, account_id: str, api: GatewayApi, entry: GatewayEntry) -> GatewayEntry | None:
        """Return what an API still has of an entry; nothing of another one that had its name."""
        had = self._behind.get((account_id, api.api_id, api.stage_name))
        return had if had is not None and had.vpc_access_id == entry.vpc_access_id else None

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

    def whole_model(model: dict[str, Any]) -> dict[str, Any]:
        entry = next((entry for entry in known if refers(model, entry)), None)
        if entry is None:
            return model
        names = {"Name": entry.name, "VpcAccessId": entry.vpc_access_id, "VpcId": entry.vpc_id}
        whole = {**names, "InstanceId": entry.instance_id, "Port": entry.port}
        config = model["BackendConfig"]
        return {**model, "BackendConfig": {**config, "VpcConfig": {**whole, **config["VpcConfig"]}}}

    return {**backend, "BackendModels": [whole_model(model) for model in backend["BackendModels"]]}
