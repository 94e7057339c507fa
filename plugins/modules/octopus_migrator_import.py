#!/usr/bin/python
# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Import projects that Octopus.Migrator.exe has exported, and switch off what would act by itself."""

from __future__ import annotations

DOCUMENTATION = r"""
module: octopus_migrator_import
short_description: Import projects that Octopus.Migrator.exe has exported
version_added: 1.0.0
description:
  - Copies the folder of M(octopus.upgrade.octopus_migrator_export) to the host, has C(Octopus.Migrator.exe import) try it and then import it, and looks at
    the result in the database.
  - The instance has to be new and its service stopped, because imported triggers are enabled. Before it may be started again, this module disables triggers
    and automatic releases in the database, in one transaction. Before 2018.4 a trigger cannot be disabled, and is removed.
  - It fails where a deployment target or a worker has arrived, or another project than the wanted ones. Such an instance must not be started.
  - Projects that are there already are not imported again. A run that was interrupted waits for the program of the earlier one.
extends_documentation_fragment:
  - octopus.upgrade.attributes
  - octopus.upgrade.attributes.database
  - octopus.upgrade.step
  - octopus.upgrade.mssql
  - octopus.upgrade.windows
  - octopus.upgrade.windows.job
attributes:
  check_mode:
    support: partial
    details: It is checked whether the instance may be written to. The export is not read.
  diff_mode:
    support: none
options:
  src:
    description: The folder that was O(octopus.upgrade.octopus_migrator_export#module:dest).
    type: str
    required: true
  password:
    description: The password that the projects were exported with. While the program runs, the list of processes of the host shows it.
    type: str
    required: true
  projects:
    description: Names of the projects, as in the export.
    type: list
    elements: str
    required: true
  source_version:
    description: Version of the server that the projects were exported from. The program needs the same.
    type: str
    required: true
  instance_name:
    description: Name of the instance. By default the only one on the host.
    type: str
  database:
    description: Its database.
    type: str
    required: true
  execution:
    description:
      - With V(stopped), nothing can be deployed until somebody allows it, since imported accounts, certificates and feeds hold live credentials. The task
        queue of each space is stopped; before 2019.1 there are no spaces, and each project is disabled.
    type: str
    choices: [stopped, allowed]
    default: stopped
  timeout:
    description: Seconds to wait for the program. After that it continues, and the next run waits for it again.
    type: float
    default: 3600
notes:
  - The program writes to the database of the instance whose configuration is on the host, so O(job_user) needs rights there, with integrated security those
    of the account of the service. O(job_user) also reads O(src).
seealso:
  - module: octopus.upgrade.octopus_migrator_export
  - module: octopus.upgrade.octopus_projects_import
  - name: Octopus.Migrator.exe
    description: What Octopus Deploy says about it.
    link: https://octopus.com/docs/octopus-rest-api/octopus.migrator.exe-command-line/import
author:
  - The octopus.upgrade contributors (@octopus-upgrade)
"""

EXAMPLES = r"""
- name: Import the projects into a new instance that is stopped
  octopus.upgrade.octopus_migrator_import:
    src: \\nas.example.com\octopus\export
    password: "{{ export_password }}"
    projects: [Web Shop, Billing]
    source_version: "{{ exported.version }}"
    database: Octopus-Test
    login_host: sql-test.example.com
    login_user: octopus
    login_password: "{{ vault_octopus_test_sql_password }}"
"""

RETURN = r"""
imported:
  description: The projects that were imported; in check mode those that would be.
  returned: success
  type: list
  elements: str
  sample: [Web Shop, Billing]
existing:
  description: Projects that were there already.
  returned: success
  type: list
  elements: str
  sample: []
disabled_triggers:
  description: Triggers that were disabled.
  returned: success
  type: list
  elements: str
  sample: [Nightly]
removed_triggers:
  description: Triggers that were removed, since the version cannot disable one.
  returned: success
  type: list
  elements: str
  sample: []
automatic_releases:
  description: Projects whose automatic releases were switched off.
  returned: success
  type: list
  elements: str
  sample: [Web Shop]
stopped:
  description: The spaces whose task queue was stopped; before 2019.1 the projects that were disabled.
  returned: success
  type: list
  elements: str
  sample: [Default]
not_carried:
  description: What does not arrive.
  returned: success
  type: list
  elements: str
  sample: [packages]
"""

from typing import Any

from ansible_collections.octopus.upgrade.plugins.module_utils._core.module import run_module
from ansible_collections.octopus.upgrade.plugins.module_utils._core.progress import Progress
from ansible_collections.octopus.upgrade.plugins.module_utils._mssql.connection.connection import connect
from ansible_collections.octopus.upgrade.plugins.module_utils._mssql.connection.options import MSSQL_SPEC, MSSQL_TOGETHER, SqlOptions
from ansible_collections.octopus.upgrade.plugins.module_utils._octopus.projects import migrator
from ansible_collections.octopus.upgrade.plugins.module_utils._octopus.projects.migrator_import import MigratorImport, ProjectsImport
from ansible_collections.octopus.upgrade.plugins.module_utils._quarantine import imported
from ansible_collections.octopus.upgrade.plugins.module_utils._windows.connection import (
    CONNECTION_SPEC,
    JOB_SPEC,
    ConnectionOptions,
    WindowsHost,
)
from ansible_collections.octopus.upgrade.plugins.module_utils._windows.jobs import RunAs

SPEC: dict[str, Any] = {
    "argument_spec": {
        **MSSQL_SPEC,
        **CONNECTION_SPEC,
        **JOB_SPEC,
        "src": {"type": "str", "required": True},
        "password": {"type": "str", "no_log": True, "required": True},
        "projects": {"type": "list", "elements": "str", "required": True},
        "source_version": {"type": "str", "required": True},
        "instance_name": {"type": "str"},
        "database": {"type": "str", "required": True},
        "execution": {"type": "str", "choices": ["stopped", "allowed"], "default": "stopped"},
        "timeout": {"type": "float", "default": 3600},
    },
    "required_together": MSSQL_TOGETHER,
}


def run(params: dict[str, Any], check_mode: bool, diff: bool) -> dict[str, Any]:
    """Import the projects; the module's result."""
    options = SqlOptions.from_params(params)
    wanted = tuple(dict.fromkeys(params["projects"]))
    request = MigratorImport(
        params["src"],
        params["password"],
        wanted,
        params["source_version"],
        params["instance_name"],
        params["database"],
        RunAs(params["job_user"], params["job_password"]),
        params["work_root"],
        params["timeout"],
        Progress(),
    )
    with WindowsHost(ConnectionOptions.from_params(params["connection"])) as host:
        work = ProjectsImport(host, request)
        program = work.check()
        with connect(options, params["database"]) as connection:
            there = imported.projects(connection, wanted)
        new = [one for one in wanted if one not in there]
        done = imported.Silenced()
        if not check_mode:
            if new or work.is_pending():
                work.run(program, there)
            # Whatever an earlier run has left: it may have ended between the import and this.
            work.check_stopped()
            with connect(options, params["database"]) as connection:
                done = imported.silence(connection, wanted, params["execution"] == "stopped")
            work.end()
    return {
        "changed": bool(new) or done.any,
        "imported": new,
        "existing": [one for one in wanted if one in there],
        "disabled_triggers": done.triggers,
        "removed_triggers": done.removed,
        "automatic_releases": done.automatic_releases,
        "stopped": done.stopped,
        "not_carried": migrator.not_carried(program, migrator.groups(program, wanted)),
    }


def main() -> None:
    run_module(SPEC, run)


if __name__ == "__main__":
    main()
