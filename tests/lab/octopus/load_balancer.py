# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The load balancer in front of a cluster: passes TCP through to nodes whose ping says 200.

The vendor tells load balancers to probe ``/api/octopusservernodes/ping``: 200 in rotation, 418 draining or offline
(https://octopus.com/docs/administration/high-availability/configure/octopus-for-high-availability-on-premises).
Connections that are open when a node leaves the rotation stay open, as with HAProxy's defaults (*assumed* for others).
"""

from __future__ import annotations

import contextlib
import http.client
import itertools
import logging
import socket
import ssl
import threading
from dataclasses import dataclass, field

from ..core.network import Machine, Network

LOG = logging.getLogger(__name__)
PING = "/api/octopusservernodes/ping"
CHUNK = 64 * 1024
SHORTEST = 0.25  # real seconds between two pings: in a lab with a fast clock they would be most of what it does


@dataclass
class Backend:
    """A node behind the balancer: where it listens, and whether its last ping was a 200."""

    name: str
    address: str
    port: int
    in_rotation: bool = False
    status: int | None = None  # of the last ping; None: no answer
    pings: http.client.HTTPConnection | None = field(default=None, repr=False)
    lock: threading.Lock = field(default_factory=threading.Lock, repr=False)


class LoadBalancer(Machine):
    """A machine whose one port leads to the nodes in turn.

    Args:
        nodes: (name, address, port) of each node; https where ``secure``, checked against the lab's CA.
        port: Where users connect.
        interval: Lab seconds between two pings of a node; SHORTEST where that is longer.
        patience: Real seconds that a ping or a connection to a node may take.
    """

    def __init__(
        self,
        name: str,
        network: Network,
        nodes: list[tuple[str, str, int]],
        *,
        port: int = 8443,
        secure: bool = True,
        interval: float = 5.0,
        patience: float = 2.0,
    ) -> None:
        super().__init__(name, network)
        self.port = port
        self.secure = secure
        self.interval = interval
        self.patience = patience
        self.backends = [Backend(*node) for node in nodes]
        self._turn = itertools.count()
        self._context = ssl.create_default_context(cafile=str(network.authority.path)) if secure else None
        self._stop = threading.Event()
        self._listener: socket.socket | None = None
        self._threads: list[threading.Thread] = []
        self._open: set[socket.socket] = set()
        self._lock = threading.Lock()

    @property
    def url(self) -> str:
        """What users type."""
        return f"{'https' if self.secure else 'http'}://{self.address}:{self.port}"

    def start(self) -> LoadBalancer:
        """Ping every node once, then listen.

        Raises:
            OSError: The port is taken.
        """
        self._stop.clear()
        listener = socket.socket()
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((self.address, self.port))
        listener.listen(128)
        self.port = listener.getsockname()[1]
        self._listener = listener
        self.check()
        self._threads = [
            threading.Thread(target=self._accept, args=(listener,), name=f"{self.name} accept", daemon=True),
            *(
                threading.Thread(target=self._watch, args=(backend,), name=f"{self.name} health of {backend.name}", daemon=True)
                for backend in self.backends
            ),
        ]
        for thread in self._threads:
            thread.start()
        return self

    def stop(self) -> None:
        """Free the port and cut what is open."""
        self._stop.set()
        listener, self._listener = self._listener, None
        if listener is not None:
            with contextlib.suppress(OSError):
                listener.shutdown(socket.SHUT_RDWR)  # wakes the accepting thread
            listener.close()
        with self._lock:
            still_open = list(self._open)
        for one in still_open:
            with contextlib.suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)
        for thread in self._threads:
            thread.join()
        self._threads = []
        for backend in self.backends:
            with backend.lock:
                if backend.pings is not None:
                    backend.pings.close()

    # -- health

    def check(self) -> None:
        """Ping every node now, side by side: a dead one must not delay the news of the others."""
        threads = [threading.Thread(target=self._probe, args=(backend,), daemon=True) for backend in self.backends]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

    def _probe(self, backend: Backend) -> None:
        status = self._ping(backend)
        in_rotation = status == 200
        changed, backend.status, backend.in_rotation = in_rotation != backend.in_rotation, status, in_rotation
        if changed:
            self.ledger.record("octopus", self.name, what="load balancer", node=backend.name, in_rotation=backend.in_rotation, ping=status)

    def _watch(self, backend: Backend) -> None:
        while not self._stop.wait(max(SHORTEST, self.clock.real(self.interval))):
            self._probe(backend)

    def _ping(self, backend: Backend) -> int | None:
        """Ask over the connection of the last ping: a TLS handshake for each would be most of what an idle lab costs."""
        with backend.lock:
            if backend.pings is None:
                backend.pings = self._to(backend)
            kept = backend.pings.sock is not None
            status = _asked(backend.pings)
            if status is None and kept:  # the node may have closed it in between
                status = _asked(backend.pings)
            return status

    def _to(self, backend: Backend) -> http.client.HTTPConnection:
        if self._context is None:
            return http.client.HTTPConnection(backend.address, backend.port, timeout=self.patience)
        return http.client.HTTPSConnection(backend.address, backend.port, timeout=self.patience, context=self._context)

    # -- forwarding

    def _accept(self, listener: socket.socket) -> None:
        while not self._stop.is_set():
            try:
                client, _peer = listener.accept()
            except OSError:
                return  # stop() closed the listener
            threading.Thread(target=self._serve, args=(client,), daemon=True).start()

    def _connect(self) -> socket.socket | None:
        """The next node in turn that is in rotation and lets us in."""
        ready = [backend for backend in self.backends if backend.in_rotation]
        start = next(self._turn)
        for step in range(len(ready)):
            backend = ready[(start + step) % len(ready)]
            try:
                server = socket.create_connection((backend.address, backend.port), timeout=self.patience)
            except OSError as error:
                LOG.debug("%s refused: %s", backend.name, error)
                continue
            server.settimeout(None)
            return server
        return None

    def _serve(self, client: socket.socket) -> None:
        server = self._connect()
        if server is None:
            client.close()  # nobody is in service: as a balancer in TCP mode does, without a word
            return
        with self._lock:
            self._open.update((client, server))
        for one in (client, server):
            one.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if self._stop.is_set():
            client.close()
            server.close()
            return
        back = threading.Thread(target=_pump, args=(server, client), daemon=True)
        back.start()
        _pump(client, server)
        back.join()
        with self._lock:
            self._open.difference_update((client, server))
        client.close()
        server.close()


def _asked(connection: http.client.HTTPConnection) -> int | None:
    """The status of a ping; None, and a closed connection, where there is no answer."""
    try:
        connection.request("GET", PING)
        with connection.getresponse() as response:
            response.read()
            return response.status
    except (OSError, http.client.HTTPException) as error:
        LOG.debug("no ping from %s: %s", connection.host, error)
        connection.close()
        return None


def _pump(source: socket.socket, target: socket.socket) -> None:
    """Copy until the source ends; then end the target's stream too."""
    try:
        while data := source.recv(CHUNK):
            target.sendall(data)
    except OSError as error:
        LOG.debug("connection broke: %s", error)
    with contextlib.suppress(OSError):
        target.shutdown(socket.SHUT_WR)
    with contextlib.suppress(OSError):
        source.shutdown(socket.SHUT_RD)
