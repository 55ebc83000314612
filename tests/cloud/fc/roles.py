"""The temporary keys of a function's role, as the security token service would issue them."""

from __future__ import annotations

import threading
from dataclasses import replace
from typing import TYPE_CHECKING

from tests.cloud.core import Credential

if TYPE_CHECKING:
    from tests.cloud.core import World

LIFETIME = 36 * 3600.0  # seconds, reference events.md 1.2


class Role:
    """Issues keys with a security token; they may do ``actions`` (None: everything) and live 36 hours."""

    def __init__(self, world: World, name: str, actions: frozenset[str] | None) -> None:
        self._world, self._name, self._actions = world, name, actions
        self._issued: list[str] = []
        self._current: Credential | None = None
        self._lock = threading.Lock()

    def current(self) -> Credential:
        """Return valid keys, issuing new ones when there are none or their time is up."""
        with self._lock:
            current = self._current
            if current is None or current.expires_at is None or current.expires_at <= self._world.clock.now():
                current = self._current = self._issue()
            return current

    def expire(self) -> None:
        """Let every key issued so far expire now."""
        now = self._world.clock.now()
        with self._lock:
            for key_id in self._issued:
                self._world.add_credential(replace(self._world.credentials[key_id], expires_at=now))
            self._issued.clear()
            self._current = None

    def _issue(self) -> Credential:
        mark = self._world.ids.hex(12)
        credential = Credential(
            access_key_id=f"STS.test-role-key-{mark}",
            access_key_secret=f"test-role-secret-{mark}",
            account_id=self._world.account_id,
            security_token=f"test-security-token-{mark}",
            expires_at=self._world.clock.now() + LIFETIME,
            allowed=self._actions,
        )
        self._issued.append(credential.access_key_id)
        return self._world.add_credential(credential)
