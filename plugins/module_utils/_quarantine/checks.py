# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The proof that a clone is under quarantine: each check asks SQL Server anew, and knows nothing of the list that was applied."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from typing import Any

from ansible_collections.octopus.upgrade.plugins.module_utils._mssql.connection.connection import SqlConnection
from ansible_collections.octopus.upgrade.plugins.module_utils._mssql.quoting import quote_identifier
from ansible_collections.octopus.upgrade.plugins.module_utils._octopus.database import schema
from ansible_collections.octopus.upgrade.plugins.module_utils._octopus.errors import OctopusError
from ansible_collections.octopus.upgrade.plugins.module_utils._octopus.version import Version

from . import documents, paths, record, refusals
from .request import Request
from .rows import Table

NAMED = 5
# Tables that every version has, and those from a version on. Where one is missing, nobody knows where its rows are now.
_TABLES = (
    (None, ("Configuration", "Machine", "OctopusServerNode", "Project", "ServerTask")),
    ("3.5", ("ProjectTrigger", "Subscription")),
    ("2019.1", ("ExtensionConfiguration", "Space", "Worker")),
)
_OVER = ("success", "failed", "canceled", "timedout")


@dataclass(frozen=True)
class Check:
    """One thing that was proven, or not: how many rows or properties are not as they are to be, and which."""

    name: str
    ok: bool
    found: int
    detail: str

    def as_dict(self) -> dict[str, Any]:
        return asdict(self)


def refuse_unknown(tables: dict[str, Table], version: str | None, database: str, connection: SqlConnection) -> None:
    """Refuse a database that lacks a table which its version is known to have.

    Raises:
        OctopusError: It does.
    """
    missing = _missing(set(tables), version)
    if missing:
        raise OctopusError(
            f"Wanted: the tables of Octopus Server that are to be silenced. Found: {database} on SQL Server {connection.options.where} has no "
            f"{', '.join(missing)}. Nothing was changed: this version ({version or 'unknown'}) keeps that elsewhere, which this module does "
            "not know."
        )


def _missing(tables: set[str], version: str | None) -> list[str]:
    known = Version.parse(version) if version else None
    wanted = [
        name
        for since, names in _TABLES
        if since is None or (known is not None and known >= Version.parse(since)) or "space" in tables
        for name in names
    ]
    return [name for name in wanted if name.lower() not in tables]


def differences(request: Request, found: dict[str, Any]) -> list[str]:
    """How a record differs from what was asked for, as far as that was said."""
    out = []
    source = found["source"] or {}
    if request.source is not None:
        if str(source.get("database")).lower() != request.source.database.lower():
            out.append(f"it is a clone of {source.get('database')}, not of {request.source.database}")
        elif (
            request.source.server_name and source.get("server_name") and source["server_name"].lower() != request.source.server_name.lower()
        ):
            out.append(f"it is a clone of what is on {source['server_name']}, not on {request.source.server_name}")
    for what, wanted, had in (
        ("its name is", request.name, found["name"]),
        ("it was made of the restore point", request.restore_point, found["restore_point"]),
    ):
        if wanted is not None and had is not None and wanted != had:
            out.append(f"{what} {had}, not {wanted}")
    return out


def refuse(checks: list[Check], database: str, connection: SqlConnection, then: str) -> None:
    """Raise what is not proven, each by its name.

    Raises:
        OctopusError: Something is not.
    """
    failed = [check for check in checks if not check.ok]
    if failed:
        listed = "; ".join(f"{check.name}: {check.detail}" for check in failed)
        raise OctopusError(
            f"Wanted: {database} on SQL Server {connection.options.where} under quarantine. Found: {listed}. {then}".rstrip()
        )


def run(connection: SqlConnection, request: Request, connect: refusals.Connect | None = None, applying: bool = False) -> list[Check]:
    """Look at everything, whatever is found.

    Args:
        connection: To the clone's database.
        request: What is wanted.
        connect: Logs in to the source's server, where it has to be asked what it is.
        applying: Whether this is the end of the transaction that applied it: the folders are re-pointed later.

    Raises:
        OctopusError: It is no database of Octopus Server, or the record cannot be read.
        MssqlError: SQL Server refused.
    """
    look = _Look(connection, request)
    found = [_record(look), _tables(look)]
    if request.source is not None and connect is not None:
        found.append(_source(look, connect))
    found += [_disabled(look, "targets", "Machine"), _disabled(look, "workers", "Worker")]
    found += [_disabled(look, "triggers", "ProjectTrigger"), _disabled(look, "subscriptions", "Subscription")]
    found += [check(look) for check in _CHECKS]
    if request.execution == "stopped":
        found.append(_execution(look))
    if request.git:
        found.append(_git(look))
    if request.retention:
        found.append(_retention(look))
    if request.external_feeds:
        found.append(_external_feeds(look))
    if request.api_keys:
        found.append(_api_keys(look))
    if request.folders is not None and not applying:
        found.append(_folders(look))
    return found


class _Look:
    """Questions to the database, of which tables and columns there are first of all."""

    def __init__(self, connection: SqlConnection, request: Request) -> None:
        self.connection = connection
        self.request = request
        self.version = schema.read(connection).version
        self.record = record.read(connection)
        self.columns: dict[str, dict[str, str]] = {}
        self.names: dict[str, str] = {}
        for row in connection.query(
            "SELECT t.name AS table_name, c.name AS column_name FROM sys.tables AS t INNER JOIN sys.columns AS c ON c.object_id = t.object_id "
            "WHERE t.schema_id = SCHEMA_ID('dbo')"
        ):
            self.names[row["table_name"].lower()] = row["table_name"]
            self.columns.setdefault(row["table_name"].lower(), {})[row["column_name"].lower()] = row["column_name"]

    def has(self, table: str, column: str = "id") -> bool:
        return column.lower() in self.columns.get(table.lower(), {})

    def ids(self, table: str, condition: str = "", *params: Any) -> list[str]:
        """The ids of rows; every name in the condition is quoted, every value a parameter."""
        key = "Id" if self.has(table) else "OctopusServerNodeId"
        sql = f"SELECT CAST({quote_identifier(key)} AS nvarchar(450)) AS id FROM dbo.{quote_identifier(self.names[table.lower()])}"  # noqa: S608 - quoted
        rows = self.connection.query(f"{sql} WHERE {condition}" if condition else sql, *params)
        return [str(row["id"]) for row in rows]

    def values(self, table: str, column: str) -> dict[str, Any]:
        """A column by the rows' ids."""
        key = "Id" if self.has(table) else "OctopusServerNodeId"
        rows = self.connection.query(
            f"SELECT CAST({quote_identifier(key)} AS nvarchar(450)) AS id, {quote_identifier(column)} AS value "  # noqa: S608 - quoted
            f"FROM dbo.{quote_identifier(self.names[table.lower()])}"
        )
        return {str(row["id"]): row["value"] for row in rows}

    def documents(self, table: str) -> Iterator[tuple[str, Any]]:
        """Each row's id and JSON, of both columns that can hold it.

        Raises:
            OctopusError: One cannot be read.
        """
        for column in ("JSON", "JSONBlob"):
            if not self.has(table) or not self.has(table, column):
                continue
            for key, stored in self.values(table, column).items():
                if stored in (None, "", b""):
                    continue
                try:
                    text = stored if isinstance(stored, str) else documents.unpack(bytes(stored))[0]
                    yield key, documents.read(text)
                except ValueError as error:
                    raise OctopusError(
                        f"Wanted: the JSON of {key} in the table {table}, to prove what it does. Found: it cannot be read ({error})."
                    ) from error

    def properties(self, table: str, *names: str) -> Iterator[tuple[str, str, Any]]:
        """Every property of one of these names, wherever in a document it is: row, path, value."""
        wanted = {name.lower() for name in names}
        for key, value in self.documents(table):
            for path, inner in documents.objects(value):
                for name in inner:
                    if name.lower() in wanted:
                        yield key, documents.join(path, name), inner[name]

    def silent_about(self, row: str, name: str) -> list[str]:
        """The row of Configuration where it does not say no to something that is on by default."""
        said = [value for key, path, value in self.properties("Configuration", name) if key.lower() == row and "." not in path]
        return [] if said and not any(_true(value) for value in said) else [row]


def _check(name: str, wrong: list[str], bad: str, good: str) -> Check:
    """``bad`` says what is wrong of those named, ``good`` what is proven."""
    wrong = list(dict.fromkeys(wrong))
    if not wrong:
        return Check(name, True, 0, good)
    more = f" and {len(wrong) - NAMED} more" if len(wrong) > NAMED else ""
    return Check(name, False, len(wrong), f"{bad}: {', '.join(wrong[:NAMED])}{more}")


def _true(value: Any) -> bool:
    return value is True or value == 1 or str(value).strip().lower() == "true"


def _record(look: _Look) -> Check:
    if look.record is None:
        return Check("record", False, 1, "there is no record of a quarantine")
    wrong = differences(look.request, look.record)
    return Check("record", not wrong, len(wrong), "; ".join(wrong) or f"under quarantine since {look.record['at']}")


def _tables(look: _Look) -> Check:
    return _check("tables", _missing(set(look.columns), look.version), "there is no table", "every table that is silenced is there")


def _source(look: _Look, connect: refusals.Connect) -> Check:
    source = look.request.source
    if source is None:
        return Check("source", True, 0, "none was named")
    try:
        refusals.refuse_source(look.connection, source, connect)
    except OctopusError as error:
        return Check("source", False, 1, error.message)
    return Check("source", True, 0, f"it is another database than {source.where}")


def _disabled(look: _Look, name: str, table: str) -> Check:
    """Every row says that it is disabled, in its column and wherever its JSON repeats that."""
    if not look.has(table):
        return Check(name, True, 0, f"this version has no table {table}")
    wrong: list[str] = []
    if look.has(table, "IsDisabled"):
        wrong += look.ids(table, "[IsDisabled] IS NULL OR [IsDisabled] <> 1")
    else:
        said = {key for key, path, value in look.properties(table, "IsDisabled") if "." not in path and _true(value)}
        wrong += [key for key in look.ids(table) if key not in said]
    wrong += [key for key, path, value in look.properties(table, "IsDisabled") if "." not in path and not _true(value)]
    return _check(name, wrong, f"not disabled in {table}", f"every row of {table} is disabled")


def _automatic_releases(look: _Look) -> Check:
    wrong: list[str] = []
    if look.has("Project", "AutoCreateRelease"):
        wrong += look.ids("Project", "[AutoCreateRelease] <> 0")
    wrong += [key for key, _path, value in look.properties("Project", "AutoCreateRelease") if _true(value)]
    return _check("automatic_releases", wrong, "projects that create releases by themselves", "no project creates releases by itself")


def _tasks(look: _Look) -> Check:
    """Before the first start nothing may be left to run; afterwards the clone has tasks of its own, but none of the source's may run."""
    wrong: list[str] = []
    if look.has("ServerTask", "State"):
        over = ", ".join("?" * len(_OVER))
        wrong += look.ids("ServerTask", f"[State] IS NULL OR LOWER([State]) NOT IN ({over})", *_OVER)
    else:
        wrong += [key for key, value in look.documents("ServerTask") if str(documents.get(value, "State")).lower() not in _OVER]
    if look.request.nodes:
        inherited = record.rows_of(look.connection, "tasks")
        wrong = [key for key in wrong if key in inherited]
    return _check("tasks", wrong, "tasks that may still run", "no task is left to run")


def _server_nodes(look: _Look) -> Check:
    own = {name.lower() for name in look.request.nodes}
    names = (
        look.values("OctopusServerNode", "Name") if look.has("OctopusServerNode", "Name") else dict.fromkeys(look.ids("OctopusServerNode"))
    )
    mine = {key for key, name in names.items() if str(name).lower() in own}
    wrong = [str(name or key) for key, name in names.items() if key not in mine]
    if "octopusservernodestatus" in look.columns:
        column = "OctopusServerNodeId" if look.has("OctopusServerNodeStatus", "OctopusServerNodeId") else "Id"
        wrong += [f"heartbeat of {node}" for node in look.values("OctopusServerNodeStatus", column).values() if str(node) not in mine]
    return _check("server_nodes", wrong, "nodes that are not the clone's", "there is no node but the clone's own")


def _extensions(look: _Look) -> Check:
    wrong: list[str] = []
    if look.has("ExtensionConfiguration"):
        wrong += look.ids("ExtensionConfiguration", "[Id] IN (?, ?)", "authentication-octopusid", "jira-integration")
        on = [key for key, _path, value in look.properties("ExtensionConfiguration", "IsEnabled") if _true(value)]
        if look.has("ExtensionConfiguration", "IsEnabled"):
            on += look.ids("ExtensionConfiguration", "[IsEnabled] = 1")
        wrong += [key for key in on if not key.lower().startswith("authentication-")]
    wrong += [
        key
        for key, path, value in look.properties("Configuration", "IsEnabled")
        if path.lower() == "isenabled"
        and _true(value)
        and any(word in key.lower() for word in ("jira", "issuetracker", "servicenow", "octopusid"))
    ]
    return _check("extensions", wrong, "extensions that reach others", "no issue tracker, ITSM or Octopus ID is reached")


def _mail(look: _Look) -> Check:
    wrong = [key for key, _path, value in look.properties("Configuration", "SmtpHost") if value]
    return _check("mail", wrong, "a mail server is set in", "no mail server is set")


def _audit_stream(look: _Look) -> Check:
    wrong: list[str] = []
    for key, value in look.documents("Configuration"):
        plain = key.lower().replace("-", "").replace("_", "")
        if "auditstream" in plain or "streamaudit" in plain:
            text = documents.write(value).lower()
            on = any(_true(inner[name]) for _path, inner in documents.objects(value) for name in inner if name.lower().endswith("enabled"))
            wrong += [key] if on or "://" in text else []
    for table in look.columns:
        if "auditstream" in table.replace("_", "") and look.ids(table):
            wrong.append(look.names[table])
    return _check("audit_stream", wrong, "the audit log is streamed by", "the audit log is streamed nowhere")


def _telemetry(look: _Look) -> Check:
    """What says nothing sends it."""
    wrong = [key for key, _path, value in look.properties("Configuration", "IncludeStatistics", "SendTelemetry") if _true(value)]
    for key, value in look.documents("Configuration"):
        if "telemetry" in key.lower() and any(_true(documents.get(value, name)) for name in ("Enabled", "IsEnabled")):
            wrong.append(key)
        if key.lower() == "telemetry" and documents.get(value, "Enabled") is not False:
            wrong.append(key)
    wrong += look.silent_about("upgradeconfiguration", "IncludeStatistics")
    return _check("telemetry", wrong, "telemetry is sent by", "no telemetry is sent")


def _upgrade_check(look: _Look) -> Check:
    wrong = [key for key, _path, value in look.properties("Configuration", "AllowChecking") if _true(value)]
    wrong += look.silent_about("upgradeconfiguration", "AllowChecking")
    return _check("upgrade_check", wrong, "new versions are asked for by", "no new version is asked for")


def _lets_encrypt(look: _Look) -> Check:
    wrong = [
        key
        for key, path, value in look.properties("Configuration", "Enabled", "IsEnabled")
        if ("encrypt" in key.lower() or "acme" in key.lower()) and "." not in path and _true(value)
    ]
    return _check("lets_encrypt", wrong, "certificates are renewed by", "no certificate is renewed")


def _machine_policies(look: _Look) -> Check:
    wrong = [
        key
        for key, _path, value in look.properties("MachinePolicy", "DeleteMachinesBehavior")
        if value != 0 and str(value).lower() != "donotdelete"
    ]
    wrong += [
        key
        for key, _path, value in look.properties("MachinePolicy", "TentacleUpdateBehavior", "KubernetesAgentUpdateBehavior")
        if value != 0 and str(value).lower() != "neverupdate"
    ]
    return _check("machine_policies", wrong, "policies that delete or update machines", "no policy deletes or updates machines")


def _installation_id(look: _Look) -> Check:
    """The source's id is nowhere in the settings, whatever the property is called."""
    if look.record is None:
        return Check("installation_id", False, 1, "there is no record that tells the source's")
    previous, own = look.record["previous_installation_id"], look.record["installation_id"]
    if not previous:
        return Check("installation_id", True, 0, "there was none to replace")
    text = previous.lower()
    wrong = [key for key, value in look.documents("Configuration") if text in documents.write(value).lower()]
    if not own or own.lower() == text:
        wrong.append("the record")
    return _check("installation_id", wrong, "the source's Installation ID is in", f"the Installation ID is the clone's own, {own}")


def _maintenance(look: _Look) -> Check:
    wrong = [
        key
        for key, path, value in look.properties("Configuration", "IsInMaintenanceMode")
        if key.lower() == "maintenance" and "." not in path and _true(value)
    ]
    return _check("maintenance", wrong, "maintenance mode is on in", "maintenance mode is off")


def _server_uri(look: _Look) -> Check:
    wanted = look.request.server_uri or (look.record or {}).get("server_uri") or ""
    wrong = [
        f"{key} ({value})"
        for key, _path, value in look.properties("Configuration", "ServerUri")
        if value and str(value).lower() != wanted.lower()
    ]
    return _check("server_uri", wrong, "another address than the clone's is in", f"the server's address is {wanted or 'empty'}")


def _execution(look: _Look) -> Check:
    table, column = ("Space", "TaskQueueStopped") if look.has("Space") else ("Project", "IsDisabled")
    if look.has(table, column):
        wrong = look.ids(table, f"{quote_identifier(column)} IS NULL OR {quote_identifier(column)} <> 1")
    else:
        said = {key for key, path, value in look.properties(table, column) if "." not in path and _true(value)}
        wrong = [key for key in look.ids(table) if key not in said]
    wrong += [key for key, path, value in look.properties(table, column) if "." not in path and not _true(value)]
    return _check("execution", wrong, "deployments can run in", "no deployment can run")


def _git(look: _Look) -> Check:
    wrong: list[str] = []
    for table in ("Project", "Configuration"):
        for key, value in look.documents(table):
            for _path, inner in documents.objects(value):
                url, credentials = documents.get(inner, "Url"), documents.get(inner, "Credentials")
                if isinstance(credentials, dict) and documents.has(credentials, "Type") and documents.has(inner, "Url"):
                    anonymous = str(documents.get(credentials, "Type")).lower() == "anonymous" and len(credentials) == 1
                    host = str(url or "").partition("://")[2].partition("/")[0]
                    wrong += [] if anonymous and "@" not in host else [key]
    return _check("git", wrong, "a Git repository can be written by", "no Git repository can be written")


def _retention(look: _Look) -> Check:
    wrong: list[str] = []
    kept = [table for table in look.columns if table in ("lifecycle", "runbook") or "retentionpolic" in table]
    for table in kept:
        for key, value in look.documents(table):
            for _path, inner in documents.objects(value):
                quantity = documents.get(inner, "QuantityToKeep")
                strategy = str(documents.get(inner, "Strategy") or "forever").lower()
                if documents.has(inner, "QuantityToKeep") and (quantity != 0 or strategy != "forever"):
                    wrong.append(key)
    for table in ("Feed", "Configuration"):
        wrong += [key for key, _path, value in look.properties(table, "DeleteUnreleasedPackagesAfterDays") if value is not None]
        wrong += [key for key, _path, value in look.properties(table, "DeletePackagesAssociatedWithReleases") if _true(value)]
    if look.has("Feed", "DeleteUnreleasedPackagesAfterDays"):
        wrong += look.ids("Feed", "[DeleteUnreleasedPackagesAfterDays] IS NOT NULL")
    return _check("retention", wrong, "policies that delete", "every retention policy keeps everything")


def _external_feeds(look: _Look) -> Check:
    if not look.has("Feed"):
        return Check("external_feeds", True, 0, "this version has no table Feed")
    held = {key: value for key, value in look.documents("Feed") if isinstance(value, dict)}
    kinds = (
        look.values("Feed", "FeedType")
        if look.has("Feed", "FeedType")
        else {key: documents.get(held.get(key), "FeedType") for key in look.ids("Feed")}
    )
    uris = (
        look.values("Feed", "FeedUri") if look.has("Feed", "FeedUri") else {key: documents.get(held.get(key), "FeedUri") for key in kinds}
    )
    wrong = []
    for key, kind in kinds.items():
        if str(kind or "").lower().replace(" ", "") in ("builtin", "octopusproject"):
            continue
        copies = [uris.get(key), *([documents.get(held[key], "FeedUri")] if documents.has(held.get(key), "FeedUri") else [])]
        if any(".invalid" not in str(one or "") for one in copies):
            wrong.append(key)
    return _check(
        "external_feeds", wrong, "feeds that reach others (one without an address has to be deleted by hand)", "no external feed is reached"
    )


def _api_keys(look: _Look) -> Check:
    if not look.has("ApiKey"):
        return Check("api_keys", True, 0, "this version has no table ApiKey")
    keep = {one.lower() for one in look.request.keep_api_keys}
    return _check(
        "api_keys",
        [key for key in look.ids("ApiKey") if key.lower() not in keep],
        "API keys of the source",
        "no API key of the source is left",
    )


def _folders(look: _Look) -> Check:
    """No server folder may be one of the source's, lie in one, or have one in it."""
    source = [(text, paths.parse(text)) for text in look.request.folders or ()]
    wrong: list[str] = []
    seen = 0
    for key, value in look.documents("Configuration"):
        for path, inner in documents.objects(value):
            for name, text in inner.items():
                if not name.lower().endswith("directory") and not ("folder" in key.lower() and isinstance(text, str)):
                    continue
                if text is None or isinstance(text, str):
                    seen += 1
                    found = _folder(look.request.home, text or "", source)
                    wrong += [f"{documents.join(path, name)} ({found})"] if found else []
    if not seen:
        wrong.append("none at all, so that nobody can tell where this version has them")
    return _check("folders", wrong, "folders that are not the clone's own", f"none of {seen} folders is, is in or has one of the source's")


def _folder(home: str | None, text: str, source: list[tuple[str, paths.Folder]]) -> str | None:
    """What is wrong with a folder; None: nothing."""
    where = text
    if not text.strip() or not paths.is_absolute(text):
        shown = repr(text) if text.strip() else "empty"
        if not home:
            return f"{shown}: it lies below the node's home, which was not given as home"
        if ":" in text or text.strip()[:1] in ("\\", "/"):
            return f"{shown}: it depends on the node's current drive"
        if not paths.is_absolute(home) or home.replace("/", "\\").startswith("\\\\"):
            return f"{shown}: it lies below {home}, which is on a share or relative"
        where = f"{home}\\{text}"
    try:
        mine = paths.parse(where)
    except paths.SpellingError as error:
        return str(error)
    hit = next((other for other, folder in source if paths.overlap(mine, folder)), None)
    return f"{where}: it is, is in or has {hit} of the source" if hit else None


_CHECKS: tuple[Callable[[_Look], Check], ...] = (
    _automatic_releases,
    _tasks,
    _server_nodes,
    _extensions,
    _mail,
    _audit_stream,
    _telemetry,
    _upgrade_check,
    _lets_encrypt,
    _machine_policies,
    _installation_id,
    _maintenance,
    _server_uri,
)
