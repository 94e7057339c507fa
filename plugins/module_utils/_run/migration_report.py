# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""End one side of a cut-over to a clone: the last event of its run, the result for other programs, and the final words."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from . import ending, exit_status, migration_outcome, result_file
from .migration_outcome import AFTER_PUBLISH, FAILED_RETURNED, LOCK_LOST, MIGRATED, RETURNED, STOPPED


def end(params: dict[str, Any], check_mode: bool) -> dict[str, Any]:
    """End the run of a side, and return the final words.

    Args:
        params: As octopus_migration_report has them.
        check_mode: Whether nothing is written.
    """
    status = migration_outcome.status_of(params["status"], error=bool(params["error"]), action=params["action"])
    written: dict[str, Any] = {}
    unrecorded = ""
    if params["begun"] and status != LOCK_LOST:
        data = {"verdict": status, "facts": {"migrate_to": params["new"]}}
        data |= {"error": params["error"]} if params["error"] else {}
        written, unrecorded = ending.write_end(params, "stopped" if migration_outcome.is_open(status) else "finished", data, check_mode)
    result = {
        "instance": params["old"],
        "new_instance": params["new"],
        "status": status,
        "exit_status": migration_outcome.EXIT_STATUS[status] or (exit_status.UNFINISHED if params["error"] else exit_status.DONE),
        "error": params["error"],
        "second_error": params["second_error"],
        "left": params["left"],
        "unhealthy": params["unhealthy"],
        "lines": params["lines"],
        "run_record": written.get("path", ""),
    }
    unwritten = "" if check_mode or not params["path"] else result_file.write(Path(params["path"]), result)
    return {
        "changed": False,
        **{name: written[name] for name in ("unrecorded", "lock_lost") if name in written},
        "status": status,
        "exit_status": result["exit_status"],
        "result": result,
        "path": params["path"] or "",
        "run_record": result["run_record"],
        "summary": summary(result),
        "message": message(params, status, unrecorded, unwritten),
    }


def summary(result: dict[str, Any]) -> list[str]:
    """Return the lines with which the run ends."""
    old, new = result["instance"], result["new_instance"]
    lines = [f"{old} -> {new}: {result['status']}"]
    if result["status"] == MIGRATED:
        lines.append(f"{new} is in service. {old} is stopped and disabled; migrate_return.yml goes back to it.")
    if result["left"]:
        lines.append(f"not lifted, to be set by hand in {new}: {', '.join(result['left'])}")
    if result["unhealthy"]:
        lines.append(f"not healthy on {new}: {', '.join(result['unhealthy'])}")
    return lines


def message(params: dict[str, Any], status: str, unrecorded: str = "", unwritten: str = "") -> str:
    """Return the message of a run that has failed; empty where nothing has.

    Args:
        params: As octopus_migration_report has them.
        status: How it ended.
        unrecorded: Why the record could not be finished; empty where it was.
        unwritten: Why the result could not be written; empty where it was.
    """
    if not params["error"] and not unwritten:
        return ""
    lines = (
        params["error"],
        _state(params["old"], params["new"], status),
        params["second_error"] and f"What followed has failed too: {params['second_error']}",
        params["path"]
        and (f"The result could not be written to {params['path']}: {unwritten}" if unwritten else f"Result: {params['path']}"),
        unrecorded and f"The run record could not be finished: {unrecorded}",
    )
    return "\n".join(line for line in lines if line)


def _state(old: str, new: str, status: str) -> str:
    return {
        "not_started": f"Nothing was changed. {old} and {new} are as they were.",
        FAILED_RETURNED: f"{old} is in service as before. {new} is a clone as before, or a stopped one: then make it anew with refresh_clone.yml.",
        AFTER_PUBLISH: (
            f"{new} is in service, but something is left to do there. Run migrate.yml again: it finishes that. {old} is stopped; "
            "migrate_return.yml goes back to it, and loses what was done since."
        ),
        STOPPED: (
            f"Neither {old} nor {new} is in service, as far as is known. Run migrate_return.yml to go back to {old}. Start neither by hand: both would "
            "deploy to the same targets."
        ),
        LOCK_LOST: "Another control node has broken the lock, and has resumed or ended this run. This one has stopped where it was.",
        MIGRATED: f"{new} is in service, and {old} is stopped and disabled.",
        RETURNED: f"{old} is in service again, and {new} is stopped.",
    }.get(status, "")
