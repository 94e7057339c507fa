# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Encrypted files on a share. A WinRM log-on cannot reach one (the double hop), so each step is a job of the host.

The content to write is an input in the job's own folder until the job has copied it: the account that reaches the share may not be an
administrator, and only administrators have rights on the collection's other folders.
"""

from __future__ import annotations

import uuid
from typing import Any

from ansible_collections.octopus.upgrade.plugins.module_utils._secrets.errors import SecretError
from ansible_collections.octopus.upgrade.plugins.module_utils._windows.connection import WindowsHost
from ansible_collections.octopus.upgrade.plugins.module_utils._windows.errors import HostTimeout
from ansible_collections.octopus.upgrade.plugins.module_utils._windows.jobs import Job, JobState, RunAs
from ansible_collections.octopus.upgrade.plugins.module_utils._windows.quoting import batch_text, builtin, word

from .vault import is_encrypted

_SECONDS = 300.0
_THERE, _ABSENT = "there", "absent"
_INPUT = "encrypted.vault"


class ShareFile:
    """A file on a share. Its content is always encrypted.

    Args:
        host: The host whose job reaches the share.
        path: The UNC path.
        job: ``job_user``, ``job_password`` and ``work_root``, as the module has them.
    """

    def __init__(self, host: WindowsHost, path: str, job: dict[str, Any]) -> None:
        self._host = host
        self._path = path.replace("/", "\\")
        self._run_as = RunAs(job["job_user"], job["job_password"])
        self._root = job["work_root"]
        self._written: bytes | None = None
        self.name = f"{self._path} as {host.name} sees it"

    def read(self) -> bytes | None:
        if self._written is not None:
            return self._written  # as the job that wrote it read it back
        look = f"if exist {word(self._path)} (echo {_THERE}) else (echo {_ABSENT})"
        output = self._run(self._job(), [look, f"if exist {word(self._path)} {builtin('type', self._path)}"], "read")
        first, _end, rest = output.partition("\n")
        return None if first.strip() == _ABSENT else rest.encode()

    def write(self, content: bytes) -> None:
        """Have a job copy it under another name, rename the copy, and read it back.

        Raises:
            SecretError: It is not encrypted; or it could not be written, and the former content is still there.
            HostError: The job could not be started, or was lost.
        """
        if not is_encrypted(content):
            raise SecretError(f"Expected encrypted content for {self.name}, but found plain text. Nothing was written.")
        folder = self._path.rpartition("\\")[0]
        part = f"{self._path}.part"
        job = self._job()
        copy = builtin("copy", "/y", "/b", f"{job.folder}\\{_INPUT}", part)
        output = self._run(
            job,
            [
                f"if not exist {word(folder)} {builtin('mkdir', folder)}",
                # One line, because a job goes on after a line that failed: a broken copy must not replace what is there.
                f"{copy} >nul && {builtin('move', '/y', part, self._path)} >nul && {builtin('type', self._path)}",
                f"if exist {word(part)} {builtin('del', '/f', '/q', part)}",
            ],
            "written",
            {_INPUT: content.decode("ascii")},
        )
        self._written = output.encode()

    def set_aside(self, suffix: str) -> str:
        backup = self._path + suffix
        taken = f"if exist {word(backup)} (echo {_THERE}) else ({builtin('move', self._path, backup)} >nul)"
        if self._run(self._job(), [taken], "renamed").strip() == _THERE:
            raise SecretError(f"The old {self.name} cannot be backed up as {backup}: that exists.")
        return backup

    def loose(self) -> bool:
        """The rights on a share are left to its owner: the file is encrypted."""
        return False

    def tighten(self) -> None:
        raise SecretError(f"The rights on {self.name} are not changed.")

    def _job(self) -> Job:
        return Job(self._host, self._root, f"encrypted-file-{uuid.uuid4().hex[:12]}")

    def _run(self, job: Job, lines: list[str], done: str, inputs: dict[str, str] | None = None) -> str:
        """Run lines of a command file as the job's account, and return their output, which holds no plain text of a secret."""
        try:
            # In brackets, because the job sends the output of each line to its file: without, that would only be of what follows an else,
            # and would undo a >nul.
            job.start([f"({batch_text(line)})" for line in lines], self._run_as, inputs=inputs)
            try:
                state = job.wait(_SECONDS)
            except HostTimeout:
                job.cancel()  # what still runs would keep its folder from being deleted
                raise
            if state.exit_code != 0:
                raise SecretError(
                    f"{self.name} could not be {done} by a job as {self._run_as.account}: {_said(state)}. That account needs the right to "
                    "write there; SYSTEM reaches a share as the computer account. Another one is given in job_user and job_password."
                )
            return job.output()
        finally:
            job.remove()


def _said(state: JobState) -> str:
    lines = [line for line in state.output_tail if not line.startswith((_THERE, _ABSENT))]
    return " ".join(lines[-2:]) or f"exit code {state.exit_code}"
