# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a client asks of an open session: batches, procedure calls, transaction manager requests ([MS-TDS] 2.2.1)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from . import catalog, tokens
from .engine_api import EngineSession, Parameters, SqlError
from .output import Answer
from .packets import Message, PacketType, ProtocolError
from .reader import Reader
from .rpc import Call, Parameter, bind, declared, read_calls
from .types import SqlType

if TYPE_CHECKING:
    from .server import TdsServer

_BEGIN, _COMMIT, _ROLLBACK = 5, 7, 8  # [MS-TDS] 2.2.6.9
_BEGIN_AGAIN = 0x01


@dataclass(frozen=True)
class _Prepared:
    """What a handle stands for: a statement, or (sp_prepexecrpc) a procedure."""

    declaration: str
    sql: str
    procedure: str = ""


class Requests:
    """Takes one session's requests apart, remembers them in the ledger and gives them to the engine."""

    def __init__(self, server: TdsServer, session: EngineSession, answer: Answer, login: str) -> None:
        self._server = server
        self._answer = answer
        self._login = login
        self._prepared: dict[int, _Prepared] = {}
        self._handles = 0
        self.session = session

    def run(self, message: Message) -> None:
        """Answer one message; the last DONE is the caller's to send.

        Raises:
            SqlError: The request ends with that error.
            Attention, ConnectionError: As Output.poll().
        """
        if message.type == PacketType.SQL_BATCH:
            reader = Reader(message.body)
            reader.all_headers()
            self._batch(reader.rest_as_text())
        elif message.type == PacketType.RPC:
            for call in read_calls(message.body):
                self._call(call)
        elif message.type == PacketType.TRANSACTION_MANAGER:
            self._transaction(message.body)
        elif message.type == PacketType.BULK_LOAD:
            raise SqlError(4002, "lab: bulk load (bcp) is not supported.", 16)
        else:
            raise ProtocolError(f"a message of type {message.type} after the login")

    def reset(self) -> None:
        """sp_reset_connection, asked for by a bit of the request that follows it ([MS-TDS] 2.2.3.1.2)."""
        self._record("sp_reset_connection", {})
        self.session.reset()
        self._prepared.clear()
        self._answer.end_transaction()
        self._answer.token(tokens.env_bytes(tokens.ENV_RESET, b"", b""))

    def _record(self, sql: str, values: dict[str, object]) -> None:
        """Statements are remembered when they arrive, word for word, so that a test can find a secret in them."""
        self._server.ledger.record(
            "sql",
            self._server.machine,
            sql=sql,
            params=dict(values),
            login=self._login,
            database=self.session.database,
            spid=self.session.spid,
        )

    def failed(self, number: int, message: str) -> None:
        """A statement ended with an error, or was cancelled (number 0)."""
        self._server.ledger.record(
            "sql.session", self._server.machine, action="error", login=self._login, spid=self.session.spid, error=number, message=message
        )

    # ---------------------------------------------------------------------------------------------- batches

    def _batch(self, sql: str) -> None:
        self._record(sql, {})
        asked = catalog.asked_for(sql)
        if asked is None:
            self.session.batch(sql, Parameters(), self._answer)
        else:
            self._answer.rowset(catalog.COLUMNS, catalog.rows(asked))

    # ---------------------------------------------------------------------------------------------- procedures

    def _call(self, call: Call) -> None:
        """One procedure. An error ends the call, not the other calls of the message."""
        answer = self._answer
        answer.begin(in_procedure=True)
        try:
            status, values = self._procedure(call)
        except SqlError as error:
            if error.severity >= 20:
                raise
            self.failed(error.number, error.message)
            answer.fail(error)
            status, values = error.number, []
        answer.end_procedure(status, values)
        answer.begin()

    def _procedure(self, call: Call) -> tuple[int, list[bytes]]:
        """Run it: its return status and output parameters."""
        name, sent = call.short_name, call.parameters
        if name == "sp_executesql":
            return self._statement(call.text(0), call.declaration(), sent[2:], first=2)
        if name in ("sp_prepare", "sp_prepexec"):
            declaration, sql = call.declaration(), call.text(2)
            declared(declaration)
            if name == "sp_prepare":
                self._record(f"sp_prepare {sql}", {})
            status, values = self._statement(sql, declaration, sent[3:], first=3) if name == "sp_prepexec" else (0, [])
            return status, [self._prepare(call, _Prepared(declaration, sql)), *values]
        if name == "sp_prepexecrpc":  # how Microsoft's driver sends {call p(?)}
            status, values = self._stored_procedure(call.text(1), sent[2:], first=2)
            return status, [self._prepare(call, _Prepared("", "", call.text(1))), *values]
        if name == "sp_execute":
            prepared = self._prepared.get(call.number(0))
            if prepared is None:
                raise SqlError(8179, f"Could not find prepared statement with handle {call.number(0)}.", 16, 2)
            if prepared.procedure:
                return self._stored_procedure(prepared.procedure, sent[1:], first=1)
            return self._statement(prepared.sql, prepared.declaration, sent[1:], first=1)
        if name == "sp_unprepare":
            if self._prepared.pop(call.number(0), None) is None:
                raise SqlError(8179, f"Could not find prepared statement with handle {call.number(0)}.", 16, 1)
            return 0, []
        if name == "sp_reset_connection":
            self.reset()
            return 0, []
        if name in ("sp_datatype_info", "sp_datatype_info_90", "sp_datatype_info_100"):
            self._record(call.name, {})
            self._answer.rowset(catalog.COLUMNS, catalog.rows(call.number(0) if sent else 0))
            return 0, []
        if name == "sp_describe_undeclared_parameters":
            # A driver asks for it to bind a NULL, and takes varchar where it fails (as measured with Microsoft's driver 18).
            self._record(f"{call.name} {call.text(0)}", {})
            raise SqlError(11501, "The batch could not be analyzed because of compile errors.", 16, 2)
        if name.startswith("sp_cursor"):
            raise SqlError(2812, f"lab: server cursors are not supported ('{name}').", 16, 62)
        return self._stored_procedure(call.name, sent, first=0)

    def _prepare(self, call: Call, prepared: _Prepared) -> bytes:
        """A new handle, as the output parameter that it is."""
        self._handles += 1
        self._prepared[self._handles] = prepared
        return tokens.return_value(0, _at(call.parameters[0].name), SqlType("int"), self._handles)

    def _statement(self, sql: str, declaration: str, sent: list[Parameter], first: int) -> tuple[int, list[bytes]]:
        """Run a statement with parameters; ``first`` is the place of its first value in the call."""
        bound = bind(declaration, sql, sent)
        self._record(sql, bound)
        self.session.batch(sql, bound, self._answer)
        names = {name.lower(): name for name in bound}
        values = []
        for place, parameter in enumerate(sent):
            if parameter.output:
                name = names[parameter.name.lower()] if parameter.name else list(bound.types)[place]
                values.append(tokens.return_value(first + place, _at(name), bound.types[name], bound[name]))
        return 0, values

    def _stored_procedure(self, name: str, sent: list[Parameter], first: int) -> tuple[int, list[bytes]]:
        """Any other procedure is the engine's: it gets the EXEC statement that a client could have written."""
        bound = Parameters()
        words = []
        for place, parameter in enumerate(sent, 1):
            own = parameter.name or f"P{place}"
            bound[own], bound.types[own] = parameter.value, parameter.type
            value = "DEFAULT" if parameter.default else f"@{own}{' OUTPUT' if parameter.output else ''}"
            words.append(f"@{own} = {value}" if parameter.name else value)
        sql = f"EXEC {name} {', '.join(words)}".rstrip()
        self._record(sql, bound)
        self.session.batch(sql, bound, self._answer)
        values = [
            tokens.return_value(first + place, _at(parameter.name), parameter.type, bound[parameter.name or f"P{place + 1}"])
            for place, parameter in enumerate(sent)
            if parameter.output
        ]
        return 0, values

    # ---------------------------------------------------------------------------------------------- transactions

    def _transaction(self, body: bytes) -> None:
        reader = Reader(body)
        reader.all_headers()
        kind = reader.unsigned(2)
        if kind == _BEGIN:
            self._record("BEGIN TRANSACTION", {})
            self.session.begin(self._answer)
        elif kind in (_COMMIT, _ROLLBACK):
            reader.take(reader.unsigned(1))  # the transaction's name, as SQL text needs it
            again = bool(reader.left() and reader.unsigned(1) & _BEGIN_AGAIN)
            self._record("COMMIT TRANSACTION" if kind == _COMMIT else "ROLLBACK TRANSACTION", {})
            (self.session.commit if kind == _COMMIT else self.session.rollback)(self._answer)
            if again:  # FreeTDS ends one and begins the next in one request
                self._record("BEGIN TRANSACTION", {})
                self.session.begin(self._answer)
        else:
            raise SqlError(8525, f"lab: transaction manager request {kind} (distributed transactions, save points) is not supported.", 16)


def _at(name: str) -> str:
    return f"@{name}" if name else ""
