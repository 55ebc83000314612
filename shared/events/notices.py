"""Notices about backends: who sends them, and what they hold. Each reader takes an object and yields its facts.

None of them carries the VPC, so that is looked up later (``shared.backends``). What says nothing about a backend
(other products, calls that failed) becomes Ignored; what to do with a fact is the function's business.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import parse_qsl

from shared.events.fields import object_of, text_of, texts_of
from shared.events.text import MAX_MESSAGE_BYTES
from shared.model.records import Appeared, Changed, Content, Ended, Hook, Ignored, Invalid, Leaving

Event = Mapping[str, Any]

_CREATED = frozenset({"Created", "Pending"})  # the vendor's pages disagree on the first state after creation
_DELETED = "Deleted"  # the only final state: a stopped instance may come back
ALERT_KEYS = frozenset({"severity", "strategyName", "alert"})  # of an event subscription's notification, or form
_MAX_FIELDS = 100  # of a form; CloudMonitor's has 16
_META = ("meta", "sysEventMeta")  # where an alert describes its event
_ARN_PARTS = 5  # acs:ecs:REGION:ACCOUNT:instance/ID


def ecs_event(event: Event) -> Iterator[Content]:
    """EventBridge's ``ecs:Instance:StateChange``: https://help.aliyun.com/en/eventbridge/user-guide/ecs-events"""
    yield _state_change(_details(event), *_event_place(event))


def cloudmonitor(event: Event) -> Iterator[Content]:
    """CloudMonitor's and ECS's own form of the same: https://help.aliyun.com/en/ecs/user-guide/overview-35"""
    region, account = _place(text_of(event, "resourceId"))
    region, account = text_of(event, "regionId") or region, text_of(event, "userId") or account
    yield _monitored(text_of(event, "product"), text_of(event, "name"), event["content"], region, account)


def alert_event(event: Event) -> Iterator[Content]:
    """The form of CloudMonitor's event subscription, which takes the place of the one above; the event is in ``alert``.

    ``eventContentMap`` and ``eventRawContent`` (its JSON text) hold the same, and one may be missing.
    https://www.alibabacloud.com/help/en/cms/cloudmonitor-1-0/user-guide/configure-callbacks-for-system-event-triggered-alerts-recommended
    """
    alert = object_of(event["alert"])
    source, status = text_of(alert, "source"), text_of(alert, "alertStatus")
    product = text_of(alert, "product") or text_of(alert, *_META, "product")
    name = text_of(alert, "eventName") or text_of(alert, *_META, "name")
    if alert is None:
        yield Invalid("alert must be an object or its JSON text: forward the notification unchanged")
    elif source not in ("", "SYS_EVENT"):
        yield Ignored("event-name", f"CloudMonitor's alert of {source} is not a system event: it tells of no backend")
    elif not product or not name:
        yield Invalid("alert needs product and eventName: forward the notification unchanged")
    elif status == "RESOLVED":
        yield Ignored(
            "resolved", f"the alert about {product}'s {name} is over: nothing new has happened since the first one"
        )
    else:
        region, account = _place(text_of(alert, "arn"))
        region = text_of(alert, *_META, "regionId") or region
        account = text_of(alert, "userId") or text_of(event, "userId") or account
        raw, content = object_of(alert.get("eventRawContent")) or {}, object_of(alert.get("eventContentMap")) or {}
        yield _monitored(product, name, {**raw, **content}, region, account)


def alert_form(body: Any) -> dict[str, str] | None:
    """Return the fields of the form that CloudMonitor's webhook posts if its data format is FORM, None for other bodies.

    It is known by its fields, since programs post JSON under a form's content type, too (curl does so by default).
    """
    if not isinstance(body, str) or len(body) > MAX_MESSAGE_BYTES:
        return None
    try:
        fields = dict(parse_qsl(body, max_num_fields=_MAX_FIELDS))
    except ValueError:
        return None
    return fields if fields.keys() >= ALERT_KEYS else None


def alert_id(event: Event) -> str:
    """Return the id of the event that an alert is about; ``batchId`` is another one each time it is notified."""
    alert = object_of(event["alert"])
    return text_of(alert, "traceId") or text_of(alert, *_META, "id")


def _monitored(product: str, name: str, content: Any, region: str, account: str) -> Content:
    if product.upper() != "ECS":
        return Ignored("product", f"CloudMonitor events of {product} tell of no backend")
    if name != "Instance:StateChange":
        return Ignored("event-name", f"CloudMonitor's {name} neither announces nor ends a backend")
    return _state_change(content, region, account)


def _state_change(data: Any, region: str, account: str) -> Content:
    """Running is an appearance, and Created and Pending may be: perhaps the instance can be described already."""
    instance_id, state = text_of(data, "resourceId"), text_of(data, "state")
    if instance_id.startswith("acs:"):
        instance_id = instance_id.rpartition("/")[2]
    if not instance_id or not state:
        return Invalid('the event needs an instance "i-…" as resourceId and its state: forward it unchanged')
    if state == "Running" or state in _CREATED:
        return Appeared("ecs", instance_id, region, account, early=state in _CREATED)
    return (Ended if state == _DELETED else Changed)("ecs", instance_id, region, account, state)


def hook_message(event: Event) -> Iterator[Content]:
    """A lifecycle hook's message on SMQ.

    Its fields are those of the models in the vendor's sample function: https://github.com/AlibabaCloudDocs/ess, "Best
    practices/Automatically add ECS instances of a scaling group to a Redis instance whitelist".
    """
    yield from _hook(event["content"], text_of(event, "regionId"), text_of(event, "userId"))


def hook_event(event: Event) -> Iterator[Content]:
    """EventBridge's ``ess:LifecycleHook:ScaleOut`` and ``…ScaleIn``; assumed: ``data`` has the fields of the message on SMQ.

    https://alibabacloud.com/help/en/eventbridge/user-guide/auto-scaling-events names the type and shows no body.
    """
    yield from _hook(_details(event), *_event_place(event))


def scale_out_event(event: Event) -> Iterator[Content]:
    """EventBridge's ``ess:ScalingActivity:ScaleOutSuccess`` and ``…PartialSuccess``; assumed: ``data.instanceIds``."""
    region, account = _event_place(event)
    instance_ids = texts_of(_details(event), "instanceIds")
    if not instance_ids:
        yield Invalid(f"{event['type']} without data.instanceIds, a list of instances: forward the event unchanged")
        return
    for instance_id in instance_ids:
        yield Appeared("ecs", instance_id, region, account)


def _hook(content: Any, region: str, account: str) -> Iterator[Content]:
    hook = Hook(text_of(content, "lifecycleHookId"), text_of(content, "lifecycleActionToken"))
    transition = text_of(content, "lifecycleTransition")
    instance_ids = texts_of(content, "instanceIds")
    if not hook.hook_id or not hook.token or not instance_ids:
        yield Invalid(
            "a lifecycle hook needs lifecycleHookId, lifecycleActionToken and instanceIds, a list of instances: "
            "forward the message unchanged"
        )
    elif transition not in ("", "SCALE_OUT"):
        yield Leaving(hook, transition, tuple(instance_ids), region, account)
    else:
        for instance_id in instance_ids:
            yield Appeared("ecs", instance_id, region, account, hook)


def action_trail_event(event: Event) -> Iterator[Content]:
    """ActionTrail through EventBridge, type ``<product>:ActionTrail:<kind>``: the record is in ``data``.

    https://alibabacloud.com/help/en/eventbridge/user-guide/actiontrail-events
    """
    record = event.get("data")
    if isinstance(record, Mapping) and text_of(record, "eventName"):
        yield from action_trail(record, text_of(event, "aliyunaccountid"))
    else:
        yield Invalid("an ActionTrail event needs its record in data, with an eventName: forward the event unchanged")


def action_trail(record: Event, account: str = "") -> Iterator[Content]:
    """An ActionTrail record: https://www.alibabacloud.com/help/document_detail/28819.html

    One with an ``errorCode`` is about a call that failed. ``account`` counts where the record names none, as the
    system's own records do.
    """
    name, service = text_of(record, "eventName"), text_of(record, "serviceName").lower()
    told = _TOLD.get((service, name))
    if told is None:
        yield Ignored("event-name", f"{name} of {service or 'an unnamed service'} neither announces nor ends a backend")
        return
    if record.get("errorCode"):
        yield Ignored(
            "call-failed", f"{name} failed with {text_of(record, 'errorCode') or 'an error'}: nothing was done"
        )
        return
    kind, resource, answer = told
    referenced = texts_of(record, "referencedResources", resource) or []
    answered = texts_of(record, "responseElements", *answer) or [text_of(record, "responseElements", *answer)]
    ids = list(filter(None, dict.fromkeys([*referenced, *answered])))
    if not ids:
        yield Invalid(f"{name} of {service} names no {resource} in referencedResources: forward the record unchanged")
    region, owner = text_of(record, "acsRegion"), text_of(record, "userIdentity", "accountId") or account
    for instance_id in ids:
        if name in _DELETIONS:
            yield Ended(kind, instance_id, region, owner, name)
        else:
            yield Appeared(kind, instance_id, region, owner)


_INSTANCE = ("ecs", "ACS::ECS::Instance")
_BALANCER = ("slb", "ACS::SLB::LoadBalancer", ("LoadBalancerId",))
_DELETIONS = frozenset({"DeleteLoadBalancer"})
_TOLD: Mapping[tuple[str, str], tuple[str, str, tuple[str, ...]]] = {
    ("ecs", "RunInstances"): (*_INSTANCE, ("InstanceIdSets", "InstanceIdSet")),
    ("ecs", "CreateInstance"): (*_INSTANCE, ("InstanceId",)),
    ("ecs", "Create"): (*_INSTANCE, ("InstanceId",)),  # the console's record has no responseElements
    ("slb", "CreateLoadBalancer"): _BALANCER,
    ("slb", "Create"): _BALANCER,
    ("slb", "DeleteLoadBalancer"): _BALANCER,
}
"""(service, eventName) → what it makes, or ends (``_DELETIONS``): our kind, its resource type, where the answer names it.

Names: https://www.alibabacloud.com/help/en/actiontrail/developer-reference/api-actiontrail-2020-07-06-describeresourcelifecycleevents
and https://www.alibabacloud.com/help/doc-detail/155857.htm. ``Create`` alone is any product's, hence the service.
"""


def _details(event: Event) -> Event:
    """Return the fields of an event's ``data``, with those of ``data.content`` before them.

    No page prints the body of these types, and receivers have seen the fields in either place:
    https://github.com/SuPeRK0123/Ali-CDT-Manage (ecs_webhook.py) reads both.
    """
    data = event.get("data")
    if not isinstance(data, Mapping):
        return {}
    content = data.get("content")
    return {**data, **content} if isinstance(content, Mapping) else data


def _place(arn: str) -> tuple[str, str]:
    """Return region and account of ``acs:ecs:REGION:ACCOUNT:…``, empty where the text has another form."""
    parts = arn.split(":", _ARN_PARTS - 1)
    return (parts[2], parts[3]) if len(parts) == _ARN_PARTS and parts[0] == "acs" else ("", "")


def _event_place(event: Event) -> tuple[str, str]:
    """Return region and account that the subject names; else the bus's, whose region may end in ``-vpc``."""
    region, account = _place(text_of(event, "subject"))
    region = region or text_of(event, "aliyunregionid").removesuffix("-vpc")
    return region, account or text_of(event, "aliyunaccountid")
