"""The AWS side of the test bench: an SNS topic with SQS subscriptions on moto's server, for the optional SNS sink.

moto is the honest fake for what is AWS and for nothing else. Seen with moto 5.2.5 (https://github.com/getmoto/moto): it
never verifies signatures and knows no Alibaba service, and it routes by the credential scope in Authorization, so an
unsigned SNS call lands in its S3.
"""

from __future__ import annotations

import json
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import boto3
import httpx
import pytest
from moto.server import ThreadedMotoServer

if TYPE_CHECKING:
    from collections.abc import Iterator

REGION = "us-east-1"
ACCESS_KEY_ID = "test-access-key-id"
SECRET_ACCESS_KEY = "test-access-key-secret"


@dataclass
class Aws:
    """A running moto server with one SNS topic, subscribed by a raw and by an envelope SQS queue.

    ``queue_url`` gets the bare message (RawMessageDelivery), ``envelope_queue_url`` SNS's JSON envelope.
    """

    endpoint: str
    topic_arn: str = ""
    queue_url: str = ""
    envelope_queue_url: str = ""
    region: str = REGION
    environment: dict[str, str] = field(
        default_factory=lambda: {
            "AWS_ACCESS_KEY_ID": ACCESS_KEY_ID,
            "AWS_SECRET_ACCESS_KEY": SECRET_ACCESS_KEY,
            "AWS_DEFAULT_REGION": REGION,
        }
    )

    def client(self, service: str) -> Any:
        """Return a boto3 client for the server; the caller closes it."""
        return boto3.client(
            service,
            endpoint_url=self.endpoint,
            region_name=self.region,
            aws_access_key_id=ACCESS_KEY_ID,
            aws_secret_access_key=SECRET_ACCESS_KEY,
        )

    def receive(self, *, wait: int = 0) -> list[str]:
        """Take and delete what the raw queue holds (at most ten messages); bodies as published."""
        return self._take(self.queue_url, wait)

    def receive_envelopes(self, *, wait: int = 0) -> list[dict[str, Any]]:
        """Take and delete what the envelope queue holds; SNS envelopes with ``Message``, ``TopicArn`` …"""
        return [json.loads(body) for body in self._take(self.envelope_queue_url, wait)]

    def _take(self, queue_url: str, wait: int) -> list[str]:
        sqs = self.client("sqs")
        try:
            found = sqs.receive_message(QueueUrl=queue_url, MaxNumberOfMessages=10, WaitTimeSeconds=wait)
            messages = found.get("Messages", [])
            for message in messages:
                sqs.delete_message(QueueUrl=queue_url, ReceiptHandle=message["ReceiptHandle"])
            return [message["Body"] for message in messages]
        finally:
            sqs.close()


@contextmanager
def running_aws(topic: str = "results") -> Iterator[Aws]:
    """Run moto's server on a free loopback port with an SNS topic and its two subscribed queues."""
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0)
    server.start()
    try:
        host, port = server.get_host_and_port()
        aws = Aws(f"http://{host}:{port}")
        # State outlives a server inside one process: moto keeps its backends in modules.
        httpx.post(f"{aws.endpoint}/moto-api/reset", trust_env=False).raise_for_status()
        _set_up(aws, topic)
        yield aws
    finally:
        server.stop()


def _set_up(aws: Aws, topic: str) -> None:
    sns, sqs = aws.client("sns"), aws.client("sqs")
    try:
        aws.topic_arn = sns.create_topic(Name=topic)["TopicArn"]
        aws.queue_url = _subscribed_queue(aws, sns, sqs, f"{topic}-raw", {"RawMessageDelivery": "true"})
        aws.envelope_queue_url = _subscribed_queue(aws, sns, sqs, f"{topic}-envelope", {})
    finally:
        sns.close()
        sqs.close()


def _subscribed_queue(aws: Aws, sns: Any, sqs: Any, name: str, attributes: dict[str, str]) -> str:
    url = str(sqs.create_queue(QueueName=name)["QueueUrl"])
    arn = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    sns.subscribe(TopicArn=aws.topic_arn, Protocol="sqs", Endpoint=arn, Attributes=attributes)
    return url


@pytest.fixture
def aws() -> Iterator[Aws]:
    """A moto server with an SNS topic and two subscribed SQS queues; needs ``enable_socket``."""
    with running_aws() as running:
        yield running
