#!/usr/bin/python
# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Stage, install, upgrade, downgrade and remove Octopus Server's MSI."""

from __future__ import annotations

DOCUMENTATION = r"""
module: octopus_install
short_description: Stage, install, upgrade and remove the Octopus Server MSI
version_added: 1.0.0
description:
  - Works on all nodes at once. Packages are fetched, and C(msiexec) runs, as scheduled tasks on the nodes, so that a lost connection
    ends neither. Running the task again goes on wherever an earlier run broke off; an installation that it left running is waited for
    before anything is looked at.
  - A package is fetched under another name, compared with its SHA-256, then renamed. One that is there and right is not fetched again.
  - Installing the version that is installed changes nothing. What is installed afterwards is asked of the program itself. What is
    registered and has lost its program is removed and installed.
  - Only the program is installed. Instances, their configuration and their databases stay as they are, see
    M(octopus.upgrade.octopus_database) for the schema upgrade that has to follow.
extends_documentation_fragment:
  - octopus.upgrade.attributes
  - octopus.upgrade.attributes.windows_jobs
  - octopus.upgrade.windows.nodes
  - octopus.upgrade.windows.job
requirements:
  - requests on the control node
attributes:
  check_mode:
    support: full
    details:
      - Asks the origin for the package, looks at what is on the nodes, and for room for what is not; fetches and installs nothing.
      - Whether Octopus Server still runs on the node is not looked at, and an installation that still runs is not waited for.
  diff_mode:
    support: full
    details:
      - Shows the installed version of each node.
options:
  nodes:
    description: Inventory names of the nodes to act on. Without it, the host of the task.
    type: list
    elements: str
  state:
    description:
      - V(staged) has the package on the nodes, checked, and installs nothing. It can be done long before an outage.
      - V(present) has that version installed, and stages the package if that was not done.
      - V(absent) has no Octopus Server installed. Instances and databases are left.
    type: str
    choices: [staged, present, absent]
    default: present
  version:
    description: The exact version, as its package is named. Required unless O(state=absent).
    type: str
  source:
    description:
      - Where the package is, with C({version}) for the version. A URL is fetched by the node itself; a UNC path is read by the account
        O(job_user); any other path is on the node.
      - Plain C(http) needs O(sha256).
    type: str
    default: https://download.octopusdeploy.com/octopus/Octopus.{version}-x64.msi
  sha256:
    description:
      - The SHA-256 that the package has to have. A value from a place other than the package's own protects against tampering.
      - Without it, the hash that the download site itself sends with the file is taken (header C(x-amz-meta-sha256), as Octopus's
        own does), which shows damage only. Of a source without either, the nodes' packages have to be alike.
    type: str
  stage_dir:
    description: Folder on the nodes for packages. By default C(packages) in O(work_root).
    type: str
  allow_downgrade:
    description:
      - Whether a newer version may be removed to install an older one, as Windows Installer requires. The database has to be that of
        the older version by then, see M(octopus.upgrade.octopus_database).
    type: bool
    default: false
  properties:
    description: Properties for C(msiexec), such as C(INSTALLLOCATION). C(RUNMANAGERONEXIT=no) is always given.
    type: dict
    default: {}
  timeout:
    description: Seconds that a download, and that an installation, may take. What takes longer is not ended.
    type: int
    default: 3600
  busy_timeout:
    description: Seconds to wait for another installation on the node (C(msiexec) exit code 1618).
    type: int
    default: 600
  validate_certs:
    description: Whether the certificate of a URL is verified when the control node asks for the package. The nodes always do.
    type: bool
    default: true
  ca_path:
    description: Certificates of authorities to trust for that, a PEM file on the control node.
    type: path
notes:
  - Several instances on a host share one program, so that one run upgrades it for all of them. All have to be stopped, with
    M(octopus.upgrade.octopus_node); a program that runs is refused, since its files are in use.
  - C(msiexec) runs as C(SYSTEM), whatever O(job_user) says, which is for packages on a share.
seealso:
  - module: octopus.upgrade.octopus_node
  - module: octopus.upgrade.octopus_database
  - name: Automating Octopus installation
    description: The installer's properties.
    link: https://octopus.com/docs/installation/automating-installation
  - name: Windows Installer error codes
    description: What the exit codes of msiexec mean.
    link: https://learn.microsoft.com/windows/win32/msi/error-codes
author:
  - The octopus.upgrade contributors (@octopus-upgrade)
"""

EXAMPLES = r"""
- name: Have the package on every node before the outage begins
  octopus.upgrade.octopus_install:
    nodes: "{{ groups['octopus_prod'] }}"
    version: 2025.4.10423
    state: staged
  run_once: true

- name: Upgrade the program on every node, all at once
  octopus.upgrade.octopus_install:
    nodes: "{{ groups['octopus_prod'] }}"
    version: 2025.4.10423
  run_once: true
  register: installed

- name: Install from a share, with a hash from the change request
  octopus.upgrade.octopus_install:
    version: 2025.4.10423
    source: \\nas\software\Octopus.{version}-x64.msi
    sha256: 4d4ddf8bc61e0de1ee2a6c5b5f0ff1a4b0a7a7dd1e4be3b0b6d1ff9f41b2f0a3
    job_user: EXAMPLE\octopus-deploy
    job_password: "{{ vault_octopus_job_password }}"

- name: Go back to the version before with the package that the restore point keeps, after the database was restored
  octopus.upgrade.octopus_install:
    nodes: "{{ groups['octopus_prod'] }}"
    version: 2021.1.8045
    source: \\nas\octopus-backups\prod\20261123T210000Z-2021.1.8045\packages\Octopus.{version}-x64.msi
    sha256: 9b2f0c7c6f0d5a3e1d4c8b7a69584736251403f2e1d0c9b8a796857463524130
    allow_downgrade: true
    job_user: EXAMPLE\octopus-backup
    job_password: "{{ vault_octopus_job_password }}"
  run_once: true
"""

RETURN = r"""
nodes:
  description: What was found and done, by the nodes' inventory names. After a failure, as far as it came.
  returned: always
  type: dict
  contains:
    path:
      description: The package on the node.
      type: str
    sha256:
      description: Its hash. In check mode, of a package that would be fetched, what its origin says.
      type: str
    size:
      description: Its size in bytes.
      type: int
    fetched:
      description: Whether it was fetched now, or would be.
      type: bool
    was_version:
      description: The version that was installed before. Not looked at for O(state=staged).
      type: str
    installed_version:
      description: The version that is installed now, or would be.
      type: str
    reboot_required:
      description: Whether Windows Installer asks for a restart (3010).
      type: bool
    exit_code:
      description: The last exit code of C(msiexec), if it ran.
      type: int
    log_path:
      description: Its verbose log on the node.
      type: str
    seconds:
      description: How long it took on this node.
      type: float
  sample:
    octo-a:
      path: C:\ProgramData\octopus.upgrade\packages\Octopus.2025.4.10423-x64.msi
      sha256: 4d4ddf8bc61e0de1ee2a6c5b5f0ff1a4b0a7a7dd1e4be3b0b6d1ff9f41b2f0a3
      size: 1482203136
      fetched: false
      was_version: 2021.1.8045
      installed_version: 2025.4.10423
      reboot_required: false
      exit_code: 0
      log_path: C:\ProgramData\octopus.upgrade\logs\install-2025.4.10423.log
      seconds: 71.204
reboot_required:
  description: Whether any node asks for a restart.
  returned: always
  type: bool
  sample: false
"""

from ansible.module_utils.basic import AnsibleModule, missing_required_lib
from ansible_collections.octopus.upgrade.plugins.module_utils._octopus.errors import OctopusError
from ansible_collections.octopus.upgrade.plugins.module_utils._octopus.package.install import (
    InstallFailed,
    InstallRequest,
    as_result,
    bring_about,
)
from ansible_collections.octopus.upgrade.plugins.module_utils._octopus.package.source import DEFAULT_SOURCE, REQUESTS_IMPORT_ERROR
from ansible_collections.octopus.upgrade.plugins.module_utils._windows.connection import (
    JOB_SPEC,
    NODES_SPEC,
    WINRM_IMPORT_ERROR,
    ConnectionOptions,
)
from ansible_collections.octopus.upgrade.plugins.module_utils._windows.errors import HostError


def main() -> None:
    module = AnsibleModule(
        argument_spec={
            **NODES_SPEC,
            **JOB_SPEC,
            "nodes": {"type": "list", "elements": "str"},
            "state": {"type": "str", "choices": ["staged", "present", "absent"], "default": "present"},
            "version": {"type": "str"},
            "source": {"type": "str", "default": DEFAULT_SOURCE},
            "sha256": {"type": "str"},
            "stage_dir": {"type": "str"},
            "allow_downgrade": {"type": "bool", "default": False},
            "properties": {"type": "dict", "default": {}},
            "timeout": {"type": "int", "default": 3600},
            "busy_timeout": {"type": "int", "default": 600},
            "validate_certs": {"type": "bool", "default": True},
            "ca_path": {"type": "path"},
        },
        required_if=[("state", "staged", ["version"]), ("state", "present", ["version"])],
        supports_check_mode=True,
    )
    for library, error in (("pywinrm", WINRM_IMPORT_ERROR), ("requests", REQUESTS_IMPORT_ERROR)):
        if error:
            module.fail_json(msg=missing_required_lib(library), exception=error)
    try:
        request = InstallRequest.from_params(module.params, module.check_mode)
        connections = [ConnectionOptions.from_params(params) for params in module.params["connections"] or []]
        result = as_result(bring_about(request, connections), module._diff)
    except InstallFailed as error:
        module.fail_json(msg=error.message, **error.result)
    except (OctopusError, HostError) as error:
        module.fail_json(msg=error.message)
    module.exit_json(**result)


if __name__ == "__main__":
    main()
