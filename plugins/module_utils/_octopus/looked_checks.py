# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the steps of the upgrade say when they are asked in check mode whether they could be done. Pure functions, no I/O.

Each look ahead is the step's own code, so that it asks what the step will ask. One that fails is a finding, so that the others are still made.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from .check import Check
from .plan_facts import Facts

PACKAGE = "package:"
# What each look ahead returns where it succeeds.
_RETURNED = {"backup": "paths", "folders": "folders", "master_key": "instance_name"}


def problems(looks: Mapping[str, Mapping[str, Any] | None], packages: Mapping[str, str]) -> dict[str, str]:
    """What went wrong with each look ahead that was made; empty where nothing did.

    Args:
        looks: By the names of ``_MADE``, the result of the task; None or empty where there is none.
        packages: For each version, the message of a failed look for its package; empty where it was found.
    """
    found = {f"{PACKAGE}{version}": str(problem or "") for version, problem in packages.items()}
    for name, result in looks.items():
        if result and not result.get("skipped"):
            found[name] = "" if _RETURNED[name] in result else str(result.get("msg") or "that it failed without a message")
    return found


def checks(facts: Facts) -> Iterator[Check]:
    """Yield one check for each look ahead that was made, and one for each package."""
    for name, problem in facts.looked.items():
        if name.startswith(PACKAGE):
            yield _package(name.removeprefix(PACKAGE), problem, facts.instance)
        else:
            yield _MADE[name](problem, facts.instance)


def _package(version: str, problem: str, where: str) -> Check:
    return _check(
        "package_available",
        f"the package of {version} to be there for every node",
        problem,
        where,
        "Check octopus_version, octopus_ladder, octopus_msi_source and octopus_msi_sha256.",
    )


def _backup(problem: str, where: str) -> Check:
    return _check(
        "backup_writable",
        "a backup that SQL Server can write",
        problem,
        where,
        "Set octopus_backup_root, and octopus_sql_backup_root where SQL Server sees that folder under another path, and let its service account "
        "write there.",
    )


def _folders(problem: str, where: str) -> Check:
    todo = "Give the account of the WinRM connection and that of the jobs access to all of them, and replace links by folders."
    return _check("folders_readable", "server folders that can be copied whole", problem, where, todo)


def _master_key(problem: str, where: str) -> Check:
    return _check(
        "master_key_readable",
        "the master key to be readable, and encrypted when it is stored",
        problem,
        where,
        "Without it a restored database is of no use. The account of the WinRM connection has to be an administrator of the node.",
    )


_MADE: dict[str, Callable[[str, str], Check]] = {"backup": _backup, "folders": _folders, "master_key": _master_key}


def _check(name: str, expected: str, problem: str, where: str, todo: str) -> Check:
    return Check(name, not problem, expected, problem or "that it is", where, todo)
