# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Signing in with user name and password, to make an API key where there is none yet.

The requests are those of Octopus.Client (https://github.com/OctopusDeploy/OctopusClients: LoginCommand, UserResource, ApiKeyResource, ApiConstants):
the answer to a login sets cookies, and one of them has to be repeated in a header of each request that changes something.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from ansible_collections.octopus.upgrade.plugins.module_utils._octopus.errors import OctopusError

from .client import OctopusApi

CSRF_COOKIE, CSRF_HEADER = "Octopus-Csrf-Token", "X-Octopus-Csrf-Token"
_REFUSED = (400, 401, 403)


@dataclass(frozen=True)
class NewKey:
    """An API key that was just made. The server tells it once."""

    id: str
    key: str = field(repr=False)
    expires: str | None = None


def csrf_token(cookies: Mapping[str, str]) -> str | None:
    """Return what the header has to repeat; None where the server has sent no such cookie. The cookie's name may end in an installation's id."""
    return next((value for name, value in cookies.items() if name.startswith(CSRF_COOKIE)), None)


def sign_in(api: OctopusApi, username: str, password: str) -> dict[str, Any]:
    """Sign in, and return the user. The session is that of ``api``.

    Raises:
        OctopusError: The server refuses, or has no sign-in with a password.
    """
    path = api.link("SignIn") or "/api/users/login"
    user = api.post(path, {"Username": username, "Password": password})
    if not isinstance(user, dict) or not user.get("Id"):
        raise OctopusError(f"{api.url}: expected the user {username} in the answer to the login, but found none.")
    token = csrf_token(api.cookies)
    if token:
        api.set_header(CSRF_HEADER, token)
    return user


def is_refused(api: OctopusApi, username: str, password: str) -> bool:
    """Whether the server refuses a password."""
    try:
        sign_in(api, username, password)
    except OctopusError as error:
        if error.status in _REFUSED:
            return True
        raise
    return False


def set_password(api: OctopusApi, user: dict[str, Any], password: str) -> None:
    """Give the user another password."""
    path = f"/api/users/{user['Id']}"
    api.put(path, {**api.get(path), "Password": password}, needs="UserEdit")


def remove_keys(api: OctopusApi, user: dict[str, Any], purpose: str) -> int:
    """Remove the user's API keys of a purpose, which an interrupted run has left; return their number."""
    keys = [row for row in api.items(f"/api/users/{user['Id']}/apikeys") if row.get("Purpose") == purpose]
    for row in keys:
        api.delete(f"/api/users/{user['Id']}/apikeys/{row['Id']}")
    return len(keys)


def new_key(api: OctopusApi, user: dict[str, Any], purpose: str) -> NewKey:
    """Make an API key for the user.

    Raises:
        OctopusError: The server refuses, or does not tell it.
    """
    made = api.post(f"/api/users/{user['Id']}/apikeys", {"Purpose": purpose}) or {}
    # A text in all versions; Octopus.Client's ApiKeyCreatedResource. Newer answers may have a document with a hint elsewhere.
    key = made.get("ApiKey")
    if not isinstance(key, str) or not key.startswith("API-"):
        raise OctopusError(f"{api.url}: expected the new API key of {user.get('Username')} in the answer, but found none.")
    return NewKey(str(made.get("Id")), key, made.get("Expires"))
