# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""One connection from its first byte to its last."""

from __future__ import annotations

import logging
import socket
import ssl
import threading
import traceback
from typing import TYPE_CHECKING

from . import tokens
from .engine_api import Attention, EngineSession, LoginRequest, SqlError
from .login import TDS_7_3, TDS_7_4, TDS_8_0, Encrypt, Encryption, Login7, agree, prelogin_answer, read_login, read_prelogin
from .output import Answer
from .packets import Message, PacketType, ProtocolError, Transport
from .requests import Requests

if TYPE_CHECKING:
    from .server import TdsServer

_log = logging.getLogger(__name__)
_FATAL = 20  # from this severity on, the server ends the connection (Database Engine error severities)


class Session(threading.Thread):
    """Serves one client until either side ends the connection."""

    def __init__(self, server: TdsServer, connection: socket.socket, address: str) -> None:
        super().__init__(name=f"tds {address}", daemon=True)
        self.server = server
        self.address = address
        self.transport = Transport(connection)
        self.answer = Answer(self.transport, server.engine.name, server.progress_done)
        self._login: LoginRequest | None = None

    def run(self) -> None:
        try:
            engine_session = self._open()
            if engine_session is not None:
                self._serve(engine_session)
        except OSError as error:  # ConnectionError, ssl.SSLError and the socket's own among them: the client has gone
            _log.info("%s: %s", self.address, error)
            if self._login is None:
                self._record("handshake failed", error=str(error))
        except Exception:  # a fault of the lab itself: nobody else would see it in a thread
            self._record("internal error", error=traceback.format_exc())
            _log.exception("the session of %s failed", self.address)
        finally:
            self.transport.socket.close()
            self.server.forget(self)

    def disconnect(self) -> None:
        """End the connection; may be called from any thread."""
        self.transport.disconnect()

    def _record(self, action: str, **fields: object) -> None:
        login = self._login
        self.server.ledger.record(
            "sql.session",
            self.server.machine,
            action=action,
            address=self.address,
            login=login.user if login else None,
            program=login.program if login else None,
            **fields,
        )

    # ---------------------------------------------------------------------------------------------- opening

    def _open(self) -> EngineSession | None:
        """PRELOGIN, TLS and LOGIN7; None where the login was refused."""
        strict = self._first_bytes()
        prelogin = self._expect(PacketType.PRELOGIN)
        options = read_prelogin(prelogin.body)
        encryption = agree(Encrypt.STRICT if strict else self.server.encrypt, options)
        self.transport.send(prelogin_answer(options, encryption, self.server.engine.version))
        if encryption is not Encryption.NOT_SUPPORTED:
            self.transport.start_tls(self._context(), in_packets=True)
        login = read_login(self._expect(PacketType.LOGIN7).body)
        if encryption is Encryption.OFF:
            self.transport.end_tls()
        return self._enter(login)

    def _first_bytes(self) -> bool:
        """Whether it is TDS 8.0; its TLS session is then open."""
        server = self.server
        tls_first = self.transport.starts_with_tls()
        if not tls_first:
            if server.encrypt is Encrypt.STRICT:
                raise ProtocolError("the server takes TDS 8.0 (strict encryption) only")
            return False
        if not server.speaks_tds_8:
            raise ProtocolError("TDS 8.0 (strict encryption) needs SQL Server 2022")
        self.transport.start_tls(self._context(), in_packets=False)
        return True

    def _context(self) -> ssl.SSLContext:
        if self.server.ssl_context is None:
            raise ProtocolError("this server has no certificate")
        return self.server.ssl_context

    def _expect(self, kind: PacketType) -> Message:
        message = self.transport.read_message()
        if message.type != kind:
            raise ProtocolError(f"a message of type {message.type} where {kind.name} is due")
        return message

    def _enter(self, login: Login7) -> EngineSession | None:
        self._login = request = LoginRequest(
            user=login.user,
            password=login.password,
            database=login.database,
            host=login.host,
            program=login.program,
            language=login.language,
            integrated=login.integrated,
            read_only=login.read_only,
            address=self.address,
            encrypted=self.transport.encrypted,
            disconnect=self.disconnect,
        )
        try:
            self._check(login)
            engine_session = self.server.engine.login(request)
        except SqlError as error:
            self._record("refused", database=login.database, error=error.number, message=error.message)
            self.answer.begin()
            self.answer.fail(error)
            self.answer.finish()
            return None
        try:
            self._welcome(login, engine_session)
        except BaseException:
            engine_session.close()
            raise
        return engine_session

    @staticmethod
    def _check(login: Login7) -> None:
        """
        Raises:
            SqlError: The client cannot be served whatever the engine says.
        """
        if login.integrated:
            # No SSPI: the lab has no Kerberos, and Microsoft's driver speaks no NTLM on Linux.
            raise SqlError(
                18452, "Login failed. The login is from an untrusted domain and cannot be used with Integrated authentication.", 14
            )
        if login.tds_version != TDS_8_0 and not TDS_7_3 <= login.tds_version <= TDS_7_4:
            raise SqlError(17828, f"lab: TDS version 0x{login.tds_version:08X} is not supported; use 7.3, 7.4 or 8.0.", 20)

    def _welcome(self, login: Login7, session: EngineSession) -> None:
        """What follows a good login ([MS-TDS] 3.3.5.4, and 4.5 as an example)."""
        engine, answer = self.server.engine, self.answer
        answer.begin()
        answer.env_database(session.database, "master")
        answer.info(5701, f"Changed database context to '{session.database}'.", state=2)
        answer.token(tokens.env_bytes(tokens.ENV_COLLATION, engine.collation, b""))
        answer.token(tokens.env_text(tokens.ENV_LANGUAGE, "us_english", ""))
        answer.info(5703, "Changed language setting to us_english.")
        answer.token(tokens.login_ack(login.tds_version, "Microsoft SQL Server", engine.version))
        answer.token(tokens.env_text(tokens.ENV_PACKET_SIZE, str(login.packet_size), "4096"))
        # Before the answer: a client that sees its login fail for want of the entry is a worse lie than an early entry.
        self._record(
            "login",
            spid=session.spid,
            database=session.database,
            host=login.host,
            encrypted=self.transport.encrypted,
            tds=f"0x{login.tds_version:08X}",
        )
        answer.finish()
        self.transport.packet_size = login.packet_size

    # ---------------------------------------------------------------------------------------------- serving

    def _serve(self, session: EngineSession) -> None:
        requests = Requests(self.server, session, self.answer, self._login.user if self._login else "")
        try:
            while True:
                if not self._one(requests, self.transport.read_message()):
                    return
        finally:
            try:
                session.close()
            finally:
                self._record("logout", spid=session.spid)

    def _one(self, requests: Requests, message: Message) -> bool:
        """Answer one message; False where the connection must end then."""
        answer = self.answer
        if message.type == PacketType.ATTENTION:  # it crossed with the end of what it should cancel
            answer.cancelled(interrupted=False)
            return True
        answer.begin()
        try:
            if message.reset:
                requests.reset()
            if message.ignore:
                raise SqlError(0, "The client gave up while it was sending.", 11)
            requests.run(message)
        except SqlError as error:
            requests.failed(error.number, error.message)
            answer.fail(error)
            answer.finish()
            return error.severity < _FATAL
        except Attention:
            requests.failed(0, "cancelled by the client")
            answer.cancelled()
            return True
        except OSError:
            requests.failed(0, "the connection ended")
            raise
        except Exception as error:
            # The engine is wrong, not the client: say so where a test looks, and where its reader looks.
            requests.failed(50001, traceback.format_exc())
            _log.exception("spid %s: internal error", requests.session.spid)
            answer.fail(SqlError(50001, f"lab: internal error: {error!r}", 16))
            answer.finish()
            return True
        answer.finish()
        return True
