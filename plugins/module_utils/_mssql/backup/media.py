# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The content of backup files: the backup sets in them, whether all stripes are present, and whether a set is readable.

https://learn.microsoft.com/sql/t-sql/statements/restore-statements-headeronly-transact-sql (-labelonly-, -filelistonly-, -verifyonly-)
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

from ansible_collections.octopus.upgrade.plugins.module_utils._mssql.connection.connection import Message, SqlConnection
from ansible_collections.octopus.upgrade.plugins.module_utils._mssql.errors import MssqlError, MssqlTimeout
from ansible_collections.octopus.upgrade.plugins.module_utils._mssql.quoting import quote_string

from . import devices
from .options import STATS

VERIFY_DONE = 3262
STRIPE_MISSING, OTHER_MEDIA = 3132, 3227
FULL = "D"
# BackupType of a header, as msdb.dbo.backupset.type has it.
_TYPES = {1: FULL, 2: "L", 4: "F", 5: "I", 6: "G", 7: "P", 8: "Q"}
_WORDS = {
    FULL: "full backup",
    "L": "log backup",
    "F": "backup of files",
    "I": "differential backup",
    "G": "differential backup of files",
    "P": "partial backup",
    "Q": "differential partial backup",
}


@dataclass(frozen=True)
class BackupSet:
    """One backup set of a media set, from its header.

    Attributes:
        type: As in msdb: D full, I differential, L log.
        finished: By the clock and in the time zone of the server that took it; None where the set is cut off, and most facts are missing.
        family_count: The number of stripes of the media set.
        user: The login that took it.
    """

    position: int
    type: str
    backup_set_uuid: str
    database: str
    server: str
    name: str | None
    description: str | None
    started: datetime | None
    finished: datetime | None
    size: int
    compressed_size: int
    first_lsn: str
    last_lsn: str
    checkpoint_lsn: str
    is_copy_only: bool
    has_checksums: bool
    is_damaged: bool
    software_major: int
    software_version: str
    database_version: int
    compatibility_level: int
    recovery_model: str
    collation: str | None
    encryptor_thumbprint: str | None
    media_set_id: str
    family_count: int
    user: str | None

    @property
    def complete(self) -> bool:
        return self.finished is not None

    @property
    def kind(self) -> str:
        """The type of the backup, for messages."""
        return _WORDS.get(self.type, f"backup of type {self.type}")

    def __str__(self) -> str:
        when = f", finished {self.finished.isoformat(' ', 'seconds')}" if self.finished else ", cut off"
        return f"position {self.position}: {self.kind} of {self.database or '?'}{when}, {self.backup_set_uuid or 'without identity'}"

    def facts(self) -> dict[str, Any]:
        """The facts, for a module's result."""
        found = asdict(self)
        for name in ("started", "finished"):
            found[name] = found[name].isoformat() if found[name] else None
        return found


@dataclass(frozen=True)
class _Label:
    device: str
    media_set_id: str
    family: int
    families: int


def said(messages: Sequence[Message], number: int) -> bool:
    """Whether one of the messages has that number."""
    return any(message.number == number for message in messages)


def sets(connection: SqlConnection, paths: Sequence[str], urls: Sequence[str] = (), credential: str | None = None) -> list[BackupSet]:
    """The backup sets of a media set, in their order.

    Args:
        connection: The connection to work on.
        paths: The files with all stripes of the media set, or
        urls: their addresses.
        credential: The name of the credential for the addresses.

    Raises:
        MssqlError: A stripe cannot be read, is no backup, or is missing, or they do not belong together.
    """
    labels = [_label(connection, [path], [], credential) for path in paths] + [_label(connection, [], [url], credential) for url in urls]
    _belong_together(labels)
    # Each stripe has every header; the statement takes one device.
    rows = _read(connection, "HEADERONLY", paths[:1], [] if paths else urls[:1], _credential(credential))
    return [_set(row, labels[0]) for row in sorted(rows, key=lambda row: row["Position"])]


def choose(found: Sequence[BackupSet], wanted: str | int | None = None, database: str | None = None) -> BackupSet:
    """Choose the full backup to restore.

    The newest is the one that was appended last: clocks may go back, positions do not. If the newest is unusable it is refused; an older one
    is chosen only by its identity or position.

    Args:
        found: The backup sets of the media set.
        wanted: The identity (backup_set_uuid) or the position of the set; None for the newest.
        database: Selects among the backups where the media hold those of several databases.

    Raises:
        MssqlError: There is no such backup, or it cannot be restored.
    """
    listed = "; ".join(str(one) for one in found) or "none"
    if wanted is not None:
        by = f"the backup set {wanted}" if isinstance(wanted, str) else f"the backup set at position {wanted}"
        chosen = [one for one in found if wanted == one.position or str(wanted).strip("{}").upper() == one.backup_set_uuid]
        if not chosen:
            raise MssqlError(f"Expected {by}, but found {listed}. Name one of them")
    else:
        chosen = [one for one in found if one.type == FULL]
        if len({one.database.lower() for one in chosen if one.complete}) > 1:
            chosen = [one for one in chosen if not one.complete or one.database.lower() == (database or "").lower()]
            if not any(one.complete for one in chosen):
                raise MssqlError(
                    f"Expected full backups of one database, but found several databases: {listed}. Name a backup with backup_set_uuid"
                )
        if not chosen:
            raise MssqlError(f"Expected a full backup, but found {listed}. A differential or log backup alone cannot be restored")
    best = max(chosen, key=lambda one: one.position)
    if best.type != FULL:
        raise MssqlError(f"Expected a full backup, but found {best}, which alone cannot be restored. All: {listed}")
    if not best.complete:
        raise MssqlError(
            f"Expected a complete backup, but it was cut off while it was taken or copied ({best}). Take another one. All: {listed}"
        )
    if best.is_damaged:
        raise MssqlError(
            f"Expected a backup without damage, but the database was damaged already when it was backed up with CONTINUE_AFTER_ERROR ({best}). "
            f"Name another one with backup_set_uuid. All: {listed}"
        )
    return best


def files(
    connection: SqlConnection, paths: Sequence[str], position: int, urls: Sequence[str] = (), *, credential: str | None = None
) -> list[dict[str, Any]]:
    """The rows of RESTORE FILELISTONLY: the database files in a backup set.

    Raises:
        MssqlError: It cannot be read; 33111 where its certificate is missing.
    """
    words = [*_file(position, paths), *_credential(credential)]
    return _read(connection, "FILELISTONLY", paths[:1], [] if paths else urls[:1], words)


def verify_statement(
    paths: Sequence[str],
    position: int,
    *,
    urls: Sequence[str] = (),
    credential: str | None = None,
    checksum: bool = True,
    moves: Sequence[str] = (),
) -> str:
    """RESTORE VERIFYONLY of the set at that position; the default is the first.

    Args:
        paths: The files of the backup.
        position: The position of the backup set.
        urls: Instead of files, the addresses.
        credential: The name of the credential for the addresses.
        checksum: Whether checksums are compared.
        moves: MOVE clauses: it checks the space where the files would go, which by default is where they came from.
    """
    words = [*_file(position, paths), *moves, *(["CHECKSUM"] if checksum else []), *_credential(credential), f"STATS = {STATS}"]
    return f"RESTORE VERIFYONLY FROM {devices.clause(paths, urls)} WITH {', '.join(words)}"


def verify(
    connection: SqlConnection,
    paths: Sequence[str],
    position: int,
    deadline: float | None = None,
    *,
    urls: Sequence[str] = (),
    credential: str | None = None,
    checksum: bool = True,
    moves: Sequence[str] = (),
    on_message: Callable[[Message], None] | None = None,
) -> str:
    """Read all of a backup set and compare its checksums.

    Args:
        connection: The connection to work on.
        paths: The files of the backup.
        position: The position of the backup set.
        deadline: Seconds; None for no limit.
        urls: Instead of files, the addresses.
        credential: The name of the credential for the addresses.
        checksum: Whether checksums are compared; otherwise the set is only readable.
        moves: As for :func:`verify_statement`.
        on_message: Called with each message of the server.

    Returns:
        The statement.

    Raises:
        MssqlError: It is not valid, or message 3262 did not confirm it; MssqlTimeout after the deadline.
    """
    sql = verify_statement(paths, position, urls=urls, credential=credential, checksum=checksum, moves=moves)
    places = ", ".join([*paths, *urls])
    try:
        messages = connection.execute_drained(sql, on_message, deadline)
    except MssqlTimeout as error:
        messages = error.messages
        if not said(messages, VERIFY_DONE):
            raise MssqlTimeout(
                f"Expected to verify the backup set at position {position} of {places} within {deadline:g} s, but it took longer and was cancelled. "
                "Nothing was changed. Give it more time"
            ) from error
    except MssqlError as error:
        cause = readable(error, [*paths, *urls], connection)
        if cause is not error:
            raise cause from error
        raise MssqlError(
            f"Expected a valid backup set at position {position} of {places}, but its verification failed: {error.message}. "
            "Do not use it as a backup",
            error.number,
        ) from error
    if not said(messages, VERIFY_DONE):
        raise MssqlError(
            f"Expected message {VERIFY_DONE}, with which SQL Server confirms the backup set at position {position} of {places}, but found only "
            f"{sorted({message.number for message in messages})}. Do not use it as a backup"
        )
    return sql


def readable(error: MssqlError, places: Sequence[str], connection: SqlConnection) -> MssqlError:
    """An error of reading devices with what it means and what to do; the same error where it is not about a device."""
    return devices.explained(error, places, connection, "read")


def _file(position: int, paths: Sequence[str]) -> list[str]:
    """FILE, which blobs and objects do not take: they hold one backup set."""
    return [f"FILE = {position:d}"] if paths else []


def _credential(name: str | None) -> list[str]:
    return [f"CREDENTIAL = {quote_string(name)}"] if name else []


def _read(connection: SqlConnection, what: str, paths: Sequence[str], urls: Sequence[str], words: Sequence[str]) -> list[dict[str, Any]]:
    sql = f"RESTORE {what} FROM {devices.clause(paths, urls)}"
    try:
        return connection.query(f"{sql} WITH {', '.join(words)}" if words else sql)
    except MssqlError as error:
        places = [*paths, *urls]
        cause = readable(error, places, connection)
        if cause is not error:
            raise cause from error
        if error.number in (262, devices.FOLLOW_UP):
            raise MssqlError(
                f"Expected to read {', '.join(places)} as a backup, but SQL Server {connection.options.where} refused it ({error.message}), as it does "
                f"for a login that may not create databases. Give the login {connection.options.who} the server role dbcreator"
            ) from error
        raise MssqlError(
            f"Expected to read {', '.join(places)} as a backup on SQL Server {connection.options.where}, but it failed: {error.message}",
            error.number,
        ) from error


def _label(connection: SqlConnection, paths: Sequence[str], urls: Sequence[str], credential: str | None) -> _Label:
    row = _read(connection, "LABELONLY", paths, urls, _credential(credential))[0]
    return _Label([*paths, *urls][0], str(row["MediaSetId"]).upper(), int(row["FamilySequenceNumber"]), int(row["FamilyCount"]))


def _belong_together(labels: Sequence[_Label]) -> None:
    """
    Raises:
        MssqlError: The devices belong to several media sets, or a stripe is missing or given twice.
    """
    if len({label.media_set_id for label in labels}) > 1:
        listed = "; ".join(f"{label.device} of media set {label.media_set_id}" for label in labels)
        raise MssqlError(f"Expected the stripes of one backup, but found {listed}", OTHER_MEDIA)
    wanted = labels[0].families
    missing = sorted(set(range(1, wanted + 1)) - {label.family for label in labels})
    if missing:
        listed = "; ".join(f"{label.device} is stripe {label.family}" for label in labels)
        raise MssqlError(
            f"Expected all {wanted} stripes of the backup, but stripe {', '.join(map(str, missing))} is missing ({listed})",
            STRIPE_MISSING,
        )
    if len(labels) > wanted:  # mirrors (MIRROR TO) have the same stripes again, and one of each is enough
        raise MssqlError(f"Expected each of the {wanted} stripes of the backup once, but found {len(labels)} devices. Omit the copies")


def _set(row: dict[str, Any], label: _Label) -> BackupSet:
    version = [row["SoftwareVersionMajor"], row["SoftwareVersionMinor"], row["SoftwareVersionBuild"]]
    thumbprint = row.get("EncryptorThumbprint")  # since SQL Server 2014
    identity = row["BackupSetGUID"]
    return BackupSet(
        position=int(row["Position"]),
        type=_TYPES.get(int(row["BackupType"] or 0), "?"),
        backup_set_uuid=str(identity).upper() if identity else "",
        database=row["DatabaseName"] or "",
        server=row["ServerName"] or "",
        name=row["BackupName"],
        description=row["BackupDescription"],
        started=row["BackupStartDate"],
        finished=row["BackupFinishDate"] if identity else None,
        size=int(row["BackupSize"] or 0),
        compressed_size=int(row["CompressedBackupSize"] or row["BackupSize"] or 0),
        first_lsn=str(row["FirstLSN"] or 0),
        last_lsn=str(row["LastLSN"] or 0),
        checkpoint_lsn=str(row["CheckpointLSN"] or 0),
        is_copy_only=bool(row["IsCopyOnly"]),
        has_checksums=bool(row["HasBackupChecksums"]),
        is_damaged=bool(row["IsDamaged"]),
        software_major=int(version[0] or 0),
        software_version=".".join(str(one or 0) for one in version),
        database_version=int(row["DatabaseVersion"] or 0),
        compatibility_level=int(row["CompatibilityLevel"] or 0),
        recovery_model=row["RecoveryModel"] or "",
        collation=row["Collation"],
        encryptor_thumbprint=bytes(thumbprint).hex().upper() if thumbprint else None,
        media_set_id=label.media_set_id,
        family_count=label.families,
        user=row["UserName"] or None,
    )
