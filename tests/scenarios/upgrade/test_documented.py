# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""An upgrade in an estate in which only what is documented exists, while a deployment waits for a person."""

from __future__ import annotations

from pathlib import Path

from lab.estate import SINGLE, Lab
from lab.octopus import interruptions
from scenarios.operator import Operator


def test_nothing_assumed_is_needed_and_who_is_asked_goes_on_being_asked(tmp_path: Path) -> None:
    with Lab(tmp_path / "lab", SINGLE, scale=40, only_documented=True) as lab:
        instance = lab.instances["single"]
        with instance.handle.store() as store:
            task = interruptions.ask(store, lab.clock.now())
            team = store.documents("Team")[0]["Name"]
        operator = Operator(lab, tmp_path / "operator")
        mark = lab.ledger.mark()
        refused = operator.play("upgrade_inplace")
        assert refused.code != 0
        told = " ".join(refused.output.split())
        assert f"nobody_asked (single): expected no task that waits for a person's answer, but found {task['Id']}" in told
        assert f"for team {team}" in told and "octopus_interventions" in told
        assert not [event for event in lab.ledger.events("octopus", since=mark) if event.get("what") in ("drain", "stopped")]

        done = operator.play("upgrade_inplace", octopus_interventions="leave")
        assert done.code == 0, done.output
        with instance.handle.store(SINGLE.target) as store:
            after = store.document("ServerTask", task["Id"])
            assert store.history()[-1]["Version"] == SINGLE.target
        assert after is not None
        assert (after["State"], bool(after["HasPendingInterruptions"])) == ("Executing", True)
