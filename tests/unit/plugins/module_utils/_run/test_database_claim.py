# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Who may take over the claim on a database."""

from __future__ import annotations

from dataclasses import replace

import pytest
from ansible_collections.octopus.upgrade.plugins.module_utils._mssql.claim import Claim
from ansible_collections.octopus.upgrade.plugins.module_utils._run.database_claim import may_take_over
from ansible_collections.octopus.upgrade.plugins.module_utils._run.errors import RunError

FOUND = Claim("R1", "prod", "OCTO-A", "anna@ctrl1", "upgrade", "a" * 16, since="2026-11-25T13:24:00.1234567")
WANTED = Claim("R2", "Prod", "OCTO-B", "bert@ctrl2", "backup", "b" * 16)
WHERE = "the database OctopusDeploy on SQL Server sql01,1433"


def test_the_lock_on_its_coordinator_settles_it():
    assert may_take_over(FOUND, WANTED, ["octo-b", "octo-a"], None, WHERE)


@pytest.mark.parametrize("named", ["R1", "anna@ctrl1"])
def test_the_user_may_name_it(named):
    assert not may_take_over(FOUND, WANTED, ["octo-b"], named, WHERE)


@pytest.mark.parametrize(
    ("nodes", "wanted", "named"),
    [
        (["octo-b"], WANTED, None),  # an inventory that lacks its coordinator
        (["octo-a"], replace(WANTED, instance="production"), None),  # whose journals are in another folder
        (["octo-b"], replace(WANTED, run_id="R1"), None),  # two runs may begin in the same second
        (["octo-b"], WANTED, "R7"),
    ],
)
def test_nobody_else_takes_it_over(nodes, wanted, named):
    with pytest.raises(
        RunError, match=r"claimed since 2026-11-25T13:24:00.* by anna@ctrl1 for the upgrade R1 of instance prod.*OCTO-A"
    ) as caught:
        may_take_over(FOUND, wanted, nodes, named, WHERE)
    assert str(caught.value).endswith("octopus_break_lock: R1") and ("names R7" in str(caught.value)) == (named == "R7")
