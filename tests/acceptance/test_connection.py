# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""WinRM as the collection uses it: full paths, UTF-8, standard input, no Signal, environment, deadlines, refusals."""

from __future__ import annotations

import dataclasses

import pytest
from acceptance.target import SYSTEM32, Target, wait_until
from ansible_collections.octopus.upgrade.plugins.module_utils._windows.connection import COMMANDS_PER_SHELL, WindowsHost
from ansible_collections.octopus.upgrade.plugins.module_utils._windows.errors import (
    HostError,
    HostRefused,
    HostTimeout,
    HostUnreachable,
)
from ansible_collections.octopus.upgrade.plugins.module_utils._windows.quoting import cmd_line
from winrm.exceptions import WSManFaultError
from winrm.protocol import Protocol

FILE_NOT_FOUND = 2147942402
TEXT = "Grüße, 100 €, 漢字, Ωμέγα"


@pytest.fixture
def protocol(target: Target) -> Protocol:
    """pywinrm itself, set up as the collection does: for what the collection never sends."""
    return Protocol(**target.options.protocol_arguments(target.options.transport[0]))


@pytest.mark.parametrize("command", ["hostname", "hostname.exe", "System32\\hostname.exe"])
def test_without_a_shell_a_bare_name_is_not_found(protocol: Protocol, command: str) -> None:
    shell = protocol.open_shell(codepage=65001)
    try:
        with pytest.raises(WSManFaultError) as error:
            protocol.run_command(shell, command, skip_cmd_shell=True)
    finally:
        protocol.close_shell(shell)
    assert error.value.wsman_fault_code == FILE_NOT_FOUND


def test_without_a_shell_a_path_with_a_space_is_not_found(protocol: Protocol, spaced: str) -> None:
    """The lab's assumption alone. Where this fails, the cmd prefix could go: the collection does not depend on it."""
    shell = protocol.open_shell(codepage=65001)
    try:
        with pytest.raises(WSManFaultError) as error:
            protocol.run_command(shell, f"{spaced}\\reg.exe", ["/?"], skip_cmd_shell=True)
    finally:
        protocol.close_shell(shell)
    assert error.value.wsman_fault_code == FILE_NOT_FOUND


def test_a_missing_program_is_an_error_that_says_so(host: WindowsHost) -> None:
    with pytest.raises(HostError, match="does not exist") as error:
        host.run(["C:\\Windows\\System32\\octopus-acceptance-missing.exe"])
    assert error.value.code == 2


def test_output_is_utf_8(host: WindowsHost, folder: str) -> None:
    assert host.run_cmd(f"echo {TEXT}", check=True).stdout == TEXT + "\n"
    host.run_builtin("mkdir", f"{folder}\\{TEXT}", check=True)
    listed = host.run_builtin("dir", "/b", folder, check=True).stdout.splitlines()
    host.run_builtin("rmdir", f"{folder}\\{TEXT}", check=True)
    assert TEXT in listed


def test_a_shell_is_64_bit(host: WindowsHost) -> None:
    """So System32 and HKLM\\SOFTWARE are what they seem."""
    assert host.run_cmd("echo %PROCESSOR_ARCHITECTURE%", check=True).stdout.strip() == "AMD64"


def test_standard_error_is_apart_and_exit_codes_are_numbers(host: WindowsHost, key: str) -> None:
    result = host.run(["reg", "query", f"{key}\\missing"])
    assert (result.exit_code, result.stdout) == (1, "")
    assert result.stderr.strip()
    assert host.run_cmd("exit /b 3010").exit_code == 3010
    assert host.run_cmd("exit /b -1073741819").exit_code == -1073741819


def test_standard_input_arrives_and_ends(host: WindowsHost) -> None:
    lines = f"first\n{TEXT}\n\nlast\n"
    assert host.run(["findstr", "^"], stdin=lines.replace("\n", "\r\n"), check=True).stdout == lines


def test_much_standard_input_arrives_whole(host: WindowsHost) -> None:
    """More than one Send carries."""
    text = "".join(f"{number:063d}\n" for number in range(8000))
    result = host.run(["findstr", "^"], stdin=text.replace("\n", "\r\n"), check=True, timeout=300)
    assert result.stdout == text


def test_a_command_that_does_not_read_its_input_is_no_failure(host: WindowsHost) -> None:
    """It may have ended before the Send arrives, which then faults; its exit code is to be had all the same."""
    for _number in range(10):
        assert host.run_cmd("exit /b 7", stdin="x" * 200_000).exit_code == 7


def test_much_output_arrives_whole(host: WindowsHost, folder: str) -> None:
    text = "".join(f"{number:062d}\r\n" for number in range(16000))
    path = f"{folder}\\much.txt"
    host.run_cmd(f'findstr "^" > "{path}"', stdin=text, check=True, timeout=300)
    result = host.run_builtin("type", path, timeout=300, check=True)
    host.run_builtin("del", path, check=True)
    assert result.stdout_bytes.decode() == text


def test_fifty_commands_without_a_signal(host: WindowsHost) -> None:
    """Finished commands that nobody signals do not fill the shell, which is replaced after some."""
    assert 2 * COMMANDS_PER_SHELL < 50
    names = {host.run(["hostname"], check=True).stdout.strip().lower() for _number in range(50)}
    assert len(names) == 1


def test_a_shell_holds_as_many_unsignalled_commands_as_it_is_given(protocol: Protocol) -> None:
    """COMMANDS_PER_SHELL is not too many (MaxProcessesPerShell)."""
    shell = protocol.open_shell(codepage=65001)
    try:
        for _number in range(COMMANDS_PER_SHELL):
            command = protocol.run_command(shell, f"{SYSTEM32}\\hostname.exe", skip_cmd_shell=True)
            assert protocol.get_command_output(shell, command)[2] == 0
    finally:
        protocol.close_shell(shell)


def test_the_environment_is_given_to_one_command_alone(host: WindowsHost) -> None:
    name = "OCTOPUS_UPGRADE_PROBE"
    show = [f"{SYSTEM32}\\cmd.exe", "/d", "/c", "set", name]
    assert host.run(show, env={name: "one & two %three%"}, check=True).stdout == f"{name}=one & two %three%\n"
    assert host.run(show).exit_code == 1


def test_a_command_that_takes_too_long_is_ended(target: Target, host: WindowsHost) -> None:
    """Its process is gone, and the connection still serves."""
    command = target.pause(600)
    image = command[0].rpartition("\\")[2]
    with pytest.raises(HostTimeout):
        host.run(command, timeout=2)

    def gone() -> bool:
        left = host.run(["tasklist", "/fo", "csv", "/nh", "/fi", f"imagename eq {image}"], check=True).stdout
        return f'"{image.lower()}"' not in left.lower()

    wait_until(gone, "the process is gone")


def test_a_command_may_be_silent_for_longer_than_the_operation_timeout(target: Target) -> None:
    """The host answers a Receive that finds nothing with a fault, and pywinrm asks again."""
    options = dataclasses.replace(target.options, operation_timeout=1)
    with WindowsHost(options) as host:
        seconds = 180 if target.is_lab else 3  # lab time runs faster
        assert host.run_cmd(f"{cmd_line(target.pause(seconds))} > nul", timeout=120).exit_code == 0


def test_a_wrong_password_is_refused_at_once(target: Target) -> None:
    wrong = dataclasses.replace(target.options, password=f"not {target.options.password}")
    with WindowsHost(wrong) as host, pytest.raises(HostRefused):
        host.run(["hostname"])


def test_an_unknown_certificate_is_refused(target: Target, monkeypatch: pytest.MonkeyPatch) -> None:
    if target.options.scheme != "https":
        pytest.skip("the host is reached over HTTP: there is no certificate")
    if not target.options.ca_trust_path:
        pytest.skip("the host's certificate is trusted anyway: OCTOPUS_ACCEPTANCE_CA is not set")
    for name in ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"):
        monkeypatch.delenv(name, raising=False)  # pywinrm heeds them
    with WindowsHost(dataclasses.replace(target.options, ca_trust_path=None)) as host, pytest.raises(HostRefused, match="certificate"):
        host.run(["hostname"])


def test_a_port_where_nobody_listens_is_unreachable(target: Target) -> None:
    with WindowsHost(dataclasses.replace(target.options, port=1)) as host, pytest.raises(HostUnreachable):
        host.run(["hostname"])
