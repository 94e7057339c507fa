#!/usr/bin/python
# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Seal, list, verify and remove restore points of an Octopus Server, and put nodes' configurations back from one."""

from __future__ import annotations

DOCUMENTATION = r"""
module: octopus_restore_point
short_description: Seal, list, verify and remove restore points of an Octopus Server
version_added: 1.0.0
description:
  - A restore point is one folder with all that a way back needs - the database backup, the copies of the server folders, the installed
    version's package, the master key, the licence, each node's configuration - and a manifest that says what belongs to it.
  - It is sealed with a last file, C(restore-point.seal), which holds the manifest's hash and is itself sealed with Ansible Vault. Without
    a seal that opens and fits, it is no restore point, and nothing is rolled back with it.
  - The folder is usually on a share, which a WinRM log-on cannot reach, so all access is by jobs on the first of the O(nodes).
  - No secret is written to it unsealed, and none is in a result.
extends_documentation_fragment:
  - octopus.upgrade.attributes
  - octopus.upgrade.attributes.database
  - octopus.upgrade.mssql
  - octopus.upgrade.windows.nodes
  - octopus.upgrade.windows.job
attributes:
  check_mode:
    support: partial
    details:
      - With O(state=sealed) and O(state=prepared) it tells what the restore point would contain and how much room that needs. It runs no
        job, so of a share it does not know the free space, nor whether there is a sealed restore point already.
      - The other states read by a job in check mode too; it leaves nothing on the host. There is no O(test_restore) then.
  diff_mode:
    support: none
options:
  state:
    description:
      - V(prepared) puts package, master key, licence and configurations into the folder, so that less is left to do in an outage.
      - V(sealed) does so too where it has not been done, checks that the copies of others are there, and writes manifest and seal.
        The same restore point sealed already is no change; one that is sealed with another manifest is an error.
      - V(listed) reads all restore points below O(root).
      - V(verified) checks everything in one, and fails naming each check that failed.
      - V(configured) registers the instance on each node where it is not, and puts the configuration file back where it differs.
      - V(fetched) copies the sealed master key and configurations to O(dest) on the control node, for setting up an instance from the
        restore point elsewhere. Nothing is unsealed there.
      - V(absent) removes one, or those that no rule keeps. The newest sealed one always stays.
    type: str
    choices: [prepared, sealed, listed, verified, configured, fetched, absent]
    required: true
  nodes:
    description:
      - Inventory names of the nodes. By default, the host of the task. Jobs run on the first one.
      - With O(state=sealed) all nodes of the instance; with O(state=configured) those to put back.
    type: list
    elements: str
  root:
    description: Folder of all restore points of the instance, as the nodes see it.
    type: str
  path:
    description: Folder of one restore point, instead of O(root) and O(restore_point). Its last part is the id.
    type: str
  restore_point:
    description:
      - Id of the restore point, the name of its folder.
      - Without it, O(state=verified), O(state=configured) and O(state=fetched) take the newest sealed one.
    type: str
  manifest:
    description:
      - With O(state=sealed), what the caller knows of the restore point. There have to be C(instance), C(run_id), C(purpose) (V(upgrade) or
        V(backup)), C(version), C(coordinator), C(service_stopped), C(before), C(database) with C(name) and C(backup.paths), and C(folders)
        as M(octopus.upgrade.octopus_folders) returns them.
      - The module adds C(format), C(id), C(sealed_at), C(sealed_by), C(package), C(master_key), C(license), the sizes of the backup's files,
        and of each node its instance, its name in the cluster and its configuration. Where C(nodes) has a node's C(instance_name) and
        C(config_path) already, the program on it is not asked, which saves seconds.
      - With O(login_host), it also adds C(database.as_of), the moment whose data the backup has, from C(database.backup.finished_at).
      - Where it has C(database.schema_scripts), and O(login_host) is given, as many have to have run.
    type: dict
  package:
    description: The package of the installed version, staged on the first of the O(nodes).
    type: dict
    suboptions:
      path:
        description: The file on that host, as M(octopus.upgrade.octopus_install) returns it.
        type: str
        required: true
      version:
        description: Its version.
        type: str
        required: true
      sha256:
        description: Its SHA-256. May be missing in check mode.
        type: str
      size:
        description: Its size in bytes, where it cannot be looked up, as in check mode before it has been staged.
        type: int
  files:
    description:
      - The secrets, each a file on the control node that has been sealed with the same vault password - C(master-key.vault), which there has
        to be, and C(license.vault).
      - A file that is not on the control node has to be in the restore point already, where another control node has prepared it.
      - Unsealed content is refused, unless O(plaintext). Then nothing secret is put into the restore point - the files stay on the control
        node, the configurations are kept beside them, and the manifest says where.
    type: dict
  dest:
    description: With O(state=fetched), the folder on the control node. Each restore point has one below, of its id.
    type: path
  instance_name:
    description: Name of the instance, where O(manifest) does not have it and a node has more than one.
    type: str
  sql_root:
    description:
      - Folder of all restore points as SQL Server sees it. By default, the paths that the backup was written to.
    type: str
  test_restore:
    description:
      - With O(state=verified), also restore the database under another name, run C(DBCC CHECKDB), and drop it. It finds damage that
        C(RESTORE VERIFYONLY) passes, and needs as much room on SQL Server as the database.
    type: bool
    default: false
  keep:
    description: With O(state=absent), how many of the newest sealed restore points stay, at least 1.
    type: int
  keep_days:
    description: With O(state=absent), all sealed restore points that are younger stay. With O(keep), one that either rule keeps stays.
    type: int
  protect:
    description: Ids of restore points that stay whatever else is said, such as those of unfinished runs.
    type: list
    elements: str
    default: []
  given_up:
    description:
      - With O(state=absent) and O(restore_point), says that nobody makes this restore point any more, so that it may go although it is not
        sealed and no newer one is. For the run that was making it and has the instance's lock.
    type: bool
    default: false
  timeout:
    description: Seconds for each long step, such as copying the package, counting the folders, and verifying the backup.
    type: float
    default: 14400
  vault_id:
    description:
      - Vault id to seal and open with, as C(ansible-vault --vault-id) takes it, V(label@file), or a label alone beside
        O(vault_password_file).
    type: str
  vault_password_file:
    description: File with the vault password, or an executable that prints it.
    type: path
  plaintext:
    description:
      - Do without Ansible Vault. The seal then only says that the restore point is finished, since anybody could have made it.
    type: bool
    default: false
  login_host:
    description:
      - SQL Server, as the control node reaches it. May be written as connection strings do, C(tcp:host,port), or C(host\instance).
      - With O(state=sealed), the database then has to be at the version of the restore point. With O(state=verified), SQL Server then
        verifies the backup; without it, only the files are looked at, and the check says so.
    type: str
    required: false
notes:
  - What is sealed with another vault password than the one given does not count as sealed.
  - A restore point that is not sealed is never removed by O(keep) or O(keep_days), only by its name, and only when a newer one is sealed,
    or O(given_up) says that nobody makes it.
  - A folder that neither its manifest nor the mark of its folders calls by its own name is not removed.
seealso:
  - module: octopus.upgrade.octopus_folders
  - module: octopus.upgrade.octopus_license_backup
  - module: octopus.upgrade.octopus_masterkey_backup
  - module: octopus.upgrade.mssql_backup
author:
  - The octopus.upgrade contributors (@octopus-upgrade)
"""

EXAMPLES = r"""
- name: Seal what other modules have put there
  octopus.upgrade.octopus_restore_point:
    state: sealed
    nodes: [octo-a, octo-b]
    path: \\nas\octopus-backups\prod\20261123T210000Z-2025.3.14357
    manifest:
      instance: prod
      run_id: 20261123T210000Z
      purpose: upgrade
      version: 2025.3.14357
      coordinator: octo-a
      service_stopped: true
      before: {maintenance: false, drained: [], watched: [octo-a, octo-b]}
      database: {server: SQL01, name: OctopusDeploy, backup: "{{ backup }}"}
      folders: "{{ copied.folders }}"
    package:
      path: "{{ staged.nodes['octo-a'].path }}"
      sha256: "{{ staged.nodes['octo-a'].sha256 }}"
      version: 2025.3.14357
    files:
      master-key.vault: /var/backups/octopus/prod/master-key.vault
      license.vault: /var/backups/octopus/prod/license.vault
    vault_password_file: ~/.octopus-vault-password
    login_host: sql.example.com

- name: See which restore points there are
  octopus.upgrade.octopus_restore_point:
    state: listed
    root: \\nas\octopus-backups\prod
    vault_password_file: ~/.octopus-vault-password
  register: there

- name: Check the newest one, and that its database can be restored
  octopus.upgrade.octopus_restore_point:
    state: verified
    root: \\nas\octopus-backups\prod
    vault_password_file: ~/.octopus-vault-password
    login_host: sql.example.com
    test_restore: true

- name: Put the configurations back, after the old program has been installed again
  octopus.upgrade.octopus_restore_point:
    state: configured
    nodes: [octo-a, octo-b]
    root: \\nas\octopus-backups\prod
    restore_point: 20261123T210000Z-2025.3.14357
    vault_password_file: ~/.octopus-vault-password

- name: Keep three, and all of the last four weeks
  octopus.upgrade.octopus_restore_point:
    state: absent
    root: \\nas\octopus-backups\prod
    keep: 3
    keep_days: 28
    vault_password_file: ~/.octopus-vault-password
"""

RETURN = r"""
restore_point:
  description: Id of the restore point.
  returned: with O(state=prepared), O(state=sealed), O(state=verified), O(state=configured), O(state=fetched)
  type: str
  sample: 20261123T210000Z-2025.3.14357
path:
  description: Its folder.
  returned: with O(state=prepared), O(state=sealed), O(state=verified), O(state=configured), O(state=fetched)
  type: str
  sample: \\nas\octopus-backups\prod\20261123T210000Z-2025.3.14357
manifest:
  description: Its manifest; null where it cannot be read. In check mode, as far as it is known.
  returned: with O(state=sealed), O(state=verified), O(state=fetched)
  type: dict
  sample:
    format: 1
    id: 20261123T210000Z-2025.3.14357
    instance: prod
    run_id: 20261123T210000Z
    purpose: upgrade
    sealed_at: "2026-11-23T21:14:09Z"
    sealed_by: operator@control
    version: 2025.3.14357
    coordinator: octo-a
    service_stopped: true
    before: {maintenance: false, drained: [], watched: [octo-a]}
    nodes:
      octo-a:
        instance_name: OctopusServer
        config_path: C:\Octopus\OctopusServer.config
        server_node_name: OCTO-A
        config: {file: nodes\octo-a.config.vault, fingerprint: 5f0c1e6a0f4b7d21}
    database:
      server: SQL01
      name: OctopusDeploy
      as_of: "2026-11-23T21:05:10+01:00"
      backup:
        paths: ['\\nas\octopus-backups\prod\20261123T210000Z-2025.3.14357\database.bak']
        backup_set_uuid: 0B52B6D8-6E0C-4B3E-9E43-6B0F6B0E7C11
        files: [{name: database.bak, bytes: 20984832}]
    folders:
      packages: {exists: true, files: 612, bytes: 21474836480}
    package:
      file: packages\Octopus.2025.3.14357-x64.msi
      version: 2025.3.14357
      sha256: 4d4ddf8bc61e0de1ee2a6c5b5f0ff1a4b0a7a7dd1e4be3b0b6d1ff9f41b2f0a3
      size: 482203136
    master_key: {file: master-key.vault, fingerprint: 6b0f6b0e7c110b52}
    license: {file: license.vault, fingerprint: 9e436b0f6b0e7c11}
room:
  description: What it would need, in bytes, and what there is; null where it is not known.
  returned: with O(state=prepared), O(state=sealed) in check mode
  type: dict
  contains:
    folders_bytes:
      description: The server folders.
      type: int
    database_bytes:
      description: The database backup.
      type: int
    package_bytes:
      description: The package.
      type: int
    needed_bytes:
      description: All of it.
      type: int
    free_bytes:
      description: What is free where O(root) is. Null for a share, which only a job could ask.
      type: int
    enough:
      description: Whether it fits.
      type: bool
  sample:
    folders_bytes: 21474836480
    database_bytes: 104857600
    package_bytes: 482203136
    needed_bytes: 22061897216
    free_bytes: 107374182400
    enough: true
contains:
  description: What it would contain.
  returned: with O(state=prepared), O(state=sealed) in check mode
  type: list
  elements: str
  sample: [database.bak, 'folders\packages', license.vault, master-key.vault, 'nodes\octo-a.config.vault']
restore_points:
  description: All restore points, newest first.
  returned: with O(state=listed)
  type: list
  elements: dict
  contains:
    id:
      description: Its id.
      type: str
    path:
      description: Its folder.
      type: str
    sealed:
      description: Whether its seal opens with this vault password and fits its manifest.
      type: bool
    sealed_at:
      description: When it was sealed.
      type: str
    version:
      description: The version of Octopus Server.
      type: str
    purpose:
      description: What it was made for, V(upgrade) or V(backup).
      type: str
    run_id:
      description: The run that made it.
      type: str
    instance:
      description: The instance.
      type: str
    service_stopped:
      description: Whether the service was stopped while it was made, so that database and folders are of the same moment.
      type: bool
    as_of:
      description: The moment whose data its database backup has, by the clock of SQL Server.
      type: str
    why:
      description: Why it is not a sealed one; null where it is.
      type: str
  sample:
    - id: 20261123T210000Z-2025.3.14357
      path: \\nas\octopus-backups\prod\20261123T210000Z-2025.3.14357
      sealed: true
      sealed_at: "2026-11-23T21:14:09Z"
      version: 2025.3.14357
      purpose: upgrade
      run_id: 20261123T210000Z
      instance: prod
      service_stopped: true
      as_of: "2026-11-23T21:05:10+01:00"
      why: null
free_bytes:
  description: What is free where O(root) is; null where that is not known.
  returned: with O(state=listed)
  type: int
  sample: 107374182400
checks:
  description: Every check, also on failure.
  returned: with O(state=verified)
  type: list
  elements: dict
  contains:
    name:
      description: What was checked.
      type: str
    ok:
      description: Whether it is as it should be.
      type: bool
    detail:
      description: What was found, and where.
      type: str
    seconds:
      description: How long it took. Checks that one job has answered share its time.
      type: float
  sample:
    - {name: seal, ok: true, detail: it opens and is that of the manifest., seconds: 0.0}
    - {name: package, ok: false, detail: '\\nas\octopus-backups\prod\1\packages\Octopus.1-x64.msi is missing', seconds: 2.104}
nodes:
  description: What was done on each node.
  returned: with O(state=configured)
  type: dict
  contains:
    config_path:
      description: The configuration file.
      type: str
    restored:
      description: Whether it was put back, or would be.
      type: bool
    kept:
      description: Where the file that was replaced is kept; null where none was.
      type: str
    registered:
      description: Whether the instance was registered again, or would be.
      type: bool
  sample:
    octo-a:
      config_path: C:\Octopus\OctopusServer.config
      restored: true
      kept: C:\Octopus\OctopusServer.config.before-rollback-20261123T210000Z-2025.3.14357
      registered: false
fetched:
  description: The copies on the control node.
  returned: with O(state=fetched)
  type: dict
  contains:
    master_key:
      description: The sealed master key.
      type: str
    configurations:
      description: Each node's sealed configuration, by its inventory name.
      type: dict
  sample:
    master_key: octopus-runs/prod-clone/20261123T210000Z-2025.3.14357/master-key.vault
    configurations:
      octo-a: octopus-runs/prod-clone/20261123T210000Z-2025.3.14357/nodes/octo-a.config.vault
removed:
  description: Ids of the restore points that were removed, or would be.
  returned: with O(state=absent)
  type: list
  elements: str
  sample: [20261001T210000Z-2025.2.11000]
kept:
  description: Ids of those that stay, newest first.
  returned: with O(state=absent)
  type: list
  elements: str
  sample: [20261123T210000Z-2025.3.14357]
"""

from typing import Any

from ansible.module_utils.basic import AnsibleModule, missing_required_lib
from ansible_collections.octopus.upgrade.plugins.module_utils._core.progress import Progress
from ansible_collections.octopus.upgrade.plugins.module_utils._mssql.connection.connection import PYODBC_IMPORT_ERROR, connect
from ansible_collections.octopus.upgrade.plugins.module_utils._mssql.connection.options import MSSQL_SPEC, MSSQL_TOGETHER, SqlOptions
from ansible_collections.octopus.upgrade.plugins.module_utils._mssql.errors import MssqlError
from ansible_collections.octopus.upgrade.plugins.module_utils._octopus.database.info import query
from ansible_collections.octopus.upgrade.plugins.module_utils._octopus.errors import OctopusError
from ansible_collections.octopus.upgrade.plugins.module_utils._restore_point.configure import ConfigureRequest, configure
from ansible_collections.octopus.upgrade.plugins.module_utils._restore_point.create import seal
from ansible_collections.octopus.upgrade.plugins.module_utils._restore_point.fetch import FetchRequest, fetch
from ansible_collections.octopus.upgrade.plugins.module_utils._restore_point.listing import read_all
from ansible_collections.octopus.upgrade.plugins.module_utils._restore_point.prune import PruneRequest, prune
from ansible_collections.octopus.upgrade.plugins.module_utils._restore_point.request import SealRequest
from ansible_collections.octopus.upgrade.plugins.module_utils._restore_point.share import Share, place_of
from ansible_collections.octopus.upgrade.plugins.module_utils._restore_point.verify import VerifyRequest, verify
from ansible_collections.octopus.upgrade.plugins.module_utils._secrets.vault import Sealer, seal_spec
from ansible_collections.octopus.upgrade.plugins.module_utils._windows.connection import (
    JOB_SPEC,
    NODES_SPEC,
    WINRM_IMPORT_ERROR,
    ConnectionOptions,
    WindowsHost,
)
from ansible_collections.octopus.upgrade.plugins.module_utils._windows.errors import HostError
from ansible_collections.octopus.upgrade.plugins.module_utils._windows.jobs import RunAs

SPEC: dict[str, Any] = {
    **NODES_SPEC,
    **JOB_SPEC,
    **MSSQL_SPEC,
    "login_host": {"type": "str"},
    **{name: spec for name, spec in seal_spec().items() if name != "force"},
    "state": {"type": "str", "choices": ["prepared", "sealed", "listed", "verified", "configured", "fetched", "absent"], "required": True},
    "nodes": {"type": "list", "elements": "str"},
    "root": {"type": "str"},
    "path": {"type": "str"},
    "restore_point": {"type": "str"},
    "manifest": {"type": "dict"},
    "package": {
        "type": "dict",
        "options": {
            "path": {"type": "str", "required": True},
            "version": {"type": "str", "required": True},
            "sha256": {"type": "str"},
            "size": {"type": "int"},
        },
    },
    "files": {"type": "dict"},
    "dest": {"type": "path"},
    "instance_name": {"type": "str"},
    "sql_root": {"type": "str"},
    "test_restore": {"type": "bool", "default": False},
    "keep": {"type": "int"},
    "keep_days": {"type": "int"},
    "protect": {"type": "list", "elements": "str", "default": []},
    "given_up": {"type": "bool", "default": False},
    "timeout": {"type": "float", "default": 14400},
}


def run(module: AnsibleModule, sql: SqlOptions | None, connections: list[ConnectionOptions]) -> dict[str, Any]:
    """Do what the state asks for, on the nodes; the first one reaches the restore points."""
    params, check_mode = module.params, module.check_mode
    sealer = Sealer.from_params(params)
    tell = Progress()
    if params["state"] in ("prepared", "sealed"):
        request = SealRequest.from_params(params, sealer, check_mode)
        return seal(request, connections, (lambda: schema(sql, request.manifest)) if sql else None)
    root, restore_point = place_of(params["path"], params["root"], params["restore_point"])
    with WindowsHost(connections[0]) as host:
        share = Share(host, RunAs(params["job_user"], params["job_password"]), params["work_root"])
        if params["state"] == "listed":
            there = read_all(share, root, sealer)
            return {"changed": False, "restore_points": [point.as_result() for point in there.points], "free_bytes": there.free_bytes}
        if params["state"] == "configured":
            return configure(ConfigureRequest(root, restore_point, sealer, params["work_root"], check_mode), share, connections)
        if params["state"] == "fetched":
            return fetch(FetchRequest(root, restore_point, params["dest"], sealer, check_mode), share)
        if params["state"] == "absent":
            going = PruneRequest(
                root=root,
                restore_point=restore_point,
                keep=params["keep"],
                keep_days=params["keep_days"],
                protect=params["protect"],
                sealer=sealer,
                timeout=params["timeout"],
                given_up=params["given_up"],
                check_mode=check_mode,
                tell=tell,
            )
            return prune(going, share)
        wanted = VerifyRequest(
            root=root,
            restore_point=restore_point,
            sql_root=params["sql_root"],
            test_restore=params["test_restore"],
            sealer=sealer,
            timeout=params["timeout"],
            check_mode=check_mode,
            tell=tell,
        )
        found = verify(wanted, share, (lambda: connect(sql)) if sql else None)
        if found.failed:
            module.fail_json(msg=found.message(host.where), **found.as_result())
        return found.as_result()


def schema(sql: SqlOptions, manifest: dict[str, Any]) -> dict[str, Any]:
    """Ask the database for its versions, and SQL Server for its clock."""
    name = (manifest.get("database") or {}).get("name")
    if not name:
        raise OctopusError("manifest has no database.name, so the database's version cannot be checked.")
    with connect(sql, name) as connection:
        return {**query(connection, name), "now": connection.scalar("SELECT CAST(SYSDATETIMEOFFSET() AS nvarchar(40)) AS now")}


def main() -> None:
    module = AnsibleModule(
        argument_spec=SPEC,
        required_if=[
            *(("state", state, ["manifest", "package", "files"]) for state in ("prepared", "sealed")),
            ("state", "fetched", ["dest"]),
        ],
        required_together=MSSQL_TOGETHER,
        mutually_exclusive=[("restore_point", "keep"), ("restore_point", "keep_days")],
        supports_check_mode=True,
    )
    if WINRM_IMPORT_ERROR:
        module.fail_json(msg=missing_required_lib("pywinrm"), exception=WINRM_IMPORT_ERROR)
    if module.params["login_host"] and PYODBC_IMPORT_ERROR:
        module.fail_json(msg=missing_required_lib("pyodbc"), exception=PYODBC_IMPORT_ERROR)
    try:
        sql = SqlOptions.from_params(module.params) if module.params["login_host"] else None
        connections = [ConnectionOptions.from_params(params) for params in module.params["connections"] or [None]]
        result = run(module, sql, connections)
    except (MssqlError, OctopusError, HostError, ValueError) as error:  # ValueError: what cannot be said to Windows safely
        module.fail_json(msg=str(error))
    module.exit_json(**result)


if __name__ == "__main__":
    main()
