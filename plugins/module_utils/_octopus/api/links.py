# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The link templates of the API, such as ``/api/projects{/id}{?skip,take}``, and addresses made from them."""

from __future__ import annotations

import re
from urllib.parse import urlsplit

_TEMPLATE = re.compile(r"\{[^}]*\}")


def plain(link: str) -> str:
    """Return a link without its template parts: ``/api/projects{/id}{?skip}`` is ``/api/projects``."""
    return _TEMPLATE.sub("", link)


def absolute(base: str, path: str) -> str:
    """Return the full address of a path that the server gave.

    Links name the virtual directory (``/octopus/api``), begin at ``~/`` in some documents, or are ours and know of neither.

    Args:
        base: The server's address, perhaps with a virtual directory, without a closing slash.
        path: A path from a link or written here.
    """
    if path.startswith("~/"):
        return base + path[1:]
    parts = urlsplit(base)
    folder = parts.path.rstrip("/")
    if folder and (path == folder or path.startswith(folder + "/")):
        return f"{parts.scheme}://{parts.netloc}{path}"
    return base + "/" + path.lstrip("/")


def same_origin(one: str, other: str) -> bool:
    """Whether two addresses are of one server: a key that was meant for it may be sent to both."""

    def origin(url: str) -> tuple[str, str | None, int]:
        parts = urlsplit(url)
        return parts.scheme, parts.hostname, parts.port or (443 if parts.scheme == "https" else 80)

    return origin(one) == origin(other)
