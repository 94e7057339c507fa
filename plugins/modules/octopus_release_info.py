#!/usr/bin/python
# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Read which versions of Octopus Server are published."""

from __future__ import annotations

DOCUMENTATION = r"""
module: octopus_release_info
short_description: Read which versions of Octopus Server are published
version_added: 1.0.0
description:
  - Reads the vendor's release feed, a copy of it, or the names of the packages in a folder, and sorts the versions by number. Pre-releases are left
    out.
  - Chooses one of them by a policy.
  - Changes nothing, and needs no Windows host.
extends_documentation_fragment:
  - octopus.upgrade.attributes
  - octopus.upgrade.step
attributes:
  check_mode:
    support: full
  diff_mode:
    support: none
options:
  feed:
    description:
      - A URL, or on the control node the path of a copy of the feed or of a folder with packages named C(Octopus.<version>-x64.msi).
    type: str
    default: https://octopus.com/download/upgrade/v3
  version:
    description:
      - Which version to choose, into RV(version). V(latest) is the newest, V(latest-patch) the newest of the installed line (such as 2025.3),
        V(latest-minor) the newest of the installed year, V(2025.4) the newest of a line, V(2026.x) the newest of a year, V(<2025.4) the newest below.
        An exact version is returned as it is, also where it is not in the feed.
    type: str
  installed:
    description: The installed version, which V(latest-patch) and V(latest-minor) start from.
    type: str
  validate_certs:
    description: Whether the certificate of a URL is verified.
    type: bool
    default: true
  ca_path:
    description: PEM file with certificates of authorities that are trusted for that, instead of the system's own.
    type: path
seealso:
  - module: octopus.upgrade.octopus_plan
author:
  - The octopus.upgrade contributors (@octopus-upgrade)
"""

EXAMPLES = r"""
- name: Look up the newest patch of 2025.4
  octopus.upgrade.octopus_release_info:
    version: "2025.4"
  register: release

- name: Look up which versions are in a folder of packages
  octopus.upgrade.octopus_release_info:
    feed: /srv/octopus/packages
  register: mirror
"""

RETURN = r"""
versions:
  description: The published versions, the oldest first.
  returned: success
  type: list
  elements: str
  sample: [2025.3.14357, 2025.4.10423, 2026.2.9853]
dates:
  description: The days on which versions came out, of those for which the feed tells.
  returned: success
  type: dict
  sample: {2025.4.10423: "2026-02-12"}
version:
  description: The version that O(version) means.
  returned: with O(version)
  type: str
  sample: 2025.4.10423
released:
  description: The day RV(version) came out, where the feed tells.
  returned: with O(version)
  type: str
  sample: "2026-02-12"
"""

from typing import Any

from ansible_collections.octopus.upgrade.plugins.module_utils._core.errors import InvalidValue
from ansible_collections.octopus.upgrade.plugins.module_utils._core.module import run_module
from ansible_collections.octopus.upgrade.plugins.module_utils._octopus.errors import OctopusError
from ansible_collections.octopus.upgrade.plugins.module_utils._octopus.package.feed import DEFAULT_FEED, read
from ansible_collections.octopus.upgrade.plugins.module_utils._octopus.path.releases import resolve
from ansible_collections.octopus.upgrade.plugins.module_utils._octopus.version import Version

SPEC: dict[str, Any] = {
    "argument_spec": {
        "feed": {"type": "str", "default": DEFAULT_FEED},
        "version": {"type": "str"},
        "installed": {"type": "str"},
        "validate_certs": {"type": "bool", "default": True},
        "ca_path": {"type": "path"},
    }
}


def run(params: dict[str, Any], check_mode: bool, diff: bool) -> dict[str, Any]:
    """Read the feed; the module's result."""
    found = read(params["feed"], validate_certs=params["validate_certs"], ca_path=params["ca_path"])
    result: dict[str, Any] = {
        "versions": [str(release.version) for release in found],
        "dates": {str(release.version): release.released.isoformat() for release in found if release.released},
    }
    if params["version"] is None:
        return result
    try:
        version = resolve(params["version"], found, Version.parse(params["installed"]) if params["installed"] else None)
    except OctopusError as error:
        raise InvalidValue(f"{error}.") from error
    released = next((release.released for release in found if release.version == version), None)
    return result | {"version": str(version), "released": released.isoformat() if released else None}


def main() -> None:
    run_module(SPEC, run)


if __name__ == "__main__":
    main()
