"""Print the stack of the recorder: the triggers of ``template.yml``, at a function whose code stands in the template itself."""

from __future__ import annotations

import copy
import json
import re
import sys
from pathlib import Path
from typing import Any

import yaml

from tests.contract.recorder.names import known

_TEMPLATE = Path(__file__).parents[3] / "template.yml"
_HANDLER = Path(__file__).with_name("handler.py")
_KEPT = (
    *("LogProject", "LogStore", "LogIndex", "RequestQueue", "HookQueue", "DeadLetterQueue", "Role", "Function"),
    *("MostInstances", "RequestTrigger", "HookTrigger", "InstanceTrigger", "BalancerTrigger", "ReconcileTimer"),
)
_PARAMETERS = ("FunctionName", "Runtime", "Timeout", "MaxInstances")


def template() -> dict[str, Any]:
    """Return the recorder's template. The code is inline, at most 4,096 characters, so that nothing has to be built or uploaded.

    https://help.aliyun.com/zh/ros/developer-reference/aliyun-fc3-function
    """
    whole = yaml.safe_load(_TEMPLATE.read_text(encoding="utf-8"))
    resources = {name: copy.deepcopy(whole["Resources"][name]) for name in _KEPT}
    function = resources["Function"]["Properties"]
    for name in ("EnvironmentVariables", "InstanceLifecycleConfig"):
        del function[name]
    function |= {
        "Description": "Writes the shapes of events into its log",
        "Handler": "index.handler",
        "Code": {"SourceCode": code()},
    }
    del resources["Role"]["Properties"]["Policies"]  # it calls nothing
    timer = resources["ReconcileTimer"]
    timer["DependsOn"] = "MostInstances"
    timer["Properties"]["FunctionName"] = {"Fn::GetAtt": ["Function", "FunctionName"]}
    timer["Properties"]["TriggerConfig"] |= {"cronExpression": "@every 5m", "payload": "5"}
    parameters = {name: whole["Parameters"][name] for name in _PARAMETERS}
    parameters["FunctionName"] = {**parameters["FunctionName"], "Default": "vpc-access-contract-recorder"}
    return {
        "ROSTemplateFormatVersion": whole["ROSTemplateFormatVersion"],
        "Description": "Records in which shapes Function Compute hands over events",
        "Metadata": {"ALIYUN::ROS::Interface": {"ParameterGroups": [{"Parameters": list(_PARAMETERS)}]}},
        "Parameters": parameters,
        "Resources": resources,
    }


def code() -> str:
    """Return the handler with the names that it may tell, and without what is for readers."""
    text = re.sub(r'(?m)^ *"""[^"]*"""\n|  # noqa.*', "", _HANDLER.read_text(encoding="utf-8"))
    return text.replace('NAMES = ""', f'NAMES = "{" ".join(sorted(known()))}"')


if __name__ == "__main__":
    json.dump(template(), sys.stdout, indent=1, ensure_ascii=False)
