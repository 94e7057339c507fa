# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A running server whose database is taken away and given back."""

from __future__ import annotations

from typing import Any

from patience import patient

PROGRAM = "Octopus Server"


def sessions(here: Any) -> list[Any]:
    database = here.sql.database("OctopusDeploy")
    return [client for client in here.sql.sessions_in(database) if client.program == PROGRAM]


def test_a_running_server_holds_sessions_and_a_stopped_one_none(world: Any) -> None:
    here = world("octo01", version="2021.1.8045")
    here.started()
    assert sessions(here) and {client.host for client in sessions(here)} == {"OCTO01"}
    assert here.octopus("service", "--stop").code == 0
    assert sessions(here) == []


def test_killed_sessions_are_opened_anew(world: Any) -> None:
    here = world("octo01", version="2021.1.8045")
    here.started()
    old = sessions(here)
    for client in old:
        here.sql.kill(client)
    assert here.get("/api/users/me").status_code == 200
    assert sessions(here) and not set(old) & set(sessions(here))


def test_a_database_that_is_offline_for_a_while(world: Any) -> None:
    here = world("octo01", version="2021.1.8045")
    here.started()
    database = here.sql.database("OctopusDeploy")
    database.state = "OFFLINE"
    for client in sessions(here):
        here.sql.kill(client)
    mark = here.ledger.mark()
    here.wait("database error", mark)
    assert here.get("/api/users/me").status_code == 500
    database.state = "ONLINE"
    assert here.get("/api/users/me").status_code == 200
    with here.instance.store() as store:
        seen = store.nodes()[0]["LastSeen"]
        here.until(lambda: store.nodes()[0]["LastSeen"] > seen)


def test_a_killed_server_leaves_no_session_and_a_stale_heartbeat(world: Any) -> None:
    here = world("octo01", version="2021.1.8045")
    here.started()
    process = next(one for one in here.host.processes() if one.name == "Octopus.Server.exe")
    process.kill()
    assert process.wait(patient(10)) is not None
    assert sessions(here) == []
    with here.instance.store() as store:
        seen = store.nodes()[0]["LastSeen"]
        here.pass_time(40)
        assert store.nodes()[0]["LastSeen"] == seen


def test_an_upgrade_that_is_killed_is_rolled_back(world: Any) -> None:
    here = world("octo01", version="2021.1.8045")
    here.started()
    assert here.octopus("service", "--stop").code == 0
    assert here.msi("2025.3.14357") == 0
    line = '"C:\\Program Files\\Octopus Deploy\\Octopus\\Octopus.Server.exe" database --upgrade'
    mark = here.ledger.mark()
    process = here.host.spawn(None, line, here.host.system)
    here.wait("schema upgrade", mark, action="start")
    process.kill()
    assert process.wait(patient(10)) == 1
    assert sessions(here) == []
    mark = here.ledger.mark()
    assert here.octopus("database", "--upgrade").code == 0
    assert here.ledger.events("octopus", since=mark, what="schema upgrade", action="done")[0]["scripts"] > 10
