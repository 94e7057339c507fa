# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""BACKUP DATABASE and BACKUP LOG: what is asked for, and whether it may be done.

https://learn.microsoft.com/sql/t-sql/statements/backup-transact-sql
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from ..tds.engine_api import Output, SqlError
from . import errors
from .cursor import Cursor
from .database import Database
from .devices import MAX_DEVICES, Device, locate, read_devices, read_media
from .media import Family
from .values import moment
from .with_options import Options, read_options

if TYPE_CHECKING:
    from .server import Certificate
    from .session import Session

MAX_TRANSFER = 4 * 1024**2  # for files; S3 takes more
NAMES = {"D": "DATABASE", "I": "DATABASE", "L": "LOG"}


@dataclass
class Order:
    """One backup that is to be taken."""

    database: Database
    type: str  # D, I, L as in msdb
    devices: list[Device]
    mirrors: list[list[Device]]
    options: Options
    compress: bool = False
    checksum: bool = False
    certificate: Certificate | None = None
    new_media: bool = True
    media: Family | None = None  # of the first device, where sets are appended or replaced
    paths: list[Path] = field(default_factory=list)
    expires: datetime | None = None

    @property
    def what(self) -> str:
        return f"BACKUP {NAMES[self.type]}"

    @property
    def copy_only(self) -> bool:
        return "COPY_ONLY" in self.options and self.type != "I"

    @property
    def every_device(self) -> list[Device]:
        return [*self.devices, *(device for mirror in self.mirrors for device in mirror)]


def backup(session: Session, cursor: Cursor, out: Output) -> None:
    """Run a BACKUP statement.

    Raises:
        SqlError: It is refused, or fails; nothing is recorded then.
        Attention, ConnectionError: The client gave up; nothing is left.
    """
    from .backup_run import take  # it needs Order

    cursor.expect("BACKUP")
    kind = cursor.word()
    if kind not in ("DATABASE", "LOG"):
        raise errors.gap(f"BACKUP {kind}")
    name = cursor.name_or_variable()
    if cursor.upper() in ("FILE", "FILEGROUP", "READ_WRITE_FILEGROUPS"):
        raise errors.gap("BACKUP of files and filegroups")
    cursor.expect("TO")
    devices = read_devices(cursor, session.server)
    mirrors = []
    while cursor.accept("MIRROR"):
        cursor.expect("TO")
        mirrors.append(read_devices(cursor, session.server))
    options = read_options(cursor, "BACKUP")
    if session.client.request is not None:
        session.client.request.command = f"BACKUP {kind}"
    type_ = "L" if kind == "LOG" else "I" if "DIFFERENTIAL" in options else "D"
    if session.client.transactions or session.implicit:
        raise errors.in_transaction(f"BACKUP {NAMES[type_]}")
    database = session.server.database(name)
    if database is None:
        raise errors.failed(
            f"BACKUP {kind}", 911, f"Database '{name}' does not exist. Make sure that the name is entered correctly.", 16, 11
        )
    order = Order(database, type_, devices, mirrors, options)
    _may(session, order)
    _can(order)
    _features(session, order)
    with database.lock:
        if database.busy:
            text = (
                "Backup, file manipulation operations (such as ALTER DATABASE ADD FILE) and encryption changes on a database must be serialized. "
                "Reissue the statement after the current backup or file manipulation operation is completed."
            )
            raise errors.failed(order.what, 3023, text, 16, 2)
        database.busy = order.what
    try:
        _media(session, order)
        take(session, order, out)
    finally:
        database.busy = None


def _may(session: Session, order: Order) -> None:
    """
    Raises:
        SqlError: 916 or 262.
    """
    login, database = session.client.login, order.database
    if login.user_name(database) is None:
        raise _followed(errors.no_access(login.name, database.name), order.what)
    permission = "BACKUP LOG" if order.type == "L" else "BACKUP DATABASE"
    if not login.may_in(database, permission):
        raise _followed(errors.denied(permission, database.name), order.what)


def _followed(error: SqlError, what: str) -> SqlError:
    return errors.failed(what, error.number, error.message, error.severity, error.state)


def _can(order: Order) -> None:
    """Whether this database can be backed up in this way now."""
    database, what = order.database, order.what
    if database.name.lower() == "tempdb":
        raise errors.failed(what, 3147, "Backup and restore operations are not allowed on database tempdb.")
    if database.snapshot_of:
        raise errors.failed(what, 3002, "Cannot BACKUP or RESTORE a database snapshot.")
    if database.state == "RESTORING":
        raise _followed(errors.restoring(database.name), what)
    if database.state != "ONLINE":
        raise _followed(errors.offline(database.name), what)
    secondary = database.group is not None and database.group_role == "SECONDARY"
    if secondary and (order.type == "I" or (order.type == "D" and not order.copy_only)):
        raise errors.failed(what, 3059, "This BACKUP or RESTORE command is not supported on a database mirror or secondary replica.")
    if database.name.lower() == "master" and order.type != "D":
        raise errors.failed(
            what,
            3024,
            "You can only perform a full backup of the master database. Use BACKUP DATABASE to back up the entire master database.",
        )
    if order.type == "I" and database.full_lsn is None:
        text = (
            f'Cannot perform a differential backup for database "{database.name}", because a current database backup does not exist. '
            "Perform a full database backup by reissuing BACKUP DATABASE, omitting the WITH DIFFERENTIAL option."
        )
        raise errors.failed(what, 3035, text)
    if order.type == "L" and database.recovery == "SIMPLE":
        text = (
            "The statement BACKUP LOG is not allowed while the recovery model is SIMPLE. Use BACKUP DATABASE or change the recovery model using "
            "ALTER DATABASE."
        )
        raise errors.failed(what, 4208, text)
    if order.type == "L" and database.log_lsn is None:
        raise errors.failed(what, 4214, "BACKUP LOG cannot be performed because there is no current database backup.")


def _features(session: Session, order: Order) -> None:
    """Compression, checksums, encryption, mirrors: by option, by the server's default, by edition."""
    server, options = session.server, order.options
    product = server.product
    wanted = "COMPRESSION" in options
    if wanted and not product.compresses_backups:
        raise errors.failed(order.what, 1844, f"{order.what} WITH COMPRESSION is not supported on {product.edition}.")
    defaulted = bool(server.configuration["backup compression default"]) and "NO_COMPRESSION" not in options
    order.compress = wanted or (defaulted and product.compresses_backups)
    order.checksum = "CHECKSUM" in options or (bool(server.configuration["backup checksum default"]) and "NO_CHECKSUM" not in options)
    algorithm = options.text("COMPRESSION ALGORITHM")
    if algorithm and product.major < 16:
        raise errors.syntax("(")
    if options.algorithm:
        if not product.encrypts_backups:
            raise errors.failed(order.what, 1844, f"{order.what} WITH ENCRYPTION is not supported on {product.edition}.")
        order.certificate = server.certificates.get(options.certificate.lower())
        if order.certificate is None:
            text = f"Cannot find the certificate '{options.certificate}', because it does not exist or you do not have permission."
            raise errors.failed(order.what, 15151, text)
    if order.mirrors and not product.is_enterprise:
        raise errors.failed(order.what, 1844, f"{order.what} WITH MIRROR is not supported on {product.edition}.")
    if (options.number("MAXTRANSFERSIZE") or 0) > MAX_TRANSFER and any(device.kind == "DISK" for device in order.devices):
        raise errors.SqlError(3217, "Invalid value specified for MAXTRANSFERSIZE parameter.", 16)
    if len(order.devices) > MAX_DEVICES:
        raise errors.failed(order.what, 3205, "Too many backup devices specified for backup or restore; only 64 are allowed.")
    if any(len(mirror) != len(order.devices) for mirror in order.mirrors):
        raise errors.failed(order.what, 3215, "Use WITH FORMAT to create a new mirrored backup set: each mirror needs as many devices.")
    names = [device.name.lower() for device in order.every_device]
    if len(set(names)) < len(names):
        twice = next(name for name in names if names.count(name) > 1)
        raise errors.failed(order.what, 3204, f"The backup device '{twice}' was named more than once.")
    now = server.local_now()
    if options.number("RETAINDAYS") is not None:
        order.expires = now + timedelta(days=options.number("RETAINDAYS") or 0)
    elif options.text("EXPIREDATE") is not None:
        order.expires = moment(options.text("EXPIREDATE"))


def _media(session: Session, order: Order) -> None:
    """Look at the devices: a new media set, or one to append to, or to overwrite."""
    server, options, what = session.server, order.options, order.what
    order.paths = [locate(server, device, what) for device in order.every_device]
    for device, path in zip(order.every_device, order.paths, strict=True):
        if path in server.in_use:
            raise errors.failed(what, *_busy(device))
    there = [path.exists() for path in order.paths]
    if "FORMAT" in options or not any(there):
        if order.mirrors and "FORMAT" not in options:
            raise errors.failed(what, 3215, "Use WITH FORMAT to create a new mirrored backup set.")
        return
    if order.mirrors:
        raise errors.gap("appending to a mirrored media set")
    families = [read_media(server, device, what) for device in order.devices]
    first = families[0].header
    if first["families"] != len(order.devices):
        text = (
            f'The media loaded on "{order.devices[0].name}" is formatted to support {first["families"]} media families, but '
            f"{len(order.devices)} media families are expected according to the backup device specification."
        )
        raise errors.failed(what, 3231, text)
    if [family.header["family"] for family in families] != list(range(1, len(families) + 1)):
        raise errors.failed(what, 3227, "The backup media is not in the order of its media set.")
    if "INIT" in options:
        _expired(session, order, families[0])
        return
    order.new_media, order.media = False, families[0]
    if bool(first["encrypted"]) or options.algorithm:
        _incompatible(order, "ENCRYPTION" if options.algorithm else "NO_ENCRYPTION", 3095)
    if bool(first["compressed"]) != order.compress:
        if "COMPRESSION" in options or "NO_COMPRESSION" in options:
            _incompatible(order, "COMPRESSION" if order.compress else "NO_COMPRESSION", 3098)
        order.compress = bool(first["compressed"])  # without a keyword the media's own setting is inherited


def _busy(device: Device) -> tuple[int, str, int, int]:
    from ..core.filesystem import WinError

    return errors.no_device(device.name, WinError(32))


def _incompatible(order: Order, option: str, number: int) -> None:
    text = (
        f"The backup cannot be performed because '{option}' was requested after the media was formatted with an incompatible structure. To append "
        f"to this media set, either omit '{option}' or specify the opposite. Alternatively, you can create a new media set by using WITH FORMAT "
        "in your BACKUP statement. If you use WITH FORMAT on an existing media set, all its backup sets will be overwritten."
    )
    raise errors.failed(order.what, number, text)


def _expired(session: Session, order: Order, family: Family) -> None:
    """INIT respects expiry dates, unless SKIP.

    Raises:
        SqlError: 4030.
    """
    if "SKIP" in order.options:
        return
    now = session.server.local_now()
    for part in family.parts:
        ends = part.header.get("expires")
        if ends and moment(ends) > now:
            text = f"The medium on device '{order.devices[0].name}' expires on {moment(ends):%b %d %Y %H:%M:%S} and cannot be overwritten."
            raise errors.failed(order.what, 4030, text)
