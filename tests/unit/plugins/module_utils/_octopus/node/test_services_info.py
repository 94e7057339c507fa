# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What Windows tells of Octopus Server without the program being started."""

from __future__ import annotations

import pytest
from ansible_collections.octopus.upgrade.plugins.module_utils._octopus.node import services_info
from ansible_collections.octopus.upgrade.plugins.module_utils._windows.connection import ConnectionOptions
from ansible_collections.octopus.upgrade.plugins.module_utils._windows.errors import HostUnreachable
from ansible_collections.octopus.upgrade.tests.unit.windows_host import FakeHost, service_config, service_state, watchdog_xml

SERVICES = r"HKEY_LOCAL_MACHINE\SYSTEM\CurrentControlSet\Services"
PRODUCT = r"HKEY_LOCAL_MACHINE\SOFTWARE\Microsoft\Windows\CurrentVersion\Uninstall\{0-1}"


@pytest.fixture
def host() -> FakeHost:
    names = ("Dnscache", "OctopusDeploy", "OctopusDeploy: B 2", "OctopusDeployTentacle", "OctopusDeploy: gone")
    return FakeHost(
        {
            r"reg query HKLM\SYSTEM\CurrentControlSet\Services /reg:64": "".join(f"{SERVICES}\\{name}\n" for name in names),
            r"reg query HKLM\SYSTEM\CurrentControlSet\Services\Octopus": (1, "ERROR"),
            r"reg query HKLM\SOFTWARE\Microsoft\Windows\CurrentVersion\Uninstall": f"{PRODUCT}\n    DisplayName    REG_SZ    Octopus Deploy Server\n",
            f"reg query {PRODUCT}": f"{PRODUCT}\n    DisplayVersion    REG_SZ    2025.3.14357\n",
            "sc queryex OctopusDeploy": service_state("OctopusDeploy", 4),
            "sc qc OctopusDeploy": service_config("OctopusDeploy"),
            "sc queryex OctopusDeploy: B 2": service_state("OctopusDeploy: B 2", 1),
            "sc qc OctopusDeploy: B 2": service_config("OctopusDeploy: B 2", start=4),
            "sc queryex OctopusDeploy: gone": (1060, "no such service"),
            "sc qc OctopusDeploy: gone": (1060, "no such service"),
            "schtasks /query /tn Octopus Watchdog OctopusServer": watchdog_xml(enabled=False),
            "schtasks /query /fo csv": '"\\Octopus Watchdog OctopusServer","N/A","Ready"\n',
        }
    )


def test_services_version_and_watchdog_without_a_start_of_the_program(host: FakeHost, monkeypatch: pytest.MonkeyPatch) -> None:
    def each(connections: list[ConnectionOptions], function: object) -> dict[str, object]:
        return {"octo-a": function(host), "octo-b": HostUnreachable("octo-b: no route", "octo-b")}  # type: ignore[operator]

    monkeypatch.setattr(services_info, "on_each", each)
    assert services_info.services_info([]) == {
        "octo-a": {
            "error": None,
            "version": "2025.3.14357",
            "services": [
                {"name": "OctopusDeploy", "instance": "OctopusServer", "state": "running", "start_type": "auto"},
                {"name": "OctopusDeploy: B 2", "instance": "B 2", "state": "stopped", "start_type": "disabled"},
            ],
            "watchdog": {"exists": True, "enabled": False, "task_name": "Octopus Watchdog OctopusServer", "interval_minutes": 5},
            "running_jobs": [],
        },
        "octo-b": {"error": "octo-b: no route"},
    }
    assert not [command for command in host.commands if ".exe" in command.lower()]
