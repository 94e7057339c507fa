# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A Kerberos ticket for one connection, obtained as ansible.builtin.winrm does, in a cache of its own.

pykerberos takes its credentials from the default cache, whose name belongs to the whole process when it comes from ``KRB5CCNAME``. Hosts are
worked on in threads, with different accounts, and SQL Server may be asked at the same time. GSSAPI has a default for each thread as well,
which ``gss_krb5_ccache_name`` sets and which comes first; NFS's gssd changed from the variable to it when it got threads
(https://github.com/stefanha/nfs-utils/commit/85c5c16d29d50c1f798d60e57641cd21cec2e905). The environment is left alone.
"""

from __future__ import annotations

import contextlib
import ctypes
import fcntl
import functools
import importlib
import os
import shlex
import shutil
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import IO

from .errors import HostRefused
from .options import ConnectionOptions

PREFIX = "octopus-krb5-"
# A connection that is renewed after this many seconds gets a new ticket: a domain's tickets last ten hours by default.
RENEW_AFTER = 3600.0
# Younger folders are never swept: their owner may not have locked them yet.
_SWEEP_AFTER = 60.0


def is_managed(options: ConnectionOptions) -> bool:
    """Whether this module run obtains the ticket, by kinit_mode or, without that, by whether there is a password."""
    if options.kinit_mode is not None:
        return options.kinit_mode == "managed"
    return bool(options.password)


class Ticket:
    """The ticket of one connection. Nothing is obtained for an account whose tickets the user manages: GSSAPI then uses the default cache.

    Args:
        options: The host and its account.
        timeout: Seconds that kinit may take.
        clock: Gives seconds that only grow.
    """

    def __init__(self, options: ConnectionOptions, timeout: float = 60.0, clock: Callable[[], float] = time.monotonic) -> None:
        self._options = options
        self._timeout = timeout
        self._clock = clock
        self._obtained = 0.0
        self._folder: Path | None = None
        self._lock: IO[bytes] | None = None

    @property
    def cache(self) -> str | None:
        """The name of the cache; None as long as there is none."""
        return None if self._folder is None else f"FILE:{self._folder / 'cache'}"

    def obtain(self) -> None:
        """Obtain the ticket unless there is a recent one. kinit reads the password from standard input.

        Raises:
            HostRefused: kinit is missing, or it failed, or this GSSAPI has no cache for each thread.
        """
        if not is_managed(self._options) or (self._folder is not None and self._clock() - self._obtained < RENEW_AFTER):
            return
        self.remove()
        _select(None, self._options)
        sweep(Path(tempfile.gettempdir()))
        self._folder = Path(tempfile.mkdtemp(prefix=PREFIX))
        self._lock = _locked(self._folder)
        try:
            _kinit(self._options, self.cache or "", self._timeout)
        except BaseException:
            self.remove()
            raise
        self._obtained = self._clock()

    @contextlib.contextmanager
    def used(self) -> Iterator[None]:
        """Within this, the ticket is what this thread authenticates with."""
        cache = self.cache
        if cache is None:
            yield
            return
        _select(cache, self._options)
        try:
            yield
        finally:
            _select(None, self._options)

    def remove(self) -> None:
        """Delete the ticket and its cache."""
        folder, self._folder = self._folder, None
        if folder is not None:
            shutil.rmtree(folder, ignore_errors=True)
        if self._lock is not None:
            self._lock.close()
            self._lock = None


def sweep(temporary: Path) -> None:
    """Delete the tickets of processes that were killed. Those of living ones are locked, on whatever control node of a shared folder.

    Args:
        temporary: The folder for temporary files.
    """
    for folder in temporary.glob(f"{PREFIX}*"):
        with contextlib.suppress(OSError):  # somebody else's, or deleted in the meantime
            found = folder.stat()
            if found.st_uid != os.getuid() or time.time() - found.st_mtime < _SWEEP_AFTER:
                continue
            with _locked(folder):
                shutil.rmtree(folder)


def _locked(folder: Path) -> IO[bytes]:
    """Lock a ticket's folder for as long as the file is open.

    Raises:
        BlockingIOError: Its owner is alive.
    """
    lock = (folder / "lock").open("ab")
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        lock.close()
        raise
    return lock


@functools.cache
def _ccache_name() -> Callable[..., int]:
    """The function of the very library that pykerberos is linked with: looking it up in the extension searches what that depends on."""
    library = ctypes.CDLL(importlib.import_module("kerberos").__file__)
    function = library.gss_krb5_ccache_name
    function.argtypes = [ctypes.POINTER(ctypes.c_uint32), ctypes.c_char_p, ctypes.c_void_p]
    function.restype = ctypes.c_uint32
    return function


def _select(cache: str | None, options: ConnectionOptions) -> None:
    """Set this thread's cache; None stands for the default of the process.

    Raises:
        HostRefused: This GSSAPI cannot do so.
    """
    minor = ctypes.c_uint32()
    try:
        failed = bool(_ccache_name()(ctypes.byref(minor), None if cache is None else cache.encode(), None))
        reason = f"error {minor.value}"
    except (ImportError, OSError, AttributeError) as error:
        failed, reason = True, str(error)
    if failed:
        raise HostRefused(
            f"{options.where}: expected a GSSAPI library with a ticket cache for each thread (gss_krb5_ccache_name), but: {reason}. Obtain the "
            "ticket before with kinit, and set ansible_winrm_kinit_mode: manual, or set ansible_winrm_transport: ntlm.",
            options.name,
        )


def _kinit(options: ConnectionOptions, cache: str, timeout: float) -> None:
    command = [options.kinit_command]
    if options.kinit_args:
        command += shlex.split(options.kinit_args)
    elif options.kerberos_delegation:
        command.append("-f")
    command.append(options.username or "")
    try:
        done = subprocess.run(  # noqa: S603 - an argument vector, of the user's own choice
            command,
            input=f"{options.password or ''}\n".encode(),
            capture_output=True,
            timeout=timeout,
            check=False,
            start_new_session=True,
            env={**os.environ, "KRB5CCNAME": cache},
        )
    except FileNotFoundError as error:
        raise HostRefused(
            f"{options.where}: Kerberos needs {options.kinit_command}, which is not installed on the control node. "
            "Install krb5-user (krb5-workstation), or set ansible_winrm_transport: ntlm.",
            options.name,
        ) from error
    except subprocess.TimeoutExpired as error:
        raise HostRefused(
            f"{options.where}: {options.kinit_command} obtained no ticket for {options.username} within {timeout:.0f} s. "
            "Check that the control node can reach the KDC of the domain.",
            options.name,
        ) from error
    if done.returncode:
        reason = done.stderr.decode(errors="replace").strip()
        if options.password:
            reason = reason.replace(options.password, "********")
        raise HostRefused(f"{options.where}: no Kerberos ticket for {options.username}: {reason}", options.name)
