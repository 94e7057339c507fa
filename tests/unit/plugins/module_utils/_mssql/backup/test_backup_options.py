# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The wording of backups, and what is refused before anything is sent."""

from __future__ import annotations

from dataclasses import replace

import pytest
from ansible_collections.octopus.upgrade.plugins.module_utils._mssql.backup.options import BackupOptions, statement, verify_statement

BASE = BackupOptions("Octopus", ["D:\\Backup\\a.bak"])


def test_the_default() -> None:
    wanted = "BACKUP DATABASE [Octopus] TO DISK = N'D:\\Backup\\a.bak' WITH COPY_ONLY, CHECKSUM, COMPRESSION, NOFORMAT, NOINIT, STATS = 5"
    assert statement(BASE, compresses=True) == wanted
    assert statement(BASE, compresses=False) == wanted.replace("COMPRESSION, ", "")
    assert verify_statement(BASE, 3) == "RESTORE VERIFYONLY FROM DISK = N'D:\\Backup\\a.bak' WITH FILE = 3, CHECKSUM, STATS = 5"


def test_everything_at_once_and_quoted() -> None:
    options = BackupOptions(
        "Big ]data[",
        ["E:\\it's.bak", "F:\\b].bak"],
        overwrite="replace",
        copy_only=False,
        checksum=False,
        compression="off",
        max_transfer_size=4194304,
        buffer_count=50,
        block_size=65536,
        encryption={"algorithm": "AES_256", "certificate": "my ]cert"},
        name="n'1",
        description="d",
    )
    assert not options.problems()
    assert statement(options, compresses=True) == (
        "BACKUP DATABASE [Big ]]data[] TO DISK = N'E:\\it''s.bak', DISK = N'F:\\b].bak' WITH NO_CHECKSUM, NO_COMPRESSION, FORMAT, INIT, "
        "NAME = N'n''1', DESCRIPTION = N'd', MAXTRANSFERSIZE = 4194304, BUFFERCOUNT = 50, BLOCKSIZE = 65536, "
        "ENCRYPTION (ALGORITHM = AES_256, SERVER CERTIFICATE = [my ]]cert]), STATS = 5"
    )


def test_urls_take_no_init() -> None:
    options = replace(BASE, paths=[], urls=["https://x.blob.core.windows.net/c/a.bak"], credential="c'1", overwrite="replace")
    assert statement(options, compresses=False) == (
        "BACKUP DATABASE [Octopus] TO URL = N'https://x.blob.core.windows.net/c/a.bak' WITH COPY_ONLY, CHECKSUM, FORMAT, "
        "CREDENTIAL = N'c''1', STATS = 5"
    )
    assert "INIT" not in statement(replace(options, overwrite="never"), compresses=False)
    assert verify_statement(options, 1).endswith("WITH CHECKSUM, CREDENTIAL = N'c''1', STATS = 5")


def test_an_algorithm_is_one_of_the_known_words() -> None:
    with pytest.raises(ValueError, match="AES"):
        statement(replace(BASE, encryption={"algorithm": "AES_256), NOFORMAT --", "certificate": "c"}), compresses=True)


@pytest.mark.parametrize(
    ("changes", "problem"),
    [
        ({"paths": []}, "one of path and url"),
        ({"urls": ["https://x/y"]}, "not both"),
        ({"paths": [f"D:\\{n}.bak" for n in range(65)]}, "at most 64"),
        ({"paths": ["D:\\a.bak", "d:\\A.BAK"]}, "its own path"),
        ({"paths": ["D:\\" + "x" * 257]}, "259 characters"),
        ({"paths": ["a.bak"]}, "full path"),
        ({"paths": ["D:a.bak"]}, "full path"),
        ({"paths": ["D:\\Backup\\"]}, "full path"),
        ({"paths": ["D:\\a\nb"]}, "full path"),
        ({"paths": [], "urls": ["http://x/y"]}, "https://"),
        ({"paths": [], "urls": ["https://x/y"], "overwrite": "append"}, "cannot append"),
        ({"max_transfer_size": 65537}, "multiple of 65536"),
        ({"max_transfer_size": 8388608}, "up to 4194304"),
        ({"block_size": 1000}, "power of two"),
        ({"buffer_count": 0}, "at least 1"),
        ({"timeout": 0}, "more than 0"),
        ({"name": "x" * 129}, "128 characters"),
        ({"description": "x" * 256}, "255 characters"),
        ({"database": "TempDB"}, "tempdb"),
    ],
)
def test_what_sql_server_would_refuse(changes: dict, problem: str) -> None:
    problems = replace(BASE, **changes).problems()
    assert len(problems) == 1
    assert problem in problems[0]


@pytest.mark.parametrize("path", ["D:\\a.bak", "\\\\nas\\share\\a b.bak", "/var/opt/mssql/a.bak", "C:/x/y"])
def test_places_of_windows_shares_and_linux(path: str) -> None:
    assert not replace(BASE, paths=[path]).problems()
