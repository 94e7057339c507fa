# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The checks of a rollback, and of making a clone. No I/O."""

from __future__ import annotations

from .entry import Entry, Phase

_RESTORE = "https://learn.microsoft.com/sql/t-sql/statements/restore-statements-transact-sql"
_CACHE = "https://learn.microsoft.com/troubleshoot/sql/database-engine/install/windows/restore-missing-windows-installer-cache-files"

ENTRIES = (
    Entry(
        "rollback_possible", Phase.ROLLBACK,
        "Nothing keeps SQL Server from restoring over the database: no availability group, mirroring, replication, snapshot, FILESTREAM, or platform that "
        "does restores itself.",
        "An upgrade that fails could not be undone.",
        "Take the database out of what is named, or see ``octopus_availability_group``.",
        "Yes. No failure then starts a rollback: the instance is left stopped, to be restored by hand.",
        (_RESTORE,),
    ),
    Entry(
        "rollback_complete", Phase.ROLLBACK,
        "A restore returns everything around the database: no change data capture, no log shipping out of it, and several users may connect.",
        "It would be lost without a word.",
        "Turn off what is named, or be ready to set it up again.",
        "Yes, where you set it up again after a rollback.",
        (_RESTORE,),
    ),
    Entry(
        "may_restore", Phase.ROLLBACK,
        "The SQL login may do each thing that a rollback does.",
        "A right that is missing would show in the outage, with the database gone.",
        "Run the statement that the finding gives.",
        "No.",
        (_RESTORE,),
    ),
    Entry(
        "group_rejoinable", Phase.ROLLBACK,
        "With ``octopus_availability_group: remove_and_rejoin``, each secondary gets its copy again by itself.",
        "The database would stay out of its group after a rollback.",
        "Set the seeding to automatic, and give the login its rights on each secondary.",
        "Yes. A rollback then ends in service, and says which T-SQL adds the database to the group.",
        ("https://learn.microsoft.com/sql/database-engine/availability-groups/windows/automatically-initialize-always-on-availability-group",),
    ),
    Entry(
        "space_for_rollback", Phase.ROLLBACK,
        "Each volume has room for the restored database beside the failed one, and for what the migration adds: as much as in its rehearsal, else as "
        "much again as the database holds.",
        "A rollback restores beside it, so that nothing is lost before the restored one is whole.",
        "Free some space, or set ``octopus_rollback_keeps: false``.",
        "Yes, where you have looked yourself.",
    ),
    Entry(
        "installed_package_verified", Phase.ROLLBACK,
        "Something states the hash of the installed version's MSI.",
        "A rollback installs it after it has removed the newer one, and would only then notice that it is damaged.",
        "Set ``octopus_msi_sha256`` for that version.",
        "Yes, where you trust the file.",
    ),
    Entry(
        "installed_package_cached", Phase.ROLLBACK,
        "Windows Installer still has its own copy of the installed version's MSI.",
        "It needs that to remove the version, for an upgrade and for a rollback (errors 1612 and 1714).",
        "Run ``msiexec /fv`` with the path of that MSI, which caches it again. It is not run for you, because the service runs.",
        "No.",
        (_CACHE, "https://github.com/OctopusDeploy/Issues/issues/4104"),
    ),
    Entry(
        "master_key_settable", Phase.CLONE,
        "Making a clone only, of versions before 2022.4 with integrated security: the connection passes its credentials on to SQL Server.",
        "The only command that sets the master key there has to reach the database.",
        "Use CredSSP or Kerberos with delegation for the clone's nodes.",
        "Yes, where SQL Server is that node itself.",
        ("https://github.com/OctopusDeploy/Issues/issues/7870",),
    ),
    Entry(
        "unlisted", Phase.CLONE,
        "Making or upgrading a clone only: nothing in its database is on, due, leads outside or is a secret of another system, unless a list says "
        "why it is harmless. Each place has a name of its own, such as ``unlisted:ChatRelay.Endpoint``.",
        "What nobody has thought of would act as soon as the clone starts.",
        "Look at the place in the clone's database, and switch it off in the source, or waive it.",
        "Only by the full name of the place, or that of its table or row, such as ``unlisted:ChatRelay``; a server that is newer than the list by "
        "the name of its line, such as ``unlisted:server-2031.1``.",
    ),
)  # fmt: skip
