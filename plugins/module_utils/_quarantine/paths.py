# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

r"""Whether two folders of Windows are the same or lie in one another, as far as their spelling tells.

In doubt they are: a clone whose folder is production's deletes production's packages. So ``\\nas`` and ``\\nas.example.com`` are one server,
a server given by its address may be any, ``\\host\c$\x`` may be ``C:\x``, and a short name (``OCTOPU~1``) cannot be told at all.
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
    """A path that says different things in different places, or nothing that can be compared."""


@dataclass(frozen=True)
class Folder:
    """A folder: the server of its share (None: a drive; ``*``: one that may be any), drive or share, and the names below."""

    host: str | None
    root: str
    names: tuple[str, ...]


def is_absolute(text: str) -> bool:
    """Whether a path says by itself where it is."""
    plain = text.strip().replace("/", "\\")
    return plain.startswith("\\\\") or bool(_DRIVE.match(plain) and plain[2:3] == "\\")


def parse(text: str) -> Folder:
    """Read a path.

    Raises:
        SpellingError: It is relative, names nothing, or has a short name.
    """
    plain = text.strip().replace("/", "\\")
    if re.match(r"\\\\[?.]\\UNC\\", plain, re.IGNORECASE):
        plain = "\\\\" + plain[8:]
    elif re.match(r"\\\\[?.]\\", plain):
        plain = plain[4:]
    unc = plain.startswith("\\\\")
    if not unc and not (_DRIVE.match(plain) and plain[2:3] in ("", "\\")):
        raise SpellingError(f"{text!r} is neither a path with a drive letter nor one of a share")
    parts = [part for part in plain.split("\\") if part]
    if unc and len(parts) < 2:
        raise SpellingError(f"{text!r} names no share")
    head, rest = (parts[:2], parts[2:]) if unc else (parts[:1], parts[1:])
    names = _resolved(rest)
    short = next((name for name in names if _SHORT.fullmatch(name)), None)
    if short:
        raise SpellingError(f"{text!r} has the short name {short!r}, which may be any folder: give the long one")
    if not unc:
        return Folder(None, head[0].lower(), names)
    share = _plain(head[1])
    if re.fullmatch(r"[a-z]\$", share):
        return Folder(ANY_HOST, f"{share[0]}:", names)
    return Folder(_host(head[0]), share, names)


def overlap(one: Folder, other: Folder) -> bool:
    """Whether one of two folders may be the other, or lie in it."""
    if one.root != other.root or not _one_host(one.host, other.host):
        return False
    shorter = min(len(one.names), len(other.names))
    return one.names[:shorter] == other.names[:shorter]


def _one_host(one: str | None, other: str | None) -> bool:
    return one == other or ANY_HOST in (one, other)


def _host(text: str) -> str:
    """A server's name without its domain and port; ``*`` where it is an address, which may be that of any."""
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
    """A name as Windows compares it: without blanks and dots at its end, whatever its case."""
    # Upper case first: casefold alone would leave apart what Windows takes for one, such as K and the sign for kelvin.
    return name.rstrip(" .").upper().casefold()
