# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The listeners: HTTP on 5985, HTTPS on 5986, and who may come in.

On HTTP there is Negotiate only, and messages must be encrypted: with AllowUnencrypted=false, the default, a plain one
gets HTTP 500 without a body (https://github.com/diyan/pywinrm/issues/208), and Basic is not offered. On HTTPS there
are Negotiate and Basic, messages may be plain.
"""

from __future__ import annotations

import contextlib
import itertools
import socket
import ssl
import struct
import threading
from http.server import ThreadingHTTPServer
from pathlib import Path
from typing import Any

from lab.core.network import Network
from lab.windows.host import WindowsHost

from .connection import Connection
from .logons import Logons
from .service import Service
from .shells import Quotas, Shells

HTTP_PORT = 5985
HTTPS_PORT = 5986
# Of the fault winrm.certificate: names in the certificate other than the host's, and how it is issued.
FLAWS: dict[str, tuple[tuple[str, ...], dict[str, Any]]] = {
    "expired": ((), {"days": (-30, -1)}),
    "early": ((), {"days": (1, 30)}),
    "other_name": (("portal.example.com",), {}),
    "self_signed": ((), {"self_signed": True}),
    "unidentified": ((), {"identified": False}),
}
HARD_CLOSE = struct.pack("ii", 1, 0)  # SO_LINGER: the client gets a reset


class WinRMServer:
    """WinRM of one host.

    Faults: ``winrm.refuse`` closes new connections at once. ``winrm.drop`` closes a connection instead of answering a
    message, by default after having done what it asks for (``executed=False``: before); ``after=N`` lets N messages of
    that kind pass first, ``action=`` says which kind. ``winrm.certificate`` and ``winrm.tls`` are met by the next HTTPS connection, and
    ``winrm.quota`` and ``winrm.shell_gone`` by requests (:mod:`.service`).
    """

    def __init__(self, host: WindowsHost, network: Network, quotas: Quotas | None = None, keytab: Path | None = None) -> None:
        self.host = host
        self.network = network
        self.quotas = quotas or Quotas()
        self.keytab = keytab  # what a host of a domain decrypts Kerberos tickets with
        self.logons = Logons.of(network)
        self.shells = Shells(host, self.quotas)
        self.service = Service(host, self.shells)
        self.connections = itertools.count(1)
        self._tls: ssl.SSLContext | None = None
        self._listeners: list[Listener] = []
        self._fault_lock = threading.Lock()

    def start(self) -> None:
        """Listen. The certificate is the same at every start."""
        if self._listeners:
            raise RuntimeError(f"WinRM of {self.host.name} runs already")
        if self._tls is None:
            folder = self.network.root / "winrm" / self.host.name
            self._tls = self.network.authority.server_context(folder, self.host.address, self.host.name)
        self.shells.open()
        for port, tls in ((HTTP_PORT, None), (HTTPS_PORT, self._tls)):
            listener = Listener(self, port, tls)
            self._listeners.append(listener)
            # The interval is how long stop() waits for the thread to notice.
            thread = threading.Thread(target=listener.serve_forever, args=(0.05,), name=f"{self.host.name}:{port}", daemon=True)
            thread.start()

    def stop(self) -> None:
        """The service stops, or the host goes down: connections break, shells and what was started in them end."""
        listeners, self._listeners = self._listeners, []
        for listener in listeners:
            listener.shutdown()
            listener.server_close()
            listener.drop_connections()
        self.shells.close()

    @property
    def endpoint(self) -> str:
        """The HTTPS endpoint, as clients want it."""
        return f"https://{self.host.address}:{HTTPS_PORT}/wsman"

    @property
    def http_endpoint(self) -> str:
        """The HTTP endpoint."""
        return f"http://{self.host.address}:{HTTP_PORT}/wsman"

    def refuses(self) -> bool:
        """Whether a new connection meets the fault winrm.refuse."""
        return self.host.faults.hit("winrm.refuse", self.host.name) is not None

    def tls(self, usual: ssl.SSLContext) -> tuple[ssl.SSLContext, bool]:
        """What the next HTTPS connection meets, and whether it is reset at its first request."""
        flaw = self.host.faults.hit("winrm.certificate", self.host.name)
        protocol = self.host.faults.hit("winrm.tls", self.host.name)
        if flaw is None and protocol is None:
            return usual, False
        names, how = FLAWS[flaw["flaw"]] if flaw else ((), {})
        folder = self.network.root / "winrm" / self.host.name / "flawed"
        context = self.network.authority.server_context(folder, *(names or (self.host.address, self.host.name)), **how)
        if protocol is not None:
            # OpenSSL's own level of security would not let a server speak TLS 1.0.
            context.set_ciphers("ALL:@SECLEVEL=0")
            context.minimum_version = context.maximum_version = ssl.TLSVersion[protocol["version"]]
        return context, bool(protocol and protocol.get("reset"))

    def drops(self, action: str) -> dict[str, Any] | None:
        """Whether a message meets the fault winrm.drop, and that fault's parameters."""
        with self._fault_lock:
            for armed in self.host.faults.armed("winrm.drop"):
                armed.skip += armed.params.pop("after", 0)
            return self.host.faults.hit("winrm.drop", self.host.name, action=action)


class Listener(ThreadingHTTPServer):
    """One port of one host."""

    daemon_threads = True
    request_queue_size = 64

    def __init__(self, winrm: WinRMServer, port: int, tls: ssl.SSLContext | None) -> None:
        self.winrm = winrm
        self.tls = tls
        self._sockets: set[socket.socket] = set()
        self._sockets_lock = threading.Lock()
        super().__init__((winrm.host.address, port), Connection)

    def verify_request(self, request: Any, client_address: Any) -> bool:
        """Called with every new connection: False closes it."""
        if self.winrm.refuses():
            request.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, HARD_CLOSE)
            request.close()
            return False
        return True

    def finish_request(self, request: Any, client_address: Any) -> None:
        """Serve a connection, in its own thread: nobody else waits for a slow TLS handshake."""
        request.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if self.tls is None:
            self._serve(request, client_address)
            return
        context, resets = self.winrm.tls(self.tls)
        try:
            secured = context.wrap_socket(request, server_side=True)
        except (ssl.SSLError, ConnectionError):
            return  # The client did not like the certificate, or was none: nothing was said, so there is nothing to answer.
        with secured:
            if resets:
                self._reset(secured)
            else:
                self._serve(secured, client_address)

    @staticmethod
    def _reset(secured: ssl.SSLSocket) -> None:
        """As Windows Server 2022 does over TLS 1.3 with a client certificate, which it asks for after the handshake
        (https://github.com/ansible/ansible/issues/77768)."""
        with contextlib.suppress(OSError):
            secured.recv(1)
            secured.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, HARD_CLOSE)

    def _serve(self, request: socket.socket, client_address: Any) -> None:
        with self._sockets_lock:
            self._sockets.add(request)
        try:
            super().finish_request(request, client_address)
        except (ConnectionError, ssl.SSLError):
            return  # The client hung up, or (in TLS 1.3 after the handshake) did not like the certificate: its business.
        finally:
            with self._sockets_lock:
                self._sockets.discard(request)

    def drop_connections(self) -> None:
        """Break what is still connected."""
        with self._sockets_lock:
            left = list(self._sockets)
        for one in left:
            try:
                one.shutdown(socket.SHUT_RDWR)
            except OSError:
                continue  # It was closed meanwhile.
