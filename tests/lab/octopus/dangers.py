# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a running server does to the world outside, and which rows say whether it does: a clone of it does the same.

Each is an event in the ledger of kind ``contact`` (``what`` below; ``node``, and ``task`` where a task does it) or ``retention``, with the
machine that did it. Where a property is both a column and in the row's ``JSON``, the column wins. Properties are named as in the
vendor's API (octopus.com/docs/api, Octopus.Client), as the rows that can be seen in the docs' SQL are.

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
                    (``upgradeavailability.InstallationId``)    row ``upgradeconfiguration``: ``IncludeStatistics`` is false
upgrade check       octopus.com is asked, with that ID          row ``upgradeconfiguration``: ``AllowChecking`` is false
acme                Let's Encrypt renews the certificate        row ``letsencrypt``: ``Enabled`` is false, or there is no row
==================  ==========================================  =====================================================================

``retention`` (``path``, ``of``: package, artifact, log): old releases go unless ``Lifecycle.ReleaseRetentionPolicy.ShouldKeepForever`` (or
``Strategy`` ``Forever``), packages of no release go after ``Feed`` ``feeds-builtin``'s ``DeleteUnreleasedPackagesAfterDays`` (absent, null
or 0: never). When: every 4 hours (#8134), or as the ``CronExpression`` of ``Configuration`` row ``retention`` says.

Tasks run where ``ServerTask.State`` is ``Queued`` and ``QueueTime`` is past, unless their ``Space.TaskQueueStopped``. Scheduled triggers
queue some: ``ProjectTrigger.IsDisabled``, ``Project.IsDisabled``. Nothing of all that happens while no node runs, of course.

*Assumed*: that the rows ``audit-stream``, ``letsencrypt``, ``retention`` and ``telemetry`` have these ids in ``Configuration``.
*Assumed*: that ``MachinePolicyId``, ``PersistenceSettings`` and ``ReleaseRetentionPolicy`` are in the ``JSON``, not in columns.
*Assumed*: the tables' names ``MachinePolicy`` and ``GitCredential``.
"""
