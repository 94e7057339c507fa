# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A schema upgrade: what is refused, what runs, how long it takes, what a failure leaves behind."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime

from ..core.faults import Faults
from ..core.ledger import Ledger
from ..tds.engine_api import SqlError
from . import defects, licence, moments, schema, scripts, versions
from .database import DEADLOCK, Connection, has_table, rows
from .documents import select
from .folders import Files
from .moves import MoveError

ALIVE_SECONDS = 30.0  # how recent a heartbeat looks alive; the vendor gives no number: *assumed*
SECONDS_A_SCRIPT = 1.0
SECONDS_A_ROW = 0.002  # *assumed*, for a small server; the vendor says 1 to 30 minutes for an upgrade


class UpgradeRefused(Exception):
    """The upgrade did not begin; nothing has changed."""


class UpgradeFailed(Exception):
    """A script failed; its message is the database's, or the file system's."""


@dataclass
class Upgrade:
    """One upgrade of one database by one binary.

    Attributes:
        others: Nodes that really run against this database now, this one not counted.
        say: Takes a line for the log.
        sleep: Lets lab time pass; raises when the process is killed, which rolls back.
    """

    connection: Connection
    binary: str
    node: str
    machine: str
    files: Files
    ledger: Ledger
    faults: Faults
    now: Callable[[], datetime]
    say: Callable[[str], None]
    sleep: Callable[[float], None]
    others: list[str]
    skip_license_check: bool = False
    only_documented: bool = False
    ground: defects.Ground = field(default_factory=defects.Ground)

    def run(self) -> int:
        """Bring the schema to the binary's version; how many scripts ran.

        Raises:
            UpgradeRefused: Nothing was begun.
            UpgradeFailed: A script failed.
            SqlError: The database went away.
        """
        newer = scripts.unknown(self.connection, self.binary)
        if newer:
            raise UpgradeRefused(
                f"The database schema is newer than this version of Octopus Server ({self.binary}): it has {len(newer)} scripts that this "
                f"version does not know, such as {newer[-1]}. Downgrading a database is not supported."
            )
        todo = scripts.pending(self.connection, self.binary)
        if not todo:
            self.say("The database schema is up to date. No scripts to execute.")
            return 0
        before = scripts.schema_version(self.connection)
        if before is not None:
            self._licence()
            self._nodes()
        self.say(f"Beginning database upgrade: {len(todo)} scripts to execute")
        self.ledger.record("octopus", self.machine, what="schema upgrade", action="start", version=self.binary, scripts=len(todo))
        context = scripts.Context(self.connection, self.files, self.binary, before or "3.0", self._is_ptm())
        done = 0
        try:
            if before is not None:
                self._strike(before)
            with self.connection.transaction():
                for script in todo:
                    self._one(context, script, before)
                    before = script.version
                    done += 1
                    if done == 2 and self.others:
                        # Before 2023.2.9755 nothing stops an upgrade under running nodes; they lock each other out (#3147, #3626).
                        raise SqlError(
                            DEADLOCK,
                            "Transaction (Process ID 57) was deadlocked on lock resources with another process and has been chosen as the "
                            "deadlock victim. Rerun the transaction.",
                            13,
                            51,
                        )
                if self.faults.hit("schema.undrain", self.machine, version=self.binary) is not None:
                    # That table was split in 2019 and rewritten in 2024 (#5348, #8805); what became of the flag is nowhere said.
                    self.connection.execute('UPDATE "OctopusServerNode" SET "IsInMaintenanceMode" = 0')
        except _HalfDone as error:
            done = self._leave_half_done(todo, error)
            raise UpgradeFailed(f"Upgrade failed: {error}") from error
        except (SqlError, MoveError) as error:
            self.ledger.record(
                "octopus", self.machine, what="schema upgrade", action="failed", version=self.binary, after=done, error=str(error)
            )
            message = "; ".join(one.message for one in (error, *error.more)) if isinstance(error, SqlError) else str(error)
            raise UpgradeFailed(f"Upgrade failed: {message}") from error
        self.ledger.record("octopus", self.machine, what="schema upgrade", action="done", version=self.binary, scripts=done)
        self.say("Upgrade successful")
        return done

    def _one(self, context: scripts.Context, script: scripts.Script, before: str | None) -> None:
        self.say(f"Executing Database Server script '{script.journal}'")
        if before is not None:
            self._strike(context.before, script.version)
        statements = schema.changes(before, script.version, self.only_documented)
        touched = {table for table, statement in statements if statement.startswith("ALTER")} | set(script.tables)
        count = sum(
            int(rows(self.connection, f'SELECT count(*) AS n FROM "{table}"')[0]["n"])
            for table in touched
            if has_table(self.connection, table)
        )
        self.sleep(SECONDS_A_SCRIPT + count * SECONDS_A_ROW)
        struck = self.faults.hit("schema.fail", self.machine, script=f"Script{script.number:04d}{script.name}")
        if struck is not None:
            message = str(struck.get("message", f"{script.journal} failed: String or binary data would be truncated."))
            if struck.get("committed"):
                raise _HalfDone(message)
            raise SqlError(8152, message)

        def change() -> None:
            for _table, statement in statements:
                self.connection.execute(statement)

        notes = len(context.notes)
        if script.effect:
            script.effect(context, change)
        else:
            change()
        for note in context.notes[notes:]:
            self.say(f"{note['what']}: {note['source']} -> {note['target']}")
            self.ledger.record("octopus", self.machine, **note)
        self.connection.execute(
            'INSERT INTO "SchemaVersions" ("ScriptName", "Applied") VALUES (?, ?)',
            (script.journal, self.now().strftime("%Y-%m-%d %H:%M:%S.%f")[:-3]),
        )

    def _strike(self, before: str, line: str = "") -> None:
        """Fail as a defect of this build does that this database meets.

        Args:
            before: The version that the upgrade found.
            line: The line whose script runs; empty: none does yet.
        """
        found = defects.of_schema(self.binary, defects.Situation(self.connection, before, self.ground), line)
        if found is None:
            return
        if found.script:
            self.say(f"Executing Database Server script '{scripts.PREFIX}{found.script}'")
        if found.stays:
            raise _HalfDone(found.says)
        raise SqlError(found.number, found.says)

    def _leave_half_done(self, todo: list[scripts.Script], error: Exception) -> int:
        """Steps outside the transaction stay, as before #5024 (Nov 2018) and with "always run" scripts (#6242, #6458)."""
        with self.connection.transaction():
            self.connection.execute(
                'CREATE TABLE IF NOT EXISTS "UpgradeLeftover" ("Id" nvarchar(50) NOT NULL PRIMARY KEY, "Script" nvarchar(250))'
            )
            self.connection.execute('INSERT OR REPLACE INTO "UpgradeLeftover" VALUES (?, ?)', ("1", todo[0].journal))
            self.connection.execute('UPDATE "Configuration" SET "JSON" = ? WHERE "Id" = ?', ('{"HalfUpgraded": true}', "features"))
        self.ledger.record("octopus", self.machine, what="schema upgrade", action="half done", version=self.binary, error=str(error))
        return 0

    # -- what is refused

    def _held(self) -> licence.Licence | None:
        found = [row for row in select(self.connection, "Configuration") if row["Id"] == "license"]
        text = str(found[0].get("LicenseText") or "") if found else ""
        try:
            return licence.parse(text) if text else None
        except licence.LicenceError as error:
            raise UpgradeRefused(str(error)) from error

    def _is_ptm(self) -> bool:
        held = self._held()
        return held is not None and held.ptm

    def _licence(self) -> None:
        held = self._held()
        if held is None:
            if versions.has(self.binary, "license_key_required"):
                raise UpgradeRefused("A license key is required to upgrade Octopus Server. Install a license before upgrading.")
            return
        date = versions.released(self.binary)
        if self.skip_license_check and versions.has(self.binary, "skip_license_check"):
            self.say("Skipping the license check")
            return
        if not held.covers(date):
            raise UpgradeRefused(
                f"Your license does not cover this version of Octopus Server: {self.binary} was released on {date}, your license is valid "
                f"until {held.valid_to}. Renew it, or use --skipLicenseCheck."
            )

    def _nodes(self) -> None:
        if not versions.has(self.binary, "refuses_running_nodes"):
            return
        seen = {row["Id"]: row["LastSeen"] for row in select(self.connection, "OctopusServerNodeStatus")}
        alive = []
        for row in select(self.connection, "OctopusServerNode"):
            when = moments.moment(seen.get(row["Id"], row.get("LastSeen")))
            recent = when is not None and (self.now() - when).total_seconds() < ALIVE_SECONDS
            if recent and str(row["Name"]).lower() != self.node.lower():
                alive.append(str(row["Name"]))
        if alive:
            raise UpgradeRefused(
                "The database cannot be upgraded while other Octopus Server nodes are running. These nodes appear to be running: "
                f"{', '.join(alive)}. Stop all nodes and try again."
            )


class _HalfDone(Exception):
    """A failure whose script was not within the transaction (fault schema.fail, committed=True; a defect that stays)."""
