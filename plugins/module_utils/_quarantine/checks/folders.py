# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Whether the clone has server folders of its own."""

from __future__ import annotations

from ansible_collections.octopus.upgrade.plugins.module_utils._quarantine import documents, paths

from .look import Check, Look, check


def folders(look: Look) -> Check:
    """No server folder is one of the source's, is in one, or contains one."""
    source = [(text, paths.parse(text)) for text in look.request.folders or ()]
    wrong: list[str] = []
    seen = 0
    for key, value in look.documents("Configuration"):
        for path, inner in documents.objects(value):
            for name, text in inner.items():
                if not name.lower().endswith("directory") and not ("folder" in key.lower() and isinstance(text, str)):
                    continue
                if text is None or isinstance(text, str):
                    seen += 1
                    found = _folder(look.request.home, text or "", source)
                    wrong += [f"{documents.join(path, name)} ({found})"] if found else []
    if not seen:
        wrong.append("none at all, so it is unknown where this version has them")
    return check(
        "folders", wrong, "folders that are not the clone's own", f"none of {seen} folders is, is in or contains one of the source's"
    )


def _folder(home: str | None, text: str, source: list[tuple[str, paths.Folder]]) -> str | None:
    """What is wrong with a folder; None where nothing is."""
    where = text
    if not text.strip() or not paths.is_absolute(text):
        shown = repr(text) if text.strip() else "empty"
        if not home:
            return f"{shown}: it lies below the node's home, which was not given as home"
        if ":" in text or text.strip()[:1] in ("\\", "/"):
            return f"{shown}: it depends on the node's current drive"
        if not paths.is_absolute(home) or home.replace("/", "\\").startswith("\\\\"):
            return f"{shown}: it lies below {home}, which is on a share or relative"
        where = f"{home}\\{text}"
    try:
        mine = paths.parse(where)
    except paths.SpellingError as error:
        return str(error)
    hit = next((other for other, folder in source if paths.overlap(mine, folder)), None)
    return f"{where}: it is, is in or contains {hit} of the source" if hit else None
