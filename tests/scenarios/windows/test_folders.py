# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""octopus_folders_backup on a host of the lab, between its drive and a share."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.octopus.upgrade.plugins.module_utils._windows.jobs import Job, job_id
from ansible_collections.octopus.upgrade.tests.unit.run_module import run_module
from scenarios.windows.setting import JOB_ACCOUNT, JOB_PASSWORD, ROOT, SYSTEM, WAIT, World

LOGS, PACKAGES = "C:\\Octopus\\TaskLogs", "C:\\Octopus\\Packages 100%"
FOLDERS = {"logs": LOGS, "packages": PACKAGES, "imports": "C:\\Octopus\\Imports"}
POINT = "2026-11-23T21-00"


@pytest.fixture
def share(world: World) -> Path:
    """The share's folder, with the server's folders on the host filled."""
    fs = world.hosts["octo-a"].fs
    for folder in (LOGS, PACKAGES + "\\feeds"):
        fs.mkdir(folder, SYSTEM)
    for number in range(20):
        fs.write(f"{LOGS}\\servertask-{number}.txt", b"log\r\n" * number, SYSTEM)
    fs.write(f"{PACKAGES}\\feeds\\Web & more.1.0.0.zip", b"zip" * 1000, SYSTEM)
    world.network.add_share("nas", "backups", world.network.root / "nas", {JOB_ACCOUNT})
    return world.network.root / "nas"


@pytest.fixture
def backup(world: World, share: Path) -> Callable[..., dict[str, Any]]:
    def run(**options: Any) -> dict[str, Any]:
        given = {
            "connection": world.params(),
            "folders": FOLDERS,
            "dest": f"\\\\nas\\backups\\prod\\{POINT}\\folders",
            "restore_point": POINT,
            "job_user": JOB_ACCOUNT,
            "job_password": JOB_PASSWORD,
        }
        return run_module("octopus_folders_backup", **{**given, **options})

    return run


def test_copied_compared_and_nothing_to_do(backup: Callable[..., Any], share: Path, world: World) -> None:
    result = backup()
    assert result["changed"], result
    logs, packages, imports = (result["folders"][name] for name in FOLDERS)
    assert (logs["files"], logs["bytes"], logs["copied_files"], logs["complete"]) == (20, 950, 20, True)
    assert (packages["files"], packages["bytes"], packages["dest"]) == (1, 3000, f"\\\\nas\\backups\\prod\\{POINT}\\folders\\packages")
    assert (imports["exists"], imports["files"], imports["complete"]) == (False, 0, True)
    copy = share / "prod" / POINT / "folders"
    assert (copy / "packages" / "feeds" / "Web & more.1.0.0.zip").read_bytes() == b"zip" * 1000
    assert (copy / "restore-point.txt").read_text().strip() == POINT
    again = backup()
    assert not again["changed"]
    assert again["folders"]["logs"]["copied_files"] == 0
    assert world.hosts["octo-a"].fs.listdir("C:\\ProgramData\\octopus.upgrade\\jobs", SYSTEM) == []


def test_a_second_pass_brings_only_what_changed(backup: Callable[..., Any], share: Path, world: World) -> None:
    backup(live=True)
    fs = world.hosts["octo-a"].fs
    fs.write(f"{LOGS}\\servertask-99.txt", b"new", SYSTEM)
    fs.remove(f"{LOGS}\\servertask-3.txt", SYSTEM)
    result = backup(diff=True)
    logs = result["folders"]["logs"]
    assert (logs["copied_files"], logs["deleted_files"], logs["files"], logs["complete"]) == (1, 1, 20, True)
    assert "1 files to copy, 1 to delete" in result["diff"]["after"]
    assert not (share / "prod" / POINT / "folders" / "logs" / "servertask-3.txt").exists()


def test_what_an_earlier_run_copied_is_not_taken_for_todays(backup: Callable[..., Any], world: World) -> None:
    dest = f"\\\\nas\\backups\\prod\\{POINT}\\folders\\logs"
    with world.client() as host:
        job = Job(host, ROOT, job_id("folders-logs", LOGS, dest))
        job.start([["hostname"]])
        job.wait(WAIT)
        result = backup()
        assert result["folders"]["logs"]["copied_files"] == 20
        assert job.poll().status == "absent"


def test_what_is_counted_is_the_copy_also_while_the_server_runs(backup: Callable[..., Any], share: Path, world: World) -> None:
    backup(live=True)
    fs = world.hosts["octo-a"].fs
    fs.write(f"{LOGS}\\servertask-99.txt", b"new", SYSTEM)
    world.network.faults.arm("disk.full", times=None, path=f"\\\\nas\\backups\\prod\\{POINT}\\folders\\logs")
    logs = backup(live=True)["folders"]["logs"]
    copies = [path for path in (share / "prod" / POINT / "folders" / "logs").iterdir() if path.is_file()]
    assert logs["complete"] is False
    assert (logs["files"], logs["bytes"]) == (len(copies), sum(path.stat().st_size for path in copies))


def test_another_restore_points_copy_is_left_alone(backup: Callable[..., Any], share: Path) -> None:
    backup()
    result = backup(restore_point="another")
    assert f"to belong to the restore point another, but found the restore point {POINT}" in result["msg"]


def test_a_signed_restore_point_gets_nothing_more(backup: Callable[..., Any], share: Path, world: World) -> None:
    """Otherwise, a run that is resumed late would add what the service has written since."""
    backup()
    (share / "prod" / POINT / "restore-point.signature").write_text("signed")
    world.hosts["octo-a"].fs.write(f"{LOGS}\\newer.txt", b"after it", SYSTEM)
    result = backup()
    assert f"belongs to the restore point {POINT}, which is signed" in result["msg"]
    assert not (share / "prod" / POINT / "folders" / "logs" / "newer.txt").exists()


def test_a_folder_with_something_else_is_left_alone(backup: Callable[..., Any], share: Path) -> None:
    (share / "mine").mkdir()
    (share / "mine" / "thesis.doc").write_text("years of work")
    result = backup(dest="\\\\nas\\backups\\mine")
    assert "found thesis.doc without it" in result["msg"]
    assert [path.name for path in (share / "mine").iterdir()] == ["thesis.doc"]


def test_without_rights_on_the_share_it_says_so(backup: Callable[..., Any]) -> None:
    result = backup(job_user="SYSTEM", job_password=None)
    assert "cannot create the folder" in result["msg"]
    assert "as SYSTEM" in result["msg"]
    assert "computer account" in result["msg"]


def test_a_folder_that_has_to_be_there_and_is_not(backup: Callable[..., Any]) -> None:
    result = backup(folders={"artifacts": "C:\\Octopus\\Artifacts"})
    assert "cannot read the folder artifacts, C:\\Octopus\\Artifacts, as" in result["msg"]
    assert "it does not exist" in result["msg"]
    result = backup(folders={"imports": "\\\\other\\share\\Imports"})
    assert "neither it nor its parent folder can be reached" in result["msg"]


def test_a_full_disk_is_told(backup: Callable[..., Any], world: World) -> None:
    world.network.faults.arm("disk.full", times=None, path=f"\\\\nas\\backups\\prod\\{POINT}\\folders\\logs")
    result = backup()
    assert "robocopy of logs" in result["msg"]
    assert "ERROR 112" in result["msg"]


def test_check_mode_touches_nothing(backup: Callable[..., Any], share: Path, world: World) -> None:
    result = backup(check_mode=True)
    assert result["changed"]
    assert result["folders"]["logs"]["copied_files"] == 20, "all that may have to be copied"
    assert " files, " in result["outlook"][0] and "to copy to \\\\nas\\" in result["outlook"][0]
    local = backup(check_mode=True, diff=True, dest="C:\\Backups\\point")
    assert local["folders"]["logs"]["copied_files"] == 20
    assert local["folders"]["imports"]["exists"] is False
    world.hosts["octo-a"].fs.mkdir("C:\\Backups", SYSTEM)
    world.hosts["octo-a"].fs.write("C:\\Backups\\thesis.doc", b"years of work", SYSTEM)
    assert "found thesis.doc without it" in backup(check_mode=True, dest="C:\\Backups")["msg"]
    assert world.ledger.events("file") == []
    assert world.ledger.events("task.run") == []
    assert list(share.iterdir()) == []


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"dest": "C:\\Octopus\\TaskLogs\\copy"}, "One contains the other"),
        ({"dest": "relative"}, "expected an absolute path"),
        ({"dest": "D:\\"}, "root of a drive"),
        ({"folders": {"../x": "C:\\a"}}, "folders: expected a name"),
        ({"folders": {"logs": None}}, "has no path"),
        ({"threads": 0}, "1 to 128"),
        ({"restore_point": "a&b"}, "restore_point: expected an id"),
    ],
)
def test_bad_input_is_refused_before_anything_is_asked(
    backup: Callable[..., Any], world: World, options: dict[str, Any], said: str
) -> None:
    assert said in backup(**options)["msg"]
    assert world.ledger.events("winrm.request") == []


def test_a_share_without_room_beside_the_copies_is_refused_before_the_outage(backup: Callable[..., Any], world: World, share: Path) -> None:
    # The copies hold 3950 bytes; a rollback would retain as much, and the database backup is to take 10000.
    assert not backup(live=True, needs_room=True, backup_bytes=10000).get("failed")
    volume = world.network.shares["nas", "backups"].volume
    volume.capacity = volume.used() + 13949
    result = backup(live=True, needs_room=True, backup_bytes=10000)
    assert result["failed"]
    assert "space_for_folders (\\\\nas\\backups\\): expected room for the database backup" in result["msg"]
    volume.capacity += 1
    assert not backup(live=True, needs_room=True, backup_bytes=10000).get("failed")
