# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""An administrator and an API key for an instance that has neither.

The command ``admin`` takes a password and an API key in no other way than as arguments, which process auditing records. So it gets a password that
is valid for a moment: with it this signs in, gives the account another password, and has the server make the key. Both never reach the host.
It also works in versions whose command has no ``--apiKey``, and the two are never in one call, after which the account cannot sign in
(https://github.com/OctopusDeploy/Issues/issues/6629).
"""

from __future__ import annotations

import secrets
from dataclasses import dataclass, field, replace
from typing import Any
from urllib.parse import urlsplit

from ansible_collections.octopus.upgrade.plugins.module_utils._octopus.api import sign_in
from ansible_collections.octopus.upgrade.plugins.module_utils._octopus.api.client import OctopusApi
from ansible_collections.octopus.upgrade.plugins.module_utils._octopus.api.options import ApiOptions
from ansible_collections.octopus.upgrade.plugins.module_utils._octopus.errors import OctopusError
from ansible_collections.octopus.upgrade.plugins.module_utils._octopus.host.instances import OctopusHost
from ansible_collections.octopus.upgrade.plugins.module_utils._secrets.stored_secret import LocalFile, store
from ansible_collections.octopus.upgrade.plugins.module_utils._secrets.vault import VaultKey, is_encrypted
from ansible_collections.octopus.upgrade.plugins.module_utils._windows.connection import ConnectionOptions, WindowsHost
from ansible_collections.octopus.upgrade.plugins.module_utils._windows.jobs import RunAs

from .program import InstanceProgram

_UNAUTHORIZED = 401


@dataclass(frozen=True)
class ApiKeyRequest:
    """The wanted administrator and key.

    Attributes:
        server: The server, without a key.
        password: The password of the account; None for one that nobody knows.
        purpose: What the server shows of the key. Keys of that purpose belong to this request.
        dest: File on the control node for the key.
        vault_key: Encrypts it; None for plain text.
    """

    server: ApiOptions
    instance_name: str | None
    username: str
    email: str | None
    password: str | None = field(repr=False)
    purpose: str
    dest: str
    vault_key: VaultKey | None
    work_root: str
    check_mode: bool = False

    def __post_init__(self) -> None:
        """Refuse to send a password where everybody on the way could read it.

        Raises:
            OctopusError: The address is not https.
        """
        if urlsplit(self.server.url).scheme == "http" and not self.server.allow_http:
            raise OctopusError(
                f"A password would be sent to {self.server.url} unencrypted. Use an https address, or say allow_http: true if that network is "
                "trusted."
            )


def make(request: ApiKeyRequest, connection: ConnectionOptions) -> dict[str, Any]:
    """Return the module's result; the key is stored and not in it.

    Raises:
        OctopusError: The account or the key cannot be made, or the file not be read.
        SecretError: The file cannot be decrypted or written.
    """
    place = LocalFile(request.dest)
    has = stored(place, request.vault_key)
    user = _user_of(request, has) if has else None
    told = {"dest": request.dest, "encrypted": request.vault_key is not None}
    if user is not None:
        return {"changed": False, **told, "username": user.get("Username"), "user_id": user.get("Id"), "key_id": None, "expires": None}
    once = f"{secrets.token_urlsafe(24)}aA1!"
    with OctopusApi(request.server) as api:
        api.get("/api")  # before anything is changed
        if request.check_mode:
            return {"changed": True, **told, "username": request.username, "user_id": None, "key_id": None, "expires": None}
        with WindowsHost(connection) as host:
            _make_administrator(request, host, once)
        user = _sign_in(request, api, once)
        sign_in.set_password(api, user, request.password or secrets.token_urlsafe(32) + "aA1!")
        with OctopusApi(request.server) as other:
            if not sign_in.is_refused(other, request.username, once):
                raise OctopusError(
                    f"{request.server.url}: the password of {request.username} was changed, but the server still accepts the one that the command "
                    f"line on {connection.where} had. Change it in the portal, or deactivate the account."
                )
        sign_in.remove_keys(api, user, request.purpose)
        key = sign_in.new_key(api, user, request.purpose)
        # A former key that the server does not accept any more is kept under another name.
        store(place, key.key.encode(), request.vault_key, what="API key", force=True)
    if _user_of(request, key.key) is None:
        raise OctopusError(f"{request.server.url} does not accept the API key that it has just made for {request.username}.")
    return {
        "changed": True,
        **told,
        "username": user.get("Username"),
        "user_id": user.get("Id"),
        "key_id": key.id,
        "expires": key.expires,
    }


def stored(place: LocalFile, vault_key: VaultKey | None) -> str | None:
    """Return the key in the file; None where there is no file.

    Raises:
        OctopusError: The file is encrypted and must not be, or the reverse.
    """
    content = place.read()
    if content is None:
        return None
    if is_encrypted(content) is not (vault_key is not None):
        raise OctopusError(
            f"Expected {place.name} to be {'encrypted' if vault_key else 'plain text'}, as the options say, but it is not. Nothing was changed."
        )
    return (vault_key.decrypt(content, place.name) if vault_key else content).decode("utf-8", "replace").strip()


def _user_of(request: ApiKeyRequest, key: str) -> dict[str, Any] | None:
    """Return the user of an API key; None where the server does not accept it."""
    with OctopusApi(replace(request.server, api_key=key)) as api:
        try:
            found = api.get("/api/users/me")
        except OctopusError as error:
            if error.status == _UNAUTHORIZED:
                return None
            raise
    return found if isinstance(found, dict) else None


def _make_administrator(request: ApiKeyRequest, host: WindowsHost, once: str) -> None:
    """Have the program make the account, or give it that password where it exists."""
    octopus = OctopusHost(host)
    name = octopus.one_instance(request.instance_name).name
    program = InstanceProgram(octopus, name, RunAs(), request.work_root, [once])
    email = [f"--email={request.email}"] if request.email else []
    program.run("admin", f"--username={request.username}", *email, f"--password={once}")


def _sign_in(request: ApiKeyRequest, api: OctopusApi, once: str) -> dict[str, Any]:
    try:
        return sign_in.sign_in(api, request.username, once)
    except OctopusError as error:
        raise OctopusError(
            f"The administrator {request.username} was made by the program, but cannot sign in at {request.server.url}: {error} Is it the address of "
            "that instance, and is the sign-in with user name and password enabled?",
            error.status,
        ) from error
