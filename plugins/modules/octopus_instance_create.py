#!/usr/bin/python
# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Create a new, empty instance of Octopus Server with a database of its own, without starting it."""

from __future__ import annotations

DOCUMENTATION = r"""
module: octopus_instance_create
short_description: Create a new, empty instance of Octopus Server with a database of its own
version_added: 1.0.0
description:
  - Registers an instance on a host, has the program create a database for it, and installs the licence. The instance has its own master key
    and its own certificate, which no Tentacle trusts.
  - Never starts it and installs no service. M(octopus.upgrade.octopus_instance) sets addresses, folders and service afterwards, and
    M(octopus.upgrade.octopus_api_key) makes an administrator and an API key once it runs.
  - Switches off the update check and the usage statistics, before anything can be sent.
  - Refuses a database that exists already, unless an earlier run of this module has created it. A run that was interrupted is continued. An
    instance that is complete is verified and not changed, whatever else the options say; M(octopus.upgrade.octopus_instance) changes one.
extends_documentation_fragment:
  - octopus.upgrade.attributes
  - octopus.upgrade.attributes.vault_database
  - octopus.upgrade.step
  - octopus.upgrade.mssql
  - octopus.upgrade.vault
  - octopus.upgrade.windows
  - octopus.upgrade.windows.job
attributes:
  check_mode:
    support: full
  diff_mode:
    support: none
options:
  instance_name:
    description: Name of the instance.
    type: str
    default: OctopusServer
  config_path:
    description: Its configuration file; by default C(OctopusServer.config) in O(home).
    type: str
  home:
    description: Its home; by default V(C:\\Octopus), or V(C:\\Octopus\\NAME) for other instances than the default one.
    type: str
  database:
    description:
      - The database to create. How to reach it is written to the configuration file, and appears in no command line.
      - O(login_host) has to be the same SQL Server, because this module asks it whether the database exists.
    type: dict
    required: true
    suboptions:
      server:
        description: The SQL Server as the host sees it, as in a connection string, such as V(db.example.com,1433) or V(db\\PROD).
        type: str
        required: true
      name:
        description: Name of the database.
        type: str
        required: true
      user:
        description: The SQL Server login of the instance. It needs the permission C(CREATE ANY DATABASE).
        type: str
      password:
        description: Its password.
        type: str
      integrated:
        description:
          - Log on as the account of the service. The database is then created by O(job_user), which needs the permission, and O(grant) gives
            the account of the service access.
        type: bool
        default: false
      options:
        description: Further keywords of the connection string, such as C(Encrypt) or C(MultiSubnetFailover).
        type: dict
        default: {}
  grant:
    description: Account that becomes C(db_owner) of the database, such as that of the service.
    type: str
  server_node_name:
    description: Name of the node in the cluster. By default, it has the name of its computer.
    type: str
  license_file:
    description: File on the control node with the licence, as written by M(octopus.upgrade.octopus_license_backup). One licence serves three instances.
    type: path
  other_thumbprints:
    description:
      - Thumbprints of the certificates of other servers, above all of the one whose projects are to be tested. The module fails where the new
        server has one of them.
      - The web portal shows it at I(Configuration), I(Thumbprint), and C(Octopus.Server.exe show-thumbprint) prints it.
    type: list
    elements: str
    required: true
  never:
    description: Databases that the instance must never use, as in M(octopus.upgrade.octopus_instance).
    type: list
    elements: dict
    default: []
    suboptions:
      server:
        description: The SQL Server, as O(database.server).
        type: str
        required: true
      database:
        description: The database.
        type: str
        required: true
  timeout:
    description: Seconds for the creation of the database. After that the program continues, and the next run waits for it again.
    type: float
    default: 3600
notes:
  - The login needs the permission C(VIEW ANY DATABASE), which every login has by default, and access to the new database.
  - The master key is made by the program and does not leave the host. M(octopus.upgrade.octopus_masterkey_backup) backs it up.
  - The file C(OctopusServer.config.new-database) beside the configuration file tells a later run that the database is one that this module
    has created.
seealso:
  - module: octopus.upgrade.octopus_api_key
  - module: octopus.upgrade.octopus_install
  - module: octopus.upgrade.octopus_instance
  - module: octopus.upgrade.octopus_license_backup
author:
  - The octopus.upgrade contributors (@octopus-upgrade)
"""

EXAMPLES = r"""
- name: Create a test instance
  octopus.upgrade.octopus_instance_create:
    database:
      server: sql-test.example.com
      name: Octopus-Test
      user: octopus
      password: "{{ vault_octopus_test_sql_password }}"
      options: {Encrypt: "True"}
    login_host: sql-test.example.com
    login_user: octopus
    login_password: "{{ vault_octopus_test_sql_password }}"
    license_file: /var/backups/octopus/prod/licence.vault
    vault_id: prod@~/.octopus-vault-password
    other_thumbprints: [3D9E1C0B5A7F48E2D6C1B0A99887766554433221]
    never:
      - {server: sql.example.com, database: Octopus}

- name: Set its address, and install its service
  octopus.upgrade.octopus_instance:
    listen_prefixes: ["https://+:443/"]
    service_start_type: manual
"""

RETURN = r"""
instance_name:
  description: The instance.
  returned: success
  type: str
  sample: OctopusServer
registered:
  description: Whether it is registered on the host.
  returned: success
  type: bool
  sample: true
config_path:
  description: Its configuration file.
  returned: success
  type: str
  sample: C:\Octopus\OctopusServer.config
home:
  description: Its home.
  returned: success
  type: str
  sample: C:\Octopus
server_node_name:
  description: Name of the node.
  returned: success
  type: str
  sample: TEST-A
program_version:
  description: The version of the program, and so of the database.
  returned: success
  type: str
  sample: 2025.3.14357
database:
  description: Where its database is. C(host) is the server as the control node reaches it.
  returned: success
  type: dict
  sample: {server: sql-test.example.com, port: 1433, database: Octopus-Test, integrated: false, user: octopus, encrypt: "true"}
connection_string:
  description: Its connection string, without password.
  returned: success
  type: str
  sample: Server=sql-test.example.com;Database=Octopus-Test;User ID=octopus;Password=********
thumbprint:
  description: The thumbprint of its certificate; null in check mode where it does not exist yet.
  returned: success
  type: str
  sample: A1B2C3D4E5F60718293A4B5C6D7E8F9001122334
master_key_fingerprint:
  description: 16 hex digits, as M(octopus.upgrade.octopus_masterkey_backup) returns them for the same key.
  returned: success
  type: str
  sample: 5f0c1e6a0f4b7d21
folders:
  description: Its server folders.
  returned: success
  type: dict
  sample: {logs: 'C:\Octopus\TaskLogs', artifacts: 'C:\Octopus\Artifacts', packages: 'C:\Octopus\Packages'}
listen_prefixes:
  description: Addresses that its web portal listens on.
  returned: success
  type: list
  elements: str
  sample: []
service:
  description: Its service; null where there is none yet.
  returned: success
  type: dict
  sample: null
verified:
  description: Whether the program itself reports the database and another certificate; false in check mode where something would change.
  returned: success
  type: bool
  sample: true
changes:
  description: What was or would be changed, with C(what), C(before) and C(after). Contains no secret.
  returned: success
  type: list
  elements: dict
  sample: [{what: database, before: null, after: Octopus-Test on sql-test.example.com}]
seconds:
  description: Duration in seconds.
  returned: success
  type: float
  sample: 74.1
"""

import time
from typing import Any

from ansible_collections.octopus.upgrade.plugins.module_utils._core.errors import InvalidValue
from ansible_collections.octopus.upgrade.plugins.module_utils._core.module import run_module
from ansible_collections.octopus.upgrade.plugins.module_utils._core.progress import Progress
from ansible_collections.octopus.upgrade.plugins.module_utils._mssql.connection.connection import connect
from ansible_collections.octopus.upgrade.plugins.module_utils._mssql.connection.options import MSSQL_SPEC, MSSQL_TOGETHER, SqlOptions
from ansible_collections.octopus.upgrade.plugins.module_utils._octopus.instance.new import NewInstance
from ansible_collections.octopus.upgrade.plugins.module_utils._octopus.instance.new_request import NewInstanceRequest
from ansible_collections.octopus.upgrade.plugins.module_utils._octopus.instance.results import InstanceResult
from ansible_collections.octopus.upgrade.plugins.module_utils._octopus.instance.same_database import Forbidden
from ansible_collections.octopus.upgrade.plugins.module_utils._secrets.vault import vault_spec
from ansible_collections.octopus.upgrade.plugins.module_utils._windows.connection import (
    CONNECTION_SPEC,
    JOB_SPEC,
    ConnectionOptions,
    WindowsHost,
)

DATABASE_SPEC = {
    "server": {"type": "str", "required": True},
    "name": {"type": "str", "required": True},
    "user": {"type": "str"},
    "password": {"type": "str", "no_log": True},
    "integrated": {"type": "bool", "default": False},
    "options": {"type": "dict", "default": {}},
}
NEVER_SPEC = {"server": {"type": "str", "required": True}, "database": {"type": "str", "required": True}}
SPEC: dict[str, Any] = {
    "argument_spec": {
        **MSSQL_SPEC,
        **CONNECTION_SPEC,
        **JOB_SPEC,
        **vault_spec(),
        "instance_name": {"type": "str", "default": "OctopusServer"},
        "config_path": {"type": "str"},
        "home": {"type": "str"},
        "database": {"type": "dict", "required": True, "options": DATABASE_SPEC, "required_together": [("user", "password")]},
        "grant": {"type": "str"},
        "server_node_name": {"type": "str"},
        "license_file": {"type": "path"},
        "other_thumbprints": {"type": "list", "elements": "str", "required": True},
        "never": {"type": "list", "elements": "dict", "options": NEVER_SPEC, "default": []},
        "timeout": {"type": "float", "default": 3600},
    },
    "required_together": MSSQL_TOGETHER,
}


def run(params: dict[str, Any], check_mode: bool, diff: bool) -> dict[str, Any]:
    """Create the instance; the module's result."""
    began = time.monotonic()
    if not params["other_thumbprints"]:
        raise InvalidValue("other_thumbprints is empty, so nothing would show that the new server has a certificate of its own.")
    request = NewInstanceRequest.from_new(params, check_mode, Progress())
    options = SqlOptions.from_params(params)
    result = InstanceResult(request.name)
    # The name that mssql modules reach SQL Server by, as a database that an instance could use.
    server = options.where
    sql_server = Forbidden.from_params([{"server": server, "database": params["database"]["name"]}])[0]
    with WindowsHost(ConnectionOptions.from_params(params["connection"])) as host:
        new = NewInstance(host, request, result, lambda database: connect(options, database), sql_server)
        new.run()
    told = {name: value for name, value in result.as_result().items() if name not in ("removed", "skipped_folders", "unverified_folders")}
    return {**told, "changed": bool(result.changes), "thumbprint": new.thumbprint, "seconds": round(time.monotonic() - began, 3)}


def main() -> None:
    run_module(SPEC, run)


if __name__ == "__main__":
    main()
