# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Verify everything that a rollback needs of a restore point. All checks are run, whatever the others find."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from ansible_collections.octopus.upgrade.plugins.module_utils._core.progress import Progress
from ansible_collections.octopus.upgrade.plugins.module_utils._mssql.backup import media as backup_media
from ansible_collections.octopus.upgrade.plugins.module_utils._mssql.connection.connection import SqlConnection
from ansible_collections.octopus.upgrade.plugins.module_utils._mssql.errors import MssqlError
from ansible_collections.octopus.upgrade.plugins.module_utils._mssql.restore import trial
from ansible_collections.octopus.upgrade.plugins.module_utils._mssql.restore.options import RestoreOptions
from ansible_collections.octopus.upgrade.plugins.module_utils._octopus.errors import OctopusError
from ansible_collections.octopus.upgrade.plugins.module_utils._octopus.folders import listing
from ansible_collections.octopus.upgrade.plugins.module_utils._secrets.errors import SecretError
from ansible_collections.octopus.upgrade.plugins.module_utils._secrets.vault import VaultKey
from ansible_collections.octopus.upgrade.plugins.module_utils._windows import files, robocopy
from ansible_collections.octopus.upgrade.plugins.module_utils._windows.connection import SYSTEM32
from ansible_collections.octopus.upgrade.plugins.module_utils._windows.errors import HostError
from ansible_collections.octopus.upgrade.plugins.module_utils._windows.quoting import batch_line

from .listing import choose
from .listing_check import compare_listings
from .manifest import FOLDERS
from .manifest_check import problems
from .secret_files import read_secret
from .share import Answer, Place, Share, certutil, place_of, reach, show
from .share import listing as dir_line
from .signature import Point

Connect = Callable[[], SqlConnection]


@dataclass(frozen=True)
class VerifyRequest:
    """The options of ``octopus_restore_point_verify``.

    Attributes:
        sql_root: The folder of all restore points as SQL Server sees it.
    """

    root: str
    restore_point: str | None
    sql_root: str | None
    test_restore: bool
    vault_key: VaultKey | None
    timeout: float
    check_mode: bool = False
    tell: Progress = field(default_factory=Progress)

    @classmethod
    def from_params(cls, params: dict[str, Any], check_mode: bool) -> VerifyRequest:
        """Read a module's parameters.

        Raises:
            OctopusError: They contradict each other.
        """
        root, restore_point = place_of(params["path"], params["root"], params["restore_point"])
        return cls(
            root, restore_point, params["sql_root"], params["test_restore"], VaultKey.from_params(params), params["timeout"], check_mode
        )


@dataclass(frozen=True)
class Check:
    """The outcome of one check. The checks that one job answers share its time."""

    name: str
    ok: bool
    detail: str
    seconds: float

    def as_result(self) -> dict[str, Any]:
        return {"name": self.name, "ok": self.ok, "detail": self.detail, "seconds": self.seconds}


@dataclass
class Verified:
    """A restore point and its checks."""

    point: Point
    checks: list[Check]

    @property
    def failed(self) -> list[Check]:
        return [check for check in self.checks if not check.ok]

    def as_result(self) -> dict[str, Any]:
        return {
            "changed": False,
            "restore_point": self.point.id,
            "path": self.point.path,
            "manifest": self.point.manifest,
            "checks": [check.as_result() for check in self.checks],
        }

    def message(self, where: str) -> str:
        """The message for a restore point that failed."""
        listed = "; ".join(f"{check.name}: {check.detail}" for check in self.failed)
        return (
            f"{where}: the restore point {self.point.path} cannot be used for a rollback: {len(self.failed)} of {len(self.checks)} checks "
            f"failed. {listed} Do not upgrade or roll back with it: create a new one with playbooks/backup.yml, or name another one in "
            "restore_point."
        )


def verify(request: VerifyRequest, share: Share, connect: Connect | None) -> Verified:
    """Run all checks.

    Args:
        request: What to check.
        share: Reaches the restore point.
        connect: Opens a connection to SQL Server; None where no login was given.

    Raises:
        OctopusError: There is no such restore point, or it cannot be reached.
        HostError: The host cannot do it.
    """
    point = choose(share, request.root, request.restore_point, request.vault_key)
    checks = [Check("signature", point.is_signed, "it is that of the manifest." if point.is_signed else f"{point.reason}.", 0.0)]
    wrong = problems(point.manifest) if point.manifest else ["there is none"]
    if point.manifest is None or wrong:
        checks.append(Check("manifest", False, f"nothing else can be checked: {'; '.join(wrong)}.", 0.0))
        return Verified(point, checks)
    return Verified(point, [*checks, *_Verifying(request, share, point.manifest, Place(request.root, point.id)).run(connect)])


class _Verifying:
    def __init__(self, request: VerifyRequest, share: Share, manifest: dict[str, Any], place: Place) -> None:
        self.request, self.share, self.manifest, self.place = request, share, manifest, place
        self.backup: dict[str, Any] = manifest["database"]["backup"]
        self.checks: list[Check] = []

    def run(self, connect: Connect | None) -> list[Check]:
        self.request.tell(f"{self.share.host.name}: checking the files of {self.place.restore_point}")
        self._files()
        self._database(connect)
        return self.checks

    def _check(self, name: str, check: Callable[[], str], shared: float = 0.0) -> None:
        """Run one check; it returns what it found, or raises why it failed."""
        began = time.monotonic()
        try:
            ok, detail = True, check()
        except (OctopusError, SecretError, HostError, MssqlError) as error:
            ok, detail = False, error.message
        self.checks.append(
            Check(name, ok, detail if detail.endswith((".", "?")) else f"{detail}.", round(shared + time.monotonic() - began, 3))
        )

    # -- by a job on the node

    def _files(self) -> None:
        """One job reads everything in the restore point's folder."""
        place, manifest = self.place, self.manifest
        entries = self._secrets()
        folders = {name: folder for name, folder in manifest["folders"].items() if folder["exists"]}
        empty = self.share.job_folder("verify", place.path) + "\\empty"
        lines = [
            reach(place.path),
            dir_line(place.path),
            certutil(place.file(manifest["package"]["file"])),
            *(show(place.file(one["file"])) if one.get("file") else "ver >nul" for one in entries.values()),
            *(self._folder_line(name, folder, empty) for name, folder in folders.items()),
        ]
        began = time.monotonic()
        reached, listed, hashed, *rest = self.share.run("verify", place.path, lines, timeout=self.request.timeout)
        seconds = time.monotonic() - began
        if reached.code:
            raise self.share.unreachable(place.path, reached)
        secrets, counted = rest[: len(entries)], rest[len(entries) :]
        self._check("backup_files", lambda: self._backup_files(listed), seconds)
        self._check("package", lambda: self._package(hashed), seconds)
        for (name, entry), answer in zip(entries.items(), secrets, strict=True):
            self._check(name, partial(self._secret, entry, answer), seconds)
        for (name, folder), answer in zip(folders.items(), counted, strict=True):
            self._check(f"folder_{name}", partial(self._folder, name, folder, answer), seconds)

    def _folder_line(self, name: str, folder: dict[str, Any], empty: str) -> str:
        path = self.place.file(f"{FOLDERS}\\{name}")
        if not folder.get("listing_sha256"):
            return count_line(path, empty)
        return listing.list_line(path, empty, f"{self.share.job_folder('verify', self.place.path)}\\{name}{listing.SUFFIX}")

    def _secrets(self) -> dict[str, dict[str, Any]]:
        manifest = self.manifest
        entries = {"master_key": manifest["master_key"]}
        if manifest.get("license"):
            entries["license"] = manifest["license"]
        return entries | {f"configuration_{name}": node["config"] for name, node in manifest["nodes"].items()}

    def _backup_files(self, listed: Answer) -> str:
        wrong = []
        for one in self.backup["files"]:
            size = files.size_in(listed.text, one["name"])
            if size is None:
                wrong.append(f"{self.place.file(one['name'])} is missing")
            elif size != one["bytes"]:
                wrong.append(f"{self.place.file(one['name'])} has {size} bytes, but had {one['bytes']} when it was signed")
        if wrong:
            raise OctopusError("; ".join(wrong))
        return f"{len(self.backup['files'])} with {sum(one['bytes'] for one in self.backup['files'])} bytes, as when they were signed."

    def _package(self, hashed: Answer) -> str:
        package = self.manifest["package"]
        path = self.place.file(package["file"])
        found = files.hash_in(hashed.text)
        if found is None:
            raise OctopusError(f"{path} is missing or cannot be read: {hashed.said}")
        if found != package["sha256"]:
            raise OctopusError(f"{path} was altered: its SHA-256 is {found}, but was {package['sha256']} when it was signed")
        return f"{package['file']} has the SHA-256 {found}."

    def _secret(self, entry: dict[str, Any], answer: Answer) -> str:
        read_secret(entry, answer.file, self.request.vault_key)
        return "it can be decrypted, and is what was signed."

    def _folder(self, name: str, folder: dict[str, Any], answer: Answer) -> str:
        path = self.place.file(f"{FOLDERS}\\{name}")
        if not folder.get("listing_sha256"):
            return self._counted(path, folder, answer)
        unknown = None
        if files.hash_in(answer.text) != folder["listing_sha256"]:
            unknown = compare_listings(self.share, path, folder, self.request.timeout)
        if unknown is None:
            return f"{folder['files']} files with {folder['bytes']} bytes, each with the size and time that it had when it was signed."
        empty = self.share.job_folder("verify-count", path) + "\\empty"
        [answer] = self.share.run("verify-count", path, [count_line(path, empty)], timeout=self.request.timeout)
        return f"{self._counted(path, folder, answer)} They were only counted, because {unknown}."

    @staticmethod
    def _counted(path: str, folder: dict[str, Any], answer: Answer) -> str:
        found = robocopy.summaries(answer.text)
        if answer.code & robocopy.FATAL or len(found) != 1:
            said = " | ".join(robocopy.errors(answer.text)) or answer.said
            raise OctopusError(f"{path} is missing or cannot be read: {said}")
        there = found[0]
        if (there.files.total, there.bytes.total) != (folder["files"], folder["bytes"]):
            raise OctopusError(
                f"{path} holds {there.files.total} files with {there.bytes.total} bytes, but held {folder['files']} with {folder['bytes']} "
                "when it was signed"
            )
        return f"{there.files.total} files with {there.bytes.total} bytes, as when they were signed."

    # -- by SQL Server

    def _database(self, connect: Connect | None) -> None:
        if connect is None:
            unverified = "not verified: no login to SQL Server was given, so only the sizes of its files were compared."
            self.checks.append(Check("database", True, unverified, 0.0))
            if self.request.test_restore:
                self.checks.append(Check("test_restore", False, "it needs a login to SQL Server: give login_host.", 0.0))
            return
        self.request.tell(f"{self.share.host.name}: having SQL Server verify the backup of {self.place.restore_point}")
        self._check("database", lambda: self._backup(connect))
        if self.request.test_restore and self.request.check_mode:
            self.checks.append(Check("test_restore", True, "not done in check mode.", 0.0))
        elif self.request.test_restore:
            self._check("test_restore", lambda: self._trial(connect))

    def _paths(self) -> list[str]:
        """The files as SQL Server sees them: where the root is now, which may not be where it was."""
        if not self.request.sql_root:
            return [str(path) for path in self.backup["paths"]]
        root = self.request.sql_root
        separator = "/" if root.startswith("/") else "\\"
        return [separator.join([root.rstrip("\\/"), self.place.restore_point, one["name"]]) for one in self.backup["files"]]

    def _backup(self, connect: Connect) -> str:
        paths = self._paths()
        with connect() as connection:
            chosen = backup_media.choose(
                backup_media.sets(connection, paths), self.backup.get("backup_set_uuid"), self.manifest["database"]["name"]
            )
            backup_media.verify(connection, paths, chosen.position, self.request.timeout, checksum=chosen.has_checksums)
        without = "" if chosen.has_checksums else " It has no checksums, so damage within it may go unnoticed."
        return f"SQL Server finds the backup set {chosen.backup_set_uuid} in {', '.join(paths)} valid.{without}"

    def _trial(self, connect: Connect) -> str:
        """Restore it under another name, which finds damage that a verification does not."""
        options = RestoreOptions(
            self.manifest["database"]["name"],
            self._paths(),
            backup_set_uuid=self.backup.get("backup_set_uuid"),
            verify=False,  # done just before
            timeout=self.request.timeout,
        )
        with connect() as connection:
            done = trial.trial_restore(connection, options, connect, self.request.tell)
        return f"restored as {done['database']}, found sound by DBCC CHECKDB, and dropped."


def count_line(path: str, empty: str) -> str:
    """The line that counts the content of a folder: robocopy would copy all of it to one that does not exist."""
    return batch_line([f"{SYSTEM32}robocopy.exe", *robocopy.compare(path, empty)[1:]])
