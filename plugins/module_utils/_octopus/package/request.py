# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What octopus_install is asked for. No I/O."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from ansible_collections.octopus.upgrade.plugins.module_utils._core.errors import InvalidValue
from ansible_collections.octopus.upgrade.plugins.module_utils._core.progress import Progress
from ansible_collections.octopus.upgrade.plugins.module_utils._octopus.errors import OctopusError
from ansible_collections.octopus.upgrade.plugins.module_utils._octopus.version import Version
from ansible_collections.octopus.upgrade.plugins.module_utils._windows.jobs import RunAs
from ansible_collections.octopus.upgrade.plugins.module_utils._windows.quoting import msi_property

from .authenticode import Trust
from .source import PackageSource
from .staging import Place

# Its installer otherwise starts Octopus Manager at the end (https://octopus.com/docs/installation/automating-installation).
DEFAULT_PROPERTIES = {"RUNMANAGERONEXIT": "no"}


@dataclass(frozen=True)
class InstallRequest:
    """What to install where.

    Attributes:
        busy_timeout: Seconds to wait for another installation.
        copies: Folder on the control node with copies of packages, whose signatures are verified with ``trust``.
        needs_signature: Whether to change nothing where the signature stands in the way.
    """

    state: str
    version: str | None
    source: PackageSource | None
    place: Place
    allow_downgrade: bool = False
    properties: dict[str, str] = field(default_factory=dict)
    busy_timeout: float = 600
    check_mode: bool = False
    tell: Progress = field(default_factory=Progress)
    copies: str | None = None
    trust: Trust = field(default_factory=Trust)
    needs_signature: bool = False

    @classmethod
    def from_params(cls, params: dict[str, Any], check_mode: bool) -> InstallRequest:
        """Read the parameters of ``octopus_install``.

        Raises:
            OctopusError: The version, the source or a property is unusable.
        """
        version = params["version"]
        source = None
        if params["state"] != "absent":
            Version.parse(version)
            source = PackageSource(
                params["source"], version, params["sha256"], validate_certs=params["validate_certs"], ca_path=params["ca_path"]
            )
        stage_dir = params["stage_dir"] or params["work_root"].rstrip("\\") + "\\packages"
        place = Place(params["work_root"], stage_dir, RunAs(params["job_user"], params["job_password"]), params["timeout"])
        return cls(
            params["state"],
            version,
            source,
            place,
            params["allow_downgrade"],
            _properties(params["properties"] or {}),
            params["busy_timeout"],
            check_mode,
            Progress(),
            params["copies"],
            Trust(tuple(params["publishers"]), params["signature_ca_path"], params["osslsigncode"]),
            params["needs_signature"],
        )


def _properties(given: dict[str, Any]) -> dict[str, str]:
    properties = {**DEFAULT_PROPERTIES, **{name: str(value) for name, value in given.items()}}
    try:
        for name, value in properties.items():
            msi_property(name, value)
    except InvalidValue as error:
        raise OctopusError(f"properties: {error}") from error
    return properties
