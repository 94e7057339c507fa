# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Windows services through sc.exe, read by numbers and order: the words are translated, those are not.

https://learn.microsoft.com/windows-server/administration/windows-commands/sc-query and
https://learn.microsoft.com/windows/win32/api/winsvc/ns-winsvc-service_status_process
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from dataclasses import dataclass

from .connection import CommandResult, WindowsHost
from .errors import HostError, HostTimeout

STATES = {1: "stopped", 2: "start_pending", 3: "stop_pending", 4: "running", 5: "continue_pending", 6: "pause_pending", 7: "paused"}
START_TYPES = {0: "boot", 1: "system", 2: "auto", 3: "manual", 4: "disabled"}
NO_SUCH_SERVICE, ALREADY_RUNNING, NOT_STARTED, CANNOT_TAKE_CONTROL, BUFFER_TOO_SMALL = 1060, 1056, 1062, 1061, 122

_FIELD = re.compile(r"^\s+\S.*?\s*:\s?(?P<value>.*)$")
_NUMBER = re.compile(r"(0x[0-9a-f]+|[0-9]+)", re.I)


@dataclass(frozen=True)
class ServiceState:
    """A service's state (a value of :data:`STATES`), its process and the exit code of its last one."""

    name: str
    state: str
    pid: int
    exit_code: int


@dataclass(frozen=True)
class ServiceConfig:
    """How a service is set up. ``start_type`` is a value of :data:`START_TYPES`."""

    name: str
    start_type: str
    account: str
    command: str
    display_name: str


def query(host: WindowsHost, name: str) -> ServiceState | None:
    """What the service does now; None where there is none."""
    result = host.run(["sc", "queryex", name], idempotent=True)
    if result.exit_code == NO_SUCH_SERVICE:
        return None
    _good(host, result, f"query the service {name}")
    numbers = [found[1] for found in (_NUMBER.match(value) for value in _values(result.stdout)) if found]
    if len(numbers) < 7:
        raise HostError(f"{host.where}: what sc queryex {name} printed cannot be read: {result.stdout.strip()!r}", host.name)
    # TYPE, STATE, WIN32_EXIT_CODE, SERVICE_EXIT_CODE, CHECKPOINT, WAIT_HINT, PID, FLAGS
    return ServiceState(name, STATES.get(int(numbers[1]), numbers[1]), int(numbers[6]), int(numbers[2], 0))


def config(host: WindowsHost, name: str) -> ServiceConfig | None:
    """How the service is set up; None where there is none."""
    result = host.run(["sc", "qc", name], idempotent=True)
    if result.exit_code == BUFFER_TOO_SMALL:
        result = host.run(["sc", "qc", name, "8192"], idempotent=True)
    if result.exit_code == NO_SUCH_SERVICE:
        return None
    _good(host, result, f"read the configuration of the service {name}")
    values = _values(result.stdout)
    if len(values) < 8:
        raise HostError(f"{host.where}: what sc qc {name} printed cannot be read: {result.stdout.strip()!r}", host.name)
    # TYPE, START_TYPE, ERROR_CONTROL, BINARY_PATH_NAME, LOAD_ORDER_GROUP, TAG, DISPLAY_NAME, DEPENDENCIES..., SERVICE_START_NAME
    start = _NUMBER.match(values[1])
    return ServiceConfig(
        name, START_TYPES.get(int(start[1]) if start else -1, values[1].strip()), values[-1].strip(), values[3].strip(), values[6].strip()
    )


def start(host: WindowsHost, name: str) -> None:
    """Ask for the start; whether it succeeds shows in :func:`query`. Running already is fine."""
    result = host.run(["sc", "start", name], idempotent=True)
    if result.exit_code != ALREADY_RUNNING:
        _good(host, result, f"start the service {name}")


def stop(host: WindowsHost, name: str) -> None:
    """Ask for the stop; when it is done shows in :func:`query`. Stopped already, or stopping, is fine."""
    result = host.run(["sc", "stop", name], idempotent=True)
    if result.exit_code in (NOT_STARTED, NO_SUCH_SERVICE):
        return
    if result.exit_code == CANNOT_TAKE_CONTROL:
        now = query(host, name)
        if now and now.state in ("stop_pending", "stopped"):
            return
    _good(host, result, f"stop the service {name}")


def set_start_type(host: WindowsHost, name: str, start_type: str) -> None:
    """Set how the service starts: auto, manual or disabled."""
    word = {"auto": "auto", "manual": "demand", "disabled": "disabled"}[start_type]
    # sc.exe wants "start=" and its value as two arguments.
    _good(host, host.run(["sc", "config", name, "start=", word], idempotent=True), f"set the start type of the service {name}")


def wait_for(
    host: WindowsHost,
    name: str,
    state: str,
    timeout: float,
    *,
    tell: Callable[[ServiceState], object] = lambda now: None,
    sleep: Callable[[float], None] = time.sleep,
) -> ServiceState:
    """Wait until the service is in a state.

    Args:
        timeout: Seconds.

    Raises:
        HostTimeout: It did not get there; the message names the state it was in.
        HostError: The service does not exist, or stopped where it should start.
    """
    deadline = time.monotonic() + timeout
    pause, seen_pending = 0.2, False
    while True:
        now = query(host, name)
        if now is None:
            raise HostError(f"{host.where}: there is no service {name}.", host.name, NO_SUCH_SERVICE)
        if now.state == state:
            return now
        tell(now)
        if state == "running" and now.state == "stopped" and seen_pending:
            raise HostError(
                f"{host.where}: the service {name} stopped again while it started (exit code {now.exit_code}).", host.name, now.exit_code
            )
        seen_pending = seen_pending or now.state == "start_pending"
        if time.monotonic() >= deadline:
            raise HostTimeout(
                f"{host.where}: the service {name} is {now.state} (process {now.pid}) instead of {state} after {timeout:.0f} s.", host.name
            )
        sleep(pause)
        pause = min(pause * 1.5, 3.0)


def _values(text: str) -> list[str]:
    """What stands after the colon of each indented line; the first line, with the name, is not indented."""
    return [match["value"] for match in map(_FIELD.match, text.splitlines()) if match]


def _good(host: WindowsHost, result: CommandResult, wanted: str) -> None:
    if result.exit_code:
        said = " ".join((result.stderr or result.stdout).split())
        raise HostError(f"{host.where}: could not {wanted}: Windows error {result.exit_code}: {said}", host.name, result.exit_code)
