# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""One cell of the table, from a fresh lab to its end."""

from __future__ import annotations

import threading
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from lab.core.ledger import Event
from lab.estate import SINGLE, Lab
from scenarios.chaos.outcome import AS_BEFORE
from scenarios.rollback.scene import Scene
from scenarios.table import making
from scenarios.table.situations import BEFORE_SEAL, MSI, PUBLISHED, SCHEMA, START, Run

NODE = SINGLE.nodes[0]
SCALE = 40.0
# So many seconds are generous in the lab.
VARIABLES: dict[str, Any] = {"octopus_stop_timeout": 30, "octopus_start_timeout": 90, "octopus_drain_timeout": 60}
# How the upgrade fails at each moment.
FAULTS: dict[str, tuple[str, str, dict[str, Any]]] = {
    BEFORE_SEAL: ("sql.kill_backup", SINGLE.sql, {}),
    SCHEMA: ("schema.fail", NODE, {"committed": True}),
    MSI: ("msi.fail", NODE, {"phase": "install"}),
    START: ("service.fail_start", NODE, {}),
}


def play(run: Run, folder: Path) -> list[str]:
    """Bring the situation about, have the upgrade fail at the moment, and compare the end.

    Returns:
        What is wrong; empty where it ended as it has to.
    """
    with ExitStack() as stack:
        scene = Scene(stack.enter_context(Lab(folder / "lab", SINGLE, scale=SCALE)), SINGLE, folder)
        stack.callback(lambda: [close() for close in scene.at_end])
        variables = VARIABLES | (run.situation.before(scene) if run.situation.before else {})
        before = scene.look()
        problems, output = _published(scene, run, variables) if run.moment == PUBLISHED else _failed(scene, run, variables)
        try:
            unlike = scene.unlike(before) if run.cell.end == AS_BEFORE else scene.not_upgraded(before)
        except Exception as error:  # there may be no database to look at
            unlike = [f"the world cannot be looked at: {type(error).__name__}: {error}"]
        problems += [f"not {run.cell.end}: {one}" for one in unlike if one not in run.cell.but]
        problems += [f"left over: {one}" for one in scene.left()]
        return [*problems, output[-6000:]] if problems else []


def _failed(scene: Scene, run: Run, variables: dict[str, Any]) -> tuple[list[str], str]:
    """An upgrade that fails at the moment, and what happens to the database at that moment."""
    fault, machine, params = FAULTS[run.moment]
    mark = scene.lab.ledger.mark()
    if run.moment == START:
        params = {"service": scene.instance.handle.service}
    armed = scene.lab.faults.arm(fault, machine, times=1, **params)  # of a start: the next one is the new version's
    over = threading.Event()
    strike = threading.Thread(target=_strike, args=(scene, run, mark, over), daemon=True)
    strike.start()
    first = scene.play("upgrade_inplace", **variables)
    scene.lab.faults.disarm(armed)
    over.set()
    strike.join()
    problems = [] if first.code else ["the upgrade ended with 0, as if nothing had failed"]
    if not scene.lab.ledger.events("fault", since=mark, name=fault, action="met"):
        problems.append(f"{fault} was never met")
    if not run.cell.mended:
        verdict = scene.records(scene.operator)[-1]["verdict"]
        wanted = "failed_service_restored" if run.moment == BEFORE_SEAL else "failed_rolled_back"
        return problems + ([] if verdict == wanted else [f"the verdict is {verdict}, not {wanted}"]), first.output
    making.mended(scene)
    again = scene.play("upgrade_inplace", **variables)
    return problems, first.output[-3000:] + again.output


def _strike(scene: Scene, run: Run, mark: int, over: threading.Event) -> None:
    if run.situation.strikes is None:
        return

    def now(event: Event) -> bool:
        if run.moment == SCHEMA:
            return event.kind == "octopus" and event.get("action") == "half done"
        return event.kind == "fault" and event["action"] == "met" and event["name"] == FAULTS[run.moment][0]

    while not over.is_set():
        try:
            scene.lab.ledger.wait_for(now, 1.0, mark)
        except TimeoutError:
            continue
        run.situation.strikes(scene)
        return


def _published(scene: Scene, run: Run, variables: dict[str, Any]) -> tuple[list[str], str]:
    """An upgrade that succeeds, users who work with it, and then rollback.yml."""
    upgrade = scene.play("upgrade_inplace", **variables)
    if upgrade.code != 0:
        return ["the upgrade failed"], upgrade.output
    scene.release("99.0.0")
    if run.situation.strikes:
        run.situation.strikes(scene)
    back = scene.play("rollback", octopus_confirm_loss=True, **variables)
    verdict = scene.records(scene.operator)[-1]["verdict"]
    return ([] if verdict == "rolled_back" else [f"the verdict is {verdict}, not rolled_back"]), back.output
