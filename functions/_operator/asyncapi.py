"""The AsyncAPI document of the messages: where requests go in and results come out, over their JSON Schemas. Pure.

https://www.asyncapi.com/docs/reference/specification/v3.0.0
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from functions._operator.version import version

_ABOUT = """Authorizes API Gateway (classic) of Alibaba Cloud to reach backends in a VPC.

A request is a message on the request queue, a result one on the result topic. Both are JSON; the vendor's SDKs put Base64
around a body, and so does the function, unless RESULT_ENCODING is plain. The message tag of a result is the last word of its
type, so that a subscription can ask for one kind. A result may come more than once: drop repeats by its id."""


def document(request: Mapping[str, Any], result: Mapping[str, Any]) -> dict[str, Any]:
    """Return the AsyncAPI 3.0 document of these JSON Schemas (``events/schema/request.json`` and ``result.json``)."""
    (one, many), (shown, shown_list) = request["anyOf"], request["examples"]
    messages = {
        "request": _message("A request", "One request; its Correlation comes back in the result.", one, shown),
        "requests": _message("Requests", "A list of requests; each has a result of its own.", many, shown_list),
        "result": _message("A result", result["title"], {"$ref": "#/$defs/Result"}, result["examples"][0]),
    }
    messages["request"]["correlationId"] = {"location": "$message.payload#/Correlation"}
    messages["result"]["correlationId"] = {"location": "$message.payload#/data/Correlation"}
    told = {name: value for name, value in result.items() if name not in ("$schema", "$defs", "title", "examples")}
    channels = {
        "requests": _channel(
            "set-vpc-access-requests", "queue", "The request queue, an SMQ queue.", ["request", "requests"]
        ),
        "results": _channel("set-vpc-access-results", "topic", "The result topic, an SMQ topic.", ["result"]),
    }
    made = {
        "asyncapi": "3.0.0",
        "info": {
            "title": "VPC access authorizer",
            "version": version(),
            "description": _ABOUT,
            "license": {"name": "Apache-2.0", "url": "https://www.apache.org/licenses/LICENSE-2.0"},
        },
        "defaultContentType": "application/json",
        "servers": {"smq": _SERVER},
        "channels": channels,
        "operations": {
            "authorize": {
                "action": "receive",
                "summary": "Authorize what is asked for, and tell what became of it.",
                "channel": {"$ref": "#/channels/requests"},
                "messages": [_of_channel("requests", "request"), _of_channel("requests", "requests")],
                "reply": {"channel": {"$ref": "#/channels/results"}, "messages": [_of_channel("results", "result")]},
            },
            "tell": {
                "action": "send",
                "summary": "Tell what became of a request, an announced backend or an entry whose backend is gone.",
                "channel": {"$ref": "#/channels/results"},
                "messages": [_of_channel("results", "result")],
            },
        },
        "components": {"messages": messages, "schemas": {**request["$defs"], "Result": told, **result["$defs"]}},
    }
    moved: dict[str, Any] = json.loads(json.dumps(made).replace('"#/$defs/', '"#/components/schemas/'))
    return moved


_SERVER = {
    "host": "{account}.mns.{region}.aliyuncs.com",
    "protocol": "https",
    "protocolVersion": "2015-06-06",
    "description": "Simple Message Queue (formerly MNS); each request is signed with an access key, as the vendor's SDKs do.",
    "variables": {
        "account": {"description": "id of the Alibaba Cloud account", "examples": ["1234567890123456"]},
        "region": {"description": "id of the region", "default": "cn-hangzhou"},
    },
}


def _message(title: str, summary: str, payload: Mapping[str, Any], example: Any) -> dict[str, Any]:
    return {"title": title, "summary": summary, "payload": payload, "examples": [{"payload": example}]}


def _channel(name: str, parameter: str, about: str, messages: list[str]) -> dict[str, Any]:
    return {
        "address": f"{{{parameter}}}",
        "description": about,
        "servers": [{"$ref": "#/servers/smq"}],
        "parameters": {
            parameter: {
                "description": f"Its name; that of the stack begins with FunctionName: {name}.",
                "default": name,
            }
        },
        "messages": {message: {"$ref": f"#/components/messages/{message}"} for message in messages},
    }


def _of_channel(channel: str, message: str) -> dict[str, str]:
    return {"$ref": f"#/channels/{channel}/messages/{message}"}
