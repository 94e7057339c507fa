#!/usr/bin/python
# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Make an administrator and an API key on an instance of Octopus Server that has neither."""

from __future__ import annotations

DOCUMENTATION = r"""
module: octopus_api_key
short_description: Make an administrator and an API key on a new instance of Octopus Server
version_added: 1.0.0
description:
  - Makes an administrator with C(Octopus.Server.exe admin), has the server make an API key for it, and stores the key on the control node.
  - The instance has to run. For one that M(octopus.upgrade.octopus_instance_create) has created, this is the first sign-in.
  - Where the stored key is accepted, nothing is changed.
  - The program takes a password only as an argument. It gets one that is valid for a moment, and the account another one over the API.
    Neither that nor the key reaches the host.
extends_documentation_fragment:
  - octopus.upgrade.attributes
  - octopus.upgrade.step
  - octopus.upgrade.octopus_api
  - octopus.upgrade.vault
  - octopus.upgrade.windows
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
  url:
    description: Address of the Octopus Server, best of the node on this host.
    type: str
    required: true
  instance_name:
    description: Name of the instance. Needed where the host has more than one.
    type: str
  username:
    description: The administrator. One that exists gets another password, so it must not be anybody's own account.
    type: str
    default: octopus-upgrade
  email:
    description: Its address.
    type: str
  password:
    description: Its password. Without it, the account has one that nobody knows.
    type: str
  purpose:
    description: What the server shows as the purpose of the key. Other keys of the administrator with this purpose are removed.
    type: str
    default: octopus.upgrade
  dest:
    description: File on the control node for the key. C(lookup('ansible.builtin.unvault', dest\)) reads it.
    type: path
    required: true
  work_root:
    description: Folder of the collection on the host.
    type: str
    default: C:\ProgramData\octopus.upgrade
notes:
  - The sign-in with user name and password has to be enabled, as it is on an instance that M(octopus.upgrade.octopus_instance_create) has created.
  - Where the instance logs on to its database with integrated security, the program does so as the account of the WinRM connection, which needs
    access, and has to pass its credentials on where SQL Server is on another machine (CredSSP, or Kerberos with delegation).
  - A key that is made over the API expires, by default after 180 days.
seealso:
  - module: octopus.upgrade.octopus_instance_create
author:
  - The octopus.upgrade contributors (@octopus-upgrade)
"""

EXAMPLES = r"""
- name: Make an administrator and an API key
  octopus.upgrade.octopus_api_key:
    url: https://octopus-test.example.com
    dest: /var/lib/octopus/test/api-key.vault
    vault_id: test@~/.octopus-vault-password
"""

RETURN = r"""
dest:
  description: The file on the control node.
  returned: success
  type: str
  sample: /var/lib/octopus/test/api-key.vault
encrypted:
  description: Whether it is encrypted with Ansible Vault.
  returned: success
  type: bool
  sample: true
username:
  description: The user of the key.
  returned: success
  type: str
  sample: octopus-upgrade
user_id:
  description: Its id; null in check mode where there is no key yet.
  returned: success
  type: str
  sample: Users-2
key_id:
  description: Id of a key that was made; null where there was one.
  returned: success
  type: str
  sample: apikeys-4xW2kX1c9
expires:
  description: When a key that was made expires; null where the server does not tell.
  returned: success
  type: str
  sample: "2027-05-30T00:00:00.000+00:00"
"""

from typing import Any

from ansible_collections.octopus.upgrade.plugins.module_utils._core.module import run_module
from ansible_collections.octopus.upgrade.plugins.module_utils._octopus.api.options import ApiOptions, api_spec
from ansible_collections.octopus.upgrade.plugins.module_utils._octopus.instance.api_key import ApiKeyRequest, make
from ansible_collections.octopus.upgrade.plugins.module_utils._secrets.vault import VaultKey, vault_spec
from ansible_collections.octopus.upgrade.plugins.module_utils._windows.connection import CONNECTION_SPEC, ConnectionOptions

_API = {name: option for name, option in api_spec().items() if name != "api_key"}
SPEC: dict[str, Any] = {
    "argument_spec": {
        **CONNECTION_SPEC,
        **_API,
        **vault_spec(),
        "instance_name": {"type": "str"},
        "username": {"type": "str", "default": "octopus-upgrade"},
        "email": {"type": "str"},
        "password": {"type": "str", "no_log": True},
        "purpose": {"type": "str", "default": "octopus.upgrade"},
        "dest": {"type": "path", "required": True},
        "work_root": {"type": "str", "default": r"C:\ProgramData\octopus.upgrade"},
    }
}


def run(params: dict[str, Any], check_mode: bool, diff: bool) -> dict[str, Any]:
    """Make the key; the module's result."""
    request = ApiKeyRequest(
        ApiOptions.for_url(params, params["url"]),
        params["instance_name"],
        params["username"],
        params["email"],
        params["password"],
        params["purpose"],
        params["dest"],
        VaultKey.from_params(params),
        params["work_root"],
        check_mode,
    )
    return make(request, ConnectionOptions.from_params(params["connection"]))


def main() -> None:
    run_module(SPEC, run)


if __name__ == "__main__":
    main()
