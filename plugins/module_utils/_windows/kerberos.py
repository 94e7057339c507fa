# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A Kerberos ticket for one module run, obtained as ansible.builtin.winrm does."""

from __future__ import annotations

import contextlib
import os
import shlex
import subprocess
import tempfile
from collections.abc import Iterator

from .errors import HostRefused
from .options import ConnectionOptions


def is_managed(options: ConnectionOptions) -> bool:
    """Whether this module run obtains the ticket, by kinit_mode or, without that, by whether there is a password."""
    if options.kinit_mode is not None:
        return options.kinit_mode == "managed"
    return bool(options.password)


@contextlib.contextmanager
def ticket(options: ConnectionOptions, timeout: float = 60.0) -> Iterator[None]:
    """Use a ticket for ``options.username`` in this process; kinit reads the password from standard input.

    An environment variable names the ticket cache, so there is one per process: nodes in one module run share the account's ticket.

    Raises:
        HostRefused: kinit is missing, or it failed.
    """
    if not is_managed(options):
        yield
        return
    before = os.environ.get("KRB5CCNAME")
    with tempfile.NamedTemporaryFile(prefix="octopus-krb5-") as cache:
        os.environ["KRB5CCNAME"] = f"FILE:{cache.name}"
        try:
            _kinit(options, timeout)
            yield
        finally:
            if before is None:
                os.environ.pop("KRB5CCNAME", None)
            else:
                os.environ["KRB5CCNAME"] = before


def _kinit(options: ConnectionOptions, timeout: float) -> None:
    command = [options.kinit_command]
    if options.kinit_args:
        command += shlex.split(options.kinit_args)
    elif options.kerberos_delegation:
        command.append("-f")
    command.append(options.username or "")
    try:
        done = subprocess.run(  # noqa: S603 - an argument vector, of the user's own choice
            command, input=f"{options.password or ''}\n".encode(), capture_output=True, timeout=timeout, check=False, start_new_session=True
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
