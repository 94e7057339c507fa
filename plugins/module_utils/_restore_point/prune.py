# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Restore points removed: renamed first, so that one which is half gone is never taken for one, then deleted."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timezone
from typing import Any

from ansible_collections.octopus.upgrade.plugins.module_utils._core.progress import Progress
from ansible_collections.octopus.upgrade.plugins.module_utils._octopus.errors import OctopusError
from ansible_collections.octopus.upgrade.plugins.module_utils._secrets.vault import Sealer
from ansible_collections.octopus.upgrade.plugins.module_utils._windows.connection import CMD
from ansible_collections.octopus.upgrade.plugins.module_utils._windows.quoting import batch_builtin, batch_word

from . import retention
from .listing import read_all
from .manifest import REMOVING, time_in_id
from .share import Share

# One id for both jobs of a run, so that the first one finds whatever a killed run has left.
_JOB = "prune"


@dataclass(frozen=True)
class PruneRequest:
    """The options of ``octopus_restore_point`` with ``state: absent``."""

    root: str
    restore_point: str | None
    keep: int | None
    keep_days: int | None
    protect: Sequence[str]
    sealer: Sealer | None
    timeout: float
    given_up: bool = False
    check_mode: bool = False
    tell: Progress = field(default_factory=Progress)


def prune(request: PruneRequest, share: Share) -> dict[str, Any]:
    """Remove what was named, or what no rule keeps; and what an earlier run has begun to remove.

    Returns:
        What the module returns.

    Raises:
        OctopusError: What was named has to stay, is none of ours, or cannot be removed.
        HostError: The host cannot do it.
    """
    there = read_all(share, request.root, request.sealer, _JOB)
    if request.restore_point is not None:
        decision = retention.by_name(there.points, request.restore_point, request.protect, request.given_up)
        begun = [one for one in there.removing if one == request.restore_point]
    else:
        now = datetime.now(timezone.utc)
        decision = retention.by_age(there.points, now, request.keep, request.keep_days, request.protect)
        begun = there.removing
    # The run that gives one up has named it by its own time, and may have been stopped before it marked it.
    known = {point.id for point in there.points if request.given_up and not point.is_sealed and time_in_id(point.id)}
    strange = [one for one in decision.remove if one not in there.ours and one not in known]
    if strange:
        raise OctopusError(
            f"{share.host.where}: {request.root}\\{strange[0]} does not say of itself that it is this restore point, neither by its manifest "
            "nor by the mark of its folders. It is not removed. Look at it, and delete it by hand if it is to go."
        )
    going = list(dict.fromkeys([*decision.remove, *begun]))
    if going and not request.check_mode:
        _remove(request, share, going)
    return {"changed": bool(going), "removed": going, "kept": [one for one in decision.keep if one not in going]}


def _remove(request: PruneRequest, share: Share, going: list[str]) -> None:
    lines = []
    for one in going:
        path = f"{request.root}\\{one}"
        gone = path + REMOVING
        # rd has no exit code of its own for what is in use: only looking tells. What an earlier run left goes first, so that its name is free.
        lines += [
            f"if exist {batch_word(gone + chr(92))} {batch_builtin('rd', '/s', '/q', gone)}",
            f"if exist {batch_word(path + chr(92))} {batch_builtin('ren', path, one + REMOVING)}",
            f"if exist {batch_word(gone + chr(92))} {batch_builtin('rd', '/s', '/q', gone)}",
            f"if exist {batch_word(gone + chr(92))} ({CMD} /d /c exit 1)",
            f"if exist {batch_word(path + chr(92))} ({CMD} /d /c exit 1)",
        ]
        request.tell(f"{share.host.name}: removing the restore point {one}")
    answers = share.run(_JOB, request.root, lines, timeout=request.timeout)
    failed = []
    for number, one in enumerate(going):
        before, renamed, deleted, left, there = answers[number * 5 : number * 5 + 5]
        if there.code:
            failed.append(f"{one} cannot be renamed: {renamed.said}")
        elif left.code:
            failed.append(
                f"{one} was renamed to {one}{REMOVING} and cannot be deleted: {(deleted if deleted.text.strip() else before).said}"
            )
    if failed:
        raise OctopusError(
            f"{share.host.where}: in {request.root}, as {share.run_as.account}: {'; '.join(failed)} Run it again when nothing uses it."
        )
