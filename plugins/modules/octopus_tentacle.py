#!/usr/bin/python
# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Let the polling Tentacles of a Windows host poll a copy of their server too."""

from __future__ import annotations

DOCUMENTATION = r"""
module: octopus_tentacle
short_description: Let polling Tentacles poll a copy of their server too
version_added: 1.0.0
description:
  - For a move to another server that is a copy of the old one, with the same certificate. It knows every target and worker already, so nothing is
    registered anew, and no API key is needed.
  - An instance that polls the old server gets each of O(addresses) as a further one, with the subscription that it has, by C(Tentacle.exe server-comms),
    and its service is restarted. The former addresses stay, so that the old server is polled as well and a return needs no change here.
  - An instance that listens only has to trust O(thumbprint). It is left as it is.
  - An instance that does not trust O(thumbprint) belongs to another server. It is left as it is too, unless O(instances) names it.
  - Afterwards the configuration has to be the former one with the new entries and nothing else, and the restarted process has to run, and to poll them by
    its own log. Otherwise configuration and service are set back to what they were, and the task fails and names the instance. Where the log says nothing
    at all, RV(instances[].confirmed) is false, and RV(left_to_do) says so.
  - What could lose a registration, or make a return impossible, is refused before anything on the host is changed. That is so for Tentacles before 4.0, whose
    C(server-comms) makes up a new subscription, for entries without a subscription or with several, for web sockets and Kubernetes agents. Trust is
    never removed and nothing is ever deregistered.
  - A copy of the configuration is in O(work_root) from before the first change until the last one is verified. By it, a second run finishes what an
    interrupted one has begun, from any control node, and restores a configuration that was left half written.
extends_documentation_fragment:
  - octopus.upgrade.attributes
  - octopus.upgrade.step
  - octopus.upgrade.windows
attributes:
  check_mode:
    support: full
  diff_mode:
    support: full
options:
  thumbprint:
    description:
      - The thumbprint of the certificate that old and new server have for Tentacles. The web portal shows it at I(Configuration), I(Thumbprint), and
        C(Octopus.Server.exe show-thumbprint) prints it. Compare both servers first.
    type: str
    required: true
  addresses:
    description:
      - Where the new server listens for polling Tentacles, as C(https://HOST:PORT), C(HOST:PORT) or C(HOST), with V(10943) for a missing port.
      - For a cluster, name each node, and not the load balancer.
    type: list
    elements: str
    required: true
  instances:
    description: Names of the instances to act on; by default all of the host.
    type: list
    elements: str
  work_root:
    description: Folder on the host for the copy of the configuration. Only administrators have rights on it.
    type: str
    default: C:\ProgramData\octopus.upgrade
  timeout:
    description: Seconds that a service may take to stop and start.
    type: int
    default: 300
notes:
  - A deployment that is running on a Tentacle fails when its service is restarted. Drain the old server first, or have it in maintenance mode.
  - While both servers are in service, both can deploy to a target. Keep the copy in quarantine until the old server is stopped.
  - A service that is stopped is not started, and polls the new addresses after its next start.
  - The watchdog of Tentacle may stay enabled, because all it does is to start a service that is stopped.
  - C(tentacles.yml) does hosts in waves, and has the new server check their health. In a play of your own, waves are its C(serial). A host that fails
    is left as it was, and does not keep the others of its wave from being done.
  - Two runs must not act on one host at once, since the program itself does not lock its configuration. Where it happens, the verification fails.
  - Not reached are Tentacles on Linux, Kubernetes agents, and targets without a Tentacle.
seealso:
  - module: octopus.upgrade.octopus_tentacle_info
  - module: octopus.upgrade.octopus_tentacle_verify
  - name: Tentacle command line
    description: The vendor's pages about its commands.
    link: https://octopus.com/docs/octopus-rest-api/tentacle.exe-command-line
author:
  - The octopus.upgrade contributors (@octopus-upgrade)
"""

EXAMPLES = r"""
- name: Point the polling Tentacles to the new server as well, first on one host, then on ten, then on a quarter of all at once
  hosts: tentacles
  gather_facts: false
  serial: [1, 10, 25%]
  max_fail_percentage: 0
  tasks:
    - name: Add the addresses of both new nodes
      octopus.upgrade.octopus_tentacle:
        thumbprint: 98A5C0A3F1F6D0E6E4C9D2B0B7A1E3F4C5D6E7F8
        addresses: [octo-new-a.example.com, octo-new-b.example.com]
      register: moved

    - name: Show what is left to do by hand
      ansible.builtin.debug:
        var: moved.left_to_do
      when: moved.left_to_do | length > 0
"""

RETURN = r"""
version:
  description: The version of the program.
  returned: when the host was read
  type: str
  sample: 6.3.605
instances:
  description: The instances, and what was, or in check mode would be, done with each.
  returned: when the host was read, also after a failure
  type: list
  elements: dict
  contains:
    name:
      description: Its name.
      type: str
      sample: Tentacle
    thumbprint:
      description: The thumbprint of its own certificate, by which servers know it; null where its configuration cannot be read.
      type: str
      sample: 0C1F3F5E0B0C3D2A4B5968778695A4B3C2D1E0F0
    action:
      description:
        - V(add), addresses were missing. V(restart), the configuration had them, and the service was only restarted. V(nothing), it polls all of them.
        - V(check), it listens and trusts the server. V(ignore), it does not trust it. V(refuse), it cannot be done safely.
      type: str
      sample: add
    reason:
      description: Why.
      type: str
      sample: It polls this server at https://octopus.example.com:10943/.
    changed:
      description: Whether it was changed.
      type: bool
      sample: true
    addresses_before:
      description: The addresses that its configuration let it poll before.
      type: list
      elements: str
      sample: ["https://octopus.example.com:10943/"]
    addresses_after:
      description: Those that it lets it poll now.
      type: list
      elements: str
      sample: ["https://octopus.example.com:10943/", "https://octo-new.example.com:10943"]
    service_state:
      description: The state of its service; null where it has none.
      type: str
      sample: running
    restarted:
      description: Whether the service was restarted.
      type: bool
      sample: true
    confirmed:
      description:
        - Whether the restarted process says in its log that it polls all of O(addresses); false where its log says nothing of what it polls, as where it is
          kept elsewhere. Null where nothing was restarted.
      type: bool
      sample: true
    failed:
      description: What failed, and how the instance was left; null where nothing did.
      type: str
      sample: null
left_to_do:
  description: What is left to do by hand, as sentences.
  returned: when the host was read
  type: list
  elements: str
  sample: []
"""

from typing import Any

from ansible_collections.octopus.upgrade.plugins.module_utils._core.module import run_module
from ansible_collections.octopus.upgrade.plugins.module_utils._octopus.tentacle import results
from ansible_collections.octopus.upgrade.plugins.module_utils._octopus.tentacle.repoint import Request, move
from ansible_collections.octopus.upgrade.plugins.module_utils._windows.connection import CONNECTION_SPEC, ConnectionOptions, WindowsHost

SPEC = {
    "argument_spec": {
        **CONNECTION_SPEC,
        "thumbprint": {"type": "str", "required": True},
        "addresses": {"type": "list", "elements": "str", "required": True},
        "instances": {"type": "list", "elements": "str"},
        "work_root": {"type": "str", "default": r"C:\ProgramData\octopus.upgrade"},
        "timeout": {"type": "int", "default": 300},
    },
}


def run(params: dict[str, Any], check_mode: bool, diff: bool) -> dict[str, Any]:
    """Let the Tentacles of the host poll the new addresses; the module's result."""
    request = Request.from_params(params, check_mode)
    with WindowsHost(ConnectionOptions.from_params(params["connection"])) as host:
        done = move(host, request)
    return {**done, "diff": results.diff(done)} if diff else done


def main() -> None:
    run_module(SPEC, run)


if __name__ == "__main__":
    main()
