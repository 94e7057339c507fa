# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Settings that are told by their properties, because no public source names the ids of their rows in Configuration.

What the API returns is what the row holds (ServerExtensibility: a resource and the document in the store have one id and the same
properties). The properties: https://octopus.com/docs/octopus-rest-api and https://github.com/OctopusDeploy/OctopusClients.
"""

from __future__ import annotations

from typing import Any

from . import documents
from .documents import Edit

# The name of an item, and properties that nothing else has: TelemetryConfigurationResource, LetsEncryptConfiguration, AuditStream.
OWN_PROPERTIES = {
    "telemetry": ("ShowAsNewUntil", "IsTelemetryEnforced"),
    "lets_encrypt": ("RegistrationEmailAddress", "AcceptLetsEncryptTermsOfService"),
    "audit_stream": ("StreamConfigurationResource",),
}
_SWITCHES = ("Enabled", "IsEnabled", "Active", "IsActive")


def is_of(item: str, document: Any) -> bool:
    """Whether the document of a row holds these settings."""
    return any(documents.has(document, name) for name in OWN_PROPERTIES[item])


def is_on(item: str, document: Any) -> bool:
    """Whether it holds them, and does not say that they are off."""
    if not is_of(item, document):
        return False
    said = [document[key] for name in _SWITCHES for key in documents.keys_of(document, name)]
    return not said or not all(documents.same(value, False) for value in said)


def off(item: str, document: dict[str, Any]) -> list[Edit] | None:
    """Switch them off, and return what was changed; None where it holds others."""
    if not is_of(item, document):
        return None
    return [one for name in _SWITCHES for key in documents.keys_of(document, name) for one in documents.put(document, key, False, key)]
