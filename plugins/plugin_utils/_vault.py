# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Ansible Vault within the worker of ansible-playbook, with Ansible's own library. Private to this collection."""

from __future__ import annotations

import os
from typing import Any

from ansible.errors import AnsibleError
from ansible.parsing.dataloader import DataLoader
from ansible.parsing.vault import VaultLib, VaultSecret, get_file_vault_secret, parse_vaulttext_envelope
from ansible_collections.octopus.upgrade.plugins.module_utils._secrets import vault
from ansible_collections.octopus.upgrade.plugins.module_utils._secrets.errors import SecretError
from ansible_collections.octopus.upgrade.plugins.plugin_utils._on_controller import OnController


class WithVault(OnController):
    """What the action plugin of a module derives from that encrypts or decrypts secrets."""

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        """Run the module, with Ansible Vault in this process."""
        vault.use(VaultLibrary(self._loader))
        return super().run(tmp, task_vars)


class VaultLibrary:
    """Encrypts and decrypts as ``ansible-vault`` does; passwords come from files, scripts and ``-client`` scripts as Ansible takes them.

    Only the password of the given source is used. The user's own vault passwords, which ansible-playbook has been given, only decrypt a
    password file that is itself encrypted.

    Args:
        loader: Reads password files.
    """

    def __init__(self, loader: DataLoader) -> None:
        self._loader = loader
        self._passwords: dict[tuple[str, str, int], VaultSecret] = {}

    def encrypt(self, secret: bytes, label: str, source: str) -> bytes:
        """The encrypted text.

        Raises:
            SecretError: The password cannot be read.
        """
        try:
            return bytes(VaultLib().encrypt(secret, self._password(label, source), label))
        except AnsibleError as error:
            raise SecretError(str(error)) from error

    def decrypt(self, encrypted: bytes, label: str, source: str) -> bytes:
        """The secret.

        Raises:
            SecretError: The password cannot be read, or is another one.
        """
        try:
            if not vault.is_encrypted(encrypted):
                raise SecretError("Expected a text encrypted with Ansible Vault, but found something else.")
            password = self._password(label, source)
            # Under the label of the text, so that the password is tried whatever the user's DEFAULT_VAULT_ID_MATCH says.
            named = parse_vaulttext_envelope(encrypted)[3]
            return bytes(VaultLib([(named, password)]).decrypt(encrypted))
        except AnsibleError as error:
            raise SecretError(str(error)) from error

    def _password(self, label: str, source: str) -> VaultSecret:
        """The vault password; a script is run once for each label, and again when it has changed."""
        try:
            known = (label, source, os.stat(source).st_mtime_ns)
        except OSError as error:
            raise SecretError(f"The vault password file {source} cannot be read: {error}") from error
        if known not in self._passwords:
            password = get_file_vault_secret(filename=source, vault_id=label, loader=self._loader)
            password.load()
            self._passwords[known] = password
        return self._passwords[known]
