# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What both ODBC drivers read of backup files, and which of them are refused."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
from ansible_collections.octopus.upgrade.plugins.module_utils._mssql.backup import media as backup_media
from ansible_collections.octopus.upgrade.plugins.module_utils._mssql.connection.connection import SqlConnection, connect
from ansible_collections.octopus.upgrade.plugins.module_utils._mssql.connection.options import SqlOptions
from ansible_collections.octopus.upgrade.plugins.module_utils._mssql.errors import MssqlError
from scenarios.mssql.conftest import GIGABYTE, World

A = "D:\\Backup\\a.bak"


def login(world: World, **changes: object) -> SqlConnection:
    return connect(SqlOptions.from_params({"login_port": 1433, "encrypt": "mandatory", "validate_certs": True, **world.login, **changes}))


@pytest.fixture
def connection(world: World) -> Iterator[SqlConnection]:
    with login(world) as found:
        yield found


def test_a_file_with_several_sets(world: World, connection: SqlConnection) -> None:
    world.sql.create_database("Other")
    first = world.backup()
    other = world.backup(database="Other", overwrite="append")
    second = world.backup(overwrite="append")
    found = backup_media.sets(connection, [A])
    assert [one.backup_set_uuid for one in found] == [first["backup_set_uuid"], other["backup_set_uuid"], second["backup_set_uuid"]]
    assert [(one.position, one.type, one.database, one.complete) for one in found] == [
        (1, "D", "Octopus", True),
        (2, "D", "Other", True),
        (3, "D", "Octopus", True),
    ]
    newest = backup_media.choose(found, database="OCTOPUS")
    assert newest.backup_set_uuid == second["backup_set_uuid"]
    assert (newest.size, newest.first_lsn, newest.last_lsn) == (second["size"], second["first_lsn"], second["last_lsn"])
    assert newest.started is not None and newest.started.isoformat() == second["started_at"].partition(".")[0]
    assert (newest.has_checksums, newest.is_copy_only, newest.is_damaged, newest.software_major) == (True, True, False, 14)
    assert backup_media.choose(found, other["backup_set_uuid"].lower()).position == 2
    rows = backup_media.files(connection, [A], newest.position)
    assert [(row["LogicalName"], row["Type"]) for row in rows] == [("Octopus", "D"), ("Octopus_log", "L")]
    assert int(rows[0]["Size"]) >= GIGABYTE // 8
    backup_media.verify(connection, [A], newest.position, 60)


@pytest.mark.parametrize("version", ["11.0.7001.0", "16.0.1000.6"])
def test_headers_of_older_and_newer_servers(make_world: Callable[..., World], version: str) -> None:
    world = make_world(version=version)
    taken = world.backup()
    with login(world) as connection:
        (found,) = backup_media.sets(connection, [A])
    assert (found.backup_set_uuid, found.software_major) == (taken["backup_set_uuid"], int(version.partition(".")[0]))


def test_stripes_in_any_order_and_a_missing_one(world: World, connection: SqlConnection) -> None:
    paths = [f"D:\\Backup\\{number}" for number in range(3)]
    taken = world.backup(path=paths)
    (found,) = backup_media.sets(connection, [paths[2], paths[0], paths[1]])
    assert (found.backup_set_uuid, found.family_count) == (taken["backup_set_uuid"], 3)
    with pytest.raises(MssqlError, match="stripe 2 is missing") as caught:
        backup_media.sets(connection, [paths[2], paths[0]])
    assert caught.value.number == 3132
    world.backup()
    with pytest.raises(MssqlError, match="the stripes of one backup"):
        backup_media.sets(connection, [*paths, A])


def test_what_is_no_backup(world: World, connection: SqlConnection) -> None:
    with pytest.raises(MssqlError, match="no such file"):
        backup_media.sets(connection, [A])
    world.write(A)
    with pytest.raises(MssqlError, match="incorrectly formed") as caught:
        backup_media.sets(connection, [A])
    assert caught.value.number == 3241


def test_a_login_that_may_not_look(world: World) -> None:
    world.backup()
    world.sql.add_login("reader", "Reader!1")
    with login(world, login_user="reader", login_password="Reader!1") as connection, pytest.raises(MssqlError, match=r"dbcreator$"):
        backup_media.sets(connection, [A])


def test_damage_is_found_by_its_checksum(world: World, connection: SqlConnection) -> None:
    world.backup(compression="off", verify=False)
    real = world.machine.fs.real(A, world.sql.logon)
    raw = bytearray(real.read_bytes())
    at = raw.index(b"SQLite format 3")
    raw[at] ^= 1
    real.write_bytes(raw)
    with pytest.raises(MssqlError, match="Do not use it as a backup") as caught:
        backup_media.verify(connection, [A], 1)
    assert caught.value.number == 3189
