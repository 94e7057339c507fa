# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The final words of a run: how the instance is, where everything is, and what to do. Pure functions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from ansible_collections.octopus.upgrade.plugins.module_utils._core.progress import clock

from . import steps


@dataclass(frozen=True)
class Report:
    """Everything that the final words need.

    Attributes:
        instance: The instance.
        verdict: One of :data:`outcome.VERDICTS`.
        operation: What the run was for.
        error: The first error; empty where there was none.
        second_error: Why restoring service, or the rollback, has failed too.
        not_removed: What could not be cleaned up.
        nodes: The instance's nodes.
        installed: The version that the restore point is of.
        before: ``maintenance``, ``drained``, ``task_caps``, ``watched`` and ``start_types``, as they were before the run.
        services: The state of the service on each node, where it was looked at.
        restore_point: The restore point's path.
        database: The database's name.
        changed: Whether programs, database or folders may differ from the restore point.
        steps: The steps begun.
        resume_with: The playbook that resumes the run.
        retained: What a rollback has retained of the failed state: ``database``, ``folders``, ``files`` of a database that could not be
            renamed, what was ``moved`` beside the server folders, the ``bytes`` that they take, and ``until`` when they are retained.
        lost: What was done since the restore point, and is lost by the rollback.
        to_do: What somebody has to do although the instance is in service.
    """

    instance: str
    verdict: str
    operation: str = "upgrade"
    error: str = ""
    second_error: str = ""
    not_removed: str = ""
    nodes: Sequence[str] = ()
    installed: str = "the old version"
    before: Mapping[str, Any] = field(default_factory=dict)
    services: Mapping[str, str] = field(default_factory=dict)
    restore_point: str = ""
    database: str = "the database"
    changed: bool = False
    steps: Sequence[str] = ()
    resume_with: str = "the same playbook"
    retained: Mapping[str, Any] = field(default_factory=dict)
    lost: Sequence[str] = ()
    to_do: Sequence[str] = ()


def backup(events: Sequence[steps.Event], restore_point: str) -> dict[str, Any]:
    """Return what the record keeps of the run's database backup; empty where the run has none.

    It comes from the journal, because a resumed run that rolls back skips the tasks that made the backup.

    Args:
        events: The events of the run.
        restore_point: The path of the restore point, for one that is not signed yet.
    """
    done = steps.results(events)
    made = done.get("backup.database", {})
    if not made.get("backup_set_uuid"):
        return {}
    return {
        **{name: made.get(name) for name in ("paths", "size", "compressed_size", "backup_set_uuid", "verified")},
        "folders": done.get("backup.folders", {}).get("folders", {}),
        "restore_point": done.get("backup.sign", {}).get("path") or restore_point,
    }


def message(report: Report, record_path: str | None = None, unrecorded: str = "") -> str:
    """Return the message of a run that has failed; empty where nothing has.

    Args:
        report: How it ended.
        record_path: The run record, where it was written.
        unrecorded: Why the record could not be finished; empty where it was.
    """
    if not report.error and not unrecorded:
        return ""
    second = {"rollback_failed": "The rollback failed too: ", "failed_unasked": "The rollback could not be verified: "}.get(
        report.verdict, "Restoring service failed too: "
    )
    return _lines(
        report.error,
        state(report),
        report.second_error and second + report.second_error,
        report.not_removed and f"Could not be cleaned up: {report.not_removed}",
        *(f"To do: {line}" for line in report.to_do),
        record_path and f"Run record: {record_path}",
        unrecorded and f"The run record could not be finished: {unrecorded}",
    )


def summary(report: Report, record: Mapping[str, Any], record_path: str | None = None) -> list[str]:
    """Return the lines with which a run ends.

    Args:
        report: How it ended.
        record: The run's record.
        record_path: The run record, where it was written.
    """
    versions = [record.get("from_version"), *(record.get("ladder") or [])]
    # A backup beside the running service excludes users by maintenance mode alone.
    absence = "maintenance mode" if record.get("operation") == "backup" else "outage"
    seconds = record.get("outage_seconds")
    evidence = record.get("evidence") or {}
    return [
        line
        for line in (
            f"{report.instance}: {report.verdict}",
            " -> ".join(str(version) for version in versions if version),
            f"{absence}: {'none' if seconds is None else clock(seconds)}{_causes(record)}",
            f"backup: {', '.join((record.get('backup') or {}).get('paths') or ['none'])}",
            evidence and f"evidence: {_evidence(evidence)}",
            *(f"not in the restore point: {line}" for line in report.lost),
            _retained(report) and f"retained: {_retained(report)}; {_until(report)}",
            report.not_removed and f"could not be cleaned up: {report.not_removed}",
            *(f"to do: {line}" for line in report.to_do),
            f"record: {record_path or 'none'}",
        )
        if line
    ]


def state(report: Report) -> str:
    """Return how the instance is, where everything is, and what to do."""
    return _STATES[report.verdict](report)


def services_of(looked: Sequence[Mapping[str, Any]], instance_name: str) -> dict[str, str]:
    """Return the state of an instance's service on each node; ``unknown`` where the node did not tell.

    Args:
        looked: The results of octopus_info, an item for each node.
        instance_name: The instance's name on the nodes.
    """
    states: dict[str, str] = {}
    for one in looked:
        node = one["item"]
        instances = ((one.get("hosts") or {}).get(node) or {}).get("instances") or []
        found = [(instance.get("service") or {}).get("state") for instance in instances if instance.get("name") == instance_name]
        states[node] = found[0] if found and found[0] else "unknown"
    return states


# -- by verdict


def _upgraded(report: Report) -> str:
    return f"Instance {report.instance} is upgraded and in service."


def _rolled_back(report: Report) -> str:
    return f"Instance {report.instance} is back at {report.installed} and in service."


def _backed_up(report: Report) -> str:
    return f"Instance {report.instance} is backed up and in service."


def _lock_lost(report: Report) -> str:
    return (
        f"Another control node has broken the lock of instance {report.instance}, and has resumed or ended this run. "
        "This control node has stopped where it was."
    )


def _before_outage(report: Report) -> str:
    watchdog = ", except for its watchdog" if report.second_error else ""
    return f"Instance {report.instance} was not touched{watchdog}. Its service runs as before."


def _service_restored(report: Report) -> str:
    stopped = "quiesce.stop" in report.steps
    restored = "maintenance mode and drain" if report.second_error else "maintenance mode, drain and watchdog"
    return (
        f"Instance {report.instance} was {'stopped' if stopped else 'in maintenance mode'}, but neither its programs nor its database were "
        f"changed. Its service runs{' again' if stopped else ''} at {report.installed}, with {restored} as they were."
    )


def _failed_rolled_back(report: Report) -> str:
    return _sentences(
        f"Instance {report.instance} was rolled back to its restore point: its service runs again at {report.installed}, with database, "
        "folders, maintenance mode, drain and watchdog as they were.",
        _lost_sentence(report),
        _retained_sentence(report),
        _restore_point(report),
    )


def _after_upgrade(report: Report) -> str:
    done = "backed up" if report.operation == "backup" else "upgraded and verified"
    if "publish.canary" in report.steps:  # the last step of publishing
        return (
            f"Instance {report.instance} is upgraded, verified and returned to its users. What failed came after that: the canary, or the removal "
            f"of old restore points. Do not restore the backup: users are working. See why, and run {report.resume_with} again; without "
            "octopus_canary no canary is deployed."
        )
    return (
        f"Instance {report.instance} is {done}, and its service runs. What failed is returning it to its users. Do not restore the backup: "
        f"users may be working already. Run {report.resume_with} again to continue, or make sure by hand that the instance is like this: "
        f"{_as_before(report)}."
    )


def _unasked(report: Report) -> str:
    return (
        f"The service of instance {report.instance} was started again and runs, but the control node could not ask it how it is: no sign of ill "
        "health, so it was not rolled back for that. It was neither verified nor returned to its users: maintenance mode is on, and the nodes are "
        f"drained. Correct what the message names on the control node (certificates, name resolution, proxy), and run {report.resume_with} again to "
        f"continue with the verification. By hand: {_as_before(report)}."
    )


def _stopped(report: Report) -> str:
    again = f"Run {report.resume_with} again to continue where this run failed"
    if not report.changed:
        return _sentences(
            _out_of_service(report),
            "Neither its programs nor its database were changed.",
            f"{again}. By hand: start {report.installed}, and set: {_as_before(report)}.",
        )
    return _sentences(
        _out_of_service(report),
        _restore_point(report),
        f"{again}, or rollback.yml to roll back.",
        f"By hand: restore that backup, install {report.installed} on every node, start {report.installed}, and set: {_as_before(report)}.",
    )


def _rollback_failed(report: Report) -> str:
    return _sentences(
        _out_of_service(report),
        _restore_point(report),
        _retained_sentence(report),
        f"Run {report.resume_with} again to continue where the rollback failed.",
        f"By hand, in this order: restore database.bak over {report.database}, copy the folders back, install {report.installed} from packages "
        f"on every node, start it, and set: {_as_before(report)}.",
    )


_STATES = {
    "upgraded": _upgraded,
    "rolled_back": _rolled_back,
    "backed_up": _backed_up,
    "failed_lock_lost": _lock_lost,
    "failed_before_outage": _before_outage,
    "failed_service_restored": _service_restored,
    "failed_rolled_back": _failed_rolled_back,
    "failed_after_upgrade": _after_upgrade,
    "failed_unasked": _unasked,
    "failed_stopped": _stopped,
    "rollback_failed": _rollback_failed,
}

# -- parts


def _until(report: Report) -> str:
    until = str(report.retained.get("until") or "")[:10]
    if not until:
        return "it stays until rollback_cleanup.yml removes it"
    return f"it stays until rollback_cleanup.yml removes it, which it does from {until} on (octopus_keep_replaced_days)"


def _out_of_service(report: Report) -> str:
    stopped = [node for node, found in report.services.items() if found == "stopped"]
    others = [f"{node} {found}" for node, found in report.services.items() if found != "stopped"]
    elsewhere = f"; elsewhere: {', '.join(others)}" if others else ""
    return (
        f"Instance {report.instance} is out of service: maintenance mode on, nodes drained or stopped, watchdog off, start types disabled. "
        f"The service is stopped on {', '.join(stopped) or 'no node'}{elsewhere}. Do not start what is stopped before the cause is known."
    )


def _restore_point(report: Report) -> str:
    return (
        f"The restore point {report.restore_point} has the database (database.bak), the server folders (folders), the package of "
        f"{report.installed} (packages), and the encrypted master key and licence."
    )


def _as_before(report: Report) -> str:
    maintenance = "on" if report.before.get("maintenance") else "off"
    drained = report.before.get("drained") or []
    undrained = [node for node in report.nodes if node not in drained]
    watched = report.before.get("watched") or []
    start_types = report.before.get("start_types") or {}
    kinds = ", ".join(f"{kind} on {node}" for node, kind in start_types.items() if node in report.nodes)
    caps = ", ".join(f"{cap} on {node}" for node, cap in (report.before.get("task_caps") or {}).items() if node in report.nodes)
    return (
        f"maintenance mode {maintenance}, {', '.join(undrained) or 'no node'} undrained{f' (task cap {caps})' if caps else ''}, "
        f"watchdog on at {', '.join(watched) or 'no node'}, start type of the service {kinds or 'as it was'}"
    )


def _retained(report: Report) -> str:
    told = [
        report.retained.get("database"),
        report.retained.get("folders"),
        *(report.retained.get("moved") or []),
        report.retained.get("files"),
    ]
    places = ", ".join(str(place) for place in told if place)
    room = report.retained.get("bytes")
    return f"{places} ({room / 1024**3:.1f} GB)" if places and room else places


def _retained_sentence(report: Report) -> str:
    retained = _retained(report)
    until = _until(report)
    return f"What was replaced is retained: {retained}. {until[0].upper()}{until[1:]}." if retained else ""


def _lost_sentence(report: Report) -> str:
    return f"Not in the restore point, and so undone: {'; '.join(report.lost)}." if report.lost else ""


def _causes(record: Mapping[str, Any]) -> str:
    causes = record.get("outage_by_cause") or {}
    return f" ({', '.join(f'{cause} {clock(seconds)}' for cause, seconds in causes.items())})" if causes else ""


def _evidence(evidence: Mapping[str, Any]) -> str:
    log, package = evidence.get("task_log") or {}, evidence.get("package") or {}
    name = " ".join(part for part in (package.get("id") or "none", package.get("version")) if part)
    return f"{evidence.get('projects_read') or 0} projects read, task log {log.get('id') or 'none'}, package {name}"


def _sentences(*sentences: str) -> str:
    return " ".join(sentence for sentence in sentences if sentence)


def _lines(*lines: str | None) -> str:
    return "\n".join(line for line in lines if line)
