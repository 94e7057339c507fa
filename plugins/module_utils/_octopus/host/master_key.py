# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Back up the master key of an instance: read on its host, stored encrypted in one or two places."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from ansible_collections.octopus.upgrade.plugins.module_utils._octopus.errors import OctopusError
from ansible_collections.octopus.upgrade.plugins.module_utils._secrets.host_file import HostFile
from ansible_collections.octopus.upgrade.plugins.module_utils._secrets.share_file import ShareFile
from ansible_collections.octopus.upgrade.plugins.module_utils._secrets.stored_secret import LocalFile, Place, Stored, fingerprint, store
from ansible_collections.octopus.upgrade.plugins.module_utils._secrets.vault import VaultKey
from ansible_collections.octopus.upgrade.plugins.module_utils._windows import disks
from ansible_collections.octopus.upgrade.plugins.module_utils._windows.connection import WindowsHost

from .instances import OctopusHost

_WHAT = "master key"


@dataclass(frozen=True)
class MasterKeyRequest:
    """The options of ``octopus_masterkey_backup``. ``job_user`` and what follows are for a ``remote_dest`` on a share."""

    vault_key: VaultKey | None
    dest: str | None = None
    remote_dest: str | None = None
    instance_name: str | None = None
    force: bool = False
    check_mode: bool = False
    job: dict[str, Any] | None = None

    @classmethod
    def from_params(cls, params: dict[str, Any], check_mode: bool) -> MasterKeyRequest:
        """Read a module's parameters.

        Raises:
            OctopusError: They contradict each other.
        """
        vault_key = VaultKey.from_params(params)
        if params["remote_dest"] and vault_key is None:
            raise OctopusError(
                "plaintext is true, but remote_dest would store the key on a Windows host or share, which is only done encrypted."
            )
        return cls(
            vault_key,
            params["dest"],
            params["remote_dest"],
            params["instance_name"],
            params["force"],
            check_mode,
            {name: params[name] for name in ("job_user", "job_password", "work_root")},
        )


def back_up(request: MasterKeyRequest, host: WindowsHost) -> dict[str, Any]:
    """Read the key, store it, and verify the stored files.

    Returns:
        The module's result; the key is not in it.

    Raises:
        OctopusError: The key cannot be read, a different one is stored, or a stored file cannot be decrypted.
    """
    octopus = OctopusHost(host)
    instance = octopus.one_instance(request.instance_name).name
    key = octopus.cli.show_master_key(instance).encode()
    stored: list[Stored] = []
    encrypted = None
    for place in _places(request, host):
        one = store(place, key, request.vault_key, what=_WHAT, force=request.force, check_mode=request.check_mode, encrypted=encrypted)
        stored.append(one)
        encrypted = one.content  # the same file in both places
    return {
        "changed": any(one.changed for one in stored) or _unseen(request),
        "instance_name": instance,
        **{name: value for name, value in (("dest", request.dest), ("remote_dest", request.remote_dest)) if value},
        "encrypted": request.vault_key is not None,
        # store() has decrypted each file, whether it was written or already right.
        "verified": not (request.check_mode and (_unseen(request) or any(one.changed for one in stored))),
        "backup_files": [one.backup_file for one in stored if one.backup_file],
        "fingerprint": fingerprint(key),
    }


def _unseen(request: MasterKeyRequest) -> bool:
    """Whether a file on a share is not looked at: that takes a job, which writes on the host, and check mode must not."""
    return request.check_mode and bool(request.remote_dest) and disks.is_unc(str(request.remote_dest))


def _places(request: MasterKeyRequest, host: WindowsHost) -> list[Place]:
    places: list[Place] = []
    if request.dest:
        places.append(LocalFile(request.dest))
    if request.remote_dest and not _unseen(request):
        shared = disks.is_unc(request.remote_dest)
        places.append(ShareFile(host, request.remote_dest, request.job or {}) if shared else HostFile(host, request.remote_dest))
    return places
