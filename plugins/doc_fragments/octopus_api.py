# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations


class ModuleDocFragment:
    """How modules reach the REST API of Octopus Server."""

    DOCUMENTATION = r"""
requirements:
  - requests >= 2.31 on the control node
options:
  validate_certs:
    description: Whether the certificate of an https address has to be trusted.
    type: bool
    default: true
  ca_path:
    description: File on the control node with the certificates to trust, in PEM, where the system does not know the authority.
    type: path
  api_timeout:
    description:
      - Seconds to wait for a connection, and for each answer.
      - Reading is repeated a few times when the server is busy or says that it was asked too often.
    type: int
    default: 30
  allow_http:
    description: Whether the API key may be sent to an address that begins with V(http://), where everybody on the way can read it.
    type: bool
    default: false
  portal_url:
    description:
      - Address of the web portal, where a node is asked at its own address. A node that is not known there under its own name (its
        certificate is for the portal's name, or no listen prefix has it) is then asked for the portal's name, at the same address.
    type: str
attributes:
  action_group:
    description: Use C(group/octopus.upgrade.octopus_api) in C(module_defaults) to set defaults for this module.
    support: full
    membership:
      - octopus.upgrade.octopus_api
"""

    SERVER = r"""
options:
  url:
    description:
      - Address of the Octopus Server, with the virtual directory if it has one. On a cluster with a load balancer, the address of one
        node is better wherever it matters which node answers.
    type: str
    required: true
  api_key:
    description:
      - API key of a user who may do this, best a member of I(Octopus Administrators). From Octopus 2019.1 on, that user also needs to
        see every space.
      - Never shown, logged or sent to another server, not even when the server redirects there.
    type: str
    required: true
"""

    # For modules that can do something without the API.
    OPTIONAL_SERVER = r"""
options:
  url:
    description:
      - Address of the Octopus Server, with the virtual directory if it has one. On a cluster with a load balancer, the address of one
        node is better wherever it matters which node answers.
    type: str
  api_key:
    description:
      - API key of a user who may do this, best a member of I(Octopus Administrators). From Octopus 2019.1 on, that user also needs to
        see every space.
      - Never shown, logged or sent to another server, not even when the server redirects there.
    type: str
"""
