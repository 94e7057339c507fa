# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The address of a SQL Server and the login: the options of the doc fragment ``octopus.upgrade.mssql``."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from ansible_collections.octopus.upgrade.plugins.module_utils._mssql.errors import MssqlError

MSSQL_SPEC: dict[str, Any] = {
    "login_host": {"type": "str", "required": True},
    "login_port": {"type": "int", "default": 1433},
    "login_user": {"type": "str"},
    "login_password": {"type": "str", "no_log": True},
    "driver": {"type": "str", "default": "auto"},
    "encrypt": {"type": "str", "choices": ["mandatory", "optional", "strict"], "default": "mandatory"},
    "validate_certs": {"type": "bool", "default": True},
    "ca_path": {"type": "path"},
    "certificate_host": {"type": "str"},
    "login_timeout": {"type": "int", "default": 15},
}
MSSQL_TOGETHER = [("login_user", "login_password")]
# login_host often comes from a connection string.
_PROTOCOL = "tcp:"


@dataclass(frozen=True)
class SqlOptions:
    """The address of SQL Server, and the login. Without a user, the control node's Kerberos ticket is used.

    Attributes:
        login_timeout: Seconds.
    """

    host: str
    port: int = 1433
    user: str | None = None
    password: str | None = field(default=None, repr=False)
    driver: str = "auto"
    encrypt: str = "mandatory"
    validate_certs: bool = True
    ca_path: str | None = None
    login_timeout: int = 15
    certificate_host: str | None = None

    @classmethod
    def from_params(cls, params: dict[str, Any]) -> SqlOptions:
        """From a module's parameters. ``login_host`` may be written as connection strings do: ``tcp:host,port``, ``host\\instance``.

        Raises:
            MssqlError: It contains no host, or an invalid port.
        """
        text = params["login_host"].strip()
        host = text[len(_PROTOCOL) :] if text.lower().startswith(_PROTOCOL) else text
        host, comma, port_text = host.partition(",")
        port_text = port_text.strip()
        port = int(port_text) if port_text.isdecimal() else params["login_port"]
        if not host.strip() or (comma and not port_text.isdecimal()) or not 0 < port < 65536 or any(ord(one) < 32 for one in text):
            raise MssqlError(f"Expected login_host to be host, tcp:host,port or host\\instance, but {text!r} names no server")
        if comma:
            host = host.partition("\\")[0]  # with a port, drivers ignore the instance's name, and so do messages
        return cls(
            host.strip(),
            port,
            params["login_user"],
            params["login_password"],
            params["driver"],
            params["encrypt"],
            params["validate_certs"],
            params["ca_path"],
            params["login_timeout"],
            params.get("certificate_host"),
        )

    @property
    def named_instance(self) -> bool:
        return "\\" in self.host

    @property
    def where(self) -> str:
        """The server for messages."""
        return self.host if self.named_instance else f"{self.host},{self.port}"

    @property
    def who(self) -> str:
        """The login for messages."""
        return self.user or "the control node's Kerberos ticket"
