# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Whether what has come since 2022, and what acts by itself without being a trigger, is off. Asked without the rules that were applied."""

from __future__ import annotations

from ansible_collections.octopus.upgrade.plugins.module_utils._octopus.version import Version
from ansible_collections.octopus.upgrade.plugins.module_utils._quarantine import documents

from .look import Check, Look, check, is_true

_MOST_DAYS = 3650
# The item, what is told where it is as it should be, words of which one is in the name of a row or a table, and whether tables count.
_BY_WORDS = (
    ("chat", "no message is sent to Slack or Teams", ("slack", "msteams", "microsoftteams", "teamsintegration", "teamsconnection")),
    ("assistants", "no agent or assistant is asked", ("recoveryagent", "aiassistant", "aiagent", "octopusassistant")),
    ("in_app_messages", "no messages are shown from outside", ("experiences", "chameleon")),
    ("dynamic_extensions", "no extension is loaded from outside", ("dynamicextensions",)),
    ("github_app", "the GitHub App is not reached", ("githubapp", "githubconnection")),
    ("monitors", "no Kubernetes monitor is let in", ("kubernetesmonitor",)),
    ("gateways", "no Argo CD gateway is let in", ("argocdgateway",)),
)
_FEATURES = {
    "step_updates": ("IsAutomaticStepUpdatesEnabled", "IsCommunityActionTemplatesEnabled"),
    "github_app": ("IsGitHubAppEnabled",),
    "webhook_triggers": ("IsWebhookTriggerEnabled",),
}


def checks(look: Look) -> list[Check]:
    """Return every check of these.

    Raises:
        OctopusError: The JSON of a row cannot be read.
    """
    found = [
        _feature(look, "step_updates", "no step is updated from outside"),
        _feature(look, "webhook_triggers", "no webhook starts anything"),
    ]
    found += [_by_words(look, name, good, words) for name, good, words in _BY_WORDS]
    found += [automatic_phases(look), automatic_deployments(look), deployment_queue(look), ephemeral_environments(look)]
    if look.request.retention:
        found.append(event_retention(look))
    if look.request.git:
        found.append(triggers_in_git(look))
    if look.request.api_keys:
        found.append(_tables(look, "oidc_identities", ("oidcidentit",), "no identity of a service account is left"))
    return found


def _feature(look: Look, name: str, good: str) -> Check:
    wrong = [key for key, _path, value in look.properties("Configuration", *_FEATURES[name]) if is_true(value)]
    return check(name, wrong + look.unread("Configuration"), "a feature is on in", good)


def _by_words(look: Look, name: str, good: str, words: tuple[str, ...]) -> Check:
    wrong = [key for key, _path, value in look.properties("Configuration", *_FEATURES.get(name, ())) if is_true(value)]
    for key, value in look.documents("Configuration"):
        if any(word in _plain(key) for word in words):
            switches = ("Enabled", "IsEnabled", "Active", "IsActive")
            wrong += [key for one in switches if is_true(documents.get(value, one))]
    return check(name, wrong + _filled(look, words), "it is not off in", good)


def _tables(look: Look, name: str, words: tuple[str, ...], good: str) -> Check:
    return check(name, _filled(look, words), "rows are left in", good)


def _filled(look: Look, words: tuple[str, ...]) -> list[str]:
    return [look.names[table] for table in look.columns if any(word in _plain(table) for word in words) and look.any_row(table)]


def _plain(name: str) -> str:
    return "".join(letter for letter in name.lower() if letter.isalnum())


def automatic_phases(look: Look) -> Check:
    """No phase of a lifecycle deploys by itself."""
    wrong = [key for key, _path, value in look.properties("Lifecycle", "AutomaticDeploymentTargets") if value]
    return check("automatic_phases", wrong + look.unread("Lifecycle"), "phases that deploy by themselves in", "no phase deploys by itself")


def automatic_deployments(look: Look) -> Check:
    """No project says which release is deployed to a machine that comes back."""
    wrong = [key for key, _path, value in look.properties("Project", "AutoDeployReleaseOverrides") if value]
    return check(
        "automatic_deployments", wrong, "releases wait to be deployed by themselves in", "no release waits to be deployed by itself"
    )


def deployment_queue(look: Look) -> Check:
    """The queue of what is deployed by itself is empty."""
    return _tables(look, "deployment_queue", ("autodeployqueueitem",), "nothing is queued to be deployed by itself")


def ephemeral_environments(look: Look) -> Check:
    """No environment expires, which would start the runbooks that remove it."""
    wrong: list[str] = []
    for table in look.columns:
        if "environment" in table and look.has(table):
            wrong += [key for key, _path, value in look.properties(look.names[table], "AutomaticDeprovisioningRule") if value]
            if look.has(table, "AutomaticDeprovisioningRule"):
                wrong += look.ids(table, "[AutomaticDeprovisioningRule] IS NOT NULL")
    return check("ephemeral_environments", wrong, "environments that expire", "no environment expires")


def event_retention(look: Look) -> Check:
    """Events are kept for as long as the product lets them."""
    wrong = [key for key, _path, value in look.properties("Configuration", "EventRetentionDays") if value != _MOST_DAYS]
    return check("event_retention", wrong, "events are removed early by", "events are kept for as long as they can be")


def triggers_in_git(look: Look) -> Check:
    """From 2026.3 on triggers can be in a project's repository, and no row tells of them: none can be read."""
    if look.version is not None and Version.parse(look.version) < Version.parse("2026.3"):
        return Check("triggers_in_git", True, 0, "this version has its triggers in the database")
    wrong = []
    for key, value in look.documents("Project"):
        url = str(documents.get(documents.get(value, "PersistenceSettings"), "Url") or "")
        wrong += [key] if url and ".invalid" not in url else []
    return check("triggers_in_git", wrong, "a repository that may have triggers is read by", "no repository that may have triggers is read")
