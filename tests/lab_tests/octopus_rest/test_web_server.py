# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The listener: keep-alive, prompt end, the port free again."""

from __future__ import annotations

import socket
import ssl
import threading
import time
from typing import Any

import pytest
import requests
import urllib3
from lab.core.network import Machine, Network
from lab.octopus.web import WebServer
from patience import patient


def echo(environ, start_response):
    body = environ["REQUEST_METHOD"].encode() + b" " + environ["wsgi.url_scheme"].encode()
    start_response("200 OK", [("Content-Length", str(len(body))), ("Content-Type", "text/plain")])
    return [body]


def ended(connection: socket.socket) -> bool:
    """Whether the other side has closed it: it says so, or the connection was never taken and is reset."""
    connection.settimeout(5)
    try:
        return connection.recv(1) == b""
    except ConnectionResetError:
        return True


def test_a_connection_is_kept_even_after_bodies_that_the_app_left_unread():
    web = WebServer(echo, "127.0.0.1", 0).start()
    pool = urllib3.HTTPConnectionPool("127.0.0.1", web.port, maxsize=1)
    try:
        for _round in range(20):
            assert pool.request("POST", "/", body=b"x" * 5000).data == b"POST http"
        assert (pool.num_connections, pool.num_requests) == (1, 20)
        assert pool.request("POST", "/", body=iter([b"a", b"b"]), headers={"Transfer-Encoding": "chunked"}).data == b"POST http"
        assert pool.request("GET", "/").data == b"GET http"
    finally:
        pool.close()
        web.stop()


def test_it_stops_at_once_with_connections_open_and_the_port_can_be_taken_again():
    web = WebServer(echo, "127.0.0.1", 0).start()
    session = requests.Session()
    url = web.url
    for _round in range(3):
        assert session.get(url, timeout=patient(5)).text == "GET http"
        idle = socket.create_connection(("127.0.0.1", web.port))
        began = time.monotonic()
        web.stop()
        assert time.monotonic() - began < 1
        assert ended(idle)
        idle.close()
        assert not web.running
        with pytest.raises(requests.ConnectionError):
            session.get(url, timeout=patient(5))
        web.start()
        assert web.url == url
    web.stop()
    web.stop()  # again does nothing
    session.close()


def test_a_taken_port_is_refused_and_so_is_a_second_start():
    web = WebServer(echo, "127.0.0.1", 0).start()
    try:
        with pytest.raises(OSError, match="in use"):
            WebServer(echo, "127.0.0.1", web.port).start()
        with pytest.raises(RuntimeError, match="runs already"):
            web.start()
    finally:
        web.stop()


def test_tls_is_verifiable_and_a_client_that_stalls_in_the_handshake_holds_up_nobody(network: Network):
    machine = Machine("octo-a", network)
    context = network.authority.server_context(machine.root / "tls", machine.address, "octo-a")
    web = WebServer(echo, machine.address, 8443, context).start()
    stalled = socket.create_connection((machine.address, 8443))
    try:
        assert requests.get(web.url, verify=str(network.authority.path), timeout=patient(5)).text == "GET https"
        with pytest.raises(requests.exceptions.SSLError):
            requests.get(web.url, timeout=patient(5))
        old = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        old.check_hostname = False
        old.verify_mode = ssl.CERT_NONE
        with old.wrap_socket(socket.create_connection((machine.address, 8443))) as plain:
            plain.sendall(b"GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
            answer = b"".join(iter(lambda: plain.recv(1000), b""))
        assert b"Connection: close" in answer
    finally:
        stalled.close()
        web.stop()


def test_requests_run_side_by_side() -> None:
    together = threading.Barrier(4, timeout=patient(10))

    def meet(environ: Any, start_response: Any) -> Any:
        together.wait()  # breaks unless all four are here at once
        return echo(environ, start_response)

    web = WebServer(meet, "127.0.0.1", 0).start()
    answers: list[int] = []
    threads = [
        threading.Thread(target=lambda: answers.append(requests.get(web.url, timeout=patient(15)).status_code)) for dummy in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    web.stop()
    assert answers == [200] * 4
