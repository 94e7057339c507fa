# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The runs of one instance on its coordinator: the lock, the unfinished run, the last finished run, a copy of a journal."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from typing import Any

from ansible_collections.octopus.upgrade.plugins.module_utils._core.errors import InvalidValue, UpgradeError
from ansible_collections.octopus.upgrade.plugins.module_utils._mssql.claim import Claim
from ansible_collections.octopus.upgrade.plugins.module_utils._mssql.connection.options import SqlOptions
from ansible_collections.octopus.upgrade.plugins.module_utils._windows.connection import ConnectionOptions, WindowsHost
from ansible_collections.octopus.upgrade.plugins.module_utils._windows.errors import HostUnreachable

from . import journal_copy, outcome, retention
from . import record as run_record
from .cluster_lock import ClusterLock, computer_names
from .database_claim import Claimed, DatabaseClaim
from .errors import RunError
from .holder import Holder
from .host_journal import SUFFIX, HostJournal
from .journals import Found, Journals
from .lock import Lock, RunLock
from .lock_lines import GUARDED, PROGRAMS
from .unfinished import described

INSTANCE_SPEC: dict[str, Any] = {
    "instance": {"type": "str", "required": True},
    "root": {"type": "str", "default": r"C:\ProgramData\octopus.upgrade\runs"},
}

_BAD_NAME = re.compile(r'[\\/:*?"<>|%\x00-\x1f]|[. ]$|^$|^ ')
_RUN_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*\Z")


class InstanceRuns:
    """The lock and the journals of one instance.

    Args:
        host: The coordinator.
        params: ``instance`` and ``root``, as the modules have them.
        holder: The process that holds or takes the lock.
        others: The instance's other nodes.
        database: The claim on the instance's database; None where that is not known.

    Raises:
        InvalidValue: The instance's name cannot be the name of a folder.
    """

    def __init__(
        self,
        host: WindowsHost,
        params: dict[str, Any],
        holder: Holder,
        others: Sequence[WindowsHost] = (),
        database: DatabaseClaim | None = None,
    ) -> None:
        self._host = host
        self._folder = folder_of(params)
        self._instance = params["instance"]
        self._holder = holder
        self._others = list(others)
        self._database = database
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

    def retained(self, keep_days: int) -> list[dict[str, Any]]:
        """Return what the rollbacks of the finished runs have retained, newest first.

        Args:
            keep_days: For how many days after its run everything is retained.

        Raises:
            RunError: The journals cannot be read.
            HostError: The host cannot be reached.
        """
        self._lock.read()
        records = [run_record.summary(found.events) for found in Journals(self._host, self._folder, self._lock.names).finished()]
        return [
            {
                **{name: record[name] for name in ("run_id", "finished", "restore_point")},
                **record["retained"],
                **retention.term(record["finished"], keep_days),
            }
            for record in records
            if any((record["retained"] or {}).get(name) for name in retention.PLACES)
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
        names = computer_names([self._host, *self._others]) if self._others or self._database else {}
        hosts = sorted(names, key=lambda host: names[host].lower()) or [self._host]
        locks = self._locks_on(hosts, programs=operation in outcome.REPLACES_PROGRAMS)
        self._lock.read()
        guarded = [name[: -len(GUARDED)] for name in self._lock.names if name.lower().endswith(GUARDED)]
        if check_mode:
            changed, broken = locks.predict(break_lock, guarded)
        else:
            changed, broken = locks.take(run_id, operation, break_lock, guarded)
        try:
            runs = self._runs(self._lock.read())
            claimed = Claimed(False)
            begun = runs["unfinished"] or {"run_id": run_id, "resumes": False}
            # An unfinished run keeps its own claim: whoever comes with another one is going to be refused.
            if self._database is not None and begun["run_id"] == run_id:
                wanted = Claim(run_id, self._instance, names[self._host], self._holder.owner, operation or "run", self._holder.token)
                resumes = bool(begun["resumes"])
                claimed = self._database.take(wanted, list(names.values()), break_lock, resumes, check_mode)
        except UpgradeError:
            # Nothing begins here, so nobody else shall be kept away. The error that is known matters more.
            if changed and not check_mode:
                with suppress(UpgradeError):
                    locks.release()
            raise
        over = claimed.broken
        told = broken.to_dict() if broken else None
        if over is not None and told is None:
            told = {"owner": over.owner, "run_id": over.run_id, "since": over.since, "age_seconds": None, "why": "deliberate"}
        warnings = {"warnings": [claimed.warning]} if claimed.warning else {}
        return {"changed": changed or claimed.changed, "run_id": run_id, "broke": told, **runs, **warnings}

    def release(self, run_id: str | None, check_mode: bool, stays_open: bool | None = None) -> dict[str, Any]:
        """Release the lock, and return who holds it now.

        Args:
            run_id: The run that the lock was for.
            check_mode: Whether to predict only.
            stays_open: Whether the run stays unfinished, and keeps its claim on the database. None: it does where it has a journal.

        Raises:
            RunError: It cannot be released.
            HostError: A host cannot be reached.
        """
        claimed = Claimed(False)
        if self._database is not None and not check_mode:
            self._lock.read()
            has_journal = f"{run_id}{SUFFIX}".lower() in (name.lower() for name in self._lock.names)
            # Before the locks: whoever has those must not see the claim of a run that has ended.
            if not (has_journal if stays_open is None else stays_open):
                claimed = self._database.release(self._holder.token)
        changed = False if check_mode else self._locks_on([self._host, *self._others], programs=True).release()
        found = self._lock.read()
        if check_mode and self._lock.is_ours(found):
            changed, found = True, None
        warnings = {"warnings": [claimed.warning]} if claimed.warning else {}
        return {"changed": changed or claimed.changed, "run_id": run_id, "lock": self._described(found), **warnings}

    def _runs(self, lock: Lock | None, results: Sequence[str] = ()) -> dict[str, Any]:
        unfinished, last = Journals(self._host, self._folder, self._lock.names).newest()
        for host in self._others:
            begun_there, last_there = self._runs_on(host)
            if begun_there is not None:
                raise self._begun_elsewhere(host, begun_there)
            if last_there is not None and (last is None or last_there.run_id > last.run_id):
                last = last_there
        return {
            "lock": self._described(lock),
            "unfinished": described(unfinished, results, self._guarded(unfinished)) if unfinished else None,
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
        return f"{found.run_id}{GUARDED}".lower() in (name.lower() for name in self._lock.names)

    def _described(self, lock: Lock | None) -> dict[str, Any] | None:
        """Describe a lock; ``gone`` says that its process has ended, as far as that can be told here."""
        if lock is None:
            return None
        return {**lock.to_dict(), "ours": self._lock.is_ours(lock), "gone": lock.holder is not None and lock.holder.is_gone()}


@contextmanager
def instance_runs(params: dict[str, Any]) -> Iterator[InstanceRuns]:
    """The runs of an instance, with connections to its nodes.

    Args:
        params: ``connections``, the coordinator's first, ``instance``, ``root`` and ``holder``, as the modules have them; and with ``login_host``
            those of SQL Server with ``database``.

    Raises:
        InvalidValue: The instance's name cannot be the name of a folder.
    """
    with ExitStack() as stack:
        coordinator, *others = [stack.enter_context(WindowsHost(ConnectionOptions.from_params(one))) for one in params["connections"]]
        known = params.get("login_host") and params.get("database")
        database = DatabaseClaim(SqlOptions.from_params(params), params["database"]) if known else None
        yield InstanceRuns(coordinator, params, Holder.from_dict(params["holder"]), others, database)


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
    journal = HostJournal(host, f"{folder_of(params)}\\{params['run_id']}{SUFFIX}")
    events = journal.read()
    if not events:
        raise RunError(
            f"Expected the journal {journal.name}, but found no journal, or an empty one. Is run_id the id of a run that has begun?"
        )
    job = {name: params[name] for name in ("job_user", "job_password", "work_root")}
    return {"changed": check_mode or journal_copy.copy(host, events, params["dest"], job), "dest": params["dest"]}


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
