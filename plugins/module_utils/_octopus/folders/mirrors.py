# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Folders mirrored by robocopy, each by a job of its own and all at once, and the evaluation of their output."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from ansible_collections.octopus.upgrade.plugins.module_utils._octopus.errors import OctopusError
from ansible_collections.octopus.upgrade.plugins.module_utils._windows import robocopy
from ansible_collections.octopus.upgrade.plugins.module_utils._windows.connection import CMD, SYSTEM32, WindowsHost
from ansible_collections.octopus.upgrade.plugins.module_utils._windows.job_group import remove_all, wait_all
from ansible_collections.octopus.upgrade.plugins.module_utils._windows.jobs import Command, Job
from ansible_collections.octopus.upgrade.plugins.module_utils._windows.quoting import batch_line, batch_word

from .copies import FolderCopy, Means
from .watch import Watch

ABSENT, UNREACHABLE = 100, 101


# -- commands


def look_for(path: str) -> str:
    """Return the line that exits with 0 where the folder exists, else with :data:`ABSENT` or :data:`UNREACHABLE`."""
    parent = path.rpartition("\\")[0]
    # Only the parent folder tells a missing folder from an unreachable share.
    missing = f"if exist {batch_word(parent + chr(92))} ({exit_with(ABSENT)}) else {exit_with(UNREACHABLE)}"
    return f"if exist {batch_word(path + chr(92))} (ver >nul) else {missing}"


def exit_with(code: int) -> str:
    """Return the command that exits with a code."""
    return f"{CMD} /d /c exit {code}"


def mirror(source: str, target: str, threads: int, newer_than_days: int | None = None, coarse_times: bool = False) -> str:
    """Return the line that mirrors the source to the target."""
    return _robocopy(robocopy.mirror(source, target, threads, newer_than_days, coarse_times))


def compare(source: str, target: str, newer_than_days: int | None = None, coarse_times: bool = False) -> str:
    """Return the line that lists what a mirror would do."""
    return _robocopy(robocopy.compare(source, target, newer_than_days, coarse_times))


def compare_after(source: str, target: str, newer_than_days: int | None = None, coarse_times: bool = False) -> str:
    """Return the line that compares a mirror with its source for :func:`read_mirror`.

    Where they differ, it compares again with times that are the same within two seconds, which shows whether only the times differ: those of
    a NAS, FAT or exFAT are no finer.
    """
    if coarse_times:
        return compare(source, target, newer_than_days, coarse_times)
    return f"({compare(source, target, newer_than_days)} || {compare(source, target, newer_than_days, coarse_times=True)})"


def _robocopy(argv: list[str]) -> str:
    return batch_line([f"{SYSTEM32}robocopy.exe", *argv[1:]])


# -- jobs


@dataclass(frozen=True)
class Ended:
    """A finished job: the exit codes and the output of its commands."""

    host: WindowsHost
    account: str
    codes: tuple[int, ...]
    output: str
    seconds: float

    @property
    def said(self) -> str:
        """robocopy's errors, else the end of the output."""
        return " | ".join(robocopy.errors(self.output)) or " ".join(self.output.split())[-300:]


def run_all(
    means: Means,
    jobs: Mapping[str, Job],
    commands: Mapping[str, Sequence[Command]],
    doing: str,
    *,
    total_bytes: Mapping[str, int] | None = None,
    before_removal: Callable[[str, Ended], object] = lambda name, ended: None,
) -> dict[str, Ended]:
    """Run all jobs at once.

    A job that an earlier run started is waited for and then run again, because its result may be out of date.

    Args:
        means: How jobs run on the host.
        jobs: The jobs by name.
        commands: Their commands.
        doing: What they do, for the progress.
        total_bytes: How much they will write, where that is known, for the progress.
        before_removal: Called with each finished job, while its files are still there.

    Raises:
        HostError: The host failed, or a job was lost.
    """
    ended: dict[str, Ended] = {}
    waiting = dict(jobs)
    started = time.monotonic()
    while waiting:
        for name, job in waiting.items():
            job.start(commands[name], means.run_as, restart_lost=True)
            means.tell(f"{job.host.name}: {doing} {name}")
        states = wait_all(waiting, means.timeout, tick=Watch(means.tell, doing, waiting, total_bytes or {}))
        outputs = {name: job.output() for name, job in waiting.items()}
        try:
            for name, job in waiting.items():
                if not job.attached:
                    seconds = round(time.monotonic() - started, 3)
                    ended[name] = Ended(job.host, means.run_as.account, states[name].exit_codes, outputs[name], seconds)
                    before_removal(name, ended[name])
        finally:
            remove_all(waiting.values())
        waiting = {name: job for name, job in waiting.items() if job.attached}
    return {name: ended[name] for name in jobs}


# -- outcome


def refuse_missing(ended: Ended, name: str, path: str, code: int) -> None:
    """Refuse a folder that was looked for and not found.

    Raises:
        OctopusError: It cannot be read; the message says why.
    """
    if code:
        why = "it does not exist" if code == ABSENT else "neither it nor its parent folder can be reached"
        raise OctopusError(f"{ended.host.where}: cannot read the folder {name}, {path}, as {ended.account}: {why}.")


def _keeps_coarse_times(exactly: robocopy.Summary, within_two_seconds: robocopy.Summary, live: bool) -> bool:
    """Whether the copy differs from its source because it keeps times to two seconds only.

    A log that the server wrote while it was copied differs like that too. So of a live source most files have to; a few that really were
    rounded (the others came back from such a copy in an earlier rollback) are found by the last copy, which is of a folder at rest.
    """
    only_by_time = exactly.files.copied - within_two_seconds.files.copied
    return only_by_time > (exactly.files.total // 2 if live else 0)


def read_mirror(ended: Ended, name: str, copy: FolderCopy, code: int, *, live: bool = False, counted: bool = False) -> str | None:
    """Record what a mirror did, from its own summary, that of the copy where it was counted, and those of :func:`compare_after`.

    Args:
        ended: The finished job.
        name: Name of the folder.
        copy: Receives the outcome.
        code: Exit code of the mirror.
        live: Whether the source may change during the copy.
        counted: Whether the copy was counted between the mirror and the comparison.

    Returns:
        How the copy differs from a live source; None where it does not.

    Raises:
        OctopusError: The mirror failed, or the copy differs from a source that is not live.
    """
    where, errors = ended.host.where, " | ".join(robocopy.errors(ended.output))
    in_use = " A file is in use. Stop whatever uses it, first of all Octopus Server on every node." if robocopy.in_use(ended.output) else ""
    found = robocopy.summaries(ended.output)
    failed = code & robocopy.FATAL or len(found) not in (2 + counted, 3 + counted)
    if failed or (code >= robocopy.FAILED and not live):
        raise OctopusError(
            f"{where}: robocopy of {name} from {copy.source} to {copy.dest} failed with exit code {robocopy.meaning(code)}. {ended.said}{in_use}"
        )
    did, left, held = found[0], found[1 + counted], found[1]
    if len(found) == 3 + counted and _keeps_coarse_times(left, found[-1], live):
        copy.coarse_times, left = True, found[-1]
    copy.seconds += ended.seconds
    # Where both are the same, the count of the source is that of the copy.
    copy.files, copy.bytes = held.files.total, held.bytes.total
    copy.copied_files, copy.copied_bytes, copy.deleted_files = did.files.copied, did.bytes.copied, did.files.extra
    copy.changed = bool(did.files.copied or did.files.extra or did.folders.copied or did.folders.extra)
    copy.complete = left.is_same and robocopy.is_success(code)
    if copy.complete:
        return None
    differs = (
        f"of {left.files.total} files, {left.files.copied} differ or are missing, {left.files.mismatched} are of another kind and "
        f"{left.files.failed} cannot be read; {left.files.extra} exist only in the copy"
    )
    if live:
        return f"{differs}. {errors}".strip()
    raise OctopusError(
        f"{where}: expected {name} in {copy.dest} to equal {copy.source}, but {differs}. Is something still writing there? {errors}".strip()
    )
