# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Real servers, where the environment says where they are (:mod:`services.servers`); else every test here is skipped."""

from __future__ import annotations

import secrets
from collections.abc import Iterator

import pytest
from services.servers import OctopusServer, SqlServer, missing


@pytest.fixture(scope="session")
def sql() -> SqlServer:
    if absent := missing("SQL_HOST", "SQL_PASSWORD"):
        pytest.skip(f"no real SQL Server is named: {', '.join(absent)}")
    return SqlServer()


@pytest.fixture(scope="session")
def octopus() -> OctopusServer:
    if absent := missing("URL", "API_KEY"):
        pytest.skip(f"no real Octopus Server is named: {', '.join(absent)}")
    return OctopusServer()


@pytest.fixture(scope="session")
def backup(sql: SqlServer) -> str:
    """A backup of the database; its path on the server."""
    path = sql.path(f"services-{secrets.token_hex(4)}.bak")
    sql.module("mssql_backup", database=sql.database, path=[path])
    return path


@pytest.fixture
def copy(sql: SqlServer, backup: str) -> Iterator[str]:
    """A copy of the database, which a test may spoil; its name."""
    name = f"{sql.database}_{secrets.token_hex(4)}"
    sql.module("mssql_restore", database=name, path=[backup])
    yield name
    sql.module("mssql_database", name=name, state="absent", replaced_by=sql.database)
    assert name not in sql.databases()
