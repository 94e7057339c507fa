# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The licence: its text, which is a secret, and what the server thinks of it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from ansible_collections.octopus.upgrade.plugins.module_utils._octopus.errors import OctopusError

from .client import OctopusApi

_CURRENT = "/api/licenses/licenses-current"


@dataclass(frozen=True)
class LicenseStatus:
    """``is_compliant`` and the others are None where this version does not say."""

    is_compliant: bool | None
    summary: str | None
    expires: str | None

    def as_dict(self) -> dict[str, Any]:
        """Return what a module returns of it."""
        return {"is_compliant": self.is_compliant, "summary": self.summary, "expires": self.expires}


@dataclass(frozen=True)
class License:
    """The licence's text, as it has to be given to a server again."""

    text: str = field(repr=False)


def read_license(api: OctopusApi) -> License:
    """Return the licence in use.

    Raises:
        OctopusError: It may not be read, or there is none.
    """
    document = api.get(_CURRENT)
    text = (document or {}).get("LicenseText")
    if not text:
        raise OctopusError(f"{api.url} has no licence text. Releases from 2026.1 refuse to upgrade without a licence: install one first.")
    return License(text)


def license_status(api: OctopusApi) -> LicenseStatus:
    """Return whether the licence is complied with, as far as this version says."""
    document = api.find(f"{_CURRENT}-status") or {}
    return LicenseStatus(document.get("IsCompliant"), document.get("ComplianceSummary"), document.get("EffectiveExpiryDate"))
