# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""robocopy: what it copies, its exit bits, its summary."""

from __future__ import annotations

import re

import pytest
from lab.core.filesystem import Logon
from lab.core.network import Network
from lab.windows.host import WindowsHost

SYSTEM = Logon.batch("SYSTEM")
TARGET = "\\\\nas\\backups\\rp1"


@pytest.fixture(name="tree", autouse=True)
def _tree(host: WindowsHost, network: Network) -> None:
    network.add_share("nas", "backups", network.root / "nas", {network.machine_account("octo-a")})
    for folder in ("C:\\src a\\sub", "C:\\src a\\empty"):
        host.fs.mkdir(folder, SYSTEM)
    host.fs.write("C:\\src a\\f.txt", b"abc", SYSTEM)
    host.fs.write("C:\\src a\\sub\\g.log", b"x" * 5000, SYSTEM)


@pytest.fixture(name="robocopy")
def _robocopy(run):
    return lambda line, logon=SYSTEM: run(f"robocopy {line} /R:0 /W:0 /BYTES /NP", logon=logon)


def _rows(result) -> dict[str, list[int]]:
    """The summary's numbers, told from other lines by their shape, as a reader must whatever the language."""
    rows = re.findall(r"^ +(\S+) :" + r" +(\d+)" * 6 + r"\r?$", result.out, re.M)
    return {name: [int(number) for number in numbers] for name, *numbers in rows}


def test_copy_then_nothing_to_do(robocopy, host: WindowsHost, network: Network) -> None:
    result = robocopy(f'"C:\\src a" {TARGET} /E /COPY:DAT /DCOPY:T /MT:8')
    assert result.code == 1
    assert _rows(result) == {"Dirs": [3, 3, 0, 0, 0, 0], "Files": [2, 2, 0, 0, 0, 0], "Bytes": [5003, 5003, 0, 0, 0, 0]}
    copied = network.root / "nas" / "rp1"
    assert sorted(str(path.relative_to(copied)) for path in copied.rglob("*")) == ["empty", "f.txt", "sub", "sub/g.log"]
    assert (copied / "f.txt").stat().st_mtime_ns == host.fs.real("C:\\src a\\f.txt", SYSTEM).stat().st_mtime_ns
    again = robocopy(f'"C:\\src a" {TARGET} /E')
    assert (again.code, _rows(again)["Files"]) == (0, [2, 0, 2, 0, 0, 0])


def test_without_e_folders_stay(robocopy, network: Network) -> None:
    assert robocopy(f'"C:\\src a" {TARGET}').code == 1
    assert [path.name for path in (network.root / "nas" / "rp1").iterdir()] == ["f.txt"]


def test_mir_deletes_what_the_source_has_not(robocopy, host: WindowsHost, network: Network) -> None:
    robocopy(f'"C:\\src a" {TARGET} /E')
    host.fs.write(f"{TARGET}\\extra.txt", b"12", SYSTEM)
    host.fs.mkdir(f"{TARGET}\\extra", SYSTEM)
    listed = robocopy(f'"C:\\src a" {TARGET} /MIR /L')
    assert (listed.code, _rows(listed)["Files"], _rows(listed)["Dirs"][5]) == (2, [2, 0, 2, 0, 0, 1], 1)
    assert (network.root / "nas" / "rp1" / "extra.txt").exists(), "/L only lists"
    assert robocopy(f'"C:\\src a" {TARGET} /E').code == 2
    assert robocopy(f'"C:\\src a" {TARGET} /MIR').code == 2
    assert not (network.root / "nas" / "rp1" / "extra").exists()
    assert robocopy(f'"C:\\src a" {TARGET} /MIR').code == 0


def test_a_changed_file_is_copied(robocopy, host: WindowsHost, network: Network) -> None:
    robocopy(f'"C:\\src a" {TARGET} /E')
    host.fs.write("C:\\src a\\f.txt", b"new", SYSTEM)
    result = robocopy(f'"C:\\src a" {TARGET} /E')
    assert (result.code, _rows(result)["Bytes"]) == (1, [5003, 3, 5000, 0, 0, 0])
    assert (network.root / "nas" / "rp1" / "f.txt").read_bytes() == b"new"


def test_names_and_exclusions(robocopy, network: Network) -> None:
    assert robocopy(f'"C:\\src a" {TARGET} *.log /S').code == 1
    assert robocopy(f'"C:\\src a" {TARGET}x /E /XF *.txt /XD "C:\\src a\\sub"').code == 1
    assert [path.name for path in (network.root / "nas" / "rp1x").iterdir()] == ["empty"]
    assert not (network.root / "nas" / "rp1" / "f.txt").exists()


def test_no_second_hop(robocopy, admin: Logon) -> None:
    result = robocopy(f'"C:\\src a" {TARGET} /E', logon=admin)
    assert result.code == 16
    assert "ERROR 5 (0x00000005) Accessing Destination Directory \\\\nas\\backups\\rp1\\" in result.out


@pytest.mark.parametrize("line", ['"C:\\nope" C:\\b /E', '"C:\\src a\\" \\\\nas\\backups\\rp1 /E', '"C:\\src a"'])
def test_fatal_mistakes(robocopy, line: str) -> None:
    assert robocopy(line).code == 16


def test_a_full_disk_fails_some(robocopy, host: WindowsHost) -> None:
    host.faults.arm("disk.full", path=f"{TARGET}\\sub\\", times=None)
    result = robocopy(f'"C:\\src a" {TARGET} /E')
    assert (result.code, _rows(result)["Files"]) == (9, [2, 1, 0, 0, 1, 0])
    assert "ERROR 112 (0x00000070) Copying File C:\\src a\\sub\\g.log" in result.out
    assert "RETRY LIMIT EXCEEDED" in result.out


def test_a_log_of_its_own(robocopy, host: WindowsHost, admin: Logon) -> None:
    result = robocopy(f'"C:\\src a" {TARGET} /E /NFL /NDL /NJH /UNILOG:C:\\r.log')
    assert result.lines == ["", " Log File : C:\\r.log"]
    text = host.fs.read("C:\\r.log", admin).decode("utf-16")
    assert "ROBOCOPY" not in text
    assert "g.log" not in text
    assert re.search(r"^ +Bytes : +5003 +5003 +0 +0 +0 +0\r$", text, re.M)


def test_time_goes_by_bytes(robocopy, host: WindowsHost) -> None:
    host.copy_rate = 1000
    before = host.clock.seconds()
    robocopy(f'"C:\\src a" {TARGET} /E')
    assert host.clock.seconds() - before >= 5


def test_unknown_switches_are_loud(run) -> None:
    assert run("robocopy C:\\a C:\\b /MON:1").err.startswith("lab: unsupported robocopy.exe: /mon:1")
