"""Where the record of an asynchronous invocation goes.

Kinds, rights and sizes: <https://www.alibabacloud.com/help/en/fc/user-guide/result-callback>
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from tests.cloud.core import ServiceError
from tests.cloud.fc.triggers.shapes import dumps

if TYPE_CHECKING:
    from tests.cloud.core import Credential
    from tests.cloud.fc.ports import Smq

_KB = 1024
# ARN forms, of queue and topic: website/docs/r/fc_function_async_invoke_config.html.markdown of
# https://github.com/aliyun/terraform-provider-alicloud; of a function in 3.0 and 2.0:
# https://alibabacloud.com/help/en/functioncompute/api-fc-2023-03-30-struct-destination,
# https://www.alibabacloud.com/help/en/fc/developer-reference/api-fc-open-2021-04-06-struct-destination; of a bus:
# https://alibabacloud.com/help/en/eventbridge/developer-reference/api-eventbridge-2020-04-01-createeventbus
_FORMS = {
    "queue": re.compile(r"acs:mns:[^:]*:[^:]*:/queues/([^/]+)/messages"),
    "topic": re.compile(r"acs:mns:[^:]*:[^:]*:/topics/([^/]+)/messages"),
    "function": re.compile(r"acs:fc:[^:]*:[^:]*:((?:services/[^/]+/)?functions/[^/]+)"),
    "bus": re.compile(r"acs:eventbridge:[^:]*:[^:]*:eventbus/([^/]+)"),
}
_NEEDS = {  # the right that the function's role must have, and the largest record
    "queue": ("mns:SendMessage", 64 * _KB),
    "topic": ("mns:PublishMessage", 64 * _KB),
    "function": ("fc:InvokeFunction", 128 * _KB),
    "bus": ("eventbridge:PutEvents", 64 * _KB),
}


@dataclass(frozen=True)
class InvocationRecord:
    """How an asynchronous invocation ended; ``condition`` is "" after success."""

    timestamp: int
    request_id: str
    function_arn: str
    condition: str
    invoke_count: int
    request_payload: bytes
    function_error: str
    response_payload: bytes

    def document(self) -> dict[str, Any]:
        """Return the record as it is printed: both payloads are strings.

        Source: <https://www.alibabacloud.com/help/en/functioncompute/fc/asynchronous-invocation>
        """
        return {
            "timestamp": self.timestamp,
            "requestContext": {
                "requestId": self.request_id,
                "functionArn": self.function_arn,
                "condition": self.condition,
                "approximateInvokeCount": self.invoke_count,
            },
            "requestPayload": self.request_payload.decode(errors="replace"),
            "responseContext": {"statusCode": 200, "functionError": self.function_error},
            "responsePayload": self.response_payload.decode(errors="replace"),
        }


@dataclass(frozen=True)
class Destination:
    """A parsed destination: ``kind`` queue, topic, function or bus, and its name."""

    kind: str
    name: str

    @classmethod
    def parse(cls, arn: str) -> Destination:
        """Parse an ARN; ValueError names the forms."""
        for kind, form in _FORMS.items():
            if found := form.fullmatch(arn):
                return cls(kind, found.group(1))
        raise ValueError(f"not a destination: {arn!r}; there are {', '.join(form.pattern for form in _FORMS.values())}")

    def check(self, credential: Credential, size: int) -> None:
        """Refuse what the service would answer with a 4xx, which Function Compute only counts and drops."""
        action, limit = _NEEDS[self.kind]
        if not credential.may(action):
            raise ServiceError(403, "AccessDenied", f"the function's role may not {action}")
        if size > limit:
            raise ServiceError(400, "EntityTooLarge", f"the record has {size} bytes, {self.kind} takes {limit}")


def send_to_smq(smq: Smq, destination: Destination, record: InvocationRecord) -> None:
    """Put the record into a queue or topic; that its JSON is not Base64-encoded there is assumed."""
    text = dumps(record.document()).decode()
    if destination.kind == "queue":
        smq.send(destination.name, text)
    else:
        smq.publish(destination.name, text)


def bus_event(record: InvocationRecord) -> dict[str, Any]:
    """Return the record as event for a custom bus, as the same page prints it.

    The type of a failure is not printed anywhere; ``failed`` is assumed.
    """
    result = "failed" if record.condition else "succeeded"
    return {
        "source": "acs:fc",
        "type": f"fc:AsyncInvoke:{result}",
        "subject": record.function_arn,
        "datacontenttype": "application/json",
        "data": record.document(),
    }
