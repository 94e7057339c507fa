# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The connection to a Windows host: the options of the modules, and the arguments for pywinrm derived from them."""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass, field, fields
from typing import Any

from .errors import HostRefused

HTTP_PORT = 5985
HTTPS_PORT = 5986

_OPTIONS: dict[str, dict[str, Any]] = {
    "name": {"type": "str"},
    "host": {"type": "str"},
    "port": {"type": "int"},
    "scheme": {"type": "str", "choices": ["http", "https"]},
    "path": {"type": "str", "default": "/wsman"},
    "username": {"type": "str"},
    "password": {"type": "str", "no_log": True},
    "transport": {"type": "list", "elements": "str"},
    "server_cert_validation": {"type": "str", "choices": ["validate", "ignore"], "default": "validate"},
    "ca_trust_path": {"type": "path"},
    "cert_pem": {"type": "path"},
    "cert_key_pem": {"type": "path", "no_log": False},
    "message_encryption": {"type": "str", "choices": ["auto", "always", "never"], "default": "auto"},
    "operation_timeout": {"type": "int", "default": 20},
    "read_timeout": {"type": "int", "default": 30},
    "proxy": {"type": "str", "no_log": True},
    "realm": {"type": "str"},
    "service": {"type": "str", "default": "HTTP"},
    "keytab": {"type": "path"},
    "kinit_mode": {"type": "str", "choices": ["managed", "manual"]},
    "kinit_command": {"type": "str", "default": "kinit"},
    "kinit_args": {"type": "str"},
    "kerberos_delegation": {"type": "bool", "default": False},
    "kerberos_hostname_override": {"type": "str"},
    "credssp_disable_tlsv1_2": {"type": "bool", "default": False},
    "send_cbt": {"type": "bool", "default": True},
    "url": {"type": "str"},
}

# Argument specs of modules, documented in the fragment octopus.upgrade.windows.
CONNECTION_SPEC: dict[str, Any] = {"connection": {"type": "dict", "options": _OPTIONS}}
NODES_SPEC: dict[str, Any] = {"connections": {"type": "list", "elements": "dict", "options": _OPTIONS}}
JOB_SPEC: dict[str, Any] = {
    "job_user": {"type": "str", "default": "SYSTEM"},
    "job_password": {"type": "str", "no_log": True},
    "work_root": {"type": "str", "default": r"C:\ProgramData\octopus.upgrade"},
}

TRANSPORTS = ("basic", "plaintext", "ssl", "certificate", "ntlm", "kerberos", "credssp")
_CLEAR_TEXT = ("basic", "plaintext", "ssl")


@dataclass(frozen=True)
class ConnectionOptions:
    """The WinRM endpoint and the account of a host. ``name`` is its inventory name, ``url`` the address of the Octopus node on it."""

    name: str
    host: str
    username: str | None = None
    password: str | None = field(default=None, repr=False)
    port: int = HTTPS_PORT
    scheme: str = "https"
    path: str = "/wsman"
    transport: tuple[str, ...] = ()
    server_cert_validation: str = "validate"
    ca_trust_path: str | None = None
    cert_pem: str | None = None
    cert_key_pem: str | None = None
    message_encryption: str = "auto"
    operation_timeout: int = 20
    read_timeout: int = 30
    proxy: str | None = field(default=None, repr=False)
    realm: str | None = None
    service: str = "HTTP"
    keytab: str | None = None
    kinit_mode: str | None = None
    kinit_command: str = "kinit"
    kinit_args: str | None = None
    kerberos_delegation: bool = False
    kerberos_hostname_override: str | None = None
    credssp_disable_tlsv1_2: bool = False
    send_cbt: bool = True
    url: str | None = None

    @classmethod
    def from_params(cls, params: dict[str, Any] | None) -> ConnectionOptions:
        """Read a module's ``connection``, or one of its ``connections``.

        Raises:
            HostRefused: There is none, or it names no host.
        """
        if not params or not params.get("host"):
            raise HostRefused(
                "There is no WinRM connection. The action plugin of this module provides it for a task on a Windows host: run the task for a host "
                "with ansible_connection: winrm or psrp, or set the option connection."
            )
        known = {one.name for one in fields(cls)}
        given = {option: value for option, value in params.items() if option in known and value is not None}
        scheme = given.get("scheme") or ("http" if given.get("port") == HTTP_PORT else "https")
        port = given.get("port") or (HTTP_PORT if scheme == "http" else HTTPS_PORT)
        given.update(
            name=given.get("name") or given["host"], scheme=scheme, port=port, transport=tuple(filter(None, given.get("transport") or ()))
        )
        return cls(**given)

    @property
    def endpoint(self) -> str:
        host = self.host
        try:
            if ipaddress.ip_address(host).version == 6:
                host = f"[{host}]"
        except ValueError:
            host = self.host  # a name needs no brackets
        return f"{self.scheme}://{host}:{self.port}/{self.path.lstrip('/')}"

    @property
    def where(self) -> str:
        """The host for messages: its name and its address."""
        return f"{self.name} ({self.host}:{self.port})"

    def chosen_transport(self, supported: set[str]) -> str:
        """Return the transport to use: the first wanted one that this control node supports. Only one is tried with the password.

        Args:
            supported: The transports that pywinrm and its optional libraries support here.

        Raises:
            HostRefused: None is supported, or it would send the password unencrypted over HTTP.
        """
        tried = self.wanted_transports
        usable = [name for name in tried if name in supported]
        unknown = [name for name in tried if name not in TRANSPORTS]
        if not usable and unknown:
            raise HostRefused(
                f"{self.where}: there is no WinRM transport {', '.join(unknown)}. Set ansible_winrm_transport to one of "
                f"{', '.join(TRANSPORTS)}. Nothing was sent.",
                self.name,
            )
        if not usable:
            raise HostRefused(
                f"{self.where}: expected support for the WinRM transport {', '.join(tried)} on this control node but found only "
                f"{', '.join(sorted(supported))}. Install pywinrm[kerberos] or pywinrm[credssp], or set ansible_winrm_transport.",
                self.name,
            )
        chosen = usable[0]
        if chosen in _CLEAR_TEXT and self.scheme == "http" and self.message_encryption != "never":
            raise HostRefused(
                f"{self.where}: {chosen} over HTTP would send the password unencrypted. Set ansible_winrm_transport: ntlm or kerberos, which "
                "encrypt over HTTP too, or use HTTPS on port 5986. ansible_winrm_message_encryption: never allows it nevertheless.",
                self.name,
            )
        return chosen

    @property
    def wanted_transports(self) -> list[str]:
        """The transports that pywinrm is to try, the first that it supports here."""
        return [name for one in self.transport or self._default_transport() for name in self._expand(one)]

    @property
    def delegates_credentials(self) -> bool:
        """Whether a program on the host can log in to a third machine with the account of this connection."""
        first = self.wanted_transports[0]
        return first == "credssp" or (first == "kerberos" and self.kerberos_delegation)

    def _default_transport(self) -> tuple[str, ...]:
        # As ansible.builtin.winrm chooses.
        if self.username and "@" in self.username:
            return ("kerberos",)
        return ("ssl",) if self.scheme == "https" else ("plaintext",)

    def _expand(self, transport: str) -> tuple[str, ...]:
        if transport != "negotiate":  # psrp's default, which pywinrm lacks
            return (transport,)
        return ("kerberos", "ntlm") if self.username and "@" in self.username else ("ntlm",)

    def protocol_arguments(self, transport: str) -> dict[str, Any]:
        """Return the arguments for ``winrm.protocol.Protocol``, which contain the password."""
        arguments: dict[str, Any] = {
            "endpoint": self.endpoint,
            "transport": transport,
            "username": self.username,
            "password": self.password,
            "service": self.service,
            "keytab": self.keytab,
            "cert_pem": self.cert_pem,
            "cert_key_pem": self.cert_key_pem,
            "server_cert_validation": self.server_cert_validation,
            "message_encryption": self.message_encryption,
            "operation_timeout_sec": self.operation_timeout,
            "read_timeout_sec": max(self.read_timeout, self.operation_timeout + 1),
            "kerberos_delegation": self.kerberos_delegation,
            "kerberos_hostname_override": self.kerberos_hostname_override,
            "credssp_disable_tlsv1_2": self.credssp_disable_tlsv1_2,
            "send_cbt": self.send_cbt,
            "realm": self.realm,
        }
        if self.ca_trust_path:
            arguments["ca_trust_path"] = self.ca_trust_path
        if self.proxy is not None:
            arguments["proxy"] = self.proxy or None  # an empty text means no proxy
        return arguments
