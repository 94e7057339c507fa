#!/usr/bin/python
# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Copy the packages that projects use to the built-in feed of another Octopus Server."""

from __future__ import annotations

DOCUMENTATION = r"""
module: octopus_packages_copy
short_description: Copy the packages that projects use to the built-in feed of another Octopus Server
version_added: 1.0.0
description:
  - Copies, from the built-in feed of O(source) to that of O(url), the versions that releases of the projects have selected, and of each package that
    their deployment processes use the version that was pushed last.
  - Packages that only runbooks use, and those of external feeds, are not copied.
  - A package that is there already is not replaced. Each one goes by a temporary file of the control node, is compared with the hash and the size that
    the source tells, and again with those that the other server tells.
  - Packages that are missing on the source are named in RV(missing), and are no failure.
extends_documentation_fragment:
  - octopus.upgrade.attributes
  - octopus.upgrade.step
  - octopus.upgrade.octopus_api
  - octopus.upgrade.octopus_api.server
attributes:
  check_mode:
    support: partial
    details:
      - Only O(source) is asked, whether its packages may be downloaded, how many there are, and how large they are; the other server need not exist yet.
  diff_mode:
    support: none
options:
  source:
    description: The server that has the packages.
    type: dict
    required: true
    suboptions:
      url:
        description: Its address.
        type: str
        required: true
      api_key:
        description: Key of a user with the permissions C(BuiltInFeedDownload), C(FeedView), C(ProcessView), C(ProjectView) and C(ReleaseView).
        type: str
        required: true
      validate_certs:
        description: Whether the certificate of an https address has to be trusted.
        type: bool
        default: true
      ca_path:
        description: File on the control node with the certificates to trust, in PEM.
        type: path
      allow_http:
        description: Whether the key may be sent to an address that begins with V(http://).
        type: bool
        default: false
      space:
        description: Id or name of the space; by default the default space.
        type: str
  projects:
    description: Names of the projects on O(source).
    type: list
    elements: str
    required: true
  space:
    description: Id or name of the space that gets the packages; by default the default space.
    type: str
notes:
  - O(api_key) needs the permissions C(BuiltInFeedDownload) and C(BuiltInFeedPush).
  - A project with automatic release creation makes a release of a package that is pushed. Copy the packages before the projects.
seealso:
  - module: octopus.upgrade.octopus_projects_import
author:
  - The octopus.upgrade contributors (@octopus-upgrade)
"""

EXAMPLES = r"""
- name: Copy the packages of two projects
  octopus.upgrade.octopus_packages_copy:
    url: https://octopus-test.example.com
    api_key: "{{ lookup('ansible.builtin.unvault', '/var/lib/octopus/test/api-key.vault') }}"
    source:
      url: https://octopus.example.com
      api_key: "{{ vault_octopus_api_key }}"
    projects: [Web Shop, Billing]
"""

RETURN = r"""
packages:
  description: How many packages of the source there are to copy or to find in place.
  returned: success
  type: int
  sample: 42
copied:
  description: How many were copied; 0 in check mode.
  returned: success
  type: int
  sample: 40
existing:
  description: How many were there already; 0 in check mode.
  returned: success
  type: int
  sample: 1
bytes:
  description: Bytes that were copied; in check mode those of all packages.
  returned: success
  type: int
  sample: 734003200
missing:
  description: Packages that the source itself does not have any more, at most 50 of them.
  returned: success
  type: list
  elements: str
  sample: [Acme.Web 1.0.3]
different:
  description: Packages that are there already, with another content than on the source, at most 50 of them.
  returned: success
  type: list
  elements: str
  sample: []
unknown:
  description: Versions that a release has selected for a step whose package cannot be told, at most 50 of them.
  returned: success
  type: list
  elements: str
  sample: []
"""

from typing import Any

from ansible_collections.octopus.upgrade.plugins.module_utils._core.module import run_module
from ansible_collections.octopus.upgrade.plugins.module_utils._core.progress import Progress
from ansible_collections.octopus.upgrade.plugins.module_utils._octopus.api.client import OctopusApi
from ansible_collections.octopus.upgrade.plugins.module_utils._octopus.api.options import ApiOptions, api_spec
from ansible_collections.octopus.upgrade.plugins.module_utils._octopus.api.spaces import space_path
from ansible_collections.octopus.upgrade.plugins.module_utils._octopus.projects import package_copy, used_packages

_SOURCE: dict[str, Any] = {
    "url": {"type": "str", "required": True},
    "api_key": {"type": "str", "no_log": True, "required": True},
    "validate_certs": {"type": "bool", "default": True},
    "ca_path": {"type": "path"},
    "allow_http": {"type": "bool", "default": False},
    "space": {"type": "str"},
}
SPEC: dict[str, Any] = {
    "argument_spec": {
        **api_spec(),
        "source": {"type": "dict", "required": True, "options": _SOURCE},
        "projects": {"type": "list", "elements": "str", "required": True},
        "space": {"type": "str"},
    }
}


def run(params: dict[str, Any], check_mode: bool, diff: bool) -> dict[str, Any]:
    """Copy; the module's result."""
    own = params["source"]
    options = ApiOptions.for_url({**own, "api_timeout": params["api_timeout"]}, own["url"], own["api_key"])
    with OctopusApi(options) as source:
        there = space_path(source, own["space"] or None)
        used = used_packages.read(source, there, params["projects"])
        result: dict[str, Any] = {
            "changed": False,
            "copied": 0,
            "existing": 0,
            "different": [],
            "unknown": sorted(used.unknown)[: package_copy.NAMED],
        }
        if check_mode:
            result |= package_copy.outlook(package_copy.Feed(source, there), used.packages)
            return {**result, "changed": bool(result["packages"])}
        with OctopusApi(ApiOptions.for_url(params, params["url"], params["api_key"])) as target:
            here = space_path(target, params["space"] or None)
            feeds = package_copy.Feed(source, there), package_copy.Feed(target, here)
            result |= package_copy.copy(*feeds, used.packages, Progress())
    told = [
        *([f"Missing on {source.url}, and so not copied: {', '.join(result['missing'])}"] if result["missing"] else []),
        *([f"There already with another content, and not replaced: {', '.join(result['different'])}"] if result["different"] else []),
    ]
    return {**result, "changed": bool(result["copied"]), **({"warnings": told} if told else {})}


def main() -> None:
    run_module(SPEC, run)


if __name__ == "__main__":
    main()
