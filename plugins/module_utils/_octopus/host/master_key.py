# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The master key of an instance, read on its host and kept sealed in one or two places."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from ansible_collections.octopus.upgrade.plugins.module_utils._octopus.errors import OctopusError
from ansible_collections.octopus.upgrade.plugins.module_utils._secrets.host_file import HostFile
from ansible_collections.octopus.upgrade.plugins.module_utils._secrets.share_file import ShareFile
from ansible_collections.octopus.upgrade.plugins.module_utils._secrets.stored_secret import LocalFile, Place, Stored, fingerprint, store
from ansible_collections.octopus.upgrade.plugins.module_utils._secrets.vault import Sealer
from ansible_collections.octopus.upgrade.plugins.module_utils._windows import disks
from ansible_collections.octopus.upgrade.plugins.module_utils._windows.connection import WindowsHost

from .instances import OctopusHost

_WHAT = "master key"


@dataclass(frozen=True)
class MasterKeyRequest:
    """The options of ``octopus_masterkey_backup``. ``job_user`` and what follows are for a ``remote_dest`` on a share."""

    sealer: Sealer | None
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
        sealer = Sealer.from_params(params)
        if params["remote_dest"] and sealer is None:
            raise OctopusError("plaintext is true, and remote_dest would put the key on a Windows host or share: that is only done sealed.")
        return cls(
            sealer,
            params["dest"],
            params["remote_dest"],
            params["instance_name"],
            params["force"],
            check_mode,
            {name: params[name] for name in ("job_user", "job_password", "work_root")},
        )


def keep(request: MasterKeyRequest, host: WindowsHost) -> dict[str, Any]:
    """Read the key, keep it where asked for, open what is kept and compare.

    Returns:
        What the module returns; the key is not in it.

    Raises:
        OctopusError: The key cannot be read, a different one is stored, or what is stored does not open.
    """
    octopus = OctopusHost(host)
    instance = octopus.one_instance(request.instance_name).name
    key = octopus.cli.show_master_key(instance).encode()
    stored: list[Stored] = []
    sealed = None
    for place in _places(request, host):
        one = store(place, key, request.sealer, what=_WHAT, force=request.force, check_mode=request.check_mode, sealed=sealed)
        stored.append(one)
        sealed = one.content  # the same file in both places
    return {
        "changed": any(one.changed for one in stored) or _unseen(request),
        "instance_name": instance,
        **{name: value for name, value in (("dest", request.dest), ("remote_dest", request.remote_dest)) if value},
        "sealed": request.sealer is not None,
        # A place that is as it should be was opened; one that was written, too.
        "verified": not (request.check_mode and (_unseen(request) or any(one.changed for one in stored))),
        "kept": [one.kept for one in stored if one.kept],
        "fingerprint": fingerprint(key),
    }


def _unseen(request: MasterKeyRequest) -> bool:
    """Whether the place on a share is passed over: looking there takes a job, and a job writes files, which check mode must not."""
    return request.check_mode and bool(request.remote_dest) and disks.is_unc(str(request.remote_dest))


def _places(request: MasterKeyRequest, host: WindowsHost) -> list[Place]:
    places: list[Place] = []
    if request.dest:
        places.append(LocalFile(request.dest))
    if request.remote_dest and not _unseen(request):
        shared = disks.is_unc(request.remote_dest)
        places.append(ShareFile(host, request.remote_dest, request.job or {}) if shared else HostFile(host, request.remote_dest))
    return places
