# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What msdb remembers of a backup set: when it is taken, and on another server when it is restored there.

https://learn.microsoft.com/sql/relational-databases/backup-restore/backup-history-and-header-information-sql-server
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from . import msdb
from .devices import Device

if TYPE_CHECKING:
    from .server import SqlServer

SOFTWARE_VENDOR = 4608  # Microsoft SQL Server (RESTORE HEADERONLY)


def known(server: SqlServer, set_guid: str) -> int | None:
    """The number of a backup set in msdb; None: it is not known there."""
    connection = server.databases["msdb"].connect()
    try:
        found = connection.execute("SELECT backup_set_id FROM backupset WHERE backup_set_uuid = ?", (set_guid,)).fetchone()
    finally:
        connection.close()
    return int(found[0]) if found else None


def remember(
    server: SqlServer, header: dict[str, Any], media: dict[str, Any], devices: Sequence[Device], *, written: int, mirrors: int = 0
) -> int:
    """Write msdb's rows of a backup set; gives its number.

    Args:
        header: The set's.
        media: The header of one of its families.
        written: The bytes that it takes.
    """
    version = header["version"]
    return msdb.add(
        server.databases["msdb"],
        "backupset",
        {
            "backup_set_uuid": header["set_guid"],
            "media_set_id": _media_set(server, media, devices, mirrors),
            "first_family_number": 1,
            "first_media_number": 1,
            "last_family_number": len(devices) // (1 + mirrors),
            "last_media_number": 1,
            "catalog_family_number": 1,
            "catalog_media_number": 1,
            "position": header["position"],
            "expiration_date": header["expires"],
            "software_vendor_id": SOFTWARE_VENDOR,
            "name": header["name"],
            "description": header["description"],
            "user_name": header["user"],
            "software_major_version": version[0],
            "software_minor_version": version[1],
            "software_build_version": version[2],
            "time_zone": 0,
            "mtf_minor_version": 0,
            "first_lsn": header["first_lsn"],
            "last_lsn": header["last_lsn"],
            "checkpoint_lsn": header["checkpoint_lsn"],
            "database_backup_lsn": header["base_lsn"],
            "database_creation_date": header["created"],
            "backup_start_date": _seconds(header["start"]),
            "backup_finish_date": _seconds(header["finish"]),
            "type": header["type"],
            "sort_order": 52,
            "code_page": 0,
            "compatibility_level": header["level"],
            "database_version": header["database_version"],
            "backup_size": header["backup_size"],
            "database_name": header["database"],
            "server_name": header["server"],
            "machine_name": header["machine"],
            "flags": 512,
            "unicode_locale": 1033,
            "unicode_compare_style": 196609,
            "collation_name": header["collation"],
            "is_password_protected": 0,
            "recovery_model": header["recovery"],
            "has_bulk_logged_data": 0,
            "is_snapshot": 0,
            "is_readonly": int(header["read_only"]),
            "is_single_user": int(header["single_user"]),
            "has_backup_checksums": int(header["checksums"]),
            "is_damaged": int(header["damaged"]),
            "begins_log_chain": int(header["begins_chain"]),
            "has_incomplete_metadata": 0,
            "is_force_offline": 0,
            "is_copy_only": int(header["copy_only"]),
            "first_recovery_fork_guid": header["fork"],
            "last_recovery_fork_guid": header["fork"],
            "database_guid": header["guid"],
            "family_guid": header["family_guid"],
            "differential_base_lsn": header["base_lsn"] if header["type"] == "I" else None,
            "differential_base_guid": header["base_guid"],
            "compressed_backup_size": written if header["compressed"] else header["backup_size"],
            "key_algorithm": header["algorithm"],
            "encryptor_thumbprint": bytes.fromhex(header["thumbprint"]) if header["thumbprint"] else None,
            "encryptor_type": "CERTIFICATE" if header["thumbprint"] else None,
        },
    )


def _seconds(text: str) -> str:
    """msdb keeps whole seconds (the MTF header does)."""
    return text.partition(".")[0]


def _media_set(server: SqlServer, media: dict[str, Any], devices: Sequence[Device], mirrors: int) -> int:
    """The id of the media set in msdb, made where it is new there."""
    history = server.databases["msdb"]
    connection = history.connect()
    try:
        found = connection.execute("SELECT media_set_id FROM backupmediaset WHERE media_uuid = ?", (media["media_guid"],)).fetchone()
    finally:
        connection.close()
    if found:
        return int(found[0])
    count = len(devices) // (1 + mirrors)
    media_set = msdb.add(
        history,
        "backupmediaset",
        {
            "media_uuid": media["media_guid"],
            "media_family_count": count,
            "name": media["name"],
            "description": media["description"],
            "software_name": media["software"],
            "software_vendor_id": SOFTWARE_VENDOR,
            "MTF_major_version": 1,
            "mirror_count": mirrors + 1,
            "is_password_protected": 0,
            "is_compressed": int(media["compressed"]),
            "is_encrypted": int(media["encrypted"]),
        },
    )
    for place, device in enumerate(devices):
        msdb.add(
            history,
            "backupmediafamily",
            {
                "media_set_id": media_set,
                "family_sequence_number": place % count + 1,
                "media_family_id": media["family_guids"][place],
                "media_count": 1,
                "logical_device_name": None,
                "physical_device_name": device.name,
                "device_type": device.number,
                "physical_block_size": media["block_size"],
                "mirror": place // count,
            },
        )
    return media_set
