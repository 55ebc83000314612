"""The floor: the same bytes on the wire with nothing but the standard library; no validation, no retry, no log.

Nobody should run this. It shows what is left when everything that costs is gone.
"""

import hmac
import json
import os
import time
from base64 import b64encode
from hashlib import sha256
from http.client import HTTPConnection
from typing import Any
from urllib.parse import quote

EMPTY = sha256(b"").hexdigest()
connection: HTTPConnection
setting = os.environ


def initialize(_context: Any) -> None:
    """Open the connection; the peer is both gateway and topic."""
    global connection  # noqa: PLW0603 - one instance serves one request at a time
    connection = HTTPConnection(setting["APIGATEWAY_ENDPOINT"].partition("://")[2])


def handler(event: bytes, context: Any) -> Any:
    """Read what is there, write, publish."""
    for message in json.loads(event):
        request = json.loads(message["data"]["messageBody"])
        if setting.get("BENCH_DESCRIBE") == "yes":
            _rpc("DescribeVpcAccesses", {"PageNumber": "1", "PageSize": "100"})
        parameters = {name: str(value) for name, value in request.items() if name != "Tag"}
        marks = {"vpc-access-owner": setting["OWNER"], "vpc-access-origin": "requested"}
        tags = [*request["Tag"], *({"Key": key, "Value": value} for key, value in marks.items())]
        for number, tag in enumerate(tags, 1):
            parameters |= {f"Tag.{number}.Key": tag["Key"], f"Tag.{number}.Value": tag["Value"]}
        answer = json.loads(_rpc("SetVpcAccess", parameters))
        _publish(json.dumps(_result(message, request, answer, context.request_id), separators=(",", ":")))


def _result(message: Any, request: Any, answer: Any, invocation_id: str) -> dict[str, Any]:
    target = [request["VpcId"], request["InstanceId"], request["Port"]]
    key = json.dumps([setting["OWNER"], message["data"]["messageId"], "", target, "granted"])
    return {
        "specversion": "1.0",
        "id": sha256(key.encode()).hexdigest()[:32],
        "source": f"/vpc-access-authorizer/{setting['OWNER']}",
        "type": "vpcaccess.authorized",
        "subject": request["Name"],
        "time": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
        "datacontenttype": "application/json",
        "data": {
            "SourceMessageId": message["data"]["messageId"],
            "Source": "smq-queue",
            "Name": request["Name"],
            "VpcId": request["VpcId"],
            "InstanceId": request["InstanceId"],
            "Port": request["Port"],
            "VpcAccessId": answer["VpcAccessId"],
            "RequestId": answer["RequestId"],
            "InvocationId": invocation_id,
        },
    }


def _rpc(action: str, parameters: dict[str, str]) -> bytes:
    query = "&".join(f"{quote(name, safe='~')}={quote(value, safe='~')}" for name, value in sorted(parameters.items()))
    headers = {
        "host": setting["APIGATEWAY_ENDPOINT"].partition("://")[2],
        "x-acs-action": action,
        "x-acs-content-sha256": EMPTY,
        "x-acs-date": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
        "x-acs-signature-nonce": os.urandom(16).hex(),
        "x-acs-version": "2016-07-14",
        "x-acs-security-token": setting["ALIBABA_CLOUD_SECURITY_TOKEN"],
    }
    names = ";".join(sorted(headers))
    lines = "".join(f"{name}:{headers[name]}\n" for name in sorted(headers))
    digest = sha256(f"POST\n/\n{query}\n{lines}\n{names}\n{EMPTY}".encode()).hexdigest()
    signature = hmac.digest(
        setting["ALIBABA_CLOUD_ACCESS_KEY_SECRET"].encode(), f"ACS3-HMAC-SHA256\n{digest}".encode(), "sha256"
    ).hex()
    key_id = setting["ALIBABA_CLOUD_ACCESS_KEY_ID"]
    headers["authorization"] = f"ACS3-HMAC-SHA256 Credential={key_id},SignedHeaders={names},Signature={signature}"
    headers["accept"] = "application/json"
    return _send(f"/?{query}", headers, b"")


def _publish(message: str) -> None:
    body = (
        '<?xml version="1.0" encoding="utf-8"?><Message xmlns="http://mns.aliyuncs.com/doc/v1/">'
        f"<MessageBody>{b64encode(message.encode()).decode()}</MessageBody><MessageTag>authorized</MessageTag></Message>"
    ).encode()
    target = f"/topics/{setting['RESULT_TOPIC']}/messages"
    headers = {
        "content-type": "text/xml;charset=utf-8",
        "date": time.strftime("%a, %d %b %Y %H:%M:%S GMT", time.gmtime()),
        "host": setting["SMQ_ENDPOINT"].partition("://")[2],
        "x-mns-version": "2015-06-06",
    }
    text = f"POST\n\n{headers['content-type']}\n{headers['date']}\nx-mns-version:2015-06-06\n{target}"
    digest = hmac.digest(setting["ALIBABA_CLOUD_ACCESS_KEY_SECRET"].encode(), text.encode(), "sha1")
    headers["authorization"] = f"MNS {setting['ALIBABA_CLOUD_ACCESS_KEY_ID']}:{b64encode(digest).decode()}"
    headers["security-token"] = setting["ALIBABA_CLOUD_SECURITY_TOKEN"]
    _send(target, headers, body)


def _send(target: str, headers: dict[str, str], body: bytes) -> bytes:
    connection.putrequest("POST", target, skip_host=True, skip_accept_encoding=True)
    for name, value in ({"accept-encoding": "identity", "content-length": str(len(body))} | headers).items():
        connection.putheader(name, value)
    connection.endheaders(body)
    return connection.getresponse().read()
