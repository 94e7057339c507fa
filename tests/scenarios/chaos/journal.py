# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The journals of an instance's runs, read past the collection: the coordinator's own files where there are any, else the control node's."""

from __future__ import annotations

import base64
import json
import zlib
from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache
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
        """Return the events of every run in their order: the coordinator's where it has any, else those of all control nodes."""
        for places in (self.coordinator, self.control):
            files = sorted((file for place in places for file in place.glob("*.jsonl")), key=lambda file: file.name)
            if files:
                return [entry for file in files for entry in read(file)]
        return []

    def forget_done(self, step: str) -> bool:
        """Take the last event out of the coordinator's newest journal, if it is that this step is done. Returns whether it was."""
        path = max((file for place in self.coordinator for file in place.glob("*.jsonl")), key=lambda file: file.name)
        lines = path.read_bytes().splitlines(keepends=True)
        found = parse(b"".join(lines).decode(errors="replace"))
        if last(found) != f"done {step}":
            return False
        path.write_bytes(b"".join(line for line in lines if json.loads(line)["id"] != found[-1]["id"]))
        return True

    def text(self) -> str:
        """Return all that the runs wrote about themselves: journals and records."""
        places = (*self.coordinator, *self.control)
        files = [file for place in places for pattern in ("*.jsonl", "*.json") for file in sorted(place.glob(pattern))]
        return "\n".join(_read(file) for file in files)


def read(file: Path) -> list[Entry]:
    """Return the complete events of a journal; none where there is no such file.

    Whoever waits for a step asks a hundred times a second, so a file is parsed again only when it has changed.
    """
    try:
        found = file.stat()
    except FileNotFoundError:
        return []
    return list(_parsed(file, found.st_mtime_ns, found.st_size))


@lru_cache(maxsize=128)
def _parsed(file: Path, _changed: int, _size: int) -> tuple[Entry, ...]:
    return tuple(parse(_read(file)))


def parse(text: str) -> list[Entry]:
    """Return the events that are complete: one may just be being written, or have been when its writer was killed.

    An event that is too long for one line of cmd.exe is packed and split over several. One that arrived twice counts once.
    """
    found: dict[str, Entry] = {}
    pieces: dict[str, dict[int, str]] = {}
    for number, line in enumerate(text.splitlines()):
        try:
            entry = json.loads(line)
            if isinstance(entry, dict) and "packed" in entry:
                known = pieces.setdefault(entry["id"], {})
                known[entry["part"]] = entry["packed"]
                entry = _unpacked(known) if len(known) == entry["of"] else None
        except ValueError:
            continue
        if isinstance(entry, dict) and "event" in entry:
            found.setdefault(entry.get("id", str(number)), entry)
    return list(found.values())


def _unpacked(pieces: dict[int, str]) -> Any:
    return json.loads(zlib.decompress(base64.b64decode("".join(pieces[part] for part in sorted(pieces)))))


def step_names(found: Iterable[Entry]) -> list[str]:
    """Return the steps begun, in their order; one that begins again, as when a run is resumed, gets its number: ``backup.folders#2``."""
    return _names(found, "step")


def done_names(found: Iterable[Entry]) -> list[str]:
    """Return the steps done, in their order, with the same numbers."""
    return _names(found, "done")


def _names(found: Iterable[Entry], kind: str) -> list[str]:
    names: list[str] = []
    begun: dict[str, int] = {}
    for entry in found:
        if entry["event"] in ("step", "done"):
            name = str(entry["step"])
            begun[name] = begun.get(name, 0) + (entry["event"] == "step")
            if entry["event"] == kind:
                names.append(name if begun[name] <= 1 else f"{name}#{begun[name]}")
    return names


def results(found: Iterable[Entry]) -> dict[str, dict[str, Any]]:
    """Return the results of the steps that are done. A step that has begun again is not done until it is done again."""
    known: dict[str, dict[str, Any]] = {}
    for entry in found:
        if entry["event"] == "step":
            known.pop(entry["step"], None)
        elif entry["event"] == "done":
            known[entry["step"]] = entry["result"]
    return known


def last(found: list[Entry]) -> str:
    """Return the newest event in two words, such as ``done backup.folders``."""
    return f"{found[-1]['event']} {found[-1].get('step', '')}".strip() if found else "none"


def steps_after_failure(found: list[Entry]) -> list[str]:
    """Return the steps that a run took after its first failure: its rollback, or the restored service."""
    failed = next((number for number, entry in enumerate(found) if entry["event"] == "failed"), len(found))
    return step_names(found)[len(step_names(found[:failed])) :]


def run_ids(found: Iterable[Entry]) -> list[str]:
    """The runs that began."""
    return [str(entry["run_id"]) for entry in found if entry["event"] == "begun" and "run_id" in entry]


def verdict(found: list[Entry]) -> str:
    """Return the verdict of the newest run."""
    last = found[-1] if found else {}
    data = last.get("data")
    data = data if isinstance(data, dict) else {}
    return str(last.get("verdict") or data.get("verdict") or "unfinished") if last.get("event") == "finished" else "unfinished"


def _read(file: Path) -> str:
    try:
        return file.read_text(encoding="utf-8", errors="replace")
    except FileNotFoundError:
        return ""
