"""The catalogue of events in ``events/README.md``, made from the table of wrappers and the table of files.

``python -m tests.catalogue`` prints it, ``--write`` puts it into that page (``tests.readme``).
"""

from __future__ import annotations

import sys
from itertools import groupby

from shared.events.envelopes import ENVELOPES
from tests.events_table import TABLE

WHAT = {
    "smq-topic": "SMQ topic: JSON format, or STREAM with attributes (a bare STREAM body is read as it is)",
    "eventbridge/ecs": "EventBridge: `ecs:Instance:StateChange`",
    "eventbridge/ess-hook": "EventBridge: `ess:LifecycleHook:ScaleOut`, `…ScaleIn`",
    "eventbridge/ess": "EventBridge: `ess:ScalingActivity:ScaleOutSuccess`, `…ScaleOutPartialSuccess`",
    "eventbridge/actiontrail": "EventBridge: `<product>:ActionTrail:<kind>`; acts on RunInstances, CreateInstance, Create, "
    "CreateLoadBalancer, DeleteLoadBalancer",
    "eventbridge": "any other CloudEvent, of EventBridge or another sender; on a bus of your own, `data` (or `data_base64`) "
    "is the request",
    "smq-queue": "SMQ queue, as CloudEvents or RawData",
    "rocketmq": "RocketMQ, as CloudEvents or RawData",
    "rabbitmq": "RabbitMQ, as CloudEvents or RawData",
    "kafka": "Kafka, as CloudEvents or RawData",
    "mqtt": "MQTT",
    "http": "HTTP trigger, also with a CloudEvent in its headers",
    "http-async": "HTTP trigger, invoked asynchronously",
    "api-gateway": "API Gateway (classic) with the function as backend",
    "fc-destination": "record of a failed asynchronous invocation; the event in it is processed again",
    "cloudmonitor": "`Instance:StateChange` of CloudMonitor or ECS; an event subscription sends JSON or a webhook's form",
    "ess-hook": "Auto Scaling lifecycle hook",
    "actiontrail": "ActionTrail record by itself",
    "timer": "timer; only `reconcile_vpc_access` acts on it; its payload is the minutes between two sweeps",
    "schedule": "release that is due, as `release_vpc_access` sends it to itself",
    "names": "name to look at, move that is under way or hook that waits for one, as `named_backends` hears of them",
}


def catalogue() -> str:
    """Return the Markdown of both tables."""
    return "\n".join(
        [
            "| source | what it is | recognised by |",
            "|---|---|---|",
            *_wrappers(),
            "| `manual` | a request, or a list of them, by hand | `Name`, `VpcId`, `InstanceId`, `Port` |",
            "",
            "One can stand inside another. A `source` such as `smq-topic/ess-hook` names them from the outside in.",
            "",
            "## What becomes of each file",
            "",
            "Every file under `events/` runs with `make run EVENT=events/…`. The stand-in then holds what is in `cloud.json`.",
            "Those under `release/` are for `release_vpc_access`, those under `reconcile/` for `reconcile_vpc_access` (with",
            "`RECONCILE_MODE=plan`), those under `names/` for `named_backends` (with `NAMED_BACKENDS=apply`), all others for",
            "`set_vpc_access`. Tags may claim the names `web-*`. `2x(…)` stands for the same calls twice.",
            "",
            "| file | recognised as | what becomes of it | calls | and |",
            "|---|---|---|---|---|",
            *_files(),
        ]
    )


def _wrappers() -> list[str]:
    named = sorted((envelope for envelope in ENVELOPES if envelope.name), key=lambda envelope: envelope.name)
    rows = []
    for name, group in groupby(named, key=lambda envelope: envelope.name):
        keys = " or ".join(", ".join(f"`{key}`" for key in sorted(envelope.keys)) for envelope in group)
        rows.append(f"| `{name}` | {WHAT[name]} | {keys} |")
    return rows


def _files() -> list[str]:
    """Return the lines of the table as it stands, with all five cells."""
    lines = ([cell.strip() for cell in line.split("|")] for line in TABLE.strip().splitlines())
    return [f"| `{file}` | {' | '.join([*rest, '', '', ''][:4])} |" for file, *rest in lines]


if __name__ == "__main__":
    if "--write" in sys.argv:
        from tests import readme  # which imports this module

        readme.write("events")
    else:
        sys.stdout.write(catalogue() + "\n")
