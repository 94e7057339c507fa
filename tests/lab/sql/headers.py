# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""RESTORE HEADERONLY, FILELISTONLY, LABELONLY and VERIFYONLY: what a backup file says of itself.

https://learn.microsoft.com/sql/t-sql/statements/restore-statements-headeronly-transact-sql (-filelistonly-, -labelonly-, -verifyonly-)
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ..tds.engine_api import Column, Output
from . import errors
from .cursor import Cursor
from .declared import columns_of
from .devices import Device, read_devices, read_media, whole_set
from .media import Family, MediaError, check_whole, set_pages
from .progress import Progress
from .with_options import Options, read_options

if TYPE_CHECKING:
    from .session import Session

TYPES = {"D": (1, "Database"), "L": (2, "Transaction Log"), "I": (5, "Database Differential")}
_HEADER = (
    "BackupName nvarchar(128), BackupDescription nvarchar(255), BackupType smallint, ExpirationDate datetime, Compressed bit, Position smallint,"
    " DeviceType tinyint, UserName nvarchar(128), ServerName nvarchar(128), DatabaseName nvarchar(128), DatabaseVersion int,"
    " DatabaseCreationDate datetime, BackupSize numeric(20,0), FirstLSN numeric(25,0), LastLSN numeric(25,0), CheckpointLSN numeric(25,0),"
    " DatabaseBackupLSN numeric(25,0), BackupStartDate datetime, BackupFinishDate datetime, SortOrder smallint, CodePage smallint,"
    " UnicodeLocaleId int, UnicodeComparisonStyle int, CompatibilityLevel tinyint, SoftwareVendorId int, SoftwareVersionMajor int,"
    " SoftwareVersionMinor int, SoftwareVersionBuild int, MachineName nvarchar(128), Flags int, BindingID uniqueidentifier,"
    " RecoveryForkID uniqueidentifier, Collation nvarchar(128), FamilyGUID uniqueidentifier, HasBulkLoggedData bit, IsSnapshot bit,"
    " IsReadOnly bit, IsSingleUser bit, HasBackupChecksums bit, IsDamaged bit, BeginsLogChain bit, HasIncompleteMetaData bit,"
    " IsForceOffline bit, IsCopyOnly bit, FirstRecoveryForkID uniqueidentifier, ForkPointLSN numeric(25,0), RecoveryModel nvarchar(60),"
    " DifferentialBaseLSN numeric(25,0), DifferentialBaseGUID uniqueidentifier, BackupTypeDescription nvarchar(60),"
    " BackupSetGUID uniqueidentifier, CompressedBackupSize bigint"
)
_HEADER_SINCE = (
    (11, "Containment tinyint"),
    (12, "KeyAlgorithm nvarchar(32), EncryptorThumbprint varbinary(20), EncryptorType nvarchar(32)"),
    (16, "LastValidRestoreTime datetime, TimeZone smallint, CompressionAlgorithm nvarchar(32)"),
)
_FILES = (
    "LogicalName nvarchar(128), PhysicalName nvarchar(260), Type char(1), FileGroupName nvarchar(128), Size numeric(20,0), MaxSize numeric(20,0),"
    " FileId bigint, CreateLSN numeric(25,0), DropLSN numeric(25,0), UniqueId uniqueidentifier, ReadOnlyLSN numeric(25,0),"
    " ReadWriteLSN numeric(25,0), BackupSizeInBytes bigint, SourceBlockSize int, FileGroupId int, LogGroupGUID uniqueidentifier,"
    " DifferentialBaseLSN numeric(25,0), DifferentialBaseGUID uniqueidentifier, IsReadOnly bit, IsPresent bit, TDEThumbprint varbinary(32)"
)
_LABEL = (
    "MediaName nvarchar(128), MediaSetId uniqueidentifier, FamilyCount int, FamilySequenceNumber int, MediaFamilyId uniqueidentifier,"
    " MediaSequenceNumber int, MediaLabelPresent tinyint, MediaDescription nvarchar(255), SoftwareName nvarchar(128), SoftwareVendorId int,"
    " MediaDate datetime, MirrorCount int, IsCompressed bit"
)
WHATS = {
    "HEADERONLY": "RESTORE HEADERONLY",
    "FILELISTONLY": "RESTORE FILELIST",
    "LABELONLY": "RESTORE LABELONLY",
    "VERIFYONLY": "VERIFY DATABASE",
}


def _columns(text: str) -> list[Column]:
    return [Column(name, kind) for name, kind in columns_of(text)]


def look(session: Session, cursor: Cursor, out: Output, kind: str) -> None:
    """Run one of the four statements; the cursor stands behind its name.

    Raises:
        SqlError: 262 no permission, 3201, 3241, 4038 no such set, and what is wrong with it.
    """
    what = WHATS[kind]
    cursor.expect("FROM")
    devices = read_devices(cursor, session.server)
    options = read_options(cursor, "RESTORE")
    if session.client.request is not None:
        session.client.request.command = f"RESTORE {kind}"[:32]
    if not session.client.login.may("CREATE ANY DATABASE"):
        raise errors.failed(what, 262, "CREATE DATABASE permission denied in database 'master'.", 14)
    if kind == "LABELONLY":
        _label(session, devices, out, what)
    elif kind == "HEADERONLY":
        _headers(session, devices, options, out, what)
    elif kind == "FILELISTONLY":
        _files(session, devices, options, out, what)
    else:
        _verify(session, devices, options, out, what)


def chosen(family: Family, options: Options, device: Device, what: str) -> int:
    """The position of the set that FILE names; the first by default.

    Raises:
        SqlError: 4038.
    """
    position = options.number("FILE") or 1
    if not 1 <= position <= len(family.parts):
        raise errors.failed(what, 4038, f"Cannot find file ID {position} on device '{device.name}'.", 16)
    return position


def compatible(session: Session, header: dict[str, Any], what: str) -> None:
    """
    Raises:
        SqlError: 3169 a newer server's backup; 33111 its certificate is missing.
    """
    server = session.server
    if header["database_version"] > server.product.database_version:
        theirs, ours = header["version"], server.product.version
        text = (
            f"The database was backed up on a server running version {theirs[0]}.{theirs[1]:02d}.{theirs[2]:04d}. That version is incompatible with "
            f"this server, which is running version {ours[0]}.{ours[1]:02d}.{ours[2]:04d}. Either restore the database on a server that supports the "
            "backup, or use a backup that is compatible with this server."
        )
        raise errors.failed(what, 3169, text)
    for thumbprint in (header["thumbprint"], header["tde"]):
        if thumbprint and key_of(session, thumbprint) is None:
            raise errors.failed(what, 33111, f"Cannot find server certificate with thumbprint '0x{thumbprint}'.", 16, 3)


def key_of(session: Session, thumbprint: str | None) -> bytes | None:
    return next((one.key for one in session.server.certificates.values() if one.thumbprint == thumbprint), None)


def _label(session: Session, devices: list[Device], out: Output, what: str) -> None:
    header = read_media(session.server, devices[0], what).header
    place = header["family"] - 1 + header["mirror"] * header["families"]
    row = (
        header["name"],
        header["media_guid"],
        header["families"],
        header["family"],
        header["family_guids"][place],
        1,
        1,
        header["description"],
        header["software"],
        4608,
        header["date"],
        header["mirrors"] + 1,
        header["compressed"],
    )
    out.rowset(_columns(_LABEL), [row], counted=session.counted)


def _headers(session: Session, devices: list[Device], options: Options, out: Output, what: str) -> None:
    family = read_media(session.server, devices[0], what)
    positions = [chosen(family, options, devices[0], what)] if options.number("FILE") else range(1, len(family.parts) + 1)
    major = session.server.product.major
    columns = _columns(", ".join([_HEADER, *(text for since, text in _HEADER_SINCE if major >= since)]))
    rows = [_header_row(family, position, devices[0])[: len(columns)] for position in positions]
    out.rowset(columns, rows, counted=session.counted)


def _header_row(family: Family, position: int, device: Device) -> tuple[Any, ...]:
    part = family.parts[position - 1]
    header = part.header
    kind, description = TYPES[header["type"]]
    if part.end is None:  # the real server shows such a set in this way
        return ("*** INCOMPLETE ***", None, kind, None, None, position, device.number, *([None] * 53))
    version = header["version"]
    size = sum(length for _offset, length, _crc in part.blocks) * family.header["families"] + header["weight"] // (
        4 if header["compressed"] else 1
    )
    return (
        header["name"],
        header["description"],
        kind,
        header["expires"],
        header["compressed"],
        position,
        device.number,
        header["user"],
        header["server"],
        header["database"],
        header["database_version"],
        header["created"],
        header["backup_size"],
        header["first_lsn"],
        header["last_lsn"],
        header["checkpoint_lsn"],
        header["base_lsn"],
        header["start"].partition(".")[0],
        header["finish"].partition(".")[0],
        52,
        0,
        1033,
        196609,
        header["level"],
        4608,
        *version[:3],
        header["machine"],
        512,
        header["guid"],
        header["fork"],
        header["collation"],
        header["family_guid"],
        0,
        0,
        header["read_only"],
        header["single_user"],
        header["checksums"],
        header["damaged"],
        header["begins_chain"],
        0,
        0,
        header["copy_only"],
        header["fork"],
        None,
        header["recovery"],
        header["base_lsn"] if header["type"] == "I" else None,
        header["base_guid"],
        description,
        header["set_guid"],
        size if header["compressed"] else header["backup_size"],
        0,
        header["algorithm"],
        bytes.fromhex(header["thumbprint"]) if header["thumbprint"] else None,
        "CERTIFICATE" if header["thumbprint"] else None,
        header["finish"],
        0,
        header["compression_algorithm"],
    )


def _files(session: Session, devices: list[Device], options: Options, out: Output, what: str) -> None:
    family = read_media(session.server, devices[0], what)
    header = family.parts[chosen(family, options, devices[0], what) - 1].header
    compatible(session, header, what)
    columns = _columns(_FILES + (", SnapshotUrl nvarchar(360)" if session.server.product.major >= 13 else ""))
    tde = bytes.fromhex(header["tde"]) if header["tde"] else None
    rows = [
        (
            logical,
            path,
            kind,
            "PRIMARY" if kind == "D" else None,
            size,
            35184372080640 if kind == "D" else 2199023255552,
            file_id,
            "0",
            "0",
            guid,
            "0",
            "0",
            backup_size,
            512,
            1 if kind == "D" else 0,
            None,
            header["base_lsn"] if kind == "D" else "0",
            header["base_guid"],
            header["read_only"],
            1,
            tde,
            None,
        )[: len(columns)]
        for logical, path, kind, size, file_id, guid, backup_size in header["files"]
    ]
    out.rowset(columns, rows, counted=session.counted)


def _verify(session: Session, devices: list[Device], options: Options, out: Output, what: str) -> None:
    """Read all of it; with checksums compare them. No proof that it can be restored, as documented."""
    families = whole_set(session.server, devices, what)
    position = chosen(families[0], options, devices[0], what)
    header = families[0].parts[position - 1].header
    compatible(session, header, what)
    if "CHECKSUM" in options and not header["checksums"]:
        raise no_checksums(what)
    progress = Progress(session, out, header["backup_size"] / session.server.backup_rate, options.stats)
    try:
        check_whole(families, position)
        progress.run(100)
        verify = "NO_CHECKSUM" not in options
        for page in set_pages(families, position, key=key_of(session, header["thumbprint"]), verify=verify):
            if verify and header["checksums"] and not page.sound:  # page checksums are verified where there are backup checksums
                raise MediaError("damage", f"a wrong checksum of page {page.number}", families[0].path)
    except MediaError as error:
        raise unreadable(error, devices, families, what) from error
    if options.stats is not None:
        progress.last()
    out.info(3262, f"The backup set on file {position} is valid.")
    out.done()


def no_checksums(what: str) -> errors.SqlError:
    return errors.failed(
        what, 3187, "RESTORE WITH CHECKSUM cannot be specified because the backup set does not contain checksum information."
    )


def unreadable(error: MediaError, devices: list[Device], families: list[Family], what: str) -> errors.SqlError:
    """3189 damage, 3203 it ends early."""
    if error.kind == "damage":
        return errors.failed(what, 3189, "Damage to the backup set was detected.")
    name = devices[0].name
    for family in families:
        if str(family.path) in str(error):
            name = next((one.name for one in devices if one.name.lower().endswith(family.path.name.lower())), name)
    return errors.failed(what, 3203, f'Read on "{name}" failed: 38(Reached the end of the file.)')
