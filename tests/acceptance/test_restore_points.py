# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Restore points in a folder of the host: the lines of cmd that read, verify, write and remove them, all by jobs."""

from __future__ import annotations

import hashlib

import pytest
from ansible_collections.octopus.upgrade.plugins.module_utils._restore_point import manifest as form
from ansible_collections.octopus.upgrade.plugins.module_utils._restore_point import prune as pruning
from ansible_collections.octopus.upgrade.plugins.module_utils._restore_point import share
from ansible_collections.octopus.upgrade.plugins.module_utils._restore_point.listing import read_all
from ansible_collections.octopus.upgrade.plugins.module_utils._restore_point.signature import signature_text
from ansible_collections.octopus.upgrade.plugins.module_utils._restore_point.verify import count_line
from ansible_collections.octopus.upgrade.plugins.module_utils._windows import files, robocopy
from ansible_collections.octopus.upgrade.plugins.module_utils._windows.connection import WindowsHost
from ansible_collections.octopus.upgrade.plugins.module_utils._windows.jobs import RunAs
from ansible_collections.octopus.upgrade.plugins.module_utils._windows.quoting import batch_word
from ansible_collections.octopus.upgrade.tests.unit.restore_point import manifest

NEWER, OLDER = "20261124T210000Z-2025.3.14357", "20261123T210000Z-2025.3.14357"


@pytest.fixture
def root(host: WindowsHost, folder: str) -> str:
    """A folder with two signed restore points, something that is none, and a name that cmd would act on."""
    made = f"{folder}\\points & more"
    for point in (OLDER, NEWER):
        text = form.text_of(manifest(id=point, signed_at=f"2026-11-{point[6:8]}T21:00:00Z"))
        files.make_folder(host, f"{made}\\{point}\\folders\\logs\\deep")
        files.write_text(host, f"{made}\\{point}\\restore-point.json", text)
        files.write_text(host, f"{made}\\{point}\\restore-point.signature", signature_text(point, text, None).decode())
        files.write_text(host, f"{made}\\{point}\\folders\\logs\\deep\\one.txt", "1")
    files.make_folder(host, f"{made}\\somebody's & other")
    return made


@pytest.fixture
def points(host: WindowsHost, folder: str) -> share.Share:
    return share.Share(host, RunAs(), f"{folder}\\work root")


def test_all_are_read_in_one_job(points: share.Share, root: str) -> None:
    there = read_all(points, root)
    assert [(point.id, point.reason) for point in there.judged(None)] == [(NEWER, None), (OLDER, None)]
    assert {one.id for one in there.found if one.is_ours} == {NEWER, OLDER}
    assert there.free_bytes is not None and there.free_bytes > 0


def test_a_folder_that_is_not_there_and_one_that_cannot_be_reached(points: share.Share, root: str) -> None:
    assert read_all(points, f"{root}\\none").found == []
    answers = points.run(
        "reach", root, [share.reach(root), share.reach(f"{root}\\none"), share.reach("\\\\127.0.0.1\\no-such-share\\x\\y")]
    )
    assert [answer.code for answer in answers] == [0, share.ABSENT, share.UNREACHABLE]
    pattern = batch_word(f"{root}\\none\\*")
    empty = points.run("empty", root, [f"for /d %%D in ({pattern}) do (echo %%D)"])
    assert empty == [share.Answer(0, "")]


def test_the_manifests_hash_is_what_certutil_shows(points: share.Share, root: str) -> None:
    path = f"{root}\\{NEWER}\\restore-point.json"
    hashed = f"{points.job_folder('hash', root)}\\hash"
    shown, is_it, is_other, typed = points.run(
        "hash",
        root,
        [
            f"{share.certutil(path)} >{batch_word(hashed)}",
            share.has_hash(hashed, form.digest(form.text_of(manifest(id=NEWER, signed_at="2026-11-24T21:00:00Z")))),
            share.has_hash(hashed, hashlib.sha256(b"").hexdigest()),
            share.show(path),
        ],
    )
    assert (shown.code, is_it.code, is_other.code) == (0, 0, 1)
    assert files.hash_in(is_it.text) == form.digest(typed.file or "")


def test_a_copy_is_counted_against_nothing(points: share.Share, root: str) -> None:
    copied = f"{root}\\{NEWER}\\folders\\logs"
    there, none = points.run("count", root, [count_line(copied, f"{root}\\empty"), count_line(f"{root}\\none", f"{root}\\empty")])
    [found] = robocopy.summaries(there.text)
    assert (found.files.total, found.bytes.total) == (1, 3)
    assert none.code & robocopy.FATAL
    assert not files.exists(points.host, f"{root}\\empty")


def test_one_is_removed(points: share.Share, root: str) -> None:
    request = pruning.RemoveRequest(root, None, keep=1, timeout=300.0)
    assert pruning.remove(request, points)["removed"] == [OLDER]
    assert sorted(files.names(points.host, root) or []) == [NEWER, "somebody's & other"]
    assert pruning.remove(request, points) == {"changed": False, "removed": [], "remaining": [NEWER]}
