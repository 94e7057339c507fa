# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What is harmless of settings, spaces, nodes, users and their sign-in. Data alone."""

from __future__ import annotations

from .entry import API, CLIENT, DOCS, DUMP, ISSUES, SANITISE, Known, known

_SIGN_IN = "how users sign in is kept on purpose: it is asked when one does"
_OFF = "the extension is off"
_SPEC = "replies of a 2019.4 server in https://github.com/OctopusDeploy/octopus-serverspec-extensions"
_EXTENSIONS = "https://github.com/OctopusDeploy/ServerExtensibility"
_MINE = "its own settings, which lead nowhere"

ENTRIES: tuple[Known, ...] = (
    # -- users
    *known("User", "who may sign in, and how they are reached", f"{CLIENT} UserResource; {DUMP}",
           *("EmailAddress: address", "Username: address secret", "DisplayName: address", "IsActive: switch", "IsService: switch"),
           *("IsRequestor: switch", "CanPasswordBeEdited: switch", "IdentificationToken: secret", "PasswordHash: secret", "Password: secret"),
           *("PasswordHashed: secret", "PasswordSalt: secret", "Identities.**", "ExternalIdentifiers", "ExternalId"), by="mail"),
    *known("ApiKey", "others sign in with it; whether it stays is the operator's choice", f"{CLIENT} ApiKeyResource; {SANITISE}",
           *("ApiKeyHashed: secret", "ApiKey.**", "Purpose: switch schedule", "Expires: schedule"), by="api_keys"),
    *known("Team", "what users may do", f"{CLIENT} TeamResource",
           *("CanBeDeleted: switch", "CanBeRenamed: switch", "CanChangeRoles: switch", "CanChangeMembers: switch"),
           *("ExternalSecurityGroups.**", "ExternalId")),
    *known("UserRole", "what users may do", f"{CLIENT} UserRoleResource",
           "CanBeDeleted: switch", "GrantedSpacePermissions: switch", "GrantedSystemPermissions: switch"),
    *known("UserOnboarding", "what a user has been shown", f"{ISSUES}8634", since="2024.1"),
    # -- spaces and nodes
    *known("Space", "its task queue, which is the operator's choice", f"{CLIENT} SpaceResource; {_SPEC}", "TaskQueueStopped: switch",
           since="2019.1", by="execution"),
    *known("Space", "what users see", f"{CLIENT} SpaceResource", "IsPrivate: switch", "Icon.**", since="2019.1"),
    *known("DeletedSpace", "it is no longer there", f"{ISSUES}8779", since="2019.1"),
    *known("DashboardConfiguration", "what users see", f"{ISSUES}8847"),
    *known("OctopusServerNode", "the clone's own node", f"{CLIENT} OctopusServerNodeResource; {DUMP}",
           "IsInMaintenanceMode: switch", "Name: switch address", "LastSeen: schedule", by="server_nodes"),
    *known("OctopusServerNodeStatus", "the clone's own node", f"{ISSUES}8816; {SANITISE}", since="2019.1", by="server_nodes"),
    # -- rows of Configuration
    *known("Configuration/maintenance", "maintenance mode is off", SANITISE, by="maintenance"),
    *known("Configuration/upgradeavailability", "what was known of newer versions; nothing is asked any more", SANITISE,
           "**: address schedule switch", by="upgrade_check"),
    *known("Configuration/upgrades", "which notices are shown", f"{API} Upgrade; {_SPEC}", "NotificationMode", by="upgrade_check"),
    *known("Configuration/smtp", "without a host no mail is sent", f"{CLIENT} SmtpConfigurationResource; {_SPEC}", by="mail"),
    *known("Configuration/server", "the clone's own address", f"{CLIENT} ServerConfigurationResource", "ServerUri: address", by="server_uri"),
    *known("Configuration/certificate", "which certificate is the server's own", f"{CLIENT} CertificateConfigurationResource", "Thumbprint: secret"),
    *known("Configuration/license", "a text, which asks nobody", f"{CLIENT} LicenseResource", "LicenseText", "SerialNumber: secret"),
    *known("Configuration/server-folders", "folders, which are the clone's own", f"{CLIENT} ServerConfigurationSections",
           "**: address", by="folders"),
    *known("Configuration/authentication", _SIGN_IN, f"{CLIENT} AuthenticationResource", "**: switch"),
    *known("Configuration/webportal", "how the portal answers", f"{CLIENT} WebPortalConfigurationResource"),
    *known("Configuration/eventretention", "what it removes goes to the clone's own folder",
           f"{DOCS}security/users-and-teams/auditing, archived audit logs", "EventRetentionDays: schedule", since="2022.3", by="event_retention"),
    *known("Configuration/retentionpolicies", "when policies apply that keep everything", f"{CLIENT} RetentionConfigurationResource",
           "CronExpression: schedule", by="retention"),
    *known("Configuration/builtinrepositoryconfigurations-single", "the packages are in the clone's own folder", f"{ISSUES}5338",
           "DeleteUnreleasedPackagesAfterDays: schedule", until="2019.1", by="retention"),
    *known("Configuration/retention-default", "the default of policies, which all say what they keep", f"{API} Configuration",
           "RetentionDays: schedule", since="2025.3", by="retention"),
    *known("Configuration/open-telemetry-trace-file-export", "it writes files to the clone's own folder", f"{API} Configuration",
           since="2026.1", by="folders"),
    *known("Configuration/dynamic-extensions-scripts", "without a sign of its own it holds scripts; the program's switch turns them off",
           f"{ISSUES}9251", "Settings.**", since="2024.4", by="dynamic_extensions"),
    # Ids that no public source has: told by properties that nothing else has.
    *known("Configuration/*", "which features the portal shows, and what steps may use", f"{API} Features Configuration",
           *("IsMultiTenancyEnabled: switch", "IsDockerEnabled: switch", "IsBuiltInWorkerEnabled: switch", "IsHelpSidebarEnabled: switch"),
           *("HelpSidebarSupportLink: address", "IsKubernetesCloudTargetDiscoveryEnabled: switch", "IsExperimentalUIFeatureEnabled: switch"),
           *("IsCompositeDockerHubRegistryFeedEnabled: switch", "IsConfigureFeedsWithLocalOrSmbPathsEnabled: switch"),
           *("IsProjectsPageOnboardingEnabled: switch", "IsProjectsPageOptimizationEnabled: switch"),
           *("IsNavigationVisualUpliftEnabled: switch", "IsBulkDeploymentCreationEnabled: switch"), by="execution"),
    *known("Configuration/*", "a folder, which is the clone's own", f"{DOCS}octopus-rest-api/octopus.server.exe-command-line/path",
           "*Directory: address", by="folders"),
    *known("Configuration/*", "no step is updated", f"{API} Features Configuration",
           *("IsAutomaticStepUpdatesEnabled: switch", "IsCommunityActionTemplatesEnabled: switch"), by="step_updates"),
    *known("Configuration/*", "no webhook starts anything", f"{API} Features Configuration", "IsWebhookTriggerEnabled: switch", since="2026.3",
           by="webhook_triggers"),
    *known("Configuration/*", "the GitHub App is not reached", f"{API} Features Configuration", "IsGitHubAppEnabled: switch", since="2026.1",
           by="github_app"),
    *known("Configuration/*", "no certificate is renewed", f"{API} Let's Encrypt",
           *("DnsName: address", "RegistrationEmailAddress: address", "AcceptLetsEncryptTermsOfService: switch"),
           *("CertificateExpiryDate: schedule", "CertificateThumbprint: secret"), by="lets_encrypt"),
    *known("Configuration/*", "the audit log is not streamed", f"{API} Audit Stream", "StreamConfigurationResource.**", since="2022.4",
           by="audit_stream"),
    *known("Configuration/*auditstream*", "the audit log is not streamed", f"{DOCS}security/users-and-teams/auditing/audit-stream",
           since="2022.4", by="audit_stream"),
    *known("Configuration/*audit-stream*", "the audit log is not streamed", f"{DOCS}security/users-and-teams/auditing/audit-stream",
           since="2022.4", by="audit_stream"),
    *known("Configuration/*", "no telemetry is sent", f"{CLIENT} TelemetryConfigurationResource", "ShowAsNewUntil: schedule", since="2022.1",
           by="telemetry"),
    *known("Configuration/*platform*hub*", "a repository without credentials", f"{API} Platform Hub", "Url: address", "Credentials.**",
           "ProtectedDefaultBranch: switch", since="2025.2", by="git"),
    # -- extensions
    *(
        one
        for name in ("octopusid", "aad", "googleapps", "od", "ldap", "directoryservices", "usernamepassword", "guest", "generic-oidc")
        for one in known(f"ExtensionConfiguration/authentication-{name}", _SIGN_IN, f"{_EXTENSIONS}; {CLIENT} authentication")
    ),
    *(
        one
        for name, since in (
            *(("issuetracker-jira", "2019.2"), ("issuetracker-github", "2019.3"), ("issuetracker-azuredevops", "2019.4")),
            *(("issuetracker-azuredevops-v2", "2019.4"), ("jira-integration", "2019.2"), ("servicenow-integration", "2022.1")),
            ("jiraservicemanagement-integration", "2022.2"),
        )
        for one in known(f"ExtensionConfiguration/{name}", _OFF, f"{_EXTENSIONS}; {DOCS}", since=since, by="extensions")
    ),
)  # fmt: skip
