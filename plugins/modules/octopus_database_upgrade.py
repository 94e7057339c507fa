#!/usr/bin/python
# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Upgrade the schema of an Octopus Server's database."""

from __future__ import annotations

DOCUMENTATION = r"""
module: octopus_database_upgrade
short_description: Upgrade the schema of an Octopus Server's database
version_added: 1.0.0
description:
  - Runs C(Octopus.Server.exe database --upgrade) on the host of the task and follows its output. It runs as a scheduled task, so that it
    survives a lost connection; a later run finds it again.
  - Brings the schema to the version of the program that is installed on that host.
  - Where the database is a clone's, under quarantine by M(octopus.upgrade.octopus_quarantine), the quarantine is applied and verified again
    afterwards, as its record says, since a new schema can bring what is enabled by default. Where that fails, so does this task.
  - A schema upgrade that succeeds does not mean that the server works. Start a node with M(octopus.upgrade.octopus_node) and verify the
    server with M(octopus.upgrade.octopus_verify).
extends_documentation_fragment:
  - octopus.upgrade.attributes
  - octopus.upgrade.attributes.database
  - octopus.upgrade.step
  - octopus.upgrade.mssql
  - octopus.upgrade.windows
  - octopus.upgrade.windows.job
attributes:
  check_mode:
    support: full
    details:
      - It does not look whether the nodes are stopped, since in check mode nothing has stopped them. A schema that was upgraded and has not
        been started with since counts as one still to upgrade, since only the program can tell.
  diff_mode:
    support: full
options:
  database:
    description: Name of the instance's database.
    type: str
    required: true
  instance_name:
    description: Name of the instance on the host. Needed where the host has more than one.
    type: str
  expected_version:
    description:
      - The version to upgrade to. Where the database has run with it already, nothing is done. Where the installed program is of another
        version, nothing is started.
    type: str
  drain_node:
    description:
      - Name of the node that is started next. Once the schema is upgraded, the node is set to be drained in the database where it is not any more, so
        that it takes no task when it starts. Undrain it with M(octopus.upgrade.octopus_node).
      - Where that cannot be done, the task warns; let M(octopus.upgrade.octopus_node) look with O(octopus.upgrade.octopus_node#module:keep_drained).
    type: str
  waivers:
    description:
      - Names of findings that are accepted when the quarantine of a clone is verified again, as
        O(octopus.upgrade.octopus_quarantine#module:waivers) has them, besides those that its record has. They go into the record. Other names are
        ignored.
    type: list
    elements: str
    default: []
  timeout:
    description: Seconds for the upgrade. After that it is ended, and the database may be altered in part.
    type: float
    default: 14400
notes:
  - Before it starts an upgrade, the module refuses where anybody else is connected to the database, or where a node still writes heartbeats.
    Where the login may not see the sessions of others (C(VIEW SERVER STATE)), only heartbeats show it.
  - To Octopus 2023.2.9755 and later, the heartbeat of a node that has just stopped looks alive for a while. The module waits for that.
  - The job of an earlier run is found again. A running one is followed. A failed one is reported, and the run after this one starts a new
    one. After one that succeeded the upgrade runs again, since the database may have been restored meanwhile; that changes nothing in a
    schema that is upgraded already.
seealso:
  - module: octopus.upgrade.octopus_database_info
  - module: octopus.upgrade.mssql_backup
  - module: octopus.upgrade.octopus_node
  - name: The database command
    description: What Octopus Deploy says about it.
    link: https://octopus.com/docs/octopus-rest-api/octopus.server.exe-command-line/database
author:
  - The octopus.upgrade contributors (@octopus-upgrade)
"""

EXAMPLES = r"""
- name: Upgrade the schema, for a Windows host of the inventory
  octopus.upgrade.octopus_database_upgrade:
    login_host: sql.example.com
    database: OctopusDeploy
    expected_version: 2025.4.10423
    job_user: LAB\svc-octopus
    job_password: "{{ vault_service_password }}"
    timeout: 7200
"""

RETURN = r"""
server:
  description: Name of the SQL Server, as it calls itself.
  returned: success
  type: str
  sample: SQL01
server_version:
  description: Its version.
  returned: success
  type: str
  sample: 14.0.3456.2
database:
  description: Name of the database.
  returned: success
  type: str
  sample: OctopusDeploy
now:
  description: SQL Server's own time after the upgrade, ISO 8601 with its offset.
  returned: success
  type: str
  sample: '2026-11-23T20:00:04.200000+00:00'
version:
  description: The newest version that has run with the database. It is written when a node starts, so not yet by the upgrade itself.
  returned: success
  type: str
  sample: 2018.10.7
history:
  description: Each version that was started with the database, as M(octopus.upgrade.octopus_database_info) returns it.
  returned: success
  type: list
  elements: dict
  sample: [{"version": "2018.10.7", "node": "OCTO01", "installed": "2019-04-01T10:00:00+00:00"}]
schema_scripts:
  description: Number of schema scripts that have run.
  returned: success
  type: int
  sample: 612
drained_node:
  description: Whether O(drain_node) was and is drained in the database, and what kept it from being set. Null is what cannot be told.
  returned: with O(drain_node), outside of check mode
  type: dict
  sample: {was_drained: false, drained: true, problem: ''}
job:
  description: V(started), V(attached) to a running one, or V(collected) where that of an earlier run had done all. Null where none was needed.
  returned: success
  type: str
  sample: started
job_id:
  description: Name of the job on the host.
  returned: where a job ran
  type: str
  sample: schema-1f0e3dad99
exit_code:
  description: Exit code of the program.
  returned: where a job ran
  type: int
  sample: 0
log_tail:
  description: The last lines of the program's output.
  returned: where a job ran
  type: list
  elements: str
  sample: [Upgrade successful]
output_path:
  description: File on the host with the whole output.
  returned: where a job ran
  type: str
  sample: C:\ProgramData\octopus.upgrade\logs\schema-1f0e3dad99-20261123T210405123456Z.txt
scripts:
  description: Number of scripts that the program has executed, as it announces them.
  returned: where a job ran
  type: int
  sample: 57
quarantine:
  description: What was done about the quarantine of a clone after its schema upgrade. Null where there was no upgrade or is no quarantine.
  returned: success
  type: dict
  contains:
    name:
      description: Name of the clone.
      type: str
    silenced:
      description: For each item, how many rows the upgrade had enabled, which are silenced now.
      type: dict
    verified:
      description: Names of the checks that passed.
      type: list
      elements: str
  sample: null
seconds:
  description: How long the module took.
  returned: success
  type: float
  sample: 75.2
"""

import time
from typing import Any

from ansible_collections.octopus.upgrade.plugins.module_utils._core.errors import InvalidValue
from ansible_collections.octopus.upgrade.plugins.module_utils._core.module import run_module
from ansible_collections.octopus.upgrade.plugins.module_utils._core.progress import Progress
from ansible_collections.octopus.upgrade.plugins.module_utils._mssql.connection.connection import connect
from ansible_collections.octopus.upgrade.plugins.module_utils._mssql.connection.options import MSSQL_SPEC, MSSQL_TOGETHER, SqlOptions
from ansible_collections.octopus.upgrade.plugins.module_utils._octopus.database import hold
from ansible_collections.octopus.upgrade.plugins.module_utils._octopus.database.info import query
from ansible_collections.octopus.upgrade.plugins.module_utils._octopus.database.schema_upgrade import SchemaUpgrade, UpgradeRequest
from ansible_collections.octopus.upgrade.plugins.module_utils._octopus.host.instances import OctopusHost
from ansible_collections.octopus.upgrade.plugins.module_utils._quarantine import record, renewal
from ansible_collections.octopus.upgrade.plugins.module_utils._windows.connection import (
    CONNECTION_SPEC,
    JOB_SPEC,
    ConnectionOptions,
    WindowsHost,
)

SPEC: dict[str, Any] = {
    "argument_spec": {
        **MSSQL_SPEC,
        **CONNECTION_SPEC,
        **JOB_SPEC,
        "database": {"type": "str", "required": True},
        "instance_name": {"type": "str"},
        "expected_version": {"type": "str"},
        "drain_node": {"type": "str"},
        "waivers": {"type": "list", "elements": "str", "default": []},
        "timeout": {"type": "float", "default": 14400},
    },
    "required_together": MSSQL_TOGETHER,
}


def run(params: dict[str, Any], check_mode: bool, diff: bool) -> dict[str, Any]:
    """Upgrade, and read what the database then says; the module's result."""
    if not params["connection"]:
        raise InvalidValue("The upgrade runs on the host of the task, but that is not reached by WinRM. Run this task for a Windows host.")
    began, database, waivers = time.monotonic(), params["database"], params["waivers"]
    options = SqlOptions.from_params(params)
    request = UpgradeRequest.from_params(params, check_mode, Progress())
    with connect(options, database) as connection:
        before = query(connection, database, ["version"])
    with WindowsHost(ConnectionOptions.from_params(params["connection"])) as host:
        # What somebody has enabled in a clone is told apart by this from what its schema upgrade enables, and is not lifted one day.
        upgrade = SchemaUpgrade(
            request,
            OctopusHost(host),
            lambda: connect(options, database),
            lambda connection: renewal.renew(connection, database, waivers=waivers),
        )
        result = upgrade.run()
    with connect(options, database) as connection:
        upgraded = result["job"] in ("started", "attached") and not check_mode
        quarantine = renewal.renew(connection, database, record.UPGRADE, waivers=waivers) if upgraded else None
        after = query(connection, database, ["version"])
        held = hold.drain(connection, params["drain_node"]) if params["drain_node"] and not check_mode else None
    if result["job"] == "started" and all(before[name] == after[name] for name in ("version", "schema_scripts")):
        # The version is written when a node starts, so before that only the program itself can tell that there is nothing to do.
        result["changed"] = False
    if held is not None:
        result["drained_node"] = held
        result["changed"] = result["changed"] or held["drained"] != held["was_drained"]
        if held["problem"]:
            result["warnings"] = [
                f"{params['drain_node']}: it is not known to be drained in the database when it starts: {held['problem']}"
            ]
    if diff:
        result["diff"] = {"before": _lines(before, before["version"]), "after": _lines(after, params["expected_version"])}
    return {**after, **result, "quarantine": renewal.as_dict(quarantine), "seconds": round(time.monotonic() - began, 3)}


def _lines(facts: dict[str, Any], version: str | None) -> str:
    return f"version: {version}\nschema scripts: {facts['schema_scripts']}\n"


def main() -> None:
    run_module(SPEC, run)


if __name__ == "__main__":
    main()
