# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""octopus_folders_clone copies the folders of a restore point to a clone, all files or the newest, and removes them."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any

import pytest
from ansible_collections.octopus.upgrade.tests.unit.run_module import run_module
from scenarios.windows.setting import JOB_ACCOUNT, JOB_PASSWORD, World

POINT = "20261123T210000Z-2025.3.14357"
COPIES = f"\\\\nas\\backups\\prod\\{POINT}\\folders"
DEST = "C:\\OctopusClones\\prod clone\\20261124T010000Z"
DAY = 86400


@pytest.fixture
def clone(world: World) -> Callable[..., dict[str, Any]]:
    world.network.add_share("nas", "backups", world.network.root / "nas", {JOB_ACCOUNT})
    now = world.hosts["octo-a"].clock.now().timestamp()
    for name, count in (("logs", 5), ("packages", 3)):
        folder = world.network.root / "nas" / "prod" / POINT / "folders" / name
        folder.mkdir(parents=True)
        for number in range(count):
            file = folder / f"{number}.txt"
            file.write_text(f"{name} {number}")
            os.utime(file, (now - number * 10 * DAY,) * 2)
    (folder.parent / "restore-point.txt").write_text(POINT)

    def run(**options: Any) -> dict[str, Any]:
        given = {
            "connection": world.params(),
            "folders": {name: f"{COPIES}\\{name}" for name in ("logs", "packages", "imports")},
            "dest": DEST,
            "restore_point": POINT,
            "job_user": JOB_ACCOUNT,
            "job_password": JOB_PASSWORD,
        }
        return run_module("octopus_folders_clone", **{**given, **options})

    return run


def below(world: World) -> dict[str, str]:
    top = world.hosts["octo-a"].root / "C" / "OctopusClones" / "prod clone" / "20261124T010000Z"
    return (
        {str(path.relative_to(top)): path.read_text().strip() for path in sorted(top.rglob("*")) if path.is_file()} if top.is_dir() else {}
    )


def test_all_of_them_and_again_nothing_to_do(clone: Callable[..., Any], world: World) -> None:
    result = clone()
    assert result["changed"], result
    assert {name: one["files"] for name, one in result["folders"].items()} == {"logs": 5, "packages": 3, "imports": 0}
    assert all(one["complete"] for one in result["folders"].values())
    there = below(world)
    assert there.pop("octopus-clone.txt") == POINT
    assert len(there) == 8 and there["logs/4.txt"] == "logs 4"
    again = clone()
    assert not again["changed"], again


def test_only_the_newest(clone: Callable[..., Any], world: World) -> None:
    result = clone(newer_than_days=15)
    assert {name: one["files"] for name, one in result["folders"].items()} == {"logs": 2, "packages": 2, "imports": 0}
    assert sorted(below(world)) == ["logs/0.txt", "logs/1.txt", "octopus-clone.txt", "packages/0.txt", "packages/1.txt"]
    assert not clone(newer_than_days=15)["changed"]
    assert "newer_than_days: expected 1 or more but found 0" in clone(newer_than_days=0)["msg"]


def test_never_into_the_folder_of_another_restore_point(clone: Callable[..., Any], world: World) -> None:
    clone()
    before = below(world)
    failed = clone(restore_point="20261125T210000Z-2025.3.14357")
    assert failed["failed"] and POINT in failed["msg"], failed
    assert below(world) == before


def test_removed_by_its_marker_only(clone: Callable[..., Any], world: World) -> None:
    clone()
    other = clone(state="absent", restore_point="20261125T210000Z-2025.3.14357")
    assert other["failed"] and "Nothing was removed" in other["msg"], other
    # The copies in a restore point, and those that a rollback has retained, have other markers.
    assert clone(state="absent", dest=COPIES)["failed"]
    retained: dict[str, Any] = {"connection": world.params(), "path": DEST, "restore_point": POINT}
    assert "retained-by-restore.txt" in run_module("octopus_retained_folders", **retained)["msg"]
    assert len(below(world)) == 9
    gone = clone(state="absent")
    assert gone["changed"] and sorted(gone["removed"]) == ["logs", "packages"], gone
    assert below(world) == {}
    assert not clone(state="absent")["changed"]
