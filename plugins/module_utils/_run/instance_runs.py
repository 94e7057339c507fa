# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The runs of one instance on its coordinator: the lock, the unfinished run, the last finished run, a copy of a journal."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from typing import Any

from ansible_collections.octopus.upgrade.plugins.module_utils._core.errors import InvalidValue
from ansible_collections.octopus.upgrade.plugins.module_utils._windows.connection import ConnectionOptions, WindowsHost
from ansible_collections.octopus.upgrade.plugins.module_utils._windows.errors import HostUnreachable

from . import host_journal as journals
from . import outcome
from . import record as run_record
from .cluster_lock import ClusterLock, in_order
from .errors import RunError
from .holder import Holder
from .host_journal import Found, HostJournal, Journals
from .lock import GUARDED as GUARDED_SUFFIX
from .lock import PROGRAMS, Lock, RunLock
from .steps import results as results_of

INSTANCE_SPEC: dict[str, Any] = {
    "instance": {"type": "str", "required": True},
    "root": {"type": "str", "default": r"C:\ProgramData\octopus.upgrade\runs"},
}

GUARDED = "the control node was gone for too long, and the guard on the coordinator started the service again"
_BAD_NAME = re.compile(r'[\\/:*?"<>|%\x00-\x1f]|[. ]$|^$|^ ')
_RUN_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*\Z")


class InstanceRuns:
    """The lock and the journals of one instance.

    Args:
        host: The coordinator.
        params: ``instance`` and ``root``, as the modules have them.
        holder: The process that holds or takes the lock.
        others: The instance's other nodes.

    Raises:
        InvalidValue: The instance's name cannot be the name of a folder.
    """

    def __init__(self, host: WindowsHost, params: dict[str, Any], holder: Holder, others: Sequence[WindowsHost] = ()) -> None:
        self._host = host
        self._folder = folder_of(params)
        self._instance = params["instance"]
        self._holder = holder
        self._others = list(others)
        self._programs = self._folder.rpartition("\\")[0].rpartition("\\")[0] + f"\\{PROGRAMS}"
        self._lock = self._lock_on(host)

    def _lock_on(self, host: WindowsHost) -> RunLock:
        return RunLock(host, self._folder, f"instance {self._instance}", self._holder)

    def _locks_on(self, hosts: Sequence[WindowsHost], programs: bool) -> ClusterLock:
        locks = []
        for host in hosts:
            locks.append(self._lock if host is self._host else self._lock_on(host))
            if programs:
                locks.append(RunLock(host, self._programs, f"the programs on {host.name}", self._holder, self._instance))
        return ClusterLock(locks)

    def info(self, results: list[str]) -> dict[str, Any]:
        """Return the lock and the runs.

        Args:
            results: The steps of the unfinished run whose results are wanted.

        Raises:
            RunError: They cannot be read; or a run is unfinished whose coordinator was another node.
            HostError: The host cannot be reached.
        """
        return self._runs(self._lock.read(), results)

    def retained(self) -> list[dict[str, Any]]:
        """Return what the rollbacks of the finished runs have retained, newest first.

        Raises:
            RunError: The journals cannot be read.
            HostError: The host cannot be reached.
        """
        self._lock.read()
        records = [run_record.summary(found.events) for found in Journals(self._host, self._folder, self._lock.names).finished()]
        return [
            {**{name: record[name] for name in ("run_id", "finished", "restore_point")}, **record["retained"]}
            for record in records
            if any((record["retained"] or {}).get(name) for name in ("database", "folders", "files"))
        ]

    def take(self, run_id: str, operation: str | None, break_lock: str | None, check_mode: bool) -> dict[str, Any]:
        """Take the lock, and return it with the runs.

        Args:
            run_id: The run that the lock is for.
            operation: What that run does.
            break_lock: The run or the owner whose lock may be broken.
            check_mode: Whether to predict only.

        Raises:
            InvalidValue: ``run_id`` cannot be the name of a file.
            RunError: Another process holds the lock.
            HostError: The host cannot be reached.
        """
        check_run_id(run_id)
        locks = self._locks_on(in_order([self._host, *self._others]), programs=operation in outcome.REPLACES_PROGRAMS)
        self._lock.read()
        guarded = [name[: -len(GUARDED_SUFFIX)] for name in self._lock.names if name.lower().endswith(GUARDED_SUFFIX)]
        if check_mode:
            changed, broken = locks.predict(break_lock, guarded)
        else:
            changed, broken = locks.take(run_id, operation, break_lock, guarded)
        found = self._lock.read()
        return {"changed": changed, "run_id": run_id, "broke": broken.to_dict() if broken else None, **self._runs(found)}

    def release(self, run_id: str | None, check_mode: bool) -> dict[str, Any]:
        """Release the lock, and return who holds it now.

        Args:
            run_id: The run that the lock was for.
            check_mode: Whether to predict only.

        Raises:
            RunError: It cannot be released.
            HostError: A host cannot be reached.
        """
        changed = False if check_mode else self._locks_on([self._host, *self._others], programs=True).release()
        found = self._lock.read()
        if check_mode and self._lock.is_ours(found):
            changed, found = True, None
        return {"changed": changed, "run_id": run_id, "lock": self._described(found)}

    def _runs(self, lock: Lock | None, results: Sequence[str] = ()) -> dict[str, Any]:
        unfinished, last = Journals(self._host, self._folder, self._lock.names).newest()
        ended = [last.run_id] if last else []
        elsewhere: list[tuple[WindowsHost, Found]] = []
        for host in self._others:
            begun_there, last_there = self._runs_on(host)
            ended += [last_there.run_id] if last_there else []
            elsewhere += [(host, begun_there)] if begun_there else []
        newest = max(ended, default="")
        for host, found in elsewhere:
            if found.run_id > newest:
                raise self._begun_elsewhere(host, found)
        if unfinished is not None and unfinished.run_id < newest:
            unfinished = None  # a run that another coordinator has finished since has made it obsolete
        return {
            "lock": self._described(lock),
            "unfinished": _unfinished(unfinished, results, self._guarded(unfinished)) if unfinished else None,
            "last": run_record.summary(last.events) if last else None,
            "last_facts": run_record.facts(last.events) if last else {},
        }

    def _runs_on(self, host: WindowsHost) -> tuple[Found | None, Found | None]:
        """Return the unfinished and the last finished run whose journals are on another node, which was their coordinator."""
        lock = self._lock_on(host)
        try:
            lock.read()
            return Journals(host, self._folder, lock.names).newest()
        except HostUnreachable:
            return None, None  # it cannot be locked either, so that nothing begins before it answers

    def _begun_elsewhere(self, host: WindowsHost, found: Found) -> RunError:
        steps = found.to_dict()["steps"]
        what = f"{run_record.operation(found.events) or 'unknown operation'}, at the step {steps[-1] if steps else 'none'}"
        return RunError(
            f"Expected the journal of an unfinished run of instance {self._instance} on its coordinator {self._host.name}, but that of the run "
            f"{found.run_id} ({what}) is on {host.name}, which was the coordinator then. List {host.name} first among the instance's nodes in "
            "the inventory, and run this again to resume that run."
        )

    def _guarded(self, found: Found) -> bool:
        """Whether the guard on the host has restored the service of that run."""
        return f"{found.run_id}{GUARDED_SUFFIX}".lower() in (name.lower() for name in self._lock.names)

    def _described(self, lock: Lock | None) -> dict[str, Any] | None:
        return {**lock.to_dict(), "ours": self._lock.is_ours(lock)} if lock else None


@contextmanager
def instance_runs(params: dict[str, Any]) -> Iterator[InstanceRuns]:
    """The runs of an instance, with connections to its nodes.

    Args:
        params: ``connections``, the coordinator's first, ``instance``, ``root`` and ``holder``, as the modules have them.

    Raises:
        InvalidValue: The instance's name cannot be the name of a folder.
    """
    with ExitStack() as stack:
        coordinator, *others = [stack.enter_context(WindowsHost(ConnectionOptions.from_params(one))) for one in params["connections"]]
        yield InstanceRuns(coordinator, params, Holder.from_dict(params["holder"]), others)


def _unfinished(found: Found, results: Sequence[str], guarded: bool) -> dict[str, Any]:
    """Return an unfinished run with what it means for the next one.

    Args:
        found: The run.
        results: The steps whose results are wanted.
        guarded: Whether the guard has started the service since. Then what the run has done no longer holds: it cannot go on.
    """
    result = found.to_dict()
    steps, record = result["steps"], result["record"]
    if guarded and not record.get("error"):
        record = result["record"] = {**record, "error": GUARDED}
    operation = run_record.operation(found.events) or outcome.UPGRADE
    return {
        **result,
        "operation": operation,
        "playbook": outcome.playbook(operation),
        "last_step": steps[-1] if steps else "",
        "resumes": outcome.resumes(steps),
        "guarded": guarded,
        "roll_back_first": guarded or outcome.must_roll_back_first(steps, record),
        "schema_failed": outcome.schema_must_not_be_retried(record, steps),
        "only_stopped": outcome.only_stopped(steps),
        "published": outcome.published(steps),
        "results": {step: result for step, result in results_of(found.events).items() if step in results},
    }


def copy_journal(host: WindowsHost, params: dict[str, Any], check_mode: bool) -> dict[str, Any]:
    """Copy the journal of a run to a drive or a share.

    Args:
        host: The coordinator.
        params: As octopus_run_copy has them.
        check_mode: Whether to predict only.

    Raises:
        InvalidValue: A name cannot be that of a file.
        RunError: There is no journal, or it cannot be copied.
        HostError: The host cannot do it.
    """
    check_run_id(params["run_id"])
    journal = HostJournal(host, f"{folder_of(params)}\\{params['run_id']}{journals.SUFFIX}")
    events = journal.read()
    if not events:
        raise RunError(
            f"Expected the journal {journal.name}, but found no journal, or an empty one. Is run_id the id of a run that has begun?"
        )
    job = {name: params[name] for name in ("job_user", "job_password", "work_root")}
    return {"changed": check_mode or journals.copy(host, events, params["dest"], job), "dest": params["dest"]}


def folder_of(params: dict[str, Any]) -> str:
    """Return the instance's folder of runs on the coordinator.

    Args:
        params: ``instance`` and ``root``, as the modules have them.

    Raises:
        InvalidValue: The instance's name cannot be the name of a folder.
    """
    instance = params["instance"]
    if _BAD_NAME.search(instance):
        raise InvalidValue(
            f"Expected a name for instance that can be a folder on Windows, but {instance!r} cannot be the name of a folder. Choose another."
        )
    return params["root"].replace("/", "\\").rstrip("\\") + "\\" + instance


def check_run_id(run_id: str) -> None:
    """Check that a run's id can be the name of a file.

    Raises:
        InvalidValue: It cannot.
    """
    if not _RUN_ID.match(run_id):
        raise InvalidValue(f"Expected run_id of letters, digits, dots, hyphens and underscores, but found {run_id!r}.")
