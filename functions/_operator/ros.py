"""Resource Orchestration Service 2019-09-10: making, changing and deleting one stack.

https://www.alibabacloud.com/help/en/ros/developer-reference/api-ros-2019-09-10-createstack and its neighbours
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from shared.cloud.rpc import RpcService
from shared.cloud.session import Session
from shared.errors import OutOfTime

VERSION = "2019-09-10"
MINUTES = 30  # that the service may take to make or change the stack
_POLL_SECONDS = 5.0
_IN_PROGRESS, _COMPLETE = "_IN_PROGRESS", "_COMPLETE"


class Change(NamedTuple):
    """What would become of one resource: ``Add``, ``Modify``, ``Remove`` or ``None``."""

    action: str
    type: str
    name: str


class State(NamedTuple):
    """How a stack is: its status, why, what it gives out, and what it was given."""

    status: str
    reason: str
    outputs: Mapping[str, str]
    parameters: Mapping[str, str]

    @property
    def good(self) -> bool:
        """Tell whether the last operation succeeded; a roll-back that completed did not."""
        return self.status.endswith(_COMPLETE) and "ROLLBACK" not in self.status


class Stacks:
    """The operations on stacks that deploying needs. All raise the errors of ``Session.call``."""

    def __init__(self, session: Session, endpoint: str, region: str) -> None:
        self._session, self._service = session, RpcService(session, endpoint, VERSION)
        self._region = {"RegionId": region}

    def find(self, name: str) -> str:
        """Return the id of the stack of that name, "" if there is none (any more)."""
        answer = self._call("ListStacks", {"StackName.1": name})
        for stack in answer.get("Stacks") or []:
            if stack.get("StackName") == name and stack.get("Status") != "DELETE_COMPLETE":
                return str(stack["StackId"])
        return ""

    def preview(self, name: str, stack_id: str, template: str, parameters: Mapping[str, str]) -> list[Change]:
        """Return what creating the stack, or changing it if it has an id, would do; changes nothing."""
        known = {"StackId": stack_id, "UsePreviousParameters": "true"} if stack_id else {}
        values = {"StackName": name, **known, **_numbered(parameters), "TimeoutInMinutes": str(MINUTES)}
        answer = self._call("PreviewStack", values, {"TemplateBody": template})
        return [
            Change(
                str(item.get("Action", "")), str(item.get("ResourceType", "")), str(item.get("LogicalResourceId", ""))
            )
            for item in (answer.get("Stack") or {}).get("Resources") or []
        ]

    def create(self, name: str, template: str, parameters: Mapping[str, str]) -> str:
        """Start to create the stack and return its id. The token makes a repeated request the same one."""
        values = {"StackName": name, **_numbered(parameters), **self._terms()}
        return str(self._call("CreateStack", values, {"TemplateBody": template})["StackId"])

    def update(self, stack_id: str, template: str, parameters: Mapping[str, str]) -> None:
        """Start to change the stack; parameters that are not given stay as they are."""
        values = {"StackId": stack_id, "UsePreviousParameters": "true", **_numbered(parameters), **self._terms()}
        self._call("UpdateStack", values, {"TemplateBody": template})

    def delete(self, stack_id: str) -> None:
        """Start to delete the stack with everything in it."""
        self._call("DeleteStack", {"StackId": stack_id})

    def state(self, stack_id: str) -> State:
        """Return how the stack is."""
        answer = self._call("GetStack", {"StackId": stack_id})
        outputs = {str(item["OutputKey"]): str(item.get("OutputValue")) for item in answer.get("Outputs") or []}
        given = {str(item["ParameterKey"]): str(item.get("ParameterValue")) for item in answer.get("Parameters") or []}
        return State(str(answer.get("Status", "")), str(answer.get("StatusReason", "")), outputs, given)

    def wait(self, stack_id: str, tell: Callable[[str], None]) -> State:
        """Wait until nothing is in progress, reporting each new status; raises OutOfTime at the session's deadline."""
        told = ""
        while True:
            state = self.state(stack_id)
            if state.status != told:
                tell(told := state.status)
            if not state.status.endswith(_IN_PROGRESS):
                return state
            if self._session.deadline.remaining() < _POLL_SECONDS:
                raise OutOfTime(
                    f"the stack is still {state.status} after {MINUTES} minutes: the console shows its events"
                )
            self._session.clock.sleep(_POLL_SECONDS)

    def failures(self, stack_id: str) -> list[str]:
        """Return what went wrong, resource by resource."""
        answer = self._call("ListStackEvents", {"StackId": stack_id, "PageSize": "50"})
        return [
            f"{event.get('LogicalResourceId')} ({event.get('ResourceType')}): {event.get('StatusReason')}"
            for event in answer.get("Events") or []
            if str(event.get("Status", "")).endswith("_FAILED")
        ]

    def _terms(self) -> dict[str, str]:
        return {"TimeoutInMinutes": str(MINUTES), "ClientToken": self._session.clock.nonce()}

    def _call(
        self, action: str, parameters: Mapping[str, str], form: Mapping[str, str] | None = None
    ) -> dict[str, Any]:
        values = {**self._region, **parameters}
        return self._service.call(action, values, lambda answer: dict(answer.fields), repeatable=True, form=form)


def _numbered(parameters: Mapping[str, str]) -> dict[str, str]:
    found = {}
    for number, (key, value) in enumerate(parameters.items(), 1):
        found[f"Parameters.{number}.ParameterKey"] = key
        found[f"Parameters.{number}.ParameterValue"] = value
    return found
