"""The SMQ topic trigger: every publication becomes one asynchronous invocation."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Any

from tests.cloud.fc.triggers.shapes import dumps

if TYPE_CHECKING:
    from tests.cloud.core import World
    from tests.cloud.fc.ports import TopicPublication
    from tests.cloud.fc.triggers.config import TopicTrigger


def topic_event(world: World, trigger: TopicTrigger, publication: TopicPublication) -> bytes:
    """Return the function's event: the bare body, ``{"body", "attrs"}``, or the JSON with MessageId and the rest.

    Source: <https://help.aliyun.com/zh/functioncompute/fc/user-guide/mns-topic-triggers>. STREAM hands on the body as
    published, Base64 or not. PublishTime is an integer of milliseconds here, other than in the notifications to queues
    and HTTP endpoints.
    """
    attributes = {each.name: each.value for each in publication.user_properties}
    if trigger.content_format == "STREAM":
        if attributes:
            return dumps({"body": publication.body, "attrs": attributes})
        return publication.body.encode()
    document: dict[str, Any] = {
        **attributes,
        "TopicOwner": world.account_id,
        "Message": publication.body,
        "Subscriber": world.account_id,
        "PublishTime": publication.publish_time,
        "SubscriptionName": trigger.name,
        "MessageMD5": hashlib.md5(publication.body.encode()).hexdigest().upper(),
        "TopicName": trigger.topic,
        "MessageId": publication.message_id,
    }
    return dumps(document)
