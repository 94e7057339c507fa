# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The list of what is silenced in a clone. apply.py applies it; the package checks verifies the result without it.

Sources: the vendor's script for a cloned database (octopus.com/docs/administration/managing-infrastructure, "sanitise"), marked *vendor*;
the names that Octopus's own client gives to properties (https://github.com/OctopusDeploy/OctopusClients), marked *client*: that the
database has the same names is likely but not confirmed. What neither of them names is found by words in its name, and marked *unverified*.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

from . import documents, shapes
from .documents import ANY, Edit, Setting
from .request import Request
from .rows import Row, Table

# The states of a task that has ended [client]; in any other it may still run.
ENDED = ("Success", "Failed", "Canceled", "TimedOut")
# Ids of ExtensionConfiguration. The vendor deletes the first two; the others are switched off [client].
DELETED_EXTENSIONS = ("authentication-octopusid", "jira-integration")
# Rows of Configuration that are inserted where they are missing, since a missing setting is on [client].
# The API's path is upgradeconfiguration, its document and so its row are "upgrades"
# (a captured reply in https://github.com/OctopusDeploy/octopus-serverspec-extensions).
NEEDED_SETTINGS = {"upgrades": {"AllowChecking": False, "IncludeStatistics": False}}
NOWHERE = "https://quarantine.invalid/"  # RFC 2606: that name never resolves
_INTEGRATION = re.compile(r"issuetracker-.*|.*-integration|jira.*|servicenow.*|authentication-octopusid", re.IGNORECASE)
_SIGN_IN = re.compile(r"authentication-.*", re.IGNORECASE)
_AUDIT = re.compile(r".*audit.?stream.*|.*stream.?audit.*", re.IGNORECASE)
_UPGRADE = re.compile(r"upgrades", re.IGNORECASE)
_ACME = re.compile(r".*(?:lets.?encrypt|acme).*", re.IGNORECASE)
_ADDRESS = re.compile(r"[a-z][a-z0-9+.-]*://.*", re.IGNORECASE | re.DOTALL)
_ADDRESS_NAME = re.compile(r".*(?:url|uri|endpoint|host|hostname|address)", re.IGNORECASE)
_OWN_FEEDS = ("builtin", "octopusproject")
FOREVER = {"Strategy": "Forever", "Unit": "Items", "QuantityToKeep": 0, "ShouldKeepForever": True}

# Changes a document, and returns what it changed; None where it has nothing of that kind.
Edits = Callable[[dict[str, Any]], "list[Edit] | None"]


def _every(_row: Row) -> bool:
    return True


@dataclass(frozen=True)
class Rule:
    """What happens to some rows of a table.

    Attributes:
        what: The name of the item, as it is returned.
        table: The table's name in lower case, or what its name matches.
        settings: Properties and their new values. One without a parent is set in its column where there is one, and in the JSON too
            where that has a copy.
        edits: Changes of the JSON that settings cannot express.
        of: Which rows it applies to.
        reads: Columns that ``of`` reads.
        unless: A column, and the values with which a row is not even read. For large tables.
        remove: Whether the rows are deleted.
        stamp: A column that gets the present time where it is empty.
        blank: Which values are emptied, of the columns that are read and of the JSON, by their names. They are recorded nowhere.
    """

    what: str
    table: str | re.Pattern[str]
    settings: tuple[Setting, ...] = ()
    edits: Edits | None = None
    of: Callable[[Row], bool] = _every
    reads: tuple[str, ...] = ()
    unless: tuple[str, tuple[str, ...]] | None = None
    remove: bool = False
    stamp: str | None = None
    blank: Callable[[str, Any], bool] | None = None

    def takes(self, name: str) -> bool:
        """Whether it applies to the table of that name."""
        return name.lower() == self.table if isinstance(self.table, str) else bool(self.table.fullmatch(name))

    @property
    def names(self) -> set[str]:
        """The columns that it may read."""
        named = {setting.path[0] for setting in self.settings if len(setting.path) == 1}
        return named | set(self.reads) | ({self.unless[0]} if self.unless else set())


def rules(request: Request, tables: dict[str, Table], installation_id: str | None, own_nodes: set[str]) -> list[Rule]:
    """Everything that is silenced, in order.

    Args:
        request: What is asked for.
        tables: Those of the database, by their names in lower case.
        installation_id: The clone's own. None: it is not replaced.
        own_nodes: Ids of the nodes that are the clone's own, after its first start.
    """
    found = [
        *_ALWAYS,
        triggers(tables),
        # [vendor] The heartbeats before the nodes, on which they may depend.
        Rule(
            "server_nodes",
            "octopusservernodestatus",
            of=lambda row: not own_nodes & {row.key, str(row.get("OctopusServerNodeId"))},
            reads=("OctopusServerNodeId",),
            remove=True,
        ),
        Rule("server_nodes", "octopusservernode", of=lambda row: row.key not in own_nodes, remove=True),  # [vendor]
        # [client] The address in e-mails and in messages to others.
        _in_configuration("server_uri", Setting(("ServerUri",), request.server_uri or "")),
    ]
    if installation_id:
        found.append(_in_configuration("installation_id", edits=lambda document: _installation_id(document, installation_id)))
    if request.execution == "stopped":
        found.append(execution(tables))
    if request.git:
        found += [
            # [client] PersistenceSettings. Without a credential a repository can at most be read, if it is public.
            Rule("git", "project", edits=_without_credentials),
            _in_configuration("git", edits=_without_credentials),
        ]
    if request.retention:
        found += _RETENTION
    if request.external_feeds:
        found.append(
            Rule(
                "external_feeds",
                "feed",
                (Setting(("FeedUri",), NOWHERE),),
                # One without an address, such as S3's, would only look silenced: it is left for the check to name.
                of=lambda row: is_external(row.get("FeedType")) and bool(row.get("FeedUri")),
                reads=("FeedType",),
            )
        )
    if request.api_keys:
        keep = {one.lower() for one in request.keep_api_keys}
        found.append(Rule("api_keys", "apikey", of=lambda row: row.key.lower() not in keep, remove=True))
    return found


def triggers(tables: dict[str, Table]) -> Rule:
    """Disable triggers [vendor]; scheduled, feed and Git triggers are rows of that table too [client].

    Before 2018.4 a trigger has no such column and cannot be disabled (https://github.com/OctopusDeploy/docs/pull/1560), so it is removed.
    """
    table = tables.get("projecttrigger")
    if table is not None and not table.has("IsDisabled"):
        return Rule("triggers", "projecttrigger", remove=True)
    return _disabled("triggers", "projecttrigger")


def automatic_releases() -> Rule:
    """Switch off the releases that are made when a package is pushed [client]."""
    return Rule("automatic_releases", "project", (Setting(("AutoCreateRelease",), False),))


def execution(tables: dict[str, Table]) -> Rule:
    """Stop deployments that need no target (on the server, cloud, Kubernetes): stop the queue of each space or, where there are no spaces,
    disable each project."""
    if "space" in tables:
        return Rule("execution", "space", (Setting(("TaskQueueStopped",), True, add=True),))
    return Rule("execution", "project", (Setting(("IsDisabled",), True, add=True),))


def is_external(feed_type: Any) -> bool:
    """Whether a feed of that type is outside the instance."""
    return str(feed_type or "").replace(" ", "").lower() not in _OWN_FEEDS


def _disabled(what: str, table: str) -> Rule:
    return Rule(what, table, (Setting(("IsDisabled",), True, add=True),))


def _in_configuration(what: str, *settings: Setting, of: re.Pattern[str] | None = None, edits: Edits | None = None) -> Rule:
    return Rule(what, "configuration", settings, edits, _every if of is None else lambda row: bool(of.fullmatch(row.key)))


def _off(*names: str) -> tuple[Setting, ...]:
    return tuple(Setting((name,), False) for name in names)


def _installation_id(document: dict[str, Any], new: str) -> list[Edit] | None:
    places = [
        (inner, key, documents.join(path, key))
        for path, inner in documents.objects(document)
        for key in documents.keys_of(inner, "InstallationId")
    ]
    return [one for inner, key, at in places for one in documents.put(inner, key, new, at)] if places else None


def _silent(document: dict[str, Any]) -> list[Edit]:
    """Switch off what can be switched, and empty every address, in settings whose form is not documented [unverified]."""
    found: list[Edit] = []
    for path, inner in documents.objects(document):
        for key, value in list(inner.items()):
            at = documents.join(path, key)
            if key.lower() in ("enabled", "isenabled", "active", "isactive"):
                found += documents.put(inner, key, False, at)
            elif isinstance(value, str) and (_ADDRESS.fullmatch(value) or (_ADDRESS_NAME.fullmatch(key) and value)):
                found += documents.put(inner, key, "", at)
    return found


def _without_credentials(document: dict[str, Any]) -> list[Edit] | None:
    """Remove the credentials of Git repositories, also those in their addresses."""
    found: list[Edit] | None = None
    for path, inner in documents.objects(document):
        credentials = documents.get(inner, "Credentials")
        if not (documents.has(inner, "Url") and documents.has(credentials, "Type")):
            continue
        wanted = {"Credentials": {"Type": "Anonymous"}, "Url": without_user(str(documents.get(inner, "Url") or ""))}
        found = found or []
        for name, value in {**wanted, "ProtectedDefaultBranch": True}.items():
            for key in documents.keys_of(inner, name):
                found += documents.put(inner, key, value, documents.join(path, key))
    return found


def without_user(url: str) -> str:
    """An address without a name and password."""
    scheme, mark, rest = url.partition("://")
    host, slash, path = rest.partition("/")
    return f"{scheme}{mark}{host.rpartition('@')[2]}{slash}{path}" if mark else url


def _forever(document: dict[str, Any]) -> list[Edit] | None:
    """Let every retention policy in a document keep everything. Newer versions have Strategy [client]; older ones ignore it."""
    found: list[Edit] | None = None
    for path, inner in documents.objects(document):
        if documents.has(inner, "QuantityToKeep"):
            found = found or []
            for name, value in FOREVER.items():
                changed = documents.edit(inner, Setting((name,), value, add=name == "Strategy"))
                found += [Edit(documents.join(path, one.path), one.before) for one in changed]
    return found


_ALWAYS = (
    _disabled("targets", "machine"),  # [vendor]
    _disabled("workers", "worker"),  # [vendor]
    automatic_releases(),
    _disabled("subscriptions", "subscription"),  # [vendor]
    # Tasks that are queued, scheduled, running or waiting for an answer.
    Rule("tasks", "servertask", (Setting(("State",), "Canceled", add=True),), unless=("State", ENDED), stamp="CompletedTime"),
    Rule("extensions", "extensionconfiguration", of=lambda row: row.key.lower() in DELETED_EXTENSIONS, remove=True),  # [vendor]
    Rule(
        "extensions",
        "extensionconfiguration",
        _off("IsEnabled"),
        of=lambda row: row.key.lower() not in DELETED_EXTENSIONS and not _SIGN_IN.fullmatch(row.key),
    ),
    _in_configuration("extensions", *_off("IsEnabled"), of=_INTEGRATION),
    _in_configuration("mail", Setting(("SmtpHost",), ""), Setting((ANY, "SmtpHost"), "")),  # [client]
    _in_configuration("audit_stream", of=_AUDIT, edits=_silent),  # [unverified]
    Rule("audit_stream", re.compile(r".*audit.?stream.*", re.IGNORECASE), remove=True),  # [unverified]
    _in_configuration("telemetry", *_off("IncludeStatistics", "SendTelemetry")),  # [client]
    _in_configuration("telemetry", *_off("Enabled", "IsEnabled"), of=re.compile(r".*telemetry.*", re.IGNORECASE)),  # [client]
    _in_configuration("upgrade_check", *_off("AllowChecking")),  # [client]
    # Both are on where they are missing.
    _in_configuration("upgrade_check", Setting(("AllowChecking",), False, add=True), of=_UPGRADE),
    _in_configuration("telemetry", Setting(("IncludeStatistics",), False, add=True), of=_UPGRADE),
    _in_configuration("telemetry", Setting(("Enabled",), False, add=True), of=re.compile("telemetry", re.IGNORECASE)),
    _in_configuration("lets_encrypt", *_off("Enabled", "IsEnabled"), of=_ACME),  # [unverified]
    *(_in_configuration(item, edits=partial(shapes.off, item)) for item in shapes.OWN_PROPERTIES),  # [client] whatever the row's id
    Rule(
        "machine_policies",
        "machinepolicy",
        (  # [client]
            Setting(("MachineCleanupPolicy", "DeleteMachinesBehavior"), "DoNotDelete", accept=(0,)),
            Setting(("MachineUpdatePolicy", "TentacleUpdateBehavior"), "NeverUpdate", accept=(0,)),
            Setting(("MachineUpdatePolicy", "KubernetesAgentUpdateBehavior"), "NeverUpdate", accept=(0,)),
            Setting(("MachineUpdatePolicy", "CalamariUpdateBehavior"), "UpdateOnDeployment", accept=(0,)),
        ),
    ),
    # A copy that was made during maintenance mode has it on. The drained nodes are removed with their rows.
    _in_configuration("maintenance", *_off("IsInMaintenanceMode")),
)

_RETENTION: list[Rule] = [
    Rule(
        "retention",
        "lifecycle",
        (  # Without one, a newer version takes the space's default [client].
            Setting(("ReleaseRetentionPolicy",), dict(FOREVER), add=True),
            Setting(("TentacleRetentionPolicy",), dict(FOREVER), add=True),
        ),
        edits=_forever,
    ),
    Rule("retention", "runbook", edits=_forever),
    Rule("retention", re.compile(r".*retentionpolic(?:y|ies)", re.IGNORECASE), edits=_forever),
    Rule(  # [client] the packages of the built-in feed
        "retention",
        "feed",
        (Setting(("DeleteUnreleasedPackagesAfterDays",), None), Setting(("DeletePackagesAssociatedWithReleases",), False)),
    ),
    _in_configuration(
        "retention", Setting(("DeleteUnreleasedPackagesAfterDays",), None), Setting(("DeletePackagesAssociatedWithReleases",), False)
    ),
]
