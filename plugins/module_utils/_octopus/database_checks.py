# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Whether SQL Server and the database let the schema upgrade write what it writes. Pure functions, no I/O."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from ansible_collections.octopus.upgrade.plugins.module_utils._mssql.connection.server_info import EXPRESS
from ansible_collections.octopus.upgrade.plugins.module_utils._mssql.quoting import quote_identifier

from .check import Check, size, unknown

_GIB = 1024**3
# The most that the data files of one database may have in Express, by the major version of SQL Server, the newest first. The log does not count.
# https://learn.microsoft.com/sql/sql-server/editions-and-components-of-sql-server-2022 (and -2025); 2008 R2 (10.50) raised it from 4 GB.
_EXPRESS = ((17, 50 * _GIB), (0, 10 * _GIB))
_NEARLY = 0.9  # of the limit: what is left is less than any migration of a table takes
_MANY = 5


def checks(database: Mapping[str, Any]) -> Iterator[Check]:
    """Yield the checks of what octopus_database_info has read; none where it did not ask."""
    readiness = database.get("readiness")
    if readiness is None:
        return
    where = str(database.get("server") or "SQL Server")
    name = quote_identifier(str(database.get("database") or "the database"))
    yield from _express(readiness, database, where)
    yield from _owner(readiness, name, where)
    yield _own_objects(readiness, where)
    yield _growth(readiness, name, where)


def _express(readiness: Mapping[str, Any], database: Mapping[str, Any], where: str) -> Iterator[Check]:
    if readiness.get("engine_edition") != EXPRESS:
        return
    major = int(str(database.get("server_version") or "0").partition(".")[0] or 0)
    limit = next((most for version, most in _EXPRESS if major >= version), _EXPRESS[-1][1])
    used = database.get("used_bytes")
    yield Check(
        "express_limit",
        None if used is None else 2 * int(used) <= limit,
        f"room below the {size(limit)} that SQL Server Express lets a database have, for as much again as it holds, since migrations copy tables",
        size(int(used)) if used is not None else unknown("the size of the database is not known"),
        where,
        "Apply the retention policies and shrink the data, or move the database to another edition.",
        # With nothing left, the upgrade fails in the outage (error 1827); else it may.
        blocking=used is None or int(used) > _NEARLY * limit,
    )


def _owner(readiness: Mapping[str, Any], name: str, where: str) -> Iterator[Check]:
    login = readiness.get("server_login")
    if not login:
        return  # integrated security, for which job_account_on_database asks
    ok = login.get("db_owner")
    user = quote_identifier(str(login["name"]))
    yield Check(
        "server_login_is_owner",
        ok,
        f"the login {login['name']} of the connection string to be db_owner of the database, since the schema upgrade uses it",
        str(login.get("found") or unknown("SQL Server was not asked")),
        where,
        f"Run USE {name}; ALTER ROLE db_owner ADD MEMBER {user}."
        if ok is False
        else "Grant the SQL login of this collection VIEW ANY DEFINITION, so that it sees other users.",
        blocking=ok is False,
    )


def _own_objects(readiness: Mapping[str, Any], where: str) -> Check:
    found = readiness.get("own_objects")
    more = f" and {len(found) - _MANY} more" if found and len(found) > _MANY else ""
    return Check(
        "no_own_objects",
        None if found is None else not found,
        "nothing in the database but the product's own: objects in the schema dbo, and no triggers on its tables",
        unknown("the login does not see all objects")
        if found is None
        else f"{', '.join(found[:_MANY])}{more}"
        if found
        else "nothing else",
        where,
        "A script of the schema upgrade may stop at them, or they at it. Script them, drop them before the upgrade, and create them again after it.",
        blocking=False,
    )


def _growth(readiness: Mapping[str, Any], name: str, where: str) -> Check:
    files = readiness.get("files")
    stuck = [str(one["name"]) for one in files or [] if not one["grows"]]
    return Check(
        "files_may_grow",
        None if not files else not stuck,
        "files of the database that grow by themselves, since the schema upgrade fails when one is full (errors 1105 and 9002)",
        unknown("the login does not see the files") if not files else f"that {', '.join(stuck)} cannot" if stuck else "that they do",
        where,
        f"Run ALTER DATABASE {name} MODIFY FILE (NAME = ..., FILEGROWTH = 256MB, MAXSIZE = UNLIMITED), or give it the size that the upgrade needs.",
        blocking=False,
    )
