# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Who has to learn of a new address when a clone takes the place of its source: Tentacles, accounts, and programs with API keys."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Any

from ansible_collections.octopus.upgrade.plugins.module_utils._mssql.connection.connection import SqlConnection

from . import clients, endpoints
from .events import EVENT, Events, Mark

LIMIT = 20000
_SHOWN = 5


def read(connection: SqlConnection, since: datetime, *, same_address: bool = False) -> dict[str, Any]:
    """Read them; what is None is unknown, and ``unknown`` says why.

    Args:
        connection: To the instance's database.
        since: From when on events and keys count as used lately.
        same_address: Whether the new server gets the name of the old one.

    Raises:
        MssqlError: SQL Server refused.
    """
    unknown: list[str] = []
    machines = endpoints.machines(connection, same_address=same_address)
    accounts = endpoints.accounts(connection, same_address=same_address)
    users, keys = clients.users(connection), clients.keys(connection)
    for table, found in ((endpoints.MACHINE, machines), (endpoints.ACCOUNT, accounts), (clients.USER, users), (clients.KEY, keys)):
        if found is None:
            unknown.append(f"the table {table} has not the columns that are known")
    programs, partial = _programs(Events(connection), since, users, unknown)
    names = {one["id"]: one["name"] for one in users or ()}
    silent = None if users is None or programs is None else _silent(users, programs)
    return {
        "hosts": None if machines is None else endpoints.grouped(machines),
        "accounts": accounts,
        "programs": programs,
        "silent_services": silent,
        "api_keys": None
        if keys is None
        else [{**one, "user": names.get(one["user_id"]), "used_lately": clients.lately(one, since)} for one in keys],
        "partial": partial,
        "unknown": unknown,
    }


def _programs(
    events: Events, since: datetime, users: list[dict[str, Any]] | None, unknown: list[str]
) -> tuple[list[dict[str, Any]] | None, bool]:
    if not events.readable:
        unknown.append(f"the table {EVENT} has not the columns that are known")
        return None, False
    if not events.reach_back_to(Mark(None, since)):
        unknown.append(f"the oldest event is newer than {since.isoformat(timespec='seconds')}, so programs may be missing")
    entries = list(events.of_clients(since, LIMIT))
    services = {one["id"]: one["service"] for one in users or () if one["service"] is not None}
    return clients.used(entries[:LIMIT], services), len(entries) > LIMIT


def _silent(users: Iterable[dict[str, Any]], programs: Iterable[dict[str, Any]]) -> list[str]:
    """Service accounts without an event: they only read, or are not used."""
    seen = {one["user_id"] for one in programs}
    return [one["name"] for one in users if one["service"] and one["active"] is not False and one["id"] not in seen]


def sentences(found: dict[str, Any]) -> list[str]:
    """Say who has to be re-pointed in a few sentences."""
    out = []
    for need, hosts in _by_need(found["hosts"]):
        names = [one["name"] for host in hosts for one in host["registrations"]]
        out.append(f"{len(hosts)} Tentacles or targets ({_listed(names)}): {endpoints.says(need)}.")
    for need, accounts in _by_need(found["accounts"]):
        if need in (endpoints.TRUST, endpoints.UNKNOWN):
            out.append(f"{len(accounts)} accounts ({_listed([one['name'] for one in accounts])}): {endpoints.says(need)}.")
    known = [one for one in found["programs"] or () if one["program"]]
    if known:
        out.append(f"Programs have used it as {_listed([_user(one) for one in known])}: give them the new server's address.")
    perhaps = [one for one in found["programs"] or () if one["program"] is None]
    if perhaps:
        out.append(
            f"Whether programs have used it as {_listed([_user(one) for one in perhaps])} is unknown: the events do not tell. Ask them."
        )
    if found["silent_services"]:
        out.append(
            f"Service accounts without an event, which only read or are not used: {_listed(found['silent_services'])}. Ask their owners."
        )
    used = [one for one in found["api_keys"] or () if one["used_lately"]]
    if used:
        out.append(
            f"{len(used)} API keys were used lately, by {_listed([str(one['user']) for one in used])}. They stay valid in the clone."
        )
    if found["partial"]:
        out.append(f"Only the newest {LIMIT} events were looked at.")
    if found["unknown"]:
        out.append(f"Unknown: {'; '.join(found['unknown'])}.")
    return out


def _user(one: dict[str, Any]) -> str:
    return f"{one['user'] or 'unknown'}{' with ' + one['agent'] if one['agent'] else ''}"


def _by_need(found: list[dict[str, Any]] | None) -> list[tuple[str, list[dict[str, Any]]]]:
    groups: dict[str, list[dict[str, Any]]] = {}
    for one in found or ():
        groups.setdefault(one["need"], []).append(one)
    return list(groups.items())


def _listed(names: list[str]) -> str:
    known = list(dict.fromkeys(names))
    return f"{', '.join(known[:_SHOWN])}{' and more' if known[_SHOWN:] else ''}"
