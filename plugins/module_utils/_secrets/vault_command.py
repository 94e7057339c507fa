# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Ansible Vault by the command ``ansible-vault`` of the Ansible that runs, for modules that run as a process of their own.

It takes labels, password files, executable password scripts and ``-client`` scripts as Ansible does. Passwords and secrets go through files
and pipes, never through arguments.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from pathlib import Path

from ansible_collections.octopus.upgrade.plugins.module_utils._secrets.errors import SecretError

_TIMEOUT = 120.0  # seconds; a password script may ask a remote password store


class VaultCommand:
    """The command ``ansible-vault``, started for each secret."""

    def encrypt(self, secret: bytes, label: str, source: str) -> bytes:
        """The encrypted text.

        Raises:
            SecretError: The command does not run, or fails.
        """
        return _run("encrypt", secret, label, source, "--encrypt-vault-id", label)

    def decrypt(self, encrypted: bytes, label: str, source: str) -> bytes:
        """The secret.

        Raises:
            SecretError: The command does not run, or the password is another one.
        """
        return _run("decrypt", encrypted, label, source)


def _run(action: str, content: bytes, label: str, source: str, *options: str) -> bytes:
    with tempfile.TemporaryDirectory(prefix="octopus-vault-") as folder:
        # An empty configuration: the user's may name other vault passwords, and asks for their files too. No log either: an empty
        # ANSIBLE_LOG_PATH is the current folder for ansible-core before 2.19.
        config = Path(folder, "ansible.cfg")
        config.touch()
        environment = {name: value for name, value in os.environ.items() if not name.startswith(("ANSIBLE_VAULT", "ANSIBLE_LOG"))}
        environment |= {"ANSIBLE_CONFIG": str(config), "ANSIBLE_NOCOLOR": "1", "ANSIBLE_HOME": folder}
        argv = [sys.executable, "-m", "ansible.cli.vault", action, "--vault-id", f"{label}@{source}", *options]
        try:
            done = subprocess.run(  # noqa: S603 - an argument vector: the Python that runs, and the user's own vault id
                [*argv, "--output", "-", "-"], input=content, capture_output=True, timeout=_TIMEOUT, env=environment, check=False
            )
        except (OSError, subprocess.TimeoutExpired) as error:
            raise SecretError(f"ansible-vault {action} did not run: {error}") from error
    if done.returncode != 0:
        raise SecretError(f"ansible-vault {action} ended with {done.returncode}: {_complaint(done.stderr)}")
    return done.stdout


def _complaint(stderr: bytes) -> str:
    lines = [line.strip() for line in stderr.decode("utf-8", "replace").splitlines() if line.strip()]
    errors = [line for line in lines if "ERROR" in line]
    return " ".join(errors or lines[-3:]) or "no reason given"
