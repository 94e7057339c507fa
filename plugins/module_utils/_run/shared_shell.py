# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""One WinRM shell for all events of a run, although each event is a task, and so a connection, of its own.

Opening and closing a shell would be half of the requests of an event. A shell belongs to its account, not to a connection
([MS-WSMV] 3.1.4.1.2), so the next task can use it too. A shell that has disappeared meanwhile is replaced by a new one. A shell that nobody
uses any more, such as that of a killed run, is closed by the host (IdleTimeout, 2 hours).
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
    """Run the host's commands in the shell that the file names, and leave that shell open.

    Args:
        host: The open host.
        file: Where the id of the shell is noted, on the control node.
        last: Whether no event follows. The shell is then closed, as it is after an error.
    """
    whose = f"{host.options.username} {host.options.endpoint}"
    with contextlib.suppress(OSError, ValueError, KeyError, TypeError):
        known = json.loads(file.read_text(encoding="utf-8"))
        if known["whose"] == whose:
            host.resume_shell(str(known["shell"]), int(known["commands"]))
    noted = False
    try:
        yield
        left = None if last else host.leave_shell()
        if left:
            noted = True
            _write(file, {"whose": whose, "shell": left[0], "commands": left[1]})
    finally:
        if not noted:
            with contextlib.suppress(OSError):
                file.unlink()


def _write(file: Path, known: dict[str, object]) -> None:
    # Where the shell cannot be noted, the next event opens another one.
    with contextlib.suppress(OSError), open(os.open(file, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w", encoding="utf-8") as stream:
        json.dump(known, stream)
