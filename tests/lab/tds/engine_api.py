# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Where the wire ends and the SQL engine begins. The engine implements Engine and EngineSession, the wire implements Output.

Every call for one session comes from that session's own thread; different sessions call at the same time.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from .types import SqlType

# CurCmd of a DONE token ([MS-TDS] 2.2.7.6): clients tell a count of rows read from a count of rows changed by it.
SELECT = 0xC1
INSERT = 0xC3
DELETE = 0xC4
UPDATE = 0xC5


class SqlError(Exception):
    """An error as SQL Server reports it.

    Attributes:
        thrown: THROW raised it, which always ends the batch.

    Args:
        number: Message number, such as 18456 (sys.messages).
        severity: 11 to 16 the user's, 17 to 19 resources; from 20 on the server closes the connection after it.
        state: Tells apart the places in the server that raise the same number.
        more: Errors that follow it in the same answer, as 3013 follows 3201.
    """

    def __init__(
        self,
        number: int,
        message: str,
        severity: int = 16,
        state: int = 1,
        *,
        line: int = 1,
        procedure: str = "",
        more: Iterable[SqlError] = (),
    ) -> None:
        super().__init__(f"{number}: {message}")
        self.number = number
        self.message = message
        self.severity = severity
        self.state = state
        self.line = line
        self.thrown = False
        self.procedure = procedure
        self.more = list(more)


class Attention(BaseException):
    """The client has cancelled what runs ([MS-TDS] 2.2.1.7). Raised by :meth:`Output.poll`: clean up and let it pass.

    Not an ``Exception``: an engine that runs a TRY block must not take it for an error of the statement.
    """


@dataclass(frozen=True)
class Column:
    """A column of a result: its name (empty: none, as for an expression) and type."""

    name: str
    type: SqlType
    nullable: bool = True


class Parameters(dict[str, object]):
    """Values by parameter name, without the ``@``. ``types`` has the declared or sent type of each, also where the value is NULL.

    Where a client asked for an output parameter, the engine assigns to its name, and the wire returns what is there afterwards.

    Values are None, int, bool, float, Decimal, str, bytes, date, time, datetime (aware for datetimeoffset) or UUID.
    """

    def __init__(self, values: Iterable[tuple[str, object]] = (), types: dict[str, SqlType] | None = None) -> None:
        super().__init__(values)
        self.types: dict[str, SqlType] = dict(types or {})


@dataclass(frozen=True)
class LoginRequest:
    """What a client says of itself in LOGIN7 ([MS-TDS] 2.2.6.4)."""

    user: str
    password: str = field(repr=False)
    database: str = ""  # empty: the login's default
    host: str = ""  # the client computer's name, as it gives it
    program: str = ""
    language: str = ""
    integrated: bool = False  # Windows authentication was asked for; user and password are then empty
    read_only: bool = False  # ApplicationIntent=ReadOnly
    address: str = ""  # where the client connects from
    encrypted: bool = False  # the whole session, not only the login packet
    # Closes this connection, from any thread (KILL, SET SINGLE_USER WITH ROLLBACK IMMEDIATE): what runs on it meets a
    # ConnectionError at its next poll(), and its EngineSession.close() is then called by the session's own thread.
    disconnect: Callable[[], None] = field(default=lambda: None, repr=False, compare=False)


class Output(Protocol):
    """Where an engine puts the answer to one request. DONE tokens get their "more follows" right by themselves."""

    def info(self, number: int, text: str, severity: int = 0, *, state: int = 1, line: int = 1, procedure: str = "") -> None:
        """A message (PRINT has number 0). It stays in the answer's buffer: call :meth:`flush` where it must be seen at once."""

    def progress(self, number: int, text: str) -> None:
        """A message of a long statement ("10 percent processed."), sent at once.

        It ends with a DONE of its own, so that a client sees an empty result for each, unless the server was told otherwise.
        """

    def error(self, error: SqlError) -> None:
        """An error after which the batch goes on; its ``more`` follow it. (To end the batch, raise the error instead.)"""

    def rowset(self, columns: Sequence[Column], rows: Iterable[Sequence[object]], *, counted: bool = True, command: int = SELECT) -> int:
        """A result set, streamed while ``rows`` yields, polling between; ends itself with DONE. Gives the number of rows.

        Args:
            counted: Whether the client is told the number (SET NOCOUNT OFF).

        Raises:
            ValueError: A value does not fit its column's type: the engine described its result wrongly.
            Attention, ConnectionError: As :meth:`poll`.
        """

    def done(self, count: int | None = None, command: int = 0) -> None:
        """The end of a statement without rows; ``count`` rows were changed (None: not said, as under SET NOCOUNT ON)."""

    def env_database(self, new: str, old: str) -> None:
        """The session's database changed (USE): ENVCHANGE 1. The message 5701 is the engine's to send."""

    def transaction_began(self) -> None:
        """The outermost transaction began (@@TRANCOUNT went from 0 to 1), by a statement or by :meth:`EngineSession.begin`."""

    def transaction_ended(self, committed: bool) -> None:
        """The outermost transaction ended (@@TRANCOUNT went to 0)."""

    def flush(self) -> None:
        """Send what is buffered now."""

    def poll(self) -> None:
        """To be called often by whatever takes long.

        Raises:
            Attention: The client cancelled.
            ConnectionError: The client has gone, or the session was disconnected.
        """


class EngineSession(Protocol):
    """One login. ``database`` is its current one, as it is spelt in sys.databases."""

    @property
    def spid(self) -> int: ...

    @property
    def database(self) -> str: ...

    def batch(self, sql: str, params: Parameters, out: Output) -> None:
        """Run a batch, or the statement of sp_executesql and sp_execute. A procedure called by RPC comes as its EXEC statement.

        Raises:
            SqlError: Ends the batch.
        """

    def begin(self, out: Output) -> None:
        """The transaction manager requests of drivers with autocommit off ([MS-TDS] 2.2.6.9): BEGIN TRANSACTION,"""

    def commit(self, out: Output) -> None:
        """COMMIT.

        Raises:
            SqlError: 3902 without a transaction.
        """

    def rollback(self, out: Output) -> None:
        """ROLLBACK.

        Raises:
            SqlError: 3903 without a transaction.
        """

    def reset(self) -> None:
        """sp_reset_connection: roll back, drop temporary objects, SET options and database as after the login."""

    def close(self) -> None:
        """The client has gone, whatever the reason: roll back and forget the session. Called exactly once."""


class Engine(Protocol):
    """A SQL Server instance as its clients meet it."""

    @property
    def name(self) -> str:
        """@@SERVERNAME."""

    @property
    def version(self) -> tuple[int, int, int, int]:
        """As 14, 0, 3456, 2."""

    @property
    def collation(self) -> bytes:
        """The server's collation as the five bytes of [MS-TDS] 2.2.5.1.2 (:data:`lab.tds.types.COLLATION`)."""

    def login(self, request: LoginRequest) -> EngineSession:
        """Check who it is, open the session.

        Raises:
            SqlError: 18456 wrong user or password, 18452 Windows authentication without a trusted domain, 4060 no such
                database (followed by 18456), 17142 the server is paused, ...
        """
