#!/usr/bin/python
# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Read what is new in an Octopus Server since a copy was made of it."""

from __future__ import annotations

DOCUMENTATION = r"""
module: octopus_drift_info
short_description: Read what is new in an Octopus Server since a copy was made of it
version_added: 1.0.0
description:
  - Where an instance is cut over to its clone, what was done in it since the copy was made is lost. Where that is taken back, what was done in
    the clone is. This module tells what that is, by the database alone, also while the server is stopped.
  - Changes nothing.
  - What the server does by itself does not count, such as health checks, retention, and the events that it writes as the user C(system); what it has
    deployed or released by itself does.
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
    description: Name of the database of the side that is looked at.
    type: str
    required: true
  other:
    description:
      - The database of the other side. The newest event that both have, by number, id and time, is the mark. What either side has written since
        the copy was made is in one of them only, so the clone may have been in use.
    type: dict
    suboptions:
      host:
        description: Its SQL Server, as O(login_host) is written.
        type: str
        required: true
      port:
        description: TCP port. Without it, that of O(login_port).
        type: int
      database:
        description: Its database.
        type: str
        required: true
      login_user:
        description: SQL login there. Without it, that of O(login_user).
        type: str
      login_password:
        description: Its password.
        type: str
  mark:
    description: Instead of O(other), the number of the last event that is not new, as RV(newest) had it.
    type: int
  since:
    description:
      - The time to use where events have no number (C(AutoId)), or none of the other side is here. ISO 8601 with its offset.
      - With O(mark), the time from which releases, deployments and tasks are counted. Without it, that is the time of the event O(mark).
      - Numbers are better. A time is compared with what the nodes have written by their clocks.
    type: str
notes:
  - Without O(other), O(mark) and O(since) only RV(newest) and RV(now) are told, and the rest is unknown. Keep both when users are let in, and give
    them here as O(mark) and O(since) later.
  - From 2022.3 on, old events are moved from the database to files. Where the oldest event in the database is newer than the mark, changes are
    unknown, and not none.
  - An event that was being written at the very moment of the backup may have a lower number than the mark, and is missed. Releases, deployments and
    tasks are not, where O(other) is given, since their rows are compared.
  - An event of somebody who signs in is not counted. What an event is about is told by the documents that it names.
seealso:
  - module: octopus.upgrade.octopus_database_info
  - module: octopus.upgrade.octopus_repoint_info
author:
  - The octopus.upgrade contributors (@octopus-upgrade)
"""

EXAMPLES = r"""
- name: See what was done in the live instance since it was cloned
  octopus.upgrade.octopus_drift_info:
    login_host: sql.example.com
    database: OctopusDeploy
    other:
      host: sql-test.example.com
      database: OctopusClone
  register: drift

- name: Keep the time, and which is the newest event, when users are let in to the clone
  octopus.upgrade.octopus_drift_info:
    login_host: sql-test.example.com
    database: OctopusClone
  register: published

- name: See what was done there since
  octopus.upgrade.octopus_drift_info:
    login_host: sql-test.example.com
    database: OctopusClone
    mark: "{{ published.newest.auto_id }}"
    since: "{{ published.now }}"
  register: later
"""

RETURN = r"""
database:
  description: Name of the database.
  returned: success
  type: str
  sample: OctopusDeploy
now:
  description: SQL Server's own time, ISO 8601 with its offset, before anything else was read.
  returned: success
  type: str
  sample: '2026-11-25T08:12:00.200000+00:00'
drift:
  description: Whether anything is new. Null where nothing was found, but something is unknown.
  returned: success
  type: bool
  sample: true
mark:
  description: The number C(auto_id) and the time C(at) of the last event that is not new, as far as they are known. Null where neither is.
  returned: success
  type: dict
  sample: {auto_id: 4711, at: '2026-11-23T20:00:04.200000+00:00'}
newest:
  description: The newest event of this database, with its number C(auto_id) and its time C(at). Null where events have no number, or there is none.
  returned: success
  type: dict
  sample: {auto_id: 4730, at: '2026-11-25T08:11:32+00:00'}
kinds:
  description:
    - For each kind what is new or changed. Null where that is unknown, which is neither none nor zero.
    - C(releases), C(deployments) and C(tasks) are counted by their rows. The others are counted by events, each changed document once, such as
      C(projects), C(variables), C(processes), C(targets), C(workers), C(tenants), C(users) and C(packages). C(deleted) has what was deleted, of
      whatever kind, C(other) what is of no kind that is known.
  returned: success
  type: dict
  contains:
    releases:
      description: Releases; C(name) is the version.
      type: dict
      contains:
        count:
          description: How many.
          type: int
        first:
          description: Time of the first. Null where there is none.
          type: str
        last:
          description: Time of the last.
          type: str
        users:
          description: For each user how many, as the events tell it.
          type: dict
        examples:
          description: At most five of them, the newest first, each with C(id), C(name), C(project), C(when), C(state) and C(user). Null where unknown.
          type: list
          elements: dict
  sample:
    releases:
      count: 1
      first: '2026-11-24T21:00:00+00:00'
      last: '2026-11-24T21:00:00+00:00'
      users: {dora: 1}
      examples:
        - {id: Releases-4711, name: 1.0.11, project: Web Shop, when: '2026-11-24T21:00:00+00:00', state: null, user: dora}
    variables: {count: 0, first: null, last: null, users: {}, examples: []}
by_system:
  description: How many events the server itself has written since the mark. Null where that is unknown.
  returned: success
  type: int
  sample: 12
partial:
  description: Whether there are so many events that only the newest were looked at, so that counts are too low.
  returned: success
  type: bool
  sample: false
unknown:
  description: Why something is unknown, or a time was used instead of a number.
  returned: success
  type: list
  elements: str
  sample: []
lines:
  description: The same in a few sentences.
  returned: success
  type: list
  elements: str
  sample: ['releases: 1 since event 4711 of 2026-11-23T20:00:04+00:00, the last at 2026-11-24T21:00:00+00:00 (by dora 1): Web Shop 1.0.11 (dora)']
"""

from dataclasses import replace
from typing import Any

from ansible_collections.octopus.upgrade.plugins.module_utils._core.module import run_module
from ansible_collections.octopus.upgrade.plugins.module_utils._mssql.connection.connection import connect
from ansible_collections.octopus.upgrade.plugins.module_utils._mssql.connection.options import MSSQL_SPEC, MSSQL_TOGETHER, SqlOptions
from ansible_collections.octopus.upgrade.plugins.module_utils._octopus.database import drift, loss, schema
from ansible_collections.octopus.upgrade.plugins.module_utils._octopus.database.events import Events

_OTHER: dict[str, Any] = {
    "host": {"type": "str", "required": True},
    "port": {"type": "int"},
    "database": {"type": "str", "required": True},
    "login_user": {"type": "str"},
    "login_password": {"type": "str", "no_log": True},
}
SPEC: dict[str, Any] = {
    "argument_spec": {
        **MSSQL_SPEC,
        "database": {"type": "str", "required": True},
        "other": {"type": "dict", "options": _OTHER, "required_together": MSSQL_TOGETHER},
        "mark": {"type": "int"},
        "since": {"type": "str"},
    },
    "required_together": MSSQL_TOGETHER,
    "mutually_exclusive": [("other", "mark")],
}


def run(params: dict[str, Any], check_mode: bool, diff: bool) -> dict[str, Any]:
    """Read what is new; the module's result."""
    options = SqlOptions.from_params(params)
    since = loss.parse_since(params["since"]) if params["since"] else None
    with connect(options, params["database"]) as connection:
        schema.read(connection)  # another product's database has no drift
        now = schema.server_now(connection)
        events = Events(connection)
        if params["other"]:
            with connect(_other(params, options), params["other"]["database"]) as second:
                schema.read(second)
                mark, why = drift.mark_of(events, other=Events(second), since=since)
                found = drift.read(connection, events, mark, why, second)
        else:
            mark, why = drift.mark_of(events, number=params["mark"], since=since)
            found = drift.read(connection, events, mark, why)
    return {
        "changed": False,
        "database": params["database"],
        "now": now.isoformat(),
        "drift": found.drift,
        "mark": found.mark.as_dict() if found.mark else None,
        "newest": found.newest.as_dict() if found.newest else None,
        "kinds": found.kinds,
        "by_system": found.by_system,
        "partial": found.partial,
        "unknown": found.unknown,
        "lines": drift.sentences(found),
    }


def _other(params: dict[str, Any], options: SqlOptions) -> SqlOptions:
    given = params["other"]
    found = SqlOptions.from_params({**params, "login_host": given["host"], "login_port": given["port"] or params["login_port"]})
    # The certificate's name is that of the first server, unless it is the same one.
    same = found.where.lower() == options.where.lower()
    user, password = (given["login_user"], given["login_password"]) if given["login_user"] else (options.user, options.password)
    return replace(found, user=user, password=password, certificate_host=options.certificate_host if same else None)


def main() -> None:
    run_module(SPEC, run)


if __name__ == "__main__":
    main()
