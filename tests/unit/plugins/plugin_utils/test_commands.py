# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The command to go on with: what was given is given again, and no secret."""

from __future__ import annotations

import shlex
from typing import Any

import pytest
from ansible_collections.octopus.upgrade.plugins.plugin_utils._commands import commands

PLAN = "/home/ops/my plans/prod.json"


def upgrade(nodes: list[str] | None = None, plan: str | None = None, **called: Any) -> str:
    return commands({"args": ("playbooks/plan.yml",), **called}, nodes, plan)["upgrade"]


@pytest.mark.parametrize(
    ("playbook", "wanted"),
    [
        ("playbooks/plan.yml", "playbooks/upgrade_inplace.yml"),
        ("plan.yml", "upgrade_inplace.yml"),
        ("octopus.upgrade.plan", "octopus.upgrade.upgrade_inplace"),
        ("playbooks/upgrade_inplace.yml", "playbooks/upgrade_inplace.yml"),
        ("site.yml", "octopus.upgrade.upgrade_inplace"),
    ],
)
def test_the_playbook_beside_the_one_that_was_called(playbook: str, wanted: str) -> None:
    assert commands({"args": (playbook,)}, None, None)["upgrade"] == f"ansible-playbook {wanted}"


def test_what_was_given_is_given_again_so_that_a_shell_takes_it() -> None:
    told = upgrade(
        plan=PLAN,
        inventory=("/etc/my hosts.yml",),
        subset="octopus_prod",
        vault_password_files=("/home/ops/.vault",),
        vault_ids=("prod@prompt",),
        ask_vault_pass=True,
        extra_vars=("@more.yml", "octopus_version=2026.2.9853 octopus_plan_file=x.json", '{"octopus_waivers": ["rehearsed"]}'),
    )
    assert shlex.split(told) == [
        *("ansible-playbook", "playbooks/upgrade_inplace.yml", "-i", "/etc/my hosts.yml", "--limit", "octopus_prod"),
        *("--vault-password-file", "/home/ops/.vault", "--vault-id", "prod@prompt", "--ask-vault-pass"),
        *("-e", "@more.yml", "-e", "octopus_version=2026.2.9853", "-e", '{"octopus_waivers": ["rehearsed"]}'),
        *("-e", f"octopus_plan={PLAN}"),
    ]


def test_the_plan_is_made_again_as_it_was() -> None:
    again = commands({"args": ("octopus.upgrade.upgrade_inplace",), "extra_vars": ("octopus_plan_file=x.json",)}, None, "x.json")["again"]
    assert again == "ansible-playbook octopus.upgrade.plan -e octopus_plan_file=x.json"


def test_of_a_fleet_the_command_is_about_one_instance() -> None:
    assert "--limit octo-a,octo-b" in upgrade(["octo-a", "octo-b"], subset="octopus")


@pytest.mark.parametrize(
    "given",
    [
        "octopus_api_key=S3CRET",
        "octopus_sql_password='S3CRET'",
        '{"octopus_guard_webhook": "https://hook/S3CRET"}',
        "my_variable=S3CRET",
        "{octopus_api_key: S3CRET}",
        "S3CRET",
        "octopus_version='S3CRET",
    ],
)
def test_no_value_that_may_be_secret_is_told(given: str) -> None:
    told = commands({"args": ("plan.yml",), "extra_vars": (given,)}, None, None)
    assert "S3CRET" not in str(told) and "..." in told["upgrade"] and "..." in told["again"]
