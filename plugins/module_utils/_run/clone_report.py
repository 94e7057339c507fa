# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""End the refresh or removal of a clone: the last event, the result for other programs, and the final words."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from . import clone_outcome, ending, result_file

_NAMED = 5  # accounts in the final words; the result has them all


def end(params: dict[str, Any], check_mode: bool) -> dict[str, Any]:
    """End the run of a clone, and return the final words.

    Args:
        params: As octopus_clone_report has them.
        check_mode: Whether nothing is written.
    """
    status = clone_outcome.status_of(params["status"], error=bool(params["error"]), unchanged=params["unchanged"])
    written: dict[str, Any] = {}
    unrecorded = ""
    if params["begun"] and not params["lock_lost"]:
        event = "stopped" if clone_outcome.is_open(status, bool(params["old"].get("exists"))) else "finished"
        data = {
            "verdict": status,
            "clone": _clone(params, status),
            "quarantine": params["quarantine"],
            "by_program": params["by_program"],
            "facts": {"left_over": params["left_over"]},
        }
        written, unrecorded = ending.write_end(params, event, data, check_mode)
    result = _result(params, status, written.get("path", ""))
    unwritten = "" if check_mode else result_file.write(Path(params["path"]), result)
    return {
        "changed": False,
        **{name: written[name] for name in ("unrecorded", "lock_lost") if name in written},
        "status": status,
        "exit_status": result["exit_status"],
        "result": result,
        "path": params["path"],
        "run_record": result["run_record"],
        "summary": summary(result),
        "message": message(params, status, unrecorded, unwritten),
    }


def summary(result: dict[str, Any]) -> list[str]:
    """Return the lines with which the run ends."""
    point = f" ({result['restore_point']})" if result["restore_point"] else ""
    left = f"not removed, which the next refresh tries again: {result['not_removed']}"
    names = ", ".join(result["inherited_environment"]) if result["status"] in ("refreshed", "unchanged") else ""
    inherited = f"inherited from the environment of its hosts: {names}. Check that none of it leads to what the source uses."
    lines = [f"{result['instance']}: {result['status']}{point}"]
    lines += [line for line, told in ((left, result["not_removed"]), (inherited, names)) if told]
    if result["accounts"]:
        lines.append(f"accounts that have their credentials: {_some(result['accounts'])}")
    certificate = result["by_program"].get("certificate") or {}
    if certificate and certificate["own"] == certificate["source"]:
        lines.append(f"it has the certificate of {result['clone_of']}, so Tentacles of {result['clone_of']} trust it")
    return lines


def _some(names: list[str]) -> str:
    more = len(names) - _NAMED
    return ", ".join(names[:_NAMED]) + (f" and {more} more" if more > 0 else "")


def message(params: dict[str, Any], status: str, unrecorded: str = "", unwritten: str = "") -> str:
    """Return the message of a run that has failed; empty where nothing has.

    Args:
        params: As octopus_clone_report has them.
        status: How it ended.
        unrecorded: Why the record could not be finished; empty where it was.
        unwritten: Why the result could not be written; empty where it was.
    """
    if not params["error"] and not unwritten:
        return ""
    lines = (
        params["error"],
        _state(params, status),
        params["second_error"] and f"Restoring the old clone failed too: {params['second_error']}",
        params["not_removed"] and f"Could not be cleaned up: {params['not_removed']}",
        f"The result could not be written to {params['path']}: {unwritten}" if unwritten else f"Result: {params['path']}",
        unrecorded and f"The run record could not be finished: {unrecorded}",
    )
    return "\n".join(line for line in lines if line)


def _state(params: dict[str, Any], status: str) -> str:
    instance, old = params["instance"], params["old"]
    if params["lock_lost"]:
        return (
            f"Another control node has broken the lock of the clone {instance}, and has resumed or ended this run. "
            "This control node has stopped where it was."
        )
    if status == "not_started":
        return f"The run has changed nothing. The clone {instance} is as it was."
    if status == clone_outcome.OLD_UP:
        return f"The old clone {instance} is in service as before ({old.get('restore_point') or ''}). What was new is removed."
    if status == clone_outcome.DOWN:
        down = f"The clone {instance} is out of service." if old.get("exists") else f"There is no working clone {instance}."
        return (
            f"{down} Run the same playbook again: it resumes the run, or makes the clone anew. Do not start the clone's service by hand before "
            "the quarantine of its database is verified."
        )
    return status


def _clone(params: dict[str, Any], status: str) -> dict[str, Any]:
    return params["old"] if status == "unchanged" else params["new"]


def _result(params: dict[str, Any], status: str, run_record: str) -> dict[str, Any]:
    return {
        "instance": params["instance"],
        "clone_of": params["clone_of"],
        "status": status,
        "exit_status": clone_outcome.EXIT_STATUS[status],
        "error": params["error"],
        "restore_point": params["new"].get("restore_point") or "",
        "version": params["new"].get("version") or "",
        "database": _clone(params, status).get("database") or "",
        "not_removed": params["not_removed"],
        "quarantine": params["quarantine"],
        "outbound": params["outbound"],
        "inherited_environment": params["inherited"],
        "accounts": params["accounts"],
        "by_program": params["by_program"],
        "run_record": run_record,
    }
