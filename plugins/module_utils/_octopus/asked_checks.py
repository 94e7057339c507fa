# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Checks that ask where and as whom the upgrade will ask: each node at its own address, and the database as the account of the jobs. No I/O."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from .check import Check, unknown

NAMES = ("node_answers", "job_account_on_database")


def checks(instances: Mapping[str, Mapping[str, Any]], database: Mapping[str, Any], path: Sequence[str]) -> Iterator[Check]:
    """Yield the checks.

    Args:
        instances: By the inventory name of its node, what octopus_info found of the instance there; empty where it found none.
        database: What octopus_database_info returned.
        path: The versions to go through. Where there is none, no schema is upgraded.
    """
    for node, found in instances.items():
        yield _answers(node, found)
    integrated = [node for node, found in instances.items() if (found.get("database") or {}).get("integrated")]
    if integrated and path:
        yield _account(integrated, database)


def _answers(node: str, found: Mapping[str, Any]) -> Check:
    answer = found.get("answers") or {}
    said = str(answer.get("found") or unknown("it was not asked"))
    return Check(
        "node_answers",
        answer.get("ok"),
        f"the node to answer at {found.get('url') or 'its own address'}, where it is waited for after each start",
        said,
        node,
        "Set octopus_node_url of this host to an address of the node itself that the control node reaches. The node's certificate has to be for "
        "the name in it or for that of octopus_url, from an authority in octopus_ca_path.",
    )


def _account(nodes: list[str], database: Mapping[str, Any]) -> Check:
    account = database.get("account") or {}
    return Check(
        "job_account_on_database",
        account.get("db_owner"),
        f"the account {account.get('name') or 'of the jobs'}, which the schema upgrade runs as, to be db_owner of the database, because the "
        "connection string has integrated security",
        str(account.get("found") or unknown("SQL Server was not asked")),
        str(database.get("server") or ", ".join(nodes)),
        "Set octopus_job_user (and octopus_job_password) to the service account of Octopus, or make this account db_owner. Where it is that "
        "through a group of Windows, waive this check by name.",
    )
