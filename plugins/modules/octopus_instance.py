#!/usr/bin/python
# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Set up an instance of Octopus Server on a node against an existing database, without starting it."""

from __future__ import annotations

DOCUMENTATION = r"""
module: octopus_instance
short_description: Set up an Octopus Server instance against an existing database
version_added: 1.0.0
description:
  - Joins an instance on a node to an existing database, as a clone or a further node of a cluster does. Registers the instance, sets its
    connection string and master key, configures it, sets the server folders and installs the service.
  - Never starts the service, never creates or upgrades a database, and never touches the licence.
  - Afterwards reads the settings from the program itself, and fails where server, database, master key, node name or folders differ from the
    wanted ones.
  - Where the database cannot be joined, because it has another version, refuses the login or has another master key, the configuration file
    is restored.
extends_documentation_fragment:
  - octopus.upgrade.attributes
  - octopus.upgrade.attributes.windows_jobs
  - octopus.upgrade.step
  - octopus.upgrade.windows.nodes
  - octopus.upgrade.windows.job
attributes:
  check_mode:
    support: partial
    details:
      - A database that is not joined yet is not queried, so its version and its folders are unknown, as is whether the master key is right,
        and every folder is reported as a change.
  diff_mode:
    support: full
    details:
      - Passwords are masked, and the fingerprint of a master key is shown.
options:
  nodes:
    description:
      - Inventory names of the nodes to act on. By default, the host of the task.
      - The first is set up before the others, which are then set up at once.
    type: list
    elements: str
  state:
    description:
      - V(present) registers, joins and configures the instance, and installs its service, which is stopped.
      - V(absent) removes service and registration. Configuration and home stay unless O(purge) is set; the database always stays.
    type: str
    choices: [present, absent]
    default: present
  instance_name:
    description: Name of the instance.
    type: str
    default: OctopusServer
  config_path:
    description:
      - The configuration file of a new instance; by default C(OctopusServer.config) in O(home). It cannot be changed for a registered one.
    type: str
  home:
    description: Its home; by default V(C:\\Octopus), or V(C:\\Octopus\\NAME) for other instances than the default one.
    type: str
  connection:
    description:
      - The database to join. Required for a new instance. Without it, an instance keeps its database.
      - It is written to the configuration file, and appears in no command line.
    type: dict
    suboptions:
      server:
        description: The SQL Server as the node sees it, as in a connection string, such as V(db.example.com,1433) or V(db\\PROD).
        type: str
        required: true
      database:
        description: The database.
        type: str
        required: true
      user:
        description: The SQL Server login to use.
        type: str
      password:
        description: Its password.
        type: str
      integrated:
        description:
          - Log on as the account of the service. Commands that query the database then run as a job of O(job_user), which needs access too.
          - The master key is then not compared with the database, because only a job could do that, and a job would leave it on the disk.
        type: bool
        default: false
      options:
        description: Further keywords of the connection string, such as C(Encrypt) or C(MultiSubnetFailover).
        type: dict
        default: {}
  from_config:
    description:
      - An encrypted copy of a node's C(OctopusServer.config) on the control node, as in a restore point. Its connection string is used with
        the server and database of O(connection), and with the credentials of O(connection) if there are any.
      - A failover partner in it is left out, because it belongs to the old server.
    type: path
  master_key_file:
    description: File on the control node with the master key of the database, as written by M(octopus.upgrade.octopus_masterkey_backup).
    type: path
  vault_id:
    description:
      - Vault id to decrypt O(master_key_file) and O(from_config) with, in the form of C(ansible-vault --vault-id), V(label@file), or a label
        alone with O(vault_password_file).
    type: str
  vault_password_file:
    description: File with the vault password, or an executable that prints it.
    type: path
  plaintext:
    description: Whether these files are plain text. Without it, a file that is not encrypted is refused.
    type: bool
    default: false
  server_node_name:
    description: Name of the node in the cluster. By default, a new node has the name of its computer.
    type: str
  listen_prefixes:
    description: Addresses that the web portal listens on, such as V(https://+:443/). This module binds no certificate.
    type: list
    elements: str
  comms_port:
    description: Port for polling Tentacles.
    type: int
  force_ssl:
    description: Whether the web portal redirects to https.
    type: bool
  silent:
    description:
      - Whether the program's own switches turn off what reaches outside - upgrade checks, telemetry, in-app messages, dynamic extensions and
        issue trackers - as far as C(configure --help) of the installed version lists them. That goes to the right place in the database
        whatever that is called, and complements M(octopus.upgrade.octopus_quarantine).
      - The switches are set each time, since what they were before cannot be read. Where the service runs, nothing is set. For the same reason
        nothing restores what they were; RV(nodes.silenced) names them.
    type: bool
    default: false
  other_thumbprints:
    description:
      - Thumbprints of the certificates of other servers, above all that of the instance that was cloned. The certificate by which a server
        identifies itself to Tentacles is in the database, so a copy has it too, and the Tentacles of the source trust it.
      - Where the instance has one of them, C(new-certificate --replace) gives it a new one, which no Tentacle trusts. A version without that
        switch is refused. With an empty list the certificate is only read, see RV(nodes.thumbprint).
      - It is not undone. A server that is to take over the Tentacles of its source needs the certificate of the source.
    type: list
    elements: str
  folders:
    description:
      - Server folders to set, by the names that M(octopus.upgrade.octopus_info) returns, V(logs), V(artifacts), V(packages), V(imports),
        V(event_exports), V(telemetry). They are stored in the database and apply to all its nodes. No file is copied or removed.
      - A folder that the installed version does not have is skipped, see RV(nodes.skipped_folders).
    type: dict
    default: {}
  service_account:
    description: Account of the service, V(LocalSystem) for a new one. A name that ends in C($) is a gMSA, which needs no password.
    type: str
  service_password:
    description:
      - Its password, used where the account is set. The program reads it from an environment variable; a version that does not support
        this is refused. A changed password of the same account is not detected.
    type: str
  service_start_type:
    description:
      - How the service starts with the host. A new service starts automatically. With V(manual), a restart of the host does not start a
        clone that has not been quarantined yet.
      - It can be changed while the service is running.
    type: str
    choices: [auto, manual, disabled]
  never:
    description:
      - Databases that the instance must never use, above all that of the instance that was cloned. Server names are compared in short and
        long form, and by their addresses as the control node resolves them.
      - An instance that uses one of them already is refused, unless O(connection) joins it to another database.
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
      - With O(state=absent), also remove the configuration file and the home with everything in it. Server folders elsewhere stay.
      - Refused where the home contains something else, such as another instance.
    type: bool
    default: false
notes:
  - Any change except that of O(service_start_type) requires the service to be stopped, and a watchdog that could start it to be disabled,
    see M(octopus.upgrade.octopus_node).
  - The master key is passed to the program as an argument, because the program accepts it in no other way. No other secret is.
  - It is assumed that C(show-configuration) of the installed version refuses a database of another version.
    M(octopus.upgrade.octopus_database_info) tells which version a database has.
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
- name: Join the clone's database with the master key from the restore point
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

- name: Join with the login in the configuration of the source
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
  description: The state of each node, by its inventory name.
  returned: success
  type: dict
  contains:
    instance_name:
      description: The instance.
      type: str
      sample: OctopusServer
    registered:
      description: Whether it is registered on the node.
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
      description: Where its database is, as in M(octopus.upgrade.octopus_info). C(host) is the server as the control node reaches it.
      type: dict
      sample: {server: sql-test.example.com, port: 1433, database: Octopus-Clone, integrated: false, user: octopus, encrypt: "true"}
    connection_string:
      description: Its connection string, without password.
      type: str
      sample: Server=sql-test.example.com;Database=Octopus-Clone;User ID=octopus;Password=********
    master_key_fingerprint:
      description: 16 hex digits, as M(octopus.upgrade.octopus_masterkey_backup) returns them for the same key.
      type: str
      sample: 5f0c1e6a0f4b7d21
    listen_prefixes:
      description: Addresses that its web portal listens on.
      type: list
      elements: str
      sample: ["https://+:443/"]
    folders:
      description: All server folders, including those that are not in O(folders).
      type: dict
      sample: {logs: 'D:\OctopusClone\TaskLogs', artifacts: 'D:\OctopusClone\Artifacts', packages: 'D:\OctopusClone\Packages'}
    unverified_folders:
      description:
        - Folders that were set, but that the installed version's C(show-configuration) does not show, so they could not be verified. The module
          warns of them.
      type: list
      elements: str
    skipped_folders:
      description: Folders in O(folders) that the installed version does not have.
      type: list
      elements: str
      sample: []
    service:
      description: Its service, with C(name), C(state), C(account) and C(start_type); null where there is none.
      type: dict
      sample: {name: OctopusDeploy, state: stopped, account: LocalSystem, start_type: manual}
    thumbprint:
      description: Thumbprint of its certificate, as it is now. Null without O(other_thumbprints), and in check mode where it is not joined yet.
      type: str
      sample: 3D9E1C0B5A7F48E2D6C1B0A99887766554433221
    silenced:
      description: The switches that O(silent) has turned off. What they were before is not known.
      type: list
      elements: str
      sample: [upgradeCheck, sendTelemetry, experiencesEnabled]
    verified:
      description: Whether the settings that the program itself reports are as wanted; false in check mode where something would change.
      type: bool
      sample: true
    removed:
      description: Files and folders that O(purge) removed.
      type: list
      elements: str
      sample: []
    changes:
      description: What was or would be changed, with C(what), C(before) and C(after). Contains no secret.
      type: list
      elements: dict
      sample: [{what: folder packages, before: '\\nas\octopus\Packages', after: 'D:\OctopusClone\Packages'}]
    seconds:
      description: Duration in seconds.
      type: float
      sample: 41.3
"""

from typing import Any

from ansible_collections.octopus.upgrade.plugins.module_utils._core.module import run_module
from ansible_collections.octopus.upgrade.plugins.module_utils._octopus.instance.request import InstanceRequest
from ansible_collections.octopus.upgrade.plugins.module_utils._octopus.instance.results import as_result
from ansible_collections.octopus.upgrade.plugins.module_utils._octopus.instance.setup import set_up
from ansible_collections.octopus.upgrade.plugins.module_utils._windows.connection import JOB_SPEC, NODES_SPEC, ConnectionOptions

DATABASE_SPEC = {
    "server": {"type": "str", "required": True},
    "database": {"type": "str", "required": True},
    "user": {"type": "str"},
    "password": {"type": "str", "no_log": True},
    "integrated": {"type": "bool", "default": False},
    "options": {"type": "dict", "default": {}},
}
NEVER_SPEC = {"server": {"type": "str", "required": True}, "database": {"type": "str", "required": True}}
SPEC = {
    "argument_spec": {
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
        "silent": {"type": "bool", "default": False},
        "other_thumbprints": {"type": "list", "elements": "str"},
        "folders": {"type": "dict", "default": {}},
        "service_account": {"type": "str"},
        "service_password": {"type": "str", "no_log": True},
        "service_start_type": {"type": "str", "choices": ["auto", "manual", "disabled"]},
        "never": {"type": "list", "elements": "dict", "options": NEVER_SPEC, "default": []},
        "purge": {"type": "bool", "default": False},
    },
    "required_by": {"connection": ["master_key_file"]},
}


def run(params: dict[str, Any], check_mode: bool, diff: bool) -> dict[str, Any]:
    """Set up or remove the instance on all nodes; the module's result."""
    request = InstanceRequest.from_params(params, check_mode)
    return as_result(set_up(request, [ConnectionOptions.from_params(one) for one in params["connections"] or []]), diff)


def main() -> None:
    run_module(SPEC, run)


if __name__ == "__main__":
    main()
