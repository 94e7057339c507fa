# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Rights and owners of files: what dir and icacls print, and what has changed."""

from __future__ import annotations

import pytest
from ansible_collections.octopus.upgrade.plugins.module_utils._octopus.folders.rights import differences, owner_in

# As cmd.exe prints it; the owner has 23 columns.
LISTING = """ Volume in drive C has no label.

 Directory of C:\\Octopus

02/15/2021  02:00 PM    <DIR>          BUILTIN\\Administrators Packages
02/15/2021  02:00 PM    <DIR>          LAB\\svc-octopus        Packages of old
02/15/2021  02:00 PM    <DIR>          NT SERVICE\\TrustedInstaTaskLogs
15.02.2021  14:00    <DIR>          NT AUTHORITY\\NETWORK SEArtifacts
               0 File(s)              0 bytes
"""


@pytest.mark.parametrize(
    ("name", "owner"),
    [
        ("Packages", "BUILTIN\\Administrators"),
        ("packages", "BUILTIN\\Administrators"),
        ("Packages of old", "LAB\\svc-octopus"),
        ("TaskLogs", None),  # cut off, so it is not known
        ("Artifacts", "*S-1-5-20"),  # cut off too, but only one account begins like that
        ("Imports", None),
    ],
)
def test_the_owner_of_a_folder_is_read_where_it_is_shown_whole(name: str, owner: str | None) -> None:
    assert owner_in(LISTING, name) == owner


def test_other_rights_are_named_and_the_mark_of_inheritance_is_none() -> None:
    before = {"P": "D:AI(A;ID;FA;;;SY)", "P\\a": "D:PAI(A;;FA;;;SY)", "P\\b": "D:(A;;FA;;;SY)", "P\\gone": "D:"}
    after = {"P": "D:(A;ID;FA;;;SY)", "P\\a": "D:AI(A;;FA;;;SY)", "P\\b": "D:(A;;FR;;;SY)", "P\\new": "D:"}
    assert differences(before, after) == ["P\\a", "P\\b"]
