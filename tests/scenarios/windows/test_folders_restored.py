# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""octopus_folders_restore and octopus_retained_folders on a host of the lab: live folders restored, their former content retained and removed."""

from __future__ import annotations

import contextlib
import hashlib
import os
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.octopus.upgrade.plugins.module_utils._windows import files
from ansible_collections.octopus.upgrade.tests.unit.run_module import run_module
from lab.octopus.folders import Files
from lab.octopus.moves import move_packages
from scenarios.windows.setting import JOB_ACCOUNT, JOB_PASSWORD, ROOT, SYSTEM, WAIT, World

LOGS, PACKAGES, IMPORTS = "C:\\Octopus\\TaskLogs", "C:\\Octopus\\Packages 100%", "C:\\Octopus\\Imports"
FOLDERS = {"logs": LOGS, "packages": PACKAGES, "imports": IMPORTS}
POINT = "20261123T210000Z-2018.10.7"
SOURCE = f"\\\\nas\\backups\\prod\\{POINT}\\folders"
RETAINED = f"\\\\nas\\backups\\prod\\{POINT}\\failed"
ASIDE = "C:\\Octopus\\failed-moved"
MEGABYTE = 1024 * 1024
SLOW = 2_000  # bytes a lab second

Rows = dict[str, tuple[int, str]]


def rows(folder: Path) -> Rows:
    """Every file below a folder: its size and hash."""
    return {
        path.relative_to(folder).as_posix(): (path.stat().st_size, hashlib.sha256(path.read_bytes()).hexdigest())
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


class Server:
    """The server's folders on the host, and the share with their copies."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.fs = world.hosts["octo-a"].fs
        self.share = world.network.root / "nas"
        self.expected: dict[str, Any] = {}

    def live(self) -> dict[str, Rows]:
        return {name: rows(self.fs.real(path, SYSTEM)) for name, path in FOLDERS.items()}

    @property
    def copies(self) -> Path:
        return self.share / "prod" / POINT / "folders"

    @property
    def retained(self) -> Path:
        return self.share / "prod" / POINT / "failed"

    def set_aside(self) -> dict[str, Rows]:
        """What was retained: copied to the share, and renamed on the volume of the live folders."""
        aside = self.fs.real(ASIDE, SYSTEM)
        return {name: dict(sorted({**rows(self.retained / name), **rows(aside / name)}.items())) for name in FOLDERS}

    def run(self, module: str = "octopus_folders_restore", **options: Any) -> dict[str, Any]:
        given: dict[str, Any] = {
            "connection": self.world.params(),
            "restore_point": POINT,
            "job_user": JOB_ACCOUNT,
            "job_password": JOB_PASSWORD,
        }
        if module == "octopus_folders_backup":
            given |= {"folders": FOLDERS, "dest": SOURCE}
        elif module == "octopus_folders_restore":
            given |= {"folders": FOLDERS, "source": SOURCE, "retain_in": RETAINED, "expected": self.expected}
        else:
            given |= {"path": RETAINED}
        return run_module(module, **{**given, **options})

    def backup(self, **options: Any) -> dict[str, Any]:
        return self.run("octopus_folders_backup", **options)

    def remove(self, **options: Any) -> dict[str, Any]:
        return self.run("octopus_retained_folders", **options)

    def fail(self) -> None:
        """What a failed upgrade across 2019.1 leaves: moved packages, new and changed logs, a folder that was not there."""
        assert move_packages(Files(self.fs, SYSTEM, "C:\\Octopus"), PACKAGES, PACKAGES, "Spaces-1", "2021.1.8045") == 2
        self.fs.write(f"{LOGS}\\servertask-0.txt", b"begun anew\r\n", SYSTEM)
        self.fs.write(f"{LOGS}\\servertask-99.txt", b"newer than the restore point", SYSTEM)
        self.fs.remove(f"{LOGS}\\servertask-7.txt", SYSTEM)
        self.fs.mkdir(f"{IMPORTS}\\one", SYSTEM)
        self.fs.write(f"{IMPORTS}\\one\\import.zip", b"import", SYSTEM)

    def work(self, mark: int) -> list[Any]:
        """File changes since then, without those of the jobs' own files."""
        return [event for event in self.world.ledger.events("file", since=mark) if not str(event.fields["path"]).startswith(ROOT)]


@pytest.fixture
def server(world: World) -> Server:
    """A server with a restore point of its folders, in which an upgrade then failed."""
    made = Server(world)
    for folder in (LOGS, PACKAGES + "\\feeds"):
        made.fs.mkdir(folder, SYSTEM)
    for number in range(10):
        made.fs.write(f"{LOGS}\\servertask-{number}.txt", b"log\r\n" * number, SYSTEM)
    made.fs.write(f"{PACKAGES}\\feeds\\Web & more.1.0.0.zip", b"zip" * 1000, SYSTEM)
    made.fs.write(f"{PACKAGES}\\Api.2.0.0.nupkg", b"nupkg" * 1000, SYSTEM)
    world.network.add_share("nas", "backups", made.share, {JOB_ACCOUNT})
    made.expected = made.backup()["folders"]
    return made


@pytest.fixture
def before(server: Server) -> dict[str, Rows]:
    """What the folders held; the upgrade fails after that."""
    held = server.live()
    server.fail()
    assert server.live() != held
    return held


# -- put back, exactly


def test_everything_is_as_it_was_and_the_failed_state_is_kept(server: Server, before: dict[str, Rows]) -> None:
    failed = server.live()
    result = server.run(diff=True)
    assert result.get("changed"), result
    assert server.live() == before
    assert server.set_aside() == failed
    logs, packages, imports = (result["folders"][name] for name in FOLDERS)
    assert (logs["files"], logs["copied_files"], logs["deleted_files"], logs["complete"]) == (10, 2, 1, True)
    assert (logs["retained"], logs["retained_files"], logs["moved_to"]) == (f"{RETAINED}\\logs", 10, None)
    # Renamed, not copied: all packages are in a folder that the restore point does not have.
    assert (packages["moved"], packages["moved_to"], packages["moved_bytes"]) == (["Spaces-1"], f"{ASIDE}\\packages", 8000)
    assert not (server.retained / "packages" / "Spaces-1").exists()
    assert (packages["source"], packages["dest"], packages["exists"]) == (f"{SOURCE}\\packages", PACKAGES, True)
    assert (packages["files"], packages["bytes"], packages["copied_files"], packages["deleted_files"]) == (2, 8000, 2, 2)
    assert (imports["exists"], imports["files"], imports["deleted_files"], imports["complete"]) == (False, 0, 1, True)
    assert f"{LOGS}: 2 files to copy, 1 to delete" in result["diff"]["after"]
    # Moved back, not only copied: nothing of the new place is left, and the folders stay themselves.
    assert not server.fs.exists(f"{PACKAGES}\\Spaces-1", SYSTEM)
    assert server.fs.listdir(IMPORTS, SYSTEM) == []
    assert server.fs.listdir(f"{ROOT}\\jobs", SYSTEM) == []


def test_times_are_put_back_too(server: Server) -> None:
    path = server.fs.real(f"{LOGS}\\servertask-3.txt", SYSTEM)
    was = path.stat().st_mtime_ns
    os.utime(path, ns=(was + 10**10, was + 10**10))
    assert server.run()["folders"]["logs"]["copied_files"] == 1
    assert path.stat().st_mtime_ns == was


def test_a_second_run_has_nothing_to_do(server: Server, before: dict[str, Rows]) -> None:
    server.run()
    mark = server.world.ledger.mark()
    result = server.run()
    assert result["changed"] is False
    assert [folder["retained"] for folder in result["folders"].values()] == [f"{RETAINED}\\{name}" for name in FOLDERS]
    assert server.work(mark) == []
    assert server.live() == before


def test_folders_that_are_as_they_were_are_not_kept(server: Server) -> None:
    server.fs.write(f"{LOGS}\\servertask-99.txt", b"new", SYSTEM)
    result = server.run()
    assert result["folders"]["packages"]["retained"] is None
    assert sorted(path.name for path in server.retained.iterdir()) == ["logs", "logs.complete", "retained-by-restore.txt"]


def test_without_keep_and_manifest(server: Server, before: dict[str, Rows]) -> None:
    result = server.run(retain_in=None, expected=None)
    assert result["changed"]
    assert result["folders"]["logs"]["retained"] is None
    assert server.live() == before
    assert not server.retained.exists()
    assert server.run(retain_in=None, expected=None)["changed"] is False


def test_a_live_folder_that_is_gone_is_made_again(server: Server) -> None:
    held = server.live()
    server.fs.rmtree(PACKAGES, SYSTEM)
    result = server.run()
    assert server.live() == held
    assert (result["folders"]["packages"]["copied_files"], result["folders"]["packages"]["retained"]) == (2, None)
    assert result["folders"]["imports"]["exists"] is False
    assert not server.fs.exists(IMPORTS, SYSTEM)  # it was not there, so it need not be made to be emptied


def test_what_the_manifest_does_not_know_is_not_put_back(server: Server, before: dict[str, Rows]) -> None:
    (server.copies / "imports").mkdir()
    (server.copies / "imports" / "stale.zip").write_bytes(b"of a first pass")
    server.run()
    assert server.live() == before


def test_one_folder_in_another_comes_after_it(server: Server) -> None:
    inner = {"logs": LOGS, "artifacts": f"{LOGS}\\Artifacts"}
    server.fs.mkdir(inner["artifacts"], SYSTEM)
    server.fs.write(f"{LOGS}\\Artifacts\\logo.png", b"png", SYSTEM)
    expected = server.backup(folders=inner)["folders"]
    held = server.live()["logs"]
    server.fs.write(f"{LOGS}\\Artifacts\\logo.png", b"other", SYSTEM)
    result = server.run(folders=inner, expected=expected)
    assert result["folders"]["artifacts"]["complete"], result
    assert server.live()["logs"] == held


# -- broken off, and run again


@contextlib.contextmanager
def killed(server: Server, when: Path) -> Iterator[None]:
    """Copy so slowly that a big file takes ten seconds, and kill the job that copies, as by a restart, when that file begins to be there."""
    host, over = server.world.hosts["octo-a"], threading.Event()
    rate, host.copy_rate = host.copy_rate, SLOW

    def watch() -> None:
        while not over.wait(0.005):
            if when.exists():
                for process in host.processes():
                    if process.job and "robocopy" in process.command_line:
                        process.job.kill(0x40010004)
                        return

    watcher = threading.Thread(target=watch)
    watcher.start()
    try:
        yield
    finally:
        over.set()
        watcher.join()
        host.copy_rate = rate


@pytest.mark.parametrize("step", ["retain", "restore"])
def test_a_killed_job_is_run_again(server: Server, step: str) -> None:
    big = f"{LOGS}\\big.txt"
    server.fs.write(big, b"1" * MEGABYTE, SYSTEM)
    server.expected = server.backup()["folders"]
    held = server.live()["logs"]
    server.fs.write(f"{LOGS}\\servertask-99.txt", b"newer", SYSTEM)
    if step == "retain":
        server.fs.write(big, b"x" * (MEGABYTE + 1), SYSTEM)
    else:
        server.fs.remove(big, SYSTEM)
    failed = server.live()["logs"]
    copied = server.retained / "logs" / "big.txt" if step == "retain" else server.fs.real(big, SYSTEM)
    with killed(server, copied):
        result = server.run(folders={"logs": LOGS})
    assert "ended without an exit code" in result["msg"], result
    assert (server.live()["logs"] == failed) is (step == "retain")
    assert (server.retained / "logs.complete").exists() is (step == "restore")
    result = server.run(folders={"logs": LOGS})
    assert result.get("changed"), result
    assert server.live()["logs"] == held
    assert rows(server.retained / "logs") == failed
    assert (result["folders"]["logs"]["retained_files"] is None) is (step == "restore")


def test_what_was_kept_is_never_overwritten_with_what_is_half_put_back(server: Server, before: dict[str, Rows]) -> None:
    failed = server.live()
    server.run()
    # As if the mirror had been broken off.
    server.fs.remove(f"{LOGS}\\servertask-5.txt", SYSTEM)
    server.fs.write(f"{LOGS}\\servertask-9.txt", b"", SYSTEM)
    result = server.run()
    assert (result["folders"]["logs"]["copied_files"], result["folders"]["logs"]["retained"]) == (2, f"{RETAINED}\\logs")
    assert server.live() == before
    assert server.set_aside() == failed


def test_a_half_kept_copy_is_completed(server: Server, before: dict[str, Rows]) -> None:
    failed = server.live()
    (server.retained / "logs").mkdir(parents=True)
    (server.retained / "retained-by-restore.txt").write_text(f"{POINT}\r\n")
    (server.retained / "logs" / "servertask-0.txt").write_bytes(b"half")
    server.run()
    assert server.set_aside() == failed
    assert server.live() == before


def test_a_job_that_still_runs_is_waited_for(server: Server) -> None:
    server.fs.write(f"{LOGS}\\big.txt", b"1" * MEGABYTE, SYSTEM)
    server.expected = server.backup()["folders"]
    held = server.live()["logs"]
    server.fs.write(f"{LOGS}\\big.txt", b"failed", SYSTEM)
    failed = server.live()["logs"]
    server.world.hosts["octo-a"].copy_rate = 2 * SLOW  # seconds for the file
    first: list[dict[str, Any]] = []
    thread = threading.Thread(target=lambda: first.append(server.run(folders={"logs": LOGS}, timeout=1)))
    thread.start()
    thread.join(WAIT)
    assert "continues on the host" in first[0]["msg"], first
    result = server.run(folders={"logs": LOGS})
    assert result["folders"]["logs"]["complete"], result
    assert server.live()["logs"] == held
    assert rows(server.retained / "logs") == failed
    assert server.fs.listdir(f"{ROOT}\\jobs", SYSTEM) == []


# -- refused before anything is changed


@pytest.fixture
def refused(server: Server, before: dict[str, Rows]) -> Callable[..., str]:
    """Gives the message of a run that may not change a single file."""

    def run(**options: Any) -> str:
        live, shared, mark = server.live(), rows(server.share), server.world.ledger.mark()
        result = server.run(**options)
        assert result.get("failed"), result
        assert server.live() == live
        assert rows(server.share) == shared
        assert server.work(mark) == []
        assert server.fs.listdir(f"{ROOT}\\jobs", SYSTEM) == []
        return result["msg"]

    return run


def test_another_restore_points_copies(refused: Callable[..., str], server: Server) -> None:
    message = refused(restore_point="another")
    assert f"restore-point.txt to name the restore point another, but found {POINT}" in message
    (server.copies / "restore-point.txt").unlink()
    assert "cannot find or read it" in refused()


@pytest.mark.parametrize("damage", ["missing", "short", "extra"])
def test_a_damaged_copy(refused: Callable[..., str], server: Server, damage: str) -> None:
    package = server.copies / "packages" / "Api.2.0.0.nupkg"
    if damage == "missing":
        package.unlink()
    elif damage == "short":
        package.write_bytes(b"nupkg" * 999)
    else:
        package.with_name("Evil.1.0.0.nupkg").write_bytes(b"x")
    message = refused()
    assert "the copy of packages" in message
    assert "to hold 2 files and 8000 bytes, as its manifest says" in message
    assert "Nothing was changed." in message


def test_a_copy_that_is_missing(refused: Callable[..., str], server: Server) -> None:
    (server.copies / "logs").rename(server.share / "elsewhere")
    assert "the copy of logs" in refused()
    assert "is missing. The restore point is damaged" in refused(expected=None)


def test_a_live_folder_that_cannot_be_reached(refused: Callable[..., str]) -> None:
    message = refused(folders={"logs": LOGS, "packages": "\\\\gone\\share\\Packages"})
    assert "neither it nor its parent folder can be reached" in message


def test_a_live_folder_that_is_a_copy_itself(refused: Callable[..., str], server: Server) -> None:
    other = server.share / "prod" / "other" / "folders"
    (other / "logs").mkdir(parents=True)
    (other / "restore-point.txt").write_text("other")
    assert "instead of a live folder" in refused(folders={"logs": "\\\\nas\\backups\\prod\\other\\folders\\logs"})
    assert "instead of a live folder" in refused(folders={"logs": "\\\\nas\\backups\\prod\\other\\folders"})


def test_a_keep_folder_that_is_somebody_elses(refused: Callable[..., str], server: Server) -> None:
    server.retained.mkdir()
    (server.retained / "thesis.doc").write_text("years of work")
    assert "found thesis.doc without it" in refused()
    (server.retained / "retained-by-restore.txt").write_text("another")
    assert "found the restore point another" in refused()
    other = server.share / "prod" / "other" / "folders"
    other.mkdir(parents=True)
    (other / "restore-point.txt").write_text(POINT)
    assert "or to hold retained-by-restore.txt, but found" in refused(retain_in="\\\\nas\\backups\\prod\\other\\folders")


def test_no_room_on_a_drive_for_what_is_kept(refused: Callable[..., str], server: Server) -> None:
    server.fs.add_drive("D", server.world.network.root / "d", capacity=MEGABYTE)
    server.fs.write(f"{LOGS}\\big.txt", b"1" * MEGABYTE, SYSTEM)
    message = refused(retain_in="D:\\failed")
    assert "retaining the present content of the server folders in D:\\failed needs" in message
    assert "Nothing was changed." in message


def test_no_room_on_the_share_changes_no_live_folder(server: Server, before: dict[str, Rows]) -> None:
    failed = server.live()
    server.world.network.faults.arm("disk.full", times=None, path=f"{RETAINED}\\packages")
    result = server.run()
    assert "robocopy of packages" in result["msg"]
    assert "ERROR 112" in result["msg"]
    assert "No live folder was restored" in result["msg"]
    assert server.live()["logs"] == failed["logs"]
    server.world.network.faults.disarm()
    assert server.run()["changed"]
    assert server.live() == before
    assert server.set_aside() == failed


def test_a_file_in_use_is_told(server: Server, before: dict[str, Rows]) -> None:
    failed = server.live()
    used = server.fs.real(f"{LOGS}\\servertask-99.txt", SYSTEM)
    server.fs.lock(used)
    result = server.run()
    assert "ERROR 32" in result["msg"]
    assert "A file is in use. Stop whatever uses it, first of all Octopus Server on every node." in result["msg"]
    assert f"The former content of {LOGS} is complete in {RETAINED}\\logs" in result["msg"]
    server.fs.unlock(used)
    assert server.run()["changed"]
    assert server.live() == before
    assert server.set_aside() == failed


# -- check mode


def test_check_mode_on_shares_touches_nothing(server: Server, before: dict[str, Rows]) -> None:
    failed, mark = server.live(), server.world.ledger.mark()
    result = server.run(check_mode=True)
    assert result["changed"]
    assert result["folders"]["logs"]["files"] is None
    assert result["folders"]["imports"]["exists"] is False
    assert server.live() == failed
    for kind in ("file", "task.run"):
        assert server.world.ledger.events(kind, since=mark) == []
    assert not server.retained.exists()


def test_check_mode_on_the_host_itself_counts(server: Server) -> None:
    here = {"source": "C:\\copies", "retain_in": "C:\\failed"}
    expected = server.backup(dest="C:\\copies")["folders"]
    first = server.run(check_mode=True, expected=expected, **here)
    assert first.get("changed") is False, first
    server.fail()
    mark = server.world.ledger.mark()
    result = server.run(check_mode=True, expected=expected, **here)
    assert result["changed"]
    logs, packages, imports = (result["folders"][name] for name in FOLDERS)
    assert (logs["copied_files"], logs["deleted_files"], logs["retained"], logs["complete"]) == (2, 1, "C:\\failed\\logs", False)
    assert (packages["copied_files"], packages["deleted_files"]) == (2, 2)
    assert (imports["exists"], imports["deleted_files"]) == (False, 1)
    assert "to name the restore point another" in server.run(check_mode=True, **here, restore_point="another")["msg"]
    assert "to hold 3 files" in server.run(check_mode=True, **here, expected=expected | {"packages": {"exists": True, "files": 3}})["msg"]
    server.fs.add_drive("D", server.world.network.root / "d", capacity=100)
    assert "in D:\\failed needs" in server.run(check_mode=True, **here | {"retain_in": "D:\\failed"})["msg"]
    for kind in ("file", "task.run"):
        assert server.world.ledger.events(kind, since=mark) == []
    done = server.run(expected=expected, **here)
    for name in FOLDERS:
        assert [done["folders"][name][key] for key in ("copied_files", "deleted_files", "retained")] == [
            result["folders"][name][key] for key in ("copied_files", "deleted_files", "retained")
        ]


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"folders": {"logs": f"{SOURCE}\\logs"}}, "One contains the other"),
        ({"retain_in": f"{SOURCE}\\kept"}, "retain_in is"),
        ({"retain_in": f"{LOGS}\\kept"}, "One contains the other"),
        ({"retain_in": "D:\\"}, "root of a drive"),
        ({"folders": {"logs": "D:\\"}}, "never overwritten"),
        ({"source": "relative"}, "expected an absolute path"),
        ({"folders": {"logs": None}}, "has no path"),
        ({"expected": {}}, "expected: logs has to be a dictionary"),
        ({"expected": {"logs": {"exists": True, "files": "many"}}}, "expected: logs has to be a dictionary"),
        ({"restore_point": "a&b"}, "restore_point: expected an id"),
        ({"restore_point": None}, "restore_point"),
        ({"source": None}, "source"),
    ],
)
def test_bad_input_is_refused_before_anything_is_asked(server: Server, options: dict[str, Any], said: str) -> None:
    mark = server.world.ledger.mark()
    assert said in server.run(**options)["msg"]
    assert server.world.ledger.events("winrm.request", since=mark) == []


# -- what was kept, removed


def test_what_was_kept_is_removed_once(server: Server, before: dict[str, Rows]) -> None:
    server.run()
    assert server.remove(check_mode=True)["changed"]
    assert server.retained.exists()
    result = server.remove()
    assert (result["changed"], sorted(result["removed"])) == (True, ["imports", "logs", "packages"])
    assert not server.retained.exists()
    assert (server.copies / "restore-point.txt").exists()
    again = server.remove()
    assert (again["changed"], again["removed"]) == (False, [])
    assert server.live() == before
    # Nothing differs, so nothing is to be kept again.
    assert server.run()["changed"] is False


def test_on_the_host_itself_check_mode_looks(server: Server, before: dict[str, Rows]) -> None:
    there = {"path": "C:\\failed"}
    assert server.remove(check_mode=True, **there)["changed"] is False
    server.run(retain_in="C:\\failed")
    assert sorted(server.remove(check_mode=True, **there)["removed"]) == ["imports", "logs", "packages"]
    assert "to name the restore point another" in server.remove(check_mode=True, **there, restore_point="another")["msg"]
    assert server.fs.exists("C:\\failed", SYSTEM)
    server.remove(**there)
    assert not server.fs.exists("C:\\failed", SYSTEM)


def test_only_what_a_restore_of_this_point_kept_is_removed(server: Server, before: dict[str, Rows]) -> None:
    server.run()
    shared = rows(server.share)
    assert f"to name the restore point another, but found {POINT}" in server.remove(restore_point="another")["msg"]
    for folder in (SOURCE, "\\\\nas\\backups\\prod"):
        assert "the file does not exist" in server.remove(path=folder)["msg"]
    assert rows(server.share) == shared
    (server.retained / "thesis.doc").write_text("years of work")
    assert "but found thesis.doc" in server.remove()["msg"]
    assert "cannot reach" in server.remove(path="\\\\gone\\share\\kept")["msg"]
    assert "root of a drive" in server.remove(path="\\\\nas\\backups")["msg"]
    assert (server.retained / "logs").exists()


def test_a_removal_that_was_broken_off_is_finished(server: Server, before: dict[str, Rows]) -> None:
    server.run()
    used = next(path for path in sorted((server.retained / "logs").rglob("*")) if path.is_file())
    server.fs.lock(used)
    result = server.remove()
    assert "cannot remove" in result["msg"]
    assert sorted(path.name for path in server.retained.iterdir()) == ["logs", "retained-by-restore.txt"]
    server.fs.unlock(used)
    assert server.remove()["changed"]
    assert not server.retained.exists()
    with server.world.client() as host:
        assert files.names(host, f"{ROOT}\\jobs") == []
