# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a quarantine is asked for: the options of octopus_quarantine and octopus_quarantine_verify without those of the connection."""

from __future__ import annotations

from dataclasses import dataclass, field, fields, replace
from typing import Any

from ansible_collections.octopus.upgrade.plugins.module_utils._mssql.connection.options import SqlOptions
from ansible_collections.octopus.upgrade.plugins.module_utils._octopus.errors import OctopusError

from . import paths

SOURCE_SPEC: dict[str, Any] = {
    "host": {"type": "str", "required": True},
    "port": {"type": "int"},
    "database": {"type": "str", "required": True},
    "server_name": {"type": "str"},
    "login_user": {"type": "str"},
    "login_password": {"type": "str", "no_log": True},
}
# The options of both modules, documented in the fragment octopus.upgrade.quarantine.
OPTIONS: dict[str, Any] = {
    "database": {"type": "str", "required": True},
    "source": {"type": "dict", "options": SOURCE_SPEC, "required_together": [("login_user", "login_password")]},
    "name": {"type": "str"},
    "restore_point": {"type": "str"},
    "server_uri": {"type": "str"},
    "nodes": {"type": "list", "elements": "str", "default": []},
    "execution": {"type": "str", "choices": ["stopped", "allowed"], "default": "stopped"},
    "git": {"type": "bool", "default": True},
    "retention": {"type": "bool", "default": True},
    "external_feeds": {"type": "bool", "default": False},
    "api_keys": {"type": "bool", "default": False},
    "keep_api_keys": {"type": "list", "elements": "str", "default": [], "no_log": False},
    "accounts": {"type": "str", "choices": ["keep", "scrub"], "default": "keep"},
    "sign_in": {"type": "list", "elements": "str"},
    "by_program": {"type": "list", "elements": "str", "choices": ["certificate", "switches"], "default": []},
    "waivers": {"type": "list", "elements": "str", "default": []},
}
APPLY_OPTIONS: dict[str, Any] = {
    "stale_after": {"type": "float", "default": 120},
    "source_retired": {"type": "bool", "default": False},
    "after_lift": {"type": "bool", "default": False},
}
# What the record of the quarantine has by itself, or what is asked of one run only. All else is kept, so that it can be applied again.
_NOT_KEPT = (
    *("database", "source", "source_retired", "after_lift", "stale_after", "name", "restore_point"),
    *("server_uri", "nodes", "folders", "home", "again"),
)
VERIFY_OPTIONS: dict[str, Any] = {"folders": {"type": "list", "elements": "str"}, "home": {"type": "path"}}


@dataclass(frozen=True)
class Source:
    """The live instance's database.

    Attributes:
        options: How its SQL Server is reached; with the clone's own login where no other is given.
        database: Its name.
        server_name: What that server calls itself, where that is known.
    """

    options: SqlOptions
    database: str
    server_name: str | None = None

    @property
    def where(self) -> str:
        return f"{self.database} on SQL Server {self.server_name or self.options.where}"

    def as_dict(self) -> dict[str, Any]:
        return {"host": self.options.where, "database": self.database, "server_name": self.server_name}


@dataclass(frozen=True)
class Request:
    """See the modules' documentation. ``again``: the database has the record of an earlier quarantine."""

    database: str
    source: Source | None = None
    stale_after: float = 120
    source_retired: bool = False
    after_lift: bool = False
    name: str | None = None
    restore_point: str | None = None
    server_uri: str | None = None
    nodes: tuple[str, ...] = ()
    execution: str = "stopped"
    git: bool = True
    retention: bool = True
    external_feeds: bool = False
    api_keys: bool = False
    keep_api_keys: tuple[str, ...] = ()
    accounts: str = "keep"
    sign_in: tuple[str, ...] | None = None
    by_program: tuple[str, ...] = ()
    waivers: tuple[str, ...] = ()
    folders: tuple[str, ...] | None = None
    home: str | None = None
    again: bool = field(default=False)

    @property
    def options(self) -> dict[str, Any]:
        """What is silenced beyond what always is, for the record."""
        found = {one.name: getattr(self, one.name) for one in fields(self) if one.name not in _NOT_KEPT}
        return {name: list(value) if isinstance(value, tuple) else value for name, value in found.items()}

    @classmethod
    def from_record(cls, database: str, found: dict[str, Any], nodes: tuple[str, ...]) -> Request:
        """The request by which a recorded quarantine was applied last, for the nodes that the clone has now."""
        options: dict[str, Any] = {name: tuple(value) if isinstance(value, list) else value for name, value in found["options"].items()}
        return cls(database, server_uri=found["server_uri"], nodes=nodes, again=True, **options)

    @classmethod
    def from_params(cls, params: dict[str, Any], options: SqlOptions) -> Request:
        """Read the parameters of one of the modules.

        Raises:
            OctopusError: They contradict each other, or one of them cannot be right.
            MssqlError: The source's host is not a host.
        """
        params = {**{name: spec.get("default") for name, spec in (APPLY_OPTIONS | VERIFY_OPTIONS).items()}, **params}
        if params["stale_after"] <= 0:
            raise OctopusError(f"Expected stale_after to be a positive number of seconds, but it is {params['stale_after']:g}.")
        if params["keep_api_keys"] and not params["api_keys"]:
            raise OctopusError("Expected keep_api_keys together with api_keys: true, but no API key is to be removed anyway.")
        if params["sign_in"] is not None and not params["sign_in"]:
            raise OctopusError(
                "Expected sign_in to name at least one user, but it is empty, so that nobody could sign in. Leave it out for all."
            )
        if not params["database"].strip():
            raise OctopusError("Expected database to name the clone's database, but it is empty.")
        for folder in params["folders"] or []:
            try:
                paths.parse(folder)
            except paths.SpellingError as error:
                raise OctopusError(f"Expected folders to be the source's, each as a full path, but {error}.") from error
        return cls(
            database=params["database"],
            source=_source(params["source"], params, options) if params["source"] else None,
            nodes=tuple(params["nodes"]),
            keep_api_keys=tuple(params["keep_api_keys"]),
            waivers=tuple(params["waivers"]),
            sign_in=None if params["sign_in"] is None else tuple(params["sign_in"]),
            by_program=tuple(params["by_program"]),
            folders=None if params["folders"] is None else tuple(params["folders"]),
            **{
                name: params[name]
                for name in (
                    "stale_after",
                    "source_retired",
                    "after_lift",
                    "name",
                    "restore_point",
                    "server_uri",
                    "execution",
                    "git",
                    "retention",
                    "external_feeds",
                    "api_keys",
                    "accounts",
                    "home",
                )
            },
        )


def _source(given: dict[str, Any], params: dict[str, Any], options: SqlOptions) -> Source:
    if not given["database"].strip():
        raise OctopusError("Expected source to name the live instance's database, but its database is empty.")
    where = SqlOptions.from_params({**params, "login_host": given["host"], "login_port": given["port"] or params["login_port"]})
    # The certificate's name is that of the clone's server, unless it is the same one.
    same = where.where.lower() == options.where.lower()
    who = (given["login_user"], given["login_password"]) if given["login_user"] else (options.user, options.password)
    found = replace(where, user=who[0], password=who[1], certificate_host=options.certificate_host if same else None)
    return Source(found, given["database"], given["server_name"] or None)
