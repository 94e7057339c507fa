# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Verify that a clone is under quarantine. Each check asks SQL Server anew, and does not use the list of rules that was applied."""

from __future__ import annotations

from collections.abc import Callable

from ansible_collections.octopus.upgrade.plugins.module_utils._mssql.connection.connection import SqlConnection
from ansible_collections.octopus.upgrade.plugins.module_utils._octopus.check import UNLISTED
from ansible_collections.octopus.upgrade.plugins.module_utils._octopus.errors import OctopusError
from ansible_collections.octopus.upgrade.plugins.module_utils._quarantine.refusals import Connect
from ansible_collections.octopus.upgrade.plugins.module_utils._quarantine.request import Request

from . import folders, identity, newer, outbound, record, retention, tables, targets, tasks, unlisted
from .look import Check, Look


def verify(connection: SqlConnection, request: Request, connect: Connect | None = None, applying: bool = False) -> list[Check]:
    """Check everything, whatever is found.

    Args:
        connection: To the clone's database.
        request: What is expected.
        connect: Logs in to the source's server, to ask for its name. None: the source is not checked.
        applying: Whether this is the end of the transaction that applies the quarantine: the folders are set later.

    Raises:
        OctopusError: It is not a database of Octopus Server, or the record cannot be read.
        MssqlError: SQL Server refused.
    """
    look = Look(connection, request)
    found = [record.record(look), tables.tables(look)]
    if request.source is not None and connect is not None:
        found.append(record.source(look, connect))
    found += [targets.disabled(look, name, table) for name, table in _DISABLED]
    found += [check(look) for check in (*_ALWAYS, *_optional(request))]
    found += newer.checks(look)
    if request.folders is not None and not applying:
        found.append(folders.folders(look))
    return found + unlisted.unlisted(look)


def _optional(request: Request) -> list[Callable[[Look], Check]]:
    options: list[tuple[bool, Callable[[Look], Check]]] = [
        (request.execution == "stopped", targets.execution),
        (request.git, outbound.git),
        (request.retention, retention.retention),
        (request.external_feeds, outbound.external_feeds),
        (request.api_keys, identity.api_keys),
        (request.accounts == "scrub", identity.accounts),
        (request.sign_in is not None, identity.sign_in),
    ]
    return [check for chosen, check in options if chosen]


def refuse(checks: list[Check], database: str, connection: SqlConnection, then: str) -> None:
    """Raise the checks that failed, each by its name.

    Args:
        checks: All of them.
        database: The name of the database.
        connection: To its server.
        then: What to do about it.

    Raises:
        OctopusError: One failed.
    """
    failed = [check for check in checks if not check.ok]
    if failed:
        listed = "; ".join(f"{check.name}: {check.detail}" for check in failed)
        raise OctopusError(
            f"Expected {database} on SQL Server {connection.options.where} to be under quarantine, but found {listed}. {then}".rstrip()
            + (_JUDGE if any(check.name.startswith(f"{UNLISTED}:") for check in failed) else "")
        )


_JUDGE = (
    " Look at each place that is on no list: switch it off in the source or in the clone, or, where it can harm nobody, give its name, or that of "
    "its whole table without the last part, in waivers."
)
_DISABLED = (
    ("targets", "Machine"),
    ("workers", "Worker"),
    ("triggers", "ProjectTrigger"),
    ("subscriptions", "Subscription"),
)
_ALWAYS: tuple[Callable[[Look], Check], ...] = (
    targets.automatic_releases,
    tasks.tasks,
    identity.server_nodes,
    outbound.extensions,
    outbound.mail,
    outbound.audit_stream,
    outbound.telemetry,
    outbound.upgrade_check,
    outbound.lets_encrypt,
    targets.machine_policies,
    identity.installation_id,
    identity.maintenance,
    identity.server_uri,
)
