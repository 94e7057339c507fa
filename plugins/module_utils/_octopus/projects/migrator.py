# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Octopus.Migrator.exe: which switches it has, and the command lines of an export and an import of projects.

https://octopus.com/docs/octopus-rest-api/octopus.migrator.exe-command-line. It reads and writes the database of the instance whose configuration it
finds on its host. Its help decides what it is given, because most switches came without a note of the version. It takes the password in no other way
than as an argument, so that the list of processes shows it.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from ansible_collections.octopus.upgrade.plugins.module_utils._octopus.api.client import OctopusApi
from ansible_collections.octopus.upgrade.plugins.module_utils._octopus.api.spaces import DEFAULT_SPACE, list_spaces, space_paths
from ansible_collections.octopus.upgrade.plugins.module_utils._octopus.errors import OctopusError
from ansible_collections.octopus.upgrade.plugins.module_utils._octopus.host.instances import OctopusHost
from ansible_collections.octopus.upgrade.plugins.module_utils._windows import files, robocopy
from ansible_collections.octopus.upgrade.plugins.module_utils._windows.jobs import Job
from ansible_collections.octopus.upgrade.plugins.module_utils._windows.quoting import batch_builtin, batch_line, batch_word

EXE = "Octopus.Migrator.exe"
FOLDER = "octopus-migrator-export"  # in the folder that the user names; all of it is ours
METADATA = "metadata.json"
INPUT = "migrator-input.txt"
_VARIABLE = "octopus_migrator_password"
_HERE = "<password>"  # neither character can be in an argument's place by chance
_PASSWORD = re.compile(r"[A-Za-z0-9_-]{16,128}")
_SWITCH = re.compile(r"--([A-Za-z][A-Za-z0-9-]*)")
_IGNORE_HISTORY = "ignore-history"
_HELP_SECONDS = 120.0
# What an export by this program with these switches does not have.
NOT_CARRIED = (
    "deployment targets and workers",
    "packages",
    "artifacts, audit events and runbook runs",
    "users, API keys and teams",
    "subscriptions, machine policies and proxies",
    "library variable sets that the projects do not include now",
    "environments that the projects do not need",
)


@dataclass(frozen=True)
class Program:
    """The program on one host, and the switches of its commands in lower case."""

    path: str
    export: frozenset[str]
    imports: frozenset[str]

    @property
    def repeats(self) -> bool:
        """Whether one export takes several projects: --project can be repeated since --projectGroup exists (OctopusDeploy/Issues 5127, 5129)."""
        return "projectgroup" in self.export


def find(octopus: OctopusHost) -> Program:
    """Find the program beside the server's, and read its help.

    Raises:
        OctopusError: There is none, or its help does not list what is needed.
        HostError: The host failed.
    """
    host = octopus.host
    path = octopus.cli.program.rpartition("\\")[0] + "\\" + EXE
    if not files.exists(host, path):
        raise OctopusError(
            f"{host.where}: expected the program {path}, which exports and imports projects, but it does not exist. Nothing was changed."
        )

    def switches(command: str) -> frozenset[str]:
        done = host.run([path, "help", command], timeout=_HELP_SECONDS, idempotent=True)
        return listed(done.stdout) if done.exit_code == 0 else frozenset()

    found = Program(path, switches("partial-export"), switches("import"))
    refuse(found, host.where)
    return found


def listed(text: str) -> frozenset[str]:
    """Return the switches that a help lists, in lower case."""
    return frozenset(one.lower() for one in _SWITCH.findall(text))


def refuse(program: Program, where: str) -> None:
    """Refuse a program whose help does not list what an export without targets and without history needs.

    Raises:
        OctopusError: Something is missing.
    """
    missing = [f"--{one}" for one in ("directory", "password", "project", "ignore-machines") if one not in program.export]
    if not program.export & {_IGNORE_HISTORY, "ignore-deployments"}:
        missing.append("--ignore-history or --ignore-deployments")
    missing += [f"--{one} of import" for one in ("directory", "password", "dry-run") if one not in program.imports]
    if missing:
        raise OctopusError(
            f"{where}: expected the help of {program.path} to list {', '.join(missing)}, but it does not. Nothing was changed: without, targets or live "
            "secrets could arrive."
        )


def check_password(password: str) -> None:
    """Refuse a password that a command line could not have as it is.

    Raises:
        OctopusError: It has other characters than letters, digits, ``_`` and ``-``, or is too short.
    """
    if not _PASSWORD.fullmatch(password):
        raise OctopusError(
            "Expected a password of 16 to 128 letters, digits, _ and -, since it is an argument of a command. Nothing was changed."
        )


def groups(program: Program, projects: Sequence[str]) -> list[list[str]]:
    """Return the projects of each run of the program. Each has a folder of its own, ``1``, ``2`` and so on."""
    wanted = list(dict.fromkeys(projects))
    return [wanted] if program.repeats else [[one] for one in wanted]


def export_line(program: Program, instance: str, directory: str, projects: Sequence[str]) -> str:
    """Return the line of a command file that exports projects, without targets and workers."""
    history = "--ignore-history" if _IGNORE_HISTORY in program.export else "--ignore-deployments"
    inline = ["--inline-scripts=LeaveInline"] if "inline-scripts" in program.export else []
    names = [f"--project={one}" for one in projects]
    words = ["partial-export", f"--instance={instance}", f"--directory={directory}", *names, "--ignore-machines", history, *inline]
    return _with_password(program, words)


def import_line(program: Program, instance: str, directory: str) -> str:
    """Return the line of a command file that imports a folder, after a trial that tells a wrong password and another version."""
    words = ["import", f"--instance={instance}", f"--directory={directory}"]
    return f"({_with_password(program, [*words, '--dry-run'])} && {_with_password(program, words)})"


def _with_password(program: Program, words: Sequence[str]) -> str:
    return batch_line([program.path, *words, f"--password={_HERE}"]).replace(_HERE, f"%{_VARIABLE}%")


def password_lines(job: Job) -> list[str]:
    """Return the lines that read the password from the job's folder and delete its file before anything else is done."""
    path = batch_word(f"{job.folder}\\{INPUT}")
    return [f"(set /p {_VARIABLE}=<{path})", batch_builtin("del", "/f", "/q", f"{job.folder}\\{INPUT}")]


def mirror_line(source: str, target: str) -> str:
    """Return a line that mirrors a folder, with 0 where robocopy succeeded, which has exit codes up to 7 for that."""
    return f"({batch_line(robocopy.mirror(source, target, threads=1))} & if not errorlevel {robocopy.FAILED} ver >nul)"


def masked(text: str, password: str) -> str:
    """Return what a program printed without the password."""
    return text.replace(password, "********")


def not_carried(program: Program, runs: Sequence[Sequence[str]]) -> list[str]:
    """Return what does not arrive. What several projects share is whole only where one run has exported all of them (OctopusDeploy/Issues 5129)."""
    history = ["releases, deployments and their logs" if _IGNORE_HISTORY in program.export else "deployments and their logs"]
    alone = ["restrictions and scopes of what several of the projects share, since each was exported by itself"] if len(runs) > 1 else []
    return [*history, *NOT_CARRIED, *alone]


# -- which projects


@dataclass(frozen=True)
class Place:
    """A project and the space that it is in."""

    project: str
    space: str
    git: bool = False


def places(api: OctopusApi) -> list[Place]:
    """Return every project of every space that the key's user may see."""
    found = []
    for space, path in space_paths(api).items():
        for row in api.items(f"{path}/projects"):
            git = bool(row.get("IsVersionControlled")) or (row.get("PersistenceSettings") or {}).get("Type") == "VersionControlled"
            found.append(Place(str(row["Name"]), space, git))
    return found


def default_space(api: OctopusApi) -> str:
    """Return the id of the default space; a server without spaces is one."""
    spaces = list(api.items("/api/spaces")) if api.has_spaces else []
    return next((str(one["Id"]) for one in spaces if one.get("IsDefault")), DEFAULT_SPACE)


def check_names(projects: Sequence[str], known: Sequence[Place], default: str, names: Mapping[str, str]) -> None:
    """Refuse projects that the program would not find, or that would not be the ones that are meant.

    Args:
        projects: The wanted ones.
        known: Every project of the server.
        default: Id of the default space.
        names: The spaces' names by their ids.

    Raises:
        OctopusError: One does not exist, exists in several spaces or in another one than the default space, or is version-controlled.
    """
    by_name: dict[str, list[Place]] = {}
    for one in known:
        by_name.setdefault(one.project.lower(), []).append(one)
    missing = [one for one in projects if one.lower() not in by_name]
    if missing:
        raise OctopusError(
            f"Expected the projects {', '.join(projects)}, but {', '.join(missing)} do not exist, or the user of the API key may not see them. "
            "Nothing was exported."
        )
    wanted = [(one, by_name[one.lower()]) for one in projects]

    def told(those: Sequence[Place]) -> str:
        return ", ".join(names.get(one.space, one.space) for one in those)

    twice = [f"{name} ({told(those)})" for name, those in wanted if len(those) > 1]
    if twice:
        raise OctopusError(
            f"Expected each project in one space, but found {'; '.join(twice)}. {EXE} takes names in whatever space, and would export all of them "
            "(https://github.com/OctopusDeploy/Issues/issues/5593). Nothing was exported. Rename one of them, or leave it out."
        )
    elsewhere = [f"{name} ({told(those)})" for name, those in wanted if those[0].space != default]
    if elsewhere:
        raise OctopusError(
            f"Expected the projects in the default space, but found {'; '.join(elsewhere)}. A project arrives in the space that it came from, and a new "
            "server has the default space alone. Nothing was exported. Leave them out."
        )
    git = [name for name, those in wanted if those[0].git]
    if git:
        raise OctopusError(
            f"The projects {', '.join(git)} are version-controlled, which {EXE} is not known to export. Nothing was exported. Leave them out."
        )


def check_projects(api: OctopusApi, projects: Sequence[str]) -> None:
    """Refuse projects by what the server has, see :func:`check_names`."""
    check_names(projects, places(api), default_space(api), {one["id"]: one["name"] for one in list_spaces(api)})


def wrong_output(lines: Sequence[str], clean: Callable[[str], str]) -> str:
    """Return the end of what a program printed, for a message."""
    return " | ".join(clean(line.strip()) for line in lines if line.strip()) or "it printed nothing"
