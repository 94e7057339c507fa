# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The process that the Windows service starts (RunAgentCommand.cs, HalibutInitializer.cs).

WindowsServiceAdapter.cs tells Windows that the service has started before the configuration is read. What it polls goes to its log
(Tentacle.exe.nlog: time, process, thread, level, message). It speaks to no server: what it polls is in the ledger, and servers of the lab at these names
reach it (octopus.com/docs/infrastructure/deployment-targets/tentacle/tentacle-communication).
"""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from ..octopus import machine_policy
from ..octopus.cli.parser import Failure
from . import register
from .configuration import ACTIVE, NONE, PASSIVE, SQUID, Configuration

if TYPE_CHECKING:
    from ..windows.process import Process

SECONDS_TO_READ = 2.0  # lab seconds; *assumed*


def run(process: Process, instance: str) -> int:
    """Read the configuration, poll or listen until the service is asked to stop."""
    process.service_running()
    process.sleep(SECONDS_TO_READ)
    try:
        entry = register.find(process.host, instance)
        configuration = Configuration.load(process.host, entry.config_path, process.logon)
    except Failure as error:
        process.error(str(error))
        return error.code
    _fix_styles(configuration)
    polled = _say(process, configuration)
    process.host.ledger.record("tentacle", process.host.name, what="polls", instance=entry.name, addresses=polled)
    while not process.stop_requested.wait(0.1):
        process.check()
    return 0


def _fix_styles(configuration: Configuration) -> None:
    """An entry without a style becomes one of a listening Tentacle, where it listens (https://github.com/OctopusDeploy/Issues/issues/2383)."""
    wrong = [one for one in configuration.servers if one["CommunicationStyle"] == NONE]
    if configuration.listens and wrong:
        for row in wrong:
            configuration.add_or_update({**row, "CommunicationStyle": PASSIVE})
        configuration.save()


def _say(process: Process, configuration: Configuration) -> list[str]:
    lines, polled = [], []
    machines: dict[str, set[str]] = {}
    for row in configuration.servers:
        lines.append(f"Agent will trust Octopus Servers with the thumbprint: {row['Thumbprint']}")
    for row in configuration.servers:
        if row["CommunicationStyle"] == ACTIVE and row["Address"]:
            address = row["Address"].rstrip("/") + "/"
            subscription = row["SubscriptionId"] or f"poll://{configuration.settings.get(SQUID, '').lower()}/"
            lines.append(
                f"Agent will poll Octopus Server at {address} for subscription {subscription} expecting thumbprint {row['Thumbprint']}"
            )
            polled.append(address)
            machines.setdefault(subscription, set()).add(str(urlsplit(address).hostname))
            machine_policy.trusts(process.host.network, subscription, row["Thumbprint"])
    for subscription, names in machines.items():
        machine_policy.polls(process.host.network, subscription, names)
    lines.append("Agent listening on: [::]:10933/" if configuration.listens else "Agent will not listen on any TCP ports")
    log(process, configuration.home, lines)
    return polled


def log(process: Process, home: str, messages: list[str]) -> None:
    """Lines of the instance's log."""
    host = process.host
    folder = f"{home}\\Logs"
    if not host.fs.is_dir(folder, host.system):
        host.fs.mkdir(folder, host.system)
    begin = f"{host.now():%Y-%m-%d %H:%M:%S}.0001  {process.pid:>5}  {1:>5}  INFO  "
    data = "".join(f"{begin}{message}\r\n" for message in messages)
    host.fs.write(f"{folder}\\OctopusTentacle.txt", data.encode(), host.system, append=True)
