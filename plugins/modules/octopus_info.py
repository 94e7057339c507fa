#!/usr/bin/python
# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Read what is known about an Octopus Server and the hosts it runs on."""

from __future__ import annotations

DOCUMENTATION = r"""
module: octopus_info
short_description: Read what is known about an Octopus Server and the hosts it runs on
version_added: 1.0.0
description:
  - Over the REST API - version, spaces, nodes, running tasks, licence, maintenance mode, server folders.
  - On the Windows hosts - the installed program, its instances with services and configuration, the service watchdog, free space.
  - Either part can be left out. What a version does not have is left out or null.
  - A folder that was never set is below the instance's home, which only the hosts tell; without them, such a folder is null.
  - Before 4.1 neither the REST API nor the program names the server folders. They are left out then, unless O(folders) names them.
  - Changes nothing. Passwords in connection strings are masked.
extends_documentation_fragment:
  - octopus.upgrade.attributes
  - octopus.upgrade.step
  - octopus.upgrade.octopus_api
  - octopus.upgrade.octopus_api.optional_server
  - octopus.upgrade.windows.nodes
attributes:
  check_mode:
    support: full
  diff_mode:
    support: none
options:
  gather:
    description:
      - What to gather. V(server) needs O(url), and is left out without it; V(hosts) needs Windows hosts, and is left out without them.
      - V(services) reads of Windows hosts only what Windows tells without the program being started, and so disturbs no installation. A host that
        does not answer does not fail the task.
      - V(answers) adds to V(hosts) whether each node answers at its own address, where M(octopus.upgrade.octopus_node) waits for it after a start.
      - Without V(answers), where the control node cannot ask the server, because of its trust, name resolution or proxy, the first node is
        asked from itself, with its C(curl.exe).
      - V(readiness) adds what somebody should know before an upgrade; to V(server) the queue of tasks, the last System Integrity Check and
        the Tentacles of all targets and workers, to V(hosts) restarts of Windows that are due and installations in progress.
      - V(project_export) adds to V(server) as C(project_export) whether it exports and imports projects over its API.
      - V(certificate) adds to V(server) the thumbprint of the certificate by which Tentacles know it.
      - V(api_keys) adds to V(server) the ids of the API keys of the user whose key O(api_key) is. Which of them it is, no server tells.
    type: list
    elements: str
    choices: [server, hosts, answers, services, readiness, certificate, project_export, api_keys]
    default: [server, hosts]
  nodes:
    description: Inventory names of the hosts to read. Without it, the host of the task.
    type: list
    elements: str
  folders:
    description:
      - Paths of server folders that the server does not name, as before 4.1. Where it names another path, the module fails.
    type: dict
    default: {}
    suboptions:
      logs: {description: Task logs., type: str}
      artifacts: {description: Artifacts., type: str}
      packages: {description: Packages of the built-in feed., type: str}
  instance_name:
    description:
      - Name of the instance to read the configuration of. All instances are always listed; with this option, the others without
        their configuration, which takes seconds for each.
    type: str
  expected_version:
    description:
      - The version that the server, as its REST API says, and the program on every host have to be at. The task fails where one is at another, or
        a host has no program, and then still returns what it has read.
      - Everything in O(gather) has to be read for that - with V(server), O(url) is required, and with V(hosts), a Windows host.
    type: str
notes:
  - Without O(api_key) the REST API returns hardly anything.
seealso:
  - module: octopus.upgrade.octopus_verify
  - module: octopus.upgrade.octopus_database_info
author:
  - The octopus.upgrade contributors (@octopus-upgrade)
"""

EXAMPLES = r"""
- name: Read an instance and all of its nodes
  octopus.upgrade.octopus_info:
    url: https://octopus.example.com
    api_key: "{{ vault_octopus_api_key }}"
    nodes: [octo-a, octo-b]
  register: found

- name: Read only the host of the task
  octopus.upgrade.octopus_info:
    gather: [hosts]
  register: found

- name: Show what would be interrupted now
  ansible.builtin.debug:
    msg: "{{ found.server.running_tasks | map(attribute='description') }}"

- name: Check that the server and all of its nodes are upgraded
  octopus.upgrade.octopus_info:
    url: https://octopus.example.com
    api_key: "{{ vault_octopus_api_key }}"
    nodes: [octo-a, octo-b]
    expected_version: 2025.4.10423
"""

RETURN = r"""
server:
  description: What the server says about itself over its REST API.
  returned: with V(server) in O(gather) and with O(url)
  type: dict
  sample:
    version: 2020.5.7
    installation_id: 79af4d4a-dc7f-479c-b0c5-8bf30cb0a827
    has_spaces: true
    spaces:
      - {id: Spaces-1, name: Default}
    maintenance: {enabled: false}
    nodes:
      - id: OctopusServerNodes-OCTO-A
        name: OCTO-A
        draining: false
        offline: false
        last_seen: "2026-11-23T20:15:02.317+00:00"
        running_task_count: 1
        version: null
        task_cap: 5
    running_tasks:
      - id: ServerTasks-1042
        name: Deploy
        description: Deploy Web Shop release 1.4.2 to Production
        state: Executing
        node: OctopusServerNodes-OCTO-A
        waiting: true
    interruptions:
      - task: ServerTasks-1042
        description: Deploy Web Shop release 1.4.2 to Production
        project: Web Shop
        title: Approve the release
        teams: [Release managers]
    license: {is_compliant: true, summary: Compliant., expires: "2027-06-30T00:00:00.000+00:00", is_ptm: false, installed: true}
    folders:
      logs: \\nas\octopus\TaskLogs
      artifacts: \\nas\octopus\Artifacts
      packages: \\nas\octopus\Packages
    user: upgrade
    thumbprint: 3D9E1C0B5A7F48E2D6C1B0A99887766554433221
    api_keys: [apikeys-7]
    readiness:
      tasks_queued: []
      integrity_check: {task: ServerTasks-1007, state: Success, warnings: false, completed: "2026-11-23"}
      machines:
        - {name: web-01, style: TentaclePassive, version: 8.1.2048}
hosts:
  description:
    - What was found on each host, by its inventory name.
    - In an instance's C(database), C(server) is what its connection string says, and C(host) the same as the control node reaches it.
      Where the connection string means the host itself (V((local\)), V(.), V(localhost), the host's own name), C(host) has the address
      at which Ansible reaches that host. The name of a named instance is kept; where there is a port, that decides instead.
    - With integrated security, C(database) also has C(machine_account), how C(SYSTEM) of the host logs in to that SQL Server.
    - C(environment) has the names, never the values, of variables of the host that the server reads, such as C(OCTOPUS__…) and proxies.
    - C(delegates_credentials) tells whether a program on the host can log in to a third machine with the account of the WinRM connection, as
      with CredSSP, or Kerberos with delegation.
    - C(net_framework_release) is the number by which Windows tells the version of .NET Framework 4.5 and later, and 0 without one.
    - With V(answers) in O(gather), C(answers) tells whether the node answered at C(url). Its C(ok) is null where the control node could not ask.
  returned: with V(hosts) in O(gather) and with Windows hosts
  type: dict
  sample:
    octo-a:
      program: {path: 'C:\Program Files\Octopus Deploy\Octopus', version: 2020.5.7}
      instances:
        - name: OctopusServer
          config_path: C:\Octopus\OctopusServer.config
          home: C:\Octopus
          node_name: OCTO-A
          service: {name: OctopusDeploy, state: running, account: LocalSystem, start_type: auto, pid: 4711}
          version: 2020.5.7
          configuration_error: null
          database:
            server: (local)\PROD
            host: octo-a.example.com\PROD
            port: null
            database: Octopus
            integrated: false
            user: octopus
            encrypt: "true"
            trust_server_certificate: false
          connection_string: Server=(local)\PROD;Database=Octopus;User ID=octopus;Password=********;Encrypt=true
          listen_prefixes: ['https://+:443/']
          url: https://octo-a.example.com
          answers: {ok: true, version: 2020.5.7, found: version 2020.5.7}
          folders: {logs: '\\nas\octopus\TaskLogs', artifacts: '\\nas\octopus\Artifacts', packages: '\\nas\octopus\Packages'}
      watchdog: {exists: true, enabled: true, task_name: Octopus Watchdog OctopusServer, interval_minutes: 5}
      running_jobs: []
      os: {name: Windows Server 2019 Standard, build: "17763"}
      net_framework_release: 461814
      system_drive: 'C:'
      free_bytes: {'C:': 41231056896}
      has_curl: true
      clock_offset_seconds: 1
      environment: [HTTPS_PROXY]
      delegates_credentials: false
      readiness: {reboot_pending: [], installation_in_progress: false}
services:
  description:
    - What Windows tells on each host, by its inventory name, without the program being started.
    - C(version) is that of the installed product, null where there is none or more than one. A host that cannot be queried has only C(error).
  returned: with V(services) in O(gather) and with Windows hosts
  type: dict
  sample:
    octo-a:
      error: null
      version: 2020.5.7
      services:
        - {name: OctopusDeploy, instance: OctopusServer, state: running, start_type: auto}
      watchdog: {exists: true, enabled: true, task_name: Octopus Watchdog OctopusServer, interval_minutes: 5}
      running_jobs: []
    octo-b: {error: 'octo-b (10.0.0.12:5986): no connection'}
"""

from functools import partial
from typing import Any

from ansible_collections.octopus.upgrade.plugins.module_utils._core.errors import InvalidValue
from ansible_collections.octopus.upgrade.plugins.module_utils._core.module import run_module
from ansible_collections.octopus.upgrade.plugins.module_utils._octopus.api import certificate
from ansible_collections.octopus.upgrade.plugins.module_utils._octopus.api.api_keys import own_keys
from ansible_collections.octopus.upgrade.plugins.module_utils._octopus.api.folders import IN_EVERY_VERSION
from ansible_collections.octopus.upgrade.plugins.module_utils._octopus.api.options import ApiOptions, api_spec
from ansible_collections.octopus.upgrade.plugins.module_utils._octopus.api.server_info import resolve_folders, server_info
from ansible_collections.octopus.upgrade.plugins.module_utils._octopus.node.answers import ask_each
from ansible_collections.octopus.upgrade.plugins.module_utils._octopus.node.from_node import open_api
from ansible_collections.octopus.upgrade.plugins.module_utils._octopus.node.host_info import check_version, hosts_info
from ansible_collections.octopus.upgrade.plugins.module_utils._octopus.node.services_info import services_info
from ansible_collections.octopus.upgrade.plugins.module_utils._octopus.projects.transfer import is_offered
from ansible_collections.octopus.upgrade.plugins.module_utils._windows.connection import NODES_SPEC, ConnectionOptions

SPEC: dict[str, Any] = {
    "argument_spec": {
        **api_spec(required=False),
        **NODES_SPEC,
        "gather": {
            "type": "list",
            "elements": "str",
            "choices": ["server", "hosts", "answers", "services", "readiness", "certificate", "project_export", "api_keys"],
            "default": ["server", "hosts"],
        },
        "nodes": {"type": "list", "elements": "str"},
        "folders": {"type": "dict", "default": {}, "options": {name: {"type": "str"} for name in IN_EVERY_VERSION}},
        "instance_name": {"type": "str"},
        "expected_version": {"type": "str"},
    }
}


def run(params: dict[str, Any], check_mode: bool, diff: bool) -> dict[str, Any]:
    """Read the server and the hosts; the module's result."""
    result: dict[str, Any] = {}
    options = ApiOptions.from_params(params)
    connections = [ConnectionOptions.from_params(connection) for connection in params["connections"] or []]
    answers, ready = "answers" in params["gather"], "readiness" in params["gather"]
    warnings: list[str] = []
    if "server" in params["gather"] and options:
        with open_api(options, [] if answers else connections, params["instance_name"], warnings) as api:
            result["server"] = server_info(api, ready)
            if "certificate" in params["gather"]:
                result["server"]["thumbprint"] = certificate.thumbprint(api)
            if "project_export" in params["gather"]:
                result["server"]["project_export"] = is_offered(api)
            if "api_keys" in params["gather"]:
                result["server"]["api_keys"] = own_keys(api)
    if "hosts" in params["gather"] and connections:
        result["hosts"] = hosts_info(connections, params["instance_name"], params["portal_url"], ready)
        if answers:
            ask_each(result["hosts"], partial(ApiOptions.for_url, params))
        if "server" in result:
            given = {name: path for name, path in params["folders"].items() if path}
            resolve_folders(result["server"], result["hosts"], given)
    if "services" in params["gather"] and connections:
        result["services"] = services_info(connections)
    if warnings:
        result["warnings"] = warnings
    if not result:
        raise InvalidValue("There is nothing to gather: give url and api_key, or run the task for a Windows host.")
    if params["expected_version"] is not None:
        check_version(result, [part for part in params["gather"] if part in ("server", "hosts")], params["expected_version"])
    return result


def main() -> None:
    run_module(SPEC, run)


if __name__ == "__main__":
    main()
