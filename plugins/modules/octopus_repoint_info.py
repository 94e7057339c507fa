#!/usr/bin/python
# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Read who has to be re-pointed when an Octopus Server is cut over to its clone."""

from __future__ import annotations

DOCUMENTATION = r"""
module: octopus_repoint_info
short_description: Read who has to be re-pointed when an Octopus Server is cut over to its clone
version_added: 1.0.0
description:
  - A clone has the certificate, the registrations, the users and the API keys of its source, so nothing is registered or issued anew. But whoever
    comes to the server by its address has to learn the new one. This module lists them, by the database alone.
  - Changes nothing, and reads neither secrets of accounts nor API keys nor their hashes.
extends_documentation_fragment:
  - octopus.upgrade.attributes
  - octopus.upgrade.attributes.mssql
  - octopus.upgrade.step
  - octopus.upgrade.mssql
attributes:
  check_mode:
    support: full
  diff_mode:
    support: none
options:
  database:
    description: Name of the database.
    type: str
    required: true
  same_address:
    description: Whether the clone gets the name at which its source is reached now.
    type: bool
    default: false
  days:
    description: For how many days back events and API keys count as used lately.
    type: int
    default: 30
notes:
  - Who only reads leaves no event. Programs that are in no event are found by the request log of the web server, or when they fail.
  - Which polling Tentacle connects by a web socket only its own configuration says (M(octopus.upgrade.octopus_tentacle_info)).
  - Before 2018.12 events do not say which program it was.
seealso:
  - module: octopus.upgrade.octopus_tentacle
  - module: octopus.upgrade.octopus_drift_info
author:
  - The octopus.upgrade contributors (@octopus-upgrade)
"""

EXAMPLES = r"""
- name: See who has to learn the new address
  octopus.upgrade.octopus_repoint_info:
    login_host: sql.example.com
    database: OctopusDeploy
  register: found

- name: Show it
  ansible.builtin.debug:
    msg: "{{ found.lines }}"
"""

RETURN = r"""
database:
  description: Name of the database.
  returned: success
  type: str
  sample: OctopusDeploy
since:
  description: From when on something counts as used lately, by the clock of SQL Server.
  returned: success
  type: str
  sample: '2026-10-24T20:00:04.200000+00:00'
hosts:
  description:
    - Deployment targets and workers. Registrations with the same thumbprint are one Tentacle. Null where that is unknown.
  returned: success
  type: list
  elements: dict
  contains:
    thumbprint:
      description: Thumbprint of its certificate. Null where it has none.
      type: str
    need:
      description:
        - V(nothing), V(network) where only the new server has to reach it, V(name) where the name has to lead it to the new server, V(repoint) where
          its configuration has to be changed, V(certificate) where it trusts that of the portal's web socket, V(agent) for an agent in Kubernetes
          that polls, V(unknown) where its communication style is.
      type: str
    what:
      description: The same in words.
      type: str
    styles:
      description: Its communication styles.
      type: list
      elements: str
    uris:
      description: Its addresses; C(poll://) and the subscription of one that polls.
      type: list
      elements: str
    registrations:
      description: What it is registered as, each with C(kind) (target or worker), C(id), C(name), C(space) and C(disabled).
      type: list
      elements: dict
  sample:
    - thumbprint: 2B8F7C3E6C1E4A0D9D370A0A4F8F5F11AA12BB34
      need: repoint
      what: its own configuration has to get the new server's address (octopus_tentacle)
      styles: [TentacleActive]
      uris: ['poll://xy1k3kq5lbxlxp2bdx7h/']
      registrations: [{kind: target, id: Machines-9, name: prod-roaming-01, space: Spaces-1, disabled: false}]
accounts:
  description:
    - Accounts, each with C(id), C(name), C(space), C(type), C(need) and C(what). C(need) is V(trust) where the cloud trusts tokens of this server's
      address (OpenID Connect). Null where that is unknown.
  returned: success
  type: list
  elements: dict
  sample: [{id: Accounts-4, name: Cloud, space: Spaces-1, type: AzureOidc, need: trust, what: the cloud trusts the issuer at the old address}]
programs:
  description: What has used the instance lately and is no person at the portal, by its events. Null where that is unknown.
  returned: success
  type: list
  elements: dict
  contains:
    user:
      description: Name of the user.
      type: str
    user_id:
      description: Its id.
      type: str
    service:
      description: Whether it is a service account. Null where that is unknown.
      type: bool
    program:
      description: Null where nothing tells whether it was a program.
      type: bool
    agent:
      description: The program, as it says. Null where events do not tell.
      type: str
    established_with:
      description: How it has signed in.
      type: str
    address:
      description: The address that it came from last. Null where events do not tell.
      type: str
    last:
      description: When it was there last.
      type: str
    events:
      description: How many events it has left.
      type: int
  sample:
    - user: ci
      user_id: Users-4
      service: true
      program: true
      agent: octo/9.1.7
      established_with: API key
      address: null
      last: '2026-11-23T20:00:00+00:00'
      events: 12
silent_services:
  description: Names of service accounts without an event. They only read, or are not used. Null where that is unknown.
  returned: success
  type: list
  elements: str
  sample: [monitoring]
api_keys:
  description:
    - API keys, each with C(id), C(user), C(user_id), C(purpose), C(created), C(expires), C(last_used), and whether it was C(used_lately). The last two are
      null where the server does not keep when a key was used. Never the key. Null where that is unknown.
  returned: success
  type: list
  elements: dict
  sample:
    - id: apikeys-7
      user: ci
      user_id: Users-4
      purpose: TeamCity
      created: '2025-01-07T10:00:00+00:00'
      expires: null
      last_used: null
      used_lately: null
partial:
  description: Whether there are so many events that only the newest were looked at.
  returned: success
  type: bool
  sample: false
unknown:
  description: Why something is unknown.
  returned: success
  type: list
  elements: str
  sample: []
lines:
  description: The same in a few sentences.
  returned: success
  type: list
  elements: str
  sample: ["Programs have used it as ci with octo/9.1.7: give them the new server's address."]
"""

from datetime import timedelta
from typing import Any

from ansible_collections.octopus.upgrade.plugins.module_utils._core.errors import InvalidValue
from ansible_collections.octopus.upgrade.plugins.module_utils._core.module import run_module
from ansible_collections.octopus.upgrade.plugins.module_utils._mssql.connection.connection import connect
from ansible_collections.octopus.upgrade.plugins.module_utils._mssql.connection.options import MSSQL_SPEC, MSSQL_TOGETHER, SqlOptions
from ansible_collections.octopus.upgrade.plugins.module_utils._octopus.database import repoint, schema

SPEC: dict[str, Any] = {
    "argument_spec": {
        **MSSQL_SPEC,
        "database": {"type": "str", "required": True},
        "same_address": {"type": "bool", "default": False},
        "days": {"type": "int", "default": 30},
    },
    "required_together": MSSQL_TOGETHER,
}


def run(params: dict[str, Any], check_mode: bool, diff: bool) -> dict[str, Any]:
    """Read who has to be re-pointed; the module's result."""
    if params["days"] < 1:
        raise InvalidValue(f"Expected days to be a positive number, but it is {params['days']}.")
    with connect(SqlOptions.from_params(params), params["database"]) as connection:
        schema.read(connection)  # another product's database has nobody to re-point
        since = schema.server_now(connection) - timedelta(days=params["days"])
        found = repoint.read(connection, since, same_address=params["same_address"])
    return {"changed": False, "database": params["database"], "since": since.isoformat(), **found, "lines": repoint.sentences(found)}


def main() -> None:
    run_module(SPEC, run)


if __name__ == "__main__":
    main()
