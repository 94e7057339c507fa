# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""An engine that knows no SQL: it echoes parameters and runs the functions that a test gave it for a statement."""

from __future__ import annotations

import itertools
import re
import threading
from collections.abc import Callable, Iterable, Sequence

from lab.tds.engine_api import Column, LoginRequest, Output, Parameters, SqlError
from lab.tds.types import COLLATION, SqlType

Statement = Callable[["EchoSession", Parameters, Output], object]
PASSWORD = "Str0ng!pass"
_ECHO = re.compile(r"\s*select\s+(@\w+(?:\s*,\s*@\w+)*)\s*", re.IGNORECASE)


class EchoSession:
    """Remembers what happened to it."""

    def __init__(self, engine: EchoEngine, request: LoginRequest, spid: int) -> None:
        self.engine = engine
        self.request = request
        self.spid = spid
        self.database = request.database or "master"
        self.transaction = False
        self.happened: list[str] = []
        self.closed = threading.Event()

    def batch(self, sql: str, params: Parameters, out: Output) -> None:
        self.engine.seen.append((sql, Parameters(params.items(), params.types)))
        statement = self.engine.statements.get(sql)
        if statement is not None:
            statement(self, params, out)
        elif match := _ECHO.fullmatch(sql):
            names = [name.strip()[1:] for name in match[1].split(",")]
            out.rowset([Column("", params.types[name]) for name in names], [[params[name] for name in names]])
        elif re.match(r"\s*use\s", sql, re.IGNORECASE):
            new = sql.split()[1].strip("[];")
            out.env_database(new, self.database)
            out.info(5701, f"Changed database context to '{new}'.", state=2)
            self.database = new
            out.done()
        elif re.match(r"\s*(set|if @@)", sql, re.IGNORECASE):  # what drivers send by themselves
            out.done()
        else:
            raise SqlError(102, f"Incorrect syntax near '{sql[:40]}'.", 15)

    def begin(self, out: Output) -> None:
        self.happened.append("begin")
        self.transaction = True
        out.transaction_began()

    def commit(self, out: Output) -> None:
        self._end("commit", out)

    def rollback(self, out: Output) -> None:
        self._end("rollback", out)

    def _end(self, how: str, out: Output) -> None:
        if not self.transaction:
            number = 3902 if how == "commit" else 3903
            raise SqlError(number, f"The {how.upper()} TRANSACTION request has no corresponding BEGIN TRANSACTION.")
        self.happened.append(how)
        self.transaction = False
        out.transaction_ended(committed=how == "commit")

    def reset(self) -> None:
        self.happened.append("reset")
        self.transaction = False
        self.database = self.request.database or "master"

    def close(self) -> None:
        assert not self.closed.is_set()
        self.closed.set()


class EchoEngine:
    name = "ECHO"
    collation = COLLATION

    def __init__(self, version: tuple[int, int, int, int] = (16, 0, 4135, 4)) -> None:
        self.version = version
        self.statements: dict[str, Statement] = {}
        self.seen: list[tuple[str, Parameters]] = []
        self.sessions: list[EchoSession] = []
        self._spids = itertools.count(51)

    def login(self, request: LoginRequest) -> EchoSession:
        if (request.user, request.password) != ("sa", PASSWORD):
            raise SqlError(18456, f"Login failed for user '{request.user}'.", 14)
        if request.database == "missing":
            more = [SqlError(18456, f"Login failed for user '{request.user}'.", 14)]
            raise SqlError(4060, 'Cannot open database "missing" requested by the login. The login failed.', 11, more=more)
        session = EchoSession(self, request, next(self._spids))
        self.sessions.append(session)
        return session

    def answers(self, sql: str, columns: Sequence[tuple[str, str]], rows: Iterable[Sequence[object]]) -> str:
        """Let a statement have that result: names and types of columns, rows. Gives the statement back."""
        made = [Column(name, SqlType.parse(kind)) for name, kind in columns]

        def run(_session: EchoSession, _params: Parameters, out: Output) -> None:
            out.rowset(made, rows)

        self.statements[sql] = run
        return sql
