# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Two control nodes at once. While a run is at a step, another one with an inventory of its own is started: it is refused before it changes anything.

The run is held as a virtual machine that is suspended, so one run serves all of its steps. Another control node cannot see whether a process
lives: to it a run that is held is one that was killed there. How a killed one is taken over is the matrix's subject.
"""

from __future__ import annotations

import random
import re
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import yaml
from lab.core.ledger import Event
from lab.estate import SINGLE, Lab, LabInstance
from patience import patient
from scenarios import exact, leftovers
from scenarios.chaos import journal
from scenarios.chaos.controller import Controller
from scenarios.chaos.effects import LOGIN
from scenarios.chaos.journal import Journals
from scenarios.chaos.outcome import AS_BEFORE, REFUSED, UPGRADED, Outcome
from scenarios.chaos.survey import BACKUP_RATE, DEADLINE, PAUSE, SCALE
from scenarios.operator import Operator
from scenarios.world import World, look

STORY = "two control nodes"
# Two nodes, so that inventories can differ in their order.
PAIR = replace(SINGLE, name="pair", nodes=("octo-b", "octo-a"), seed=5)
# A run that is held for a while must not take that for a step that is late.
VARIABLES: dict[str, Any] = {"octopus_stop_timeout": 600, "octopus_start_timeout": 600, "octopus_drain_timeout": 600}
LATE = "to end within"  # of a command that was not answered in time
QUIET = 0.3  # real seconds without an event of a control node, after which nothing of a held one is under way
RESTORES = tuple(f"RESTORE {what}ONLY" for what in ("LABEL", "HEADER", "FILELIST", "VERIFY"))
READS = ("SELECT", "SET", "IF", "WITH", "USE", "DECLARE", "EXEC", "PRINT", "[SYS].SP_", *RESTORES)
CHANGES = ("sc.exe start", "sc.exe stop", "sc.exe config", "msiexec", "schtasks.exe /change", "ren ", "taskkill")
LOOK = "/api/octopusservernodes/ping"
OWN_LOCK = "lock-left-"  # a lock is made under this name, and released to it


@dataclass(frozen=True)
class Rival:
    """What the second control node does.

    Attributes:
        turned: Whether its inventory has the nodes in the other order, under other names.
        instance: What its inventory calls the instance; None for what the first one's does.
    """

    playbook: str
    turned: bool
    instance: str | None = None

    @property
    def name(self) -> str:
        order = "other order" if self.turned else "same order"
        return f"{self.playbook}, {order}{f', as {self.instance}' if self.instance else ''}"


RIVALS = (
    Rival("upgrade_inplace", turned=True),
    Rival("upgrade_inplace", turned=False),
    Rival("backup", turned=True, instance="production"),
    Rival("rollback", turned=True),
    Rival("rollback_cleanup", turned=False),
    Rival("rollback", turned=False),
    Rival("rollback_cleanup", turned=True, instance="production"),
    Rival("backup", turned=True),
    Rival("upgrade_inplace", turned=True, instance="production"),
)


def make_lab(folder: Path) -> Lab:
    lab = Lab(folder, PAIR, scale=SCALE)
    lab.instances[PAIR.name].sql.backup_rate = BACKUP_RATE
    return lab


def station(lab: Lab, folder: Path, rival: Rival) -> Operator:
    """Somebody at another control node, with the inventory that the rival has."""
    operator = Operator(lab, folder)
    path = operator.inventory / "hosts.yml"
    inventory = yaml.safe_load(path.read_text(encoding="utf-8"))
    group = inventory["octopus"]["children"][f"octopus_{PAIR.name}"]
    if rival.turned:
        group["hosts"] = {f"server-{number}": group["hosts"][name] for number, name in enumerate(reversed(list(group["hosts"])), 1)}
    if rival.instance:
        group["vars"]["octopus_instance"] = rival.instance
    path.write_text("---\n" + yaml.safe_dump(inventory, sort_keys=False), encoding="utf-8")
    return operator


class Held:
    """One upgrade, held at its steps for rivals."""

    def __init__(self, folder: Path, rivals: Sequence[Rival] = RIVALS) -> None:
        self.folder, self.rivals = folder, rivals
        self.outcomes: list[Outcome] = []
        self.lab: Lab
        self.instance: LabInstance
        self.operators: list[Operator] = []
        self.met: list[str] = []

    def run(self) -> list[Outcome]:
        """Each rival's outcome, and last that of the upgrade itself."""
        self.folder.mkdir(parents=True, exist_ok=True)
        self.lab = make_lab(self.folder / "lab")
        with self.lab:
            self.instance = self.lab.instances[PAIR.name]
            before = look(self.instance)
            first = Operator(self.lab, self.folder / "first")
            self.operators.append(first)
            with Controller(first, "upgrade_inplace", self.folder / "first.txt", **VARIABLES) as controller:
                self._hold_at_each_step(controller, first)
                controller.wait(DEADLINE)
                self.outcomes.append(self._judge(before, controller))
        return self.outcomes

    def _hold_at_each_step(self, controller: Controller, first: Operator) -> None:
        journals = Journals.of(self.instance, [first.folder])
        while not controller.ended and controller.seconds < patient(DEADLINE * 5):
            new = [name for name in journal.step_names(journals.entries()) if name not in self.met]
            if new:
                self.met += new
                controller.pause()
                try:
                    self._meet(new[-1], len(self.outcomes))
                finally:
                    controller.go_on()
            time.sleep(PAUSE)

    def _meet(self, step: str, number: int) -> None:
        rival = self.rivals[number % len(self.rivals)]
        settle(self.lab)
        mark, shells, began = self.lab.ledger.mark(), leftovers.shells(self.instance), time.monotonic()
        operator = station(self.lab, self.folder / f"rival-{number}", rival)
        self.operators.append(operator)
        outcome = Outcome(STORY, step, rival.name, "started meanwhile")
        with Controller(operator, rival.playbook, self.folder / f"rival-{number}.txt", another=True, **VARIABLES) as controller:
            controller.wait(DEADLINE)
            outcome.seconds = time.monotonic() - began
            outcome.runs.append(f"ended with {controller.code}")
            outcome.problems += [f"changed: {one}" for one in changes(self.lab, mark, shells)]
            said = " ".join(controller.output.split())
            if controller.code == 0 and not outcome.problems and not re.search(r"changed=[1-9]", said):
                outcome.outcome, outcome.how = REFUSED, "nothing to do: the upgrade is about to end"
            elif controller.code in (0, None):
                outcome.problems.append(f"it was not refused: it ended with {controller.code}: {said[-800:]}")
            elif "Traceback" in said or not refusal(said):
                outcome.problems.append(f"it does not say why: {said[-800:]}")
            else:
                outcome.outcome, outcome.how = REFUSED, refusal(said)
        self.outcomes.append(outcome)

    def _judge(self, before: World, controller: Controller) -> Outcome:
        outcome = Outcome(STORY, "all", "held", f"at {len(self.outcomes)} of {len(self.met)} steps", seconds=controller.seconds)
        outcome.runs.append(f"ended with {controller.code}")
        after = look(self.instance)
        entries = Journals.of(self.instance, [one.folder for one in self.operators]).entries()
        # Held for longer than a command may take, it gives up, as one that was suspended does.
        gave_up = controller.code != 0 and LATE in controller.output
        wrong = exact.changed(before, after) if gave_up else exact.not_upgraded(before, after, PAIR.target)
        if controller.code != 0 and not gave_up:
            outcome.problems.append(f"it ended with {controller.code}: {' '.join(controller.output.split())[-1500:]}")
        outcome.problems += wrong
        if len(journal.run_ids(entries)) != 1 or (journal.verdict(entries) != "upgraded" and not gave_up):
            outcome.problems.append(f"the journals tell of the runs {journal.run_ids(entries)}, at the end {journal.verdict(entries)}")
        told = Journals.of(self.instance, [one.folder for one in self.operators]).text()
        outcome.problems += [f"left over: {one}" for one in leftovers.leftovers(self.lab, self.instance, told)]
        if not wrong and (controller.code == 0 or gave_up):
            outcome.outcome, outcome.how = (AS_BEFORE, "held for too long") if gave_up else (UPGRADED, "undisturbed")
        return outcome


def race(folder: Path, seed: int) -> Outcome:
    """Start two control nodes with differently ordered inventories at almost the same moment: one upgrades, the other is refused."""
    folder.mkdir(parents=True, exist_ok=True)
    outcome = Outcome(STORY, "start", f"race {seed}", "both started at once")
    chance = random.Random(seed)
    began = time.monotonic()
    with make_lab(folder / "lab") as lab:
        instance = lab.instances[PAIR.name]
        before = look(instance)
        operators = [station(lab, folder / f"{number}", Rival("upgrade_inplace", turned=bool(number))) for number in (0, 1)]
        pause, later = chance.uniform(0, 1.5), chance.choice((0, 1))
        with Controller(operators[1 - later], "upgrade_inplace", folder / "one.txt", **VARIABLES) as one:
            time.sleep(pause)  # who of them is ahead, and by how much, is what the seed decides
            with Controller(operators[later], "upgrade_inplace", folder / "two.txt", another=True, **VARIABLES) as two:
                one.wait(DEADLINE)
                two.wait(DEADLINE)
                codes = [one.code, two.code]
                texts = [" ".join(each.output.split()) for each in (one, two)]
        entries = Journals.of(instance, [operator.folder for operator in operators]).entries()
        outcome.runs.append(f"ended with {codes}, the second {pause:.1f} s later")
        if sorted(code == 0 for code in codes) != [False, True]:
            outcome.problems += [f"they ended with {codes}", *(text[-800:] for text in texts)]
        else:
            [said] = [text for code, text in zip(codes, texts, strict=True) if code != 0]
            outcome.outcome, outcome.how = UPGRADED, f"the other: {refusal(said)}"
            if "Traceback" in said or not refusal(said):
                outcome.problems.append(f"it does not say why: {said[-800:]}")
        outcome.problems += exact.not_upgraded(before, look(instance), PAIR.target)
        finished = [entry for entry in entries if entry["event"] == "finished"]
        if len(finished) != 1 or journal.verdict([entry for entry in entries if entry["event"] != "resumed"][-1:]) != "upgraded":
            outcome.problems.append(f"the journals end with {[journal.verdict([entry]) for entry in finished]}")
        told = Journals.of(instance, [operator.folder for operator in operators]).text()
        outcome.problems += [f"left over: {left}" for left in leftovers.leftovers(lab, instance, told)]
    outcome.seconds = time.monotonic() - began
    return outcome


def refusal(said: str) -> str:
    """The beginning of the last error that a control node told; empty where it told none."""
    found = re.findall(r'"msg": "(.{1,70})', said)
    return str(found[-1]) if found else ""


def settle(lab: Lab) -> None:
    """Wait until nothing of the control node that is held is under way, except for what goes on without it."""
    ends = time.monotonic() + patient(30.0)
    mark, quiet_since = lab.ledger.mark(), time.monotonic()
    while time.monotonic() < ends and time.monotonic() - quiet_since < QUIET:
        if any(_by_control_node(event) for event in lab.ledger.events(since=mark)):
            mark, quiet_since = lab.ledger.mark(), time.monotonic()
        time.sleep(PAUSE)


def _by_control_node(event: Event) -> bool:
    if event.kind == "rest":
        return event["path"] != LOOK  # of the load balancer
    return event.kind == "winrm.command" or (event.kind == "sql" and str(event["login"]).lower() == LOGIN)


def changes(lab: Lab, since: int, shells: set[str]) -> list[str]:
    """What control nodes have changed since then, other than over the shells that were open: each a line."""
    found = []
    for event in lab.ledger.events(since=since):
        if event.kind == "rest" and event["method"] not in ("GET", "HEAD") and event["status"] < 400:
            found.append(f"{event['method']} {event['path']}")
        elif event.kind == "sql" and str(event["login"]).lower() == LOGIN and not str(event["sql"]).lstrip().upper().startswith(READS):
            if str(event["sql"]) != "sp_reset_connection":
                found.append(f"{event['sql']}")
        elif event.kind == "winrm.command" and event["shell"] not in shells:
            line = f"{event['command']} {event['arguments']}".replace('"', "")
            if OWN_LOCK not in line and any(change in line.lower() for change in CHANGES):
                found.append(line[:300])
    return found
