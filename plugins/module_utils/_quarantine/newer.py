# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The rules for what has come since 2022, and for what acts by itself without being a trigger. rules.py has the others.

Properties are those of the API (https://octopus.com/docs/octopus-rest-api) and of OctopusClients. Where no public source names the table or
the row, it is found by words in its name, and marked *unverified*; what is called otherwise is found by the scan for what is on no list.
"""

from __future__ import annotations

import re
from typing import Any

from ansible_collections.octopus.upgrade.plugins.module_utils._octopus.version import Version

from . import documents
from .documents import Edit, Setting
from .request import Request
from .rows import Row
from .rules import NOWHERE, Rule

# Audit Retention of https://octopus.com/docs/security/users-and-teams/auditing: at most 3650 days where one hosts it oneself.
LONGEST_EVENT_RETENTION = 3650
# Triggers in a project's repository are no rows: https://github.com/OctopusDeploy/Issues/issues/10192.
TRIGGERS_IN_GIT = "2026.3"
# FeaturesConfigurationResource, by the name of the item.
FEATURES = {
    "step_updates": ("IsAutomaticStepUpdatesEnabled", "IsCommunityActionTemplatesEnabled"),
    "github_app": ("IsGitHubAppEnabled",),
    "webhook_triggers": ("IsWebhookTriggerEnabled",),
}
# Rows of Configuration that are switched off, and tables that are emptied, by what their names match [unverified].
SETTINGS = {
    "chat": re.compile(r".*slack.*|.*(?:ms|microsoft).?teams.*|teams.(?:integration|connection|configuration)", re.IGNORECASE),
    "assistants": re.compile(r".*recovery.?agent.*|.*(?:ai|octopus).?(?:assistant|agent)s?(?:[-_.].*)?", re.IGNORECASE),
    "in_app_messages": re.compile(r".*experiences.*|.*chameleon.*", re.IGNORECASE),
    "dynamic_extensions": re.compile(r"dynamic-?extensions.*", re.IGNORECASE),
    "github_app": re.compile(r".*github.?(?:app|connection).*", re.IGNORECASE),
}
TABLES = {
    "chat": re.compile(r".*slack.*|(?:ms|microsoft)?teams(?:integration|connection|configuration).*", re.IGNORECASE),
    "github_app": re.compile(r"github(?:app|connection).*", re.IGNORECASE),
    "monitors": re.compile(r"kubernetes.?monitor.*", re.IGNORECASE),  # KubernetesMonitorResource
    "gateways": re.compile(r"argo.?cd.*gateway.*", re.IGNORECASE),
    # What waits in it goes; that a project says which release waits, automatic_deployments, is a setting.
    "deployment_queue": re.compile(r"autodeployqueueitem", re.IGNORECASE),  # OctopusDeploy/Issues 8872
}
OIDC_IDENTITIES = re.compile(r".*oidc.?identit.*", re.IGNORECASE)
ENVIRONMENTS = re.compile(r"(?:deployment|parent|ephemeral|static)environments?", re.IGNORECASE)
# What a machine policy does by default [client]; the rule of rules.py changes what it says.
POLICY = {
    "MachineCleanupPolicy": {"DeleteMachinesBehavior": "DoNotDelete"},
    "MachineUpdatePolicy": {"TentacleUpdateBehavior": "NeverUpdate"},
}
_SWITCHES = ("Enabled", "IsEnabled", "Active", "IsActive")


def rules(request: Request, version: str | None) -> list[Rule]:
    """Return the rules.

    Args:
        request: What is asked for.
        version: The newest version that had run with the database; None: not known, and then it may be any.
    """
    found = [
        *(Rule(item, "configuration", tuple(Setting((name,), False) for name in names)) for item, names in FEATURES.items()),
        *(
            Rule(item, "configuration", tuple(Setting((name,), False) for name in _SWITCHES), of=_named(pattern))
            for item, pattern in SETTINGS.items()
        ),
        *(Rule(item, pattern, remove=True) for item, pattern in TABLES.items()),
        # AutoDeployReleaseOverrideResource: which release is deployed to a machine that comes back.
        Rule("automatic_deployments", "project", (Setting(("AutoDeployReleaseOverrides",), []),)),
        Rule("machine_policies", "machinepolicy", edits=_whole_policy),
        Rule("automatic_phases", "lifecycle", edits=_no_automatic_phases),  # PhaseResource
        # ParentEnvironment of OctopusDeploy/go-octopusdeploy, where none means that nothing expires.
        Rule("ephemeral_environments", ENVIRONMENTS, (Setting(("AutomaticDeprovisioningRule",), None),)),
    ]
    if request.retention:
        found.append(Rule("event_retention", "configuration", (Setting(("EventRetentionDays",), LONGEST_EVENT_RETENTION),)))
        found.append(Rule("retention", "runbook", edits=_with_run_policy))
    if request.git and (version is None or Version.parse(version) >= Version.parse(TRIGGERS_IN_GIT)):
        # A repository that anybody may read still has the triggers.
        found.append(Rule("triggers_in_git", "project", edits=_without_repository))
    if request.api_keys:
        found.append(Rule("oidc_identities", OIDC_IDENTITIES, remove=True))
    return found


def _named(pattern: re.Pattern[str]) -> Any:
    def matches(row: Row) -> bool:
        return bool(pattern.fullmatch(row.key))

    return matches


def _no_automatic_phases(document: dict[str, Any]) -> list[Edit] | None:
    """Let no phase of a lifecycle deploy by itself."""
    return documents.edit(document, Setting(("Phases", documents.ANY, "AutomaticDeploymentTargets"), []))


def _with_run_policy(document: dict[str, Any]) -> list[Edit] | None:
    """Let a runbook say what it keeps: without a policy it keeps 100 runs, or what its space says (RunbookResource)."""
    keys = documents.keys_of(document, "RunRetentionPolicy")
    if keys and isinstance(document[keys[0]], dict):
        return None
    name = keys[0] if keys else "RunRetentionPolicy"
    before = documents.write(document[name]) if keys else None
    document[name] = {"QuantityToKeep": 0, "ShouldKeepForever": True, "Strategy": "Forever"}
    return [Edit(name, before)]


def _without_repository(document: dict[str, Any]) -> list[Edit] | None:
    """Let the repository of a project lead nowhere."""
    return documents.edit(document, Setting(("PersistenceSettings", "Url"), NOWHERE))


def _whole_policy(document: dict[str, Any]) -> list[Edit] | None:
    """Let a machine policy say what it does, where it leaves that to the default: a row that says nothing may say it in an unknown place."""
    found = []
    for name, wanted in POLICY.items():
        keys = documents.keys_of(document, name)
        if not keys or not isinstance(document[keys[0]], dict):
            before = documents.write(document[keys[0]]) if keys else None
            document[keys[0] if keys else name] = dict(wanted)
            found.append(Edit(keys[0] if keys else name, before))
        else:
            for key, value in wanted.items():
                if not documents.has(document[keys[0]], key):
                    document[keys[0]][key] = value
                    found.append(Edit(documents.join(keys[0], key), None))
    return found
