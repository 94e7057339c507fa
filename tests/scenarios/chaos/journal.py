# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The journals of an instance's runs, read past the collection: the coordinator's own files where there are any, else the control node's."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lab.estate import LabInstance

Entry = dict[str, Any]


@dataclass(frozen=True)
class Journals:
    """Where an instance's journals lie: on the coordinator's own disk; and copies, or all there is, on control nodes."""

    coordinator: list[Path]
    control: list[Path]

    @classmethod
    def of(cls, instance: LabInstance, control_nodes: Iterable[Path]) -> Journals:
        name = instance.spec.name
        ours = [host.root / "C" / "ProgramData" / "octopus.upgrade" / "runs" / name for host in instance.hosts]
        return cls(ours, [folder / "octopus-runs" / name for folder in control_nodes])

    def entries(self) -> list[Entry]:
        """Every run's, in their order: the coordinator's where it has any, else those of all control nodes."""
        for places in (self.coordinator, self.control):
            files = sorted((file for place in places for file in place.glob("*.jsonl")), key=lambda file: file.name)
            if files:
                return [entry for file in files for entry in parse(_read(file))]
        return []

    def text(self) -> str:
        """Everything that the runs tell of themselves: journals, and records."""
        places = (*self.coordinator, *self.control)
        files = [file for place in places for pattern in ("*.jsonl", "*.json") for file in sorted(place.glob(pattern))]
        return "\n".join(_read(file) for file in files)


def parse(text: str) -> list[Entry]:
    """The lines that are whole: one may just be being written, or have been when its writer was killed."""
    found = []
    for line in text.splitlines():
        try:
            entry = json.loads(line)
        except ValueError:
            continue
        if isinstance(entry, dict) and "event" in entry:
            found.append(entry)
    return found


def step_names(found: Iterable[Entry]) -> list[str]:
    """The steps in their order; one that comes again, as when a run is resumed, gets its number: ``backup.folders#2``."""
    names: list[str] = []
    counts: dict[str, int] = {}
    for entry in found:
        if entry["event"] == "step":
            name = str(entry["step"])
            counts[name] = counts.get(name, 0) + 1
            names.append(name if counts[name] == 1 else f"{name}#{counts[name]}")
    return names


def steps_after_failure(found: list[Entry]) -> list[str]:
    """The steps that a run took after its first failure: its way back."""
    failed = next((number for number, entry in enumerate(found) if entry["event"] == "failed"), len(found))
    return step_names(found)[len(step_names(found[:failed])) :]


def run_ids(found: Iterable[Entry]) -> list[str]:
    """The runs that began."""
    return [str(entry["run_id"]) for entry in found if entry["event"] == "begun" and "run_id" in entry]


def verdict(found: list[Entry]) -> str:
    """What the newest run says of its end."""
    last = found[-1] if found else {}
    data = last.get("data")
    data = data if isinstance(data, dict) else {}
    return str(last.get("verdict") or data.get("verdict") or "unfinished") if last.get("event") == "finished" else "unfinished"


def _read(file: Path) -> str:
    try:
        return file.read_text(encoding="utf-8", errors="replace")
    except FileNotFoundError:
        return ""
