# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Permissions by name, and which roles grant them (octopus.com/docs/security/users-and-teams/system-and-space-permissions)."""

from __future__ import annotations

SYSTEM = (
    "AdministerSystem", "ConfigureServer", "EventView", "SpaceCreate", "SpaceDelete", "SpaceEdit", "SpaceView", "TaskCancel", "TaskCreate", "TaskEdit",
    "TaskView", "TaskViewLog", "TeamCreate", "TeamDelete", "TeamEdit", "TeamView", "UserEdit", "UserInvite", "UserRoleEdit", "UserRoleView", "UserView",
)
VIEW = (
    "AccountView", "ArtifactView", "BuiltInFeedDownload", "CertificateView", "DeploymentView", "EnvironmentView", "EventView", "FeedView",
    "LibraryVariableSetView", "LifecycleView", "MachinePolicyView", "MachineView", "ProcessView", "ProjectGroupView", "ProjectView", "ReleaseView",
    "RunbookRunView", "RunbookView", "SubscriptionView", "TaskView", "TaskViewLog", "TeamView", "TenantView", "TriggerView", "VariableView", "WorkerView",
)
CHANGE = (
    "AccountEdit", "ArtifactCreate", "BuiltInFeedAdminister", "BuiltInFeedPush", "DeploymentCreate", "DeploymentDelete", "EnvironmentEdit", "FeedEdit",
    "LibraryVariableSetEdit", "LifecycleEdit", "MachineCreate", "MachineDelete", "MachineEdit", "ProcessEdit", "ProjectCreate", "ProjectDelete",
    "ProjectEdit", "ProjectGroupEdit", "ReleaseCreate", "ReleaseDelete", "ReleaseEdit", "RunbookRunCreate", "SubscriptionEdit", "TaskCancel", "TaskCreate",
    "TaskEdit", "TenantEdit", "TriggerCreate", "TriggerEdit", "VariableEdit", "WorkerEdit",
)

# Id: (name, system permissions, space permissions). Before spaces, a role's permissions are all of one kind.
ROLES: dict[str, tuple[str, tuple[str, ...], tuple[str, ...]]] = {
    "userroles-systemadministrator": ("System administrator", SYSTEM, ()),
    "userroles-spacemanager": ("Space manager", (), (*VIEW, *CHANGE)),
    "userroles-projectviewer": ("Project viewer", (), VIEW),
}
