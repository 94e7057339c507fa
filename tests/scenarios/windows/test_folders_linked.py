# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Folders with junctions and symbolic links, and shares that keep file times to two seconds only."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.octopus.upgrade.tests.unit.run_module import run_module
from lab.core import security
from scenarios.windows.setting import JOB_ACCOUNT, JOB_PASSWORD, SYSTEM, World

PACKAGES, BEHIND = "C:\\Octopus\\Packages 100%", "C:\\Elsewhere\\Spaces-2"
POINT = "2026-11-23T21-00"
DEST = f"\\\\nas\\backups\\prod\\{POINT}\\folders"


@pytest.fixture(autouse=True)
def _folders(world: World) -> None:
    fs = world.hosts["octo-a"].fs
    for folder in (PACKAGES, BEHIND):
        fs.mkdir(folder, SYSTEM)
    for number in range(5):
        fs.write(f"{PACKAGES}\\Web.1.0.{number}.zip", b"zip" * (number + 1), SYSTEM)
        real = fs.real(f"{PACKAGES}\\Web.1.0.{number}.zip", SYSTEM)
        os.utime(real, ns=(0, 1_700_000_001_123_456_700))
    fs.write(f"{BEHIND}\\App.2.0.0.zip", b"behind the link", SYSTEM)
    world.network.add_share("nas", "backups", world.network.root / "nas", {JOB_ACCOUNT})


def run(world: World, module: str, **options: Any) -> dict[str, Any]:
    job = {"job_user": JOB_ACCOUNT, "job_password": JOB_PASSWORD}
    given = {"connection": world.params(), "folders": {"packages": PACKAGES}, "restore_point": POINT, **job}
    return run_module(module, **{**given, **options})


def backup(world: World, **options: Any) -> dict[str, Any]:
    return run(world, "octopus_folders_backup", dest=DEST, **options)


def link(world: World) -> None:
    world.hosts["octo-a"].fs.link(f"{PACKAGES}\\Spaces-2", "JUNCTION", BEHIND, SYSTEM)


def restore(world: World, folders: dict[str, Any]) -> dict[str, Any]:
    where = {"source": DEST, "retain_in": f"\\\\nas\\backups\\prod\\{POINT}\\retained"}
    return run(world, "octopus_folders_restore", expected=folders, **where)


# -- links


def test_a_junction_is_named_before_anything_is_copied(world: World) -> None:
    link(world)
    result = backup(world, live=True)
    assert result["failed"]
    assert f"found links to other places in it: Spaces-2 [{BEHIND}]" in result["msg"]
    assert f'dir /al /s "{PACKAGES}"' in result["msg"]
    assert not (world.network.root / "nas" / "prod" / POINT / "folders" / "packages").exists()


def test_check_mode_names_it_too(world: World) -> None:
    fs = world.hosts["octo-a"].fs
    fs.mkdir("C:\\Octopus\\Logs", SYSTEM)
    fs.link("C:\\Octopus\\Logs\\old.txt", "SYMLINK", f"{BEHIND}\\App.2.0.0.zip", SYSTEM)
    result = run(world, "octopus_folders_backup", folders={"logs": "C:\\Octopus\\Logs"}, dest=DEST, check_mode=True)
    assert f"old.txt [{BEHIND}\\App.2.0.0.zip]" in result["msg"]


def test_a_link_made_since_is_moved_aside_and_named(world: World) -> None:
    """Nothing is mirrored onto it, because robocopy might delete what is behind it, and the rollback goes on."""
    made = backup(world)
    fs = world.hosts["octo-a"].fs
    fs.mkdir(f"{PACKAGES}\\deep", SYSTEM)
    for path in (f"{PACKAGES}\\Spaces-2", f"{PACKAGES}\\deep\\Spaces-3"):
        fs.link(path, "JUNCTION", BEHIND, SYSTEM)
    fs.write(f"{PACKAGES}\\Web.1.0.3.zip", b"half upgraded", SYSTEM)
    result = restore(world, made["folders"])
    packages = result["folders"]["packages"]
    assert packages["complete"], result
    assert packages["moved"] == ["Spaces-2", "deep\\Spaces-3", "deep"]
    assert f"moved from {PACKAGES} to C:\\Octopus\\retained-moved\\packages: Spaces-2, deep\\Spaces-3." in result["warnings"][0]
    aside = "C:\\Octopus\\retained-moved\\packages"
    assert fs.read(f"{aside}\\Spaces-2\\App.2.0.0.zip", SYSTEM) == b"behind the link", "the link itself was moved"
    assert not fs.exists(f"{PACKAGES}\\Spaces-2", SYSTEM)
    assert fs.read(f"{BEHIND}\\App.2.0.0.zip", SYSTEM) == b"behind the link"
    again = restore(world, made["folders"])
    assert again["changed"] is False, again
    assert again["folders"]["packages"]["moved_to"] == aside
    job: dict[str, Any] = {"restore_point": POINT, "job_user": JOB_ACCOUNT, "job_password": JOB_PASSWORD}
    gone = run_module("octopus_retained_folders", connection=world.params(), path="C:\\Octopus\\retained-moved", **job)
    assert gone["removed"] == ["packages"], gone
    assert fs.read(f"{BEHIND}\\App.2.0.0.zip", SYSTEM) == b"behind the link"


def test_a_link_that_cannot_be_moved_is_refused(world: World) -> None:
    """Without a folder for what is retained there is no place to move it to."""
    made = backup(world)
    link(world)
    result = run(world, "octopus_folders_restore", expected=made["folders"], source=DEST)
    assert "found links to other places" in result["msg"]
    assert "Nothing was restored" in result["msg"]
    assert world.hosts["octo-a"].fs.read(f"{BEHIND}\\App.2.0.0.zip", SYSTEM) == b"behind the link"


# -- rights and owners


def _security(world: World) -> dict[str, tuple[str, str]]:
    real = world.hosts["octo-a"].fs.real(PACKAGES, SYSTEM)
    return {str(one.relative_to(real)): (security.owner(one), security.dacl(one)) for one in (real, *sorted(real.rglob("*")))}


def test_rights_and_owners_are_put_back(world: World) -> None:
    fs, account, dacl = world.hosts["octo-a"].fs, "LAB\\octo-admin", "D:PAI(A;;FA;;;BA)"
    fs.mkdir(f"{PACKAGES}\\deep", SYSTEM)
    fs.write(f"{PACKAGES}\\deep\\App.zip", b"app", SYSTEM)
    real = fs.real(PACKAGES, SYSTEM)
    for one in (real, *real.rglob("*")):
        security.set_owner(one, account)
    security.set_dacl(real / "deep", dacl)
    security.set_dacl(real / "Web.1.0.2.zip", dacl)
    made, before = backup(world), _security(world)
    fs.rmtree(f"{PACKAGES}\\deep", SYSTEM)
    fs.remove(f"{PACKAGES}\\Web.1.0.2.zip", SYSTEM)
    security.set_dacl(real, "D:AI(A;ID;FR;;;WD)")
    result = restore(world, made["folders"])
    assert _security(world) == before, result
    assert "warnings" not in result


def test_owners_that_cannot_be_put_back_are_told(world: World) -> None:
    fs = world.hosts["octo-a"].fs
    real = fs.real(PACKAGES, SYSTEM)
    security.set_owner(real / "Web.1.0.2.zip", "LAB\\octo-admin")
    made = backup(world)
    fs.remove(f"{PACKAGES}\\Web.1.0.2.zip", SYSTEM)
    result = restore(world, made["folders"])
    assert "not everything in" in result["warnings"][0]
    assert f"what was restored belongs to {JOB_ACCOUNT}" in result["warnings"][0]
    assert result["folders"]["packages"]["complete"]


def test_a_clones_folders_are_removed_without_what_is_behind_their_links(world: World) -> None:
    made = run(world, "octopus_folders_clone", dest="C:\\Clone", state="present")
    assert made["changed"], made
    fs = world.hosts["octo-a"].fs
    fs.link("C:\\Clone\\packages\\Spaces-2", "JUNCTION", BEHIND, SYSTEM)
    gone = run(world, "octopus_folders_clone", dest="C:\\Clone", state="absent")
    assert gone["changed"], gone
    assert not fs.exists("C:\\Clone", SYSTEM)
    assert fs.read(f"{BEHIND}\\App.2.0.0.zip", SYSTEM) == b"behind the link"


# -- what lies beside a copy


def test_files_and_rights_are_listed_beside_the_copy(world: World) -> None:
    made = backup(world, live=True)
    assert len(made["folders"]["packages"]["listing_sha256"]) == 64
    beside = world.network.root / "nas" / "prod" / POINT / "folders"
    listed = (beside / "packages.files.txt").read_bytes().decode("utf-16").splitlines()
    assert [line.rpartition("\t")[2] for line in listed] == [f"{DEST}\\packages\\Web.1.0.{number}.zip" for number in range(5)]
    rights = (beside / "packages.acls.txt").read_bytes().decode("utf-16-le").splitlines()
    assert rights[:4:2] == ["Packages 100%", "Packages 100%\\Web.1.0.0.zip"]
    world.hosts["octo-a"].fs.write(f"{PACKAGES}\\Web.1.0.9.zip", b"9", SYSTEM)
    assert backup(world)["folders"]["packages"]["listing_sha256"] != made["folders"]["packages"]["listing_sha256"]
    assert "Web.1.0.9.zip" not in (beside / "packages.acls.txt").read_bytes().decode("utf-16-le"), "only with the first copy"


# -- coarse times


@pytest.fixture(params=[1, 2])
def nas(world: World, request: pytest.FixtureRequest) -> Path:
    """A share that keeps times to one or two seconds."""
    world.network.shares["nas", "backups"].volume.time_step = request.param * 10**9
    return world.network.root / "nas"


def test_the_first_pass_finds_out_and_the_last_one_copies_nothing_again(nas: Path, world: World) -> None:
    first = backup(world, live=True)
    assert first["folders"]["packages"]["coarse_times"]
    assert first["folders"]["packages"]["complete"]
    assert "keeps the times of files to two seconds only" in first["warnings"][0]
    last = backup(world, coarse_times=True)
    assert (last["changed"], last["folders"]["packages"]["complete"], "warnings" in last) == (False, True, False)


def test_the_last_pass_never_fails_for_it(nas: Path, world: World) -> None:
    last = backup(world)
    assert last["folders"]["packages"]["complete"], last
    assert last["folders"]["packages"]["coarse_times"]


def test_restoring_from_it_leaves_what_is_the_same(nas: Path, world: World) -> None:
    made = backup(world)["folders"]
    fs = world.hosts["octo-a"].fs
    untouched = fs.real(f"{PACKAGES}\\Web.1.0.0.zip", SYSTEM).stat().st_mtime_ns
    assert not restore(world, made)["changed"]
    fs.write(f"{PACKAGES}\\Web.1.0.3.zip", b"half upgraded", SYSTEM)
    result = restore(world, made)
    assert (result["folders"]["packages"]["copied_files"], result["folders"]["packages"]["complete"]) == (1, True), result
    assert fs.read(f"{PACKAGES}\\Web.1.0.3.zip", SYSTEM) == b"zip" * 4
    assert fs.real(f"{PACKAGES}\\Web.1.0.0.zip", SYSTEM).stat().st_mtime_ns == untouched


def test_times_of_a_good_share_are_compared_exactly(world: World) -> None:
    first = backup(world, live=True)
    assert (first["folders"]["packages"]["coarse_times"], "warnings" in first) == (False, False)
