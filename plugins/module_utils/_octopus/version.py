# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Version numbers of Octopus Server, which changed their form twice: 3.2.1, 4.1.10, 2018.10.7, 2021.1.8045."""

from __future__ import annotations

import re
from functools import total_ordering

from .errors import OctopusError

_FORM = re.compile(r"v?(\d+(?:\.\d+){1,3})(?:-([0-9A-Za-z.-]+))?(?:\+\S*)?", re.ASCII)
_PARTS = 4


@total_ordering
class Version:
    """A version that compares by number: 3.17.14 < 4.0 < 2018.1 < 2018.10, and a pre-release before its release.

    Missing parts count as zero, so that ``2018.10.7`` of the API equals ``2018.10.7.0`` of a file's version resource.
    The order of pre-releases is that of https://semver.org/#spec-item-11.
    """

    def __init__(self, parts: tuple[int, ...], prerelease: str = "", text: str = "") -> None:
        self.parts = parts + (0,) * (_PARTS - len(parts))
        self.prerelease = prerelease
        self.text = text or ".".join(map(str, parts)) + (f"-{prerelease}" if prerelease else "")

    @classmethod
    def parse(cls, text: str) -> Version:
        """Read a version of two, three or four parts.

        Raises:
            OctopusError: It is none.
        """
        found = _FORM.fullmatch(text.strip())
        if not found:
            raise OctopusError(f"{text!r} is not a version of Octopus Server. Expected a number such as 2018.10.7 or 2025.4.10423.")
        numbers, prerelease = found.groups()
        return cls(tuple(int(part) for part in numbers.split(".")), prerelease or "", text.strip())

    @property
    def has_spaces(self) -> bool:
        """Whether this version knows Spaces (https://octopus.com/docs/administration/spaces: from 2019.1)."""
        return self.parts >= (2019, 1, 0, 0)

    def _key(self) -> tuple:
        # A release sorts after its pre-releases; within those, numbers before words, as numbers.
        words = (
            tuple((0, int(word), "") if word.isdigit() else (1, 0, word) for word in self.prerelease.split(".")) if self.prerelease else ()
        )
        return (self.parts, not self.prerelease, words)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Version) and self._key() == other._key()

    def __lt__(self, other: Version) -> bool:
        return self._key() < other._key()

    def __hash__(self) -> int:
        return hash(self._key())

    def __str__(self) -> str:
        return self.text

    def __repr__(self) -> str:
        return f"Version({self.text!r})"


def is_at(found: str | None, wanted: str) -> bool:
    """Return whether the version that was found is the wanted one; an unknown one is not.

    Raises:
        OctopusError: One of them is not a version.
    """
    return found is not None and Version.parse(found) == Version.parse(wanted)
