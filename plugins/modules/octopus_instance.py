#!/usr/bin/python
# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Set an instance of Octopus Server up on a node against a database that exists, and never start it."""

from __future__ import annotations

DOCUMENTATION = r"""
module: octopus_instance
short_description: Set an Octopus Server instance up against an existing database
version_added: 1.0.0
description:
  - Joins an instance on a node to a database that exists, as a clone or a further node of a cluster does. Registers it, gives it
    connection string and master key, configures it, sets the server folders and installs the service.
  - Never starts the service, never creates or upgrades a database, and never touches the licence.
  - Reads afterwards what the program itself says, and fails where server, database, master key, node name or folders are not as wanted.
  - Where the database cannot be joined, because it is of another version, does not take the login or has another master key, the
    configuration file is put back as it was.
extends_documentation_fragment:
  - octopus.upgrade.attributes
  - octopus.upgrade.attributes.windows_jobs
  - octopus.upgrade.windows.nodes
  - octopus.upgrade.windows.job
attributes:
  check_mode:
    support: partial
    details:
      - Only reads. A database that is not joined yet is not asked anything, so that its version, its folders and whether the master key
        fits are not known, and every folder counts as to be set.
  diff_mode:
    support: full
    details:
      - Passwords are masked, and of a master key the fingerprint is shown.
options:
  nodes:
    description:
      - Inventory names of the nodes to act on. Without it, the host of the task.
      - The first is set up before the others, which are then set up at once.
    type: list
    elements: str
  state:
    description:
      - V(present) has the instance registered, joined, configured, with a service, and stopped.
      - V(absent) has neither service nor registration. Configuration and home stay, unless O(purge), and the database always does.
    type: str
    choices: [present, absent]
    default: present
  instance_name:
    description: Name of the instance.
    type: str
    default: OctopusServer
  config_path:
    description:
      - The configuration file of a new instance; by default C(OctopusServer.config) in O(home). That of a registered one cannot be changed.
    type: str
  home:
    description: Its home, by default V(C:\\Octopus), and V(C:\\Octopus\\NAME) for another instance than the default one.
    type: str
  connection:
    description:
      - The database to join. Needed for a new instance; without it, an instance stays with its database.
      - Goes into the configuration file and into no command line.
    type: dict
    suboptions:
      server:
        description: The SQL Server as the node sees it, as a connection string has it, such as V(db.example.com,1433) or V(db\\PROD).
        type: str
        required: true
      database:
        description: The database.
        type: str
        required: true
      user:
        description: The login of SQL Server to use.
        type: str
      password:
        description: Its password.
        type: str
      integrated:
        description:
          - Log on as the account of the service. What asks the database then runs as a job of O(job_user), which needs to reach it too.
          - The master key then is not compared with the database, because only a job could do that, and a job would leave it on the disk.
        type: bool
        default: false
      options:
        description: Further keywords of the connection string, such as C(Encrypt) or C(MultiSubnetFailover).
        type: dict
        default: {}
  from_config:
    description:
      - A node's C(OctopusServer.config), sealed, on the control node, as M(octopus.upgrade.octopus_restore_point) with C(state=fetched) puts it
        there. Its connection string is taken with server and database of O(connection), and with its credentials if it has some.
      - A failover partner in it is left out, since that leads to the old server.
    type: path
  master_key_file:
    description: File on the control node with the master key of the database, as M(octopus.upgrade.octopus_masterkey_backup) writes it.
    type: path
  vault_id:
    description:
      - Vault id to open O(master_key_file) and O(from_config) with, as C(ansible-vault --vault-id) takes it, V(label@file), or a label alone
        beside O(vault_password_file).
    type: str
  vault_password_file:
    description: File with the vault password, or an executable that prints it.
    type: path
  plaintext:
    description: Whether these files are plain text. Without it, one that is not sealed is refused.
    type: bool
    default: false
  server_node_name:
    description: Name of the node in the cluster. A new instance is called as its computer where this is not given.
    type: str
  listen_prefixes:
    description: Addresses that the web portal listens on, such as V(https://+:443/). A certificate is bound elsewhere.
    type: list
    elements: str
  comms_port:
    description: Port for polling Tentacles.
    type: int
  force_ssl:
    description: Whether the web portal redirects to https.
    type: bool
  folders:
    description:
      - Server folders to set, by the names that M(octopus.upgrade.octopus_info) has, V(logs), V(artifacts), V(packages), V(imports),
        V(event_exports), V(telemetry). They are kept in the database and hold for all its nodes. Nothing is copied or removed.
      - One that this version does not have is skipped, see RV(nodes.skipped_folders).
    type: dict
    default: {}
  service_account:
    description: Account of the service, V(LocalSystem) for a new one. One whose name ends in C($) is a gMSA and needs no password.
    type: str
  service_password:
    description:
      - Its password, for where the account is set. It reaches the program in a variable of its environment; a version that does not
        take it from there is refused. A changed password of the same account is not found out.
    type: str
  service_start_type:
    description:
      - How the service starts with the host. A new one starts by itself. With V(manual), a restart of the host does not start a clone
        that nobody has proven harmless yet.
      - Can be changed while the service runs.
    type: str
    choices: [auto, manual, disabled]
  never:
    description:
      - Databases that the instance must not have, above all that of the instance that was cloned. Names are compared, short and long ones too,
        and their addresses as the control node sees them.
      - An instance that has one already is refused, unless O(connection) leads it to another.
    type: list
    elements: dict
    default: []
    suboptions:
      server:
        description: The SQL Server, as O(connection.server).
        type: str
        required: true
      database:
        description: The database.
        type: str
        required: true
  purge:
    description:
      - With O(state=absent), also remove the configuration file and the home with all that is in it. Server folders elsewhere stay.
      - Refused where something else lies in the home, such as another instance.
    type: bool
    default: false
notes:
  - The service has to be stopped for any change but that of O(service_start_type), and a watchdog that could start it has to be disabled,
    see M(octopus.upgrade.octopus_node).
  - The master key is an argument of the program, which takes it from nowhere else. No other secret is in one.
  - That C(show-configuration) of the installed version refuses a database of another version is assumed.
    M(octopus.upgrade.octopus_database) says which version a database has.
seealso:
  - module: octopus.upgrade.octopus_info
  - module: octopus.upgrade.octopus_install
  - module: octopus.upgrade.octopus_masterkey_backup
  - module: octopus.upgrade.octopus_node
  - module: octopus.upgrade.octopus_restore_point
author:
  - The octopus.upgrade contributors (@octopus-upgrade)
"""

EXAMPLES = r"""
- name: Join the clone's database with the master key that the restore point keeps
  octopus.upgrade.octopus_instance:
    connection:
      server: sql-test.example.com
      database: Octopus-Clone
      user: octopus
      password: "{{ vault_octopus_clone_sql_password }}"
      options: {Encrypt: "True"}
    master_key_file: /var/backups/octopus/prod/master-key.vault
    vault_password_file: ~/.octopus-vault-password
    listen_prefixes: ["https://+:443/"]
    folders:
      logs: D:\OctopusClone\TaskLogs
      artifacts: D:\OctopusClone\Artifacts
      packages: D:\OctopusClone\Packages
    service_start_type: manual
    never:
      - {server: sql.example.com, database: Octopus}

- name: Join with the login that the source's own configuration has
  octopus.upgrade.octopus_instance:
    from_config: /var/backups/octopus/prod/octo-a.config.vault
    connection: {server: sql-test.example.com, database: Octopus-Clone}
    master_key_file: /var/backups/octopus/prod/master-key.vault
    vault_id: prod@~/.octopus-vault-password

- name: Remove a clone with its files
  octopus.upgrade.octopus_instance:
    instance_name: clone
    state: absent
    purge: true
    never:
      - {server: sql.example.com, database: Octopus}
"""

RETURN = r"""
nodes:
  description: What is so on each node, by its inventory name.
  returned: success
  type: dict
  contains:
    instance_name:
      description: The instance.
      type: str
      sample: OctopusServer
    registered:
      description: Whether it is in the node's register.
      type: bool
      sample: true
    config_path:
      description: Its configuration file.
      type: str
      sample: C:\Octopus\OctopusServer.config
    home:
      description: Its home.
      type: str
      sample: C:\Octopus
    server_node_name:
      description: Name of the node in the cluster.
      type: str
      sample: CLONE-A
    program_version:
      description: The version of the program.
      type: str
      sample: 2025.3.14357
    database:
      description: Where its database is, as M(octopus.upgrade.octopus_info) has it. C(host) is the server as the control node reaches it.
      type: dict
      sample: {server: sql-test.example.com, port: 1433, database: Octopus-Clone, integrated: false, user: octopus, encrypt: "true"}
    connection_string:
      description: Its connection string, without password.
      type: str
      sample: Server=sql-test.example.com;Database=Octopus-Clone;User ID=octopus;Password=********
    master_key_fingerprint:
      description: 16 hex digits, the same as M(octopus.upgrade.octopus_masterkey_backup) has for the key.
      type: str
      sample: 5f0c1e6a0f4b7d21
    listen_prefixes:
      description: Addresses that its web portal listens on.
      type: list
      elements: str
      sample: ["https://+:443/"]
    folders:
      description: Every server folder, also those that were not in O(folders).
      type: dict
      sample: {logs: 'D:\OctopusClone\TaskLogs', artifacts: 'D:\OctopusClone\Artifacts', packages: 'D:\OctopusClone\Packages'}
    skipped_folders:
      description: Those of O(folders) that this version does not have.
      type: list
      elements: str
      sample: []
    service:
      description: Its service, with C(name), C(state), C(account) and C(start_type); null where there is none.
      type: dict
      sample: {name: OctopusDeploy, state: stopped, account: LocalSystem, start_type: manual}
    proven:
      description: Whether the program itself was asked, and all is as wanted; false in check mode where something is to be changed.
      type: bool
      sample: true
    removed:
      description: Files and folders that O(purge) removed.
      type: list
      elements: str
      sample: []
    changes:
      description: What was changed, or would be, with C(what), C(before) and C(after). No secret is in it.
      type: list
      elements: dict
      sample: [{what: folder packages, before: '\\nas\octopus\Packages', after: 'D:\OctopusClone\Packages'}]
    seconds:
      description: How long it took.
      type: float
      sample: 41.3
"""

from ansible.module_utils.basic import AnsibleModule, missing_required_lib
from ansible_collections.octopus.upgrade.plugins.module_utils._octopus.errors import OctopusError
from ansible_collections.octopus.upgrade.plugins.module_utils._octopus.instance.request import InstanceRequest
from ansible_collections.octopus.upgrade.plugins.module_utils._octopus.instance.results import as_result
from ansible_collections.octopus.upgrade.plugins.module_utils._octopus.instance.setup import bring_about
from ansible_collections.octopus.upgrade.plugins.module_utils._windows.connection import (
    JOB_SPEC,
    NODES_SPEC,
    WINRM_IMPORT_ERROR,
    ConnectionOptions,
)
from ansible_collections.octopus.upgrade.plugins.module_utils._windows.errors import HostError

DATABASE_SPEC = {
    "server": {"type": "str", "required": True},
    "database": {"type": "str", "required": True},
    "user": {"type": "str"},
    "password": {"type": "str", "no_log": True},
    "integrated": {"type": "bool", "default": False},
    "options": {"type": "dict", "default": {}},
}
NEVER_SPEC = {"server": {"type": "str", "required": True}, "database": {"type": "str", "required": True}}


def main() -> None:
    module = AnsibleModule(
        argument_spec={
            **NODES_SPEC,
            **JOB_SPEC,
            "nodes": {"type": "list", "elements": "str"},
            "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
            "instance_name": {"type": "str", "default": "OctopusServer"},
            "config_path": {"type": "str"},
            "home": {"type": "str"},
            "connection": {
                "type": "dict",
                "options": DATABASE_SPEC,
                "required_together": [("user", "password")],
            },
            "from_config": {"type": "path"},
            "master_key_file": {"type": "path", "no_log": False},
            "vault_id": {"type": "str"},
            "vault_password_file": {"type": "path", "no_log": False},
            "plaintext": {"type": "bool", "default": False},
            "server_node_name": {"type": "str"},
            "listen_prefixes": {"type": "list", "elements": "str"},
            "comms_port": {"type": "int"},
            "force_ssl": {"type": "bool"},
            "folders": {"type": "dict", "default": {}},
            "service_account": {"type": "str"},
            "service_password": {"type": "str", "no_log": True},
            "service_start_type": {"type": "str", "choices": ["auto", "manual", "disabled"]},
            "never": {"type": "list", "elements": "dict", "options": NEVER_SPEC, "default": []},
            "purge": {"type": "bool", "default": False},
        },
        required_by={"connection": ["master_key_file"]},
        supports_check_mode=True,
    )
    if WINRM_IMPORT_ERROR:
        module.fail_json(msg=missing_required_lib("pywinrm"), exception=WINRM_IMPORT_ERROR)
    try:
        results = bring_about(
            InstanceRequest.from_params(module.params, check_mode=module.check_mode),
            [ConnectionOptions.from_params(connection) for connection in module.params["connections"] or []],
        )
    except (OctopusError, HostError, ValueError) as error:  # ValueError: what cannot be said to Windows safely
        module.fail_json(msg=str(error), **getattr(error, "result", {}))
    module.exit_json(**as_result(results, diff=module._diff))


if __name__ == "__main__":
    main()
