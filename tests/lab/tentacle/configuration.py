# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The configuration file of an instance, and the servers that it trusts.

XmlKeyValueStore.cs: settings sorted by name, UTF-8 with a byte order mark, overwritten in place. OctopusServerConfiguration.cs and
TentacleConfiguration.cs: the list of servers, whose entries are told apart by thumbprint and address.
"""

from __future__ import annotations

import json
import xml.etree.ElementTree as ET
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from ..core.filesystem import Logon, WinError
from ..octopus.cli.parser import UNEXPECTED, Failure

if TYPE_CHECKING:
    from ..windows.host import WindowsHost

HOME = "Octopus.Home"
TRUSTED = "Tentacle.Communication.TrustedOctopusServers"
CERTIFICATE = "Tentacle.Certificate"
THUMBPRINT = "Tentacle.CertificateThumbprint"
NO_LISTEN = "Tentacle.Services.NoListen"
PORT = "Tentacle.Services.PortNumber"
APPLICATIONS = "Tentacle.Deployment.ApplicationDirectory"
SQUID = "Octopus.Communications.Squid"
# https://github.com/OctopusDeploy/OctopusClients, CommunicationStyle.cs
NONE, PASSIVE, ACTIVE = 0, 1, 2
NAMES = {"None": NONE, "TentaclePassive": PASSIVE, "TentacleActive": ACTIVE}
_BOM = b"\xef\xbb\xbf"
Server = dict[str, Any]


def server(thumbprint: str, style: int = NONE, address: str | None = None, subscription: str | None = None) -> Server:
    """One entry, with the names that the program writes."""
    return {"Thumbprint": thumbprint, "CommunicationStyle": style, "Address": address, "Squid": None, "SubscriptionId": subscription}


def same_address(left: str | None, right: str | None) -> bool:
    """Uri.Compare of the whole addresses, without letter case."""
    if left is None or right is None:
        return left is right
    one, other = (urlsplit(text.lower()) for text in (left, right))
    return (one.scheme, one.hostname, one.port, one.path or "/") == (other.scheme, other.hostname, other.port, other.path or "/")


class Configuration:
    """One instance's settings, as its file has them."""

    def __init__(self, host: WindowsHost, path: str, logon: Logon, settings: dict[str, str]) -> None:
        self.host, self.path, self.logon, self.settings = host, path, logon, settings

    @classmethod
    def load(cls, host: WindowsHost, path: str, logon: Logon) -> Configuration:
        """
        Raises:
            Failure: 1 where there is no file, 100 where it is broken.
        """
        try:
            root = ET.fromstring(host.fs.read(path, logon))
        except WinError as error:
            raise Failure(f"The configuration file at {path} could not be located at the specified location.") from error
        except ET.ParseError as error:
            raise Failure(f"There is an error in XML document {path}: {error}", UNEXPECTED) from error
        return cls(host, path, logon, {item.get("key", ""): item.text or "" for item in root.findall("set")})

    def save(self) -> None:
        """Fault ``tentacle.torn``: the process is killed when the first part of the file is written."""
        names = {"xmlns:xsi": "http://www.w3.org/2001/XMLSchema-instance", "xmlns:xsd": "http://www.w3.org/2001/XMLSchema"}
        root = ET.Element("octopus-settings", names)
        for key, value in sorted(self.settings.items()):
            ET.SubElement(root, "set", {"key": key}).text = value
        ET.indent(root)
        data = _BOM + b'<?xml version="1.0" encoding="utf-8"?>\r\n' + ET.tostring(root).replace(b"\n", b"\r\n")
        if self.host.faults.hit("tentacle.torn", self.host.name) is not None:
            self.host.fs.write(self.path, data[: len(data) // 2], self.logon)
            raise Failure("", 1)  # what Windows tells of a process that was killed
        self.host.fs.write(self.path, data, self.logon)

    @property
    def home(self) -> str:
        return self.settings.get(HOME) or self.path.rpartition("\\")[0]

    @property
    def listens(self) -> bool:
        return self.settings.get(NO_LISTEN, "false").lower() != "true"

    @property
    def servers(self) -> list[Server]:
        """The trusted servers; the style may be a number or a name (CommunicationStyleConverter)."""
        rows = json.loads(self.settings.get(TRUSTED) or "[]")
        for row in rows:
            row["CommunicationStyle"] = NAMES.get(row.get("CommunicationStyle"), row.get("CommunicationStyle") or NONE)
        return [{**server(row["Thumbprint"]), **row} for row in rows]

    @servers.setter
    def servers(self, rows: list[Server]) -> None:
        self.settings[TRUSTED] = json.dumps(rows, separators=(",", ":"))

    def add_or_update(self, row: Server) -> None:
        """AddOrUpdateTrustedOctopusServer: an entry of the same thumbprint and address is replaced, and the new one is the last."""
        others = [
            one
            for one in self.servers
            if one["Thumbprint"].lower() != row["Thumbprint"].lower() or not same_address(one["Address"], row["Address"])
        ]
        self.servers = [*others, row]

    def shown(self) -> dict[str, Any]:
        """What show-configuration tells: ShowConfigurationCommand.cs and the integration test of its output."""
        return {
            "Octopus": {"Home": self.home, "Watchdog": {"Enabled": False, "Instances": "*", "Interval": 0}},
            "Tentacle": {
                "CertificateThumbprint": self.settings.get(THUMBPRINT, ""),
                "Communication": {"PollingConnectionCount": None, "TrustedOctopusServers": self.servers},
                "Deployment": {"ApplicationDirectory": self.settings.get(APPLICATIONS)},
                "Services": {"ListenIP": None, "NoListen": not self.listens, "PortNumber": int(self.settings.get(PORT, "10933"))},
            },
        }
