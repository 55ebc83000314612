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

from tests.chaos.faults import faults
from tests.chaos.hostile import hostile
from tests.chaos.hostile import instances as flooded
from tests.chaos.ledger import Ledger, Seen, balance
from tests.chaos.messages import FOREIGN, VPC, Sent, Target, instances, messages
from tests.cloud.app import Cloud, build_cloud
from tests.cloud.core import ServiceError
from tests.cloud.fc.config import FunctionConfig
from tests.cloud.fc.triggers.config import QueueTrigger, Retry
from tests.cloud.seeds import seed as put
from tests.cloud.server import Server

REQUESTS, RESULTS, INBOX, DEAD, FUNCTION = "requests", "results", "inbox", "dead", "set-vpc-access"
INSTANCES = 4
DELIVERIES = 12  # of a batch; a kill ends one of them for all its records
TIMEOUT, WAIT = 60, 0.05  # seconds of a delivery, and until the next one
# No batch comes back while its trigger still has it: two triggers that take it from each other never finish it.
HIDDEN = DELIVERIES * (2 * TIMEOUT + 1)  # seconds; a delivery may start an instance, which may take as long again
_LARGEST_EVENT = 32 * 1024 * 1024  # bytes
_LOOK_EVERY = 0.01  # seconds


class Plan(NamedTuple):
    """What a run does; ``kill_every`` is the mean number of calls between two SIGKILLs.

    The hostile producer sends ``rounds`` rounds of one message of each kind, ``flood`` requests in those that hold some.
    """

    size: int
    seed: int
    duplicate: str = "error"
    batch_size: int = 250
    kill_every: int = 2000
    rounds: int = 2
    flood: int = 520
    patience: float = 900.0  # seconds until an unfinished run is called off


def run(plan: Plan, package: Path) -> Ledger:
    """Send all messages, wait until the queue is empty and every answer is in, and return the books."""
    cloud = build_cloud()
    cloud.world.switches = cloud.world.switches.with_values(duplicate=plan.duplicate, visible_after_reads=1)
    smq = cloud["SMQ"]
    for queue in (REQUESTS, INBOX, DEAD):
        smq.create_queue(queue, VisibilityTimeout=HIDDEN)
    # A dead letter is a whole batch, which SMQ may not hold; what the real trigger does then is not documented.
    smq.queue(DEAD).attributes["MaximumMessageSize"] = _LARGEST_EVENT
    smq.create_topic(RESULTS)
    smq.subscribe(RESULTS, "to-inbox", queue=INBOX, format="SIMPLIFIED")
    put(cloud, {"vpc_accesses": [FOREIGN], **instances(plan.size)})
    put(cloud, flooded(plan.rounds))
    cloud.faults.set(faults(plan.seed))
    sent, within_policy = _send(cloud, plan)
    with Server(cloud) as server:
        cloud["FC"].create_function(_function(package, server.endpoint, plan))
        with _trouble(cloud, plan) as kills:
            results, delivered = _collect(cloud, sent, plan.patience)
    rules = cloud.faults.report()
    odd = [rule["hits"] > 0 for rule in rules if "odd" in rule]
    seen = Seen(
        calls=sum(not entry.operation.startswith("FC.") for entry in cloud.world.journal()),
        kills=len(kills),
        faults=sum(rule["hits"] for rule in rules),
        odd_forms=odd.count(True),
        odd_forms_left=odd.count(False),
    )
    entries = cloud["CloudAPI"].state()["vpc_accesses"]
    return balance(sent, entries, results, seen, within_policy=within_policy, delivered=delivered)


def _send(cloud: Cloud, plan: Plan) -> tuple[dict[str, Sent], set[Target]]:
    """Send the honest messages with the hostile ones among them; return the honest by id, and what the others may get."""
    smq, sent, within_policy = cloud["SMQ"], dict[str, Sent](), set[Target]()
    honest, others = messages(plan.size, plan.seed), list(hostile(plan.rounds, plan.flood))
    for number, message in enumerate(honest):
        if number % (len(honest) // len(others)) == 0 and others:
            bad = others.pop(0)
            smq.send(REQUESTS, bad.body)
            within_policy |= bad.within_policy
        sent[smq.send(REQUESTS, message.body)] = message
    return sent, within_policy


def _function(package: Path, endpoint: str, plan: Plan) -> FunctionConfig:
    retry = Retry((WAIT,) * (DELIVERIES - 1))
    return FunctionConfig(
        name=FUNCTION,
        code=package,
        handler="set_vpc_access.handler",
        initializer="set_vpc_access.initialize",
        runtime=sys.executable,
        timeout=TIMEOUT,
        initialization_timeout=TIMEOUT,
        max_instances=INSTANCES,
        environment={
            "OWNER": "chaos",
            "ALLOWED_VPC_IDS": VPC,
            "ALLOWED_PORTS": "8000-8999",
            "VERIFY_TARGET": "true",
            "RESULT_TOPIC": RESULTS,
            "APIGATEWAY_ENDPOINT": endpoint,
            "ECS_ENDPOINT": endpoint,
            "SLB_ENDPOINT": endpoint,
            "ESS_ENDPOINT": endpoint,
            "SMQ_ENDPOINT": endpoint,
            "MAX_CALLS_PER_SECOND": "1000",
            "CONCURRENCY": "32",
            "LOG_LEVEL": "ERROR",
        },
        triggers=tuple(
            QueueTrigger(
                f"requests-{number}",
                REQUESTS,
                batch_size=plan.batch_size,
                batch_window=1.0,  # seconds; without one a batch ends after two calls of SMQ, which hold 32 messages
                retry=retry,
                tolerate_errors=True,
                dead_letter_queue=DEAD,
            )
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
            living = cloud["FC"].function(FUNCTION).pool.instances
            place = chance.randrange(INSTANCES)  # so that the last batch alone is not hit four times as often
            if place < len(living):
                with suppress(ServiceError):  # gone by now
                    kills.append(cloud["FC"].kill_instance(FUNCTION, living[place].id))
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


def _collect(cloud: Cloud, sent: dict[str, Sent], patience: float) -> tuple[list[dict[str, Any]], set[str]]:
    """Take results until every message is done or a dead letter, the hostile ones too, or patience ends.

    Return the results, and the ids of the messages that were given up or are still to be delivered.
    """
    smq, results, dead = cloud["SMQ"], list[dict[str, Any]](), set[str]()
    waiting, end = set(sent), time.monotonic() + patience
    while time.monotonic() < end:
        cloud.check()
        found = smq.receive(INBOX, 16, wait=1.0)
        for message in found:
            smq.delete(INBOX, message.receipt_handle)
            result = json.loads(b64decode(message.body))
            results.append(result)
            if result["type"] != "vpcaccess.failed":
                waiting.discard(result["data"]["SourceMessageId"])
        for letter in smq.receive(DEAD, 16):
            smq.delete(DEAD, letter.receipt_handle)
            dead |= {record["data"]["messageId"] for record in json.loads(letter.body)}
        if not found and not any(smq.state()["queues"][REQUESTS].values()):
            return results, dead
    return results, dead | waiting
