# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Whether any server task may still run."""

from __future__ import annotations

from ansible_collections.octopus.upgrade.plugins.module_utils._quarantine import documents, record

from .look import Check, Look, check

_ENDED = ("success", "failed", "canceled", "timedout")


def tasks(look: Look) -> Check:
    """No task is left to run. After its first start the clone has tasks of its own, and only those of the source count."""
    wrong: list[str] = []
    if look.has("ServerTask", "State"):
        ended = ", ".join("?" * len(_ENDED))
        wrong += look.ids("ServerTask", f"[State] IS NULL OR LOWER([State]) NOT IN ({ended})", *_ENDED)
    else:
        wrong += look.unread("ServerTask")
        wrong += [key for key, value in look.documents("ServerTask") if str(documents.get(value, "State")).lower() not in _ENDED]
    if look.request.nodes:
        inherited = record.rows_of(look.connection, "tasks")
        wrong = [key for key in wrong if key in inherited]
    return check("tasks", wrong, "tasks that may still run", "no task is left to run")
