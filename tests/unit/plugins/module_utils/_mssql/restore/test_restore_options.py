# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The wording of restores, and what is refused before anything is sent."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from ansible_collections.octopus.upgrade.plugins.module_utils._mssql.restore.options import BackupSource, RestoredFile, RestoreOptions
from ansible_collections.octopus.upgrade.plugins.module_utils._mssql.restore.statements import restore

BASE = RestoreOptions("Octopus", ["D:\\a.bak"])
FILES = [RestoredFile("Octopus", "D", "D:\\Data\\it's.mdf", 1), RestoredFile("Octopus_log", "L", "L:\\o.ldf", 1)]


def test_a_new_database_overwrites_nothing() -> None:
    assert restore(BASE, 3, FILES, overwrite=False, checksum=True) == (
        "RESTORE DATABASE [Octopus] FROM DISK = N'D:\\a.bak' WITH FILE = 3, MOVE N'Octopus' TO N'D:\\Data\\it''s.mdf', "
        "MOVE N'Octopus_log' TO N'L:\\o.ldf', RECOVERY, CHECKSUM, STATS = 5"
    )


def test_everything_at_once_and_quoted() -> None:
    options = replace(BASE, database="a]b", paths=["D:\\1", "D:\\2"], for_test=True)
    assert restore(options, 1, [], overwrite=True, checksum=False) == (
        "RESTORE DATABASE [a]]b] FROM DISK = N'D:\\1', DISK = N'D:\\2' WITH FILE = 1, RECOVERY, REPLACE, RESTRICTED_USER, STATS = 5"
    )


def test_urls_take_no_file() -> None:
    options = replace(BASE, paths=[], urls=["https://x/c/a.bak"], credential="c'1")
    assert restore(options, 1, [], overwrite=False, checksum=True) == (
        "RESTORE DATABASE [Octopus] FROM URL = N'https://x/c/a.bak' WITH RECOVERY, CHECKSUM, CREDENTIAL = N'c''1', STATS = 5"
    )


def test_the_set_that_is_meant() -> None:
    assert BASE.selected is None
    assert replace(BASE, position=2).selected == 2
    assert replace(BASE, backup_set_uuid="u").selected == "u"


@pytest.mark.parametrize(
    ("changes", "problem"),
    [
        ({"paths": []}, "one of path and url"),
        ({"urls": ["https://x/y"]}, "not both"),
        ({"paths": ["a.bak"]}, "full path"),
        ({"database": "x" * 129}, "database must have 1 to 128"),
        ({"database": ""}, "database must have 1 to 128"),
        ({"keep_as": "x" * 129}, "keep_as must have 1 to 128"),
        ({"database": "MSDB"}, "system database: MSDB"),
        ({"keep_as": "tempdb"}, "keep_as names a system database"),
        ({"keep_as": "octopus"}, "must differ"),
        ({"keep_as": "kept", "replace": True}, "keep_as and replace exclude"),
        ({"backup_set_uuid": "u", "position": 1}, "exclude each other"),
        ({"position": 0}, "from 1"),
        ({"data_directory": "Data"}, "data_directory must be the full path"),
        ({"log_directory": ""}, "log_directory must be the full path"),
        ({"compatibility_level": 14}, "ten times"),
        ({"compatibility_level": 145}, "ten times"),
        ({"timeout": 0}, "more than 0"),
    ],
)
def test_what_is_refused(changes: dict[str, Any], problem: str) -> None:
    problems = replace(BASE, **changes).problems()
    assert len(problems) == 1
    assert problem in problems[0]


@pytest.mark.parametrize("folder", ["D:", "D:\\", "D:\\Data\\", "/var/opt/mssql/data", "\\\\nas\\data"])
def test_folders_of_windows_shares_and_linux(folder: str) -> None:
    assert not replace(BASE, data_directory=folder, log_directory=folder).problems()


def test_a_backup_of_a_system_database_can_be_tested_and_verified() -> None:
    assert not replace(BASE, database="msdb", for_test=True).problems()
    assert not BackupSource("msdb", ["D:\\a.bak"]).problems()


def test_a_module_need_not_have_every_option() -> None:
    params = {"database": "Octopus", "path": ["D:\\a.bak"], "url": None, "verify": False}
    assert RestoreOptions.from_params(params) == replace(BASE, verify=False)
    assert BackupSource.from_params(params) == BackupSource("Octopus", ["D:\\a.bak"])
