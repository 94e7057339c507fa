# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The folder of restore points as a node's jobs see it. It is usually a share, which a WinRM log-on cannot reach (the double hop).

Each job answers several questions at once: what each of its lines printed is told apart by a mark that no file can hold, since it is
new each time.
"""

from __future__ import annotations

import re
import secrets
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from ansible_collections.octopus.upgrade.plugins.module_utils._octopus.errors import OctopusError
from ansible_collections.octopus.upgrade.plugins.module_utils._windows import disks
from ansible_collections.octopus.upgrade.plugins.module_utils._windows.connection import CMD, SYSTEM32, WindowsHost
from ansible_collections.octopus.upgrade.plugins.module_utils._windows.jobs import Job, RunAs, job_id
from ansible_collections.octopus.upgrade.plugins.module_utils._windows.quoting import batch_builtin, batch_line, batch_word

from .manifest import check_id

UNREACHABLE, ABSENT = 101, 100
# Seconds for a job that only reads a few small files.
SHORT = 600.0
_THERE = "+"


@dataclass(frozen=True)
class Place:
    """Where a restore point lies: the folder of all of them, as the nodes see it, and its id."""

    root: str
    restore_point: str

    @property
    def path(self) -> str:
        return f"{self.root}\\{self.restore_point}"

    def file(self, name: str) -> str:
        return f"{self.path}\\{name}"


def root_of(path: str) -> str:
    """Return the path of a folder that can hold restore points.

    Raises:
        OctopusError: It is relative, or the root of a drive or share.
    """
    folder = path.replace("/", "\\").rstrip("\\")
    try:
        if folder + "\\" == disks.root_of(folder):
            raise OctopusError(
                f"{path!r} is the root of a drive or share: give a folder of its own, which holds nothing but restore points."
            )
    except ValueError as error:
        raise OctopusError(str(error)) from error
    return folder


def place_of(path: str | None, root: str | None, restore_point: str | None) -> tuple[str, str | None]:
    """Return the folder of restore points, and the id of the one that was named; None where none was.

    Raises:
        OctopusError: The options contradict each other, or name nothing.
    """
    if path:
        folder, _slash, name = path.replace("/", "\\").rstrip("\\").rpartition("\\")
        if restore_point not in (None, name):
            raise OctopusError(
                f"path ends in {name!r}, and restore_point is {restore_point!r}: the folder of a restore point has its id as name."
            )
        if root and root_of(root).lower() != folder.lower():
            raise OctopusError(f"path {path!r} does not lie directly below root {root!r}. Give one of the two.")
        root, restore_point = folder, name
    if not root:
        raise OctopusError("Nothing says where restore points lie: give root, or path for one restore point.")
    return root_of(root), check_id(restore_point) if restore_point is not None else None


@dataclass(frozen=True)
class Answer:
    """What one line of a job ended with and printed."""

    code: int
    text: str

    @property
    def file(self) -> str | None:
        """The content that :meth:`Share.show` printed; None where there was no such file."""
        first, _end, rest = self.text.partition("\n")
        return rest if first.strip() == _THERE else None

    @property
    def said(self) -> str:
        """What it printed, for a message."""
        return " ".join(self.text.split())[:300] or f"exit code {self.code}"


class Share:
    """What jobs of one host can do in the folder of restore points.

    Args:
        host: The host.
        run_as: The account of the jobs, which reaches the share.
        work_root: The collection's folder on the host.
    """

    def __init__(self, host: WindowsHost, run_as: RunAs, work_root: str) -> None:
        self.host = host
        self.run_as = run_as
        self._work_root = work_root
        self._mark = f"--{secrets.token_hex(12)}--"

    def job_folder(self, purpose: str, path: str) -> str:
        """Return the folder that a job has for itself, with its inputs, as :meth:`run` will make it."""
        return self._job(purpose, path).folder

    def run(
        self,
        purpose: str,
        path: str,
        lines: Sequence[str],
        *,
        inputs: Mapping[str, str] | None = None,
        copies: Mapping[str, str] | None = None,
        timeout: float = SHORT,
        tick: Callable[[], object] = lambda: None,
    ) -> list[Answer]:
        """Run lines of a command file, one after the other, whatever each ends with; return what came of each.

        The job's id follows from ``purpose`` and ``path``, so that one which a killed controller left is found by the next run, waited
        for, and removed: what it saw or did is of no use any more. Whoever may not need a job each time shares its purpose with one that does.

        Raises:
            HostError: The job cannot be started, was lost, or takes too long.
        """
        job = self._job(purpose, path)
        # In brackets, because the job redirects each of its lines as a whole.
        commands = [f"(echo {self._mark}& {line})" for line in lines]
        while True:
            with job.removed_on_error():
                job.start(commands, self.run_as, restart_lost=True, inputs=inputs, copies=copies)
                state = job.wait(timeout, tick=tick)
                output, attached = job.output(), job.attached
                job.remove()
            if not attached:
                break
        texts = [text.removeprefix("\n") for text in output.split(self._mark)[1:]]
        if len(texts) != len(lines) or len(state.exit_codes) != len(lines):
            raise OctopusError(
                f"{self.host.where}: the job {job.identity} was asked {len(lines)} questions and answered {len(texts)}: "
                f"{' '.join(output.split())[-300:]}"
            )
        return [Answer(code, text) for code, text in zip(state.exit_codes, texts, strict=True)]

    def _job(self, purpose: str, path: str) -> Job:
        return Job(self.host, self._work_root, job_id(f"point-{purpose}", path.lower()))

    def unreachable(self, path: str, answer: Answer) -> OctopusError:
        """Return what to say of a folder that is not there, by the exit code of :func:`reach`."""
        why = "there is no such folder" if answer.code == ABSENT else "neither it nor the folder above can be reached"
        return OctopusError(
            f"{self.host.where}: {path} cannot be read by a job as {self.run_as.account}: {why}. SYSTEM reaches a share as the computer "
            "account; another account is given in job_user and job_password."
        )


def reach(path: str) -> str:
    """Return the line that ends with 0 where there is the folder, else with ABSENT or UNREACHABLE: a share that cannot be reached, and
    a folder that is not there, look the same but for the folder above."""
    parent = path.rpartition("\\")[0]
    missing = f"if exist {batch_word(parent + chr(92))} ({CMD} /d /c exit {ABSENT}) else {CMD} /d /c exit {UNREACHABLE}"
    return f"if exist {batch_word(path + chr(92))} (ver >nul) else {missing}"


def show(path: str) -> str:
    """Return the line that prints a file, so that :attr:`Answer.file` has it, or nothing where there is none."""
    return f"if exist {batch_word(path)} (echo {_THERE}& {batch_builtin('type', path)})"


def certutil(path: str) -> str:
    """Return the line that prints a file's SHA-256."""
    return batch_line([f"{SYSTEM32}certutil.exe", "-hashfile", path, "SHA256"])


def listing(path: str) -> str:
    """Return the line that lists the files in a folder with their sizes."""
    return batch_builtin("dir", "/-c", "/a-d", path)


def has_hash(path: str, sha256: str) -> str:
    """Return the line that prints what certutil wrote to a file, and ends with 0 if it is that hash.

    Before Windows 10, certutil puts blanks between the bytes.
    """
    spaced = " ".join(re.findall("..", sha256))
    find = batch_line([f"{SYSTEM32}findstr.exe", "/i", "/x", f"/c:{sha256}", f"/c:{spaced}", path])
    return f"{batch_builtin('type', path)} & {find} >nul"
