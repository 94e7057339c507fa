# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Joining a database: connection string and master key are written to the configuration file, tested, and reverted if they are wrong."""

from __future__ import annotations

from ansible_collections.octopus.upgrade.plugins.module_utils._core.errors import UpgradeError
from ansible_collections.octopus.upgrade.plugins.module_utils._octopus.errors import OctopusError
from ansible_collections.octopus.upgrade.plugins.module_utils._octopus.host import config_file, connection_string
from ansible_collections.octopus.upgrade.plugins.module_utils._octopus.host.cli import CONNECTION_STRING
from ansible_collections.octopus.upgrade.plugins.module_utils._octopus.host.instances import Configuration
from ansible_collections.octopus.upgrade.plugins.module_utils._secrets.stored_secret import fingerprint
from ansible_collections.octopus.upgrade.plugins.module_utils._windows import files

from .config_edit import with_setting
from .connection_string_edit import same_place, satisfies
from .found import FoundInstance
from .request import Join


class Joining:
    """Joins the instance of a host to the wanted database."""

    def __init__(self, found: FoundInstance) -> None:
        self._found = found
        self._host, self._request, self._result = found.host, found.request, found.result

    def run(self, path: str, before: Configuration | None) -> bool:
        """Join the database unless the instance has joined it already.

        Args:
            path: The configuration file.
            before: Its settings before anything was done.

        Returns:
            Whether the program can read its settings from the database.

        Raises:
            OctopusError: The database cannot be joined. The configuration file is restored.
        """
        join, check_mode = self._request.join, self._request.check_mode
        has = before.connection_string if before else None
        text = join.connection_string if join else has
        if text is None:
            raise OctopusError(
                f"{self._host.where}: the instance {self._request.name} has no database. Set connection and master_key_file. Nothing was changed."
            )
        self._found.program.by_job = connection_string.parse(text).integrated
        if join is None:
            return True
        differs = has is None or not satisfies(has, join.connection_string)
        key = self._key() if self._result.registered else None
        if differs:
            self._result.change("connection", connection_string.mask(has) if has else None, connection_string.mask(join.connection_string))
        if key != join.master_key:
            self._result.change("master key", fingerprint(key.encode()) if key else None, fingerprint(join.master_key.encode()))
        aside = f"{path}.before-join"
        if not differs and key == join.master_key:
            if not check_mode:
                files.remove(self._host, aside)  # left by an earlier run that was interrupted
            return self._result.registered
        self._found.check_may_change()
        if check_mode:
            return False
        self._request.tell(f"{self._host.name}: joining {self._request.name} to {join.database.database} on {join.database.server}")
        self._join(join, path, aside)
        return True

    def _key(self) -> str | None:
        """Return the instance's master key; None where the program shows none, as before one is set."""
        try:
            return self._found.octopus.cli.show_master_key(self._request.name)
        except OctopusError:
            return None

    def _join(self, join: Join, path: str, aside: str) -> None:
        # If an earlier run was interrupted here, its backup copy is the file to restore.
        former = config_file.read(self._host, aside)
        now = config_file.read(self._host, path)
        if now is None:
            raise OctopusError(
                f"{self._host.where}: expected {path} to exist after the instance {self._request.name} was registered, but it does not."
            )
        try:
            content = with_setting(now, CONNECTION_STRING, join.connection_string)
            config_file.write(self._host, self._request.work_root, path, content, aside)
            self._set_key(join)
            self._test(join)
        except UpgradeError as error:
            raise self._reverted(error, path, aside, former or now) from error
        files.remove(self._host, aside)

    def _set_key(self, join: Join) -> None:
        """Pass the master key to the program, which compares it with the database where it can reach that from here.

        This is the only secret in an argument: the program accepts it in no other way.
        """
        program = self._found.program
        if program.by_job and program.help("set-master-key"):
            # Only to the file: comparing it with the database would need a job, whose command file is on the disk.
            program.run("set-master-key", f"--masterKey={join.master_key}")
            return
        try:
            program.run("database", f"--masterKey={join.master_key}")
        except OctopusError as error:
            if not program.by_job:
                raise
            # set-master-key came with key rotation in 2022.4.6073 (https://github.com/OctopusDeploy/Issues/issues/7870).
            raise OctopusError(
                f"{error.message.rstrip('.')}. This version has no command set-master-key, so the key is set by the command database, which "
                "reaches the database with the credentials of the WinRM connection. Give a connection with user and password, or use a WinRM "
                "connection that passes its credentials on (CredSSP, or Kerberos with delegation)"
            ) from error

    def _test(self, join: Join) -> None:
        """Let the program read the database, which has to be reachable, of the installed version, and the wanted one.

        Raises:
            OctopusError: The program cannot read it, or reports another database or another master key.
        """
        shown = Configuration(self._found.program.settings()).connection_string
        if not shown or not same_place(shown, join.connection_string):
            raise OctopusError(
                f"{self._host.where}: expected the program to report the database {connection_string.mask(join.connection_string)} of "
                f"{self._request.name} but found {connection_string.mask(shown) if shown else 'none'}."
            )
        if self._found.octopus.cli.show_master_key(self._request.name) != join.master_key:
            raise OctopusError(f"{self._host.where}: the master key of {self._request.name} was set, but the program reports another one.")

    def _reverted(self, error: UpgradeError, path: str, aside: str, former: bytes) -> OctopusError:
        """Restore the configuration file, and return the error to raise."""
        said = str(error).rstrip(".")
        join = self._request.join
        expected = (
            f"{self._host.where}: expected to join {self._request.name} to {join.database.database} on {join.database.server}"
            if join
            else ""
        )
        try:
            config_file.write(self._host, self._request.work_root, path, former, aside)
            files.remove(self._host, aside)
        except UpgradeError as second:
            return OctopusError(
                f"{expected}, but: {said}. The file {path} could not be restored: {second} Its former content is in {aside}."
            )
        return OctopusError(
            f"{expected} with the rights of {self._found.program.account}, but: {said}. {path} was restored. Check that the database exists and "
            f"has the version {self._result.program_version}, that its login is right, and that the master key belongs to the database."
        )
