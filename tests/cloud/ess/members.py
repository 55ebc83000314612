"""Instances of scaling groups, as DescribeScalingInstances lists and filters them.

Fields, filters and states: https://www.alibabacloud.com/help/en/auto-scaling/developer-reference/api-ess-2014-08-28-describescalinginstances,
its lists nested as https://github.com/AlibabaCloudDocs/ess prints them. An instance counts as unhealthy unless it is
Running. That two spellings of one filter are refused together, and by which code, is assumed.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from tests.cloud.core import ServiceError
from tests.cloud.parameters import Parameter, invalid

if TYPE_CHECKING:
    from collections.abc import Mapping

STATES = (*("InService", "Pending", "Pending:Wait", "Protected", "Standby", "Stopped", "Removing", "Removing:Wait"),)
_CREATION_TYPES = ("AutoCreated", "Attached", "Managed")
_HEALTH = ("Healthy", "Unhealthy")
_MOST_IDS = 20
_TEXTS = {
    "ScalingGroupId": "scaling_group_id",
    "ScalingConfigurationId": "scaling_configuration_id",
    "ScalingActivityId": "scaling_activity_id",
}
FILTERS = (
    *map(Parameter, (*_TEXTS, "HealthStatus", "LifecycleState", "CreationType")),
    *(Parameter(name, "strings") for name in ("LifecycleStates", "CreationTypes", "InstanceId")),
)


@dataclass(frozen=True)
class ScalingInstance:
    """An instance as a member of a scaling group; ``created_time`` is when it was added to it."""

    instance_id: str
    scaling_group_id: str
    lifecycle_state: str = "InService"
    creation_type: str = "AutoCreated"
    entrusted: bool = True
    scaling_configuration_id: str = "asc-test"
    scaling_activity_id: str = "asa-test"
    created_time: str = "2026-11-01T08:00:00Z"

    @classmethod
    def from_json(cls, document: Mapping[str, Any]) -> ScalingInstance:
        """Build one from the vendor's names; an unknown name, state or way of creation is a ValueError."""
        names = {
            **_TEXTS,
            "InstanceId": "instance_id",
            "LifecycleState": "lifecycle_state",
            "CreationType": "creation_type",
            "Entrusted": "entrusted",
            "CreatedTime": "created_time",
        }
        if unknown := sorted(set(document) - set(names)):
            raise ValueError(f"unknown key {', '.join(unknown)} of a scaling instance; there are {', '.join(names)}")
        for name, known in (("LifecycleState", STATES), ("CreationType", _CREATION_TYPES)):
            if document.get(name, known[0]) not in known:
                raise ValueError(f"{name} is one of {', '.join(known)}, not {document[name]!r}")
        by_default = {"entrusted": document.get("CreationType", "AutoCreated") == "AutoCreated"}
        return cls(**{**by_default, **{names[name]: value for name, value in document.items()}})

    @property
    def is_released_with_its_group(self) -> bool:
        """Tell if Auto Scaling releases the instance when it removes it, or only lets it go."""
        return self.creation_type == "AutoCreated" or self.entrusted

    def attribute(self, status: str, region_id: str) -> dict[str, Any]:
        """Return the instance as it is listed; ``status`` is ECS's, "" if it is not there."""
        return {
            "InstanceId": self.instance_id,
            "ScalingGroupId": self.scaling_group_id,
            "ScalingConfigurationId": self.scaling_configuration_id,
            "ScalingActivityId": self.scaling_activity_id,
            "LifecycleState": self.lifecycle_state,
            "HealthStatus": health(status),
            "CreationType": self.creation_type,
            "Entrusted": self.entrusted,
            "CreatedTime": self.created_time,
            "CreationTime": f"{self.created_time[:16]}Z",
            "WarmupState": "NoNeedWarmup",
            "LoadBalancerWeight": 0 if self.lifecycle_state == "Standby" else 50,
            "ZoneId": f"{region_id}-h",
        }


def health(status: str) -> str:
    """Return HealthStatus by ECS's status of an instance."""
    return "Healthy" if status == "Running" else "Unhealthy"


class Wanted:
    """What a call of DescribeScalingInstances filters by; a value that no page knows is refused."""

    def __init__(self, values: Mapping[str, Any]) -> None:
        self._texts = {field: values[name] for name, field in _TEXTS.items() if values.get(name)}
        self._health = _one_of(values, "HealthStatus", _HEALTH)
        self._states = _one_of(values, "LifecycleState", STATES)
        self._creations = _one_of(values, "CreationType", _CREATION_TYPES)
        self.ids: list[str] | None = values.get("InstanceId")
        if self.ids is not None and len(self.ids) > _MOST_IDS:
            raise invalid("InstanceId")

    def takes(self, member: ScalingInstance, status: str) -> bool:
        """Tell if an instance passes; ids are looked up before."""
        return (
            all(getattr(member, field) == value for field, value in self._texts.items())
            and (not self._states or member.lifecycle_state in self._states)
            and (not self._creations or member.creation_type in self._creations)
            and (not self._health or health(status) in self._health)
        )


def _one_of(values: Mapping[str, Any], name: str, known: tuple[str, ...]) -> set[str]:
    """Return the values of a filter that has a form for one value and one for several; empty: everything."""
    one, several = values.get(name), values.get(f"{name}s")
    if one and several:
        text = f"The parameters {name} and {name}s cannot be specified at the same time."
        raise ServiceError(400, "InvalidParameter", text)
    wanted = set(several or ([one] if one else []))
    if not wanted <= set(known):
        raise invalid(f"{name}s" if several else name)
    return wanted
