# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Junctions, symbolic links and coarse file times: mklink, dir, rd, robocopy."""

from __future__ import annotations

import os
import re

import pytest
from lab.core.filesystem import Logon
from lab.core.network import Network
from lab.windows.host import WindowsHost

SYSTEM = Logon.batch("SYSTEM")


@pytest.fixture(name="tree", autouse=True)
def _tree(host: WindowsHost) -> None:
    for folder in ("C:\\live\\sub", "C:\\other\\deep"):
        host.fs.mkdir(folder, SYSTEM)
    host.fs.write("C:\\live\\f.txt", b"abc", SYSTEM)
    host.fs.write("C:\\other\\deep\\g.txt", b"far away", SYSTEM)


@pytest.fixture(name="links")
def _links(cmd) -> None:
    assert cmd("mklink /j C:\\live\\sub\\linked C:\\other").code == 0
    assert cmd("mklink C:\\live\\file.txt C:\\other\\deep\\g.txt").code == 0


def test_dir_shows_links_and_does_not_enter_them(cmd, links) -> None:
    result = cmd("dir /al /s C:\\live")
    shown = [line for line in result.lines if "<" in line]
    assert result.code == 0
    assert [re.split(r"\s{2,}", line)[-1].split("> ")[-1].strip() for line in shown] == [
        "file.txt [C:\\other\\deep\\g.txt]",
        "linked [C:\\other]",
    ]
    assert "<JUNCTION>" in shown[1]
    assert cmd("dir /al /s C:\\other").code == 1


def test_rd_removes_the_link_only(cmd, links, host: WindowsHost) -> None:
    cmd("rd C:\\live\\sub\\linked")
    assert host.fs.listdir("C:\\live\\sub", SYSTEM) == []
    cmd("mklink /j C:\\live\\sub\\linked C:\\other")
    cmd("rd /s /q C:\\live")
    assert host.fs.read("C:\\other\\deep\\g.txt", SYSTEM) == b"far away"


def test_robocopy_follows_links_or_leaves_them_out(run, links, host: WindowsHost) -> None:
    run("robocopy C:\\live C:\\with /e /r:0 /w:0", logon=SYSTEM)
    assert host.fs.read("C:\\with\\sub\\linked\\deep\\g.txt", SYSTEM) == b"far away"
    run("robocopy C:\\live C:\\without /e /xj /r:0 /w:0", logon=SYSTEM)
    assert host.fs.listdir("C:\\without", SYSTEM) == ["f.txt", "sub"]
    assert host.fs.listdir("C:\\without\\sub", SYSTEM) == []


def test_times_of_a_coarse_share(run, host: WindowsHost, network: Network) -> None:
    share = network.add_share("nas", "backups", network.root / "nas", {network.machine_account("octo-a")})
    share.volume.time_step = 2 * 10**9
    os.utime(host.fs.real("C:\\live\\f.txt", SYSTEM), ns=(0, 1_700_000_001_123_456_700))
    line = "robocopy C:\\live \\\\nas\\backups\\p /e /r:0 /w:0"
    assert run(line, logon=SYSTEM).code == 1
    assert run(f"{line} /l", logon=SYSTEM).code == 1
    assert run(f"{line} /l /fft", logon=SYSTEM).code == 0


def test_robocopy_lists_times_and_whole_paths(run, host: WindowsHost) -> None:
    os.utime(host.fs.real("C:\\live\\f.txt", SYSTEM), ns=(0, 1_700_000_001_123_456_700))
    run("robocopy C:\\live C:\\none /l /e /ts /fp /ndl /nc /njh /njs /np /bytes /unilog:C:\\log.txt", logon=SYSTEM)
    assert host.fs.read("C:\\log.txt", SYSTEM).decode("utf-16").split("\r\n") == ["\t  \t       3 2023/11/14 22:13:21\tC:\\live\\f.txt", ""]
