# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The wanted new instance, with its secrets decrypted."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from ansible_collections.octopus.upgrade.plugins.module_utils._core.progress import Progress
from ansible_collections.octopus.upgrade.plugins.module_utils._octopus.errors import OctopusError
from ansible_collections.octopus.upgrade.plugins.module_utils._octopus.host import connection_string
from ansible_collections.octopus.upgrade.plugins.module_utils._octopus.host.connection_string import Database
from ansible_collections.octopus.upgrade.plugins.module_utils._secrets.vault import VaultKey
from ansible_collections.octopus.upgrade.plugins.module_utils._windows.jobs import RunAs

from .request import InstanceRequest, connection_string_of, decrypted, name_and_places
from .same_database import Forbidden
from .thumbprints import thumbprint


@dataclass(frozen=True)
class NewInstanceRequest(InstanceRequest):
    """The wanted new instance.

    Attributes:
        connection_string: Of the database to create.
        license: The text of the licence; None where it is installed later.
        grant: Account that becomes db_owner.
        other_thumbprints: Of the certificates that the new server must not have.
        timeout: Seconds for the creation of the database.
    """

    connection_string: str = field(default="", repr=False)
    license: str | None = field(default=None, repr=False)
    grant: str | None = None
    other_thumbprints: frozenset[str] = frozenset()
    timeout: float = 3600.0

    @property
    def database(self) -> Database:
        return connection_string.parse(self.connection_string)

    @property
    def secrets(self) -> list[str]:
        """Texts that must not appear in any message."""
        return [*connection_string.secrets_of(self.connection_string), *([self.license] if self.license else [])]

    @classmethod
    def from_new(cls, params: dict[str, Any], check_mode: bool, tell: Progress) -> NewInstanceRequest:
        """Read the parameters of ``octopus_instance_create``, and decrypt the licence on the control node.

        Raises:
            OctopusError: A parameter is unusable, or the file cannot be decrypted. No message contains a secret.
        """
        name, config_path, home = name_and_places(params)
        wanted = {**params["database"], "database": params["database"]["name"]}
        text = connection_string_of(wanted, None)
        connection_string.parse(text)
        file = params["license_file"]
        license_text = decrypted(file, VaultKey.from_params(params)).decode("utf-8-sig", "replace").strip() if file else None
        if license_text is not None and "<License" not in license_text:
            raise OctopusError(f"license_file: expected {file} to be a licence in XML, with an element License, but it is not.")
        return cls(
            name,
            "present",
            config_path=config_path,
            home=home,
            node_name=params["server_node_name"],
            never=tuple(Forbidden.from_params(params["never"] or [])),
            run_as=RunAs(params["job_user"], params["job_password"]),
            work_root=params["work_root"],
            check_mode=check_mode,
            tell=tell,
            connection_string=text,
            license=license_text,
            grant=params["grant"],
            other_thumbprints=frozenset(thumbprint(one) for one in params["other_thumbprints"]),
            timeout=params["timeout"],
        )
