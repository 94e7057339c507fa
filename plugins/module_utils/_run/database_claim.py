# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The claim of a run on its instance's database, beside the locks on the nodes: who may take it over.

Two inventories may know the same database under different nodes: one of them lacks a node, or a clone's leads to production by mistake. They
lock different hosts, and meet at the database (:mod:`._mssql.claim`). A run keeps its claim until it has finished, also while nobody works on it.
"""

from __future__ import annotations

from collections.abc import Collection
from contextlib import closing
from dataclasses import dataclass

from ansible_collections.octopus.upgrade.plugins.module_utils._mssql import claim as claims
from ansible_collections.octopus.upgrade.plugins.module_utils._mssql.claim import Claim, ClaimUnreadable
from ansible_collections.octopus.upgrade.plugins.module_utils._mssql.connection.connection import connect
from ansible_collections.octopus.upgrade.plugins.module_utils._mssql.connection.options import SqlOptions
from ansible_collections.octopus.upgrade.plugins.module_utils._mssql.errors import MssqlError

from .errors import RunError

UNREADABLE = "unknown"  # what octopus_break_lock names a claim by that cannot be read


@dataclass(frozen=True)
class Claimed:
    """What came of it.

    Attributes:
        changed: Whether the database was claimed now, or would be.
        broken: The claim of a run on other nodes that was taken over for that.
        warning: Why there is no claim; empty where there is one.
    """

    changed: bool
    broken: Claim | None = None
    warning: str = ""


def may_take_over(found: Claim, wanted: Claim, nodes: Collection[str], break_lock: str | None, where: str) -> bool:
    """Return whether the claim is one that the locks of the nodes have settled already; False where the user has named it.

    The process of a claim holds the lock of the instance on its coordinator. Whoever holds that lock now, and has read the journals there, knows
    what became of the run.

    Args:
        found: The claim.
        wanted: That of this process, which holds the locks of its nodes.
        nodes: The computer names of those nodes.
        break_lock: The run or the owner whose claim may be taken over.
        where: The database and its server, for the message.

    Raises:
        RunError: It may not be taken over.
    """
    if found.instance.lower() == wanted.instance.lower() and found.coordinator.lower() in (name.lower() for name in nodes):
        return True
    if break_lock and break_lock in (found.run_id, found.owner):
        return False
    named = f" octopus_break_lock names {break_lock}, but this claim is not its." if break_lock else ""
    raise RunError(
        f"Expected {where} to be claimed by no other run, but found it claimed since {found.since} (UTC, by SQL Server's clock) by {found.owner} for "
        f"the {found.operation} {found.run_id} of instance {found.instance}, whose journal is on {found.coordinator}. This inventory knows the same "
        f"database as instance {wanted.instance} on {', '.join(sorted(nodes))}.{named} Does octopus_instance lead to the database that is meant, and "
        "does the inventory have all of its nodes? If so, wait until that run has ended, or finish it with the inventory that it was begun with. If "
        f"you are certain that it has been abandoned, take its claim over: octopus_break_lock: {found.run_id}"
    )


class DatabaseClaim:
    """The claim on one database.

    Args:
        options: SQL Server and the login.
        database: The database.
    """

    def __init__(self, options: SqlOptions, database: str) -> None:
        self._options = options
        self._database = database
        self._where = f"the database {database} on SQL Server {options.where}"

    def take(self, wanted: Claim, nodes: Collection[str], break_lock: str | None, resumes: bool, check_mode: bool) -> Claimed:
        """Claim the database, once the locks of the nodes are held and the journals on them are read.

        Args:
            wanted: The claim.
            nodes: The computer names of the nodes.
            break_lock: The run or the owner whose claim may be taken over; ``unknown`` for one that cannot be read.
            resumes: Whether the run is resumed. It may have to restore service, so SQL Server's answer must not keep it from that.
            check_mode: Whether to predict only.

        Raises:
            RunError: Another run has claimed it.
            MssqlError: SQL Server refused.
        """
        broken: list[Claim] = []

        def allowed(found: Claim) -> None:
            if not may_take_over(found, wanted, nodes, break_lock, self._where):
                broken.append(found)

        try:
            with closing(connect(self._options)) as connection:
                if check_mode:
                    found = claims.read(connection, self._database)
                    if found is not None and found.holder != wanted.holder:
                        allowed(found)
                    return Claimed(found is None or found.holder != wanted.holder, broken[-1] if broken else None)
                by_name = break_lock in (UNREADABLE, wanted.run_id) and break_lock is not None
                changed, _over = claims.take(connection, self._database, wanted, allowed, break_unreadable=by_name)
        except ClaimUnreadable as error:
            raise RunError(
                f"{error}. Finish that run with the login that it was begun with. If you are certain that it has been abandoned, drop its claim: "
                f"octopus_break_lock: {UNREADABLE}"
            ) from error
        except MssqlError as error:
            if not resumes and error.number != claims.NO_RIGHT:
                raise
            return Claimed(False, warning=f"{self._where} is not claimed, so only the locks of the nodes keep other runs away: {error}")
        return Claimed(changed, broken[-1] if broken else None)

    def release(self, holder: str) -> Claimed:
        """Give the claim up where that process holds it. What cannot be dropped is told: the next run of the instance takes it over."""
        try:
            with closing(connect(self._options)) as connection:
                return Claimed(claims.release(connection, self._database, holder))
        except MssqlError as error:
            return Claimed(False, warning=f"the claim on {self._where} could not be dropped ({claims.name_for(self._database)}): {error}")
