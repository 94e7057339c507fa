# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""``Tentacle.exe``: the program handler ``octopus-tentacle``.

Commands, switches and exit codes: source/Octopus.Tentacle/Commands and Startup (OctopusProgram.cs, AbstractCommand.cs). Commands that no test needs
are refused by the lab's own word.
"""

from __future__ import annotations

import json
import secrets
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ..core.filesystem import WinError
from ..octopus import versions
from ..octopus.cli.parser import UNEXPECTED, UNKNOWN_COMMAND, Command, Failure, parse, switches
from ..windows import services
from . import register
from . import service as agent
from .configuration import ACTIVE, NONE, PASSIVE, THUMBPRINT, Configuration, Server, server

if TYPE_CHECKING:
    from ..windows.process import Process

HANDLER = "octopus-tentacle"
# Program.cs; what the lab does not do.
UNSUPPORTED = (
    *("create-instance", "delete-instance", "watchdog", "checkservices", "configure", "set-polling-connection-count", "update-trust"),
    *("register-with", "register-worker", "extract", "deregister-from", "deregister-worker", "new-certificate", "proxy", "polling-proxy"),
    *("import-certificate", "poll-server", "clear-trusted-servers"),
)
KEEPS_SUBSCRIPTION = "4.0"  # commit 1d606b14, first in the tag 4.0.0


@dataclass
class Call:
    """One call of a command: its process and options, by lower-case name."""

    process: Process
    version: str
    options: dict[str, str]

    def json(self) -> bool:
        """
        Raises:
            Failure: Another format than text and json.
        """
        form = self.options.get("format", "text").lower()
        if form not in ("text", "json"):
            raise Failure(f"The format '{form}' is not supported. Try text or json.")
        return form == "json"

    def entry(self) -> register.Entry:
        return register.find(self.process.host, self.options.get("instance", register.DEFAULT))

    def configuration(self) -> Configuration:
        return Configuration.load(self.process.host, self.entry().config_path, self.process.logon)


def _version(call: Call) -> int:
    """VersionCommand.cs: without an end of line."""
    told = {
        "InformationalVersion": f"{call.version}+Branch.main.Sha.0123456789abcdef0123456789abcdef01234567",
        "MajorMinorPatch": call.version,
        "NuGetVersion": call.version,
        "SourceBranchName": "main",
        "IsPrerelease": False,
    }
    call.process.print(json.dumps(told, indent=2) if call.json() else str(told["InformationalVersion"]), end="")
    return 0


def _list_instances(call: Call) -> int:
    known = register.entries(call.process.host)
    if call.json():
        rows = [{"InstanceName": entry.name, "ConfigurationFilePath": entry.config_path} for entry in known]
        call.process.print(json.dumps(rows, indent=2), end="")
    elif known:
        for entry in known:
            call.process.print(f"Instance '{entry.name}' uses configuration '{entry.config_path}'.")
    else:
        call.process.print("No instances installed", end="")
    return 0


def _show_thumbprint(call: Call) -> int:
    found = call.configuration().settings.get(THUMBPRINT, "")
    call.process.print(json.dumps({"Thumbprint": found}, separators=(",", ":")) if call.json() else found, end="")
    return 0


def _show_configuration(call: Call) -> int:
    call.process.print(json.dumps(call.configuration().shown(), indent=2))
    return 0


def _server_comms(call: Call) -> int:
    """ServerCommsCommand.cs. Thumbprints are compared letter by letter."""
    configuration = call.configuration()
    trusted = list(dict.fromkeys(row["Thumbprint"] for row in configuration.servers))
    if not trusted:
        raise Failure("Before server communications can be modified, trust must be established with the configure command")
    thumbprint = call.options.get("thumbprint") or (trusted[0] if len(trusted) == 1 else "")
    if not thumbprint:
        raise Failure("More than one server is trusted; please provide the thumbprint of the server to configure, e.g. --thumbprint=...")
    style = {"tentacleactive": ACTIVE, "tentaclepassive": PASSIVE}.get(call.options.get("style", "").lower())
    if style is None:
        raise Failure("Please specify a valid communications style, e.g. --style=TentaclePassive")
    own = [row for row in configuration.servers if row["Thumbprint"] == thumbprint]
    if not own:
        raise Failure("No trusted server was found with the supplied thumbprint")
    configuration.add_or_update(_active(call, own) if style == ACTIVE else _passive(own))
    configuration.save()
    call.process.print("These changes require a restart of the Tentacle.")
    call.process.print("Updated server communications configuration")
    return 0


def _passive(own: list[Server]) -> Server:
    found = next((row for row in own if row["Address"] is None), server(own[0]["Thumbprint"]))
    return {**found, "CommunicationStyle": PASSIVE}


def _active(call: Call, own: list[Server]) -> Server:
    if not call.options.get("host"):
        raise Failure("Please provide either the server hostname or websocket address, e.g. --host=OCTOPUS")
    address = f"https://{call.options['host']}:{int(call.options.get('port', '10943'))}"
    row = next((one for one in own if one["Address"] and one["Address"].rstrip("/").lower() == address.lower()), None)
    row = row or next((one for one in own if one["CommunicationStyle"] == NONE), server(own[0]["Thumbprint"]))
    subscription = row["SubscriptionId"]
    if subscription is None and versions.at_least(call.version, KEEPS_SUBSCRIPTION):
        polled = (one["SubscriptionId"] for one in own if one["CommunicationStyle"] == ACTIVE and one["SubscriptionId"] is not None)
        subscription = next(polled, None)
    subscription = subscription or f"poll://{secrets.token_hex(10)}/"
    return {**row, "Address": address, "CommunicationStyle": ACTIVE, "SubscriptionId": subscription}


def _service(call: Call) -> int:
    """ServiceCommand.cs and WindowsServiceConfigurator.cs: one that does not stop is not started, and the exit code is 0."""
    manager, name = call.process.host.services, register.service_name(call.entry().name)
    there = name.lower() in (one.lower() for one in manager.names())
    if "restart" in call.options or "stop" in call.options:
        stopped = there and _stop(call.process, name)
        if "restart" in call.options and stopped:
            _start(call.process, name)
    if "start" in call.options:
        if not there:
            raise Failure(f"Start requested for service {name}, but no service with this name was found.")
        _start(call.process, name)
    return 0


def _stop(process: Process, name: str) -> bool:
    """TryStopService: False where it was not running, or does not stop in 150 looks of 0.3 seconds."""
    manager = process.host.services
    if manager.query(name).state in (services.STOPPED, services.STOP_PENDING):
        return False
    try:
        manager.stop(name, by="tentacle")
    except WinError as error:
        raise Failure(f"The service is not able to stop: {error.text}", UNEXPECTED) from error
    stopped = _wait(process, name, services.STOPPED)
    process.print("Service stopped") if stopped else process.error("The service could not be stopped")
    return stopped


def _start(process: Process, name: str) -> None:
    """StartService: five more attempts with longer and longer pauses, of which the lab makes one."""
    manager = process.host.services
    if manager.query(name).state == services.RUNNING:
        return
    try:
        manager.start(name, by="tentacle")
    except WinError as error:
        raise Failure(f"Cannot start service {name} on computer '.': {error.text}", UNEXPECTED) from error
    if not _wait(process, name, services.RUNNING):
        raise Failure("Exceeded max retries", UNEXPECTED)
    process.print("Service started")


def _wait(process: Process, name: str, state: int) -> bool:
    manager = process.host.services
    with process.blocked(manager.changed):
        manager.changed.wait_for(lambda: process.killed.is_set() or manager.query(name).state == state, process.host.clock.real(150 * 0.3))
    process.check()
    return manager.query(name).state == state


def _run(call: Call) -> int:
    return agent.run(call.process, call.options.get("instance", register.DEFAULT))


Run = Callable[[Call], int]
# Name: what it does, and its switches.
COMMANDS: dict[str, tuple[Run, str]] = {
    "version": (_version, "format="),
    "list-instances": (_list_instances, "format="),
    "show-thumbprint": (_show_thumbprint, "format= export-file="),
    "show-configuration": (_show_configuration, "file= space="),
    "server-comms": (_server_comms, "thumbprint= style= host= port= web-socket="),
    "service": (_service, "start stop restart"),
    "run": (_run, "wait="),
    "agent": (_run, "wait="),
}


def tentacle(process: Process) -> int:
    """One run of the program."""
    version = str(process.info["version"])
    words = process.argv[1:]
    name = words[0].lower() if words else ""
    if name in UNSUPPORTED:
        process.error(f"lab: unsupported command {name} of Tentacle.exe")
        return UNEXPECTED
    if name not in COMMANDS:
        process.print("Usage: Tentacle <command> [<options>]")
        return UNKNOWN_COMMAND
    run, known = COMMANDS[name]
    try:
        options = parse(Command(name, "", lambda _call: 0, switches(known)), words[1:], version)
        return run(Call(process, version, options))
    except Failure as error:
        process.error(str(error))
        return error.code
    except WinError as error:
        process.error(str(error))
        return UNEXPECTED
