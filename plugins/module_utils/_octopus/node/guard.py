# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The guard of a run on the coordinator, with the service and the watchdog that it would start again."""

from __future__ import annotations

from typing import Any

from ansible_collections.octopus.upgrade.plugins.module_utils._octopus.host import watchdog
from ansible_collections.octopus.upgrade.plugins.module_utils._octopus.host.instances import OctopusHost
from ansible_collections.octopus.upgrade.plugins.module_utils._run import guard
from ansible_collections.octopus.upgrade.plugins.module_utils._run.holder import Holder
from ansible_collections.octopus.upgrade.plugins.module_utils._run.instance_runs import check_run_id, folder_of
from ansible_collections.octopus.upgrade.plugins.module_utils._windows.connection import WindowsHost

from . import portal, services


def bring_to_state(host: WindowsHost, params: dict[str, Any], check_mode: bool) -> dict[str, Any]:
    """Arm or disarm the guard; the module's result.

    Args:
        host: The coordinator.
        params: As octopus_guard has them.
        check_mode: Whether to predict only.

    Raises:
        InvalidValue: A name cannot be passed safely.
        LockLost: This process does not hold the lock of the instance.
        OctopusError: There is no such service.
        HostError: The host refuses.
    """
    folder, holder = folder_of(params), Holder.from_dict(params["holder"])
    if params["state"] == "disarmed":
        return {"changed": guard.disarm(host, folder, params["instance"], holder, check_mode), "task": None, "service": None}
    check_run_id(params["run_id"])
    service = services.find(OctopusHost(host), params["instance_name"])
    watched = watchdog.find(host) if params["watchdog"] else None
    wanted = guard.Guard(
        folder,
        params["instance"],
        params["run_id"],
        params["minutes"],
        service.name,
        params["start_type"],
        watched.name if watched else None,
        params["webhook"],
        portal.rule(service.instance),
    )
    return {"changed": guard.arm(host, wanted, holder, check_mode), "task": wanted.task, "service": service.name}
