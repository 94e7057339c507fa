#!/usr/bin/python
# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Back up the licence of an Octopus Server, encrypted."""

from __future__ import annotations

DOCUMENTATION = r"""
module: octopus_license_backup
short_description: Back up the licence of an Octopus Server, encrypted
version_added: 1.0.0
description:
  - Reads the licence text over the REST API and writes it to a file on the control node, encrypted with Ansible Vault.
  - Reads and decrypts the file again, and compares. The same licence stored already is no change.
  - Also returns whether the server complies with its licence, which newer versions require before they upgrade or start.
extends_documentation_fragment:
  - octopus.upgrade.attributes
  - octopus.upgrade.step
  - octopus.upgrade.octopus_api
  - octopus.upgrade.octopus_api.server
  - octopus.upgrade.vault
attributes:
  action_group:
    description: Use C(group/octopus.upgrade.octopus_api) and C(group/octopus.upgrade.vault) in C(module_defaults) to set defaults for this module.
    support: full
    membership:
      - octopus.upgrade.octopus_api
      - octopus.upgrade.vault
  check_mode:
    support: full
  diff_mode:
    support: none
options:
  dest:
    description: File on the control node. Missing folders are created, for their owner only.
    type: path
    required: true
  force:
    description: Replace a different secret that is stored already. The old file is renamed, with the time added to its name.
    type: bool
    default: false
seealso:
  - module: octopus.upgrade.octopus_masterkey_backup
  - module: octopus.upgrade.octopus_restore_point
author:
  - The octopus.upgrade contributors (@octopus-upgrade)
"""

EXAMPLES = r"""
- name: Back up the licence, encrypted
  octopus.upgrade.octopus_license_backup:
    url: https://octopus.example.com
    api_key: "{{ vault_octopus_api_key }}"
    dest: /var/backups/octopus/license.vault
    vault_password_file: ~/.octopus-vault-password

# ansible-vault view --vault-password-file ~/.octopus-vault-password /var/backups/octopus/license.vault
"""

RETURN = r"""
dest:
  description: The file.
  returned: success
  type: str
  sample: /var/backups/octopus/license.vault
encrypted:
  description: Whether it is encrypted with Ansible Vault.
  returned: success
  type: bool
  sample: true
backup_file:
  description: The new name of a different file that was replaced.
  returned: when a file was replaced
  type: str
  sample: /var/backups/octopus/license.vault.20261123T214500Z
fingerprint:
  description: 16 hex digits to tell two licences apart without showing them.
  returned: success
  type: str
  sample: 5f0c1e6a0f4b7d21
is_compliant:
  description: Whether the server complies with its licence; null where this version does not say.
  returned: success
  type: bool
  sample: true
summary:
  description: What the server says about its compliance.
  returned: success
  type: str
  sample: Your usage of Octopus Server is compliant with your license.
expires:
  description: The day on which the licence's maintenance ends, as the server gives it.
  returned: success
  type: str
  sample: "2027-06-30T00:00:00.000+00:00"
"""

from typing import Any

from ansible_collections.octopus.upgrade.plugins.module_utils._core.module import run_module
from ansible_collections.octopus.upgrade.plugins.module_utils._octopus.api.client import OctopusApi
from ansible_collections.octopus.upgrade.plugins.module_utils._octopus.api.licenses import license_status, read_license
from ansible_collections.octopus.upgrade.plugins.module_utils._octopus.api.options import ApiOptions, api_spec
from ansible_collections.octopus.upgrade.plugins.module_utils._secrets.stored_secret import LocalFile, fingerprint, store
from ansible_collections.octopus.upgrade.plugins.module_utils._secrets.vault import VaultKey, vault_spec

SPEC: dict[str, Any] = {
    "argument_spec": {
        **api_spec(),
        **vault_spec(),
        "dest": {"type": "path", "required": True},
        "force": {"type": "bool", "default": False},
    }
}


def run(params: dict[str, Any], check_mode: bool, diff: bool) -> dict[str, Any]:
    """Back up the licence; the module's result."""
    vault_key = VaultKey.from_params(params)
    with OctopusApi(ApiOptions.for_url(params, params["url"], params["api_key"])) as api:
        text = read_license(api).text.encode()
        status = license_status(api)
    stored = store(LocalFile(params["dest"]), text, vault_key, what="licence", force=params["force"], check_mode=check_mode)
    return {
        "changed": stored.changed,
        "dest": params["dest"],
        "encrypted": vault_key is not None,
        "fingerprint": fingerprint(text),
        **({"backup_file": stored.backup_file} if stored.backup_file else {}),
        **status.as_dict(),
    }


def main() -> None:
    run_module(SPEC, run)


if __name__ == "__main__":
    main()
