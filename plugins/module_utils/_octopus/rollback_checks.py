# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Whether the database can be restored if the upgrade fails. What cannot be told blocks like what is wrong. Pure functions, no I/O."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from ansible_collections.octopus.upgrade.plugins.module_utils._mssql.quoting import quote_identifier

from . import availability_checks
from .check import Check, unknown

POSSIBLE = "rollback_possible"
NAMES = ("may_restore", POSSIBLE, "rollback_complete", "database_writable", availability_checks.REJOINABLE)
_WAIVE = f"Waiving {POSSIBLE} means that no failure starts a rollback: the instance would be left stopped, to be restored by hand"


def checks(database: Mapping[str, Any], *, keeps: bool, path: list[str], rejoins: bool = False) -> Iterator[Check]:
    """Every named check of what a rollback needs of SQL Server.

    Args:
        database: What octopus_database_info returned.
        keeps: Whether a rollback keeps the failed database, and restores beside it.
        path: The versions to go through; empty where nothing is upgraded.
        rejoins: Whether a rollback takes the database out of its availability group, and adds it again.
    """
    if not path:
        return
    found = database.get("rollback") or {}
    where = str(database.get("server") or "SQL Server")
    name = quote_identifier(str(database.get("database") or "the database"))
    yield from _possible(found, name, where, rejoins)
    if found.get("platform"):
        return  # nothing else was read
    yield from _rights(found.get("rights"), name, where, keeps)
    yield from _complete(found.get("surroundings"), name, where)
    yield from _writable(found.get("surroundings"), name, where)
    if rejoins:
        yield from availability_checks.rejoinable(found.get("surroundings"), str(database.get("database") or "the database"), where)


def is_possible(found: list[Check]) -> bool:
    """Whether a rollback may be started at all: what its check says, waived or not."""
    return all(check.ok is True for check in found if check.name == POSSIBLE)


def lines(database: Mapping[str, Any]) -> list[str]:
    """What the plan says of the database beyond its checks."""
    around = (database.get("rollback") or {}).get("surroundings") or {}
    return [
        "encrypted: the database is encrypted (TDE) with a certificate that is not part of the restore point. This SQL Server has it; another "
        "one needs it, with its private key, before it can restore the backup"
    ] * bool(around.get("encrypted")) + availability_checks.lines(around)


# -- whether RESTORE works at all


def _possible(found: Mapping[str, Any], name: str, where: str, rejoins: bool) -> Iterator[Check]:
    expected = "a database that SQL Server can restore"
    problems = list(_obstacles(found, name, rejoins))
    for ok, what, todo in problems:
        yield Check(POSSIBLE, ok, expected, what, where, f"{todo}. {_WAIVE}.")
    if not problems:
        yield Check(POSSIBLE, True, expected, "nothing that prevents a restore", where)


def _obstacles(found: Mapping[str, Any], name: str, rejoins: bool) -> Iterator[tuple[bool | None, str, str]]:
    """What prevents a restore, and what cannot be told: False or None, the finding, and the ways that exist."""
    if found.get("platform"):
        yield (
            False,
            f"{found['platform']}, where the platform itself does backups and restores",
            "Move the database to a SQL Server of your own, or upgrade with the platform's own point-in-time restore at hand",
        )
        return
    around = found.get("surroundings")
    if not around:
        yield None, unknown("the surroundings of the database were not read"), "Check it yourself"
        return
    # Error 3104, and 1468 for renaming it.
    if around["availability_group"] and rejoins:
        yield from availability_checks.removable(around.get("group"))
    elif around["availability_group"]:
        yield (
            False,
            "that it is in an availability group, over which RESTORE does not work",
            f"On the primary, run ALTER AVAILABILITY GROUP ... REMOVE DATABASE {name} before the upgrade, and add the database and seed its "
            "secondaries again afterwards; or set octopus_availability_group: remove_and_rejoin, so that only a rollback that restores the "
            "database does both",
        )
    if around["mirrored"]:
        yield (
            False,
            "that it is mirrored, and RESTORE refuses that",
            f"Run ALTER DATABASE {name} SET PARTNER OFF before the upgrade, and set up the mirroring again afterwards",
        )
    yield from _dependants(around, name)
    if around["special_files"]:
        yield (
            False,
            f"FILESTREAM or memory-optimized files, whose places the rollback cannot choose: {', '.join(around['special_files'])}",
            "Remove them; Octopus Server uses neither",
        )
    see = "Run GRANT VIEW ANY DATABASE TO the login"
    unseen = {"mirrored": see, "snapshots": see, "log_shipping": "Give the login a user in msdb with the role db_datareader"}
    for key, todo in unseen.items():
        if around[key] is None:
            yield None, unknown(f"whether it is in {key.replace('_', ' ')}" if key == "log_shipping" else f"{key} are hidden"), todo


def _dependants(around: Mapping[str, Any], name: str) -> Iterator[tuple[bool, str, str]]:
    if around["replication"]:
        yield (
            False,
            f"that it is a {' and '.join(around['replication'])} of replication, which a restore would break",
            f"Remove the replication of {name} before the upgrade (sp_removedbreplication), and set it up again afterwards",
        )
    if "secondary" in (around["log_shipping"] or []):
        yield (
            False,
            "that it is a secondary of log shipping, whose job restores over it",
            "Remove it from log shipping on the primary (sp_delete_log_shipping_primary_secondary)",
        )
    if around["snapshots"]:
        yield (
            False,
            f"database snapshots, which prevent a restore over it: {', '.join(around['snapshots'])}",
            "Drop them: " + "; ".join(f"DROP DATABASE {quote_identifier(one)}" for one in around["snapshots"]),
        )


# -- what the login may do


def _rights(rights: Mapping[str, Any] | None, name: str, where: str, keeps: bool) -> Iterator[Check]:
    if not rights:
        yield Check(
            "may_restore",
            None,
            "the permissions of the login",
            unknown("they were not read"),
            where,
            "Check it yourself, then waive this check by name.",
        )
        return
    login = quote_identifier(str(rights["login"]))
    creator = f"ALTER SERVER ROLE dbcreator ADD MEMBER {login}"
    wanted = [
        ("back_up", "back up the database", _user(name, login, "db_backupoperator")),
        ("create_databases", "create databases, without which SQL Server lets it neither read nor verify a backup", creator),
        ("read_history", "read the history of backups and restores in msdb", _user("[msdb]", login, "db_datareader")),
    ]
    if keeps:
        wanted.append(("rename", "rename the failed database", creator))
        wanted.append(("remove", "take the failed database offline and remove it, where it cannot be opened", creator))
    else:
        wanted.append(("overwrite", "restore over the failed database", creator))
    if rights.get("owner"):
        wanted.append(
            (
                "return_owner",
                f"return the restored database to its owner {rights['owner']}, who may be the login of Octopus Server",
                f"USE [master]; GRANT IMPERSONATE ON LOGIN::{quote_identifier(rights['owner'])} TO {login}",
            )
        )
    for key, what, grant in wanted:
        ok = rights.get(key)
        yield Check(
            "may_restore",
            ok,
            f"the login {rights['login']} to be allowed to {what}",
            "that it may" if ok else "that it may not" if ok is False else unknown("SQL Server does not say"),
            where,
            f"Run {grant}.",
        )


def _user(database: str, login: str, role: str) -> str:
    return f"USE {database}; CREATE USER {login} FOR LOGIN {login} (unless it has one); ALTER ROLE {role} ADD MEMBER {login}"


# -- what a restore does not return


def _complete(around: Mapping[str, Any] | None, name: str, where: str) -> Iterator[Check]:
    if not around:
        return  # rollback_possible says so
    losses = []
    if around["cdc"]:
        losses.append(
            (
                "change data capture, whose jobs do not follow a restored database",
                f"Disable it first (USE {name}; EXEC sys.sp_cdc_disable_db)",
            )
        )
    if "primary" in (around["log_shipping"] or []):
        losses.append(
            ("that it is the primary of log shipping, whose chain a restore breaks", "Be ready to initialize the secondaries again")
        )
    if around["user_access"] != "MULTI_USER":
        losses.append(
            (f"its user access {around['user_access']}, which a restore sets to MULTI_USER", f"Run ALTER DATABASE {name} SET MULTI_USER")
        )
    expected = "nothing around the database that a restore would not return"
    for found, todo in losses:
        yield Check("rollback_complete", False, expected, found, where, f"{todo}, or waive this check by name.")
    if not losses:
        yield Check("rollback_complete", True, expected, "nothing", where)


def _writable(around: Mapping[str, Any] | None, name: str, where: str) -> Iterator[Check]:
    if not around:
        return
    wrong = [word for word, flag in (("read-only", around["read_only"]), ("in standby", around["in_standby"])) if flag]
    todo = f"Run ALTER DATABASE {name} SET READ_WRITE, and find out who has set it otherwise."
    if around["state"] != "ONLINE":
        wrong.append(str(around["state"]))
        todo = "Bring it online first; the error log of SQL Server says why it is not."
    yield Check(
        "database_writable",
        not wrong,
        "the database online and writable, since the schema upgrade writes to it",
        ", ".join(wrong) or "that it is",
        where,
        todo,
    )
