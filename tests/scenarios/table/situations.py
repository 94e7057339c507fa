# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The table: every situation that an instance can be in, times every moment at which an upgrade can fail, and how that has to end.

Nothing ends out of service. A situation that stands in the way of a rollback is refused before any user notices, and then there is no moment
to fail at. Any other one ends as before, or upgraded, whenever the upgrade fails; and so does what happens to the database in the middle of it.
A cell that is not run says the same as which other one it is, and why.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from lab.estate import LabInstance
from scenarios.chaos.outcome import AS_BEFORE
from scenarios.rollback.scene import Scene
from scenarios.table import making

# The moments: the backup fails; the schema upgrade leaves the database half done; Windows Installer fails; the new version does not start; and
# users work with the new version already when somebody runs rollback.yml.
BEFORE_SEAL, SCHEMA, MSI, START, PUBLISHED = MOMENTS = ("before seal", "schema half done", "msi", "start", "after publish")


@dataclass(frozen=True)
class Refused:
    """A situation before the upgrade, which the plan refuses.

    Attributes:
        check: The name of the check that says so; empty where an error says so.
        says: What else is said, such as what to do about it.
        place: The instance of the lab that is in this situation, with others: each has a finding of its own (``PLACES``).
    """

    name: str
    place: str
    check: str
    says: tuple[str, ...]


@dataclass(frozen=True)
class Same:
    """A cell that is not run.

    Attributes:
        situation: That of the cell that it is the same as; empty for the same situation.
        moment: Its moment.
    """

    moment: str
    why: str
    situation: str = ""


@dataclass(frozen=True)
class Cell:
    """A cell that is run, and its end.

    Attributes:
        but: Differences from that end which nobody can avoid, each with its reason in a comment.
        mended: Whether somebody has to do something first, such as its administrator to a database that breaks before there is a restore point.
            After that, the same playbook is run once more.
    """

    end: str
    but: tuple[str, ...] = ()
    mended: bool = False


@dataclass(frozen=True)
class Borne:
    """A situation that an upgrade and a rollback have to bear.

    Attributes:
        before: Brings it about before the run, and gives the variables that it needs.
        strikes: Brings it about in the middle of the run, at the moment of the cell.
        cells: By moment, what becomes of it.
    """

    name: str
    cells: dict[str, Cell | Same]
    before: Callable[[Scene], dict[str, Any]] | None = None
    strikes: Callable[[Scene], None] | None = None


# -- refused before any user notices


PLACES: dict[str, list[Callable[[LabInstance], None]]] = {
    "around": [making.surrounded],
    "rights": [making.without_rights],
    "readonly": [making.read_only],
    "host": [making.fast_clock, making.asked, making.integrated],
    "msi": [making.lost_package, making.full_node],
    "links": [making.linked, making.unlike],
    "room": [making.one_copy_only],
    "estate": [making.surrounded, making.fast_clock, making.asked, making.lost_package, making.full_node, making.linked, making.worn],
    "clean": [making.checked],
}
# Everything that is wrong with the estate, at once. The units have more of it (test_planted.py).
ESTATE = {
    *(
        "rollback_possible",
        "rollback_complete",
        "clocks_agree",
        "nobody_asked",
        "installed_package_cached",
        "space_on_node",
        "folders_readable",
    ),
    *("node_answers", "no_other_installation", "no_reboot_pending", "service_starts_itself", "watchdog_enabled", "integrity_checked"),
    *("maintenance_off", "nodes_undrained", "no_tasks_queued", "tentacles_supported", "no_own_objects", "rehearsed"),
}
# Only a job could look, which a plan does not start: the upgrade does.
NOT_LOOKED = {"rehearsed", "space_for_backup"}
_LOGIN = f"[{making.LOGIN}]"
_CREATOR = f"ALTER SERVER ROLE dbcreator ADD MEMBER {_LOGIN}"
REFUSED = [
    Refused("availability group", "around", "rollback_possible", ("in an availability group", "REMOVE DATABASE")),
    Refused("mirroring", "around", "rollback_possible", ("it is mirrored", "SET PARTNER OFF")),
    Refused("replication", "around", "rollback_possible", ("publisher of replication", "sp_removedbreplication")),
    Refused("log shipping into it", "around", "rollback_possible", ("secondary of log shipping",)),
    Refused("FILESTREAM", "around", "rollback_possible", ("D:\\Octopus\\FileStream", "uses neither")),
    Refused("log shipping out of it", "around", "rollback_complete", ("primary of log shipping",)),
    Refused("change data capture", "around", "rollback_complete", ("sp_cdc_disable_db",)),
    Refused("restricted access", "around", "rollback_complete", ("RESTRICTED_USER", "SET MULTI_USER")),
    Refused("no right to back up", "rights", "may_restore", ("to be allowed to back up the database", "db_backupoperator")),
    Refused("no right to create databases", "rights", "may_restore", ("to be allowed to create databases", _CREATOR)),
    Refused("no right to read the history", "rights", "may_restore", ("history of backups and restores in msdb", "USE [msdb]")),
    Refused("no right to rename", "rights", "may_restore", ("to be allowed to rename the failed database", _CREATOR)),
    Refused("no right to remove", "rights", "may_restore", ("take the failed database offline and remove it", _CREATOR)),
    Refused("no right to see sessions", "rights", "may_see_sessions", ("VIEW SERVER STATE",)),
    Refused("a read-only database", "readonly", "database_writable", ("read-only", "SET READ_WRITE")),
    Refused("clocks that differ", "host", "clocks_agree", ("w32tm /resync",)),
    Refused("a task that waits for a person", "host", "nobody_asked", ("octopus_interventions",)),
    Refused("a node whose own address does not answer", "host", "node_answers", ("octopus_node_url",)),
    Refused("an account of the jobs without access", "host", "job_account_on_database", ("octopus_job_user",)),
    Refused("a lost package of Windows Installer", "msi", "installed_package_cached", ("msiexec /fv",)),
    Refused("no room on the node", "msi", "space_on_node", ("Free some space there",)),
    Refused("a link in a server folder", "links", "folders_readable", ("moved", "link")),
    Refused(
        "a database that is not as assumed",
        "links",
        "database_as_assumed",
        ("no Assembled in Release, which rollback needs", "compatibility"),
    ),
    Refused("another installation", "estate", "no_other_installation", ("interrupted",)),
    Refused("no room for a second copy of the files", "room", "space_for_rollback", ("octopus_rollback_keeps: false",)),
]
# Variables of the instance at a place.
VARIABLES: dict[str, dict[str, Any]] = {
    place: {"octopus_node_url": "https://192.0.2.1:8443", "octopus_clock_tolerance": making.CLOCK_TOLERANCE} for place in ("host", "estate")
}
# Checks of the plan whose situations are elsewhere: bad input and the instance as a whole (upgrade/test_bad_input.py, and units of the plan), those
# that only warn (the estate, and units of their own), an availability group that a rollback may leave (rollback/test_availability_group.py, and
# units of its checks), and what the quarantine of a clone finds (mssql/test_quarantine_unlisted.py).
ELSEWHERE = {
    "unlisted",
    *("instance_found", "only_instance_on_host", "versions_agree", "target_not_older", "node_in_inventory", "service_running"),
    *("license_compliant", "nothing_else_running", "nothing_else_on_database", "rehearsed", "folders_known", "heartbeats_readable"),
    *("space_on_sql_server", "space_for_backup", "space_for_folders", "installed_package_verified", "master_key_settable"),
    *(
        "package_signature",
        "group_rejoinable",
        "plan_approved",
        "package_available",
        "backup_writable",
        "master_key_readable",
        "space_on_drives",
    ),
    *("express_limit", "server_login_is_owner", "files_may_grow", "configuration_readable", "node_registered", "service_accounts_agree"),
    *("license_lasts", "polling_tentacles", "no_reboot_pending", "service_starts_itself", "watchdog_enabled", "integrity_checked"),
    *("program_as_assumed", "windows_as_assumed", "rest_api_as_assumed"),
    *("maintenance_off", "nodes_undrained", "no_tasks_queued", "tentacles_supported", "no_own_objects"),
}


# -- borne, whenever the upgrade fails


_BACK = Cell(AS_BEFORE)
_NO_RESTORE = "neither the situation nor the rollback at that moment touches the database or its folders"
_ROLLED_BACK = "from rollback.verify on the steps are the same"


def _only_restores(name: str, before: Callable[[Scene], dict[str, Any]]) -> Borne:
    """A situation that matters to the restore of database and folders alone."""
    return Borne(
        name,
        {
            BEFORE_SEAL: Same(BEFORE_SEAL, _NO_RESTORE, "nothing special"),
            SCHEMA: _BACK,
            MSI: Same(MSI, _NO_RESTORE, "nothing special"),
            START: Same(SCHEMA, _ROLLED_BACK),
            PUBLISHED: _BACK,
        },
        before,
    )


def _in_the_middle(name: str, strikes: Callable[[Scene], None], **cells: Cell) -> Borne:
    """What happens to the database in the middle of the upgrade."""
    same = {
        "before_seal": Same(BEFORE_SEAL, "there is no restore point yet, and the database has to be mended whatever is wrong", "suspect"),
        "msi": Same(MSI, "what cannot be read is rolled back like what has changed, whatever is wrong", "suspect"),
        "start": Same(SCHEMA, _ROLLED_BACK),
        "published": Same(SCHEMA, "what restores the database plans it from the manifest and master, in each state alike"),
    }
    names = {"before_seal": BEFORE_SEAL, "schema": SCHEMA, "msi": MSI, "start": START, "published": PUBLISHED}
    return Borne(name, {moment: cells.get(key, same.get(key, _BACK)) for key, moment in names.items()}, strikes=strikes)


# Who owned a database that is gone is in no backup: the login that restores it does now.
_OWNER = f"database owner: 'sa' -> {making.LOGIN!r}"
BORNE = [
    Borne("nothing special", dict.fromkeys(MOMENTS, _BACK)),
    Borne(
        "a certificate for the public name only",
        {
            BEFORE_SEAL: _BACK,
            SCHEMA: Same(START, "each start is waited for at the same address"),
            MSI: Same(START, "each start is waited for at the same address"),
            START: _BACK,
            PUBLISHED: _BACK,
        },
        making.public_name_only,
    ),
    Borne(
        "a task that is left waiting",
        {
            BEFORE_SEAL: _BACK,
            SCHEMA: _BACK,
            MSI: Same(SCHEMA, "the task is a row of the database, whichever step fails"),
            START: Same(SCHEMA, "the task is a row of the database, whichever step fails"),
            PUBLISHED: _BACK,
        },
        making.waiting,
    ),
    _only_restores("encrypted by TDE", making.encrypted),
    _only_restores("least rights and no second copy", making.in_place),
    _only_restores("a database snapshot", making.snapshot),
    Borne(
        "a NAS with coarse times",
        {
            BEFORE_SEAL: _BACK,
            SCHEMA: _BACK,
            MSI: Same(MSI, _NO_RESTORE, "nothing special"),
            START: Same(SCHEMA, _ROLLED_BACK),
            PUBLISHED: _BACK,
        },
        making.coarse_times,
    ),
    _in_the_middle(
        "suspect",
        lambda scene: making.breaks(scene, "SUSPECT"),
        before_seal=Cell(AS_BEFORE, mended=True),
        msi=_BACK,
        published=_BACK,
    ),
    _in_the_middle("recovery pending", lambda scene: making.breaks(scene, "RECOVERY_PENDING")),
    _in_the_middle("offline", lambda scene: making.set_to(scene, "OFFLINE")),
    _in_the_middle("emergency", lambda scene: making.set_to(scene, "EMERGENCY")),
    _in_the_middle("restoring", lambda scene: making.set_to(scene, "RESTORING")),
    _in_the_middle("held in SINGLE_USER", making.held),
    _in_the_middle(
        "dropped",
        making.dropped,
        schema=Cell(AS_BEFORE, but=(_OWNER,)),
        msi=Cell(AS_BEFORE, but=(_OWNER,)),
        published=Cell(AS_BEFORE, but=(_OWNER,)),
    ),
    _in_the_middle("SQL Server rebuilt", making.rebuilt, schema=Cell(AS_BEFORE, but=(_OWNER,)), published=Cell(AS_BEFORE, but=(_OWNER,))),
    _in_the_middle("a transaction that is undone", making.undone),
]


@dataclass(frozen=True)
class Run:
    """A cell that is run, with its row and its column."""

    situation: Borne
    moment: str
    cell: Cell

    @property
    def name(self) -> str:
        return f"{self.situation.name}/{self.moment}".replace(" ", "-")


def runs() -> list[Run]:
    """All cells that are run, in the order of the table."""
    return [Run(row, moment, cell) for row in BORNE for moment, cell in row.cells.items() if isinstance(cell, Cell)]


def resolved(situation: str, moment: str, seen: tuple[tuple[str, str], ...] = ()) -> Cell | None:
    """The cell that is run for a cell; None where there is none."""
    row = next((one for one in BORNE if one.name == situation), None)
    cell = row.cells.get(moment) if row else None
    if not isinstance(cell, Same):
        return cell
    if (situation, moment) in seen or not cell.why:
        return None
    return resolved(cell.situation or situation, cell.moment, (*seen, (situation, moment)))
