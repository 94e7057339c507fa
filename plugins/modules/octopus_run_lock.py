#!/usr/bin/python
# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Take or release the lock of an instance."""

from __future__ import annotations

DOCUMENTATION = r"""
module: octopus_run_lock
short_description: Take or release the lock of an instance
version_added: 1.0.0
description:
  - Only one run at a time may change an instance, from any control node. The lock is a folder on the own disk of each node, which says who
    holds it since when. The nodes are locked in the order of their computers' names, so that of two runs one gets all of them, whatever the
    order of the nodes in their inventories.
  - An upgrade or a rollback also locks each node's programs, which all instances of a host share.
  - With O(login_host) and O(database), the run also claims the instance's database, where SQL Server keeps it and a restore of the database
    does not undo it. Two inventories that know the same database under different nodes meet there. The claim is a small database of its own,
    which exists as long as the run is unfinished, also while nobody works on it.
  - The lock of an ansible-playbook process that has certainly ended is broken, and the result says so. That can be determined only for a
    process of this control node since its last boot. A lock that was taken by another control node, in another container, or before a reboot
    must be broken deliberately, with O(break_lock).
  - A run whose lock was broken gets no further than its next step, because nothing is written to the journal without the lock.
  - Also returns the unfinished run of the instance, with everything that is needed to resume it from this control node or another one.
extends_documentation_fragment:
  - octopus.upgrade.attributes
  - octopus.upgrade.step
  - octopus.upgrade.windows.nodes
  - octopus.upgrade.mssql
  - octopus.upgrade.run
  - octopus.upgrade.run.instance
attributes:
  check_mode:
    support: full
    details: C(changed) says whether the lock would be taken or released. The task fails where the lock would be refused.
  diff_mode:
    support: none
options:
  nodes:
    description:
      - Inventory names of the instance's nodes, its coordinator first. By default, the host of the task alone.
    type: list
    elements: str
  state:
    description:
      - V(present) takes the lock. It is not a change if the same ansible-playbook holds it already.
      - V(absent) releases it. It is not a change if another process holds it, or nobody.
    type: str
    choices: [present, absent]
    default: present
  run_id:
    description:
      - The run that the lock is for. Ids sort by time, as C(20261123T210000Z) does.
      - Required with O(state=present).
    type: str
  operation:
    description: What the run does, for whoever finds its lock.
    type: str
  break_lock:
    description:
      - Take the lock although another process holds it, because that process is known to be gone. The run id, or the owner, named in the
        refusal.
      - V(unknown) breaks a lock that does not say who holds it, and drops a claim that another login has made.
    type: str
  login_host:
    description:
      - SQL Server, as host, tcp:host,port or host\instance. Without it, the database is not claimed.
    type: str
    required: false
  database:
    description: The instance's database. Without it, no database is claimed.
    type: str
  verdict:
    description:
      - With O(state=absent), how the run has ended, as M(octopus.upgrade.octopus_run_report) takes it. A run that stays unfinished keeps its
        claim on the database. Without O(verdict), a run that has a journal keeps it.
    type: str
  second_error:
    description: With O(verdict), the error of what was tried after the failure.
    type: str
    default: ""
notes:
  - The login needs the permission C(CREATE ANY DATABASE), which members of C(dbcreator) have. Without it, the database is not claimed, and the
    result warns.
seealso:
  - module: octopus.upgrade.octopus_run_info
  - module: octopus.upgrade.octopus_run_record
author:
  - The octopus.upgrade contributors (@octopus-upgrade)
"""

EXAMPLES = r"""
- name: Take the lock on the instance
  octopus.upgrade.octopus_run_lock:
    instance: prod
    run_id: 20261125T132400Z
    operation: upgrade
    break_lock: "{{ octopus_break_lock | default(omit) }}"
  register: lock

- name: Release the lock
  octopus.upgrade.octopus_run_lock:
    instance: prod
    state: absent
"""

RETURN = r"""
run_id:
  description: O(run_id); null where it was not given.
  returned: success
  type: str
  sample: 20261125T132400Z
lock:
  description: The lock as it is now; null where nobody holds it.
  returned: success
  type: dict
  contains:
    path:
      description: The lock's folder on the host.
      type: str
    owner:
      description: Who holds it, as user@control node; V(unknown) where the lock does not say.
      type: str
    run_id:
      description: For which run.
      type: str
    operation:
      description: For which operation.
      type: str
    since:
      description: Since when.
      type: str
    age_seconds:
      description: For how long, by the clocks of both control nodes; null where that is not known.
      type: int
    ours:
      description: Whether the ansible-playbook that runs this task holds it.
      type: bool
    gone:
      description: Whether its process has ended, which only its own control node can tell. Elsewhere it is V(false).
      type: bool
  sample:
    path: C:\ProgramData\octopus.upgrade\runs\prod\lock
    owner: anna@ctrl1
    run_id: 20261125T132400Z
    operation: upgrade
    since: "2026-11-25T13:24:00+00:00"
    age_seconds: 2
    ours: true
    gone: false
broke:
  description:
    - The lock that was broken for this one, or would be in check mode; null where none was.
    - C(why) is V(gone) where its process has ended, V(guarded) where the guard has ended its run (M(octopus.upgrade.octopus_guard)),
      V(deliberate) where O(break_lock) named it.
  returned: with O(state=present)
  type: dict
  sample:
    owner: anna@ctrl1
    run_id: 20261125T120000Z
    since: "2026-11-25T12:00:00+00:00"
    age_seconds: 5040
    why: gone
unfinished:
  description: As M(octopus.upgrade.octopus_run_info) returns it.
  returned: with O(state=present)
  type: dict
  sample:
    run_id: 20261125T120000Z
    operation: upgrade
    last_step: quiesce.maintenance
    resumes: true
last:
  description: The record of the newest run that has finished; null where there is none.
  returned: with O(state=present)
  type: dict
  sample:
    instance: prod
    from_version: 2024.4.7100
    to_version: 2025.3.14357
    verdict: upgraded
last_facts:
  description: The facts of that run, the newest of each name; empty where there is none.
  returned: with O(state=present)
  type: dict
  sample:
    left_over: []
"""

from typing import Any

from ansible_collections.octopus.upgrade.plugins.module_utils._core.module import run_module
from ansible_collections.octopus.upgrade.plugins.module_utils._mssql.connection.options import MSSQL_SPEC, MSSQL_TOGETHER
from ansible_collections.octopus.upgrade.plugins.module_utils._run import outcome
from ansible_collections.octopus.upgrade.plugins.module_utils._run.holder import HOLDER_SPEC
from ansible_collections.octopus.upgrade.plugins.module_utils._run.instance_runs import INSTANCE_SPEC, instance_runs
from ansible_collections.octopus.upgrade.plugins.module_utils._windows.connection import NODES_SPEC

SPEC = {
    "argument_spec": {
        **NODES_SPEC,
        **INSTANCE_SPEC,
        **MSSQL_SPEC,
        "login_host": {"type": "str"},
        "database": {"type": "str"},
        "verdict": {"type": "str"},
        "second_error": {"type": "str", "default": ""},
        "nodes": {"type": "list", "elements": "str"},
        "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
        "run_id": {"type": "str"},
        "operation": {"type": "str"},
        "break_lock": {"type": "str"},
        "holder": {"type": "dict", "required": True, "options": HOLDER_SPEC},
    },
    "required_if": [("state", "present", ("run_id",))],
    "required_together": MSSQL_TOGETHER,
}


def run(params: dict[str, Any], check_mode: bool, diff: bool) -> dict[str, Any]:
    """Take or release the lock; the module's result."""
    with instance_runs(params) as runs:
        if params["state"] == "absent":
            verdict = params["verdict"]
            stays_open = outcome.is_open(verdict, bool(params["second_error"])) if verdict else None
            return runs.release(params["run_id"], check_mode, stays_open)
        return runs.take(params["run_id"], params["operation"], params["break_lock"], check_mode)


def main() -> None:
    run_module(SPEC, run)


if __name__ == "__main__":
    main()
