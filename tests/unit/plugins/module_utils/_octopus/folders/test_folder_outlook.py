# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a plan says of the copies."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.octopus.upgrade.plugins.module_utils._octopus.folders.outlook import lines

KNOWN = {"copied_files": 600, "copied_bytes": 20 * 1024**3}
UNKNOWN = {"copied_files": None, "copied_bytes": None}
LAST = {
    "steps": [
        {"name": "stage.folders", "seconds": 210.4},
        {"name": "backup.database", "seconds": 5.0},
        {"name": "backup.folders", "seconds": 12.0},
    ]
}


@pytest.mark.parametrize(
    ("folders", "last", "told"),
    [
        ({"logs": KNOWN, "packages": KNOWN}, {}, "folders: 1200 files, 40.0 GiB to copy to D:\\p"),
        (
            {"logs": KNOWN},
            LAST,
            "folders: 600 files, 20.0 GiB to copy to D:\\p; the last run took 210 s while the server ran, 12 s within the outage",
        ),
        ({"logs": KNOWN}, {"steps": [{"name": "stage.folders", "seconds": None}]}, "folders: 600 files, 20.0 GiB to copy to D:\\p"),
        (
            {"logs": KNOWN, "packages": UNKNOWN},
            {},
            "folders: 600 files, 20.0 GiB and those of packages, which only a job could count, to copy to D:\\p",
        ),
        ({"packages": UNKNOWN}, {}, "folders: those of packages, which only a job could count, to copy to D:\\p"),
    ],
)
def test_how_much_is_copied_to_where(folders: dict[str, Any], last: dict[str, Any], told: str) -> None:
    assert lines("D:\\p", folders, last) == [told]
