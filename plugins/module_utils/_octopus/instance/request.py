# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The wanted instance, with its secrets decrypted."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ansible_collections.octopus.upgrade.plugins.module_utils._core.progress import Progress
from ansible_collections.octopus.upgrade.plugins.module_utils._octopus.api.folders import CONFIGURATION_KEYS
from ansible_collections.octopus.upgrade.plugins.module_utils._octopus.errors import OctopusError
from ansible_collections.octopus.upgrade.plugins.module_utils._octopus.folders.copies import check_absolute, check_folders, normal
from ansible_collections.octopus.upgrade.plugins.module_utils._octopus.host import cli_output, connection_string
from ansible_collections.octopus.upgrade.plugins.module_utils._octopus.host.cli import CONNECTION_STRING, DEFAULT_INSTANCE
from ansible_collections.octopus.upgrade.plugins.module_utils._octopus.host.connection_string import Database
from ansible_collections.octopus.upgrade.plugins.module_utils._secrets.stored_secret import LocalFile
from ansible_collections.octopus.upgrade.plugins.module_utils._secrets.vault import VaultKey, is_encrypted
from ansible_collections.octopus.upgrade.plugins.module_utils._windows.connection import text_of
from ansible_collections.octopus.upgrade.plugins.module_utils._windows.jobs import RunAs

from .connection_string_edit import build, changed, check_options
from .same_database import Forbidden
from .thumbprints import thumbprint

_NOT_IN_A_FILE_NAME = '\\/:*?"<>|%'


@dataclass(frozen=True)
class Join:
    """The database to join, and its master key."""

    connection_string: str = field(repr=False)
    master_key: str = field(repr=False)

    @property
    def database(self) -> Database:
        return connection_string.parse(self.connection_string)


@dataclass(frozen=True)
class ServiceWanted:
    """The wanted Windows service. None where something stays as it is."""

    account: str | None = None
    password: str | None = field(default=None, repr=False)
    start_type: str | None = None


@dataclass(frozen=True)
class InstanceRequest:
    """The wanted instance. None where something stays as it is.

    Attributes:
        other_thumbprints: Of the certificates that the server must not have; None: its certificate is not even read.
    """

    name: str
    state: str
    join: Join | None = None
    config_path: str | None = None
    home: str | None = None
    node_name: str | None = None
    listen_prefixes: tuple[str, ...] | None = None
    comms_port: int | None = None
    force_ssl: bool | None = None
    folders: dict[str, str] = field(default_factory=dict)
    service: ServiceWanted = field(default_factory=ServiceWanted)
    never: tuple[Forbidden, ...] = ()
    purge: bool = False
    run_as: RunAs = field(default_factory=RunAs)
    work_root: str = r"C:\ProgramData\octopus.upgrade"
    check_mode: bool = False
    tell: Progress = field(default_factory=Progress)
    silent: bool = False
    other_thumbprints: frozenset[str] | None = None

    @classmethod
    def from_params(cls, params: dict[str, Any], check_mode: bool) -> InstanceRequest:
        """Read the parameters of ``octopus_instance``, and decrypt the files on the control node.

        Raises:
            OctopusError: A parameter is unusable, or a file cannot be decrypted. No message contains a secret.
        """
        name, config_path, home = name_and_places(params)
        folders = {one: normal(path) for one, path in (params["folders"] or {}).items()}
        check_folders(folders)
        unknown = sorted(set(folders) - set(CONFIGURATION_KEYS.values()))
        if unknown:
            raise OctopusError(f"folders: expected names among {', '.join(CONFIGURATION_KEYS.values())} but found {', '.join(unknown)}.")
        return cls(
            name,
            params["state"],
            _join(params) if params["state"] == "present" else None,
            config_path,
            home,
            params["server_node_name"],
            tuple(params["listen_prefixes"]) if params["listen_prefixes"] else None,
            params["comms_port"],
            params["force_ssl"],
            folders,
            ServiceWanted(params["service_account"], params["service_password"], params["service_start_type"]),
            tuple(Forbidden.from_params(params["never"] or [])),
            params["purge"],
            RunAs(params["job_user"], params["job_password"]),
            params["work_root"],
            check_mode,
            Progress(),
            bool(params["silent"]),
            None if params["other_thumbprints"] is None else frozenset(thumbprint(one) for one in params["other_thumbprints"]),
        )

    def check_nodes(self, names: Sequence[str]) -> None:
        """Refuse a request without nodes, or with one name for several nodes.

        Raises:
            OctopusError: The message says what to do.
        """
        if not names:
            raise OctopusError("No node to act on. Set nodes, or run the task for a Windows host.")
        if self.node_name and len(names) > 1:
            raise OctopusError(
                f"server_node_name: {self.node_name!r} would be the name of {len(names)} nodes, {', '.join(names)}. Omit it, so that each has the "
                "name of its computer, or run the task once per node."
            )

    @property
    def secrets(self) -> list[str]:
        """Texts that must not appear in any message."""
        found = [self.join.master_key, *connection_string.secrets_of(self.join.connection_string)] if self.join else []
        return [*found, *([self.service.password] if self.service.password else [])]


def name_and_places(params: dict[str, Any]) -> tuple[str, str | None, str | None]:
    """Return the name of the instance, its configuration file and its home.

    Raises:
        OctopusError: One of them is unusable.
    """
    name = params["instance_name"] or DEFAULT_INSTANCE
    if not name.strip() or name != name.strip() or set(name) & set(_NOT_IN_A_FILE_NAME):
        raise OctopusError(
            f"instance_name: {name!r} cannot be the name of an instance, because it becomes the name of a file and of a service."
        )
    places = {option: normal(params[option]) or None for option in ("config_path", "home")}
    for option, path in places.items():
        if path:
            check_absolute(option, path)
    return name, places["config_path"], places["home"]


def _join(params: dict[str, Any]) -> Join | None:
    connection = params["connection"]
    if connection is None:
        if params["from_config"]:
            raise OctopusError("from_config provides only the credentials of a connection. Set connection with server and database too.")
        return None
    vault = VaultKey.from_params(params)
    text = connection_string_of(connection, decrypted(params["from_config"], vault) if params["from_config"] else None)
    connection_string.parse(text)
    key = decrypted(params["master_key_file"], vault).decode("utf-8", "replace")
    return Join(text, cli_output.master_key_in(key))


def decrypted(path: str, vault: VaultKey | None) -> bytes:
    """Return the content of a file on the control node; plain text only where ``plaintext`` allows it, so that there is no vault."""
    content = LocalFile(path).read()
    if content is None:
        raise OctopusError(f"There is no file {Path(path)} on the control node.")
    if not is_encrypted(content):
        if vault is None:
            return content
        raise OctopusError(f"Expected {path} to be encrypted with Ansible Vault, but it is not. Set plaintext: true to use it as it is.")
    if vault is None:
        raise OctopusError(
            f"Expected {path} to be plain text, but it is encrypted. Set vault_password_file or vault_id instead of plaintext."
        )
    return vault.decrypt(content, path)


def connection_string_of(wanted: dict[str, Any], config: bytes | None) -> str:
    """Build the connection string, or change that in a node's configuration."""
    options = {str(key): str(value) for key, value in (wanted["options"] or {}).items()}
    check_options(options)
    place = {"server": wanted["server"], "database": wanted["database"]}
    if wanted["integrated"] and wanted["user"]:
        raise OctopusError("connection: expected either user or integrated: true but found both.")
    if wanted["integrated"]:
        who: dict[str, str | None] = {"user": None, "password": None, "integrated": "True"}
    elif wanted["user"]:
        who = {"integrated": None, "user": wanted["user"], "password": wanted["password"]}
    else:
        who = {}
    if config is None:
        if not who:
            raise OctopusError("connection has no credentials. Set user and password, or integrated: true, or from_config.")
        return build({**place, **{name: value for name, value in who.items() if value is not None}, **options})
    settings = cli_output.settings_in_xml(text_of(config), "The file in from_config")
    text = cli_output.setting(settings, CONNECTION_STRING)
    if not text:
        raise OctopusError("Expected a connection string in the file in from_config but found none.")
    return changed(text, {**place, **who, **{key.lower(): value for key, value in options.items()}})
