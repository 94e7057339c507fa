# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What an event is about, by the documents that it names. Pure functions, no I/O.

An event of a deployment names its release, project, environment and channel too (a webhook sample of 2022), so the most particular document is
the one that it is about: nothing that a project contains is the project.
"""

from __future__ import annotations

from collections.abc import Sequence

RELEASES, DEPLOYMENTS, TASKS, DELETED, OTHER = "releases", "deployments", "tasks", "deleted", "other"
# The start of an id, the most particular first, and what such a document is.
_SUBJECTS = {
    "deployments": DEPLOYMENTS,
    "runbookruns": "runbook_runs",
    "releases": RELEASES,
    "runbooksnapshots": "runbooks",
    "runbookprocess": "runbooks",
    "deploymentprocess": "processes",
    "variableset": "variables",
    "projecttriggers": "triggers",
    "channels": "channels",
    "runbooks": "runbooks",
    "interruptions": TASKS,
    "artifacts": "artifacts",
    "servertasks": TASKS,
    "apikeys": "api_keys",
    "machines": "targets",
    "workers": "workers",
    "subscriptions": "subscriptions",
    "accounts": "accounts",
    "certificates": "certificates",
    "feeds": "feeds",
    "gitcredentials": "git_credentials",
    "actiontemplates": "step_templates",
    "tagsets": "tag_sets",
    "libraryvariablesets": "variables",
    "machinepolicies": "machine_policies",
    "workerpools": "worker_pools",
    "proxies": "proxies",
    "scopeduserroles": "teams",
    "userroles": "user_roles",
    "teams": "teams",
    "users": "users",
    "projects": "projects",
    "tenants": "tenants",
    "lifecycles": "lifecycles",
    "projectgroups": "project_groups",
    "environments": "environments",
    "spaces": "spaces",
    "packages": "packages",
}
_RANK = {prefix: place for place, prefix in enumerate(_SUBJECTS)}
# Of each kind in which events are sorted; the three that have rows of their own are not among them.
KINDS = (*dict.fromkeys(kind for kind in _SUBJECTS.values() if kind not in (RELEASES, DEPLOYMENTS, TASKS)), DELETED, OTHER)
# Nothing is lost with them.
_IDLE = ("login",)


def subject(documents: Sequence[str]) -> tuple[str, str | None]:
    """Return the kind of what an event is about, and its id; None where the event names nothing.

    >>> subject(["Projects-825", "Releases-81092", "Channels-1070"])
    ('releases', 'Releases-81092')
    """
    known = [(rank, one) for one in documents if (rank := _RANK.get(_prefix(one))) is not None]
    if known:
        found = min(known, key=lambda pair: pair[0])[1]
        return _SUBJECTS[_prefix(found)], found
    return OTHER, documents[0] if documents else None


def kind_of(category: str, documents: Sequence[str]) -> tuple[str, str | None]:
    """The kind in which an event is counted, and the id of what it is about. What was deleted is a kind of its own: it has no row any more."""
    kind, key = subject(documents)
    return (DELETED if category.lower() == "deleted" else kind), key


def changes_something(category: str) -> bool:
    """Whether an event is one of a change, and not of somebody who signed in."""
    return not category.lower().startswith(_IDLE)


def _prefix(key: str) -> str:
    return key.partition("-")[0].lower()
