# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Remove restore points. Each is renamed first, so that a half-deleted one is never taken for a restore point, and then deleted."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timezone
from typing import Any

from ansible_collections.octopus.upgrade.plugins.module_utils._core.progress import Progress
from ansible_collections.octopus.upgrade.plugins.module_utils._octopus.errors import OctopusError
from ansible_collections.octopus.upgrade.plugins.module_utils._secrets.vault import VaultKey
from ansible_collections.octopus.upgrade.plugins.module_utils._windows.connection import CMD
from ansible_collections.octopus.upgrade.plugins.module_utils._windows.quoting import batch_builtin, batch_word

from . import retention
from .listing import read_all
from .manifest import REMOVING, time_in_id
from .share import Share, place_of

# One id for both jobs of a run, so that the first one finds whatever a killed run has left.
_JOB = "prune"


@dataclass(frozen=True)
class RemoveRequest:
    """The options of ``octopus_restore_point_prune``, and of ``octopus_restore_point`` with ``state: absent``.

    Attributes:
        restore_point: The one to remove; None where ``keep`` and ``keep_days`` decide.
        protect: Ids that remain in any case.
        abandoned: Nobody is creating ``restore_point`` any more.
    """

    root: str
    vault_key: VaultKey | None
    restore_point: str | None = None
    keep: int | None = None
    keep_days: int | None = None
    protect: Sequence[str] = ()
    abandoned: bool = False
    timeout: float = 3600
    check_mode: bool = False
    tell: Progress = field(default_factory=Progress)

    @classmethod
    def from_params(cls, params: dict[str, Any], check_mode: bool) -> RemoveRequest:
        """Read the parameters of either module.

        Raises:
            OctopusError: They contradict each other, or name no restore point and no rule.
        """
        root, restore_point = place_of(params.get("path"), params["root"], params.get("restore_point"))
        return cls(
            root,
            VaultKey.from_params(params),
            restore_point,
            params.get("keep"),
            params.get("keep_days"),
            params["protect"],
            params.get("abandoned", False),
            params["timeout"],
            check_mode,
        )


def remove(request: RemoveRequest, share: Share) -> dict[str, Any]:
    """Remove the named restore point, or those that no rule retains, and complete removals that were interrupted.

    Returns:
        The module's result.

    Raises:
        OctopusError: The named one has to remain, a folder is not ours, or one cannot be removed.
        HostError: The host cannot do it.
    """
    there = read_all(share, request.root, _JOB)
    points = there.judged(request.vault_key)
    if request.restore_point is not None:
        decision = retention.by_name(points, request.restore_point, request.protect, request.abandoned)
        begun = [one for one in there.removing if one == request.restore_point]
    else:
        now = datetime.now(timezone.utc)
        decision = retention.by_age(points, now, request.keep, request.keep_days, request.protect)
        begun = there.removing
    ours = {one.id for one in there.found if one.is_ours}
    # The run that abandons one has named it after its own time, and may have been stopped before it marked it.
    ours |= {point.id for point in points if request.abandoned and not point.is_signed and time_in_id(point.id)}
    strange = next((one for one in decision.remove if one not in ours), None)
    if strange is not None:
        raise OctopusError(
            f"{share.host.where}: expected {request.root}\\{strange} to name itself as this restore point, in its manifest or in the marker "
            "of its folders, but it does not. It is not removed. Look at it, and delete it by hand if nobody needs it."
        )
    going = list(dict.fromkeys([*decision.remove, *begun]))
    if going and not request.check_mode:
        _remove(request, share, going)
    return {"changed": bool(going), "removed": going, "remaining": [one for one in decision.remaining if one not in going]}


def _remove(request: RemoveRequest, share: Share, going: list[str]) -> None:
    lines = []
    for one in going:
        path = f"{request.root}\\{one}"
        gone = path + REMOVING
        # rd has no exit code for a file in use: only looking tells. Leftovers of an earlier run are deleted first, so that the name is free.
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
            f"{share.host.where}: in {request.root}, as {share.run_as.account}: {'; '.join(failed)} Run it again when nothing uses them."
        )
