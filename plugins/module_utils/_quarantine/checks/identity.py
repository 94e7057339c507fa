# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Whether the clone has an identity of its own: nodes, Installation ID, address, maintenance mode, API keys, accounts, users."""

from __future__ import annotations

from ansible_collections.octopus.upgrade.plugins.module_utils._quarantine import documents
from ansible_collections.octopus.upgrade.plugins.module_utils._quarantine import identity as credentials

from .look import Check, Look, check, is_true


def server_nodes(look: Look) -> Check:
    """There is no node but the clone's own."""
    own = {name.lower() for name in look.request.nodes}
    names = (
        look.values("OctopusServerNode", "Name") if look.has("OctopusServerNode", "Name") else dict.fromkeys(look.ids("OctopusServerNode"))
    )
    mine = {key for key, name in names.items() if str(name).lower() in own}
    wrong = [str(name or key) for key, name in names.items() if key not in mine]
    if "octopusservernodestatus" in look.columns:
        column = "OctopusServerNodeId" if look.has("OctopusServerNodeStatus", "OctopusServerNodeId") else "Id"
        wrong += [f"heartbeat of {node}" for node in look.values("OctopusServerNodeStatus", column).values() if str(node) not in mine]
    return check("server_nodes", wrong, "nodes that are not the clone's", "there is no node but the clone's own")


def installation_id(look: Look) -> Check:
    """The source's Installation ID is nowhere in the settings, whatever the property is called."""
    if look.record is None:
        return Check("installation_id", False, 1, "there is no record of the source's")
    previous, own = look.record["previous_installation_id"], look.record["installation_id"]
    if not previous:
        # Settings without JSON may have it where nobody has looked.
        return check("installation_id", look.unread("Configuration"), "it cannot be told from", "there was none to replace")
    text = previous.lower()
    wrong = [key for key, value in look.documents("Configuration") if text in documents.write(value).lower()]
    if not own or own.lower() == text:
        wrong.append("the record")
    return check("installation_id", wrong, "the source's Installation ID is in", f"the Installation ID is the clone's own, {own}")


def maintenance(look: Look) -> Check:
    """Maintenance mode is off."""
    wrong = [
        key
        for key, path, value in look.properties("Configuration", "IsInMaintenanceMode")
        if key.lower() == "maintenance" and "." not in path and is_true(value)
    ]
    wrong += look.unread("Configuration")
    return check("maintenance", wrong, "maintenance mode is on in", "maintenance mode is off")


def server_uri(look: Look) -> Check:
    """The server's address is the clone's."""
    expected = look.request.server_uri or (look.record or {}).get("server_uri") or ""
    wrong = [
        f"{key} ({value})"
        for key, _path, value in look.properties("Configuration", "ServerUri")
        if value and str(value).lower() != expected.lower()
    ]
    wrong += look.unread("Configuration")
    return check("server_uri", wrong, "another address than the clone's is in", f"the server's address is {expected or 'empty'}")


def api_keys(look: Look) -> Check:
    """No API key of the source is left, except those that were meant to stay."""
    if not look.has("ApiKey"):
        return Check("api_keys", True, 0, "this version has no table ApiKey")
    recorded = ((look.record or {}).get("options") or {}).get("keep_api_keys") or ()
    keep = {one.lower() for one in (*look.request.keep_api_keys, *recorded)}
    return check(
        "api_keys",
        [key for key in look.ids("ApiKey") if key.lower() not in keep],
        "API keys of the source",
        "no API key of the source is left",
    )


def accounts(look: Look) -> Check:
    """No account has a secret."""
    return check("accounts", credentials.holders(look.connection), "credentials are in", "no account has credentials")


def sign_in(look: Look) -> Check:
    """Nobody may sign in but those who were named, and no provider makes a user of anybody else."""
    if not look.has("User"):
        return Check("sign_in", False, 1, "there is no table User")
    keep = {name.lower() for name in look.request.sign_in or ()}
    named = _of_rows(look, "User", "Username")
    active = _of_rows(look, "User", "IsActive")
    wrong = [
        str(named.get(key) or key)
        for key in look.ids("User")
        if str(named.get(key)).lower() not in keep and (key not in active or is_true(active[key]))
    ]
    if look.has("ExtensionConfiguration"):
        enabled = _of_rows(look, "ExtensionConfiguration", "IsEnabled")
        creates = _of_rows(look, "ExtensionConfiguration", "AllowAutoUserCreation")
        # Where it does not say so, it does.
        off = {key for key, value in creates.items() if value is not None and not is_true(value)}
        wrong += [
            f"whoever {key} lets in"
            for key in look.ids("ExtensionConfiguration")
            if key.lower() in _MAKE_USERS and is_true(enabled.get(key)) and key not in off
        ]
    return check("sign_in", wrong, "may sign in and should not", f"nobody may sign in but {', '.join(look.request.sign_in or ())}")


_MAKE_USERS = tuple(f"authentication-{name}" for name in ("aad", "googleapps", "od", "ldap", "directoryservices", "generic-oidc"))


def _of_rows(look: Look, table: str, name: str) -> dict[str, object]:
    """What each row says of a property: in its column, or, where there is no such column, in its JSON."""
    if look.has(table, name):
        return look.values(table, look.columns[table.lower()][name.lower()])
    return {key: value for key, path, value in look.properties(table, name) if "." not in path}
