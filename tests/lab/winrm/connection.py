# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""One client connection: HTTP, authentication, encryption, and an entry in the ledger for every POST."""

from __future__ import annotations

import base64
import binascii
import contextlib
import socket
from dataclasses import dataclass
from email.utils import format_datetime
from http.server import BaseHTTPRequestHandler
from typing import TYPE_CHECKING, Any

from .envelope import Malformed, Request, parse
from .names import NS
from .negotiate import CONTENT_TYPE, Negotiation, Refused, Unreadable
from .service import Answer, Caller

if TYPE_CHECKING:
    from .server import Listener, WinRMServer

SOAP = "application/soap+xml;charset=UTF-8"
ANONYMOUS_PATH = "/wsman-anon/identify"


@dataclass
class _Reply:
    """What goes back and what the ledger says about it. ``action`` is ``authenticate`` for a step of a logon."""

    status: int
    action: str
    body: bytes = b""
    account: str = ""
    fault: int = 0
    failed_logon: str = ""
    encrypted: bool = False
    headers: tuple[tuple[str, str], ...] = ()


class Connection(BaseHTTPRequestHandler):
    """Handles the requests of one connection, one after the other."""

    protocol_version = "HTTP/1.1"
    server_version = "Microsoft-HTTPAPI/2.0"
    sys_version = ""
    server: Listener

    def setup(self) -> None:
        super().setup()
        self.winrm: WinRMServer = self.server.winrm
        self.number = next(self.winrm.connections)
        self.secure = self.server.tls is not None
        self.negotiation = Negotiation(self.winrm.logons, self.winrm.keytab)

    def log_message(self, format: str, *args: Any) -> None:
        """The ledger remembers; standard error is for defects."""

    def do_POST(self) -> None:
        """Every WS-Management message is one."""
        length = self.headers.get("Content-Length", "0")
        body = self.rfile.read(int(length)) if length.isdigit() else b""
        path = self.path.partition("?")[0].rstrip("/").lower()
        if path not in ("/wsman", ANONYMOUS_PATH):
            self._reply(_Reply(404, "unknown"))
        elif len(body) > self.winrm.quotas.max_envelope_size:
            # https://github.com/ansible-collections/ansible.windows/issues/391; that it begins at the quota is *assumed*.
            self._reply(_Reply(413, "too large"))
        elif self._identifies_anonymously(path, body):
            self._reply(_Reply(200, "Identify", self.winrm.service.identify(authenticated=False).body))
        else:
            self._authenticated(body)

    def _identifies_anonymously(self, path: str, body: bytes) -> bool:
        """Identify needs no logon at its own path, or with a header that says so
        (https://learn.microsoft.com/windows/win32/winrm/detecting-whether-a-remote-computer-supports-ws-management-protocol)."""
        asked = path == ANONYMOUS_PATH or self.headers.get("WSMANIDENTIFY", "").lower() == "unauthenticated"
        return asked and NS["wsmid"].encode() in body

    # -- who

    def _authenticated(self, body: bytes) -> None:
        scheme, _separator, credentials = self.headers.get("Authorization", "").partition(" ")
        scheme = scheme.lower()
        headers: tuple[tuple[str, str], ...] = ()
        if scheme == "basic" and self.secure:
            account = self._basic(credentials)
        elif scheme == "negotiate":
            try:
                token = self.negotiation.step(base64.b64decode(credentials, validate=True))
            except Refused as refused:
                self._challenge(refused.name)
                return
            except binascii.Error:
                self._challenge("")
                return
            if token:
                headers = (("WWW-Authenticate", "Negotiate " + base64.b64encode(token).decode("ascii")),)
            account = self.negotiation.account
            if account is None:
                self._reply(_Reply(401, "authenticate", headers=headers))
                return
        elif scheme:
            account = None
            self._challenge("")
            return
        else:
            account = self.negotiation.account
            if account is None:
                self._challenge("")
                return
        if account is not None:
            self._message(body, account, headers)

    def _basic(self, credentials: str) -> str | None:
        """The account of a Basic logon; None when it failed and was answered."""
        name = ""
        try:
            raw = base64.b64decode(credentials, validate=True)
            # requests sends Latin-1 (requests/auth.py, _basic_auth_str) where it can, others UTF-8.
            try:
                text = raw.decode()
            except UnicodeDecodeError:
                text = raw.decode("latin-1")
            name, _separator, password = text.partition(":")
            account = self.winrm.logons.check(name, password)
        except binascii.Error:
            account = None
        if account is None:
            self._challenge(name)
        return account

    def _challenge(self, failed_logon: str) -> None:
        """401: not logged on, or not like this."""
        schemes = [("WWW-Authenticate", "Negotiate")]
        if self.secure:
            schemes.append(("WWW-Authenticate", 'Basic realm="WSMAN"'))
        name = failed_logon and (self.winrm.logons.resolve(failed_logon) or failed_logon)
        self._reply(_Reply(401, "authenticate", failed_logon=name, headers=tuple(schemes)))

    # -- what

    def _message(self, body: bytes, account: str, headers: tuple[tuple[str, str], ...]) -> None:
        if not body:
            # pywinrm (transport.py, setup_encryption) and pypsrp log on with an empty message before the first encrypted one.
            self._reply(_Reply(200, "authenticate", account=account, headers=headers))
            return
        encrypted = self.headers.get("Content-Type", "").lower().startswith("multipart/encrypted")
        if not encrypted and not self.secure:
            self._reply(_Reply(500, "unencrypted", account=account, headers=headers))
            return
        try:
            request = parse(self.negotiation.decrypt(body) if encrypted else body)
        except (Malformed, Unreadable):
            # Nobody can be answered in SOAP who does not speak it: *assumed*.
            self._reply(_Reply(400, "malformed", account=account, headers=headers))
            return
        dropped = self.winrm.drops(request.name)
        if dropped is None:
            answer = self._ask(request, account)
            self._reply(_Reply(answer.status, request.name, answer.body, account, answer.fault, encrypted=encrypted, headers=headers))
            return
        if dropped.get("executed", True):
            self._ask(request, account)
        self._drop(request, account)

    def _ask(self, request: Request, account: str) -> Answer:
        return self.winrm.service.answer(request, Caller(account, self.client_address[0]))

    def _drop(self, request: Request, account: str) -> None:
        self._record(_Reply(0, request.name, account=account))
        self.close_connection = True
        with contextlib.suppress(OSError):  # the client may have been quicker
            self.connection.shutdown(socket.SHUT_RDWR)

    # -- back

    def _record(self, reply: _Reply) -> None:
        self.winrm.host.ledger.record(
            "winrm.request",
            self.winrm.host.name,
            action=reply.action,
            status=reply.status,
            connection=self.number,
            secure=self.secure,
            account=reply.account,
            fault=reply.fault,
            failed_logon=reply.failed_logon,
        )

    def date_time_string(self, timestamp: float | None = None) -> str:
        """The Date of an answer, by the host's clock; HTTP.sys gives each answer one."""
        return format_datetime(self.winrm.host.now(), usegmt=True) if timestamp is None else super().date_time_string(timestamp)

    def _reply(self, reply: _Reply) -> None:
        self._record(reply)
        body = self.negotiation.encrypt(reply.body) if reply.encrypted else reply.body
        self.send_response(reply.status)
        for name, value in reply.headers:
            self.send_header(name, value)
        if body:
            self.send_header("Content-Type", CONTENT_TYPE if reply.encrypted else SOAP)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
