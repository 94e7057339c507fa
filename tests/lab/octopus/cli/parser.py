# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The command line: commands, their switches by version, and what a command gets to work with."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from ...tds.engine_api import SqlError
from .. import register, scripts, versions
from ..installation import Installation
from ..store import Store

if TYPE_CHECKING:
    from ...windows.process import Process

# Exit codes: the start-up code that Octopus Server shares with Tentacle, which is public; for the server *assumed*.
OK, FAILED, UNKNOWN_COMMAND, NOT_ELEVATED, UNEXPECTED = 0, 1, 2, 42, 100


class Failure(Exception):
    """A failure whose message is meant for the operator."""

    def __init__(self, message: str, code: int = FAILED) -> None:
        super().__init__(message)
        self.code = code


@dataclass(frozen=True)
class Switch:
    """One switch: ``--name`` or ``--name=value``, from a version on, before another. ``many``: each value counts, else the last one (*assumed*)."""

    name: str
    value: bool = True
    since: str = "3.0"
    until: str | None = None
    many: bool = False

    def known(self, version: str) -> bool:
        return versions.at_least(version, self.since) and (self.until is None or not versions.at_least(version, self.until))


def switches(text: str) -> tuple[Switch, ...]:
    """``name= flag other=@2019.1<2020.5 more+=``: a value is marked by ``=``, several by ``+=``, versions by ``@`` (first) and ``<`` (first without)."""
    out = []
    for word in text.split():
        rest, dummy, until = word.partition("<")
        name, dummy, since = rest.partition("@")
        out.append(Switch(name.rstrip("+="), name.endswith("="), since or "3.0", until or None, name.endswith("+=")))
    return tuple(out)


# The docs list help, instance and config; the other ones are in wide use (OctopusDSC).
COMMON = switches("help console nologo noconsolelogging instance= config=")


@dataclass(frozen=True)
class Command:
    """A command: what it takes and does. ``elevated``: it wants an administrator's prompt."""

    name: str
    description: str
    run: Callable[[Call], int]
    switches: tuple[Switch, ...] = ()
    elevated: bool = False
    since: str = "3.0"


@dataclass
class Call:
    """One call of a command: its process and options (by lower-case name)."""

    process: Process
    version: str
    options: dict[str, str]
    said: list[str] = field(default_factory=list)
    _stores: list[Store] = field(default_factory=list)

    def has(self, name: str) -> bool:
        return name.lower() in self.options

    def get(self, name: str, default: str = "") -> str:
        return self.options.get(name.lower(), default)

    def all(self, name: str) -> list[str]:
        """Every value of a switch that may be repeated."""
        return self.get(name).splitlines()

    def flag(self, name: str) -> bool | None:
        """A switch whose value is true or false; None where it was not given.

        Raises:
            Failure: Another value.
        """
        if not self.has(name):
            return None
        value = self.get(name).lower()
        if value not in ("true", "false"):
            raise Failure(f"Could not convert string '{self.get(name)}' to type Boolean for option '--{name}'.")
        return value == "true"

    def number(self, name: str) -> int | None:
        """A switch whose value is a number of at least 0.

        Raises:
            Failure: Another value.
        """
        if not self.has(name):
            return None
        if not self.get(name).isdecimal():
            raise Failure(f"Could not convert string '{self.get(name)}' to type Int32 for option '--{name}'.")
        return int(self.get(name))

    def log(self, text: str) -> None:
        """A line of the log, which goes to standard output unless --noconsolelogging."""
        if not self.has("noconsolelogging"):
            self.process.print(text)

    def entry(self) -> register.Entry:
        """The instance that is meant.

        Raises:
            Failure: There is none of that name.
        """
        if self.has("config"):
            return register.Entry(self.get("instance", register.DEFAULT), self.get("config"))
        try:
            found, said = register.find(self.process.host, self.version, self.options.get("instance"))
        except register.RegisterError as error:
            raise Failure(str(error)) from error
        for line in said:
            # This one gets past --noconsolelogging: https://github.com/OctopusDeploy/OctopusDSC/issues/179
            self.process.print(line)
        if found is None:
            raise Failure(f"Instance {self.get('instance', register.DEFAULT)} of OctopusServer has not been configured on this machine.")
        return found

    def installation(self) -> Installation:
        """The instance's configuration.

        Raises:
            ConfigurationError
        """
        entry = self.entry()
        return Installation.load(self.process.host, entry.name, entry.config_path, self.process.logon)

    def open(self, installation: Installation) -> Store:
        """Its database, whatever its schema. It is closed when the command ends."""
        store = installation.store(self.version)
        self._stores.append(store)
        return store

    def store(self, installation: Installation) -> Store:
        """Its database.

        Raises:
            Failure: Its schema is not this version's.
            SqlError: It is not there, or the login fails.
        """
        store = self.open(installation)
        check_schema(store, self.version)
        return store

    def close(self) -> None:
        for store in self._stores:
            store.close()


def check_schema(store: Store, version: str) -> None:
    """
    Raises:
        Failure: The schema is older or newer than this version (*assumed* for commands other than "database").
    """
    newer, todo = store.pool.run(lambda connection: (scripts.unknown(connection, version), scripts.pending(connection, version)))
    if newer:
        raise Failure(
            f"The database schema is newer than this version of Octopus Server ({version}): it has {len(newer)} scripts that it does "
            "not know. Install the version that the database was last used with."
        )
    if todo:
        raise Failure(
            f"The database schema is out of date: {len(todo)} scripts have not been run. Run 'Octopus.Server.exe database --upgrade' first."
        )


def parse(command: Command, words: list[str], version: str) -> dict[str, str]:
    """The options among the words: ``--name=value``, ``--name value``, ``/name``; letter case does not count.

    Raises:
        Failure: A switch that this version does not know, or one without its value. As Mono.Options programs do: exit code 1.
    """
    known = {switch.name.lower(): switch for switch in (*COMMON, *command.switches) if switch.known(version)}
    out: dict[str, str] = {}
    left = list(words)
    while left:
        word = left.pop(0)
        name, equals, value = word.lstrip("-/").partition("=")
        switch = known.get(name.lower()) if word.startswith(("-", "/")) else None
        if switch is None:
            # Nothing of the value: it may be a secret.
            raise Failure(f"Unrecognized command line arguments: {word.partition('=')[0]}")
        if not switch.value:
            out[switch.name.lower()] = value or "true"
            continue
        if not equals:
            if not left:
                raise Failure(f"Missing required value for option '--{switch.name}'.")
            value = left.pop(0)
        before = out.get(switch.name.lower())
        out[switch.name.lower()] = value if before is None or not switch.many else f"{before}\n{value}"
    return out


__all__ = ["COMMON", "Call", "Command", "Failure", "SqlError", "Switch", "check_schema", "parse", "switches"]
