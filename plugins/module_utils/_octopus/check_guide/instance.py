# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The checks of the instance as it is, of its path, and of taking it out of service. No I/O."""

from __future__ import annotations

from .entry import Entry, Phase

_ISSUES = "https://github.com/OctopusDeploy/Issues/issues/"

ENTRIES = (
    Entry(
        "instance_found", Phase.INSTANCE,
        "Each node has the instance, and it is clear which one that is.",
        "Nothing else can be said of a node without it, and a host of another instance would be upgraded with this one.",
        "Name it with ``octopus_instance_name`` where a host has several, or take the host out of the group.",
        "No. Whatever depends on the instance fails later.",
    ),
    Entry(
        "versions_agree", Phase.INSTANCE,
        "Web portal, database and the program on each node have the same version.",
        "An earlier upgrade may not have finished. A restore point of such a state would bring it back.",
        "Bring all nodes to the version of the database first.",
        "Only after looking at each version yourself.",
    ),
    Entry(
        "service_running", Phase.INSTANCE,
        "The Octopus service runs on each node.",
        "What does not run before the upgrade cannot be told from what the upgrade has broken.",
        "Start it, and see that it stays up.",
        "Yes, for a node that is meant to be stopped. The upgrade starts it.",
    ),
    Entry(
        "configuration_readable", Phase.INSTANCE,
        "``show-configuration`` answers on each node.",
        "Without it only the configuration file is known, which has neither folders nor listen prefixes since 3.5.",
        "Run it on the node by hand, and see what it says.",
    ),
    Entry(
        "program_as_assumed", Phase.INSTANCE,
        "The help of ``Octopus.Server.exe`` lists the commands and switches that later steps use, and its configuration has the settings that they read.",
        "A step in the outage would call a command that this version does not have.",
        "Run the playbook ``compatibility``, and attach its report to an issue. Nothing of yours is in it.",
        "Where you know that the step succeeds. What could not be looked up stops nothing.",
    ),
    Entry(
        "windows_as_assumed", Phase.INSTANCE,
        "Windows has the service of the instance, and the product in its registry, under the names by which later steps look for them.",
        "The installation would leave the older product beside the new one, and a rollback could not remove the newer one.",
        "As for ``program_as_assumed``.",
        "Where you know that the step succeeds. What could not be looked up stops nothing.",
    ),
    Entry(
        "rest_api_as_assumed", Phase.INSTANCE,
        "The REST API has the links and documents that later steps read, and the first page of each collection the properties that they count by.",
        "Draining, maintenance mode or the verification would fail within the outage, and the instance be rolled back for nothing.",
        "As for ``program_as_assumed``.",
        "Where you know that the step succeeds. What could not be looked up, or has no row yet, stops nothing.",
    ),
    Entry(
        "database_as_assumed", Phase.INSTANCE,
        "The database has the tables and columns that later steps read, and those by which a rollback tells what it would lose.",
        "Whether the nodes are down, or what a rollback would lose, could not be told when it matters.",
        "As for ``program_as_assumed``.",
        "Where you know that the step succeeds. What could not be looked up stops nothing.",
    ),
    Entry(
        "node_registered", Phase.INSTANCE,
        "The server lists every node of the inventory.",
        "A host with another instance, or one that never started with this database, is in the group.",
        "Check ``octopus_instance`` of the host, and the database in its connection string.",
    ),
    Entry(
        "nothing_else_running", Phase.INSTANCE,
        "No job of another run of this collection is unfinished on a node.",
        "Another upgrade may be running, from this control node or from another.",
        "Wait for it, or run it again to finish or end it.",
        "Yes, where you know that the job is of no use any more.",
        momentary=True,
    ),
    Entry(
        "clocks_agree", Phase.INSTANCE,
        "The clocks of control node, nodes and SQL Server differ by at most ``octopus_clock_tolerance`` seconds.",
        "The newest run and the newest restore point are told by their times.",
        "Synchronize them: ``w32tm /resync`` on Windows, chrony on the control node.",
        "Rather raise the tolerance.",
        momentary=True,
    ),
    Entry(
        "maintenance_off", Phase.INSTANCE,
        "Maintenance mode is off.",
        "It is returned to what it was, so that users would go on being locked out.",
        "Turn it off, unless it is meant to stay on.",
        momentary=True,
    ),
    Entry(
        "nodes_undrained", Phase.INSTANCE,
        "No running node is drained.",
        "A node is returned to what it was, so that it would go on taking no tasks.",
        "Turn draining off, unless it is meant to stay on.",
        momentary=True,
    ),
    Entry(
        "watchdog_enabled", Phase.INSTANCE,
        "Where a node has the watchdog's scheduled task, that is enabled.",
        "It is returned to what it was. One that is disabled is often what an upgrade by hand has left.",
        "Enable it, unless it is meant to be off.",
        sources=("https://octopus.com/docs/octopus-rest-api/octopus.server.exe-command-line/watchdog",),
    ),
    Entry(
        "service_accounts_agree", Phase.INSTANCE,
        "The services of all nodes run as the same account.",
        "A node with another account may lack rights on database or shares that show only once it runs a task.",
        "Set the same account on every node.",
    ),
    Entry(
        "integrity_checked", Phase.INSTANCE,
        "The last System Integrity Check ended without warnings.",
        "Indexes, columns and documents that differ from the product's own stop schema upgrades, or are lost by them.",
        "Run it under *Configuration*, *Diagnostics*, and solve what its log says.",
        sources=(f"{_ISSUES}5497", f"{_ISSUES}7077"),
    ),
    Entry(
        "plan_approved", Phase.INSTANCE,
        "The world still matches the plan in ``octopus_plan``.",
        "What was approved is what is to run: another version, node, database, package or a worse finding is something else.",
        "Look at each difference. Make a new plan with ``octopus_plan_file``, and have that approved.",
        "Yes, with the approval of whoever has approved the plan.",
    ),
    Entry(
        "target_not_older", Phase.PATH,
        "``octopus_version`` is not older than what is installed.",
        "The product has no way to an older version but a restore.",
        "Run ``rollback.yml`` to return to a restore point.",
        "No. There is nothing that the upgrade could do.",
    ),
    Entry(
        "upgrade_path", Phase.PATH,
        "There is a path through versions that can be had, without a jump that is known to break whatever the database holds.",
        "Each row of the catalogue of known jumps is an upgrade that failed somewhere, most of them in the outage.",
        "Give ``octopus_release_feed``, or ``octopus_ladder``. Without any path, clone the instance or replace it on a new host.",
        "Yes. Rather switch off the row in question with ``octopus_path_rows_off``.",
        ("https://octopus.com/docs/administration/upgrading",),
    ),
    Entry(
        "node_in_inventory", Phase.QUIESCE,
        "Every node that the server sees alive is in the inventory.",
        "All nodes have to be stopped for the schema upgrade; one that goes on running works with a database of another version.",
        "Add it to the instance's group, or delete the node in the portal if it is gone.",
        "No, unless that node is stopped.",
        (f"{_ISSUES}8241",),
    ),
    Entry(
        "heartbeats_readable", Phase.QUIESCE,
        "It can be told that every node is down: by sessions at SQL Server, or by heartbeats in a column that is known.",
        "A schema upgrade beside a server that works destroys data.",
        "Grant the SQL login VIEW SERVER STATE.",
        "Only where you see to it yourself that no node runs.",
    ),
    Entry(
        "may_see_sessions", Phase.QUIESCE,
        "The SQL login may see the sessions of others.",
        "Otherwise nobody can verify that nothing is connected to the database any more.",
        "Grant it VIEW SERVER STATE.",
        "Yes. Only heartbeats then tell that the nodes are down.",
        ("https://learn.microsoft.com/sql/relational-databases/system-dynamic-management-views/sys-dm-exec-sessions-transact-sql",),
    ),
    Entry(
        "nobody_asked", Phase.QUIESCE,
        "No task waits for a person, such as a manual intervention.",
        "Draining would wait for the answer, and stopping the node could lose the task.",
        "Have them answered, or set ``octopus_interventions`` to ``leave`` or ``cancel``.",
        "Rather set ``octopus_interventions``, which says what becomes of them.",
        momentary=True,
    ),
    Entry(
        "no_tasks_queued", Phase.QUIESCE,
        "No task is queued.",
        "What does not begin before the outage runs at the new version, as soon as that is started.",
        "Choose another moment, or cancel what must not run then.",
        momentary=True,
    ),
)  # fmt: skip
