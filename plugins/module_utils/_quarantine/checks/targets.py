# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Whether deployment targets, workers, triggers and subscriptions are disabled, and nothing deploys or deletes by itself."""

from __future__ import annotations

from ansible_collections.octopus.upgrade.plugins.module_utils._mssql.quoting import quote_identifier

from .look import Check, Look, check, is_true


def disabled(look: Look, name: str, table: str) -> Check:
    """Every row says that it is disabled, in its column and wherever its JSON repeats that."""
    if not look.has(table):
        return Check(name, True, 0, f"this version has no table {table}")
    wrong: list[str] = []
    if look.has(table, "IsDisabled"):
        wrong += look.ids(table, "[IsDisabled] IS NULL OR [IsDisabled] <> 1")
    else:
        # Before 2018.4 a trigger cannot be disabled at all: what its JSON says of that is not read.
        held = () if table == "ProjectTrigger" else look.properties(table, "IsDisabled")
        said = {key for key, path, value in held if "." not in path and is_true(value)}
        wrong += [key for key in look.ids(table) if key not in said]
    wrong += [key for key, path, value in look.properties(table, "IsDisabled") if "." not in path and not is_true(value)]
    return check(name, wrong, f"not disabled in {table}", f"every row of {table} is disabled")


def automatic_releases(look: Look) -> Check:
    """No project creates releases by itself."""
    wrong: list[str] = []
    if look.has("Project", "AutoCreateRelease"):
        wrong += look.ids("Project", "[AutoCreateRelease] <> 0")
    wrong += [key for key, _path, value in look.properties("Project", "AutoCreateRelease") if is_true(value)]
    wrong += look.unread("Project", "AutoCreateRelease")
    return check("automatic_releases", wrong, "projects that create releases by themselves", "no project creates releases by itself")


def execution(look: Look) -> Check:
    """No deployment can run: the task queue of each space is stopped, or, where there are no spaces, each project is disabled."""
    table, column = ("Space", "TaskQueueStopped") if look.has("Space") else ("Project", "IsDisabled")
    if look.has(table, column):
        wrong = look.ids(table, f"{quote_identifier(column)} IS NULL OR {quote_identifier(column)} <> 1")
    else:
        said = {key for key, path, value in look.properties(table, column) if "." not in path and is_true(value)}
        wrong = [key for key in look.ids(table) if key not in said]
    wrong += [key for key, path, value in look.properties(table, column) if "." not in path and not is_true(value)]
    return check("execution", wrong, "deployments can run in", "no deployment can run")


def machine_policies(look: Look) -> Check:
    """No machine policy deletes or updates machines."""
    wrong = [
        key
        for key, _path, value in look.properties("MachinePolicy", "DeleteMachinesBehavior")
        if value != 0 and str(value).lower() != "donotdelete"
    ]
    wrong += [
        key
        for key, _path, value in look.properties("MachinePolicy", "TentacleUpdateBehavior", "KubernetesAgentUpdateBehavior")
        if value != 0 and str(value).lower() != "neverupdate"
    ]
    wrong += look.unread("MachinePolicy")
    wrong += look.without("MachinePolicy", "DeleteMachinesBehavior", "TentacleUpdateBehavior")
    return check("machine_policies", wrong, "policies that delete or update machines", "no policy deletes or updates machines")
