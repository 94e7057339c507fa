# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the report tells somebody to do of a database that could not be put into its availability group again."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[3]
BY_HAND = [
    "on the primary: ALTER AVAILABILITY GROUP [AG1] ADD DATABASE [OctopusDeploy]",
    "on SQL02: ALTER DATABASE [OctopusDeploy] SET HADR AVAILABILITY GROUP = [AG1]",
]


@pytest.mark.parametrize(
    ("joined", "told"),
    [
        (
            {"problems": ["SQL02 has manual seeding"], "by_hand": BY_HAND},
            [
                "group_rejoinable: OctopusDeploy is in no availability group any more, and has no other copy that could take over "
                f"(SQL02 has manual seeding). Run {BY_HAND[0]}; {BY_HAND[1]}"
            ],
        ),
        ({"problems": [], "by_hand": []}, []),
        ({}, []),
        (None, []),  # no rollback
    ],
)
def test_a_database_that_is_in_no_group_any_more(joined: dict[str, Any] | None, told: list[str]) -> None:
    jinja2 = pytest.importorskip("jinja2")
    environment = jinja2.Environment(autoescape=False)
    tasks = yaml.safe_load((ROOT / "roles" / "upgrade" / "tasks" / "report.yml").read_text(encoding="utf-8"))
    [task] = [task for task in tasks if "to_do" in (task.get("octopus.upgrade.octopus_run_report") or {})]
    facts: dict[str, Any] = {"preflight_sql": {"database": "OctopusDeploy"}} | ({} if joined is None else {"rollback_joined": joined})

    def expression(text: str) -> Any:
        return environment.compile_expression(text.removeprefix("{{").removesuffix("}}"))(**facts)

    facts["upgrade_joined"] = expression(task["vars"]["upgrade_joined"])
    facts["upgrade_rejoin"] = [environment.from_string(line).render(**facts).strip() for line in task["vars"]["upgrade_rejoin"]]
    found = expression(task["octopus.upgrade.octopus_run_report"]["to_do"])
    assert [" ".join(line.split()) for line in found] == told
