# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What Windows itself tells of Octopus Server on a host, without starting the program: that could keep an installer from replacing it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ansible_collections.octopus.upgrade.plugins.module_utils._core.errors import UpgradeError
from ansible_collections.octopus.upgrade.plugins.module_utils._octopus.host import watchdog
from ansible_collections.octopus.upgrade.plugins.module_utils._octopus.host.cli import DEFAULT_INSTANCE
from ansible_collections.octopus.upgrade.plugins.module_utils._octopus.host.instances import PRODUCT, SERVICE
from ansible_collections.octopus.upgrade.plugins.module_utils._windows import jobs, msi, registry, services
from ansible_collections.octopus.upgrade.plugins.module_utils._windows.connection import ConnectionOptions, WindowsHost
from ansible_collections.octopus.upgrade.plugins.module_utils._windows.parallel import on_each


def services_info(connections: Sequence[ConnectionOptions]) -> dict[str, dict[str, Any]]:
    """Return what Windows tells on each host, queried at once. A host that cannot be queried has only ``error``."""
    found: dict[str, dict[str, Any]] = {}
    for name, outcome in on_each(connections, _host).items():
        if isinstance(outcome, UpgradeError):
            found[name] = {"error": str(outcome)}
        elif isinstance(outcome, Exception):
            raise outcome
        else:
            found[name] = outcome
    return found


def _host(host: WindowsHost) -> dict[str, Any]:
    names = [name for name in registry.subkeys(host, services.KEY) if _is_octopus(name)]
    versions = [product.version for product in msi.products(host, PRODUCT) if product.version]
    return {
        "error": None,
        "version": versions[0] if len(versions) == 1 else None,
        "services": [one for name in sorted(names) if (one := _service(host, name))],
        "watchdog": watchdog.info(host),
        "running_jobs": jobs.unfinished(host),
    }


def _is_octopus(name: str) -> bool:
    return name.lower() == SERVICE.lower() or name.lower().startswith(f"{SERVICE.lower()}: ")


def _service(host: WindowsHost, name: str) -> dict[str, Any] | None:
    """Return the state of a service; None where only its registry key is left."""
    now, config = services.query(host, name), services.config(host, name)
    if now is None or config is None:
        return None
    instance = name.partition(": ")[2] or DEFAULT_INSTANCE
    return {"name": name, "instance": instance, "state": now.state, "start_type": services.start_type(host, config)}
