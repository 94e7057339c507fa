#!/usr/bin/python
# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Keep the licence of an Octopus Server in a file."""

from __future__ import annotations

DOCUMENTATION = r"""
module: octopus_license_backup
short_description: Keep the licence of an Octopus Server in a file
version_added: 1.0.0
description:
  - Reads the licence text over the REST API and writes it to a file on the control node, sealed with Ansible Vault.
  - Opens the file again and compares. The same licence stored already is no change.
  - Also tells whether the server complies with its licence, which newer versions want before they upgrade or start.
extends_documentation_fragment:
  - octopus.upgrade.attributes
  - octopus.upgrade.octopus_api
  - octopus.upgrade.octopus_api.server
  - octopus.upgrade.octopus_api.seal
attributes:
  check_mode:
    support: full
  diff_mode:
    support: none
options:
  dest:
    description: File on the control node. Missing folders are made, for their owner only.
    type: path
    required: true
seealso:
  - module: octopus.upgrade.octopus_masterkey_backup
author:
  - The octopus.upgrade contributors (@octopus-upgrade)
"""

EXAMPLES = r"""
- name: Keep the licence, sealed
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
sealed:
  description: Whether it is sealed with Ansible Vault.
  returned: success
  type: bool
  sample: true
kept:
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

from ansible.module_utils.basic import AnsibleModule, missing_required_lib
from ansible_collections.octopus.upgrade.plugins.module_utils._octopus.api.client import OctopusApi
from ansible_collections.octopus.upgrade.plugins.module_utils._octopus.api.http import REQUESTS_IMPORT_ERROR
from ansible_collections.octopus.upgrade.plugins.module_utils._octopus.api.licenses import license_status, read_license
from ansible_collections.octopus.upgrade.plugins.module_utils._octopus.api.options import ApiOptions, api_spec
from ansible_collections.octopus.upgrade.plugins.module_utils._octopus.errors import OctopusError
from ansible_collections.octopus.upgrade.plugins.module_utils._secrets.stored_secret import LocalFile, fingerprint, store
from ansible_collections.octopus.upgrade.plugins.module_utils._secrets.vault import Sealer, seal_spec


def main() -> None:
    module = AnsibleModule(
        argument_spec={**api_spec(), **seal_spec(), "dest": {"type": "path", "required": True}},
        supports_check_mode=True,
    )
    if REQUESTS_IMPORT_ERROR:
        module.fail_json(msg=missing_required_lib("requests"), exception=REQUESTS_IMPORT_ERROR)
    params = module.params
    try:
        sealer = Sealer.from_params(params)
        with OctopusApi(ApiOptions.for_url(params, params["url"], params["api_key"])) as api:
            text = read_license(api).text.encode()
            status = license_status(api)
        stored = store(LocalFile(params["dest"]), text, sealer, what="licence", force=params["force"], check_mode=module.check_mode)
    except OctopusError as error:
        module.fail_json(msg=error.message)
    result = {"changed": stored.changed, "dest": params["dest"], "sealed": sealer is not None, "fingerprint": fingerprint(text)}
    if stored.kept:
        result["kept"] = stored.kept
    module.exit_json(**result, **status.as_dict())


if __name__ == "__main__":
    main()
