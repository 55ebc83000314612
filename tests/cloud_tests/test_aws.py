"""The AWS side of the test bench, driven by boto3 and by a bare signed request."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import urlencode

import httpx
import pytest
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

from tests.cloud.aws import ACCESS_KEY_ID, SECRET_ACCESS_KEY, aws

if TYPE_CHECKING:
    from tests.cloud.aws import Aws

__all__ = ["aws"]

pytestmark = pytest.mark.enable_socket

EVENT = '{"specversion":"1.0","id":"1","data":{"VpcAccessId":"vpc-1","名":"中"}}'


def test_raw_and_envelope(aws: Aws) -> None:
    """A publication reaches both queues: bare in the one, in SNS's envelope in the other."""
    sns = aws.client("sns")
    published = sns.publish(TopicArn=aws.topic_arn, Message=EVENT)
    sns.close()
    (envelope,) = aws.receive_envelopes()
    assert aws.receive() == [EVENT]
    assert (envelope["Message"], envelope["MessageId"]) == (EVENT, published["MessageId"])
    assert envelope["TopicArn"] == aws.topic_arn
    assert (aws.receive(), aws.receive_envelopes()) == ([], [])


@pytest.mark.parametrize(
    ("topic", "message", "code"),
    [
        pytest.param("missing", EVENT, "NotFound", id="no topic"),
        pytest.param("", "a" * (256 * 1024 + 1), "InvalidParameter", id="over 256 KB"),
    ],
)
def test_refusals(aws: Aws, topic: str, message: str, code: str) -> None:
    """A missing topic and a message over 256 KB are refused with the codes of SNS."""
    sns = aws.client("sns")
    with pytest.raises(sns.exceptions.ClientError) as caught:
        sns.publish(TopicArn=f"{aws.topic_arn}{topic}", Message=message)
    sns.close()
    assert caught.value.response["Error"]["Code"] == code


def test_a_bare_request(aws: Aws) -> None:
    """A signed form over httpx is enough to publish: no SDK is needed on the product's side."""
    form = {"Action": "Publish", "Version": "2010-03-31", "TopicArn": aws.topic_arn, "Message": EVENT}
    request = AWSRequest("POST", f"{aws.endpoint}/", data=urlencode(form).encode())
    request.headers["Content-Type"] = "application/x-www-form-urlencoded"
    SigV4Auth(Credentials(ACCESS_KEY_ID, SECRET_ACCESS_KEY), "sns", aws.region).add_auth(request)
    answer = httpx.post(request.url, content=request.data, headers=dict(request.headers), trust_env=False)
    assert answer.status_code == 200
    assert aws.receive() == [EVENT]


def test_a_new_bench_is_empty(aws: Aws) -> None:
    """Every bench starts with its own topic and empty queues, whatever ran before in this process."""
    sns = aws.client("sns")
    topics = sns.list_topics()["Topics"]
    sns.close()
    assert [topic["TopicArn"] for topic in topics] == [aws.topic_arn]
    assert aws.receive() == []
