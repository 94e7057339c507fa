# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Secrets encrypted with Ansible Vault and one vault password.

Two backends do the work. In the worker of ansible-playbook, ``plugin_utils/_vault.py`` does it with Ansible's own library, which module_utils
must not import. A module that runs as a process of its own (``async``) has only Ansible's module side, and starts ``ansible-vault``.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from ansible_collections.octopus.upgrade.plugins.module_utils._secrets.errors import SecretError

from .vault_command import VaultCommand

HEADER = b"$ANSIBLE_VAULT;"


class Backend(Protocol):
    """Encrypts and decrypts. ``label`` is a vault id; ``source`` a file with the password, or an executable that prints it."""

    def encrypt(self, secret: bytes, label: str, source: str) -> bytes:
        """Encrypt, or raise SecretError."""

    def decrypt(self, encrypted: bytes, label: str, source: str) -> bytes:
        """Decrypt, or raise SecretError."""


_backend: Backend = VaultCommand()


def use(backend: Backend) -> None:
    """Have this process encrypt and decrypt with another backend than the command ``ansible-vault``."""
    global _backend  # noqa: PLW0603 - one per process, set before a module runs
    _backend = backend


def vault_spec() -> dict[str, dict[str, Any]]:
    """The argument spec of the options that say how secrets are encrypted; documented in the fragment octopus.upgrade.vault."""
    return {
        "vault_id": {"type": "str"},
        "vault_password_file": {"type": "path", "no_log": False},
        "plaintext": {"type": "bool", "default": False},
    }


@dataclass(frozen=True)
class VaultKey:
    """Encrypts and decrypts with one vault password.

    Attributes:
        label: The vault id that the encrypted text names; ``default`` names none.
        source: File that holds the password, or that is executed and prints it.
    """

    label: str
    source: str

    @classmethod
    def from_params(cls, params: dict[str, Any]) -> VaultKey | None:
        """Read a module's options.

        Returns:
            None where plain text is asked for by name.

        Raises:
            SecretError: They do not say how to encrypt, or contradict each other.
        """
        label, at, source = (params.get("vault_id") or "").rpartition("@")
        if not at:
            label, source = source, params.get("vault_password_file") or ""
        elif params.get("vault_password_file"):
            raise SecretError("vault_id names a password file after its @, and vault_password_file names another one. Give one of the two.")
        if params.get("plaintext"):
            if label or source:
                raise SecretError("plaintext is true, but vault_id or vault_password_file ask for encryption. Choose one.")
            return None
        if not source:
            raise SecretError(
                "Expected vault_password_file, or vault_id as label@file, to encrypt secrets with, but found neither. "
                "With plaintext: true they are stored as plain text, readable for their owner only."
            )
        if source in ("prompt", "prompt_ask_vault_pass"):
            raise SecretError("vault_id with @prompt cannot work in a module, which has no terminal. Give a password file or script.")
        path = Path(source).expanduser()
        if not path.is_file():
            raise SecretError(f"The vault password file {path} does not exist on the control node.")
        return cls(label or "default", str(path.absolute()))

    def encrypt(self, secret: bytes) -> bytes:
        """The encrypted text, in ASCII with line ends.

        Raises:
            SecretError: The vault password cannot be read.
        """
        return _backend.encrypt(secret, self.label, self.source)

    def decrypt(self, encrypted: bytes, where: str) -> bytes:
        """The secret in an encrypted text.

        Raises:
            SecretError: It cannot be decrypted with this password. ``where`` is named in the message.
        """
        try:
            return _backend.decrypt(encrypted, self.label, self.source)
        except SecretError as error:
            raise SecretError(f"{where} cannot be decrypted with the vault password of {self.source}: {error.message}") from error


def is_encrypted(content: bytes) -> bool:
    """Whether a file's content is encrypted with Ansible Vault."""
    return content.startswith(HEADER)
