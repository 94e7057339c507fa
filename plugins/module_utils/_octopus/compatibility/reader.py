# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Look at one server, and remember the names that it has. Only reads, and forgets every value at once."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from ansible_collections.octopus.upgrade.plugins.module_utils._core.errors import UpgradeError
from ansible_collections.octopus.upgrade.plugins.module_utils._octopus.api import nodes, spaces
from ansible_collections.octopus.upgrade.plugins.module_utils._octopus.api.client import OctopusApi
from ansible_collections.octopus.upgrade.plugins.module_utils._octopus.errors import OctopusError
from ansible_collections.octopus.upgrade.plugins.module_utils._octopus.host import watchdog
from ansible_collections.octopus.upgrade.plugins.module_utils._octopus.host.cli import CONNECTION_STRING
from ansible_collections.octopus.upgrade.plugins.module_utils._octopus.host.instances import KEY, PRODUCT, OctopusHost, service_name
from ansible_collections.octopus.upgrade.plugins.module_utils._windows import msi, registry, services

from . import of_program, of_server
from .probe import DATABASE, NO_HELP, NO_ROW, NOT_ASKED, PROGRAM, REFUSED, REST, WINDOWS, Probe, Seen

_WINDOWS_KEY = r"HKLM\SOFTWARE\Microsoft\Windows NT\CurrentVersion"
_NO_PAGE = "this version has no such page"
_FORBIDDEN = 403
# A command of the list: its name, and its description behind two blanks or more. A description that goes on in the next line is none.
_COMMAND = re.compile(r"^[ \t]+([a-z][a-z0-9-]+)(?:[ \t]{2,}.*)?$", re.MULTILINE)
_SWITCH = re.compile(r"--([A-Za-z][A-Za-z0-9-]*)")
_VARIABLE = re.compile(r"\b[A-Z]+(?:_[A-Z]+)+\b")


@dataclass
class Look:
    """What was seen, and what could not be.

    Attributes:
        seen: The names.
        environment: Numbers of the surroundings: the major version of SQL Server, the build of Windows.
        problems: Why a part could not be read, for the operator alone: the texts have names and addresses.
        only: The assumptions that are looked up; None for all. The rest is not asked for.
        answered: Commands that have answered already, so that they exist whether or not the help lists them.
    """

    seen: Seen = field(default_factory=Seen)
    environment: dict[str, int] = field(default_factory=dict)
    problems: list[str] = field(default_factory=list)
    only: Sequence[Probe] | None = None
    answered: set[str] = field(default_factory=set)

    def __post_init__(self) -> None:
        self._subjects = None if self.only is None else {(probe.part, probe.subject) for probe in self.only}

    def wants(self, part: str, *subjects: str) -> bool:
        """Whether one of these subjects is looked up, and not known yet."""
        known = self.seen.names.get(part, {})
        return any(one not in known and (self._subjects is None or (part, one) in self._subjects) for one in subjects)

    @contextmanager
    def trying(self, part: str, subject: str) -> Iterator[None]:
        """Let the rest be read where this cannot."""
        try:
            yield
        except UpgradeError as error:
            refused = isinstance(error, OctopusError) and error.status == _FORBIDDEN
            self.seen.unknown(part, subject, REFUSED if refused else NOT_ASKED)
            self.problems.append(str(error))


# -- the program and Windows


def look_at_host(octopus: OctopusHost, instance: str | None, look: Look) -> None:
    """Look at the program, its help, the instance's configuration, and Windows around it, but for what is known already."""
    name = instance
    if PROGRAM not in look.seen.versions:
        look.seen.versions[PROGRAM] = look.seen.versions[WINDOWS] = None
        with look.trying(PROGRAM, of_program.COMMANDS):
            look.seen.versions[PROGRAM] = look.seen.versions[WINDOWS] = octopus.cli.version()
    with look.trying(PROGRAM, of_program.COMMANDS):
        _help(octopus, look)
    if look.wants(PROGRAM, of_program.INSTANCES) or name is None:
        with look.trying(PROGRAM, of_program.INSTANCES):
            entries = octopus.instances()
            name = octopus.one_instance(instance).name
            found = {"name": bool(entries), "configuration-file": bool(entries) and all(one.config_path for one in entries)}
            look.seen.there(PROGRAM, of_program.INSTANCES, [what for what, there in found.items() if there])
    with look.trying(PROGRAM, of_program.KEYS):
        if name is not None and look.wants(PROGRAM, of_program.KEYS):
            look.seen.there(PROGRAM, of_program.KEYS, octopus.cli.show_configuration(name))
    _windows(octopus, name, look)


def add_host(facts: Mapping[str, Any], instance: str | None, look: Look) -> None:
    """Take over what ``octopus_info`` has read of the host, so that the program is not asked for it once more.

    Args:
        facts: Its entry of the host; empty where there is none.
        instance: The name of the instance.
        look: Gets what was seen.
    """
    there = [one for one in facts.get("instances") or [] if instance is None or one["name"].lower() == instance.lower()]
    if not facts.get("program") or len(there) != 1:
        return
    seen, found = look.seen, there[0]
    seen.versions[PROGRAM] = seen.versions[WINDOWS] = facts["program"]["version"]
    told = {"name": True, "configuration-file": bool(found.get("config_path"))}
    seen.there(PROGRAM, of_program.INSTANCES, [what for what, known in told.items() if known])
    look.answered |= {"list-instances", *(["version"] if facts["program"]["version"] else [])}
    keys = {CONNECTION_STRING: found.get("database"), "Octopus.Home": found.get("home")}
    seen.there(PROGRAM, of_program.KEYS, [name for name, value in keys.items() if value])
    seen.there(WINDOWS, of_program.SERVICE, ["service"] if (found.get("service") or {}).get("state") else [])


def _help(octopus: OctopusHost, look: Look) -> None:
    seen = look.seen
    commands = [command for command in of_program.HELPED if look.wants(PROGRAM, command)]
    if not look.wants(PROGRAM, of_program.COMMANDS, *commands):
        return
    text, helped = octopus.cli.all_help(commands)
    listed = set(_COMMAND.findall(text))
    if listed:
        seen.there(PROGRAM, of_program.COMMANDS, listed | look.answered)
    else:
        seen.unknown(PROGRAM, of_program.COMMANDS, NO_HELP)
    for command in commands:
        if listed and command not in listed:
            seen.there(PROGRAM, command, ())
            continue
        text = helped.get(command, "")
        switches = {*_SWITCH.findall(text), *_VARIABLE.findall(text)}
        if switches:
            seen.there(PROGRAM, command, switches)
        else:
            seen.unknown(PROGRAM, command, NO_HELP)


def _windows(octopus: OctopusHost, instance: str | None, look: Look) -> None:
    host, seen = octopus.host, look.seen
    if look.wants(WINDOWS, of_program.FOLDER):
        with look.trying(WINDOWS, of_program.FOLDER):
            seen.there(WINDOWS, of_program.FOLDER, ["InstallLocation"] if registry.get(host, KEY, "InstallLocation") else [])
    if look.wants(WINDOWS, of_program.PRODUCT):
        with look.trying(WINDOWS, of_program.PRODUCT):
            found = msi.products(host, PRODUCT)
            names = {"DisplayName": bool(found), "DisplayVersion": any(product.version for product in found)}
            seen.there(WINDOWS, of_program.PRODUCT, [name for name, there in names.items() if there])
    if instance is not None and look.wants(WINDOWS, of_program.SERVICE):
        with look.trying(WINDOWS, of_program.SERVICE):
            seen.there(WINDOWS, of_program.SERVICE, ["service"] if services.query(host, service_name(instance)) else [])
    if look.wants(WINDOWS, of_program.WATCHDOG):
        with look.trying(WINDOWS, of_program.WATCHDOG):
            task = watchdog.find(host)
            if task is None:
                seen.unknown(WINDOWS, of_program.WATCHDOG, "there is no watchdog")
            else:
                seen.there(WINDOWS, of_program.WATCHDOG, [of_program.USUAL] if task.name == watchdog.USUAL_NAME else ["another-name"])
    if look.only is None:
        with look.trying(WINDOWS, "build"):
            build = registry.get(host, _WINDOWS_KEY, "CurrentBuildNumber") or ""
            look.environment |= {"windows": int(build)} if build.isdecimal() else {}


# -- the REST API


def look_at_api(api: OctopusApi, look: Look) -> None:
    """Look at the root, its links, a page of each collection and a few documents."""
    seen = look.seen
    seen.versions[REST] = None
    with look.trying(REST, of_server.ROOT):
        root = api.root
        seen.versions[REST] = root["Version"]
        seen.there(REST, of_server.ROOT, root)
        seen.there(REST, of_server.LINKS, root.get("Links") or {})
        for path in (*of_server.DOCUMENTS, of_server.FOLDERS):
            if look.wants(REST, path):
                with look.trying(REST, path):
                    _names_of(look, path, api.find(path))
        if look.wants(REST, of_server.NODES):
            with look.trying(REST, of_server.NODES):
                rows = nodes.rows(api)
                _names_of(look, of_server.NODES, rows[0] if rows else None, NO_ROW)
        _collections(api, look)


def _names_of(look: Look, subject: str, document: Any, otherwise: str = _NO_PAGE) -> None:
    if isinstance(document, dict):
        look.seen.there(REST, subject, document)
    else:
        look.seen.unknown(REST, subject, otherwise)


def _collections(api: OctopusApi, look: Look) -> None:
    """Read the first page of each collection, in the first space: which there are, and what a page and a row of it have."""
    there, asked, every = [], True, look.wants(REST, of_server.COLLECTIONS)
    wanted = [
        name for name in (*of_server.OF_SPACE, *of_server.OF_SERVER) if every or look.wants(REST, f"page of {name}", f"row of {name}")
    ]
    if not wanted:
        return
    start = next(iter(spaces.space_paths(api).values()))
    for name in wanted:
        path = f"/api/{name}" if name in of_server.OF_SERVER else f"{start}/{name}"
        page: Any = None
        with look.trying(REST, f"page of {name}"):
            page = api.find(path, skip=0, take=1)
            _names_of(look, f"page of {name}", page)
        reason = look.seen.reasons.get(REST, {}).get(f"page of {name}")
        asked = asked and reason in (None, _NO_PAGE, REFUSED)
        if page is None and reason != REFUSED:
            continue
        there.append(name)
        rows = page.get("Items") if isinstance(page, dict) else None
        _names_of(look, f"row of {name}", rows[0] if rows else None, NO_ROW)
    if every and asked:
        look.seen.there(REST, of_server.COLLECTIONS, there)


# -- the database


def add_database(facts: Mapping[str, Any], look: Look) -> None:
    """Take over what ``octopus_database_info`` has read, or why it could not.

    Args:
        facts: Its result, with ``names`` where it has read them.
        look: Gets what was seen.
    """
    seen, names = look.seen, facts.get("names")
    seen.versions[DATABASE] = None
    if not isinstance(names, Mapping):
        look.problems += [str(facts["msg"])] if facts.get("msg") else []
        return
    seen.versions[DATABASE] = names["version"]
    major = str(facts.get("server_version") or "").partition(".")[0]
    look.environment |= {"sql_server": int(major)} if major.isdecimal() else {}
    visible = any(names["tables"].values())
    for table, columns in names["tables"].items():
        # A login that sees no table at all has no right to; that says nothing about the tables.
        if visible:
            seen.there(DATABASE, table, columns)
        else:
            seen.unknown(DATABASE, table, REFUSED)
    if names["configuration"] is not None:
        seen.there(DATABASE, of_server.CONFIGURATION, names["configuration"])
    for row, properties in names["rows"].items():
        if properties is None:
            seen.unknown(DATABASE, f"row {row}", NO_ROW)
        else:
            seen.there(DATABASE, f"row {row}", properties)
