# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What keeps service from being restored: another program on a node, and not a node that does not answer."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[3]
HOSTS = {"octo-a": {"program": {"version": "2026.2.9853"}}}


@pytest.mark.parametrize(
    ("result", "refused"),
    [
        ({"failed": True, "msg": "Expected version 2025.3.14357", "hosts": HOSTS}, True),
        ({"failed": True, "msg": "octo-b: no WinRM answer"}, False),
        ({"changed": False, "hosts": HOSTS}, False),
    ],
)
def test_only_another_program_that_was_found_keeps_the_nodes_stopped(result: dict[str, Any], refused: bool) -> None:
    jinja2 = pytest.importorskip("jinja2")
    tasks = yaml.safe_load((ROOT / "roles" / "upgrade" / "tasks" / "restore_service.yml").read_text(encoding="utf-8"))
    block = next(task["block"] for task in tasks if "block" in task)
    names = [
        task["octopus.upgrade.octopus_info" if "octopus.upgrade.octopus_info" in task else "octopus.upgrade.octopus_node"]["step"]
        for task in block[:2]
    ]
    assert names == ["restore_service.programs", "restore_service.start"]
    condition = jinja2.Environment(autoescape=True).compile_expression(block[0]["failed_when"])
    assert bool(condition(upgrade_programs=result)) is refused
