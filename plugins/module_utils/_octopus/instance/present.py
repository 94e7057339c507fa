# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""An instance joined to an existing database, and set up on a host. It is never started, and no database is created or upgraded.

The order is that of the documentation for a further node (https://octopus.com/docs/administration/high-availability): create-instance, database,
configure, service; and path where folders change.
"""

from __future__ import annotations

from ansible_collections.octopus.upgrade.plugins.module_utils._octopus.api.folders import CONFIGURATION_KEYS
from ansible_collections.octopus.upgrade.plugins.module_utils._octopus.errors import OctopusError
from ansible_collections.octopus.upgrade.plugins.module_utils._octopus.folders.copies import normal
from ansible_collections.octopus.upgrade.plugins.module_utils._octopus.host import cli_output, connection_string
from ansible_collections.octopus.upgrade.plugins.module_utils._octopus.host.instances import Configuration, computer_name
from ansible_collections.octopus.upgrade.plugins.module_utils._secrets.stored_secret import fingerprint
from ansible_collections.octopus.upgrade.plugins.module_utils._windows.connection import WindowsHost

from . import certificate, registration, silence
from .connection_string_edit import same_place
from .found import FoundInstance
from .join import Joining
from .request import InstanceRequest
from .results import InstanceResult
from .service import InstanceService

# Our name of a folder, and its switch of the command path (https://octopus.com/docs/octopus-rest-api/octopus.server.exe-command-line/path).
FOLDER_SWITCHES = {
    "logs": "taskLogs",
    "artifacts": "artifacts",
    "packages": "nugetRepository",
    "imports": "imports",
    "event_exports": "eventExports",
    "telemetry": "telemetry",
}
_DEFAULT_PORT = "10943"


class Present:
    """The setup of one instance on one host."""

    def __init__(self, host: WindowsHost, request: InstanceRequest, result: InstanceResult) -> None:
        self.host, self.request, self.result = host, request, result
        self.found = FoundInstance(host, request, result)
        self.joining = Joining(self.found)
        self.service = InstanceService(self.found)
        self._asked = 0  # number of changes when the settings were read

    def run(self) -> None:
        """Make the missing changes, then verify the result.

        Raises:
            OctopusError: It is impossible, unsafe, or it failed.
        """
        if not self.found.has_program():
            raise OctopusError(
                f"{self.host.where}: expected the program {self.found.octopus.cli.program} but it does not exist. Install the version of the "
                "database with octopus_install."
            )
        self.result.program_version = self.found.octopus.cli.version()
        self.found.look_at_service()
        path, before = self._check()
        self._register(path, before)
        joined = self.joining.run(path, before)
        settings = self._settings(joined)
        settings = self._configure(settings, asked=joined)
        if self.request.silent:
            silence.apply(self.found)
        self._set_folders(settings, asked=joined)
        self.service.run()
        if self.request.other_thumbprints is not None and joined:
            certificate.ensure(self.found)
        if not (self.request.check_mode and self.result.changes):
            self._verify(settings)

    def _check(self) -> tuple[str, Configuration | None]:
        """Check that the instance can be set up, and return its configuration file and the present settings in it.

        Raises:
            OctopusError: It cannot; nothing was changed.
        """
        path, before = self.found.locate()
        if not self.result.registered and self.request.join is None:
            raise OctopusError(
                f"{self.host.where}: there is no instance {self.request.name} yet. Set connection and master_key_file to create it. Nothing was changed."
            )
        self._refuse_forbidden(before)
        return path, before

    def _refuse_forbidden(self, before: Configuration | None) -> None:
        """Refuse a forbidden database, unless the instance has it now and is joined to another one.

        Raises:
            OctopusError: The database is forbidden.
        """
        has = before.connection_string if before else None
        text = self.request.join.connection_string if self.request.join else has
        forbidden = self.found.forbidden(text) if text else None
        if not forbidden:
            return
        if self.request.join:
            raise OctopusError(
                f"{self.host.where}: connection leads to the database {forbidden}, which the instance {self.request.name} must never use. "
                "Nothing was changed. Set connection to the database of the clone."
            )
        raise OctopusError(
            f"{self.host.where}: the instance {self.request.name} uses the database {forbidden}, which it must never use. Nothing was changed. "
            "If this is the clone, set connection and master_key_file for the database of the clone."
        )

    def _register(self, path: str, before: Configuration | None) -> None:
        if self.result.registered:
            return
        self.found.check_may_change()
        self.result.change("registration", None, path)
        if self.request.check_mode:
            return
        self.request.tell(f"{self.host.name}: registering the instance {self.request.name}")
        program = self.found.program
        home = self.request.home or (before.home if before else None) or path.rpartition("\\")[0]
        wanted = {"home": home, "serverNodeName": self.request.node_name}
        switches = [f"--{name}={value}" for name, value in wanted.items() if value and program.knows("create-instance", name)]
        registration.create(self.found.octopus, self.request.name, path, *switches)
        self.result.registered = True

    def _settings(self, joined: bool) -> Configuration:
        """Return the settings that the program reads from the database, or those in the file where the database is not joined yet."""
        if joined:
            self._asked = len(self.result.changes)
            return Configuration(self.found.program.settings())
        return self.found.file_settings(str(self.result.config_path)) or Configuration({})

    def _configure(self, settings: Configuration, asked: bool) -> Configuration:
        """Change the settings that differ, and return the settings afterwards."""
        request, values = self.request, settings.values
        prefixes = None if request.listen_prefixes is None else [prefix.strip() for prefix in request.listen_prefixes]
        has_ssl = (cli_output.setting(values, "Octopus.WebPortal.ForceSsl") or "false").lower() == "true"
        has_port = cli_output.setting(values, "Octopus.Communications.ServicesPort") or _DEFAULT_PORT
        # Name, switch, wanted value, present value, whether both are the same, and the value of the switch.
        rows = [
            ("home", "home", request.home, settings.home, normal(settings.home).lower() == normal(request.home).lower(), request.home),
            (
                "server_node_name",
                "serverNodeName",
                request.node_name,
                settings.node_name,
                (settings.node_name or "").lower() == (request.node_name or "").lower(),
                request.node_name,
            ),
            (
                "listen_prefixes",
                "webListenPrefixes",
                prefixes,
                settings.listen_prefixes or None,
                [_prefix(one) for one in settings.listen_prefixes] == [_prefix(one) for one in prefixes or []],
                ",".join(prefixes or []),
            ),
            ("comms_port", "commsListenPort", request.comms_port, has_port, has_port == str(request.comms_port), str(request.comms_port)),
            ("force_ssl", "webForceSSL", request.force_ssl, has_ssl, has_ssl is request.force_ssl, str(request.force_ssl)),
        ]
        switches = []
        for what, switch, wanted, there, same, value in rows:
            if wanted is None or same:
                continue
            self.result.change(what, there if asked or self.result.registered else None, wanted)
            switches.append(f"--{switch}={value}")
        if not switches:
            return settings
        self.found.check_may_change()
        if self.request.check_mode:
            return settings
        self.request.tell(f"{self.host.name}: configuring {self.request.name}")
        self.found.program.run("configure", *switches, database=True)
        return self._settings(joined=True)

    def _set_folders(self, settings: Configuration, asked: bool) -> None:
        """Set the folders, which are stored in the database and so apply to the whole cluster.

        Raises:
            OctopusError: The installed version cannot set a folder.
        """
        there = (
            {name: folder_shown(settings, self.result.program_version, name, path) for name, path in self.request.folders.items()}
            if asked
            else {}
        )
        running = self.result.service is not None and self.result.service["state"] != "stopped"
        switches = []
        for name, path in self.request.folders.items():
            if normal(there.get(name)).lower() == path.lower():
                continue
            if asked and running and there[name] is None:
                continue  # setting it again needs a stopped service, and it may well be set: the verification warns
            if not self.found.program.knows("path", FOLDER_SWITCHES[name]):
                if there.get(name):
                    raise OctopusError(
                        f"{self.host.where}: expected the folder {name} of {self.request.name} to be {path} but found {there[name]}, and the command "
                        f"path of the installed version has no switch {FOLDER_SWITCHES[name]} to change it."
                    )
                self.result.skipped_folders.append(name)
                continue
            self.result.change(f"folder {name}", there.get(name), path)
            switches.append(f"--{FOLDER_SWITCHES[name]}={path}")
        if not switches:
            return
        self.found.check_may_change()
        if not self.request.check_mode:
            self.request.tell(f"{self.host.name}: setting the folders of {self.request.name}")
            self.found.program.run("path", *switches, database=True)

    def _verify(self, settings: Configuration) -> None:
        """Read all wanted settings again, and compare them.

        Raises:
            OctopusError: Something differs.
        """
        if self._asked != len(self.result.changes):
            settings = self._settings(joined=True)
        key = self.found.octopus.cli.show_master_key(self.request.name)
        self._record(settings, key)
        wrong = self._wrong(settings, key)
        self.found.look_at_service()
        state = self.result.service["state"] if self.result.service else "not installed"
        if self.found.may_change and state != "stopped":
            wrong.append(f"the service {self.found.service_name} is {state} instead of stopped, although this module never starts it")
        if wrong:
            raise OctopusError(
                f"{self.host.where}: the instance {self.request.name} was set up but differs from what is wanted: {'; '.join(wrong)}."
            )
        self.result.verified = True

    def _wrong(self, settings: Configuration, key: str) -> list[str]:
        wrong = []
        join = self.request.join
        if join and not (settings.connection_string and same_place(settings.connection_string, join.connection_string)):
            shown = connection_string.mask(settings.connection_string) if settings.connection_string else "none"
            wrong.append(f"its database is {shown} instead of {connection_string.mask(join.connection_string)}")
        if join and fingerprint(key.encode()) != fingerprint(join.master_key.encode()):
            wrong.append("its master key has another fingerprint than the given one")
        if self.request.node_name and (settings.node_name or "").lower() != self.request.node_name.lower():
            wrong.append(f"the name of its node is {settings.node_name} instead of {self.request.node_name}")
        for name, path in self.request.folders.items():
            found = folder_shown(settings, self.result.program_version, name, path)
            if name in self.result.skipped_folders:
                continue
            if found is None:
                self.result.unverified_folders.append(name)
            elif normal(found).lower() != path.lower():
                wrong.append(f"its folder {name} is {found} instead of {path}")
        return wrong

    def _record(self, settings: Configuration, key: str) -> None:
        result, text = self.result, settings.connection_string
        result.home, result.server_node_name = settings.home, settings.node_name or computer_name(self.host)
        result.listen_prefixes, result.folders = settings.listen_prefixes, settings.folders(result.program_version)
        result.master_key_fingerprint = fingerprint(key.encode())
        if text:
            result.connection_string = connection_string.mask(text)
            found = connection_string.parse(text)
            result.database = {**found.as_dict(), "host": found.host_for(self.host.options.host, lambda: computer_name(self.host))}


def folder_shown(settings: Configuration, version: str | None, name: str, wanted: str) -> str | None:
    """Return a folder by the program's output; None where that does not tell it.

    The keys of imports, event exports and telemetry are in no public source, so the wanted path under any other key of a folder counts.
    """
    named = settings.folders(version)
    if name in named:
        return named[name]
    known = {key.lower() for key in CONFIGURATION_KEYS}
    others = [value for key, value in settings.values.items() if key.lower() not in known and normal(value).lower() == wanted.lower()]
    return wanted if others else None


def _prefix(text: str) -> str:
    """Return a listen prefix for a comparison: the program may add or omit the slash at its end."""
    return text.lower().rstrip("/")
