# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Free space on drives and shares."""

from __future__ import annotations

import re

from ansible_collections.octopus.upgrade.plugins.module_utils._core.errors import InvalidValue

from .connection import WindowsHost
from .errors import HostError

_NUMBER = re.compile(r"\d+")


def free_bytes(host: WindowsHost, path: str) -> int:
    r"""Return the free bytes on the drive or share of a path; a share needs an account that can reach it.

    ``dir /-c`` prints them as the last number, without separators, on any Windows. It lists the root, which always exists.

    Raises:
        HostError: The drive or share does not exist, or access is denied.
    """
    root = root_of(path)
    result = host.run_builtin("dir", "/-c", "/ad", root, idempotent=True)
    free = free_in(result.stdout)
    # Exit code 1 means that there is no folder, but the last line is printed nevertheless.
    if free is None or result.exit_code > 1:
        said = " ".join((result.stderr or result.stdout).split())
        raise HostError(f"{host.where}: cannot find out the free space of {root}: {said}", host.name, result.exit_code)
    return free


def free_in(listing: str) -> int | None:
    """Parse the free bytes in the output of ``dir /-c``; None where its last line has no number."""
    numbers = _NUMBER.findall((listing.strip().splitlines() or [""])[-1])
    return int(numbers[-1]) if numbers else None


def root_of(path: str) -> str:
    r"""Return ``C:\`` or ``\\server\share\`` of a path.

    Raises:
        InvalidValue: The path is relative.
    """
    text = path.replace("/", "\\")
    if re.match(r"[A-Za-z]:\\", text) or re.fullmatch(r"[A-Za-z]:", text):
        return text[:2].upper() + "\\"
    match = re.match(r"\\\\[^\\]+\\[^\\]+", text)
    if match:
        return match[0] + "\\"
    raise InvalidValue(f"expected an absolute path with a drive letter or a UNC path but found {path!r}")


def is_unc(path: str) -> bool:
    r"""Whether the path starts with ``\\server``. A WinRM logon cannot reach it, but a job can."""
    return path.replace("/", "\\").startswith("\\\\")
