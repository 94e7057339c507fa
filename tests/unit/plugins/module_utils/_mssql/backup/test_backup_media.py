# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Which backup set is meant, what is read of it, and what is refused."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest
from ansible_collections.octopus.upgrade.plugins.module_utils._mssql.backup import media as backup_media
from ansible_collections.octopus.upgrade.plugins.module_utils._mssql.backup.media import BackupSet
from ansible_collections.octopus.upgrade.plugins.module_utils._mssql.errors import MssqlError, MssqlTimeout
from ansible_collections.octopus.upgrade.tests.unit.plugins.modules.sql_server import HEADER, LABEL, NOT_THERE, SqlServer

A, B = "D:\\a.bak", "D:\\b.bak"
FINISHED = datetime(2026, 11, 23, 21, 0)


@pytest.fixture
def server() -> SqlServer:
    found = SqlServer()
    found.answers |= {"RESTORE LABELONLY": [LABEL], "RESTORE HEADERONLY": [HEADER]}
    return found


def one(position: int, **changes: Any) -> BackupSet:
    found = backup_media.sets(answering(HEADER | {"Position": position, "BackupSetGUID": f"0000000{position}-aa"}), [A])[0]
    return replace(found, **({"finished": FINISHED + timedelta(hours=position)} | changes))


def answering(*headers: dict[str, Any]) -> Any:
    server = SqlServer()
    server.answers |= {"RESTORE LABELONLY": [LABEL], "RESTORE HEADERONLY": list(headers)}
    return server


def test_what_a_header_says(server: SqlServer) -> None:
    (found,) = backup_media.sets(server, [A])
    assert (found.position, found.type, found.database, found.software_version) == (1, "D", "Octopus", "14.0.3456")
    assert found.backup_set_uuid == "0B52B6D8-6E0C-4B3E-9E43-6B0F6B0E7C11"
    assert (found.complete, found.has_checksums, found.is_damaged, found.family_count) == (True, True, False, 1)
    assert found.encryptor_thumbprint is None
    assert json.loads(json.dumps(found.facts()))["finished"] == "2026-11-23T20:01:05"


def test_a_header_of_an_older_server_lacks_columns() -> None:
    older = {name: value for name, value in HEADER.items() if name != "EncryptorThumbprint"}
    assert backup_media.sets(answering(older), [A])[0].encryptor_thumbprint is None
    assert backup_media.sets(answering(HEADER | {"EncryptorThumbprint": b"\xab\x01"}), [A])[0].encryptor_thumbprint == "AB01"


def test_a_set_that_is_cut_off_has_hardly_any_facts() -> None:
    cut = dict.fromkeys(HEADER) | {"BackupName": "*** INCOMPLETE ***", "BackupType": 1, "Position": 2}
    whole, broken = backup_media.sets(answering(cut, HEADER), [A])
    assert (whole.complete, broken.complete, broken.position) == (True, False, 2)
    with pytest.raises(MssqlError, match="cut off while it was taken or copied"):
        backup_media.choose([whole, broken])
    assert backup_media.choose([whole, broken], 1) is whole


@pytest.mark.parametrize(
    ("labels", "number", "wanted"),
    [
        (
            {A: {"FamilyCount": 3}, B: {"FamilyCount": 3, "FamilySequenceNumber": 3}},
            3132,
            "all 3 stripes.*stripe 2 is missing.*b.bak is stripe 3",
        ),
        ({A: {"FamilyCount": 2}, B: {"FamilyCount": 2}}, 3132, "stripe 2 is missing"),
        ({A: {}, B: {"MediaSetId": "other"}}, 3227, "one backup.*b.bak of media set OTHER"),
        ({A: {}, B: {}}, None, "2 devices.*Omit the copies"),
    ],
)
def test_stripes(server: SqlServer, labels: dict[str, dict[str, Any]], number: int | None, wanted: str) -> None:
    server.answers = {f"LABELONLY FROM DISK = N'{path}'": [LABEL | changes] for path, changes in labels.items()} | server.answers
    with pytest.raises(MssqlError, match=wanted) as caught:
        backup_media.sets(server, [A, B])
    assert caught.value.number == number


@pytest.mark.parametrize(
    ("answer", "wanted"),
    [
        (NOT_THERE, "to read D:\\\\a.bak, but it failed: no such file.*as the SQL Server host sees it.*LAB\\\\sqlservice"),
        (MssqlError("Cannot open. Operating system error 5(Access is denied.).", 3201), "access denied.*the right to read there"),
        (MssqlError("The media family is incorrectly formed", 3241), "incorrectly formed.*3241.*newer SQL Server"),
        (MssqlError("CREATE DATABASE permission denied in database 'master'", 262), "Give the login me the server role dbcreator$"),
        (MssqlError("RESTORE LABELONLY is terminating abnormally", 3013), "dbcreator$"),
    ],
)
def test_what_cannot_be_read(server: SqlServer, answer: MssqlError, wanted: str) -> None:
    server.answers["RESTORE LABELONLY"] = answer
    with pytest.raises(MssqlError) as caught:
        backup_media.sets(server, [A])
    assert re.search(wanted, str(caught.value)), str(caught.value)


def test_urls_take_a_credential_and_no_position(server: SqlServer) -> None:
    url = "https://x.blob.core.windows.net/c/a.bak"
    backup_media.sets(server, [], [url], credential="it's")
    assert server.asked[-1] == f"RESTORE HEADERONLY FROM URL = N'{url}' WITH CREDENTIAL = N'it''s'"
    assert backup_media.verify_statement([], 1, urls=[url]) == f"RESTORE VERIFYONLY FROM URL = N'{url}' WITH CHECKSUM, STATS = 5"


# -- which one


def test_the_newest_is_the_last_in_the_file_whatever_the_clock_says() -> None:
    first, log, last = one(1), one(2, type="L"), replace(one(3), finished=FINISHED - timedelta(days=1))
    assert backup_media.choose([last, first, log]) is last


def test_a_set_by_its_identity_or_position() -> None:
    found = [one(1), one(2)]
    assert backup_media.choose(found, "{00000001-AA}") is found[0]
    assert backup_media.choose(found, "00000001-aa") is found[0]
    assert backup_media.choose(found, 2) is found[1]


@pytest.mark.parametrize(
    ("found", "wanted", "message"),
    [
        ([], None, "Expected a full backup, but found none"),
        ([one(1, type="I")], None, "but found position 1: differential backup"),
        ([one(1), one(2, type="L")], 2, "log backup of Octopus.*alone cannot be restored"),
        ([one(1)], 2, "position 2, but found position 1: full backup of Octopus, finished 2026-11-23 22:00:00, 00000001-AA"),
        ([one(1)], "11111111-aa", "the backup set 11111111-aa, but found position 1"),
        ([one(1), one(2, is_damaged=True)], None, "damaged already.*CONTINUE_AFTER_ERROR.*position 2.*All: position 1"),
        ([one(1), one(2, database="Other")], None, "several databases.*backup_set_uuid"),
    ],
)
def test_what_cannot_be_restored(found: list[BackupSet], wanted: Any, message: str) -> None:
    with pytest.raises(MssqlError, match=message):
        backup_media.choose(found, wanted)


def test_among_backups_of_several_databases_the_one_of_that_name_is_meant() -> None:
    found = [one(1), one(2, database="Other")]
    assert backup_media.choose(found, database="octopus") is found[0]
    cut = replace(one(3, database=""), finished=None)
    with pytest.raises(MssqlError, match="cut off"):
        backup_media.choose([*found, cut], database="octopus")


# -- verify


def test_valid_is_what_sql_server_calls_valid(server: SqlServer) -> None:
    sql = backup_media.verify(server, [A, B], 2, moves=["MOVE N'x' TO N'y'"])
    assert (
        sql
        == server.ran[0]
        == f"RESTORE VERIFYONLY FROM DISK = N'{A}', DISK = N'{B}' WITH FILE = 2, MOVE N'x' TO N'y', CHECKSUM, STATS = 5"
    )


@pytest.mark.parametrize(
    ("answer", "wanted"),
    [
        ([], "Expected message 3262.*only \\[\\]. Do not use it as a backup"),
        (MssqlError("Damage to the backup set was detected", 3189), "position 1 of D:\\\\a.bak.*Damage.*Do not use it as a backup.*3189"),
        (
            MssqlError('Read on "D:\\a.bak" failed: 38(Reached the end of the file.)', 3203),
            "to read D:\\\\a.bak, but it failed: the file ends early",
        ),
        (MssqlTimeout("cancelled"), "within 3 s.*cancelled. Nothing was changed"),
    ],
)
def test_what_is_not_valid(server: SqlServer, answer: Any, wanted: str) -> None:
    server.messages["RESTORE VERIFYONLY"] = answer
    with pytest.raises(MssqlError) as caught:
        backup_media.verify(server, [A], 1, 3)
    assert re.search(wanted, str(caught.value)), str(caught.value)
