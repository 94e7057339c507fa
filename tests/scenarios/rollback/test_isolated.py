# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A portal that is closed to everybody but the upgrade until it is published: another client gets no answer, and afterwards does again."""

from __future__ import annotations

import socket
import ssl
import threading
from pathlib import Path

import pytest
from lab.core.ledger import Event
from lab.estate import SINGLE, WEB_PORT
from patience import patient
from scenarios import leftovers
from scenarios.chaos.controller import Controller
from scenarios.operator import DEADLINE
from scenarios.rollback.scene import PATIENCE, MakeScene, Scene

CONTROL_NODE, USER = "127.0.0.1", "127.0.0.2"  # the lab's machines are all on loopback; a client's own address is what tells it from others
SILENCE = patient(1.5)  # real seconds after which a client that is never answered gives up

pytestmark = pytest.mark.timeout(1200)


@pytest.fixture(scope="module")
def scene(make_scene: MakeScene) -> Scene:
    return make_scene(SINGLE)


def answers(scene: Scene, client: str, seconds: float) -> bool:
    """Whether the portal answers somebody at that address; False where it stays silent, as where a firewall drops what comes."""
    context = ssl.create_default_context(cafile=str(scene.lab.ca_path))
    host = scene.instance.hosts[0].address
    try:
        with (
            socket.create_connection((host, WEB_PORT), timeout=seconds, source_address=(client, 0)) as connection,
            context.wrap_socket(connection, server_hostname=host) as secure,
        ):
            secure.sendall(b"GET /api HTTP/1.1\r\nHost: octopus\r\nConnection: close\r\n\r\n")
            return secure.recv(15).startswith(b"HTTP/1.1 200")
    except TimeoutError:
        return False


class Visitor(threading.Thread):
    """A user who tries the portal as soon as the new version has started."""

    def __init__(self, scene: Scene) -> None:
        super().__init__(daemon=True)
        self._scene, self._mark = scene, scene.lab.ledger.mark()
        self.let_in: bool | None = None

    def run(self) -> None:
        def started(event: Event) -> bool:
            return event.kind == "octopus" and event.get("what") == "started" and event.get("version") == SINGLE.target

        self._scene.lab.ledger.wait_for(started, PATIENCE, self._mark)
        control = answers(self._scene, CONTROL_NODE, patient(30))
        self.let_in = answers(self._scene, USER, SILENCE) if control else None


def test_a_killed_control_node_leaves_it_closed_and_the_next_rollback_opens_it(scene: Scene, tmp_path: Path) -> None:
    before, mark = scene.look(), scene.lab.ledger.mark()
    assert answers(scene, USER, patient(30))

    def stopping() -> bool:
        return any(event["action"] == "added" for event in scene.lab.ledger.events("firewall", since=mark)) and bool(
            scene.lab.ledger.events("service.state", since=mark, state="STOP_PENDING")
        )

    with Controller(scene.operator, "upgrade_inplace", tmp_path / "killed.txt", octopus_isolate_until_published=True) as controller:
        controller.kill_when(stopping, "the service to stop", DEADLINE)
    shells = leftovers.shells(scene.instance)
    assert len(scene.instance.hosts[0].firewall.rules) == 1
    run = scene.play("rollback")
    assert run.code == 0, run.output[-5000:]
    assert scene.instance.hosts[0].firewall.rules == []
    assert answers(scene, USER, patient(30))
    assert scene.unlike(before) == []
    assert scene.left(old_shells=shells) == []


def test_an_upgrade_that_fails_is_rolled_back_and_open_again(scene: Scene) -> None:
    """With octopus_keep_failed off, so that nothing of the failed state is kept; where it is: test_automatic.py."""
    before, shells = scene.look(), leftovers.shells(scene.instance)  # of the control node that was killed above
    databases, kept = set(scene.instance.sql.databases), sorted(scene.points.glob("failed-*"))
    armed = scene.lab.faults.arm("schema.fail", SINGLE.nodes[0])
    run = scene.play("upgrade_inplace", octopus_isolate_until_published=True, octopus_keep_failed=False)
    scene.lab.faults.disarm(armed)
    record = run.record(SINGLE.name)
    assert record["verdict"] == "failed_rolled_back", run.output[-5000:]
    assert not record["retained"]
    assert (set(scene.instance.sql.databases), sorted(scene.points.glob("failed-*"))) == (databases, kept)
    assert answers(scene, USER, patient(30))
    assert scene.unlike(before) == []
    assert scene.left(old_shells=shells) == []


def test_nobody_else_is_answered_until_it_is_published(scene: Scene) -> None:
    before, visitor, shells = scene.look(), Visitor(scene), leftovers.shells(scene.instance)
    visitor.start()
    run = scene.play("upgrade_inplace", octopus_isolate_until_published=True)
    assert run.code == 0, run.output[-5000:]
    visitor.join(PATIENCE)
    assert visitor.let_in is False
    assert answers(scene, USER, patient(30))
    assert scene.not_upgraded(before) == []
    assert scene.left(old_shells=shells) == []
