# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""One connection and shell per run; deadlines; what is retried and what never is. The wire itself is tested against the lab."""

from __future__ import annotations

from collections import Counter
from typing import Any

import pytest

pytest.importorskip("winrm")

import requests.exceptions
import urllib3.exceptions
from ansible_collections.octopus.upgrade.plugins.module_utils._core.waiting import Deadline
from ansible_collections.octopus.upgrade.plugins.module_utils._windows.connection import (
    COMMANDS_PER_SHELL,
    CommandResult,
    ConnectionOptions,
    WindowsHost,
    text_of,
)
from ansible_collections.octopus.upgrade.plugins.module_utils._windows.errors import (
    HostError,
    HostRefused,
    HostTimeout,
    HostUnreachable,
)
from winrm.exceptions import InvalidCredentialsError, WinRMOperationTimeoutError, WinRMTransportError, WSManFaultError

OPTIONS = ConnectionOptions(name="octo-a", host="h", username="admin", password="S3cret", transport=("ntlm",))


class FakeProtocol:
    """What pywinrm's Protocol does, without a wire. ``fails`` maps a step to the exceptions of its next calls."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.operation_timeout_sec = 20
        self.transport = self
        self.trust_env = True
        self.hooks: dict[str, list[Any]] = {"response": []}

    def build_session(self) -> FakeProtocol:
        return self

    def _step(self, name: str, *details: Any) -> None:
        self.world.steps.append((name, *details))
        errors = self.world.fails.get(name)
        if errors:
            raise errors.pop(0)

    def open_shell(self, codepage: int = 437, env_vars: dict[str, str] | None = None) -> str:
        self._step("open", codepage, env_vars)
        return f"shell-{sum(step[0] == 'open' for step in self.world.steps)}"

    def run_command(self, shell: str, command: str, arguments: Any, console_mode_stdin: bool, skip_cmd_shell: bool) -> str:
        self._step("command", shell, command, list(arguments), console_mode_stdin, skip_cmd_shell)
        return "id"

    def send_command_input(self, shell: str, command_id: str, data: bytes, end: bool = False) -> None:
        self._step("send", data, end)

    def get_command_output_raw(self, shell: str, command_id: str) -> tuple[bytes, bytes, int, bool]:
        self._step("receive", self.operation_timeout_sec)
        return self.world.answers.pop(0) if self.world.answers else (b"", b"", 0, True)

    def cleanup_command(self, shell: str, command_id: str) -> None:
        self._step("signal")

    def close_shell(self, shell: str, close_session: bool = True) -> None:
        self._step("close", shell)

    def close_session(self) -> None:
        self._step("hang up")


class World:
    def __init__(self) -> None:
        self.steps: list[tuple[Any, ...]] = []
        self.fails: dict[str, list[Exception]] = {}
        self.answers: list[tuple[bytes, bytes, int, bool]] = []
        self.connected: list[dict[str, Any]] = []
        self.now = 0.0

    def connect(self, **arguments: Any) -> FakeProtocol:
        self.connected.append(arguments)
        return FakeProtocol(self)

    def count(self) -> Counter[str]:
        return Counter(step[0] for step in self.steps)

    def host(self, options: ConnectionOptions = OPTIONS) -> WindowsHost:
        return WindowsHost(options, connect=self.connect, patience=lambda: Deadline(15.0, 0.3, 3.0, lambda: self.now, self.sleep))

    def sleep(self, seconds: float) -> None:
        self.now += seconds


@pytest.fixture
def world():
    return World()


def fault(code: int | None, wmi: int | None = None, response: str = "r") -> WSManFaultError:
    return WSManFaultError(500, "m", response, "The reason", "s:Receiver", "w:x", code, wmi)


def refused() -> Exception:
    """What requests raises where nothing listens."""
    inner = urllib3.exceptions.NewConnectionError(None, "Connection refused")
    return requests.exceptions.ConnectionError(urllib3.exceptions.MaxRetryError(None, "/wsman", inner))


def test_two_requests_a_command_and_one_shell(world):
    with world.host() as host:
        assert world.connected == []
        for _number in range(5):
            host.run(["sc", "query", "a b"])
    assert world.count() == {"open": 1, "command": 5, "receive": 5, "close": 1, "hang up": 1}
    assert len(world.connected) == 1
    assert world.steps[0] == ("open", 65001, None)
    assert world.steps[1] == ("command", "shell-1", "C:\\Windows\\System32\\sc.exe", ['query "a b"'], True, True)


def test_the_shell_is_renewed_before_the_host_has_enough_of_it(world):
    with world.host() as host:
        for _number in range(COMMANDS_PER_SHELL + 1):
            host.run(["hostname"])
    assert world.count()["open"] == 2
    assert [step[1] for step in world.steps if step[0] == "close"] == ["shell-1", "shell-2"]


def test_a_path_with_a_space_goes_through_the_constant_prefix(world):
    host = world.host()
    host.run(["C:\\Program Files\\x.exe", "a&b", "C:\\d\\"])
    assert world.steps[1][2:4] == ("C:\\Windows\\System32\\cmd.exe", ['/d /s /c ""C:\\Program Files\\x.exe" "a&b" "C:\\d\\\\""'])
    with pytest.raises(ValueError, match="%"):
        host.run(["C:\\Program Files\\x.exe", "%PATH%"])
    host.run_builtin("type", "C:\\a b.txt")
    assert world.steps[-2][3] == ['/d /s /c "type "C:\\a b.txt""']


def test_output_exit_code_and_text(world):
    world.answers = [("Grü".encode(), b"", -1, False), (b"\xc3\x9fe\r\n", b"no\r\n", 0xC0000005, True)]
    result = world.host().run(["x"])
    assert result.stdout == "Grü\u00dfe\n"
    assert (result.stderr, result.exit_code) == ("no\n", -1073741819)


@pytest.mark.parametrize(
    ("data", "text"),
    [
        (b"\xef\xbb\xbfa\r\nb", "a\nb"),
        ("\ufeffGrüße".encode("utf-16-le"), "Grüße"),
        ("a\r\nlog".encode("utf-16-le"), "a\nlog"),
        (b"\xff\xfe", ""),
        (b"\x81", "\ufffd"),
        (b"", ""),
    ],
)
def test_text(data, text):
    assert text_of(data) == text


def test_stdin_is_a_pipe_that_ends(world):
    world.host().run(["x"], stdin="Grüße\r\n")
    assert world.steps[1][4] is False
    assert world.steps[2] == ("send", "Grüße\r\n".encode(), True)
    world.host().run(["x"], stdin=b"x" * 100000)
    sends = [step for step in world.steps if step[0] == "send"][1:]
    assert [(len(step[1]), step[2]) for step in sends] == [(98304, False), (1696, True)]
    world.host().run(["x"], stdin="")
    assert world.steps[-2] == ("send", b"", True)


def test_a_command_that_does_not_read_its_stdin_still_ends(world):
    world.fails["send"] = [fault(2147942632)]
    world.answers = [(b"", b"no", 3, True)]
    assert world.host().run(["x"], stdin="never read").exit_code == 3


def test_environment_gets_a_shell_of_its_own(world):
    host = world.host()
    host.run(["x"])
    host.run(["x"], env={"NAME": "value"})
    host.run(["x"])
    assert [step[2] for step in world.steps if step[0] == "open"] == [None, {"NAME": "value"}]
    assert [step[1] for step in world.steps if step[0] == "command"] == ["shell-1", "shell-2", "shell-1"]


def test_a_deadline_ends_the_command(world):
    world.fails["receive"] = [WinRMOperationTimeoutError()] * 3
    with pytest.raises(HostTimeout, match=r"octo-a \(h:5986\): expected x to end within 0 s"):
        world.host().run(["x"], timeout=0)
    assert world.steps[-1] == ("signal",)
    world.fails["receive"] = [WinRMOperationTimeoutError()] * 3
    world.host().run(["x"], timeout=7)
    # The host is asked to answer before our own deadline.
    assert {step[1] for step in world.steps if step[0] == "receive"} <= {7, 8}


def test_a_refused_password_is_never_tried_again(world):
    world.fails["open"] = [InvalidCredentialsError("rejected")] * 3
    with pytest.raises(HostRefused, match="There was only one attempt") as caught:
        world.host().run(["x"], idempotent=True)
    assert world.count()["open"] == 1
    assert "S3cret" not in str(caught.value)


def test_a_lost_connection_is_renewed_for_what_may_run_twice(world):
    world.fails["receive"] = [requests.exceptions.ConnectionError("gone")]
    assert world.host().run(["x"], idempotent=True).exit_code == 0
    assert len(world.connected) == 2
    world.fails["receive"] = [requests.exceptions.ConnectionError("gone")]
    with pytest.raises(HostUnreachable, match="no WinRM answer from https://h:5986/wsman: gone"):
        world.host().run(["x"])


@pytest.mark.parametrize(
    ("error", "kind", "said"),
    [
        (fault(2147942402), HostError, "the program does not exist on the host"),
        (fault(2150858843), HostUnreachable, "the WinRM shell is gone"),
        (fault(995), HostUnreachable, "the WinRM shell is gone"),
        (fault(5), HostRefused, "has to be an administrator"),
        (fault(2147942405), HostRefused, "has to be an administrator"),
        (fault(2150859173), HostError, "no further WinRM shell .* MaxShellsPerUser"),
        (fault(None, 2150859174), HostError, "no further WinRM command .* MaxConcurrentOperationsPerUser"),
        (fault(2150859179), HostError, "no further WinRM user .* MaxConcurrentUsers"),
        (fault(2150859241), HostError, "no further WinRM command .* MaxProcessesPerShell"),
        (fault(1), HostError, r"WinRM fault 1: The reason\.$"),
        (fault(None), HostError, r"WinRM fault without a number \(w:x\): The reason\.$"),
        (
            fault(7, response="<x xmlns='u'><Message><ProviderFault>A  provider</ProviderFault></Message></x>"),
            HostError,
            "reason. A provider.",
        ),
        (WinRMTransportError("http", 404, "x"), HostUnreachable, "HTTP 404 instead of a WinRM answer"),
        (WinRMTransportError("http", 407, "x"), HostUnreachable, "The proxy wants an account"),
        (requests.exceptions.SSLError("odd"), HostRefused, "no trusted TLS connection: odd. The TLS handshake failed"),
        (requests.exceptions.InvalidURL("odd"), HostRefused, r"is invalid: odd\. Check ansible_host"),
        (requests.exceptions.InvalidURL("http://u:p@x:y"), HostRefused, r"proxy is invalid\. Check ansible_host"),
    ],
)
def test_faults_say_what_to_do(world, error, kind, said):
    world.fails["command"] = [error] * 99
    with pytest.raises(kind, match=said) as caught:
        world.host().run(["x"])
    assert caught.value.__class__ is kind
    assert "octo-a (h:5986)" in caught.value.message
    assert caught.value.__cause__ is None


def test_other_mistakes_stay_what_they_are(world):
    world.fails["command"] = [KeyError("a defect")]
    with pytest.raises(KeyError):
        world.host().run(["x"])


def test_check_quotes_the_last_lines_unless_they_are_secret(world):
    world.answers = [(b"a\r\nb\r\n", b"", 2, True)] * 2
    with pytest.raises(HostError, match=r"x ended with 2: a \| b") as caught:
        world.host().run(["x", "S3cret"], check=True)
    assert "S3cret" not in str(caught.value)
    with pytest.raises(HostError, match=r"ended with 2\.$"):
        world.host().run(["x"], check=True, secret=True)


def test_results_and_hosts_show_no_secret(world):
    result = CommandResult(0, ("x", "S3cret"), "S3cret", "S3cret", b"S3cret")
    assert "S3cret" not in repr(result)
    assert "S3cret" not in repr(world.host())


def test_closing_does_not_fail_when_the_host_is_gone(world):
    host = world.host()
    host.run(["x"])
    world.fails["close"] = [requests.exceptions.ConnectionError("gone")]
    host.close()
    host.close()
    assert world.count()["close"] == 1


def test_a_command_waits_for_a_host_that_does_not_listen_for_a_moment(world):
    world.fails["open"] = [refused(), refused(), requests.exceptions.ConnectionError("reset")]
    assert world.host().run(["x"]).exit_code == 0
    assert world.count()["command"] == 1
    world.fails["command"] = [refused()]
    assert world.host().run(["x"]).exit_code == 0
    assert 1 < world.now < 5


def test_the_wait_for_a_host_ends(world):
    world.fails["open"] = [refused()] * 99
    with pytest.raises(HostUnreachable, match="no WinRM answer"):
        world.host().run(["x"], idempotent=True)
    assert 14 < world.now <= 15.1
    assert 5 < world.count()["open"] < 12


def test_a_slow_failure_is_tried_once_more(world):
    def slow() -> Exception:
        world.now += 30
        return requests.exceptions.ConnectTimeout("slow")

    class Slow(list):
        def pop(self, index: int = 0) -> Exception:
            return slow()

    world.fails["open"] = Slow([1])
    with pytest.raises(HostUnreachable):
        world.host().run(["x"])
    assert world.count()["open"] == 2


@pytest.mark.parametrize("step", ["command", "receive"])
def test_what_may_have_been_started_is_not_sent_again(world, step):
    world.fails[step] = [requests.exceptions.ConnectionError("reset")]
    with pytest.raises(HostUnreachable):
        world.host().run(["x"])
    assert world.count()["command"] == 1
    world.fails["receive"] = [refused()]
    with pytest.raises(HostUnreachable):
        world.host().run(["x"])
    assert world.count()["command"] == 2


def test_a_message_that_was_not_read_is_sent_over_a_new_connection(world):
    world.fails["command"] = [WinRMTransportError("http", 400, ""), WinRMTransportError("http", 503, "")]
    assert world.host().run(["x"]).exit_code == 0
    assert len(world.connected) == 3


def test_an_error_that_is_being_handled_does_not_make_the_next_one_harmless(world):
    """That nobody listened before says nothing about a command whose connection is lost now."""
    host = world.host()
    host.run(["x"])
    world.fails["command"] = [requests.exceptions.ConnectionError("reset")]
    try:
        raise refused()
    except requests.exceptions.ConnectionError:
        with pytest.raises(HostUnreachable):
            host.run(["x"])
    assert world.count()["command"] == 2


def test_an_answer_of_another_kind_is_not_waited_for(world):
    world.fails["open"] = [WinRMTransportError("http", 404, "x")] * 9
    with pytest.raises(HostUnreachable):
        world.host().run(["x"])
    assert world.count()["open"] == 1


def test_a_command_refused_before_it_started_is_sent_again_in_a_new_shell(world):
    host = world.host()
    host.run(["x"])
    world.fails["command"] = [fault(2150858843)]
    assert host.run(["x"]).exit_code == 0
    assert [step[1] for step in world.steps if step[0] == "command"] == ["shell-1", "shell-1", "shell-2"]
    world.fails["receive"] = [fault(2150858843)]
    with pytest.raises(HostUnreachable, match="shell is gone"):
        host.run(["x"])


def test_a_full_quota_of_operations_ends_the_shell_that_uses_it_up(world):
    host = world.host()
    host.run(["x"])
    world.fails["command"] = [fault(None, 2150859174)]
    assert host.run(["x"]).exit_code == 0
    assert [step[1] for step in world.steps if step[0] == "close"] == ["shell-1"]
    assert [step[1] for step in world.steps if step[0] == "command"] == ["shell-1", "shell-1", "shell-2"]


def test_a_full_quota_of_shells_is_waited_for(world):
    world.fails["open"] = [fault(2150859173)] * 2
    assert world.host().run(["x"], env={"a": "b"}).exit_code == 0
    assert world.count() == {"open": 3, "command": 1, "receive": 1, "close": 1}


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"transport": ("ntlm",), "password": "S3cret"}, "needs an account. Set ansible_user"),
        ({"transport": ("ntlm",), "username": "LAB\\admin"}, "Set ansible_password"),
        ({"transport": ("basic",), "username": "admin", "password": ""}, "Set ansible_password"),
        ({"transport": ("certificate",)}, "Set ansible_winrm_cert_pem"),
        ({"transport": ("certificate",), "cert_pem": __file__}, "Set ansible_winrm_cert_key_pem"),
        (
            {"transport": ("certificate",), "cert_pem": "/none"},
            "/none cannot be read: No such file or directory. Check ansible_winrm_cert_pem",
        ),
        ({"transport": ("ssl",), "cert_pem": "/none", "cert_key_pem": "/none"}, "Check ansible_winrm_cert_pem"),
        ({"transport": ("certificate",), "scheme": "http"}, "needs HTTPS"),
        ({"ca_trust_path": "/none", "username": "u", "password": "p"}, "/none cannot be read.* Check ansible_winrm_ca_trust_path"),
        ({"port": 70000, "username": "u", "password": "p"}, "70000 is no port. Set ansible_port"),
        ({"host": "https://octo-a", "username": "u", "password": "p"}, "'https://octo-a' is no host name"),
        ({"transport": ("kerberoz",)}, "there is no WinRM transport kerberoz. Set ansible_winrm_transport to one of basic"),
    ],
)
def test_what_is_missing_here_is_not_the_hosts_refusal(world, given, said):
    with pytest.raises(HostRefused, match=said) as caught:
        world.host(ConnectionOptions(**{"name": "octo-a", "host": "h", **given})).run(["x"])
    assert "nothing was sent" in caught.value.message.lower()
    assert world.connected == []
    assert "the WinRM service refused" not in caught.value.message
