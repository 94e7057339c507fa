# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""``Octopus.Server.exe`` and ``Octopus.Migrator.exe``: the program handler ``octopus-server``.

Commands and switches: octopus.com/docs/octopus-rest-api/octopus.server.exe-command-line; which version has which: OctopusDSC and the
facts cited with each command. The words of messages are *assumed* except where an issue is named.
"""

from __future__ import annotations

from typing import TYPE_CHECKING
from weakref import WeakKeyDictionary

from ...core.filesystem import WinError
from ...tds.engine_api import SqlError
from .. import service, versions
from ..installation import ConfigurationError
from ..media import HANDLER
from . import certificate_command, database_command, instance_commands, migrator_commands, node_command, reading, service_command
from .parser import COMMON, NOT_ELEVATED, UNEXPECTED, UNKNOWN_COMMAND, Call, Command, Failure, parse, switches

if TYPE_CHECKING:
    from ...windows.host import WindowsHost
    from ...windows.process import Process

_LIMITED: WeakKeyDictionary[WindowsHost, set[str]] = WeakKeyDictionary()


def limit(host: WindowsHost, account: str) -> None:
    """That account's prompts on that host are not elevated."""
    _LIMITED.setdefault(host, set()).add(account.lower())


def _run(call: Call) -> int:
    return service.run(call.process, call.version, call.options)


COMMANDS: dict[str, Command] = {
    command.name: command
    for command in (
        *reading.COMMANDS,
        *database_command.COMMANDS,
        *service_command.COMMANDS,
        *node_command.COMMANDS,
        *instance_commands.COMMANDS,
        *certificate_command.COMMANDS,
        Command("run", "Starts the Octopus Server in debug mode", _run, switches("noninteractive")),
    )
}
MIGRATOR = {command.name: command for command in (COMMANDS["version"], *migrator_commands.COMMANDS)}


def octopus_server(process: Process) -> int:
    """One run of the program."""
    version = str(process.info["version"])
    migrator = process.name.lower() == "octopus.migrator.exe"
    known = {name: one for name, one in (MIGRATOR if migrator else COMMANDS).items() if versions.at_least(version, one.since)}
    words = process.argv[1:]
    if not words or words[0].lower().strip("-/") == "help":
        _help(process, version, known, words[1:])
        return 0
    command = known.get(words[0].lower())
    if command is None:
        process.error(f"Command '{words[0]}' is not supported")
        return UNKNOWN_COMMAND
    try:
        options = parse(command, words[1:], version)
    except Failure as error:
        process.error(str(error))
        return error.code
    if "help" in options:
        _help(process, version, known, [command.name])
        return 0
    if command.elevated and process.logon.account.lower() in _LIMITED.get(process.host, set()):
        process.error("The command must be run from an elevated command prompt, as an administrator.")
        return NOT_ELEVATED
    call = Call(process, version, options)
    if "nologo" not in options:
        call.log(f"Octopus Deploy: {'Migrator' if migrator else 'Server'} version {version}")
    try:
        return command.run(call)
    except Failure as error:
        process.error(str(error))
        return error.code
    except ConfigurationError as error:
        process.error(str(error))
        return 1
    except SqlError as error:
        process.error("\n".join(one.message for one in (error, *error.more)))
        return UNEXPECTED
    except WinError as error:
        process.error(str(error))
        return UNEXPECTED
    finally:
        call.close()


def _help(process: Process, version: str, known: dict[str, Command], words: list[str]) -> None:
    command = known.get(words[0].lower()) if words else None
    if command is None:
        process.print(f"Usage: {process.name} <command> [<options>]\n\nWhere <command> is one of:\n")
        for one in sorted(known.values(), key=lambda each: each.name):
            process.print(f"  {one.name.ljust(24)}{one.description}")
        return
    process.print(f"Usage: {process.name} {command.name} [<options>]\n\nWhere [<options>] is any of:\n")
    for switch in (*command.switches, *COMMON):
        if switch.known(version):
            process.print(f"      --{switch.name}{'=VALUE' if switch.value else ''}")
    if command.name == "service" and versions.has(version, "service_password_variable"):
        # The page of the command says so below --password: octopus.com/docs/octopus-rest-api/octopus.server.exe-command-line/service
        process.print("                             Can also be passed via an environment variable OCTOPUS_SERVICE_PASSWORD.")


__all__ = ["COMMANDS", "HANDLER", "limit", "octopus_server"]
