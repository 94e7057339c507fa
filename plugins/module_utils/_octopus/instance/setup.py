# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Instances of Octopus Server on nodes: joined to an existing database and set up without being started, or removed."""

from __future__ import annotations

import time
from collections.abc import Sequence

from ansible_collections.octopus.upgrade.plugins.module_utils._windows.connection import ConnectionOptions, WindowsHost
from ansible_collections.octopus.upgrade.plugins.module_utils._windows.parallel import failures, on_each

from .absent import Absent
from .present import Present
from .request import InstanceRequest
from .results import InstanceResult, InstancesFailed


def set_up(request: InstanceRequest, connections: Sequence[ConnectionOptions]) -> dict[str, InstanceResult]:
    """Set up or remove the instance, on the first node and then on all others at once.

    The folders belong to the whole cluster, so one node sets them; and a problem with the database shows on one node first.

    Raises:
        InstancesFailed: Some nodes failed; the message says why for each.
        OctopusError: The request cannot apply to several nodes, or there is no node.
    """
    request.check_nodes([connection.name for connection in connections])
    results = {connection.name: InstanceResult(request.name) for connection in connections}
    for group in (connections[:1], connections[1:]):
        failed = failures(on_each(group, lambda host: _on_node(host, request, results[host.name])))
        if failed:
            raise InstancesFailed(" ".join(failed), results)
    return results


def _on_node(host: WindowsHost, request: InstanceRequest, result: InstanceResult) -> None:
    start = time.monotonic()
    try:
        (Present if request.state == "present" else Absent)(host, request, result).run()
    finally:
        result.seconds = round(time.monotonic() - start, 3)
