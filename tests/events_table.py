"""The table of the files under ``events/``: what each is recognised as, what becomes of it, and every call made for it.

``tests/shared/events/test_events.py`` holds every row against the function; ``tests/catalogue.py`` prints it into ``events/README.md``.
"""

from __future__ import annotations

import re
from itertools import chain, repeat
from pathlib import Path
from typing import NamedTuple

from functions._operator import catalogue
from shared.flow.engine import Work

EVENTS = Path(__file__).parents[1] / "events"
_PAGES, _NO_EVENT = ".md", ("cloud.json",)  # nor are the schemas
FILES = sorted(
    path
    for path in EVENTS.rglob("*")
    if path.is_file() and path.suffix != _PAGES and path.name not in _NO_EVENT and path.parent.name != "schema"
)
"""Every event; what else stands under ``events/`` is none."""
PRODUCTS = {
    "DescribeVpcAccesses": "CloudAPI",
    "SetVpcAccess": "CloudAPI",
    "PublishMessage": "SMQ",
    "DescribeInstances": "ECS",
    "ListTagResources": "SLB",
    "DescribeLoadBalancerAttribute": "SLB",
    "CompleteLifecycleAction": "ESS",
    "RecordLifecycleActionHeartbeat": "ESS",
    "RemoveVpcAccess": "CloudAPI",
    "DescribeApisByVpcAccess": "CloudAPI",
    "DescribeBackendList": "CloudAPI",
    "DescribeBackendInfo": "CloudAPI",
    "DescribePlugins": "CloudAPI",
    "SendMessage": "SMQ",
    "DescribeLoadBalancers": "SLB",
    "DescribeLoadBalancerListeners": "SLB",
    "DescribeScalingInstances": "ESS",
    "ModifyVpcAccessAndUpdateApis": "CloudAPI",
    "DescribeUpdateVpcInfoTask": "CloudAPI",
}

# file | recognised as | what becomes of it | calls, in their order | raises, HTTP status, what a hook is told
TABLE = """
actiontrail/create-instance.json | eventbridge/actiontrail appeared | authorized | DescribeInstances DescribeVpcAccesses SetVpcAccess PublishMessage
actiontrail/create-of-another-product.json | eventbridge/actiontrail ignored | ignored event-name
actiontrail/create-on-console.json | eventbridge/actiontrail appeared | authorized | DescribeInstances DescribeVpcAccesses SetVpcAccess PublishMessage
actiontrail/delete-disk-by-service.json | eventbridge/actiontrail ignored | ignored event-name
actiontrail/record-alone.json | actiontrail appeared | authorized | DescribeInstances DescribeVpcAccesses SetVpcAccess PublishMessage
actiontrail/run-instances-failed.json | eventbridge/actiontrail ignored | ignored call-failed
actiontrail/run-instances.json | 2x eventbridge/actiontrail appeared | 2x authorized | DescribeInstances DescribeVpcAccesses 2x(SetVpcAccess PublishMessage)
actiontrail/stop-instance.json | eventbridge/actiontrail ignored | ignored event-name
actiontrail/without-instances.json | eventbridge/actiontrail invalid | rejected | PublishMessage
api-gateway/post-plain.json | api-gateway request | authorized | DescribeVpcAccesses SetVpcAccess PublishMessage | HTTP 200
api-gateway/post-rejected.json | api-gateway invalid | rejected | PublishMessage | HTTP 400
api-gateway/post.json | api-gateway request | authorized | DescribeVpcAccesses SetVpcAccess PublishMessage | HTTP 200
cloudmonitor/created.json | cloudmonitor appeared | authorized | DescribeInstances DescribeVpcAccesses SetVpcAccess PublishMessage
cloudmonitor/in-a-queue.json | smq-queue/cloudmonitor appeared | authorized | DescribeInstances DescribeVpcAccesses SetVpcAccess PublishMessage
cloudmonitor/other-product.json | cloudmonitor ignored | ignored product
cloudmonitor/running.json | cloudmonitor appeared | authorized | DescribeInstances DescribeVpcAccesses SetVpcAccess PublishMessage
cloudmonitor/spot-interruption.json | cloudmonitor ignored | ignored event-name
cloudmonitor/stopping.json | cloudmonitor changed | ignored state
cloudmonitor/subscription-in-a-queue.json | smq-queue/cloudmonitor appeared | authorized | DescribeInstances DescribeVpcAccesses SetVpcAccess PublishMessage
cloudmonitor/subscription-other-event.json | cloudmonitor ignored | ignored event-name
cloudmonitor/subscription-resolved.json | cloudmonitor ignored | ignored resolved
cloudmonitor/subscription-stopping.json | cloudmonitor changed | ignored state
cloudmonitor/subscription-webhook-form.json | http/cloudmonitor appeared | authorized | DescribeInstances DescribeVpcAccesses SetVpcAccess PublishMessage | HTTP 200
cloudmonitor/subscription-webhook.json | http/cloudmonitor appeared | authorized | DescribeInstances DescribeVpcAccesses SetVpcAccess PublishMessage | HTTP 200
cloudmonitor/subscription-without-content.json | cloudmonitor invalid | rejected | PublishMessage
cloudmonitor/subscription.json | cloudmonitor appeared | authorized | DescribeInstances DescribeVpcAccesses SetVpcAccess PublishMessage
cloudmonitor/system-maintenance.json | cloudmonitor ignored | ignored event-name
ecs/batch-with-duplicate.json | 3x eventbridge/ecs appeared | 2x authorized, unchanged | DescribeInstances DescribeVpcAccesses 2x(SetVpcAccess PublishMessage) PublishMessage
ecs/bus-region-with-suffix.json | eventbridge/ecs appeared | authorized | DescribeInstances DescribeVpcAccesses SetVpcAccess PublishMessage
ecs/classic-network.json | eventbridge/ecs appeared | refused ClassicNetwork | DescribeInstances PublishMessage
ecs/created.json | eventbridge/ecs appeared | authorized | DescribeInstances DescribeVpcAccesses SetVpcAccess PublishMessage
ecs/deleted.json | eventbridge/ecs ended | ignored state
ecs/disk-event.json | eventbridge ignored | ignored event-type
ecs/foreign-account.json | eventbridge/ecs appeared | ignored foreign-account
ecs/foreign-region.json | eventbridge/ecs appeared | ignored foreign-region
ecs/invalid-port-tag.json | eventbridge/ecs appeared | rejected InvalidPortTag | DescribeInstances PublishMessage
ecs/not-found.json | eventbridge/ecs appeared | failed InstanceNotFound | 5x(DescribeInstances) PublishMessage | raises
ecs/pending-not-visible-yet.json | eventbridge/ecs appeared | ignored not-yet | DescribeInstances
ecs/pending.json | eventbridge/ecs appeared | authorized | DescribeInstances DescribeVpcAccesses SetVpcAccess PublishMessage
ecs/port-not-allowed.json | eventbridge/ecs appeared | refused PortNotAllowed | DescribeInstances PublishMessage
ecs/released.json | eventbridge/ecs appeared | ignored gone | 4x(DescribeInstances)
ecs/running-not-visible-yet.json | eventbridge/ecs appeared | authorized | 3x(DescribeInstances) DescribeVpcAccesses SetVpcAccess PublishMessage
ecs/running.json | eventbridge/ecs appeared | authorized | DescribeInstances DescribeVpcAccesses SetVpcAccess PublishMessage
ecs/several-ports.json | eventbridge/ecs appeared | 2x authorized | DescribeInstances DescribeVpcAccesses 2x(SetVpcAccess PublishMessage)
ecs/state-under-content.json | eventbridge/ecs appeared | authorized | DescribeInstances DescribeVpcAccesses SetVpcAccess PublishMessage
ecs/stopped-under-content.json | eventbridge/ecs changed | ignored state
ecs/stopping.json | eventbridge/ecs changed | ignored state
ecs/untagged.json | eventbridge/ecs appeared | ignored untagged | DescribeInstances
ecs/vpc-not-allowed.json | eventbridge/ecs appeared | refused VpcNotAllowed | DescribeInstances PublishMessage
ecs/without-state.json | eventbridge/ecs invalid | rejected | PublishMessage
ess/hook-container-group.json | 2x ess-hook appeared | 2x ignored not-a-backend | CompleteLifecycleAction | hook CONTINUE
ess/hook-foreign-region.json | ess-hook appeared | ignored foreign-region
ess/hook-gone.json | 2x ess-hook appeared | authorized, failed InstanceNotFound | 5x(DescribeInstances) DescribeVpcAccesses SetVpcAccess PublishMessage PublishMessage RecordLifecycleActionHeartbeat | raises, hook WAIT
ess/hook-mixed-group.json | 2x ess-hook appeared | authorized, ignored not-a-backend | DescribeInstances DescribeVpcAccesses SetVpcAccess PublishMessage CompleteLifecycleAction | hook CONTINUE
ess/hook-rejected.json | 2x ess-hook appeared | authorized, rejected InvalidPortTag | DescribeInstances DescribeVpcAccesses SetVpcAccess PublishMessage PublishMessage CompleteLifecycleAction | hook CONTINUE
ess/hook-scale-in.json | ess-hook leaving | ignored transition | CompleteLifecycleAction | hook CONTINUE
ess/hook-stale-token.json | ess-hook appeared | authorized | DescribeInstances DescribeVpcAccesses SetVpcAccess PublishMessage CompleteLifecycleAction | hook CONTINUE (stale)
ess/hook-test.json | eventbridge ignored | ignored event-type
ess/hook-untagged.json | ess-hook appeared | ignored untagged | DescribeInstances CompleteLifecycleAction | hook CONTINUE
ess/hook-via-eventbridge.json | 3x eventbridge/ess-hook appeared | 4x authorized | DescribeInstances DescribeVpcAccesses 4x(SetVpcAccess PublishMessage) CompleteLifecycleAction | hook CONTINUE
ess/hook-via-queue.json | 3x smq-queue/ess-hook appeared | 4x authorized | DescribeInstances DescribeVpcAccesses 4x(SetVpcAccess PublishMessage) CompleteLifecycleAction | hook CONTINUE
ess/hook-via-topic-base64.json | 3x smq-topic/ess-hook appeared | 4x authorized | DescribeInstances DescribeVpcAccesses 4x(SetVpcAccess PublishMessage) CompleteLifecycleAction | hook CONTINUE
ess/hook-via-topic.json | 3x smq-topic/ess-hook appeared | 4x authorized | DescribeInstances DescribeVpcAccesses 4x(SetVpcAccess PublishMessage) CompleteLifecycleAction | hook CONTINUE
ess/hook-without-instances.json | ess-hook invalid | rejected | PublishMessage
ess/scale-out-partial-success.json | eventbridge/ess appeared | authorized | DescribeInstances DescribeVpcAccesses SetVpcAccess PublishMessage
ess/scale-out-start.json | eventbridge ignored | ignored event-type
ess/scale-out-success.json | 2x eventbridge/ess appeared | 2x authorized | DescribeInstances DescribeVpcAccesses 2x(SetVpcAccess PublishMessage)
ess/scale-out-without-instances.json | eventbridge/ess invalid | rejected | PublishMessage
eventbridge/data-base64.json | eventbridge request | authorized | DescribeVpcAccesses SetVpcAccess PublishMessage
eventbridge/other-product.json | eventbridge ignored | ignored event-type
eventbridge/own-bus-unknown.json | eventbridge invalid | rejected | PublishMessage
eventbridge/own-bus.json | eventbridge request | authorized | DescribeVpcAccesses SetVpcAccess PublishMessage
fc-destination/empty-payload.json | fc-destination invalid | rejected | PublishMessage
fc-destination/failed-in-a-queue.json | smq-queue/fc-destination/smq-queue request | authorized | DescribeVpcAccesses SetVpcAccess PublishMessage
fc-destination/failed-queue-batch.json | fc-destination/smq-queue request | authorized | DescribeVpcAccesses SetVpcAccess PublishMessage
fc-destination/failed-request.json | fc-destination request | authorized | DescribeVpcAccesses SetVpcAccess PublishMessage
fc-destination/succeeded.json | fc-destination succeeded | ignored succeeded
fc-destination/via-eventbridge.json | fc-destination request | authorized | DescribeVpcAccesses SetVpcAccess PublishMessage
foreign/mns-http-notification.json | smq-topic request | authorized | DescribeVpcAccesses SetVpcAccess PublishMessage
foreign/oss.json | manual invalid | rejected | PublishMessage
foreign/own-result.json | eventbridge ignored | ignored own-result
hostile/base64-in-base64.txt | manual invalid | rejected | PublishMessage
hostile/half-a-surrogate-pair.json | manual invalid | rejected | PublishMessage
hostile/huge-id.json | manual invalid | rejected | PublishMessage
hostile/log-forgery.json | manual invalid | rejected | PublishMessage
hostile/long-number.json | manual invalid | rejected | PublishMessage
hostile/mixed.json | smq-queue request, manual invalid, timer timer | authorized, rejected, ignored timer | DescribeVpcAccesses SetVpcAccess PublishMessage PublishMessage
hostile/nested-lists.json | manual invalid | rejected | PublishMessage
hostile/not-a-number.json | manual invalid | rejected | PublishMessage
hostile/not-utf-8.bin | manual invalid | rejected | PublishMessage
hostile/text-in-text.json | manual request | authorized | DescribeVpcAccesses SetVpcAccess PublishMessage
hostile/truncated.txt | manual invalid | rejected | PublishMessage
http/cloudevent-binary.json | http/eventbridge request | authorized | DescribeVpcAccesses SetVpcAccess PublishMessage | HTTP 200
http/get.json | http invalid | rejected | PublishMessage | HTTP 400
http/post-async.json | http-async/eventbridge/ecs appeared | failed InstanceNotFound | 5x(DescribeInstances) PublishMessage | raises
http/post-base64.json | http request | authorized | DescribeVpcAccesses SetVpcAccess PublishMessage | HTTP 200
http/post-batch-mixed.json | 2x http request | authorized, refused PortNotAllowed | DescribeVpcAccesses SetVpcAccess PublishMessage PublishMessage | HTTP 207
http/post-not-base64.json | http invalid | rejected | PublishMessage | HTTP 400
http/post-not-found.json | http/eventbridge/ecs appeared | failed InstanceNotFound | 5x(DescribeInstances) PublishMessage | HTTP 503
http/post-not-json.json | http invalid | rejected | PublishMessage | HTTP 400
http/post-refused.json | http request | refused PortNotAllowed | PublishMessage | HTTP 403
http/post.json | http request | authorized | DescribeVpcAccesses SetVpcAccess PublishMessage | HTTP 200
kafka/array-of-texts.json | kafka request | authorized | DescribeVpcAccesses SetVpcAccess PublishMessage
kafka/batch.json | 3x kafka request | 3x authorized | DescribeVpcAccesses 3x(SetVpcAccess PublishMessage)
kafka/raw-data.json | kafka request | authorized | DescribeVpcAccesses SetVpcAccess PublishMessage
kafka/tombstone.json | kafka ignored | ignored tombstone
manual/all-fields.json | manual request | authorized | DescribeVpcAccesses SetVpcAccess PublishMessage
manual/authorize.json | manual request | authorized | DescribeVpcAccesses SetVpcAccess PublishMessage
manual/base64-wrapped.txt | manual request | authorized | DescribeVpcAccesses SetVpcAccess PublishMessage
manual/base64.txt | manual request | authorized | DescribeVpcAccesses SetVpcAccess PublishMessage
manual/batch.json | 3x manual request | 3x authorized | DescribeVpcAccesses 3x(SetVpcAccess PublishMessage)
manual/empty-list.json | manual ignored | ignored empty
manual/load-balancer.json | manual request | authorized | DescribeVpcAccesses SetVpcAccess PublishMessage
manual/missing-fields.json | manual invalid | rejected | PublishMessage
manual/misspelt-field.json | manual invalid | rejected | PublishMessage
manual/number.json | manual invalid | rejected | PublishMessage
manual/port-as-float.json | manual request | authorized | DescribeVpcAccesses SetVpcAccess PublishMessage
manual/port-as-text.json | manual request | authorized | DescribeVpcAccesses SetVpcAccess PublishMessage
manual/port-not-allowed.json | manual request | refused PortNotAllowed | PublishMessage
manual/same-target-twice.json | 2x manual request | authorized, unchanged | DescribeVpcAccesses SetVpcAccess PublishMessage PublishMessage
manual/vpc-not-allowed.json | manual request | refused VpcNotAllowed | PublishMessage
mqtt/batch.json | mqtt request | authorized | DescribeVpcAccesses SetVpcAccess PublishMessage
names/hint-elsewhere.json | names hint | ignored foreign-region
names/hint-in-a-queue.json | 2x smq-queue/names hint | unchanged Standby, ignored names | DescribeVpcAccesses DescribeInstances DescribeScalingInstances DescribeApisByVpcAccess PublishMessage
names/hint-malformed.json | names invalid | ignored
names/hint-not-allowed.json | names hint | refused NameNotAllowed | DescribeVpcAccesses DescribeInstances DescribeScalingInstances PublishMessage
names/hint.json | names hint | unchanged Standby | DescribeVpcAccesses DescribeInstances DescribeScalingInstances DescribeApisByVpcAccess PublishMessage
names/hook-waits.json | smq-queue/names held | scheduled Waiting | DescribeVpcAccesses DescribeInstances DescribeScalingInstances DescribeApisByVpcAccess RecordLifecycleActionHeartbeat SendMessage
names/hook-without-candidate.json | smq-queue/names held | failed NoCandidate, ignored transition | DescribeVpcAccesses DescribeInstances DescribeScalingInstances DescribeApisByVpcAccess PublishMessage CompleteLifecycleAction | hook CONTINUE
names/move-not-carried-out.json | smq-queue/names move | replaced, ignored names | DescribeVpcAccesses DescribeInstances DescribeScalingInstances DescribeVpcAccesses SendMessage DescribeVpcAccesses DescribeInstances ModifyVpcAccessAndUpdateApis DescribeVpcAccesses DescribeApisByVpcAccess DescribeUpdateVpcInfoTask PublishMessage
names/move-returns.json | smq-queue/names move | replaced, ignored names | DescribeVpcAccesses DescribeInstances DescribeScalingInstances DescribeApisByVpcAccess DescribeUpdateVpcInfoTask PublishMessage
names/wish.json | smq-queue/names hint | refused NotACandidate | DescribeVpcAccesses DescribeInstances DescribeScalingInstances DescribeApisByVpcAccess PublishMessage
rabbitmq/batch.json | 2x rabbitmq request | 2x authorized | DescribeVpcAccesses 2x(SetVpcAccess PublishMessage)
rabbitmq/raw-data.json | rabbitmq request | authorized | DescribeVpcAccesses SetVpcAccess PublishMessage
reconcile/payload-empty.json | timer timer | 8x planned create, planned name: Stopped, 3x planned name, 5x planned release, 3x planned in use, 2x planned drift: Untagged, 2x planned refused: ClassicNetwork, planned refused: InvalidPortTag, planned refused: NameNotAllowed, planned refused: NoListener, planned refused: PortNotAllowed, planned refused: VpcNotAllowed, planned stays: NotAnnounced | DescribeVpcAccesses DescribeInstances DescribeLoadBalancers DescribeLoadBalancerListeners 4x(DescribeInstances) DescribeLoadBalancers DescribeLoadBalancerAttribute DescribeBackendList DescribeBackendInfo DescribePlugins 8x(DescribeApisByVpcAccess)
reconcile/payload-nonsense.json | timer timer | 8x planned create, planned name: Stopped, 3x planned name, 5x planned release, 3x planned in use, 2x planned drift: Untagged, 2x planned refused: ClassicNetwork, planned refused: InvalidPortTag, planned refused: NameNotAllowed, planned refused: NoListener, planned refused: PortNotAllowed, planned refused: VpcNotAllowed, planned stays: NotAnnounced | DescribeVpcAccesses DescribeInstances DescribeLoadBalancers DescribeLoadBalancerListeners 4x(DescribeInstances) DescribeLoadBalancers DescribeLoadBalancerAttribute DescribeBackendList DescribeBackendInfo DescribePlugins 8x(DescribeApisByVpcAccess)
reconcile/request.json | manual request | ignored not-a-timer
reconcile/several-in-one.json | timer timer, manual invalid, timer timer | ignored not-a-timer, 8x planned create, planned name: Stopped, 3x planned name, 5x planned release, 3x planned in use, 2x planned drift: Untagged, 2x planned refused: ClassicNetwork, planned refused: InvalidPortTag, planned refused: NameNotAllowed, planned refused: NoListener, planned refused: PortNotAllowed, planned refused: VpcNotAllowed, planned stays: NotAnnounced | DescribeVpcAccesses DescribeInstances DescribeLoadBalancers DescribeLoadBalancerListeners 4x(DescribeInstances) DescribeLoadBalancers DescribeLoadBalancerAttribute DescribeBackendList DescribeBackendInfo DescribePlugins 8x(DescribeApisByVpcAccess)
reconcile/timer.json | timer timer | 8x planned create, planned name: Stopped, 3x planned name, 5x planned release, 3x planned in use, 2x planned drift: Untagged, 2x planned refused: ClassicNetwork, planned refused: InvalidPortTag, planned refused: NameNotAllowed, planned refused: NoListener, planned refused: PortNotAllowed, planned refused: VpcNotAllowed, planned stays: NotAnnounced | DescribeVpcAccesses DescribeInstances DescribeLoadBalancers DescribeLoadBalancerListeners 4x(DescribeInstances) DescribeLoadBalancers DescribeLoadBalancerAttribute DescribeBackendList DescribeBackendInfo DescribePlugins 8x(DescribeApisByVpcAccess)
release/balancer-delete-failed.json | eventbridge/actiontrail ignored | ignored call-failed
release/balancer-deleted.json | eventbridge/actiontrail ended | scheduled | DescribeVpcAccesses SendMessage
release/delete-instances-dry-run.json | eventbridge/actiontrail ignored | ignored event-name
release/delete-instances-failed.json | eventbridge/actiontrail ignored | ignored event-name
release/delete-instances.json | eventbridge/actiontrail ignored | ignored event-name
release/deleted-by-cloudmonitor.json | cloudmonitor ended | scheduled | DescribeVpcAccesses SendMessage
release/deleted-elsewhere.json | eventbridge/ecs ended | ignored foreign-region
release/deleted-foreign.json | eventbridge/ecs ended | ignored foreign-entry | DescribeVpcAccesses
release/deleted-in-other-account.json | eventbridge/ecs ended | ignored foreign-account
release/deleted-requested.json | eventbridge/ecs ended | kept NotAnnounced | DescribeVpcAccesses PublishMessage
release/deleted-under-content.json | eventbridge/ecs ended | 2x scheduled | DescribeVpcAccesses 2x(SendMessage)
release/deleted-unknown.json | eventbridge/ecs ended | ignored no-entry | DescribeVpcAccesses
release/deleted-unmarked.json | eventbridge/ecs ended | ignored foreign-entry | DescribeVpcAccesses
release/deleted.json | eventbridge/ecs ended | scheduled | DescribeVpcAccesses SendMessage
release/due-absent.json | schedule scheduled | released | 2x(DescribeVpcAccesses) PublishMessage
release/due-address.json | schedule scheduled | kept NotAnInstance | 2x(DescribeVpcAccesses) PublishMessage
release/due-alive.json | schedule scheduled | kept Alive | 2x(DescribeVpcAccesses) DescribeInstances PublishMessage
release/due-balancer.json | schedule scheduled | released | 2x(DescribeVpcAccesses) DescribeLoadBalancerAttribute DescribeBackendList DescribeBackendInfo DescribePlugins DescribeApisByVpcAccess DescribeVpcAccesses RemoveVpcAccess 2x(DescribeVpcAccesses) PublishMessage
release/due-bare.json | schedule scheduled | released | 2x(DescribeVpcAccesses) 4x(DescribeInstances) DescribeBackendList DescribeBackendInfo DescribePlugins DescribeApisByVpcAccess DescribeVpcAccesses RemoveVpcAccess 2x(DescribeVpcAccesses) PublishMessage
release/due-changed.json | schedule scheduled | kept Changed | 2x(DescribeVpcAccesses) PublishMessage
release/due-elsewhere.json | schedule scheduled | ignored foreign-region
release/due-foreign.json | schedule scheduled | kept NotOurs | 2x(DescribeVpcAccesses) PublishMessage
release/due-made-again.json | schedule scheduled | kept Changed | 2x(DescribeVpcAccesses) PublishMessage
release/due-malformed.json | schedule invalid | rejected | PublishMessage
release/due-repeated.json | 2x smq-queue/schedule scheduled | 2x released | 2x(DescribeVpcAccesses) 4x(DescribeInstances) DescribeBackendList DescribeBackendInfo DescribePlugins DescribeApisByVpcAccess DescribeVpcAccesses RemoveVpcAccess 2x(DescribeVpcAccesses) PublishMessage 2x(DescribeVpcAccesses) PublishMessage
release/due-requested.json | schedule scheduled | kept NotAnnounced | 2x(DescribeVpcAccesses) PublishMessage
release/due-used-by-api.json | schedule scheduled | kept InUse | 2x(DescribeVpcAccesses) 4x(DescribeInstances) DescribeBackendList DescribeBackendInfo DescribePlugins DescribeApisByVpcAccess PublishMessage
release/due-used-by-backend.json | schedule scheduled | kept InUse | 2x(DescribeVpcAccesses) 4x(DescribeInstances) DescribeBackendList DescribeBackendInfo DescribePlugins DescribeApisByVpcAccess PublishMessage
release/due-used-by-plugin.json | schedule scheduled | kept InUse | 2x(DescribeVpcAccesses) 4x(DescribeInstances) DescribeBackendList DescribeBackendInfo DescribePlugins DescribeApisByVpcAccess PublishMessage
release/due.json | smq-queue/schedule scheduled | released | 2x(DescribeVpcAccesses) 4x(DescribeInstances) DescribeBackendList DescribeBackendInfo DescribePlugins DescribeApisByVpcAccess DescribeVpcAccesses RemoveVpcAccess 2x(DescribeVpcAccesses) PublishMessage
release/hook-scale-in-eventbridge.json | eventbridge/ess-hook leaving | ignored transition | CompleteLifecycleAction | hook CONTINUE
release/hook-scale-in.json | smq-queue/ess-hook leaving | ignored transition | CompleteLifecycleAction | hook CONTINUE
release/listener-deleted.json | eventbridge/actiontrail ignored | ignored event-name
release/release-by-service.json | eventbridge/actiontrail ignored | ignored event-name
release/running.json | eventbridge/ecs appeared | ignored appeared
release/scale-in-success.json | eventbridge ignored | ignored event-type
release/spot-interruption.json | eventbridge ignored | ignored event-type
release/stop-instances.json | eventbridge/actiontrail ignored | ignored event-name
release/stopped.json | eventbridge/ecs changed | ignored state | DescribeVpcAccesses
release/stopping.json | eventbridge/ecs changed | ignored state
rocketmq/batch.json | 2x rocketmq request | 2x authorized | DescribeVpcAccesses 2x(SetVpcAccess PublishMessage)
rocketmq/raw-data.json | rocketmq request | authorized | DescribeVpcAccesses SetVpcAccess PublishMessage
slb/application-load-balancer.json | eventbridge/actiontrail ignored | ignored event-name
slb/create-load-balancer.json | eventbridge/actiontrail appeared | authorized | ListTagResources DescribeLoadBalancerAttribute DescribeVpcAccesses SetVpcAccess PublishMessage
slb/create-on-console.json | eventbridge/actiontrail appeared | authorized | ListTagResources DescribeLoadBalancerAttribute DescribeVpcAccesses SetVpcAccess PublishMessage
slb/delete-load-balancer.json | eventbridge/actiontrail ended | ignored event-name
slb/internet-facing.json | eventbridge/actiontrail appeared | refused ClassicNetwork | ListTagResources DescribeLoadBalancerAttribute PublishMessage
slb/no-listener-yet.json | eventbridge/actiontrail appeared | failed NoListener | 5x(ListTagResources DescribeLoadBalancerAttribute) PublishMessage | raises
slb/port-from-listener.json | eventbridge/actiontrail appeared | 2x authorized | ListTagResources DescribeLoadBalancerAttribute DescribeVpcAccesses 2x(SetVpcAccess PublishMessage)
slb/tagged-a-moment-later.json | eventbridge/actiontrail appeared | authorized | 3x(ListTagResources) DescribeLoadBalancerAttribute DescribeVpcAccesses SetVpcAccess PublishMessage
slb/untagged.json | eventbridge/actiontrail appeared | ignored still-untagged | 5x(ListTagResources)
smq-queue/base64.json | smq-queue request | authorized | DescribeVpcAccesses SetVpcAccess PublishMessage
smq-queue/batch.json | 2x smq-queue request, smq-queue invalid | 2x authorized, rejected | DescribeVpcAccesses 2x(SetVpcAccess PublishMessage) PublishMessage
smq-queue/byte-order-mark.json | smq-queue request | authorized | DescribeVpcAccesses SetVpcAccess PublishMessage
smq-queue/invented-end.json | smq-queue/eventbridge/ecs ended | ignored state
smq-queue/invented-name.json | smq-queue/names hint | ignored names
smq-queue/json-in-string.json | smq-queue request | authorized | DescribeVpcAccesses SetVpcAccess PublishMessage
smq-queue/list-in-message.json | 2x smq-queue request | 2x authorized | DescribeVpcAccesses 2x(SetVpcAccess PublishMessage)
smq-queue/plain-text.json | smq-queue invalid, smq-queue request | rejected, authorized | DescribeVpcAccesses PublishMessage SetVpcAccess PublishMessage
smq-queue/raw-data.json | 2x smq-queue request | 2x authorized | DescribeVpcAccesses 2x(SetVpcAccess PublishMessage)
smq-queue/single.json | smq-queue request | authorized | DescribeVpcAccesses SetVpcAccess PublishMessage
smq-queue/xml-notification.json | smq-queue invalid | rejected | PublishMessage
smq-topic/impersonating-attributes.json | smq-topic request | authorized | DescribeVpcAccesses SetVpcAccess PublishMessage
smq-topic/json-attributes.json | smq-topic request | authorized | DescribeVpcAccesses SetVpcAccess PublishMessage
smq-topic/json-base64.json | smq-topic request | authorized | DescribeVpcAccesses SetVpcAccess PublishMessage
smq-topic/json.json | smq-topic request | authorized | DescribeVpcAccesses SetVpcAccess PublishMessage
smq-topic/stream-attributes.json | smq-topic request | authorized | DescribeVpcAccesses SetVpcAccess PublishMessage
smq-topic/stream-base64.txt | manual request | authorized | DescribeVpcAccesses SetVpcAccess PublishMessage
smq-topic/stream-text.txt | manual invalid | rejected | PublishMessage
smq-topic/stream.json | manual request | authorized | DescribeVpcAccesses SetVpcAccess PublishMessage
timer/timer.json | timer timer | ignored timer
"""


class Row(NamedTuple):
    """One line of the table, what is counted written out."""

    file: str
    recognised: list[str]
    outcomes: list[str]
    calls: list[str]
    also: str

    @classmethod
    def read(cls, line: str) -> Row:
        cells = [cell.strip() for cell in line.split("|")]
        file, recognised, outcomes, calls, also = cells + [""] * (5 - len(cells))
        operations = re.sub(r"(\d)x\(([^)]*)\)", lambda found: " ".join([found[2]] * int(found[1])), calls)
        called = [f"{PRODUCTS[operation]}.{operation}" for operation in operations.split()]
        return cls(file, _listed(recognised), _listed(outcomes), called, also)


def _listed(cell: str) -> list[str]:
    """Return the items of ``3x this, that``."""
    counted = (re.fullmatch(r"(?:(\d)x )?(.+)", item) for item in cell.split(", "))
    return list(chain.from_iterable(repeat(found[2], int(found[1] or 1)) for found in counted if found))


def function_of(file: Path) -> Work:
    """Return what the function does that an event file is for."""
    return catalogue.work(catalogue.for_event(file))


ROWS = [Row.read(line) for line in TABLE.strip().splitlines()]
