"""The stage of the demo: a served stand-in, queue and topics, a producer, and the function deployed with its triggers."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from fc2 import Client
from mns.account import Account
from mns.mns_exception import MNSExceptionBase
from mns.queue import Message

from tests.cloud.app import Cloud, build_cloud
from tests.cloud.core import Credential
from tests.cloud.fc.config import FunctionConfig
from tests.cloud.fc.triggers.config import EventBridgeTrigger, QueueTrigger
from tests.cloud.seeds import seed
from tests.cloud.server import Server

ROOT = Path(__file__).parents[2]
EVENTS = ROOT / "events"
SERVICE, FUNCTION = "vpc-access", "set-vpc-access"
REQUESTS, RESULTS, INBOX = "vpc-access-requests", "vpc-access-results", "demo-inbox"
SETTINGS = {
    "OWNER": "demo-team",
    "ALLOWED_VPC_IDS": "vpc-bp1example0001",
    "ALLOWED_PORTS": "80,443,8000-8999",
    "RESULT_TOPIC": RESULTS,
}
ENDPOINTS = ("APIGATEWAY_ENDPOINT", "ECS_ENDPOINT", "SLB_ENDPOINT", "ESS_ENDPOINT", "SMQ_ENDPOINT")
_PATIENCE = 20  # seconds a result may take before the demo calls it missing


def settings(endpoint: str) -> dict[str, str]:
    """Return the function's environment on a stand-in at ``endpoint``."""
    return {**SETTINGS, **dict.fromkeys(ENDPOINTS, endpoint)}


@contextmanager
def local_cloud(secret: str = "test-access-key-secret") -> Iterator[tuple[Cloud, Server, Credential]]:
    """Serve a stand-in on a free loopback port, with the demo's instances and topics in it."""
    cloud = build_cloud()
    key = cloud.world.add_credential(Credential("test-access-key-id", secret))
    smq = cloud["SMQ"]
    for queue in (REQUESTS, INBOX):
        smq.create_queue(queue)
    smq.create_topic(RESULTS)
    smq.subscribe(RESULTS, "to-inbox", queue=INBOX, format="SIMPLIFIED")
    seed(cloud, json.loads((EVENTS / "cloud.json").read_text(encoding="utf-8")))
    with Server(cloud) as server:
        yield cloud, server, key


@dataclass(frozen=True)
class Stage:
    """The deployed function and the clients of its users; all of them are the vendor's own."""

    cloud: Cloud
    queue: Any
    inbox: Any
    functions: Client

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

    def result(self) -> dict[str, Any]:
        """Return the next message of the result topic, received from the subscribed queue."""
        try:
            message = self.inbox.receive_message(_PATIENCE)
        except MNSExceptionBase as error:
            raise TimeoutError(f"no result within {_PATIENCE} s: {error}") from error
        self.inbox.delete_message(message.receipt_handle)
        result: dict[str, Any] = json.loads(message.message_body)
        return result


@contextmanager
def stage(package: Path) -> Iterator[Stage]:
    """Deploy the built ``package`` (zip or folder) and open the curtain; ends every process and thread it started."""
    with local_cloud() as (cloud, server, key):
        cloud["FC"].create_function(
            FunctionConfig(
                name=FUNCTION,
                service=SERVICE,
                code=package,
                initializer="index.initialize",
                runtime=sys.executable,
                environment=settings(server.endpoint),
                triggers=(
                    QueueTrigger("requests", REQUESTS, batch_size=10, tolerate_errors=True),
                    EventBridgeTrigger("backends", {"source": ["acs.ecs"], "type": ["ecs:Instance:StateChange"]}),
                ),
            )
        )
        account = Account(server.endpoint, key.access_key_id, key.access_key_secret, "")
        yield Stage(
            cloud,
            account.get_queue(REQUESTS),
            account.get_queue(INBOX),
            Client(endpoint=server.endpoint, accessKeyID=key.access_key_id, accessKeySecret=key.access_key_secret),
        )
