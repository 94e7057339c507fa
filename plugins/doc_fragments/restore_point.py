# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations


class ModuleDocFragment:
    """How a restore point is named, and how it is reached."""

    DOCUMENTATION = r"""
options:
  root:
    description: Folder of all restore points of the instance, as the nodes see it.
    type: str
  path:
    description: Folder of one restore point, instead of O(root) and O(restore_point). Its last part is the id.
    type: str
  restore_point:
    description: Id of the restore point, the name of its folder.
    type: str
notes:
  - The folder is usually on a share, which a WinRM log-on cannot reach (the double hop), so all access is by jobs on a host.
  - A restore point that was signed with another vault password than the given one does not count as signed.
"""

    # The content of a restore point, for the modules that put it there.
    CONTENT = r"""
options:
  package:
    description: The package of the installed version, staged on the first of the O(nodes).
    type: dict
    suboptions:
      path:
        description: The file on that host, as M(octopus.upgrade.octopus_install) returns it.
        type: str
        required: true
      version:
        description: Its version.
        type: str
        required: true
      sha256:
        description: Its SHA-256. May be missing in check mode.
        type: str
      size:
        description: Its size in bytes, where it cannot be looked up, as in check mode before it has been staged.
        type: int
  files:
    description:
      - The secrets, each a file on the control node that is encrypted with the same vault password - C(master-key.vault), which is required,
        and C(license.vault).
      - A file that is missing on the control node has to be in the restore point already, staged by another control node.
      - Plain text is refused, unless O(plaintext). Then no secret is put into the restore point - the files stay on the control node, the
        configurations are stored beside them, and the manifest says where.
    type: dict
  instance_name:
    description: Name of the instance, where O(manifest) does not have it and a node has more than one.
    type: str
  timeout:
    description: Seconds for each long step, such as copying the package.
    type: float
    default: 14400
"""
