# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Whether the record of the quarantine is that of the expected clone, and the database is not the source's."""

from __future__ import annotations

from typing import Any

from ansible_collections.octopus.upgrade.plugins.module_utils._octopus.errors import OctopusError
from ansible_collections.octopus.upgrade.plugins.module_utils._quarantine import refusals
from ansible_collections.octopus.upgrade.plugins.module_utils._quarantine.request import Request

from .look import Check, Look

_LIFTED = {"lifting": "in part", "lifted": "altogether"}


def differences(request: Request, found: dict[str, Any]) -> list[str]:
    """How a record differs from what is expected, as far as that is given."""
    out = []
    source = found["source"] or {}
    if request.source is not None:
        if str(source.get("database")).lower() != request.source.database.lower():
            out.append(f"it is a clone of {source.get('database')}, not of {request.source.database}")
        elif (
            request.source.server_name and source.get("server_name") and source["server_name"].lower() != request.source.server_name.lower()
        ):
            out.append(f"it is a clone of what is on {source['server_name']}, not on {request.source.server_name}")
    for what, wanted, had in (
        ("its name is", request.name, found["name"]),
        ("it was made of the restore point", request.restore_point, found["restore_point"]),
    ):
        if wanted is not None and had is not None and wanted != had:
            out.append(f"{what} {had}, not {wanted}")
    return out


def record(look: Look) -> Check:
    """There is a record, and it is that of the expected clone."""
    if look.record is None:
        return Check("record", False, 1, "there is no record of a quarantine")
    wrong = differences(look.request, look.record)
    wrong += [f"it is lifted {how} since {look.record[name]['at']}" for name, how in _LIFTED.items() if look.record.get(name)]
    return Check("record", not wrong, len(wrong), "; ".join(wrong) or f"under quarantine since {look.record['at']}")


def source(look: Look, connect: refusals.Connect) -> Check:
    """The database is not the source's own."""
    source = look.request.source
    if source is None:
        return Check("source", True, 0, "none was named")
    try:
        refusals.refuse_source(look.connection, source, connect)
    except OctopusError as error:
        return Check("source", False, 1, error.message)
    return Check("source", True, 0, f"it is another database than {source.where}")
