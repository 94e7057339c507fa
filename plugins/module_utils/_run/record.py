# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The record of one run: a journal of JSON lines, each on disk before the run continues, and the summary of it.

An event has its number in the journal (``n``) and an id of its own. They reveal the effects of a lost connection: a line that arrived
twice has the same id, a line that was cut off is not JSON and its event follows in full, and a missing event leaves a gap in the
numbers. An event that is too long for one line of cmd.exe is packed and split over several lines.
"""

from __future__ import annotations

import base64
import contextlib
import json
import os
import uuid
import zlib
from collections.abc import Mapping
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

from ansible_collections.octopus.upgrade.plugins.module_utils._core.errors import InvalidValue
from ansible_collections.octopus.upgrade.plugins.module_utils._windows.quoting import json_line

from . import outage as outages
from . import steps
from .errors import RunRecordError

EVENTS = ("begun", "resumed", "step", "done", "failed", "stopped", "finished")
ENDS = ("stopped", "finished")  # nothing of the run follows them, unless it is resumed
OWN = ("n", "id", "event", "at", "pending")
# What findstr finds in the journal of a run that has finished: in the event's line, or in the last of those that it is packed in.
FINISHED = "event.: .finished"
# Characters of a line that goes to a host; cmd.exe takes 8,191 for a whole command, with the paths in it.
LONGEST = 5000

Event = steps.Event


def make(kind: str, number: int, **fields: Any) -> Event:
    """Make an event.

    Args:
        kind: One of :data:`EVENTS`.
        number: Its place in the journal, from 1.
        **fields: Its data.

    Raises:
        RunRecordError: A field has a name that the journal itself uses, or a value that JSON cannot represent.
    """
    taken = sorted(set(fields) & set(OWN))
    if taken:
        raise RunRecordError(f"data has {', '.join(taken)}, which the journal itself writes. Choose another name.")
    event = {"n": number, "id": uuid.uuid4().hex[:16], "event": kind, "at": _now(), **fields}
    try:
        return json.loads(json.dumps(event, allow_nan=False))
    except (TypeError, ValueError) as error:
        raise RunRecordError(f"data cannot be written as JSON: {error}.") from error


# -- lines


def host_lines(event: Event) -> list[str]:
    """Return an event as lines for ``echo``, none longer than :data:`LONGEST`."""
    line = json_line(event)
    if len(line) <= LONGEST:
        return [line]
    packed = base64.b64encode(zlib.compress(json.dumps(event).encode())).decode("ascii")
    pieces = [packed[start : start + LONGEST - 200] for start in range(0, len(packed), LONGEST - 200)]
    kinds = {len(pieces): {"event": event["event"]}}
    return [
        json_line({"n": event["n"], "id": event["id"], "part": part, "of": len(pieces), **kinds.get(part, {}), "packed": piece})
        for part, piece in enumerate(pieces, 1)
    ]


def parse(text: str, where: str) -> list[Event]:
    """Return the events in a journal's text, each once. A line that was cut off is left out, whether it is the last or was sent again.

    Args:
        text: The journal.
        where: Its name, for messages.

    Raises:
        RunRecordError: An event is missing, two events have the same number, or a line is not an event.
    """
    events: dict[str, Event] = {}
    parts: dict[str, dict[int, Event]] = {}
    for place, line in enumerate(text.split("\n"), 1):
        try:
            found = _event_in(line.strip())
        except ValueError as error:
            raise RunRecordError(f"line {place} of {where} is not an event of a run.") from error
        if found is not None and "packed" in found:
            found = _unpacked(found, parts.setdefault(found["id"], {}))
        if found is not None and (found["id"] not in events or events[found["id"]].get("pending")):
            events[found["id"]] = found
    for number, event in enumerate(events.values(), 1):
        if event["n"] != number:
            what = f"event {number} is missing" if event["n"] > number else f"there are two events number {event['n']}"
            raise RunRecordError(
                f"{where} is inconsistent: {what}. Two control nodes have written to it, or somebody has changed it. "
                "Check the state of the instance, then move the file aside to continue without it."
            )
    return list(events.values())


def _event_in(line: str) -> Event | None:
    """Return the event of a line, or None where the line was cut off or is empty.

    Raises:
        InvalidValue: The line is JSON, but not an event.
    """
    try:
        found = json.loads(line)
    except ValueError:
        return None
    whole = isinstance(found, dict) and isinstance(found.get("n"), int) and isinstance(found.get("id"), str)
    if whole and ("packed" in found or {"event", "at"} <= set(found)):
        return found
    raise InvalidValue("not an event")


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
    """Return the events of a file; none where there is no file.

    Raises:
        RunRecordError: As for :func:`parse`, or the file cannot be read.
    """
    try:
        text = path.read_bytes().decode("utf-8", "replace")
    except (FileNotFoundError, NotADirectoryError):
        return []
    except OSError as error:
        raise RunRecordError(f"the run record {path} cannot be read: {error.strerror}.") from error
    return parse(text, f"the run record {path}")


def read_if_possible(path: Path) -> list[Event]:
    """Return the events of a file, for a failure that must be dealt with even where the file cannot be read: then there are none."""
    with contextlib.suppress(RunRecordError):
        return read(path)
    return []


def write(path: Path, events: list[Event]) -> None:
    """Replace a file, completely or not at all, and wait until it is on disk.

    Raises:
        RunRecordError: The folder or the file cannot be written.
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
            f"the run record {path} cannot be written: {error.strerror}. Set octopus_run_dir to a writable folder."
        ) from error


def write_document(path: Path, record: Mapping[str, Any]) -> str:
    """Write a run's record as one JSON document beside its journal, and return the document's path.

    Args:
        path: The journal's copy on the control node.
        record: As :func:`summary` returns it.

    Raises:
        RunRecordError: It cannot be written.
    """
    document = path.with_suffix(".json")
    try:
        document.write_text(json.dumps(record, indent=2, ensure_ascii=False) + "\n", encoding="utf-8", errors="backslashreplace")
        document.chmod(0o600)
    except OSError as error:
        raise RunRecordError(f"the run record {document} cannot be written: {error.strerror}.") from error
    return str(document)


# -- the summary of the events


def is_unfinished(events: list[Event]) -> bool:
    """Return whether the run has begun and not finished, or was resumed after that."""
    ends = [event["event"] for event in events if event["event"] in ("begun", "resumed", "finished")]
    return "begun" in ends and ends[-1] != "finished"


def result(events: list[Event]) -> dict[str, Any]:
    """Return what is needed to resume a run: the record, the steps begun, those done, and the facts."""
    return {"record": summary(events), "steps": steps.begun(events), "done": steps.done(events), "facts": facts(events)}


def operation(events: list[Event]) -> str | None:
    """Return what the run does now: a rollback may have resumed an upgrade."""
    named = [event["operation"] for event in events if event["event"] in ("begun", "resumed") and event.get("operation")]
    return named[-1] if named else None


def facts(events: list[Event]) -> dict[str, Any]:
    """Return all facts of the run, the newest of each name."""
    found: dict[str, Any] = {}
    for event in events:
        found.update(event.get("facts") or {})
    return found


def summary(events: list[Event]) -> dict[str, Any]:
    """Return the run as one document: the versions, the steps with their seconds, outage, backup, evidence and verdict.

    A step in which the run stopped has failed, even where no failure was recorded. A step after which the run was resumed was interrupted, at
    an unknown time.
    The outage lasts from the event with which it begins to the one with which it ends. In a run that was interrupted in between it counts up
    to the last event, and it continues to count when the run is resumed, because users waited all the time.
    """
    record: dict[str, Any] = {
        "instance": None,
        "run_id": None,
        "operation": None,
        "from_version": None,
        "to_version": None,
        "ladder": [],
        "restore_point": None,
        "waived": [],
        "started": None,
        "resumed": [],
        "finished": None,
        "outage_seconds": None,
        "outage_by_cause": outages.by_cause(events),
        "steps": [],
        "backup": None,
        "evidence": None,
        "retained": None,
        "lost": None,
        "to_do": None,
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
            own = ("instance", "run_id", "operation", "from_version", "to_version", "ladder", "restore_point", "waived")
            record.update({name: event[name] for name in own if name in event})
        elif kind == "resumed":
            _interrupt_step(record["steps"])
            record["resumed"].append({"at": event["at"], "error": record["error"]})
            record.update(error=None, finished=None, verdict="unfinished")
            if "restore_point" in event:  # a rollback names the restore point that it returns to
                record["restore_point"] = event["restore_point"]
        else:
            _end_step(record["steps"], at, "ok" if kind == "done" else "failed", event.get("result") or {})
        if kind == "step":
            record["steps"].append({"name": event["step"], "start": event["at"], "seconds": None, "result": "unfinished"})
        elif kind == "failed":
            record["error"] = event.get("error")
        elif kind == "stopped":  # something is left to do, which the next run resumes
            record["verdict"] = event.get("verdict", "stopped")
        elif kind == "finished":
            record["finished"] = event["at"]
            record["verdict"] = event.get("verdict", "finished")
        if event.get("outage") == "begins" and outage is None:
            outage = at
        if event.get("retained") is not None:
            record["retained"] = event["retained"]
        record.update({name: event[name] for name in ("lost", "to_do") if event.get(name)})
        # A rollback has no backup to report, but the run has made one.
        record.update({name: event[name] for name in ("backup", "evidence") if event.get(name) or (name in event and not record[name])})
        if outage is not None:
            record["outage_seconds"] = round(before + (at - outage).total_seconds(), 3)
        if event.get("outage") == "ends" and outage is not None:
            before, outage = record["outage_seconds"], None
    return record


def _end_step(begun: list[dict[str, Any]], at: datetime, result: str, returned: Mapping[str, Any]) -> None:
    if begun and begun[-1]["result"] == "unfinished":
        if returned.get("scripts"):  # of a rehearsal, they tell how far the schema upgrade of the source is
            begun[-1]["scripts"] = returned["scripts"]
        begun[-1]["seconds"] = round((at - datetime.fromisoformat(begun[-1]["start"])).total_seconds(), 3)
        begun[-1]["result"] = result


def _interrupt_step(begun: list[dict[str, Any]]) -> None:
    if begun and begun[-1]["result"] == "unfinished":
        begun[-1]["result"] = "interrupted"


def _time(event: Event) -> datetime:
    return datetime.fromisoformat(event["at"])


def _now() -> str:
    return datetime.now(timezone.utc).isoformat(timespec="milliseconds")
