# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""One WinRM shell for all events of a run, though each event is a task, and so a process, of its own. Private to this collection.

Opening a shell and closing it would be half of the requests that an event costs. A shell belongs to its account, not to a connection
([MS-WSMV] 3.1.4.1.2), so the next task goes on in it. One that is gone meanwhile is opened anew, and one that nobody comes back to, as of
a killed run, the host closes itself (IdleTimeout, 2 hours).
"""

from __future__ import annotations

import contextlib
import json
import os
from collections.abc import Iterator
from pathlib import Path

from ansible_collections.octopus.upgrade.plugins.module_utils._windows.connection import WindowsHost


@contextlib.contextmanager
def kept_shell(host: WindowsHost, file: Path, last: bool) -> Iterator[None]:
    """Within this, the host's commands run in the shell that is noted in the file.

    Args:
        last: Nobody comes after: the shell is closed, as it is after an error.
    """
    whose = f"{host.options.username} {host.options.endpoint}"
    with contextlib.suppress(OSError, ValueError, KeyError, TypeError):
        known = json.loads(file.read_text(encoding="utf-8"))
        if known["whose"] == whose:
            host.take_up(str(known["shell"]), int(known["commands"]))
    kept = False
    try:
        yield
        left = None if last else host.leave()
        if left:
            kept = True
            _write(file, {"whose": whose, "shell": left[0], "commands": left[1]})
    finally:
        if not kept:
            with contextlib.suppress(OSError):
                file.unlink()


def _write(file: Path, known: dict[str, object]) -> None:
    # A shell that cannot be noted is only opened anew.
    with contextlib.suppress(OSError), open(os.open(file, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w", encoding="utf-8") as stream:
        json.dump(known, stream)
