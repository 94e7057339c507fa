# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Apply the quarantine of a clone again, by its own record: a schema upgrade can bring what is on by default.

Whoever upgrades or restores a database need not know whether it is a clone's: the record in the database says it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from ansible_collections.octopus.upgrade.plugins.module_utils._mssql.connection.connection import SqlConnection
from ansible_collections.octopus.upgrade.plugins.module_utils._octopus.database import schema
from ansible_collections.octopus.upgrade.plugins.module_utils._octopus.errors import OctopusError

from . import apply, record, refusals, rows
from .request import Request


def renew(
    connection: SqlConnection, database: str, reason: str = record.OWN, check_mode: bool = False, waivers: Sequence[str] = ()
) -> apply.Outcome | None:
    """Silence again, and verify, what is not silent any more. Its nodes have to be stopped.

    Args:
        connection: To the database.
        database: Its name.
        reason: Why something would not be silent: :data:`record.UPGRADE` after a schema upgrade.
        check_mode: Whether nothing is changed.
        waivers: Names of findings that are accepted, besides those of the record. They go into it, since what they accept is in the database.

    Returns:
        What was done; None where the database is under no quarantine.

    Raises:
        OctopusError: The quarantine is lifted in part, somebody is connected, or it could not be verified. Nothing was changed.
        MssqlError: SQL Server refused. Nothing was changed.
    """
    found = record.read(connection)
    if found is None or not record.holds(found):
        return None
    refuse_lifting(found, database)
    refusals.refuse_connected(connection, database)
    request, version = _request(connection, database, found), schema.read(connection).version
    request = replace(request, waivers=tuple(dict.fromkeys((*request.waivers, *waivers))))
    if check_mode:
        return apply.look(connection, request, found, version)
    return apply.silence(connection, request, found, version, reason)


def refuse_lifting(found: dict[str, Any], database: str) -> None:
    """Refuse a clone that is half under quarantine.

    Raises:
        OctopusError: Its quarantine is lifted in part.
    """
    if found.get("lifting"):
        raise OctopusError(
            f"Expected the quarantine of {database} to hold, but since {found['lifting']['at']} it is lifted in part. Nothing was changed. "
            "Lift the rest with octopus_quarantine and state: absent, or put it under quarantine again with state: present."
        )


def _request(connection: SqlConnection, database: str, found: dict[str, Any]) -> Request:
    """What was asked for last. Every node is the clone's own: the first quarantine has removed those of the source."""
    table = rows.tables(connection).get("octopusservernode")
    nodes = [str(row.get("Name")) for row in rows.select(connection, table, ("Name",))] if table else []
    return Request.from_record(database, found, tuple(nodes))


def as_dict(outcome: apply.Outcome | None) -> dict[str, Any] | None:
    """What a module returns of it; None where the database is under no quarantine."""
    if outcome is None:
        return None
    return {
        "name": outcome.record["name"],
        "silenced": {name: counts["changed"] for name, counts in outcome.items.items() if counts["changed"]},
        "verified": [check.name for check in outcome.checks],
    }
