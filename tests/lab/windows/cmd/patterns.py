# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Wildcards in file names."""

from __future__ import annotations

import fnmatch
import re

from lab.core.filesystem import WinError
from lab.windows.process import Process


def pattern(name: str) -> re.Pattern[str]:
    """A file name with ``*`` and ``?`` as a regular expression; ``*.*`` means every name."""
    if name == "*.*":
        name = "*"
    return re.compile(fnmatch.translate(name.replace("[", "[[]")), re.I)


def matches(proc: Process, path: str) -> list[str]:
    """Full paths that a path with wildcards in its last part means; a path without is looked up.

    Raises:
        WinError: 3 no such folder.
    """
    folder, _slash, name = path.rpartition("\\")
    base = folder + "\\" if folder.endswith(":") else folder
    if "*" not in name and "?" not in name:
        return [path] if proc.host.fs.exists(path, proc.logon) else []
    wanted = pattern(name)
    if not proc.host.fs.is_dir(base, proc.logon):
        raise WinError(3, folder)
    return [f"{folder}\\{one}" for one in proc.host.fs.listdir(base, proc.logon) if wanted.match(one)]


def parse_switches(text: str) -> tuple[list[str], list[str]]:
    """The words of a built-in's argument text: (paths, switches in lower case, such as ``/b`` or ``/-c``)."""
    paths: list[str] = []
    switches: list[str] = []
    for token in re.findall(r'/[^\s/"]+|(?:"[^"]*"?|[^\s"/,;=])+', text):
        if token.startswith("/"):
            switches.append(token.lower())
        else:
            paths.append(token.replace('"', ""))
    return paths, switches
