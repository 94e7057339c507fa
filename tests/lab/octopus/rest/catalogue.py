# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The collections of the API: address, table, permissions, first version, whose they are, what they hide.

Permission names are those of ``Permission`` in OctopusDeploy/OctopusClients; which one a collection asks for is *assumed* where
its name does not say it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from .ports import Document
from .server import sensitive


@dataclass(frozen=True)
class Collection:
    """One kind of resource.

    Attributes:
        subject: What its permissions are called after: ``ProjectView``, ``ProjectEdit``.
        owned: By a space, from 2019.1.
        mixed: Owned by a space or by the system; listed together at the address without a space.
        secrets: Properties that are shown as whether they are there.
        hidden: Properties that are not shown at all.
        one_permission: ``Edit`` stands for creating and deleting too.
        more_links: (name, what follows its own address).
        references: (name, address of the other collection, property with the other's id).
        seen_with: The permission to view it, where there is none of its own.
    """

    address: str
    table: str
    item: str
    subject: str
    since: tuple[int, ...] = (3,)
    owned: bool = True
    mixed: bool = False
    secrets: tuple[str, ...] = ()
    hidden: tuple[str, ...] = ()
    writable: bool = True
    one_permission: bool = False
    seen_with: str = ""
    more_links: tuple[tuple[str, str], ...] = ()
    references: tuple[tuple[str, str, str], ...] = ()

    @property
    def view(self) -> str:
        return self.seen_with or f"{self.subject}View"

    def permission(self, method: str) -> str:
        """What a request of that method needs."""
        if method == "GET":
            return self.view
        verb = {"POST": "Create", "DELETE": "Delete"}.get(method, "Edit")
        return f"{self.subject}{'Edit' if self.one_permission else verb}"


ACCOUNT_SECRETS = ("Password", "Token", "SecretKey", "PrivateKeyFile", "PrivateKeyPassphrase", "CertificateBytes", "JsonKey")

COLLECTIONS = [
    Collection(
        "projects",
        "Project",
        "Project",
        "Project",
        more_links=(
            ("Logo", "/logo"),
            ("Triggers", "/triggers{?skip,take}"),
            ("Releases", "/releases{/version}{?skip,take}"),
            ("Channels", "/channels"),
        ),
        references=(("DeploymentProcess", "deploymentprocesses", "DeploymentProcessId"), ("Variables", "variables", "VariableSetId")),
    ),
    Collection("projectgroups", "ProjectGroup", "ProjectGroup", "ProjectGroup", more_links=(("Projects", "/projects"),)),
    Collection("environments", "DeploymentEnvironment", "Environment", "Environment", more_links=(("Machines", "/machines"),)),
    Collection("tenants", "Tenant", "Tenant", "Tenant", (3, 4), more_links=(("Logo", "/logo"),)),
    Collection("tagsets", "TagSet", "TagSet", "TagSet", (3, 4), seen_with="TenantView"),
    Collection("machines", "Machine", "Machine", "Machine", more_links=(("Connection", "/connection"),)),
    Collection("machinepolicies", "MachinePolicy", "MachinePolicy", "MachinePolicy", (3, 4)),
    Collection("workers", "Worker", "Worker", "Worker", (2018, 7), one_permission=True, more_links=(("Connection", "/connection"),)),
    Collection("workerpools", "WorkerPool", "WorkerPool", "Worker", (2018, 7), one_permission=True),
    Collection("feeds", "Feed", "Feed", "Feed", one_permission=True, secrets=("Password", "SecretKey")),
    Collection("channels", "Channel", "Channel", "Process", one_permission=True),
    Collection(
        "deploymentprocesses",
        "DeploymentProcess",
        "DeploymentProcess",
        "Process",
        one_permission=True,
        more_links=(("Template", "/template{?channel,releaseId}"),),
    ),
    Collection(
        "releases",
        "Release",
        "Release",
        "Release",
        more_links=(("Deployments", "/deployments{?skip,take}"), ("DeploymentTemplate", "/deployments/template")),
        references=(("Project", "projects", "ProjectId"),),
    ),
    Collection("deployments", "Deployment", "Deployment", "Deployment"),
    Collection("runbooks", "Runbook", "Runbook", "Runbook", (2019, 11), one_permission=True),
    Collection("lifecycles", "Lifecycle", "Lifecycle", "Lifecycle"),
    Collection("accounts", "Account", "Account", "Account", secrets=ACCOUNT_SECRETS),
    Collection("certificates", "Certificate", "Certificate", "Certificate", secrets=("CertificateData", "Password", "PrivateKey")),
    Collection("libraryvariablesets", "LibraryVariableSet", "LibraryVariableSet", "LibraryVariableSet"),
    Collection("variables", "VariableSet", "VariableSet", "Variable", one_permission=True),
    Collection("artifacts", "Artifact", "Artifact", "Artifact", more_links=(("Content", "/content"),)),
    Collection("projecttriggers", "ProjectTrigger", "ProjectTrigger", "Trigger", (3, 4)),
    Collection("subscriptions", "Subscription", "Subscription", "Subscription", (3, 5)),
    Collection("events", "Event", "Event", "Event", mixed=True, writable=False),
    Collection("teams", "Team", "Team", "Team", mixed=True),
    # https://octopus.com/docs/api/scoped-user-roles; which permission it asks for is assumed
    Collection("scopeduserroles", "ScopedUserRole", "ScopedUserRole", "Team", (2019, 1), mixed=True),
    Collection("userroles", "UserRole", "UserRole", "UserRole", owned=False, one_permission=True),
]
BY_ADDRESS = {one.address: one for one in COLLECTIONS}


def masked(collection: Collection, document: Document) -> Document:
    """The document without its secrets, at every depth (an account's, an endpoint's, a sensitive variable's)."""
    shown: Document = {
        name: sensitive(value) if name in collection.secrets else value for name, value in document.items() if name not in collection.hidden
    }
    if collection.address == "variables":
        shown["Variables"] = [_variable(one) for one in shown.get("Variables") or []]
    return shown


def _variable(variable: dict[str, Any]) -> dict[str, Any]:
    secret = variable.get("IsSensitive") or variable.get("Type") == "Sensitive"
    return {**variable, "Value": None} if secret else variable


def merged(collection: Collection, old: Document, new: Document) -> Document:
    """What to store when ``new`` is put over ``old``: a secret that came back as it was shown stays what it was."""
    result = dict(old)
    for name, value in new.items():
        if name in ("Id", "Links", "SpaceId"):
            continue
        if name in collection.secrets:
            if isinstance(value, dict) and value.get("NewValue") is not None:
                result[name] = value["NewValue"]
        elif collection.address == "variables" and name == "Variables":
            held = {_key(one): one.get("Value") for one in old.get("Variables") or []}
            result[name] = [
                {**one, "Value": held[_key(one)]} if one.get("Value") is None and _key(one) in held else one for one in value or []
            ]
        else:
            result[name] = value
    return result


def _key(variable: dict[str, Any]) -> tuple[Any, Any]:
    """What a variable is known by; rows of old have no ids."""
    return variable.get("Id"), variable.get("Name")
