# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Which task of the server works on a file, so that a run that was interrupted waits for it instead of starting another one."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ansible_collections.octopus.upgrade.plugins.module_utils._octopus.errors import OctopusError
from ansible_collections.octopus.upgrade.plugins.module_utils._secrets.stored_secret import LocalFile


@dataclass(frozen=True)
class Pending:
    """The note beside a file on the control node. It contains no secret.

    Args:
        path: The file that the task writes or reads.
        kind: ``export`` or ``import``.
        what: What was asked for, such as the server and the projects. A note about something else is not used.
    """

    path: str
    kind: str
    what: dict[str, Any]

    @property
    def path_of_note(self) -> Path:
        """Where the note is."""
        return Path(f"{self.path}.{self.kind}-task")

    def read(self) -> dict[str, Any] | None:
        """Return what was noted; None where there is no note, or one about something else.

        Raises:
            OctopusError: The note is not one of ours.
        """
        found = self.found()
        return found["noted"] if found and found["what"] == self.what else None

    def found(self) -> dict[str, Any] | None:
        """Return the note, whatever it is about, with ``what`` and ``noted``; None where there is none.

        Raises:
            OctopusError: It is not one of ours.
        """
        content = LocalFile(str(self.path_of_note)).read()
        if content is None:
            return None
        try:
            found: dict[str, Any] = json.loads(content)
            return {"what": dict(found["what"]), "noted": dict(found["noted"])}
        except (ValueError, KeyError, TypeError) as error:
            raise OctopusError(f"{self.path_of_note} is not a note about a task. Remove it if nothing runs.") from error

    def write(self, noted: dict[str, Any]) -> None:
        """Note it.

        Raises:
            SecretError: The file cannot be written.
        """
        LocalFile(str(self.path_of_note)).write(json.dumps({"what": self.what, "noted": noted}).encode())

    def clear(self) -> None:
        """Remove the note."""
        self.path_of_note.unlink(missing_ok=True)
