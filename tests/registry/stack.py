"""A template with values for its parameters: what the stack's resources would be, every intrinsic function computed."""

from __future__ import annotations

import ast
import operator
import re
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

REGION, ACCOUNT = "cn-hangzhou", "1234567890123456"
REQUIRED = {  # what the template has no default for
    "CodeBucket": "code-bucket",
    "CodeObject": "set-vpc-access/0123abcd.zip",
    "Owner": "team-a",
    "AllowedVpcIds": "vpc-bp1example0001",
    "AllowedPorts": "80,443,8000-8999",
}
WHOLE = {**REQUIRED, "AllowedNames": "vpc-bp1example0001:carts-*"}  # with it the stack has everything that it can have
_OPERATORS = {ast.Add: operator.add, ast.Mult: operator.mul}
_PSEUDO = {"ALIYUN::Region": REGION, "ALIYUN::TenantId": ACCOUNT}


class Stack(NamedTuple):
    """A template and the parameters that were given; those without default have to be."""

    document: Mapping[str, Any]
    parameters: Mapping[str, Any] = WHOLE

    def properties(self, resource: str) -> dict[str, Any]:
        """Return the computed properties of a resource."""
        return dict(self._value(self.document["Resources"][resource]["Properties"]))

    def output(self, name: str) -> Any:
        """Return the computed value of an output."""
        return self._value(self.document["Outputs"][name]["Value"])

    def of_type(self, type_name: str) -> list[dict[str, Any]]:
        """Return the computed properties of every resource of a type that the stack has."""
        resources = self.document["Resources"].items()
        return [self.properties(name) for name, each in resources if each["Type"] == type_name and self.has(name)]

    def has(self, resource: str) -> bool:
        """Tell whether the stack has a resource: some are made only under a condition."""
        condition = self.document["Resources"][resource].get("Condition")
        return condition is None or self.holds(condition)

    def holds(self, condition: str) -> bool:
        """Tell whether a condition is true."""
        return self._holds(condition)

    def _value(self, value: Any) -> Any:
        if isinstance(value, list):
            return [self._value(item) for item in value]
        if not isinstance(value, dict):
            return value
        if "Ref" in value:
            return self._named(value["Ref"])
        if "Fn::GetAtt" in value:
            return self._attribute(*value["Fn::GetAtt"])
        if "Fn::Sub" in value:
            sub = value["Fn::Sub"]
            text, own = (sub, {}) if isinstance(sub, str) else (sub[0], self._value(sub[1]))
            return re.sub(r"\$\{([^}]+)\}", lambda found: str(own.get(found[1]) or self._named(found[1])), text)
        if "Fn::Join" in value:
            separator, parts = value["Fn::Join"]
            return str(separator).join(map(str, self._value(parts)))
        if "Fn::If" in value:
            condition, if_true, if_false = value["Fn::If"]
            return self._value(if_true if self.holds(condition) else if_false)
        if "Fn::Calculate" in value:
            expression, _, numbers = value["Fn::Calculate"]
            return calculated(expression, self._value(numbers))
        return {key: self._value(item) for key, item in value.items()}

    def _holds(self, condition: str | Mapping[str, Any]) -> bool:
        """Tell whether a condition is true, by its name or by what it says: https://www.alibabacloud.com/help/en/ros/user-guide/conditions."""
        if isinstance(condition, str):
            return self._holds(self.document["Conditions"][condition])
        if "Fn::And" in condition:
            return all(map(self._holds, condition["Fn::And"]))
        if "Fn::Not" in condition:
            return not self._holds(condition["Fn::Not"])
        first, second = self._value(condition["Fn::Equals"])
        return bool(first == second)

    def _named(self, name: str) -> Any:
        if name in _PSEUDO:
            return _PSEUDO[name]
        return self.parameters.get(name, self.document["Parameters"][name].get("Default"))

    def _attribute(self, resource: str, attribute: str) -> Any:
        """Return an attribute: a property of the same name, or an ARN (https://www.alibabacloud.com/help/en/ros)."""
        written = self.document["Resources"][resource]["Properties"]
        written = {**written, **written.get("Detail", {})}  # where Simple Log Service has what is in a project
        if attribute in written:
            return self._value(written[attribute])
        if attribute == "ARN.WithSlash":
            kind, name = ("queues", "QueueName") if "QueueName" in written else ("topics", "TopicName")
            return f"acs:mns:{REGION}:{ACCOUNT}:/{kind}/{self._value(written[name])}"
        if attribute == "Arn":
            return f"acs:ram::{ACCOUNT}:role/{self._value(written['RoleName']).lower()}"
        raise KeyError(f"{resource}.{attribute} is known only once the stack exists")


def calculated(expression: str, numbers: Sequence[int]) -> int:
    """Return what Fn::Calculate does for whole numbers, sums and products.

    https://www.alibabacloud.com/help/en/ros/user-guide/function-calculate
    """

    def value(node: ast.expr) -> int:
        if isinstance(node, ast.BinOp):
            return int(_OPERATORS[type(node.op)](value(node.left), value(node.right)))
        return int(ast.literal_eval(node))

    return value(ast.parse(expression.format(*numbers), mode="eval").body)
