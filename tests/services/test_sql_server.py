# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Backups, restores and snapshots at a real SQL Server, looked at by another client."""

from __future__ import annotations

import secrets

from services.servers import SqlServer


def tables(sql: SqlServer, database: str) -> set[tuple[str, str]]:
    return {
        (str(schema), str(name)) for schema, name in sql.query("SELECT TABLE_SCHEMA, TABLE_NAME FROM INFORMATION_SCHEMA.TABLES", database)
    }


def test_a_backup_is_what_it_says(sql: SqlServer) -> None:
    path = sql.path(f"services-{secrets.token_hex(4)}.bak")
    result = sql.module("mssql_backup", database=sql.database, path=[path])
    assert result["changed"] is True
    assert result["verified"] is True
    [(uuid, copy_only, checksums)] = sql.query(
        "SELECT CAST(s.backup_set_uuid AS nvarchar(36)), s.is_copy_only, s.has_backup_checksums FROM msdb.dbo.backupset AS s"
        f" JOIN msdb.dbo.backupmediafamily AS f ON f.media_set_id = s.media_set_id WHERE f.physical_device_name = N'{path}'"
    )
    assert (str(uuid).lower(), int(copy_only), int(checksums)) == (result["backup_set_uuid"].lower(), 1, 1)


def test_a_file_that_is_there_is_not_overwritten(sql: SqlServer, backup: str) -> None:
    assert backup in sql.refusal("mssql_backup", database=sql.database, path=[backup])


def test_a_backup_is_read_again(sql: SqlServer, backup: str) -> None:
    result = sql.module("mssql_backup_verify", database=sql.database, path=[backup])
    assert (result["changed"], result["verified"]) == (False, True)


def test_a_test_restore_leaves_nothing(sql: SqlServer, backup: str) -> None:
    before = sql.databases()
    result = sql.module("mssql_restore_test", database=sql.database, path=[backup])
    assert result["changed"] is False
    assert result["checkdb"]
    assert sql.databases() == before


def test_a_restored_copy_has_every_table(sql: SqlServer, copy: str) -> None:
    assert tables(sql, copy) == tables(sql, sql.database)


def test_a_snapshot_is_taken_and_reverted_to(sql: SqlServer, copy: str) -> None:
    name = f"{copy}_before"
    counted = "SELECT COUNT(*) FROM dbo.SchemaVersions"
    before = sql.query(counted, copy)
    assert sql.module("mssql_snapshot", database=copy, name=name)["changed"] is True
    assert sql.module("mssql_snapshot", database=copy, name=name)["changed"] is False
    assert [snapshot["name"] for snapshot in sql.module("mssql_snapshot_info", database=copy)["snapshots"]] == [name]
    sql.query("DELETE FROM dbo.SchemaVersions", copy)
    assert sql.query(counted, copy) != before
    assert sql.module("mssql_snapshot_revert", database=copy, name=name)["changed"] is True
    assert sql.query(counted, copy) == before
    assert sql.module("mssql_snapshot", database=copy, name=name, state="absent")["changed"] is True
    assert name not in sql.databases()
