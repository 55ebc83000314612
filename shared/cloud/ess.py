"""Auto Scaling, ESS 2014-08-28: answering a lifecycle hook.

https://www.alibabacloud.com/help/tc/auto-scaling/developer-reference/api-ess-2014-08-28-completelifecycleaction
https://www.alibabacloud.com/help/en/auto-scaling/developer-reference/api-recordlifecycleactionheartbeat
"""

from __future__ import annotations

from hashlib import sha256

from shared.cloud.answers import Answer
from shared.cloud.rpc import RpcService
from shared.cloud.session import Session
from shared.model.records import Hook

VERSION = "2014-08-28"
STALE = "LifecycleHookIdAndLifecycleActionToken.Invalid"  # the action is over: answered, or timed out


class Ess:
    """The two answers to a hook that waits. Both raise the errors of ``Session.call``."""

    def __init__(self, session: Session, endpoint: str, region_id: str) -> None:
        self._service = RpcService(session, endpoint, VERSION)
        self._region_id = region_id

    def complete(self, hook: Hook, result: str) -> None:
        """End the wait with ``result``, CONTINUE or ABANDON; safe to repeat."""
        parameters = {
            "RegionId": self._region_id,
            "LifecycleHookId": hook.hook_id,
            "LifecycleActionToken": hook.token,
            "LifecycleActionResult": result,
            "ClientToken": sha256(f"{hook.hook_id}/{hook.token}/{result}".encode()).hexdigest()[:32],
        }
        self._service.call("CompleteLifecycleAction", parameters, _read, repeatable=True)

    def heartbeat(self, hook: Hook) -> None:
        """Let the hook wait another 600 s, the API's default; at most 20 times and 6 hours in all.

        The parameters begin with small letters, unlike all others:
        https://www.alibabacloud.com/help/doc-detail/73846.htm
        """
        parameters = {
            "RegionId": self._region_id,
            "lifecycleHookId": hook.hook_id,
            "lifecycleActionToken": hook.token,
        }
        self._service.call("RecordLifecycleActionHeartbeat", parameters, _read, repeatable=True)


def _read(_answer: Answer) -> None:
    """Nothing but the RequestId is in an answer, and ``Answer.of`` has looked for it."""
