#!/usr/bin/python
# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Turn the maintenance mode of an Octopus Server on or off."""

from __future__ import annotations

DOCUMENTATION = r"""
module: octopus_maintenance
short_description: Turn the maintenance mode of an Octopus Server on or off
version_added: 1.0.0
description:
  - While maintenance mode is on, only administrators can change anything or start deployments.
  - Tasks that run or are queued already still run. To make a server quiet, also drain its nodes with
    M(octopus.upgrade.octopus_node).
  - The new state is read back from the server.
  - Where the control node cannot ask, because of its trust, name resolution or proxy, the host of the task is asked from itself, with its
    C(curl.exe).
extends_documentation_fragment:
  - octopus.upgrade.attributes
  - octopus.upgrade.step
  - octopus.upgrade.octopus_api
  - octopus.upgrade.octopus_api.server
  - octopus.upgrade.windows
attributes:
  check_mode:
    support: full
  diff_mode:
    support: full
options:
  state:
    description: The maintenance mode to have.
    type: str
    choices: [enabled, disabled]
    required: true
notes:
  - The flag is in the database, so a backup that is taken while it is on restores with it on.
seealso:
  - module: octopus.upgrade.octopus_node
  - name: Maintenance mode
    description: What Octopus Deploy says about it.
    link: https://octopus.com/docs/administration/managing-infrastructure/maintenance-mode
author:
  - The octopus.upgrade contributors (@octopus-upgrade)
"""

EXAMPLES = r"""
- name: Keep users from changing anything
  octopus.upgrade.octopus_maintenance:
    url: https://octopus.example.com
    api_key: "{{ vault_octopus_api_key }}"
    state: enabled
  register: maintenance

# ... the work ...

- name: Return it to what it was
  octopus.upgrade.octopus_maintenance:
    url: https://octopus.example.com
    api_key: "{{ vault_octopus_api_key }}"
    state: "{{ 'enabled' if maintenance.was_enabled else 'disabled' }}"
"""

RETURN = r"""
enabled:
  description: Whether maintenance mode is on now; in check mode, whether it would be.
  returned: success
  type: bool
  sample: true
was_enabled:
  description: Whether it was on before.
  returned: success
  type: bool
  sample: false
"""

from typing import Any

from ansible_collections.octopus.upgrade.plugins.module_utils._core.module import run_module
from ansible_collections.octopus.upgrade.plugins.module_utils._octopus.api import maintenance
from ansible_collections.octopus.upgrade.plugins.module_utils._octopus.api.options import ApiOptions, api_spec
from ansible_collections.octopus.upgrade.plugins.module_utils._octopus.node.from_node import open_api
from ansible_collections.octopus.upgrade.plugins.module_utils._windows.connection import CONNECTION_SPEC, ConnectionOptions

SPEC = {"argument_spec": {**api_spec(), **CONNECTION_SPEC, "state": {"type": "str", "choices": ["enabled", "disabled"], "required": True}}}


def run(params: dict[str, Any], check_mode: bool, diff: bool) -> dict[str, Any]:
    """Switch maintenance mode on or off; the module's result."""
    wanted = params["state"] == "enabled"
    warnings: list[str] = []
    connections = [ConnectionOptions.from_params(params["connection"])] if params["connection"] else []
    with open_api(ApiOptions.for_url(params, params["url"], params["api_key"]), connections, None, warnings) as api:
        was = maintenance.is_enabled(api)
        if was is not wanted and not check_mode:
            maintenance.set_enabled(api, wanted)
    result: dict[str, Any] = {"changed": was is not wanted, "enabled": wanted, "was_enabled": was}
    if warnings:
        result["warnings"] = warnings
    if diff:
        result["diff"] = {"before": f"maintenance mode: {was}\n", "after": f"maintenance mode: {wanted}\n"}
    return result


def main() -> None:
    run_module(SPEC, run)


if __name__ == "__main__":
    main()
