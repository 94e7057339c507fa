# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A restore point that is not what it was when it was signed, or cannot be restored: found before the running instance is touched."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
from ansible.parsing.vault import VaultLib, VaultSecret
from lab.estate import SINGLE
from lab.sql import damage
from scenarios.rollback.scene import MakeScene, Scene, failed_with

Break = Callable[[Scene, Path], dict[str, str]]

pytestmark = pytest.mark.timeout(1200)


@pytest.fixture(scope="module")
def scene(make_scene: MakeScene) -> Scene:
    """An instance with one restore point, and a release that is newer."""
    scene = make_scene(SINGLE)
    run = scene.play("backup")
    assert run.code == 0, run.output[-5000:]
    assert len(scene.point_ids()) == 1
    scene.release("99.0.0")
    return scene


def _corrupt(scene: Scene, point: Path) -> dict[str, str]:
    damage.corrupt_backup(scene.instance.sql, scene.backup(point.name))
    return {}


def _lose(scene: Scene, point: Path) -> dict[str, str]:
    damage.lose_stripe(scene.instance.sql, scene.backup(point.name))
    return {}


def _edit(_scene: Scene, point: Path) -> dict[str, str]:
    path = point / "restore-point.json"
    content = path.read_bytes()
    assert content.count(b'"service_stopped": false') == 1
    path.write_bytes(content.replace(b'"service_stopped": false', b'"service_stopped": true'))
    return {}


def _spoil_files(_scene: Scene, point: Path) -> dict[str, str]:
    """A key that somebody has encrypted with another password, another package, and a file less."""
    vault = VaultLib([("default", VaultSecret(b"another password"))])
    (point / "master-key.vault").write_bytes(vault.encrypt(b"another key"))
    [package] = (point / "packages").glob("*.msi")
    package.write_bytes(package.read_bytes()[:-1] + b"?")
    next(path for path in sorted((point / "folders").rglob("*.nupkg"))).unlink()
    return {}


def _change_password(scene: Scene, _point: Path) -> dict[str, str]:
    path = scene.operator.folder / "another-password"
    path.write_text("another password\n")
    path.chmod(0o600)
    return {"octopus_vault_password_file": str(path)}


@dataclass(frozen=True)
class Case:
    """What becomes of a restore point, and what is said of it."""

    name: str
    spoil: Break
    says: tuple[str, ...]

    def __str__(self) -> str:
        return self.name


CASES = [
    Case("corrupted backup", _corrupt, ("database.bak", "Damage to the backup set was detected")),
    Case("missing backup", _lose, ("database.bak is missing",)),
    Case("edited manifest", _edit, ("expected a signed restore point", "restore-point.json was edited after it was signed")),
    Case("another vault password", _change_password, ("expected a signed restore point", "cannot be decrypted with the vault password")),
    Case("spoiled files", _spoil_files, ("3 of ", "master_key: ", "master-key.vault", "package: ", "was altered", "folder_packages: ")),
]


@contextmanager
def _kept(scene: Scene) -> Iterator[Path]:
    """The only restore point, which is as it was afterwards."""
    [point] = scene.point_ids()
    folder = scene.points / point
    content = {path: (path.read_bytes(), path.stat()) for path in folder.rglob("*") if path.is_file()}
    try:
        yield folder
    finally:
        for path, (was, stat) in content.items():
            if not path.exists() or path.read_bytes() != was:
                path.write_bytes(was)
                os.utime(path, ns=(stat.st_atime_ns, stat.st_mtime_ns))  # a file that is written at another time is not the same


@pytest.mark.parametrize("case", CASES, ids=str)
def test_a_restore_point_that_was_spoiled(case: Case, scene: Scene) -> None:
    with _kept(scene) as folder:
        variables = case.spoil(scene, folder)
        _refused(scene, case.says, **variables)


def test_a_share_that_the_node_cannot_read(scene: Scene) -> None:
    with _no_access(scene, SINGLE.nodes[0]):
        _refused(scene, ("octopus-backups", "cannot be read by a job as SYSTEM"))


def test_a_share_that_sql_server_cannot_read(scene: Scene) -> None:
    with _no_access(scene, SINGLE.sql):
        _refused(scene, ("database: ", "database.bak", "operating system error 5"))


def test_a_disk_that_is_too_small_for_both_databases(scene: Scene) -> None:
    drives = {drive: volume.capacity for drive, volume in scene.instance.sql.machine.fs.drives.items()}
    try:
        for volume in scene.instance.sql.machine.fs.drives.values():
            volume.capacity = volume.used() + 1024**2
        _refused(scene, ("bytes free on", "SQL Server host"))
    finally:
        for drive, capacity in drives.items():
            scene.instance.sql.machine.fs.drives[drive].capacity = capacity


def test_and_a_whole_one_is_not_refused(scene: Scene) -> None:
    """Else everything here would prove nothing."""
    before, mark = scene.look(), scene.lab.ledger.mark()
    run = scene.play("rollback", "--check")
    assert run.code == 0, run.output[-3000:]
    assert "lost: releases | 1 |" in run.output
    assert scene.touched(mark) == []
    assert scene.unlike(before) == []


@contextmanager
def _no_access(scene: Scene, machine: str) -> Iterator[None]:
    account = scene.lab.network.machine_account(machine)
    scene.lab.backup_share.allow.remove(account)
    try:
        yield
    finally:
        scene.lab.backup_share.allow.add(account)


def _refused(scene: Scene, says: tuple[str, ...], **variables: str) -> None:
    before, mark = scene.look(), scene.lab.ledger.mark()
    text = failed_with(scene.play("rollback", octopus_confirm_loss=True, **variables))
    for words in says:
        assert words in text, text
    assert scene.touched(mark) == []
    assert scene.unlike(before) == []
    assert scene.left() == []
