"""Make ``tests/vectors/deploy-requests.json`` anew: what the vendor's own clients send to deploy, and the signature of OSS.

``python -m tests.registry.record`` needs ``alibabacloud_ros20190910`` and ``oss2``, which nothing else here does, so they
are not among the requirements: run it in a virtual environment of its own that has the two and nothing of this project.
"""

from __future__ import annotations

import json
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer
from importlib import import_module
from importlib.metadata import version
from pathlib import Path
from typing import Any, ClassVar
from urllib.parse import parse_qsl, urlsplit

RECORDED = Path(__file__).resolve().parents[1] / "vectors" / "deploy-requests.json"
ANSWER = b'{"StackId":"s-1","RequestId":"r-1","Stacks":[],"Events":[],"Stack":{}}'
KEPT = ("x-acs-action", "x-acs-version", "content-type", "content-md5", "x-oss-date", "x-oss-content-sha256")
PARAMETERS = (("Owner", "team-a"), ("AllowedPorts", "80,443,8000-8999"), ("Title", "Größe & mehr"))
TEMPLATE = "ROSTemplateFormatVersion: '2015-09-01'\n"


class Recorder(BaseHTTPRequestHandler):
    """Takes every request down and answers it with something that all clients accept."""

    seen: ClassVar[list[dict[str, Any]]] = []  # http.server makes the instances, so the class holds it

    def do_POST(self) -> None:
        self._take()

    def do_PUT(self) -> None:
        self._take()

    def log_message(self, *_: object) -> None:
        """Say nothing."""

    def _take(self) -> None:
        body = self.rfile.read(int(self.headers.get("content-length", 0)))
        url = urlsplit(self.path)
        headers = {name.lower(): value for name, value in self.headers.items()}
        entry: dict[str, Any] = {"method": self.command, "path": url.path, "query": dict(parse_qsl(url.query))}
        entry["headers"] = {name: headers[name] for name in KEPT if name in headers}
        if headers.get("content-type", "").startswith("application/x-www-form-urlencoded"):
            entry["form"] = dict(parse_qsl(body.decode()))
        if "x-oss-date" in headers:
            entry["authorization"] = headers["authorization"]
            entry["security-token"] = headers.get("x-oss-security-token", "")
        self.seen.append(entry)
        self.send_response(200)
        self.send_header("Content-Length", str(len(ANSWER)))
        self.send_header("Content-Type", "application/json")
        self.end_headers()
        self.wfile.write(ANSWER)


def stacks(endpoint: str) -> None:
    """Make each of our calls with the vendor's client of Resource Orchestration Service."""
    models = import_module("alibabacloud_ros20190910.models")
    config = import_module("alibabacloud_tea_openapi.models").Config(
        access_key_id="test-id", access_key_secret="test-secret", endpoint=endpoint, protocol="http"
    )
    client = import_module("alibabacloud_ros20190910.client").Client(config)
    region, name = {"region_id": "cn-hangzhou"}, {"stack_name": "vpc-access"}
    known = {"stack_id": "s-1"}
    given = {"template_body": TEMPLATE, "timeout_in_minutes": 30}

    def parameters(operation: str) -> list[Any]:
        kind = getattr(models, f"{operation}RequestParameters")
        return [kind(parameter_key=key, parameter_value=value) for key, value in PARAMETERS]

    client.list_stacks(models.ListStacksRequest(**region, stack_name=["vpc-access"]))
    previous = {"use_previous_parameters": True}
    preview = {**region, **name, **given, "parameters": parameters("PreviewStack")}
    client.preview_stack(models.PreviewStackRequest(**preview))
    client.preview_stack(models.PreviewStackRequest(**preview, **known, **previous))
    client.create_stack(
        models.CreateStackRequest(
            **region, **name, **given, parameters=parameters("CreateStack"), client_token="token-1"
        )
    )
    client.update_stack(
        models.UpdateStackRequest(
            **region, **known, **given, **previous, parameters=parameters("UpdateStack"), client_token="token-1"
        )
    )
    client.get_stack(models.GetStackRequest(**region, **known))
    client.list_stack_events(models.ListStackEventsRequest(**region, **known, page_size=50))
    client.delete_stack(models.DeleteStackRequest(**region, **known))


def upload(endpoint: str) -> None:
    """Put an object with the vendor's client of OSS, with a permanent and with a temporary key."""
    oss2 = import_module("oss2")
    for provider in (
        oss2.credentials.StaticCredentialsProvider("test-id", "test-secret"),
        oss2.credentials.StaticCredentialsProvider("test-id", "test-secret", "test-token"),
    ):
        bucket = oss2.Bucket(
            oss2.ProviderAuthV4(provider), f"http://{endpoint}", "bucket", region="cn-hangzhou", is_path_style=True
        )
        try:
            bucket.put_object("set-vpc-access/0123 ä.zip", b"zip", headers={"Content-Type": "application/zip"})
        except oss2.exceptions.InconsistentError:
            continue  # the answer has no checksum; the request was sent


def main() -> None:
    """Record everything and write it down with the versions of the clients."""
    server = HTTPServer(("127.0.0.1", 0), Recorder)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    endpoint = f"127.0.0.1:{server.server_port}"
    stacks(endpoint)
    upload(endpoint)
    server.shutdown()
    packages = {name: version(name) for name in ("alibabacloud_ros20190910", "oss2")}
    document = {"source": packages, "requests": Recorder.seen}
    RECORDED.write_text(json.dumps(document, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
