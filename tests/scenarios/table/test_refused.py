# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The rows of the table that are refused: one plan over instances, each in several situations, of which every one is named, and nothing is written.

An upgrade makes the same plan before it begins, and refuses by it (upgrade/test_bad_input.py).
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import pytest
import yaml
from lab.core.ledger import Event
from lab.estate import SINGLE, Lab
from patience import patient
from scenarios import exact
from scenarios.leftovers import leftovers
from scenarios.operator import Operator, Run
from scenarios.table.situations import ESTATE, NOT_LOOKED, PLACES, REFUSED, VARIABLES, Refused
from scenarios.world import World, look

SPECS = {
    place: replace(SINGLE, name=place, nodes=(f"octo{number:02}",), sql=f"sql{number:02}", seed=number)
    for number, place in enumerate(PLACES, 1)
}
# What a plan may leave: nothing. Commands are only those that read.
CHANGING_KINDS = ("service.state", "sql.backup", "sql.restore", "msi", "file", "task.run", "firewall", "event.log")
CHANGING_COMMAND = re.compile(
    r"\b(reg(\.exe)?\W+(add|delete)|schtasks(\.exe)?\b.*/(create|run|change|delete|end)\b|sc(\.exe)?\W+(config|start|stop|create|delete)\b|msiexec|netsh)",
    re.IGNORECASE,
)
CHANGING_SQL = re.compile(
    r"\b(INSERT|UPDATE|DELETE|MERGE|CREATE|ALTER|DROP|BACKUP|RESTORE\s+(?!LABELONLY)|GRANT|REVOKE|KILL)\b", re.IGNORECASE
)
FORKS = 4
LONG = patient(600.0)  # real seconds for many instances in one play


@dataclass
class Played:
    """One play, and the instances as they were before it."""

    lab: Lab
    run: Run
    before: dict[str, World]
    mark: int

    def plan(self, place: str) -> dict[str, Any]:
        """What was written to octopus_plan_file."""
        return json.loads((self.run.folder / "plans" / f"{place}.json").read_text())

    def events(self, place: str) -> list[Event]:
        spec = SPECS[place]
        events = self.lab.ledger.events(since=self.mark)
        return [event for event in events if event.machine in (*spec.nodes, spec.sql) and event.get("by") != "trigger"]

    def blockers(self, place: str) -> list[str]:
        """Each line in which the plan of an instance names what blocks, with each run of white space as one blank."""
        text = self.run.failures(SPECS[place].nodes[0]).replace("\\\\", "\\")
        return re.split(r"\\n- ", text)


@pytest.fixture(scope="module")
def played(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Played]:
    folder = tmp_path_factory.mktemp("refused")
    with Lab(folder / "lab", *SPECS.values()) as lab:
        for place, makers in PLACES.items():
            for make in makers:
                make(lab.instances[place])
        operator = Operator(lab, folder / "operator")
        path = operator.inventory / "hosts.yml"
        inventory = yaml.safe_load(path.read_text())
        for place in PLACES:
            own = {"octopus_plan_file": str(operator.folder / "plans" / f"{place}.json")}
            inventory["octopus"]["children"][f"octopus_{place}"]["vars"] |= own | VARIABLES.get(place, {})
        path.write_text(yaml.safe_dump(inventory))
        before = {name: look(instance) for name, instance in lab.instances.items()}
        mark = lab.ledger.mark()
        run = operator.play("plan", "--forks", str(FORKS), deadline=LONG)
        yield Played(lab, run, before, mark)


@pytest.mark.parametrize("row", REFUSED, ids=lambda row: row.name)
def test_a_situation_is_refused_by_its_name(row: Refused, played: Played) -> None:
    lines = played.blockers(row.place)
    found = [line for line in lines if line.startswith(f"{row.check} (") or not row.check]
    assert any(all(words in line for words in row.says) for line in found), f"{row}\n" + "\n".join(lines)


def test_an_estate_with_many_problems_is_told_each_of_them(played: Played) -> None:
    plan = played.plan("estate")
    wrong = {check["name"] for check in plan["checks"] if check["verdict"] != "ok"}
    assert wrong >= ESTATE, ESTATE - wrong
    assert plan["verdict"] == "blocked"
    told = "\n".join(played.blockers("estate"))
    assert [check["name"] for check in plan["checks"] if check["blocks"] and f"{check['name']} (" not in told] == []
    shown = " ".join(played.run.output.split())
    assert [name for name in wrong if f"{name} (" not in shown] == []


def test_a_clean_instance_is_told_nothing_but_what_only_a_job_could_look_up(played: Played) -> None:
    plan = played.plan("clean")
    wrong = {check["name"]: check for check in plan["checks"] if check["verdict"] != "ok"}
    assert wrong.keys() == NOT_LOOKED, wrong
    assert {(check["verdict"], check["blocks"]) for check in wrong.values()} == {("unknown", False)}
    assert plan["verdict"] == "ready" and plan["outage"]["basis"] == "sizes"
    assert plan["command"] in played.run.output
    assert "octopus_plan=" in plan["command"] and f"--limit {SPECS['clean'].nodes[0]}" in plan["command"]
    assert played.run.failures(SPECS["clean"].nodes[0]) == ""


@pytest.mark.parametrize("place", PLACES)
def test_nothing_was_written(place: str, played: Played) -> None:
    events = played.events(place)
    assert [event for event in events if event.kind in CHANGING_KINDS] == []
    assert [event for event in events if event.kind == "rest" and event["method"] != "GET"] == []
    commands = [" ".join([event["command"], *event["arguments"]]) for event in events if event.kind == "winrm.command"]
    assert commands and [command for command in commands if CHANGING_COMMAND.search(command)] == []
    statements = [str(event["sql"]) for event in events if event.kind == "sql" and event.get("login") == "octopus_upgrade"]
    assert statements and [sql for sql in statements if CHANGING_SQL.search(re.sub(r"'[^']*'", "", sql))] == []
    instance = played.lab.instances[place]
    assert exact.changed(played.before[place], look(instance)) == []
    assert leftovers(played.lab, instance) == []
    assert not (played.run.folder / "octopus-runs" / place).exists(), "a plan leaves no record"
    assert [path.name for path in played.lab.backup_share.volume.root.iterdir()] == []
