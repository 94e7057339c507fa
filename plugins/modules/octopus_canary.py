#!/usr/bin/python
# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Make a canary release of a project, deploy it, and remove it again."""

from __future__ import annotations

DOCUMENTATION = r"""
module: octopus_canary
short_description: Make a canary release of a project, deploy it, and remove it again
version_added: 1.0.0
description:
  - Makes a release of a project, deploys it to an environment, waits for the end of the deployment, and removes deployment and release again, also
    where the deployment has failed or takes too long. Fails where it does not succeed, and names what could not be removed.
  - The version of the release ends with C(octopus-upgrade-canary) and a random part, as in C(1.0.13-octopus-upgrade-canary.r5f0c2a91). What an
    interrupted run has left is found by that, and removed first; a deployment that still goes on is waited for, then cancelled.
  - It is a real deployment. It does to the targets of that environment what the project's process says, and what it deploys there stays. Subscriptions
    to such events, steps that send mail or messages, and integrations such as Jira tell of it; the audit log keeps it, and so do the targets' own
    journals. Best is a project of its own, with one script step that runs on the server, and an environment without targets.
  - Guided failure is off, whatever the environment says.
  - Refuses, before anything is made, a project that is disabled, kept in Git, or deployed for tenants only; a process with a manual intervention, with
    a step that deploys the release of another project, or with one that takes a script from Git; a lifecycle with a phase that deploys by itself, or
    that lets no new release into the environment; a space whose task queue is stopped; and a server whose nodes are all drained or offline.
  - In maintenance mode only an administrator's key may deploy.
extends_documentation_fragment:
  - octopus.upgrade.attributes
  - octopus.upgrade.step
  - octopus.upgrade.octopus_api
  - octopus.upgrade.octopus_api.server
attributes:
  check_mode:
    support: full
    details:
      - Reads and refuses as it does otherwise, and makes nothing. Whether the user of O(api_key) may make, deploy and remove shows only then.
  diff_mode:
    support: none
options:
  project:
    description: Name of the project.
    type: str
    required: true
  environment:
    description: Name of the environment.
    type: str
    required: true
  space:
    description: Name or id of the space. Without it the default space is meant. Without meaning before 2019.1.
    type: str
    default: ""
  channel:
    description: Name of the channel. Without it the default channel of the project is meant.
    type: str
    default: ""
  version:
    description: Version of the release, to which the mark is added. Without it the server's next one is taken.
    type: str
    default: ""
  timeout:
    description: Seconds that the deployment may take. Then it is cancelled.
    type: int
    default: 900
notes:
  - Packages have the versions that the last release of the project has.
  - The user of O(api_key) needs C(ReleaseCreate), C(ReleaseDelete), C(DeploymentCreate), C(DeploymentDelete) and C(TaskCancel), and may view the project
    with its process, lifecycle, environment and tasks.
seealso:
  - module: octopus.upgrade.octopus_verify
author:
  - The octopus.upgrade contributors (@octopus-upgrade)
"""

EXAMPLES = r"""
- name: Deploy a canary
  octopus.upgrade.octopus_canary:
    url: https://octopus.example.com
    api_key: "{{ vault_octopus_api_key }}"
    project: Canary
    environment: Canary

- name: Deploy a canary in another space, by another channel
  octopus.upgrade.octopus_canary:
    url: https://octopus.example.com
    api_key: "{{ vault_octopus_api_key }}"
    space: Platform
    project: Canary
    channel: Smoke tests
    environment: Canary
    timeout: 300
"""

RETURN = r"""
release:
  description: The version of the release, which is removed again; in check mode the one that it would have, but for the random part.
  returned: always, once nothing is refused
  type: str
  sample: 1.0.13-octopus-upgrade-canary.r5f0c2a91
task:
  description: The task of the deployment; null where there was none, or it has not ended.
  returned: always, once nothing is refused
  type: dict
  contains:
    id:
      description: Its id.
      type: str
    state:
      description: How it ended.
      type: str
    node:
      description: The node that carried it out, as the server names it.
      type: str
    has_warnings:
      description: Whether its log has warnings or errors.
      type: bool
  sample: {id: ServerTasks-4711, state: Success, node: OctopusServerNodes-octo-a, has_warnings: false}
log_tail:
  description: The last lines of its log, where it failed.
  returned: always, once nothing is refused
  type: list
  elements: str
  sample: []
leftovers:
  description: The versions of the canaries of interrupted runs that were removed.
  returned: always, once nothing is refused
  type: list
  elements: str
  sample: []
not_removed:
  description: What could not be removed, with the reason.
  returned: always, once nothing is refused
  type: list
  elements: str
  sample: []
"""

from typing import Any

from ansible_collections.octopus.upgrade.plugins.module_utils._core.module import run_module
from ansible_collections.octopus.upgrade.plugins.module_utils._octopus.api.client import OctopusApi
from ansible_collections.octopus.upgrade.plugins.module_utils._octopus.api.options import ApiOptions, api_spec
from ansible_collections.octopus.upgrade.plugins.module_utils._octopus.verification.canary import Canary
from ansible_collections.octopus.upgrade.plugins.module_utils._octopus.verification.canary_plan import Wanted, make_plan

SPEC: dict[str, Any] = {
    "argument_spec": {
        **api_spec(),
        "project": {"type": "str", "required": True},
        "environment": {"type": "str", "required": True},
        "space": {"type": "str", "default": ""},
        "channel": {"type": "str", "default": ""},
        "version": {"type": "str", "default": ""},
        "timeout": {"type": "int", "default": 900},
    }
}


def run(params: dict[str, Any], check_mode: bool, diff: bool) -> dict[str, Any]:
    """Make, deploy and remove; the module's result."""
    wanted = Wanted(**{name: params[name] for name in ("project", "environment", "space", "channel", "version")})
    with OctopusApi(ApiOptions.for_url(params, params["url"], params["api_key"])) as api:
        canary = Canary(api, make_plan(api, wanted), params["timeout"])
        if check_mode:
            return {"changed": True, "release": canary.version, "task": None, "log_tail": [], "leftovers": [], "not_removed": []}
        result = canary.fly()
    task = result["task"]
    said = [f"The canary {result['release']} was deployed ({task['id']}), with warnings in its log."] if task["has_warnings"] else []
    return {"changed": True, **result} | ({"warnings": said} if said else {})


def main() -> None:
    run_module(SPEC, run)


if __name__ == "__main__":
    main()
