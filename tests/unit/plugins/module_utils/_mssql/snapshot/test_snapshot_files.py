# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Where the files of a snapshot go, and its statement."""

from __future__ import annotations

import pytest
from ansible_collections.octopus.upgrade.plugins.module_utils._mssql.errors import MssqlError
from ansible_collections.octopus.upgrade.plugins.module_utils._mssql.snapshot.files import (
    DataFile,
    SnapshotOptions,
    create_statement,
    sparse_paths,
)

FILES = [DataFile(1, 0, "Octopus", "D:\\Data\\Octopus.mdf"), DataFile(3, 0, "More [2]'s", "E:\\More\\two.ndf")]


@pytest.mark.parametrize(
    ("directory", "wanted"),
    [
        (None, ["D:\\Data\\Octopus.before.ss", "E:\\More\\More [2]'s.before.ss"]),
        ("F:\\", ["F:\\Octopus.before.ss", "F:\\More [2]'s.before.ss"]),
        ("\\\\nas\\snaps\\", ["\\\\nas\\snaps\\Octopus.before.ss", "\\\\nas\\snaps\\More [2]'s.before.ss"]),
        ("/var/opt/mssql/snaps", ["/var/opt/mssql/snaps/Octopus.before.ss", "/var/opt/mssql/snaps/More [2]'s.before.ss"]),
    ],
)
def test_paths(directory: str | None, wanted: list[str]) -> None:
    assert sparse_paths(FILES, "before", directory) == wanted


def test_paths_on_linux() -> None:
    assert sparse_paths([DataFile(1, 0, "a", "/var/opt/mssql/data/a.mdf")], "s", None) == ["/var/opt/mssql/data/a.s.ss"]


def test_names_that_are_alike_as_files() -> None:
    files = [DataFile(1, 0, "a:b", "D:\\1.mdf"), DataFile(3, 0, "A?b", "D:\\2.ndf")]
    assert sparse_paths(files, "s/1", "D:\\S") == ["D:\\S\\a_b.s_1.ss", "D:\\S\\A_b.s_1.3.ss"]


def test_a_path_that_is_too_long() -> None:
    with pytest.raises(MssqlError, match=r"at most 259 characters.*shorter directory"):
        sparse_paths(FILES, "s" * 128, "D:\\" + "d" * 130)


def test_the_statement() -> None:
    paths = sparse_paths(FILES, "before ]", None)
    assert create_statement("before ]", "Octopus [1]", list(zip(FILES, paths, strict=True))) == (
        "CREATE DATABASE [before ]]] ON (NAME = [Octopus], FILENAME = N'D:\\Data\\Octopus.before ].ss'), "
        "(NAME = [More [2]]'s], FILENAME = N'E:\\More\\More [2]''s.before ].ss') AS SNAPSHOT OF [Octopus [1]]]"
    )


@pytest.mark.parametrize(
    ("options", "wanted"),
    [
        ({"name": ""}, "name must have 1 to 128"),
        ({"name": "x" * 129}, "name must have 1 to 128"),
        ({"database": "x" * 129}, "database must have 1 to 128"),
        ({"directory": "Data"}, "unlike 'Data'"),
        ({"directory": "D:\\a\nb"}, "must be the full path"),
        ({"timeout": 0.0}, "timeout must be more than 0"),
    ],
)
def test_problems(options: dict[str, object], wanted: str) -> None:
    (problem,) = SnapshotOptions(**({"database": "Octopus", "name": "s"} | options)).problems()
    assert wanted in problem


def test_no_problems() -> None:
    assert not SnapshotOptions("Octopus").problems()
    assert not SnapshotOptions("Octopus", "s", "/data", 1.5).problems()
