# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Which programs use an instance, by its events, users and API keys. Only reads, and never a key or its hash.

Who only reads leaves no event, so what is found is not all. ``IsService``, ``IdentityEstablishedWith`` and ``UserAgent`` of events: webhook samples
of 2017 to 2022 and https://github.com/OctopusDeploy/OctopusClients; ``LastUsedTimeStamp`` of API keys: the API reference of 2026.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

from ansible_collections.octopus.upgrade.plugins.module_utils._mssql.connection.connection import SqlConnection
from ansible_collections.octopus.upgrade.plugins.module_utils._mssql.quoting import quote_identifier

from . import row_document, schema
from .events import Entry

USER, KEY = "User", "ApiKey"
BY_PORTAL = "session cookie"
# The portal's own client, in a sample of 2020, and browsers.
_BROWSERS = ("mozilla/", "octopusclient-js/")
_KEY_VALUES = ("Purpose", "Expires", "LastUsedTimeStamp")


def is_program(service: bool | None, established: str | None, agent: str | None) -> bool | None:
    """Decide whether it was a program and no person at the portal; None where nothing tells.

    Args:
        service: Whether the user is a service account.
        established: How the user has shown who it is; empty for the server itself.
        agent: The program that it says it is.
    """
    if service:
        return True
    if established is not None:
        return bool(established) and established.strip().lower() != BY_PORTAL
    if not agent:
        return None
    return not agent.lower().startswith(_BROWSERS)


def used(entries: Iterable[Entry], services: Mapping[str, bool]) -> list[dict[str, Any]]:
    """Group events by user, program and how it signed in; what is known to be a person at the portal is left out.

    Args:
        entries: Events of users, the newest first.
        services: Of each user's id whether it is a service account.
    """
    out: dict[tuple[Any, ...], dict[str, Any]] = {}
    for one in entries:
        service = services.get(one.user_id or "", one.service)
        program = is_program(service, one.established, one.agent)
        if one.by_system or program is False:
            continue
        key = (one.user_id or one.user, one.agent, one.established)
        found = out.setdefault(
            key,
            {
                "user": one.user,
                "user_id": one.user_id,
                "service": service,
                "program": program,
                "agent": one.agent,
                "established_with": one.established,
                "address": one.address,
                "last": one.when.isoformat() if one.when else None,
                "events": 0,
            },
        )
        found["events"] += 1
    return list(out.values())


def users(connection: SqlConnection) -> list[dict[str, Any]] | None:
    """Read the users' ids, names and whether they are service accounts; None where the table has not the columns that are known."""
    rows = _rows(connection, USER, {"id", "username"}, ("Id", "Username", "IsService", "IsActive"), json=("isservice",))
    if rows is None:
        return None
    out = []
    for row in rows:
        values = row_document.flat(row)
        service, active = values.get("isservice"), values.get("isactive")
        out.append(
            {
                "id": row["Id"],
                "name": row["Username"],
                "service": None if service is None else bool(service),
                "active": None if active is None else bool(active),
            }
        )
    return out


def keys(connection: SqlConnection) -> list[dict[str, Any]] | None:
    """Read the API keys without the keys; None where the table has not the columns that are known."""
    rows = _rows(
        connection, KEY, {"id", "userid"}, ("Id", "UserId", "Created", *_KEY_VALUES), json=tuple(name.lower() for name in _KEY_VALUES)
    )
    if rows is None:
        return None
    out = []
    for row in rows:
        values = {
            name.lower(): value for name, value in (row_document.of(row) | {key: row[key] for key in row}).items() if value is not None
        }
        out.append(
            {
                "id": row["Id"],
                "user_id": row["UserId"],
                "purpose": values.get("purpose"),
                "created": _iso(values.get("created")),
                "expires": _iso(values.get("expires")),
                "last_used": _iso(values.get("lastusedtimestamp")),
            }
        )
    return out


def lately(found: Mapping[str, Any], since: datetime) -> bool | None:
    """Whether a key was used since a moment; None where that is unknown."""
    last = schema.moment_of(found["last_used"])
    return None if last is None else last >= since


def _rows(
    connection: SqlConnection, table: str, needed: set[str], wanted: tuple[str, ...], json: tuple[str, ...]
) -> list[dict[str, Any]] | None:
    there = schema.columns_of(connection, table)[table]
    if not needed <= there:
        return None
    named = [name for name in wanted if name.lower() in there]
    if any(name not in there for name in json):
        named += [name for name in row_document.COLUMNS if name.lower() in there]
    moments = ("Created", "Expires", "LastUsedTimeStamp")  # as text: drivers know datetimeoffset only in part
    listed = ", ".join(
        f"CAST({quote_identifier(name)} AS nvarchar(40)) AS {quote_identifier(name)}"
        if name in moments
        else f"{quote_identifier(name)} AS {quote_identifier(name)}"
        for name in named
    )
    return connection.query(f"SELECT {listed} FROM dbo.{quote_identifier(table)} ORDER BY [Id]")  # noqa: S608 - every name is quoted


def _iso(text: Any) -> str | None:
    moment = schema.moment_of(text)
    return moment.isoformat() if moment else None
