# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""curl.exe and PowerShell's download, against a real server."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from lab.core.filesystem import Logon
from lab.core.network import Machine, Network
from lab.windows.host import WindowsHost
from patience import patient

BODY = b"0123456789" * 1000


class Site(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    failures = 0

    def do_GET(self) -> None:
        path = self.path
        if path == "/busy" and type(self).failures > 0:
            type(self).failures -= 1
            self.send_error(503)
        elif path == "/none":
            self.send_error(404)
        elif path == "/moved":
            self.send_response(302)
            self.send_header("Location", "/file")
            self.send_header("Content-Length", "0")
            self.end_headers()
        elif path == "/reset":
            self.connection.shutdown(socket.SHUT_RDWR)
            self.close_connection = True
        else:
            self.send_response(200)
            self.send_header("Content-Length", str(len(BODY)))
            self.send_header("x-amz-meta-sha256", "abc")
            self.end_headers()
            if self.command == "GET":
                self.wfile.write(BODY[:5000] if path == "/cut" else BODY)
            if path == "/cut":
                self.close_connection = True

    do_HEAD = do_GET

    def log_message(self, format: str, *args: object) -> None:  # pylint: disable=redefined-builtin
        """Quiet."""


@pytest.fixture(name="site")
def _site(network: Network) -> Iterator[str]:
    machine = Machine("releases", network)
    servers = []
    for port, own in ((8443, False), (8444, True)):
        server = ThreadingHTTPServer((machine.address, port), Site)
        context = network.authority.server_context(network.root / str(port), machine.address, "releases", self_signed=own)
        server.socket = context.wrap_socket(server.socket, server_side=True)
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
        servers.append(server)
    yield f"https://{machine.address}"
    for server in servers:
        server.shutdown()
        server.server_close()


CURL = "curl.exe --fail --location --silent --show-error --output C:\\o.bin"


def test_a_download_takes_its_time(run, host: WindowsHost, admin: Logon, site: str) -> None:
    host.download_rate = 1000
    before = host.clock.seconds()
    assert run(f"{CURL} {site}:8443/moved").code == 0
    assert host.clock.seconds() - before >= 10
    assert host.fs.read("C:\\o.bin", admin) == BODY


@pytest.mark.parametrize(
    ("url", "code"),
    [
        (":8443/none", 22),
        (":8443/cut", 18),
        (":8443/reset", 56),
        (":8444/file", 60),
        (":8445/file", 7),
    ],
)
def test_exit_codes(run, site: str, url: str, code: int) -> None:
    result = run(f"{CURL} {site}{url}")
    assert (result.code, result.err[:9]) == (code, f"curl: ({code})"[:9])


@pytest.mark.parametrize(
    ("line", "code"),
    [("https://nowhere.example/x", 6), ("ftp://x/y", 1), ("--wat https://x/", 2), ("", 2)],
)
def test_exit_codes_without_a_server(run, line: str, code: int) -> None:
    assert run(f"curl.exe -sS {line}").code == code


def test_a_file_that_cannot_be_written(run, site: str) -> None:
    assert run(f"curl.exe -sS -o C:\\no\\x {site}:8443/file").code == 23


def test_a_disk_that_fills_up(run, host: WindowsHost, site: str) -> None:
    host.faults.arm("disk.full", path="C:\\o.bin", times=None)
    assert run(f"{CURL} {site}:8443/file").code == 23


def test_retry_overcomes_a_busy_server_not_a_missing_file(run, site: str) -> None:
    Site.failures = 2
    assert run(f"{CURL} --retry 1 {site}:8443/busy").code == 22
    Site.failures = 2
    assert run(f"{CURL} --retry 3 {site}:8443/busy").code == 0


def test_head_and_names_of_machines(run, site: str) -> None:
    lines = run("curl.exe -fsSI https://releases:8443/file").lines
    assert lines[0] == "HTTP/1.1 200 OK"
    assert "x-amz-meta-sha256: abc" in lines


def _powershell(url: str) -> str:
    return (
        'powershell.exe -NoProfile -NonInteractive -ExecutionPolicy Bypass -Command "'
        "[Net.ServicePointManager]::SecurityProtocol = [Net.SecurityProtocolType]::Tls12; $ProgressPreference = 'SilentlyContinue'; "
        f"Invoke-WebRequest -UseBasicParsing -Uri '{url}' -OutFile 'C:\\it''s.bin'\""
    )


def test_powershell_downloads(host: WindowsHost, admin: Logon, site: str) -> None:
    path = "C:\\Windows\\System32\\WindowsPowerShell\\v1.0\\powershell.exe"
    assert host.spawn(path, _powershell(f"{site}:8443/file"), admin).wait(patient(20)) == 0
    assert host.fs.read("C:\\it's.bin", admin) == BODY


@pytest.mark.parametrize("url", [":8443/none", ":8444/file", ":8445/x", ":8443/cut"])
def test_powershell_fails_with_1(run, site: str, url: str) -> None:
    result = run(_powershell(site + url))
    assert result.code == 1
    assert result.err.startswith("Invoke-WebRequest : ")


@pytest.mark.parametrize("text", ["Get-Process", "Invoke-WebRequest -Uri 'x' -OutFile 'y'", "Invoke-Expression 'x'", ""])
def test_powershell_runs_nothing_else(run, text: str) -> None:
    assert run(f'powershell.exe -NoProfile -Command "{text}"').err.startswith("lab: unsupported powershell.exe")


def test_a_request_from_a_configuration_on_standard_input(run, host: WindowsHost, network: Network) -> None:
    """As somebody asks a program of the host itself, whatever its certificate is for, with nothing of it in the command line."""
    asked: list[tuple[str, str | None, bytes]] = []

    class Portal(BaseHTTPRequestHandler):
        def do_PUT(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            asked.append((self.headers["Host"], self.headers["X-Key"], body))
            self.send_response(418)
            self.send_header("Content-Type", "application/json; charset=utf-8")
            self.send_header("Content-Length", "2")
            self.end_headers()
            self.wfile.write(b"{}")

        def log_message(self, format: str, *args: object) -> None:  # pylint: disable=redefined-builtin
            """Quiet."""

    server = ThreadingHTTPServer((host.address, 8446), Portal)
    server.socket = network.authority.server_context(network.root / "8446", "x", self_signed=True).wrap_socket(
        server.socket, server_side=True
    )
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
    config = [
        'url = "https://octopus.example.com:8446/a?b=c"',
        'connect-to = "::localhost:"',
        'request = "PUT"',
        'header = "X-Key: \\"k\\\\"',
        'data-raw = "{\\"x\\": 1}"',
        'max-filesize = "100"',
        'write-out = "\\n%{http_code} %{content_type}"',
        "silent",
        "insecure",
    ]
    try:
        result = run("curl.exe -q --config -", "\n".join(config).encode())
        small = run("curl.exe -q --config -", "\n".join(config).replace('"100"', '"1"').encode())
    finally:
        server.shutdown()
        server.server_close()
    assert (result.code, result.lines) == (0, ["{}", "418 application/json; charset=utf-8"])
    assert asked[0] == ("octopus.example.com:8446", '"k\\', b'{"x": 1}')
    assert small.code == 63
