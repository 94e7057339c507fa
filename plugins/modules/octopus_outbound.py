#!/usr/bin/python
# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Keep the hosts of a clone from reaching anything but what the clone needs."""

from __future__ import annotations

DOCUMENTATION = r"""
module: octopus_outbound
short_description: Keep the hosts of a clone from reaching anything but what the clone needs
version_added: 1.0.0
description:
  - Adds one rule to Windows Firewall on each host, which blocks TCP connections that the host opens to all addresses but the allowed ones. A rule that
    blocks wins over every rule that allows, so nothing else on the host can let them through.
  - Allowed are the host itself, O(sql_server), the servers of O(shares), the DNS servers and domain controllers of the host, the control node as
    the host sees it, and O(allowed). Names are resolved on the host, IPv4 and IPv6.
  - Refuses where Windows Firewall is off in a profile, or does not say, and where a policy lets no rules of the host act; nothing is changed then.
  - Verifies the rule by trying from the host, with C(curl.exe) - O(outside) and an address that is nobody's must not be reached, O(sql_server) must,
    and a new log-on has to succeed. Where one of that fails, the firewall is as it was before, and the task fails.
  - Where the addresses have changed, another rule is added before the one that is there is disabled, and that one is deleted last. Only rules that this
    module has made for O(instance) are touched.
  - The rule is for the whole host, not for a program, since what the server starts has other paths. Connections that others open to the host are not
    affected, WinRM among them, and neither are UDP and ICMP, without which the host would lose its address.
extends_documentation_fragment:
  - octopus.upgrade.attributes
  - octopus.upgrade.step
  - octopus.upgrade.windows.nodes
attributes:
  check_mode:
    support: full
    details: Names are resolved and, where the rule is there already, it is verified.
  diff_mode:
    support: none
options:
  nodes:
    description: Inventory names of the hosts. By default, the host of the task.
    type: list
    elements: str
  instance:
    description: Name of the clone, by which its rule is named.
    type: str
    required: true
  state:
    description: V(absent) removes the rule.
    type: str
    choices: [present, absent]
    default: present
  sql_server:
    description:
      - The SQL Server, as the clone's connection string names it. Required for V(present).
      - Whether a named instance without a port can be reached is not tried.
    type: str
  shares:
    description:
      - Folders that the host has to reach. Those that are UNC paths allow their server; others are ignored.
      - The servers behind a DFS namespace are not found out; name them in O(allowed).
    type: list
    elements: str
    default: []
  allowed:
    description: Further host names, addresses, and networks with their prefix length.
    type: list
    elements: str
    default: []
  outside:
    description:
      - URLs of servers that must not be reached, such as the web portal of the clone's source. Only a connection is tried, and nothing is sent.
      - One that the host knows no address of, or that is allowed for another reason, is warned of.
    type: list
    elements: str
    default: []
requirements:
  - curl.exe on the hosts (Windows Server 2019 or later)
seealso:
  - module: octopus.upgrade.octopus_quarantine
author:
  - The octopus.upgrade contributors (@octopus-upgrade)
"""

EXAMPLES = r"""
- name: Keep the clone's host from reaching anything but what the clone needs
  octopus.upgrade.octopus_outbound:
    instance: prod-clone
    sql_server: sql-test.example.com
    shares: ['\\nas\octopus-backups']
    allowed: [monitoring.example.com, 10.20.0.0/16]
    outside: [https://octopus.example.com]

- name: Remove the rule
  octopus.upgrade.octopus_outbound:
    instance: prod-clone
    state: absent
"""

RETURN = r"""
nodes:
  description: What was done, by inventory name of the host.
  returned: success
  type: dict
  contains:
    rule:
      description: Name of the rule; null for O(state=absent).
      type: str
      sample: octopus.upgrade-outbound-prod-clone-3f1c5a9be210
    removed:
      description: Names of the rules that were removed, or would be in check mode.
      type: list
      elements: str
      sample: []
    allowed:
      description: Why each address or network is allowed.
      type: dict
      sample: {127.0.0.1: the host itself, 10.1.2.3: SQL Server}
    tried:
      description: What was tried under the rule.
      type: list
      elements: dict
      contains:
        address:
          description: The address.
          type: str
          sample: 192.0.2.1
        port:
          description: The TCP port.
          type: int
          sample: 443
        expected:
          description: V(blocked) or V(reached).
          type: str
          sample: blocked
        found:
          description: V(blocked), V(reached), or V(unknown).
          type: str
          sample: blocked
        exit_code:
          description: How C(curl.exe) ended.
          type: int
          sample: 7
        made_the_difference:
          description: Whether the same try ended in another way before the rule was there.
          type: bool
          sample: true
  sample:
    octo-clone:
      rule: octopus.upgrade-outbound-prod-clone-3f1c5a9be210
      removed: []
      allowed: {127.0.0.1: the host itself, 10.1.2.3: SQL Server}
      tried: [{address: 192.0.2.1, port: 443, expected: blocked, found: blocked, exit_code: 7, made_the_difference: true}]
"""

from typing import Any

from ansible_collections.octopus.upgrade.plugins.module_utils._core.module import run_module
from ansible_collections.octopus.upgrade.plugins.module_utils._octopus.node.outbound import bring_to_state
from ansible_collections.octopus.upgrade.plugins.module_utils._windows.connection import NODES_SPEC, ConnectionOptions

SPEC: dict[str, Any] = {
    "argument_spec": {
        **NODES_SPEC,
        "nodes": {"type": "list", "elements": "str"},
        "instance": {"type": "str", "required": True},
        "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
        "sql_server": {"type": "str"},
        "shares": {"type": "list", "elements": "str", "default": []},
        "allowed": {"type": "list", "elements": "str", "default": []},
        "outside": {"type": "list", "elements": "str", "default": []},
    },
    "required_if": [("state", "present", ("sql_server",))],
}


def run(params: dict[str, Any], check_mode: bool, diff: bool) -> dict[str, Any]:
    """Block what the hosts may not reach, or remove the rule; the module's result."""
    return bring_to_state([ConnectionOptions.from_params(one) for one in params["connections"] or []], params, check_mode)


def main() -> None:
    run_module(SPEC, run)


if __name__ == "__main__":
    main()
