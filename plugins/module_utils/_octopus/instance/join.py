# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The joining of a database: connection string and master key in the configuration file, tried out, and taken back where they do not fit."""

from __future__ import annotations

from ansible_collections.octopus.upgrade.plugins.module_utils._octopus.errors import OctopusError
from ansible_collections.octopus.upgrade.plugins.module_utils._octopus.host import config_file, connection_string
from ansible_collections.octopus.upgrade.plugins.module_utils._octopus.host.cli import CONNECTION_STRING
from ansible_collections.octopus.upgrade.plugins.module_utils._octopus.host.instances import Configuration
from ansible_collections.octopus.upgrade.plugins.module_utils._secrets.stored_secret import fingerprint
from ansible_collections.octopus.upgrade.plugins.module_utils._windows import files
from ansible_collections.octopus.upgrade.plugins.module_utils._windows.errors import HostError

from .config_edit import with_setting
from .connection_string_edit import same_place, satisfies
from .found import FoundInstance
from .request import Join


class Joining:
    """Joins the instance of a host to the database that is asked for."""

    def __init__(self, found: FoundInstance) -> None:
        self._found = found
        self._host, self._request, self._result = found.host, found.request, found.result

    def run(self, path: str, before: Configuration | None) -> bool:
        """Join, where it is not so. Return whether the program can be asked for the settings of the database.

        Args:
            path: The configuration file.
            before: What it said before anything was done.

        Raises:
            OctopusError: The database cannot be joined. The file is as it was then.
        """
        join, check_mode = self._request.join, self._request.check_mode
        has = before.connection_string if before else None
        text = join.connection_string if join else has
        if text is None:
            raise OctopusError(
                f"{self._host.where}: the instance {self._request.name} has no database. Give connection and master_key_file. Nothing was changed."
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
                files.remove(self._host, aside)  # what an earlier run was interrupted in removing
            return self._result.registered
        self._found.check_may_change()
        if check_mode:
            return False
        self._request.tell(f"{self._host.name}: joining {self._request.name} to {join.database.database} on {join.database.server}")
        self._join(join, path, aside)
        return True

    def _key(self) -> str | None:
        """Return the key that the instance has; None where the program shows none, as it does before there is one."""
        try:
            return self._found.octopus.cli.show_master_key(self._request.name)
        except OctopusError:
            return None

    def _join(self, join: Join, path: str, aside: str) -> None:
        # The one that is kept aside is from before an earlier run that was interrupted in the middle.
        kept = config_file.read(self._host, aside)
        now = config_file.read(self._host, path)
        if now is None:
            raise OctopusError(f"{self._host.where}: there is no {path} after the instance {self._request.name} was registered.")
        try:
            content = with_setting(now, CONNECTION_STRING, join.connection_string)
            config_file.write(self._host, self._request.work_root, path, content, aside)
            self._set_key(join)
            self._try_out(join)
        except (OctopusError, HostError, ValueError) as error:
            raise self._taken_back(error, path, aside, kept or now) from error
        files.remove(self._host, aside)

    def _set_key(self, join: Join) -> None:
        """Give the program the key. It looks whether it is the database's, where it can reach that from here.

        This is the one secret in an argument: the program takes it from nowhere else.
        """
        program = self._found.program
        if program.by_job:
            # Into the file alone: what asks the database would have to be a job, whose command file lies on the disk.
            program.run("set-master-key", f"--masterKey={join.master_key}")
        else:
            program.run("database", f"--masterKey={join.master_key}")

    def _try_out(self, join: Join) -> None:
        """Have the program read the database: it has to be reached, of this version, and the one that was meant."""
        shown = Configuration(self._found.program.settings()).connection_string
        if not shown or not same_place(shown, join.connection_string):
            raise OctopusError(
                f"{self._host.where}: the program says that the database of {self._request.name} is "
                f"{connection_string.mask(shown) if shown else 'none'}, wanted {connection_string.mask(join.connection_string)}."
            )
        if self._found.octopus.cli.show_master_key(self._request.name) != join.master_key:
            raise OctopusError(f"{self._host.where}: the master key of {self._request.name} was set, and the program shows another one.")

    def _taken_back(self, error: Exception, path: str, aside: str, former: bytes) -> OctopusError:
        """Put the file back as it was. Return the error of it all."""
        said = str(error)
        join = self._request.join
        wanted = (
            f"{self._host.where}: wanted: {self._request.name} joined to {join.database.database} on {join.database.server}" if join else ""
        )
        try:
            config_file.write(self._host, self._request.work_root, path, former, aside)
            files.remove(self._host, aside)
        except (OctopusError, HostError, ValueError) as second:
            return OctopusError(f"{wanted}. Found: {said} The file {path} could not be put back: {second} The old one is kept as {aside}.")
        return OctopusError(
            f"{wanted}, as {self._found.program.account} sees it. Found: {said.rstrip('.')}. {path} is as it was. The database has to be there and "
            f"of version {self._result.program_version}, its login has to be right, and the master key has to be that database's."
        )
