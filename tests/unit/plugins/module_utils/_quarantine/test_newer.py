# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What has come since 2022, in forms that the lab does not have: what the rules make of it, and whether the checks see it without them."""

from __future__ import annotations

import json
from typing import Any

import pytest
from ansible_collections.octopus.upgrade.plugins.module_utils._mssql.connection.options import SqlOptions
from ansible_collections.octopus.upgrade.plugins.module_utils._quarantine import newer, row_edits, rules
from ansible_collections.octopus.upgrade.plugins.module_utils._quarantine.checks import newer as newer_checks
from ansible_collections.octopus.upgrade.plugins.module_utils._quarantine.checks.look import Look
from ansible_collections.octopus.upgrade.plugins.module_utils._quarantine.request import Request
from ansible_collections.octopus.upgrade.plugins.module_utils._quarantine.rows import Document, Row, Table

REQUEST = Request("Clone", api_keys=True)


class Database:
    """Tables of rows with an id and JSON."""

    options = SqlOptions("sql01")

    def __init__(self, tables: dict[str, list[dict[str, Any]]]) -> None:
        self.tables = tables

    def query(self, sql: str, *_params: Any) -> list[dict[str, Any]]:
        table = next(name for name in self.tables if f"dbo.[{name}]" in sql)
        if "TOP (1)" in sql:
            return [{"n": 1}] if self.tables[table] else []
        if " WHERE [JSON] IS NULL" in sql:
            return []
        return [{"id": row["Id"], "value": json.dumps(row["JSON"])} for row in self.tables[table]]


def checked(tables: dict[str, list[dict[str, Any]]], version: str | None) -> set[str]:
    """The names of the checks that fail."""
    look = Look.__new__(Look)
    look.connection, look.request, look.version = Database(tables), REQUEST, version  # type: ignore[assignment]  # a stand-in
    look.names = {name.lower(): name for name in tables}
    look.columns = {name.lower(): {"id": "Id", "json": "JSON"} for name in tables}
    return {check.name for check in newer_checks.checks(look) if not check.ok}


def silenced(tables: dict[str, list[dict[str, Any]]], version: str | None) -> dict[str, list[dict[str, Any]]]:
    """The tables after the rules."""
    after: dict[str, list[dict[str, Any]]] = {}
    for name, found in tables.items():
        after[name] = []
        for one in found:
            table = Table(name, {"id": ("Id", "nvarchar"), "json": ("JSON", "nvarchar")})
            row = Row(table, one["Id"], {}, [Document("json", json.loads(json.dumps(one["JSON"])))])
            mine = [rule for rule in newer.rules(REQUEST, version) if rule.takes(name) and rule.of(row)]
            for rule in mine:
                row_edits.apply(rule, row)
            after[name] += [] if any(rule.remove for rule in mine) else [{"Id": one["Id"], "JSON": row.documents[0].value}]
    return after


def rows(*documents: dict[str, Any], key: str = "x") -> list[dict[str, Any]]:
    return [{"Id": f"{key}-{number}" if number else key, "JSON": document} for number, document in enumerate(documents)]


DANGERS: list[tuple[str, dict[str, list[dict[str, Any]]]]] = [
    ("step_updates", {"Configuration": rows({"IsAutomaticStepUpdatesEnabled": True, "Other": True})}),
    ("step_updates", {"Configuration": rows({"IsCommunityActionTemplatesEnabled": "True"}, key="features")}),
    ("github_app", {"Configuration": rows({"IsGitHubAppEnabled": True})}),
    ("github_app", {"GitHubConnection": rows({"Name": "ours"})}),
    ("github_app", {"Configuration": rows({"IsEnabled": True}, key="github-app")}),
    ("webhook_triggers", {"Configuration": rows({"IsWebhookTriggerEnabled": True})}),
    ("chat", {"Configuration": rows({"IsEnabled": True}, key="slack")}),
    ("chat", {"Configuration": rows({"Active": True}, key="microsoft-teams")}),
    ("chat", {"SlackConnection": rows({"Token": "x"})}),
    ("assistants", {"Configuration": rows({"Enabled": True}, key="recovery-agent")}),
    ("in_app_messages", {"Configuration": rows({"IsEnabled": True}, key="experiences")}),
    ("dynamic_extensions", {"Configuration": rows({"IsEnabled": True}, key="dynamic-extensions")}),
    ("monitors", {"KubernetesMonitor": rows({"MachineId": "Machines-1"})}),
    ("gateways", {"ArgoCDGateway": rows({"Name": "gateway"})}),
    ("deployment_queue", {"AutoDeployQueueItem": rows({"ReleaseId": "Releases-1"})}),
    ("automatic_deployments", {"Project": rows({"AutoDeployReleaseOverrides": [{"ReleaseId": "Releases-1"}]})}),
    ("automatic_phases", {"Lifecycle": rows({"Phases": [{}, {"AutomaticDeploymentTargets": ["Environments-1"]}]})}),
    ("ephemeral_environments", {"DeploymentEnvironment": rows({"AutomaticDeprovisioningRule": {"ExpiryDays": 1}})}),
    ("ephemeral_environments", {"ParentEnvironment": rows({"AutomaticDeprovisioningRule": {"ExpiryHours": 1}})}),
    ("event_retention", {"Configuration": rows({"EventRetentionDays": 90}, key="eventretention")}),
    ("triggers_in_git", {"Project": rows({"PersistenceSettings": {"Url": "https://git.example.com/x.git", "DefaultBranch": "main"}})}),
    ("oidc_identities", {"ServiceAccountOidcIdentity": rows({"Issuer": "https://ci.example.com"})}),
]


@pytest.mark.parametrize(("name", "tables"), DANGERS, ids=[f"{number} {name}" for number, (name, _tables) in enumerate(DANGERS)])
def test_each_is_seen_and_silenced_and_nothing_else_is_changed(name: str, tables: dict[str, list[dict[str, Any]]]) -> None:
    before = json.dumps(tables)
    assert checked(tables, "2026.4.1") == {name}
    after = silenced(tables, "2026.4.1")
    assert json.dumps(tables) == before
    assert checked(after, "2026.4.1") == set()
    assert silenced(after, "2026.4.1") == after


def test_what_is_like_it_is_left_alone() -> None:
    tables = {
        "Configuration": rows({"IsEnabled": True, "Url": "https://example.com"}, key="teams-of-people"),
        "Team": rows({"Name": "Slackers"}),
        "Project": rows({"PersistenceSettings": {"Type": "Database"}, "AutoDeployReleaseOverrides": []}),
        "TenantEnvironment": rows({"AutomaticDeprovisioningRule": None}),
    }
    assert checked(tables, "2026.4.1") == set()
    assert silenced(tables, "2026.4.1") == tables


@pytest.mark.parametrize(("version", "kept"), [("2026.2.9999", True), ("2026.3.1", False), (None, False)])
def test_a_repository_is_left_where_triggers_are_in_the_database(version: str | None, kept: bool) -> None:
    tables = {"Project": rows({"PersistenceSettings": {"Url": "https://git.example.com/x.git"}})}
    assert (silenced(tables, version) == tables) is kept
    assert (checked(tables, version) == set()) is kept


def test_a_machine_policy_says_what_it_does() -> None:
    tables = {
        "MachinePolicy": rows({}, {"MachineCleanupPolicy": None}, {"machineUpdatePolicy": {"CalamariUpdateBehavior": "UpdateAlways"}})
    }
    after = [one["JSON"] for one in silenced(tables, "2025.3.1")["MachinePolicy"]]
    cleanup, update = newer.POLICY["MachineCleanupPolicy"], newer.POLICY["MachineUpdatePolicy"]
    assert after[0] == {"MachineCleanupPolicy": cleanup, "MachineUpdatePolicy": update}
    assert after[1] == after[0]
    assert after[2] == {"machineUpdatePolicy": {"CalamariUpdateBehavior": "UpdateAlways", **update}, "MachineCleanupPolicy": cleanup}


@pytest.mark.parametrize("policy", [{}, {"RunRetentionPolicy": None}])
def test_a_runbook_says_what_it_keeps(policy: dict[str, Any]) -> None:
    after = silenced({"Runbook": rows(policy)}, "2025.3.1")["Runbook"][0]["JSON"]
    assert after == {"RunRetentionPolicy": {"QuantityToKeep": 0, "ShouldKeepForever": True, "Strategy": "Forever"}}
    assert silenced({"Runbook": rows({"runRetentionPolicy": {"QuantityToKeep": 3}})}, "2025.3.1")["Runbook"][0]["JSON"] == {
        "runRetentionPolicy": {"QuantityToKeep": 3}
    }


def test_no_rule_is_of_both_files() -> None:
    assert not {rule.what for rule in newer.rules(REQUEST, None)} - {"machine_policies"} & {rule.what for rule in rules._ALWAYS}
