"""Signed calls to a stand-in in process, for its own tests: one line per call, JSON back."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from werkzeug.test import Client

from tests.cloud.fixtures import PERMANENT
from tests.cloud.signed import V3

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tests.cloud.app import Cloud
    from tests.cloud.core import Credential


@dataclass(frozen=True)
class Asker:
    """A client with a key; calling it gives status and parsed body of the answer."""

    cloud: Cloud
    credential: Credential = PERMANENT
    version: str = "2016-07-14"
    headers: Mapping[str, str] = field(default_factory=dict)

    def __call__(self, action: str, **parameters: object) -> tuple[int, dict[str, Any]]:
        """Call an operation with its parameters; ``Tag_1_Key`` stands for ``Tag.1.Key``."""
        flat = {name.replace("_", "."): str(value) for name, value in parameters.items()}
        now = self.cloud.world.clock.now()
        request = V3(action, flat, self.credential, now, version=self.version, headers=dict(self.headers)).sign()
        answer = Client(self.cloud).open(**request.for_werkzeug())
        return answer.status_code, json.loads(answer.get_data())
