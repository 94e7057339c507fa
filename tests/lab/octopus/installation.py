# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""One instance on one host: its configuration file, and the way from there to its database.

The file is XML, root ``octopus-settings``, children ``set``
(octopus.com/docs/administration/managing-infrastructure/server-configuration-file); from 3.5 it keeps the connection
string, the master key, node name, home and what belongs to the node, the rest is in the database.
"""

from __future__ import annotations

import hashlib
import xml.etree.ElementTree as ET
from typing import TYPE_CHECKING, Any

from ..core.filesystem import Logon, WinError
from . import connection_string, crypto, versions
from .connection_string import ConnectionString
from .database import Connection
from .defects import Ground
from .store import Store

if TYPE_CHECKING:
    from ..windows.host import WindowsHost

CONNECTION = "Octopus.Storage.ExternalDatabaseConnectionString"
MASTER_KEY = "Octopus.Storage.MasterKey"
NODE_NAME = "Octopus.Server.NodeName"
OLD_NODE_NAME = "Octopus.Storage.NodeName"
HOME = "Octopus.Home"
PREFIXES = "Octopus.WebPortal.ListenPrefixes"
PORT = "Octopus.Communications.ServicesPort"
FORCE_SSL = "Octopus.WebPortal.ForceSsl"
# What configure sets before there is a database, until 4.0, by the property that it becomes.
BEFORE_4 = {"AllowChecking": "Octopus.Upgrades.AllowChecking", "IncludeStatistics": "Octopus.Upgrades.IncludeStatistics"}


def node_name_key(version: str) -> str:
    """Which key holds the node's name; that it changed with 2019.1 is *assumed*."""
    return NODE_NAME if versions.at_least(version, "2019.1") else OLD_NODE_NAME


class ConfigurationError(Exception):
    """The configuration file, or something in it, is missing or broken."""


def machine_key(host: WindowsHost) -> bytes:
    """The key that DPAPI has for this machine, and no other machine."""
    return hashlib.sha256(f"{host.network.root}\0{host.name.lower()}".encode()).digest()


class Installation:
    """An instance as a process on its host sees it; ``settings`` is what the configuration file holds."""

    def __init__(self, host: WindowsHost, name: str, config_path: str, logon: Logon, settings: dict[str, str] | None = None) -> None:
        self.host, self.name, self.config_path, self.logon = host, name, config_path, logon
        self.settings: dict[str, str] = dict(settings or {})

    def __repr__(self) -> str:
        return f"Installation({self.host.name}, {self.name})"

    @classmethod
    def load(cls, host: WindowsHost, name: str, config_path: str, logon: Logon) -> Installation:
        """
        Raises:
            ConfigurationError: The file is missing or is not what it should be.
        """
        try:
            root = ET.fromstring(host.fs.read(config_path, logon))
        except WinError as error:
            raise ConfigurationError(f"The configuration file {config_path} of instance {name} could not be read: {error.text}") from error
        except ET.ParseError as error:
            raise ConfigurationError(f"The configuration file {config_path} of instance {name} is not valid XML: {error}") from error
        if root.tag != "octopus-settings":
            raise ConfigurationError(f"The configuration file {config_path} of instance {name} has the root {root.tag}.")
        return cls(host, name, config_path, logon, {item.get("key", ""): item.text or "" for item in root.findall("set")})

    def save(self) -> None:
        root = ET.Element(
            "octopus-settings",
            {
                "xmlns:xsd": "http://www.w3.org/2001/XMLSchema",
                "xmlns:xsi": "http://www.w3.org/2001/XMLSchema-instance",
            },
        )
        for key, value in sorted(self.settings.items()):
            ET.SubElement(root, "set", {"key": key}).text = value
        ET.indent(root)
        folder = self.config_path.rpartition("\\")[0]
        if not self.host.fs.is_dir(folder, self.logon):
            self.host.fs.mkdir(folder, self.logon)
        self.host.fs.write(self.config_path, b'<?xml version="1.0" encoding="utf-8"?>\r\n' + ET.tostring(root), self.logon)

    # -- what the file says

    @property
    def home(self) -> str:
        return self.settings.get(HOME) or self.config_path.rpartition("\\")[0]

    @property
    def node_name(self) -> str:
        return self.settings.get(NODE_NAME) or self.settings.get(OLD_NODE_NAME) or self.host.name.upper()

    @property
    def prefixes(self) -> list[str]:
        return [prefix.strip() for prefix in self.settings.get(PREFIXES, "http://localhost:80/").split(",") if prefix.strip()]

    @property
    def target(self) -> ConnectionString:
        """
        Raises:
            ConfigurationError: There is no connection string, or it is unusable.
        """
        text = self.settings.get(CONNECTION, "")
        if not text:
            raise ConfigurationError(f"Instance {self.name} has no database: run the database command with a connection string first.")
        try:
            return connection_string.parse(text)
        except ValueError as error:
            raise ConfigurationError(str(error)) from error

    @property
    def master_key(self) -> str:
        """The key in the clear.

        Raises:
            ConfigurationError: There is none, or it was sealed on another machine.
        """
        sealed = self.settings.get(MASTER_KEY, "")
        if not sealed:
            raise ConfigurationError(f"Instance {self.name} has no master key.")
        try:
            return crypto.unprotect(machine_key(self.host), sealed)
        except crypto.CryptoError as error:
            raise ConfigurationError(f"The master key of instance {self.name} could not be decrypted: {error}") from error

    def seal_master_key(self, key: str) -> None:
        self.settings[MASTER_KEY] = crypto.protect(machine_key(self.host), key)

    # -- the database

    def connect(self) -> Connection:
        """A session of its own.

        Raises:
            SqlError
            ConfigurationError
        """
        return connection_string.connect(self.host.network, self.target, self.host.name, self.logon)

    @property
    def server(self) -> object:
        """The SQL Server that the connection string names.

        Raises:
            SqlError: There is none.
        """
        return connection_string.find(self.host.network, self.target.server)

    def ground(self) -> Ground:
        """What that SQL Server is like below the database.

        Raises:
            SqlError: There is none.
        """
        server: Any = self.server
        database = server.database(self.target.database)
        return Ground.of(server, database) if database else Ground()

    def store(self, version: str) -> Store:
        """The database and folders, as this process sees them. It connects at its first use."""
        return Store(
            self.connect,
            version,
            self.host.clock,
            fs=self.host.fs,
            logon=self.logon,
            home=self.home,
            master_key=self.master_key if MASTER_KEY in self.settings else "",
        )
