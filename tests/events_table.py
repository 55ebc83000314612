"""The table of the files under ``events/``: what each is recognised as, what becomes of it, and every call made for it.

``tests/shared/events/test_events.py`` holds every row against the function; ``tests/catalogue.py`` prints it into ``events/README.md``.
"""

from __future__ import annotations

import re
from itertools import chain, repeat
from pathlib import Path
from typing import NamedTuple

EVENTS = Path(__file__).parents[1] / "events"
_OTHERS = ("cloud.json", "README.md")  # and the schemas
FILES = sorted(
    path for path in EVENTS.rglob("*") if path.is_file() and path.name not in _OTHERS and path.parent.name != "schema"
)
"""Every event; what else stands under ``events/`` is none."""
CALLS = {
    "read": "CloudAPI.DescribeVpcAccesses",
    "write": "CloudAPI.SetVpcAccess",
    "publish": "SMQ.PublishMessage",
    "ecs": "ECS.DescribeInstances",
    "tags": "SLB.ListTagResources",
    "slb": "SLB.DescribeLoadBalancerAttribute",
    "complete": "ESS.CompleteLifecycleAction",
    "beat": "ESS.RecordLifecycleActionHeartbeat",
}
GRANT = "write publish"

# file | recognised as | what becomes of it | calls (grant: write publish) | raises, HTTP status, what a hook is told
TABLE = """
actiontrail/create-instance.json | eventbridge/actiontrail appeared | authorized | ecs read grant
actiontrail/create-of-another-product.json | eventbridge/actiontrail ignored | ignored event-name
actiontrail/create-on-console.json | eventbridge/actiontrail appeared | authorized | ecs read grant
actiontrail/delete-disk-by-service.json | eventbridge/actiontrail ignored | ignored event-name
actiontrail/record-alone.json | actiontrail appeared | authorized | ecs read grant
actiontrail/run-instances-failed.json | eventbridge/actiontrail ignored | ignored call-failed
actiontrail/run-instances.json | 2x eventbridge/actiontrail appeared | 2x authorized | ecs read 2x(grant)
actiontrail/stop-instance.json | eventbridge/actiontrail ignored | ignored event-name
actiontrail/without-instances.json | eventbridge/actiontrail invalid | rejected | publish
api-gateway/post-plain.json | api-gateway request | authorized | read grant | HTTP 200
api-gateway/post-rejected.json | api-gateway invalid | rejected | publish | HTTP 400
api-gateway/post.json | api-gateway request | authorized | read grant | HTTP 200
cloudmonitor/created.json | cloudmonitor appeared | authorized | ecs read grant
cloudmonitor/in-a-queue.json | smq-queue/cloudmonitor appeared | authorized | ecs read grant
cloudmonitor/other-product.json | cloudmonitor ignored | ignored product
cloudmonitor/running.json | cloudmonitor appeared | authorized | ecs read grant
cloudmonitor/spot-interruption.json | cloudmonitor ignored | ignored event-name
cloudmonitor/stopping.json | cloudmonitor changed | ignored state
cloudmonitor/subscription-in-a-queue.json | smq-queue/cloudmonitor appeared | authorized | ecs read grant
cloudmonitor/subscription-other-event.json | cloudmonitor ignored | ignored event-name
cloudmonitor/subscription-resolved.json | cloudmonitor ignored | ignored resolved
cloudmonitor/subscription-stopping.json | cloudmonitor changed | ignored state
cloudmonitor/subscription-webhook-form.json | http/cloudmonitor appeared | authorized | ecs read grant | HTTP 200
cloudmonitor/subscription-webhook.json | http/cloudmonitor appeared | authorized | ecs read grant | HTTP 200
cloudmonitor/subscription-without-content.json | cloudmonitor invalid | rejected | publish
cloudmonitor/subscription.json | cloudmonitor appeared | authorized | ecs read grant
cloudmonitor/system-maintenance.json | cloudmonitor ignored | ignored event-name
ecs/batch-with-duplicate.json | 3x eventbridge/ecs appeared | 2x authorized, unchanged | ecs read 2x(grant) publish
ecs/bus-region-with-suffix.json | eventbridge/ecs appeared | authorized | ecs read grant
ecs/classic-network.json | eventbridge/ecs appeared | refused ClassicNetwork | ecs publish
ecs/created.json | eventbridge/ecs appeared | authorized | ecs read grant
ecs/deleted.json | eventbridge/ecs ended | ignored state
ecs/disk-event.json | eventbridge ignored | ignored event-type
ecs/foreign-account.json | eventbridge/ecs appeared | ignored foreign-account
ecs/foreign-region.json | eventbridge/ecs appeared | ignored foreign-region
ecs/invalid-port-tag.json | eventbridge/ecs appeared | rejected InvalidPortTag | ecs publish
ecs/not-found.json | eventbridge/ecs appeared | failed InstanceNotFound | 5x(ecs) publish | raises
ecs/pending-not-visible-yet.json | eventbridge/ecs appeared | ignored not-yet | ecs
ecs/pending.json | eventbridge/ecs appeared | authorized | ecs read grant
ecs/port-not-allowed.json | eventbridge/ecs appeared | refused PortNotAllowed | ecs publish
ecs/released.json | eventbridge/ecs appeared | ignored gone | 4x(ecs)
ecs/running-not-visible-yet.json | eventbridge/ecs appeared | authorized | 3x(ecs) read grant
ecs/running.json | eventbridge/ecs appeared | authorized | ecs read grant
ecs/several-ports.json | eventbridge/ecs appeared | 2x authorized | ecs read 2x(grant)
ecs/state-under-content.json | eventbridge/ecs appeared | authorized | ecs read grant
ecs/stopped-under-content.json | eventbridge/ecs changed | ignored state
ecs/stopping.json | eventbridge/ecs changed | ignored state
ecs/untagged.json | eventbridge/ecs appeared | ignored untagged | ecs
ecs/vpc-not-allowed.json | eventbridge/ecs appeared | refused VpcNotAllowed | ecs publish
ecs/without-state.json | eventbridge/ecs invalid | rejected | publish
ess/hook-container-group.json | 2x ess-hook appeared | 2x ignored not-a-backend | complete | hook CONTINUE
ess/hook-foreign-region.json | ess-hook appeared | ignored foreign-region
ess/hook-gone.json | 2x ess-hook appeared | authorized, failed InstanceNotFound | 5x(ecs) read grant publish beat | raises, hook WAIT
ess/hook-mixed-group.json | 2x ess-hook appeared | authorized, ignored not-a-backend | ecs read grant complete | hook CONTINUE
ess/hook-rejected.json | 2x ess-hook appeared | authorized, rejected InvalidPortTag | ecs read grant publish complete | hook CONTINUE
ess/hook-scale-in.json | ess-hook leaving | ignored transition | complete | hook CONTINUE
ess/hook-stale-token.json | ess-hook appeared | authorized | ecs read grant complete | hook CONTINUE (stale)
ess/hook-test.json | eventbridge ignored | ignored event-type
ess/hook-untagged.json | ess-hook appeared | ignored untagged | ecs complete | hook CONTINUE
ess/hook-via-eventbridge.json | 3x eventbridge/ess-hook appeared | 4x authorized | ecs read 4x(grant) complete | hook CONTINUE
ess/hook-via-queue.json | 3x smq-queue/ess-hook appeared | 4x authorized | ecs read 4x(grant) complete | hook CONTINUE
ess/hook-via-topic-base64.json | 3x smq-topic/ess-hook appeared | 4x authorized | ecs read 4x(grant) complete | hook CONTINUE
ess/hook-via-topic.json | 3x smq-topic/ess-hook appeared | 4x authorized | ecs read 4x(grant) complete | hook CONTINUE
ess/hook-without-instances.json | ess-hook invalid | rejected | publish
ess/scale-out-partial-success.json | eventbridge/ess appeared | authorized | ecs read grant
ess/scale-out-start.json | eventbridge ignored | ignored event-type
ess/scale-out-success.json | 2x eventbridge/ess appeared | 2x authorized | ecs read 2x(grant)
ess/scale-out-without-instances.json | eventbridge/ess invalid | rejected | publish
eventbridge/data-base64.json | eventbridge request | authorized | read grant
eventbridge/other-product.json | eventbridge ignored | ignored event-type
eventbridge/own-bus-unknown.json | eventbridge invalid | rejected | publish
eventbridge/own-bus.json | eventbridge request | authorized | read grant
fc-destination/empty-payload.json | fc-destination invalid | rejected | publish
fc-destination/failed-in-a-queue.json | smq-queue/fc-destination/smq-queue request | authorized | read grant
fc-destination/failed-queue-batch.json | fc-destination/smq-queue request | authorized | read grant
fc-destination/failed-request.json | fc-destination request | authorized | read grant
fc-destination/succeeded.json | fc-destination succeeded | ignored succeeded
fc-destination/via-eventbridge.json | fc-destination request | authorized | read grant
foreign/mns-http-notification.json | smq-topic request | authorized | read grant
foreign/oss.json | manual invalid | rejected | publish
foreign/own-result.json | eventbridge ignored | ignored own-result
hostile/base64-in-base64.txt | manual invalid | rejected | publish
hostile/half-a-surrogate-pair.json | manual invalid | rejected | publish
hostile/huge-id.json | manual invalid | rejected | publish
hostile/log-forgery.json | manual invalid | rejected | publish
hostile/long-number.json | manual invalid | rejected | publish
hostile/mixed.json | smq-queue request, manual invalid, timer timer | authorized, rejected, ignored timer | read grant publish
hostile/nested-lists.json | manual invalid | rejected | publish
hostile/not-a-number.json | manual invalid | rejected | publish
hostile/not-utf-8.bin | manual invalid | rejected | publish
hostile/text-in-text.json | manual request | authorized | read grant
hostile/truncated.txt | manual invalid | rejected | publish
http/cloudevent-binary.json | http/eventbridge request | authorized | read grant | HTTP 200
http/get.json | http invalid | rejected | publish | HTTP 400
http/post-async.json | http-async/eventbridge/ecs appeared | failed InstanceNotFound | 5x(ecs) publish | raises
http/post-base64.json | http request | authorized | read grant | HTTP 200
http/post-batch-mixed.json | 2x http request | authorized, refused PortNotAllowed | read grant publish | HTTP 207
http/post-not-base64.json | http invalid | rejected | publish | HTTP 400
http/post-not-found.json | http/eventbridge/ecs appeared | failed InstanceNotFound | 5x(ecs) publish | HTTP 503
http/post-not-json.json | http invalid | rejected | publish | HTTP 400
http/post-refused.json | http request | refused PortNotAllowed | publish | HTTP 403
http/post.json | http request | authorized | read grant | HTTP 200
kafka/array-of-texts.json | kafka request | authorized | read grant
kafka/batch.json | 3x kafka request | 3x authorized | read 3x(grant)
kafka/raw-data.json | kafka request | authorized | read grant
kafka/tombstone.json | kafka ignored | ignored tombstone
manual/all-fields.json | manual request | authorized | read grant
manual/authorize.json | manual request | authorized | read grant
manual/base64-wrapped.txt | manual request | authorized | read grant
manual/base64.txt | manual request | authorized | read grant
manual/batch.json | 3x manual request | 3x authorized | read 3x(grant)
manual/empty-list.json | manual ignored | ignored empty
manual/load-balancer.json | manual request | authorized | read grant
manual/missing-fields.json | manual invalid | rejected | publish
manual/misspelt-field.json | manual invalid | rejected | publish
manual/number.json | manual invalid | rejected | publish
manual/port-as-float.json | manual request | authorized | read grant
manual/port-as-text.json | manual request | authorized | read grant
manual/port-not-allowed.json | manual request | refused PortNotAllowed | publish
manual/same-target-twice.json | 2x manual request | authorized, unchanged | read grant publish
manual/vpc-not-allowed.json | manual request | refused VpcNotAllowed | publish
mqtt/batch.json | mqtt request | authorized | read grant
rabbitmq/batch.json | 2x rabbitmq request | 2x authorized | read 2x(grant)
rabbitmq/raw-data.json | rabbitmq request | authorized | read grant
rocketmq/batch.json | 2x rocketmq request | 2x authorized | read 2x(grant)
rocketmq/raw-data.json | rocketmq request | authorized | read grant
slb/application-load-balancer.json | eventbridge/actiontrail ignored | ignored event-name
slb/create-load-balancer.json | eventbridge/actiontrail appeared | authorized | tags slb read grant
slb/create-on-console.json | eventbridge/actiontrail appeared | authorized | tags slb read grant
slb/delete-load-balancer.json | eventbridge/actiontrail ended | ignored event-name
slb/internet-facing.json | eventbridge/actiontrail appeared | refused ClassicNetwork | tags slb publish
slb/no-listener-yet.json | eventbridge/actiontrail appeared | failed NoListener | 5x(tags slb) publish | raises
slb/port-from-listener.json | eventbridge/actiontrail appeared | 2x authorized | tags slb read 2x(grant)
slb/tagged-a-moment-later.json | eventbridge/actiontrail appeared | authorized | 3x(tags) slb read grant
slb/untagged.json | eventbridge/actiontrail appeared | ignored still-untagged | 5x(tags)
smq-queue/base64.json | smq-queue request | authorized | read grant
smq-queue/batch.json | 2x smq-queue request, smq-queue invalid | 2x authorized, rejected | read 2x(grant) publish
smq-queue/byte-order-mark.json | smq-queue request | authorized | read grant
smq-queue/json-in-string.json | smq-queue request | authorized | read grant
smq-queue/list-in-message.json | 2x smq-queue request | 2x authorized | read 2x(grant)
smq-queue/plain-text.json | smq-queue invalid, smq-queue request | rejected, authorized | read publish grant
smq-queue/raw-data.json | 2x smq-queue request | 2x authorized | read 2x(grant)
smq-queue/single.json | smq-queue request | authorized | read grant
smq-queue/xml-notification.json | smq-queue invalid | rejected | publish
smq-topic/impersonating-attributes.json | smq-topic request | authorized | read grant
smq-topic/json-attributes.json | smq-topic request | authorized | read grant
smq-topic/json-base64.json | smq-topic request | authorized | read grant
smq-topic/json.json | smq-topic request | authorized | read grant
smq-topic/stream-attributes.json | smq-topic request | authorized | read grant
smq-topic/stream-base64.txt | manual request | authorized | read grant
smq-topic/stream-text.txt | manual invalid | rejected | publish
smq-topic/stream.json | manual request | authorized | read grant
timer/timer.json | timer timer | ignored timer
"""


class Row(NamedTuple):
    """One line of the table, its abbreviations written out."""

    file: str
    recognised: list[str]
    outcomes: list[str]
    calls: list[str]
    also: str

    @classmethod
    def read(cls, line: str) -> Row:
        cells = [cell.strip() for cell in line.split("|")]
        file, recognised, outcomes, calls, also = cells + [""] * (5 - len(cells))
        words = re.sub(r"(\d)x\(([^)]*)\)", lambda found: " ".join([found[2]] * int(found[1])), calls)
        words = words.replace("grant", GRANT)
        return cls(file, _listed(recognised), _listed(outcomes), [CALLS[word] for word in words.split()], also)


def _listed(cell: str) -> list[str]:
    """Return the items of ``3x this, that``."""
    counted = (re.fullmatch(r"(?:(\d)x )?(.+)", item) for item in cell.split(", "))
    return list(chain.from_iterable(repeat(found[2], int(found[1] or 1)) for found in counted if found))


ROWS = [Row.read(line) for line in TABLE.strip().splitlines()]
