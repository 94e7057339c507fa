# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Where the files of a restored database go, and how much room they need."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from ansible_collections.octopus.upgrade.plugins.module_utils._mssql.backup.media import BackupSet, sets
from ansible_collections.octopus.upgrade.plugins.module_utils._mssql.errors import MssqlError
from ansible_collections.octopus.upgrade.plugins.module_utils._mssql.restore import files as restore_files
from ansible_collections.octopus.upgrade.plugins.module_utils._mssql.restore.files import ExistingFile
from ansible_collections.octopus.upgrade.plugins.module_utils._mssql.restore.options import RestoredFile, RestoreOptions
from ansible_collections.octopus.upgrade.tests.unit.plugins.modules.sql_server import FILES, HEADER, LABEL, SqlServer

OPTIONS = RestoreOptions("Octopus", ["D:\\a.bak"])
THERE = [
    ExistingFile(1, False, "E:\\Data\\Octopus.mdf", 100, "Octopus"),
    ExistingFile(2, True, "F:\\Log\\Octopus.ldf", 10, "Octopus_log"),
]
FREE, TAKEN, NO_FOLDER = (0, 0, 1), (1, 0, 1), (0, 0, 0)


class Host(SqlServer):
    """A server that knows which files exist."""

    def __init__(self, **exists: tuple[int, int, int]) -> None:
        super().__init__()
        self.exists = exists
        self.folders: set[str] | None = None  # the only ones that exist; None: as exists says
        self.answers |= {
            "RESTORE LABELONLY": [LABEL],
            "RESTORE HEADERONLY": [HEADER],
            "SELECT physical_name FROM sys.master_files": [{"physical_name": file.path} for file in THERE],
            "InstanceDefaultDataPath": [{"path": "C:\\Data\\"}],
            "InstanceDefaultLogPath": [{"path": "C:\\Log\\"}],
        }

    def query(self, sql: str, *params: Any) -> list[dict[str, Any]]:
        if "dm_os_file_exists" in sql and "dm_os_file_exists" not in self.answers:
            folder, _mark, name = params[0].replace("/", "\\").rpartition("\\")
            found = self.exists.get(name.replace(".", "_"), FREE)
            if self.folders is not None and folder not in self.folders:
                found = NO_FOLDER
            return [dict(zip(("file_exists", "file_is_a_directory", "parent_directory_exists"), found, strict=True))]
        return super().query(sql, *params)


def plan(host: Host, rows: list[dict[str, Any]] | None = None, **changes: Any) -> list[str]:
    options = replace(OPTIONS, **{name: value for name, value in changes.items() if name not in ("beside", "overwritten")})
    found = restore_files.plan(
        host, options, backup(host), rows or FILES, beside=changes.get("beside", []), overwritten=changes.get("overwritten")
    )
    return [file.path for file in found]


def backup(host: SqlServer) -> BackupSet:
    return sets(host, ["D:\\a.bak"])[0]


def test_over_a_database_its_files_are_used_again() -> None:
    assert plan(Host(), overwritten=THERE, beside=THERE) == ["E:\\Data\\Octopus.mdf", "F:\\Log\\Octopus.ldf"]
    # By their numbers: another database's files have other logical names.
    assert plan(Host(), [row | {"LogicalName": "other"} for row in FILES], overwritten=THERE, beside=THERE) == [
        "E:\\Data\\Octopus.mdf",
        "F:\\Log\\Octopus.ldf",
    ]


def test_over_a_database_into_another_folder() -> None:
    assert plan(Host(), overwritten=THERE, beside=THERE, data_directory="G:\\New\\") == ["G:\\New\\Octopus.mdf", "F:\\Log\\Octopus.ldf"]
    assert plan(Host(), overwritten=THERE, beside=THERE, data_directory="e:\\data\\") == ["E:\\Data\\Octopus.mdf", "F:\\Log\\Octopus.ldf"]


def test_a_new_database_goes_beside_the_old_or_where_the_server_puts_new_ones() -> None:
    assert plan(Host(), beside=THERE) == ["E:\\Data\\Octopus_2.mdf", "F:\\Log\\Octopus_log.ldf"]  # the first is the other database's
    assert plan(Host(), database="Copy") == ["C:\\Data\\Copy.mdf", "C:\\Log\\Copy_log.ldf"]
    host = Host()
    host.answers["InstanceDefaultDataPath"] = host.answers["InstanceDefaultLogPath"] = [{"path": None}]
    host.answers = {
        "WHERE database_id = DB_ID(?)": [
            {"file_id": 1, "type": 0, "physical_name": "M:\\master.mdf", "name": "master", "pages": 1},
            {"file_id": 2, "type": 1, "physical_name": "M:\\Log\\mastlog.ldf", "name": "mastlog", "pages": 1},
        ]
    } | host.answers
    assert plan(host, database="Copy") == ["M:\\Copy.mdf", "M:\\Log\\Copy_log.ldf"]


def test_each_file_goes_beside_its_own_counterpart() -> None:
    """By its logical name, else by its number: not beside the first file of its kind."""
    rows = [
        FILES[0],
        FILES[1],
        {"LogicalName": "Index", "PhysicalName": "Q:\\x\\index.ndf", "Type": "D", "Size": 1, "FileId": 3},
        {"LogicalName": "was Archive", "PhysicalName": "Q:\\x\\archive.ndf", "Type": "D", "Size": 1, "FileId": 4},
    ]
    beside = [
        *THERE,
        ExistingFile(3, False, "S:\\Archive\\a.ndf", 1, "another"),
        ExistingFile(4, False, "T:\\Renamed\\b.ndf", 1, "renamed"),
        ExistingFile(7, False, "I:\\Index\\i.ndf", 1, "INDEX"),
    ]
    assert plan(Host(), rows, beside=beside)[2:] == ["I:\\Index\\index.ndf", "T:\\Renamed\\archive.ndf"]
    # Without a counterpart: where it was when it was backed up, if this server has that folder.
    assert plan(Host(), rows, beside=THERE)[2:] == ["Q:\\x\\index.ndf", "Q:\\x\\archive.ndf"]
    # And without that, where the server puts new ones.
    without = Host()
    without.folders = {"E:\\Data", "F:\\Log", "C:\\Data"}
    assert plan(without, rows[:3], beside=THERE)[2:] == ["C:\\Data\\index.ndf"]


def test_a_database_that_is_missing_goes_where_it_was() -> None:
    assert plan(Host()) == ["E:\\Data\\Octopus_2.mdf", "F:\\Log\\Octopus_log.ldf"]  # the first is another database's by now
    nowhere = Host()
    nowhere.folders = {"C:\\Data", "C:\\Log"}
    assert plan(nowhere) == ["C:\\Data\\Octopus.mdf", "C:\\Log\\Octopus_log.ldf"]
    elsewhere = Host()
    elsewhere.answers["RESTORE HEADERONLY"] = [HEADER | {"ServerName": "SQL02"}]
    assert plan(elsewhere) == ["C:\\Data\\Octopus.mdf", "C:\\Log\\Octopus_log.ldf"]


def test_names_are_of_nothing_that_is_there() -> None:
    host = Host(Octopus_mdf=TAKEN, Octopus_2_mdf=(0, 1, 1), Octopus_log_ldf=FREE)
    assert plan(host, data_directory="C:\\Data") == ["C:\\Data\\Octopus_3.mdf", "F:\\Log\\Octopus_log.ldf"]
    two = [FILES[0], FILES[0] | {"FileId": 3, "LogicalName": "more"}, FILES[1]]
    assert plan(Host(), two, database="x") == ["C:\\Data\\x.mdf", "C:\\Data\\x_2.mdf", "C:\\Log\\x_log.ldf"]


def test_a_folder_that_is_not_there() -> None:
    with pytest.raises(MssqlError, match=r"the folder G:\\Nowhere.*does not exist.*data_directory"):
        plan(Host(Octopus_mdf=NO_FOLDER), data_directory="G:\\Nowhere")


def test_where_the_server_does_not_tell() -> None:
    """Without REPLACE it refuses to overwrite by itself."""
    host = Host()
    host.answers |= {"dm_os_file_exists": MssqlError("VIEW SERVER STATE permission was denied", 300), "IS_SRVROLEMEMBER": [{"member": 0}]}
    assert plan(host) == ["C:\\Data\\Octopus.mdf", "C:\\Log\\Octopus_log.ldf"]
    assert plan(host, overwritten=THERE, beside=THERE) == ["E:\\Data\\Octopus.mdf", "F:\\Log\\Octopus.ldf"]
    with pytest.raises(MssqlError, match=r"whether the file G:\\Octopus.mdf exists.*VIEW SERVER STATE"):
        plan(host, overwritten=THERE, beside=THERE, data_directory="G:\\")


def test_an_old_server_is_asked_in_the_old_way() -> None:
    host = Host()
    host.answers |= {
        "dm_os_file_exists": MssqlError("Invalid object name 'sys.dm_os_file_exists'", 208),
        "IS_SRVROLEMEMBER": [{"member": 1}],
        "xp_fileexist N'C:\\Data\\Octopus.mdf'": [{"File Exists": 1, "File is a Directory": 0, "Parent Directory Exists": 1}],
        "xp_fileexist": [{"File Exists": 0, "File is a Directory": 0, "Parent Directory Exists": 1}],
    }
    assert plan(host, data_directory="C:\\Data") == ["C:\\Data\\Octopus_2.mdf", "F:\\Log\\Octopus_log.ldf"]


@pytest.mark.parametrize(
    ("path", "source", "target", "name"),
    [
        ("D:\\Data\\Octopus.mdf", "Octopus", "Octopus", "Octopus.mdf"),
        ("D:\\Data\\octopus_Data.mdf", "Octopus", "Copy", "Copy_Data.mdf"),
        ("/var/opt/mssql/data/Octopus_log.ldf", "Octopus", "a\\b:c", "a_b_c_log.ldf"),
        ("D:\\Data\\filestream\\", "Octopus", "Copy", "filestream"),
        ("D:\\Data\\x.mdf", "", "Copy", "x.mdf"),
        ("D:\\Data\\a.b.mdf", "a.b", "\\1", "_1.mdf"),
    ],
)
def test_the_name_of_a_file(path: str, source: str, target: str, name: str) -> None:
    assert restore_files.file_name(path, source, target) == name


def test_folders_of_both_systems() -> None:
    assert restore_files.join("D:\\", "a") == "D:\\a"
    assert restore_files.join("/data/", "a") == "/data/a"
    assert restore_files.join("\\\\nas\\x", "a") == "\\\\nas\\x\\a"


def test_a_long_name_is_cut() -> None:
    (path, _log) = plan(Host(), [FILES[0] | {"PhysicalName": "D:\\" + "x" * 250 + ".mdf"}, FILES[1]], data_directory="D:\\" + "y" * 40)
    assert len(path) == 259
    assert path.endswith("x.mdf")


# -- room


def file(path: str, size: int) -> RestoredFile:
    return RestoredFile("n", "D", path, size)


@pytest.fixture
def volumes() -> SqlServer:
    server = SqlServer()
    server.answers["dm_os_volume_stats"] = [
        {"name": "E:\\", "free": 50},
        {"name": "E:\\Mount\\", "free": 500},
        {"name": "/", "free": 70},
    ]
    return server


def test_room_is_counted_by_volume(volumes: SqlServer) -> None:
    files = [file("e:\\Data\\a", 20), file("E:\\b", 30), file("E:\\Mount\\c", 400), file("/data/d", 70)]
    assert restore_files.check_space(volumes, files, None) == {"E:\\": 50, "E:\\Mount\\": 400, "/": 70}
    with pytest.raises(MssqlError, match=r"Expected 51 bytes free on E:\\ .*but found 50.*data_directory"):
        restore_files.check_space(volumes, [file("E:\\Mounted", 51)], None)


def test_a_file_that_is_overwritten_gives_its_room(volumes: SqlServer) -> None:
    assert restore_files.check_space(volumes, [file("E:\\DATA\\Octopus.mdf", 140)], THERE) == {"E:\\": 40}


def test_drives_with_no_database_on_them(volumes: SqlServer) -> None:
    assert restore_files.check_space(volumes, [file("D:\\a", 2048 * 1024**2)], None) == {"D:\\": 2048 * 1024**2}
    with pytest.raises(MssqlError, match=r"on D:\\"):
        restore_files.check_space(volumes, [file("D:\\a", 2048 * 1024**2 + 1)], None)
    assert restore_files.check_space(volumes, [file("Z:\\a", 5), file("\\\\nas\\x\\a", 5)], None) == {}


def test_a_login_that_may_not_see_volumes(volumes: SqlServer) -> None:
    volumes.answers["dm_os_volume_stats"] = MssqlError("VIEW SERVER STATE permission was denied", 300)
    volumes.answers["xp_fixeddrives"] = []
    assert restore_files.check_space(volumes, [file("E:\\a", 10**12)], None) == {}
