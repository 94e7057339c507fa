# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Refusal of server folders that contain junctions or symbolic links.

robocopy leaves out what is behind a link (``/xj``), in the copy and in the comparison alike, so that neither would tell. Without ``/xj`` it
could copy a folder into itself. Whether ``/mir`` deletes through a link of the target is not documented, so nothing is mirrored there either.
"""

from __future__ import annotations

from ansible_collections.octopus.upgrade.plugins.module_utils._octopus.errors import OctopusError
from ansible_collections.octopus.upgrade.plugins.module_utils._windows import links
from ansible_collections.octopus.upgrade.plugins.module_utils._windows.jobs import Job
from ansible_collections.octopus.upgrade.plugins.module_utils._windows.quoting import batch_word

from .mirrors import exit_with

LINKED = 105
_SHOWN = 10


def look_for_links(path: str, job: Job) -> str:
    """Return the line that prints the links below a folder, with exit code 0 where there are any, else 1."""
    return links.look_line(path, job.folder)


def unless_linked(line: str, job: Job) -> str:
    """Return a line that runs only where :func:`look_for_links` has found nothing in the same job; else it exits with :data:`LINKED`."""
    return f"(if exist {batch_word(links.found_file(job.folder))} ({exit_with(LINKED)}) else ({line}))"


def refuse_links(where: str, name: str, path: str, found: list[str], before: str) -> None:
    """Refuse a folder with links.

    Args:
        where: The host, for the message.
        name: Name of the folder.
        path: The folder.
        found: Its links, each as ``name [target]``.
        before: What has not been done, for the message.

    Raises:
        OctopusError: There are any.
    """
    if not found:
        return
    more = f" and {len(found) - _SHOWN} more" if len(found) > _SHOWN else ""
    raise OctopusError(
        f"{where}: expected the folder {name}, {path}, to contain its files itself, but found links to other places in it: "
        f"{', '.join(found[:_SHOWN])}{more}. What is behind a link would be missing in the copy. {before} Move the content back into the "
        "folder, or let the server use the other place directly (Octopus.Server path), and remove the link with rd, never with rd /s. "
        f'List all links with: dir /al /s "{path}"'
    )
