# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The listener of a SQL Server instance."""

from __future__ import annotations

import errno
import socket
import ssl
import threading

from lab.core.faults import Faults
from lab.core.ledger import Ledger

from .engine_api import Engine
from .login import Encrypt
from .session import Session

_SQL_SERVER_2022 = 16
_JOIN_SECONDS = 10.0


class TdsServer:
    """Accepts TDS connections for one engine.

    Args:
        engine: Who checks logins and runs statements.
        address, port: Where it listens; port 0: any free one, see :attr:`port` after :meth:`start`.
        ssl_context: The server's certificate, for this server alone (its TLS versions and ALPN are set here);
            None only with ``encrypt="off"``.
        encrypt: off, on, required (Force Encryption) or strict (Force Strict Encryption), see :class:`~lab.tds.login.Encrypt`.
            From SQL Server 2022 on, "on" and "required" take strict clients as well.
        ledger, machine, faults: The lab's memory, whose events these are, and the fault sql.refuse.
        progress_done: Each progress message of a long statement ends with a DONE(more) of its own, which clients see as an empty
            result (https://github.com/mkleehammer/pyodbc/issues/471); False: they all belong to one result.
    """

    def __init__(
        self,
        engine: Engine,
        address: str,
        port: int = 1433,
        ssl_context: ssl.SSLContext | None = None,
        encrypt: str = "on",
        *,
        ledger: Ledger,
        machine: str,
        faults: Faults,
        progress_done: bool = True,
    ) -> None:
        self.engine = engine
        self.address = address
        self.port = port
        self.encrypt = Encrypt(encrypt)
        self.ssl_context = ssl_context
        self.ledger = ledger
        self.machine = machine
        self.faults = faults
        self.progress_done = progress_done
        self._sessions: set[Session] = set()
        self._lock = threading.Lock()
        self._listener: socket.socket | None = None
        self._thread: threading.Thread | None = None
        if ssl_context is None and self.encrypt is not Encrypt.OFF:
            raise ValueError(f"encrypt={encrypt} needs a certificate")
        if self.encrypt is Encrypt.STRICT and not self.speaks_tds_8:
            raise ValueError("strict encryption needs SQL Server 2022 (version 16)")
        if ssl_context is not None:
            ssl_context.set_alpn_protocols(["tds/8.0"])  # [MS-TDS] 3.1.5
            if self.encrypt is not Encrypt.STRICT:
                # TLS 1.3 came with TDS 8.0; inside TDS 7.x packets its tickets after the handshake have no place.
                ssl_context.maximum_version = ssl.TLSVersion.TLSv1_2

    @property
    def speaks_tds_8(self) -> bool:
        """Strict encryption: SQL Server 2022 and later."""
        return self.engine.version[0] >= _SQL_SERVER_2022 and self.encrypt is not Encrypt.OFF

    def start(self) -> TdsServer:
        """Listen.

        Raises:
            OSError: The address and port are taken.
        """
        listener = socket.create_server((self.address, self.port), backlog=128)
        self.port = listener.getsockname()[1]
        self._listener = listener
        self._thread = threading.Thread(target=self._accept, args=(listener,), name=f"tds listener {self.machine}", daemon=True)
        self._thread.start()
        return self

    def stop(self) -> None:
        """Stop listening, cut every connection, wait until their sessions have cleaned up."""
        listener, self._listener = self._listener, None
        if listener is not None:
            try:
                listener.shutdown(socket.SHUT_RDWR)  # wakes the thread that waits in accept()
            except OSError as error:
                if error.errno != errno.ENOTCONN:
                    raise
            listener.close()
        if self._thread is not None:
            self._thread.join(_JOIN_SECONDS)
            self._thread = None
        with self._lock:
            sessions = list(self._sessions)
        for session in sessions:
            session.disconnect()
        for session in sessions:
            if session is not threading.current_thread():
                session.join(_JOIN_SECONDS)

    def __enter__(self) -> TdsServer:
        return self.start()

    def __exit__(self, *_exception: object) -> None:
        self.stop()

    def forget(self, session: Session) -> None:
        """A session has ended."""
        with self._lock:
            self._sessions.discard(session)

    def _accept(self, listener: socket.socket) -> None:
        while True:
            try:
                connection, (address, _port) = listener.accept()
            except OSError:
                return  # stop() closed it
            if self.faults.hit("sql.refuse", self.machine) is not None:
                connection.close()
                continue
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            session = Session(self, connection, address)
            with self._lock:
                self._sessions.add(session)
            session.start()
