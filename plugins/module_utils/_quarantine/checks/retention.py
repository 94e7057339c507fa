# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Whether every retention policy keeps everything."""

from __future__ import annotations

from ansible_collections.octopus.upgrade.plugins.module_utils._quarantine import documents

from .look import Check, Look, check, is_true

_POLICIES = {"lifecycle": ("ReleaseRetentionPolicy", "TentacleRetentionPolicy"), "runbook": ("RunRetentionPolicy",)}


def retention(look: Look) -> Check:
    """No retention policy deletes anything."""
    wrong: list[str] = []
    tables = [table for table in look.columns if table in ("lifecycle", "runbook") or "retentionpolic" in table]
    for table in tables:
        wrong += look.unread(table)
        for key, value in look.documents(table):
            for _path, inner in documents.objects(value):
                quantity = documents.get(inner, "QuantityToKeep")
                # Without a strategy it is the space's default that counts, from 2025.3 on.
                strategy = str(documents.get(inner, "Strategy")).lower()
                if documents.has(inner, "QuantityToKeep") and (quantity != 0 or strategy != "forever"):
                    wrong.append(key)
        wrong += look.without(table, *_POLICIES.get(table, ()))
    for table in ("Feed", "Configuration"):
        wrong += [key for key, _path, value in look.properties(table, "DeleteUnreleasedPackagesAfterDays") if value is not None]
        wrong += [key for key, _path, value in look.properties(table, "DeletePackagesAssociatedWithReleases") if is_true(value)]
    wrong += look.unread("Feed", "DeleteUnreleasedPackagesAfterDays")
    if look.has("Feed", "DeleteUnreleasedPackagesAfterDays"):
        wrong += look.ids("Feed", "[DeleteUnreleasedPackagesAfterDays] IS NOT NULL")
    return check("retention", wrong, "policies that delete", "every retention policy keeps everything")
