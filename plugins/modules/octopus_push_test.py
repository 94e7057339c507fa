#!/usr/bin/python
# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Push a small package to Octopus Server as a build server does, read it back, and remove it."""

from __future__ import annotations

DOCUMENTATION = r"""
module: octopus_push_test
short_description: Push a small package to Octopus Server as a build server does, read it back, and remove it
version_added: 1.0.0
description:
  - Pushes a package C(octopus.upgrade.push-test) of a few hundred bytes to the built-in feed with the key of a build server, downloads it again, and
    removes it. Fails where any of that does not succeed.
  - No project uses a package of that name, so nothing is released or deployed by it. The push stands in the audit log, and subscriptions to such events
    tell of it.
  - Maintenance mode lets only administrators push, so run it once that has ended.
  - A package that a test which broke off has left is removed by the next one.
extends_documentation_fragment:
  - octopus.upgrade.attributes
  - octopus.upgrade.step
  - octopus.upgrade.octopus_api
  - octopus.upgrade.octopus_api.server
attributes:
  check_mode:
    support: full
    details:
      - Asks only whether the server accepts both keys.
  diff_mode:
    support: none
options:
  ci_api_key:
    description: API key of the build server.
    type: str
    required: true
  space:
    description: Id of the space to push to. Without meaning before 2019.1.
    type: str
    default: Spaces-1
notes:
  - O(api_key) is what removes the package, with the permission C(BuiltInFeedAdminister).
author:
  - The octopus.upgrade contributors (@octopus-upgrade)
"""

EXAMPLES = r"""
- name: Push as the build server does
  octopus.upgrade.octopus_push_test:
    url: https://octopus.example.com
    api_key: "{{ vault_octopus_api_key }}"
    ci_api_key: "{{ vault_ci_api_key }}"
"""

RETURN = r"""
package:
  description: The package that was pushed, read back and removed; null in check mode.
  returned: success
  type: dict
  sample: {id: octopus.upgrade.push-test, version: 1.0.1764536400, bytes: 224, sha256: 5d8f2c7c2bd9ac1e9d9a2f2a5cf2f3a5ce64b4aef0ab3b7d6f0b0b7a54c8f0d1}
"""

import time
from typing import Any

from ansible_collections.octopus.upgrade.plugins.module_utils._core.module import run_module
from ansible_collections.octopus.upgrade.plugins.module_utils._octopus.api.client import OctopusApi
from ansible_collections.octopus.upgrade.plugins.module_utils._octopus.api.options import ApiOptions, api_spec
from ansible_collections.octopus.upgrade.plugins.module_utils._octopus.verification.push import try_push

SPEC: dict[str, Any] = {
    "argument_spec": {
        **api_spec(),
        "ci_api_key": {"type": "str", "no_log": True, "required": True},
        "space": {"type": "str", "default": "Spaces-1"},
    }
}


def run(params: dict[str, Any], check_mode: bool, diff: bool) -> dict[str, Any]:
    """Push, read and remove; the module's result."""
    builder = OctopusApi(ApiOptions.for_url(params, params["url"], params["ci_api_key"]))
    administrator = OctopusApi(ApiOptions.for_url(params, params["url"], params["api_key"]))
    with builder, administrator:
        if check_mode:
            builder.get("/api/users/me")
            administrator.get("/api/users/me")
            return {"changed": False, "package": None}
        return {"changed": True, "package": try_push(builder, administrator, params["space"], str(int(time.time())))}


def main() -> None:
    run_module(SPEC, run)


if __name__ == "__main__":
    main()
