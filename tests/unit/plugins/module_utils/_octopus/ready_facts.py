# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What preflight reads of an estate with which nothing at all is wrong, and of one with problems that a test plants."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from datetime import datetime, timezone
from typing import Any

from ansible_collections.octopus.upgrade.plugins.module_utils._octopus import path_checks, plan, plan_document
from ansible_collections.octopus.upgrade.plugins.module_utils._octopus.path.conditions import CONDITIONS
from ansible_collections.octopus.upgrade.tests.unit.plugins.module_utils._octopus import rollback_facts

INSTALLED, TARGET = "2020.5.7", "2026.2.9853"
NODES = ("octo-a", "octo-b")
SIGNATURE = {"verdict": "verified", "signer": "CN=Vendor", "expected": ["Vendor"]}
_STAGED = {
    "stated_by": "the option sha256",
    "signature": SIGNATURE,
    "sha256": "ab" * 32,
    "path": "C:\\p\\Octopus.msi",
    "size": 1024**2,
    "fetched": True,
    "cached_package": {"path": "C:\\Windows\\Installer\\1.msi", "exists": True, "source": None},
}


def _host(name: str) -> dict[str, Any]:
    return {
        "program": {"path": "E:\\Octopus Deploy\\Octopus", "version": INSTALLED},
        "instances": [
            {
                "name": "OctopusServer",
                "home": "D:\\Octopus",
                "node_name": name.upper(),
                "service": {"state": "running", "account": "LocalSystem", "start_type": "auto"},
                "configuration_error": None,
                "url": f"https://{name}",
                "answers": {"ok": True, "version": INSTALLED, "found": f"version {INSTALLED}"},
                "database": {"integrated": False, "trust_server_certificate": True},
            }
        ],
        "watchdog": {"enabled": True, "task_name": "Octopus Watchdog OctopusServer"},
        "running_jobs": [],
        "os": {"name": "Windows Server 2022 Standard", "build": "20348"},
        "net_framework_release": 528449,
        "system_drive": "C:",
        "free_bytes": {"C:": 100 * 1024**3, "D:": 100 * 1024**3, "E:": 100 * 1024**3},
        "clock_offset_seconds": 1,
        "readiness": {"reboot_pending": [], "installation_in_progress": False},
    }


READY: dict[str, Any] = {
    "instance": "prod",
    "nodes": list(NODES),
    "server": {
        "version": INSTALLED,
        "installation_id": "79af4d4a-dc7f-479c-b0c5-8bf30cb0a827",
        "maintenance": {"enabled": False},
        "nodes": [{"name": name.upper(), "draining": False, "offline": False, "last_seen": "now"} for name in NODES],
        "running_tasks": [],
        "interruptions": [],
        "folders": {"logs": "\\\\nas\\o\\L", "artifacts": "\\\\nas\\o\\A", "packages": "\\\\nas\\o\\P"},
        "license": {"is_compliant": True, "summary": "fine", "expires": "2100-01-01T00:00:00Z", "installed": True, "is_ptm": False},
        "readiness": {
            "tasks_queued": [],
            "integrity_check": {"task": "ServerTasks-7", "state": "Success", "warnings": False, "completed": "2026-11-23"},
            "machines": [{"name": "web", "style": "TentaclePassive", "version": "8.1.0"}],
        },
    },
    "hosts": {name: _host(name) for name in NODES},
    "database": {
        "version": INSTALLED,
        "server": "sql01",
        "server_version": "15.0.4430.1",
        "database": "Octopus",
        "sessions_visible": True,
        "heartbeats_readable": True,
        "operations": [],
        "conditions": dict.fromkeys(CONDITIONS, False),
        "used_bytes": 1000,
        "data_bytes": 1500,
        "volumes": [{"name": "D:", "free": 2000}],
        "rollback": rollback_facts.STANDALONE,
        "clock_offset_seconds": -2,
        "readiness": {
            "engine_edition": 2,
            "own_objects": [],
            "files": [{"name": "Octopus", "bytes": 1500, "grows": True}],
            "server_login": {"name": "octopus", "db_owner": True, "found": "that it is"},
        },
    },
    "packages": {version: dict.fromkeys(NODES, _STAGED) for version in (TARGET, INSTALLED)},
    "backup": {"free_bytes": 5000, "estimated_bytes": 1000, "paths": ["x.bak"]},
    "looked": {"backup": "", "folders": "", "master_key": "", f"package:{TARGET}": "", f"package:{INSTALLED}": ""},
    "rehearsal": {
        "looked": True,
        "rehearsals": [],
        "outlook": {"succeeded": True, "verdict": "upgraded", "clone": "test", "age_days": 2.5, "outage_seconds": 412.7},
    },
}


def planted(problems: Mapping[str, Any]) -> dict[str, Any]:
    """READY with the value at each path, such as ``hosts/octo-a/readiness``, replaced."""
    facts = copy.deepcopy(READY)
    for path, value in problems.items():
        *above, last = path.split("/")
        place: Any = facts
        for key in above:
            place = place[int(key) if isinstance(place, list) else key]
        place[int(last) if isinstance(place, list) else last] = value
    return facts


LADDER = ["2025.3.14357", TARGET]
COPIES = {
    "folders": {"logs": {"source": "\\\\nas\\o\\L", "dest": "x", "copied_files": 3, "copied_bytes": 400, "files": 3}},
    "outlook": ["folders: 3 files, 0.0 MiB to copy to \\\\nas\\prod"],
}
COMMANDS = {"upgrade": "ansible-playbook up.yml", "again": "ansible-playbook plan.yml"}
NOW = datetime(2026, 11, 30, 10, 15, tzinfo=timezone.utc)


def made(problems: Mapping[str, Any] | None = None, ladder: list[str] | None = None, waivers: tuple[str, ...] = ()) -> dict[str, Any]:
    """The plan of an upgrade with problems, or without any."""
    facts = plan.Facts(**planted(problems or {}))
    way = path_checks.find(INSTALLED, TARGET, ladder or LADDER, conditions=facts.database["conditions"], off=["dataversion"])
    path = [str(version) for version in way.versions]
    facts.packages = {version: facts.packages.get(version, facts.packages[TARGET]) for version in (*path, INSTALLED)}
    judged = [*path_checks.checks(way, facts.instance), *path_checks.license_check(way, facts.server["license"], {}, facts.instance, NOW)]
    found = plan.checks(facts, TARGET, path, waivers, judged)
    setting = plan_document.Setting(
        "octo-a",
        {"host": "sql.example.com", "database": "Octopus"},
        "\\\\nas\\prod",
        f"R-{INSTALLED}",
        COPIES,
        COMMANDS,
        ("It is encrypted.",),
        NOW,
    )
    return plan_document.document(facts, TARGET, way, found, setting)
