# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Joining a restored database from the command line, in the vendor's order: what it takes, what it leaves alone, what it refuses."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from lab.estate import DEMO, CloneSpec, Lab, LabClone
from lab.octopus import crypto
from lab.octopus.installation import CONNECTION, MASTER_KEY, Installation
from lab.windows import services
from lab_tests.estate import naive

CLONE = CloneSpec("copy", "demo", ("octo-c1", "octo-c2", "octo-c3", "octo-c4"), sql="sql-copy")
CONFIG = "C:\\Octopus\\OctopusServer.config"


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    with Lab(tmp_path_factory.mktemp("joining") / "lab", DEMO, CLONE, scale=100) as lab:
        naive.restore(lab, lab.clones["copy"], "Copy")
        yield lab


@pytest.fixture
def clone(lab: Lab) -> LabClone:
    return lab.clones["copy"]


def _rows(clone: LabClone, name: str = "Copy") -> dict[str, list[Any]]:
    database = clone.sql.database(name)
    assert database is not None
    connection = database.connect()
    tables = [table for (table,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
    found = {table: connection.execute(f'SELECT * FROM "{table}"').fetchall() for table in tables}
    connection.close()
    return found


def _settings(host: Any) -> dict[str, str]:
    return Installation.load(host, naive.NAME, CONFIG, host.system).settings


def test_joining_writes_nothing_into_the_database_and_starts_nothing(clone: LabClone) -> None:
    host, before = clone.host("octo-c1"), _rows(clone)
    naive.join(clone, host, "Copy")
    assert _rows(clone) == before
    assert host.services.query("OctopusDeploy").state == services.STOPPED
    flat = naive.settings(host)
    assert f"Server={clone.sql.machine.address};Database=Copy;" in flat[CONNECTION]
    assert flat["Octopus.Storage.NodeName"] == "OCTO-C1"
    assert naive.octopus(host, "show-master-key", "--nologo", "--noconsolelogging").out.strip() == clone.secrets.master_key
    again = naive.octopus(host, "create-instance", f"--instance={naive.NAME}", f"--config={CONFIG}")
    assert again.code == 1 and "already exists" in again.err


def test_what_joining_refuses(clone: LabClone) -> None:
    host, databases = clone.host("octo-c2"), set(clone.sql.databases)
    naive.install(host, "2018.10.7")
    assert naive.octopus(host, "create-instance", f"--instance={naive.NAME}", f"--config={CONFIG}").code == 0
    good, key = naive.target(clone, "Copy"), clone.secrets.master_key
    wrong = naive.octopus(host, "database", "--masterKey", crypto.new_master_key(), "--connectionString", good)
    assert wrong.code == 1 and "master key does not match" in wrong.err
    mistyped = naive.octopus(host, "database", "--masterKey", key, "--connectionString", naive.target(clone, "Copi"))
    assert mistyped.code == 100 and "Copi" in mistyped.err
    for result in (wrong, mistyped):
        assert clone.secrets.octopus_sql_password not in result.out + result.err
    assert set(clone.sql.databases) == databases, "without --create none is made"
    assert not {CONNECTION, MASTER_KEY} & _settings(host).keys(), "what was refused was not saved"
    assert naive.octopus(host, "database", "--masterKey", key, "--connectionString", good).code == 0


def test_another_versions_program_cannot_join(clone: LabClone) -> None:
    host, before = clone.host("octo-c3"), _rows(clone)
    naive.install(host, "2021.1.8045")
    assert naive.octopus(host, "create-instance", f"--instance={naive.NAME}", f"--config={CONFIG}").code == 0
    result = naive.octopus(host, "database", "--masterKey", clone.secrets.master_key, "--connectionString", naive.target(clone, "Copy"))
    assert result.code == 1 and "out of date" in result.err
    assert naive.octopus(host, "path", "--taskLogs=C:\\Logs").code == 1
    assert _rows(clone) == before


def test_a_user_without_its_login_cannot_come_in(lab: Lab, clone: LabClone) -> None:
    """A restore on another server leaves the user ``octopus`` without its login, which has another SID there."""
    naive.restore(lab, clone, "Orphaned", mend=False)
    host = clone.host("octo-c4")
    naive.install(host, "2018.10.7")
    assert naive.octopus(host, "create-instance", f"--instance={naive.NAME}", f"--config={CONFIG}").code == 0
    command = ("database", "--masterKey", clone.secrets.master_key, "--connectionString", naive.target(clone, "Orphaned"))
    assert naive.octopus(host, *command).code == 100
    naive.sql(clone.sql, clone.secrets.sql_password, "USE [Orphaned]; ALTER USER [octopus] WITH LOGIN = [octopus]")
    assert naive.octopus(host, *command).code == 0
