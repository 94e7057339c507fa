# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Warnings about a backup that was read."""

from __future__ import annotations

from typing import Any

NO_CHECKSUMS = (
    "The backup has no checksums: that it is readable does not mean that its pages are right. mssql_restore_test checks all of them."
)
NO_ACCESS = (
    "The database is restored, but has no user for the login of this task (error 916): its users are those of the backup. A sysadmin can create one "
    "with CREATE USER."
)


def with_warnings(result: dict[str, Any]) -> dict[str, Any]:
    """The result of a module that reads a backup, with the warnings about the backup."""
    found = [NO_CHECKSUMS] * (not result["backup"]["has_checksums"]) + [NO_ACCESS] * (result.get("users_repaired", ()) is None)
    return {**result, "warnings": found} if found else result
