# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The restore points in a folder, read by one job."""

from __future__ import annotations

import re
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from ansible_collections.octopus.upgrade.plugins.module_utils._octopus.errors import OctopusError
from ansible_collections.octopus.upgrade.plugins.module_utils._octopus.folders.places import MARKER, SIGNATURE
from ansible_collections.octopus.upgrade.plugins.module_utils._secrets.vault import VaultKey
from ansible_collections.octopus.upgrade.plugins.module_utils._windows import disks
from ansible_collections.octopus.upgrade.plugins.module_utils._windows.quoting import batch_builtin, batch_word

from .manifest import FOLDERS, MANIFEST, REMOVING, time_in_id
from .share import ABSENT, Place, Share, reach, show
from .signature import Found, Point, judge, newest_signed

_PARTS = (MANIFEST, SIGNATURE, f"{FOLDERS}\\{MARKER}")


@dataclass(frozen=True)
class Listing:
    """The content of a folder of restore points; no signature has been decrypted yet.

    Attributes:
        found: The restore points, in no order.
        removing: Ids of those whose removal was interrupted.
        free_bytes: None where it is not known.
    """

    found: list[Found]
    removing: list[str]
    free_bytes: int | None

    def judged(self, vault_key: VaultKey | None) -> list[Point]:
        """All restore points, newest first; decrypts each signature."""
        return newest_first([judge(one, vault_key) for one in self.found])


def read_all(share: Share, root: str, job: str = "list") -> Listing:
    """Read the content of ``root``; nothing where there is no such folder yet.

    Args:
        share: Reaches it.
        root: The folder of all restore points.
        job: The job's name, which another job of the same name follows.

    Raises:
        OctopusError: The folder cannot be reached.
        HostError: The host cannot do it.
    """
    mark = f"--{secrets.token_hex(12)}--"
    # The variable of "for" is text, whatever its characters: cmd.exe has parsed the line by then.
    parts = "& ".join(f'echo {mark}& (if exist "%%D\\{part}" (echo +& type "%%D\\{part}"))' for part in _PARTS)
    each = f"for /d %%D in ({batch_word(root + chr(92) + '*')}) do (echo {mark}point& echo %%D& {parts})"
    reached, printed, room = share.run(job, root, [reach(root), each, batch_builtin("dir", "/-c", "/ad", root)])
    if reached.code == ABSENT:
        return Listing([], [], None)
    if reached.code:
        raise share.unreachable(root, reached)
    folders = parse(printed.text, mark)
    removing = [one.id.removesuffix(REMOVING) for one in folders if one.id.endswith(REMOVING)]
    return Listing(
        # A folder without any file of a restore point is somebody else's.
        [one for one in folders if not one.id.endswith(REMOVING) and (one.manifest, one.signature, one.marker) != (None, None, None)],
        [one for one in removing if time_in_id(one)],
        disks.free_in(room.text) if room.code <= 1 else None,
    )


def read_one(share: Share, place: Place, vault_key: VaultKey | None) -> Point:
    """Read one restore point, signed or not.

    Raises:
        OctopusError: It does not exist, or cannot be reached.
        HostError: The host cannot do it.
    """
    answers = share.run("read", place.path, [reach(place.path), *(show(place.file(part)) for part in _PARTS)])
    if answers[0].code:
        raise share.unreachable(place.path, answers[0])
    return judge(Found(place.path, *(answer.file for answer in answers[1:])), vault_key)


def choose(share: Share, root: str, restore_point: str | None, vault_key: VaultKey | None) -> Point:
    """The named restore point, signed or not; without a name the newest signed one.

    Raises:
        OctopusError: There is none.
        HostError: The host cannot do it.
    """
    if restore_point is not None:
        return read_one(share, Place(root, restore_point), vault_key)
    newest, unsigned = newest_signed(read_all(share, root).found, vault_key)
    if newest is None:
        others = "; ".join(f"{point.id}: {point.reason}" for point in newest_first(unsigned)[:5]) or "none at all"
        raise OctopusError(f"{share.host.where}: expected a signed restore point in {root}, but found {others}.")
    return newest


def choose_signed(share: Share, root: str, restore_point: str | None, vault_key: VaultKey | None) -> Point:
    """As :func:`choose`, but only a signed one.

    Raises:
        OctopusError: There is none, or the named one is not signed.
        HostError: The host cannot do it.
    """
    point = choose(share, root, restore_point, vault_key)
    if not point.is_signed:
        raise OctopusError(
            f"{share.host.where}: the restore point {point.path} does not count as signed: {point.reason}. Nothing was changed."
        )
    return point


def list_points(
    share: Share, root: str, vault_key: VaultKey | None, *, newest: bool, baseline: bool = False, restore_point: str | None = None
) -> dict[str, Any]:
    """What ``octopus_restore_point_info`` returns.

    Args:
        share: Reaches the folder.
        root: The folder of all restore points.
        vault_key: Decrypts signatures.
        newest: Only the newest signed one, which decrypts as few signatures as possible.
        baseline: Whether to return the baseline of the newest signed one that has one.
        restore_point: The one that is meant instead.

    Raises:
        OctopusError: The folder cannot be reached.
        HostError: The host cannot do it.
    """
    there = read_all(share, root)
    if newest:
        point, _unsigned = newest_signed(there.found, vault_key)
        points = [] if point is None else [point]
    else:
        points = there.judged(vault_key)
    found = {"changed": False, "restore_points": [point.as_result() for point in points], "free_bytes": there.free_bytes}
    if not baseline:
        return found
    wanted = [
        point for point in points if point.is_signed and restore_point in (None, "", point.id) and (point.manifest or {}).get("baseline")
    ]
    with_it = wanted[0] if wanted else None
    return found | {"baseline_of": with_it and with_it.id, "baseline": ((with_it and with_it.manifest) or {}).get("baseline", {})}


def parse(text: str, mark: str) -> list[Found]:
    """Read the output of the job, folder by folder."""
    found = []
    for block in text.split(f"{mark}point\n")[1:]:
        path, *parts = re.split(re.escape(mark) + "\n", block)
        contents = [part.partition("\n")[2] if part.startswith("+") else None for part in parts]
        if len(contents) == len(_PARTS):
            found.append(Found(path.strip(), *contents))
    return found


def newest_first(points: Sequence[Point]) -> list[Point]:
    return sorted(points, key=lambda point: (point.moment, point.id), reverse=True)
