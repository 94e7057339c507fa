# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Version-controlled projects: whether, and where to, a change of one is pushed."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .documents import Document

if TYPE_CHECKING:
    from .rest.ports import Store


def git_target(store: Store, project: Document) -> Document | None:
    """The repository that a change of the project is written to; None: it cannot be, or there is none.

    octopus.com/docs/projects/version-control; Octopus.Client: ``GitPersistenceSettingsResource``, ``GitCredentialResource``.
    """
    settings = project.get("PersistenceSettings") or {}
    if project.get("IsDisabled") or settings.get("Type") != "VersionControlled" or not settings.get("Url"):
        return None
    credentials = settings.get("Credentials") or {}
    kind = credentials.get("Type", "Anonymous")
    if kind == "Reference":
        details = (store.document("GitCredential", str(credentials.get("Id"))) or {}).get("Details") or {}
        return settings if details.get("Password") else None
    return settings if kind != "Anonymous" and credentials.get("Password") else None
