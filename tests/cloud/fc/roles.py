"""The temporary keys of a function's role, as the security token service would issue them."""

from __future__ import annotations

import threading
from dataclasses import replace
from typing import TYPE_CHECKING

from tests.cloud.core import Credential

if TYPE_CHECKING:
    from tests.cloud.core import World

LIFETIME = 36 * 3600.0  # seconds, https://www.alibabacloud.com/help/doc-detail/422182.htm


class Role:
    """Issues keys with a security token; they may do ``actions`` (None: everything) and live 36 hours.

    A new key has the rights that the one before it had at its end.
    """

    def __init__(self, world: World, actions: frozenset[str] | None) -> None:
        self._world = world
        self._issued = [Credential("", "", account_id=world.account_id, expires_at=0.0, allowed=actions)]
        self._lock = threading.Lock()

    def current(self) -> Credential:
        """Return valid keys, issuing new ones when there are none or their time is up."""
        with self._lock:
            current = self._known(self._issued[-1])
            if current.expires_at is None or current.expires_at <= self._world.clock.now():
                current = self._issue(current)
            return current

    def expire(self) -> None:
        """Let every key issued so far expire now."""
        now = self._world.clock.now()
        with self._lock:
            for key in self._issued[1:]:
                self._world.add_credential(replace(self._known(key), expires_at=now))
            del self._issued[1:-1]

    def _known(self, key: Credential) -> Credential:
        """Return a key as it is by now: its rights may have been changed."""
        return self._world.credentials.get(key.access_key_id, key)

    def _issue(self, before: Credential) -> Credential:
        mark = self._world.ids.hex(12)
        key = replace(
            before,
            access_key_id=f"STS.test-role-key-{mark}",
            access_key_secret=f"test-role-secret-{mark}",
            security_token=f"test-security-token-{mark}",
            expires_at=self._world.clock.now() + LIFETIME,
        )
        self._issued.append(key)
        return self._world.add_credential(key)
