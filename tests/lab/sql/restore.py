# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""RESTORE: which database, from what, and whether it may be done.

https://learn.microsoft.com/sql/t-sql/statements/restore-statements-transact-sql
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from ..tds.engine_api import Output
from . import errors, headers, snapshots
from .cursor import Cursor
from .database import Database, DatabaseFile
from .devices import Device, read_devices, whole_set
from .media import Family
from .restore_files import plan_files
from .with_options import Options, read_options

if TYPE_CHECKING:
    from .session import Session


@dataclass
class RestoreOrder:
    """One RESTORE DATABASE or LOG from a backup set."""

    name: str
    what: str  # RESTORE DATABASE, RESTORE LOG
    devices: list[Device]
    options: Options
    families: list[Family]
    position: int
    header: dict[str, Any]
    database: Database | None  # that exists already
    files: list[DatabaseFile] = field(default_factory=list)


def restore(session: Session, cursor: Cursor, out: Output) -> None:
    """Run a RESTORE statement.

    Raises:
        SqlError: It is refused, or fails.
        Attention, ConnectionError: The client gave up; the database stays RESTORING.
    """
    cursor.expect("RESTORE")
    kind = cursor.word()
    if kind in headers.WHATS:
        if session.client.transactions or session.implicit:
            raise errors.in_transaction(headers.WHATS[kind])
        headers.look(session, cursor, out, kind)
        return
    if kind not in ("DATABASE", "LOG"):
        raise errors.gap(f"RESTORE {kind}")
    what = f"RESTORE {kind}"
    name = cursor.name_or_variable()
    if session.client.request is not None:
        session.client.request.command = what
    if session.client.transactions or session.implicit:
        raise errors.in_transaction(what)
    if not cursor.accept("FROM"):
        _recover(session, name, read_options(cursor, "RESTORE"), out, what)
        return
    if cursor.accept("DATABASE_SNAPSHOT"):
        cursor.expect("=")
        snapshot = cursor.string() if cursor.kind() in ("string", "variable") else cursor.name()
        cursor.end()
        snapshots.revert(session, name, snapshot, out)
        return
    devices = read_devices(cursor, session.server)
    _start(session, (name, what), devices, read_options(cursor, "RESTORE"), out)


def _start(session: Session, target: tuple[str, str], devices: list[Device], options: Options, out: Output) -> None:
    """
    Args:
        target: The database's name, and which statement it is.
    """
    from .restore_run import apply, replace  # it needs RestoreOrder

    name, what = target
    server = session.server
    if name.lower() in ("master", "model", "msdb"):
        raise errors.gap("RESTORE of a system database")
    if name.lower() == "tempdb":
        raise errors.failed(what, 3147, "Backup and restore operations are not allowed on database tempdb.")
    if options.standby:
        raise errors.gap("RESTORE WITH STANDBY")
    with server.lock:
        database = server.database(name)
        may(session, name, database, what)
        if database is not None:
            _no_snapshots(session, database, what)
            exclusive(session, database, what)
        families = whole_set(server, devices, what)
        position = headers.chosen(families[0], options, devices[0], what)
        header = families[0].parts[position - 1].header
        order = RestoreOrder(database.name if database else name, what, devices, options, families, position, header, database)
        headers.compatible(session, header, what)
        if "CHECKSUM" in options and not header["checksums"]:
            raise headers.no_checksums(what)
        if what == "RESTORE LOG" or header["type"] != "D":
            _chain(order)
            run = apply
        else:
            _over(order)
            order.files = plan_files(session, order)
            run = replace
        if database is not None:
            if database.busy:
                raise errors.failed(what, 3023, "Backup and file manipulation operations on a database must be serialized.", 16, 2)
            database.busy = what
    try:
        run(session, order, out)
    finally:
        restored = server.database(name)
        if restored is not None:
            restored.busy = None


def may(session: Session, name: str, database: Database | None, what: str) -> None:
    """
    Raises:
        SqlError: 262 for a new database, 3110 for an existing one: membership of db_owner does not count.
    """
    login = session.client.login
    if login.may("CREATE ANY DATABASE"):
        return
    if database is None:
        raise errors.failed(what, 262, "CREATE DATABASE permission denied in database 'master'.", 14)
    if database.owner.lower() != login.name.lower():
        raise errors.failed(what, 3110, f"User does not have permission to RESTORE database '{name}'.", 14)


def exclusive(session: Session, database: Database, what: str) -> None:
    """
    Raises:
        SqlError: 3102 this session uses it, 3101 another does, 3104 it is in an availability group.
    """
    if session.client.database is database:
        text = (
            f"RESTORE cannot process database '{database.name}' because it is in use by this session. It is recommended that the master database be "
            "used when performing this operation."
        )
        raise errors.failed(what, 3102, text)
    if database.group or database.mirrored:
        text = (
            f"RESTORE cannot operate on database '{database.name}' because it is configured for database mirroring or has joined an availability "
            "group. If you intend to restore the database, use ALTER DATABASE to remove mirroring or to remove the database from its availability group."
        )
        raise errors.failed(what, 3104, text)
    if session.server.sessions_in(database, but=session.client):
        raise errors.failed(what, 3101, "Exclusive access could not be obtained because the database is in use.")


def _no_snapshots(session: Session, database: Database, what: str) -> None:
    """A database with snapshots cannot be dropped, detached, or restored.

    https://learn.microsoft.com/sql/relational-databases/databases/database-snapshots-sql-server; that the number is DROP's is *assumed*.
    """
    kept = snapshots.snapshots_of(session, database)
    if kept:
        text = f'Cannot restore the database while the database snapshot "{kept[0].name}" refers to it. Drop that database first.'
        raise errors.failed(what, 3709, text)


def _over(order: RestoreOrder) -> None:
    """What protects an existing database from being overwritten, unless REPLACE is said."""
    database = order.database
    if database is None or "REPLACE" in order.options or database.state == "RESTORING":
        return
    if database.family_guid != order.header["family_guid"]:
        text = f"The backup set holds a backup of a database other than the existing '{database.name}' database."
        raise errors.failed(order.what, 3154, text, 16, 4)
    if database.recovery != "SIMPLE" and database.log_lsn is not None:
        text = (
            f'The tail of the log for the database "{database.name}" has not been backed up. Use BACKUP LOG WITH NORECOVERY to backup the log if it '
            "contains work you do not want to lose. Use the WITH REPLACE or WITH STOPAT clause of the RESTORE statement to just overwrite the "
            "contents of the log."
        )
        raise errors.failed(order.what, 3159, text)


def _chain(order: RestoreOrder) -> None:
    """Differential and log backups go onto a database that was restored WITH NORECOVERY, in their order."""
    database, header, what = order.database, order.header, order.what
    if database is None:
        text = (
            f'The database "{order.name}" does not exist. RESTORE can only create a database when restoring either a full backup or a file backup '
            "of the primary file."
        )
        raise errors.failed(what, 3118, text)
    if database.state != "RESTORING":
        text = "The log or differential backup cannot be restored because no files are ready to rollforward."
        raise errors.failed(what, 3117, text)
    reached = int(database.options.get("restored_lsn", "0"))
    if header["type"] == "I":
        if header["base_lsn"] != database.options.get("base_lsn"):
            text = "This differential backup cannot be restored because the database has not been restored to the correct earlier state."
            raise errors.failed(what, 3136, text)
        return
    if int(header["first_lsn"]) > reached:
        text = f"The log in this backup set begins at LSN {header['first_lsn']}, which is too recent to apply to the database."
        raise errors.failed(what, 4305, text)
    if int(header["last_lsn"]) < reached:
        text = f"The log in this backup set terminates at LSN {header['last_lsn']}, which is too early to apply to the database."
        raise errors.failed(what, 4326, text)


def _recover(session: Session, name: str, options: Options, out: Output, what: str) -> None:
    """RESTORE DATABASE x WITH RECOVERY: end a restore that was left open."""
    database = session.server.database(name)
    may(session, name, database, what)
    if database is None:
        raise errors.failed(what, 911, f"Database '{name}' does not exist. Make sure that the name is entered correctly.")
    if database.state != "RESTORING":
        raise errors.failed(what, 3153, "The database is already fully recovered.")
    if database.options.get("incomplete"):
        text = f"The database '{database.name}' cannot be recovered because the restore of its files did not end."
        raise errors.failed(what, 4333, text)
    if "NORECOVERY" not in options:
        database.state = "ONLINE"
        session.server.machine.ledger.record(
            "sql.restore", session.server.machine.name, action="recovered", database=database.name, files=[], spid=session.spid
        )
    out.info(3014, f"{what} successfully processed 0 pages in 0.100 seconds (0.000 MB/sec).")
    out.done()
