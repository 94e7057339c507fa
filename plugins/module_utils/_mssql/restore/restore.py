# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""RESTORE DATABASE, drained and proven: message 3014 on the wire, the row in msdb, and the database online.

Nothing is changed before the backup was read and found valid. What can die at any moment is asked of the server again: which databases
are there, and of which backup set. So a restore that was broken off is done again by running it again.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import Any

from ansible_collections.octopus.upgrade.plugins.module_utils._mssql.backup import media as backup_media
from ansible_collections.octopus.upgrade.plugins.module_utils._mssql.backup.backup import SESSION_GONE
from ansible_collections.octopus.upgrade.plugins.module_utils._mssql.backup.media import said
from ansible_collections.octopus.upgrade.plugins.module_utils._mssql.connection.connection import Message, SqlConnection
from ansible_collections.octopus.upgrade.plugins.module_utils._mssql.errors import MssqlError, MssqlTimeout
from ansible_collections.octopus.upgrade.plugins.module_utils._mssql.progress import percents
from ansible_collections.octopus.upgrade.plugins.module_utils._mssql.quoting import quote_identifier

from . import exclusive
from . import options as word
from . import target as restore_target
from .options import RestoreOptions
from .prepare import Prepared, facts, outlook, prepare, select
from .target import ONLINE, RESTORING, look

__all__ = ["Prepared", "check", "outlook", "prepare", "run", "select", "verified"]

RESTORE_DONE, CHECK_DONE = 3014, 8989
IN_USE = 3101
ATTEMPTS = 5
WAIT_FOR_ROLLBACK, PAUSE = 60.0, 0.2  # seconds

Reconnect = Callable[[], SqlConnection]
OnProgress = Callable[..., None]  # what is done, and the percentage or None


def verified(connection: SqlConnection, options: RestoreOptions, on_progress: OnProgress) -> dict[str, Any]:
    """Prove that the backup set is whole and its checksums are right; gives what the module returns.

    Raises:
        MssqlError: It is not, or has no checksums.
    """
    started = time.monotonic()
    server, chosen = select(connection, options)
    if not chosen.has_checksums:
        raise MssqlError(
            f"Wanted: a backup whose checksums can be compared. Found: {chosen} was taken without any. state: tested restores it and checks "
            "all of its pages"
        )
    sql = backup_media.verify(
        connection,
        options.paths,
        chosen.position,
        options.timeout,
        urls=options.urls,
        credential=options.credential,
        on_message=percents(on_progress, f"Verifying the backup of {chosen.database}"),
    )
    return {**facts(server, options, chosen), "verified": True, "sql": [sql], "seconds": _since(started)}


def run(connection: SqlConnection, prepared: Prepared, reconnect: Reconnect, on_progress: OnProgress) -> dict[str, Any]:
    """Restore, and prove it. Gives what the module returns.

    Args:
        reconnect: Opens another connection, to see and to give back what a cancelled restore or a killed session has left.
        on_progress: Called with what is done and the percentage, as the server reports it.

    Raises:
        MssqlError: It failed, or could not be proven; MssqlTimeout where the deadline cancelled it. The message says what is where.
    """
    return _Run(connection, prepared, reconnect, on_progress).run()


class _Run:
    """One restore."""

    def __init__(self, connection: SqlConnection, prepared: Prepared, reconnect: Reconnect, on_progress: OnProgress) -> None:
        self._connection = connection
        self._prepared = prepared
        self._options = prepared.options
        self._name = prepared.options.database
        self._reconnect = reconnect
        self._on_progress = on_progress
        self._started = time.monotonic()
        self._sql: list[str] = []
        self._session = 0

    def run(self) -> dict[str, Any]:
        options, prepared = self._options, self._prepared
        self._session = int(self._connection.scalar("SELECT @@SPID AS session_id"))
        if options.verify:
            self._verify()
        if prepared.target.rename:
            self._keep()
        elif prepared.target.kept is not None:
            exclusive.give_back(self._connection, prepared.target.kept.name, self._sql.append)
        self._restore()
        repaired, orphaned = self._users() if options.repair_users else ([], [])
        if options.compatibility_level is not None:
            self._after(word.set_level(self._name, options.compatibility_level), "its compatibility level")
        checked = self._check() if options.checkdb else None
        self._own()
        now = look(self._connection, self._name)
        if now is None or now.state != ONLINE:
            raise MssqlError(f"Wanted: {self._name} online. Found: {now.state if now else 'no such database'}. {self._whereabouts()}")
        return {
            **outlook(prepared),
            "verified": options.verify,
            "owner": now.owner,
            "users_repaired": repaired,
            "users_orphaned": orphaned,
            "compatibility_level": now.compatibility_level,
            "checkdb": checked,
            "sql": self._sql,
            "seconds": _since(self._started),
        }

    def _left(self) -> float | None:
        """Seconds until the deadline; a statement gets at least one."""
        return None if self._options.timeout is None else max(1.0, self._options.timeout - (time.monotonic() - self._started))

    def _verify(self) -> None:
        options, chosen = self._options, self._prepared.chosen
        self._sql.append(self._prepared.verify_statement)
        backup_media.verify(
            self._connection,
            options.paths,
            chosen.position,
            options.timeout,
            urls=options.urls,
            credential=options.credential,
            checksum=chosen.has_checksums,
            moves=[file.move for file in self._prepared.files],
            on_message=percents(self._on_progress, f"Verifying the backup of {chosen.database}"),
        )

    # -- what is there

    def _keep(self) -> None:
        """Rename what is there. Its sessions end; one that comes back in between is thrown out too."""
        keep_as = self._options.keep_as or ""
        steps = [word.single_user(self._name), word.rename(self._name, keep_as)]
        self._on_progress(f"Keeping {self._name} as {keep_as}", None)
        self._sql += steps
        try:
            exclusive.insist(self._connection, "; ".join(steps), self._name)
        except MssqlError as error:
            raise _with(error, self._give_back(self._name, keep_as)) from error
        except BaseException:
            self._give_back(self._name, keep_as)
            raise
        exclusive.give_back(self._connection, keep_as, self._sql.append)
        if look(self._connection, keep_as) is None or look(self._connection, self._name) is not None:
            raise MssqlError(f"Wanted: {self._name} renamed to {keep_as}. Found: SQL Server did not. Nothing else was changed")

    def _restore(self) -> None:
        """Restore with nobody else on the database, and give it back whatever happens."""
        there = self._prepared.target.there
        before = restore_target.last_restore(self._connection)
        was_offline = self._prepared.target.over and there is not None and there.state != ONLINE
        try:
            self._alone(there is not None and there.state == ONLINE and self._prepared.target.over)
            self._prove(before)
        except MssqlError as error:
            raise _with(error, self._give_back(self._name, online=not was_offline), self._whereabouts()) from error
        except BaseException:
            self._give_back(self._name, online=not was_offline)
            raise
        if not self._options.restricted:
            exclusive.give_back(self._connection, self._name, self._sql.append)

    def _alone(self, shared: bool) -> None:
        """Restore; where others may use what is there, after they are thrown out. Nothing has happened yet where one of them was faster."""
        for attempt in range(ATTEMPTS, 0, -1):
            if shared:
                exclusive.take(self._connection, self._name, self._sql.append, self._prepared.by_offline)
            try:
                self._run_restore()
                return
            except MssqlError as error:
                if error.number != IN_USE or not shared or attempt == 1:
                    raise

    def _run_restore(self) -> None:
        """
        Raises:
            MssqlError: It was refused, was cancelled, or its session was lost.
        """
        self._sql.append(self._prepared.statement)
        where = f"SQL Server {self._connection.options.where}"
        try:
            messages = self._connection.execute_drained(
                self._prepared.statement, percents(self._on_progress, f"Restoring {self._name}"), self._left()
            )
        except MssqlTimeout as error:
            messages = error.messages
            if not said(messages, RESTORE_DONE):
                raise MssqlTimeout(
                    f"Wanted: {self._name} restored within {self._options.timeout:g} s. Found: it was cancelled then, on {where}"
                ) from error
        except MssqlError as error:
            if error.number is None or error.number in SESSION_GONE:
                raise MssqlError(
                    f"Wanted: {self._name} restored. Found: {where} ended the session while it ran ({error.message})"
                ) from error
            cause = backup_media.readable(error, self._options.devices, self._connection)
            if cause is error:
                cause = MssqlError(f"Wanted: {self._name} restored. Found: {error.message}, on {where}", error.number)
            raise cause from error
        if not said(messages, RESTORE_DONE):
            # Microsoft's driver may tell of a lost connection in a message alone (10054, with 18.6), without an error.
            gone = next((message.text for message in messages if message.number in SESSION_GONE), None)
            if gone:
                raise MssqlError(f"Wanted: {self._name} restored. Found: {where} ended the session while it ran ({gone})")
            raise MssqlError(
                f"Wanted: message {RESTORE_DONE}, SQL Server's word that {self._name} is restored. "
                f"Found: only {sorted({message.number for message in messages})}"
            )

    def _prove(self, before: int) -> None:
        """
        Raises:
            MssqlError: msdb has no restore of this backup set, or the database is not online.
        """
        recorded = restore_target.restored_sets(self._connection, self._name, before)
        if self._prepared.chosen.backup_set_uuid not in recorded:
            raise MssqlError(
                f"Wanted: the restore of {self._prepared.chosen.backup_set_uuid} as {self._name} in msdb.dbo.restorehistory. "
                f"Found: {', '.join(map(str, recorded)) or 'no row'}"
            )
        now = look(self._connection, self._name)
        if now is None or now.state != ONLINE:
            raise MssqlError(f"Wanted: {self._name} online after its restore. Found: {now.state if now else 'no such database'}")

    # -- afterwards

    def _after(self, sql: str, what: str) -> None:
        self._sql.append(sql)
        try:
            self._connection.execute_drained(sql)
        except MssqlError as error:
            raise MssqlError(
                f"Wanted: {self._name} restored, and {what} set. Found: it is restored and online, but {error.message}", error.number
            ) from error

    def _users(self) -> tuple[list[str], list[str]]:
        """Give users whose login has another identity here to the login of their name; gives those, and those for which there is none.

        SUSER_SNAME and SUSER_SID tell of logins that the views do not show to everybody.
        """
        self._connection.execute_drained(f"USE {quote_identifier(self._name)}")
        repaired, orphaned = [], []
        try:
            rows = self._connection.query(
                "SELECT name, CASE WHEN SUSER_SID(name) IS NULL THEN 0 ELSE 1 END AS has_login FROM sys.database_principals "
                "WHERE type = 'S' AND authentication_type = 1 AND principal_id > 4 AND SUSER_SNAME(sid) IS NULL ORDER BY name"
            )
            for row in rows:
                sql = word.map_user(row["name"])
                try:
                    if row["has_login"]:
                        self._connection.execute_drained(sql)
                        self._sql.append(sql)
                        repaired.append(row["name"])
                        continue
                except MssqlError as error:
                    if error.number is None:
                        raise
                orphaned.append(row["name"])  # no login of that name, or another user has it already
        finally:
            self._connection.execute_drained("USE [master]")
        return repaired, orphaned

    def _check(self) -> dict[str, Any]:
        try:
            return check(self._connection, self._name, self._left(), self._on_progress, self._sql.append)
        except MssqlError as error:
            raise _with(error, self._whereabouts()) from error

    def _own(self) -> None:
        """RESTORE makes the login that runs it the owner of a new database. An owner that nobody asked for is set where that is allowed."""
        owner = self._prepared.owner
        now = look(self._connection, self._name)
        if owner is None or (now is not None and (now.owner or "").lower() == owner.lower()):
            return
        self._after(word.set_owner(self._name, owner), f"its owner {owner}")

    # -- when it fails

    def _give_back(self, *names: str, online: bool = True) -> str:
        """Let everybody in again, over a connection of its own: the old one may be gone, and its RESTORE not rolled back yet."""
        try:
            with self._reconnect() as fresh:
                ends = time.monotonic() + WAIT_FOR_ROLLBACK
                while exclusive.in_the_way(fresh, self._session) and time.monotonic() < ends:
                    time.sleep(PAUSE)
                for name in names:
                    exclusive.give_back(fresh, name, self._sql.append, online=online)
        except MssqlError as error:
            listed = ", ".join(names)
            return (
                f"Whether {listed} can be used again could not be seen to ({error.message}). If need be: ALTER DATABASE ... SET ONLINE, "
                "and SET MULTI_USER"
            )
        return ""

    def _whereabouts(self) -> str:
        """What is there now, seen over a connection of its own, and what to do."""
        options, target = self._options, self._prepared.target
        if options.restricted:
            return ""  # a test, which is dropped anyway
        try:
            with self._reconnect() as fresh:
                now = look(fresh, self._name)
                kept = look(fresh, options.keep_as) if options.keep_as else None
        except MssqlError as error:
            return f"What is there now could not be looked at ({error.message})"
        if now is None:
            seen = f"There is no database {self._name}"
        elif now.state == RESTORING:
            again = "run this again" if options.keep_as else "run this again with replace: true"
            seen = f"{now.name} is RESTORING and cannot be used: {again}, or drop it"
        elif target.over and target.there is not None and not options.keep_as:
            seen = f"{now.name} is {now.state}"
        else:
            seen = f"{now.name} is there, {now.state}"
        if kept is not None:
            back = word.rename(kept.name, self._name)
            seen += f". What was there is kept as {kept.name}, {kept.state}. To have it back by hand: drop {self._name} if it is there, and {back}"
        return seen


def check(
    connection: SqlConnection, database: str, deadline: float | None, on_progress: OnProgress, ran: Callable[[str], None]
) -> dict[str, Any]:
    """DBCC CHECKDB; gives what the module returns.

    Raises:
        MssqlError: What it has found, or that it did not say it has found nothing.
    """
    sql = word.check_statement(database)
    ran(sql)
    on_progress(f"Checking {database}", None)
    started = time.monotonic()
    try:
        messages: Sequence[Message] = connection.execute_drained(sql, None, deadline)
    except MssqlTimeout as error:
        messages = error.messages
        if not said(messages, CHECK_DONE):
            raise MssqlTimeout(
                f"Wanted: {database} restored and checked in time. Found: it is restored; DBCC CHECKDB was cancelled after {deadline:g} s"
            ) from error
    except MssqlError as error:
        raise MssqlError(
            f"Wanted: {database} without damage. Found: it is restored, and DBCC CHECKDB says: {error.message}. Do not use it", error.number
        ) from error
    last = next((message.text for message in messages if message.number == CHECK_DONE), None)
    if last is None:
        raise MssqlError(
            f"Wanted: message {CHECK_DONE}, DBCC CHECKDB's word on {database}. Found: only {sorted({message.number for message in messages})}"
        )
    return {"clean": True, "message": last, "seconds": _since(started)}


def _with(error: MssqlError, *more: str) -> MssqlError:
    """The same error with more to tell."""
    text = ". ".join([error.message.rstrip("."), *(one for one in more if one)])
    return MssqlTimeout(text, error.messages) if isinstance(error, MssqlTimeout) else MssqlError(text, error.number, error.sqlstate)


def _since(started: float) -> float:
    return round(time.monotonic() - started, 3)
