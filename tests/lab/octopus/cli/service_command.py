# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The commands ``service``, ``watchdog`` and ``checkservices``.

octopus.com/docs/octopus-rest-api/octopus.server.exe-command-line/service, .../watchdog, .../checkservices; #3626 (the watchdog starts
what was stopped on purpose).
"""

from __future__ import annotations

import re
from typing import Any

from ...core.filesystem import WinError
from ...windows import services
from ...windows.host import WindowsHost
from ...windows.process import Process
from ...windows.tasks import Task
from .. import register, versions
from .parser import UNEXPECTED, Call, Command, Failure, switches

# "Octopus Watchdog " + ApplicationName (Watchdog.cs of https://github.com/OctopusDeploy/OctopusTentacle, whose code the server shares).
WATCHDOG = "Octopus Watchdog OctopusServer"
PATIENCE = 300.0  # lab seconds for a service to reach a state; *assumed*


def _wait(process: Process, name: str, *states: int) -> int:
    """The state that the service comes into, or is in when patience ends."""
    manager = process.host.services

    def there() -> bool:
        return process.killed.is_set() or manager.query(name).state in states

    with process.blocked(manager.changed):
        manager.changed.wait_for(there, process.host.clock.real(PATIENCE))
    process.check()
    return manager.query(name).state


def _start(call: Call, name: str) -> None:
    manager = call.process.host.services
    try:
        manager.start(name, by="octopus")
    except WinError as error:
        if error.code != services.ALREADY_RUNNING:
            raise Failure(f"Could not start the service {name}: {error.text}", UNEXPECTED) from error
    if _wait(call.process, name, services.RUNNING, services.STOPPED) != services.RUNNING:
        raise Failure(f"The service {name} did not start.", UNEXPECTED)  # 100: https://github.com/OctopusDeploy/Issues/issues/567
    call.log(f"Service started: {name}")


def _stop(call: Call, name: str) -> None:
    """One that is not installed is stopped: OctopusDSC stops a new instance's service before and while it installs it, and takes 0 only."""
    manager = call.process.host.services
    try:
        manager.stop(name, by="octopus")
    except WinError as error:
        if error.code == services.NO_SUCH_SERVICE:
            return
        if error.code not in (services.NOT_STARTED, services.NOT_STOPPABLE_NOW):
            raise Failure(f"Could not stop the service {name}: {error.text}") from error
    if _wait(call.process, name, services.STOPPED) != services.STOPPED:
        raise Failure(f"The service {name} did not stop within {PATIENCE:.0f} seconds.")
    call.log(f"Service stopped: {name}")


def _password(call: Call) -> str:
    """From the switch, or (newer builds) from the environment, where it is in no process list."""
    if call.has("password"):
        return call.get("password")
    if versions.has(call.version, "service_password_variable"):
        return call.process.env.get("OCTOPUS_SERVICE_PASSWORD") or ""
    return ""


def _configure(call: Call, entry: register.Entry) -> None:
    host, name = call.process.host, register.service_name(entry.name)
    account = call.get("username") or call.get("user") or "LocalSystem"
    if account != "LocalSystem" and not account.endswith("$") and not host.network.password_is(account, _password(call)):
        raise Failure(f"The user name or password of the service account {account} is not right.")
    line = f'"{register.program(host)}" run --instance="{entry.name}"'
    try:
        host.services.query(name)
    except WinError:
        if not call.has("install"):
            raise Failure(f"The service {name} is not installed.") from None
        host.services.create(name, name, line, account)
        call.log(f"Service installed: {name}")
        return
    values: dict[str, str | int] = {"ImagePath": line}
    if call.has("username") or call.has("user"):
        values["ObjectName"] = account
    host.services.config(name, **values)
    call.log(f"Service reconfigured: {name}")


def service(call: Call) -> int:
    """Switches act in this order, whatever their order: stop, uninstall, install/reconfigure, start (*assumed*)."""
    if call.get("instance") == "*":
        try:
            entries = register.entries(call.process.host, call.version)[0]
        except register.RegisterError as error:
            raise Failure(str(error)) from error
    else:
        entries = [call.entry()]
    for entry in entries:
        name = register.service_name(entry.name)
        if call.has("stop") or call.has("restart"):
            _stop(call, name)
        if call.has("uninstall"):
            call.process.host.services.delete(name)
            call.log(f"Service uninstalled: {name}")
        if call.has("install") or call.has("reconfigure"):
            _configure(call, entry)
        if call.has("start") or call.has("restart"):
            _start(call, name)
    return 0


def watchdog(call: Call) -> int:
    """A scheduled task that starts stopped services, every five minutes unless told otherwise."""
    host = call.process.host
    if call.has("delete"):
        try:
            host.tasks.delete(WATCHDOG)
        except WinError as error:
            raise Failure(f"There is no scheduled task {WATCHDOG}.") from error
        return 0
    if not call.has("create"):
        raise Failure("Either --create or --delete must be specified.")
    minutes = call.number("interval") or 5
    create_watchdog(call.process.host, call.get("instances", "*"), minutes)
    call.log(f"Created the scheduled task {WATCHDOG}")
    return 0


def create_watchdog(host: WindowsHost, instances: str, minutes: int) -> None:
    """The task itself, with the arguments of Watchdog.cs (OctopusTentacle): a blank after the switch, and no quotes."""
    host.tasks.create(
        Task(
            WATCHDOG,
            register.program(host),
            f"checkservices --instances {instances}",
            "SYSTEM",
            interval=minutes * 60.0,
            author="Octopus Deploy",
        ),
        replace=True,
    )


def watchdog_settings(host: WindowsHost) -> dict[str, Any]:
    """What show-configuration tells of it: WatchdogConfiguration.cs of OctopusTentacle."""
    try:
        task = host.tasks.get(WATCHDOG)
    except WinError:
        return {"Octopus.Watchdog.Enabled": False, "Octopus.Watchdog.Interval": 0, "Octopus.Watchdog.Instances": None}
    minutes, instances = int((task.interval or 0) / 60), task.arguments.partition("--instances ")[2]
    return {"Octopus.Watchdog.Enabled": True, "Octopus.Watchdog.Interval": minutes, "Octopus.Watchdog.Instances": instances}


def checkservices(call: Call) -> int:
    """Start each listed instance's service that is stopped. CheckServicesCommand.cs (OctopusTentacle) splits the list at ``,`` and ``;``."""
    wanted = call.get("instances", "*")
    names = {name.strip().lower() for name in re.split("[,;]", wanted)}
    try:
        entries = register.entries(call.process.host, call.version)[0]
    except register.RegisterError as error:
        raise Failure(str(error)) from error
    failed = []
    for entry in entries:
        if wanted != "*" and entry.name.lower() not in names:
            continue
        name = register.service_name(entry.name)
        try:
            if call.process.host.services.query(name).state == services.STOPPED:
                call.log(f"Service {name} is stopped: starting it")
                call.process.host.services.start(name, by="watchdog")
        except WinError as error:
            failed.append(f"{name}: {error.text}")
    if failed:
        raise Failure("; ".join(failed))
    return 0


COMMANDS = (
    Command(
        "service",
        "Start, stop, install and configure the Octopus service",
        service,
        switches("start stop restart install reconfigure uninstall username= user= password= dependOn="),
        elevated=True,
    ),
    Command(
        "watchdog",
        "Configure a scheduled task to monitor the Octopus service(s)",
        watchdog,
        switches("create delete interval= instances="),
        True,
    ),
    Command("checkservices", "Checks the Octopus instances are running", checkservices, switches("instances="), True),
)
