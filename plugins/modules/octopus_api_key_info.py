#!/usr/bin/python
# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Read the API key that octopus_api_key has stored."""

from __future__ import annotations

DOCUMENTATION = r"""
module: octopus_api_key_info
short_description: Read the API key that octopus_api_key has stored
version_added: 1.0.0
description:
  - Decrypts the file of M(octopus.upgrade.octopus_api_key) with the same options, whatever password ansible-playbook itself was given.
  - The result has the key, so the task needs C(no_log=true), and is refused without.
extends_documentation_fragment:
  - octopus.upgrade.attributes
  - octopus.upgrade.step
  - octopus.upgrade.vault
attributes:
  action_group:
    description: Use C(group/octopus.upgrade.vault) in C(module_defaults) to set defaults for this module.
    support: full
    membership:
      - octopus.upgrade.vault
  check_mode:
    support: full
  diff_mode:
    support: none
options:
  path:
    description: The file on the control node.
    type: path
    required: true
seealso:
  - module: octopus.upgrade.octopus_api_key
author:
  - The octopus.upgrade contributors (@octopus-upgrade)
"""

EXAMPLES = r"""
- name: Read the API key
  octopus.upgrade.octopus_api_key_info:
    path: /var/lib/octopus/test/api-key.vault
    vault_id: test@~/.octopus-vault-password
  no_log: true
  register: found
"""

RETURN = r"""
exists:
  description: Whether there is a file.
  returned: success
  type: bool
  sample: true
key:
  description: The API key; empty where there is no file.
  returned: success
  type: str
  sample: API-XXXXXXXXXXXXXXXXXXXXXXXXXX
"""

from typing import Any

from ansible_collections.octopus.upgrade.plugins.module_utils._core.module import run_module
from ansible_collections.octopus.upgrade.plugins.module_utils._octopus.instance.api_key import stored
from ansible_collections.octopus.upgrade.plugins.module_utils._secrets.stored_secret import LocalFile
from ansible_collections.octopus.upgrade.plugins.module_utils._secrets.vault import VaultKey, vault_spec

SPEC: dict[str, Any] = {"argument_spec": {**vault_spec(), "path": {"type": "path", "required": True}}}


def run(params: dict[str, Any], check_mode: bool, diff: bool) -> dict[str, Any]:
    """Read the file; the module's result."""
    key = stored(LocalFile(params["path"]), VaultKey.from_params(params))
    return {"changed": False, "exists": key is not None, "key": key or ""}


def main() -> None:
    run_module(SPEC, run)


if __name__ == "__main__":
    main()
