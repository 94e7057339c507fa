# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The web front of the lab's servers: an HTTP/1.1 listener that stops at once, and the app that it serves."""

from __future__ import annotations

import contextlib
import http.server
import io
import logging
import socket
import socketserver
import ssl
import threading
from collections.abc import Callable
from typing import Any

from werkzeug.serving import WSGIRequestHandler

from .rest.app import create_app

__all__ = ["WebServer", "create_app"]

LOG = logging.getLogger(__name__)
HANDSHAKE_SECONDS = 30.0


class _Handler(WSGIRequestHandler):
    """Keep-alive, one packet for an answer's head and body, nothing written to stderr."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    wbufsize = -1

    def log(self, type: str, message: str, *args: Any) -> None:  # the name of the argument is werkzeug's
        LOG.debug("%s %s", type, message % args if args else message)

    def version_string(self) -> str:
        return "lab"  # the header Server: no client may take this for the real thing

    def connection_dropped(self, error: BaseException, environ: Any = None) -> None:
        LOG.debug("connection given up: %s", error)
        self.close_connection = True

    def run_wsgi(self) -> None:
        """One request. Werkzeug's own ends every connection, and waits after each for what may still come."""
        environ = self.make_environ()
        head: list[Any] = []

        # PEP 3333's write(), which it would return, is for frameworks older than WSGI.
        def start_response(status: str, headers: list[tuple[str, str]], exc_info: Any = None) -> Any:
            head[:] = [status, headers]

        body = self.server.app(environ, start_response)
        try:
            pieces = iter(body)
            first = next(pieces, b"")  # an app that is a generator says its status with its first piece
            status, headers = head
            if not any(name.lower() == "content-length" for name, _value in headers):
                first = b"".join([first, *pieces])
                headers = [*headers, ("Content-Length", str(len(first)))]
            self._head(status, headers)
            if self.command != "HEAD" and status[:3] not in ("204", "304"):
                self.wfile.write(first)
                for piece in pieces:
                    self.wfile.write(piece)
        except ConnectionError as error:
            self.connection_dropped(error, environ)
        finally:
            close = getattr(body, "close", None)
            if close is not None:
                close()

    def _head(self, status: str, headers: list[tuple[str, str]]) -> None:
        code, _space, reason = status.partition(" ")
        self.send_response(int(code), reason)  # with Server and Date
        for name, value in headers:
            if status[:3] not in ("204", "304") or name.lower() != "content-length":
                self.send_header(name, value)
        if self.close_connection:
            self.send_header("Connection", "close")
        self.end_headers()

    def make_environ(self) -> dict[str, Any]:
        """Read the whole body before the app runs: what it leaves unread would be taken for the next request's first line."""
        environ = super().make_environ()
        if self.headers.get("Transfer-Encoding"):
            self.close_connection = True  # chunked: the app reads it, nothing follows on this connection
        else:
            environ["wsgi.input"] = io.BytesIO(self.rfile.read(int(self.headers.get("Content-Length") or 0)))
        return environ


class _Server(socketserver.ThreadingMixIn, http.server.HTTPServer):
    """A thread a connection; the TLS handshake is done there, so that a client that stalls holds up nobody else.

    Werkzeug's server does it while accepting, and ends the whole program where a port is taken.
    """

    daemon_threads = True
    allow_reuse_address = True  # SO_REUSEADDR: a service that restarts takes its port again at once
    request_queue_size = 128
    multithread = True
    multiprocess = False

    def __init__(self, address: str, port: int, app: Any, context: ssl.SSLContext | None, blocked: Callable[[str], bool]) -> None:
        self.app = app
        self._blocked = blocked
        self.ssl_context = context  # the handler looks here for the scheme
        self._open: set[socket.socket] = set()
        self._open_lock = threading.Lock()
        self._closing = False
        super().__init__((address, port), _Handler)

    def server_bind(self) -> None:
        """Without the reverse look-up of HTTPServer: the lab's addresses have no names there."""
        socketserver.TCPServer.server_bind(self)
        name, self.server_port = self.server_address[:2]
        self.server_name = str(name)

    def process_request(self, request: Any, client_address: Any) -> None:
        with self._open_lock:
            closing = self._closing
            if not closing:
                self._open.add(request)
        if closing:
            self.shutdown_request(request)
        elif not self._blocked(str(client_address[0])):  # a client that is blocked gets no answer, and may wait
            super().process_request(request, client_address)

    def finish_request(self, request: Any, client_address: Any) -> None:
        if self.ssl_context is None:
            super().finish_request(request, client_address)
            return
        request.settimeout(HANDSHAKE_SECONDS)
        try:
            secure = self.ssl_context.wrap_socket(request, server_side=True)
        except (ssl.SSLError, OSError) as error:
            LOG.debug("TLS handshake with %s failed: %s", client_address, error)
            return
        secure.settimeout(None)
        with self._open_lock:
            self._open.discard(request)
            self._open.add(secure)
            closing = self._closing
        try:
            if not closing:
                super().finish_request(secure, client_address)
        finally:
            self.close_request(secure)

    def close_request(self, request: Any) -> None:
        with self._open_lock:
            self._open.discard(request)
        with contextlib.suppress(OSError):
            socket.socket.shutdown(request, socket.SHUT_RDWR)
        super().close_request(request)

    def shutdown_request(self, request: Any) -> None:
        self.close_request(request)

    def handle_error(self, request: Any, client_address: Any) -> None:
        LOG.debug("connection of %s broke", client_address, exc_info=True)

    def drop_all(self) -> None:
        """Close every connection, as the end of the process would."""
        with self._open_lock:
            self._closing = True
            still_open = list(self._open)
        for one in still_open:
            with contextlib.suppress(OSError):
                socket.socket.shutdown(one, socket.SHUT_RDWR)  # not SSLSocket's: it would take the TLS layer from under a reader


class WebServer:
    """A WSGI app at an address and port.

    Args:
        app: The WSGI application.
        address: IP address to listen on.
        port: TCP port; 0 takes a free one, see :attr:`port`.
        ssl_context: Serve https with it; None serves http.
        blocked: Whether a firewall drops what comes from an address.
    """

    def __init__(
        self,
        app: Any,
        address: str,
        port: int,
        ssl_context: ssl.SSLContext | None = None,
        blocked: Callable[[str], bool] = lambda _client: False,
    ) -> None:
        self.blocked = blocked
        self.app = app
        self.address = address
        self.port = port
        self.ssl_context = ssl_context
        self._server: _Server | None = None
        self._thread: threading.Thread | None = None

    @property
    def url(self) -> str:
        """The address as a client writes it, with no slash at its end."""
        scheme = "http" if self.ssl_context is None else "https"
        return f"{scheme}://{self.address}:{self.port}"

    @property
    def running(self) -> bool:
        return self._server is not None

    def start(self) -> WebServer:
        """Listen; connections are accepted when this returns.

        Raises:
            OSError: Something listens there already.
            RuntimeError: This server runs already.
        """
        if self._server is not None:
            raise RuntimeError(f"the web server at {self.url} runs already")
        server = self._server = _Server(self.address, self.port, self.app, self.ssl_context, self.blocked)
        self.port = server.server_port
        self._thread = threading.Thread(
            target=server.serve_forever, kwargs={"poll_interval": 0.05}, name=f"web {self.address}:{self.port}", daemon=True
        )
        self._thread.start()
        return self

    def stop(self) -> None:
        """Close the port and every open connection. Calling it again does nothing."""
        server, self._server = self._server, None
        thread, self._thread = self._thread, None
        if server is None or thread is None:
            return
        server.drop_all()
        server.shutdown()
        thread.join()
        server.server_close()
