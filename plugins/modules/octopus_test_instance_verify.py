#!/usr/bin/python
# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Verify that a test instance has its projects, and nothing that could act on its own or on a machine of the source's."""

from __future__ import annotations

DOCUMENTATION = r"""
module: octopus_test_instance_verify
short_description: Verify that a test instance has its projects, and nothing that could act
version_added: 1.0.0
description:
  - Asks the server, over its API and in all its spaces, for projects, deployment targets, workers and triggers, and for the thumbprint of its
    certificate.
  - Fails where a project is missing, where the certificate is another server's, and, with O(nothing_else), where there is another project, a
    target, a worker or an enabled trigger. The result then has what was found nevertheless.
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
  wanted:
    description: Names of the projects that have to be there.
    type: list
    elements: str
    required: true
  thumbprint:
    description: Thumbprint of the certificate that the server has to have, so that it is no other server.
    type: str
  other_thumbprints:
    description: Thumbprints of the certificates of other servers, whose Tentacles must not trust this one.
    type: list
    elements: str
    default: []
  nothing_else:
    description: Whether nothing but these projects may be there, as after the import. Later, whoever tests may have added something.
    type: bool
    default: true
  refuse:
    description: Whether the module fails where something is wrong, or only tells it.
    type: bool
    default: true
seealso:
  - module: octopus.upgrade.octopus_projects_import
author:
  - The octopus.upgrade contributors (@octopus-upgrade)
"""

EXAMPLES = r"""
- name: Verify that nothing but the projects has arrived
  octopus.upgrade.octopus_test_instance_verify:
    url: https://octopus-test.example.com
    api_key: "{{ octopus_api_key }}"
    wanted: [Web Shop, Billing]
    other_thumbprints: [3D9E1C0B5A7F48E2D6C1B0A99887766554433221]
"""

RETURN = r"""
version:
  description: The version of the server.
  returned: success
  type: str
  sample: 2025.3.14357
thumbprint:
  description: The thumbprint of its certificate.
  returned: success
  type: str
  sample: A1B2C3D4E5F60718293A4B5C6D7E8F9001122334
projects:
  description: Its projects.
  returned: success
  type: list
  elements: str
  sample: [Billing, Web Shop]
machines:
  description: How many deployment targets it has; null where that cannot be told.
  returned: success
  type: int
  sample: 0
workers:
  description: How many workers.
  returned: success
  type: int
  sample: 0
triggers:
  description: How many triggers of projects.
  returned: success
  type: int
  sample: 0
live_triggers:
  description: Those that are enabled.
  returned: success
  type: list
  elements: str
  sample: []
wrong:
  description: What is not as it has to be.
  returned: success
  type: list
  elements: str
  sample: []
"""

from typing import Any

from ansible_collections.octopus.upgrade.plugins.module_utils._core.errors import TaskFailed
from ansible_collections.octopus.upgrade.plugins.module_utils._core.module import run_module
from ansible_collections.octopus.upgrade.plugins.module_utils._octopus.api.client import OctopusApi
from ansible_collections.octopus.upgrade.plugins.module_utils._octopus.api.options import ApiOptions, api_spec
from ansible_collections.octopus.upgrade.plugins.module_utils._octopus.projects import contents

SPEC: dict[str, Any] = {
    "argument_spec": {
        **api_spec(),
        "wanted": {"type": "list", "elements": "str", "required": True},
        "thumbprint": {"type": "str"},
        "other_thumbprints": {"type": "list", "elements": "str", "default": []},
        "nothing_else": {"type": "bool", "default": True},
        "refuse": {"type": "bool", "default": True},
    }
}


def run(params: dict[str, Any], check_mode: bool, diff: bool) -> dict[str, Any]:
    """Ask the server; the module's result."""
    with OctopusApi(ApiOptions.for_url(params, params["url"], params["api_key"])) as api:
        found = contents.read(api)
    wrong = contents.wrong(found, params["wanted"], params["thumbprint"], params["other_thumbprints"], params["nothing_else"])
    result = {"changed": False, **found, "wrong": wrong}
    if wrong and params["refuse"]:
        raise TaskFailed(
            f"Expected at {params['url']} a test instance with the projects {', '.join(params['wanted'])}"
            f"{' and nothing that could act' if params['nothing_else'] else ''}, but {'; '.join(wrong)}. Nobody should use it as it is.",
            result,
        )
    return result


def main() -> None:
    run_module(SPEC, run)


if __name__ == "__main__":
    main()
