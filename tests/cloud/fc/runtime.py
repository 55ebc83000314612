"""The process of one instance: loads the user's code and handles one request after the other.

Runs as ``python -I -S -B runtime.py REQUESTS REPLIES PATH…`` under any CPython 3.10 to 3.12, with nothing but the
standard library: the two numbers are inherited pipe ends, the paths become the head (the code directory) and the
tail (further directories) of ``sys.path``. ``-I`` keeps this file's own directory and ``PYTHON*`` variables out,
``-S`` the interpreter's site-packages: what the function needs must come with its code, as in Function Compute.

A frame is two big-endian 32-bit lengths, a JSON header and a body. Frames in: ``{"op": "initialize" | "invoke"}``
plus what the context needs. Frames out: ``{"error": X-Fc-Error-Type or ""}``; after an error of ``initialize`` the
instance cannot be used any more. Standard output and error are the instance's log.

Context: <https://help.aliyun.com/zh/functioncompute/fc/user-guide/context-in-event-handlers>; errors:
<https://help.aliyun.com/zh/functioncompute/fc/user-guide/error-handling-1-1>.
"""

from __future__ import annotations

import contextlib
import fcntl
import importlib
import io
import json
import logging
import os
import struct
import sys
import time
import traceback
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, BinaryIO

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import TracebackType

UNHANDLED = "UnhandledInvocationError"
INITIALIZATION = "InitializationError"
_LENGTHS = struct.Struct(">II")


class LoadError(Exception):
    """The user's module or function cannot be loaded; carries the error document."""

    def __init__(self, document: dict[str, Any]) -> None:
        super().__init__(document["errorMessage"])
        self.document = document


class Caught(contextlib.suppress):
    """Holds back any exception of the user's code, but lets it end the process (``sys.exit``)."""

    error: Exception

    def __init__(self) -> None:
        super().__init__(Exception)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> bool:
        if isinstance(error, Exception):
            self.error = error
        return super().__exit__(kind, error, trace)


class RequestIdFilter(logging.Filter):
    """Adds the current request's id to every record, as the vendor's log lines show it."""

    request_id = ""

    def filter(self, record: logging.LogRecord) -> bool:
        """Set ``record.request_id``; keep every record."""
        record.request_id = self.request_id
        return True


def load(handler: str) -> Callable[..., Any]:
    """Return the function that ``file.function`` names; raises LoadError.

    The document for a module that cannot be imported is the documented one; the one for a missing function is assumed.
    """
    module_name, _, attribute = handler.rpartition(".")
    try:
        module = importlib.import_module(module_name.replace("/", "."))
    except Exception as error:
        raise LoadError(
            {
                "errorMessage": f"Unable to import module '{module_name}'",
                "errorType": "ImportModuleError",
                "stackTrace": [line.rstrip("\n") for line in traceback.format_exception_only(type(error), error)],
            }
        ) from error
    function: Callable[..., Any] | None = getattr(module, attribute, None)
    if function is None:
        message = f"Handler '{attribute}' is missing on module '{module_name}'"
        raise LoadError({"errorMessage": message, "errorType": "HandlerNotFound", "stackTrace": []})
    return function


def describe(error: BaseException) -> dict[str, Any]:
    """Return Function Compute's error document of an exception that left the user's function."""
    frames = [frame for frame in traceback.extract_tb(error.__traceback__) if frame.filename != __file__]
    return {
        "errorMessage": str(error),
        "errorType": type(error).__name__,
        "stackTrace": [[f'File "{f.filename}"', f"line {f.lineno}", f"in {f.name}", f.line or ""] for f in frames],
    }


def encode(result: Any) -> bytes:
    """Return the body for what a handler returned: bytes and text as they are, everything else as JSON."""
    if isinstance(result, (bytes, bytearray)):
        return bytes(result)
    if isinstance(result, str):
        return result.encode()
    return json.dumps(result).encode()


def make_context(request: dict[str, Any]) -> SimpleNamespace:
    """Build the ``context`` of this interpreter's runtime; python3.12 has lost credentials and service."""
    function, service = request["function"], request["service"]
    logger = logging.getLogger()
    context = SimpleNamespace(
        request_id=request["request_id"], region=request["region"], account_id=request["account_id"], logger=logger
    )
    context.function = SimpleNamespace(
        name=function["name"], handler=function["handler"], memory=function["memory"], timeout=function["timeout"]
    )
    if sys.version_info >= (3, 12):
        context.function.version_id, context.function.qualifier = service["version_id"], service["qualifier"]
        context.log_project, context.log_store = service["log_project"], service["log_store"]
    else:
        context.service = SimpleNamespace(**service)
        context.credentials = SimpleNamespace(**request["credentials"])
        context.getLogger = lambda: logger
    return context


class ChildRuntime:
    """Loads once, then answers frames until the other end closes."""

    def __init__(self, requests: BinaryIO, replies: BinaryIO) -> None:
        self._requests, self._replies = requests, replies
        self._handler: Callable[..., Any] | None = None
        self._request_ids = RequestIdFilter()

    def run(self) -> None:
        """Serve until end of file."""
        self._configure_logging()
        while lengths := self._requests.read(_LENGTHS.size):
            header_length, body_length = _LENGTHS.unpack(lengths)
            request = json.loads(self._requests.read(header_length))
            error, body = self._answer(request, self._requests.read(body_length))
            sys.stdout.flush()  # so that the log is complete before the reply says so
            sys.stderr.flush()
            header = json.dumps({"error": error}).encode()
            self._replies.write(_LENGTHS.pack(len(header), len(body)) + header + body)
            self._replies.flush()

    def _answer(self, request: dict[str, Any], event: bytes) -> tuple[str, bytes]:
        self._request_ids.request_id = request["request_id"]
        initializing = request["op"] == "initialize"
        caught = Caught()
        with caught:
            return "", self._initialize(request) if initializing else self._invoke(request, event)
        if isinstance(caught.error, LoadError):
            error, document = UNHANDLED, caught.error.document
        else:
            error, document = INITIALIZATION if initializing else UNHANDLED, describe(caught.error)
        logging.getLogger().error(document)  # as the vendor's runtime does
        return error, json.dumps(document).encode()

    def _initialize(self, request: dict[str, Any]) -> bytes:
        self._handler = load(request["function"]["handler"])
        if initializer := request["initializer"]:
            load(initializer)(make_context(request))
        return b""

    def _invoke(self, request: dict[str, Any], event: bytes) -> bytes:
        if self._handler is None:
            raise RuntimeError("invoke before initialize")
        return encode(self._handler(event, make_context(request)))

    def _configure_logging(self) -> None:
        handler = logging.StreamHandler(sys.stdout)
        formatter = logging.Formatter("%(asctime)s.%(msecs)03dZ %(request_id)s [%(levelname)s] %(message)s")
        formatter.datefmt, formatter.converter = "%Y-%m-%dT%H:%M:%S", time.gmtime
        handler.setFormatter(formatter)
        handler.addFilter(self._request_ids)
        logging.basicConfig(level=logging.INFO, handlers=[handler])


def main(arguments: list[str]) -> None:
    """Become an instance: own process group, own ``sys.path``, line-buffered log."""
    # A group of its own makes one kill reach the function's own children, and makes the kernel send SIGHUP to a
    # frozen instance whose parent died without closing it.
    os.setpgid(0, 0)
    # python3.12 runs on Debian 11, which names the version differently than the older runtimes' Debian.
    os.environ.pop("FC_VER_ID" if sys.version_info >= (3, 12) else "FC_FUNCTION_VERSION", None)
    requests, replies, code_directory, *further = arguments
    for descriptor in (requests, replies):
        fcntl.fcntl(int(descriptor), fcntl.F_SETFD, fcntl.FD_CLOEXEC)  # not for the function's own children
    sys.path[:0] = [code_directory]
    sys.path.extend(further)
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(line_buffering=True)  # the log of a killed instance must not be lost
    with os.fdopen(int(requests), "rb") as source, os.fdopen(int(replies), "wb") as sink:
        ChildRuntime(source, sink).run()


if __name__ == "__main__":
    main(sys.argv[1:])
