"""The message that schedules a release: written when a backend has ended, read when its delay is over. Pure.

Only our functions write one, into a queue of their own. It says nothing that is believed: it names an entry and how it
was, and everything is looked up again before anything is taken back.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

from shared.events.fields import text_of
from shared.model.access import VpcAccess
from shared.model.records import Invalid, Scheduled

_FIELDS = ("Name", "VpcId", "InstanceId", "VpcAccessId", "CreatedTime")
_MAX_PORT = 65_535
_FIX = "only release_vpc_access and reconcile_vpc_access write such messages: do not send them by hand"


def schedule_message(entry: VpcAccess, region_id: str, because: str) -> str:
    """Return the message that schedules the release of ``entry`` as it is now."""
    release = {
        "Name": entry.name,
        "VpcId": entry.vpc_id,
        "InstanceId": entry.instance_id,
        "Port": entry.port,
        "VpcAccessId": entry.vpc_access_id,
        "CreatedTime": entry.created_time,
        "Description": entry.description,
        "VpcTargetHostName": entry.vpc_target_host_name,
        "Tag": [{"Key": key, "Value": value} for key, value in entry.unmarked_tags],
    }
    message = {"Release": release, "RegionId": region_id, "Because": because}
    return json.dumps(message, ensure_ascii=False, separators=(",", ":"))  # ASCII could be larger than a queue takes


def read_schedule(message: Mapping[str, Any]) -> Iterator[Scheduled | Invalid]:
    """Yield what a message schedules, or what is wrong with it."""
    release = message["Release"]
    missing = [name for name in _FIELDS if not text_of(release, name)]
    port = release.get("Port")
    if isinstance(port, bool) or not isinstance(port, int) or not 1 <= port <= _MAX_PORT:
        missing.append("Port")
    if missing:
        yield Invalid(f"Release needs {', '.join(missing)}: {_FIX}", text_of(release, "Name")[:256])
        return
    name, vpc_id, instance_id, vpc_access_id, created_time = (text_of(release, field) for field in _FIELDS)
    description, host = release.get("Description"), release.get("VpcTargetHostName")
    access = VpcAccess(
        name,
        vpc_id,
        instance_id,
        port,
        description=description if isinstance(description, str) else "",
        vpc_target_host_name=host if isinstance(host, str) else "",
        tags=tuple(_tags(release.get("Tag"))),
        vpc_access_id=vpc_access_id,
        created_time=created_time,
    )
    yield Scheduled(access, text_of(message, "RegionId"), text_of(message, "Because"))


def _tags(value: Any) -> Iterator[tuple[str, str]]:
    """Yield the tags of the entry, which are for its restoring only."""
    for tag in value if isinstance(value, list) else ():
        if isinstance(tag, Mapping) and isinstance(tag.get("Key"), str) and isinstance(tag.get("Value"), str):
            yield tag["Key"], tag["Value"]
