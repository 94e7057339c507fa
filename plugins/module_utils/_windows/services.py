# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Windows services by sc.exe, read by numbers and by order, because the words are translated.

https://learn.microsoft.com/windows-server/administration/windows-commands/sc-query and
https://learn.microsoft.com/windows/win32/api/winsvc/ns-winsvc-service_status_process
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from dataclasses import dataclass

from ansible_collections.octopus.upgrade.plugins.module_utils._core import stopping

from . import fence, registry
from .connection import CommandResult, WindowsHost
from .errors import HostError, HostTimeout

STATES = {1: "stopped", 2: "start_pending", 3: "stop_pending", 4: "running", 5: "continue_pending", 6: "pause_pending", 7: "paused"}
START_TYPES = {0: "boot", 1: "system", 2: "auto", 3: "manual", 4: "disabled"}
# The words of sc.exe for start types that can be set. Windows has no number of its own for a delayed start: it is an automatic one with a
# value beside it (https://learn.microsoft.com/windows/win32/api/winsvc/ns-winsvc-service_delayed_auto_start_info).
DELAYED_AUTO, MANUAL, DISABLED = "delayed-auto", "manual", "disabled"
SETTABLE = {"auto": "auto", DELAYED_AUTO: "delayed-auto", MANUAL: "demand", DISABLED: "disabled"}
KEY = r"HKLM\SYSTEM\CurrentControlSet\Services"
NO_SUCH_SERVICE, ALREADY_RUNNING, NOT_STARTED, CANNOT_TAKE_CONTROL, BUFFER_TOO_SMALL = 1060, 1056, 1062, 1061, 122

_FIELD = re.compile(r"^\s+\S.*?\s*:\s?(?P<value>.*)$")
_NUMBER = re.compile(r"(0x[0-9a-f]+|[0-9]+)", re.I)


@dataclass(frozen=True)
class ServiceState:
    """The state of a service (a value of :data:`STATES`), its process, and the exit code of its last process."""

    name: str
    state: str
    pid: int
    exit_code: int


@dataclass(frozen=True)
class ServiceConfig:
    """The configuration of a service. ``start_type`` is a value of :data:`START_TYPES`."""

    name: str
    start_type: str
    account: str
    command: str
    display_name: str


def query(host: WindowsHost, name: str) -> ServiceState | None:
    """Return the state of a service; None where it does not exist."""
    result = host.run(["sc", "queryex", name], idempotent=True)
    if result.exit_code == NO_SUCH_SERVICE:
        return None
    _check(host, result, f"query the service {name}")
    numbers = [found[1] for found in (_NUMBER.match(value) for value in _values(result.stdout)) if found]
    if len(numbers) < 7:
        raise HostError(f"{host.where}: cannot parse the output of sc queryex {name}: {result.stdout.strip()!r}", host.name)
    # TYPE, STATE, WIN32_EXIT_CODE, SERVICE_EXIT_CODE, CHECKPOINT, WAIT_HINT, PID, FLAGS
    return ServiceState(name, STATES.get(int(numbers[1]), numbers[1]), int(numbers[6]), int(numbers[2], 0))


def config(host: WindowsHost, name: str) -> ServiceConfig | None:
    """Return the configuration of a service; None where it does not exist."""
    result = host.run(["sc", "qc", name], idempotent=True)
    if result.exit_code == BUFFER_TOO_SMALL:
        result = host.run(["sc", "qc", name, "8192"], idempotent=True)
    if result.exit_code == NO_SUCH_SERVICE:
        return None
    _check(host, result, f"read the configuration of the service {name}")
    values = _values(result.stdout)
    if len(values) < 8:
        raise HostError(f"{host.where}: cannot parse the output of sc qc {name}: {result.stdout.strip()!r}", host.name)
    # TYPE, START_TYPE, ERROR_CONTROL, BINARY_PATH_NAME, LOAD_ORDER_GROUP, TAG, DISPLAY_NAME, DEPENDENCIES..., SERVICE_START_NAME
    start = _NUMBER.match(values[1])
    return ServiceConfig(
        name, START_TYPES.get(int(start[1]) if start else -1, values[1].strip()), values[-1].strip(), values[3].strip(), values[6].strip()
    )


def start_type(host: WindowsHost, config: ServiceConfig) -> str:
    """Return the start type of a service, a value of :data:`START_TYPES` or :data:`DELAYED_AUTO`, which sc.exe tells in a translated word."""
    if config.start_type == "auto" and int(registry.get(host, f"{KEY}\\{config.name}", "DelayedAutostart") or "0", 0):
        return DELAYED_AUTO
    return config.start_type


def start(host: WindowsHost, name: str) -> None:
    """Start a service unless it is running. :func:`query` shows whether it succeeds."""
    result = host.run(["sc", "start", name], idempotent=True)
    if result.exit_code != ALREADY_RUNNING:
        _check(host, result, f"start the service {name}")


def stop(host: WindowsHost, name: str) -> None:
    """Stop a service unless it is stopped or stopping. :func:`query` shows when it has stopped."""
    result = fence.run(host, "sc", "stop", name)
    if result.exit_code in (NOT_STARTED, NO_SUCH_SERVICE):
        return
    if result.exit_code == CANNOT_TAKE_CONTROL:
        now = query(host, name)
        if now and now.state in ("stop_pending", "stopped"):
            return
    _check(host, result, f"stop the service {name}")


def set_start_type(host: WindowsHost, name: str, start_type: str) -> None:
    """Set the start type of a service, one of :data:`SETTABLE`."""
    # sc.exe expects "start=" and its value as two arguments.
    result = fence.run(host, "sc", "config", name, "start=", SETTABLE[start_type])
    _check(host, result, f"set the start type of the service {name}")


def wait_for(
    host: WindowsHost,
    name: str,
    state: str,
    timeout: float,
    *,
    tell: Callable[[ServiceState], object] = lambda now: None,
    sleep: Callable[[float], None] = time.sleep,
) -> ServiceState:
    """Wait until a service is in a state.

    Args:
        host: The host.
        name: The service.
        state: The state to wait for.
        timeout: Seconds.
        tell: Gets every other state that is found.
        sleep: Waits for seconds.

    Raises:
        HostTimeout: The time was up; the message has the last state.
        HostError: The service does not exist, or stopped during its start.
    """
    deadline = time.monotonic() + timeout
    pause, seen_pending = 0.2, False
    while True:
        now = query(host, name)
        if now is None:
            raise HostError(f"{host.where}: the service {name} does not exist.", host.name, NO_SUCH_SERVICE)
        if now.state == state:
            return now
        tell(now)
        if state == "running" and now.state == "stopped" and seen_pending:
            raise HostError(
                f"{host.where}: the service {name} stopped during its start (exit code {now.exit_code}).", host.name, now.exit_code
            )
        seen_pending = seen_pending or now.state == "start_pending"
        if time.monotonic() >= deadline:
            raise HostTimeout(
                f"{host.where}: expected the service {name} to be {state} within {timeout:.0f} s, but it is {now.state} (process {now.pid}).",
                host.name,
            )
        stopping.check()
        sleep(pause)
        pause = min(pause * 1.5, 1.0)


def _values(text: str) -> list[str]:
    """Return the values after the colon in each indented line; the first line, with the name, is not indented."""
    return [match["value"] for match in map(_FIELD.match, text.splitlines()) if match]


def _check(host: WindowsHost, result: CommandResult, action: str) -> None:
    if result.exit_code:
        said = " ".join((result.stderr or result.stdout).split())
        raise HostError(f"{host.where}: cannot {action}: Windows error {result.exit_code}: {said}", host.name, result.exit_code)
