#!/usr/bin/python
# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Count what an Octopus Server has and read samples of it, to verify the server against later."""

from __future__ import annotations

DOCUMENTATION = r"""
module: octopus_baseline_info
short_description: Count what an Octopus Server has and read samples of it, to verify the server against later
version_added: 1.0.0
description:
  - Counts everything, for each space, and reads samples with their SHA-256 - projects, an old task log, a package, a project's logo and an
    artifact. M(octopus.upgrade.octopus_verify) compares a server with it later, such as after an upgrade.
  - Changes nothing.
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
  samples:
    description: How many task logs, and how many packages, logos and artifacts of each space, to read. Of projects, up to 25 are read.
    type: int
    default: 1
seealso:
  - module: octopus.upgrade.octopus_verify
author:
  - The octopus.upgrade contributors (@octopus-upgrade)
"""

EXAMPLES = r"""
- name: Record the baseline
  octopus.upgrade.octopus_baseline_info:
    url: https://octopus.example.com
    api_key: "{{ vault_octopus_api_key }}"
  register: before
"""

RETURN = r"""
baseline:
  description: Version, counts by space and collection (of the server as a whole under C(server)), and samples with their hashes.
  returned: success
  type: dict
  sample:
    version: 2018.10.7
    counts:
      Spaces-1: {projects: 3, environments: 4, releases: 41, packages: 312}
      server: {events: 1207, tasks: 96, users: 5}
    samples:
      projects:
        - {space: Spaces-1, id: Projects-1, name: Web Shop}
      task_logs:
        - id: ServerTasks-1
          description: Deploy Web Shop release 1.0.0 to Test
          sha256: 5d8f2c7c2bd9ac1e9d9a2f2a5cf2f3a5ce64b4aef0ab3b7d6f0b0b7a54c8f0d1
          bytes: 2210
          content_type: text/plain
      packages:
        - space: Spaces-1
          id: WebShop.Web
          version: 1.0.7
          sha256: 0b7d8e0ef8f1b8a4a5a2b4ff95c8be1a96c2d5d2f2b8b0d11f3e0a4f7d0a9b3c
          bytes: 48211
          content_type: application/octet-stream
      logos: []
      artifacts: []
evidence:
  description: How many projects were opened, and one sample of each other kind that was read, or null where there is none.
  returned: success
  type: dict
  sample:
    projects_read: 3
    task_log: {id: ServerTasks-1, description: Deploy Web Shop release 1.0.0 to Test, bytes: 2210}
    package: {space: Spaces-1, id: WebShop.Web, version: 1.0.7, bytes: 48211}
    logo: null
    artifact: null
"""

from typing import Any

from ansible_collections.octopus.upgrade.plugins.module_utils._core.module import run_module
from ansible_collections.octopus.upgrade.plugins.module_utils._octopus.api import verify
from ansible_collections.octopus.upgrade.plugins.module_utils._octopus.api.client import OctopusApi
from ansible_collections.octopus.upgrade.plugins.module_utils._octopus.api.options import ApiOptions, api_spec

SPEC: dict[str, Any] = {"argument_spec": {**api_spec(), "samples": {"type": "int", "default": 1}}}


def run(params: dict[str, Any], check_mode: bool, diff: bool) -> dict[str, Any]:
    """Count and read; the module's result."""
    with OctopusApi(ApiOptions.for_url(params, params["url"], params["api_key"])) as api:
        found = verify.baseline(api, params["samples"])
    return {"baseline": found, "evidence": verify.evidence(found["samples"])}


def main() -> None:
    run_module(SPEC, run)


if __name__ == "__main__":
    main()
