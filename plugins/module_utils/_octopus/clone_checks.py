# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Checks of whether a clone can be set up on its nodes, asked before anything of it is made. Pure functions, no I/O."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Any

from .check import Check, unknown
from .errors import OctopusError
from .host import connection_string
from .version import Version

NAMES = ("master_key_settable",)
# set-master-key came with key rotation (https://github.com/OctopusDeploy/Issues/issues/7870). It writes the key to the configuration file
# alone; before it there is only the command database, which compares the key with the database and so has to reach that.
SETS_KEY_IN_FILE = "2022.4.6073"


def checks(
    clone: str, manifest: Mapping[str, Any], server: str, *, hosts: Mapping[str, Any], nodes: Sequence[str], waivers: Collection[str]
) -> Iterator[Check]:
    """Yield the checks.

    Args:
        clone: The name of the clone.
        manifest: That of the restore point that it is made from.
        server: The clone's SQL Server, as its nodes name it.
        hosts: What octopus_info found on them.
        nodes: Their inventory names.
        waivers: The names of accepted findings.
    """
    said = [node.get("integrated_security") for node in (manifest.get("nodes") or {}).values()]
    integrated = True if any(said) else None if None in said else False
    if integrated is False or Version.parse(str(manifest["version"])) >= Version.parse(SETS_KEY_IN_FILE):
        return
    stuck = [
        node for node in nodes if not ((hosts.get(node) or {}).get("delegates_credentials") or connection_string.is_local(server, node))
    ]
    yield Check(
        "master_key_settable",
        False if stuck and integrated else None if stuck else True,
        f"a command of {manifest['version']} that sets the master key where the connection string has integrated security. Before "
        f"{SETS_KEY_IN_FILE} it is the command database, which reaches {server} with the credentials of the WinRM connection",
        _found(integrated, stuck),
        clone,
        "Use CredSSP (ansible_winrm_transport: credssp) or Kerberos with delegation (ansible_winrm_kerberos_delegation: true) for the nodes of "
        "the clone, with an account that is db_owner of its database, or make the clone from an instance with a SQL login. Where the SQL "
        "Server is that node itself, waive this check by name.",
        waived=bool(stuck) and "master_key_settable" in waivers,
    )


def _found(integrated: bool | None, stuck: Sequence[str]) -> str:
    if not stuck:
        return "a connection that passes them on"
    if integrated is None:
        return unknown("the restore point does not say whether the connection string has integrated security")
    return f"that the connection to {', '.join(stuck)} does not pass them on"


def refuse(clone: str, found: Sequence[Check]) -> None:
    """Refuse a clone that could not be set up.

    Raises:
        OctopusError: A check blocks; the message has each of them.
    """
    blockers = [check.sentence() for check in found if check.blocks]
    if blockers:
        raise OctopusError(f"The clone {clone} was not begun, and nothing of it was changed. {' '.join(blockers)}")
