# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Database snapshots: taken, gone back to, and dropped; each proven.

https://learn.microsoft.com/sql/relational-databases/databases/database-snapshots-sql-server
https://learn.microsoft.com/sql/relational-databases/databases/revert-a-database-to-a-database-snapshot
"""

from __future__ import annotations

import itertools
import time
import typing as t
from dataclasses import dataclass, field

from ansible_collections.octopus.upgrade.plugins.module_utils._mssql import devices
from ansible_collections.octopus.upgrade.plugins.module_utils._mssql.connection import SqlConnection
from ansible_collections.octopus.upgrade.plugins.module_utils._mssql.errors import MssqlError, MssqlTimeout
from ansible_collections.octopus.upgrade.plugins.module_utils._mssql.quoting import quote_identifier, quote_string
from ansible_collections.octopus.upgrade.plugins.module_utils._mssql.server_info import PAGE, ServerInfo, server_info, sessions
from ansible_collections.octopus.upgrade.plugins.module_utils._mssql.snapshot_files import (
    DataFile,
    SnapshotOptions,
    create_statement,
    sparse_paths,
)

# The database is somebody's: exclusive access was not to be had, or the one place of SINGLE_USER is taken.
IN_USE = (924, 3101, 5061, 5064, 5070)
FILE_ERRORS = (1802, 5123, 5133, 5170)
NOT_ON_THIS_EDITION = 1844
PATIENCE = 30.0  # seconds for somebody who is always faster
AT_ONCE = 5  # tries before a pause
# The documentation prohibits master, model and tempdb; msdb could not be reverted while SQL Server Agent works with it.
SYSTEM = ("master", "model", "msdb", "tempdb")


@dataclass(frozen=True)
class Source:
    """The database, as sys.databases has it."""

    id: int
    name: str
    state: str
    access: str
    recovery_model: str
    in_availability_group: bool
    is_mirrored: bool
    is_snapshot: bool


@dataclass
class Prepared:
    """What is there and what is to be done; nothing has been done."""

    options: SnapshotOptions
    server: ServerInfo
    source: Source | None
    snapshots: list[dict[str, t.Any]]
    obstacles: list[str]
    statements: list[str] = field(default_factory=list)
    facts: dict[str, t.Any] = field(default_factory=dict)

    @property
    def changes(self) -> bool:
        return bool(self.statements)

    @property
    def breaks_log_chain(self) -> bool:
        return self.facts.get("recovery_model", "SIMPLE") != "SIMPLE"


def prepare(connection: SqlConnection, options: SnapshotOptions) -> Prepared:
    """Look at everything that can be looked at without a change, and word the statements.

    :raises MssqlError: it cannot be done; the message says why and what to do.
    """
    problems = options.problems()
    if problems:
        raise MssqlError("; ".join(problems))
    server = server_info(connection)
    source = _source(connection, options.database)
    if source is None and options.state != "absent":
        raise MssqlError(
            f"Wanted: the database {options.database}. Found: SQL Server {connection.options.where} has none of that name that the login may see",
            911,
        )
    found = _snapshots(connection, source) if source else []
    prepared = Prepared(options, server, source, found, _obstacles(connection, source, found, options.name) if source else [])
    if options.state == "present" and source:
        _prepare_present(connection, prepared, source)
    elif options.state == "reverted" and source:
        _prepare_reverted(connection, prepared, source)
    elif options.state == "absent":
        _prepare_absent(connection, prepared)
    return prepared


def outlook(prepared: Prepared) -> dict[str, t.Any]:
    """What is known before anything is done, as the module returns it."""
    source = prepared.source
    return {
        "server": prepared.server.name,
        "server_version": prepared.server.version,
        "database": source.name if source else prepared.options.database,
        "sql": prepared.statements,
        "snapshots": prepared.snapshots,
        "obstacles": prepared.obstacles,
        **prepared.facts,
    }


def run(connection: SqlConnection, prepared: Prepared, reconnect: t.Callable[[], SqlConnection]) -> dict[str, t.Any]:
    """Do what was prepared, and prove it. Gives what is other than :func:`outlook` told.

    :param reconnect: opens another connection, to see and mend what a lost session has left.
    :raises MssqlError: it failed or could not be proven.
    """
    source = prepared.source
    if source is None or not prepared.changes:
        return {}
    facts: dict[str, t.Any] = {}
    if prepared.options.state == "present":
        _create(connection, prepared, reconnect)
    elif prepared.options.state == "absent":
        _drop(connection, prepared)
    else:
        facts = _revert(connection, prepared, source, reconnect)
    found = _snapshots(connection, source)
    return {**facts, "snapshots": found, "obstacles": _obstacles(connection, source, found, prepared.options.name)}


# -- looking


def _source(connection: SqlConnection, name: str) -> Source | None:
    rows = connection.query(
        "SELECT d.database_id, d.name, d.state_desc, d.user_access_desc, d.recovery_model_desc, d.source_database_id, "
        "CAST(d.replica_id AS nvarchar(36)) AS replica_id, CAST(m.mirroring_guid AS nvarchar(36)) AS mirroring_guid "
        "FROM sys.databases AS d LEFT JOIN sys.database_mirroring AS m ON m.database_id = d.database_id WHERE d.name = ?",
        name,
    )
    if not rows:
        return None
    row = rows[0]
    return Source(
        int(row["database_id"]),
        row["name"],
        row["state_desc"],
        row["user_access_desc"],
        row["recovery_model_desc"],
        row["replica_id"] is not None,
        row["mirroring_guid"] is not None,
        row["source_database_id"] is not None,
    )


def _snapshots(connection: SqlConnection, source: Source) -> list[dict[str, t.Any]]:
    """The snapshots of a database, oldest first. The paths of their files are in sys.master_files alone."""
    rows = connection.query(
        "SELECT database_id, name, state_desc, create_date FROM sys.databases WHERE source_database_id = ? ORDER BY create_date, database_id",
        source.id,
    )
    files = connection.query(
        "SELECT f.database_id, f.physical_name FROM sys.master_files AS f INNER JOIN sys.databases AS d ON d.database_id = f.database_id "
        "WHERE d.source_database_id = ? AND f.type = 0 ORDER BY f.database_id, f.file_id",
        source.id,
    )
    return [
        {
            "name": row["name"],
            "created": row["create_date"].isoformat(),
            "state": row["state_desc"],
            "paths": [file["physical_name"] for file in files if file["database_id"] == row["database_id"]],
        }
        for row in rows
    ]


def _files(connection: SqlConnection, source: Source) -> list[DataFile]:
    rows = connection.query(
        "SELECT file_id, type, name, physical_name, state_desc, is_read_only, CAST(size AS bigint) AS pages FROM sys.master_files "
        "WHERE database_id = ? ORDER BY file_id",
        source.id,
    )
    return [
        DataFile(
            int(row["file_id"]),
            int(row["type"]),
            row["name"],
            row["physical_name"],
            row["state_desc"],
            bool(row["is_read_only"]),
            int(row["pages"]) * PAGE,
        )
        for row in rows
    ]


def _obstacles(connection: SqlConnection, source: Source, found: list[dict[str, t.Any]], name: str | None) -> list[str]:
    """What stands in the way of going back: the documentation's conditions, as far as SQL can tell."""
    others = [one["name"] for one in found if name is None or one["name"].lower() != name.lower()]
    out = []
    if len(others) > (1 if name is None else 0):
        has = "this has" if name is None else "this has also"
        out.append(f"a database can be reverted only while it has one snapshot, but {has} {', '.join(others)}; drop it first")
    if source.in_availability_group:
        out.append(
            "the database is in an availability group; take it out first (ALTER AVAILABILITY GROUP ... REMOVE DATABASE), and add it again"
        )
    if source.is_mirrored:
        out.append("the database is mirrored; end that first (ALTER DATABASE ... SET PARTNER OFF)")
    if source.state != "ONLINE":
        out.append(f"the database is {source.state}, and only one that is online can be reverted")
    files = _files(connection, source)
    offline = [one.name for one in files if one.type == 0 and one.state != "ONLINE" and source.state == "ONLINE"]
    for text, names in (
        ("files of FILESTREAM or memory-optimized tables, which no snapshot holds", [one.name for one in files if one.type == 2]),
        ("files of read-only filegroups", [one.name for one in files if one.type == 0 and one.read_only]),
        ("files that are not online", offline),
    ):
        if names:
            out.append(f"the database has {text}: {', '.join(names)}")
    for one in found:
        if name is not None and one["name"].lower() == name.lower() and one["state"] != "ONLINE":
            out.append(f"the snapshot is {one['state']} (it has run out of room, or was damaged); it can only be dropped")
    return out


def _named(connection: SqlConnection, name: str) -> dict[str, t.Any] | None:
    """Whatever has that name, and the name of the database that it is a snapshot of."""
    rows = connection.query(
        "SELECT d.name, d.state_desc, d.source_database_id, DB_NAME(d.source_database_id) AS source_name FROM sys.databases AS d WHERE d.name = ?",
        name,
    )
    return rows[0] if rows else None


def _only_a_snapshot(row: dict[str, t.Any], options: SnapshotOptions, where: str) -> None:
    """:raises MssqlError: the name is that of a database, or of another database's snapshot."""
    wanted = f"Wanted: {options.name} as a snapshot of {options.database}"
    if row["source_database_id"] is None:
        raise MssqlError(
            f"{wanted}. Found: {row['name']} on SQL Server {where} is a database and no snapshot. It was not touched; use another name"
        )
    if (row["source_name"] or "").lower() != options.database.lower():
        raise MssqlError(
            f"{wanted}. Found: {row['name']} on SQL Server {where} is a snapshot of {row['source_name']}. It was not touched; use another name"
        )


# -- present


def _prepare_present(connection: SqlConnection, prepared: Prepared, source: Source) -> None:
    options, server, where = prepared.options, prepared.server, connection.options.where
    row = _named(connection, options.snapshot)
    if row:
        _only_a_snapshot(row, options, where)
        if row["state_desc"] != "ONLINE":
            raise MssqlError(
                f"Wanted: the snapshot {row['name']} of {source.name} online. Found: {row['state_desc']} on SQL Server {where}: it has run out of "
                "room, or was damaged, and is of no use any more. Drop it (state: absent) and take another"
            )
        return
    _supported(server)
    if source.name.lower() in SYSTEM or source.is_snapshot:
        raise MssqlError(
            f"Wanted: a snapshot of {source.name}. Found: it is a {'snapshot' if source.is_snapshot else 'system database'} itself"
        )
    if source.state != "ONLINE":
        raise MssqlError(f"Wanted: the database {source.name} online. Found: {source.state} on SQL Server {where}. Bring it online first")
    _may_create(connection)
    files = _files(connection, source)
    streams = [one.name for one in files if one.type == 2]
    if streams:
        raise MssqlError(
            f"Wanted: a snapshot of the whole of {source.name}. Found: files of FILESTREAM or memory-optimized tables, which a snapshot does not hold "
            f"({', '.join(streams)}). Take a backup instead (mssql_backup)"
        )
    data = [one for one in files if one.type == 0 and one.state == "ONLINE"]
    if not data:
        raise MssqlError(
            f"Wanted: the data files of {source.name}. Found: the login {connection.options.who} is not shown any in sys.master_files of SQL Server "
            f"{where}. Give it the server role dbcreator"
        )
    paths = sparse_paths(data, options.snapshot, options.directory)
    _directory_exists(connection, options)
    prepared.statements.append(create_statement(options.snapshot, source.name, list(zip(data, paths, strict=True))))
    prepared.facts["maximum_bytes"] = sum(one.size for one in data)
    free = devices.free_bytes(connection, paths)
    if free is not None:
        prepared.facts["free_bytes"] = free


def _supported(server: ServerInfo) -> None:
    """:raises MssqlError: this edition has no database snapshots."""
    if not server.has_database_snapshots:
        raise MssqlError(
            f"Wanted: a database snapshot. Found: SQL Server {server.name} is {server.version}, {server.edition}, which has none. Every edition has "
            "them since SQL Server 2016 SP1 (13.0.4001), before that Enterprise alone; take a backup instead (mssql_backup)"
        )


def _may_create(connection: SqlConnection) -> None:
    if not connection.scalar(
        "SELECT CASE WHEN HAS_PERMS_BY_NAME(NULL, NULL, 'CREATE ANY DATABASE') = 1 OR HAS_PERMS_BY_NAME('master', 'DATABASE', 'CREATE DATABASE') = 1 "
        "THEN 1 ELSE 0 END AS may_create"
    ):
        raise MssqlError(
            f"Wanted: the permission CREATE DATABASE on SQL Server {connection.options.where}. Found: the login {connection.options.who} does not "
            "have it. Give it the server role dbcreator",
            262,
        )


def _directory_exists(connection: SqlConnection, options: SnapshotOptions) -> None:
    """:raises MssqlError: the service account sees no such folder."""
    if options.directory is None:
        return
    try:
        rows = connection.query(f"EXEC master.dbo.xp_fileexist {quote_string(options.directory)}")
    except MssqlError as error:
        if error.number in (*devices.NO_PERMISSION, devices.NO_SUCH_PROCEDURE):
            return  # it is undocumented; CREATE DATABASE will tell
        raise
    # Three columns: the file exists, it is a folder, its parent is one. A login that may not look gets zeros from some versions.
    values = [list(row.values()) for row in rows]
    if values and not values[0][1] and values[0][2]:
        raise MssqlError(
            f"Wanted: the folder {options.directory} for the snapshot's files. Found: SQL Server {connection.options.where} sees none on its host. "
            "Create it there, or name another directory"
        )


def _create(connection: SqlConnection, prepared: Prepared, reconnect: t.Callable[[], SqlConnection]) -> None:
    options = prepared.options
    try:
        connection.execute_drained(prepared.statements[0], None, options.timeout)
    except MssqlTimeout as error:
        with reconnect() as another:
            if not _is_there(another, options):
                raise MssqlTimeout(
                    f"Wanted: the snapshot {options.snapshot} of {options.database} within {options.timeout:g} s. Found: it was cancelled then. "
                    "Nothing is left of it"
                ) from error
    except MssqlError as error:
        raise _explained(error, connection, prepared) from error
    if not _is_there(connection, options):
        raise MssqlError(
            f"Wanted: the snapshot {options.snapshot} of {options.database} in sys.databases of SQL Server {connection.options.where}. Found: it is not "
            "there, or not online"
        )


def _is_there(connection: SqlConnection, options: SnapshotOptions) -> bool:
    row = _named(connection, options.snapshot)
    return bool(row and row["state_desc"] == "ONLINE" and (row["source_name"] or "").lower() == options.database.lower())


def _explained(error: MssqlError, connection: SqlConnection, prepared: Prepared) -> MssqlError:
    if error.number == NOT_ON_THIS_EDITION:
        return MssqlError(f"Wanted: a database snapshot. Found: {error.message}. Take a backup instead (mssql_backup)")
    if error.number not in FILE_ERRORS:
        return error
    account = devices.service_account(connection) or "the SQL Server service account"
    return MssqlError(
        f"Wanted: the files of the snapshot {prepared.options.snapshot} on the host of SQL Server {connection.options.where}. Found: {error.message}. "
        f"They are made there by {account}, on a disk with NTFS; name another directory, or remove what is in the way",
        error.number,
        error.sqlstate,
    )


# -- reverted


def _prepare_reverted(connection: SqlConnection, prepared: Prepared, source: Source) -> None:
    options, where = prepared.options, connection.options.where
    row = _named(connection, options.snapshot)
    if row is None:
        known = ", ".join(one["name"] for one in prepared.snapshots) or "none"
        raise MssqlError(
            f"Wanted: the snapshot {options.snapshot} of {source.name}. Found: SQL Server {where} has no such snapshot; those of {source.name}: {known}"
        )
    _only_a_snapshot(row, options, where)
    if prepared.obstacles:
        raise MssqlError(f"Wanted: {source.name} reverted to its snapshot {row['name']}. Found: {'; '.join(prepared.obstacles)}")
    on_it = sessions(connection, row["name"])
    if on_it:
        raise MssqlError(
            f"Wanted: the snapshot {row['name']} for this alone. Found: it is being read by {_people(on_it)} on SQL Server {where}. Close these first"
        )
    may = connection.query(
        "SELECT IS_SRVROLEMEMBER('sysadmin') AS is_sysadmin, IS_SRVROLEMEMBER('dbcreator') AS is_dbcreator, HAS_DBACCESS(d.name) AS may_enter, "
        "HAS_DBACCESS(?) AS may_enter_snapshot, CASE WHEN d.owner_sid = SUSER_SID() THEN 1 ELSE 0 END AS is_owner "
        "FROM sys.databases AS d WHERE d.database_id = ?",
        row["name"],
        source.id,
    )[0]
    if not (may["is_sysadmin"] or may["is_dbcreator"] or may["is_owner"]):
        raise MssqlError(
            f"Wanted: the permission to restore {source.name} on SQL Server {where}. Found: the login {connection.options.who} does not have it; being "
            "in its role db_owner is not enough. Give the login the server role dbcreator, or make it the database's owner",
            3110,
        )
    closed = [
        name
        for name, enters in ((source.name, may["may_enter"] or source.access == "SINGLE_USER"), (row["name"], may["may_enter_snapshot"]))
        if not enters
    ]
    if closed:
        raise MssqlError(
            f"Wanted: {source.name} and its snapshot {row['name']} on SQL Server {where}, to compare them. Found: the login {connection.options.who} has no "
            f"user in {' and '.join(closed)}. A snapshot has the users that there were when it was taken. Use a member of sysadmin, or the owner"
        )
    name = quote_identifier(source.name)
    # SINGLE_USER may be what an earlier run has left that ended here: nobody works with a database that stays so.
    back = "MULTI_USER" if source.access == "SINGLE_USER" else source.access
    prepared.statements += [
        f"ALTER DATABASE {name} SET SINGLE_USER WITH ROLLBACK IMMEDIATE",
        f"USE [master]; RESTORE DATABASE {name} FROM DATABASE_SNAPSHOT = {quote_string(row['name'])}; USE {name}",
        f"ALTER DATABASE {name} SET {back}",
    ]
    prepared.facts["recovery_model"] = source.recovery_model


def _revert(connection: SqlConnection, prepared: Prepared, source: Source, reconnect: t.Callable[[], SqlConnection]) -> dict[str, t.Any]:
    """Go back, compare, and give the database back to everybody, whatever happens."""
    options = prepared.options
    failed: MssqlError | None = None
    tables = 0
    try:
        _restore(connection, prepared, source)
        tables = _compare(connection, source.name, options.snapshot)
    except MssqlError as error:
        failed = error
    finally:
        left = _give_back(connection, prepared, source, reconnect)
    if failed is not None:
        raise MssqlError(
            f"Wanted: {source.name} reverted to its snapshot {options.snapshot}. Found: {failed.message}. {left or _open_again(source)}",
            failed.number,
            failed.sqlstate,
        ) from failed
    if left:
        raise MssqlError(f"{source.name} is reverted to its snapshot {options.snapshot} and compared with it, but: {left}")
    return {"tables": tables, "sql": prepared.statements}


def _restore(connection: SqlConnection, prepared: Prepared, source: Source) -> None:
    """Take the one place of SINGLE_USER ourselves, and leave it for the restore alone: a program that connects again by itself must not get it.

    The restore has no deadline: a database that is reverted in part is of no use, and the server would go on with it anyway.

    :raises MssqlError: the server refused, or somebody was faster each time.
    """
    single, restore = prepared.statements[:2]
    timeout = prepared.options.timeout
    try:
        _insist(connection, source.name, [(f"USE {quote_identifier(source.name)}", None), (single, timeout), (restore, None)])
    except MssqlTimeout as error:
        raise MssqlTimeout(f"the database could not be had for this alone within {timeout:g} s; nothing was reverted") from error


def _insist(connection: SqlConnection, name: str, statements: t.Sequence[tuple[str, float | None]]) -> None:
    """Run statements that need the database for this alone, and end who is in the way.

    :param statements: each with its deadline; all of them again after one of them was in somebody's way.
    :raises MssqlError: the server refused for another reason, or somebody was faster each time.
    """
    ends = time.monotonic() + PATIENCE
    for attempt in itertools.count(1):
        try:
            for statement, deadline in statements:
                connection.execute_drained(statement, None, deadline)
            return
        except MssqlTimeout:
            raise
        except MssqlError as error:
            if error.number not in IN_USE or time.monotonic() > ends:
                raise
        _end_sessions(connection, name, pause=attempt > AT_ONCE)


def _end_sessions(connection: SqlConnection, name: str, pause: bool) -> None:
    """End who is on the database. Where that is nobody, or takes long, wait a moment on the server.

    :raises MssqlError: the login may not (6102), and who it is.
    """
    found = sessions(connection, name)
    for one in found:
        try:
            connection.execute_drained(f"KILL {one['session_id']:d}")
        except MssqlError as error:
            if error.number == 6106:  # it has ended by itself
                continue
            raise MssqlError(f"{_people([one])} is on {name} and cannot be ended ({error.message})", error.number) from error
    if pause or not found:
        connection.execute_drained("WAITFOR DELAY '00:00:00.200'")


def _give_back(connection: SqlConnection, prepared: Prepared, source: Source, reconnect: t.Callable[[], SqlConnection]) -> str:
    """Open the database to everybody again. Gives what is wrong with it; empty: nothing."""
    by_hand = f"run by hand: {prepared.statements[2]}"
    try:
        try:
            return _opened(connection, prepared, source)
        except MssqlError:  # a session that is gone, most often
            with reconnect() as another:
                return _opened(another, prepared, source)
    except MssqlError as error:
        return f"{source.name} could not be opened to everybody again ({error.message}); {by_hand}"


def _opened(connection: SqlConnection, prepared: Prepared, source: Source) -> str:
    """:raises MssqlError: the server did not let us."""
    found = _source(connection, source.name)
    if found is None or found.state != "ONLINE":
        return (
            f"{source.name} is {found.state if found else 'not there any more'} on SQL Server {connection.options.where}. SQL Server goes on with a "
            "revert that was interrupted when it starts the database again; restore the newest backup where it does not"
        )
    _insist(connection, source.name, [(prepared.statements[2], None)])
    return ""


def _open_again(source: Source) -> str:
    return f"{source.name} is online and open again" + (" to everybody" if source.access != "RESTRICTED_USER" else "")


def _people(found: list[dict[str, t.Any]]) -> str:
    return ", ".join(
        f"{one['login']} from {one['host'] or 'unknown'} ({one['program'] or 'unknown'}, session {one['session_id']})" for one in found
    )


def _compare(connection: SqlConnection, database: str, snapshot: str) -> int:
    """Compare tables, their columns and rows with the snapshot's. Gives how many tables there are.

    :raises MssqlError: they differ, or the database is not online.
    """
    found = _source(connection, database)
    if found is None or found.state != "ONLINE":
        raise MssqlError(f"the database is {found.state if found else 'not there'} after it")
    mine, theirs = _tables(connection, database), _tables(connection, snapshot)
    different = [
        table
        for table in sorted(mine.keys() | theirs.keys())
        if mine.get(table) != theirs.get(table) and _differs(connection, (database, snapshot), table, mine.get(table), theirs.get(table))
    ]
    if different:
        names = ", ".join(".".join(table) for table in different[:5]) + (", ..." if len(different) > 5 else "")
        raise MssqlError(f"{len(different)} of its tables are not as in the snapshot: {names}")
    return len(mine)


def _tables(connection: SqlConnection, database: str) -> dict[tuple[str, str], tuple[int, int]]:
    """Columns and rows by table. The server keeps the number of rows; it is about right."""
    name = quote_identifier(database)
    columns = connection.query(f"SELECT object_id, COUNT(*) AS number FROM {name}.sys.columns GROUP BY object_id")  # noqa: S608 - the name is quoted
    count = {row["object_id"]: int(row["number"]) for row in columns}
    rows = connection.query(
        f"SELECT s.name AS schema_name, t.name AS table_name, t.object_id, SUM(p.rows) AS number FROM {name}.sys.tables AS t "  # noqa: S608 - as above
        f"INNER JOIN {name}.sys.schemas AS s ON s.schema_id = t.schema_id INNER JOIN {name}.sys.partitions AS p ON p.object_id = t.object_id "
        "WHERE p.index_id IN (0, 1) GROUP BY s.name, t.name, t.object_id"
    )
    return {(row["schema_name"], row["table_name"]): (count.get(row["object_id"], 0), int(row["number"] or 0)) for row in rows}


def _differs(
    connection: SqlConnection,
    databases: tuple[str, str],
    table: tuple[str, str],
    mine: tuple[int, int] | None,
    theirs: tuple[int, int] | None,
) -> bool:
    """Whether they really differ: where only the kept numbers of rows do, the rows are counted."""
    if mine is None or theirs is None or mine[0] != theirs[0]:
        return True
    counts = [
        connection.scalar(f"SELECT COUNT_BIG(*) AS number FROM {'.'.join(quote_identifier(part) for part in (database, *table))}")  # noqa: S608 - quoted
        for database in databases
    ]
    return bool(counts[0] != counts[1])


# -- absent


def _prepare_absent(connection: SqlConnection, prepared: Prepared) -> None:
    options, where = prepared.options, connection.options.where
    row = _named(connection, options.snapshot)
    if row is None:
        return
    _only_a_snapshot(row, options, where)
    name = quote_identifier(row["name"])
    if not connection.scalar(
        "SELECT CASE WHEN HAS_PERMS_BY_NAME(NULL, NULL, 'ALTER ANY DATABASE') = 1 OR HAS_PERMS_BY_NAME(?, 'DATABASE', 'CONTROL') = 1 "
        "THEN 1 ELSE 0 END AS may_drop",
        name,
    ):
        raise MssqlError(
            f"Wanted: the permission to drop {row['name']} on SQL Server {where}. Found: the login {connection.options.who} does not have it. Give it "
            "the server role dbcreator, or make it the owner"
        )
    on_it = sessions(connection, row["name"])
    if on_it:
        raise MssqlError(
            f"Wanted: {row['name']} dropped. Found: it is being read by {_people(on_it)} on SQL Server {where}. Close these first", 3702
        )
    prepared.statements.append(f"DROP DATABASE {name}")


def _drop(connection: SqlConnection, prepared: Prepared) -> None:
    connection.execute_drained(prepared.statements[0], None, prepared.options.timeout)
    if _named(connection, prepared.options.snapshot):
        raise MssqlError(f"Wanted: {prepared.options.name} dropped. Found: SQL Server {connection.options.where} still has it")
