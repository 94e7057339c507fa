# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What is harmless of projects, their triggers and what they are deployed to. Data alone."""

from __future__ import annotations

from .entry import CLIENT, DOCS, DUMP, ISSUES, Known, known

_TARGET = "a disabled one is not contacted"
_WORK = "only a running task uses it, and no task runs"
_SHOWN = "it says how something is shown, or what users may do"

ENTRIES: tuple[Known, ...] = (
    # -- any table
    *known("*", "a name or a text for people", f"{CLIENT} INamedResource", "Name: switch", "Description", "Notes", "Slug: switch secret"),
    *known("*", "which of several is taken where none is named", f"{CLIENT} WorkerPoolResource, SpaceResource", "IsDefault: switch"),
    *known("*", "the time of a change", f"{CLIENT} Resource", "LastModifiedOn: schedule", "LastModified: schedule", since="3.0"),
    # -- targets and workers
    *known(
        "Machine", _TARGET, f"{CLIENT} MachineBasedResource; {DUMP}",
        *("Uri: address", "Thumbprint: secret", "Endpoint.**", "HasLatestCalamari: switch", "IsInProcess: switch", "Fingerprint: secret"),
        *("SkipInitialHealthCheck: switch", "Host: address", "ClusterUrl: address", "ShellName", "StatusSummary: address"),
        "IsDisabled: switch",
        by="targets",
    ),
    *known(
        "Worker", _TARGET, f"{CLIENT} WorkerResource; {DUMP}",
        *("Uri: address", "Thumbprint: secret", "Endpoint.**", "HasLatestCalamari: switch", "IsInProcess: switch", "Fingerprint: secret"),
        *("SkipInitialHealthCheck: switch", "Host: address", "StatusSummary: address", "IsDisabled: switch"),
        since="2018.7", by="workers",
    ),
    *known("WorkerPool", "dynamic pools are Octopus Cloud's", f"{CLIENT} WorkerPoolResource", "WorkerType", since="2018.7", by="execution"),
    *known(
        "MachinePolicy", "it applies to targets, which are disabled", f"{CLIENT} MachineHealthCheckPolicy, MachineConnectivityPolicy",
        *("MachineHealthCheckPolicy.**", "MachineConnectivityPolicy.**", "MachineRpcCallRetryPolicy.**"),
        *("PollingRequestQueueTimeout: schedule", "PollingRequestMaximumMessageProcessingTimeout: schedule"),
        *("ConnectionRetrySleepInterval: schedule", "ConnectionRetryTimeLimit: schedule", "ConnectionConnectTimeout: schedule"),
        by="targets",
    ),
    *known(
        "MachinePolicy", "a package cache is emptied on targets, which are disabled", f"{CLIENT} MachinePackageCacheRetentionPolicy",
        "MachinePackageCacheRetentionPolicy.**", since="2025.2", by="targets",
    ),
    *known(
        "MachinePolicy", "what it deletes and updates is switched off", f"{CLIENT} MachineCleanupPolicy, MachineUpdatePolicy",
        "MachineCleanupPolicy.DeleteMachinesElapsedTimeSpan: schedule", "MachineUpdatePolicy.CalamariUpdateBehavior: switch",
        by="machine_policies",
    ),
    *known("Proxy", "only what is disabled would be reached through it", f"{CLIENT} ProxyResource", "Host: address", "Password: secret",
           since="3.4", by="targets"),
    *known(
        "DeploymentEnvironment", _SHOWN, f"{CLIENT} EnvironmentResource",
        *("UseGuidedFailure: switch", "AllowDynamicInfrastructure: switch", "ExtensionSettings.**"),
        by="execution",
    ),
    # -- projects
    *known(
        "Project", "an enabled project runs nothing by itself: what starts it is off", f"{CLIENT} ProjectResource; {DUMP}",
        *("IsDisabled: switch", "DiscreteChannelRelease: switch", "DefaultToSkipIfAlreadyInstalled: switch", "IsVersionControlled: switch"),
        *("RetainTenantConnections: switch", "ForcePackageDownload: switch", "AllowIgnoreChannelRules: switch", "IsBadgesEnabled: switch"),
        *("ExecuteDeploymentsOnEventBasedPipeline: switch", "CombineHealthAndSyncStatusInDashboardLiveStatus: switch"),
        *("ProjectConnectivityPolicy.**", "VersioningStrategy.**", "Icon.**", "Templates.**", "ReleaseNotesTemplate", "DeploymentChangesTemplate"),
        by="execution",
    ),
    *known("Project", "it names what creates releases, which is off", f"{CLIENT} ReleaseCreationStrategyResource",
           "ReleaseCreationStrategy.**", "AutoCreateRelease: switch", by="automatic_releases"),
    *known("Project", "the extension that reads it is off", f"{DOCS}approvals/servicenow", "ExtensionSettings.**", since="2022.1", by="extensions"),
    *known(
        "Project", "a repository without credentials, to which nothing can be written", f"{CLIENT} PersistenceSettings",
        *("PersistenceSettings.Url: address secret", "PersistenceSettings.ProtectedDefaultBranch: switch"),
        *("PersistenceSettings.VariablesAreInGit: switch", "PersistenceSettings.RunbooksAreInGit: switch"),
        *("PersistenceSettings.ConversionState.**", "PersistenceSettings.Credentials.**", "PersistenceSettings.ProtectedBranchNamePatterns"),
        since="2021.1", by="git",
    ),
    *known("ProjectTrigger", "a disabled trigger does not look at it", f"{CLIENT} TriggerFilterResource, TriggerActionResource",
           *("**: schedule, address", "Filter.**", "Action.**", "Filter_*", "Action_*", "TriggerType: switch", "IsDisabled: switch"),
           since="3.4", by="triggers"),
    *known("Lifecycle", "every policy keeps everything", f"{CLIENT} RetentionPeriod",
           "ReleaseRetentionPolicy.ShouldKeepForever: switch", "TentacleRetentionPolicy.ShouldKeepForever: switch",
           "Phases.ReleaseRetentionPolicy.ShouldKeepForever: switch", "Phases.TentacleRetentionPolicy.ShouldKeepForever: switch", by="retention"),
    *known("Lifecycle", _SHOWN, f"{CLIENT} PhaseResource", "Phases.IsOptionalPhase: switch", "Phases.IsPriorityPhase: switch"),
    *known("Runbook", "every policy keeps everything", f"{CLIENT} RunbookResource",
           "RunRetentionPolicy.ShouldKeepForever: switch", since="2019.10", by="retention"),
    *known("Runbook", _WORK, f"{CLIENT} RunbookResource",
           *("ForcePackageDownload: switch", "FailTargetDiscovery: switch", "CancelQueuedTasks: switch", "CancelRunningTasks: switch"),
           *("ConnectivityPolicy.**", "MultiTenancyMode", "DefaultGuidedFailureMode"), since="2019.10", by="execution"),
    *known("RetentionPolic*", "every policy keeps everything", f"{DOCS}administration/retention-policies", "**: switch schedule",
           since="2025.3", by="retention"),
    *known("Channel", _WORK, f"{CLIENT} ChannelResource", "Rules.**", "GitReferenceRules", "GitResourceRules.**",
           "EphemeralEnvironmentNameTemplate", by="execution"),
    *known("DeploymentFreeze", "a freeze only holds deployments back", f"{ISSUES}8958; {CLIENT} DeploymentFreezes",
           *("Start: schedule", "End: schedule", "StartTime: schedule", "EndTime: schedule", "RecurringSchedule.**"), since="2024.2"),
    *known("DeploymentFreezeOverride", "it lets through a deployment that a user asked for", f"{ISSUES}8863", since="2024.2", by="execution"),
    *known("LibraryVariableSet", _WORK, f"{CLIENT} LibraryVariableSetResource", "Templates.**", by="execution"),
    *known("Tenant", _SHOWN, f"{CLIENT} TenantResource", "IsDisabled: switch", "Icon.**", since="3.4"),
    *known("TagSet", _SHOWN, f"{CLIENT} TagSetResource", "IsSystem: switch", since="3.4"),
    *known(
        "Feed", "only a running task or a trigger asks it, and both are off", f"{CLIENT} FeedResource; {DUMP}",
        *("FeedUri: address", "Username: address secret", "Password: secret", "EnhancedMode: switch", "DownloadRetryBackoffSeconds: schedule"),
        *("AccessKey: secret", "SecretKey: secret", "UseMachineCredentials: switch", "RegistryPath: address", "OidcAuthentication.**"),
        by="execution",
    ),
    *known("Feed", "the packages are in the clone's own folder", f"{CLIENT} BuiltInFeedResource",
           "DeleteUnreleasedPackagesAfterDays: schedule", "DeletePackagesAssociatedWithReleases: switch", by="retention"),
    *known("Feed", "it synchronizes the package list with the clone's own folder", f"{CLIENT} BuiltInFeedResource",
           "IsBuiltInRepoSyncEnabled: switch", since="2022.1", by="folders"),
    # -- what work signs in with
    *known("Account", _WORK, f"{CLIENT} AccountResource and its kinds", by="execution"),
    *known("Certificate", _WORK, f"{CLIENT} CertificateResource; Tentacles trust the server's own one, and none is contacted", by="execution"),
    *known("GitCredential", f"{_WORK}; projects have lost their references", f"{CLIENT} GitCredentialResource; {ISSUES}8836",
           since="2022.1", by="execution"),
    # -- subscriptions
    *known("Subscription", "a disabled one tells nobody", f"{CLIENT} SubscriptionResource, EventNotificationSubscription; {DUMP}",
           "EventNotificationSubscription.**", "Recipients: address", "IsDisabled: switch", since="3.5", by="subscriptions"),
)  # fmt: skip
