# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""sc.exe. Layout and numbers: https://learn.microsoft.com/windows-server/administration/windows-commands/sc-query.

The words of an answer are translated on other Windows, the numbers are not.
"""

from __future__ import annotations

from lab.core.filesystem import WinError
from lab.windows import services
from lab.windows.process import Process

from ._base import SYSTEM32, message, unsupported

START_TYPES = {"auto": 2, "demand": 3, "disabled": 4, "delayed-auto": 2}
START_WORDS = {2: "AUTO_START", 3: "DEMAND_START", 4: "DISABLED"}


def _failed(proc: Process, what: str, code: int) -> int:
    """sc writes its failures to standard output and ends with the number."""
    proc.print(f"[SC] {what} FAILED {code}:")
    proc.print()
    proc.print(message(code))
    proc.print()
    return code


def _status(proc: Process, name: str, extended: bool = False, with_pid: bool = False) -> None:
    service = proc.host.services.query(name)
    accepts = service.state == services.RUNNING
    proc.print()
    proc.print(f"SERVICE_NAME: {name} ")
    if extended and not with_pid:
        proc.print(f"DISPLAY_NAME: {service.display}")
    proc.print("        TYPE               : 10  WIN32_OWN_PROCESS  ")
    proc.print(f"        STATE              : {service.state}  {services.STATES[service.state]} ")
    stoppable = "(STOPPABLE, NOT_PAUSABLE, ACCEPTS_SHUTDOWN)" if accepts else "(NOT_STOPPABLE, NOT_PAUSABLE, IGNORES_SHUTDOWN)"
    proc.print(f"                                {stoppable}")
    code = service.exit_code if service.state == services.STOPPED else 0
    proc.print(f"        WIN32_EXIT_CODE    : {code}  (0x{code:x})")
    proc.print("        SERVICE_EXIT_CODE  : 0  (0x0)")
    proc.print("        CHECKPOINT         : 0x0")
    pending = service.state in (services.START_PENDING, services.STOP_PENDING)
    proc.print(f"        WAIT_HINT          : {'0x7530' if pending else '0x0'}")
    if with_pid:
        proc.print(f"        PID                : {service.pid}")
        proc.print("        FLAGS              : ")


def _query(proc: Process, words: list[str], with_pid: bool) -> int:
    extended = with_pid
    if not words or "=" in words[0]:
        chosen = proc.host.services.names()
        options = dict(zip([word.lower() for word in words[::2]], [word.lower() for word in words[1::2]], strict=False))
        state = options.pop("state=", "active")
        if options.pop("type=", "service") not in ("service", "all") or options.pop("bufsize=", None) == "0" or options:
            return unsupported(proc, " ".join(words))
        if state not in ("all", "active", "inactive"):
            return unsupported(proc, f"state= {state}")
        for name in chosen:
            stopped = proc.host.services.query(name).state == services.STOPPED
            if state == "all" or stopped == (state == "inactive"):
                _status(proc, name, extended=True, with_pid=with_pid)
        return 0
    try:
        proc.host.services.query(words[0])
    except WinError as error:
        return _failed(proc, "EnumQueryServicesStatus:OpenService", error.code)
    _status(proc, words[0], extended, with_pid)
    return 0


def _qc(proc: Process, words: list[str]) -> int:
    try:
        service = proc.host.services.query(words[0])
    except WinError as error:
        return _failed(proc, "OpenService", error.code)
    proc.print("[SC] QueryServiceConfig SUCCESS")
    proc.print()
    proc.print(f"SERVICE_NAME: {words[0]}")
    proc.print("        TYPE               : 10  WIN32_OWN_PROCESS ")
    # https://learn.microsoft.com/windows-server/administration/windows-commands/sc-config: the word after an automatic start is translated.
    delayed = "  (DELAYED)" if service.start_type == services.AUTO and service.delayed else ""
    proc.print(f"        START_TYPE         : {service.start_type}   {START_WORDS[service.start_type]}{delayed}")
    proc.print("        ERROR_CONTROL      : 1   NORMAL")
    proc.print(f"        BINARY_PATH_NAME   : {service.command_line}")
    proc.print("        LOAD_ORDER_GROUP   : ")
    proc.print("        TAG                : 0")
    proc.print(f"        DISPLAY_NAME       : {service.display}")
    proc.print("        DEPENDENCIES       : ")
    proc.print(f"        SERVICE_START_NAME : {service.account}")
    return 0


def _start(proc: Process, words: list[str]) -> int:
    if len(words) > 1:
        return unsupported(proc, "start with arguments")
    try:
        pid = proc.host.services.start(words[0], by="sc")
    except WinError as error:
        return _failed(proc, "StartService" if error.code != services.NO_SUCH_SERVICE else "StartService: OpenService", error.code)
    # What StartService gives is the state just after its call, whatever the service does meanwhile.
    proc.print()
    proc.print(f"SERVICE_NAME: {words[0]} ")
    proc.print("        TYPE               : 10  WIN32_OWN_PROCESS  ")
    proc.print("        STATE              : 2  START_PENDING ")
    proc.print("                                (NOT_STOPPABLE, NOT_PAUSABLE, IGNORES_SHUTDOWN)")
    proc.print("        WIN32_EXIT_CODE    : 0  (0x0)")
    proc.print("        SERVICE_EXIT_CODE  : 0  (0x0)")
    proc.print("        CHECKPOINT         : 0x0")
    proc.print("        WAIT_HINT          : 0x7d0")
    proc.print(f"        PID                : {pid}")
    proc.print("        FLAGS              : ")
    return 0


def _stop(proc: Process, words: list[str]) -> int:
    try:
        proc.host.services.stop(words[0], by="sc")
    except WinError as error:
        return _failed(proc, "OpenService" if error.code == services.NO_SUCH_SERVICE else "ControlService", error.code)
    proc.print()
    proc.print(f"SERVICE_NAME: {words[0]} ")
    proc.print("        TYPE               : 10  WIN32_OWN_PROCESS  ")
    proc.print("        STATE              : 3  STOP_PENDING ")
    proc.print("                                (STOPPABLE, NOT_PAUSABLE, ACCEPTS_SHUTDOWN)")
    proc.print("        WIN32_EXIT_CODE    : 0  (0x0)")
    proc.print("        SERVICE_EXIT_CODE  : 0  (0x0)")
    proc.print("        CHECKPOINT         : 0x0")
    proc.print("        WAIT_HINT          : 0x7530")
    return 0


def _options(proc: Process, words: list[str], known: set[str]) -> dict[str, str] | int:
    """``name= value`` pairs; the value is an argument of its own."""
    options: dict[str, str] = {}
    for place in range(0, len(words), 2):
        name = words[place].lower()
        if name not in known or place + 1 >= len(words):
            return unsupported(proc, f"option {words[place]!r}")
        options[name] = words[place + 1]
    return options


def _config(proc: Process, words: list[str]) -> int:
    options = _options(proc, words[1:], {"start=", "binpath=", "obj=", "password=", "displayname=", "depend="})
    if isinstance(options, int):
        return options
    values: dict[str, str | int] = {}
    if "start=" in options:
        kind = START_TYPES.get(options["start="].lower())
        if kind is None:
            return unsupported(proc, f"start= {options['start=']}")
        values["Start"] = kind
        # https://learn.microsoft.com/windows/win32/api/winsvc/ns-winsvc-service_delayed_auto_start_info: an attribute beside the start type;
        # setting it to auto clears it, and of a service that is no automatic one it is kept without effect (*assumed*).
        if kind == services.AUTO:
            values["DelayedAutostart"] = int(options["start="].lower() == "delayed-auto")
    if "obj=" in options:
        values["ObjectName"] = options["obj="]
    for option, value in (("binpath=", "ImagePath"), ("displayname=", "DisplayName"), ("depend=", "DependOnService")):
        if option in options:
            values[value] = options[option]
    try:
        proc.host.services.config(words[0], **values)
    except WinError as error:
        return _failed(proc, "OpenService", error.code)
    proc.print("[SC] ChangeServiceConfig SUCCESS")
    return 0


def _create(proc: Process, words: list[str]) -> int:
    options = _options(proc, words[1:], {"start=", "binpath=", "obj=", "password=", "displayname="})
    if isinstance(options, int):
        return options
    if "binpath=" not in options:
        return _failed(proc, "CreateService", 87)
    kind = START_TYPES.get(options.get("start=", "demand").lower(), 3)
    try:
        proc.host.services.create(
            words[0], options.get("displayname=", words[0]), options["binpath="], options.get("obj=", "LocalSystem"), kind
        )
    except WinError as error:
        return _failed(proc, "CreateService", error.code)
    proc.print("[SC] CreateService SUCCESS")
    return 0


def _delete(proc: Process, words: list[str]) -> int:
    try:
        proc.host.services.delete(words[0])
    except WinError as error:
        return _failed(proc, "OpenService" if error.code == services.NO_SUCH_SERVICE else "DeleteService", error.code)
    proc.print("[SC] DeleteService SUCCESS")
    return 0


def sc(proc: Process) -> int:
    words = proc.argv[1:]
    verb = words[0].lower() if words else ""
    if verb in ("query", "queryex"):
        return _query(proc, words[1:], verb == "queryex")
    verbs = {"qc": _qc, "start": _start, "stop": _stop, "config": _config, "create": _create, "delete": _delete}
    if verb not in verbs or len(words) < 2:
        return unsupported(proc, " ".join(words) or "without a verb")
    return verbs[verb](proc, words[1:])


COMMANDS = {f"{SYSTEM32}\\sc.exe": sc}
