# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The folder of restore points as a node's jobs see it. It is usually a share, which a WinRM log-on cannot reach (the double hop).

Each job runs several lines. A mark between their outputs tells them apart; no file can hold it, since it is a new random one each time.
"""

from __future__ import annotations

import re
import secrets
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ansible_collections.octopus.upgrade.plugins.module_utils._octopus.errors import OctopusError
from ansible_collections.octopus.upgrade.plugins.module_utils._windows import disks
from ansible_collections.octopus.upgrade.plugins.module_utils._windows.connection import CMD, SYSTEM32, WindowsHost
from ansible_collections.octopus.upgrade.plugins.module_utils._windows.jobs import Job, RunAs, job_id
from ansible_collections.octopus.upgrade.plugins.module_utils._windows.quoting import batch_builtin, batch_line, batch_word

from .manifest import check_id

# The options of modules that name a restore point; documented in the fragment octopus.upgrade.restore_point.
POINT_SPEC: dict[str, Any] = {"root": {"type": "str"}, "path": {"type": "str"}, "restore_point": {"type": "str"}}

UNREACHABLE, ABSENT = 101, 100
# Seconds for a job that only reads a few small files.
SHORT = 600.0
_THERE = "+"


@dataclass(frozen=True)
class Place:
    """The place of a restore point: the folder of all restore points, as the nodes see it, and the id."""

    root: str
    restore_point: str

    @property
    def path(self) -> str:
        return f"{self.root}\\{self.restore_point}"

    def file(self, name: str) -> str:
        return f"{self.path}\\{name}"


def root_of(path: str) -> str:
    """The path of a folder that can hold restore points, normalized.

    Raises:
        OctopusError: It is relative, or the root of a drive or share.
    """
    folder = path.replace("/", "\\").rstrip("\\")
    try:
        if folder + "\\" == disks.root_of(folder):
            raise OctopusError(f"{path!r} is the root of a drive or share. Give a folder that holds nothing but restore points.")
    except ValueError as error:
        raise OctopusError(str(error)) from error
    return folder


def place_of(path: str | None, root: str | None, restore_point: str | None) -> tuple[str, str | None]:
    """The folder of restore points, and the id of the named one, or None.

    Raises:
        OctopusError: The options contradict each other, or none is given.
    """
    if path:
        folder, _slash, name = path.replace("/", "\\").rstrip("\\").rpartition("\\")
        if restore_point not in (None, name):
            raise OctopusError(f"Expected the last part of path to be the id of the restore point ({restore_point!r}), but found {name!r}.")
        if root and root_of(root).lower() != folder.lower():
            raise OctopusError(f"path {path!r} is not directly below root {root!r}. Give one of the two.")
        root, restore_point = folder, name
    if not root:
        raise OctopusError(
            "Expected the folder of the restore points, but found neither root nor path. Give root, or path for one restore point."
        )
    return root_of(root), check_id(restore_point) if restore_point is not None else None


@dataclass(frozen=True)
class Answer:
    """Exit code and output of one line of a job."""

    code: int
    text: str

    @property
    def file(self) -> str | None:
        """The content that the line of :func:`show` printed; None where there was no such file."""
        first, _end, rest = self.text.partition("\n")
        return rest if first.strip() == _THERE else None

    @property
    def said(self) -> str:
        """Its output, for a message."""
        return " ".join(self.text.split())[:300] or f"exit code {self.code}"


class Share:
    """Jobs of one host in the folder of restore points.

    Args:
        host: The host.
        run_as: The account of the jobs, which reaches the share.
        work_root: The collection's folder on the host.
        apart: Who looks, where the jobs are to be seen by no run; empty where they belong to one.
    """

    def __init__(self, host: WindowsHost, run_as: RunAs, work_root: str, apart: str = "") -> None:
        self._apart = apart
        self.host = host
        self.run_as = run_as
        self._work_root = work_root
        self._mark = f"--{secrets.token_hex(12)}--"

    @classmethod
    def from_params(cls, params: Mapping[str, Any], host: WindowsHost, apart: str = "") -> Share:
        """Read a module's parameters."""
        return cls(host, RunAs(params["job_user"], params["job_password"]), params["work_root"], apart)

    def job_folder(self, job: str, path: str) -> str:
        """The folder of a job and its inputs, as :meth:`run` will make it."""
        return self.job(job, path).folder

    def run(
        self,
        job: str,
        path: str,
        lines: Sequence[str],
        *,
        inputs: Mapping[str, str] | None = None,
        copies: Mapping[str, str] | None = None,
        timeout: float = SHORT,
        tick: Callable[[], object] = lambda: None,
    ) -> list[Answer]:
        """Run lines of a command file, one after the other, whatever exit code each has.

        The job's id follows from ``job`` and ``path``. The next run therefore finds a job that a killed controller left, waits for it, and
        removes it; its output is outdated. A job that is not needed each time shares its name with one that is.

        Returns:
            Exit code and output of each line.

        Raises:
            HostError: The job cannot be started, was lost, or takes too long.
            OctopusError: The output cannot be told apart.
        """
        running = self.job(job, path)
        # In brackets, because the job redirects each of its lines as a whole.
        commands = [f"(echo {self._mark}& {line})" for line in lines]
        while True:
            with running.removed_on_error():
                running.start(commands, self.run_as, restart_lost=True, inputs=inputs, copies=copies)
                state = running.wait(timeout, tick=tick)
                output, attached = running.output(), running.attached
                running.remove()
            if not attached:
                break
        texts = [text.removeprefix("\n") for text in output.split(self._mark)[1:]]
        if len(texts) != len(lines) or len(state.exit_codes) != len(lines):
            raise OctopusError(
                f"{self.host.where}: the job {running.identity} was expected to print the output of {len(lines)} lines, but printed that of {len(texts)}: "
                f"{' '.join(output.split())[-300:]}"
            )
        return [Answer(code, text) for code, text in zip(state.exit_codes, texts, strict=True)]

    def job(self, job: str, path: str) -> Job:
        """The job of this kind on a path."""
        if not self._apart:
            return Job(self.host, self._work_root, job_id(f"point-{job}", path.lower()))
        return Job(self.host, self._work_root, job_id(f"point-{job}", path.lower(), self._apart), apart=True)

    def unreachable(self, path: str, answer: Answer) -> OctopusError:
        """The error for a folder that cannot be read, by the exit code of :func:`reach`."""
        why = "there is no such folder" if answer.code == ABSENT else "neither it nor the folder above can be reached"
        return OctopusError(
            f"{self.host.where}: {path} cannot be read by a job as {self.run_as.account}: {why}. SYSTEM reaches a share as the computer "
            "account; another account is given in job_user and job_password."
        )


def reach(path: str) -> str:
    """The line with exit code 0 for an existing folder, else ABSENT or UNREACHABLE.

    A missing folder and an unreachable share look alike, except for the folder above.
    """
    parent = path.rpartition("\\")[0]
    missing = f"if exist {batch_word(parent + chr(92))} ({CMD} /d /c exit {ABSENT}) else {CMD} /d /c exit {UNREACHABLE}"
    return f"if exist {batch_word(path + chr(92))} (ver >nul) else {missing}"


def show(path: str) -> str:
    """The line that prints a file, for :attr:`Answer.file`; nothing where there is no file."""
    return f"if exist {batch_word(path)} (echo {_THERE}& {batch_builtin('type', path)})"


def certutil(path: str) -> str:
    """The line that prints a file's SHA-256."""
    return batch_line([f"{SYSTEM32}certutil.exe", "-hashfile", path, "SHA256"])


def listing(path: str) -> str:
    """The line that lists the files in a folder with their sizes."""
    return batch_builtin("dir", "/-c", "/a-d", path)


def has_hash(path: str, sha256: str) -> str:
    """The line that prints the output of certutil from a file, with exit code 0 if it has that hash.

    Before Windows 10, certutil puts blanks between the bytes.
    """
    spaced = " ".join(re.findall("..", sha256))
    find = batch_line([f"{SYSTEM32}findstr.exe", "/i", "/x", f"/c:{sha256}", f"/c:{spaced}", path])
    return f"{batch_builtin('type', path)} & {find} >nul"


def same_text(found: str | None, wanted: str) -> bool:
    """Whether a file has a text, whatever line ends it was read with."""
    return found is not None and found.split() == wanted.split()
