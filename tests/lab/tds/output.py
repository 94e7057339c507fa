# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The answer to one request: what the engine says, as tokens, streamed."""

from __future__ import annotations

import itertools
import struct
from collections.abc import Iterable, Sequence

from . import tokens
from .engine_api import SELECT, Attention, Column, SqlError
from .packets import PacketType, ProtocolError, Transport

_CHUNK = 60_000  # bytes of rows that are sent together, and after which a cancel is looked for
_descriptors = itertools.count(1)


class Answer:
    """An :class:`~lab.tds.engine_api.Output` over one connection, used again for every request of its session.

    The last DONE of an answer has no "more" bit, and whether a DONE is the last is known only when the next token comes:
    so it is held back until then.

    Args:
        server: The server's name in messages.
        progress_done: Each progress message ends with a DONE(more) of its own.
    """

    def __init__(self, transport: Transport, server: str, progress_done: bool = True) -> None:
        self._transport = transport
        self._server = server
        self._progress_done = progress_done
        self._buffer = bytearray()
        self._pending: tuple[int, int, int, int | None] | None = None  # kind, status, command, count
        self._descriptor = 0
        self._done = tokens.DONE

    # ---------------------------------------------------------------------------------------------- for the session

    def begin(self, in_procedure: bool = False) -> None:
        """Start with the next statement: of a batch, or of a procedure, whose statements end with DONEINPROC."""
        self._done = tokens.DONE_IN_PROCEDURE if in_procedure else tokens.DONE

    def token(self, data: bytes) -> None:
        """Append a token."""
        self._settle()
        self._buffer += data

    def end_procedure(self, status: int, values: Iterable[bytes] = ()) -> None:
        """The end of a procedure that was called by RPC: its status, its output parameters, DONEPROC."""
        self.token(tokens.return_status(status))
        for value in values:
            self.token(value)
        self._hold(tokens.DONE_PROCEDURE, 0, 0xE0)

    def fail(self, error: SqlError) -> None:
        """The error that ended the statement or batch."""
        self.error(error)
        self._hold(self._done, tokens.DONE_ERROR)

    def cancelled(self, interrupted: bool = True) -> None:
        """Acknowledge the client's attention ([MS-TDS] 2.2.1.7).

        What was interrupted ends first, with its own DONE: its shape is *assumed*; without it, Microsoft's driver would take the
        statement for a finished one, where it is documented to report HY008.
        """
        self._settle()
        if interrupted:
            self._buffer += tokens.done(self._done, tokens.DONE_ERROR | tokens.DONE_MORE)
        self._buffer += tokens.done(tokens.DONE, tokens.DONE_ATTENTION)
        self._send(end=True)

    def finish(self) -> None:
        """End the answer."""
        if self._pending is None:
            self._hold(tokens.DONE, 0)
        self._settle(more=False)
        self._send(end=True)

    def end_transaction(self) -> None:
        """The session was reset: there is no transaction any more, and nobody is told."""
        self._descriptor = 0

    # ---------------------------------------------------------------------------------------------- inside

    def _hold(self, kind: int, status: int, command: int = 0, count: int | None = None) -> None:
        self._settle()
        self._pending = kind, status, command, count

    def _settle(self, more: bool = True) -> None:
        if self._pending is not None:
            kind, status, command, count = self._pending
            self._buffer += tokens.done(kind, status | (tokens.DONE_MORE if more else 0), command, count)
            self._pending = None

    def _send(self, end: bool = False) -> None:
        data = bytes(self._buffer)
        self._buffer.clear()
        self._transport.send(data, end)

    def _send_full_packets(self) -> None:
        whole = len(self._buffer) // self._transport.room * self._transport.room
        data = bytes(self._buffer[:whole])
        del self._buffer[:whole]
        self._transport.send(data, end=False)

    def _message(self, number: int, text: str, severity: int, *, state: int, line: int, procedure: str, error: bool) -> None:
        self.token(
            tokens.message(number, text, severity=severity, state=state, line=line, server=self._server, procedure=procedure, error=error)
        )

    # ---------------------------------------------------------------------------------------------- for the engine

    def info(self, number: int, text: str, severity: int = 0, *, state: int = 1, line: int = 1, procedure: str = "") -> None:
        self._message(number, text, severity, state=state, line=line, procedure=procedure, error=False)

    def progress(self, number: int, text: str) -> None:
        self.info(number, text)
        if self._progress_done:
            self._hold(self._done, 0)
        self.flush()

    def error(self, error: SqlError) -> None:
        for one in (error, *error.more):
            self._message(
                one.number, one.message, one.severity, state=one.state, line=one.line, procedure=one.procedure, error=one.severity > 10
            )

    def rowset(self, columns: Sequence[Column], rows: Iterable[Sequence[object]], *, counted: bool = True, command: int = SELECT) -> int:
        if not columns:
            raise ValueError("a result set without columns")
        self.token(tokens.column_metadata(columns))
        encoders = [column.type.encode for column in columns]
        count = 0
        for row in rows:
            # A whole row or nothing: what is in the buffer always ends with a token.
            self._buffer += tokens.ROW + b"".join([encode(value) for encode, value in zip(encoders, row, strict=True)])
            count += 1
            if len(self._buffer) > _CHUNK:
                self._send_full_packets()
                self.poll()
        self._hold(self._done, 0, command, count if counted else None)
        return count

    def done(self, count: int | None = None, command: int = 0) -> None:
        self._hold(self._done, 0, command, count)

    def env_database(self, new: str, old: str) -> None:
        self.token(tokens.env_text(tokens.ENV_DATABASE, new, old))

    def transaction_began(self) -> None:
        self._descriptor = next(_descriptors)
        self.token(tokens.env_bytes(tokens.ENV_BEGIN, struct.pack("<Q", self._descriptor), b""))

    def transaction_ended(self, committed: bool) -> None:
        kind = tokens.ENV_COMMIT if committed else tokens.ENV_ROLLBACK
        self.token(tokens.env_bytes(kind, b"", struct.pack("<Q", self._descriptor)))
        self._descriptor = 0

    def flush(self) -> None:
        self._settle()
        if self._buffer:
            self._send()

    def poll(self) -> None:
        if self._transport.readable():
            kind = self._transport.read_message().type
            if kind == PacketType.ATTENTION:
                raise Attention
            raise ProtocolError(f"a message of type {kind} while a request is under way")
