# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Secrets sealed with Ansible Vault, by the ``ansible-vault`` that belongs to the Ansible that runs.

A process of its own, and not ``ansible.parsing.vault``: within a module only Ansible's module side may be loaded, and loading
the other breaks the module's own result (ansible-core 2.19). It takes labels, password files, executable password scripts and
``-client`` scripts as Ansible does. Passwords and secrets go through files and pipes, never through arguments.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ansible_collections.octopus.upgrade.plugins.module_utils._octopus.errors import OctopusError

HEADER = b"$ANSIBLE_VAULT;"
_TIMEOUT = 120.0  # seconds; a password script may ask a remote keeper


def seal_spec() -> dict[str, dict[str, Any]]:
    """Return the argument spec of the options that say how a secret is stored."""
    return {
        "vault_id": {"type": "str"},
        "vault_password_file": {"type": "path", "no_log": False},
        "plaintext": {"type": "bool", "default": False},
        "force": {"type": "bool", "default": False},
    }


@dataclass(frozen=True)
class Sealer:
    """Seals and opens with one vault password.

    Attributes:
        label: The vault id that is written into the sealed text; ``default`` writes none.
        source: File that holds the password, or that is executed and prints it.
    """

    label: str
    source: str

    @classmethod
    def from_params(cls, params: dict[str, Any]) -> Sealer | None:
        """Read a module's options; None where plain text was asked for by name.

        Raises:
            OctopusError: They do not say how to seal, or contradict each other.
        """
        label, at, source = (params.get("vault_id") or "").rpartition("@")
        if not at:
            label, source = source, params.get("vault_password_file") or ""
        elif params.get("vault_password_file"):
            raise OctopusError("vault_id names a password file after its @, and vault_password_file names another. Give one of the two.")
        if params.get("plaintext"):
            if label or source:
                raise OctopusError("plaintext is true, and vault_id or vault_password_file ask to seal. Choose one.")
            return None
        if not source:
            raise OctopusError(
                "Nothing says how to seal the secret: give vault_password_file or vault_id: label@file. "
                "With plaintext: true it is stored as plain text, readable for its owner only."
            )
        if source in ("prompt", "prompt_ask_vault_pass"):
            raise OctopusError("vault_id with @prompt cannot work in a module, which has no terminal. Give a password file or script.")
        path = Path(source).expanduser()
        if not path.is_file():
            raise OctopusError(f"The vault password file {path} does not exist on the control node.")
        return cls(label or "default", str(path.absolute()))

    def seal(self, secret: bytes) -> bytes:
        """Return the sealed text, in ASCII with line ends."""
        return self._vault("encrypt", secret, "--encrypt-vault-id", self.label)

    def open(self, sealed: bytes, where: str) -> bytes:
        """Return what was sealed.

        Raises:
            OctopusError: It cannot be opened with this password. ``where`` is named in the message.
        """
        try:
            return self._vault("decrypt", sealed)
        except OctopusError as error:
            raise OctopusError(f"{where} cannot be opened with the vault password of {self.source}: {error.message}") from error

    def _vault(self, action: str, content: bytes, *options: str) -> bytes:
        with tempfile.TemporaryDirectory(prefix="octopus-vault-") as folder:
            # An empty configuration: the user's may name other vault passwords, and asks for their files too. No log either: an empty
            # ANSIBLE_LOG_PATH is the current folder for ansible-core before 2.19.
            config = Path(folder, "ansible.cfg")
            config.touch()
            environment = {name: value for name, value in os.environ.items() if not name.startswith(("ANSIBLE_VAULT", "ANSIBLE_LOG"))}
            environment |= {"ANSIBLE_CONFIG": str(config), "ANSIBLE_NOCOLOR": "1", "ANSIBLE_HOME": folder}
            argv = [sys.executable, "-m", "ansible.cli.vault", action, "--vault-id", f"{self.label}@{self.source}", *options]
            try:
                done = subprocess.run(  # noqa: S603 - an argument vector: the Python that runs, and the user's own vault id
                    [*argv, "--output", "-", "-"], input=content, capture_output=True, timeout=_TIMEOUT, env=environment, check=False
                )
            except (OSError, subprocess.TimeoutExpired) as error:
                raise OctopusError(f"ansible-vault {action} did not run: {error}") from error
        if done.returncode != 0:
            raise OctopusError(f"ansible-vault {action} ended with {done.returncode}: {_complaint(done.stderr)}")
        return done.stdout


def is_sealed(content: bytes) -> bool:
    """Whether a file's content is a vault."""
    return content.startswith(HEADER)


def _complaint(stderr: bytes) -> str:
    lines = [line.strip() for line in stderr.decode("utf-8", "replace").splitlines() if line.strip()]
    errors = [line for line in lines if "ERROR" in line]
    return " ".join(errors or lines[-3:]) or "no reason given"
