# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The quarantine on a real Octopus database: a copy is made harmless, the live one is refused and stays as it is."""

from __future__ import annotations

import pytest
from services.servers import OctopusServer, SqlServer


def source(sql: SqlServer, database: str) -> dict[str, object]:
    return {"host": sql.host, "port": sql.port, "database": database}


@pytest.mark.timeout(900)  # the heartbeats in the copy have to grow old
def test_a_copy_is_made_harmless(octopus: OctopusServer, sql: SqlServer, copy: str) -> None:
    assert octopus.get("/api")["Version"], "there is a server whose database this is"
    options = {"database": copy, "source": source(sql, sql.database), "name": "services"}
    first = sql.module("octopus_quarantine", **options)
    assert (first["changed"], first["quarantined"]) == (True, True)
    verified = sql.module("octopus_quarantine_verify", **options)
    assert verified["quarantined"] is True
    assert verified["record"]["name"] == "services"
    assert sql.module("octopus_quarantine", **options)["changed"] is False
    assert sql.module("octopus_quarantine_info", database=sql.database)["quarantined"] is False


@pytest.mark.timeout(900)
def test_the_live_database_is_refused(octopus: OctopusServer, sql: SqlServer, copy: str) -> None:
    assert octopus.get("/api")["Version"], "there is a server that uses this database"
    assert sql.database in sql.refusal("octopus_quarantine", database=sql.database, source=source(sql, copy), name="services")
    assert sql.database in sql.refusal("octopus_quarantine", database=sql.database, source=source(sql, sql.database), name="services")
    assert sql.module("octopus_quarantine_info", database=sql.database)["quarantined"] is False
