"""Check a template against the registry: types, properties, required ones, shapes, bounds, values, patterns, references.

A value that an intrinsic function computes is checked as far as it can be: a ``Ref`` to a parameter by the parameter's
default and allowed values, anything else by what it refers to.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from itertools import product
from typing import Any, NamedTuple

from tests.registry.stack import calculated

PSEUDO = frozenset(  # https://www.alibabacloud.com/help/en/ros/user-guide/parameters, "Pseudo parameters"
    f"ALIYUN::{name}"
    for name in ("StackName", "StackId", "Region", "AccountId", "TenantId", "NoValue", "ResourceGroupId", "Index")
)
_PLACE = re.compile(r"\$\{([^!}][^}]*)\}")
_FUNCTIONS = frozenset(f"Fn::{name}" for name in ("GetAtt", "Sub", "If", "Calculate", "Equals", "Not", "And", "Join"))
_PYTHON: dict[str, type | tuple[type, ...]] = {
    "string": str,
    "number": (int, float),
    "boolean": bool,
    "list": list,
    "map": dict,
    "object": dict,
}

Shape = Mapping[str, Any]


class Template(NamedTuple):
    """A parsed template and the registry it is checked against."""

    document: Mapping[str, Any]
    registry: Mapping[str, Any]

    def problems(self) -> Iterator[str]:
        """Yield every problem, each with the place it is at; none for a good template."""
        yield from self._resources()
        yield from self._references(self.document, "template")
        yield from self._parameters()

    def _resources(self) -> Iterator[str]:
        for name, resource in self.document["Resources"].items():
            for key in resource.keys() - {"Type", "Properties", "DependsOn", "Condition", "DeletionPolicy", "Metadata"}:
                yield f"{name} has the unknown attribute {key}"
            known = self.registry["resources"].get(resource["Type"])
            if known is None:
                yield f"{name} has the unknown type {resource['Type']}"
                continue
            yield from self._object(resource.get("Properties", {}), known["properties"], name)
            dependencies = resource.get("DependsOn", [])
            for other in [dependencies] if isinstance(dependencies, str) else dependencies:
                if other not in self.document["Resources"]:
                    yield f"{name} depends on {other}, which is no resource"
        for name, item in (*self.document["Resources"].items(), *self.document.get("Outputs", {}).items()):
            if "Condition" in item:
                yield from self._condition(item["Condition"], name)

    def _object(self, value: Mapping[str, Any], properties: Mapping[str, Shape], place: str) -> Iterator[str]:
        for key in value.keys() - properties.keys():
            yield f"{place}.{key} is no property; there are {', '.join(properties)}"
        for key, shape in properties.items():
            if key in value:
                yield from self._value(value[key], shape, f"{place}.{key}")
            elif shape.get("required"):
                yield f"{place}.{key} is missing"

    def _value(self, value: Any, shape: Shape, place: str) -> Iterator[str]:
        kind = shape["type"]
        if _is_function(value):
            for possible in self._possible(value):
                yield from self._value(possible, shape, place)
            return
        if kind != "any" and (not isinstance(value, _PYTHON[kind]) or (kind == "number" and isinstance(value, bool))):
            yield f"{place} is {value!r}, not a {kind}"
            return
        yield from _bounds(value, shape, place)
        if kind == "object":
            yield from self._object(value, shape["properties"], place)
        elif kind in ("list", "map"):
            inner = enumerate(value) if kind == "list" else value.items()
            for key, item in inner:
                yield from self._value(item, shape["items"], f"{place}.{key}")

    def _possible(self, value: Mapping[str, Any]) -> list[Any]:
        """Return what is known of a computed value: what the parameter offers, either branch, each result."""
        if "Fn::If" in value:
            _, *branches = value["Fn::If"]
            return [possible for branch in branches for possible in self._possible_of(branch)]
        if "Fn::Calculate" in value:
            expression, _, numbers = value["Fn::Calculate"]
            return [calculated(expression, given) for given in product(*map(self._possible_of, numbers))]
        parameter = self.document["Parameters"].get(value.get("Ref"), {})
        offered = list(parameter.get("AllowedValues", []))
        return offered + [parameter[key] for key in ("Default", "MinValue", "MaxValue") if key in parameter]

    def _possible_of(self, value: Any) -> list[Any]:
        return self._possible(value) if _is_function(value) else [value]

    def _references(self, value: Any, place: str) -> Iterator[str]:
        """Walk through everything and resolve each Ref, GetAtt and Sub."""
        if isinstance(value, list):
            for number, item in enumerate(value):
                yield from self._references(item, f"{place}.{number}")
        if not isinstance(value, dict):
            return
        for key, item in value.items():
            for condition in _conditions(key, item):
                yield from self._condition(condition, place)
            if key == "Ref":
                yield from self._named(item, place)
            elif key == "Fn::GetAtt":
                yield from self._attribute(*item, place=place)
            elif key == "Fn::Sub":
                text, own = (item, {}) if isinstance(item, str) else item
                for name in _PLACE.findall(text):
                    if name not in own:
                        yield from self._named(name, place)
                for name in own.keys() - set(_PLACE.findall(text)):
                    yield f"{place} computes {name} and does not use it"
            elif len(value) == 1 and key.startswith(("Fn:", "Ref")) and key not in _FUNCTIONS:
                yield f"{place} uses the unknown function {key}"
            yield from self._references(item, f"{place}.{key}")

    def _condition(self, name: str, place: str) -> Iterator[str]:
        if name not in self.document.get("Conditions", {}):
            yield f"{place} has the unknown condition {name}"

    def _named(self, name: str, place: str) -> Iterator[str]:
        if name not in PSEUDO and name not in self.document["Parameters"] and name not in self.document["Resources"]:
            yield f"{place} refers to {name}, which is neither parameter nor resource"

    def _attribute(self, resource: str, attribute: str, *, place: str) -> Iterator[str]:
        found = self.document["Resources"].get(resource)
        known = self.registry["resources"].get(found["Type"], {"attributes": []}) if found else None
        if known is None:
            yield f"{place} takes an attribute of {resource}, which is no resource"
        elif attribute not in known["attributes"]:
            yield f"{place} takes {resource}.{attribute}; there are {', '.join(known['attributes'])}"

    def _parameters(self) -> Iterator[str]:
        used = set(_PLACE.findall(repr(self.document)))
        used |= set(re.findall(r"'Ref': '([^']+)'", repr(self.document)))
        interface = self.document["Metadata"]["ALIYUN::ROS::Interface"]["ParameterGroups"]
        shown = [name for group in interface for name in group["Parameters"]]
        for name, parameter in self.document["Parameters"].items():
            if name not in used:
                yield f"parameter {name} is not used"
            if shown.count(name) != 1:
                yield f"parameter {name} stands in {shown.count(name)} groups"
            if not {"en", "zh-cn"} <= parameter.get("Label", {}).keys():
                yield f"parameter {name} has no label in both languages"
        for name in set(shown) - self.document["Parameters"].keys():
            yield f"a group shows {name}, which is no parameter"


def _conditions(key: str, item: Any) -> Iterator[str]:
    """Yield the names of conditions that stand directly under a function."""
    named = item[:1] if key == "Fn::If" else item if key == "Fn::And" else [item] if key == "Fn::Not" else []
    yield from (condition for condition in named if isinstance(condition, str))


def _is_function(value: Any) -> bool:
    return isinstance(value, dict) and len(value) == 1 and next(iter(value)) in _FUNCTIONS | {"Ref"}


def _bounds(value: Any, shape: Shape, place: str) -> Iterator[str]:
    for rule, measure in (("range", lambda v: v), ("length", len)):
        if rule in shape:
            least, most = shape[rule]
            size = measure(value)
            if (least is not None and size < least) or (most is not None and size > most):
                yield f"{place} is {value!r}; its {rule} is {least} to {most}"
    if "values" in shape and value not in shape["values"]:
        yield f"{place} is {value!r}, not one of {shape['values']}"
    if "pattern" in shape and not re.search(shape["pattern"], value):
        yield f"{place} is {value!r}, which does not match {shape['pattern']}"
