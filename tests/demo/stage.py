"""The stage of the demo: a served stand-in, queues and topics, a producer, and all functions deployed with their triggers."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import httpx
from fc2 import Client
from mns.account import Account
from mns.mns_exception import MNSExceptionBase
from mns.queue import Message

from shared.settings import ENDPOINTS
from tests.cloud.app import Cloud, build_cloud
from tests.cloud.core import Credential
from tests.cloud.fc.config import FunctionConfig
from tests.cloud.fc.triggers.config import EventBridgeTrigger, HttpTrigger, QueueTrigger, TimerTrigger, TopicTrigger
from tests.cloud.seeds import seed
from tests.cloud.server import Server

ROOT = Path(__file__).parents[2]
EVENTS = ROOT / "events"
SERVICE, FUNCTION, RELEASING, SWEEPING, NAMING = (
    "vpc-access",
    "set-vpc-access",
    "set-vpc-access-release",
    "set-vpc-access-reconcile",
    "set-vpc-access-names",
)
REQUESTS, RELEASES, RESULTS = "vpc-access-requests", "vpc-access-releases", "vpc-access-results"
NAMES = "vpc-access-names"
INBOX, SCALING = "demo-inbox", "scaling"
SETTINGS = {
    "OWNER": "team-a",
    "ALLOWED_VPC_IDS": "vpc-bp1example0001",
    "ALLOWED_PORTS": "80,443,8000-8999",
    "RESULT_TOPIC": RESULTS,
    "RELEASE_MODE": "apply",
    "RELEASE_QUEUE": RELEASES,
    "ALLOWED_NAMES": "vpc-bp1example0001:web-*",
    "NAMES_QUEUE": NAMES,
}
_PORT = {"apigateway-port": "8080"}
_OLDER_VPC = "vpc-bp1older0001"
OLDER = {"InstanceId": "i-bp1older0001", "VpcId": _OLDER_VPC, "Tags": {"apigateway-port": "8080"}}
"""Was running and tagged before anything was deployed, so that no event ever tells of it."""
NEW_INSTANCES = [
    {"InstanceId": f"i-bp1scaling000{number}", "VpcId": "vpc-bp1example0001", "Tags": {"apigateway-port": "8080"}}
    for number in (1, 2, 3)
]
HOOK = {
    "LifecycleHookId": "ash-bp1demo0001",
    "LifecycleActionToken": "0F1E2D3C-0000-4000-8000-000000000001",
    "InstanceIds": [instance["InstanceId"] for instance in NEW_INSTANCES],
}
_HOOK_MESSAGE = json.loads((EVENTS / "ess" / "hook-rejected.json").read_text(encoding="utf-8"))
NAME = "web-shop"
STANDING = [
    {"InstanceId": f"i-bp1named000{number}", "VpcId": "vpc-bp1example0001", "Tags": {**_PORT, "apigateway-name": NAME}}
    for number in (1, 2, 3)
]
"""Stand for one name, the last two in a scaling group."""
GROUP = [{"InstanceId": one["InstanceId"], "ScalingGroupId": "asg-bp1demo0001"} for one in STANDING[1:]]
CALLER = {"ApiId": "0b3c5f6e8a914d3f9c2e7d1a5b6c0002", "ApiName": "shop", "VpcName": NAME}
LEAVING = {
    "LifecycleHookId": "ash-bp1demo0002",
    "LifecycleActionToken": "0F1E2D3C-0000-4000-8000-000000000002",
    "InstanceIds": [STANDING[1]["InstanceId"]],
    "LifecycleTransition": "SCALE_IN",
}
DELETED = (EVENTS / "release" / "deleted.json").read_text(encoding="utf-8")
_DELAY = "2"  # seconds until a release is due: an hour is too long to watch
_PATIENCE = 60  # seconds a result may take before the demo calls it missing: machines are busy
_POLL = 30  # seconds; the longest that SMQ lets a receiver wait: https://help.aliyun.com/en/mns/developer-reference/receivemessage


def settings(endpoint: str) -> dict[str, str]:
    """Return the function's environment on a stand-in at ``endpoint``."""
    return {**SETTINGS, **dict.fromkeys(ENDPOINTS, endpoint)}


@contextmanager
def local_cloud(
    secret: str = "test-access-key-secret", denied: frozenset[str] = frozenset()
) -> Iterator[tuple[Cloud, Server, Credential]]:
    """Serve a stand-in on a free loopback port, with what the events are about and what the demo needs besides.

    The key may do everything but the ``denied`` RAM actions.
    """
    cloud = build_cloud()
    key = cloud.world.add_credential(Credential("test-access-key-id", secret, denied=denied))
    seed(cloud, json.loads((EVENTS / "cloud.json").read_text(encoding="utf-8")))
    seed(cloud, {"instances": NEW_INSTANCES, "hooks": [HOOK], "queues": [REQUESTS, INBOX]})
    smq = cloud["SMQ"]
    smq.create_topic(SCALING)
    smq.subscribe(RESULTS, "to-inbox", queue=INBOX, format="SIMPLIFIED")
    with Server(cloud) as server:
        yield cloud, server, key


@dataclass(frozen=True)
class Stage:
    """The deployed functions and the clients of its users; all of them are the vendor's own."""

    cloud: Cloud
    endpoint: str
    queue: Any
    inbox: Any
    functions: Client
    calls: list[httpx.Response] = field(default_factory=list)

    def send(self, body: str) -> None:
        """Put a message on the request queue, as a producer does (the vendor's SMQ client; Base64 on the wire)."""
        self.queue.send_message(Message(body))

    def announce(self, event: Mapping[str, Any]) -> None:
        """Let EventBridge deliver an event of the default bus."""
        self.cloud["FC"].put_event(event)

    def invoke(self, event: str) -> bytes:
        """Invoke the function by hand with the vendor's client and return its answer."""
        answer: bytes = self.functions.invoke_function(SERVICE, FUNCTION, payload=event.encode()).data
        return answer

    def scale_out(self) -> None:
        """Let Auto Scaling announce three new instances on its topic, whose lifecycle hook waits for an answer."""
        self._tell_of(HOOK, "SCALE_OUT")

    def scale_in(self) -> None:
        """Let Auto Scaling take the instance that has the name, whose lifecycle hook waits for an answer."""
        seed(self.cloud, {"hooks": [LEAVING]})
        self._tell_of(LEAVING, "SCALE_IN")

    def _tell_of(self, hook: Mapping[str, Any], transition: str) -> None:
        content = {
            **_HOOK_MESSAGE["content"],
            "lifecycleHookId": hook["LifecycleHookId"],
            "lifecycleActionToken": hook["LifecycleActionToken"],
            "lifecycleTransition": transition,
            "instanceIds": hook["InstanceIds"],
        }
        self.cloud["SMQ"].publish(SCALING, json.dumps({**_HOOK_MESSAGE, "content": content}))

    def hook_completed(self, hook: Mapping[str, Any] = HOOK) -> bool:
        """Tell whether Auto Scaling got the answer CONTINUE."""
        actions = self.cloud["ESS"].state()["lifecycle_actions"]
        mine = next(action for action in actions if action["LifecycleHookId"] == hook["LifecycleHookId"])
        return bool(mine["LifecycleActionStatus"] == "Completed" and mine["LifecycleActionResult"] == "CONTINUE")

    def left_after_the_name(self) -> bool:
        """Tell whether the hook of the scale-in was answered, and the name had moved before."""
        done = [entry.operation for entry in self.cloud.world.journal()]
        moved, answered = "CloudAPI.ModifyVpcAccessAndUpdateApis", "ESS.CompleteLifecycleAction"
        return self.hook_completed(LEAVING) and done[::-1].index(answered) < done[::-1].index(moved)

    def call(self, request: Mapping[str, Any]) -> None:
        """POST a request to the function's HTTP trigger."""
        self.calls.append(httpx.post(f"{self.endpoint}/http/{SERVICE}${FUNCTION}/", json=request, timeout=_PATIENCE))

    def called_well(self) -> bool:
        """Tell whether the last HTTP call was answered with 200 and a VpcAccessId."""
        answer = self.calls[-1]
        return answer.status_code == 200 and bool(answer.json()["results"][0]["vpc_access_id"])

    def delete(self, instance_id: str, *, used: bool = False) -> None:
        """Let an instance be deleted, which EventBridge tells; if it is ``used``, an API that nobody changed still calls it."""
        if used:
            name = f"{SETTINGS['OWNER']}-{instance_id}-8080"
            seed(
                self.cloud,
                {"apis": [{"ApiId": "0b3c5f6e8a914d3f9c2e7d1a5b6c0001", "ApiName": "carts", "VpcName": name}]},
            )
        self.cloud["ECS"].remove(instance_id)
        self.announce(json.loads(DELETED.replace("i-bp1gone0001", instance_id)))

    def call_by_name(self) -> None:
        """Publish an API that reaches its backend by the name; nobody changes it from here on."""
        seed(self.cloud, {"apis": [CALLER]})

    def reaches(self, instance_id: str) -> bool:
        """Tell whether a call of that API goes to an instance."""
        apis = self.cloud["CloudAPI"].state()["apis"]
        return any(api["ApiId"] == CALLER["ApiId"] and instance_id in str(api["Backend"]) for api in apis)

    def sweep(self) -> None:
        """Let the timer of the function that reconciles fire for the first time."""
        self.cloud["FC"].fire_timer("reconcile")

    def opens(self, instance_id: str) -> bool:
        """Tell whether API Gateway may still reach an instance."""
        return any(entry["InstanceId"] == instance_id for entry in self.cloud["CloudAPI"].state()["vpc_accesses"])

    def within(self, condition: Callable[[Stage], bool]) -> bool:
        """Wait until ``condition`` is true, False if it does not become so in time."""
        end = time.monotonic() + _PATIENCE
        while not condition(self):
            if time.monotonic() > end:
                return False
            time.sleep(0.05)
        return True

    def result(self) -> dict[str, Any]:
        """Return the next message of the result topic, received from the subscribed queue; raises TimeoutError."""
        end = time.monotonic() + _PATIENCE
        while True:
            try:
                message = self.inbox.receive_message(_POLL)
                break
            except MNSExceptionBase as error:
                if error.type != "MessageNotExist" or time.monotonic() > end:
                    raise TimeoutError(f"no result within {_PATIENCE} s: {error}") from error
        self.inbox.delete_message(message.receipt_handle)
        result: dict[str, Any] = json.loads(message.message_body)
        return result


def _functions(package: Path, endpoint: str) -> tuple[FunctionConfig, ...]:
    """Return the functions of the one zip, each with its triggers."""
    authorizing = FunctionConfig(
        name=FUNCTION,
        service=SERVICE,
        code=package,
        handler="set_vpc_access.handler",
        initializer="set_vpc_access.initialize",
        runtime=sys.executable,
        environment={**settings(endpoint), "NAMED_BACKENDS": "apply"},
        triggers=(
            QueueTrigger("requests", REQUESTS, batch_size=10, tolerate_errors=True),
            EventBridgeTrigger("backends", {"source": ["acs.ecs", "acs.slb"]}),
            TopicTrigger("scaling", SCALING),
            HttpTrigger("http"),
        ),
    )
    ended = {"source": ["acs.ecs"], "type": ["ecs:Instance:StateChange"], "data": {"state": ["Deleted"]}}
    releasing = replace(
        authorizing,
        name=RELEASING,
        handler="release_vpc_access.handler",
        initializer="release_vpc_access.initialize",
        environment={**authorizing.environment, "RELEASE_DELAY_SECONDS": _DELAY},
        triggers=(
            QueueTrigger("releases", RELEASES, batch_size=10, tolerate_errors=True),
            EventBridgeTrigger("ends", ended),
        ),
    )
    sweeping = replace(
        authorizing,
        name=SWEEPING,
        handler="reconcile_vpc_access.handler",
        initializer="reconcile_vpc_access.initialize",
        # for a VPC of its own: in the other one everything that is tagged would be opened
        environment={
            **settings(endpoint),
            "RECONCILE_MODE": "apply",
            "ALLOWED_VPC_IDS": _OLDER_VPC,
            "RELEASE_MODE": "report",
        },
        timeout=600,
        triggers=(TimerTrigger("reconcile"),),
    )
    naming = replace(
        authorizing,
        name=NAMING,
        handler="named_backends.handler",
        initializer="named_backends.initialize",
        timeout=120,
        triggers=(QueueTrigger("names", NAMES, batch_size=10, tolerate_errors=True),),
    )
    return authorizing, releasing, sweeping, naming


@contextmanager
def stage(package: Path) -> Iterator[Stage]:
    """Deploy the built ``package`` (zip or folder) and open the curtain; ends every process and thread it started."""
    with local_cloud() as (cloud, server, key):
        seed(cloud, {"instances": [OLDER, *STANDING], "scaling_instances": GROUP})
        for function in _functions(package, server.endpoint):
            cloud["FC"].create_function(function)
        account = Account(server.endpoint, key.access_key_id, key.access_key_secret, "")
        yield Stage(
            cloud,
            server.endpoint,
            account.get_queue(REQUESTS),
            account.get_queue(INBOX),
            Client(endpoint=server.endpoint, accessKeyID=key.access_key_id, accessKeySecret=key.access_key_secret),
        )
