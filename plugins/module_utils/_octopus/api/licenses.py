# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The licence: its text, which is a secret, and whether the server complies with it."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import Any

from ansible_collections.octopus.upgrade.plugins.module_utils._octopus.errors import OctopusError

from .client import OctopusApi

_CURRENT = "/api/licenses/licenses-current"
_FORBIDDEN = 403


@dataclass(frozen=True)
class LicenseStatus:
    """Compliance with the licence. Each field is None where this version of the server does not have it.

    Attributes:
        is_ptm: Whether the licence counts projects, tenants and machines.
    """

    is_compliant: bool | None
    summary: str | None
    expires: str | None
    is_ptm: bool | None = None

    def as_dict(self) -> dict[str, Any]:
        """The fields of a module's result."""
        return asdict(self)


@dataclass(frozen=True)
class License:
    """The text of the licence, as a server takes it."""

    text: str = field(repr=False)


def read_license(api: OctopusApi) -> License:
    """Read the licence in use.

    Raises:
        OctopusError: It must not be read, or there is none.
    """
    document = api.get(_CURRENT)
    text = (document or {}).get("LicenseText")
    if not text:
        raise OctopusError(
            f"Expected a licence on {api.url}, but found none. Releases from 2026.1 on refuse to upgrade without one: install it first."
        )
    return License(text)


def license_status(api: OctopusApi) -> LicenseStatus:
    """Whether the server complies with its licence, as far as this version says."""
    document = api.find(f"{_CURRENT}-status") or {}
    return LicenseStatus(
        document.get("IsCompliant"), document.get("ComplianceSummary"), document.get("EffectiveExpiryDate"), document.get("IsPtm")
    )


def has_license(api: OctopusApi) -> bool | None:
    """Whether a licence is installed; None where the account may not see that."""
    try:
        document = api.find(_CURRENT)
    except OctopusError as error:
        if error.status == _FORBIDDEN:
            return None
        raise
    return bool((document or {}).get("LicenseText"))
