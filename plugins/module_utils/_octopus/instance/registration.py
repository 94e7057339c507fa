# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Registration of instances on a host, added and removed by the program itself. Files and databases stay."""

from __future__ import annotations

from ansible_collections.octopus.upgrade.plugins.module_utils._octopus.errors import OctopusError
from ansible_collections.octopus.upgrade.plugins.module_utils._octopus.host.instances import OctopusHost

# The program starts slowly on a busy host.
_SECONDS = 300.0


def create(octopus: OctopusHost, name: str, config_path: str, *switches: str) -> None:
    """Register an instance, and verify that it is registered. An existing configuration file is used as it is.

    Args:
        octopus: The host.
        name: The instance.
        config_path: Its configuration file.
        switches: Further switches of the command, such as ``--home=...``.

    Raises:
        OctopusError: The instance is not registered afterwards.
        HostError: The host failed.
    """
    _run(octopus, "create-instance", name, f"--config={config_path}", *switches, wanted=True)


def delete(octopus: OctopusHost, name: str) -> None:
    """Remove the registration of an instance, and verify that it is gone.

    Raises:
        OctopusError: The instance is still registered afterwards.
        HostError: The host failed.
    """
    _run(octopus, "delete-instance", name, wanted=False)


def _run(octopus: OctopusHost, command: str, name: str, *switches: str, wanted: bool) -> None:
    host = octopus.host
    done = host.run([octopus.cli.program, command, f"--instance={name}", *switches], timeout=_SECONDS)
    octopus.forget_instances()  # what was listed before is out of date
    known = [entry.name.lower() for entry in octopus.instances()]
    if done.exit_code or (name.lower() in known) is not wanted:
        said = (done.stderr or done.stdout).strip().splitlines()
        raise OctopusError(
            f"{host.where}: {command} of {name} ended with {done.exit_code}, and the registered instances are "
            f"{', '.join(known) or 'none'}: {said[-1] if said else 'there was no message'}"
        )
