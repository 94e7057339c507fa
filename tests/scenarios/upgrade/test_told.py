# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The final words of a whole run, as the roles hand them on. The words of each verdict are tested in the unit tests of the report."""

from __future__ import annotations

import json
from pathlib import Path

from lab.estate import CLUSTER, Lab
from scenarios.operator import Operator
from scenarios.world import look


def test_the_nodes_of_a_cluster_that_are_stopped_are_named(tmp_path: Path) -> None:
    with Lab(tmp_path / "lab", CLUSTER, scale=40) as lab:
        before = look(lab.instances["cluster"])
        lab.faults.arm("schema.fail")
        run = Operator(lab, tmp_path / "operator").play("upgrade_inplace", octopus_on_failure="stop")
        after = look(lab.instances["cluster"])
        assert lab.ledger.events("fault", action="met")
    told = " ".join(run.output[run.output.index("Report the failure and the state of the instance") :].split())
    [record] = (run.folder / "octopus-runs" / "cluster").glob("*.json")
    assert json.loads(record.read_text())["verdict"] == "failed_stopped"
    assert f"The service is stopped on {', '.join(before.services)}. Do not start" in told
    assert {state for state, _start in after.services.values()} == {1}
    assert f"Run record: {record}" in told
