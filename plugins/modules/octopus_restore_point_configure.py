#!/usr/bin/python
# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Restore the configuration of nodes from a restore point."""

from __future__ import annotations

DOCUMENTATION = r"""
module: octopus_restore_point_configure
short_description: Restore the configuration of nodes from a restore point
version_added: 1.0.0
description:
  - Registers the instance on each node where it is not registered, and restores the configuration file where it differs. The file that was there
    is renamed.
  - All configurations are decrypted and verified before the first one is restored.
  - Without O(restore_point), it takes the newest signed one.
extends_documentation_fragment:
  - octopus.upgrade.attributes
  - octopus.upgrade.attributes.vault_jobs
  - octopus.upgrade.step
  - octopus.upgrade.restore_point
  - octopus.upgrade.vault
  - octopus.upgrade.windows.nodes
  - octopus.upgrade.windows.job
attributes:
  check_mode:
    support: full
    details:
      - Reads by a job in check mode too; the job leaves nothing on the host.
  diff_mode:
    support: none
options:
  nodes:
    description: Inventory names of the nodes to configure. By default, the host of the task. Jobs run on the first one.
    type: list
    elements: str
seealso:
  - module: octopus.upgrade.octopus_restore_point
  - module: octopus.upgrade.octopus_restore_point_verify
author:
  - The octopus.upgrade contributors (@octopus-upgrade)
"""

EXAMPLES = r"""
- name: Restore the configurations, after the old program has been installed again
  octopus.upgrade.octopus_restore_point_configure:
    nodes: [octo-a, octo-b]
    root: \\nas\octopus-backups\prod
    restore_point: 20261123T210000Z-2025.3.14357
    vault_password_file: ~/.octopus-vault-password
"""

RETURN = r"""
restore_point:
  description: Id of the restore point.
  returned: success
  type: str
  sample: 20261123T210000Z-2025.3.14357
path:
  description: Its folder.
  returned: success
  type: str
  sample: \\nas\octopus-backups\prod\20261123T210000Z-2025.3.14357
nodes:
  description: What was done on each node.
  returned: success
  type: dict
  contains:
    config_path:
      description: The configuration file.
      type: str
    restored:
      description: Whether it was restored, or would be.
      type: bool
    backup_file:
      description: The new name of the file that was replaced; null where there was none.
      type: str
    registered:
      description: Whether the instance was registered again, or would be.
      type: bool
  sample:
    octo-a:
      config_path: C:\Octopus\OctopusServer.config
      restored: true
      backup_file: C:\Octopus\OctopusServer.config.before-rollback-20261123T210000Z-2025.3.14357
      registered: false
"""

from typing import Any

from ansible_collections.octopus.upgrade.plugins.module_utils._core.module import run_module
from ansible_collections.octopus.upgrade.plugins.module_utils._restore_point.configure import ConfigureRequest, configure
from ansible_collections.octopus.upgrade.plugins.module_utils._restore_point.share import POINT_SPEC, Share
from ansible_collections.octopus.upgrade.plugins.module_utils._secrets.vault import vault_spec
from ansible_collections.octopus.upgrade.plugins.module_utils._windows.connection import (
    JOB_SPEC,
    NODES_SPEC,
    ConnectionOptions,
    WindowsHost,
)

SPEC: dict[str, Any] = {
    "argument_spec": {
        **NODES_SPEC,
        **JOB_SPEC,
        **vault_spec(),
        **POINT_SPEC,
        "nodes": {"type": "list", "elements": "str"},
    }
}


def run(params: dict[str, Any], check_mode: bool, diff: bool) -> dict[str, Any]:
    """Restore what differs; the module's result."""
    request = ConfigureRequest.from_params(params, check_mode)
    connections = [ConnectionOptions.from_params(one) for one in params["connections"] or [None]]
    with WindowsHost(connections[0]) as host:
        return configure(request, Share.from_params(params, host), connections)


def main() -> None:
    run_module(SPEC, run)


if __name__ == "__main__":
    main()
