"""What the doctor asks for each function: one call for every action of its role, which opens, removes and changes nothing.

A call that names something made up is refused *for that* by a service that would have allowed it, and refused for want
of a permission by one that would not. ``DescribeInstances`` answers an empty list to whoever may not look, hence
``DryRun``: https://www.alibabacloud.com/help/doc-detail/25506.htm
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import NamedTuple

from shared.cloud import apigateway, ecs, ess, slb
from shared.cloud.rpc import RpcService
from shared.cloud.session import Session, Sign
from shared.cloud.smq import signer
from shared.settings import NO_RELEASE_QUEUE, Settings

MADE_UP = "vpc-access-doctor"  # name of what does not exist

# The codes with which a service refuses what is made up. The gateway's are templates, "NotFound%s" and so on:
# https://help.aliyun.com/zh/api-gateway/traditional-api-gateway/support/control-openapi-error-code-table
_PARAMETER = r"InvalidParameter(\.|$)"
_OF_GATEWAY = (
    r"(NotFound|Invalid(Format)?|Repeated|Duplicate|ExceedLimit)(Vpc|Instance|Port|Name|Resource|Backend|Operation)|"
    + _PARAMETER
)
_OF_MESSAGES = r"MalformedXML|InvalidArgument"  # https://www.alibabacloud.com/help/doc-detail/27501.html
_UNREADABLE = b"<Message/>"  # it has no body, so it is neither sent nor published


class Question(NamedTuple):
    """A call that changes nothing; who may make it gets an answer, or a refusal of what is made up.

    ``refusal`` matches the beginning of such a refusal's code; ``setting`` names the endpoint, and ``target`` is the setting
    that names the topic or queue, for a message.
    """

    operation: str
    setting: str
    refusal: str
    sign: Sign
    target: str = ""


class _Product(NamedTuple):
    """Where and how a product is asked: the setting of its endpoint, and its refusals of what is made up."""

    setting: str
    version: str
    refusal: str


_GATEWAY = _Product("APIGATEWAY_ENDPOINT", apigateway.VERSION, _OF_GATEWAY)
_SERVERS = _Product("ECS_ENDPOINT", ecs.VERSION, r"DryRunOperation")
_BALANCERS = _Product("SLB_ENDPOINT", slb.VERSION, r"Invalid(LoadBalancer|Resource)|" + _PARAMETER)
_SCALING = _Product("ESS_ENDPOINT", ess.VERSION, r"(Invalid)?Lifecycle|" + _PARAMETER)

_Call = tuple[_Product, str, Mapping[str, str]]  # with the operation and its parameters
_PAGE = {"PageNumber": "1", "PageSize": "1"}
# Neither VPC nor instance nor port exists: whatever the gateway makes of it, nothing can be reached by it.
_NOWHERE = {"VpcId": "vpc-doctor", "InstanceId": "i-doctor", "Port": "0"}
_LOOKS_FOR_USERS: tuple[_Call, ...] = (
    (_GATEWAY, "DescribeVpcAccesses", _PAGE),
    (_GATEWAY, "DescribeApisByVpcAccess", {"VpcName": MADE_UP, **_PAGE}),
    (_GATEWAY, "DescribeBackendList", _PAGE),
    (_GATEWAY, "DescribeBackendInfo", {"BackendId": MADE_UP}),
    (_GATEWAY, "DescribePlugins", {"PluginType": "routing", **_PAGE}),
)
_HOOK = {"LifecycleHookId": MADE_UP, "LifecycleActionToken": MADE_UP}


def questions(function: str, settings: Settings, session: Session) -> list[Question]:
    """Return one question for each action of the role of ``function`` under these settings."""
    found = [
        Question(
            operation,
            product.setting,
            product.refusal,
            RpcService(session, getattr(settings, product.setting.lower()), product.version).signer(
                operation.partition(" of ")[0], values
            ),
        )
        for product, operation, values in _CALLS[function](settings, session)
    ]
    for operation, target in _messages(function, settings):
        path = (
            f"/{'topics' if operation == 'PublishMessage' else 'queues'}/{getattr(settings, target.lower())}/messages"
        )
        sign = signer(session, settings.smq_endpoint, "POST", path, _UNREADABLE)
        found.append(Question(operation, "SMQ_ENDPOINT", _OF_MESSAGES, sign, target))
    return found


def _messages(function: str, settings: Settings) -> Iterator[tuple[str, str]]:
    """Yield the operations that send a message, each with the setting that names where to."""
    if not settings.sends_to_sns and _writes(function, settings):
        yield "PublishMessage", "RESULT_TOPIC"
    if settings.release_queue and _schedules(function, settings):
        yield "SendMessage", "RELEASE_QUEUE"
    if _tells_of_names(function, settings):
        yield "SendMessage", "NAMES_QUEUE"


def unset(function: str, settings: Settings) -> str:
    """Return what is missing among the settings that not every function needs, "" if nothing is."""
    if _schedules(function, settings) and not settings.release_queue:
        return NO_RELEASE_QUEUE
    return ""


def _writes(function: str, settings: Settings) -> bool:
    """Tell whether a function makes, schedules or publishes anything under these settings: a sweep does so in apply only."""
    return function != RECONCILE or settings.reconcile_mode == "apply"


def _schedules(function: str, settings: Settings) -> bool:
    """Tell whether a function sends messages to the queue of releases under these settings."""
    return function not in (AUTHORIZE, NAMES) and _writes(function, settings)


def _tells_of_names(function: str, settings: Settings) -> bool:
    """Tell whether a function sends messages to the queue of names under these settings."""
    return settings.moves_names if function == NAMES else settings.keeps_names and _writes(function, settings)


def _of_set_vpc_access(settings: Settings, session: Session) -> Iterator[_Call]:
    """Entries are moved, and the role may do it, with ON_CONFLICT=replace only."""
    region = {"RegionId": settings.region_id}
    yield _GATEWAY, "DescribeVpcAccesses", _PAGE
    yield _GATEWAY, "SetVpcAccess", {"Name": MADE_UP, **_NOWHERE}
    yield _SERVERS, "DescribeInstances", {**region, "DryRun": "true"}
    yield _BALANCERS, "ListTagResources", {**region, "ResourceType": "instance", "ResourceId.1": "lb-doctor"}
    yield _BALANCERS, "DescribeLoadBalancerAttribute", {**region, "LoadBalancerId": "lb-doctor"}
    yield _SCALING, "CompleteLifecycleAction", {**region, **_HOOK, "LifecycleActionResult": "CONTINUE"}
    yield _heartbeat(region)
    if settings.on_conflict == "replace":
        yield _modify(session)


def _of_release_vpc_access(settings: Settings, session: Session) -> Iterator[_Call]:
    """Entries are removed, and the role may do it, with RELEASE_MODE=apply only."""
    del session
    region = {"RegionId": settings.region_id}
    yield from _LOOKS_FOR_USERS
    yield _SERVERS, "DescribeInstances", {**region, "DryRun": "true"}
    yield _BALANCERS, "DescribeLoadBalancerAttribute", {**region, "LoadBalancerId": "lb-doctor"}
    yield _SCALING, "CompleteLifecycleAction", {**region, **_HOOK, "LifecycleActionResult": "CONTINUE"}
    if settings.release_mode == "apply":
        yield _GATEWAY, "RemoveVpcAccess", _NOWHERE


def _of_reconcile_vpc_access(settings: Settings, session: Session) -> Iterator[_Call]:
    """Entries are made, and results published, and the role may do it, with RECONCILE_MODE=apply only."""
    del session
    region = {"RegionId": settings.region_id}
    yield from _LOOKS_FOR_USERS
    yield _SERVERS, "DescribeInstances", {**region, "DryRun": "true"}
    yield _SERVERS, "ListTagResources of ECS", {**region, "ResourceType": "instance", "ResourceId.1": "i-doctor"}
    yield _BALANCERS, "DescribeLoadBalancers", {**region, **_PAGE}
    yield _BALANCERS, "DescribeLoadBalancerListeners", {**region, "LoadBalancerId.1": "lb-doctor"}
    yield _BALANCERS, "DescribeLoadBalancerAttribute", {**region, "LoadBalancerId": "lb-doctor"}
    if settings.reconcile_mode == "apply":
        yield _GATEWAY, "SetVpcAccess", {"Name": MADE_UP, **_NOWHERE}


def _of_named_backends(settings: Settings, session: Session) -> Iterator[_Call]:
    """Names are made and moved, and the role may do it, with NAMED_BACKENDS=apply only."""
    region = {"RegionId": settings.region_id}
    yield _GATEWAY, "DescribeVpcAccesses", _PAGE
    yield _SERVERS, "DescribeInstances", {**region, "DryRun": "true"}
    yield _SERVERS, "ListTagResources of ECS", {**region, "ResourceType": "instance", "ResourceId.1": "i-doctor"}
    yield _SCALING, "DescribeScalingInstances", {**region, "InstanceId.1": "i-doctor", **_PAGE}
    yield _SCALING, "CompleteLifecycleAction", {**region, **_HOOK, "LifecycleActionResult": "CONTINUE"}
    if settings.moves_names:
        yield _GATEWAY, "SetVpcAccess", {"Name": MADE_UP, **_NOWHERE}
        yield _modify(session)
        yield _GATEWAY, "DescribeUpdateVpcInfoTask", {"OperationUid": MADE_UP}
        yield _GATEWAY, "DescribeApisByVpcAccess", {"VpcName": MADE_UP, **_PAGE}
        yield _heartbeat(region)


def _modify(session: Session) -> _Call:
    return _GATEWAY, "ModifyVpcAccessAndUpdateApis", {"Name": f"{MADE_UP}-{session.clock.nonce()}", **_NOWHERE}


def _heartbeat(region: Mapping[str, str]) -> _Call:
    """The parameters of this one begin with small letters."""
    values = {f"{name[0].lower()}{name[1:]}": value for name, value in _HOOK.items()}
    return _SCALING, "RecordLifecycleActionHeartbeat", {**region, **values}


AUTHORIZE, RECONCILE, NAMES = "set_vpc_access", "reconcile_vpc_access", "named_backends"
_CALLS: Mapping[str, Callable[[Settings, Session], Iterator[_Call]]] = {
    AUTHORIZE: _of_set_vpc_access,
    "release_vpc_access": _of_release_vpc_access,
    RECONCILE: _of_reconcile_vpc_access,
    NAMES: _of_named_backends,
}
"""Function → what its role is for, but for messages."""
