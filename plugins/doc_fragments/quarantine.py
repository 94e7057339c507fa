# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations


class ModuleDocFragment:
    """What a quarantine silences."""

    DOCUMENTATION = r"""
options:
  database:
    description: Name of the clone's database.
    type: str
    required: true
  source:
    description:
      - The live instance's database, which must not be this one. Where both have the same name, the source's server is asked what it calls
        itself; where it cannot be asked, O(source.server_name) has to say so.
      - Needed to put a clone under quarantine. To verify one, it has to be a clone of that source.
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
      server_name:
        description: What its SQL Server calls itself. M(octopus.upgrade.octopus_database_info) returns it as
          RV(octopus.upgrade.octopus_database_info#module:server).
        type: str
      login_user:
        description: SQL login there. Without it, that of the clone's server.
        type: str
      login_password:
        description: Its password.
        type: str
  name:
    description: Name of the clone, in its record. Needed to put a clone under quarantine.
    type: str
  restore_point:
    description: Id of the restore point that the clone was made from, in its record.
    type: str
  nodes:
    description:
      - Names of the clone's own nodes. They register themselves when they start, and are left alone from then on.
      - The first quarantine removes every node, whatever its name.
    type: list
    elements: str
    default: []
  server_uri:
    description: The clone's own address, for links in what it writes. Without it, the address is emptied.
    type: str
  execution:
    description:
      - V(stopped) stops the task queue of each space, so that nothing runs that needs no target, such as scripts on the server, cloud or
        Kubernetes steps. Before 2019.1 there are no spaces, and each project is disabled.
      - V(allowed) leaves that as it is.
    type: str
    choices: [stopped, allowed]
    default: stopped
  git:
    description: Whether the projects' Git repositories lose their credentials, so that nothing is written to them.
    type: bool
    default: true
  retention:
    description: Whether every retention policy keeps everything.
    type: bool
    default: true
  external_feeds:
    description: Whether external feeds lead nowhere. A feed that has no address, such as one of Amazon S3, has to be deleted by hand.
    type: bool
    default: false
  api_keys:
    description: Whether the API keys are removed, which are those of the source's users and of its build servers.
    type: bool
    default: false
  keep_api_keys:
    description: Ids of API keys that stay, such as V(apikeys-7). To verify, those in the record are known.
    type: list
    elements: str
    default: []
  accounts:
    description:
      - V(scrub) empties the secrets of every account (passwords, keys and tokens of clouds, machines and others), in their columns and in the
        JSON. They are not recorded either, so that nothing brings them back but entering them again. Applied again, it also empties what was
        entered in the clone meanwhile.
      - V(keep) leaves them. A task that runs in the clone can then use them.
    type: str
    choices: [keep, scrub]
    default: keep
  sign_in:
    description:
      - Names of the users who may sign in to the clone. All others are made inactive, so that their API keys do not work either, and no sign-in
        provider makes users of people who sign in for the first time. Without this option everybody may.
      - The user of the API key by which the clone is read has to be among them.
    type: list
    elements: str
  by_program:
    description:
      - What the program itself is told to change in this clone (M(octopus.upgrade.octopus_instance)), and nothing here undoes - V(certificate) for a
        certificate of its own, V(switches) for O(octopus.upgrade.octopus_instance#module:silent). It is recorded, and named when the quarantine is
        lifted.
    type: list
    elements: str
    choices: [certificate, switches]
    default: []
  waivers:
    description:
      - Names of findings that are accepted, such as V(unlisted:ChatRelay.Endpoint). The whole database is scanned for switches that are on,
        schedules, addresses outside, and secrets of other systems. What is on no list of what is known to be harmless is a finding with such
        a name. Without the last part, such as V(unlisted:ChatRelay) or V(unlisted:Configuration/chat), it accepts everything in that table
        or row.
      - For a server that is newer than the list, V(unlisted:server-2031.1) accepts that nobody has looked at what is new in that version.
      - Other names are ignored, so that one list serves the plan too.
    type: list
    elements: str
    default: []
"""
