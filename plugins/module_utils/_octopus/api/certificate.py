# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The certificate by which Tentacles know a server."""

from __future__ import annotations

from ansible_collections.octopus.upgrade.plugins.module_utils._octopus.errors import OctopusError

from .client import OctopusApi

# The first as Octopus.Client's CertificateConfigurationRepository asks; the second is what older servers have, and newer ones call deprecated.
_PATHS = ("/api/configuration/certificates/certificate-global", "/api/certificates/certificate-global")


def thumbprint(api: OctopusApi) -> str:
    """Return the thumbprint of the server's certificate, in capital letters.

    Raises:
        OctopusError: The server does not tell it, or the key may not read it.
    """
    for path in _PATHS:
        document = api.find(path)
        found = document.get("Thumbprint") if isinstance(document, dict) else None
        if found:
            return str(found).upper()
    raise OctopusError(f"{api.url} (version {api.version}) does not tell the thumbprint of its certificate at {' or '.join(_PATHS)}.")
