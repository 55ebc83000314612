"""A loopback HTTP/1.1 server for the stand-in: werkzeug's threads with keep-alive that really stays alive.

Werkzeug's own handler closes after every answer, because it cannot know whether the application read the
whole body. This one reads the body first, so a connection can be kept as the gateway keeps it: 25 idle
seconds, by the header ``keep-alive: timeout=25`` of real answers that were published. No page says it; the nearest is
https://github.com/dashscope/dashscope-sdk-python/pull/175.
"""

from __future__ import annotations

import contextlib
import io
import ipaddress
import socket
import threading
import traceback
from typing import TYPE_CHECKING, Any

from werkzeug.serving import ThreadedWSGIServer, WSGIRequestHandler

if TYPE_CHECKING:
    from types import TracebackType

    from _typeshed.wsgi import WSGIApplication
    from typing_extensions import Self

    from tests.cloud.app import Cloud

KEEP_ALIVE_SECONDS = 25.0


class SocketHandler(WSGIRequestHandler):
    """One connection; answers are written in one piece."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    server: LoopbackServer

    def setup(self) -> None:
        super().setup()
        self.connection.settimeout(self.server.keep_alive)
        self.server.connections.add(self.connection)

    def finish(self) -> None:
        self.server.connections.discard(self.connection)
        with contextlib.suppress(OSError):
            super().finish()

    def run_wsgi(self) -> None:
        """Serve one request with its whole body read, and keep the connection if it can be kept."""
        if self.headers.get("Expect", "").lower() == "100-continue":
            self.wfile.write(b"HTTP/1.1 100 Continue\r\n\r\n")
        environ = self.make_environ()
        stream = environ["wsgi.input"]
        chunked = bool(environ.get("wsgi.input_terminated"))
        body = stream.read() if chunked else stream.read(int(environ.get("CONTENT_LENGTH") or 0))
        environ["wsgi.input"] = io.BytesIO(body)
        environ["CONTENT_LENGTH"] = str(len(body))
        environ["wsgi.input_terminated"] = True
        try:
            self._answer(environ)
        except ConnectionError:
            self.close_connection = True
        except Exception:  # noqa: BLE001 - a mistake in the stand-in must not look like a fault of the network
            traceback.print_exc()
            self.close_connection = True
            self.send_error(500, "the stand-in failed, see its stderr")

    def _answer(self, environ: dict[str, Any]) -> None:
        started: list[Any] = []

        def start_response(status: str, headers: list[tuple[str, str]], _exc_info: Any = None) -> Any:
            started[:] = status, headers

        chunks = self.server.app(environ, start_response)
        try:
            body = b"".join(chunks)
        finally:
            close = getattr(chunks, "close", None)
            if close is not None:
                close()
        status, headers = started
        names = {name.lower(): value for name, value in headers}
        code, _, reason = status.partition(" ")
        self.send_response(int(code), reason)
        for name, value in headers:
            self.send_header(name, value)
        if "content-length" not in names and code not in {"204", "304"}:
            self.send_header("Content-Length", str(len(body)))
        if int(names.get("content-length", len(body))) > len(body) and self.command != "HEAD":
            self.close_connection = True  # a truncated body: the client waits for the rest until we hang up
        if self.close_connection:
            self.send_header("Connection", "close")
        else:
            self.send_header("Connection", "keep-alive")
            self.send_header("Keep-Alive", f"timeout={self.server.keep_alive:g}")
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)
        self.wfile.flush()

    def log_request(self, code: int | str = "-", size: int | str = "-") -> None:
        """Say nothing: the journal knows every call."""

    def log_error(self, *_args: Any, **_kwargs: Any) -> None:
        """Say nothing about idle time-outs and cut connections."""


class LoopbackServer(ThreadedWSGIServer):
    """Threads, one per connection, on a loopback address only."""

    def __init__(self, host: str, port: int, app: WSGIApplication, keep_alive: float) -> None:
        if not ipaddress.ip_address(host).is_loopback:
            raise ValueError(f"the stand-in serves loopback addresses only, not {host}")
        self.keep_alive = keep_alive
        self.connections: set[socket.socket] = set()
        super().__init__(host, port, app, SocketHandler)

    def server_bind(self) -> None:
        """Bind without http.server's reverse look-up of our own name, which may ask a DNS server.

        A ValueError tells why that is not possible.
        """
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            self.socket.bind(self.server_address)
        except OSError as error:
            port = self.server_address[1]
            raise ValueError(
                f"port {port} cannot be had ({error.strerror}): take another, as with make up PORT=8900"
            ) from error
        self.server_address = self.socket.getsockname()
        self.server_name, self.server_port = str(self.server_address[0]), int(self.server_address[1])


class Server:
    """Serves a `Cloud` in the background: ``with Server(cloud) as server: server.endpoint``."""

    def __init__(
        self, cloud: Cloud, host: str = "127.0.0.1", port: int = 0, keep_alive: float = KEEP_ALIVE_SECONDS
    ) -> None:
        self.cloud = cloud
        self._server = LoopbackServer(host, port, cloud, keep_alive)
        self.port = self._server.server_port
        name = f"[{host}]" if ":" in host else host
        self.endpoint = cloud.world.endpoint = f"http://{name}:{self.port}"
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        self.cloud.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Stop listening, hang up on every client, stop the products."""
        self._server.shutdown()
        self._thread.join()
        self.drop_connections()
        self.cloud.close()

    def drop_connections(self) -> None:
        """Close every open connection, as the gateway does with idle ones."""
        for connection in list(self._server.connections):
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)
