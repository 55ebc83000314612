"""The vendor's own clients as a caller beside the product's: the common client of its SDKs, and its SDK of SMQ."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from typing import Any

from alibabacloud_tea_openapi.client import Client
from alibabacloud_tea_openapi.exceptions import AlibabaCloudException
from alibabacloud_tea_openapi.utils_models import OpenApiRequest, Params
from darabonba.exceptions import RetryError, TeaException
from darabonba.runtime import RuntimeOptions
from mns.account import Account
from mns.mns_exception import MNSExceptionBase, MNSServerException
from mns.queue import Message
from mns.topic import Base64TopicMessage, TopicMessage

from tests.contract.places import VERSIONS, Place
from tests.contract.replies import Reply, Unclear, code_of_success
from tests.sdk import config_of

_EMPTY = "MessageNotExist"
_MILLISECONDS = 10_000


class Vendor:
    """The vendor's clients with the key of the place."""

    name = "sdk"

    def __init__(self, place: Place) -> None:
        self._place = place
        self._messages: Any = None

    def call(self, product: str, action: str, parameters: Mapping[str, str]) -> Reply:
        """Call an operation by the common client; it tries nothing again by itself."""
        config = config_of(self._place.endpoints[product], self._place.credentials)
        params = Params(
            action=action,
            version=VERSIONS[product],
            protocol=config.protocol.upper(),
            pathname="/",
            method="POST",
            auth_type="AK",
            style="RPC",
            req_body_type="formData",
            body_type="json",
        )
        options = RuntimeOptions(read_timeout=_MILLISECONDS, connect_timeout=_MILLISECONDS)
        query = dict(parameters)
        if product != "CloudAPI":
            query.setdefault("RegionId", self._place.region_id)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)  # its own use of datetime
            try:
                answer = Client(config).call_api(params, OpenApiRequest(query=query), options)
            except AlibabaCloudException as error:
                return Reply(int(error.status_code or 0), str(error.code or ""), {}, {}, type(error).__name__)
            except (TeaException, RetryError, OSError, ValueError) as error:
                raise Unclear(f"{type(error).__name__} of the vendor's SDK") from error
        fields = body if isinstance(body := answer.get("body"), dict) else {}
        code = code_of_success(fields, answer["headers"])
        return Reply(int(answer.get("statusCode", 0)), code, fields, answer["headers"])

    def send(self, queue: str, text: str, delay: int = 0) -> Reply:
        """Send a message by the SDK of SMQ."""
        message = Message(text)
        message.set_delayseconds(delay)
        return _replied(lambda: self._account().get_queue(queue).send_message(message))

    def publish(self, topic: str, text: str, tag: str, *, base64: bool) -> Reply:
        """Publish a message by the SDK of SMQ."""
        kind = Base64TopicMessage if base64 else TopicMessage
        return _replied(lambda: self._account().get_topic(topic).publish_message(kind(text, tag)))

    def receive(self, queue: str) -> str | None:
        """Receive a message that is there now; the SDK decodes Base64, which is undone."""
        found = list[str]()
        target = self._account().get_queue(queue)
        target.set_encoding(False)
        reply = _replied(lambda: found.append(_text(target.receive_message(0).message_body)))
        if reply.code not in ("", _EMPTY):
            raise Unclear(reply.code)
        return found[0] if found else None

    def close(self) -> None:
        """Close the connections of SMQ's SDK."""
        if self._messages is not None:
            self._messages.get_client().close_connection()

    def _account(self) -> Any:
        if self._messages is None:
            key = self._place.credentials
            self._messages = Account(self._place.smq, key.access_key_id, key.access_key_secret, key.security_token)
        return self._messages


def _replied(call: Any) -> Reply:
    try:
        call()
    except MNSServerException as error:
        return Reply(400, str(error.type), {}, {}, type(error).__name__)
    except (MNSExceptionBase, OSError) as error:
        raise Unclear(f"{type(error).__name__} of the vendor's SDK") from error
    return Reply(201, "", {}, {})


def _text(body: Any) -> str:
    return body.decode() if isinstance(body, bytes) else str(body)
