# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""One WinRM shell shared by all events of a run, although each event is written by a task, and so by a process, of its own.

Opening and closing a shell would be half of the requests that an event costs. A shell belongs to its account, not to a connection
([MS-WSMV] 3.1.4.1.2), so the next task can continue in it. A shell that has disappeared in the meantime is opened again. A shell that is
never used again, such as that of a killed run, is closed by the host after its idle timeout (2 hours). Private to this collection.
"""

from __future__ import annotations

import contextlib
import json
import os
from collections.abc import Iterator
from pathlib import Path

from ansible_collections.octopus.upgrade.plugins.module_utils._windows.connection import WindowsHost


@contextlib.contextmanager
def shared_shell(host: WindowsHost, file: Path, last: bool) -> Iterator[None]:
    """Run the host's commands in the shell recorded in a file, and record the shell for the next task.

    Args:
        host: The open host.
        file: The file on the control node that names the shell.
        last: Whether no further task uses the shell. It is then closed, as it is after an error.
    """
    owner = f"{host.options.username} {host.options.endpoint}"
    # A missing or damaged file costs no more than a new shell.
    with contextlib.suppress(OSError, ValueError, KeyError, TypeError):
        recorded = json.loads(file.read_text(encoding="utf-8"))
        if recorded["owner"] == owner:
            host.resume_shell(str(recorded["shell"]), int(recorded["commands"]))
    is_left_open = False
    try:
        yield
        left = None if last else host.leave_shell()
        if left:
            is_left_open = True
            _write(file, {"owner": owner, "shell": left[0], "commands": left[1]})
    finally:
        if not is_left_open:
            with contextlib.suppress(OSError):
                file.unlink()


def _write(file: Path, recorded: dict[str, object]) -> None:
    # A shell that cannot be recorded costs no more than a new one.
    with contextlib.suppress(OSError), open(os.open(file, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w", encoding="utf-8") as stream:
        json.dump(recorded, stream)
