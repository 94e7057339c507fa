# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Copies of the server's folders: what robocopy printed, judged; what a manifest says; which folder comes after which."""

from __future__ import annotations

from dataclasses import replace

import pytest
from ansible_collections.octopus.upgrade.plugins.module_utils._octopus.errors import OctopusError
from ansible_collections.octopus.upgrade.plugins.module_utils._octopus.folders import backup, mirrors, room
from ansible_collections.octopus.upgrade.plugins.module_utils._octopus.folders.backup import BackupRequest, back_up
from ansible_collections.octopus.upgrade.plugins.module_utils._octopus.folders.copies import Copies, FolderCopy, overlap
from ansible_collections.octopus.upgrade.plugins.module_utils._octopus.folders.places import MARKER, Found, Place, refuse_foreign
from ansible_collections.octopus.upgrade.plugins.module_utils._octopus.folders.restore import in_turn
from ansible_collections.octopus.upgrade.plugins.module_utils._octopus.folders.restore_request import Expected, RestoreRequest
from ansible_collections.octopus.upgrade.tests.unit.windows_host import FakeHost

PLACE = Place("D:\\point", MARKER)


def table(files: str, size: str = "0 0 0 0 0 0", folders: str = "1 0 1 0 0 0") -> str:
    """A summary of robocopy: total, copied, skipped, mismatched, failed, extra."""
    return f"\n    Dirs : {folders}\n   Files : {files}\n   Bytes : {size}\n   Times : 0:00:00\n"


SAME = table("3 0 3 0 0 0", "30 0 30 0 0 0")


def ended(output: str) -> mirrors.Ended:
    return mirrors.Ended(FakeHost(), "SYSTEM", (), output, 2.5)


def copy() -> FolderCopy:
    return FolderCopy("C:\\live", "D:\\point\\logs")


def test_a_mirror_that_is_the_same_after_it_is_complete():
    made = copy()
    assert mirrors.read_mirror(ended(table("3 2 1 0 0 4", "30 20 10 0 0 400") + SAME), "logs", made, 3) is None
    assert (made.files, made.bytes, made.copied_files, made.copied_bytes, made.deleted_files) == (3, 30, 2, 20, 4)
    assert (made.complete, made.changed, made.seconds) == (True, True, 2.5)
    again = copy()
    mirrors.read_mirror(ended(SAME * 2), "logs", again, 0)
    assert (again.complete, again.changed) == (True, False)


def test_a_folder_that_is_only_new_is_a_change():
    made = copy()
    mirrors.read_mirror(ended(table("0 0 0 0 0 0", folders="2 1 1 0 0 0") + table("0 0 0 0 0 0")), "logs", made, 1)
    assert (made.changed, made.copied_files) == (True, 0)


def test_what_still_differs_is_an_error_unless_the_source_is_live():
    differs = table("3 1 2 0 0 0", "30 10 20 0 0 0")
    output = SAME + differs
    with pytest.raises(OctopusError, match="of 3 files, 1 differ or are missing"):
        mirrors.read_mirror(ended(output), "logs", copy(), 0)
    # Counted by itself, the copy has what an older version of the file takes.
    made = copy()
    counted = ended(SAME + table("3 3 0 0 0 0", "27 27 0 0 0 0") + differs * 2)
    assert "1 differ" in str(mirrors.read_mirror(counted, "logs", made, 0, live=True, counted=True))
    assert not made.coarse_times
    assert (made.files, made.bytes, made.complete) == (3, 27, False)


@pytest.mark.parametrize(("code", "live"), [(16, True), (9, False)])
def test_a_mirror_that_failed(code, live):
    error = "2026/11/23 21:00:00 ERROR 5 (0x00000005) Copying File C:\\live\\a\nAccess is denied.\n"
    with pytest.raises(OctopusError, match=r"robocopy of logs from C:.*failed with exit code.*ERROR 5 .*Access is denied") as caught:
        mirrors.read_mirror(ended(error + SAME * 2), "logs", copy(), code, live=live)
    assert "in use" not in caught.value.message


@pytest.mark.parametrize("error", ["ERROR 32 (0x00000020)", "FEHLER 33 (0x00000021)"])
def test_a_file_in_use_is_said_in_words(error):
    with pytest.raises(OctopusError, match=r"in use\. Stop whatever uses it"):
        mirrors.read_mirror(ended(f"{error} Deleting Extra File C:\\live\\a\n{SAME * 2}"), "logs", copy(), 8)


def test_times_that_differ_by_no_more_than_two_seconds_are_coarse_ones():
    differs = table("3 3 0 0 0 0", "30 30 0 0 0 0")
    made = copy()
    assert mirrors.read_mirror(ended(SAME + differs + SAME), "logs", made, 0) is None
    assert (made.coarse_times, made.complete, made.files) == (True, True, 3)
    with pytest.raises(OctopusError, match="of 3 files, 1 differ or are missing"):
        mirrors.read_mirror(ended(SAME + differs + table("3 1 2 0 0 0", "30 10 20 0 0 0")), "logs", copy(), 0)


def test_a_log_that_was_written_while_it_was_copied_says_nothing_about_the_times_of_all_files():
    one_written = table("3 1 2 0 0 0", "30 10 20 0 0 0")
    made = copy()
    assert "1 differ" in str(mirrors.read_mirror(ended(SAME + one_written + SAME), "logs", made, 0, live=True))
    assert (made.coarse_times, made.complete) == (False, False)
    most = table("3 2 1 0 0 0", "30 20 10 0 0 0")
    assert mirrors.read_mirror(ended(SAME + most + SAME), "logs", made, 0, live=True) is None
    assert (made.coarse_times, made.complete) == (True, True)
    at_rest = copy()
    assert mirrors.read_mirror(ended(SAME + one_written + SAME), "logs", at_rest, 0) is None
    assert (at_rest.coarse_times, at_rest.complete) == (True, True)


def test_an_output_without_summaries_cannot_be_taken_for_success():
    with pytest.raises(OctopusError, match="robocopy of logs"):
        mirrors.read_mirror(ended("nothing" + SAME), "logs", copy(), 0)


def test_lines_of_a_command_file_are_quoted():
    assert mirrors.look_for("C:\\100%").startswith('if exist "C:\\100%%\\" (ver >nul) else if exist "C:\\" (')
    assert mirrors.mirror("C:\\100%", "D:\\x & y", 8).startswith('"C:\\Windows\\System32\\robocopy.exe" "C:\\100%%" "D:\\x & y" "/mir"')
    marker = '"D:\\point\\restore-point.txt"'
    assert PLACE.mark("2026 1").startswith(f"((if not exist {marker} ((echo 2026 1)>{marker})) & (if exist {marker} (ver >nul) else (")
    assert PLACE.make() == 'if not exist "D:\\point\\" mkdir "D:\\point"'


@pytest.mark.parametrize("found", [Found(False), Found(True), Found(True, "one", ["logs", MARKER])])
def test_a_place_that_is_free_or_ours(found):
    refuse_foreign(FakeHost(), PLACE, found, "one", "dest")


@pytest.mark.parametrize(
    ("found", "said"),
    [
        (Found(True, "two", [MARKER]), "to belong to the restore point one, but found the restore point two"),
        (Found(True, "", ["a b.doc"]), r"found a b.doc without it"),
    ],
)
def test_a_place_that_is_not(found, said):
    with pytest.raises(OctopusError, match=said):
        refuse_foreign(FakeHost(), PLACE, found, "one", "dest")


def test_what_a_manifest_says():
    said = {"exists": True, "files": 3, "bytes": 30, "source": "C:\\live", "seconds": 1.5}
    assert Expected.from_manifest("logs", said) == Expected(True, 3, 30)
    assert Expected.from_manifest("logs", {"exists": False}) == Expected(False)
    assert Expected.from_manifest("logs", {**said, "coarse_times": True}).coarse_times
    for bad in (None, {}, {"exists": "yes"}, {"exists": True, "files": True}, {"exists": True, "bytes": "30"}):
        with pytest.raises(OctopusError, match="expected: logs has to be a dictionary"):
            Expected.from_manifest("logs", bad)
    assert RestoreRequest({}, "D:\\point", "one").of("logs") == Expected(None, None, None)


@pytest.mark.parametrize(
    ("one", "other", "expected"),
    [
        ("C:\\a", "c:\\A", True),
        ("C:\\a\\b", "C:\\a", True),
        ("C:\\a", "C:\\a\\b", True),
        ("C:\\a", "C:\\ab", False),
        ("C:\\a", "\\\\nas\\a", False),
    ],
)
def test_overlap(one, other, expected):
    assert overlap(one, other) is expected


def test_a_folder_in_another_comes_after_it():
    folders = {"c": "C:\\a\\b\\c", "b": "C:\\A\\b", "a": "C:\\a", "x": "D:\\x", "twin": "d:\\X"}
    assert in_turn(folders) == [["a", "x"], ["twin", "b"], ["c"]]
    assert in_turn({"logs": "C:\\logs", "packages": "C:\\packages"}) == [["logs", "packages"]]
    assert in_turn({}) == []


def test_the_result_leaves_the_working_out():
    copies = Copies({"logs": FolderCopy("a", "b", copied_files=2, deleted_files=1, changed=True), "imports": FolderCopy("c", "d")})
    result = copies.as_result(diff=True)
    assert result["changed"] is True
    assert "changed" not in result["folders"]["logs"]
    assert result["diff"] == {"before": "", "after": "b: 2 files to copy, 1 to delete\n"}
    unknown = Copies({"logs": FolderCopy("a", "b", changed=True)}).as_result(diff=True)
    assert unknown["diff"]["after"] == "b: an unknown number of files to copy, an unknown number of to delete\n"


@pytest.mark.parametrize(
    ("sizes", "backup_bytes", "free", "ok"),
    [
        ((60, 40), 50, 150, True),
        ((60, 40), 50, 149, False),
        ((), 50, 50, True),
        ((60, None), 50, 1000, None),
        ((60, 40), 50, None, None),
        ((60, 40), None, 1000, None),
        ((60, 40), None, 99, False),
        ((60, None), 50, 49, False),
    ],
)
def test_room_for_the_backup_and_for_the_folders_that_a_rollback_retains(sizes, backup_bytes, free, ok):
    found = room.check("D:\\", [FolderCopy("C:\\a", "D:\\a", bytes=size) for size in sizes], backup_bytes, free)
    assert (found.name, found.ok) == ("space_for_folders", ok)


def test_a_copy_without_room_beside_it_is_refused(monkeypatch):
    request = BackupRequest({"logs": "C:\\logs"}, "D:\\point\\folders", "one", live=True, needs_room=True, backup_bytes=50)
    monkeypatch.setattr(backup, "_check_place", lambda *_any: None)
    monkeypatch.setattr(backup, "look", lambda *_any, **_more: [Found(True)])
    monkeypatch.setattr(backup.mirrors, "run_all", lambda _means, jobs, *_any, **_named: {name: made(name) for name in jobs})
    with pytest.raises(OctopusError, match=r"space_for_folders \(D:\\\): expected room .* but found 0.0 MiB free\. .*octopus_waivers"):
        back_up(request, FakeHost())
    with pytest.raises(OctopusError, match=r"space_for_folders .* cannot be told \(how large the backup will be is not known\)"):
        back_up(replace(request, backup_bytes=None), FakeHost())
    assert back_up(replace(request, backup_bytes=49), FakeHost()).folders["logs"].bytes == 30
    assert back_up(replace(request, needs_room=False, backup_bytes=None), FakeHost()).folders["logs"].bytes == 30


def made(name):
    if name == "room":
        return mirrors.Ended(FakeHost(), "SYSTEM", (1,), " 0 File(s)\n 0 Dir(s)  79 bytes free\n", 0.1)
    return mirrors.Ended(
        FakeHost(), "SYSTEM", (0, 1, 0, 1, 1, 0, 0, 0, 0), table("3 3 0 0 0 0", "30 30 0 0 0 0") + SAME * 2 + "a" * 64, 0.1
    )
