# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The rows of the table that are refused: one play over instances, each in several situations, of which every one is named."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace

import pytest
import yaml
from lab.core.ledger import Event
from lab.estate import SINGLE, Lab
from patience import patient
from scenarios import exact
from scenarios.leftovers import leftovers
from scenarios.operator import Operator, Run
from scenarios.table.situations import PLACES, REFUSED, VARIABLES, Refused
from scenarios.world import World, look

SPECS = {
    place: replace(SINGLE, name=place, nodes=(f"octo{number:02}",), sql=f"sql{number:02}", seed=number)
    for number, place in enumerate(PLACES, 1)
}
CHANGING_KINDS = ("service.state", "sql.backup", "sql.restore", "msi")
FORKS = 4
LONG = patient(600.0)  # real seconds for many instances in one play


@dataclass
class Played:
    """One play, and the instances as they were before it."""

    lab: Lab
    run: Run
    before: dict[str, World]
    mark: int

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
        for place, variables in VARIABLES.items():
            inventory["octopus"]["children"][f"octopus_{place}"]["vars"] |= variables
        path.write_text(yaml.safe_dump(inventory))
        before = {name: look(instance) for name, instance in lab.instances.items()}
        mark = lab.ledger.mark()
        run = operator.play("upgrade_inplace", "--forks", str(FORKS), deadline=LONG)
        yield Played(lab, run, before, mark)


@pytest.mark.parametrize("row", REFUSED, ids=lambda row: row.name)
def test_a_situation_is_refused_by_its_name(row: Refused, played: Played) -> None:
    lines = played.blockers(row.place)
    found = [line for line in lines if line.startswith(f"{row.check} (") or not row.check]
    assert any(all(words in line for words in row.says) for line in found), f"{row}\n" + "\n".join(lines)


@pytest.mark.parametrize("place", PLACES)
def test_nothing_was_touched(place: str, played: Played) -> None:
    events = played.events(place)
    assert [event for event in events if event.kind in CHANGING_KINDS] == []
    assert [event for event in events if event.kind == "rest" and event["method"] != "GET"] == []
    instance = played.lab.instances[place]
    assert exact.changed(played.before[place], look(instance)) == []
    assert leftovers(played.lab, instance) == []
    assert list((played.run.folder / "octopus-runs").glob(f"{place}/*.json")) == [], "a run that never began leaves no record"
