"""The refusals of SMQ: one table of codes, statuses and the vendor's wording.

Source: error tables https://www.alibabacloud.com/help/ja/mns/error-codes and
https://www.alibabacloud.com/help/doc-detail/27501.html; names without a printed status are in
``errors.go`` of ``aliyun/aliyun-mns-go-sdk``, their status is assumed here.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from tests.cloud.core import ServiceError

if TYPE_CHECKING:
    from collections.abc import Sequence


class _Refusal(NamedTuple):
    status: int
    message: str


_REFUSALS = {
    "AccessDenied": _Refusal(403, "The OwnerId that your Access Key Id associated to is forbidden for this operation."),
    "InvalidAccessKeyId": _Refusal(403, "The AccessKey Id you provided is not exist."),
    "InvalidArgument": _Refusal(400, "An argument of the request is invalid."),
    "InvalidAuthorizationHeader": _Refusal(400, "The Authorization header format is invalid."),
    "InvalidDateHeader": _Refusal(400, "The Date header format is invalid."),
    "InvalidDegist": _Refusal(400, "The Content-MD5 you specified is invalid."),
    "InvalidQueryString": _Refusal(400, "Http request URL contains invalid querystring item."),
    "InvalidQueueName": _Refusal(400, "The queue name you provided is invalid."),
    "InvalidRequestURL": _Refusal(400, "Http request URL format invalid."),
    "MalformedXML": _Refusal(400, "The XML you provided was not well-formed or has the wrong namespace."),
    "MessageNotExist": _Refusal(404, "Message not exist."),
    "MissingAuthorizationHeader": _Refusal(400, "Authorization header is required."),
    "MissingDateHeader": _Refusal(400, "Date header is required."),
    "MissingReceiptHandle": _Refusal(400, "ReceiptHandle is required."),
    "MissingVisibilityTimeout": _Refusal(400, "VisibilityTimeout is required."),
    "QueueAlreadyExist": _Refusal(409, "The queue you want to create is already exist."),
    "QueueNameLengthError": _Refusal(400, "The length of the queue name is out of range."),
    "QueueNotExist": _Refusal(404, "The queue name you provided is not exist."),
    "ReceiptHandleError": _Refusal(400, "The receipt handle you provide is not valid."),
    "SignatureDoesNotMatch": _Refusal(403, "The request signature we calculated does not match the one you provided."),
    "TimeExpired": _Refusal(408, "The http request you sent is expired."),
    "TopicAlreadyExist": _Refusal(409, "The topic you want to create is already exist."),
    "TopicNotExist": _Refusal(404, "The topic name you provided is not exist."),
    # Names from the Go SDK; statuses assumed by their neighbours in the table above.
    "InvalidEndpoint": _Refusal(400, "The endpoint you provided is invalid."),
    "InvalidSubscriptionName": _Refusal(400, "The subscription name you provided is invalid."),
    "InvalidTopicName": _Refusal(400, "The topic name you provided is invalid."),
    "InvalidVersionHeader": _Refusal(400, "The x-mns-version header is invalid."),
    "MissingVersionHeader": _Refusal(400, "The x-mns-version header is required."),
    "SubscriberNotExist": _Refusal(404, "The subscription name you provided is not exist."),
    "SubscriptionAlreadyExist": _Refusal(409, "The subscription you want to create is already exist."),
    "SubscriptionNameLengthError": _Refusal(400, "The length of the subscription name is out of range."),
    "TopicNameLengthError": _Refusal(400, "The length of the topic name is out of range."),
    # Assumed: no page prints what a bad STS token gives on SMQ.
    "InvalidSecurityToken": _Refusal(403, "The security token does not belong to the AccessKey Id."),
    "SecurityTokenExpired": _Refusal(403, "The security token you provided has expired."),
    # Ours: what this stand-in leaves out says so instead of half-working.
    "NotImplemented": _Refusal(501, "The stand-in does not emulate this."),
}


def refusal(code: str, message: str = "") -> ServiceError:
    """Return the refusal for ``code``, with its documented status; ``message`` replaces the wording."""
    status, wording = _REFUSALS[code]
    return ServiceError(status, code, message or wording)


class BatchError(ServiceError):
    """A batch of which a part failed: the answer lists every item instead of one ``<Error>``.

    ``document`` is the finished body, ``code`` and ``message`` those of the first failed item.
    """

    def __init__(self, status: int, failures: Sequence[ServiceError], document: bytes) -> None:
        super().__init__(status, failures[0].code, failures[0].message)
        self.document = document
