# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Signing in with user name and password, and the API keys of a user.

Link ``SignIn`` of a real root of 2023.1, LoginCommand, UserResource (``Password``) and the cookie and header against forged requests
(ApiConstants.cs) of OctopusDeploy/OctopusClients; what is answered to a wrong password or a missing header is *assumed*. A key is told once, and
one that is made over the API lives 180 days (octopus.com/docs/octopus-rest-api/how-to-create-an-api-key).
"""

from __future__ import annotations

import secrets
from datetime import timedelta
from typing import Any

from flask import Blueprint, Response, current_app, g, jsonify, request

from .. import crypto
from .body import json_body, shown
from .context import caller, need, node, store
from .errors import ApiError, invalid, not_found
from .ports import Document
from .users import user_shape

api = Blueprint("sign-in", __name__)
SESSIONS = "lab.sessions"
SESSION, CSRF, HEADER = "OctopusIdentificationToken", "Octopus-Csrf-Token", "X-Octopus-Csrf-Token"
LIFE = timedelta(days=180)


def by_cookie() -> Document | None:
    """The user of the session in the cookies; None: there is no session.

    Raises:
        ApiError: 400, a request that changes something lacks the header that shows that it is not forged.
    """
    found = current_app.extensions[SESSIONS].get(request.cookies.get(SESSION, ""))
    if found is None:
        return None
    user_id, token = found
    if request.method not in ("GET", "HEAD") and not secrets.compare_digest(request.headers.get(HEADER, ""), token):
        raise ApiError(400, "A required anti-forgery token was not supplied or was invalid.")
    return store().document("User", user_id)


@api.post("/users/login")
def login() -> Response:
    body = json_body()
    name, hashed = str(body.get("Username", "")).lower(), crypto.hash_api_key(str(body.get("Password", "")))
    user = next((one for one in store().documents("User") if one["Username"].lower() == name), None)
    if user is None or not user.get("PasswordHash") or not crypto.same(user["PasswordHash"], hashed) or not user.get("IsActive"):
        raise ApiError(400, "Invalid username or password.")
    session, token = secrets.token_urlsafe(32), secrets.token_urlsafe(32)
    current_app.extensions[SESSIONS][session] = (user["Id"], token)
    g.user_name = user["Username"]
    answer = jsonify(user_shape(user))
    answer.set_cookie(SESSION, session, httponly=True, secure=request.is_secure)
    # Its name ends in the installation's id on real servers, so clients look for how it begins.
    answer.set_cookie(
        f"{CSRF}_{(store().configuration('upgradeavailability') or {}).get('InstallationId')}", token, secure=request.is_secure
    )
    return answer


@api.put("/users/<user_id>")
def change(user_id: str) -> Document:
    body = json_body()
    if user_id != caller()["Id"]:
        need("UserEdit")
    user = store().document("User", user_id)
    if user is None:
        raise not_found(user_id)
    changed = user | {name: value for name, value in body.items() if name in ("DisplayName", "EmailAddress", "IsActive")}
    if body.get("Password"):
        if user.get("IsService"):
            raise invalid("A service account has no password.")
        changed["PasswordHash"] = crypto.hash_api_key(str(body["Password"]))
    store().save("User", changed)
    return user_shape(changed)


# -- API keys


def _shape(row: Document) -> Document:
    links = {"Self": f"/api/users/{row['UserId']}/apikeys/{row['Id']}"}
    times = {"Created": shown(row["Created"]), "Expires": shown(row.get("Expires"))}
    return {"Id": row["Id"], "Purpose": row.get("Purpose"), "UserId": row["UserId"], "ApiKey": None, **times, "Links": links}


def _own(user_id: str) -> None:
    if user_id != caller()["Id"]:
        need("UserEdit")
    if store().document("User", user_id) is None:
        raise not_found(user_id)


@api.get("/users/<user_id>/apikeys")
def keys(user_id: str) -> Document:
    _own(user_id)
    found = [_shape(row) for row in store().documents("ApiKey") if row["UserId"] == user_id]
    return {"ItemType": "ApiKey", "TotalResults": len(found), "ItemsPerPage": len(found) or 30, "Items": found}


@api.post("/users/<user_id>/apikeys")
def new_key(user_id: str) -> tuple[Any, int]:
    _own(user_id)
    body = json_body()
    if not str(body.get("Purpose") or "").strip():
        raise invalid("Please provide a purpose for this API key.")
    key, now = crypto.new_api_key(secrets.token_hex(16)), node().clock.now()
    hashed = crypto.hash_api_key(key)
    row = {"Id": f"apikeys-{secrets.token_hex(10)}", "UserId": user_id, "ApiKeyHashed": hashed, "Created": now, "Purpose": body["Purpose"]}
    row = store().add("ApiKey", {**row, "Expires": now + LIFE})
    return {**_shape(row), "ApiKey": key}, 201


@api.delete("/users/<user_id>/apikeys/<key_id>")
def remove_key(user_id: str, key_id: str) -> tuple[str, int]:
    _own(user_id)
    row = store().document("ApiKey", key_id)
    if row is None or row["UserId"] != user_id:
        raise not_found(key_id)
    store().remove("ApiKey", key_id)
    return "", 204
