# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Places as SQL Server writes them."""

from __future__ import annotations

import pytest
from ansible_collections.octopus.upgrade.plugins.module_utils._mssql.backup import devices


@pytest.mark.parametrize(
    ("path", "folder"),
    [
        ("D:\\Backup\\a.bak", "D:\\Backup"),
        ("D:\\Backup\\\\a.bak", "D:\\Backup"),
        ("\\\\nas\\share\\x\\a.bak", "\\\\nas\\share\\x"),
        ("/var/opt/mssql/a.bak", "/var/opt/mssql"),
        ("C:/x/a.bak", "C:/x"),
    ],
)
def test_the_folder_of_a_path(path: str, folder: str) -> None:
    assert devices.folder_of(path) == folder


def test_the_devices_of_a_statement() -> None:
    assert devices.clause(["D:\\it's", "E:\\b"]) == "DISK = N'D:\\it''s', DISK = N'E:\\b'"
    assert devices.clause([], ["https://x/y"]) == "URL = N'https://x/y'"
