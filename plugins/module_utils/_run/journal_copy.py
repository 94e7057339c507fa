# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A copy of a journal where the loss of the coordinator does not take it along."""

from __future__ import annotations

import uuid
from typing import Any

from ansible_collections.octopus.upgrade.plugins.module_utils._windows.connection import WindowsHost
from ansible_collections.octopus.upgrade.plugins.module_utils._windows.errors import HostTimeout
from ansible_collections.octopus.upgrade.plugins.module_utils._windows.job_files import MARK
from ansible_collections.octopus.upgrade.plugins.module_utils._windows.jobs import Job, RunAs
from ansible_collections.octopus.upgrade.plugins.module_utils._windows.quoting import batch_text, builtin, word

from . import record as run_record
from .errors import RunError
from .record import Event

COPY_SECONDS = 300.0
_INPUT = "journal.jsonl"


def copy(host: WindowsHost, events: list[Event], dest: str, job: dict[str, Any]) -> bool:
    """Copy a journal to a place that only a job on the host can reach, such as a share, and return whether that changed anything.

    Only administrators may read the journal, and the account of the job need not be one. So the lines are written to the job's folder.

    Args:
        host: The coordinator.
        events: The journal.
        dest: Where to copy it.
        job: ``job_user``, ``job_password`` and ``work_root``, as the module has them.

    Raises:
        RunError: It could not be copied. The previous copy is still there.
        HostError: The job could not be started, or was lost.
    """
    dest = dest.replace("/", "\\")
    folder, part = dest.rpartition("\\")[0], f"{dest}.part"
    run_as = RunAs(job["job_user"], job["job_password"])
    task = Job(host, job["work_root"], f"journal-{uuid.uuid4().hex[:12]}")
    source = f"{task.folder}\\{_INPUT}"
    text = "\n".join(line for event in events for line in run_record.host_lines(event))
    lines = [
        f"if exist {word(dest)} {builtin('type', dest)}",
        f"echo {MARK}",
        f"if not exist {word(folder + chr(92))} {builtin('mkdir', folder)}",
        # One line, because a job continues after a line that failed: an incomplete copy must not replace the previous one.
        f"{builtin('copy', '/y', '/b', source, part)} >nul && {builtin('move', '/y', part, dest)} >nul && {builtin('type', dest)}",
        f"if exist {word(part)} {builtin('del', '/f', '/q', part)}",
    ]
    try:
        # In brackets, because the job redirects the output of each line to its file, which would otherwise override a >nul.
        task.start([f"({batch_text(line)})" for line in lines], run_as, inputs={_INPUT: text})
        try:
            state = task.wait(COPY_SECONDS)
        except HostTimeout:
            task.cancel()  # a running job would prevent its folder from being deleted
            raise
        before, _mark, after = task.output().partition(f"{MARK}\n")
        if state.exit_code or after.splitlines() != text.splitlines():
            output = " ".join(state.output_tail[-2:])
            raise RunError(
                f"{host.where}: the journal could not be copied to {dest} by a job as {run_as.account}: {output or state.exit_code}. That "
                "account needs permission to write there; SYSTEM accesses a share as the computer account. Set job_user and job_password "
                "to use another account."
            )
        return before.splitlines() != after.splitlines()
    finally:
        task.remove()
