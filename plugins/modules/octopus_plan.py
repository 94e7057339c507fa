#!/usr/bin/python
# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Plan an upgrade from what was found."""

from __future__ import annotations

DOCUMENTATION = r"""
module: octopus_plan
short_description: Plan an upgrade from what was found
version_added: 1.0.0
description:
  - Works out the upgrade path from the installed version to the target, and checks what was found.
  - Fails, naming every blocker at once, where a check fails or cannot be told, and its name is not waived.
  - Connects to nothing, and writes nothing but O(dest) on the control node. It takes what M(octopus.upgrade.octopus_info),
    M(octopus.upgrade.octopus_database_info) and check-mode runs of M(octopus.upgrade.octopus_install), M(octopus.upgrade.mssql_backup),
    M(octopus.upgrade.octopus_folders_backup) and M(octopus.upgrade.octopus_masterkey_backup) have returned. One of those that has failed is a
    finding of its own.
extends_documentation_fragment:
  - octopus.upgrade.attributes
  - octopus.upgrade.step
attributes:
  check_mode:
    support: full
    details:
      - Decides the same, and writes no O(dest).
  diff_mode:
    support: none
options:
  instance:
    description: Name of the instance, for messages.
    type: str
    required: true
  nodes:
    description: Inventory names of all its nodes.
    type: list
    elements: str
    required: true
  instance_name:
    description: Name of the instance on its hosts, where they have several.
    type: str
    default: ""
  version:
    description: The target version.
    type: str
    required: true
  ladder:
    description:
      - The versions to go through, the target last. Empty means the shortest path through O(releases) that crosses no jump which is known to
        break, as far as it concerns this instance. A given path is judged by the same catalogue.
    type: list
    elements: str
    default: []
  releases:
    description: The versions that can be had, for example RV(octopus.upgrade.octopus_release_info#module:versions). Needed only without O(ladder).
    type: list
    elements: str
    default: []
  release_dates:
    description: RV(octopus.upgrade.octopus_release_info#module:dates), which the licence is compared with where it has ended.
    type: dict
    default: {}
  path_rows:
    description:
      - Jumps that the catalogue of known ones does not have. One with the id of a known row replaces it.
      - Each has C(id), C(origin), C(target) (versions, such as C(>=2019.1.0,<2019.2; 2019.2.5) or C(any)), C(kind) (C(schema), C(start), C(silent),
        C(slow), C(floor), C(licence) or C(manual)), C(problem) and C(way) (what to do), and optionally C(sources), C(symptoms) and C(when).
    type: list
    elements: dict
    default: []
  path_rows_off:
    description: Ids of rows of the catalogue that do not count.
    type: list
    elements: str
    default: []
  server:
    description: RV(octopus.upgrade.octopus_info#module:server).
    type: dict
    required: true
  hosts:
    description: RV(octopus.upgrade.octopus_info#module:hosts).
    type: dict
    required: true
  database:
    description: What M(octopus.upgrade.octopus_database_info) returned.
    type: dict
    required: true
  packages:
    description: For each version that will be staged, RV(octopus.upgrade.octopus_install#module:nodes) of its MSI in check mode.
    type: dict
    default: {}
  package_problems:
    description: For each of these versions the message of a failed look for its MSI; empty where it was found.
    type: dict
    default: {}
  backup:
    description: What M(octopus.upgrade.mssql_backup) returned in check mode.
    type: dict
    default: {}
  copies:
    description: What M(octopus.upgrade.octopus_folders_backup) returned in check mode.
    type: dict
    default: {}
  master_key:
    description: What M(octopus.upgrade.octopus_masterkey_backup) returned in check mode.
    type: dict
    default: {}
  compatibility:
    description:
      - What M(octopus.upgrade.octopus_compatibility_info) returned with its O(octopus.upgrade.octopus_compatibility_info#module:operation). The
        result of a task that has failed is fine. Without it, assumptions about the server are not checked.
    type: dict
    default: {}
  rehearsal:
    description:
      - What M(octopus.upgrade.octopus_rehearsal_info) returned; a result that was skipped is fine. Without it, rehearsals are not checked.
    type: dict
  rehearsal_required:
    description: Whether the upgrade needs a rehearsal that succeeded.
    type: bool
    default: false
  rehearsal_days:
    description: How many days old the rehearsal may be. 0 without O(rehearsal_required) means that rehearsals do not matter, as for a clone.
    type: int
    default: 30
  clock_tolerance:
    description: How many seconds the clocks of control node, nodes and SQL Server may differ.
    type: int
    default: 60
  interventions:
    description:
      - What becomes of tasks that wait for a person's answer. With V(refuse) the check C(nobody_asked) blocks, and names each with its project and
        who may answer. With V(leave) they go on waiting, with V(cancel) they will be cancelled.
    type: str
    choices: [refuse, leave, cancel]
    default: refuse
  rollback_keeps:
    description: Whether a rollback keeps the failed database and restores beside it, which needs room for both.
    type: bool
    default: true
  availability_group:
    description:
      - What a rollback does with a database in an availability group, over which C(RESTORE) does not work. With V(refuse) the check
        C(rollback_possible) blocks.
      - With V(remove_and_rejoin) a rollback that restores the database takes it out of the group and adds it again. C(rollback_possible) then
        checks whether it can be taken out, and C(group_rejoinable) whether each secondary gets its copy again by itself.
    type: str
    choices: [refuse, remove_and_rejoin]
    default: refuse
  stops_service:
    description: Whether the nodes are stopped though nothing is upgraded, as for a backup. C(nobody_asked) is then checked too.
    type: bool
    default: false
  waivers:
    description: Names of checks whose findings are accepted.
    type: list
    elements: str
    default: []
  run_id:
    description: Id of the run, which the restore point is named by.
    type: str
  coordinator:
    description: Inventory name of the node on which Ansible runs the instance's tasks, for RV(lines).
    type: str
    default: ""
  sql:
    description: Where the database is, for RV(lines).
    type: dict
    suboptions:
      host:
        description: Its SQL Server.
        type: str
        required: true
      database:
        description: Its name.
        type: str
        required: true
  backup_folder:
    description: The folder of the instance's restore points, for RV(lines).
    type: str
    default: ""
  partial:
    description:
      - Whether more is read where there is something to upgrade, so that the plan is not whole yet. It then refuses, shows and writes nothing.
    type: bool
    default: false
  refuse:
    description: Whether the task fails where something blocks. Without that, RV(refusal) says what it would fail with.
    type: bool
    default: true
  show:
    description: Whether the plan is shown as plain text.
    type: bool
    default: false
  dest:
    description:
      - File on the control node that RV(plan) is written to as JSON, whole or not at all. A file with the plan of another instance is refused.
      - It holds no secret.
    type: path
  approved:
    description:
      - File of an earlier plan (O(dest)) that was approved. The check C(plan_approved) names each difference that matters, and blocks - instance,
        versions and path, nodes, database, hashes of packages, and findings that have got worse.
    type: path
  commands:
    description: The commands that go on from the plan (C(upgrade)) and that make it again (C(again)). By default made from how Ansible was called.
    type: dict
    default: {}
seealso:
  - module: octopus.upgrade.octopus_info
author:
  - The octopus.upgrade contributors (@octopus-upgrade)
"""

EXAMPLES = r"""
- name: Plan the upgrade
  octopus.upgrade.octopus_plan:
    instance: prod
    nodes: [octo-a, octo-b]
    version: 2026.2.9853
    ladder: [2025.3.14357, 2026.2.9853]
    server: "{{ found.server }}"
    hosts: "{{ found.hosts }}"
    database: "{{ found_database }}"
"""

RETURN = r"""
installed:
  description: The installed version.
  returned: always
  type: str
  sample: 2020.5.7
version:
  description: The version to end at.
  returned: always
  type: str
  sample: 2026.2.9853
upgrade_path:
  description: The versions to go through; empty where the instance is at the target already.
  returned: always
  type: list
  elements: str
  sample: [2025.3.14357, 2026.2.9853]
jumps:
  description:
    - The parts of the path. C(avoids) names the rows of the catalogue because of which the version is there, C(rows) those that apply to the jump;
      C(holds) is null where it cannot be told whether they concern this instance.
    - C(reason) says in words why the version is part of the path, C(released) when it came out (null where that is not known), and C(floors) what it
      needs - SQL Server, Windows Server, .NET, and what it does with the database's compatibility level.
  returned: always
  type: list
  elements: dict
  sample:
    - from: 2020.5.7
      to: 2025.3.14357
      reason: "avoids dataversion: The server stops at its first start because a script that adds two columns was left out"
      released: "2025-11-13"
      floors: {sql_server: "2016", compatibility_level: "raised, to which one is not documented", windows: 2012 R2, net: bundled}
      avoids: [dataversion]
      rows: [{id: licence-gate, kind: licence, holds: null, blocks: true}]
restore_point:
  description: Id of the restore point that the run would create. Null without O(run_id).
  returned: always
  type: str
  sample: 20261125T132400Z-2020.5.7
lines:
  description: The plan as a person reads it.
  returned: always
  type: list
  elements: str
  sample:
    - 'Plan of prod: 2020.5.7 -> 2026.2.9853'
    - '  Nothing stops it (2 warning, 41 ok)'
plan:
  description: The plan as a document, which C(docs/plan.schema.json) describes. Empty where O(partial) leaves it for later.
  returned: always
  type: dict
  sample: {format: 1, verdict: ready, instance: prod, installed: 2020.5.7, target: 2026.2.9853}
refusal:
  description: What blocks, each finding on its line; empty where nothing does.
  returned: always
  type: str
  sample: ""
dest:
  description: The file that it was written to.
  returned: with O(dest), where the plan is whole
  type: str
  sample: /home/ops/plans/prod.json
before:
  description: The state to return the instance in.
  returned: always
  type: dict
  sample:
    maintenance: false
    drained: []
    task_caps: {octo-a: 5, octo-b: 5}
    watched: [octo-a]
    start_types: {octo-a: auto, octo-b: delayed-auto}
rollback_possible:
  description: Whether a failure may start a rollback. False where the check of that name was waived.
  returned: always
  type: bool
  sample: true
checks:
  description:
    - Every check with what it expected and found, and its C(verdict) - V(ok), V(warning), V(blocker), V(waived) or V(unknown). C(ok) is null where
      that cannot be told, which blocks too, unless C(blocking) is false.
  returned: always
  type: list
  elements: dict
  sample:
    - name: license_compliant
      ok: true
      verdict: ok
      waived: false
      blocking: true
      expected: a compliant licence (newer versions refuse to upgrade or to start without one)
      found: compliant
      where: prod
      todo: Renew the licence, or waive this check by name if the new version is known to take it.
"""

from typing import Any

from ansible_collections.octopus.upgrade.plugins.module_utils._core.errors import InvalidValue, TaskFailed
from ansible_collections.octopus.upgrade.plugins.module_utils._core.module import run_module
from ansible_collections.octopus.upgrade.plugins.module_utils._core.progress import Progress
from ansible_collections.octopus.upgrade.plugins.module_utils._octopus import (
    check,
    looked_checks,
    path_checks,
    plan,
    plan_approval,
    plan_document,
    plan_file,
    plan_text,
    rollback_checks,
)
from ansible_collections.octopus.upgrade.plugins.module_utils._octopus.errors import OctopusError
from ansible_collections.octopus.upgrade.plugins.module_utils._octopus.path import known
from ansible_collections.octopus.upgrade.plugins.module_utils._octopus.path.solver import Path

_FACTS: dict[str, Any] = {
    "instance": {"type": "str", "required": True},
    "nodes": {"type": "list", "elements": "str", "required": True},
    "instance_name": {"type": "str", "default": ""},
    "server": {"type": "dict", "required": True},
    "hosts": {"type": "dict", "required": True},
    "database": {"type": "dict", "required": True},
    "packages": {"type": "dict", "default": {}},
    "backup": {"type": "dict", "default": {}},
    "compatibility": {"type": "dict", "default": {}},
    "rehearsal": {"type": "dict"},
    "rehearsal_required": {"type": "bool", "default": False},
    "rehearsal_days": {"type": "int", "default": 30},
    "clock_tolerance": {"type": "int", "default": 60},
    "interventions": {"type": "str", "choices": ["refuse", "leave", "cancel"], "default": "refuse"},
    "rollback_keeps": {"type": "bool", "default": True},
    "availability_group": {"type": "str", "choices": ["refuse", "remove_and_rejoin"], "default": "refuse"},
    "stops_service": {"type": "bool", "default": False},
}
SPEC: dict[str, Any] = {
    "argument_spec": {
        **_FACTS,
        "version": {"type": "str", "required": True},
        "ladder": {"type": "list", "elements": "str", "default": []},
        "releases": {"type": "list", "elements": "str", "default": []},
        "release_dates": {"type": "dict", "default": {}},
        "path_rows": {"type": "list", "elements": "dict", "default": []},
        "path_rows_off": {"type": "list", "elements": "str", "default": []},
        "waivers": {"type": "list", "elements": "str", "default": []},
        "package_problems": {"type": "dict", "default": {}},
        "copies": {"type": "dict", "default": {}},
        "master_key": {"type": "dict", "default": {}, "no_log": False},  # how it could be read, not the key
        "run_id": {"type": "str"},
        "coordinator": {"type": "str", "default": ""},
        "sql": {"type": "dict", "options": {"host": {"type": "str", "required": True}, "database": {"type": "str", "required": True}}},
        "backup_folder": {"type": "str", "default": ""},
        "partial": {"type": "bool", "default": False},
        "refuse": {"type": "bool", "default": True},
        "show": {"type": "bool", "default": False},
        "dest": {"type": "path"},
        "approved": {"type": "path"},
        "commands": {"type": "dict", "default": {}},
    }
}


def run(params: dict[str, Any], check_mode: bool, diff: bool) -> dict[str, Any]:
    """Make the plan; the module's result."""
    unknown = plan.unknown_waivers(params["waivers"], [str(row.get("id")) for row in params["path_rows"]])
    if unknown:
        raise InvalidValue(f"octopus_waivers names unknown checks: {', '.join(unknown)}. Known: {', '.join(sorted(plan.NAMES))}.")
    facts = _facts(params)
    try:
        way = path_checks.find(
            facts.server["version"],
            params["version"],
            params["ladder"],
            releases=params["releases"],
            conditions=known.conditions(facts.server, facts.hosts, facts.database),
            added=params["path_rows"],
            off=params["path_rows_off"],
        )
        asked = bool(params["ladder"] or params["releases"])
        path = [str(version) for version in way.versions]
        checks = [
            *path_checks.checks(way, facts.instance, asked),
            *path_checks.license_check(way, facts.server.get("license") or {}, params["release_dates"], facts.instance),
        ]
        found = plan.checks(facts, params["version"], path, params["waivers"], checks)
    except OctopusError as error:
        raise InvalidValue(f"Instance {facts.instance} cannot be planned: {error}.") from error
    point = f"{params['run_id']}-{facts.server['version']}" if params["run_id"] else None
    result: dict[str, Any] = {
        "installed": facts.server["version"],
        "version": params["version"],
        "upgrade_path": path,
        "jumps": path_checks.as_dicts(way, params["release_dates"]),
        "restore_point": point,
        "before": plan.before(facts),
        "rollback_possible": rollback_checks.is_possible(found),
        "checks": check.as_dicts(found),
        "lines": [],
        "plan": {},
        "refusal": plan.refusal(facts.instance, found),
    }
    return result if params["partial"] and path else _whole(params, facts, (way, found), result, check_mode)


def _facts(params: dict[str, Any]) -> plan.Facts:
    looks = {name: params[option] for name, option in (("backup", "backup"), ("folders", "copies"), ("master_key", "master_key"))}
    looked = looked_checks.problems(looks, params["package_problems"])
    facts = plan.Facts(**{name: params[name] for name in _FACTS}, looked=looked)
    if looked.get("backup"):
        facts.backup = {}
    return facts


def _whole(
    params: dict[str, Any], facts: plan.Facts, judged: tuple[Path, list[check.Check]], result: dict[str, Any], check_mode: bool
) -> dict[str, Any]:
    """Compare the plan with the approved one, show it, write it, and refuse it where something blocks."""
    way, found = judged
    setting = plan_document.Setting(
        params["coordinator"],
        params["sql"],
        params["backup_folder"],
        result["restore_point"],
        params["copies"],
        params["commands"],
        tuple(rollback_checks.lines(facts.database)),
    )
    document = plan_document.document(facts, params["version"], way, found, setting)
    if params["approved"] and result["upgrade_path"]:
        approval = plan_approval.check(plan_file.read(params["approved"]), document, params["approved"])
        check.waive([approval], params["waivers"])
        found.insert(0, approval)
        document = plan_document.document(facts, params["version"], way, found, setting)
    refusal = plan.refusal(facts.instance, found)
    result |= {"checks": check.as_dicts(found), "plan": document, "lines": plan_text.lines(document), "refusal": refusal}
    if params["show"]:
        Progress()("\n" + "\n".join(result["lines"]))
    if params["dest"]:
        result |= {"dest": params["dest"], "changed": False if check_mode else plan_file.write(params["dest"], document)}
    if refusal and params["refuse"]:
        raise TaskFailed(refusal, result)
    return result


def main() -> None:
    run_module(SPEC, run)


if __name__ == "__main__":
    main()
