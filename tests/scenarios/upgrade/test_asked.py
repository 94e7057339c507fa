# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A certificate that the control node does not trust: no healthy instance is rolled back for it. For the public name only: test_faults.py."""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path

from lab.core.pki import Authority
from lab.estate import SINGLE, WEB_PORT, Lab
from lab.octopus import bindings
from patience import patient
from scenarios.operator import Operator
from scenarios.world import look


def test_a_certificate_that_the_control_node_distrusts_after_the_start(
    make_lab: Callable[..., Lab], operator_of: Callable[[Lab], Operator], tmp_path: Path
) -> None:
    """The service is healthy and only the control node cannot ask: it is asked from itself, and returned to its users."""
    lab = make_lab(SINGLE, scale=40)
    instance = lab.instances["single"]
    host = instance.hosts[0]
    stranger = Authority(tmp_path / "stranger.pem")
    first = lab.ledger.mark()

    def rebind() -> None:
        lab.ledger.wait_for(lambda event: event.kind == "octopus" and event.get("what") == "stopped", patient(200), first)
        bindings.bind_only(host, WEB_PORT, host.address, authority=stranger)

    thread = threading.Thread(target=rebind)
    thread.start()
    operator = operator_of(lab)
    run = operator.play("upgrade_inplace")
    thread.join()
    assert run.code == 0, run.output[-5000:]
    assert run.record("single")["verdict"] == "upgraded"
    assert "was asked from the node itself" in " ".join(run.output.split())
    after = look(instance)
    assert after.programs == {"octo01": SINGLE.target}
    assert not after.maintenance
    assert not after.drained
