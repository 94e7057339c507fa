# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Junctions and symbolic links below a folder, as ``dir /al /s`` shows them: ``<JUNCTION>  name [target]``.

The words between the angle brackets are translated, the brackets are not, and no file name can contain them. A file that data deduplication
or tiered storage has replaced is a reparse point too, but no link: ``dir`` shows its size instead of the brackets.
"""

from __future__ import annotations

import re

from .connection import SYSTEM32, WindowsHost
from .quoting import batch_builtin, batch_line, batch_word

_LINK = re.compile(r"<[^<>]+>\s+(\S.*)$")


def look_line(path: str, folder: str) -> str:
    """Return the line of a command file that prints the links below a path. Its exit code is 0 where there are any, else 1.

    Args:
        path: The folder to search.
        folder: A folder for two files: the output of ``dir``, and :func:`found_file`. No pipe is used, because the second cmd.exe that it
            starts would expand a ``%`` of the path again.
    """
    listed = f"{folder}\\links.txt"
    find = batch_line([f"{SYSTEM32}findstr.exe", "/l", "/c:<", listed])
    return (
        f"({batch_builtin('dir', '/al', '/s', path)} >{batch_word(listed)} 2>nul & {find} && (echo found)>{batch_word(found_file(folder))})"
    )


def found_file(folder: str) -> str:
    """Return the file that :func:`look_line` makes where it finds a link."""
    return f"{folder}\\links.found"


def look(host: WindowsHost, path: str) -> list[str]:
    """Return the links below a folder of the host itself, each as ``name [target]``."""
    return links_in(host.run_builtin("dir", "/al", "/s", path, idempotent=True, timeout=3600).stdout)


def links_in(text: str) -> list[str]:
    """Parse the links in the output of ``dir``, each as ``name [target]``."""
    found = [match[1].strip() for line in text.splitlines() if (match := _LINK.search(line))]
    return [one for one in found if one.split(" [")[0] not in (".", "..")]
