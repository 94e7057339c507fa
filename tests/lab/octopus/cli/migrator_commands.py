# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""``Octopus.Migrator.exe``: partial-export and import, straight on the database of the instance.

octopus.com/docs/octopus-rest-api/octopus.migrator.exe-command-line, and that page in 2017 and 2018. Since when a switch exists: ``--clean`` #3310 (asked
for in March 2017) and #5153 (used in 2018.9), ``--ignore-history`` #5153, repeated ``--project`` and ``--projectGroup`` #5127 and #5129 (December 2018),
``--ignore-version-check`` used from November 2019 on (OctopusDeploy/Octopus-Docker). The versions of the others, and how long it takes, are *assumed*.
"""

from __future__ import annotations

from .. import migrator
from .parser import Call, Command, Failure, switches

SECONDS = 15.0


def _directory(call: Call) -> str:
    if not call.has("directory") or not call.has("password"):
        raise Failure("Please specify --directory and --password.")
    return call.process.full(call.get("directory")).rstrip("\\")


def partial_export(call: Call) -> int:
    store, folder = call.store(call.installation()), _directory(call)
    names = call.all("project")
    if not names:
        raise Failure("Please specify a project with --project.")
    ignored = migrator.Ignored(*(call.has(f"ignore-{one}") for one in ("history", "deployments", "machines", "tenants")))
    call.log(f"Exporting {', '.join(names)}")
    call.process.sleep(SECONDS)
    try:
        found = migrator.export(store, names, ignored)
    except migrator.MigratorError as error:
        raise Failure(str(error)) from error
    fs, logon = call.process.host.fs, call.process.logon
    if call.has("clean") and fs.exists(folder, logon):
        fs.rmtree(folder, logon)
    made = migrator.files(store, found, call.get("password"), call.process.host.name.upper(), call.process.host.clock.now())
    for path, data in made.items():
        parent = f"{folder}\\{path}".rpartition("\\")[0]
        if not fs.is_dir(parent, logon):
            fs.mkdir(parent, logon)
        fs.write(f"{folder}\\{path}", data, logon)
    call.log(f"Exported {len(made) - 1} documents to {folder}")
    return 0


def import_(call: Call) -> int:
    store, folder = call.store(call.installation()), _directory(call)
    fs, logon, password = call.process.host.fs, call.process.logon, call.get("password")
    texts = {path: real.read_bytes() for path, real in fs.walk(folder, logon)} if fs.is_dir(folder, logon) else {}
    call.log(f"Importing {folder}")
    call.process.sleep(SECONDS)
    try:
        migrator.check(texts.get(migrator.METADATA), password, call.version, call.has("ignore-version-check"))
        migrator.load(store, texts, password, call.has("overwrite"), call.log, dry_run=call.has("dry-run"))
    except migrator.MigratorError as error:
        raise Failure(str(error)) from error
    call.log("Nothing was changed: this was a dry run" if call.has("dry-run") else "Import complete")
    return 0


COMMANDS = (
    Command(
        "partial-export",
        "Exports part of the Octopus database",
        partial_export,
        switches(
            "directory= clean@2018.9 password= include-tasklogs project=<2018.10 project+=@2018.10 projectGroup+=@2018.10 releaseVersion="
            " ignore-history@2018.9 ignore-deployments ignore-machines ignore-tenants ignore-certificates@2020.1 inline-scripts=@2019.1"
        ),
        True,
        since="3.4",
    ),
    Command(
        "import",
        "Imports data from an Octopus export",
        import_,
        switches("directory= password= dry-run overwrite force include-tasklogs ignore-version-check@2019.10"),
        True,
    ),
)
