#!/usr/bin/python
# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Tell everything about an Octopus Server and the hosts that it runs on."""

from __future__ import annotations

DOCUMENTATION = r"""
module: octopus_info
short_description: Tell everything about an Octopus Server and the hosts that it runs on
version_added: 1.0.0
description:
  - Over the REST API - version, spaces, nodes, running tasks, licence, maintenance mode, server folders.
  - On the Windows hosts - the installed program, its instances with services and configuration, the service watchdog, free space.
  - Either part can be left out. What a version does not have is left out or null.
  - A folder that was never set is below the instance's home. Only the hosts know that; without them, such a folder is null.
  - Changes nothing. Passwords in connection strings come back masked.
extends_documentation_fragment:
  - octopus.upgrade.attributes
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
    type: list
    elements: str
    choices: [server, hosts]
    default: [server, hosts]
  nodes:
    description: Inventory names of the hosts to look at. Without it, the host of the task.
    type: list
    elements: str
  instance_name:
    description:
      - Name of the instance to read the configuration of. All instances are always listed; with this option, the others without
        their configuration, which takes seconds for each.
    type: str
notes:
  - Without O(api_key) the REST API tells hardly anything.
seealso:
  - module: octopus.upgrade.octopus_verify
  - module: octopus.upgrade.octopus_database
author:
  - The octopus.upgrade contributors (@octopus-upgrade)
"""

EXAMPLES = r"""
- name: Look at an instance and at all of its nodes
  octopus.upgrade.octopus_info:
    url: https://octopus.example.com
    api_key: "{{ vault_octopus_api_key }}"
    nodes: [octo-a, octo-b]
  register: found

- name: Look at the host of the task only
  octopus.upgrade.octopus_info:
    gather: [hosts]
  register: found

- name: Show what would be interrupted now
  ansible.builtin.debug:
    msg: "{{ found.server.running_tasks | map(attribute='description') }}"
"""

RETURN = r"""
server:
  description: What the server says of itself over its REST API.
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
    running_tasks:
      - id: ServerTasks-1042
        name: Deploy
        description: Deploy Web Shop release 1.4.2 to Production
        state: Executing
        node: OctopusServerNodes-OCTO-A
    license: {is_compliant: true, summary: Compliant., expires: "2027-06-30T00:00:00.000+00:00"}
    folders:
      logs: \\nas\octopus\TaskLogs
      artifacts: \\nas\octopus\Artifacts
      packages: \\nas\octopus\Packages
    user: upgrade
hosts:
  description:
    - What was found on each host, by its inventory name.
    - In an instance's C(database), C(server) is what its connection string says, and C(host) the same as the control node reaches it.
      Where the connection string means the host itself (V((local\)), V(.), V(localhost), the host's own name), C(host) has the address
      at which Ansible reaches that host. The name of a named instance is kept; where there is a port, that decides instead.
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
          folders: {logs: '\\nas\octopus\TaskLogs', artifacts: '\\nas\octopus\Artifacts', packages: '\\nas\octopus\Packages'}
      watchdog: {exists: true, enabled: true, task_name: Octopus Watchdog Server, interval_minutes: 5}
      running_jobs: []
      os: {name: Windows Server 2019 Standard, build: "17763"}
      system_drive: 'C:'
      free_bytes: {'C:': 41231056896}
      has_curl: true
"""

from ansible.module_utils.basic import AnsibleModule, missing_required_lib
from ansible_collections.octopus.upgrade.plugins.module_utils._octopus.api.client import OctopusApi
from ansible_collections.octopus.upgrade.plugins.module_utils._octopus.api.http import REQUESTS_IMPORT_ERROR
from ansible_collections.octopus.upgrade.plugins.module_utils._octopus.api.options import ApiOptions, api_spec
from ansible_collections.octopus.upgrade.plugins.module_utils._octopus.api.server_info import resolve_folders, server_info
from ansible_collections.octopus.upgrade.plugins.module_utils._octopus.errors import OctopusError
from ansible_collections.octopus.upgrade.plugins.module_utils._octopus.node.host_info import hosts_info
from ansible_collections.octopus.upgrade.plugins.module_utils._windows.connection import NODES_SPEC, WINRM_IMPORT_ERROR, ConnectionOptions
from ansible_collections.octopus.upgrade.plugins.module_utils._windows.errors import HostError


def main() -> None:
    module = AnsibleModule(
        argument_spec={
            **api_spec(required=False),
            **NODES_SPEC,
            "gather": {"type": "list", "elements": "str", "choices": ["server", "hosts"], "default": ["server", "hosts"]},
            "nodes": {"type": "list", "elements": "str"},
            "instance_name": {"type": "str"},
        },
        supports_check_mode=True,
    )
    params, result = module.params, {}
    try:
        options = ApiOptions.from_params(params)
        if "server" in params["gather"] and options:
            if REQUESTS_IMPORT_ERROR:
                module.fail_json(msg=missing_required_lib("requests"), exception=REQUESTS_IMPORT_ERROR)
            with OctopusApi(options) as api:
                result["server"] = server_info(api)
        if "hosts" in params["gather"] and params["connections"]:
            if WINRM_IMPORT_ERROR:
                module.fail_json(msg=missing_required_lib("pywinrm"), exception=WINRM_IMPORT_ERROR)
            connections = [ConnectionOptions.from_params(connection) for connection in params["connections"]]
            result["hosts"] = hosts_info(connections, params["instance_name"])
            if "server" in result:
                resolve_folders(result["server"], result["hosts"])
    except (OctopusError, HostError, ValueError) as error:  # ValueError: what cannot be said to Windows safely
        module.fail_json(msg=str(error))
    if not result:
        module.fail_json(msg="There is nothing to gather: give url and api_key, or run the task for a Windows host.")
    module.exit_json(changed=False, **result)


if __name__ == "__main__":
    main()
