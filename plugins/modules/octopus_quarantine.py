#!/usr/bin/python
# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Make a clone of an Octopus Server harmless before it starts, or let it take the place of its source."""

from __future__ import annotations

DOCUMENTATION = r"""
module: octopus_quarantine
short_description: Make a clone of an Octopus Server harmless before it starts
version_added: 1.0.0
description:
  - A copy of an Octopus database that is started as it is deploys to production, runs what was scheduled, sends e-mails, deletes packages
    and targets, and reports under production's identity. This module silences all of that in the database, before the first start.
  - Everything happens in one transaction, which is verified before it is committed. Where the verification fails, nothing is changed.
  - What was changed is recorded in the database, in a schema C(octopus_upgrade) of its own, so that what was enabled can be looked up, and
    lifted again with O(state=absent), where the clone takes the place of its source.
  - A live database is refused. So is the source's own one, under whatever name it is reached.
extends_documentation_fragment:
  - octopus.upgrade.attributes
  - octopus.upgrade.attributes.mssql
  - octopus.upgrade.step
  - octopus.upgrade.mssql
  - octopus.upgrade.quarantine
attributes:
  check_mode:
    support: full
  diff_mode:
    support: full
options:
  state:
    description:
      - V(present) puts the clone under quarantine. Where it is already, nothing is changed, and what was enabled since is silenced again.
      - V(absent) lifts the quarantine. Exactly what was recorded is restored, in an order that sets nothing off, each row in a transaction
        together with its mark in the record, so that an interrupted run is resumed by the next. What was changed in one row for one item is
        lifted together or not at all. What somebody or a schema upgrade has changed since, or what does not fit into a newer schema, is left
        as it is and named in RV(left).
      - Nothing is lifted while a node of the clone runs, or one of its source. Check mode tells what would be restored while they run.
    type: str
    choices: [present, absent]
    default: present
  renew:
    description:
      - With O(state=present), applies and verifies the quarantine again as the record in the database says. Where there is no record, or the
        quarantine was lifted, nothing is done. So it can be used on any database before a server is started on it.
      - All options but those of the connection, O(database) included, come from the record. O(waivers) are added to those of the record.
    type: bool
    default: false
  items:
    description:
      - With O(state=absent), names of the items to lift, as RV(record.silenced) has them. By default all of them.
      - Deployment targets and workers come before machine policies and retention, these before C(execution), that before what starts work by
        itself, such as C(triggers), C(subscriptions) and C(automatic_releases). A later one is refused while an earlier one is not lifted.
      - To lift the last ones in a second call, after the server has run for some minutes, keeps scheduled triggers from running for what they
        have missed. Stop the server for the second call too.
    type: list
    elements: str
  source_retired:
    description: With O(state=absent), whether the source is known to be stopped for good, and is not asked whether it runs.
    type: bool
    default: false
  after_lift:
    description:
      - With O(state=present), whether a clone whose quarantine was lifted is put under it again, because its source is to be in service again.
      - A running one is refused all the same. What was switched on in it since counts as its own, and is not lifted a second time.
    type: bool
    default: false
  stale_after:
    description:
      - Seconds after which a heartbeat is no longer that of a running node, by the clock of SQL Server.
      - A copy has the heartbeats from the time of its backup. A more recent one is watched until it is that old; where its node writes a new
        one meanwhile, that node runs, and the database is refused.
    type: float
    default: 120
notes:
  - Not lifted are canceled tasks, what was queued to be deployed by itself, the rows of the source's nodes, its Installation ID, maintenance mode,
    secrets of accounts that were emptied, and what was switched on in the clone itself before it was silenced again. C(server_uri) becomes
    O(server_uri), or stays the clone's.
  - Subscriptions that are lifted begin with the newest event, so that they do not send all that has happened since the copy was made.
  - The login needs the database role C(db_owner). C(VIEW SERVER STATE) lets it see who is connected; without it only heartbeats show that.
  - The server must be started, or restarted, after this module. It reads these settings when it starts.
  - What the vendor names in its script for cloned databases is known. Names of other rows and properties are those of the vendor's client,
    and not confirmed for the database. Audit streaming, Let's Encrypt and default retention policies are found by words in their names.
    What is found is silenced, and a table that should exist and does not is a failure.
  - Whatever else in the database may act or reach outside, and is on no list of what is harmless, refuses the quarantine with its name
    (O(waivers)). The list comes from public sources, and not from a look into many databases. Expect to judge some places the first time.
  - Not silenced are steps that run when somebody starts a deployment by hand with O(execution=allowed), and what reads from Git, feeds and
    sign-in providers. Cut the network where that matters.
  - The system integrity check of Octopus Server may report the schema C(octopus_upgrade) as one that it does not know.
seealso:
  - module: octopus.upgrade.octopus_quarantine_verify
  - module: octopus.upgrade.octopus_quarantine_info
  - module: octopus.upgrade.mssql_restore
  - name: Create a test instance
    description: What Octopus Deploy says about it.
    link: https://octopus.com/docs/administration/upgrading/guide/creating-test-instance
author:
  - The octopus.upgrade contributors (@octopus-upgrade)
"""

EXAMPLES = r"""
- name: Make a clone harmless, before its first start
  octopus.upgrade.octopus_quarantine:
    login_host: sql-test.example.com
    database: OctopusClone
    name: rehearsal
    source:
      host: sql.example.com
      database: OctopusDeploy
    restore_point: 20261125T132400Z-2025.3.14357
    server_uri: https://octopus-test.example.com
    api_keys: true
    keep_api_keys: [apikeys-7]

- name: Show what lifting it would restore, and what it could not
  octopus.upgrade.octopus_quarantine: &lift
    login_host: sql-test.example.com
    database: OctopusClone
    source:
      host: sql.example.com
      database: OctopusDeploy
    server_uri: https://octopus.example.com
    state: absent
  check_mode: true
  register: outlook

- name: Lift it, since both servers are stopped, and the clone is to be the live one
  octopus.upgrade.octopus_quarantine: *lift

- name: Apply it again to whatever is about to be started, if that is a clone
  octopus.upgrade.octopus_quarantine:
    login_host: sql-test.example.com
    database: OctopusClone
    renew: true
"""

RETURN = r"""
database:
  description: Name of the database.
  returned: success
  type: str
  sample: OctopusClone
quarantined:
  description: Whether there is a record of a quarantine that was not lifted. Only M(octopus.upgrade.octopus_quarantine_verify) shows whether it still holds.
  returned: success
  type: bool
  sample: true
record:
  description: The record in the clone's database. Null where there is none.
  returned: success
  type: dict
  contains:
    name:
      description: Name of the clone.
      type: str
    source:
      description: The live instance's database, with C(host), C(database) and C(server_name).
      type: dict
    restore_point:
      description: Id of the restore point that it was made from.
      type: str
    at:
      description: Time of the quarantine, by the clock of SQL Server.
      type: str
    version:
      description: The newest version of Octopus Server that had run with the database by then.
      type: str
    server_uri:
      description: The clone's own address.
      type: str
    installation_id:
      description: Its own Installation ID. Null in check mode, and where the database has none.
      type: str
    previous_installation_id:
      description: That of the source.
      type: str
    options:
      description: What was silenced beyond what always is, as the options of this module say it.
      type: dict
    silenced:
      description: For each item, how many rows were ever C(changed), and how many C(were_so_already) the first time.
      type: dict
    lifting:
      description: Since when, C(at), the quarantine is lifted in part. Missing where it is not.
      type: dict
    lifted:
      description: When it was lifted, C(at), and how many changes of which item were C(left). Missing where it was not.
      type: dict
  sample:
    name: rehearsal
    source: {host: "sql.example.com,1433", database: OctopusDeploy, server_name: null}
    restore_point: 20261125T132400Z-2025.3.14357
    at: '2026-11-25T14:02:11.314000+00:00'
    version: 2025.3.14357
    server_uri: https://octopus-test.example.com
    installation_id: 2b8f7c3e-6c1e-4a0d-9d37-0a0a4f8f5f11
    previous_installation_id: 0e7d0f6a-91f4-7c4f-98ba-65d2f1fe1a01
    options: {execution: stopped, git: true, retention: true, external_feeds: false, api_keys: true, keep_api_keys: [apikeys-7]}
    silenced:
      targets: {changed: 7, were_so_already: 1}
      triggers: {changed: 1, were_so_already: 1}
silenced:
  description: For each item, how many rows this run C(changed), and how many C(were_so_already).
  returned: with O(state=present)
  type: dict
  sample:
    targets: {changed: 7, were_so_already: 1}
    triggers: {changed: 1, were_so_already: 1}
checks:
  description: The verification. In check mode there is none.
  returned: with O(state=present)
  type: list
  elements: dict
  contains:
    name:
      description: Name of the check.
      type: str
    ok:
      description: Whether it passed.
      type: bool
    found:
      description: How many rows or properties are not as they should be.
      type: int
    detail:
      description: What was found.
      type: str
  sample:
    - name: targets
      ok: true
      found: 0
      detail: every row of Machine is disabled
plan:
  description: What was decided about each recorded change, in the order in which it is lifted. Values may be secrets, and are not shown.
  returned: with O(state=absent)
  type: list
  elements: dict
  contains:
    item:
      description: Name of the item.
      type: str
    table:
      description: The table.
      type: str
    row:
      description: Id of the row.
      type: str
    columns:
      description: The columns, or C(JSON.) and the properties. Empty where it is the row itself.
      type: list
      elements: str
    verdict:
      description:
        - V(lift) where it is restored, V(done) where it was so already.
        - V(changed) since, V(gone), V(unfit) for this version and V(refused) by SQL Server are for somebody to set by hand. What V(stays) is
          not meant to come back.
      type: str
    why:
      description: The reason, but for the first two.
      type: str
    about:
      description: Of a canceled task, what it was to do and when, by its description and queue time. Else empty.
      type: str
  sample:
    - {item: targets, table: Machine, row: Machines-1, columns: [IsDisabled], verdict: lift, why: '', about: ''}
    - item: mail
      table: Configuration
      row: smtp
      columns: [JSON.SmtpHost]
      verdict: changed
      why: JSON.SmtpHost of the row smtp was changed since
      about: ''
lifted:
  description: For each item, how many rows got which verdict.
  returned: with O(state=absent)
  type: dict
  sample:
    targets: {lift: 7}
    mail: {changed: 1}
left:
  description: What of RV(plan) is not lifted.
  returned: with O(state=absent)
  type: list
  elements: dict
  sample: []
notes:
  description: What the operator should know, such as that the clone has the source's licence. Shown as warnings too.
  returned: success
  type: list
  elements: str
  sample: ["The clone has the source's licence, and counts as one more instance of it while it runs. Check whether the licence covers that."]
"""

from typing import Any

from ansible_collections.octopus.upgrade.plugins.module_utils._core.module import run_module
from ansible_collections.octopus.upgrade.plugins.module_utils._mssql.connection.connection import connect
from ansible_collections.octopus.upgrade.plugins.module_utils._mssql.connection.options import MSSQL_SPEC, MSSQL_TOGETHER, SqlOptions
from ansible_collections.octopus.upgrade.plugins.module_utils._octopus.errors import OctopusError
from ansible_collections.octopus.upgrade.plugins.module_utils._quarantine import apply, lifting, record, renewal
from ansible_collections.octopus.upgrade.plugins.module_utils._quarantine.request import APPLY_OPTIONS, OPTIONS, Request

SPEC: dict[str, Any] = {
    "argument_spec": {
        **MSSQL_SPEC,
        **OPTIONS,
        **APPLY_OPTIONS,
        "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
        "renew": {"type": "bool", "default": False},
        "items": {"type": "list", "elements": "str"},
    },
    "required_together": MSSQL_TOGETHER,
}


def run(params: dict[str, Any], check_mode: bool, diff: bool) -> dict[str, Any]:
    """Apply the quarantine, apply it again, or lift it; the module's result."""
    options = SqlOptions.from_params(params)
    request = Request.from_params(params, options)
    _refuse(params)
    with connect(options, request.database) as connection:
        if params["state"] == "absent":
            return _lift(lifting.run(connection, request, connect, params["items"], check_mode), request, diff)
        if not params["renew"]:
            return _applied(apply.run(connection, request, connect, check_mode), request, diff)
        outcome = renewal.renew(connection, request.database, check_mode=check_mode, waivers=request.waivers)
        known = record.read(connection)
    return _applied(outcome, request, diff) if outcome else {"changed": False, **_known(request, known)}


def _refuse(params: dict[str, Any]) -> None:
    absent = params["state"] == "absent"
    wrong = [name for name in ("items", "source_retired") if params[name] and not absent]
    wrong += [name for name in ("renew", "after_lift") if params[name] and absent]
    if wrong:
        raise OctopusError(
            f"Expected {', '.join(wrong)} only with state: {'present' if absent else 'absent'}, but state is {params['state']}."
        )
    if not absent and not params["renew"] and not (params["source"] and params["name"]):
        raise OctopusError("Expected source and name, to put a clone under quarantine, but found only one of them or neither.")


def _applied(outcome: apply.Outcome, request: Request, diff: bool) -> dict[str, Any]:
    result: dict[str, Any] = {
        "changed": outcome.changed,
        **_known(request, outcome.record),
        "silenced": outcome.items,
        "checks": [check.as_dict() for check in outcome.checks],
        "notes": outcome.warnings,
        "warnings": outcome.warnings,
    }
    if diff:
        result["diff"] = {"before": outcome.lines(before=True), "after": outcome.lines(before=False)}
    return result


def _lift(outcome: lifting.Outcome, request: Request, diff: bool) -> dict[str, Any]:
    result: dict[str, Any] = {
        "changed": outcome.changed,
        **_known(request, outcome.record),
        "plan": [step.as_dict() for step in outcome.plan],
        "lifted": outcome.counts,
        "left": outcome.left,
        "notes": outcome.notes,
        "warnings": outcome.notes,
    }
    if diff:
        result["diff"] = {"before": outcome.lines(before=True), "after": outcome.lines(before=False)}
    return result


def _known(request: Request, known: dict[str, Any] | None) -> dict[str, Any]:
    return {"database": request.database, "quarantined": record.holds(known), "record": known}


def main() -> None:
    run_module(SPEC, run)


if __name__ == "__main__":
    main()
