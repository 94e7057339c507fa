# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a restore moves aside on the same volume instead of copying it: links, and folders that the restore point does not have.

A rename takes no time and no network, whatever a folder holds: the upgrade across 2019.1 moves all packages to a new subfolder, which a
copy would send over the network while users wait. It keeps rights and owners, and is done or not done whenever the host dies.

A link is moved itself, never what it points to
(https://learn.microsoft.com/windows/win32/fileio/symbolic-link-effects-on-file-systems-functions). Nothing is mirrored onto a folder with a link.

``move`` refuses to move a folder to another volume, such as out of a mounted one. It then stays, and is copied with the rest.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from ansible_collections.octopus.upgrade.plugins.module_utils._windows import disks
from ansible_collections.octopus.upgrade.plugins.module_utils._windows.quoting import batch_builtin, batch_word

from .copies import overlap
from .places import RETAINED_MARKER, Place

# Of the folder beside the live ones: the name of the folder for the retained copies, and this.
SUFFIX = "-moved"
_MARK = "--octopus.upgrade.aside--"


def place_of(name: str, folders: Mapping[str, str], retain_in: str | None) -> Place | None:
    """Return where a folder's content is moved: beside the outermost live folder, and so on its volume, but never inside a live folder.

    Args:
        name: The folder.
        folders: All live folders, by name.
        retain_in: The folder for the retained copies.

    Returns:
        The place; None where there is none, because the folder is the root of a share, or nothing is to be retained.
    """
    if not retain_in:
        return None
    live = folders[name]
    outer = min((path for path in folders.values() if overlap(live, path) and len(path) <= len(live)), key=len)
    parent = outer.rpartition("\\")[0]
    if not parent or (disks.is_unc(parent) and parent.count("\\") < 3):
        return None
    path = f"{parent}\\{retain_in.rpartition(chr(92))[2]}{SUFFIX}"
    return None if overlap(path, retain_in) or any(overlap(path, one) for one in folders.values()) else Place(path, RETAINED_MARKER)


# -- what there is


@dataclass(frozen=True)
class Found:
    """What a live folder has beyond its copy.

    Attributes:
        links: The paths of junctions and symbolic links in it.
        folders: The names of the folders in it that its copy does not have.
        free: The free bytes on its volume; None where it does not say.
    """

    links: tuple[str, ...] = ()
    folders: tuple[str, ...] = ()
    free: int | None = None


def look_line(live: str, copy: str) -> str:
    """Return the line of a command file that prints what :func:`found_in` reads."""
    asked = [
        batch_builtin("dir", "/b", "/ad", copy),
        batch_builtin("dir", "/b", "/ad", live),
        batch_builtin("dir", "/b", "/s", "/al", live),
        batch_builtin("dir", "/-c", "/ad", disks.root_of(live)),
    ]
    return f"(echo {_MARK}& {f' & echo {_MARK}& '.join(f'({one} 2>nul)' for one in asked)} & echo {_MARK}& ver >nul)"


def found_in(output: str, live: str, links: Iterable[str], others: Iterable[str]) -> Found:
    """Parse what :func:`look_line` has printed.

    Args:
        output: The output.
        live: The live folder.
        links: The links in it, each as ``name [target]``. ``dir /b`` also lists files that data deduplication has replaced.
        others: The other live folders, none of which is moved.
    """
    parts = output.split(_MARK)
    if len(parts) < 6:
        return Found()
    copied, there, linked, room = ([line.strip() for line in part.splitlines() if line.strip()] for part in parts[1:5])
    names = {one.split(" [")[0].lower() for one in links}
    paths = tuple(path for path in linked if path.rpartition("\\")[2].lower() in names)
    ours = {name.lower() for name in copied} | {
        path.rpartition("\\")[2].lower() for path in paths if path.count("\\") == live.count("\\") + 1
    }
    busy = list(others)
    extra = (name for name in there if name.lower() not in ours and not any(overlap(f"{live}\\{name}", one) for one in busy))
    return Found(paths, tuple(extra), disks.free_in("\n".join(room)))


# -- moved


def move_lines(place: Place, name: str, live: str, restore_point: str, found: Found) -> list[str]:
    """Return the lines of a command file that mark the place and move everything there, each to its path below the folder.

    A second run finds nothing to move any more.
    """
    target = f"{place.path}\\{name}"
    lines = [place.make(), place.mark(restore_point)]
    for path in (*found.links, *(f"{live}\\{one}" for one in found.folders)):
        into = f"{target}{path[len(live) :]}"
        folder = into.rpartition("\\")[0]
        made = f"(if not exist {batch_word(folder + chr(92))} {batch_builtin('mkdir', folder)})"
        lines.append(f"(if exist {batch_word(into)} (ver >nul) else ({made} & {batch_builtin('move', path, into)}))")
    return lines
