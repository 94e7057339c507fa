# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""sys.databases and what else there is to say of whole databases."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..database import Database
from .registry import Rows, view

if TYPE_CHECKING:
    from ..session import Session

STATES = {"ONLINE": 0, "RESTORING": 1, "RECOVERING": 2, "RECOVERY_PENDING": 3, "SUSPECT": 4, "EMERGENCY": 5, "OFFLINE": 6}
ACCESS = {"MULTI_USER": 0, "SINGLE_USER": 1, "RESTRICTED_USER": 2}
MODELS = {"FULL": 1, "BULK_LOGGED": 2, "SIMPLE": 3}
_NO_GUID = "00000000-0000-0000-0000-000000000000"


@view(
    "sys.databases",
    "name sysname, database_id int, source_database_id int, owner_sid varbinary(85), create_date datetime, compatibility_level tinyint,"
    " collation_name sysname, user_access tinyint, user_access_desc nvarchar(60), is_read_only bit, is_auto_close_on bit, is_auto_shrink_on bit,"
    " state tinyint, state_desc nvarchar(60), is_in_standby bit, is_cleanly_shutdown bit, snapshot_isolation_state tinyint,"
    " snapshot_isolation_state_desc nvarchar(60), is_read_committed_snapshot_on bit, recovery_model tinyint, recovery_model_desc nvarchar(60),"
    " page_verify_option tinyint, page_verify_option_desc nvarchar(60), is_fulltext_enabled bit, is_trustworthy_on bit, is_db_chaining_on bit,"
    " is_published bit, is_subscribed bit, is_merge_published bit, is_distributor bit, service_broker_guid uniqueidentifier,"
    " is_broker_enabled bit, log_reuse_wait tinyint, log_reuse_wait_desc nvarchar(60), is_cdc_enabled bit, is_encrypted bit,"
    " replica_id uniqueidentifier, group_database_id uniqueidentifier, containment tinyint, containment_desc nvarchar(60),"
    " is_master_key_encrypted_by_server bit, delayed_durability int, delayed_durability_desc nvarchar(60)",
)
def databases(session: Session, _database: Database) -> Rows:
    login = session.client.login
    for one in sorted(session.server.databases.values(), key=lambda database: database.database_id):
        if not login.may("VIEW ANY DATABASE") and login.user_name(one) is None and one.name not in ("master", "tempdb"):
            continue
        owner = session.server.find_login(one.owner)
        source = session.server.database(one.snapshot_of) if one.snapshot_of else None
        waits = one.recovery == "FULL" and one.log_lsn is not None
        grouped = one.group is not None
        said = one.catalog
        containment = str(said.get("containment_desc", "NONE"))
        durability = str(said.get("delayed_durability_desc", "DISABLED"))
        yield (
            one.name,
            one.database_id,
            source.database_id if source else None,
            owner.sid if owner else None,
            one.created,
            one.level,
            one.collation if one.state == "ONLINE" else None,
            ACCESS[one.user_access],
            one.user_access,
            one.read_only,
            0,
            0,
            STATES[one.state],
            one.state,
            said.get("is_in_standby", 0),
            0,
            0,
            "OFF",
            0,
            MODELS[one.recovery],
            one.recovery,
            2,
            "CHECKSUM",
            0,
            one.trustworthy,
            0,
            said.get("is_published", 0),
            0,  # is_subscribed: "not used, always 0"
            said.get("is_merge_published", 0),
            said.get("is_distributor", 0),
            one.broker_guid,
            one.broker,
            2 if waits else 0,
            "LOG_BACKUP" if waits else "NOTHING",
            said.get("is_cdc_enabled", 0),
            one.encrypted_by is not None,
            _NO_GUID if grouped else None,
            one.guid if grouped else None,
            ("NONE", "PARTIAL").index(containment),
            containment,
            0,
            ("DISABLED", "ALLOWED", "FORCED").index(durability),
            durability,
        )


@view(
    "sys.database_recovery_status",
    "database_id int, database_guid uniqueidentifier, family_guid uniqueidentifier, last_log_backup_lsn numeric(25,0),"
    " recovery_fork_guid uniqueidentifier, first_recovery_fork_guid uniqueidentifier, fork_point_lsn numeric(25,0)",
)
def recovery_status(session: Session, _database: Database) -> Rows:
    for one in session.server.databases.values():
        yield one.database_id, one.guid, one.family_guid, None if one.log_lsn is None else str(one.log_lsn), one.fork_guid, None, None


@view(
    "sys.dm_database_encryption_keys",
    "database_id int, encryption_state int, key_algorithm nvarchar(32), key_length int, encryptor_thumbprint varbinary(20), percent_complete real",
)
def encryption_keys(session: Session, _database: Database) -> Rows:
    for one in session.server.databases.values():
        if one.encrypted_by:
            certificate = session.server.certificates.get(one.encrypted_by.lower())
            yield one.database_id, 3, "AES", 256, bytes.fromhex(certificate.thumbprint) if certificate else None, 0.0


@view("sys.dm_db_persisted_sku_features", "feature_name sysname, feature_id int")
def sku_features(_session: Session, _database: Database) -> Rows:
    return []
