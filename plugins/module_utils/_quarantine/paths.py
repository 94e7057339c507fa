# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

r"""Whether two Windows folders are the same, or one is in the other, judged by their paths.

In doubt they are: a clone whose folder is production's deletes production's packages. So ``\\nas`` and ``\\nas.example.com`` are one server,
a server given by its address may be any, ``\\host\c$\x`` may be ``C:\x``, and a short name (``OCTOPU~1``) is refused.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from ansible_collections.octopus.upgrade.plugins.module_utils._core.errors import InvalidValue

_ADDRESS = re.compile(r"[0-9.]+|\[?[0-9a-f:.%]*:[0-9a-f:.%]*\]?|.*\.ipv6-literal\.net", re.IGNORECASE)
_SHORT = re.compile(r"[^\\]{1,6}~\d{1,6}(?:\.[^\\]{0,3})?")
_DRIVE = re.compile(r"[A-Za-z]:")
ANY_HOST = "*"


class SpellingError(InvalidValue):
    """A path whose meaning depends on where it is used, or that cannot be compared."""


@dataclass(frozen=True)
class Folder:
    """A folder: the server of its share (None: a drive; ``*``: any), the drive or share, and the names below."""

    host: str | None
    root: str
    names: tuple[str, ...]


def is_absolute(text: str) -> bool:
    """Whether a path is complete."""
    plain = text.strip().replace("/", "\\")
    return plain.startswith("\\\\") or bool(_DRIVE.match(plain) and plain[2:3] == "\\")


def parse(text: str) -> Folder:
    """Read a path.

    Raises:
        SpellingError: It is relative, names no share, or has a short name.
    """
    plain = text.strip().replace("/", "\\")
    if re.match(r"\\\\[?.]\\UNC\\", plain, re.IGNORECASE):
        plain = "\\\\" + plain[8:]
    elif re.match(r"\\\\[?.]\\", plain):
        plain = plain[4:]
    unc = plain.startswith("\\\\")
    if not unc and not (_DRIVE.match(plain) and plain[2:3] in ("", "\\")):
        raise SpellingError(f"{text!r} is neither a path with a drive letter nor one on a share")
    parts = [part for part in plain.split("\\") if part]
    if unc and len(parts) < 2:
        raise SpellingError(f"{text!r} names no share")
    head, rest = (parts[:2], parts[2:]) if unc else (parts[:1], parts[1:])
    names = _resolved(rest)
    short = next((name for name in names if _SHORT.fullmatch(name)), None)
    if short:
        raise SpellingError(f"{text!r} has the short name {short!r}, which may stand for any folder: give the long one")
    if not unc:
        return Folder(None, head[0].lower(), names)
    share = _plain(head[1])
    if re.fullmatch(r"[a-z]\$", share):
        return Folder(ANY_HOST, f"{share[0]}:", names)
    return Folder(_host(head[0]), share, names)


def overlap(one: Folder, other: Folder) -> bool:
    """Whether one of two folders may be the other, or be in it."""
    if one.root != other.root or not _one_host(one.host, other.host):
        return False
    shorter = min(len(one.names), len(other.names))
    return one.names[:shorter] == other.names[:shorter]


def _one_host(one: str | None, other: str | None) -> bool:
    return one == other or ANY_HOST in (one, other)


def _host(text: str) -> str:
    """A server's name without its domain and port; ``*`` for an address, which may be that of any server."""
    name = text.partition("@")[0].strip().rstrip(".")
    if _ADDRESS.fullmatch(name) or name.lower() == "localhost":
        return ANY_HOST
    return _plain(name.partition(".")[0])


def _resolved(parts: list[str]) -> tuple[str, ...]:
    out: list[str] = []
    for part in parts:
        if part == ".":
            continue
        if part == "..":
            del out[-1:]
            continue
        name = _plain(part)
        if name:
            out.append(name)
    return tuple(out)


def _plain(name: str) -> str:
    """A name as Windows compares it: without trailing blanks and dots, ignoring case."""
    # Upper case first: casefold alone would distinguish what Windows does not, such as K and the Kelvin sign.
    return name.rstrip(" .").upper().casefold()
