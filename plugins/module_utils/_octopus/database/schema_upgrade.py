# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The schema upgrade of an Octopus Server: ``Octopus.Server.exe database --upgrade`` as a job, once and alone.

Before 2023.2.9755 the product does not refuse to upgrade a database under running nodes, which then block each other
(https://github.com/OctopusDeploy/Issues/issues/3147, 3626, 8241). Starting an upgrade twice is not safe either. So this checks first that
nobody uses the database, and finds the job of an earlier run by its name.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timezone
from typing import Any, Protocol

from ansible_collections.octopus.upgrade.plugins.module_utils._core.waiting import Deadline
from ansible_collections.octopus.upgrade.plugins.module_utils._mssql.connection import server_info
from ansible_collections.octopus.upgrade.plugins.module_utils._mssql.connection.connection import SqlConnection
from ansible_collections.octopus.upgrade.plugins.module_utils._octopus.errors import OctopusError
from ansible_collections.octopus.upgrade.plugins.module_utils._octopus.host import connection_string
from ansible_collections.octopus.upgrade.plugins.module_utils._octopus.host.instances import OctopusHost
from ansible_collections.octopus.upgrade.plugins.module_utils._octopus.path.catalogue import explanations
from ansible_collections.octopus.upgrade.plugins.module_utils._octopus.version import Version
from ansible_collections.octopus.upgrade.plugins.module_utils._windows import files
from ansible_collections.octopus.upgrade.plugins.module_utils._windows.errors import HostError, HostTimeout, HostUnreachable
from ansible_collections.octopus.upgrade.plugins.module_utils._windows.jobs import Job, RunAs, job_id

from . import schema
from .sessions import describe

# Age from which on a heartbeat is that of a stopped node. Nodes write one about every 15 seconds, and the product's own limit is not
# published: both are assumed.
STALE_SECONDS = 60.0
REFUSES_RUNNING_NODES = Version.parse("2023.2.9755")
TAIL, ERROR_LINES = 20, 8
_WRONG = re.compile(r"error|exception|fatal|failed|cannot|could not|denied|refused", re.IGNORECASE)
# As DbUp, which the product upgrades its schema with, announces each script (https://github.com/DbUp/DbUp).
_SCRIPT = re.compile(r"Executing Database Server script\b")
_MAY_HOLD_A_SECRET = re.compile(r"password|pwd", re.IGNORECASE)
ENDING_SECONDS = 60.0


class Report(Protocol):
    """Takes what is reported while a schema is upgraded, as :class:`Progress` does."""

    def __call__(self, message: str, percent: float | None = None, part: int | None = None, /) -> object: ...


@dataclass(frozen=True)
class UpgradeRequest:
    """What is asked for.

    Args:
        timeout: Seconds for the job.
        run_as: The account of the job.
        work_root: Folder on the host for jobs and their logs.
        report: Gets what the program prints, with the number of scripts begun where a line is about one.
    """

    instance_name: str | None
    expected_version: str | None
    timeout: float
    run_as: RunAs = field(repr=False)
    work_root: str
    check_mode: bool = False
    report: Report = field(default=lambda _message, _percent=None, _count=None: None, repr=False)

    @classmethod
    def from_params(cls, params: dict[str, Any], check_mode: bool, report: Report) -> UpgradeRequest:
        """Read a module's parameters.

        Raises:
            OctopusError: The expected version is not a version.
        """
        if params["expected_version"]:
            Version.parse(params["expected_version"])
        return cls(
            params["instance_name"],
            params["expected_version"],
            params["timeout"],
            RunAs(params["job_user"], params["job_password"]),
            params["work_root"],
            check_mode,
            report,
        )


class SchemaUpgrade:
    """One upgrade of one instance's schema.

    Args:
        request: What is asked for.
        octopus: The host whose program upgrades the schema.
        open_database: Opens a connection to the instance's database. None stays open while the job runs.
        before_start: Called with one when nobody uses the database any more, just before a job is started.
    """

    def __init__(
        self,
        request: UpgradeRequest,
        octopus: OctopusHost,
        open_database: Callable[[], SqlConnection],
        before_start: Callable[[SqlConnection], object] = lambda _connection: None,
    ) -> None:
        self.request = request
        self.octopus = octopus
        self.open_database = open_database
        self.before_start = before_start
        self.instance = octopus.one_instance(request.instance_name).name
        # One per instance, whatever the version: two upgrades of a schema must never run at once.
        self.job_id = job_id("schema", self.instance.lower())
        self.job = Job(octopus.host, request.work_root, self.job_id)
        self._scripts = 0

    def run(self) -> dict[str, Any]:
        """Upgrade where needed.

        Returns:
            The module's result, without what it reads of the database.

        Raises:
            OctopusError: It would not be safe, it failed, or it took too long.
            MssqlError: SQL Server refused.
            HostError: The host did.
        """
        found = self.job.poll().status
        if found == "running":
            return self._attach()
        collected = found in ("finished", "lost")
        if collected and not self.request.check_mode:
            # A restore may have undone it since, or it was for an earlier version. So a failed one is reported once; after one that
            # succeeded the upgrade runs again, which changes nothing in a schema that is upgraded already.
            self.request.report(f"Found the schema upgrade of {self.instance} that an earlier run had started: it is {found}")
            self._finish("collected")
        with self.open_database() as connection:
            if self._is_done(connection):
                return {"changed": collected, "job": "collected" if collected else None}
            if self.request.check_mode:
                return {"changed": True, "job": None}
            self._check_program()
            self._check_unused(connection)
            self.before_start(connection)
        self.request.report(f"Upgrading the schema of {self.instance}")
        self.job.start([[self.octopus.cli.program, "database", f"--instance={self.instance}", "--upgrade"]], run_as=self.request.run_as)
        return self._finish("started")

    def _attach(self) -> dict[str, Any]:
        """Follow the job of an earlier run. A running program cannot be replaced, so it upgrades to the version that is installed."""
        self._check_program()
        if self.request.check_mode:
            return {"changed": True, "job": "attached"}
        self.request.report(f"Following the schema upgrade of {self.instance} that an earlier run had started")
        return self._finish("attached")

    # -- before

    def _is_done(self, connection: SqlConnection) -> bool:
        return bool(self.request.expected_version and schema.read(connection).is_at(self.request.expected_version))

    def _check_program(self) -> None:
        """Refuse a program of another version: it upgrades to its own, whichever that is."""
        wanted = self.request.expected_version
        if not wanted:
            return
        found = self.octopus.cli.version()
        if found is not None and Version.parse(found) != Version.parse(wanted):
            raise OctopusError(
                f"Expected {self.octopus.cli.program} on {self.octopus.host.where} to be {wanted}, to upgrade the schema of {self.instance} to "
                f"that version, but it is {found}. Install {wanted} first, with octopus_install."
            )

    def _check_unused(self, connection: SqlConnection) -> None:
        """Refuse a database that somebody else is connected to.

        From 2023.2.9755 on the product itself refuses while heartbeats are fresh. Before, only sessions show it, where the login may see them.
        """
        database = str(connection.scalar("SELECT DB_NAME() AS name"))
        visible = server_info.may_see_sessions(connection)
        if visible:
            others = server_info.sessions(connection, database)
            if others:
                raise OctopusError(
                    f"Expected nobody to be connected to {database} on SQL Server {connection.options.where} while its schema is upgraded, but "
                    f"found {'; '.join(describe(one) for one in others)}. Stop the nodes of {self.instance}, and whatever else is connected."
                )
        wanted = self.request.expected_version
        refuses = wanted is not None and Version.parse(wanted) >= REFUSES_RUNNING_NODES
        if not visible and not refuses and not schema.heartbeats_readable(connection):
            raise OctopusError(
                f"Expected to see whether a node of {self.instance} still runs before its schema is upgraded, but the login may not see the "
                f"sessions of SQL Server {connection.options.where}, and the heartbeats of {database} are in a column that is not known. Grant "
                "the login VIEW SERVER STATE."
            )
        if not visible or wanted is None or refuses:
            self._await_stale_heartbeats(connection)

    def _await_stale_heartbeats(self, connection: SqlConnection) -> None:
        """Wait until no heartbeat is fresh; a new one means that the node runs."""
        deadline = Deadline(STALE_SECONDS * 1.5, first=0.1, most=2.0)
        before: dict[str, str | None] = {}
        while True:
            fresh = [
                row
                for row in schema.heartbeats(connection)
                if row.last_seen_age_seconds is not None and row.last_seen_age_seconds < STALE_SECONDS
            ]
            if not fresh:
                return
            alive = [row for row in fresh if row.last_seen != before.get(row.name, row.last_seen)]
            before |= {row.name: row.last_seen for row in fresh}
            if alive or not deadline.pause():
                raise OctopusError(
                    f"Expected every node of {self.instance} to be stopped while its schema is upgraded, but found heartbeats of "
                    f"{', '.join(f'{row.name} {row.last_seen_age_seconds:.0f} s ago' for row in alive or fresh)}. "
                    "Stop their services with octopus_node and state: stopped, and check that no watchdog starts them again."
                )

    # -- the job

    def _finish(self, how: str) -> dict[str, Any]:
        earlier = ", in an earlier run" if how == "collected" else ""
        try:
            state = self.job.wait(self.request.timeout, on_output=self._report)
        except HostTimeout as error:
            self._end()
            raise self._failed(f"it was not done after {self.request.timeout:g} s and was ended") from error
        except HostUnreachable:
            raise  # the job goes on there
        except HostError as error:
            if self.job.poll().status != "lost":
                raise
            raise self._failed(f"it ended without an exit code{earlier}, as it does when the host is restarted") from error
        if state.exit_code != 0:
            raise self._failed(f"it failed with exit code {state.exit_code}{earlier}")
        log, path = self._put_away()
        return {
            "changed": True,
            "job": how,
            "job_id": self.job_id,
            "exit_code": 0,
            "log_tail": log[-TAIL:],
            "output_path": path,
            "scripts": sum(1 for line in log if _SCRIPT.search(line)),
        }

    def _end(self) -> None:
        self.job.cancel()
        deadline = Deadline(ENDING_SECONDS)
        while self.job.poll().status == "running":
            if not deadline.pause():
                raise OctopusError(
                    f"Expected the schema upgrade of {self.instance} on {self.octopus.host.where} to end after {self.request.timeout:g} s, but its "
                    f"task {self.job.task} still runs. End it there before anything else is done with the database."
                )

    def _report(self, output: list[str]) -> None:
        for line in _lines(output):
            if _SCRIPT.search(line):
                self._scripts += 1
                self.request.report(line, None, self._scripts)
            else:
                self.request.report(line)

    def _failed(self, why: str) -> OctopusError:
        """The error of this run. The job is removed with it, so that the next run starts a new one."""
        lines, path = self._put_away()
        wrong = [line for line in lines if _WRONG.search(line)] or lines
        said = " | ".join(wrong[-ERROR_LINES:]) or "it printed nothing"
        return OctopusError(
            f"Expected the schema of {self.instance} to be upgraded by {self.octopus.host.where}, but {why}: {said}. "
            f"The whole log is {path} there. The database may be altered in part: restore the backup rather than trying again on it."
            f"{''.join(f' {known}' for known in explanations(lines))}"
        )

    def _put_away(self) -> tuple[list[str], str]:
        """Move the log out of the job's folder, and remove the job. Return the log's lines and its path on the host."""
        host, lines = self.octopus.host, []
        folder = self.request.work_root.rstrip("\\") + "\\logs"
        path = f"{folder}\\{self.job_id}-{datetime.now(timezone.utc):%Y%m%dT%H%M%S%fZ}.txt"
        if files.exists(host, self.job.output_path):  # it does not where the program was never started
            lines = _lines(self.job.output().splitlines())
            files.make_folder(host, folder)
            files.move(host, self.job.output_path, path)
        self.job.remove()
        return lines, path


def _lines(output: list[str]) -> list[str]:
    """Return the lines that are not empty, with the secrets of connection strings masked."""
    lines = [line.strip() for line in output if line.strip()]
    return [connection_string.mask(line) if _MAY_HOLD_A_SECRET.search(line) else line for line in lines]
