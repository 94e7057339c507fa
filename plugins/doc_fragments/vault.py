# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations


class ModuleDocFragment:
    """How secrets are encrypted."""

    DOCUMENTATION = r"""
requirements:
  - ansible-core with Ansible Vault on the control node, which is there when Ansible runs
options:
  vault_id:
    description:
      - Vault id to encrypt and decrypt with, as C(ansible-vault --vault-id) takes it, V(label@file), or a label alone beside
        O(vault_password_file).
      - The file holds the password. If it is executable, it is run and prints the password, and gets C(--vault-id label) if its name
        ends in C(-client). V(label@prompt) cannot work in a module.
    type: str
  vault_password_file:
    description:
      - File with the vault password, or an executable that prints it.
      - It may itself be encrypted with a vault password that ansible-playbook was given, except with C(async).
    type: path
  plaintext:
    description:
      - Do without Ansible Vault. Secrets are then stored as plain text, and only in files on the control node that only their owner can read.
      - Where this is false, which is the default, nothing is written without a vault password.
    type: bool
    default: false
"""
