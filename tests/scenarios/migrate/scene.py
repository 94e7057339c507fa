# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""An instance, its clone that takes its place, and what was alive when, by the lab's own ledger."""

from __future__ import annotations

import json
from typing import Any

from lab.windows import services
from scenarios.chaos.journal import Entry, read
from scenarios.clone.scene import JOURNALS, CloneScene
from scenarios.operator import Operator, Run
from scenarios.rollback.scene import PATIENCE

WANTED: dict[str, Any] = {"octopus_migrate": True, "octopus_clone_certificate": "keep"}
_LIFTS, _SILENCES = "SET [Lifted] = CAST(", "SET [Lifted] = ''"


def migrate(scene: CloneScene, *arguments: str, playbook: str = "migrate", operator: Operator | None = None, **variables: Any) -> Run:
    chosen = operator or scene.operator
    return chosen.play(playbook, *arguments, deadline=PATIENCE, callbacks="octopus.upgrade.exit_status", **WANTED, **variables)


def outcome(scene: CloneScene, operator: Operator | None = None) -> dict[str, Any]:
    path = (operator or scene.operator).folder / "octopus-runs" / f"{scene.spec.name}.migrate.json"
    return dict(json.loads(path.read_text()))


def source_runs(scene: CloneScene) -> bool:
    return scene.instance.hosts[0].services.query(scene.instance.handle.service).state == services.RUNNING


def in_service(scene: CloneScene) -> list[str]:
    """Which sides users can work on: a clone that is under quarantine is none."""
    sides = [scene.spec.name] if source_runs(scene) else []
    return sides + ([scene.clone_spec.name] if scene.serves() and is_lifted(scene) else [])


def is_lifted(scene: CloneScene) -> bool:
    """Whether a target of the clone is enabled, which its quarantine had disabled."""
    with scene.clone.store(own_database(scene)) as store:
        return any(not one["IsDisabled"] for one in store.documents("Machine"))


def own_database(scene: CloneScene) -> str:
    """The clone's database; an unfinished run has one more on its SQL Server, its claim."""
    [database] = [name for name in scene.databases() if name.startswith(f"{scene.spec.database} {scene.clone_spec.name} ")]
    return database


def rows(store: Any) -> dict[str, Any]:
    """What a migration has to leave as it was."""
    tables = ("Machine", "ProjectTrigger", "Project", "Subscription", "MachinePolicy", "Lifecycle", "Release")
    return {table: {one["Id"]: one for one in store.documents(table)} for table in tables}


def both_alive(scene: CloneScene, since: int) -> list[str]:
    """Each moment at which the clone ran without a quarantine while its source ran."""
    source, clone = scene.instance.hosts[0].name.lower(), scene.host.name.lower()
    alive = {source: False, clone: False}
    lifted, wrong = False, []
    for event in scene.lab.ledger.events():  # all, to know how they were by then
        machine = event.machine.lower()
        if event.kind == "service.state" and machine in alive and "octopus" in str(event["name"]).lower():
            alive[machine] = event["state"] != "STOPPED"
        elif event.kind == "sql" and _LIFTS in str(event.get("sql", "")):
            lifted = True
        elif event.kind == "sql" and _SILENCES in str(event.get("sql", "")):
            lifted = False
        if lifted and all(alive.values()) and event.seq >= since:
            wrong.append(f"{event.seq}: {event.kind} {machine} {event.fields}")
    return wrong


def journals(scene: CloneScene) -> list[Entry]:
    """Every event of every run of both sides, oldest first."""
    places = [(scene.instance.hosts[0], scene.spec.name), (scene.host, scene.clone_spec.name)]
    files = [path for host, name in places for path in host.root.joinpath(*JOURNALS, name).glob("*.jsonl")]
    entries = [entry for path in files for entry in read(path)]
    return sorted(entries, key=lambda one: str(one.get("at", "")))


def steps(scene: CloneScene) -> list[str]:
    return [str(one["step"]) for one in journals(scene) if one["event"] == "step"]


def seen_alive(scene: CloneScene, since: int) -> bool:
    """Whether the ledger shows what :func:`both_alive` looks for at all: a lift, and both services that changed."""
    events = scene.lab.ledger.events(since=since)
    changed = {event.machine.lower() for event in events if event.kind == "service.state" and event["state"] == "RUNNING"}
    lifted = any(_LIFTS in str(event.get("sql", "")) for event in events if event.kind == "sql")
    return lifted and scene.host.name.lower() in changed
