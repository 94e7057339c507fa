#!/usr/bin/python
# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Read the Tentacles of a Windows host."""

from __future__ import annotations

DOCUMENTATION = r"""
module: octopus_tentacle_info
short_description: Read the Tentacles of a Windows host
version_added: 1.0.0
description:
  - Reads the instances of Tentacle on the host of the task, with version, certificate, service, and the servers that they trust and poll.
  - Whether an instance is a deployment target or a worker, only the server knows. To the host it is the same.
  - Changes nothing, and asks no server.
extends_documentation_fragment:
  - octopus.upgrade.attributes
  - octopus.upgrade.step
  - octopus.upgrade.windows
attributes:
  check_mode:
    support: full
  diff_mode:
    support: none
options:
  instances:
    description: Names of the instances to read; by default all of the host.
    type: list
    elements: str
seealso:
  - module: octopus.upgrade.octopus_tentacle
author:
  - The octopus.upgrade contributors (@octopus-upgrade)
"""

EXAMPLES = r"""
- name: Read the Tentacles
  octopus.upgrade.octopus_tentacle_info:
  register: found

- name: Name the hosts that poll the old server
  ansible.builtin.debug:
    msg: "{{ item.name }} polls {{ item.polled | join(', ') }}"
  loop: "{{ found.instances | selectattr('polled') }}"
  loop_control:
    label: "{{ item.name }}"
"""

RETURN = r"""
program:
  description: The program.
  returned: success
  type: str
  sample: C:\Program Files\Octopus Deploy\Tentacle\Tentacle.exe
version:
  description: Its version; null where it does not tell.
  returned: success
  type: str
  sample: 6.3.605
instances:
  description: The instances.
  returned: success
  type: list
  elements: dict
  contains:
    name:
      description: Its name.
      type: str
      sample: Tentacle
    config_path:
      description: Its configuration file.
      type: str
      sample: C:\Octopus\Tentacle.config
    error:
      description: Why the configuration cannot be read. All that comes from it is null then.
      type: str
      sample: null
    home:
      description: Its home.
      type: str
      sample: C:\Octopus
    thumbprint:
      description: The thumbprint of its own certificate, by which servers know it.
      type: str
      sample: 0C1F3F5E0B0C3D2A4B5968778695A4B3C2D1E0F0
    listens:
      description: Whether it listens for servers.
      type: bool
      sample: false
    port:
      description: The port that it listens on; null where it does not listen.
      type: int
      sample: null
    polled:
      description: The addresses that its configuration lets it poll.
      type: list
      elements: str
      sample: ["https://octopus.example.com:10943/"]
    trusted_servers:
      description:
        - The servers that it trusts. C(communication) is V(listening), V(polling), V(kubernetes), V(other), or V(none) where it was never set.
      type: list
      elements: dict
      sample:
        - thumbprint: 98A5C0A3F1F6D0E6E4C9D2B0B7A1E3F4C5D6E7F8
          communication: polling
          address: https://octopus.example.com:10943/
          subscription: poll://g3662re9njtelsyfhm7t/
    service:
      description: Its Windows service, with C(name) and C(state), which is null where there is none.
      type: dict
      sample: {name: OctopusDeploy Tentacle, state: running}
"""

from typing import Any

from ansible_collections.octopus.upgrade.plugins.module_utils._core.module import run_module
from ansible_collections.octopus.upgrade.plugins.module_utils._octopus.tentacle.reading import read
from ansible_collections.octopus.upgrade.plugins.module_utils._windows.connection import CONNECTION_SPEC, ConnectionOptions, WindowsHost

SPEC = {"argument_spec": {**CONNECTION_SPEC, "instances": {"type": "list", "elements": "str"}}}


def run(params: dict[str, Any], check_mode: bool, diff: bool) -> dict[str, Any]:
    """Read the host; the module's result."""
    with WindowsHost(ConnectionOptions.from_params(params["connection"])) as host:
        return read(host, params["instances"] or ())


def main() -> None:
    run_module(SPEC, run)


if __name__ == "__main__":
    main()
