# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Restore points listed, pruned by rules, and removed by name."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from datetime import datetime, timedelta, timezone
from typing import Any

import pytest
from ansible_collections.octopus.upgrade.plugins.module_utils._secrets.vault import VaultKey
from ansible_collections.octopus.upgrade.plugins.module_utils._windows.connection import WindowsHost
from scenarios.restore_point.setting import Setting

NOW = datetime.now(timezone.utc)


def days_ago(days: float) -> str:
    return (NOW - timedelta(days=days)).strftime("%Y-%m-%dT%H:%M:%SZ")


def name(days: float) -> str:
    return f"{NOW - timedelta(days=days):%Y%m%dT%H%M%SZ}-2025.3.14357"


@pytest.fixture
def five(cluster: Setting, point: str) -> list[str]:
    """Restore points of 1, 10, 20 and 30 days ago, newest first, and before the last one that is not signed; the one of the lab is gone."""
    (cluster.backups / point / "restore-point.signature").unlink()
    (cluster.backups / point).rename(cluster.backups / "somebodys files")
    (cluster.backups / "somebodys files" / "restore-point.json").unlink()
    shutil.rmtree(cluster.backups / "somebodys files" / "folders")
    ids = [name(days) for days in (1, 10, 20, 25, 30)]
    for one, days in zip(ids, (1, 10, 20, None, 30), strict=True):
        cluster.pretend(one, None if days is None else days_ago(days))
    return ids


def there(cluster: Setting) -> set[str]:
    return {path.name for path in cluster.backups.iterdir()} - {"somebodys files"}


def test_newest_first_and_why_not(cluster: Setting, five: list[str], job_folders: None) -> None:
    marked = "20200101T000000Z-2019.1.0"
    (cluster.backups / marked / "folders").mkdir(parents=True)
    (cluster.backups / marked / "folders" / "restore-point.txt").write_text(f"{marked}\r\n")
    (cluster.backups / five[1] / "restore-point.json").write_text("{}")
    result = cluster.info()
    assert not result["changed"]
    points = result["restore_points"]
    assert [one["id"] for one in points] == [*five, marked]
    assert [one["signed"] for one in points] == [True, False, True, False, True, False]
    assert points[0] == {
        "id": five[0],
        "path": f"{cluster.root}\\{five[0]}",
        "signed": True,
        "signed_at": days_ago(1),
        "version": "2025.3.14357",
        "operation": "upgrade",
        "run_id": five[0].partition("-")[0],
        "instance": "pair",
        "service_stopped": False,
        "as_of": None,
        "bytes": points[0]["bytes"],
        "verified_at": None,
        "reason": None,
    }
    assert points[1]["reason"] == "its manifest is that of None"
    assert points[3]["reason"] == "it has no restore-point.signature: it was never finished"
    assert points[5]["reason"] == "it has no restore-point.json: it was never finished"
    assert result["free_bytes"] > 0


def test_only_the_newest_signed_one(cluster: Setting, five: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    """And no more signatures are decrypted than that takes."""
    decrypted = []
    decrypt = VaultKey.decrypt

    def counted(key: VaultKey, encrypted: bytes, where: str) -> bytes:
        decrypted.append(where)
        return decrypt(key, encrypted, where)

    monkeypatch.setattr(VaultKey, "decrypt", counted)
    assert len(cluster.info()["restore_points"]) == 5 and len(decrypted) == 4
    decrypted.clear()
    assert [one["id"] for one in cluster.info(newest=True)["restore_points"]] == [five[0]]
    assert len(decrypted) == 1
    for one in five:
        (cluster.backups / one / "restore-point.signature").unlink(missing_ok=True)
    assert cluster.info(newest=True)["restore_points"] == []


def test_nothing_there_yet(cluster: Setting, point: str) -> None:
    result = cluster.info(root=f"{cluster.lab.backup_share.unc}\\another")
    assert (result["restore_points"], result["free_bytes"]) == ([], None)


def test_names_that_cmd_would_act_on(cluster: Setting, point: str) -> None:
    root = cluster.backups / "of Müller & sons 100%"
    (root / "a & b").mkdir(parents=True)
    (root / "a & b" / "restore-point.json").write_text("no newline at the end, ü")
    [found] = cluster.info(root=f"{cluster.root}\\of Müller & sons 100%")["restore_points"]
    assert (found["id"], found["path"]) == ("a & b", f"{cluster.root}\\of Müller & sons 100%\\a & b")
    assert "is not a manifest" in found["reason"]


@pytest.mark.parametrize(
    ("rules", "stay"),
    [
        ({"keep": 1}, (0, 3)),
        ({"keep": 2}, (0, 1, 3)),
        ({"keep": 9}, (0, 1, 2, 3, 4)),
        ({"keep_days": 15}, (0, 1, 3)),
        ({"keep_days": 0}, (0, 3)),
        ({"keep": 1, "keep_days": 25}, (0, 1, 2, 3)),
    ],
)
def test_what_no_rule_retains_is_removed(
    cluster: Setting, five: list[str], rules: dict[str, Any], stay: tuple[int, ...], job_folders: None
) -> None:
    wanted = [five[number] for number in stay]
    gone = [one for one in five if one not in wanted]
    check = cluster.prune(check_mode=True, **rules)
    assert (check["changed"], check["removed"], check["remaining"]) == (bool(gone), gone, wanted)
    assert there(cluster) == set(five)
    result = cluster.prune(**rules)
    assert (result["changed"], result["removed"], result["remaining"]) == (bool(gone), gone, wanted), result
    assert there(cluster) == set(wanted)
    again = cluster.prune(**rules)
    assert (again["changed"], again["removed"]) == (False, [])


def test_what_is_protected_stays(cluster: Setting, five: list[str]) -> None:
    result = cluster.prune(keep=1, protect=[five[4]])
    assert result["removed"] == five[1:3]
    assert "is protected: an unfinished run needs it" in cluster.remove(five[4], protect=[five[4]])["msg"]
    assert there(cluster) == {five[0], five[3], five[4]}


def test_one_by_its_name(cluster: Setting, five: list[str]) -> None:
    assert cluster.remove(five[2])["removed"] == [five[2]]
    assert cluster.remove(five[2])["changed"] is False
    assert "it is the newest signed one" in cluster.remove(five[0])["msg"]
    # Not signed, but a newer one is: nobody needs it.
    assert cluster.remove(five[3])["removed"] == [five[3]]
    newer = name(0)
    cluster.pretend(newer, None)
    assert "a run may still be creating it" in cluster.remove(newer)["msg"]
    assert there(cluster) == {newer, five[0], five[1], five[4]}
    assert cluster.remove(newer, abandoned=True)["removed"] == [newer]
    assert there(cluster) == {five[0], five[1], five[4]}
    assert "one of the following is required: keep, keep_days" in cluster.prune()["msg"]
    assert "Expected at least 1 for keep" in cluster.prune(keep=0)["msg"]


def test_what_is_not_ours_is_left_alone(cluster: Setting, five: list[str]) -> None:
    assert cluster.remove("thesis")["changed"] is False
    old = name(50)
    (cluster.backups / old).mkdir()
    (cluster.backups / old / "restore-point.json").write_text('{"id": "another"}')
    assert "to name itself as this restore point" in cluster.remove(old)["msg"]
    cluster.prune(keep=1)
    assert (cluster.backups / old).exists()
    assert (cluster.backups / "somebodys files" / "database.bak").exists()


def test_a_removal_that_broke_off_is_finished(
    cluster: Setting, five: list[str], monkeypatch: pytest.MonkeyPatch, job_folders: None
) -> None:
    (cluster.backups / five[4]).rename(cluster.backups / f"{five[4]}.removing")
    (cluster.backups / five[4] / "packages").parent.mkdir()
    (cluster.backups / "mine.removing").mkdir()
    listed = [one["id"] for one in cluster.info()["restore_points"]]
    assert listed == five[:4]
    assert cluster.prune(keep=9)["removed"] == [five[4]]
    assert there(cluster) == {*five[:4], "mine.removing"}
    # Killed between its jobs, and the next run has nothing to remove.
    run, left = WindowsHost._run, 0

    class Killed(BaseException):
        """The controller is gone."""

    def counted(host: WindowsHost, command: Any) -> Any:
        nonlocal left
        left -= 1
        if left < 0:
            raise Killed
        return run(host, command)

    monkeypatch.setattr(WindowsHost, "_run", counted)
    for commands in range(3, 100, 4):
        left = commands
        try:
            result = cluster.prune(keep=1)
        except Killed:
            continue
        break
    left = 1000
    assert not result.get("failed"), result
    assert there(cluster) == {five[0], five[3], "mine.removing"}


def test_what_is_in_use_is_told(cluster: Setting, five: list[str], job_folders: None) -> None:
    fs = cluster.instance.hosts[0].fs
    used = cluster.backups / f"{five[2]}.removing" / "restore-point.json"
    fs.lock(used)
    result = cluster.remove(five[2])
    fs.unlock(used)
    assert f"{five[2]} was renamed to {five[2]}.removing and cannot be deleted" in result["msg"]
    assert cluster.remove(five[2])["removed"] == [five[2]]
    assert not used.parent.exists()


def test_with_another_password_nothing_counts_as_signed(cluster: Setting, five: list[str], no_secrets: Callable[[object], None]) -> None:
    other = cluster.folder / "another-password"
    other.write_text("another\n")
    result = cluster.info(vault_password_file=str(other))
    assert [one["signed"] for one in result["restore_points"]] == [False] * 5
    assert "cannot be read" in result["restore_points"][0]["reason"]
    assert cluster.prune(keep=1, vault_password_file=str(other))["removed"] == []
    no_secrets(result)
