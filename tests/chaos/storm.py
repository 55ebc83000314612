"""A chaos run: the built function on the local Function Compute, four instances, while everything goes wrong."""

from __future__ import annotations

import json
import random
import sys
import threading
import time
from base64 import b64decode
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, NamedTuple

from tests.chaos.ledger import Ledger, balance
from tests.chaos.messages import FOREIGN, VPC, Sent, messages
from tests.cloud.app import Cloud, build_cloud
from tests.cloud.core import ServiceError
from tests.cloud.fc.config import FunctionConfig
from tests.cloud.fc.triggers.config import QueueTrigger, Retry
from tests.cloud.seeds import seed as put
from tests.cloud.server import Server

REQUESTS, RESULTS, INBOX, FUNCTION = "requests", "results", "inbox", "set-vpc-access"
INSTANCES = 4
_LOOK_EVERY = 0.01  # seconds


class Plan(NamedTuple):
    """What a run does; ``kill_every`` is the mean number of calls between two SIGKILLs."""

    size: int
    seed: int
    duplicate: str = "error"
    batch_size: int = 250
    kill_every: int = 800
    patience: float = 900.0  # seconds until an unfinished run is called off


def run(plan: Plan, package: Path) -> Ledger:
    """Send all messages, wait until the queue is empty and every answer is in, and return the books."""
    cloud = build_cloud()
    cloud.world.switches = cloud.world.switches.with_values(duplicate=plan.duplicate, visible_after_reads=1)
    smq = cloud["SMQ"]
    for queue in (REQUESTS, INBOX):
        smq.create_queue(queue, VisibilityTimeout=120)
    smq.create_topic(RESULTS)
    smq.subscribe(RESULTS, "to-inbox", queue=INBOX, format="SIMPLIFIED")
    put(cloud, {"vpc_accesses": [FOREIGN]})
    cloud.faults.set(_faults(plan.seed))
    sent = {smq.send(REQUESTS, message.body): message for message in messages(plan.size, plan.seed)}
    with Server(cloud) as server:
        cloud["FC"].create_function(_function(package, server.endpoint, plan))
        with _trouble(cloud, plan) as kills:
            results = _collect(cloud, sent, plan.patience)
    return balance(
        sent,
        cloud["CloudAPI"].state()["vpc_accesses"],
        results,
        calls=sum(not entry.operation.startswith("FC.") for entry in cloud.world.journal()),
        kills=len(kills),
        faults=sum(rule["hits"] for rule in cloud.faults.report()),
    )


def _faults(seed: int) -> list[dict[str, Any]]:
    """Return the rules: 20 % throttled, 5 % 5xx, 5 % cut after the effect, for every operation the function uses."""
    rules = []
    for product, operation in (
        ("CloudAPI", "SetVpcAccess"),
        ("CloudAPI", "DescribeVpcAccesses"),
        ("SMQ", "PublishMessage"),
    ):
        name = f"{product}.{operation}"
        throttled = (
            {"status": 429, "code": "TooManyRequests"}
            if product == "SMQ"
            else {"status": 400, "code": "Throttling.User"}
        )
        rules += [
            {"id": f"{operation}-throttled", "operation": name, "rate": 0.2, "seed": seed, **throttled},
            {
                "id": f"{operation}-5xx",
                "operation": name,
                "rate": 0.05,
                "seed": seed,
                "status": 503,
                "code": "ServiceUnavailable",
            },
            {"id": f"{operation}-lost", "operation": name, "rate": 0.05, "seed": seed, "cut": "after"},
        ]
    return rules


def _function(package: Path, endpoint: str, plan: Plan) -> FunctionConfig:
    retry = Retry((0.05,) * 100_000)
    return FunctionConfig(
        name=FUNCTION,
        code=package,
        handler="set_vpc_access.handler",
        initializer="set_vpc_access.initialize",
        runtime=sys.executable,
        timeout=60,
        max_instances=INSTANCES,
        environment={
            "OWNER": "chaos",
            "ALLOWED_VPC_IDS": VPC,
            "ALLOWED_PORTS": "8000-8999",
            "RESULT_TOPIC": RESULTS,
            "APIGATEWAY_ENDPOINT": endpoint,
            "ECS_ENDPOINT": endpoint,
            "SMQ_ENDPOINT": endpoint,
            "MAX_CALLS_PER_SECOND": "1000",
            "CONCURRENCY": "32",
            "LOG_LEVEL": "ERROR",
        },
        triggers=tuple(
            QueueTrigger(f"requests-{number}", REQUESTS, batch_size=plan.batch_size, retry=retry)
            for number in range(INSTANCES)
        ),
    )


@contextmanager
def _trouble(cloud: Cloud, plan: Plan) -> Iterator[list[str]]:
    """Kill instances at random calls and let the role's keys expire now and then, until the run is over.

    A slow machine gets no more kills than a fast one: what counts is how far the run is, not how long it takes.
    """
    chance, stop, kills = random.Random(plan.seed), threading.Event(), list[str]()

    def work() -> None:
        while True:
            due = len(cloud.world.journal) + chance.uniform(0.2, 1.8) * plan.kill_every
            while len(cloud.world.journal) < due:
                if stop.wait(_LOOK_EVERY):
                    return
            with suppress(ServiceError):  # none alive at this moment
                kills.append(cloud["FC"].kill_instance(FUNCTION))
                if len(kills) % 5 == 4:
                    _expire_keys(cloud, stop)

    thread = threading.Thread(target=work, name="trouble")
    thread.start()
    try:
        yield kills
    finally:
        stop.set()
        thread.join()


def _expire_keys(cloud: Cloud, stop: threading.Event) -> None:
    """End the validity of the role's keys in mid-run; instances that hold them do not outlive them for long."""
    stale = [instance.id for instance in cloud["FC"].function(FUNCTION).pool.instances]
    cloud["FC"].rotate_credentials(FUNCTION)
    stop.wait(1.0)
    for instance_id in stale:
        with suppress(ServiceError):  # gone already
            cloud["FC"].kill_instance(FUNCTION, instance_id)


def _collect(cloud: Cloud, sent: dict[str, Sent], patience: float) -> list[dict[str, Any]]:
    """Take results until every message has its final answer and the queue is empty, or patience ends."""
    smq, results = cloud["SMQ"], list[dict[str, Any]]()
    waiting, end = set(sent), time.monotonic() + patience
    while time.monotonic() < end:
        found = smq.receive(INBOX, 16, wait=1.0)
        for message in found:
            smq.delete(INBOX, message.receipt_handle)
            result = json.loads(b64decode(message.body))
            results.append(result)
            if result["type"] != "vpcaccess.failed":
                waiting.discard(result["data"]["SourceMessageId"])
        if not found and not waiting and not smq.receive(REQUESTS, 1):
            break
    return results
