# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The checks of staging, of the restore point, of the installation and the schema upgrade, and of the start after it. No I/O."""

from __future__ import annotations

from .entry import Entry, Phase

_ISSUES = "https://github.com/OctopusDeploy/Issues/issues/"
_VENDOR_SQL = "https://octopus.com/docs/installation/sql-server-database"

ENTRIES = (
    Entry(
        "package_available", Phase.STAGE,
        "The MSI of each version on the path, and of the installed one, can be had from where each node would fetch it, and there is room for it.",
        "An upgrade that lacks a package ends in the middle of its path, and a rollback without the old one not at all.",
        "Check the version, ``octopus_msi_source`` and ``octopus_msi_sha256``.",
        "No. It is fetched before the outage, and the run ends there.",
    ),
    Entry(
        "package_signature", Phase.STAGE,
        "The Authenticode signature of each MSI is valid, and made by one of ``octopus_msi_publishers``, as osslsigncode finds of its copy in "
        "``octopus_msi_copies`` on the control node. Where one cannot be verified, it is a warning, as long as no publisher is set; so is a valid signature. "
        "Without both there is no check.",
        "A hash from the place that the MSI comes from reveals damage only, and whoever may replace the one may replace the other. An MSI runs as "
        "``SYSTEM``.",
        "Get the MSI from the vendor again, and see :ref:`ansible_collections.octopus.upgrade.docsite.guide_requirements.signatures`.",
        "Yes, where you have verified it yourself, for example in Explorer, under the properties of the file. ``octopus_msi_sha256`` then pins it.",
        (f"{_ISSUES}2316", "https://github.com/mtrojnar/osslsigncode"),
    ),
    Entry(
        "space_on_node", Phase.STAGE,
        "The system drive of each node has room for all packages and one installation.",
        "A full drive ends an installation in the outage.",
        "Free some space there.",
        "Yes, where you have looked yourself.",
    ),
    Entry(
        "space_on_drives", Phase.STAGE,
        "So have the drives of the program and of the instance's home, where those are others. Of the home it is a warning.",
        "A full drive ends an installation, or the server's own log, in the outage.",
        "Free some space there.",
        "Yes, where you have looked yourself.",
    ),
    Entry(
        "space_for_folders", Phase.STAGE,
        "There is room for the database backup beside the copies of the server folders, and for the folders once more, which a rollback retains there. "
        "It is asked after their first copy, before the outage, when their size is known.",
        "A restore point without its folders is none.",
        "Free some space, or set another ``octopus_backup_root``.",
        "Yes, where you have looked yourself.",
    ),
    Entry(
        "nothing_else_on_database", Phase.BACKUP,
        "No backup, restore or integrity check of the database runs.",
        "It would delay the backup within the outage.",
        "Wait until it has ended.",
        "Yes, where it ends before the outage.",
        momentary=True,
    ),
    Entry(
        "backup_writable", Phase.BACKUP,
        "SQL Server sees the folder for the backup, and the login may back up.",
        "Without a backup no upgrade begins.",
        "Set ``octopus_backup_root`` and ``octopus_sql_backup_root``, and see :ref:`ansible_collections.octopus.upgrade.docsite.guide_requirements`.",
        "No. The backup itself fails then, and service is restored.",
    ),
    Entry(
        "space_for_backup", Phase.BACKUP,
        "There is room for the database backup. On a share only a job can tell, which a plan does not start: the upgrade looks.",
        "The backup is written within the outage.",
        "Free some space there, or set another ``octopus_backup_root``.",
        "Yes, where you have looked yourself.",
    ),
    Entry(
        "folders_known", Phase.BACKUP,
        "The paths of the server folders are known.",
        "What is not backed up cannot be restored.",
        "Before 4.1 nothing names them: give them in ``octopus_folders``.",
        "Folders without a path are then not backed up.",
    ),
    Entry(
        "folders_readable", Phase.BACKUP,
        "The server folders exist, can be read, and contain no links to elsewhere.",
        "A copy would lack what is behind a link, and would say nothing of it.",
        "Replace links by folders, or move what they point to.",
        "No. The first copy, before the outage, fails for the same reason.",
        ("https://github.com/restic/restic/issues/1078",),
    ),
    Entry(
        "master_key_readable", Phase.BACKUP,
        "The master key can be read on the coordinator, and encrypted with the vault password that is given.",
        "A restored database is of no use without it.",
        "Use an administrator of the node for WinRM, and check ``octopus_vault_password_file`` or ``octopus_vault_id``.",
        "No.",
        ("https://octopus.com/docs/security/data-encryption",),
    ),
    Entry(
        "only_instance_on_host", Phase.APPLY,
        "No node has another instance of Octopus Server.",
        "All instances of a host share one program folder, so that one MSI replaces the program of them all.",
        "Stop and back up the others by hand.",
        "Yes, after you have done that.",
        ("https://octopus.com/docs/administration/managing-infrastructure/managing-multiple-instances",),
    ),
    Entry(
        "license_compliant", Phase.APPLY,
        "The server says that it complies with its licence.",
        "Newer versions refuse to upgrade or to start without one that is valid.",
        "Renew the licence.",
        "Yes, where the new version is known to take it, or the installed one cannot tell.",
    ),
    Entry(
        "license_covers_path", Phase.APPLY,
        "The licence is valid today, or covers the day on which each version of the path came out. Where it has ended, and the release feed does not tell "
        "that day, it is unknown.",
        "A version that came out after the licence has ended refuses to upgrade or to start.",
        "Renew the licence and install it first, or choose an older version.",
        "Yes, where the new version is known to take it.",
    ),
    Entry(
        "license_lasts", Phase.APPLY,
        "The licence does not end within 30 days.",
        "The upgrade may be put off, and a newer version refuses a licence that has ended.",
        "Renew it.",
    ),
    Entry(
        "rehearsed", Phase.APPLY,
        "This very path was rehearsed on a clone within ``octopus_rehearsal_days``. It blocks only with ``octopus_require_rehearsal``.",
        "The same steps over the same data are the only real forecast of outage and failure.",
        "Run ``upgrade_clone.yml`` on a clone.",
        "Yes.",
    ),
    Entry(
        "job_account_on_database", Phase.APPLY,
        "With integrated security, the account of the jobs is db_owner of the database.",
        "The schema upgrade runs as that account, and would fail in the outage.",
        "Set ``octopus_job_user`` to the account of the service, or make this one db_owner.",
        "Yes, where it is that through a group of Windows.",
        (f"{_ISSUES}3565", f"{_ISSUES}3571"),
    ),
    Entry(
        "server_login_is_owner", Phase.APPLY,
        "The SQL login of the connection string is db_owner of the database. It does not block where that cannot be told.",
        "The schema upgrade uses it, and would fail in the outage.",
        "Add the user to the role db_owner.",
        "Yes, where it has all of these rights by other means.",
        (_VENDOR_SQL,),
    ),
    Entry(
        "database_writable", Phase.APPLY,
        "The database is online and writable.",
        "The schema upgrade writes to it.",
        "Run ``ALTER DATABASE ... SET READ_WRITE``, and find out who has set it otherwise.",
        "No.",
    ),
    Entry(
        "space_on_sql_server", Phase.APPLY,
        "Each volume of the database has as much free as the database uses.",
        "Some migrations write as much again as the data they change, and a full disk ends them in the middle.",
        "Free some space there.",
        "Yes, where a rehearsal has shown how much is needed.",
    ),
    Entry(
        "express_limit", Phase.APPLY,
        "In SQL Server Express, the database can double below the limit of its edition. Short of that it warns, and blocks from nine tenths of the limit.",
        "Migrations copy tables. At the limit they fail with error 1827, in the outage.",
        "Apply the retention policies, or move the database to another edition.",
        "Yes, where a rehearsal has shown how much it grows.",
        ("https://learn.microsoft.com/sql/sql-server/editions-and-components-of-sql-server-2022",),
    ),
    Entry(
        "files_may_grow", Phase.APPLY,
        "Every file of the database grows by itself, and is below its maximum.",
        "A full file ends a migration with error 1105 or 9002, in the outage.",
        "Set FILEGROWTH and MAXSIZE, or enlarge the file beforehand.",
        sources=("https://learn.microsoft.com/sql/relational-databases/errors-events/mssqlserver-1105-database-engine-error",),
    ),
    Entry(
        "no_own_objects", Phase.APPLY,
        "The database has nothing of your own: no objects outside of the schema dbo, no triggers on tables.",
        "A script of the schema upgrade stops at them, or they are lost. Reports of your own may also meet columns that Spaces (2019.1) has added.",
        "Script them, drop them before the upgrade, and create them again after it.",
        sources=(f"{_ISSUES}2673", _VENDOR_SQL),
    ),
    Entry(
        "no_reboot_pending", Phase.APPLY,
        "Windows on no node waits for a restart.",
        "An installation may ask for a restart again, or fail on files that are to be replaced by one.",
        "Restart the node before the upgrade.",
        sources=("https://github.com/microsoft/CSS-Exchange/blob/main/Setup/src/SetupAssist/Checks/Test-PendingReboot.ps1",),
    ),
    Entry(
        "no_other_installation", Phase.APPLY,
        "No other installation is in progress on a node, nor was one interrupted.",
        "Windows Installer runs one at a time (1618), and asks to finish an interrupted one first.",
        "Wait, run the interrupted one again, or restart the node.",
        "Yes, where you know that the entry is old.",
        ("https://learn.microsoft.com/windows/win32/msi/msizap-exe", "https://learn.microsoft.com/windows/win32/msi/error-codes"),
        momentary=True,
    ),
    Entry(
        "service_starts_itself", Phase.VERIFY,
        "The service of no node is disabled.",
        "It is returned to what it was, so that it would not come back after a restart of Windows.",
        "Set it to automatic, unless it is meant to stay disabled.",
    ),
    Entry(
        "node_answers", Phase.VERIFY,
        "Each node answers at its own address, with a certificate that the control node trusts.",
        "It is waited for there after each start. A healthy server that cannot be asked looks like one that is ill.",
        "Set ``octopus_node_url``, and ``octopus_ca_path``.",
        "No. The first start of the new version would be taken for a failure.",
        (f"{_ISSUES}2913",),
    ),
    Entry(
        "tentacles_supported", Phase.VERIFY,
        "Every Tentacle is 4.0 or later, where the target has Spaces.",
        "An older one works in part, or not at all.",
        "Upgrade them before the server.",
        sources=("https://octopus.com/docs/support/compatibility",),
    ),
    Entry(
        "polling_tentacles", Phase.VERIFY,
        "How many Tentacles poll. It says nothing is wrong.",
        "They are away for as long as the server is, and come back by themselves once each node that they poll listens again.",
        "Nothing.",
    ),
)  # fmt: skip
