# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""msdb's backup and restore history.

https://learn.microsoft.com/sql/relational-databases/system-tables/backupset-transact-sql, backupmediafamily, backupmediaset,
restorehistory.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from .database import Database

TABLES: dict[str, str] = {
    "backupmediaset": (
        "media_set_id int, media_uuid uniqueidentifier, media_family_count tinyint, name nvarchar(128), description nvarchar(255),"
        " software_name nvarchar(128), software_vendor_id int, MTF_major_version tinyint, mirror_count tinyint, is_password_protected bit,"
        " is_compressed bit, is_encrypted bit"
    ),
    "backupmediafamily": (
        "media_set_id int, family_sequence_number tinyint, media_family_id uniqueidentifier, media_count int, logical_device_name nvarchar(128),"
        " physical_device_name nvarchar(260), device_type tinyint, physical_block_size int, mirror tinyint"
    ),
    "backupset": (
        "backup_set_id int, backup_set_uuid uniqueidentifier, media_set_id int, first_family_number tinyint, first_media_number smallint,"
        " last_family_number tinyint, last_media_number smallint, catalog_family_number tinyint, catalog_media_number smallint, position int,"
        " expiration_date datetime, software_vendor_id int, name nvarchar(128), description nvarchar(255), user_name nvarchar(128),"
        " software_major_version tinyint, software_minor_version tinyint, software_build_version smallint, time_zone smallint,"
        " mtf_minor_version tinyint, first_lsn numeric(25,0), last_lsn numeric(25,0), checkpoint_lsn numeric(25,0),"
        " database_backup_lsn numeric(25,0), database_creation_date datetime, backup_start_date datetime, backup_finish_date datetime,"
        " type char(1), sort_order smallint, code_page smallint, compatibility_level tinyint, database_version int, backup_size numeric(20,0),"
        " database_name nvarchar(128), server_name nvarchar(128), machine_name nvarchar(128), flags int, unicode_locale int,"
        " unicode_compare_style int, collation_name nvarchar(128), is_password_protected bit, recovery_model nvarchar(60),"
        " has_bulk_logged_data bit, is_snapshot bit, is_readonly bit, is_single_user bit, has_backup_checksums bit, is_damaged bit,"
        " begins_log_chain bit, has_incomplete_metadata bit, is_force_offline bit, is_copy_only bit, first_recovery_fork_guid uniqueidentifier,"
        " last_recovery_fork_guid uniqueidentifier, fork_point_lsn numeric(25,0), database_guid uniqueidentifier, family_guid uniqueidentifier,"
        " differential_base_lsn numeric(25,0), differential_base_guid uniqueidentifier, compressed_backup_size numeric(20,0),"
        " key_algorithm nvarchar(32), encryptor_thumbprint varbinary(20), encryptor_type nvarchar(32)"
    ),
    "restorehistory": (
        "restore_history_id int, restore_date datetime, destination_database_name nvarchar(128), user_name nvarchar(128), backup_set_id int,"
        " restore_type char(1), replace bit, recovery bit, restart bit, stop_at datetime, device_count tinyint, stop_at_mark_name nvarchar(128),"
        " stop_before bit"
    ),
    # https://learn.microsoft.com/sql/relational-databases/system-tables/log-shipping-primary-databases-transact-sql (-secondary-)
    "log_shipping_primary_databases": "primary_id uniqueidentifier, primary_database nvarchar(128), backup_directory nvarchar(500)",
    "log_shipping_secondary_databases": "secondary_database nvarchar(128), secondary_id uniqueidentifier, restore_delay int, restore_mode bit",
}
KEYS = {"backupmediaset": "media_set_id", "backupset": "backup_set_id", "restorehistory": "restore_history_id"}


def create(database: Database) -> None:
    """The tables, empty. Every column compares without regard to case, as the server's collation has it."""
    connection = database.connect()
    try:
        for name, columns in TABLES.items():
            connection.execute(f'CREATE TABLE "{name}" ({declare(columns)})')
    finally:
        connection.close()


def declare(columns: str) -> str:
    """Column declarations for SQLite: quoted types, which it keeps and gives no meaning to beyond their affinity."""
    from .declared import columns_of, sqlite_column

    return ", ".join(sqlite_column(name, kind) for name, kind in columns_of(columns))


def add(database: Database, table: str, values: Mapping[str, Any]) -> int:
    """A new row; gives its id where the table has one."""
    connection = database.connect()
    try:
        connection.execute("BEGIN IMMEDIATE")
        row = dict(values)
        key = KEYS.get(table)
        if key:
            row[key] = connection.execute(f'SELECT coalesce(max("{key}"), 0) + 1 FROM "{table}"').fetchone()[0]
        names = ", ".join(f'"{name}"' for name in row)
        connection.execute(f'INSERT INTO "{table}" ({names}) VALUES ({", ".join("?" * len(row))})', tuple(row.values()))
        connection.execute("COMMIT")
        return int(row[key]) if key else 0
    finally:
        connection.close()
