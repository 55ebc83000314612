"""What one writes with the vendor's SDKs: pydantic for the request, CloudAPI's client, SMQ's client, all kept.

Written the way their pages show it, except that the clients outlive the invocation: made in the handler, as in the
samples, they cost a new connection each time. One log line an event; no retry beyond what the SDKs do by themselves.
"""

import json
import logging
import os
import sys
import time
from typing import Any

from alibabacloud_cloudapi20160714.client import Client
from alibabacloud_cloudapi20160714.models import (
    DescribeVpcAccessesRequest,
    SetVpcAccessRequest,
    SetVpcAccessRequestTag,
)
from alibabacloud_tea_openapi.models import Config
from mns.account import Account
from mns.topic import Base64TopicMessage, Topic

from tests.bench.candidates.models import AccessRequest

logger = logging.getLogger()
setting = os.environ

gateway: Client
topic: Topic


def initialize(_context: Any) -> None:
    """Make the clients."""
    global gateway, topic  # noqa: PLW0603 - one instance serves one request at a time
    logging.basicConfig(level=logging.INFO, stream=sys.stdout)  # as Function Compute's runtime has done by then
    key = {
        "access_key_id": setting["ALIBABA_CLOUD_ACCESS_KEY_ID"],
        "access_key_secret": setting["ALIBABA_CLOUD_ACCESS_KEY_SECRET"],
        "security_token": setting["ALIBABA_CLOUD_SECURITY_TOKEN"],
    }
    scheme, _, host = setting["APIGATEWAY_ENDPOINT"].partition("://")
    gateway = Client(Config(**key, endpoint=host, protocol=scheme))
    account = Account(setting["SMQ_ENDPOINT"], key["access_key_id"], key["access_key_secret"], key["security_token"])
    topic = account.get_topic(setting["RESULT_TOPIC"])


def handler(event: bytes, _context: Any) -> Any:
    """Authorize what each message asks for and publish the id."""
    results = [_authorize(message) for message in json.loads(event)]
    return json.dumps({"results": results})


def _authorize(message: Any) -> dict[str, Any]:
    request = AccessRequest.model_validate_json(message["data"]["messageBody"])
    if setting.get("BENCH_DESCRIBE") == "yes":
        page = gateway.describe_vpc_accesses(DescribeVpcAccessesRequest(page_number=1, page_size=100)).body
        for entry in page.vpc_access_attributes.vpc_access_attribute:
            if entry.name == request.Name:
                raise ValueError(f"{request.Name} is taken")
    tags = [SetVpcAccessRequestTag(key=tag.Key, value=tag.Value) for tag in request.Tag]
    marks = {"vpc-access-owner": setting["OWNER"], "vpc-access-origin": "requested"}
    answer = gateway.set_vpc_access(
        SetVpcAccessRequest(
            name=request.Name,
            vpc_id=request.VpcId,
            instance_id=request.InstanceId,
            port=request.Port,
            description=request.Description,
            vpc_target_host_name=request.VpcTargetHostName,
            tag=[*tags, *(SetVpcAccessRequestTag(key=key, value=value) for key, value in marks.items())],
        )
    ).body
    result = {
        "specversion": "1.0",
        "id": message["data"]["messageId"],
        "source": f"/vpc-access-authorizer/{setting['OWNER']}",
        "type": "vpcaccess.authorized",
        "subject": request.Name,
        "time": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
        "datacontenttype": "application/json",
        "data": {
            "SourceMessageId": message["data"]["messageId"],
            "Source": "smq-queue",
            "Name": request.Name,
            "VpcId": request.VpcId,
            "InstanceId": request.InstanceId,
            "Port": request.Port,
            "VpcAccessId": answer.vpc_access_id,
            "RequestId": answer.request_id,
        },
    }
    published = topic.publish_message(Base64TopicMessage(json.dumps(result), "authorized"))
    logger.info("authorized %s %s %s", request.Name, answer.vpc_access_id, published.message_id)
    return result
