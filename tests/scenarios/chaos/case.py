# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""One case of the matrix, from a fresh lab to its end."""

from __future__ import annotations

import os
import re
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from lab.estate import SINGLE, Lab, LabInstance
from scenarios import exact, leftovers
from scenarios.chaos import journal, likeness
from scenarios.chaos.controller import Controller
from scenarios.chaos.journal import Journals
from scenarios.chaos.matrix import KILLED_WHEN_DONE, KILLS, SECOND, UNRECORDED, VARIABLES, Case
from scenarios.chaos.outcome import AS_BEFORE, NEITHER, UPGRADED, Outcome
from scenarios.chaos.strike import Strike
from scenarios.chaos.survey import DEADLINE, PAUSE, make_lab
from scenarios.operator import Operator
from scenarios.world import World, look

PLAYBOOK = "upgrade_inplace"
TOLD = 12  # differences that are told of each end
BREAK_LOCK = "octopus_break_lock"
NAMED = re.compile(rf"{BREAK_LOCK}: ([\w@.-]*\w)")


class Broken(Exception):
    """The case cannot go on; the text says why."""


class CaseRun:
    """A case at work. :meth:`run` gives its outcome whatever happens; it raises nothing but what is a defect of the matrix itself."""

    def __init__(self, case: Case, folder: Path) -> None:
        self.case, self.folder = case, folder
        self.outcome = Outcome(case.story, case.step, case.kind, case.armed)
        self.lab: Lab
        self.instance: LabInstance
        self.operators: list[Operator] = []
        self.before: World
        self.shells: set[str] = set()
        self.late: Strike | None = None
        self.code: int | None = None  # of the last run
        self.rerun = False

    def run(self) -> Outcome:
        start = time.monotonic()
        self.folder.mkdir(parents=True, exist_ok=True)
        self.lab = make_lab(self.folder / "lab")
        try:
            with self.lab:
                self.instance = self.lab.instances[SINGLE.name]
                self.before = look(self.instance)
                self._first_run()
                self._go_on()
        except (Broken, TimeoutError) as error:
            self.outcome.problems.append(str(error))
        self.outcome.seconds = time.monotonic() - start
        return self.outcome

    def _go_on(self) -> None:
        """What follows the broken run."""
        if not self._is_at_an_end():
            self._run_again()
        self._judge()

    # -- the run that is broken

    def _first_run(self) -> None:
        operator = self._operator("first")
        self.late = Strike(self.lab, self.case.late) if self.case.late else None
        with Controller(operator, PLAYBOOK, self.folder / "first.txt", **VARIABLES) as controller:
            if self.late:
                self._wait_for(controller, self.case.at)
            mark = self._wait_for(controller, self.case.step)
            if self.case.kind in KILLED_WHEN_DONE:
                mark = self._wait_for(controller, self.case.step, journal.done_names)
            if self.case.strike is None:
                self._kill(controller, mark)
            else:
                self._break(controller, Strike(self.lab, self.case.strike))
        if self.late:
            self.late.end()
            self.shells |= self.late.shells

    def _wait_for(
        self, controller: Controller, step: str, names: Callable[[Iterable[journal.Entry]], list[str]] = journal.step_names
    ) -> int:
        """The ledger's end shortly before the journal names the step among those begun, or those done.

        What the step does may have begun by the time when a busy computer sees it named, so the mark is that of the last look without it.

        Raises:
            Broken: It never does.
        """
        journals = self._journals()
        before = mark = self.lab.ledger.mark()
        while True:
            before, mark = mark, self.lab.ledger.mark()
            ended = controller.ended
            if step in names(journals.entries()):
                if self.late and step == self.case.at:
                    self.late.go_on()
                return before
            if ended or controller.seconds > DEADLINE:
                raise Broken(f"the step {step} never came: the run ended with {controller.code}\n{_tail(controller)}")
            if self.late and step != self.case.at:
                self.late.go_on()
            time.sleep(PAUSE)

    def _kill(self, controller: Controller, mark: int) -> None:
        moment = self.case.moment
        while moment and not controller.ended and controller.seconds < DEADLINE:
            try:
                self.lab.ledger.wait_for(moment.is_it, 0.2, mark)
                break
            except TimeoutError:
                continue
        if controller.ended:
            raise Broken(f"the run ended with {controller.code} before it could be killed\n{_tail(controller)}")
        controller.kill()
        self.shells = leftovers.shells(self.instance)  # nobody is left who could close them
        at = journal.last(self._journals().entries())
        # On a busy computer the next step may have begun before the kill: then this is a plain kill of that one.
        forgotten = self.case.kind == UNRECORDED and self._journals().forget_done(self.case.step.partition("#")[0])
        self.outcome.runs.append(f"killed after {controller.seconds:.0f} s at {at}{', which is not recorded' if forgotten else ''}")

    def _break(self, controller: Controller, strike: Strike) -> None:
        while not controller.ended and controller.seconds < DEADLINE:
            strike.go_on()
            time.sleep(PAUSE)
        self._ended(controller)
        strike.end()
        self.shells |= strike.shells
        if strike.met_at is None:
            raise Broken(f"{strike.what} was never met: the run ended with {controller.code}\n{_tail(controller)}")

    # -- and again

    def _run_again(self) -> None:
        """The same command, from the same control node or from one that has nothing but the inventory."""
        self.rerun = True
        second = self.case.controller == SECOND
        operator = self._operator("second") if second else self.operators[0]
        output = self._play(operator, "again", second)
        if self.code and BREAK_LOCK in output:
            self._play(operator, "lock-broken", second, **{BREAK_LOCK: lock_owner(output)})

    def _play(self, operator: Operator, name: str, another: bool, **variables: Any) -> str:
        with Controller(operator, PLAYBOOK, self.folder / f"{name}.txt", another, **VARIABLES, **variables) as controller:
            controller.wait(DEADLINE)
            self._ended(controller)
            return controller.output

    def _ended(self, controller: Controller) -> None:
        """
        Raises:
            Broken: It did not, and was killed.
        """
        self.code = controller.code
        self.outcome.runs.append(f"ended with {self.code} after {controller.seconds:.0f} s")
        if self.code is None:
            controller.kill()
            raise Broken(f"the run still ran after {DEADLINE:.0f} s and was killed\n{_tail(controller)}")

    # -- the end

    def _is_at_an_end(self) -> bool:
        """Whether the broken run itself came to an end that needs nobody: done, or as before. One that stopped says to run it again."""
        entries = self._journals().entries()
        if self.code is None or (entries and entries[-1]["event"] == "stopped"):
            return False
        return self.code == 0 or exact.changed(self.before, self._look()) == []

    def _judge(self) -> None:
        after = self._look()
        same = exact.changed(self.before, after)
        upgraded = exact.not_upgraded(self.before, after, SINGLE.target)
        entries = self._journals().entries()
        problems = self.outcome.problems
        if not upgraded:
            self.outcome.outcome = UPGRADED
            if self.code != 0:
                problems.append(f"upgraded, but the last run ended with {self.code}")
        elif not same:
            self.outcome.outcome = AS_BEFORE
            if self.code == 0:
                problems.append("as before, but the last run ended with 0, as if it had upgraded")
        else:
            problems += [f"upgraded but for: {one}" for one in upgraded[:TOLD]] + [f"as before but for: {one}" for one in same[:TOLD]]
        self.outcome.how = how(entries, self.outcome.outcome, self.rerun)
        if not entries or entries[-1]["event"] != "finished":
            problems.append(f"the journal ends with {entries[-1]['event'] if entries else 'nothing'}, not with finished")
        told = self._journals().text()
        if self.case.kind in KILLS and self.outcome.outcome != NEITHER:
            own = likeness.ending(entries, self.before, after)
            values = os.environ.get("OCTOPUS_CHAOS") != "gate"  # a commit must not wait for what a busy computer changes
            problems += [f"unlike an unbroken run: {one}" for one in likeness.differences(self.case.ending, own, values)[:TOLD]]
        problems += [f"left over: {one}" for one in leftovers.leftovers(self.lab, self.instance, told, self.shells)]
        problems += [f"the lab: {crash}" for host in self.instance.hosts for crash in host.crashes]
        if problems:
            problems.append(f"the last run said:\n{self._last_words()}")

    def _look(self) -> World:
        """
        Raises:
            Broken: There is no world to look at, as where the database is gone.
        """
        try:
            return look(self.instance)
        except Exception as error:
            raise Broken(f"the world cannot be looked at: {type(error).__name__}: {error}") from error

    # -- small things

    def _operator(self, name: str) -> Operator:
        operator = Operator(self.lab, self.folder / name)
        self.operators.append(operator)
        return operator

    def _journals(self) -> Journals:
        return Journals.of(self.instance, [operator.folder for operator in self.operators])

    def _last_words(self) -> str:
        logs = sorted(self.folder.glob("*.txt"), key=lambda path: path.stat().st_mtime)
        lines = logs[-1].read_text(encoding="utf-8", errors="replace").splitlines() if logs else []
        return "\n".join(f"      {line[:300]}" for line in lines[-15:])


def lock_owner(output: str) -> str:
    """Whom a refusal names to be given as octopus_break_lock.

    Raises:
        Broken: Nobody.
    """
    named = NAMED.findall(" ".join(output.split()))
    if not named:
        raise Broken(f"the refusal speaks of {BREAK_LOCK}, but does not name whose lock it is")
    return str(named[-1])


def how(entries: list[journal.Entry], outcome: str, rerun: bool) -> str:
    """How it came to that end, by the journal."""
    verdict = journal.verdict(entries)
    resumed = any(entry["event"] == "resumed" for entry in entries)
    first = "resumed" if resumed else "run again" if rerun else ""
    if outcome == AS_BEFORE:
        back = "rolled back" if "roll" in verdict else "service restored"
        return f"{first}, {back}" if first else back
    return first or ("tolerated" if outcome == UPGRADED else verdict)


def _tail(controller: Controller) -> str:
    return "\n".join(f"      {line[:300]}" for line in controller.output.splitlines()[-15:])
