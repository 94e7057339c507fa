# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Commands on a Windows host over WinRM: from argument vectors to exit codes and output.

pywinrm's own ``Session.run_cmd`` opens and closes a shell for every command, which takes five requests. Here one connection and one shell
serve a whole module run, and a finished command is not signalled, so that two requests remain: Command and Receive
(https://learn.microsoft.com/openspecs/windows_protocols/ms-wsmv, 3.1.4.11 and 3.1.4.14).
"""

from __future__ import annotations

import contextlib
import enum
import time
import traceback
from collections.abc import Callable, Iterator, Sequence
from datetime import datetime, timezone
from email.utils import parsedate_to_datetime
from typing import Any, TypeVar

from ansible_collections.octopus.upgrade.plugins.module_utils._core import stopping
from ansible_collections.octopus.upgrade.plugins.module_utils._core.errors import MissingLibrary
from ansible_collections.octopus.upgrade.plugins.module_utils._core.waiting import Deadline

from . import credentials, faults, kerberos
from .command import CMD, SYSTEM32, Command, CommandResult, full_path, input_bytes, last_lines, signed, text_of
from .errors import HostError, HostTimeout, HostUnreachable
from .options import CONNECTION_SPEC, JOB_SPEC, NODES_SPEC, ConnectionOptions
from .quoting import argv_line, builtin, cmd_line
from .wsman import Protocol

try:
    from winrm import transport as winrm_transport
    from winrm.exceptions import WinRMOperationTimeoutError, WSManFaultError
except ImportError:
    WINRM_IMPORT_ERROR: str | None = traceback.format_exc()
else:
    WINRM_IMPORT_ERROR = None

__all__ = (
    "CMD",
    "CONNECTION_SPEC",
    "JOB_SPEC",
    "NODES_SPEC",
    "SYSTEM32",
    "WINRM_IMPORT_ERROR",
    "CommandResult",
    "ConnectionOptions",
    "WindowsHost",
    "text_of",
)

UTF8 = 65001
# A shell keeps finished commands that nobody signalled, and Windows limits a shell to 25 processes by default (MaxProcessesPerShell,
# https://learn.microsoft.com/windows/win32/winrm/installation-and-configuration-for-windows-remote-management).
COMMANDS_PER_SHELL = 20
# An envelope may have 150 KB (MaxEnvelopeSize of older hosts); base64 turns three bytes into four.
SEND_BYTES = 96 * 1024
# HRESULTs of ERROR_BROKEN_PIPE and ERROR_NO_DATA: the answer to a Send whose command has ended.
PIPE_CLOSED = (2147942509, 2147942632)

Result = TypeVar("Result")


class _Sent(enum.Enum):
    """How much of a command the host has got."""

    NOTHING = enum.auto()
    REQUEST = enum.auto()  # whether the command runs is unknown
    STARTED = enum.auto()


def _patience() -> Deadline:
    """How long a command is sent again that has certainly not been started: long enough for a service that restarts, or a busy moment."""
    return Deadline(8.0, first=0.3, most=2.0)


class WindowsHost:
    """One Windows host, used with ``with``. The first command opens the connection. Not for use by several threads.

    Args:
        options: Its endpoint and account.
        connect: Gives a pywinrm ``Protocol`` for its arguments (tests give another).
        patience: Gives the time within which a command is sent again that was not started.
    """

    def __init__(
        self, options: ConnectionOptions, connect: Callable[..., Any] | None = None, patience: Callable[[], Deadline] | None = None
    ) -> None:
        if WINRM_IMPORT_ERROR:
            raise MissingLibrary("pywinrm", WINRM_IMPORT_ERROR)
        self.options = options
        self._connect = connect
        self._protocol: Any = None
        self._shell: str | None = None
        self._lost_shell: str | None = None
        self._commands = 0
        self._patience = patience or _patience
        self._sent = _Sent.NOTHING
        self._transport = ""
        self._ticket = kerberos.Ticket(options)
        self.clock_offset: int | None = None  # seconds that the host's clock is ahead of ours, by its last answer

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

    @property
    def client_address(self) -> str:
        """Where the host sees this computer, behind NAT and proxies too; empty before the first command, and where the host does not say."""
        return str(getattr(self._protocol, "client_address", "") or "").partition("%")[0]

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
        r"""Run a program, and wait for it.

        A bare name (``sc``) is a program in ``C:\Windows\System32``. A path with a space is run through the constant cmd prefix, because
        it is not documented how ``WINRS_SKIP_CMD_SHELL`` handles one; its arguments must then contain neither ``%`` nor a double quote.

        Args:
            argv: The program and its arguments.
            stdin: Standard input of the program; text is sent as UTF-8.
            env: Environment variables for this command only, a better place for secrets than ``argv``; needs a shell of its own.
            timeout: Seconds after which the command is ended.
            check: Whether an exit code other than 0 raises.
            idempotent: Whether it may run twice: after a lost connection, it is run once more over a new one. What was certainly not
                started (nobody listened, the shell was gone, a quota was full) is sent again for a few seconds in any case.
            secret: Whether the output of the command must not appear in messages.

        Raises:
            InvalidValue: An argument cannot be passed safely.
            HostUnreachable: The host does not answer, or not any more.
            HostRefused: Account, certificate or transport are refused; there is no second attempt.
            HostTimeout: The time was up.
            HostError: The program is missing, or ``check`` is set and the exit code is not 0.
        """
        program = full_path(argv[0])
        if " " in program:
            command, arguments = CMD, f'/d /s /c "{cmd_line([program, *argv[1:]])}"'
        else:
            command, arguments = program, argv_line(list(argv[1:]))
        return self._run(Command(command, arguments, tuple(argv), input_bytes(stdin), env or {}, timeout, check, idempotent, secret))

    def run_builtin(self, word: str, *arguments: str, **options: Any) -> CommandResult:
        """Run a command built into cmd.exe, such as ``run_builtin("type", path)``; options as for :meth:`run`."""
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
        take: Callable[[bytes], object] | None = None,
    ) -> CommandResult:
        """Run one line of cmd.exe, composed of nothing but constants and the results of :mod:`quoting`.

        ``take`` gets standard output piece by piece instead of the result, for output that is too large for memory; not with ``idempotent``.
        """
        return self._run(Command(CMD, f'/d /s /c "{line}"', (CMD, line), input_bytes(stdin), {}, timeout, check, idempotent, secret, take))

    def _run(self, command: Command) -> CommandResult:
        try:
            code, stdout, stderr = self._until_started(command)
        except HostUnreachable:
            if not command.idempotent or self._sent is _Sent.NOTHING:
                raise
            code, stdout, stderr = self._until_started(command)
        result = CommandResult(signed(code), command.argv, text_of(stdout), text_of(stderr), stdout)
        if command.check and result.exit_code:
            said = "." if command.secret else last_lines(result.stderr or result.stdout)
            raise HostError(f"{self.where}: {command.name} ended with {result.exit_code}{said}", self.name, result.exit_code)
        return result

    def _until_started(self, command: Command) -> tuple[int, bytes, bytes]:
        """Run a command, and send it again for a while where it is certain that it was not started."""
        patience: Deadline | None = None
        while True:
            self._sent = _Sent.NOTHING
            try:
                with self._shell_for(command) as shell:
                    return self._asking(lambda: self._execute(shell, command))
            except HostError as error:
                patience = patience or self._patience()
                if not self._may_send_again(error) or not patience.pause():
                    raise
                stopping.check()
                if not isinstance(error, HostUnreachable):
                    # Only the end of a shell returns the operations that its commands have used up
                    # ([MS-WSMV] appendix A, 118; https://github.com/ansible/ansible/pull/83656).
                    self._close_shell()

    def _may_send_again(self, error: HostError) -> bool:
        if self._sent is _Sent.STARTED:
            return False
        # A connection lost before the command was sent has cost a shell at most, which the host closes when it has been idle for long.
        lost = isinstance(error, HostUnreachable) and error.code is None and self._sent is _Sent.NOTHING
        return error.not_done or lost

    def _execute(self, shell: str, command: Command) -> tuple[int, bytes, bytes]:
        stopping.check()
        protocol = self._protocol
        deadline = time.monotonic() + command.timeout
        self._sent = _Sent.REQUEST
        command_id = protocol.run_command(
            shell,
            command.program,
            [command.arguments] if command.arguments else [],
            console_mode_stdin=command.stdin is None,
            skip_cmd_shell=True,
        )
        self._sent = _Sent.STARTED
        if command.stdin is not None:
            self._send(shell, command_id, command.stdin)
        stdout: list[bytes] = []
        stderr: list[bytes] = []
        usual = protocol.operation_timeout_sec
        try:
            while True:
                stopping.check()
                left = deadline - time.monotonic()
                if left <= 0:
                    protocol.operation_timeout_sec = usual
                    protocol.cleanup_command(shell, command_id)
                    raise HostTimeout(
                        f"{self.where}: expected {command.name} to end within {command.timeout:.0f} s. It was ended.", self.name
                    )
                # pywinrm repeats a Receive for ever that finds nothing within the operation timeout, so this loop keeps the deadline.
                protocol.operation_timeout_sec = max(1, min(usual, int(left) + 1))
                try:
                    out, err, code, done = protocol.get_command_output_raw(shell, command_id)
                except WinRMOperationTimeoutError:
                    continue
                (command.take or stdout.append)(out)
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
            # A command may end without reading its input; its output and exit code are available nevertheless.
            if faults.number(error) not in PIPE_CLOSED:
                raise

    # -- the connection

    def _asking(self, function: Callable[[], Result]) -> Result:
        """Call a function that uses the connection; translate its exceptions, and discard a lost connection."""
        try:
            if self._protocol is None:
                self._prepare()
            with self._ticket.used():
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
            # The original exception may contain the request, and so a password sent to standard input.
            raise ours from None

    def resume_shell(self, shell: str, commands: int) -> None:
        """Continue in a shell that an earlier connection of the same account left open.

        A shell that no longer exists is replaced by a new one.

        Args:
            shell: Its id.
            commands: How many commands have run in it.
        """
        self._shell, self._commands = shell, commands

    def leave_shell(self) -> tuple[str, int] | None:
        """Leave the shell open for a later connection; the host closes it when it has been idle for long.

        Returns:
            Its id and how many commands have run in it; None where no shell is open.
        """
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
        """End a command that has lost its connection: it may wait for input for hours, and hold the files it was to write."""
        if self._lost_shell is not None:
            # Only possible once the host answers again. It may have closed the shell itself.
            with contextlib.suppress(WSManFaultError):
                self._protocol.close_shell(self._lost_shell, close_session=False)
            self._lost_shell = None

    @contextlib.contextmanager
    def _shell_for(self, command: Command) -> Iterator[str]:
        """The shell to run a command in: one of its own where it has an environment of its own."""
        if not command.env:
            yield self._asking(self._open_shell)
            self._commands += 1
            return
        self._asking(self._open_connection)
        shell = self._asking(lambda: self._protocol.open_shell(codepage=UTF8, env_vars=command.env))
        try:
            yield shell
        finally:
            if self._protocol is not None:
                self._asking(lambda: self._protocol.close_shell(shell, close_session=False))

    def _prepare(self) -> None:
        """Find out what can be found out before anything is sent, and obtain a ticket."""
        self._transport = self.options.chosen_transport(_supported_transports())
        credentials.check(self.options, self._transport)
        if self._transport == "kerberos":
            self._ticket.obtain()

    def _open_connection(self) -> None:
        if self._protocol is not None:
            return
        self._protocol = (self._connect or Protocol)(**self.options.protocol_arguments(self._transport))
        session = self._protocol.transport.build_session()
        # pywinrm has found out here whether there is a proxy. requests would search the environment again at each request, several times,
        # which took a third of the CPU time of all that is sent.
        session.trust_env = False
        session.hooks["response"].append(self._read_clock)

    def _read_clock(self, response: Any, **_more: Any) -> None:
        """Compare the host's time with ours: HTTP.sys dates each answer (RFC 9110, 6.6.1), to the second."""
        with contextlib.suppress(TypeError, ValueError):  # no date, or something else in its place
            told = parsedate_to_datetime(response.headers.get("Date"))
            self.clock_offset = round((told - datetime.now(timezone.utc)).total_seconds())

    def _forget(self) -> None:
        protocol, self._protocol, self._shell = self._protocol, None, None
        if protocol is not None:
            protocol.transport.close_session()

    def close(self) -> None:
        """Close shell and connection. A host that does not answer closes its shell itself after the idle timeout."""
        if self._lost_shell is not None:
            with contextlib.suppress(HostError):
                self._asking(self._reconnect)
        self._close_shell()
        self._lost_shell = None
        self._forget()
        self._ticket.remove()

    def _close_shell(self) -> None:
        shell, self._shell = self._shell, None
        if shell is not None and self._protocol is not None:
            with contextlib.suppress(HostError):
                self._asking(lambda: self._protocol.close_shell(shell, close_session=False))


def _supported_transports() -> set[str]:
    supported = {"basic", "plaintext", "ssl", "certificate"}
    optional = {"ntlm": winrm_transport.HAVE_NTLM, "kerberos": winrm_transport.HAVE_KERBEROS, "credssp": winrm_transport.HAVE_CREDSSP}
    return supported | {name for name, have in optional.items() if have}
