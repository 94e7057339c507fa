# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""End the creation or the removal of a test instance: the last event, the result for other programs, and the final words."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from . import ending, exit_status, result_file

# Status -> exit status for schedulers.
EXIT_STATUS = {
    "created": exit_status.DONE,
    "unchanged": exit_status.DONE,
    "removed": exit_status.DONE,
    "planned": exit_status.DONE,
    "not_started": exit_status.REFUSED,
    "failed": exit_status.OUT_OF_SERVICE,
    "failed_removal": exit_status.OUT_OF_SERVICE,
}
_OPEN = ("failed", "failed_removal")
_FOUND = ("thumbprint", "projects", "machines", "workers", "triggers", "live_triggers")


def end(params: dict[str, Any], check_mode: bool) -> dict[str, Any]:
    """End the run of a test instance, and return the final words.

    Args:
        params: As octopus_test_instance_report has them.
        check_mode: Whether nothing is written.
    """
    status = params["status"] or ("not_started" if params["error"] else "unchanged" if params["unchanged"] else "planned")
    written: dict[str, Any] = {}
    unrecorded = ""
    told = {"git_projects": params["git_projects"], "not_carried": not_carried(params["not_carried"], params["packages"])}
    told = told if status == "created" else {}
    if params["begun"] and not params["lock_lost"]:
        found = {name: params["contents"][name] for name in _FOUND if name in params["contents"]}
        # The run record keeps the evidence.
        data = {"verdict": status, "evidence": {**found, "database": params["made"]["database"], **told} if told else {}}
        written, unrecorded = ending.write_end(params, "stopped" if status in _OPEN else "finished", data, check_mode)
    result = {
        "instance": params["instance"],
        "test_of": params["test_of"],
        "status": status,
        "exit_status": EXIT_STATUS[status],
        "error": params["error"],
        "version": params["made"].get("version") or "",
        "database": params["made"].get("database") or "",
        "projects": params["made"].get("projects") or [],
        "git_projects": params["git_projects"],
        "not_carried": told.get("not_carried", []),
        "packages": {name: params["packages"][name] for name in ("copied", "existing", "bytes") if name in params["packages"]},
        "run_record": written.get("path", ""),
    }
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


def not_carried(names: list[str], packages: dict[str, Any]) -> list[str]:
    """Return what has not arrived: with packages copied, those that were not.

    Args:
        names: What an import never carries.
        packages: As octopus_packages_copy returned it; empty where none were wanted.
    """
    if not packages:
        return names
    left = [name for name in names if name != "packages"]
    found = {
        "which are missing on the source": packages["missing"],
        "which were there with another content": packages["different"],
        "which a release has selected for a step that cannot be told any more": packages["unknown"],
    }
    return [
        *left,
        "packages of runbooks only",
        *(f"packages {why}: {', '.join(some)}" for why, some in found.items() if some),
    ]


def summary(result: dict[str, Any]) -> list[str]:
    """Return the lines with which the run ends."""
    head = f"{result['instance']}: {result['status']}"
    if result["status"] != "created":
        return [head]
    git, packages = result["git_projects"], result["packages"]
    return [
        f"{head} at {result['version']} with {', '.join(result['projects'])}",
        *([f"packages: {packages['copied']} copied, {packages['existing']} there before"] if packages else []),
        *([f"version-controlled, and so in the repository of the original: {', '.join(git)}"] if git else []),
        f"not carried over: {'; '.join(result['not_carried']) or 'nothing is known'}",
    ]


def message(params: dict[str, Any], status: str, unrecorded: str = "", unwritten: str = "") -> str:
    """Return the message of a run that has failed; empty where nothing has.

    Args:
        params: As octopus_test_instance_report has them.
        status: How it ended.
        unrecorded: Why the record could not be finished; empty where it was.
        unwritten: Why the result could not be written; empty where it was.
    """
    if not params["error"] and not unwritten:
        return ""
    lines = (
        params["error"],
        _state(params, status),
        f"The result could not be written to {params['path']}: {unwritten}" if unwritten else f"Result: {params['path']}",
        unrecorded and f"The run record could not be finished: {unrecorded}",
    )
    return "\n".join(line for line in lines if line)


def _state(params: dict[str, Any], status: str) -> str:
    instance = params["instance"]
    if params["lock_lost"]:
        return (
            f"Another control node has broken the lock of the test instance {instance}, and has resumed or ended this run. "
            "This control node has stopped where it was."
        )
    if status == "not_started":
        return f"The run has changed nothing. The test instance {instance} is as it was, and so is its source {params['test_of']}."
    if status == "failed":
        return (
            f"The test instance {instance} is not complete, and nobody should use it. Its source {params['test_of']} is as it was. Run the same "
            "playbook again to resume, or remove_test_instance.yml to remove what there is."
        )
    if status == "failed_removal":
        return f"Something is left of the test instance {instance}. Run the same playbook again to resume."
    return ""
