# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Published versions, and the policies that choose one of them. No I/O."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from typing import Any

from ..errors import OctopusError
from ..version import Version

_DATE = re.compile(r"(\d{4})-(\d{2})-(\d{2})")
_LINE = re.compile(r"(\d+)\.(\d+)(?:\.x)?")
_MAJOR = re.compile(r"(\d+)(?:\.x)?")
POLICIES = "an exact version, latest, latest-patch, latest-minor, a line such as 2025.4, a year such as 2026.x, or a bound such as <2025.4"


@dataclass(frozen=True)
class Release:
    """A published version, and when it came out; None where the feed does not tell."""

    version: Version
    released: date | None = None


def from_feed(entries: Any) -> list[Release]:
    """Read the vendor's feed (https://octopus.com/download/upgrade/v3), the oldest version first.

    It is an array of objects with ``Version``. That a release date is among the rest is documented, its name is not, and no order is promised:
    so any entry is read that can be, whatever else it holds. Pre-releases are left out.

    Raises:
        OctopusError: It is no such array, or no entry of it can be read.
    """
    if not isinstance(entries, list):
        raise OctopusError(f"expected the release feed to be a list, and found {type(entries).__name__}")
    found: dict[Version, Release] = {}
    for entry in entries:
        release = _release(entry)
        if release is not None and not release.version.prerelease:
            found[release.version] = release
    if entries and not found:
        raise OctopusError("the release feed has no entry with a version that can be read; expected objects with Version")
    return [found[version] for version in sorted(found)]


def from_names(names: Iterable[str]) -> list[Release]:
    """Read the versions of the MSIs in a folder by their names (Octopus.2025.4.10423-x64.msi), the oldest first. Other files are ignored."""
    versions = set()
    for name in names:
        found = re.fullmatch(r"Octopus\.(\d+(?:\.\d+){1,3})-x64\.msi", name, re.I)
        if found:
            versions.add(Version.parse(found[1]))
    return [Release(version) for version in sorted(versions)]


def resolve(wanted: str, available: Iterable[Release], installed: Version | None = None) -> Version:
    """Choose the version that a policy means.

    Args:
        wanted: An exact version of three or more parts, which need not be available; ``latest``; ``latest-patch`` (of the installed line) and
            ``latest-minor`` (of the installed year); a line (``2025.4``), a year (``2026.x``), or a bound (``<2025.4``).
        available: What can be had.
        installed: What is installed, which the policies latest-patch and latest-minor start from.

    Raises:
        OctopusError: It is none of these, or nothing available matches.
    """
    text = wanted.strip()
    versions = sorted(release.version for release in available)
    if text == "latest":
        matching = versions
    elif text in ("latest-patch", "latest-minor"):
        if installed is None:
            raise OctopusError(f"octopus_version {text} needs the installed version, which is not known")
        parts = 2 if text == "latest-patch" else 1
        matching = [version for version in versions if version.parts[:parts] == installed.parts[:parts] and version >= installed]
    elif text.startswith("<"):
        bound = Version.parse(text[1:])
        matching = [version for version in versions if version < bound]
    elif line := _LINE.fullmatch(text):
        matching = [version for version in versions if version.parts[:2] == (int(line[1]), int(line[2]))]
    elif year := _MAJOR.fullmatch(text):
        matching = [version for version in versions if version.parts[0] == int(year[1])]
    else:
        try:
            return Version.parse(text)
        except OctopusError as error:
            raise OctopusError(f"octopus_version {wanted!r} is not understood; expected {POLICIES}") from error
    if not matching:
        newest = f"the newest of {len(versions)} is {versions[-1]}" if versions else "there is none at all"
        raise OctopusError(f"octopus_version {text}: expected a published version that matches, but {newest}")
    return matching[-1]


def _release(entry: Any) -> Release | None:
    fields = {str(name).lower(): value for name, value in entry.items()} if isinstance(entry, dict) else {"version": entry}
    try:
        version = Version.parse(str(fields.get("version")))
    except OctopusError:
        return None
    return Release(version, _date(fields))


def _date(fields: dict[str, Any]) -> date | None:
    for name in sorted(fields, key=lambda one: (one != "releasedate", one)):
        found = _DATE.match(str(fields[name])) if "date" in name or "released" in name or "published" in name else None
        if found:
            try:
                return date(int(found[1]), int(found[2]), int(found[3]))
            except ValueError:
                continue
    return None
