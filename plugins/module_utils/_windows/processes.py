# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Running processes, through tasklist and taskkill."""

from __future__ import annotations

import csv
from dataclasses import dataclass

from ansible_collections.octopus.upgrade.plugins.module_utils._windows.connection import WindowsHost
from ansible_collections.octopus.upgrade.plugins.module_utils._windows.errors import WindowsError

GONE = 128


@dataclass(frozen=True)
class ProcessInfo:
    """A process: the name of its program's file and its id."""

    image: str
    pid: int


def find(host: WindowsHost, image: str | None = None, pid: int | None = None) -> list[ProcessInfo]:
    """The processes of that program's file name, or of that id, or all."""
    argv = ["tasklist", "/fo", "csv", "/nh"]
    if image is not None:
        argv += ["/fi", f"imagename eq {image}"]
    if pid is not None:
        argv += ["/fi", f"pid eq {pid}"]
    result = host.run(argv, check=True, idempotent=True)
    # Where nothing fits, a translated sentence stands there instead of the table.
    rows = [row for row in csv.reader(result.stdout.splitlines()) if len(row) >= 5 and row[1].isdigit()]
    return [ProcessInfo(row[0], int(row[1])) for row in rows]


def is_running(host: WindowsHost, pid: int) -> bool:
    """Whether there is a process with that id."""
    return bool(find(host, pid=pid))


def kill(host: WindowsHost, pid: int) -> bool:
    """End a process by force. False where there was none.

    :raises WindowsError: it cannot be ended.
    """
    result = host.run(["taskkill", "/f", "/pid", str(pid)])
    if result.exit_code == GONE:
        return False
    if result.exit_code:
        said = " ".join((result.stderr or result.stdout).split())
        raise WindowsError(f"{host.where}: the process {pid} cannot be ended: {said}", host.name, result.exit_code)
    return True
