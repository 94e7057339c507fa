# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a running server does to the world outside, and which rows say whether it does: a clone of it does the same.

Each is an event in the ledger of kind ``contact`` (``what`` below; ``node``, and ``task`` where a task does it) or ``retention``, with the
machine that did it; or of kind ``refused``, where Windows Firewall of the host keeps it from that (outside.py). Where a property is both a
column and in the row's ``JSON``, the column wins. Properties are named as in the vendor's API (octopus.com/docs/api, Octopus.Client), as the
rows that can be seen in the docs' SQL are.

==================  ==========================================  =====================================================================
what                does                                        unless
==================  ==========================================  =====================================================================
target              a deployment, or a health check, reaches    ``Machine.IsDisabled``
worker              a health check reaches a worker             ``Worker.IsDisabled``
server              a step runs a script on the server itself   no task runs: see below (steps in ``DeploymentProcess.Steps``, with
                                                                property ``Octopus.Action.RunOnServer``)
cloud               a step logs in to a cloud account           no task runs (``ActionType`` ``Octopus.Azure…``, ``Octopus.Aws…``, …)
mail                a subscription tells of a deployment        ``Subscription.IsDisabled``, or ``Configuration`` row ``smtp`` has no
                                                                ``SmtpHost``; its link begins with row ``server``, ``ServerUri``
integration         a deployment is told to an issue tracker    ``ExtensionConfiguration`` has no row ``…-integration``, or the row's
                                                                ``IsEnabled`` is false
machine policy      a target that does not answer is deleted    ``MachinePolicy`` of the target (``Machine.MachinePolicyId``):
                                                                ``MachineCleanupPolicy.DeleteMachinesBehavior`` is ``DoNotDelete``;
                                                                a disabled target is not looked at
feed                an external feed is asked for new versions  ``ProjectTrigger.IsDisabled`` (``Filter.FilterType`` ``FeedFilter``),
                                                                ``Project.IsDisabled``, or the ``Feed`` has no ``FeedUri``
release             a new package makes a release by itself     feed trigger: as above; built-in feed: ``Project.AutoCreateRelease``
                                                                is false, or ``Project.IsDisabled``
git                 a version-controlled project is pushed      ``Project.IsDisabled``; ``PersistenceSettings.Type`` is not
                                                                ``VersionControlled``; it has no ``Url``; ``Credentials.Type`` is
                                                                ``Anonymous``; or the ``GitCredential`` that ``Credentials.Id`` names
                                                                is not there or has no ``Details.Password``
audit               new events are streamed to the SIEM         row ``audit-stream``: ``Active`` is false, or there is no row
telemetry           usage data with the Installation ID         row ``telemetry``: ``Enabled`` is false; where there is no such row:
                    (``upgradeavailability.InstallationId``)    row ``upgrades``: ``IncludeStatistics`` is false
upgrade check       octopus.com is asked, with that ID          row ``upgrades``: ``AllowChecking`` is false
acme                Let's Encrypt renews the certificate        row ``letsencrypt``: ``Enabled`` is false, or there is no row
==================  ==========================================  =====================================================================

``retention`` (``path``, ``of``: package, artifact, log): old releases go unless ``Lifecycle.ReleaseRetentionPolicy.ShouldKeepForever`` (or
``Strategy`` ``Forever``), packages of no release go after ``Feed`` ``feeds-builtin``'s ``DeleteUnreleasedPackagesAfterDays`` (absent, null
or 0: never). When: every 4 hours (#8134), or as the ``CronExpression`` of ``Configuration`` row ``retentionpolicies`` says
(RetentionConfigurationResource in OctopusDeploy/OctopusClients has that id).

Tasks run where ``ServerTask.State`` is ``Queued`` and ``QueueTime`` is past, unless their ``Space.TaskQueueStopped``. Scheduled triggers
queue some: ``ProjectTrigger.IsDisabled``, ``Project.IsDisabled``. Nothing of all that happens while no node runs, of course.

*Assumed*: that the rows ``audit-stream``, ``letsencrypt`` and ``telemetry`` have these ids in ``Configuration``: they have none that says
anything where only what is documented exists.
*Assumed*: that ``PersistenceSettings`` and ``ReleaseRetentionPolicy`` are in the ``JSON``, not in columns.
The tables ``MachinePolicy`` and ``GitCredential``: https://github.com/OctopusDeploy/Issues/issues/8821 and 8836.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from ..tds.engine_api import SqlError
from . import moments, outside
from .git import git_target
from .releases import poll_feeds

if TYPE_CHECKING:
    from .node import Node
    from .store import Store

# Lab seconds between two times; *assumed*, as that the first time is soon after the start.
LOOK = 15.0
FIRST, DAILY, HOURLY, FEED, GIT, AUDIT = 30.0, 24 * 3600.0, 3600.0, 60.0, 120.0, 0.0
RENEW = timedelta(days=30)  # before the certificate's end; *assumed*


class Outside:
    """What a node does in the background that leaves the server. It goes on in maintenance mode and while the node drains, but for
    what makes rows (*assumed*)."""

    def __init__(self, node: Node) -> None:
        self.node = node
        start = node.host.clock.seconds()
        self._jobs: list[tuple[float, Callable[[], None]]] = [
            (DAILY, self._telemetry),
            (DAILY, self._upgrade_check),
            (HOURLY, self._acme),
            (AUDIT, self._audit),
            (FEED, self._feeds),
            (GIT, self._git),
        ]
        self._due = [start + FIRST] * len(self._jobs)
        self._streamed: int | None = None

    @property
    def store(self) -> Store:
        return self.node.store

    def look(self) -> None:
        """Do what is due.

        Raises:
            SqlError: The database is gone; the rest is tried all the same.
        """
        now, broken = self.node.host.clock.seconds(), None
        for at, (every, job) in enumerate(self._jobs):
            if self._due[at] <= now:
                self._due[at] = now + every
                try:
                    job()
                except SqlError as error:
                    broken = error
        if broken is not None:
            raise broken

    def contact(self, what: str, **fields: Any) -> bool:
        return outside.contact(self.node, what, **fields)

    # -- jobs

    def _telemetry(self) -> None:
        """Octopus.Client: ``TelemetryConfigurationResource.Enabled`` replaces ``IncludeStatistics``."""
        row = self.store.configuration("telemetry")
        old = self.store.configuration("upgrades") or {}
        if old.get("IncludeStatistics", True) if row is None else row.get("Enabled", True):
            self.contact("telemetry", uri="https://telemetry.octopus.com", installation_id=self.store.installation_id())

    def _upgrade_check(self) -> None:
        if (self.store.configuration("upgrades") or {}).get("AllowChecking", True):
            self.contact("upgrade check", uri="https://octopus.com", installation_id=self.store.installation_id())

    def _acme(self) -> None:
        """The lab has no certificate authority that would answer: it tries again (octopus.com/docs/security/exposing-octopus)."""
        row = self.store.configuration("letsencrypt") or {}
        ends = moments.moment(row.get("CertificateExpiryDate"))
        if row.get("Enabled") and (ends is None or ends - RENEW < self.node.host.clock.now()):
            self.contact("acme", uri="https://acme-v02.api.letsencrypt.org", dns_name=row.get("DnsName"))

    def _audit(self) -> None:
        """octopus.com/docs/security/users-and-teams/auditing/audit-stream; what was there when the node started is not sent (*assumed*)."""
        number = self.store.newest("Event")
        new, self._streamed = number - (number if self._streamed is None else self._streamed), number
        row = self.store.configuration("audit-stream") or {}
        if new > 0 and row.get("Active"):
            self.contact("audit", uri=(row.get("StreamConfigurationResource") or {}).get("Url"), events=new)

    def _feeds(self) -> None:
        poll_feeds(self.node, self.contact)

    def _git(self) -> None:
        """*Assumed*: what has changed in the database is pushed by itself; documented is that each change by a user is a commit."""
        for project in self.store.documents("Project"):
            settings = git_target(self.store, project)
            if settings:
                self.contact("git", action="push", uri=settings["Url"], project=project["Name"])
