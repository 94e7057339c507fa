# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What targets, workers and accounts need when a clone of their server takes its place. Only reads, and the decisions are pure functions.

A clone has the certificate of its source, and every registration with its thumbprint and subscription, so nothing is registered anew. Names of
communication styles are those of https://github.com/OctopusDeploy/OctopusClients. The server does not know which polling Tentacle connects by a
web socket: only the Tentacle's own configuration says so.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from ansible_collections.octopus.upgrade.plugins.module_utils._mssql.connection.connection import SqlConnection
from ansible_collections.octopus.upgrade.plugins.module_utils._mssql.quoting import quote_identifier

from . import row_document, schema

MACHINE, WORKER, ACCOUNT = "Machine", "Worker", "Account"
# What is to be done.
NOTHING, NETWORK, NAME, REPOINT, CERTIFICATE, AGENT, TRUST, UNKNOWN = (
    *("nothing", "network", "name", "repoint", "certificate", "agent", "trust", "unknown"),
)
LISTENING, POLLING, KUBERNETES = "tentaclepassive", "tentacleactive", "kubernetestentacle"
_ON_ITS_OWN = ("none", "offlinedrop")
_READ = ("Id", "Name", "IsDisabled", "Thumbprint", "DeploymentTargetType", "SpaceId", *row_document.COLUMNS)
# Parts of an endpoint, where they are columns.
_PARTS = ("communicationstyle", "uri", "communicationmode", "thumbprint")
_SAYS = {
    NOTHING: "nothing",
    NETWORK: "nothing there; let the new server reach it through firewalls and proxies",
    NAME: "nothing but the name, which has to lead it to the new server; restart its service where it does not come back",
    REPOINT: "its own configuration has to get the new server's address (octopus_tentacle); the old one can stay until the new side is accepted. "
    "One that connects by a web socket also needs the certificate of the old portal in the new one, or another trust",
    CERTIFICATE: "it trusts the certificate of the portal's web socket: move that certificate, or update its trust; then its address",
    AGENT: "change the server's address in its Helm release by hand",
    TRUST: "the cloud trusts the issuer at the old address: add the new one there",
    UNKNOWN: "look at it: how it communicates is unknown",
}


def need_of(style: str | None, uri: str | None, mode: str | None = None, *, same_address: bool = False) -> str:
    """Decide what a target or worker needs.

    Args:
        style: Its communication style, or its type where that is all there is.
        uri: Its address, as the server has it.
        mode: Of a Kubernetes agent, whether it polls or listens.
        same_address: Whether the new server gets the old one's name.

    >>> need_of("TentacleActive", "poll://abc/")
    'repoint'
    """
    known, address = (style or "").lower(), (uri or "").lower()
    if address.startswith("wss://"):
        return CERTIFICATE
    if known == KUBERNETES:
        return NETWORK if (mode or "").lower() == "listening" else NAME if same_address else AGENT
    if known == POLLING or (not known and address.startswith("poll://")):
        return NAME if same_address else REPOINT
    if known in _ON_ITS_OWN:
        return NOTHING
    return NETWORK if known else UNKNOWN


def account_need(kind: str | None, *, same_address: bool = False) -> str:
    """Decide what an account needs by its type: only one that signs in with a token of this server is bound to its address."""
    if not kind:
        return UNKNOWN
    if "oidc" in kind.lower():
        return NOTHING if same_address else TRUST
    return NETWORK


def says(need: str) -> str:
    """Say what is to be done."""
    return _SAYS[need]


def grouped(machines: Iterable[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Group registrations by thumbprint: one Tentacle may be several of them, in spaces and as target and worker.

    What has no thumbprint stands alone. Of several styles, the one that needs the most counts.
    """
    order = (UNKNOWN, CERTIFICATE, REPOINT, AGENT, NAME, NETWORK, NOTHING)
    out: dict[str, dict[str, Any]] = {}
    for one in machines:
        key = str(one["thumbprint"] or f"{one['kind']} {one['id']}").upper()
        host = out.setdefault(
            key,
            {"thumbprint": one["thumbprint"], "need": NOTHING, "what": "", "styles": [], "uris": [], "registrations": []},
        )
        host["need"] = min(host["need"], one["need"], key=order.index)
        host["what"] = says(host["need"])
        for name, value in (("styles", one["style"]), ("uris", one["uri"])):
            if value and value not in host[name]:
                host[name].append(value)
        host["registrations"].append({name: one[name] for name in ("kind", "id", "name", "space", "disabled")})
    return list(out.values())


def machines(connection: SqlConnection, *, same_address: bool = False) -> list[dict[str, Any]] | None:
    """Read targets and workers; None where the table of targets has not the columns that are known. Old versions have no workers."""
    found: list[dict[str, Any]] = []
    for table, kind in ((MACHINE, "target"), (WORKER, "worker")):
        rows = _rows(connection, table, _READ)
        if rows is None and table == MACHINE:
            return None
        found += [_machine(row, kind, same_address) for row in rows or ()]
    return found


def accounts(connection: SqlConnection, *, same_address: bool = False) -> list[dict[str, Any]] | None:
    """Read the accounts without their secrets; None where that table has not the columns that are known."""
    rows = _rows(connection, ACCOUNT, ("Id", "Name", "AccountType", "SpaceId"))
    if rows is None:
        return None
    out = []
    for row in rows:
        need = account_need(row.get("AccountType"), same_address=same_address)
        out.append(
            {
                "id": row["Id"],
                "name": row["Name"],
                "space": row.get("SpaceId"),
                "type": row.get("AccountType"),
                "need": need,
                "what": says(need),
            }
        )
    return out


def _machine(row: Mapping[str, Any], kind: str, same_address: bool) -> dict[str, Any]:
    values = row_document.flat(row)
    style = values.get("communicationstyle") or values.get("deploymenttargettype")
    need = need_of(style, values.get("uri"), values.get("communicationmode"), same_address=same_address)
    disabled = values.get("isdisabled")
    return {
        "kind": kind,
        "id": row["Id"],
        "name": row["Name"],
        "space": row.get("SpaceId"),
        "disabled": None if disabled is None else bool(disabled),
        "style": style,
        "uri": values.get("uri"),
        "thumbprint": values.get("thumbprint"),
        "need": need,
    }


def _rows(connection: SqlConnection, table: str, wanted: Iterable[str]) -> list[dict[str, Any]] | None:
    there = schema.columns_of(connection, table)[table]
    if not {"id", "name"} <= there:
        return None
    named = [name for name in wanted if name.lower() in there]
    if table != ACCOUNT:
        named += sorted(name for name in there if "_" in name and name.rsplit("_", 1)[-1] in _PARTS)
    listed = ", ".join(f"{quote_identifier(name)} AS {quote_identifier(name)}" for name in named)
    return connection.query(f"SELECT {listed} FROM dbo.{quote_identifier(table)} ORDER BY [Name]")  # noqa: S608 - every name is quoted
