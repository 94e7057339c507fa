# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What is to be put back, and what its restore point's manifest says of it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from ansible_collections.octopus.upgrade.plugins.module_utils._octopus.errors import OctopusError

from .copies import Means, check_absolute, check_folders, check_own, check_point, normal, overlap
from .places import KEPT_MARKER, MARKER, Place

# Ends the name of a note in the folder of what is kept.
COMPLETE = ".complete"


@dataclass(frozen=True)
class Expected:
    """A folder's copy as the manifest has it; None where it does not say."""

    exists: bool | None = None
    files: int | None = None
    bytes: int | None = None

    @classmethod
    def from_manifest(cls, name: str, said: Any) -> Expected:
        """Read a folder's entry.

        Raises:
            OctopusError: It is none.
        """
        values = said if isinstance(said, Mapping) else {}
        exists, files, size = (values.get(key) for key in ("exists", "files", "bytes"))
        counts = [number for number in (files, size) if number is not None]
        if not isinstance(exists, bool) or not all(isinstance(number, int) and not isinstance(number, bool) for number in counts):
            raise OctopusError(
                f"expected: {name} has to be a dictionary of exists (true or false), files and bytes (numbers), not {said!r}."
            )
        return cls(exists, files, size)


@dataclass(frozen=True)
class RestoreRequest:
    """What a module was asked to put back. ``folders`` are the live ones."""

    folders: dict[str, str]
    source: str
    restore_point: str
    keep: str | None = None
    expected: dict[str, Expected] = field(default_factory=dict)
    means: Means = field(default_factory=Means)

    @classmethod
    def from_params(cls, params: dict[str, Any], check_mode: bool) -> RestoreRequest:
        """Read a module's parameters.

        Raises:
            OctopusError: What could not work, or would destroy what is to be put back.
        """
        folders = {name: normal(path) for name, path in params["folders"].items()}
        said = params["expected"]
        request = cls(
            folders,
            normal(params["source"]),
            params["restore_point"],
            normal(params["keep"]) or None,
            {} if said is None else {name: Expected.from_manifest(name, said.get(name)) for name in folders},
            Means.from_params(params, check_mode),
        )
        request._check()
        return request

    def _check(self) -> None:
        check_point(self.restore_point)
        check_absolute("source", self.source)
        check_folders(self.folders)
        if self.keep:
            check_own("keep", self.keep)
            if overlap(self.keep, self.source):
                raise OctopusError(f"keep is {self.keep} and source is {self.source}: one lies in the other.")
        for name, path in self.folders.items():
            if re.fullmatch("[A-Za-z]:", path):
                raise OctopusError(f"folders: {name} is the root of a drive, {path}, which is never emptied.")
            for option, other in (("source", self.source), ("keep", self.keep)):
                if other and overlap(path, other):
                    raise OctopusError(f"folders: {name} is {path} and {option} is {other}: one lies in the other.")

    @property
    def place(self) -> Place:
        return Place(self.source, MARKER)

    @property
    def keep_place(self) -> Place | None:
        return Place(self.keep, KEPT_MARKER) if self.keep else None

    def copy_of(self, name: str) -> str:
        """Return the copy in the restore point."""
        return f"{self.source}\\{name}"

    def kept_of(self, name: str) -> str:
        """Return where the live folder is copied to before it is changed."""
        return f"{self.keep}\\{name}"

    def note_of(self, name: str) -> str:
        """Return the file that says: this folder's kept copy is complete, and its live folder may have been changed since."""
        return f"{self.keep}\\{name}{COMPLETE}"

    def of(self, name: str) -> Expected:
        return self.expected.get(name, Expected())
