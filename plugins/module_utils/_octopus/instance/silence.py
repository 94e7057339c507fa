# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The switches of configure that keep an instance from reaching outside, set before its first start.

They go through the product's own code, so that no name of a table, row or property has to be known.
"""

from __future__ import annotations

from .found import FoundInstance

# https://octopus.com/docs/octopus-rest-api/octopus.server.exe-command-line/configure; the second is the older name of the third.
SWITCHES = (
    "upgradeCheck",
    "upgradeCheckWithStatistics",
    "sendTelemetry",
    "experiencesEnabled",
    "dynamicExtensionsEnabled",
    "jiraIsEnabled",
    "GitHubIsEnabled",
    "AzureDevOpsIsEnabled",
)


def apply(found: FoundInstance) -> None:
    """Turn off what the installed version's help lists.

    Raises:
        OctopusError: The program refused.
    """
    state = found.result.service["state"] if found.result.service else None
    if found.request.check_mode or state not in (None, "stopped"):
        return
    # An unlisted switch would be refused, and with it the others.
    listed = found.program.listed("configure")
    switches = [name for name in SWITCHES if name.lower() in listed]
    if not switches:
        return
    found.check_may_change()
    found.request.tell(f"{found.host.name}: switching off what reaches outside")
    found.program.run("configure", *(f"--{name}=False" for name in switches), database=True)
    found.result.silenced = switches
    if found.result.changes:  # on its own, a repetition changes nothing
        found.result.change("silent", None, switches)
