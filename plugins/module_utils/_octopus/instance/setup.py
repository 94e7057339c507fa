# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Instances of Octopus Server on nodes: joined to a database that exists, set up, and never started; or removed."""

from __future__ import annotations

import time
from collections.abc import Sequence

from ansible_collections.octopus.upgrade.plugins.module_utils._octopus.errors import OctopusError
from ansible_collections.octopus.upgrade.plugins.module_utils._windows.connection import ConnectionOptions, WindowsHost
from ansible_collections.octopus.upgrade.plugins.module_utils._windows.errors import HostError
from ansible_collections.octopus.upgrade.plugins.module_utils._windows.parallel import on_each

from .absent import Absent
from .present import Present
from .request import InstanceRequest
from .results import InstanceResult, InstancesFailed


def bring_about(request: InstanceRequest, connections: Sequence[ConnectionOptions]) -> dict[str, InstanceResult]:
    """Do what was asked for: on the first node, then on the others at once.

    The folders are the cluster's, so one node sets them; and what is wrong with a database is found out on one node.

    Raises:
        InstancesFailed: Some nodes did not get there; the message tells each one's reason.
        OctopusError: It cannot be true of several nodes, or there is none.
    """
    request.check_nodes([connection.name for connection in connections])
    results = {connection.name: InstanceResult(request.name) for connection in connections}
    for group in (connections[:1], connections[1:]):
        failures = []
        for name, outcome in on_each(group, lambda host: _on_node(host, request, results[host.name])).items():
            if isinstance(outcome, (OctopusError, HostError)):
                failures.append(outcome.message if name in outcome.message else f"{name}: {outcome.message}")
            elif isinstance(outcome, BaseException):
                raise outcome
        if failures:
            raise InstancesFailed(" ".join(failures), results)
    return results


def _on_node(host: WindowsHost, request: InstanceRequest, result: InstanceResult) -> None:
    start = time.monotonic()
    try:
        (Present if request.state == "present" else Absent)(host, request, result).run()
    except ValueError as error:  # what cannot be passed to a Windows command safely
        raise OctopusError(f"{host.where}: {error}") from error
    finally:
        result.seconds = round(time.monotonic() - start, 3)
