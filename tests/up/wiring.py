"""The template's stack on a stand-in: its queues and topic, its functions with their triggers and the rights of their roles."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from shared.settings import ENDPOINTS
from tests.cloud.app import Cloud
from tests.cloud.core import ACCOUNT_ID
from tests.registry.stack import REQUIRED, Stack

TEMPLATE = Path(__file__).parents[2] / "template.yml"
_TAKEN = ("FunctionName", "Handler", "InstanceLifecycleConfig", "Timeout", "MemorySize")


def stack(**parameters: Any) -> Stack:
    """Return the template's stack with its defaults, but for these parameters; ValueError for one that it does not have."""
    template = yaml.safe_load(TEMPLATE.read_text(encoding="utf-8"))
    if unknown := sorted(set(parameters) - set(template["Parameters"])):
        raise ValueError(
            f"the template has no parameter {', '.join(unknown)}; it has {', '.join(template['Parameters'])}"
        )
    return Stack(template, {**REQUIRED, **parameters})


def create(cloud: Cloud, made: Stack, code: Path) -> list[str]:
    """Make the stack's queues, its topic and its functions, which run ``code``; return the functions' names."""
    smq = cloud["SMQ"]
    for queue in made.of_type("ALIYUN::MNS::Queue"):
        smq.create_queue(queue.pop("QueueName"), **queue)
    for topic in made.of_type("ALIYUN::MNS::Topic"):
        smq.create_topic(topic.pop("TopicName"), **topic)
    functions = made.of_type("ALIYUN::FC3::Function")
    for properties in functions:
        cloud["FC"].create_from_json(function(made, properties, code, cloud.world.endpoint))
    return [properties["FunctionName"] for properties in functions]


def function(made: Stack, properties: Mapping[str, Any], code: Path, endpoint: str) -> dict[str, Any]:
    """Return a function of a stack as the local Function Compute takes it; it finds every product at ``endpoint``.

    ``code`` is a folder or a zip. The packages are those of the running Python.
    """

    def of(kind: str) -> list[dict[str, Any]]:
        return [each for each in made.of_type(kind) if each["FunctionName"] == properties["FunctionName"]]

    (instances,), asynchronous = of("ALIYUN::FC3::ConcurrencyConfig"), of("ALIYUN::FC3::AsyncInvokeConfig")
    return {
        **{name: properties[name] for name in _TAKEN},
        "EnvironmentVariables": properties["EnvironmentVariables"] | dict.fromkeys(ENDPOINTS, endpoint),
        "pythonExecutable": sys.executable,
        "code": str(code),
        "extraPaths": [path for path in sys.path if path.endswith("-packages")],
        "maxInstances": instances["ReservedConcurrency"],
        "roleActions": sorted(_rights(made, properties["Role"])),
        "asyncInvokeConfig": _lowered(asynchronous[0]) if asynchronous else {},
        "triggers": of("ALIYUN::FC3::Trigger"),
    }


def _rights(made: Stack, arn: str) -> set[str]:
    """Return the actions that a role's policies allow."""
    roles = made.of_type("ALIYUN::RAM::Role")
    policies = [
        policy["PolicyDocument"]
        for role in roles
        if arn == f"acs:ram::{ACCOUNT_ID}:role/{role['RoleName'].lower()}"
        for policy in role["Policies"]
    ]
    allowed = [each for policy in policies for each in policy["Statement"] if each["Effect"] == "Allow"]
    return {action for statement in allowed for action in statement["Action"]}


def _lowered(value: Any) -> Any:
    """Return a structure with its names as the API writes them: the first letter small."""
    if not isinstance(value, Mapping):
        return value
    return {name[0].lower() + name[1:]: _lowered(item) for name, item in value.items() if name != "FunctionName"}
