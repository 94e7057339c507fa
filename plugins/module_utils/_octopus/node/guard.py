# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The guards of a run on the nodes, each with the service and the watchdog that it would start again."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ansible_collections.octopus.upgrade.plugins.module_utils._core.errors import InvalidValue
from ansible_collections.octopus.upgrade.plugins.module_utils._octopus.errors import OctopusError
from ansible_collections.octopus.upgrade.plugins.module_utils._octopus.host import watchdog
from ansible_collections.octopus.upgrade.plugins.module_utils._octopus.host.instances import OctopusHost
from ansible_collections.octopus.upgrade.plugins.module_utils._run import guard
from ansible_collections.octopus.upgrade.plugins.module_utils._run.errors import LockLost
from ansible_collections.octopus.upgrade.plugins.module_utils._run.guard_script import TASK_FOLDER, Guard
from ansible_collections.octopus.upgrade.plugins.module_utils._run.holder import Holder
from ansible_collections.octopus.upgrade.plugins.module_utils._run.instance_runs import check_run_id, folder_of
from ansible_collections.octopus.upgrade.plugins.module_utils._windows.connection import ConnectionOptions, WindowsHost
from ansible_collections.octopus.upgrade.plugins.module_utils._windows.parallel import failures, on_each
from ansible_collections.octopus.upgrade.plugins.module_utils._windows.services import SETTABLE

from . import portal, services


def bring_to_state(connections: Sequence[ConnectionOptions], params: dict[str, Any], check_mode: bool) -> dict[str, Any]:
    """Arm or disarm the guards; the module's result.

    Args:
        connections: The nodes.
        params: As octopus_guard has them.
        check_mode: Whether to predict only.

    Raises:
        InvalidValue: A name cannot be passed safely.
        LockLost: This process does not hold the lock of the instance on any of the nodes.
        OctopusError: A node refuses, or its guard has acted.
    """
    wrong = sorted(set(params["start_types"].values()) - set(SETTABLE))
    if wrong:
        raise InvalidValue(f"Expected start_types of {', '.join(SETTABLE)}, but found {', '.join(map(str, wrong))}.")
    armed = params["state"] == "armed"
    if armed:
        check_run_id(params["run_id"])
    outcomes = on_each(connections, lambda host: _arm(host, params, check_mode) if armed else _disarm(host, params, check_mode))
    errors = [one for one in outcomes.values() if isinstance(one, LockLost)]
    if errors and len(errors) == len(connections):
        raise errors[0]
    failed = failures(outcomes)
    if failed:
        raise OctopusError(" ".join(failed))
    found = {name: one for name, one in outcomes.items() if isinstance(one, dict)}
    return {
        "changed": any(one.pop("changed") for one in found.values()),
        "task": TASK_FOLDER + params["instance"] if armed else None,
        "nodes": found,
        "guarded": list(found) if armed else [],
    }


def _arm(host: WindowsHost, params: dict[str, Any], check_mode: bool) -> dict[str, Any]:
    service = services.find(OctopusHost(host), params["instance_name"])
    watched = watchdog.find(host) if host.name in params["watched"] else None
    wanted = Guard(
        folder_of(params),
        params["instance"],
        params["run_id"],
        params["minutes"],
        service.name,
        params["start_types"].get(host.name),
        watched.name if watched else None,
        params["webhook"],
        portal_rule=portal.rule(service.instance),
        journalled=host.name == (params["coordinator"] or host.name),
    )
    return {"changed": guard.arm(host, wanted, Holder.from_dict(params["holder"]), check_mode), "service": service.name}


def _disarm(host: WindowsHost, params: dict[str, Any], check_mode: bool) -> dict[str, Any]:
    holder = Holder.from_dict(params["holder"])
    return {"changed": guard.disarm(host, folder_of(params), params["instance"], holder, check_mode), "service": None}
