# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""octopus_tentacle on hosts of the lab, each with its own Tentacles: what is added, what is refused, and how a host is left that fails."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from ansible_collections.octopus.upgrade.plugins.module_utils._windows.connection import WindowsHost as WindowsConnection
from lab.tentacle.configuration import ACTIVE, PASSIVE, Configuration, Server, server
from lab.windows import services
from patience import patient
from scenarios.tentacle.setting import ADDED, AFTER, BEFORE, FOREIGN, OURS, POLLING, SERVICE, UNKNOWN, WORK, Target


def test_three_hosts_of_which_one_fails(target: Callable[[str], Target]) -> None:
    first = target("target01").install("6.3.605", server(OURS, PASSIVE), POLLING).start()
    second = target("target02").install("6.3.605", POLLING).start()
    third = target("target03").install("4.0.0", server(OURS, PASSIVE), listens=True)
    third.install("4.0.0", POLLING, server(FOREIGN, ACTIVE, "https://foreign:10943/", "poll://f/"), instance="Second one").start()

    before = (first.config(), first.ran())
    outlook = first.move(check_mode=True)
    assert outlook["changed"] and (first.config(), first.ran()) == before and first.copies() == []
    assert outlook["diff"] == {
        "before": "Tentacle: https://octopus:10943/\n",
        "after": "Tentacle: https://octopus:10943/\nTentacle: https://octo-new:10943\n",
    }

    moved = first.move()
    assert moved["changed"] and "failed" not in moved
    (one,) = moved["instances"]
    assert (one["action"], one["addresses_before"], one["addresses_after"]) == ("add", BEFORE, AFTER)
    assert (one["restarted"], one["confirmed"], one["service_state"]) == (True, True, "running")
    assert "still polls https://octopus:10943/, for the return" in moved["left_to_do"][0]
    assert first.servers() == [server(OURS, PASSIVE), POLLING, ADDED]
    assert first.polls()[-1] == ["https://octopus:10943/", "https://octo-new:10943/"]
    assert first.ran() == [
        f"server-comms --instance=Tentacle --thumbprint={OURS} --style=TentacleActive --host=octo-new --port=10943",
        "service --restart --instance=Tentacle",
    ]

    config, process, since = second.config(), second.service().pid, len(second.ledger.events())
    second.host.faults.arm("tentacle.torn", "target02")
    failed = second.move()
    assert failed["failed"] and "target02" in failed["msg"] and "Tentacle failed" in failed["msg"]
    assert "Its configuration was restored." in failed["msg"] and "was not restarted" in failed["msg"]
    (one,) = failed["instances"]
    assert (one["changed"], one["addresses_after"]) == (False, BEFORE) and one["failed"]
    assert (second.config(), second.service().pid, second.copies()) == (config, process, [])
    assert [line for line in second.ran(since) if line.startswith("service")] == []

    moved = third.move()
    assert [(one["name"], one["action"], one["changed"]) for one in moved["instances"]] == [
        ("Second one", "add", True),
        ("Tentacle", "check", False),
    ]
    assert third.servers("C:\\Octopus\\Second one\\Tentacle.config")[-1] == ADDED
    assert third.ran()[-1] == "service --restart --instance=Second one"

    # Again: what is done is left alone, and what has failed is done.
    for one, changed in ((first, False), (second, True), (third, False)):
        again = one.move()
        assert "failed" not in again and again["changed"] is changed
    assert second.servers() == [POLLING, ADDED]
    assert [one.copies() for one in (first, second, third)] == [[], [], []]


@pytest.mark.parametrize(
    ("version", "known", "other", "said"),
    [
        ("3.24.0", POLLING, POLLING, "before 4.0"),
        ("6.3.605", server(OURS, ACTIVE, "https://octopus:10943/"), POLLING, "Tentacle: An entry for this server has no subscription"),
        ("6.3.605", UNKNOWN, UNKNOWN, "expected a Tentacle that trusts a server"),
    ],
)
def test_what_would_lose_a_registration_is_refused(
    target: Callable[[str], Target], version: str, known: Server, other: Server, said: str
) -> None:
    one = target("target01").install(version, known).install(version, other, instance="Other").start()
    config = one.config()
    result = one.move()
    assert result["failed"] and said in result["msg"], result["msg"]
    # Nor is the other instance of the host changed, which could have been.
    assert one.ran() == [] and one.config() == config and one.copies() == []


def test_a_service_that_does_not_start_gets_its_configuration_back(target: Callable[[str], Target]) -> None:
    one = target("target01").install("6.3.605", POLLING).start()
    config = one.config()
    one.host.faults.arm("service.fail_start", "target01", times=2)  # by the program, and by this module
    failed = one.move()
    assert failed["failed"] and "Its configuration was restored." in failed["msg"] and "is running as before" in failed["msg"], failed[
        "msg"
    ]
    assert one.config() == config and one.service().state == services.RUNNING and one.copies() == []
    assert one.polls()[-1] == BEFORE


class Dead(BaseException):
    """The control node is gone: nothing that it would do after a failure happens."""


def dies(monkeypatch: pytest.MonkeyPatch, after: str, before: str) -> None:
    """Let the control node die before the first command with a word that follows one with another word."""
    seen = [after == ""]
    run = WindowsConnection._run

    def until(self: WindowsConnection, command: Any) -> Any:
        line = " ".join(command.argv)
        if seen[0] and before in line:
            raise Dead
        seen[0] = seen[0] or after in line
        return run(self, command)

    monkeypatch.setattr(WindowsConnection, "_run", until)


@pytest.mark.parametrize(
    ("after", "before", "state"),
    [
        ("", "copy", "as it was"),
        ("", "server-comms", "as it was"),
        ("", "server-comms", "torn"),
        ("", "server-comms", "empty"),
        ("server-comms", "type", "added"),
        ("server-comms", "--restart", "added"),
        ("server-comms", "--restart", "stopped"),
        ("--restart", "queryex", "restarted"),
        ("--restart", "del", "restarted"),
    ],
)
def test_a_run_that_was_interrupted_is_finished_by_the_next(
    target: Callable[[str], Target], monkeypatch: pytest.MonkeyPatch, after: str, before: str, state: str
) -> None:
    one = target("target01").install("6.3.605", POLLING).start()
    pid, config = one.service().pid, one.config()
    with monkeypatch.context() as patched, pytest.raises(Dead):
        dies(patched, after, before)
        one.move()
    if before != "copy":
        (copy,) = one.copies()
        assert copy.endswith(".running.config") and one.host.fs.read(f"{WORK}\\{copy}", one.host.system) == config
    if state in ("torn", "empty"):  # the program was killed with the connection
        one.host.fs.write("C:\\Octopus\\Tentacle.config", config[:300] if state == "torn" else b"", one.host.system)
    if state == "stopped":
        one.host.services.stop(SERVICE)
        assert one.host.services.wait(SERVICE, services.STOPPED, patient(30))
    if state == "restarted":
        one.ledger.wait_for(lambda event: event.kind == "tentacle" and len(event["addresses"]) == 2, patient(30))
    done = one.move()
    assert "failed" not in done, done["msg"]
    assert done["instances"][0]["addresses_after"] == AFTER and done["changed"] is (state != "restarted")
    assert one.servers() == [POLLING, ADDED] and one.copies() == []
    assert one.service().pid != pid and one.polls()[-1] == ["https://octopus:10943/", "https://octo-new:10943/"]
    assert one.move()["changed"] is False


def test_what_somebody_has_changed_after_an_interrupted_run_is_not_overwritten(
    target: Callable[[str], Target], monkeypatch: pytest.MonkeyPatch
) -> None:
    one = target("target01").install("6.3.605", POLLING).start()
    with monkeypatch.context() as patched, pytest.raises(Dead):
        dies(patched, "server-comms", "--restart")
        one.move()
    configuration = Configuration.load(one.host, "C:\\Octopus\\Tentacle.config", one.host.system)
    configuration.servers = [server(OURS, ACTIVE, "https://octopus:10943/", "poll://registered-anew/")]
    configuration.save()
    config = one.config()
    result = one.move()
    assert result["failed"] and "somebody has changed the present one since" in result["msg"] and one.copies()[0] in result["msg"]
    assert one.config() == config


def test_a_service_that_is_stopped_stays_so_and_one_that_was_not_restarted_is(target: Callable[[str], Target]) -> None:
    one = target("target01").install("6.3.605", POLLING).start()
    one.host.services.stop(SERVICE)
    assert one.host.services.wait(SERVICE, services.STOPPED, patient(30))
    done = one.move()
    assert done["changed"] and done["instances"][0]["restarted"] is False
    assert "after its next start" in done["left_to_do"][0] and one.service().state == services.STOPPED
    assert one.move()["changed"] is False

    # Somebody adds a further address by hand, and forgets the restart.
    one.host.services.start(SERVICE)
    one.ledger.wait_for(lambda event: event.kind == "tentacle" and len(event["addresses"]) == 2, patient(30))
    configuration = Configuration.load(one.host, "C:\\Octopus\\Tentacle.config", one.host.system)
    configuration.add_or_update({**ADDED, "Address": "https://octo-b:10943"})
    configuration.save()
    result = one.move(addresses=["octo-new", "octo-b"])
    assert (result["instances"][0]["action"], result["instances"][0]["restarted"]) == ("restart", True)
    assert len(one.polls()[-1]) == 3


def test_the_tentacles_of_a_host_are_read(target: Callable[[str], Target]) -> None:
    one = target("target01").install("6.3.605", POLLING)
    one.install("6.3.605", server(OURS, PASSIVE), instance="Broken", listens=True, service=False).start()
    one.host.fs.write("C:\\Octopus\\Broken\\Tentacle.config", b"", one.host.system)
    found = one.move(name="octopus_tentacle_info")
    assert (found["version"], found["changed"]) == ("6.3.605", False)
    broken, sound = found["instances"]
    assert broken["error"] and broken["polled"] is None and broken["service"]["state"] is None
    assert (sound["polled"], sound["listens"], sound["service"]) == (BEFORE, False, {"name": SERVICE, "state": "running"})
    assert sound["trusted_servers"] == [
        {"thumbprint": OURS, "communication": "polling", "address": BEFORE[0], "subscription": "poll://known/"}
    ]
    assert "Broken" in one.move()["msg"] and "It is named in the task" in one.move(thumbprint=FOREIGN, instances=["Tentacle"])["msg"]
    assert one.ran() == []
    assert one.move(instances=["tentacle"])["changed"] is True
    assert "found Broken, Tentacle" in one.move(name="octopus_tentacle_info", instances=["Third"])["msg"]
