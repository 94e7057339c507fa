# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Whether the account of the jobs is db_owner: yes, no, and what cannot be told."""

from __future__ import annotations

import pytest
from ansible_collections.octopus.upgrade.plugins.module_utils._octopus.database.account import Principal, judge

MACHINE = Principal("LAB\\OCTO01$", "U", b"1", False)
OWNER = Principal("LAB\\octo01$", "U", b"1", True)
SERVICE = Principal("LAB\\svc-octopus", "U", b"2", True)
GROUP = Principal("LAB\\Octopus servers", "G", b"3", True)
READERS = Principal("LAB\\Readers", "G", b"4", False)
SYSTEM = Principal("NT-AUTORITÄT\\SYSTEM", "U", bytes.fromhex("010100000000000512000000"), True)


@pytest.mark.parametrize(
    ("account", "known", "sees_all", "is_owner", "found"),
    [
        ("OCTO01$", [MACHINE, OWNER], True, True, "LAB\\octo01$"),
        ("OCTO01$", [OWNER], False, True, "LAB\\octo01$"),
        ("lab\\SVC-octopus", [SERVICE], True, True, "svc-octopus"),
        ("SYSTEM", [SYSTEM], True, True, "NT-AUTORITÄT"),
        ("OCTO01$", [SERVICE], True, False, "no login for OCTO01$"),
        ("OCTO01$", [MACHINE, SERVICE, READERS], True, False, "LAB\\OCTO01$ may log in, but is not db_owner"),
        ("OTHER\\svc-octopus", [SERVICE], True, False, "no login"),
        ("SYSTEM", [SERVICE], True, False, "no login"),
        ("CTO01$", [OWNER], True, False, "no login"),
        ("OCTO01$", [MACHINE, GROUP], True, None, "member of LAB\\Octopus servers"),
        ("OCTO01$", [], False, None, "does not see all"),
    ],
)
def test_what_the_catalogue_views_show(account, known, sees_all, is_owner, found):
    answer, said = judge(account, known, sees_all)
    assert answer is is_owner
    assert found in said
