# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Users, teams and spaces: who there is, and what one may do."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, request

from .context import allowed, caller, need, node, store
from .errors import invalid, not_found
from .paging import chosen, page
from .ports import Document

api = Blueprint("users", __name__)
# Never leave the server, whatever the row holds.
HIDDEN = {"IdentificationToken", "PasswordHash", "PasswordHashed", "Password", "Identities", "ExternalIdentifiers", "ExternalId"}


def user_shape(user: Document) -> Document:
    shown = {name: value for name, value in user.items() if name not in HIDDEN}
    me = f"/api/users/{user['Id']}"
    return {**shown, "Links": {"Self": me, "Permissions": f"{me}/permissions", "ApiKeys": f"{me}/apikeys{{?skip,take}}"}}


@api.get("/users/me")
def me() -> Document:
    return user_shape(caller())


@api.get("/users/<user_id>/permissions")
def permissions(user_id: str) -> Document:
    """``SpacePermissions`` and ``SystemPermissions``; before Spaces ``Permissions`` alone (*assumed* from Octopus.Client's
    UserPermissionSetResource)."""
    if user_id in ("me", caller()["Id"]):
        user_id = caller()["Id"]
    else:
        need("UserView")
    if store().document("User", user_id) is None:
        raise not_found(user_id)
    held = store().grants(user_id)
    per_space: dict[str, list[dict[str, Any]]] = {}
    for permission, where in sorted(held, key=str):
        if where is not None:
            per_space.setdefault(permission, []).append({"SpaceId": where, "RestrictedToProjectIds": [], "RestrictedToEnvironmentIds": []})
    system = sorted(permission for permission, where in held if where is None)
    body: Document = {"Id": user_id, "Links": {"Self": f"/api/users/{user_id}/permissions", "User": f"/api/users/{user_id}"}}
    if node().has_spaces:
        return {**body, "SpacePermissions": per_space, "SystemPermissions": system}
    return {**body, "Permissions": {permission: [] for permission in system}}


@api.get("/users")
def users() -> Document:
    need("UserView")
    return page("User", chosen(store().documents("User")), user_shape)


@api.get("/users/all")
def all_users() -> list[Document]:
    need("UserView")
    return [user_shape(user) for user in store().documents("User")]


@api.get("/users/<user_id>")
def user(user_id: str) -> Document:
    need("UserView")
    found = store().document("User", user_id)
    if found is None:
        raise not_found(user_id)
    return user_shape(found)


# -- spaces


def space_shape(space: Document) -> Document:
    shown = {"IsPrivate": False, "TaskQueueStopped": False, "SpaceManagersTeams": [], "SpaceManagersTeamMembers": [], **space}
    return {**shown, "Links": {"Self": f"/api/spaces/{space['Id']}", "SpaceHome": f"/api/{space['Id']}"}}


def _need_spaces() -> None:
    if not node().has_spaces:
        raise not_found()
    caller()


def _visible(space: Document) -> bool:
    """A space shows to those who hold anything in it, and to those who may see all."""
    held = store().grants(caller()["Id"])
    return allowed("SpaceView") or any(where == space["Id"] for _permission, where in held)


@api.get("/spaces")
def spaces() -> Document:
    _need_spaces()
    return page("Space", chosen([one for one in store().documents("Space") if _visible(one)]), space_shape)


@api.get("/spaces/all")
def all_spaces() -> list[Document]:
    _need_spaces()
    return [space_shape(one) for one in store().documents("Space") if _visible(one)]


@api.get("/spaces/<space_id>")
def space(space_id: str) -> Document:
    _need_spaces()
    found = store().document("Space", space_id)
    if found is None or not _visible(found):
        raise not_found(space_id)
    return space_shape(found)


@api.put("/spaces/<space_id>")
def change_space(space_id: str) -> Document:
    _need_spaces()
    found = store().document("Space", space_id)
    if found is None or not _visible(found):
        raise not_found(space_id)
    if not allowed("SpaceEdit", space_id):
        need("SpaceEdit")
    body = request.get_json(silent=True)
    if not isinstance(body, dict):
        raise invalid("The body is not a JSON object.")
    changed = {**found, **{name: value for name, value in body.items() if name not in ("Id", "Links")}}
    if changed.get("IsDefault") and any(one["Id"] != space_id and one.get("IsDefault") for one in store().documents("Space")):
        raise invalid("There is a default space already.")
    store().save("Space", changed)
    return space_shape(changed)
