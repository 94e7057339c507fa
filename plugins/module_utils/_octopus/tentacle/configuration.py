# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the configuration file of a Tentacle says: which servers it trusts, and which of them it polls.

The file is XML as that of Octopus Server (XmlSettingsRoot.cs of https://github.com/OctopusDeploy/OctopusTentacle). The servers are a JSON list in
one setting (TentacleConfiguration.cs, OctopusServerConfiguration.cs). An entry is identified by thumbprint and address together, and every entry
that is polled has the name of a queue on the server, the subscription (HalibutInitializer.cs).
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

from ansible_collections.octopus.upgrade.plugins.module_utils._core.errors import InvalidValue
from ansible_collections.octopus.upgrade.plugins.module_utils._octopus.errors import OctopusError
from ansible_collections.octopus.upgrade.plugins.module_utils._octopus.host import cli_output
from ansible_collections.octopus.upgrade.plugins.module_utils._windows.connection import text_of

# Names of settings: TentacleConfiguration.cs and HomeConfiguration.cs.
TRUSTED = "Tentacle.Communication.TrustedOctopusServers"
THUMBPRINT = "Tentacle.CertificateThumbprint"
NO_LISTEN = "Tentacle.Services.NoListen"
PORT = "Tentacle.Services.PortNumber"
HOME = "Octopus.Home"
# Of ServerCommsCommand.cs, which makes the address of --host and --port.
COMMS_PORT = 10943
LISTENING, POLLING, NONE, KUBERNETES, OTHER = "listening", "polling", "none", "kubernetes", "other"
# Numbers and names of CommunicationStyle in https://github.com/OctopusDeploy/OctopusClients. Tentacles of 2.x have left names in the file, all
# others numbers, and all read both (CommunicationStyleConverter).
_STYLES = {
    "0": NONE,
    "none": NONE,
    "1": LISTENING,
    "tentaclepassive": LISTENING,
    "2": POLLING,
    "tentacleactive": POLLING,
    "11": KUBERNETES,
    "kubernetestentacle": KUBERNETES,
}
_HOST = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9.-]*[A-Za-z0-9])?|\[[0-9A-Fa-f:.]+\]")
_SHA1 = re.compile(r"[0-9A-F]{40}")


@dataclass(frozen=True)
class Trusted:
    """One entry of the list of trusted servers. ``communication`` is a word of this module; the address is null for a server that is not polled."""

    thumbprint: str
    communication: str
    address: str | None
    subscription: str | None

    def of(self, thumbprint: str) -> bool:
        """Whether it trusts the certificate with that thumbprint."""
        return self.thumbprint.upper() == thumbprint.upper()

    def at(self, address: Address) -> bool:
        """Whether it is an entry for that address."""
        return self.address is not None and same_place(self.address) == address.url

    @property
    def meaning(self) -> tuple[str, str, str | None, str | None]:
        """What two forms of the same entry have in common: the program writes styles and addresses anew.

        A service that listens gives entries without a style that of a listening one when it starts (HalibutInitializer.cs).
        """
        place = None if self.address is None else same_place(self.address)
        return self.thumbprint.upper(), LISTENING if self.communication == NONE else self.communication, place, self.subscription


@dataclass(frozen=True)
class Address:
    """Where a server listens for polling Tentacles."""

    host: str
    port: int

    @property
    def url(self) -> str:
        """As the program writes it (``new Uri`` in ServerCommsCommand.cs), and as :func:`same_place` returns it."""
        return f"https://{self.host}:{self.port}"


@dataclass(frozen=True)
class TentacleConfiguration:
    """The settings of one instance. ``values`` contains the encrypted private key."""

    values: dict[str, str] = field(repr=False)
    trusted: tuple[Trusted, ...]

    @property
    def thumbprint(self) -> str | None:
        """That of the Tentacle's own certificate."""
        return cli_output.setting(self.values, THUMBPRINT)

    @property
    def listens(self) -> bool:
        return (cli_output.setting(self.values, NO_LISTEN) or "false").lower() != "true"

    @property
    def port(self) -> int:
        """The port that it listens on, 10933 unless it says another."""
        return int(cli_output.setting(self.values, PORT) or 10933)

    @property
    def home(self) -> str | None:
        return cli_output.setting(self.values, HOME)

    @property
    def others(self) -> dict[str, str]:
        """Every setting but the trusted servers."""
        return {name: value for name, value in self.values.items() if name.lower() != TRUSTED.lower()}

    @property
    def polled(self) -> list[str]:
        """The addresses that it polls, in the order of the file."""
        return [entry.address for entry in self.trusted if entry.communication == POLLING and entry.address is not None]


def parse(content: bytes, what: str) -> TentacleConfiguration:
    """Read a configuration file.

    Args:
        content: The file.
        what: Its name, for messages.

    Raises:
        OctopusError: It is not a whole configuration of a Tentacle. The message has nothing of the content.
    """
    values = cli_output.settings_in_xml(text_of(content), what)
    listed = cli_output.setting(values, TRUSTED) or "[]"
    try:
        entries = [_entry(one) for one in json.loads(listed) or []]
        port = cli_output.setting(values, PORT)
        if port is not None:
            int(port)
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        raise OctopusError(f"{what}: expected a list of servers in {TRUSTED}, but it cannot be read ({type(error).__name__}).") from error
    return TentacleConfiguration(values, tuple(entries))


def _entry(row: dict[str, Any]) -> Trusted:
    by_lower = {name.lower(): value for name, value in row.items()}
    style = _STYLES.get(str(by_lower.get("communicationstyle") or "0").lower(), OTHER)
    return Trusted(str(by_lower["thumbprint"]).strip(), style, by_lower.get("address") or None, by_lower.get("subscriptionid") or None)


def same_place(address: str) -> str:
    """Return an address in the one form of all its spellings: the program keeps the text that it was given."""
    try:
        found = urlsplit(address.strip())
        port = found.port or 443
    except ValueError:
        return address.strip().lower()
    host = f"[{found.hostname}]" if ":" in (found.hostname or "") else found.hostname
    return f"{found.scheme.lower()}://{host}:{port}{found.path.rstrip('/')}"


def address_of(text: str) -> Address:
    """Read an address of a server: ``https://HOST:PORT``, ``HOST:PORT`` or ``HOST``, with 10943 for a missing port.

    Raises:
        InvalidValue: It is no such address.
    """
    stripped = text.strip()
    scheme, separator, rest = stripped.partition("://")
    place = rest if separator else stripped
    found = urlsplit(f"//{place}")
    try:
        port = COMMS_PORT if found.port is None else found.port
    except ValueError:
        port = 0
    name = found.netloc.rpartition(":")[0] if re.search(r":[0-9]*$", found.netloc.rpartition("]")[2]) else found.netloc
    whole = found.path in ("", "/") and not (found.query or found.fragment) and (not separator or scheme.lower() == "https")
    if not (whole and _HOST.fullmatch(name) and 0 < port < 65536):
        raise InvalidValue(
            f"addresses: expected the name of a server and the port for polling Tentacles, such as octopus.example.com or "
            f"https://octopus.example.com:{COMMS_PORT}, but found {text!r}."
        )
    return Address(name.lower(), port)


def thumbprint_of(text: str) -> str:
    """Read the thumbprint of a server's certificate.

    Raises:
        InvalidValue: It is none.
    """
    # Copied out of a certificate dialog of Windows, it has blanks and an invisible mark at its beginning.
    found = re.sub(r"[\s:\u200e]", "", text).upper()
    if not _SHA1.fullmatch(found):
        raise InvalidValue(f"thumbprint: expected the 40 hex digits of a certificate's thumbprint but found {text!r}.")
    return found
