# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The real servers that the tests in this folder talk to, through the collection's modules and through clients of their own.

Environment variables: ``OCTOPUS_SERVICES_SQL_HOST`` and ``OCTOPUS_SERVICES_SQL_PASSWORD``; also ``_SQL_PORT`` (1433), ``_SQL_USER`` (sa),
``_SQL_DRIVER`` (the newest installed), ``_SQL_CA_PATH`` (without it the certificate is not verified), ``_SQL_FOLDER``
(/var/opt/mssql/data), where backups go, and ``_DATABASE`` (OctopusDeploy), which is backed up and restored under another name. For
Octopus Server, ``OCTOPUS_SERVICES_URL`` and ``OCTOPUS_SERVICES_API_KEY``, an administrator's; also ``_CA_PATH``.
"""

from __future__ import annotations

import json
import os
from dataclasses import dataclass, field
from typing import Any

import pymssql
import requests

# What these tests use of the collection: its modules, by name.
from ansible_collections.octopus.upgrade.tests.unit.run_module import run_module

PREFIX = "OCTOPUS_SERVICES_"


def variable(name: str, default: str = "") -> str:
    return os.environ.get(PREFIX + name) or default


def missing(*names: str) -> list[str]:
    """The variables of these that are not set, by their full names."""
    return [PREFIX + name for name in names if not variable(name)]


def succeed(secrets: list[str], name: str, /, **options: Any) -> dict[str, Any]:
    """The result of a module that must succeed, and must not return a secret."""
    result = run_module(name, **options)
    result.pop("invocation", None)
    assert not result.get("failed"), f"{name}: {result.get('msg')}"
    text = json.dumps(result, ensure_ascii=False)
    assert not [secret for secret in secrets if secret in text], f"{name} returned a secret"
    return result


@dataclass(frozen=True)
class SqlServer:
    """A real SQL Server."""

    host: str = field(default_factory=lambda: variable("SQL_HOST"))
    port: int = field(default_factory=lambda: int(variable("SQL_PORT", "1433")))
    user: str = field(default_factory=lambda: variable("SQL_USER", "sa"))
    password: str = field(default_factory=lambda: variable("SQL_PASSWORD"), repr=False)
    driver: str = field(default_factory=lambda: variable("SQL_DRIVER"))
    ca_path: str = field(default_factory=lambda: variable("SQL_CA_PATH"))
    folder: str = field(default_factory=lambda: variable("SQL_FOLDER", "/var/opt/mssql/data"))
    database: str = field(default_factory=lambda: variable("DATABASE", "OctopusDeploy"))

    @property
    def login(self) -> dict[str, Any]:
        """The modules' options of the connection."""
        trust: dict[str, Any] = {"ca_path": self.ca_path} if self.ca_path else {"validate_certs": False}
        driver = {"driver": self.driver} if self.driver else {}
        return {"login_host": self.host, "login_port": self.port, "login_user": self.user, "login_password": self.password} | trust | driver

    def path(self, name: str) -> str:
        """The path of a file in the folder for backups, as the server writes it."""
        return self.folder + ("\\" if "\\" in self.folder else "/") + name

    def module(self, name: str, /, **options: Any) -> dict[str, Any]:
        return succeed([self.password], name, **self.login, **options)

    def refusal(self, name: str, /, **options: Any) -> str:
        """The message of a module that must fail."""
        result = run_module(name, **self.login, **options)
        assert result.get("failed"), result
        return str(result["msg"])

    def query(self, sql: str, database: str = "master") -> list[tuple[Any, ...]]:
        """Ask the server by another client than the collection's."""
        with (
            pymssql.connect(
                server=self.host, port=str(self.port), user=self.user, password=self.password, database=database, autocommit=True
            ) as connection,
            connection.cursor() as cursor,
        ):
            cursor.execute(sql)
            return list(cursor.fetchall()) if cursor.description else []

    def databases(self) -> set[str]:
        return {str(name) for (name,) in self.query("SELECT name FROM sys.databases")}


@dataclass(frozen=True)
class OctopusServer:
    """A real Octopus Server."""

    url: str = field(default_factory=lambda: variable("URL").rstrip("/"))
    api_key: str = field(default_factory=lambda: variable("API_KEY"), repr=False)
    ca_path: str = field(default_factory=lambda: variable("CA_PATH"))

    @property
    def login(self) -> dict[str, Any]:
        """The modules' options of the connection."""
        trust = {"ca_path": self.ca_path} if self.ca_path else {}
        return {"url": self.url, "api_key": self.api_key, "allow_http": self.url.startswith("http://")} | trust

    def module(self, name: str, /, **options: Any) -> dict[str, Any]:
        return succeed([self.api_key], name, **self.login, **options)

    def refusal(self, name: str, /, **options: Any) -> str:
        """The message of a module that must fail."""
        result = run_module(name, **self.login, **options)
        assert result.get("failed"), result
        return str(result["msg"])

    def request(self, method: str, path: str, body: Any = None) -> Any:
        """Ask the server without the collection."""
        answer = requests.request(
            method, self.url + path, headers={"X-Octopus-ApiKey": self.api_key}, json=body, timeout=60, verify=self.ca_path or True
        )
        answer.raise_for_status()
        return answer.json() if answer.content else None

    def get(self, path: str) -> Any:
        return self.request("GET", path)
