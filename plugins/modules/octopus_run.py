#!/usr/bin/python
# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Take the lock of an instance, and find the run that broke off."""

from __future__ import annotations

DOCUMENTATION = r"""
module: octopus_run
short_description: Take the lock of an instance, and find the run that broke off
version_added: 1.0.0
description:
  - One run at a time changes an instance, from whichever control node. Its lock is a folder on the coordinator's own disk, the host of the
    task, with who has it since when.
  - The lock of an ansible-playbook that provably no longer lives is broken, and that is told. It was provably on this control node since
    its last start, and its process is gone. Of a process of another control node, of another container, or of before a restart nothing is
    known; its lock has to be broken deliberately, with O(break_lock).
  - A run whose lock was broken gets no further than its next step, because M(octopus.upgrade.octopus_run_record) then refuses to write.
  - Tells whether a run of the instance is unfinished, with all that is needed to take it up - by this control node or another one.
extends_documentation_fragment:
  - octopus.upgrade.attributes
  - octopus.upgrade.windows
  - octopus.upgrade.windows.job
attributes:
  check_mode:
    support: full
    details:
      - With O(state=claimed), C(changed) says whether the lock would be taken; the task fails where it would be refused.
      - With O(state=copied), a change is predicted without a look at O(dest), which takes a job on the host.
  diff_mode:
    support: none
options:
  state:
    description:
      - V(claimed) takes the lock. It is fine if the same ansible-playbook has it already.
      - V(released) gives it back. Fine if it is somebody else's or nobody's.
      - V(queried) changes nothing.
      - V(copied) copies the journal of O(run_id) to O(dest).
    type: str
    choices: [claimed, released, queried, copied]
    required: true
  instance:
    description: Name of the instance, as in the inventory's C(octopus_instance).
    type: str
    required: true
  root:
    description: Folder on the host that has a folder for each instance, and in that its lock and the journals of its runs.
    type: str
    default: C:\ProgramData\octopus.upgrade\runs
  run_id:
    description: The run that the lock is for, or whose journal is copied. Ids sort by their time, as C(20261123T210000Z) does.
    type: str
  purpose:
    description: What the run does, for whoever finds its lock.
    type: str
  break_lock:
    description:
      - Take the lock even though somebody else has it, who is known to be gone. The run id, or the owner, that the refusal named.
      - A lock of which not even that is known is V(unknown).
    type: str
  dest:
    description: File to copy the journal to, on a drive or a share. Missing folders are made.
    type: str
  holder:
    description: The process that the lock is for. The action plugin fills it in with ansible-playbook's.
    type: dict
    required: true
    suboptions:
      owner:
        description: Whose it is, for people.
        type: str
        required: true
      machine:
        description: Id of the control node.
        type: str
        default: ""
      boot:
        description: Id of the control node's last start.
        type: str
        default: ""
      namespace:
        description: The process namespace, which a container has of its own.
        type: str
        default: ""
      pid:
        description: Number of the process.
        type: int
        required: true
      started:
        description: When it was started.
        type: str
        required: true
seealso:
  - module: octopus.upgrade.octopus_run_record
author:
  - The octopus.upgrade contributors (@octopus-upgrade)
"""

EXAMPLES = r"""
- name: Take the instance's lock, and find what broke off
  octopus.upgrade.octopus_run:
    state: claimed
    instance: prod
    run_id: 20261125T132400Z
    purpose: upgrade
    break_lock: "{{ octopus_break_lock | default(omit) }}"
  register: found

- name: Keep the journal beside the restore point
  octopus.upgrade.octopus_run:
    state: copied
    instance: prod
    run_id: 20261125T132400Z
    dest: \\nas\octopus-backups\prod\20261125T132400Z-2025.3.14357\20261125T132400Z.jsonl

- name: Give the lock back
  octopus.upgrade.octopus_run:
    state: released
    instance: prod
"""

RETURN = r"""
lock:
  description: The lock as it is now; null where nobody has it.
  returned: unless O(state=copied)
  type: dict
  contains:
    path:
      description: The lock's folder on the host.
      type: str
    owner:
      description: Who has it, as user@control node; V(unknown) where the lock does not say.
      type: str
    run_id:
      description: For which run.
      type: str
    purpose:
      description: For which purpose.
      type: str
    since:
      description: Since when.
      type: str
    age_seconds:
      description: For how long, by the clocks of both control nodes; null where it is not known.
      type: int
    ours:
      description: Whether the ansible-playbook that runs this task has it.
      type: bool
  sample:
    path: C:\ProgramData\octopus.upgrade\runs\prod\lock
    owner: anna@ctrl1
    run_id: 20261125T132400Z
    purpose: upgrade
    since: "2026-11-25T13:24:00+00:00"
    age_seconds: 2
    ours: true
broke:
  description:
    - The lock that was broken, or in check mode would be, for this one; null where none was.
    - C(why) is V(gone), its process no longer lives, or V(deliberate), O(break_lock) named it.
  returned: with O(state=claimed)
  type: dict
  sample:
    owner: anna@ctrl1
    run_id: 20261125T120000Z
    since: "2026-11-25T12:00:00+00:00"
    age_seconds: 5040
    why: gone
unfinished:
  description:
    - The newest run of the instance if it has begun and not finished, with what M(octopus.upgrade.octopus_run_record) returns of it; else
      null.
    - One that is older than a run that has finished is not told; what it wanted to do was decided about a state long gone.
  returned: with O(state=claimed) and O(state=queried)
  type: dict
  sample:
    run_id: 20261125T120000Z
    path: C:\ProgramData\octopus.upgrade\runs\prod\20261125T120000Z.jsonl
    events: 9
    record:
      instance: prod
      from_version: 2025.3.14357
      to_version: 2026.2.9853
      verdict: unfinished
    steps: [stage.packages, quiesce.watchdog, quiesce.maintenance]
    done: [stage.packages, quiesce.watchdog]
    facts:
      restore_point: 20261125T120000Z-2025.3.14357
last:
  description: The record of the newest run that has finished; null where there is none.
  returned: with O(state=claimed) and O(state=queried)
  type: dict
  sample:
    instance: prod
    from_version: 2024.4.7100
    to_version: 2025.3.14357
    verdict: upgraded
last_facts:
  description: The facts of that run, the newest of each name; empty where there is none.
  returned: with O(state=claimed) and O(state=queried)
  type: dict
  sample:
    run_purpose: upgrade
dest:
  description: The copy of the journal.
  returned: with O(state=copied)
  type: str
  sample: \\nas\octopus-backups\prod\20261125T132400Z-2025.3.14357\20261125T132400Z.jsonl
"""

from ansible.module_utils.basic import AnsibleModule, missing_required_lib
from ansible_collections.octopus.upgrade.plugins.module_utils._octopus.errors import OctopusError
from ansible_collections.octopus.upgrade.plugins.module_utils._run.holder import HOLDER_SPEC
from ansible_collections.octopus.upgrade.plugins.module_utils._run.record import RunRecordError
from ansible_collections.octopus.upgrade.plugins.module_utils._run.runs import STATES, RunRequest, reach
from ansible_collections.octopus.upgrade.plugins.module_utils._windows.connection import (
    CONNECTION_SPEC,
    JOB_SPEC,
    WINRM_IMPORT_ERROR,
    ConnectionOptions,
    WindowsHost,
)
from ansible_collections.octopus.upgrade.plugins.module_utils._windows.errors import HostError


def main() -> None:
    module = AnsibleModule(
        argument_spec={
            **CONNECTION_SPEC,
            **JOB_SPEC,
            "state": {"type": "str", "choices": list(STATES), "required": True},
            "instance": {"type": "str", "required": True},
            "root": {"type": "str", "default": r"C:\ProgramData\octopus.upgrade\runs"},
            "run_id": {"type": "str"},
            "purpose": {"type": "str"},
            "break_lock": {"type": "str"},
            "dest": {"type": "str"},
            "holder": {"type": "dict", "required": True, "options": HOLDER_SPEC},
        },
        required_if=[("state", "claimed", ("run_id",)), ("state", "copied", ("run_id", "dest"))],
        supports_check_mode=True,
    )
    if WINRM_IMPORT_ERROR:
        module.fail_json(msg=missing_required_lib("pywinrm"), exception=WINRM_IMPORT_ERROR)
    try:
        request = RunRequest.from_params(module.params, check_mode=module.check_mode)
        with WindowsHost(ConnectionOptions.from_params(module.params["connection"])) as host:
            result = reach(request, host)
    except (OctopusError, RunRecordError, HostError, ValueError) as error:  # ValueError: what cannot be said to Windows safely
        module.fail_json(msg=str(error))
    module.exit_json(**result)


if __name__ == "__main__":
    main()
