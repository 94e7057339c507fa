# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What msdb knows of the restores of a database."""

from __future__ import annotations

from ansible_collections.octopus.upgrade.plugins.module_utils._mssql.backup import devices
from ansible_collections.octopus.upgrade.plugins.module_utils._mssql.connection.connection import SqlConnection
from ansible_collections.octopus.upgrade.plugins.module_utils._mssql.errors import MssqlError
from ansible_collections.octopus.upgrade.plugins.module_utils._mssql.quoting import quote_identifier


def restored_sets(connection: SqlConnection, database: str, after: int = 0) -> list[str | None]:
    """The identities of the full backups that were restored as that database according to msdb, newest first.

    Args:
        connection: The connection to ask.
        database: The database.
        after: Only restores newer than the one of this number.
    """
    rows = connection.query(
        "SELECT CAST(b.backup_set_uuid AS nvarchar(36)) AS backup_set_uuid FROM msdb.dbo.restorehistory AS h "
        "LEFT JOIN msdb.dbo.backupset AS b ON b.backup_set_id = h.backup_set_id "
        "WHERE h.restore_history_id > ? AND h.destination_database_name = ? AND h.restore_type = 'D' ORDER BY h.restore_history_id DESC",
        after,
        database,
    )
    return [row["backup_set_uuid"] and str(row["backup_set_uuid"]).upper() for row in rows]


def last_restore(connection: SqlConnection) -> int:
    """The number of the newest restore in msdb. Numbers only grow, whatever clocks do.

    Raises:
        MssqlError: The login may not read it, so a restore could not be verified.
    """
    try:
        return int(connection.scalar("SELECT MAX(restore_history_id) AS newest FROM msdb.dbo.restorehistory") or 0)
    except MssqlError as error:
        if error.number not in devices.NO_PERMISSION:
            raise
        raise MssqlError(
            f"Expected to verify the restore with msdb.dbo.restorehistory of SQL Server {connection.options.where}, but the login "
            f"{connection.options.who} cannot read it. Give it a user in msdb with the role db_datareader",
            error.number,
        ) from error


def refuse_content(connection: SqlConnection, name: str, database_id: int, backup_set_uuid: str) -> None:
    """Refuse a RESTORING database that somebody needs.

    A RESTORING database without content is what an interrupted RESTORE has left: msdb has neither a restore of it that has ended, nor a
    backup of its log's tail, since it was created. Anything else is somebody's: a log shipping secondary, a restore in steps, a tail-log backup.

    Args:
        connection: The connection to ask.
        name: The database, as the server spells it.
        database_id: Its number.
        backup_set_uuid: The backup set that is restored.

    Raises:
        MssqlError: It has the content of another backup set, or somebody has backed up the tail of its log.
    """
    where, quoted = f"SQL Server {connection.options.where}", quote_identifier(name)
    tails = connection.query(
        "SELECT s.user_name AS who FROM msdb.dbo.backupset AS s "
        "WHERE s.database_name = ? AND s.type = 'L' AND s.backup_finish_date >= (SELECT create_date FROM sys.databases WHERE database_id = ?)",
        name,
        database_id,
    )
    if tails:
        raise MssqlError(
            f"Expected {name} on {where}, which is RESTORING, to be what an interrupted restore has left, but its log was backed up by "
            f"{tails[-1]['who']} since it was created: a backup of the tail of the log leaves a whole database in that state. Make it available "
            f"again with RESTORE DATABASE {quoted} WITH RECOVERY, or, if nobody needs it, run DROP DATABASE {quoted}. Then run this again"
        )
    rows = connection.query(
        "SELECT CAST(b.backup_set_uuid AS nvarchar(36)) AS backup_set_uuid, h.user_name AS who FROM msdb.dbo.restorehistory AS h "
        "LEFT JOIN msdb.dbo.backupset AS b ON b.backup_set_id = h.backup_set_id "
        "WHERE h.destination_database_name = ? AND h.restore_date >= (SELECT create_date FROM sys.databases WHERE database_id = ?) "
        "ORDER BY h.restore_history_id DESC",
        name,
        database_id,
    )
    uuid = str(rows[0]["backup_set_uuid"] or "an unknown one").upper() if rows else backup_set_uuid
    if uuid != backup_set_uuid:
        raise MssqlError(
            f"Expected {name} on {where}, which is RESTORING, to be what an interrupted restore of {backup_set_uuid} has left, but "
            f"{rows[0]['who']} has restored the backup set {uuid} there, and has not ended that. If nobody needs it, run DROP DATABASE {quoted}; "
            f"otherwise end it with RESTORE DATABASE {quoted} WITH RECOVERY. Then run this again"
        )
