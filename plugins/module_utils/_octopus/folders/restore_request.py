# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What to restore, and what the manifest of its restore point says about it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from ansible_collections.octopus.upgrade.plugins.module_utils._octopus.errors import OctopusError

from . import aside
from .copies import Means, check_absolute, check_folders, check_own, check_point, named_folders, normal, overlap
from .places import MARKER, RETAINED_MARKER, Place

# Suffix of the file that records that a folder's retained copy is complete.
COMPLETE = ".complete"


@dataclass(frozen=True)
class Expected:
    """A folder's copy according to the manifest; None where the manifest does not say."""

    exists: bool | None = None
    files: int | None = None
    bytes: int | None = None
    coarse_times: bool = False

    @classmethod
    def from_manifest(cls, name: str, said: Any) -> Expected:
        """Read a folder's entry.

        Raises:
            OctopusError: It is not such an entry.
        """
        values = said if isinstance(said, Mapping) else {}
        exists, files, size = (values.get(key) for key in ("exists", "files", "bytes"))
        counts = [number for number in (files, size) if number is not None]
        if not isinstance(exists, bool) or not all(isinstance(number, int) and not isinstance(number, bool) for number in counts):
            raise OctopusError(
                f"expected: {name} has to be a dictionary of exists (true or false), files and bytes (numbers), but is {said!r}."
            )
        return cls(exists, files, size, values.get("coarse_times") is True)


@dataclass(frozen=True)
class RestoreRequest:
    """What to restore. ``folders`` are the live folders, ``retain_in`` is where their present content is copied first."""

    folders: dict[str, str]
    source: str
    restore_point: str
    retain_in: str | None = None
    expected: dict[str, Expected] = field(default_factory=dict)
    means: Means = field(default_factory=Means)

    @classmethod
    def from_params(cls, params: dict[str, Any], check_mode: bool) -> RestoreRequest:
        """Read the parameters of ``octopus_folders_restore``.

        Raises:
            OctopusError: They cannot work, or would destroy the copies.
        """
        folders = named_folders(params["folders"])
        said = params["expected"]
        request = cls(
            folders,
            normal(params["source"]),
            params["restore_point"],
            normal(params["retain_in"]) or None,
            {} if said is None else {name: Expected.from_manifest(name, said.get(name)) for name in folders},
            Means.from_params(params, check_mode),
        )
        request._check()
        return request

    def _check(self) -> None:
        check_point(self.restore_point)
        check_absolute("source", self.source)
        check_folders(self.folders)
        if self.retain_in:
            check_own("retain_in", self.retain_in)
            if overlap(self.retain_in, self.source):
                raise OctopusError(
                    f"retain_in is {self.retain_in} and source is {self.source}. One contains the other: choose another retain_in."
                )
        for name, path in self.folders.items():
            if re.fullmatch("[A-Za-z]:", path):
                raise OctopusError(f"folders: {name} is {path}, the root of a drive, which is never overwritten.")
            for option, other in (("source", self.source), ("retain_in", self.retain_in)):
                if other and overlap(path, other):
                    raise OctopusError(f"folders: {name} is {path} and {option} is {other}. One contains the other.")

    @property
    def place(self) -> Place:
        return Place(self.source, MARKER)

    @property
    def retained_place(self) -> Place | None:
        return Place(self.retain_in, RETAINED_MARKER) if self.retain_in else None

    def aside_of(self, name: str) -> Place | None:
        """Return where content of a live folder is moved, on the same volume; None where it cannot be."""
        return aside.place_of(name, self.folders, self.retain_in)

    @property
    def asides(self) -> dict[str, Place]:
        """All of them, by their paths."""
        return {place.path: place for name in self.folders if (place := self.aside_of(name))}

    def copy_of(self, name: str) -> str:
        """Return the copy in the restore point."""
        return f"{self.source}\\{name}"

    def retained_of(self, name: str) -> str:
        """Return the retained copy of the live folder."""
        return f"{self.retain_in}\\{name}"

    def complete_file_of(self, name: str) -> str:
        """Return the file that records that the retained copy is complete, and that the live folder may have changed since."""
        return f"{self.retain_in}\\{name}{COMPLETE}"

    def of(self, name: str) -> Expected:
        return self.expected.get(name, Expected())
