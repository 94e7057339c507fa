#!/usr/bin/python
# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Copy the journal of a run."""

from __future__ import annotations

DOCUMENTATION = r"""
module: octopus_run_copy
short_description: Copy the journal of a run
version_added: 1.0.0
description:
  - Copies the journal of a run from the coordinator's own disk, the host of the task, to a drive or a share, where it survives the loss of
    the coordinator.
  - A WinRM logon cannot reach a share, so a job on the host copies the journal. What was there before is replaced only by a complete copy.
extends_documentation_fragment:
  - octopus.upgrade.attributes
  - octopus.upgrade.attributes.windows_jobs
  - octopus.upgrade.step
  - octopus.upgrade.windows
  - octopus.upgrade.windows.job
  - octopus.upgrade.run.instance
attributes:
  check_mode:
    support: full
    details: A change is predicted without reading O(dest), which would need a job on the host.
  diff_mode:
    support: none
options:
  run_id:
    description: The run whose journal is copied.
    type: str
    required: true
  dest:
    description: The file to copy the journal to, on a drive or a share. Missing folders are created.
    type: str
    required: true
seealso:
  - module: octopus.upgrade.octopus_run_record
author:
  - The octopus.upgrade contributors (@octopus-upgrade)
"""

EXAMPLES = r"""
- name: Copy the journal to the backups
  octopus.upgrade.octopus_run_copy:
    instance: prod
    run_id: 20261125T132400Z
    dest: \\nas\octopus-backups\prod\runs\20261125T132400Z.jsonl
"""

RETURN = r"""
dest:
  description: The copy of the journal.
  returned: success
  type: str
  sample: \\nas\octopus-backups\prod\runs\20261125T132400Z.jsonl
"""

from typing import Any

from ansible_collections.octopus.upgrade.plugins.module_utils._core.module import run_module
from ansible_collections.octopus.upgrade.plugins.module_utils._run.instance_runs import INSTANCE_SPEC, copy_journal
from ansible_collections.octopus.upgrade.plugins.module_utils._windows.connection import (
    CONNECTION_SPEC,
    JOB_SPEC,
    ConnectionOptions,
    WindowsHost,
)

SPEC = {
    "argument_spec": {
        **CONNECTION_SPEC,
        **JOB_SPEC,
        **INSTANCE_SPEC,
        "run_id": {"type": "str", "required": True},
        "dest": {"type": "str", "required": True},
    },
}


def run(params: dict[str, Any], check_mode: bool, diff: bool) -> dict[str, Any]:
    """Copy the journal; the module's result."""
    with WindowsHost(ConnectionOptions.from_params(params["connection"])) as host:
        return copy_journal(host, params, check_mode)


def main() -> None:
    run_module(SPEC, run)


if __name__ == "__main__":
    main()
