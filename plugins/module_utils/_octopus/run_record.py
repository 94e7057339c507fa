# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The record of one run: a journal of JSON lines, each on disk before the run goes on, and the summary read from it."""

from __future__ import annotations

import json
import os
import typing as t
from datetime import datetime, timezone
from pathlib import Path

EVENTS = ("begun", "step", "failed", "finished")


class RunRecordError(Exception):
    """The journal cannot be written or read, or does not fit together."""


def append(path: Path, event: str, **fields: t.Any) -> dict[str, t.Any]:
    """Write one event at the journal's end and wait until the disk has it.

    :raises RunRecordError: the folder cannot be made or the file not be written.
    """
    line = {"event": event, "at": _now(), **fields}
    try:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        with path.open("a", encoding="utf-8") as stream:
            os.chmod(path, 0o600)
            stream.write(json.dumps(line, ensure_ascii=False) + "\n")
            stream.flush()
            os.fsync(stream.fileno())
    except OSError as error:
        raise RunRecordError(
            f"the run record {path} cannot be written: {error.strerror}; set octopus_run_dir to a folder that can"
        ) from error
    return line


def read(path: Path) -> list[dict[str, t.Any]]:
    """The journal's events. A last line that was cut off, as by a killed controller, is left out.

    :raises RunRecordError: the file cannot be read, or a line before the last is not JSON.
    """
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except FileNotFoundError:
        return []
    except OSError as error:
        raise RunRecordError(f"the run record {path} cannot be read: {error.strerror}") from error
    events = []
    for number, line in enumerate(lines, 1):
        try:
            events.append(json.loads(line))
        except ValueError as error:
            if number == len(lines):
                break
            raise RunRecordError(f"line {number} of the run record {path} is not JSON") from error
    return events


def summary(events: list[dict[str, t.Any]]) -> dict[str, t.Any]:
    """The run as one document: who, from where to where, the steps with their seconds, outage, backup, proof, verdict.

    A step ends where the next one begins, or with the run. The outage goes from the event that says it begins to the one
    that says it ends; a run that broke off in between counts up to its last event.
    """
    record: dict[str, t.Any] = {
        "instance": None,
        "run_id": None,
        "from_version": None,
        "to_version": None,
        "ladder": [],
        "started": None,
        "finished": None,
        "outage_seconds": None,
        "steps": [],
        "backup": None,
        "proof": None,
        "error": None,
        "verdict": "unfinished",
    }
    outage: datetime | None = None
    for event in events:
        at = _time(event)
        kind = event["event"]
        if kind == "begun":
            record["started"] = event["at"]
            record.update({name: event[name] for name in ("instance", "run_id", "from_version", "to_version", "ladder") if name in event})
        else:
            _end_step(record["steps"], at, "failed" if kind == "failed" else "ok")
        if kind == "step":
            record["steps"].append({"name": event["step"], "start": event["at"], "seconds": None, "result": "unfinished"})
        elif kind == "failed":
            record["error"] = event.get("error")
        elif kind == "finished":
            record["finished"] = event["at"]
            record["verdict"] = event.get("verdict", "finished")
        if event.get("outage") == "begins" and outage is None:
            outage = at
        record.update({name: event[name] for name in ("backup", "proof") if event.get(name) is not None})
        if outage is not None:
            record["outage_seconds"] = round((at - outage).total_seconds(), 3)
        if event.get("outage") == "ends":
            outage = None
    return record


def _end_step(steps: list[dict[str, t.Any]], at: datetime, result: str) -> None:
    if steps and steps[-1]["result"] == "unfinished":
        steps[-1]["seconds"] = round((at - datetime.fromisoformat(steps[-1]["start"])).total_seconds(), 3)
        steps[-1]["result"] = result


def _time(event: dict[str, t.Any]) -> datetime:
    return datetime.fromisoformat(event["at"])


def _now() -> str:
    return datetime.now(timezone.utc).isoformat(timespec="milliseconds")
