# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What is assumed of Octopus.Server.exe, of what it tells of its configuration, and of Windows around it. Data alone.

Sources, short: [docs] octopus.com/docs, the page of the command; [dsc] OctopusDeploy/OctopusDSC; [tentacle]
OctopusDeploy/OctopusTentacle, whose code the server shares; [#N] OctopusDeploy/Issues/issues/N.
"""

from __future__ import annotations

from .probe import BACKUP, CLONE, PROGRAM, ROLLBACK, UPGRADE, WINDOWS, Probe

ALL = (UPGRADE, ROLLBACK, BACKUP, CLONE)
IN_USE = (UPGRADE, ROLLBACK, BACKUP)  # a clone's instance may be half made, or removed: the clone makes it whole
COMMANDS, KEYS, INSTANCES = "help", "keys of show-configuration", "instances that are listed"
FOLDER, PRODUCT, SERVICE, WATCHDOG = "registry key of the program", "registry key of the product", "service", "watchdog"
USUAL = "usual-name"
_DOCS = "[docs]"
_KEEPS = "other way: the form without this switch"
_JOIN = "clone: octopus_instance"
_FOLDERS = "other way: the server folders over REST"


def _command(name: str, *switches: str, **more: object) -> Probe:
    return Probe(PROGRAM, name, switches, **more)  # type: ignore[arg-type]


PROBES = (
    # -- commands
    Probe(PROGRAM, COMMANDS, ("version",), needed_by=ALL, step="preflight: versions_agree", source="[docs] [dsc]"),
    Probe(PROGRAM, COMMANDS, ("list-instances",), needed_by=ALL, step="preflight: octopus_info", source="[docs]"),
    Probe(PROGRAM, COMMANDS, ("show-configuration",), since="3.5.0", step="other way: the configuration file", source="[docs]"),
    Probe(
        PROGRAM, COMMANDS, ("show-master-key",), needed_by=(UPGRADE, BACKUP, CLONE), step="stage: octopus_masterkey_backup", source=_DOCS
    ),
    Probe(PROGRAM, COMMANDS, ("database",), needed_by=(UPGRADE, CLONE), step="apply: octopus_database_upgrade", source="[docs] [dsc]"),
    Probe(
        PROGRAM,
        COMMANDS,
        ("create-instance", "delete-instance", "configure", "path", "service"),
        needed_by=(CLONE,),
        step=_JOIN,
        source=_DOCS,
    ),
    Probe(PROGRAM, COMMANDS, ("set-master-key",), since="2022.4.6073", step="other way: database --masterKey", source="[#7870]"),
    # -- switches
    _command("version", "format", step=_KEEPS, source=_DOCS),
    _command("list-instances", "format", step=_KEEPS, source=_DOCS),
    _command("show-configuration", "instance", "format", since="3.5.0", step="other way: the configuration file", source=_DOCS),
    _command("show-configuration", "noconsolelogging", since="3.5.0", step=_KEEPS, source="[dsc]"),
    _command(
        "show-master-key", "instance", needed_by=(UPGRADE, BACKUP, CLONE), step="stage: octopus_masterkey_backup", source="[docs] [dsc]"
    ),
    _command("show-master-key", "noconsolelogging", step=_KEEPS, source="[dsc]"),
    # Before, the upgrade ran when the service started.
    _command(
        "database", "instance", "upgrade", since="3.13.9", needed_by=(UPGRADE,), step="apply: octopus_database_upgrade", source="[dsc]"
    ),
    _command("database", "masterKey", since="4.0.0", needed_by=(CLONE,), step=_JOIN, source="[docs] [dsc]"),
    _command("create-instance", "instance", "config", needed_by=(CLONE,), step=_JOIN, source=_DOCS),
    _command("create-instance", "home", since="3.16.4", step=_KEEPS, source="[dsc]"),
    # The oldest page of the command has it; regenerate-certificate, which it replaces, went with 4.0.
    _command(
        "new-certificate", "instance", "replace", since="4.0.0", step="other way: octopus_clone_certificate: keep", source="[docs] [#3832]"
    ),
    _command("show-thumbprint", "instance", needed_by=(CLONE,), step=_JOIN, source=_DOCS),
    _command("delete-instance", "instance", needed_by=(CLONE,), step="clone: octopus_instance, state absent", source=_DOCS),
    _command(
        "configure",
        "instance",
        "home",
        "serverNodeName",
        "webListenPrefixes",
        "commsListenPort",
        "webForceSSL",
        needed_by=(CLONE,),
        step=_JOIN,
        source="[docs] [dsc]",
    ),
    _command("path", "instance", "taskLogs", "artifacts", "nugetRepository", needed_by=(CLONE,), step=_JOIN, source=_DOCS),
    _command("path", "imports", since="2021.1.0", needed_by=(CLONE,), step=_JOIN, source=_DOCS),
    _command("path", "eventExports", since="2023.3.0", needed_by=(CLONE,), step=_JOIN, source=_DOCS),
    # Which version brought it is not documented; the newest page has it.
    _command("path", "telemetry", since="2023.3.0", needed_by=(CLONE,), step=_JOIN, source=_DOCS),
    _command("service", "instance", "install", "reconfigure", "uninstall", "username", needed_by=(CLONE,), step=_JOIN, source=_DOCS),
    _command("service", "OCTOPUS_SERVICE_PASSWORD", since="2022.1.0", step="other way: LocalSystem or a gMSA", source=_DOCS),
    _command("set-master-key", "instance", "masterKey", since="2022.4.6073", step="other way: database --masterKey", source="[#7870]"),
    # -- answers
    Probe(PROGRAM, INSTANCES, ("name",), needed_by=ALL, step="preflight: octopus_info", source="[docs]"),
    Probe(PROGRAM, INSTANCES, ("configuration-file",), needed_by=(UPGRADE, CLONE), step="backup: the nodes' configurations", source=_DOCS),
    Probe(
        PROGRAM,
        KEYS,
        ("Octopus.Storage.ExternalDatabaseConnectionString",),
        needed_by=IN_USE,
        step="preflight: the database of the instance",
        source="[dsc]",
    ),
    Probe(PROGRAM, KEYS, ("Octopus.Home",), needed_by=IN_USE, step="preflight: the server folders", source="[dsc]"),
    Probe(PROGRAM, KEYS, ("Octopus.Server.NodeName", "Octopus.Storage.NodeName"), any_of=True, optional=True, source="[docs] [dsc]"),
    Probe(PROGRAM, KEYS, ("Octopus.WebPortal.ListenPrefixes",), optional=True, step="other way: octopus_node_url", source="[dsc]"),
    Probe(PROGRAM, KEYS, ("Octopus.Communications.ServicesPort",), optional=True, source="[dsc]"),
    *(
        Probe(PROGRAM, KEYS, (f"Octopus.Folders.{name}Directory",), optional=True, since="4.1.0", step=_FOLDERS, source="[dsc] [#3652]")
        for name in ("Log", "Artifacts", "Packages")
    ),
    # The keys of the newer folders are in no public source.
    Probe(PROGRAM, KEYS, ("Octopus.Folders.ImportsDirectory",), optional=True, since="2021.1.0", step=_FOLDERS),
    Probe(PROGRAM, KEYS, ("Octopus.Folders.EventExportsDirectory",), optional=True, since="2023.3.0", step=_FOLDERS),
    Probe(PROGRAM, KEYS, ("Octopus.Folders.TelemetryDirectory",), optional=True, since="2023.3.0", step=_FOLDERS),
    # -- Windows
    Probe(WINDOWS, FOLDER, ("InstallLocation",), step="other way: the usual program folder", source="[dsc]"),
    Probe(
        WINDOWS, PRODUCT, ("DisplayName", "DisplayVersion"), needed_by=(UPGRADE, ROLLBACK), step="apply: octopus_install", source="winget"
    ),
    Probe(WINDOWS, SERVICE, ("service",), needed_by=IN_USE, step="quiesce: octopus_node", source="[dsc]"),
    Probe(
        WINDOWS,
        WATCHDOG,
        (USUAL,),
        step="other way: every task of Octopus is searched",
        source="[tentacle] Watchdog.cs",
    ),
)
# The commands whose help is read.
HELPED = tuple(
    dict.fromkeys(probe.subject for probe in PROBES if probe.part == PROGRAM and probe.subject not in (COMMANDS, KEYS, INSTANCES))
)
