# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""How well a rehearsal predicts the outage: that of the clone against that of its source's own upgrade right after.

``make bench``, on a computer that has nothing else to do. The lab runs slowly, so that its own seconds weigh more than Ansible's.
"""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from lab.estate import SINGLE, CloneSpec, Lab
from scenarios.operator import Operator

SCALE = 10.0
WITHIN = 0.25
PATIENCE = 900.0


@pytest.mark.timeout(3000)
def test_what_a_rehearsal_predicts(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with Lab(tmp_path / "lab", SINGLE, CloneSpec("copy", SINGLE.name, ("octo-clone",)), scale=SCALE) as lab:
        operator = Operator(lab, tmp_path / "operator")
        run = operator.play("upgrade_clone", deadline=PATIENCE)
        assert run.code == 0, run.output[-5000:]
        [path] = (lab.backup_share.volume.root / SINGLE.name / "rehearsals").glob("*.json")
        expected = float(json.loads(path.read_text())["outage_seconds"])
        run = operator.play("upgrade_inplace", octopus_require_rehearsal=True, deadline=PATIENCE)
        assert run.code == 0, run.output[-5000:]
        outage = float(run.record(SINGLE.name)["outage_seconds"])
    with capsys.disabled():
        print(f"\noutage: expected {expected:.1f} s, then {outage:.1f} s: {outage / expected:.2f} times that")
    assert abs(outage / expected - 1) <= WITHIN
