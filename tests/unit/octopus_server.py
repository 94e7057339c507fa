# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A web server that a test tells what to answer, and that remembers what it was asked."""

from __future__ import annotations

import contextlib
import json
import ssl
import threading
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, NamedTuple
from urllib.parse import parse_qsl, urlsplit

ROOT = {
    "Application": "Octopus Deploy",
    "Version": "2018.10.7",
    "InstallationId": "79af4d4a-dc7f-479c-b0c5-8bf30cb0a827",
    "Links": {"Self": "/api", "OctopusServerClusterSummary": "/api/octopusservernodes/summary"},
}


class Request(NamedTuple):
    method: str
    path: str
    query: dict[str, str]
    headers: dict[str, str]
    body: Any


class Answer(NamedTuple):
    body: Any = None
    status: int = 200
    headers: dict[str, str] = {}


class FakeServer:
    """``answers`` maps "METHOD /path" to an Answer, a document, or a function of the Request that gives either; 404 for the rest.

    With a TLS context it serves https, and ``names`` has the names that clients sent in their handshakes (SNI).
    """

    def __init__(self, tls: ssl.SSLContext | None = None) -> None:
        self.names: list[str | None] = []
        self.answers: dict[str, Any] = {"GET /api": ROOT}
        self.requests: list[Request] = []
        self._http = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self._http.daemon_threads = True
        if tls:
            tls.sni_callback = lambda _socket, name, _context: self.names.append(name) if name else None
            self._http.socket = tls.wrap_socket(self._http.socket, server_side=True)
        self.url = f"http{'s' if tls else ''}://127.0.0.1:{self._http.server_port}"
        self._thread = threading.Thread(target=self._http.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
        self._thread.start()

    def close(self) -> None:
        self._http.shutdown()
        self._http.server_close()
        self._thread.join()

    def sent(self, method: str, path: str = "") -> list[Request]:
        return [request for request in self.requests if request.method == method and (not path or request.path == path)]

    def document(self, path: str, document: dict[str, Any]) -> None:
        """Have a document that can be read and written."""
        kept = [document]

        def write(request: Request) -> Any:
            kept[0] = request.body
            return kept[0]

        self.answers[f"GET {path}"] = lambda _request: kept[0]
        self.answers[f"PUT {path}"] = write

    def collection(self, path: str, rows: list[dict[str, Any]]) -> None:
        """Have a collection that is read by pages, and its documents."""

        def page(request: Request) -> Any:
            skip, take = int(request.query.get("skip", 0)), int(request.query.get("take", 30))
            return {"Items": rows[skip : skip + take], "TotalResults": len(rows)}

        self.answers[f"GET {path}"] = page
        for row in rows:
            self.answers[f"GET {path}/{row['Id']}"] = row

    def _answer(self, request: Request) -> Answer:
        self.requests.append(request)
        answer: Any = self.answers.get(f"{request.method} {request.path}", Answer({"ErrorMessage": "no such resource"}, 404))
        if isinstance(answer, Callable):
            answer = answer(request)
        return answer if isinstance(answer, Answer) else Answer(answer)

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        server = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            wbufsize = -1  # head and body in one packet: otherwise each answer waits for a delayed acknowledgement

            def log_message(self, format: str, *args: Any) -> None:
                """Say nothing: the requests are remembered."""

            def _serve(self) -> None:
                parts = urlsplit(self.path)
                sent = self.rfile.read(int(self.headers.get("Content-Length") or 0))
                is_json = "json" in self.headers.get("Content-Type", "json")
                body = json.loads(sent) if sent and is_json else sent or None
                request = Request(self.command, parts.path, dict(parse_qsl(parts.query)), dict(self.headers), body)
                answer = server._answer(request)
                is_raw = isinstance(answer.body, bytes)
                content = answer.body if is_raw else json.dumps(answer.body).encode()
                headers = {
                    "Content-Type": "application/octet-stream" if is_raw else "application/json",
                    "Content-Length": str(len(content)),
                }
                self.send_response(answer.status)
                for name, value in (headers | answer.headers).items():
                    self.send_header(name, value)
                with contextlib.suppress(ConnectionError):  # some tests do not wait for the answer
                    self.end_headers()
                    self.wfile.write(content)

            do_GET = do_PUT = do_POST = do_DELETE = _serve

        return Handler
