# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""octopus_restore_point and octopus_restore_point_stage: what is there afterwards, what is refused, and what an interrupted run leaves."""

from __future__ import annotations

import copy
import hashlib
import json
import shutil
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from ansible_collections.octopus.upgrade.plugins.module_utils._windows.connection import WindowsHost
from lab.core.ledger import Event
from scenarios.restore_point.setting import CONFIG, SYSTEM, Setting

MSI = "Octopus.2025.3.14357-x64.msi"


def listed(cluster: Setting, point: str) -> dict[str, Any]:
    return next(one for one in cluster.info()["restore_points"] if one["id"] == point)


def changed(cluster: Setting, point: str, **keys: Any) -> dict[str, Any]:
    return {**copy.deepcopy(cluster.facts[point]), **keys}


@pytest.fixture
def events(cluster: Setting) -> Iterator[Callable[[str], list[Event]]]:
    before = len(cluster.lab.ledger.events())
    yield lambda kind: [event for event in cluster.lab.ledger.events()[before:] if event.kind == kind]


def test_everything_is_there_and_signed(
    cluster: Setting, unsigned: str, no_secrets: Callable[[object], None], job_folders: None, real_vault: None
) -> None:
    result = cluster.create(unsigned, cluster.facts[unsigned], **cluster.sql)
    assert (result["changed"], result["restore_point"], result["path"]) == (True, unsigned, f"{cluster.root}\\{unsigned}")
    folder = cluster.backups / unsigned
    assert sorted(path.name for path in folder.iterdir()) == [
        "database.bak",
        "folders",
        "license.vault",
        "master-key.vault",
        "nodes",
        "packages",
        "restore-point.json",
        "restore-point.signature",
    ]
    raw = (folder / "restore-point.json").read_bytes()
    manifest = json.loads(raw)
    assert result["manifest"] == manifest
    # What certutil would show of the file, so that anybody can compare.
    assert json.loads(cluster.open(folder / "restore-point.signature")) == {
        "id": unsigned,
        "manifest_sha256": hashlib.sha256(raw).hexdigest(),
    }
    package = folder / "packages" / MSI
    assert manifest["package"] == {
        "file": f"packages\\{MSI}",
        "version": "2025.3.14357",
        "sha256": hashlib.sha256(package.read_bytes()).hexdigest(),
        "size": package.stat().st_size,
    }
    assert [path.name for path in package.parent.iterdir()] == [MSI]
    for host in cluster.instance.hosts:
        node = manifest["nodes"][host.name]
        assert cluster.open(folder / "nodes" / f"{host.name}.config.vault") == host.fs.read(CONFIG, SYSTEM)
        assert (node["server_node_name"], node["instance_name"], node["config_path"]) == (host.name.upper(), "OctopusServer", CONFIG)
    assert cluster.open(folder / "master-key.vault").decode() == cluster.instance.secrets.master_key
    assert manifest["database"]["backup"]["files"] == [{"name": "database.bak", "bytes": (folder / "database.bak").stat().st_size}]
    assert manifest["database"]["as_of"].startswith(manifest["database"]["backup"]["finished_at"])
    for path in folder.rglob("*"):
        assert not path.is_file() or not [name for name, secret in cluster.secrets.items() if secret.encode() in path.read_bytes()]
    no_secrets(result)


def test_again_is_no_change(cluster: Setting, point: str, job_folders: None) -> None:
    before = cluster.tree()
    again = cluster.create(point, cluster.facts[point])
    assert not again["changed"], again
    assert again["manifest"] == json.loads((cluster.backups / point / "restore-point.json").read_bytes())
    assert not cluster.stage_point(point, cluster.facts[point])["changed"]
    assert cluster.tree() == before


def test_a_signed_one_is_never_replaced(cluster: Setting, point: str) -> None:
    before = cluster.tree()
    result = cluster.create(point, changed(cluster, point, run_id="20270101T000000Z"))
    assert "is signed with another manifest: run_id is '20261123T210000Z', not '20270101T000000Z'" in result["msg"]
    manifest = changed(cluster, point)
    manifest["database"]["backup"]["backup_set_uuid"] = "0B52B6D8-6E0C-4B3E-9E43-6B0F6B0E7C11"
    assert "its database backup is" in cluster.create(point, manifest)["msg"]
    signature = cluster.backups / point / "restore-point.signature"
    signature.write_bytes(signature.read_bytes()[:200])
    before[f"{point}/restore-point.signature"] = hashlib.sha256(signature.read_bytes()).hexdigest()
    assert "has a signature that does not count" in cluster.create(point, cluster.facts[point])["msg"]
    assert cluster.tree() == before


@pytest.mark.parametrize(
    "full", ["packages", "master-key.vault", "nodes\\octo-b.config.vault", "restore-point.json", "restore-point.signature"]
)
def test_a_full_disk_leaves_it_unsigned_and_the_same_call_completes_it(
    cluster: Setting, unsigned: str, full: str, job_folders: None
) -> None:
    armed = cluster.lab.faults.arm("disk.full", times=None, path=f"{cluster.root}\\{unsigned}\\{full}")
    try:
        result = cluster.create(unsigned, cluster.facts[unsigned])
    finally:
        cluster.lab.faults.disarm(armed)
    assert "not enough space" in result["msg"], result
    found = listed(cluster, unsigned)
    assert not found["signed"]
    assert "it was never finished" in found["reason"]
    assert cluster.create(unsigned, cluster.facts[unsigned])["changed"]
    assert listed(cluster, unsigned)["signed"]


class Killed(BaseException):
    """The controller is gone."""


def test_killed_anywhere_the_same_call_completes_it(
    cluster: Setting, unsigned: str, monkeypatch: pytest.MonkeyPatch, job_folders: None
) -> None:
    """The controller dies before one of its commands, ever later, until a run gets through; then nothing is left to do or to clean up."""
    left = 0
    run = WindowsHost._run

    def counted(host: WindowsHost, command: Any) -> Any:
        nonlocal left
        left -= 1
        if left < 0:
            raise Killed
        return run(host, command)

    monkeypatch.setattr(WindowsHost, "_run", counted)
    deaths = 0
    for commands in range(9, 400, 9):
        left = commands
        try:
            result = cluster.create(unsigned, cluster.facts[unsigned])
        except Killed:
            deaths += 1
            left = 10000
            found = listed(cluster, unsigned)
            # Sealed too, where only the cleaning up was left.
            assert found["signed"] or "it was never finished" in found["reason"]
            continue
        break
    assert deaths >= 3
    left = 10000
    assert not result.get("failed"), result["msg"]
    checked = cluster.verify(**cluster.sql)
    assert not checked.get("failed"), checked["msg"]


def test_what_was_staged_is_not_done_again(
    cluster: Setting, unsigned: str, events: Callable[[str], list[Event]], job_folders: None
) -> None:
    manifest = {name: value for name, value in cluster.facts[unsigned].items() if name not in ("folders", "database", "before")}
    assert cluster.stage_point(unsigned, manifest)["changed"]
    assert not cluster.stage_point(unsigned, manifest)["changed"]
    assert "it was never finished" in listed(cluster, unsigned)["reason"]
    before = len(events("file"))
    assert cluster.create(unsigned, cluster.facts[unsigned])["changed"]
    there = f"{cluster.root}\\{unsigned}\\".lower()
    written = {
        event.get("path").lower().removeprefix(there) for event in events("file")[before:] if event.get("path").lower().startswith(there)
    }
    assert written == {"restore-point.json.part", "restore-point.json", "restore-point.signature.part", "restore-point.signature"}


def test_another_control_node_signs_with_the_secrets_that_one_has_staged(
    cluster: Setting, unsigned: str, no_secrets: Callable[[object], None]
) -> None:
    """As where a second control node takes a run over, whose folder has none of the first one's files."""
    files = {name: str(cluster.folder / "elsewhere" / name) for name in ("master-key.vault", "license.vault")}
    nothing = cluster.create(unsigned, cluster.facts[unsigned], files=files)
    assert f"Expected {files['master-key.vault']} on the control node, or master-key.vault in the restore point" in nothing["msg"]
    manifest = {name: value for name, value in cluster.facts[unsigned].items() if name not in ("folders", "database", "before")}
    assert cluster.stage_point(unsigned, manifest)["changed"]
    before = cluster.tree()
    result = cluster.create(unsigned, cluster.facts[unsigned], files=files)
    assert result["changed"], result
    assert {name: sum for name, sum in cluster.tree().items() if name in before} == before, "what was staged remains as it is"
    assert cluster.open(cluster.backups / unsigned / "master-key.vault").decode().strip() == cluster.instance.secrets.master_key
    checked = cluster.verify(restore_point=unsigned, **cluster.sql)
    assert not checked.get("failed"), checked["msg"]
    no_secrets([nothing, result, checked])


def test_half_a_package_and_a_strangers_configuration_are_replaced(cluster: Setting, unsigned: str) -> None:
    folder = cluster.backups / unsigned
    for name in ("packages", "nodes"):
        (folder / name).mkdir()
    (folder / "packages" / MSI).write_bytes(b"half")
    (folder / "nodes" / "octo-a.config.vault").write_text("$ANSIBLE_VAULT;1.1;AES256\n3132\n")
    assert cluster.create(unsigned, cluster.facts[unsigned])["changed"]
    checked = cluster.verify(restore_point=unsigned)
    assert not checked.get("failed"), checked["msg"]


def test_a_database_at_another_version_is_not_signed(cluster: Setting, unsigned: str) -> None:
    manifest = changed(cluster, unsigned, version="2024.3.13097")
    package = {**cluster.facts["package"], "version": "2024.3.13097"}
    result = cluster.create(unsigned, manifest, package=package, **cluster.sql)
    assert "its newest version is 2025.3.14357" in result["msg"]
    manifest = changed(cluster, unsigned)
    manifest["database"]["schema_scripts"] = 3
    assert "and 3 when the run began" in cluster.create(unsigned, manifest, **cluster.sql)["msg"]
    assert not (cluster.backups / unsigned / "restore-point.json").exists()


def test_what_others_have_to_bring_is_missed(cluster: Setting, unsigned: str) -> None:
    folder = cluster.backups / unsigned
    manifest = changed(cluster, unsigned)
    (folder / "database.bak").rename(folder / "other.bak")
    assert "lacks the database backup" in cluster.create(unsigned, manifest)["msg"]
    (folder / "other.bak").rename(folder / "database.bak")
    manifest["database"]["backup"]["paths"] = ["D:\\Backup\\database.bak"]
    assert "SQL Server wrote it elsewhere: D:\\Backup\\database.bak" in cluster.create(unsigned, manifest)["msg"]
    (folder / "folders" / "packages").rename(folder / "folders" / "other")
    assert "lacks the copy of packages" in cluster.create(unsigned, cluster.facts[unsigned])["msg"]
    (folder / "folders" / "restore-point.txt").write_text("another\r\n")
    assert "but it names another" in cluster.create(unsigned, cluster.facts[unsigned])["msg"]
    assert "does not exist, or cannot be read" in cluster.create("20261124T210000Z-2025.3.14357", changed(cluster, unsigned))["msg"]


def test_what_the_manifest_lacks_is_named(cluster: Setting, unsigned: str) -> None:
    manifest = {name: value for name, value in cluster.facts[unsigned].items() if name not in ("operation", "before")}
    result = cluster.create(unsigned, manifest)
    assert "operation is none of upgrade, backup" in result["msg"]
    assert "before is missing" in result["msg"]
    assert not (cluster.backups / unsigned / "packages").exists()


def test_secrets_that_are_not_encrypted_or_cannot_be_decrypted(
    cluster: Setting, unsigned: str, no_secrets: Callable[[object], None]
) -> None:
    key = cluster.folder / "plain.key"
    key.write_text(cluster.instance.secrets.master_key)
    result = cluster.create(unsigned, cluster.facts[unsigned], files={"master-key.vault": str(key)})
    assert "is not encrypted, so it is not put into a restore point" in result["msg"]
    no_secrets(result)
    other = cluster.folder / "other-password"
    other.write_text("another\n")
    result = cluster.create(unsigned, cluster.facts[unsigned], vault_password_file=str(other))
    assert "cannot be decrypted with the vault password" in result["msg"]
    result = cluster.create(unsigned, changed(cluster, unsigned, master_key={"fingerprint": "0" * 16}))
    assert "is not the master_key of the manifest" in result["msg"]
    result = cluster.create(unsigned, cluster.facts[unsigned], files={"license.vault": "x"})
    assert "Expected master-key.vault, and license.vault if there is one, in files" in result["msg"]
    assert sorted(path.name for path in (cluster.backups / unsigned).iterdir()) == ["database.bak", "folders"]


def test_a_package_that_is_not_what_was_staged(cluster: Setting, unsigned: str) -> None:
    result = cluster.create(unsigned, cluster.facts[unsigned], package={**cluster.facts["package"], "sha256": "0" * 64})
    assert f"with the SHA-256 {'0' * 64}, but found {cluster.facts['package']['sha256']}" in result["msg"]
    result = cluster.create(unsigned, cluster.facts[unsigned], package={**cluster.facts["package"], "path": "C:\\nowhere\\a.msi"})
    assert "Was it staged there?" in result["msg"]
    assert not listed(cluster, unsigned)["signed"]


def test_plain_text_stays_on_the_control_node(cluster: Setting, unsigned: str) -> None:
    plain = cluster.folder / "plain"
    plain.mkdir()
    (plain / "key").write_text(cluster.instance.secrets.master_key)
    options: dict[str, Any] = {"files": {"master-key.vault": str(plain / "key")}, "plaintext": True, "vault_password_file": None}
    result = cluster.create(unsigned, cluster.facts[unsigned], **options)
    assert result["changed"], result
    local = plain / unsigned / "nodes" / "octo-a.config"
    assert result["manifest"]["nodes"]["octo-a"]["config"]["control_node"]["path"] == str(local)
    assert local.read_bytes() == cluster.instance.host("octo-a").fs.read(CONFIG, SYSTEM)
    assert local.stat().st_mode & 0o077 == 0
    folder = cluster.backups / unsigned
    assert sorted(path.name for path in folder.iterdir()) == [
        "database.bak",
        "folders",
        "packages",
        "restore-point.json",
        "restore-point.signature",
    ]
    for path in folder.rglob("*"):
        assert not path.is_file() or not [name for name, secret in cluster.secrets.items() if secret.encode() in path.read_bytes()]
    without: dict[str, Any] = {"plaintext": True, "vault_password_file": None}
    checked = cluster.verify(**without)
    assert not checked.get("failed"), checked["msg"]
    # Anybody could have written such a signature.
    assert "is not encrypted, so anybody could have written it" in listed(cluster, unsigned)["reason"]
    local.unlink()
    assert "on this control node" in cluster.verify(**without)["msg"]


def test_an_account_that_is_no_administrator(cluster: Setting, unsigned: str, job_folders: None) -> None:
    network = cluster.lab.network
    network.add_account("octo-backup", "S3cret & more")
    account: dict[str, Any] = {"job_user": "LAB\\octo-backup", "job_password": "S3cret & more"}
    result = cluster.create(unsigned, cluster.facts[unsigned], **account)
    assert "cannot be read by a job as LAB\\octo-backup" in result["msg"]
    cluster.lab.backup_share.allow.add("LAB\\octo-backup")
    try:
        before = len(cluster.lab.ledger.events())
        assert cluster.create(unsigned, cluster.facts[unsigned], **account)["changed"]
    finally:
        cluster.lab.backup_share.allow.discard("LAB\\octo-backup")
    copied = [
        event for event in cluster.lab.ledger.events()[before:] if event.get("action") == "copy" and event.get("path").endswith(".msi.part")
    ]
    # It may read its own job's folder, and not that of the packages.
    assert ["\\jobs\\" in event.get("source") for event in copied] == [True]


def test_the_journal_is_copied_before_it_is_signed(cluster: Setting, unsigned: str, job_folders: None) -> None:
    cluster.lab.network.add_account("octo-journal", "S3cret & more")
    journal = "C:\\ProgramData\\octopus.upgrade\\runs\\cluster\\1.jsonl"
    files = cluster.instance.hosts[0].fs
    files.mkdir(journal.rpartition("\\")[0], SYSTEM)
    files.write(journal, b"{}\r\n", SYSTEM)
    options: dict[str, Any] = {
        "job_user": "LAB\\octo-journal",
        "job_password": "S3cret & more",
        "journal": {"path": journal, "copy": str(cluster.folder / "1.jsonl")},
    }
    cluster.lab.backup_share.allow.add("LAB\\octo-journal")
    try:
        result = cluster.create(unsigned, cluster.facts[unsigned], **options, journal_copy="\\\\nowhere\\none\\runs\\1.jsonl")
        assert "also has to write \\\\nowhere\\none\\runs\\1.jsonl. The same call completes it." in result["msg"], result
        assert not (cluster.backups / unsigned / "restore-point.signature").exists()
        result = cluster.create(unsigned, cluster.facts[unsigned], **options, journal_copy=f"{cluster.root}\\journals\\a\\1.jsonl")
        assert result.get("changed"), result
    finally:
        cluster.lab.backup_share.allow.discard("LAB\\octo-journal")
    copied = cluster.backups / "journals" / "a"
    assert [(path.name, path.read_bytes()) for path in copied.iterdir()] == [("1.jsonl", b"{}\r\n")]
    shutil.rmtree(copied.parent)


def test_check_mode_tells_the_room_and_touches_nothing(cluster: Setting, unsigned: str, events: Callable[[str], list[Event]]) -> None:
    result = cluster.create(unsigned, cluster.facts[unsigned], check_mode=True, files={"master-key.vault": "/nowhere/master-key.vault"})
    assert result["changed"], result
    room = result["room"]
    manifest = cluster.facts[unsigned]
    assert room["folders_bytes"] == sum(folder["bytes"] for folder in manifest["folders"].values())
    assert room["database_bytes"] == manifest["database"]["backup"]["compressed_size"]
    assert room["needed_bytes"] == room["folders_bytes"] + room["database_bytes"] + room["package_bytes"]
    assert (room["free_bytes"], room["enough"]) == (None, None)
    assert {"master-key.vault", "nodes\\octo-a.config.vault", f"packages\\{MSI}", "database.bak", "folders\\packages"} <= set(
        result["contains"]
    )
    folders = {name: {**folder, "bytes": None} for name, folder in manifest["folders"].items()}
    backup = {"paths": manifest["database"]["backup"]["paths"], "estimated_bytes": 7}
    before_staging = {"path": "C:\\nowhere\\a.msi", "version": cluster.version, "size": 11}
    local = cluster.create(
        unsigned,
        {**manifest, "folders": folders, "database": {"name": "x", "backup": backup}},
        check_mode=True,
        path=f"C:\\Backups\\{unsigned}",
        package=before_staging,
    )["room"]
    assert (local["folders_bytes"], local["database_bytes"], local["package_bytes"], local["needed_bytes"]) == (None, 7, 11, None)
    assert local["free_bytes"] > 0
    assert events("task.run") == []
    assert events("file") == []


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"path": None, "root": None}, "Give root, or path"),
        ({"path": "\\\\nas\\backups\\one"}, "is the root of a drive or share"),
        ({"path": "backups\\one"}, "expected an absolute path"),
        ({"path": "D:\\backups\\a&b"}, "Expected the id of a restore point"),
        ({"restore_point": "another"}, "Expected the last part of path to be the id"),
        ({"manifest": {"id": "another"}}, "but found that of 'another'"),
        ({"vault_password_file": None}, "to encrypt secrets with, but found neither"),
        ({"package": {"path": "C:\\a.msi", "version": "1.2", "sha256": "12"}}, "Expected a SHA-256"),
    ],
)
def test_bad_input_is_refused_before_anything_is_asked(
    cluster: Setting, point: str, events: Callable[[str], list[Event]], options: dict[str, Any], said: str
) -> None:
    result = cluster.create(point, **{"manifest": cluster.facts[point], **options})
    assert said in result["msg"]
    assert events("winrm.command") == []


def test_a_node_that_nodes_leaves_out(cluster: Setting, unsigned: str) -> None:
    manifest = changed(cluster, unsigned, nodes={"octo-a": {}, "octo-b": {}})
    result = cluster.create(unsigned, manifest, connections=[cluster.connection("octo-a")])
    assert "but octo-b is missing" in result["msg"]
