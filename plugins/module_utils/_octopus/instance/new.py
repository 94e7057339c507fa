# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A new, empty instance with a database of its own, set up on a host and not started.

The commands and their order are those of https://github.com/OctopusDeploy/OctopusDSC: create-instance, then database and configure, before 4.0
configure and database, then license. Each is repeated after an interruption, except that a database which is being created is waited for.
"""

from __future__ import annotations

from collections.abc import Callable

from ansible_collections.octopus.upgrade.plugins.module_utils._core.errors import UpgradeError
from ansible_collections.octopus.upgrade.plugins.module_utils._mssql.connection.connection import SqlConnection
from ansible_collections.octopus.upgrade.plugins.module_utils._octopus.api.folders import IN_EVERY_VERSION, resolved
from ansible_collections.octopus.upgrade.plugins.module_utils._octopus.errors import OctopusError
from ansible_collections.octopus.upgrade.plugins.module_utils._octopus.folders.copies import MADE_WHEN_NEEDED
from ansible_collections.octopus.upgrade.plugins.module_utils._octopus.host import config_file, connection_string
from ansible_collections.octopus.upgrade.plugins.module_utils._octopus.host.cli import CONNECTION_STRING
from ansible_collections.octopus.upgrade.plugins.module_utils._octopus.host.instances import Configuration, computer_name
from ansible_collections.octopus.upgrade.plugins.module_utils._octopus.version import Version
from ansible_collections.octopus.upgrade.plugins.module_utils._secrets.stored_secret import fingerprint
from ansible_collections.octopus.upgrade.plugins.module_utils._windows import files
from ansible_collections.octopus.upgrade.plugins.module_utils._windows.connection import WindowsHost
from ansible_collections.octopus.upgrade.plugins.module_utils._windows.errors import HostTimeout
from ansible_collections.octopus.upgrade.plugins.module_utils._windows.job_files import protect_line
from ansible_collections.octopus.upgrade.plugins.module_utils._windows.jobs import Job, job_id

from . import new_database, registration, same_database
from .config_edit import with_setting
from .connection_string_edit import same_place, satisfies
from .found import FoundInstance
from .new_database import Look, Mark
from .new_request import NewInstanceRequest
from .results import InstanceResult
from .same_database import Forbidden
from .thumbprints import thumbprint_in

# From this version on, configure writes to the database, so that comes first (OctopusDSC).
DATABASE_FIRST = Version.parse("4.0")
# What a new instance must not do by itself, and how people sign in. A version without a switch does without it.
_SETTINGS = {
    "upgradeCheck": "False",
    "upgradeCheckWithStatistics": "False",
    "sendTelemetry": "False",
    "usernamePasswordIsEnabled": "True",
}
OpenDatabase = Callable[[str], SqlConnection]


class NewInstance:
    """The creation of one instance on one host.

    Args:
        host: The host.
        request: The wanted instance.
        result: Receives what is found and done.
        open_database: Opens a connection from the control node to a database of the SQL Server.
        sql_server: That SQL Server, as an entry of ``never`` would name the wanted database on it.
    """

    def __init__(
        self,
        host: WindowsHost,
        request: NewInstanceRequest,
        result: InstanceResult,
        open_database: OpenDatabase,
        sql_server: Forbidden,
    ) -> None:
        self.host, self.request, self.result = host, request, result
        self.found = FoundInstance(host, request, result)
        self.found.program.by_job = request.database.integrated
        self.thumbprint: str | None = None
        self.created: str | None = None
        self._open, self._sql_server = open_database, sql_server

    def run(self) -> None:
        """Create what is missing, then verify the result.

        Raises:
            OctopusError: It is impossible, unsafe, or it failed.
        """
        if not self.found.has_program():
            raise OctopusError(
                f"{self.host.where}: expected the program {self.found.octopus.cli.program} but it does not exist. Install the version of the "
                "source with octopus_install."
            )
        version = self.result.program_version = self.found.octopus.cli.version()
        if version is None:
            raise OctopusError(f"{self.host.where}: the program does not report its version, on which the order of the commands depends.")
        self.found.look_at_service()
        path, before = self._check()
        mark_path = new_database.mark_path(path)
        mark, looked = new_database.mark_of(self.host, self.request.name, path), self._look()
        ours = new_database.is_ours(mark, looked, self.request.database.server, self.request.database.database)
        if not (ours and mark and mark.complete and self.result.registered):
            self._make(path, before, mark_path, mark if ours else None, looked)
            return
        self._verify()

    def _make(self, path: str, before: Configuration | None, mark_path: str, mark: Mark | None, looked: Look) -> None:
        """Carry out the commands. ``mark`` is that of an earlier run that has created the database."""
        request, result = self.request, self.result
        place = request.database
        self.found.check_may_change()
        if not result.registered:
            result.change("registration", None, path)
        if not (before and before.connection_string and satisfies(before.connection_string, request.connection_string)):
            result.change("connection", None, connection_string.mask(request.connection_string))
        result.change("database", "incomplete" if mark else None, f"{place.database} on {place.server}")
        if request.license is not None:
            result.change("license", None, fingerprint(request.license.encode()))
        if request.check_mode:
            return
        self._register(path, before)
        self._connect(path)
        if mark is None:
            mark = Mark(place.server, place.database, looked.now)
            files.write_text(self.host, mark_path, mark.text())
        early = Version.parse(str(result.program_version)) < DATABASE_FIRST
        if early:
            self._configure(database=False)
        self._create()
        with self._open(place.database) as connection:
            new_database.check_empty(connection)
        if not early:
            self._configure(database=True)
        self._license()
        self._verify()
        self._make_folders()
        # The mark goes last: a run that is interrupted in between has the program create the database once more, which does nothing.
        self._job().remove()
        files.write_text(self.host, mark_path, mark.done().text())

    # -- before

    def _check(self) -> tuple[str, Configuration | None]:
        """Check that the instance may be created; return its configuration file and the settings in it.

        Raises:
            OctopusError: It may not; nothing was changed.
        """
        request, place = self.request, self.request.database
        path, before = self.found.locate()
        has = before.connection_string if before else None
        if has and not same_place(has, request.connection_string):
            raise OctopusError(
                f"{self.host.where}: expected {path} to name no database or {place.database} on {place.server}, but it has "
                f"{connection_string.mask(has)}. Nothing was changed. Choose another instance_name, or remove that instance first."
            )
        forbidden = self.found.forbidden(request.connection_string)
        if forbidden:
            raise OctopusError(
                f"{self.host.where}: the option database leads to {forbidden}, which the instance {request.name} must never use. Nothing was changed."
            )
        if not same_database.find(place, self.host.options.host, lambda: computer_name(self.host), [self._sql_server]):
            raise OctopusError(
                f"Expected login_host to be the SQL Server of the option database, {place.server}, but found {self._sql_server.server}, which may be another "
                "one. Whether the database exists can then not be told. Nothing was changed. Use one name for both."
            )
        return path, before

    def _look(self) -> Look:
        with self._open("master") as connection:
            return new_database.look(connection, self.request.database.database)

    # -- the commands

    def _register(self, path: str, before: Configuration | None) -> None:
        if self.result.registered:
            return
        self.request.tell(f"{self.host.name}: registering the instance {self.request.name}")
        home = self.request.home or (before.home if before else None) or path.rpartition("\\")[0]
        wanted = {"home": home, "serverNodeName": self.request.node_name}
        known = self.found.program.knows
        switches = [f"--{name}={value}" for name, value in wanted.items() if value and known("create-instance", name)]
        registration.create(self.found.octopus, self.request.name, path, *switches)
        self.result.registered = True

    def _connect(self, path: str) -> None:
        """Write the connection string to the configuration file, which the program reads it from, so that no command line has it."""
        now = config_file.read(self.host, path)
        if now is None:
            raise OctopusError(f"{self.host.where}: expected {path} to exist after the instance was registered, but it does not.")
        settings = self.found.file_settings(path)
        has = settings.connection_string if settings else None
        if not (has and satisfies(has, self.request.connection_string)):
            aside = f"{path}.before-join"
            content = with_setting(now, CONNECTION_STRING, self.request.connection_string)
            config_file.write(self.host, self.request.work_root, path, content, aside)
            files.remove(self.host, aside)

    def _job(self) -> Job:
        place = self.request.database
        identity = job_id("create-database", self.request.name.lower(), place.server.lower(), place.database.lower())
        return Job(self.host, self.request.work_root, identity)

    def _create(self) -> None:
        """Have the program create the database, as a job that outlives this run, or wait for the job of an earlier one.

        Raises:
            OctopusError: It failed or took too long.
        """
        request, place, job = self.request, self.request.database, self._job()
        switches = ["--create", *([f"--grant={request.grant}"] if request.grant else [])]
        request.tell(f"{self.host.name}: creating the database {place.database} on {place.server}")
        job.start([self.found.program.argv("database", *switches)], request.run_as, restart_lost=True)
        try:
            state = job.wait(request.timeout)
        except HostTimeout as error:
            raise OctopusError(
                f"{self.host.where}: the database {place.database} was not created within {request.timeout:g} s. The program goes on; run the task "
                "again to wait for it."
            ) from error
        if state.exit_code:
            failed = self.found.program.failed("database", state.exit_code, job.output())
            job.remove()
            raise failed
        self.created = self._look().created
        if self.created is None:
            job.remove()
            raise OctopusError(
                f"Expected the database {place.database} on {self._sql_server.server} after {self.host.where} has created it, but it does not exist "
                f"there. Is {place.server} another SQL Server?"
            )

    def _configure(self, database: bool) -> None:
        known = self.found.program.knows
        switches = [f"--{name}={value}" for name, value in _SETTINGS.items() if known("configure", name)]
        self.request.tell(f"{self.host.name}: configuring {self.request.name}")
        self.found.program.run("configure", *switches, database=database)

    def _license(self) -> None:
        """Install the licence from a file that only administrators can read, since its text must be in no command line."""
        if self.request.license is None:
            return
        root = self.request.work_root.rstrip("\\")
        file = f"{root}\\{job_id('licence', self.request.name.lower())}.xml"
        self.request.tell(f"{self.host.name}: installing the licence of {self.request.name}")
        try:
            self.host.run_cmd(protect_line(root), check=True, idempotent=True)
            files.write_bytes(self.host, file, self.request.license.encode())
            self.found.program.run("license", f"--licenseFile={file}", database=True)
        finally:
            for left in (file, f"{file}.b64"):
                files.remove(self.host, left)

    def _make_folders(self) -> None:
        """Make the server folders, which the server makes with their first file: a backup of them takes a missing one for a wrong path."""
        # Before 4.1 the program names none; nobody has set one of this instance yet.
        self.result.folders = self.result.folders or resolved(dict.fromkeys(IN_EVERY_VERSION), self.result.home)
        for name, path in self.result.folders.items():
            if name not in MADE_WHEN_NEEDED and path:
                files.make_folder(self.host, path)

    # -- after

    def _verify(self) -> None:
        """Read what was set up, and check that no Tentacle of another server would trust the new one.

        Raises:
            OctopusError: Something differs, or cannot be read.
        """
        program, place = self.found.program, self.request.database
        settings = Configuration(program.settings())
        text = settings.connection_string
        if not text or not same_place(text, self.request.connection_string):
            raise OctopusError(
                f"{self.host.where}: expected the program to report the database {place.database} on {place.server} but found "
                f"{connection_string.mask(text) if text else 'none'}."
            )
        try:
            self.thumbprint = thumbprint_in(program.read("show-thumbprint"))
        except UpgradeError as error:
            raise OctopusError(
                f"{self.host.where}: the certificate of {self.request.name} must differ from that of every other server before it is started, but "
                f"its thumbprint cannot be read: {error}"
            ) from error
        if self.thumbprint in self.request.other_thumbprints:
            raise OctopusError(
                f"{self.host.where}: the certificate of the new instance {self.request.name} has the thumbprint {self.thumbprint}, which another "
                "server has too: that server's Tentacles would trust it. Do not start it. Remove it, and create it with a new database."
            )
        key = self.found.octopus.cli.show_master_key(self.request.name)
        result = self.result
        result.master_key_fingerprint = fingerprint(key.encode())
        result.home, result.server_node_name = settings.home, settings.node_name or computer_name(self.host)
        result.listen_prefixes, result.folders = settings.listen_prefixes, settings.folders(result.program_version)
        result.connection_string = connection_string.mask(text)
        database = connection_string.parse(text)
        result.database = {**database.as_dict(), "host": database.host_for(self.host.options.host, lambda: computer_name(self.host))}
        self.found.look_at_service()
        result.verified = True
