# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""All journals of an instance on one of its nodes: the run that is unfinished, and those that have finished."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from ansible_collections.octopus.upgrade.plugins.module_utils._windows.connection import SYSTEM32, WindowsHost
from ansible_collections.octopus.upgrade.plugins.module_utils._windows.job_files import MARK
from ansible_collections.octopus.upgrade.plugins.module_utils._windows.quoting import builtin

from . import record as run_record
from .errors import RunError, RunRecordError
from .host_journal import SUFFIX
from .record import Event

AT_ONCE = 3  # journals that one command reads


@dataclass(frozen=True)
class Found:
    """A run, as found in its journal."""

    run_id: str
    path: str
    events: list[Event]

    def to_dict(self) -> dict[str, Any]:
        return {"run_id": self.run_id, "path": self.path, "events": len(self.events), **run_record.result(self.events)}


class Journals:
    """All journals of an instance.

    Args:
        host: The coordinator.
        folder: The instance's folder of runs.
        names: The names in that folder.
    """

    def __init__(self, host: WindowsHost, folder: str, names: Iterable[str]) -> None:
        self._host = host
        self._folder = folder
        # Run ids begin with the time.
        self._runs = sorted((name[: -len(SUFFIX)] for name in names if name.lower().endswith(SUFFIX)), reverse=True)

    def newest(self) -> tuple[Found | None, Found | None]:
        """Return the newest run that is unfinished, and the newest run that has finished.

        A run that has begun and not ended is found whatever the clock of its control node said: a later run does not hide it.

        Raises:
            RunRecordError: A journal that does not say that its run has finished is inconsistent.
            RunError: The journals cannot be read.
        """
        ended = self._ended()
        unfinished: Found | None = None
        last: Found | None = None
        for found in self._read([run for run in self._runs if run not in ended], strict=True):
            if run_record.is_unfinished(found.events):
                unfinished = unfinished or found
            elif last is None:
                last = found
        for found in self._read([run for run in self._runs if run in ended], strict=False):
            if not run_record.is_unfinished(found.events):
                return unfinished, found if last is None or found.run_id > last.run_id else last
            if unfinished is None or found.run_id > unfinished.run_id:  # resumed after its end
                unfinished = found
        return unfinished, last

    def finished(self) -> list[Found]:
        """Return every run that has finished, newest first.

        Raises:
            RunRecordError: The newest journal is inconsistent.
            RunError: The journals cannot be read.
        """
        return [found for found in self._read(self._runs, strict=False) if not run_record.is_unfinished(found.events)]

    def _ended(self) -> set[str]:
        """Return the runs whose journals have the line that ends a run, without reading them: there may be hundreds.

        https://learn.microsoft.com/windows-server/administration/windows-commands/findstr
        """
        if not self._runs:
            return set()
        pattern = f"{self._folder}\\*{SUFFIX}"
        result = self._host.run([f"{SYSTEM32}findstr.exe", "/m", "/r", f"/c:{run_record.FINISHED}", pattern], idempotent=True)
        if result.exit_code not in (0, 1) or result.stderr.strip():
            raise RunError(f"{self._host.where}: the journals in {self._folder} cannot be searched: {' '.join(result.stderr.split())}")
        names = (line.strip().rpartition("\\")[2] for line in result.stdout.splitlines())
        return {name[: -len(SUFFIX)] for name in names if name.lower().endswith(SUFFIX)}

    def _read(self, runs: list[str], strict: bool) -> Iterator[Found]:
        """Read some runs, as they are asked for.

        Args:
            runs: Their ids.
            strict: Whether an inconsistent journal is an error. Otherwise only that of the newest run is; an old one is of no use.
        """
        for start in range(0, len(runs), AT_ONCE):
            for run_id, text in self._texts(runs[start : start + AT_ONCE]):
                path = self._path(run_id)
                try:
                    events = run_record.parse(text, f"the journal {path} on {self._host.name}")
                except RunRecordError:
                    if strict or run_id == self._runs[0]:
                        raise
                    continue
                if events:
                    yield Found(run_id, path, events)

    def _path(self, run_id: str) -> str:
        return f"{self._folder}\\{run_id}{SUFFIX}"

    def _texts(self, runs: list[str]) -> list[tuple[str, str]]:
        """Read some journals with one command."""
        line = f" & echo {MARK}& ".join(builtin("type", self._path(run_id)) for run_id in runs)
        result = self._host.run_cmd(line, idempotent=True)
        # An event ends in a brace, never in the mark.
        texts = re.split(re.escape(MARK) + r"\n", result.stdout)
        # The exit code is that of the last command. A journal that cannot be read must not count as an empty one.
        if result.exit_code or result.stderr.strip() or len(texts) != len(runs):
            raise RunError(f"{self._host.where}: the journals in {self._folder} cannot be read: {' '.join(result.stderr.split())}")
        return list(zip(runs, texts, strict=True))
