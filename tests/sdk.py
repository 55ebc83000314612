"""How the vendor's newer SDKs are told where to ask, and as whom: all of them take this configuration."""

from __future__ import annotations

from typing import Any, Protocol

from alibabacloud_tea_openapi.models import Config


class Key(Protocol):
    """An access key: the stand-in's kind and the product's are both one."""

    @property
    def access_key_id(self) -> str: ...

    @property
    def access_key_secret(self) -> str: ...

    @property
    def security_token(self) -> str: ...


def config_of(endpoint: str, key: Key, **changes: Any) -> Config:
    """Return what lets a client reach ``endpoint`` (``http://host:port``) with a key; ``changes`` are its own fields."""
    protocol, _, host = endpoint.partition("://")
    fields = {
        "access_key_id": key.access_key_id,
        "access_key_secret": key.access_key_secret,
        "security_token": key.security_token or None,
        "endpoint": host,
        "protocol": protocol,
    }
    return Config(**{**fields, **changes})
