# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The schema upgrade of an Octopus Server: ``Octopus.Server.exe database --upgrade`` as a job, once and alone.

Before 2023.2.9755 nothing in the product stops an upgrade under running nodes, which then lock each other out
(https://github.com/OctopusDeploy/Issues/issues/3147, 3626, 8241); and an upgrade that is begun twice is not safe either. So what must
be quiet is looked at first, and a job that an earlier run left is found again by its name.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timezone
from typing import Any

from ansible_collections.octopus.upgrade.plugins.module_utils._core.waiting import Deadline
from ansible_collections.octopus.upgrade.plugins.module_utils._mssql.connection import server_info
from ansible_collections.octopus.upgrade.plugins.module_utils._mssql.connection.connection import SqlConnection
from ansible_collections.octopus.upgrade.plugins.module_utils._octopus.errors import OctopusError
from ansible_collections.octopus.upgrade.plugins.module_utils._octopus.host import connection_string
from ansible_collections.octopus.upgrade.plugins.module_utils._octopus.host.instances import OctopusHost
from ansible_collections.octopus.upgrade.plugins.module_utils._octopus.version import Version
from ansible_collections.octopus.upgrade.plugins.module_utils._windows import files
from ansible_collections.octopus.upgrade.plugins.module_utils._windows.errors import HostError, HostTimeout, HostUnreachable
from ansible_collections.octopus.upgrade.plugins.module_utils._windows.jobs import Job, RunAs, job_id

from . import schema

# How old a heartbeat must be to be that of a stopped node. Nodes beat about every 15 seconds and the product's own limit is not
# published: both assumed.
STALE_SECONDS = 60.0
REFUSES_RUNNING_NODES = Version.parse("2023.2.9755")
TAIL, ERROR_LINES = 20, 8
_WRONG = re.compile(r"error|exception|fatal|failed|cannot|could not|denied|refused", re.IGNORECASE)
_MAY_HOLD_A_SECRET = re.compile(r"password|pwd", re.IGNORECASE)
ENDING_SECONDS = 60.0


@dataclass(frozen=True)
class UpgradeRequest:
    """What is asked for.

    Args:
        timeout: Seconds for the job.
        run_as: The account of the job.
        work_root: Folder on the host for jobs and their logs.
        tell: Hears what the program says.
    """

    instance_name: str | None
    expected_version: str | None
    timeout: float
    run_as: RunAs = field(repr=False)
    work_root: str
    check_mode: bool = False
    tell: Callable[[str], object] = field(default=lambda _message: None, repr=False)

    @classmethod
    def from_params(cls, params: dict[str, Any], check_mode: bool, tell: Callable[[str], object]) -> UpgradeRequest:
        """Read a module's parameters.

        Raises:
            OctopusError: The expected version is none.
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
            tell,
        )


class SchemaUpgrade:
    """One upgrade of one instance's schema.

    Args:
        request: What is asked for.
        octopus: The host whose program upgrades.
        open_database: Opens a connection to the instance's database. None is held while the job runs: the upgrade has it to itself.
    """

    def __init__(self, request: UpgradeRequest, octopus: OctopusHost, open_database: Callable[[], SqlConnection]) -> None:
        self.request = request
        self.octopus = octopus
        self.open_database = open_database
        self.instance = octopus.one_instance(request.instance_name).name
        # One per instance, whatever the version: two upgrades of a schema must never run at once.
        self.job_id = job_id("schema", self.instance.lower())
        self.job = Job(octopus.host, request.work_root, self.job_id)

    def run(self) -> dict[str, Any]:
        """Upgrade where needed. Return what the module returns of it.

        Raises:
            OctopusError: It would not be safe, or it failed, or it took too long.
            MssqlError: SQL Server refused.
            HostError: The host did.
        """
        found = self.job.poll().status
        if found == "running":
            return self._attach()
        collected = found in ("finished", "lost")
        if collected and not self.request.check_mode:
            # What it did may be undone since (a restore), or it was for a version before this one. So where it failed, that is said once,
            # and where it ended well, the upgrade runs again, which does nothing to a schema that is there already.
            self.request.tell(f"Found the schema upgrade of {self.instance} that an earlier run has started: it is {found}")
            self._finish("collected")
        with self.open_database() as connection:
            if self._is_there(connection):
                return {"changed": collected, "job": "collected" if collected else None}
            if self.request.check_mode:
                return {"changed": True, "job": None}
            self._right_program()
            self._quiet(connection)
        self.request.tell(f"Upgrading the schema of {self.instance}")
        self.job.start([[self.octopus.cli.program, "database", f"--instance={self.instance}", "--upgrade"]], run_as=self.request.run_as)
        return self._finish("started")

    def _attach(self) -> dict[str, Any]:
        """The program cannot be replaced while it runs, so what runs upgrades to the version that is installed."""
        self._right_program()
        if self.request.check_mode:
            return {"changed": True, "job": "attached"}
        self.request.tell(f"Following the schema upgrade of {self.instance} that an earlier run has started")
        return self._finish("attached")

    # -- before

    def _is_there(self, connection: SqlConnection) -> bool:
        return bool(self.request.expected_version and schema.read(connection).is_at(self.request.expected_version))

    def _right_program(self) -> None:
        """The program upgrades to its own version, whichever that is."""
        wanted = self.request.expected_version
        if not wanted:
            return
        found = self.octopus.cli.version()
        if found is not None and Version.parse(found) != Version.parse(wanted):
            raise OctopusError(
                f"Wanted: the schema of {self.instance} at {wanted}. "
                f"Found: {self.octopus.cli.program} on {self.octopus.host.where} is {found}, "
                f"and would upgrade to that. Install {wanted} first, with octopus_install."
            )

    def _quiet(self, connection: SqlConnection) -> None:
        """Nobody else may be on the database.

        The product itself refuses while heartbeats are fresh, from 2023.2.9755 on. Before, sessions tell, where the login may see them.
        """
        database = str(connection.scalar("SELECT DB_NAME() AS name"))
        visible = server_info.may_see_sessions(connection)
        if visible:
            others = server_info.sessions(connection, database)
            if others:
                raise OctopusError(
                    f"Wanted: nobody on {database} of SQL Server {connection.options.where} while its schema is upgraded. Found: "
                    f"{'; '.join(describe(one) for one in others)}. Stop the nodes of {self.instance}, and whatever else is connected."
                )
        wanted = self.request.expected_version
        if not visible or wanted is None or Version.parse(wanted) >= REFUSES_RUNNING_NODES:
            self._stale_heartbeats(connection)

    def _stale_heartbeats(self, connection: SqlConnection) -> None:
        """Wait until no heartbeat is fresh; one that goes on is a node that runs."""
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
                    f"Wanted: every node of {self.instance} stopped while its schema is upgraded. Found: heartbeats of "
                    f"{', '.join(f'{row.name} {row.last_seen_age_seconds:.0f} s ago' for row in alive or fresh)}. "
                    "Stop their services with octopus_node and state: stopped, and see that no watchdog starts them again."
                )

    # -- the job

    def _finish(self, how: str) -> dict[str, Any]:
        earlier = ", in an earlier run" if how == "collected" else ""
        try:
            state = self.job.wait(self.request.timeout, on_output=self._hear)
        except HostTimeout as error:
            self._end()
            raise self._failed(f"it was not done after {self.request.timeout:g} s and was ended") from error
        except HostUnreachable:
            raise  # it goes on there
        except HostError as error:
            if self.job.poll().status != "lost":
                raise
            raise self._failed(f"it ended without an exit code{earlier}, as when the host is restarted") from error
        if state.exit_code != 0:
            raise self._failed(f"exit code {state.exit_code}{earlier}")
        log, path = self._put_away()
        return {"changed": True, "job": how, "job_id": self.job_id, "exit_code": 0, "log_tail": log[-TAIL:], "output_path": path}

    def _end(self) -> None:
        self.job.cancel()
        deadline = Deadline(ENDING_SECONDS)
        while self.job.poll().status == "running":
            if not deadline.pause():
                raise OctopusError(
                    f"Wanted: the schema upgrade of {self.instance} on {self.octopus.host.where} ended after {self.request.timeout:g} s. "
                    f"Found: its task {self.job.task} still runs. End it there before anything else is done with the database."
                )

    def _hear(self, output: list[str]) -> None:
        for line in _lines(output):
            self.request.tell(line)

    def _failed(self, why: str) -> OctopusError:
        """The error of this run. The job is put away with it, so that the next run begins anew."""
        lines, path = self._put_away()
        wrong = [line for line in lines if _WRONG.search(line)] or lines
        said = " | ".join(wrong[-ERROR_LINES:]) or "it printed nothing"
        return OctopusError(
            f"Wanted: the schema of {self.instance} upgraded by {self.octopus.host.where}. Found: {why}: {said}. "
            f"The whole log is {path} there. The database may be altered in part: restore the backup rather than trying again on it."
        )

    def _put_away(self) -> tuple[list[str], str]:
        """Keep the log, remove the job. Return the log's lines and where it lies on the host."""
        host, lines = self.octopus.host, []
        folder = self.request.work_root.rstrip("\\") + "\\logs"
        path = f"{folder}\\{self.job_id}-{datetime.now(timezone.utc):%Y%m%dT%H%M%S%fZ}.txt"
        if files.exists(host, self.job.output_path):  # not so where the program was never begun
            lines = _lines(self.job.output().splitlines())
            files.make_folder(host, folder)
            files.move(host, self.job.output_path, path)
        self.job.remove()
        return lines, path


def describe(session: dict[str, Any]) -> str:
    """Return a session of SQL Server as a person reads it."""
    return f"{session['login']} from {session['host'] or 'an unknown host'} with {session['program'] or 'an unknown program'}"


def _lines(output: list[str]) -> list[str]:
    """Return the lines that are not empty, without the secrets that a connection string in one may have."""
    lines = [line.strip() for line in output if line.strip()]
    return [connection_string.mask(line) if _MAY_HOLD_A_SECRET.search(line) else line for line in lines]
