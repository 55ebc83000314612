"""The events as the triggers hand them to a function.

Shapes: <https://help.aliyun.com/zh/functioncompute/fc/user-guide/formats-of-event-for-different-triggers-1>
"""

from __future__ import annotations

import base64
import binascii
import json
from datetime import datetime, timedelta, timezone
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tests.cloud.core import World
    from tests.cloud.fc.ports import QueueMessage
    from tests.cloud.fc.triggers.config import QueueTrigger, TimerTrigger

_CHINA = timezone(timedelta(hours=8))


def dumps(value: Any) -> bytes:
    """Return compact UTF-8 JSON."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode()


def utc(seconds: float, *, milliseconds: bool = True) -> str:
    """Return ``2021-04-08T06:28:17.093Z``."""
    text = datetime.fromtimestamp(seconds, timezone.utc).isoformat(
        timespec="milliseconds" if milliseconds else "seconds"
    )
    return text.replace("+00:00", "Z")


def decode_body(body: str) -> str:
    """Undo Base64 (``IsBase64Decode``); what is not Base64 of UTF-8 stays as it is (assumed)."""
    try:
        return base64.b64decode(body, validate=True).decode()
    except (binascii.Error, ValueError):
        return body


def queue_record(world: World, trigger: QueueTrigger, function: str, message: QueueMessage) -> dict[str, Any]:
    """Return one message as a CloudEvent: <https://www.alibabacloud.com/help/en/functioncompute/fc/mns-queue-triggers>.

    That the event's id is the message's id was seen in a log of https://github.com/awesome-fc/code-example.
    """
    now = utc(world.clock.now())
    bus = f"MNS-{function}-{trigger.name}"
    return {
        "id": message.message_id,
        "source": bus,
        "specversion": "1.0",
        "type": "mns:Queue:SendMessage",
        "datacontenttype": "application/json; charset=utf-8",
        "subject": f"acs:mns:{world.region_id}:{world.account_id}:queues/{trigger.queue}",
        "time": now,
        "aliyunaccountid": world.account_id,
        "aliyunpublishtime": now,
        "aliyunoriginalaccountid": world.account_id,
        "aliyuneventbusname": bus,
        "aliyunregionid": world.region_id,
        "aliyunpublishaddr": "127.0.0.1",
        "data": {
            "requestId": world.ids.hex(24).upper(),
            "messageId": message.message_id,
            "messageBody": decode_body(message.body) if trigger.decode_base64 else message.body,
        },
    }


def timer_event(world: World, trigger: TimerTrigger) -> dict[str, Any]:
    """Return a timer's event; the payload is a string whatever it holds."""
    return {
        "triggerTime": utc(world.clock.now(), milliseconds=False),
        "triggerName": trigger.name,
        "payload": trigger.payload,
    }


def cloud_event(world: World, bus: str, event: Mapping[str, Any]) -> dict[str, Any]:
    """Return a CloudEvent as a bus hands it on: with id, time and the ``aliyun*`` extensions it adds."""
    now = world.clock.now()
    return {
        "id": world.ids.request_id().lower(),
        "specversion": "1.0",
        "datacontenttype": "application/json;charset=utf-8",
        "time": utc(now),
        **event,
        "aliyunaccountid": world.account_id,
        "aliyunpublishtime": utc(now),
        "aliyuneventbusname": bus,
        "aliyunregionid": world.region_id,
        "aliyunpublishaddr": "127.0.0.1",
    }


def ecs_state_change(world: World, instance_id: str, state: str) -> dict[str, Any]:
    """Return ECS's event for an instance's new state.

    Fields: <https://help.aliyun.com/en/ecs/user-guide/overview-35>; type:
    <https://help.aliyun.com/en/eventbridge/user-guide/ecs-events>. No page prints the two together: assumed.
    """
    return {
        "source": "acs.ecs",
        "type": "ecs:Instance:StateChange",
        "subject": f"acs:ecs:{world.region_id}:{world.account_id}:instance/{instance_id}",
        "time": datetime.fromtimestamp(world.clock.now(), _CHINA).isoformat(timespec="milliseconds"),
        "data": {"resourceId": instance_id, "resourceType": "ALIYUN::ECS::Instance", "state": state},
    }
