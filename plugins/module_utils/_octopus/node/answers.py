# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Whether each node answers at its own address now, asked as :mod:`health` asks after a start."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ansible_collections.octopus.upgrade.plugins.module_utils._core.stopping import Pool
from ansible_collections.octopus.upgrade.plugins.module_utils._octopus.api.options import ApiOptions
from ansible_collections.octopus.upgrade.plugins.module_utils._octopus.errors import NotAsked, OctopusError
from ansible_collections.octopus.upgrade.plugins.module_utils._windows.parallel import MOST_AT_ONCE

from .health import ask, open_node


def ask_each(hosts: dict[str, dict[str, Any]], options_for: Callable[[str], ApiOptions]) -> None:
    """Add ``answers`` to each instance whose configuration was read.

    Args:
        hosts: What ``hosts_info`` returned.
        options_for: Gives the options for the address of a node.
    """
    instances = [instance for host in hosts.values() for instance in host["instances"] if "url" in instance]
    with Pool(max_workers=min(len(instances), MOST_AT_ONCE) or 1) as pool:
        running = [pool.submit(_ask, instance["url"], options_for) for instance in instances]
    for instance, future in zip(instances, running, strict=True):
        instance["answers"] = future.result()


def _ask(url: str | None, options_for: Callable[[str], ApiOptions]) -> dict[str, Any]:
    if url is None:
        return {"ok": False, "version": None, "found": "no listen prefix that its address could be made from"}
    try:
        with open_node(options_for(url)) as api:
            version, found = ask(api)
    except NotAsked as error:
        return {"ok": None, "version": None, "found": error.message}
    except OctopusError as error:
        return {"ok": False, "version": None, "found": error.message}
    return {"ok": version is not None, "version": version, "found": found}
