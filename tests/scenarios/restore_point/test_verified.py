# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""octopus_restore_point_verify: each way in which a restore point can be spoilt is found, by name, with where; all of them at once."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.octopus.upgrade.plugins.module_utils._restore_point.signature import signature_text
from ansible_collections.octopus.upgrade.plugins.module_utils._secrets.vault import VaultKey
from scenarios.restore_point.setting import Setting

MSI = "packages/Octopus.2025.3.14357-x64.msi"


def failed(result: dict[str, Any]) -> dict[str, str]:
    """The checks that failed, and what each says."""
    assert result.get("failed"), result
    found = {check["name"]: check["detail"] for check in result["checks"] if not check["ok"]}
    assert all(f"{name}: {detail}" in result["msg"] for name, detail in found.items())
    return found


def test_all_is_well(cluster: Setting, point: str, no_secrets: Callable[[object], None], job_folders: None, real_vault: None) -> None:
    result = cluster.verify(**cluster.sql)
    assert not result.get("failed"), result["msg"]
    assert (result["changed"], result["restore_point"], result["path"]) == (False, point, f"{cluster.root}\\{point}")
    assert [check["name"] for check in result["checks"]] == [
        "signature",
        "backup_files",
        "package",
        "master_key",
        "license",
        "configuration_octo-a",
        "configuration_octo-b",
        *(f"folder_{name}" for name in sorted(cluster.facts["folders"])),
        "database",
    ]
    assert all(check["ok"] and check["seconds"] >= 0 for check in result["checks"])
    assert result["manifest"] == json.loads((cluster.backups / point / "restore-point.json").read_bytes())
    no_secrets(result)


def test_without_a_login_it_says_what_was_not_verified(cluster: Setting, point: str) -> None:
    result = cluster.verify(restore_point=point)
    assert not result.get("failed"), result["msg"]
    assert result["checks"][-1]["detail"].startswith("not verified: no login to SQL Server was given")
    assert "test_restore" in failed(cluster.verify(test_restore=True))


def _edit(folder: Path) -> None:
    path = folder / "restore-point.json"
    path.write_bytes(path.read_bytes().replace(b'"operation": "upgrade"', b'"operation": "backup"'))


def _flip(path: Path, at: int) -> None:
    raw = bytearray(path.read_bytes())
    raw[at] ^= 1
    path.write_bytes(raw)


def _damage(folder: Path) -> None:
    path = folder / "database.bak"
    _flip(path, path.stat().st_size // 2)


def _other_key(folder: Path, password: str, content: bytes) -> None:
    """A key encrypted with another password, or another key encrypted with the right one."""
    source = folder.parent.parent / "password-of-a-test"
    source.write_text(password)
    (folder / "master-key.vault").write_bytes(VaultKey("default", str(source)).encrypt(content))
    source.unlink()


def _remove_one(folder: Path) -> None:
    next(path for path in (folder / "folders" / "logs").rglob("*") if path.is_file()).unlink()


def _swap_two(folder: Path) -> None:
    """Each of two files under the name of the other: the number of files and of bytes stays."""
    paths = sorted(path for path in (folder / "folders" / "logs").rglob("*") if path.is_file())
    one, other = min(paths, key=lambda path: path.stat().st_size), max(paths, key=lambda path: path.stat().st_size)
    one.rename(folder / "kept")
    other.rename(one)
    (folder / "kept").rename(other)


def _edit_in_place(folder: Path) -> None:
    path = next(path for path in (folder / "folders" / "logs").rglob("*") if path.is_file())
    path.write_bytes(path.read_bytes()[:-1] + b"X")
    os.utime(path, ns=(0, path.stat().st_mtime_ns + 60 * 10**9))


Spoil = Callable[[Path, Setting], object]
CASES: dict[str, tuple[Spoil, str, str]] = {
    "edited manifest": (lambda folder, _: _edit(folder), "signature", "restore-point.json was edited after it was signed"),
    "signature of another": (
        lambda folder, cluster: (folder / "restore-point.signature").write_bytes(signature_text(folder.name, "{}", cluster.vault_key)),
        "signature",
        "is that of another manifest",
    ),
    "signature of another id": (
        lambda folder, cluster: (folder / "restore-point.signature").write_bytes(signature_text("another", "{}", cluster.vault_key)),
        "signature",
        "is that of 'another'",
    ),
    "signature that is not encrypted": (
        lambda folder, _: (folder / "restore-point.signature").write_bytes(
            signature_text(folder.name, (folder / "restore-point.json").read_text(), None)
        ),
        "signature",
        "anybody could have written it",
    ),
    "no signature": (lambda folder, _: (folder / "restore-point.signature").unlink(), "signature", "it was never finished"),
    "key of another password": (
        lambda folder, _: _other_key(folder, "x", b"key"),
        "master_key",
        "cannot be decrypted with the vault password",
    ),
    "another key": (
        lambda folder, cluster: _other_key(folder, cluster.lab.vault_password, b"key"),
        "master_key",
        "holds another content than the one that was signed",
    ),
    "no key": (lambda folder, _: (folder / "master-key.vault").unlink(), "master_key", "there is no master-key.vault"),
    "plain key": (lambda folder, _: (folder / "master-key.vault").write_text("plain"), "master_key", "is not encrypted"),
    "cut licence": (
        lambda folder, _: (folder / "license.vault").write_bytes((folder / "license.vault").read_bytes()[:120]),
        "license",
        "cannot be decrypted",
    ),
    "no configuration": (
        lambda folder, _: (folder / "nodes" / "octo-b.config.vault").unlink(),
        "configuration_octo-b",
        "there is no nodes\\octo-b.config.vault",
    ),
    "missing package": (lambda folder, _: (folder / MSI).unlink(), "package", "is missing or cannot be read"),
    "altered package": (lambda folder, _: _flip(folder / MSI, 1000), "package", "was altered: its SHA-256 is"),
    "missing folder": (lambda folder, _: shutil.rmtree(folder / "folders" / "packages"), "folder_packages", "is missing or cannot be read"),
    "missing file": (lambda folder, _: _remove_one(folder), "folder_logs", "was altered since it was signed: servertasks-"),
    "swapped files": (lambda folder, _: _swap_two(folder), "folder_logs", "bytes instead of"),
    "edited file": (lambda folder, _: _edit_in_place(folder), "folder_logs", "was written at another time"),
    "file too many": (lambda folder, _: (folder / "folders" / "imports" / "x").write_text("x"), "folder_imports", "1 files with 1 bytes"),
    "missing backup": (lambda folder, _: (folder / "database.bak").unlink(), "backup_files", "database.bak is missing"),
    "cut backup": (
        lambda folder, _: (folder / "database.bak").write_bytes((folder / "database.bak").read_bytes()[:-100]),
        "backup_files",
        "when it was signed",
    ),
    "damaged backup": (lambda folder, _: _damage(folder), "database", "Do not use it as a backup"),
}


def test_without_its_list_a_folder_is_counted(cluster: Setting, point: str) -> None:
    (cluster.backups / point / "folders" / "logs.files.txt").unlink()
    _edit_in_place(cluster.backups / point)
    result = cluster.verify(restore_point=point, **cluster.sql)
    assert not result.get("failed"), result["msg"]
    [said] = [check["detail"] for check in result["checks"] if check["name"] == "folder_logs"]
    assert "They were only counted, because" in said
    assert "logs.files.txt is missing or was altered" in said


@pytest.mark.parametrize("case", CASES)
def test_each_defect_is_found_by_name(
    cluster: Setting, point: str, case: str, no_secrets: Callable[[object], None], job_folders: None
) -> None:
    spoil, name, said = CASES[case]
    spoil(cluster.backups / point, cluster)
    before = cluster.tree()
    result = cluster.verify(restore_point=point, **cluster.sql)
    found = failed(result)
    assert said in found[name], result["msg"]
    # What else fails follows from it: SQL Server misses the same file.
    assert set(found) - {name} <= ({"database"} if name == "backup_files" else set())
    assert f"the restore point {cluster.root}\\{point} cannot be used for a rollback" in result["msg"]
    assert "create a new one" in result["msg"]
    assert cluster.tree() == before
    no_secrets(result)


def test_all_defects_are_named_in_one_error(cluster: Setting, point: str) -> None:
    folder = cluster.backups / point
    (folder / MSI).unlink()
    (folder / "license.vault").unlink()
    _edit(folder)
    _damage(folder)
    result = cluster.verify(restore_point=point, **cluster.sql)
    assert list(failed(result)) == ["signature", "package", "license", "database"]
    assert "4 of 14 checks failed" in result["msg"]


def test_a_manifest_that_cannot_be_relied_upon_ends_the_checks(cluster: Setting, point: str) -> None:
    path = cluster.backups / point / "restore-point.json"
    manifest = json.loads(path.read_bytes())
    manifest["package"]["file"] = "..\\..\\other.msi"
    path.write_text(json.dumps(manifest))
    assert "package.file is not the name of a file in the restore point" in failed(cluster.verify(restore_point=point))["manifest"]
    path.write_text("{")
    assert "there is none" in failed(cluster.verify(restore_point=point))["manifest"]


def test_a_missing_stripe(cluster: Setting, point: str) -> None:
    striped = cluster.make("20261124T210000Z", stripes=2)
    result = cluster.verify(**cluster.sql)
    assert (result["restore_point"], result.get("failed")) == (striped, None), result
    (cluster.backups / striped / "database-2.bak").unlink()
    assert "database-2.bak is missing" in failed(cluster.verify(**cluster.sql))["backup_files"]
    # And one that was written over by the other has the right name, and as many bytes as it likes.
    shutil.copy(cluster.backups / striped / "database-1.bak", cluster.backups / striped / "database-2.bak")
    assert "stripe" in failed(cluster.verify(**cluster.sql))["database"]


def test_a_test_restore_leaves_nothing(cluster: Setting, point: str, job_folders: None) -> None:
    names = set(cluster.instance.sql.databases)
    result = cluster.verify(test_restore=True, check_mode=True, **cluster.sql)
    assert result["checks"][-1]["detail"] == "not done in check mode."
    result = cluster.verify(test_restore=True, **cluster.sql)
    assert not result.get("failed"), result["msg"]
    assert result["checks"][-1]["name"] == "test_restore"
    assert "found sound by DBCC CHECKDB, and dropped" in result["checks"][-1]["detail"]
    assert set(cluster.instance.sql.databases) == names


def test_a_test_restore_finds_damage_that_a_verification_passes(cluster: Setting, point: str) -> None:
    damaged = cluster.make("20261125T210000Z", checksum=False, compression="off", verify=False)
    path = cluster.backups / damaged / "database.bak"
    _flip(path, path.read_bytes().index(b"Projects-1"))
    passed = cluster.verify(**cluster.sql)
    assert not passed.get("failed"), passed["msg"]
    assert "It has no checksums" in passed["checks"][-1]["detail"]
    names = set(cluster.instance.sql.databases)
    found = failed(cluster.verify(test_restore=True, **cluster.sql))
    assert list(found) == ["test_restore"]
    assert "DBCC CHECKDB reports" in found["test_restore"]
    assert set(cluster.instance.sql.databases) == names


def test_where_sql_server_sees_it_elsewhere(cluster: Setting, point: str) -> None:
    disk = Path(cluster.instance.sql.machine.fs.drives["D"].root)
    shutil.copytree(cluster.backups / point, disk / "Backups" / point)
    result = cluster.verify(sql_root="D:\\Backups", **cluster.sql)
    assert f"D:\\Backups\\{point}\\database.bak" in result["checks"][-1]["detail"]
    assert "to read D:\\Nowhere" in failed(cluster.verify(sql_root="D:\\Nowhere", **cluster.sql))["database"]


def test_the_newest_signed_one_is_taken(cluster: Setting, point: str) -> None:
    cluster.pretend("20271123T210000Z-2025.3.14357", None)
    cluster.pretend("20251123T210000Z-2025.3.14357", "2025-11-23T21:00:00Z")
    assert cluster.verify()["restore_point"] == point
    (cluster.backups / point / "restore-point.signature").unlink()
    shutil.rmtree(cluster.backups / "20251123T210000Z-2025.3.14357")
    result = cluster.verify()
    assert f"expected a signed restore point in {cluster.root}" in result["msg"]
    assert f"{point}: it has no restore-point.signature" in result["msg"]


def test_a_share_that_cannot_be_read(cluster: Setting, point: str, job_folders: None) -> None:
    assert "there is no such folder" in cluster.verify(restore_point="20200101T000000Z-2025.3.14357")["msg"]
    cluster.lab.backup_share.reachable = False
    for result in (cluster.verify(), cluster.verify(restore_point=point), cluster.info(), cluster.prune(keep=1)):
        assert "neither it nor the folder above can be reached" in result["msg"], result
        assert "job_user" in result["msg"]
    assert "cannot be read by a job as SYSTEM" in cluster.create(point, cluster.facts[point])["msg"]
