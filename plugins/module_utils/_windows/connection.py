# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Commands on a Windows host through WinRM: argument vectors in, exit codes and output out.

pywinrm's own ``Session.run_cmd`` opens and closes a shell around every command, five requests each. Here one connection and one shell
serve a whole module run, and a finished command is not signalled, which leaves two requests: Command and Receive
(https://learn.microsoft.com/openspecs/windows_protocols/ms-wsmv, 3.1.4.11 and 3.1.4.14).
"""

from __future__ import annotations

import contextlib
import time
import traceback
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeVar

from ansible_collections.octopus.upgrade.plugins.module_utils._core import stopping
from ansible_collections.octopus.upgrade.plugins.module_utils._core.errors import MissingLibrary

from . import faults, kerberos
from .errors import HostError, HostTimeout, HostUnreachable
from .options import CONNECTION_SPEC, JOB_SPEC, NODES_SPEC, ConnectionOptions
from .quoting import argv_line, builtin, cmd_line

try:
    from winrm import transport as winrm_transport
    from winrm.exceptions import WinRMOperationTimeoutError, WSManFaultError
    from winrm.protocol import Protocol
except ImportError:
    WINRM_IMPORT_ERROR: str | None = traceback.format_exc()
else:
    WINRM_IMPORT_ERROR = None

__all__ = (
    "CONNECTION_SPEC",
    "JOB_SPEC",
    "NODES_SPEC",
    "WINRM_IMPORT_ERROR",
    "CommandResult",
    "ConnectionOptions",
    "WindowsHost",
    "text_of",
)

SYSTEM32 = "C:\\Windows\\System32\\"
CMD = SYSTEM32 + "cmd.exe"
UTF8 = 65001
# A shell holds what it knows of finished commands that nobody signalled; Windows allows 25 processes and their like a shell by default
# (MaxProcessesPerShell, https://learn.microsoft.com/windows/win32/winrm/installation-and-configuration-for-windows-remote-management).
COMMANDS_PER_SHELL = 20
# An envelope may have 150 KB (MaxEnvelopeSize of older hosts); base64 makes four bytes of three.
SEND_BYTES = 96 * 1024
# HRESULTs of ERROR_BROKEN_PIPE and ERROR_NO_DATA: what a Send gets whose command has ended.
PIPE_CLOSED = (2147942509, 2147942632)

Result = TypeVar("Result")


@dataclass(frozen=True)
class CommandResult:
    """What a command gave. Its repr shows neither arguments nor output: either may hold a secret.

    ``exit_code`` is signed, as ``%ERRORLEVEL%`` shows it; ``stdout`` and ``stderr`` are text with ``\\n`` line ends.
    """

    exit_code: int
    argv: tuple[str, ...] = field(default=(), repr=False)
    stdout: str = field(default="", repr=False)
    stderr: str = field(default="", repr=False)
    stdout_bytes: bytes = field(default=b"", repr=False)


@dataclass(frozen=True, repr=False)
class _Command:
    """A command as WinRM gets it, and how to deal with it."""

    program: str
    arguments: str
    argv: tuple[str, ...]
    stdin: bytes | None
    env: dict[str, str]
    timeout: float
    check: bool
    idempotent: bool
    secret: bool

    @property
    def name(self) -> str:
        """What messages call it: the program, never its arguments."""
        return self.argv[0].rpartition("\\")[2] if self.argv[0] != CMD else self.argv[1].split()[0].strip('"').rpartition("\\")[2]


class WindowsHost:
    """One Windows host. Open it with ``with``; the connection is made at the first command. Not for use by several threads.

    Args:
        options: Where and as whom.
        connect: Gives a pywinrm ``Protocol`` for its arguments (tests give another).
    """

    def __init__(self, options: ConnectionOptions, connect: Callable[..., Any] | None = None) -> None:
        if WINRM_IMPORT_ERROR:
            raise MissingLibrary("pywinrm", WINRM_IMPORT_ERROR)
        self.options = options
        self._connect = connect
        self._protocol: Any = None
        self._shell: str | None = None
        self._lost_shell: str | None = None
        self._commands = 0
        self._stack = contextlib.ExitStack()

    def __repr__(self) -> str:
        return f"WindowsHost({self.options.where})"

    @property
    def name(self) -> str:
        """The host's inventory name."""
        return self.options.name

    @property
    def where(self) -> str:
        """The host for messages."""
        return self.options.where

    def __enter__(self) -> WindowsHost:
        return self

    def __exit__(self, *exc_info: Any) -> None:
        self.close()

    # -- commands

    def run(
        self,
        argv: Sequence[str],
        *,
        stdin: str | bytes | None = None,
        env: dict[str, str] | None = None,
        timeout: float = 60.0,
        check: bool = False,
        idempotent: bool = False,
        secret: bool = False,
    ) -> CommandResult:
        r"""Run a program and wait for it.

        A bare name (``sc``) is a program of ``C:\Windows\System32``. A path with a space goes through the constant cmd prefix, since
        nothing says how ``WINRS_SKIP_CMD_SHELL`` takes one; its arguments then may hold neither ``%`` nor a double quote.

        Args:
            stdin: What the program reads, text as UTF-8. The program then reads a pipe that ends.
            env: Environment variables for this command alone, a better place for secrets than ``argv``; costs a shell of its own.
            timeout: Seconds; after that the command is ended.
            check: An exit code other than 0 raises.
            idempotent: May run twice: when the connection is lost, it is run once more over a new one.
            secret: The command's output never appears in a message.

        Raises:
            ValueError: An argument cannot be passed safely.
            HostUnreachable: The host does not answer, or no longer.
            HostRefused: Account, certificate or transport are refused; never tried twice.
            HostTimeout: The time was up.
            HostError: The program is missing, or ``check`` and a bad exit code.
        """
        program = _full_path(argv[0])
        if " " in program:
            command, arguments = CMD, f'/d /s /c "{cmd_line([program, *argv[1:]])}"'
        else:
            command, arguments = program, argv_line(list(argv[1:]))
        return self._run(_Command(command, arguments, tuple(argv), _bytes(stdin), env or {}, timeout, check, idempotent, secret))

    def run_builtin(self, word: str, *arguments: str, **options: Any) -> CommandResult:
        """Run a command that cmd.exe has built in, e.g. ``run_builtin("type", path)``; options as for :meth:`run`."""
        return self.run_cmd(builtin(word, *arguments), **options)

    def run_cmd(
        self,
        line: str,
        *,
        stdin: str | bytes | None = None,
        timeout: float = 60.0,
        check: bool = False,
        idempotent: bool = False,
        secret: bool = False,
    ) -> CommandResult:
        """Run one line of cmd.exe. Compose it of constants and what :mod:`quoting` gives, of nothing else."""
        return self._run(_Command(CMD, f'/d /s /c "{line}"', (CMD, line), _bytes(stdin), {}, timeout, check, idempotent, secret))

    def _run(self, command: _Command) -> CommandResult:
        def once() -> tuple[int, bytes, bytes]:
            if command.env:
                return self._in_own_shell(command.env, lambda shell: self._execute(shell, command))
            done = self._execute(self._open_shell(), command)
            self._commands += 1
            return done

        try:
            code, stdout, stderr = self._asking(once)
        except HostUnreachable:
            if not command.idempotent:
                raise
            code, stdout, stderr = self._asking(once)
        result = CommandResult(_signed(code), command.argv, text_of(stdout), text_of(stderr), stdout)
        if command.check and result.exit_code:
            said = "." if command.secret else _last_lines(result.stderr or result.stdout)
            raise HostError(f"{self.where}: {command.name} ended with {result.exit_code}{said}", self.name, result.exit_code)
        return result

    def _execute(self, shell: str, command: _Command) -> tuple[int, bytes, bytes]:
        stopping.check()
        protocol = self._protocol
        deadline = time.monotonic() + command.timeout
        command_id = protocol.run_command(
            shell,
            command.program,
            [command.arguments] if command.arguments else [],
            console_mode_stdin=command.stdin is None,
            skip_cmd_shell=True,
        )
        if command.stdin is not None:
            self._send(shell, command_id, command.stdin)
        stdout, stderr = [], []
        usual = protocol.operation_timeout_sec
        try:
            while True:
                stopping.check()
                left = deadline - time.monotonic()
                if left <= 0:
                    protocol.operation_timeout_sec = usual
                    protocol.cleanup_command(shell, command_id)
                    raise HostTimeout(f"{self.where}: {command.name} was not done after {command.timeout:.0f} s and was ended.", self.name)
                # pywinrm asks again for ever when a Receive finds nothing within the operation timeout: the deadline is ours to keep.
                protocol.operation_timeout_sec = max(1, min(usual, int(left) + 1))
                try:
                    out, err, code, done = protocol.get_command_output_raw(shell, command_id)
                except WinRMOperationTimeoutError:
                    continue
                stdout.append(out)
                stderr.append(err)
                if done:
                    return code, b"".join(stdout), b"".join(stderr)
        finally:
            protocol.operation_timeout_sec = usual

    def _send(self, shell: str, command_id: str, stdin: bytes) -> None:
        *pieces, last = [stdin[start : start + SEND_BYTES] for start in range(0, len(stdin), SEND_BYTES)] or [b""]
        try:
            for piece in pieces:
                self._protocol.send_command_input(shell, command_id, piece)
            self._protocol.send_command_input(shell, command_id, last, end=True)
        except WSManFaultError as error:
            # A command may end without reading what it is sent; what it says and its exit code are to be had all the same.
            if error.wsman_fault_code not in PIPE_CLOSED:
                raise

    # -- the connection

    def _asking(self, function: Callable[[], Result]) -> Result:
        """Do something over the wire; what goes wrong becomes an exception of ours, and a lost connection is forgotten."""
        try:
            return function()
        except HostError:
            raise
        except Exception as error:
            ours = faults.translate(error, self.options)
            if ours is None:
                raise
            if isinstance(ours, HostUnreachable):
                self._lost_shell = self._shell or self._lost_shell
                self._forget()
            # The original may hold the request, and that a password sent to stdin.
            raise ours from None

    def take_up(self, shell: str, commands: int) -> None:
        """Go on in a shell that an earlier connection of the same account has left. One that is gone is as a lost connection."""
        self._shell, self._commands = shell, commands

    def leave(self) -> tuple[str, int] | None:
        """Leave the shell open for a later connection: its id, and how many commands it has had. The host closes it when it is idle."""
        left = None if self._shell is None else (self._shell, self._commands)
        self._shell = None
        return left

    def _open_shell(self) -> str:
        self._reconnect()
        if self._shell is not None and self._commands >= COMMANDS_PER_SHELL:
            shell, self._shell = self._shell, None
            self._protocol.close_shell(shell, close_session=False)
        if self._shell is None:
            self._shell = self._protocol.open_shell(codepage=UTF8)
            self._commands = 0
        return self._shell

    def _reconnect(self) -> None:
        self._open_connection()
        self._close_lost_shell()

    def _close_lost_shell(self) -> None:
        """End what a command does whose connection broke: it may wait for input for hours, and hold the files that it is to write."""
        if self._lost_shell is not None:
            # Only now that the host answers again. It may have closed the shell itself, or not know of it any more.
            with contextlib.suppress(WSManFaultError):
                self._protocol.close_shell(self._lost_shell, close_session=False)
            self._lost_shell = None

    def _in_own_shell(self, env: dict[str, str], function: Callable[[str], Result]) -> Result:
        self._open_connection()
        shell = self._protocol.open_shell(codepage=UTF8, env_vars=env)
        try:
            return function(shell)
        finally:
            if self._protocol is not None:
                self._protocol.close_shell(shell, close_session=False)

    def _open_connection(self) -> None:
        if self._protocol is not None:
            return
        transport = self.options.chosen_transport(_supported_transports())
        if transport == "kerberos":
            self._stack.enter_context(kerberos.ticket(self.options))
        self._protocol = (self._connect or Protocol)(**self.options.protocol_arguments(transport))

    def _forget(self) -> None:
        protocol, self._protocol, self._shell = self._protocol, None, None
        if protocol is not None:
            protocol.transport.close_session()
        self._stack.close()

    def close(self) -> None:
        """Close shell and connection. A host that is gone by now closes its shell itself (idle timeout)."""
        if self._lost_shell is not None:
            with contextlib.suppress(HostError):
                self._asking(self._reconnect)
        if self._shell is not None:
            shell = self._shell
            with contextlib.suppress(HostError):
                self._asking(lambda: self._protocol.close_shell(shell, close_session=False))
        self._lost_shell = None
        self._forget()


def _supported_transports() -> set[str]:
    supported = {"basic", "plaintext", "ssl", "certificate"}
    optional = {"ntlm": winrm_transport.HAVE_NTLM, "kerberos": winrm_transport.HAVE_KERBEROS, "credssp": winrm_transport.HAVE_CREDSSP}
    return supported | {name for name, have in optional.items() if have}


def _full_path(program: str) -> str:
    if "\\" in program:
        return program
    return SYSTEM32 + (program if "." in program else program + ".exe")


def _signed(code: int) -> int:
    """The 32-bit exit code as Windows shows it: 0xC0000005 is -1073741819."""
    return code - 2**32 if code >= 2**31 else code


def _bytes(stdin: str | bytes | None) -> bytes | None:
    return stdin.encode() if isinstance(stdin, str) else stdin


def text_of(data: bytes) -> str:
    """Output or a file's content as text with ``\\n`` line ends: UTF-16 where it plainly is, else UTF-8."""
    if data[:2] == b"\xff\xfe":
        text = data.decode("utf-16", "replace")
    elif b"\0" in data[1:16:2]:
        text = data.decode("utf-16-le", "replace")
    else:
        text = data.decode("utf-8-sig", "replace")
    return text.replace("\r\n", "\n").replace("\r", "\n")


def _last_lines(text: str, count: int = 5) -> str:
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    return f": {' | '.join(lines[-count:])}" if lines else " and said nothing"
