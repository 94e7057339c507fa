# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Database snapshots: taken, gone back to, and dropped; each proven.

https://learn.microsoft.com/sql/relational-databases/databases/database-snapshots-sql-server
https://learn.microsoft.com/sql/relational-databases/databases/revert-a-database-to-a-database-snapshot
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ansible_collections.octopus.upgrade.plugins.module_utils._mssql.connection.connection import SqlConnection
from ansible_collections.octopus.upgrade.plugins.module_utils._mssql.connection.server_info import server_info, sessions
from ansible_collections.octopus.upgrade.plugins.module_utils._mssql.errors import MssqlError
from ansible_collections.octopus.upgrade.plugins.module_utils._mssql.quoting import quote_identifier

from . import create as snapshot_create
from . import revert as snapshot_revert
from .files import SnapshotOptions
from .source import Prepared, named, obstacles, only_a_snapshot, people, snapshots_of, source_of


def prepare(connection: SqlConnection, options: SnapshotOptions) -> Prepared:
    """Look at everything that can be looked at without a change, and word the statements.

    Raises:
        MssqlError: It cannot be done; the message says why and what to do.
    """
    problems = options.problems()
    if problems:
        raise MssqlError("; ".join(problems))
    server = server_info(connection)
    source = source_of(connection, options.database)
    if source is None and options.state != "absent":
        raise MssqlError(
            f"Wanted: the database {options.database}. Found: SQL Server {connection.options.where} has none of that name that the login may see",
            911,
        )
    found = snapshots_of(connection, source) if source else []
    prepared = Prepared(options, server, source, found, obstacles(connection, source, found, options.name) if source else [])
    if options.state == "present" and source:
        snapshot_create.prepare(connection, prepared, source)
    elif options.state == "reverted" and source:
        snapshot_revert.prepare(connection, prepared, source)
    elif options.state == "absent":
        _prepare_absent(connection, prepared)
    return prepared


def outlook(prepared: Prepared) -> dict[str, Any]:
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


def run(connection: SqlConnection, prepared: Prepared, reconnect: Callable[[], SqlConnection]) -> dict[str, Any]:
    """Do what was prepared, and prove it. Gives what is other than :func:`outlook` told.

    Args:
        reconnect: Opens another connection, to see and mend what a lost session has left.

    Raises:
        MssqlError: It failed or could not be proven.
    """
    source = prepared.source
    if source is None or not prepared.changes:
        return {}
    facts: dict[str, Any] = {}
    if prepared.options.state == "present":
        snapshot_create.create(connection, prepared, reconnect)
    elif prepared.options.state == "absent":
        _drop(connection, prepared)
    else:
        facts = snapshot_revert.revert(connection, prepared, source, reconnect)
    found = snapshots_of(connection, source)
    return {**facts, "snapshots": found, "obstacles": obstacles(connection, source, found, prepared.options.name)}


# -- absent


def _prepare_absent(connection: SqlConnection, prepared: Prepared) -> None:
    options, where = prepared.options, connection.options.where
    row = named(connection, options.snapshot)
    if row is None:
        return
    only_a_snapshot(row, options, where)
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
            f"Wanted: {row['name']} dropped. Found: it is being read by {people(on_it)} on SQL Server {where}. Close these first", 3702
        )
    prepared.statements.append(f"DROP DATABASE {name}")


def _drop(connection: SqlConnection, prepared: Prepared) -> None:
    connection.execute_drained(prepared.statements[0], None, prepared.options.timeout)
    if named(connection, prepared.options.snapshot):
        raise MssqlError(f"Wanted: {prepared.options.name} dropped. Found: SQL Server {connection.options.where} still has it")
