# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The record of one run: a journal of JSON lines, each on disk before the run goes on, and what is read from it.

An event has its number in the journal (``n``) and an id of its own. What a lost connection leaves is told by them: a line that arrived
twice has the same id, a line that was cut off is no JSON and its event follows whole, and an event that is missing leaves a gap in the
numbers. An event that is too long for one line of cmd.exe stands in several, packed.
"""

from __future__ import annotations

import base64
import json
import os
import uuid
import zlib
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

from ansible_collections.octopus.upgrade.plugins.module_utils._core.errors import InvalidValue, UpgradeError
from ansible_collections.octopus.upgrade.plugins.module_utils._windows.quoting import json_line

from . import steps

EVENTS = ("begun", "resumed", "step", "done", "failed", "stopped", "finished")
ENDS = ("stopped", "finished")  # nothing of the run follows them, unless somebody takes it up again
OWN = ("n", "id", "event", "at", "pending")
# Characters of a line that goes to a host; cmd.exe takes 8,191 for a whole command, with the paths in it.
LONGEST = 5000

Event = steps.Event


class RunRecordError(UpgradeError):
    """The journal cannot be written or read, or does not fit together."""


def make(kind: str, number: int, **fields: Any) -> Event:
    """A new event.

    Raises:
        RunRecordError: A field has a name that the journal itself uses, or a value that JSON has no word for.
    """
    taken = sorted(set(fields) & set(OWN))
    if taken:
        raise RunRecordError(f"data names {', '.join(taken)}, which the journal itself writes; choose another name")
    event = {"n": number, "id": uuid.uuid4().hex[:16], "event": kind, "at": _now(), **fields}
    try:
        return json.loads(json.dumps(event, allow_nan=False))
    except (TypeError, ValueError) as error:
        raise RunRecordError(f"data cannot be written as JSON: {error}") from error


# -- lines


def host_lines(event: Event) -> list[str]:
    """An event as lines that ``echo`` prints, none longer than :data:`LONGEST`."""
    line = json_line(event)
    if len(line) <= LONGEST:
        return [line]
    packed = base64.b64encode(zlib.compress(json.dumps(event).encode())).decode("ascii")
    pieces = [packed[start : start + LONGEST - 200] for start in range(0, len(packed), LONGEST - 200)]
    return [
        json_line({"n": event["n"], "id": event["id"], "part": part, "of": len(pieces), "packed": piece})
        for part, piece in enumerate(pieces, 1)
    ]


def parse(text: str, where: str) -> list[Event]:
    """The events in a journal's text, each once. One that was cut off is left out, be it the last or one that was sent again.

    Args:
        where: The journal, for messages.

    Raises:
        RunRecordError: An event is missing, there are two of the same number, or a line is none of a journal.
    """
    events: dict[str, Event] = {}
    parts: dict[str, dict[int, Event]] = {}
    for place, line in enumerate(text.split("\n"), 1):
        try:
            found = _event_in(line.strip())
        except ValueError as error:
            raise RunRecordError(f"line {place} of {where} is no event of a run") from error
        if found is not None and "packed" in found:
            found = _unpacked(found, parts.setdefault(found["id"], {}))
        if found is not None and (found["id"] not in events or events[found["id"]].get("pending")):
            events[found["id"]] = found
    for number, event in enumerate(events.values(), 1):
        if event["n"] != number:
            what = f"event {number} is missing" if event["n"] > number else f"there are two events number {event['n']}"
            raise RunRecordError(
                f"{where} does not fit together: {what}. Two controllers have written to it, or somebody has changed it. "
                "Move it aside to go on without it, after having seen how the instance is"
            )
    return list(events.values())


def _event_in(line: str) -> Event | None:
    """The event of a line; None of one that was cut off, or empty.

    Raises:
        ValueError: The line is whole, but something else.
    """
    try:
        found = json.loads(line)
    except ValueError:
        return None
    whole = isinstance(found, dict) and isinstance(found.get("n"), int) and isinstance(found.get("id"), str)
    if whole and ("packed" in found or {"event", "at"} <= set(found)):
        return found
    raise InvalidValue("no event")


def _unpacked(piece: Event, known: dict[int, Event]) -> Event | None:
    known[piece["part"]] = piece
    if len(known) < piece["of"]:
        return None
    try:
        packed = base64.b64decode("".join(known[number]["packed"] for number in sorted(known)), validate=True)
        return _event_in(zlib.decompress(packed).decode())
    except (ValueError, zlib.error):
        return None


# -- the file on the control node


def read(path: Path) -> list[Event]:
    """The events of a file; none where there is no file.

    Raises:
        RunRecordError: As :func:`parse`, or the file cannot be read.
    """
    try:
        text = path.read_bytes().decode("utf-8", "replace")
    except (FileNotFoundError, NotADirectoryError):
        return []
    except OSError as error:
        raise RunRecordError(f"the run record {path} cannot be read: {error.strerror}") from error
    return parse(text, f"the run record {path}")


def write(path: Path, events: list[Event]) -> None:
    """Write a file anew, whole or not at all, and wait until the disk has it.

    Raises:
        RunRecordError: The folder cannot be made or the file not be written.
    """
    part = path.with_name(path.name + ".part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        with open(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w", encoding="utf-8", errors="backslashreplace") as stream:
            stream.writelines(json.dumps(event, ensure_ascii=False) + "\n" for event in events)
            stream.flush()
            os.fsync(stream.fileno())
        os.replace(part, path)
    except OSError as error:
        raise RunRecordError(
            f"the run record {path} cannot be written: {error.strerror}; set octopus_run_dir to a folder that can"
        ) from error


def append(path: Path, kind: str, **fields: Any) -> Event:
    """Write one event at the end of a file that has no other copy.

    Raises:
        RunRecordError: As :func:`read`, :func:`make` and :func:`write`.
    """
    events = read(path)
    event = make(kind, len(events) + 1, **fields)
    write(path, [*events, event])
    return event


# -- what the events amount to


def is_unfinished(events: list[Event]) -> bool:
    """Whether the run has begun and not finished, or was taken up again after that."""
    ends = [event["event"] for event in events if event["event"] in ("begun", "resumed", "finished")]
    return "begun" in ends and ends[-1] != "finished"


def result(events: list[Event]) -> dict[str, Any]:
    """What a run can be taken up from: the record, the steps begun, those done, and the facts."""
    return {"record": summary(events), "steps": steps.begun(events), "done": steps.done(events), "facts": facts(events)}


def facts(events: list[Event]) -> dict[str, Any]:
    """All facts of the run, the newest of each name."""
    found: dict[str, Any] = {}
    for event in events:
        found.update(event.get("facts") or {})
    return found


def summary(events: list[Event]) -> dict[str, Any]:
    """The run as one document: who, from where to where, the steps with their seconds, outage, backup, proof, verdict.

    One that a run stopped in has failed, even where nobody could say so before; one that the run was resumed after was interrupted, nobody
    knows when.
    The outage goes from the event that says it begins to the one that says it ends; a run that broke off in between counts up to its last
    event, and one that was taken up again counts on: users waited all the time.
    """
    record: dict[str, Any] = {
        "instance": None,
        "run_id": None,
        "purpose": None,
        "from_version": None,
        "to_version": None,
        "ladder": [],
        "restore_point": None,
        "started": None,
        "resumed": [],
        "finished": None,
        "outage_seconds": None,
        "steps": [],
        "backup": None,
        "proof": None,
        "kept": None,
        "error": None,
        "verdict": "unfinished",
    }
    outage: datetime | None = None
    before = 0.0  # seconds of outages that have ended
    for event in events:
        at = _time(event)
        kind = event["event"]
        if kind == "begun":
            record["started"] = event["at"]
            own = ("instance", "run_id", "purpose", "from_version", "to_version", "ladder", "restore_point")
            record.update({name: event[name] for name in own if name in event})
        elif kind == "resumed":
            _interrupt_step(record["steps"])
            record["resumed"].append({"at": event["at"], "error": record["error"]})
            record.update(error=None, finished=None, verdict="unfinished")
            if "restore_point" in event:  # somebody goes back, to the one that they want
                record["restore_point"] = event["restore_point"]
        else:
            _end_step(record["steps"], at, "ok" if kind == "done" else "failed")
        if kind == "step":
            record["steps"].append({"name": event["step"], "start": event["at"], "seconds": None, "result": "unfinished"})
        elif kind == "failed":
            record["error"] = event.get("error")
        elif kind == "stopped":  # with something left to do, which the next run takes up
            record["verdict"] = event.get("verdict", "stopped")
        elif kind == "finished":
            record["finished"] = event["at"]
            record["verdict"] = event.get("verdict", "finished")
        if event.get("outage") == "begins" and outage is None:
            outage = at
        if event.get("kept") is not None:
            record["kept"] = event["kept"]
        # Who goes back knows of no backup; the run has made one all the same.
        record.update({name: event[name] for name in ("backup", "proof") if event.get(name) or (name in event and not record[name])})
        if outage is not None:
            record["outage_seconds"] = round(before + (at - outage).total_seconds(), 3)
        if event.get("outage") == "ends" and outage is not None:
            before, outage = record["outage_seconds"], None
    return record


def _end_step(steps: list[dict[str, Any]], at: datetime, result: str) -> None:
    if steps and steps[-1]["result"] == "unfinished":
        steps[-1]["seconds"] = round((at - datetime.fromisoformat(steps[-1]["start"])).total_seconds(), 3)
        steps[-1]["result"] = result


def _interrupt_step(steps: list[dict[str, Any]]) -> None:
    if steps and steps[-1]["result"] == "unfinished":
        steps[-1]["result"] = "interrupted"


def _time(event: Event) -> datetime:
    return datetime.fromisoformat(event["at"])


def _now() -> str:
    return datetime.now(timezone.utc).isoformat(timespec="milliseconds")
