# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The restore points below a folder: read in one job, judged by their seals."""

from __future__ import annotations

import re
import secrets
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from ansible_collections.octopus.upgrade.plugins.module_utils._octopus.errors import OctopusError
from ansible_collections.octopus.upgrade.plugins.module_utils._octopus.folders.places import MARKER, SEAL
from ansible_collections.octopus.upgrade.plugins.module_utils._secrets.vault import Sealer
from ansible_collections.octopus.upgrade.plugins.module_utils._windows import disks
from ansible_collections.octopus.upgrade.plugins.module_utils._windows.quoting import batch_builtin, batch_word

from .manifest import FOLDERS, MANIFEST, REMOVING, Found, Point, judge, time_in_id
from .share import ABSENT, Place, Share, reach, show

# Processes of ansible-vault at once: each takes a second of a processor.
VAULTS_AT_ONCE = 4
_PARTS = (MANIFEST, SEAL, f"{FOLDERS}\\{MARKER}")


@dataclass(frozen=True)
class Listing:
    """What lies below a folder: restore points, newest first; leftovers of removals; room, None where it is not known."""

    points: list[Point]
    ours: frozenset[str]
    removing: list[str]
    free_bytes: int | None

    def newest_sealed(self) -> Point | None:
        return next((point for point in self.points if point.is_sealed), None)


def read_all(share: Share, root: str, sealer: Sealer | None, purpose: str = "list") -> Listing:
    """Read what is below ``root``; nothing where there is no such folder yet.

    Args:
        share: Reaches it.
        root: The folder of all restore points.
        sealer: Opens their seals.
        purpose: The job's, which another job of the same purpose follows.

    Raises:
        OctopusError: The folder cannot be reached.
        HostError: The host cannot do it.
    """
    mark = f"--{secrets.token_hex(12)}--"
    # What the variable of "for" holds is text whatever it is: the line has been parsed by then.
    parts = "& ".join(f'echo {mark}& (if exist "%%D\\{part}" (echo +& type "%%D\\{part}"))' for part in _PARTS)
    each = f"for /d %%D in ({batch_word(root + chr(92) + '*')}) do (echo {mark}point& echo %%D& {parts})"
    reached, found, room = share.run(purpose, root, [reach(root), each, batch_builtin("dir", "/-c", "/ad", root)])
    if reached.code == ABSENT:
        return Listing([], frozenset(), [], None)
    if reached.code:
        raise share.unreachable(root, reached)
    folders = parse(found.text, mark)
    removing = [one.id.removesuffix(REMOVING) for one in folders if one.id.endswith(REMOVING)]
    # A folder that has nothing of a restore point is somebody else's business.
    kept = [one for one in folders if not one.id.endswith(REMOVING) and (one.manifest, one.seal, one.marker) != (None, None, None)]
    return Listing(
        newest_first(judge_all(kept, sealer)),
        frozenset(one.id for one in kept if one.is_ours),
        [one for one in removing if time_in_id(one)],
        disks.free_in(room.text) if room.code <= 1 else None,
    )


def read_one(share: Share, place: Place, sealer: Sealer | None) -> Point:
    """Read one restore point, or say that it is not there.

    Raises:
        OctopusError: It is not there, or cannot be reached.
        HostError: The host cannot do it.
    """
    answers = share.run("read", place.path, [reach(place.path), *(show(place.file(part)) for part in _PARTS)])
    if answers[0].code:
        raise share.unreachable(place.path, answers[0])
    return judge(Found(place.path, *(answer.file for answer in answers[1:])), sealer)


def choose(share: Share, root: str, restore_point: str | None, sealer: Sealer | None) -> Point:
    """Return the restore point that was named, sealed or not; without a name the newest sealed one.

    Raises:
        OctopusError: There is none.
    """
    if restore_point is not None:
        return read_one(share, Place(root, restore_point), sealer)
    there = read_all(share, root, sealer)
    newest = there.newest_sealed()
    if newest is None:
        others = "; ".join(f"{point.id}: {point.why}" for point in there.points[:5]) or "nothing that looks like one"
        raise OctopusError(f"{share.host.where}: there is no sealed restore point in {root}. Found: {others}.")
    return newest


def parse(text: str, mark: str) -> list[Found]:
    """Read what the job printed of each folder."""
    found = []
    for block in text.split(f"{mark}point\n")[1:]:
        path, *parts = re.split(re.escape(mark) + "\n", block)
        contents = [part.partition("\n")[2] if part.startswith("+") else None for part in parts]
        if len(contents) == len(_PARTS):
            found.append(Found(path.strip(), *contents))
    return found


def judge_all(found: Sequence[Found], sealer: Sealer | None) -> list[Point]:
    """Open all seals, several at once: each takes a process of ansible-vault."""
    with ThreadPoolExecutor(VAULTS_AT_ONCE) as pool:
        return list(pool.map(lambda one: judge(one, sealer), found))


def newest_first(points: Sequence[Point]) -> list[Point]:
    return sorted(points, key=lambda point: (point.moment, point.id), reverse=True)
