# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the comparison of a folder of 2 million files costs the control node, which reads both listings over WinRM.

Listings are read only where their hashes differ, which the hosts compute themselves: so this is the dearest case, with one altered file. A
process of its own is measured, with what the system says of its CPU time and memory. ``OCTOPUS_LISTED_FILES=2000000`` takes the whole folder;
without it smaller ones show that the time grows with the number of files and the memory does not.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from patience import patient
from scenarios.windows.setting import SYSTEM, World

MOST, SECONDS, MEBIBYTES = 2_000_000, 60, 300
FILES = int(os.environ.get("OCTOPUS_LISTED_FILES", "60000"))
COPY = "\\\\nas\\backups\\prod\\point\\folders\\packages"
READER = """
import json, resource, sys
from functools import partial
from ansible_collections.octopus.upgrade.plugins.module_utils._octopus.folders import listing
from ansible_collections.octopus.upgrade.plugins.module_utils._restore_point.listing_check import read_list
from ansible_collections.octopus.upgrade.plugins.module_utils._windows.connection import ConnectionOptions, WindowsHost

given = json.load(sys.stdin)
before = resource.getrusage(resource.RUSAGE_SELF)
with WindowsHost(ConnectionOptions.from_params(given["connection"])) as host:
    then, now = (partial(read_list, host, path, given["timeout"]) for path in given["lists"])
    found = listing.differences(then, given["copy"], now, given["copy"])
used = resource.getrusage(resource.RUSAGE_SELF)
seconds = used.ru_utime + used.ru_stime - before.ru_utime - before.ru_stime
# ru_maxrss would be that of the process this one was forked from, which holds the lab.
[peak] = [line.split()[1] for line in open("/proc/self/status") if line.startswith("VmHWM:")]
print(json.dumps({"found": found, "seconds": seconds, "mebibytes": int(peak) / 1024}))
"""


def listed(path: Path, files: int, altered: int) -> None:
    """Write what robocopy's /unilog writes: UTF-16, in names of the length that packages have."""
    with path.open("w", encoding="utf-16", newline="") as out:
        for number in range(files):
            size, when = number * 7 + (number == altered), f"2026/03/{number % 28 + 1:02} 10:{number % 60:02}:{number % 59:02}"
            out.write(
                f"\t  \t{size:>8} {when}\t{COPY}\\feeds-builtin\\Wéb.Shop.{number // 50}\\Wéb.Shop.{number // 50}.1.0.{number}.nupkg\r\n"
            )


def cost(world: World, files: int) -> dict[str, Any]:
    """Compare two listings of so many files, of which one was altered, in a process of its own."""
    host, altered = world.hosts["octo-a"], files // 2
    lists = ["C:\\then.txt", "C:\\now.txt"]
    for path, one in zip(lists, (-1, altered), strict=True):
        host.fs.write(path, b"", SYSTEM)
        listed(host.fs.real(path, SYSTEM), files, one)
    timeout = patient(files / 1000 + 60)
    given = {"connection": world.params(), "copy": COPY, "lists": lists, "timeout": timeout}
    done = subprocess.run(
        [sys.executable, "-c", READER],
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
        input=json.dumps(given),
        capture_output=True,
        text=True,
        timeout=4 * timeout,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    told = dict(json.loads(done.stdout))
    [found] = told["found"]
    assert found.endswith(f".1.0.{altered}.nupkg has {altered * 7 + 1} bytes instead of {altered * 7}")
    return told


@pytest.mark.timeout(3600)
def test_two_million_files_cost_less_than_a_minute_and_300_megabytes(world: World, capsys: pytest.CaptureFixture[str]) -> None:
    few, many = cost(world, FILES // 4), cost(world, FILES)
    with capsys.disabled():
        print(f"\n{FILES} files: {many['seconds']:.1f} s of CPU time, {many['mebibytes']:.0f} MiB; a quarter of them: {few}")
    a_file = (many["seconds"] - few["seconds"]) / (FILES - FILES // 4)
    # CPU time too is longer where a core is shared with others.
    assert few["seconds"] + a_file * (MOST - FILES // 4) < patient(SECONDS)
    assert many["seconds"] < 8 * few["seconds"] + 1, "the time grows faster than the number of files"
    assert many["mebibytes"] < few["mebibytes"] + 20, "the memory grows with the number of files"
    assert many["mebibytes"] < MEBIBYTES
