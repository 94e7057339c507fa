# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""One instance's database and folders, as one process sees them: what REST API, service and command line have in common."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

from ..core.clock import Clock
from ..core.filesystem import FileSystem, Logon
from . import crypto, folders, licence, moments, schema, versions
from .database import Connection, Pool, column_names, has_table, rows
from .documents import Document, insert, next_id, select, update, upsert
from .folders import Files

Result = TypeVar("Result")
# The row of Configuration: three public dumps have no table for it (names of rows: *assumed*).
LICENCE = "license"
# Rows of Configuration whose ids no public source names, only what is in them (the API), and the ids that they have in a world in which only
# what is documented exists: none that says what the row is about.
NAMELESS = {"telemetry": "settings-1", "letsencrypt": "settings-2", "audit-stream": "settings-3"}


def make_nameless(connection: Connection) -> None:
    """Take the ids that are only assumed away from the rows."""
    for assumed, other in NAMELESS.items():
        connection.execute('UPDATE "Configuration" SET "Id" = ? WHERE "Id" = ?', (other, assumed))


class Store:
    """Typed access to the tables. Every method may be called from any thread and raises SqlError when the database is not there.

    Args:
        connect: Opens a session to the database.
        version: Of the binary that uses it.
        fs: Files as the machine sees them, for task logs, artifacts, packages and logos; read as ``logon``.
        home: The instance's home folder, which relative and missing folders are below.
        master_key: In Base64, for the sensitive values.
    """

    def __init__(
        self,
        connect: Callable[[], Connection],
        version: str,
        clock: Clock,
        *,
        fs: FileSystem | None = None,
        logon: Logon | None = None,
        home: str = "C:\\Octopus",
        master_key: str = "",
    ) -> None:
        self.pool = Pool(connect)
        self.version = version
        self.clock = clock
        self.home = home
        self._master_key = master_key
        self._files = Files(fs, logon, home) if fs is not None and logon is not None else None

    def __repr__(self) -> str:
        return f"Store({self.version})"

    def close(self) -> None:
        """End its sessions."""
        self.pool.close()

    def __enter__(self) -> Store:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()

    def newest(self, table: str) -> int:
        """The number of the newest row of a table; 0: it is empty, or not there."""

        def work(connection: Connection) -> int:
            if not has_table(connection, table):
                return 0
            return int(rows(connection, f'SELECT coalesce(max(rowid), 0) AS n FROM "{table}"')[0]["n"])

        return self.pool.run(work)

    def run(self, work: Callable[[Connection], Result]) -> Result:
        """Do some work in one transaction."""

        def within(connection: Connection) -> Result:
            with connection.transaction():
                return work(connection)

        return self.pool.run(within)

    # -- documents

    def documents(self, table: str, space: str | None = None) -> list[Document]:
        """Every row, oldest first; only that space's where ``space`` is given and the table has spaces."""

        def work(connection: Connection) -> list[Document]:
            if space and "SpaceId" in column_names(connection, table):
                return select(connection, table, 'WHERE "SpaceId" = ?', (space,))
            return select(connection, table)

        return self.pool.run(work)

    def where(self, table: str, **values: Any) -> list[Document]:
        """The rows whose columns have these values."""
        condition = " AND ".join(f'"{name}" = ?' for name in values)
        return self.pool.run(lambda connection: select(connection, table, f"WHERE {condition}", tuple(values.values())))

    def document(self, table: str, document_id: str) -> Document | None:
        found = self.where(table, Id=document_id)
        return found[0] if found else None

    def count(self, table: str, space: str | None = None) -> int:
        def work(connection: Connection) -> int:
            if not has_table(connection, table):
                return 0
            if space and "SpaceId" in column_names(connection, table):
                return int(rows(connection, f'SELECT count(*) AS n FROM "{table}" WHERE "SpaceId" = ?', (space,))[0]["n"])
            return int(rows(connection, f'SELECT count(*) AS n FROM "{table}"')[0]["n"])

        return self.pool.run(work)

    def add(self, table: str, document: Document) -> Document:
        """A new row; gives it with the ``Id`` that it got (or brought)."""

        def work(connection: Connection) -> Document:
            new = dict(document)
            if not new.get("Id"):
                new["Id"] = next_id(connection, table)
            # An identity column in a public dump.
            if table == "Event" and "AutoId" not in new and "AutoId" in column_names(connection, table):
                new["AutoId"] = 1 + int(rows(connection, 'SELECT coalesce(max("AutoId"), 0) AS n FROM "Event"')[0]["n"])
            insert(connection, table, new)
            return new

        return self.run(work)

    def save(self, table: str, document: Document) -> None:
        self.run(lambda connection: update(connection, table, document))

    def remove(self, table: str, document_id: str) -> bool:
        """Whether there was such a row."""

        def work(connection: Connection) -> bool:
            if not rows(connection, f'SELECT "Id" FROM "{table}" WHERE "Id" = ?', (document_id,)):
                return False
            connection.execute(f'DELETE FROM "{table}" WHERE "Id" = ?', (document_id,))
            return True

        return self.run(work)

    def reserve(self, table: str) -> str:
        """The next id of a table's documents, which nothing else gets."""
        return self.run(lambda connection: next_id(connection, table))

    # -- settings

    def configuration(self, document_id: str) -> Document | None:
        """The JSON of a row of ``Configuration``."""
        found = self.document("Configuration", self._row(document_id))
        return None if found is None else {name: value for name, value in found.items() if name != "Id"}

    def save_configuration(self, document_id: str, value: Document) -> None:
        inner = {name: item for name, item in value.items() if name != "Id"}
        row = self._row(document_id)
        self.run(lambda connection: upsert(connection, "Configuration", {**inner, "Id": row}))

    def _row(self, document_id: str) -> str:
        other = NAMELESS.get(document_id)
        return other if other and self.document("Configuration", other) else document_id

    def maintenance(self) -> bool:
        return bool((self.configuration("maintenance") or {}).get("IsInMaintenanceMode"))

    def set_maintenance(self, on: bool) -> None:
        self.save_configuration("maintenance", {"IsInMaintenanceMode": on})

    def installation_id(self) -> str | None:
        """Row ``upgradeavailability``, property ``InstallationId`` (octopus.com/docs, cloning an instance)."""
        return (self.configuration("upgradeavailability") or {}).get("InstallationId")

    # -- nodes

    def nodes(self) -> list[Document]:
        """``Id Name LastSeen`` (aware datetime or None) ``MaxConcurrentTasks IsInMaintenanceMode``; ``Rank`` where it exists."""
        seen = {row["Id"]: row for row in self.documents("OctopusServerNodeStatus")}
        return [
            {
                **row,
                "LastSeen": moments.moment(seen.get(row["Id"], {}).get("LastSeen") if seen or "LastSeen" not in row else row["LastSeen"]),
            }
            for row in self.documents("OctopusServerNode")
        ]

    def save_node(self, node: Document) -> None:
        """Its settings; when it was last seen is the heartbeat's business."""
        keep = {name: value for name, value in node.items() if name != "LastSeen"}
        self.save("OctopusServerNode", keep)

    def remove_node(self, node_id: str) -> None:
        def work(connection: Connection) -> None:
            connection.execute('DELETE FROM "OctopusServerNode" WHERE "Id" = ?', (node_id,))
            if has_table(connection, "OctopusServerNodeStatus"):
                connection.execute('DELETE FROM "OctopusServerNodeStatus" WHERE "Id" = ?', (node_id,))

        self.run(work)

    def heartbeat(self, node_name: str, version: str | None = None) -> None:
        """Say that a node lives; a node that has no row gets one (octopus.com/docs: a node registers itself when it starts)."""

        def work(connection: Connection) -> None:
            now = moments.text(self.clock.now())
            found = select(connection, "OctopusServerNode", 'WHERE "Name" = ?', (node_name,))
            node = (
                found[0]
                if found
                else {
                    "Id": f"OctopusServerNodes-{node_name.lower()}",
                    "Name": node_name,
                    "MaxConcurrentTasks": 5,
                    "IsInMaintenanceMode": False,
                    "Rank": "Follower" if select(connection, "OctopusServerNode") else "Leader",
                }
            )
            wanted = {**node, "Version": version} if version else dict(node)
            old = "LastSeen" in column_names(connection, "OctopusServerNode")
            if old:
                wanted["LastSeen"] = now
            if "Rank" not in column_names(connection, "OctopusServerNode"):
                wanted.pop("Rank", None)
            if not found or wanted != node:
                upsert(connection, "OctopusServerNode", wanted)
            if not old:
                upsert(connection, "OctopusServerNodeStatus", {"Id": node["Id"], "OctopusServerNodeId": node["Id"], "LastSeen": now})

        self.run(work)

    # -- licence, folders, users

    def licence(self) -> Document:
        """``LicenseText SerialNumber IsCompliant ComplianceSummary Expires`` (date or None)."""
        text = str((self.configuration(LICENCE) or {}).get("LicenseText") or "")
        if not text:
            return {
                "LicenseText": None,
                "SerialNumber": None,
                "IsCompliant": False,
                "ComplianceSummary": "There is no license.",
                "Expires": None,
            }
        try:
            found = licence.parse(text)
        except licence.LicenceError as error:
            return {"LicenseText": text, "SerialNumber": None, "IsCompliant": False, "ComplianceSummary": str(error), "Expires": None}
        expired = found.valid_to < self.clock.now().date()
        return {
            "LicenseText": text,
            "SerialNumber": found.serial,
            "IsCompliant": not expired,
            "ComplianceSummary": f"Your license expired on {found.valid_to}."
            if expired
            else "Your Octopus Server is compliant with your license.",
            "Expires": found.valid_to,
        }

    def save_licence(self, text: str) -> None:
        """
        Raises:
            LicenceError: It is none.
        """
        found = licence.parse(text)
        self.save_configuration(LICENCE, {"SerialNumber": found.serial, "LicenseText": text})

    def folders(self) -> dict[str, str | None]:
        """Every server folder that this version has, as it is set; None: the default below home."""
        values = self.configuration(folders.ROW) or {}
        return {name: values.get(name) for name in folders.names(self.version)}

    def save_folders(self, changed: dict[str, str | None]) -> None:
        self.save_configuration(folders.ROW, {**(self.configuration(folders.ROW) or {}), **changed})

    def folder(self, name: str) -> str:
        """A server folder's full path on this machine."""
        return folders.resolve(self.configuration(folders.ROW) or {}, name, self.home)

    def user_for_key(self, api_key: str) -> Document | None:
        """Whose key that is: None: nobody's, or it has expired."""
        hashed = crypto.hash_api_key(api_key)
        for row in self.documents("ApiKey"):
            if crypto.same(str(row["ApiKeyHashed"]), hashed):
                expires = moments.moment(row.get("Expires"))
                return None if expires is not None and expires < self.clock.now() else self.document("User", row["UserId"])
        return None

    def grants(self, user_id: str) -> set[tuple[str, str | None]]:
        """(permission, space id); None: in the system, and in every space where the schema has none."""
        roles = {role["Id"]: role for role in self.documents("UserRole")}
        scoped = self.documents("ScopedUserRole")
        spaces = self.count("Space") > 0
        out: set[tuple[str, str | None]] = set()
        for team in self.documents("Team"):
            if user_id not in team["MemberUserIds"]:
                continue
            held = [(one["UserRoleId"], one["SpaceId"]) for one in scoped if one["TeamId"] == team["Id"]]
            held = held if spaces else [(role, None) for role in team.get("UserRoleIds", [])]
            for role_id, space in held:
                role = roles.get(role_id, {})
                out.update((permission, None) for permission in role.get("GrantedSystemPermissions", []))
                if not spaces or space:
                    out.update((permission, space) for permission in role.get("GrantedSpacePermissions", []))
        return out

    # -- files

    @property
    def files(self) -> Files:
        """
        Raises:
            RuntimeError: This store was opened without a file system.
        """
        if self._files is None:
            raise RuntimeError("this store has no file system")
        return self._files

    def task_log(self, task: Document) -> bytes | None:
        """The file in the task log folder; None: it is not there."""
        return self.files.read(folders.task_log_path(self.folder("LogsDirectory"), task))

    def artifact(self, artifact: Document) -> bytes | None:
        return self.files.read(folders.artifact_path(self.folder("ArtifactsDirectory"), artifact))

    def package(self, package: Document) -> bytes | None:
        return self.files.read(folders.package_path(self.folder("PackagesDirectory"), package))

    def save_package(self, package: Document, data: bytes) -> Document:
        """A new package of the built-in feed: its file, then its row."""
        self.files.write(folders.package_path(self.folder("PackagesDirectory"), package), data)
        return self.add("NuGetPackage", package)

    def remove_package(self, package: Document) -> None:
        """Remove a package of the built-in feed: its row, then its file."""
        self.remove("NuGetPackage", package["Id"])
        self.files.remove(folders.package_path(self.folder("PackagesDirectory"), package))

    def logo(self, owner: Document) -> tuple[bytes, str] | None:
        """The picture and its content type."""
        data = self.files.read(folders.logo_path(self.folder("ArtifactsDirectory"), owner))
        return None if data is None else (data, str(owner.get("LogoContentType") or "image/png"))

    def secret(self, sealed: str) -> str:
        """A sensitive value in the clear.

        Raises:
            CryptoError: The master key is another one.
        """
        return crypto.decrypt(self._master_key, sealed)

    def sealed(self, text: str) -> str:
        """A value as a row keeps it."""
        return crypto.encrypt(self._master_key, text)

    def save_import(self, name: str, data: bytes) -> None:
        """A file that was uploaded to be imported."""
        self.files.write(f"{self.folder('ImportsDirectory')}\\{name}", data)

    def import_file(self, name: str) -> bytes | None:
        return self.files.read(f"{self.folder('ImportsDirectory')}\\{name}")

    def remove_artifact(self, artifact: Document) -> None:
        self.remove("Artifact", artifact["Id"])
        self.files.remove(folders.artifact_path(self.folder("ArtifactsDirectory"), artifact))

    # -- schema

    def history(self) -> list[Document]:
        """Installation history, oldest first; ``Version`` may be None (#5679)."""
        return sorted(self.documents("OctopusServerInstallationHistory"), key=lambda row: str(row["Installed"]))

    def spaces(self) -> list[Document]:
        return self.documents("Space")

    def tables(self) -> set[str]:
        """The product's tables that this database has."""
        return self.pool.run(lambda connection: {name for name in schema.TABLES if has_table(connection, name)})

    def has(self, feature: str) -> bool:
        return versions.has(self.version, feature)
