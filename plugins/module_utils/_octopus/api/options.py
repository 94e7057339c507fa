# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""How to reach an Octopus Server's REST API: the options, alike in every module that speaks to it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

from ansible_collections.octopus.upgrade.plugins.module_utils._octopus.errors import OctopusError


def api_spec(required: bool = True) -> dict[str, dict[str, Any]]:
    """Return the argument spec of the options in the documentation fragment ``octopus.upgrade.octopus_api``.

    Args:
        required: Whether the module can do nothing without the API.
    """
    return {
        "url": {"type": "str", "required": required},
        "api_key": {"type": "str", "no_log": True, "required": required},
        "validate_certs": {"type": "bool", "default": True},
        "ca_path": {"type": "path"},
        "api_timeout": {"type": "int", "default": 30},
        "allow_http": {"type": "bool", "default": False},
        "portal_url": {"type": "str"},
    }


@dataclass(frozen=True)
class ApiOptions:
    """Where the API is and how to be let in.

    Attributes:
        url: Base address, with the virtual directory if there is one.
        api_key: Sent as ``X-Octopus-ApiKey``; empty for what needs no key.
        timeout: Seconds to wait for a connection, and for each answer.
        portal_url: Address of the web portal, under whose name the server may answer at its own address; None where there is no other.
    """

    url: str
    api_key: str = field(default="", repr=False)
    validate_certs: bool = True
    ca_path: str | None = None
    timeout: float = 30
    allow_http: bool = False
    portal_url: str | None = None

    def __post_init__(self) -> None:
        """Refuse what would go wrong later, or give the key away.

        Raises:
            OctopusError: The address is none, or the key would travel in the clear.
        """
        parts = urlsplit(self.url)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise OctopusError(f"{self.url!r} is no address of an Octopus Server: wanted is something like https://octopus.example.com.")
        if parts.username or parts.password:
            raise OctopusError(f"The address of {parts.hostname} holds a user or password. Give an API key instead.")
        if parts.scheme == "http" and self.api_key and not self.allow_http:
            raise OctopusError(
                f"The API key would be sent to {self.url} unencrypted. Use an https address, or say allow_http: true "
                "if that network is trusted."
            )

    @property
    def portal_name(self) -> str | None:
        """The portal's name, where that is not the one in the address."""
        name = urlsplit(self.portal_url).hostname if self.portal_url else None
        return name if name and name != urlsplit(self.url).hostname else None

    @classmethod
    def from_params(cls, params: dict[str, Any]) -> ApiOptions | None:
        """Read a module's parameters; None where the API is optional and no address was given."""
        return cls.for_url(params, params["url"], params.get("api_key") or "") if params.get("url") else None

    @classmethod
    def for_url(cls, params: dict[str, Any], url: str, api_key: str = "") -> ApiOptions:
        """Read a module's parameters, for another address, by default without the key."""
        return cls(
            url=url.rstrip("/"),
            api_key=api_key,
            validate_certs=params["validate_certs"],
            ca_path=params.get("ca_path") or None,
            timeout=params["api_timeout"],
            allow_http=params["allow_http"],
            portal_url=params.get("portal_url") or None,
        )
