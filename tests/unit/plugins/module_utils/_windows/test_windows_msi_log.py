# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the log of an installation tells while it is written, in the form of public logs."""

from __future__ import annotations

import pytest
from ansible_collections.octopus.upgrade.plugins.module_utils._windows import msi_log
from ansible_collections.octopus.upgrade.plugins.module_utils._windows.msi_log import Doing
from ansible_collections.octopus.upgrade.tests.unit.windows_host import FakeHost

LOG = "C:\\a.log"


def engine(*texts: str) -> list[str]:
    return [f"MSI (s) (60:7C) [09:27:28:09{number % 10}]: {text}" for number, text in enumerate(texts)]


def doing(*names: str) -> list[str]:
    return engine(*(f"Doing action: {name}" for name in names))


def copying(*sizes: int) -> list[str]:
    return engine(
        *(
            f"Executing op: FileCopy(SourceName=f{number}.dll,SourceCabKey=f{number}.dll,DestName=f{number}.dll,Attributes=512,"
            f"FileSize={size},PerTick=65536,,VerifyMedia=1,,,,,CheckCRC=0,Version=1.2.4677.0,Language=1033,InstallMode=62914560,,,,,,,)"
            for number, size in enumerate(sizes)
        )
    )


PLANNED = [
    *doing("INSTALL", "LaunchConditions", "CostFinalize", "InstallValidate", "InstallInitialize"),
    *doing("ProcessComponents", "RemoveFiles", "InstallFiles", "WriteRegistryValues", "InstallFinalize"),
]
SCRIPT = engine("Running Script: C:\\Windows\\Installer\\MSIA9F6.tmp")
COMPONENTS = engine(
    "Executing op: ActionStart(Name=ProcessComponents,Description=Updating component registration,)",
    "Executing op: ProgressTotal(Total=22,Type=1,ByteEquivalent=24000)",
    "Executing op: ComponentRegister(ComponentId={89F031FB-982F-4489-83D0-0A68A49E125C},KeyPath=C:\\x,State=3,,Disk=1,,BinaryType=1)",
)
REMOVING = engine(
    "Executing op: ActionStart(Name=RemoveFiles,Description=Removing files,Template=File: [1], Directory: [9])",
    "Executing op: ProgressTotal(Total=4,Type=1,ByteEquivalent=175000)",
    "Executing op: FileRemove(,FileName=a.dll,,ComponentId={FD96102A-44A7-516B-A605-5F4A662CD36F})",
    "Executing op: FileRemove(,FileName=b.dll,,ComponentId={92E2F213-E5FE-542E-8E2D-C2D5F345D90D})",
)
FILES = engine(
    "Executing op: ActionStart(Name=InstallFiles,Description=Copying new files,Template=File: [1],  Directory: [9],  Size: [6])",
    "Executing op: ProgressTotal(Total=481124,Type=0,ByteEquivalent=1)",
)


@pytest.mark.parametrize(
    ("lines", "found"),
    [
        ([], None),
        (["=== Verbose logging started: 12/1/2026  09:27:27  Build type: SHIP UNICODE 5.00.10011.00 ==="], None),
        (PLANNED[:8], Doing("InstallFiles")),
        # The name that Doing action has named last is not what takes the time.
        ([*PLANNED, *SCRIPT], Doing("InstallFinalize")),
        ([*PLANNED, *SCRIPT, *COMPONENTS], Doing("ProcessComponents", 1, 4)),
        ([*PLANNED, *SCRIPT, *COMPONENTS, *REMOVING], Doing("RemoveFiles", 2, 4, 25.0)),
        ([*PLANNED, *SCRIPT, *FILES], Doing("InstallFiles", 3, 4)),
        ([*PLANNED, *SCRIPT, *FILES, *copying(244152)], Doing("InstallFiles", 3, 4, 0.0)),
        ([*PLANNED, *SCRIPT, *FILES, *copying(240562, 1)], Doing("InstallFiles", 3, 4, 50.0)),
        # Never more than there is, although a file is copied a second time.
        ([*PLANNED, *SCRIPT, *FILES, *copying(481124, 481124, 1)], Doing("InstallFiles", 3, 4, 99.0)),
        (
            [*PLANNED, *SCRIPT, *FILES, *[line.replace("FileCopy(", "FileCopySDDL(") for line in copying(240562, 1)]],
            Doing("InstallFiles", 3, 4, 50.0),
        ),
    ],
)
def test_what_runs_and_how_much_of_it_is_done(lines: list[str], found: Doing | None) -> None:
    assert msi_log.read(lines) == found


def test_a_log_of_a_translated_windows_tells_the_same() -> None:
    """The engine's lines are English, the others are not: a log of a Chinese Windows has ``操作 23:46:23: BindSslPort.`` beside them."""
    others = [
        "操作 09:27:28: InstallFiles. 正在复制新文件",
        "Aktion gestartet um 09:27:28: InstallFiles.",
        "Aktion beendet um 09:27:28: RemoveFiles.",
    ]
    lines = [line for one in [*PLANNED, *SCRIPT, *REMOVING] for line in (one, *others)]
    assert msi_log.read(lines) == Doing("RemoveFiles", 2, 4, 25.0)


def test_the_version_that_is_replaced_is_removed_by_an_installation_within() -> None:
    before = doing("INSTALL", "InstallInitialize", "RemoveExistingProducts")
    removal = doing("INSTALL", "CostFinalize", "InstallInitialize", "ProcessComponents", "RemoveFiles", "InstallFinalize")
    after = doing("ProcessComponents", "InstallFiles", "InstallFinalize")
    assert msi_log.read([*before, *removal, *SCRIPT, *REMOVING]) == Doing("RemoveFiles", 2, 2, 25.0)
    assert msi_log.read([*before, *removal, *SCRIPT, *REMOVING, *after[:1]]) == Doing("ProcessComponents")
    whole = [*before, *removal, *SCRIPT, *REMOVING, *after, *SCRIPT, *FILES, *copying(240562, 1)]
    assert msi_log.read(whole) == Doing("InstallFiles", 3, 3, 50.0)
    nothing_there = [*before, *after, *SCRIPT, *FILES]
    assert msi_log.read(nothing_there) == Doing("InstallFiles", 3, 3)


def test_a_script_whose_beginning_was_not_seen_has_no_numbers() -> None:
    assert msi_log.read([*SCRIPT, *FILES, *copying(240562, 1)]) == Doing("InstallFiles", percent=50.0)


def test_the_last_line_may_be_cut_off_anywhere() -> None:
    """No number of it is read by half, and it is whole with the next look."""
    lines = [*PLANNED, *SCRIPT, *FILES, *copying(240562, 199000)]
    whole = msi_log.read([*lines, *copying(3)])
    for cut in range(1, len(lines[-1])):
        known = [*lines[:-1], lines[-1][:cut]]
        assert msi_log.read(known) in (Doing("InstallFiles", 3, 4, 0.0), Doing("InstallFiles", 3, 4, 50.0)), cut
        assert msi_log.read(msi_log.joined(known, [lines[-1], *copying(3)])) == whole, cut
    started = [*PLANNED, *SCRIPT, FILES[0]]
    for cut in range(1, len(FILES[0])):
        assert msi_log.read([*started[:-1], FILES[0][:cut]]) in (Doing("InstallFinalize"), Doing("InstallFiles", 3, 4)), cut


def test_only_what_is_new_is_asked_for() -> None:
    lines = [*PLANNED, *SCRIPT, *FILES, *copying(240562, 1)]
    host = FakeHost({"type": "\r\n".join(lines[:5]) + "\r\n\r\n"})
    known = msi_log.look(host, LOG, [])
    assert known == lines[:5]
    host.answers["type"] = "\r\n".join(lines[4:])
    assert msi_log.look(host, LOG, known) == lines
    assert [command.rpartition("+")[2] for command in host.commands] == ["0", "4"]
    assert "findstr.exe /i /l" in host.commands[0], "without /i findstr misses some of several literals"


@pytest.mark.parametrize("printed", ["", "MSI (s) (A0:EC) [21:04:05:123]: Doing action: INSTALL"])
def test_a_log_that_was_begun_anew_is_read_from_its_beginning(printed: str) -> None:
    known = doing("INSTALL", "LaunchConditions")
    assert msi_log.look(FakeHost({"type": printed}), LOG, known) == []
