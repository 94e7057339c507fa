# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""octopus_folders on a host of the lab: a restore point's copies put back into the live folders, and what was kept removed again."""

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
KEEP = f"\\\\nas\\backups\\prod\\{POINT}\\failed"
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
    def kept(self) -> Path:
        return self.share / "prod" / POINT / "failed"

    def run(self, state: str = "restored", **options: Any) -> dict[str, Any]:
        given: dict[str, Any] = {
            "connection": self.world.params(),
            "state": state,
            "restore_point": POINT,
            "job_user": JOB_ACCOUNT,
            "job_password": JOB_PASSWORD,
        }
        if state == "backup":
            given |= {"folders": FOLDERS, "dest": SOURCE}
        elif state == "restored":
            given |= {"folders": FOLDERS, "source": SOURCE, "keep": KEEP, "expected": self.expected}
        else:
            given |= {"keep": KEEP}
        return run_module("octopus_folders", **{**given, **options})

    def fail(self) -> None:
        """What a failed upgrade across 2019.1 leaves: moved packages, new and changed logs, a folder that was not there."""
        assert move_packages(Files(self.fs, SYSTEM, "C:\\Octopus"), PACKAGES, PACKAGES, "Spaces-1") == 2
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
    made.expected = made.run("backup")["folders"]
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
    assert {name: rows(server.kept / name) for name in FOLDERS} == failed
    logs, packages, imports = (result["folders"][name] for name in FOLDERS)
    assert (logs["files"], logs["copied_files"], logs["deleted_files"], logs["complete"]) == (10, 2, 1, True)
    assert (logs["kept"], logs["kept_files"]) == (f"{KEEP}\\logs", 10)
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
    assert [folder["kept"] for folder in result["folders"].values()] == [f"{KEEP}\\{name}" for name in FOLDERS]
    assert server.work(mark) == []
    assert server.live() == before


def test_folders_that_are_as_they_were_are_not_kept(server: Server) -> None:
    server.fs.write(f"{LOGS}\\servertask-99.txt", b"new", SYSTEM)
    result = server.run()
    assert result["folders"]["packages"]["kept"] is None
    assert sorted(path.name for path in server.kept.iterdir()) == ["kept-by-restore.txt", "logs", "logs.complete"]


def test_without_keep_and_manifest(server: Server, before: dict[str, Rows]) -> None:
    result = server.run(keep=None, expected=None)
    assert result["changed"]
    assert result["folders"]["logs"]["kept"] is None
    assert server.live() == before
    assert not server.kept.exists()
    assert server.run(keep=None, expected=None)["changed"] is False


def test_a_live_folder_that_is_gone_is_made_again(server: Server) -> None:
    held = server.live()
    server.fs.rmtree(PACKAGES, SYSTEM)
    result = server.run()
    assert server.live() == held
    assert (result["folders"]["packages"]["copied_files"], result["folders"]["packages"]["kept"]) == (2, None)
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
    expected = server.run("backup", folders=inner)["folders"]
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


@pytest.mark.parametrize("step", ["keep", "put back"])
def test_a_killed_job_is_run_again(server: Server, step: str) -> None:
    big = f"{LOGS}\\big.txt"
    server.fs.write(big, b"1" * MEGABYTE, SYSTEM)
    server.expected = server.run("backup")["folders"]
    held = server.live()["logs"]
    server.fs.write(f"{LOGS}\\servertask-99.txt", b"newer", SYSTEM)
    if step == "keep":
        server.fs.write(big, b"x" * (MEGABYTE + 1), SYSTEM)
    else:
        server.fs.remove(big, SYSTEM)
    failed = server.live()["logs"]
    copied = server.kept / "logs" / "big.txt" if step == "keep" else server.fs.real(big, SYSTEM)
    with killed(server, copied):
        result = server.run(folders={"logs": LOGS})
    assert "ended without an exit code" in result["msg"], result
    assert (server.live()["logs"] == failed) is (step == "keep")
    assert (server.kept / "logs.complete").exists() is (step == "put back")
    result = server.run(folders={"logs": LOGS})
    assert result.get("changed"), result
    assert server.live()["logs"] == held
    assert rows(server.kept / "logs") == failed
    assert (result["folders"]["logs"]["kept_files"] is None) is (step == "put back")


def test_what_was_kept_is_never_overwritten_with_what_is_half_put_back(server: Server, before: dict[str, Rows]) -> None:
    failed = server.live()
    server.run()
    # As if the mirror had been broken off.
    server.fs.remove(f"{LOGS}\\servertask-5.txt", SYSTEM)
    server.fs.write(f"{LOGS}\\servertask-9.txt", b"", SYSTEM)
    result = server.run()
    assert (result["folders"]["logs"]["copied_files"], result["folders"]["logs"]["kept"]) == (2, f"{KEEP}\\logs")
    assert server.live() == before
    assert {name: rows(server.kept / name) for name in FOLDERS} == failed


def test_a_half_kept_copy_is_completed(server: Server, before: dict[str, Rows]) -> None:
    failed = server.live()
    (server.kept / "logs").mkdir(parents=True)
    (server.kept / "kept-by-restore.txt").write_text(f"{POINT}\r\n")
    (server.kept / "logs" / "servertask-0.txt").write_bytes(b"half")
    server.run()
    assert {name: rows(server.kept / name) for name in FOLDERS} == failed
    assert server.live() == before


def test_a_job_that_still_runs_is_waited_for(server: Server) -> None:
    server.fs.write(f"{LOGS}\\big.txt", b"1" * MEGABYTE, SYSTEM)
    server.expected = server.run("backup")["folders"]
    held = server.live()["logs"]
    server.fs.write(f"{LOGS}\\big.txt", b"failed", SYSTEM)
    failed = server.live()["logs"]
    server.world.hosts["octo-a"].copy_rate = 2 * SLOW  # seconds for the file
    first: list[dict[str, Any]] = []
    thread = threading.Thread(target=lambda: first.append(server.run(folders={"logs": LOGS}, timeout=1)))
    thread.start()
    thread.join(WAIT)
    assert "goes on there" in first[0]["msg"], first
    result = server.run(folders={"logs": LOGS})
    assert result["folders"]["logs"]["complete"], result
    assert server.live()["logs"] == held
    assert rows(server.kept / "logs") == failed
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
    assert f"restore-point.txt has to say another, and says {POINT}" in message
    (server.copies / "restore-point.txt").unlink()
    assert "is not there, or cannot be read" in refused()


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
    assert "its manifest says 2 and 8000" in message
    assert "Nothing was changed." in message


def test_a_copy_that_is_missing(refused: Callable[..., str], server: Server) -> None:
    (server.copies / "logs").rename(server.share / "elsewhere")
    assert "the copy of logs" in refused()
    assert "is missing: the restore point is damaged" in refused(expected=None)


def test_a_live_folder_that_cannot_be_reached(refused: Callable[..., str]) -> None:
    message = refused(folders={"logs": LOGS, "packages": "\\\\gone\\share\\Packages"})
    assert "neither it nor the folder above can be reached" in message


def test_a_live_folder_that_is_a_copy_itself(refused: Callable[..., str], server: Server) -> None:
    other = server.share / "prod" / "other" / "folders"
    (other / "logs").mkdir(parents=True)
    (other / "restore-point.txt").write_text("other")
    assert "no live folder" in refused(folders={"logs": "\\\\nas\\backups\\prod\\other\\folders\\logs"})
    assert "no live folder" in refused(folders={"logs": "\\\\nas\\backups\\prod\\other\\folders"})


def test_a_keep_folder_that_is_somebody_elses(refused: Callable[..., str], server: Server) -> None:
    server.kept.mkdir()
    (server.kept / "thesis.doc").write_text("years of work")
    assert "holds something (thesis.doc)" in refused()
    (server.kept / "kept-by-restore.txt").write_text("another")
    assert "holds the restore point another" in refused()
    other = server.share / "prod" / "other" / "folders"
    other.mkdir(parents=True)
    (other / "restore-point.txt").write_text(POINT)
    assert "no kept-by-restore.txt" in refused(keep="\\\\nas\\backups\\prod\\other\\folders")


def test_no_room_on_a_drive_for_what_is_kept(refused: Callable[..., str], server: Server) -> None:
    server.fs.add_drive("D", server.world.network.root / "d", capacity=MEGABYTE)
    server.fs.write(f"{LOGS}\\big.txt", b"1" * MEGABYTE, SYSTEM)
    message = refused(keep="D:\\failed")
    assert "does not fit into D:\\failed" in message
    assert "Nothing was changed." in message


def test_no_room_on_the_share_changes_no_live_folder(server: Server, before: dict[str, Rows]) -> None:
    failed = server.live()
    server.world.network.faults.arm("disk.full", times=None, path=f"{KEEP}\\packages")
    result = server.run()
    assert "robocopy of packages" in result["msg"]
    assert "ERROR 112" in result["msg"]
    assert "No live folder was changed" in result["msg"]
    assert server.live() == failed
    server.world.network.faults.disarm()
    assert server.run()["changed"]
    assert server.live() == before
    assert {name: rows(server.kept / name) for name in FOLDERS} == failed


def test_a_file_in_use_is_told(server: Server, before: dict[str, Rows]) -> None:
    failed = server.live()
    used = server.fs.real(f"{LOGS}\\servertask-99.txt", SYSTEM)
    server.fs.lock(used)
    result = server.run()
    assert "ERROR 32" in result["msg"]
    assert "in use: stop what uses it, Octopus Server on every node first" in result["msg"]
    assert f"What {LOGS} held before is complete in {KEEP}\\logs" in result["msg"]
    server.fs.unlock(used)
    assert server.run()["changed"]
    assert server.live() == before
    assert {name: rows(server.kept / name) for name in FOLDERS} == failed


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
    assert not server.kept.exists()


def test_check_mode_on_the_host_itself_counts(server: Server) -> None:
    here = {"source": "C:\\copies", "keep": "C:\\failed"}
    expected = server.run("backup", dest="C:\\copies")["folders"]
    first = server.run(check_mode=True, expected=expected, **here)
    assert first.get("changed") is False, first
    server.fail()
    mark = server.world.ledger.mark()
    result = server.run(check_mode=True, expected=expected, **here)
    assert result["changed"]
    logs, packages, imports = (result["folders"][name] for name in FOLDERS)
    assert (logs["copied_files"], logs["deleted_files"], logs["kept"], logs["complete"]) == (2, 1, "C:\\failed\\logs", False)
    assert (packages["copied_files"], packages["deleted_files"]) == (2, 2)
    assert (imports["exists"], imports["deleted_files"]) == (False, 1)
    assert "has to say another" in server.run(check_mode=True, **here, restore_point="another")["msg"]
    assert (
        "its manifest says 3" in server.run(check_mode=True, **here, expected=expected | {"packages": {"exists": True, "files": 3}})["msg"]
    )
    server.fs.add_drive("D", server.world.network.root / "d", capacity=100)
    assert "does not fit into D:\\failed" in server.run(check_mode=True, **here | {"keep": "D:\\failed"})["msg"]
    for kind in ("file", "task.run"):
        assert server.world.ledger.events(kind, since=mark) == []
    done = server.run(expected=expected, **here)
    for name in FOLDERS:
        assert [done["folders"][name][key] for key in ("copied_files", "deleted_files", "kept")] == [
            result["folders"][name][key] for key in ("copied_files", "deleted_files", "kept")
        ]


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"folders": {"logs": f"{SOURCE}\\logs"}}, "one lies in the other"),
        ({"keep": f"{SOURCE}\\kept"}, "keep is"),
        ({"keep": f"{LOGS}\\kept"}, "one lies in the other"),
        ({"keep": "D:\\"}, "root of a drive"),
        ({"folders": {"logs": "D:\\"}}, "never emptied"),
        ({"source": "relative"}, "neither an absolute path"),
        ({"folders": {"logs": None}}, "has no path"),
        ({"expected": {}}, "expected: logs has to be a dictionary"),
        ({"expected": {"logs": {"exists": True, "files": "many"}}}, "expected: logs has to be a dictionary"),
        ({"restore_point": "a&b"}, "is no id"),
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
    assert server.run("kept_removed", check_mode=True)["changed"]
    assert server.kept.exists()
    result = server.run("kept_removed")
    assert (result["changed"], sorted(result["removed"])) == (True, ["imports", "logs", "packages"])
    assert not server.kept.exists()
    assert (server.copies / "restore-point.txt").exists()
    again = server.run("kept_removed")
    assert (again["changed"], again["removed"]) == (False, [])
    assert server.live() == before
    # Nothing differs, so nothing is to be kept again.
    assert server.run()["changed"] is False


def test_on_the_host_itself_check_mode_looks(server: Server, before: dict[str, Rows]) -> None:
    keep = {"keep": "C:\\failed"}
    assert server.run("kept_removed", check_mode=True, **keep)["changed"] is False
    server.run(**keep)
    assert sorted(server.run("kept_removed", check_mode=True, **keep)["removed"]) == ["imports", "logs", "packages"]
    assert "has to say another" in server.run("kept_removed", check_mode=True, **keep, restore_point="another")["msg"]
    assert server.fs.exists("C:\\failed", SYSTEM)
    server.run("kept_removed", **keep)
    assert not server.fs.exists("C:\\failed", SYSTEM)


def test_only_what_a_restore_of_this_point_kept_is_removed(server: Server, before: dict[str, Rows]) -> None:
    server.run()
    shared = rows(server.share)
    assert f"has to say another, and says {POINT}" in server.run("kept_removed", restore_point="another")["msg"]
    for folder in (SOURCE, "\\\\nas\\backups\\prod"):
        assert "is not there" in server.run("kept_removed", keep=folder)["msg"]
    assert rows(server.share) == shared
    (server.kept / "thesis.doc").write_text("years of work")
    assert "also holds thesis.doc" in server.run("kept_removed")["msg"]
    assert "cannot be reached" in server.run("kept_removed", keep="\\\\gone\\share\\kept")["msg"]
    assert "root of a drive" in server.run("kept_removed", keep="\\\\nas\\backups")["msg"]
    assert (server.kept / "logs").exists()


def test_a_removal_that_was_broken_off_is_finished(server: Server, before: dict[str, Rows]) -> None:
    server.run()
    used = server.kept / "packages" / "Spaces-1" / "feeds-builtin" / "Api.2.0.0.nupkg"
    server.fs.lock(used)
    result = server.run("kept_removed")
    assert "cannot be removed whole" in result["msg"]
    assert sorted(path.name for path in server.kept.iterdir()) == ["kept-by-restore.txt", "packages"]
    server.fs.unlock(used)
    assert server.run("kept_removed")["changed"]
    assert not server.kept.exists()
    with server.world.client() as host:
        assert files.names(host, f"{ROOT}\\jobs") == []
