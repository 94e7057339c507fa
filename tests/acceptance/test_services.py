# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Services and processes: the numbers of sc.exe, the table of tasklist."""

from __future__ import annotations

import threading
import uuid
from collections.abc import Callable, Iterator

import pytest
from acceptance.target import Target, wait_until
from ansible_collections.octopus.upgrade.plugins.module_utils._windows import processes, services
from ansible_collections.octopus.upgrade.plugins.module_utils._windows.connection import CommandResult, WindowsHost
from ansible_collections.octopus.upgrade.plugins.module_utils._windows.errors import HostError

TIMEOUT = 120.0
NO_SUCH_SERVICE, ALREADY_RUNNING, NOT_STARTED, IS_DISABLED, NEVER_STARTED = 1060, 1056, 1062, 1058, 1077


@pytest.fixture
def service(host: WindowsHost, needs: Callable[[str], str]) -> Iterator[str]:
    """A service that may be stopped; afterwards it is as it was."""
    name = needs("service")
    config, state = services.config(host, name), services.query(host, name)
    assert config is not None
    assert state is not None
    services.set_start_type(host, name, "manual")
    yield name
    services.set_start_type(host, name, "manual")
    (services.start if state.state == "running" else services.stop)(host, name)
    services.wait_for(host, name, state.state if state.state in ("running", "stopped") else "stopped", TIMEOUT)
    services.set_start_type(host, name, config.start_type)


@pytest.fixture
def created(host: WindowsHost) -> Iterator[str]:
    """A service that never ran. Its path has spaces and quotes, as real ones have."""
    name = f"octopus.acceptance-{uuid.uuid4().hex[:8]}"
    argv = ["sc", "create", name, "binPath=", '"C:\\Program Files\\no such\\server.exe" run --instance "A B"', "start=", "demand"]
    host.run([*argv, "DisplayName=", f"{name} shown"], check=True)
    yield name
    host.run(["sc", "delete", name], check=True)


def test_a_missing_service_is_1060(host: WindowsHost) -> None:
    assert host.run(["sc", "query", "octopus.acceptance-missing"]).exit_code == NO_SUCH_SERVICE
    assert services.query(host, "octopus.acceptance-missing") is None
    assert services.config(host, "octopus.acceptance-missing") is None


def test_a_service_that_never_ran(host: WindowsHost, created: str) -> None:
    assert services.query(host, created) == services.ServiceState(created, "stopped", 0, NEVER_STARTED)
    assert host.run(["sc", "stop", created]).exit_code == NOT_STARTED
    services.stop(host, created)


def test_the_configuration_by_its_order(host: WindowsHost, created: str) -> None:
    config = services.config(host, created)
    assert config is not None
    assert (config.start_type, config.account, config.display_name) == ("manual", "LocalSystem", f"{created} shown")
    assert config.command == '"C:\\Program Files\\no such\\server.exe" run --instance "A B"'
    for start_type in ("auto", "disabled", "manual"):
        services.set_start_type(host, created, start_type)
        config = services.config(host, created)
        assert config is not None
        assert config.start_type == start_type


def test_a_service_starts_and_stops(host: WindowsHost, service: str) -> None:
    services.stop(host, service)
    stopped = services.wait_for(host, service, "stopped", TIMEOUT)
    assert stopped.pid == 0
    assert host.run(["sc", "stop", service]).exit_code == NOT_STARTED
    services.start(host, service)
    running = services.wait_for(host, service, "running", TIMEOUT)
    assert processes.is_running(host, running.pid)
    assert host.run(["sc", "start", service]).exit_code == ALREADY_RUNNING
    services.start(host, service)
    services.stop(host, service)
    services.wait_for(host, service, "stopped", TIMEOUT)
    wait_until(lambda: not processes.is_running(host, running.pid), "the service's process is gone")


def test_a_disabled_service_is_refused_with_1058(host: WindowsHost, service: str) -> None:
    services.stop(host, service)
    services.wait_for(host, service, "stopped", TIMEOUT)
    services.set_start_type(host, service, "disabled")
    with pytest.raises(HostError) as error:
        services.start(host, service)
    assert error.value.code == IS_DISABLED


def test_a_process_is_found_by_name_and_id_and_ended(target: Target, host: WindowsHost) -> None:
    done: list[CommandResult] = []
    command = target.pause(900)
    image = command[0].rpartition("\\")[2]
    before = {one.pid for one in processes.find(host, image=image)}

    def run() -> None:
        with WindowsHost(target.options) as other:
            done.append(other.run(command, timeout=120))

    thread = threading.Thread(target=run)
    thread.start()
    try:
        wait_until(lambda: bool({one.pid for one in processes.find(host, image=image)} - before), f"{image} runs")
        pid = ({one.pid for one in processes.find(host, image=image)} - before).pop()
        assert [(one.image.lower(), one.pid) for one in processes.find(host, pid=pid)] == [(image.lower(), pid)]
        assert processes.kill(host, pid)
    finally:
        thread.join(150)
    assert [result.exit_code for result in done] == [1]
    assert not processes.is_running(host, pid)
    assert not processes.kill(host, pid)
    assert processes.find(host, image="octopus-acceptance-missing.exe") == []
