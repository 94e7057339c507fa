#!/usr/bin/python
# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Verify on the server that Tentacles reach it."""

from __future__ import annotations

DOCUMENTATION = r"""
module: octopus_tentacle_verify
short_description: Verify on the server that Tentacles reach it
version_added: 1.0.0
description:
  - Finds the deployment targets and workers of all spaces that belong to some Tentacles, by the thumbprints of their certificates, and has the server
    check the health of just those.
  - A health check leaves disabled machines out, and a stopped task queue does not begin it, as on a clone in quarantine. Nothing is known of these then -
    RV(machines[].verified) is null.
  - A machine that is not reached fails nothing. See RV(machines[].verified).
  - In check mode it reads only, and no health check is queued.
extends_documentation_fragment:
  - octopus.upgrade.attributes
  - octopus.upgrade.step
  - octopus.upgrade.octopus_api
  - octopus.upgrade.octopus_api.server
attributes:
  check_mode:
    support: full
  diff_mode:
    support: none
options:
  thumbprints:
    description: The thumbprints of the Tentacles' own certificates.
    type: list
    elements: str
    required: true
  timeout:
    description: Seconds that a health check may take.
    type: int
    default: 600
seealso:
  - module: octopus.upgrade.octopus_tentacle
author:
  - The octopus.upgrade contributors (@octopus-upgrade)
"""

EXAMPLES = r"""
- name: Verify that the Tentacle reaches the new server
  octopus.upgrade.octopus_tentacle_verify:
    url: https://octopus-new.example.com
    api_key: "{{ vault_octopus_api_key }}"
    thumbprints: [0C1F3F5E0B0C3D2A4B5968778695A4B3C2D1E0F0]
  register: reached
  failed_when: reached is failed or reached.machines | selectattr('verified', 'eq', false) | length > 0
"""

RETURN = r"""
thumbprint:
  description: The thumbprint of the server's own certificate.
  returned: success
  type: str
  sample: 98A5C0A3F1F6D0E6E4C9D2B0B7A1E3F4C5D6E7F8
machines:
  description: The targets and workers of these Tentacles.
  returned: success
  type: list
  elements: dict
  contains:
    id:
      description: Its id.
      type: str
    name:
      description: Its name.
      type: str
    kind:
      description: V(target) or V(worker).
      type: str
    space:
      description: Id of its space.
      type: str
    thumbprint:
      description: The thumbprint of its Tentacle.
      type: str
    style:
      description: How it communicates, in the server's words.
      type: str
    verified:
      description: Whether the server has reached it; null where that cannot be told.
      type: bool
    reason:
      description: Why.
      type: str
    connection:
      description: What the server says of its connection, C(status) and C(last_checked). It may be from before the server was copied.
      type: dict
  sample: []
unknown:
  description: The thumbprints that no target or worker of this server has, as far as the user of the key can see.
  returned: success
  type: list
  elements: str
  sample: []
others:
  description: The targets and workers of other Tentacles, agents and the like, with the same keys as far as they are known, and C(needs).
  returned: success
  type: list
  elements: dict
  sample: []
"""

from typing import Any

from ansible_collections.octopus.upgrade.plugins.module_utils._core.module import run_module
from ansible_collections.octopus.upgrade.plugins.module_utils._octopus.api.certificate import thumbprint
from ansible_collections.octopus.upgrade.plugins.module_utils._octopus.api.client import OctopusApi
from ansible_collections.octopus.upgrade.plugins.module_utils._octopus.api.options import ApiOptions, api_spec
from ansible_collections.octopus.upgrade.plugins.module_utils._octopus.tentacle import on_server

SPEC: dict[str, Any] = {
    "argument_spec": {
        **api_spec(),
        "thumbprints": {"type": "list", "elements": "str", "required": True},
        "timeout": {"type": "int", "default": 600},
    }
}


def run(params: dict[str, Any], check_mode: bool, diff: bool) -> dict[str, Any]:
    """Find them, and have their health checked; the module's result."""
    wanted = {one.upper() for one in params["thumbprints"]}
    with OctopusApi(ApiOptions.for_url(params, params["url"], params["api_key"])) as api:
        own = thumbprint(api)
        found = list(on_server.machines(api))
        chosen = [one for one in found if one.thumbprint in wanted]
        verified = on_server.verify(api, chosen, params["timeout"], check_mode) if chosen else []
    return {
        "changed": False,
        "thumbprint": own,
        "machines": verified,
        "unknown": sorted(wanted - {one.thumbprint for one in chosen}),
        "others": [{**one.facts(), "needs": on_server.needs(one)} for one in found if one.thumbprint not in wanted],
    }


def main() -> None:
    run_module(SPEC, run)


if __name__ == "__main__":
    main()
