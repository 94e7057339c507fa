# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Maintenance mode of a whole server: only administrators can change anything while it is on.

https://octopus.com/docs/administration/managing-infrastructure/maintenance-mode
"""

from __future__ import annotations

from ansible_collections.octopus.upgrade.plugins.module_utils._octopus.errors import OctopusError

from .client import OctopusApi

_PATH = "/api/maintenanceconfiguration"
_FLAG = "IsInMaintenanceMode"


def is_enabled(api: OctopusApi) -> bool:
    """Return whether maintenance mode is on.

    Raises:
        OctopusError: It cannot be read, or this server knows no maintenance mode.
    """
    return bool(_document(api)[_FLAG])


def set_enabled(api: OctopusApi, enabled: bool) -> None:
    """Turn maintenance mode on or off, and read back that it is.

    The whole document goes back with one flag changed, since newer servers have more in it.
    """
    document = _document(api)
    api.put(_PATH, {**document, _FLAG: enabled}, needs="AdministerSystem")
    if is_enabled(api) is not enabled:
        raise OctopusError(
            f"{api.url} accepted maintenance mode {_word(enabled)}, and still reports it {_word(not enabled)}. "
            "Does something else, such as a migration task, turn it back?"
        )


def _document(api: OctopusApi) -> dict:
    document = api.find(_PATH)
    if not isinstance(document, dict) or _FLAG not in document:
        raise OctopusError(f"{api.url} (version {api.version}) has no maintenance mode at {_PATH}.")
    return document


def _word(enabled: bool) -> str:
    return "on" if enabled else "off"
