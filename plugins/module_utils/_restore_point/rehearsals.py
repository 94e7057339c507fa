# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Records of rehearsals, beside the restore points of the rehearsed instance. The instance's own upgrade reads them before it begins.

There is one JSON file per rehearsal, ``rehearsals\\<run id>.json``. The outage to expect is the clone's: the same steps over the same data.
The upgrade of a test instance has one too, ``test-<run id>.json``. It is no rehearsal: another database, with a part of the data.
"""

from __future__ import annotations

import json
import re
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

from ansible_collections.octopus.upgrade.plugins.module_utils._octopus.database.schema import moment_of
from ansible_collections.octopus.upgrade.plugins.module_utils._octopus.errors import OctopusError
from ansible_collections.octopus.upgrade.plugins.module_utils._windows import disks, files
from ansible_collections.octopus.upgrade.plugins.module_utils._windows.connection import WindowsHost
from ansible_collections.octopus.upgrade.plugins.module_utils._windows.errors import HostError
from ansible_collections.octopus.upgrade.plugins.module_utils._windows.quoting import batch_builtin, batch_word

from .share import ABSENT, Share, reach

FOLDER = "rehearsals"
FORMAT = 1
UPGRADED = "upgraded"
REHEARSAL, TEST_INSTANCE = "rehearsal", "test_instance"  # kinds of a record
_TEST = "test-"  # begins the name of a file that is of a test instance
_INPUT = "rehearsal.json"
_NEWEST = 20  # records that are read one by one; their names begin with the time of the run
_RUN_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,60}")
_TEXTS = ("clone", "clone_of", "run_id", "from_version", "to_version", "finished", "verdict")


@dataclass(frozen=True)
class Jump:
    """What is upgraded: the installed version, and the versions of the upgrade path."""

    from_version: str
    ladder: Sequence[str]


def is_rehearsal(record: dict[str, Any]) -> bool:
    """Whether a record is that of a rehearsal, and not of a test instance's upgrade."""
    return record.get("kind", REHEARSAL) != TEST_INSTANCE


def _file_of(record: dict[str, Any]) -> str:
    return f"{'' if is_rehearsal(record) else _TEST}{record['run_id']}.json"


def checked(record: dict[str, Any]) -> dict[str, Any]:
    """The record, in the form that is written.

    Raises:
        OctopusError: Something is missing or has the wrong type.
    """
    texts = (*_TEXTS, "restore_point") if is_rehearsal(record) else _TEXTS
    wrong = [name for name in texts if not isinstance(record.get(name), str) or not record[name]]
    if not wrong and not _RUN_ID.fullmatch(record["run_id"]):
        wrong.append("run_id")
    if not wrong and moment_of(record["finished"]) is None:
        wrong.append("finished")
    if not isinstance(record.get("ladder"), list) or not record["ladder"]:
        wrong.append("ladder")
    if not isinstance(record.get("steps"), list):
        wrong.append("steps")
    if not isinstance(record.get("outage_seconds"), (int, float)) and record.get("verdict") == UPGRADED and is_rehearsal(record):
        wrong.append("outage_seconds")
    if wrong:
        raise OctopusError(
            f"Expected the record of a rehearsal, but {', '.join(wrong)} is missing or not valid in it. Nothing was written."
        )
    return {**record, "format": FORMAT}


def write(share: Share, root: str, record: dict[str, Any], *, check_mode: bool = False) -> dict[str, Any]:
    """Write a record beside the restore points; the same one again is no change.

    Returns:
        The module's result.

    Raises:
        OctopusError: It cannot be written, or the run has another record already.
        HostError: The host cannot do it.
    """
    record = checked(record)
    folder = f"{root}\\{FOLDER}"
    path = f"{folder}\\{_file_of(record)}"
    there = next((one for one in read(share, root) if _file_of(one) == _file_of(record)), None)
    if there is not None and there != record:
        raise OctopusError(f"{share.host.where}: {path} already holds another rehearsal. Nothing was written.")
    if there is None and not check_mode:
        # One value a line: what writes files to the host takes no longer lines.
        text = json.dumps(record, indent=1, sort_keys=True).replace("\n", "\r\n") + "\r\n"
        source, part = f"{share.job_folder('rehearsal', path)}\\{_INPUT}", f"{path}.part"
        copied = f"{batch_builtin('copy', '/y', '/b', source, part)} >nul && {batch_builtin('move', '/y', part, path)} >nul"
        lines = [f"if not exist {batch_word(folder + chr(92))} {batch_builtin('mkdir', folder)}", copied]
        _made, written = share.run("rehearsal", path, lines, inputs={_INPUT: text})
        if written.code:
            raise OctopusError(f"{share.host.where}: {path} cannot be written as {share.run_as.account}: {written.said}")
    return {"changed": there is None, "path": path, "rehearsal": record}


def read(share: Share, root: str) -> list[dict[str, Any]]:
    """The records of :func:`survey`."""
    return survey(share, root)[0]


def survey(share: Share, root: str) -> tuple[list[dict[str, Any]], int | None]:
    """All records, the newest first, and the free bytes of the drive or share. A file that is not a record is left out.

    Returns:
        The records, and None where the free bytes are not known.

    Raises:
        OctopusError: The folder cannot be reached.
        HostError: The host cannot do it.
    """
    folder = f"{root}\\{FOLDER}"
    mark = f"--{secrets.token_hex(12)}--"
    each = f'for %%F in ({batch_word(folder + chr(92) + "*.json")}) do (echo {mark}& type "%%F")'
    # The folder may lie on another volume than the root of the drive or share, which alone exists before the first backup.
    measure = " || ".join(batch_builtin("dir", "/-c", "/ad", one) for one in (root, disks.root_of(root)))
    reached, found, room = share.run("rehearsals", folder, [reach(folder), each, measure])
    free = disks.free_in(room.text) if room.code <= 1 else None
    if reached.code == ABSENT:
        return [], free
    # Where not even the folder above exists, nothing was ever backed up for the instance.
    if reached.code:
        above = share.run("rehearsals", root, [reach(root)])[0]
        if above.code == ABSENT:
            return [], free
        raise share.unreachable(root, above)
    return sorted(_parse(found.text, mark), key=lambda record: str(record["finished"]), reverse=True), free


def look(host: WindowsHost, root: str) -> tuple[list[dict[str, Any]], int | None] | None:
    """As :func:`survey`, by the connection itself and without a job, so that nothing is written or started on the host.

    Returns:
        None where only a job could look: on a share, to which the connection does not pass its credentials on.
    """
    if disks.is_unc(root) and not host.options.delegates_credentials:
        return None
    folder = f"{root}\\{FOLDER}"
    try:
        names = sorted((name for name in files.names(host, folder) or [] if name.lower().endswith(".json")), reverse=True)
        # Many tests must not hide a rehearsal.
        there = [name for kind in (False, True) for name in [one for one in names if one.startswith(_TEST) is kind][:_NEWEST]]
        mark = f"--{secrets.token_hex(12)}--"
        found = _parse("".join(f"{mark}{files.read_text(host, folder + chr(92) + name)}" for name in there), mark)
        return sorted(found, key=lambda record: str(record["finished"]), reverse=True), disks.free_bytes(host, root)
    except HostError:
        return None  # what the account of the connection may not read, the account of the jobs may


def keep(folder: str, record: dict[str, Any]) -> None:
    """Keep a copy of a record on the control node, where a plan finds it without a job.

    Raises:
        OctopusError: It cannot be written.
    """
    path = Path(folder) / _file_of(record)
    part = path.with_name(f".{path.name}.part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        part.write_text(json.dumps(record, indent=1, sort_keys=True) + "\n", encoding="utf-8")
        part.replace(path)
    except OSError as error:
        raise OctopusError(f"The record of the rehearsal was written, but no copy of it to {path}: {error.strerror or error}.") from error


def kept(folder: str) -> list[dict[str, Any]]:
    """The copies on the control node, the newest first. A file that is not a record, or cannot be read, is left out."""
    found = []
    for path in Path(folder).glob("*.json"):
        try:
            found.append(checked(json.loads(path.read_text(encoding="utf-8"))))
        except (OSError, ValueError, AttributeError, OctopusError):
            continue
    return sorted(found, key=lambda record: str(record["finished"]), reverse=True)


def _parse(text: str, mark: str) -> list[dict[str, Any]]:
    records = []
    for block in text.split(mark)[1:]:
        try:
            record = json.loads(block)
            records.append(checked(record))
        except (ValueError, AttributeError, OctopusError):
            continue
    return records


def outlook(records: Sequence[dict[str, Any]], jump: Jump, now: datetime | None = None) -> dict[str, Any] | None:
    """What the newest rehearsal of this very upgrade path says; None where there is none.

    Args:
        records: The newest first.
        jump: The upgrade.
        now: The time that the age is counted from.
    """
    for record in filter(is_rehearsal, records):
        if record["from_version"] == jump.from_version and list(record["ladder"]) == list(jump.ladder):
            return {
                "run_id": record["run_id"],
                "clone": record["clone"],
                "restore_point": record["restore_point"],
                "finished": record["finished"],
                "age_days": _age(record, now),
                "verdict": record["verdict"],
                "succeeded": record["verdict"] == UPGRADED,
                "outage_seconds": record.get("outage_seconds"),
                "growth": record.get("growth") or {},
                "steps": [
                    {name: step[name] for name in ("name", "seconds", "scripts") if step.get(name) is not None}
                    for step in record.get("steps") or []
                    if isinstance(step, dict) and step.get("result") == "ok"
                ],
            }
    return None


def last_test(records: Sequence[dict[str, Any]], jump: Jump, now: datetime | None = None) -> dict[str, Any] | None:
    """How the newest upgrade of a test instance ended; None where there was none. It tells nothing of durations.

    Args:
        records: The newest first.
        jump: The upgrade that is planned, which may be another one.
        now: The time that the age is counted from.
    """
    newest = next((record for record in records if not is_rehearsal(record)), None)
    if newest is None:
        return None
    return {
        **{name: newest[name] for name in ("run_id", "from_version", "to_version", "finished", "verdict")},
        "test_instance": newest["clone"],
        "age_days": _age(newest, now),
        "succeeded": newest["verdict"] == UPGRADED,
        "same_path": newest["from_version"] == jump.from_version and list(newest["ladder"]) == list(jump.ladder),
    }


def _age(record: dict[str, Any], now: datetime | None) -> float:
    """How many days ago it ended."""
    finished = moment_of(record["finished"]) or datetime.min.replace(tzinfo=timezone.utc)  # valid: checked when it was read
    return round(((now or datetime.now(timezone.utc)) - finished).total_seconds() / 86400, 2)
