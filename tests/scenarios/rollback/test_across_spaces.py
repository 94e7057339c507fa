# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Back across 2019.1, whose upgrade moves the packages: they are where they were, and the older server finds them."""

from __future__ import annotations

from dataclasses import replace

import pytest
from lab.estate import DEMO
from lab.octopus import register
from scenarios import exact
from scenarios.rollback.scene import MakeScene

MOVED = "Packages\\Spaces-1\\feeds-builtin\\"

pytestmark = pytest.mark.timeout(1200)


def test_packages_are_back_where_they_were(make_scene: MakeScene) -> None:
    scene = make_scene(replace(DEMO, ladder=("2021.1.8045",), target="2021.1.8045"))
    before = scene.look()
    assert not any(path.startswith(MOVED) for path in before.files)
    run = scene.play("upgrade_inplace")
    assert run.code == 0, run.output[-5000:]
    upgraded = scene.look()
    assert len([path for path in upgraded.files if path.startswith(MOVED)]) >= 200

    run = scene.play("rollback", octopus_confirm_loss=True)
    assert run.code == 0, run.output[-5000:]
    record = run.record(DEMO.name)
    assert record["verdict"] == "rolled_back"
    assert record["evidence"]["package"]["id"], "one was downloaded"
    after = scene.look()
    # A newer program has copied the registration from the registry to a file, which older ones do not read, and newer ones would write anew.
    copy = [one for node, known in after.registered.items() for one in known if one not in before.registered[node]]
    assert len(copy) == 1 and copy[0].startswith(f"{register.DEFAULT.lower()}.config ")
    registered = {node: [one for one in known if one not in copy] for node, known in after.registered.items()}
    assert exact.changed(before, replace(after, registered=registered)) == []
    assert scene.left() == []
