# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""pywinrm, the client that Ansible uses, against the lab's WinRM."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
import requests
from lab.windows.process import Process
from winrm import Session
from winrm.exceptions import WinRMTransportError, WSManFaultError

from .conftest import ACCOUNT, CMD, PASSWORD, SPACED, TOOL, WAIT, Lab, prints

TIMED_OUT = 2150858793


def show(process: Process) -> int:
    """Prints what it was started with."""
    process.print(repr(process.argv))
    process.error(process.logon.account)
    return int(process.argv[-1]) if process.argv[-1].lstrip("-").isdigit() else 0


@pytest.mark.parametrize("kind", ["http", "https", "https_ntlm", "https_encrypted"])
def test_a_command_runs_with_output_error_output_and_exit_code(lab: Lab, kind: str) -> None:
    lab.handler = show
    clients = {
        "http": lab.http,
        "https": lab.https,
        "https_ntlm": lambda: lab.https(transport="ntlm"),
        "https_encrypted": lambda: lab.https(transport="ntlm", message_encryption="always"),
    }
    out, err, code = lab.run(clients[kind](), "a", '"b c"', "7")
    assert out.decode() == repr([TOOL, "a", "b c", "7"]) + "\r\n"
    assert err.decode() == ACCOUNT + "\r\n"
    assert code == 7
    assert {event["secure"] for event in lab.requests()} == {kind != "http"}


def test_http_never_carries_a_readable_message(lab: Lab) -> None:
    lab.handler = show
    client = lab.http(message_encryption="always")
    bodies: list[bytes] = []
    session = client.transport.build_session()
    session.hooks["response"].append(lambda response, **_: bodies.extend((response.request.body or b"", response.content)))
    lab.run(client, "secret-argument")
    assert len(bodies) == 8
    assert not any(b"Envelope" in body or b"secret-argument" in body for body in bodies)


def test_an_unencrypted_message_over_http_is_refused_without_a_word(lab: Lab) -> None:
    with pytest.raises(WinRMTransportError) as error:
        lab.http(message_encryption="never").open_shell()
    assert error.value.code == 500
    assert error.value.response_text == ""
    assert lab.server.shells.all() == []


def test_basic_is_not_offered_over_http(lab: Lab) -> None:
    response = requests.post(lab.server.http_endpoint, data=b"x", auth=(ACCOUNT, PASSWORD), timeout=WAIT)
    assert (response.status_code, response.headers["WWW-Authenticate"]) == (401, "Negotiate")
    assert sum(lab.server.logons.failures.values()) == 0


def test_the_certificate_is_checked_and_names_address_and_host(lab: Lab) -> None:
    with pytest.raises(requests.exceptions.SSLError):
        lab.https(ca_trust_path=None).open_shell()
    assert lab.requests() == []


def test_session_run_cmd_goes_through_cmd_exe(lab: Lab) -> None:
    lab.host.programs["tool"] = prints(lambda process: process.command_line)
    lab.host.add_program(CMD, "tool")
    session = Session(lab.server.endpoint, (ACCOUNT, PASSWORD), transport="ssl", ca_trust_path=str(lab.network.authority.path), proxy=None)
    result = session.run_cmd("hostname", ["&", "ver"])
    assert result.std_out.decode() == f'{CMD} /C "hostname & ver"\r\n'
    assert result.status_code == 0
    command = lab.ledger.events("winrm.command")[0]
    assert (command["command"], command["arguments"], command["logon"], command["skip_cmd_shell"]) == ("hostname", "& ver", ACCOUNT, False)
    assert [event["action"] for event in lab.requests()] == ["Create", "Command", "Receive", "Signal", "Delete"]


def test_cmd_exe_runs_what_it_is_given_with_and_without_the_shell(lab: Lab) -> None:
    lab.handler = show
    client = lab.https()
    shell = client.open_shell(codepage=65001)
    through = client.run_command(shell, "echo", ["a", "&", "echo", "b"])
    assert client.get_command_output(shell, through) == (b"a \r\nb\r\n", b"", 0)
    quoted = client.run_command(shell, CMD, ["/d", "/s", "/c", f'""{SPACED}" "x & y" "9""'], skip_cmd_shell=True)
    out, _err, code = client.get_command_output(shell, quoted)
    assert (out.decode(), code) == (repr([SPACED, "x & y", "9"]) + "\r\n", 9)


@pytest.mark.parametrize("command", ["tool.exe", "Tools\\tool.exe", SPACED, f'"{SPACED}"', "C:\\Tools\\missing.exe"])
def test_without_a_shell_a_command_needs_its_full_path_without_spaces(lab: Lab, command: str) -> None:
    client = lab.https()
    shell = client.open_shell()
    with pytest.raises(WSManFaultError, match="cannot find the file") as error:
        client.run_command(shell, command, skip_cmd_shell=True)
    assert (error.value.code, error.value.wsman_fault_code) == (500, 2147942402)
    assert lab.ledger.events("process.start") == []


def test_stdin_arrives_whole_and_ends(lab: Lab) -> None:
    def echo(process: Process) -> int:
        process.stdout.write(process.stdin.read()[::-1])
        return 0

    lab.handler = echo
    client = lab.http()
    shell = client.open_shell()
    command = client.run_command(shell, TOOL, skip_cmd_shell=True)
    data = bytes(range(256)) * 1000
    client.send_command_input(shell, command, data)
    client.send_command_input(shell, command, b"\x00end", end=True)
    assert client.get_command_output(shell, command) == ((data + b"\x00end")[::-1], b"", 0)
    with pytest.raises(WSManFaultError, match="pipe"):
        client.send_command_input(shell, command, b"more")


def test_an_empty_stdin_can_end_too(lab: Lab) -> None:
    lab.handler = lambda process: len(process.stdin.read())
    client = lab.https()
    shell = client.open_shell()
    command = client.run_command(shell, TOOL, skip_cmd_shell=True)
    client.send_command_input(shell, command, b"", end=True)
    assert client.get_command_output(shell, command) == (b"", b"", 0)


def test_a_program_may_run_longer_than_the_operation_timeout(lab: Lab) -> None:
    lab.handler = lab.until_released
    client = lab.http(operation_timeout_sec=4)
    shell = client.open_shell()
    command = client.run_command(shell, TOOL, skip_cmd_shell=True)

    def release() -> None:
        lab.wait("winrm.request", action="Receive", fault=TIMED_OUT)
        lab.release.set()

    thread = threading.Thread(target=release)
    thread.start()
    assert client.get_command_output(shell, command) == (b"released\r\n", b"", 0)
    thread.join()
    started, timed_out = lab.requests(action="Command")[0], lab.requests(fault=TIMED_OUT)[0]
    assert timed_out["status"] == 500
    assert timed_out.t - started.t >= 4.0


def test_output_comes_in_pieces_as_it_is_written(lab: Lab) -> None:
    def talk(process: Process) -> int:
        process.print("first")
        return lab.until_released(process)

    lab.handler = talk
    client = lab.https()
    shell = client.open_shell()
    command = client.run_command(shell, TOOL, skip_cmd_shell=True)
    assert client.get_command_output_raw(shell, command) == (b"first\r\n", b"", -1, False)
    lab.release.set()
    assert client.get_command_output(shell, command) == (b"released\r\n", b"", 0)


def test_large_output_keeps_to_the_envelope_size(lab: Lab) -> None:
    data = b"0123456789abcdef" * 65536

    def write(process: Process) -> int:
        process.stdout.write(data)
        return 0

    lab.handler = write
    client = lab.https()
    sizes: list[int] = []
    client.transport.build_session().hooks["response"].append(lambda response, **_: sizes.append(len(response.content)))
    assert lab.run(client)[0] == data
    assert 100_000 < max(sizes) <= client.max_env_sz


def test_a_message_larger_than_the_quota_gets_413(lab: Lab) -> None:
    client = lab.https()
    shell = client.open_shell()
    with pytest.raises(WinRMTransportError) as error:
        client.run_command(shell, TOOL, ["x" * 600_000], skip_cmd_shell=True)
    assert error.value.code == 413
    assert lab.ledger.events("winrm.command") == []


@pytest.mark.parametrize(("codepage", "text", "encoded"), [(65001, "Größe ✓ 日本", "Größe ✓ 日本"), (437, "Größe ✓", "Größe ?")])
def test_output_is_in_the_code_page_of_the_shell(lab: Lab, codepage: int, text: str, encoded: str) -> None:
    lab.handler = prints(lambda _process: text)
    client = lab.https()
    shell = client.open_shell(codepage=codepage)
    out, _err, _code = client.get_command_output(shell, client.run_command(shell, TOOL, skip_cmd_shell=True))
    assert out.decode("utf-8" if codepage == 65001 else "cp437") == f"{encoded}\r\n"


def test_arguments_beyond_ascii_arrive(lab: Lab) -> None:
    lab.handler = show
    out, _err, _code = lab.run(lab.http(), '"Größe ✓ <&>"')
    assert out.decode() == repr([TOOL, "Größe ✓ <&>"]) + "\r\n"


def test_environment_and_working_directory_belong_to_the_shell(lab: Lab) -> None:
    def look(process: Process) -> int:
        process.print(f"{process.env['NAME']}|{process.env['Path'].count(';') > 0}|{process.cwd}")
        return 0

    lab.handler = look
    client = lab.https()
    shell = client.open_shell(env_vars={"name": "a&b <c>"}, working_directory="C:\\Windows")
    out, _err, _code = client.get_command_output(shell, client.run_command(shell, TOOL, skip_cmd_shell=True))
    assert out.decode() == "a&b <c>|True|C:\\Windows\r\n"
    elsewhere = client.open_shell(working_directory="C:\\Nowhere")
    with pytest.raises(WSManFaultError, match="directory name is invalid"):
        client.run_command(elsewhere, TOOL, skip_cmd_shell=True)


@pytest.mark.parametrize(("code", "seen"), [(-1, 4294967295), (3010, 3010), (0xC0000005, 3221225477)])
def test_exit_codes_are_32_bit_numbers(lab: Lab, code: int, seen: int) -> None:
    lab.handler = lambda process: code
    assert lab.run(lab.https())[2] == seen


def test_shells_and_clients_work_side_by_side(lab: Lab) -> None:
    everybody = threading.Barrier(8, timeout=WAIT)

    def meet(process: Process) -> int:
        everybody.wait()
        process.print(process.argv[1])
        return 0

    lab.handler = meet

    def run(number: int) -> bytes:
        return lab.run(lab.http() if number % 2 else lab.https(), str(number))[0]

    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(run, range(8))) == [f"{number}\r\n".encode() for number in range(8)]
    assert lab.server.shells.all() == []
    assert len({event["connection"] for event in lab.requests()}) == 8


def test_several_commands_share_a_shell_and_a_connection(lab: Lab) -> None:
    lab.handler = show
    client = lab.http()
    shell = client.open_shell(codepage=65001)
    before = len(lab.requests())
    for number in range(3):
        command = client.run_command(shell, TOOL, [str(number)], skip_cmd_shell=True)
        assert client.get_command_output(shell, command)[2] == number
    assert len(lab.requests()) - before == 6
    assert {event["connection"] for event in lab.requests()} == {1}
