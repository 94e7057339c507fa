# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""End a run: write its last event and its record, and tell how it ended. What cannot be written never hides how the instance is."""

from __future__ import annotations

from datetime import datetime, timezone
from pathlib import Path
from typing import Any

from ansible_collections.octopus.upgrade.plugins.module_utils._core.errors import UpgradeError
from ansible_collections.octopus.upgrade.plugins.module_utils._windows.connection import ConnectionOptions

from . import exit_status, outcome, record, recording, report, retention
from .holder import Holder
from .journal import open_journal


def end(params: dict[str, Any], check_mode: bool) -> dict[str, Any]:
    """End an upgrade, a rollback or a backup, and return the final words.

    Args:
        params: As octopus_run_report has them.
        check_mode: Whether nothing is written.
    """
    retained = {name: place for name, place in (params["retained"] or {}).items() if place}
    if not any(retained.get(name) for name in retention.PLACES):
        retained = {}
    elif params["keep_days"] > 0:
        retained["until"] = retention.term(datetime.now(timezone.utc).isoformat(), params["keep_days"])["until"]
    verdict, second_error = params["verdict"], params["second_error"]
    result: dict[str, Any] = {"changed": False}
    unrecorded = ""
    if verdict != "failed_lock_lost":
        event = "stopped" if outcome.is_open(verdict, bool(second_error)) else "finished"
        backup = report.backup(record.read_if_possible(Path(params["journal"]["copy"])), params["restore_point_path"])
        data = {"verdict": verdict, "backup": backup, "evidence": params["evidence"], "retained": retained}
        data |= {name: params[name] for name in ("lost", "to_do") if params[name]}
        known, unrecorded = write_end(params, event, data, check_mode)
        result.update(known)
    written = result.get("record") or {}
    told = report.Report(
        instance=params["instance"],
        verdict=verdict,
        operation=written.get("operation") or outcome.UPGRADE,
        error=params["error"],
        second_error=second_error,
        not_removed=params["not_removed"],
        nodes=params["nodes"],
        installed=params["installed"],
        before=params["before"],
        services=report.services_of(params["looked"], params["instance_name"]),
        restore_point=params["restore_point_path"],
        database=params["database"],
        changed=params["changed"],
        steps=params["steps"],
        resume_with=params["resume_with"],
        retained=retained,
        lost=params["lost"],
        to_do=params["to_do"],
    )
    result["message"] = report.message(told, result.get("path"), unrecorded)
    result["exit_status"] = exit_status.of_verdict(verdict, failed=bool(result["message"]))
    result["summary"] = report.summary(told, written, result.get("path")) if written and not unrecorded else []
    return result


def write_end(params: dict[str, Any], event: str, data: dict[str, Any], check_mode: bool) -> tuple[dict[str, Any], str]:
    """Write the last event of a run.

    Args:
        params: ``journal``, ``connection`` and ``holder``, as the modules have them.
        event: ``stopped`` or ``finished``.
        data: The event's data.
        check_mode: Whether nothing is written.

    Returns:
        ``record`` and ``path`` where there are any, with ``unrecorded`` and ``lock_lost`` where the event could not be written; and why.
    """
    copy = Path(params["journal"]["copy"])
    if check_mode:
        return {"record": record.summary(record.read_if_possible(copy))}, ""
    try:
        options = ConnectionOptions.from_params(params["connection"])
        with open_journal(params["journal"], options, Holder.from_dict(params["holder"]), last=True) as journal:
            found = recording.add(journal, event, params["journal"]["copy"], data)
    except UpgradeError as error:
        lost = {"lock_lost": True} if error.result.get("lock_lost") else {}
        events = record.read_if_possible(copy)
        known = {"record": record.summary(events)} if events else {}
        return {**known, "unrecorded": True, **lost}, str(error)
    return {"record": found["record"], "path": found["path"]}, ""
