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
  - Reads what M(octopus.upgrade.octopus_verify) compares a server with later, such as after an upgrade. That is, for each space, how many there
    are of every entity that the API lists; what is disabled, which targets are unhealthy and what the dashboard shows; users, teams, roles and
    permissions; the nodes; and the contents - every project opened, and the SHA-256 of some task logs, packages, logos and artifacts.
  - Changes nothing on the server.
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
    description:
      - How many task logs, and how many packages, artifacts and logos of projects and of tenants in each space, to read. V(0) reads none.
      - Of packages and artifacts, 256 MiB are downloaded in all.
    type: int
    default: 10
  contents:
    description:
      - RV(baseline) of an earlier call, whose contents are taken over. Projects and files are not read again then.
      - So they can be read before an outage, and the rest within it.
    type: dict
  dest:
    description: File on the control node to write the baseline to, as JSON with mode 0600. It is replaced where it exists.
    type: path
  max_seconds:
    description: For how many seconds to read at most. What has not been asked for by then is left out, and named in RV(baseline.unread).
    type: int
    default: 300
seealso:
  - module: octopus.upgrade.octopus_verify
author:
  - The octopus.upgrade contributors (@octopus-upgrade)
"""

EXAMPLES = r"""
- name: Read everything while users work
  octopus.upgrade.octopus_baseline_info:
    url: https://octopus.example.com
    api_key: "{{ vault_octopus_api_key }}"
    samples: 25
  register: early

- name: Read what may have changed since, without the files
  octopus.upgrade.octopus_baseline_info:
    url: https://octopus.example.com
    api_key: "{{ vault_octopus_api_key }}"
    contents: "{{ early.baseline }}"
  register: before
"""

RETURN = r"""
baseline:
  description: What was read, in a form for M(octopus.upgrade.octopus_verify). It can be kept as JSON.
  returned: success
  type: dict
  contains:
    version:
      description: Version of the server.
      type: str
    counts:
      description: Numbers by space and collection, of the server as a whole under C(server).
      type: dict
    disabled:
      description: Names of what is disabled by space, collection and id.
      type: dict
    access:
      description: Users, teams, roles and permissions.
      type: dict
    contents:
      description: The projects that cannot be opened, and samples of files with their hashes.
      type: dict
    unread:
      description: What could not be read, with the reason.
      type: dict
  sample:
    version: 2018.10.7
    counts:
      Spaces-1: {projects: 3, environments: 4, releases: 41, packages: 312}
      server: {events: 1207, tasks: 96, users: 5}
    disabled:
      Spaces-1: {projecttriggers: {ProjectTriggers-2: Nightly}}
    access:
      users: {Users-1: admin}
    contents:
      projects: {opened: 3, failed: {}, left: 0, why: ''}
      samples:
        packages:
          - space: Spaces-1
            id: WebShop.Web
            version: 1.0.7
            sha256: 0b7d8e0ef8f1b8a4a5a2b4ff95c8be1a96c2d5d2f2b8b0d11f3e0a4f7d0a9b3c
            bytes: 48211
            content_type: application/octet-stream
    unread: {}
evidence:
  description: How many projects were opened and files read, and one of each kind of file, or null where there is none.
  returned: success
  type: dict
  sample:
    compared_with: null
    projects_read: 3
    files_read: 14
    task_log: {id: ServerTasks-1, description: Deploy Web Shop release 1.0.0 to Test, bytes: 2210}
    package: {space: Spaces-1, id: WebShop.Web, version: 1.0.7, bytes: 48211}
    logo: null
    artifact: null
"""

import json
from typing import Any

from ansible_collections.octopus.upgrade.plugins.module_utils._core.module import run_module
from ansible_collections.octopus.upgrade.plugins.module_utils._octopus.api.client import OctopusApi
from ansible_collections.octopus.upgrade.plugins.module_utils._octopus.api.options import ApiOptions, api_spec
from ansible_collections.octopus.upgrade.plugins.module_utils._octopus.verification import baseline, compare
from ansible_collections.octopus.upgrade.plugins.module_utils._secrets.stored_secret import LocalFile

SPEC: dict[str, Any] = {
    "argument_spec": {
        **api_spec(),
        "samples": {"type": "int", "default": 10},
        "contents": {"type": "dict"},
        "dest": {"type": "path"},
        "max_seconds": {"type": "int", "default": 300},
    }
}


def run(params: dict[str, Any], check_mode: bool, diff: bool) -> dict[str, Any]:
    """Count and read; the module's result."""
    with OctopusApi(ApiOptions.for_url(params, params["url"], params["api_key"])) as api:
        found = baseline.read(api, samples=params["samples"], seconds=params["max_seconds"], former=params["contents"])
    contents = found["contents"]
    warnings = [f"{key} cannot be read, and will not be compared: {why}" for key, why in found["unread"].items()]
    if not params["contents"]:
        warnings += [f"{params['url']}: the project {key} cannot be opened: {why}" for key, why in contents["projects"]["failed"].items()]
    evidence = compare.evidence({}, contents["projects"], contents["samples"])
    if params["dest"] and not check_mode:
        LocalFile(params["dest"]).write(json.dumps(found).encode())
    return {"baseline": found, "evidence": evidence, "changed": bool(params["dest"]), **({"warnings": warnings} if warnings else {})}


def main() -> None:
    run_module(SPEC, run)


if __name__ == "__main__":
    main()
