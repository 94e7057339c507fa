# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""When a schema upgrade begins, is found again, and fails. The job, the host and SQL Server are scripted."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
from ansible_collections.octopus.upgrade.plugins.module_utils._mssql.connection.options import SqlOptions
from ansible_collections.octopus.upgrade.plugins.module_utils._octopus.database import schema_upgrade as tested
from ansible_collections.octopus.upgrade.plugins.module_utils._octopus.database.schema import NodeRow, Schema
from ansible_collections.octopus.upgrade.plugins.module_utils._octopus.errors import OctopusError
from ansible_collections.octopus.upgrade.plugins.module_utils._windows.errors import HostError, HostTimeout, HostUnreachable
from ansible_collections.octopus.upgrade.plugins.module_utils._windows.jobs import JobState, RunAs

OLD, NEW = "2018.10.7", "2026.2.9853"
SESSION = {"session_id": 54, "login": "octopus", "host": "OCTO-B", "program": "Octopus 2018.10.7"}


class Job:
    """A job of the host; ``end`` is what waiting for it gives."""

    output_path = "C:\\work\\jobs\\it\\output.txt"
    task = "\\octopus.upgrade\\it"

    def __init__(self, world: World) -> None:
        self.world = world

    def poll(self) -> JobState:
        return JobState(self.world.status)

    def start(self, commands: list[list[str]], run_as: RunAs) -> None:
        self.world.said.append("start")
        self.world.started.append((commands, run_as))
        self.world.status = "running"

    def wait(self, deadline_seconds: float, on_output: Any) -> JobState:
        assert deadline_seconds == 60
        on_output([*self.world.output.splitlines(), "", "Server=x;Password=hunter2"])
        if isinstance(self.world.end, Exception):
            raise self.world.end
        return self.world.end

    def output(self) -> str:
        return self.world.output

    def cancel(self) -> None:
        self.world.said.append("cancel")
        self.world.status = "lost"

    def remove(self) -> None:
        self.world.said.append("remove")
        self.world.status = "absent"


class World:
    """All that the upgrade meets."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.status = "absent"
        self.end: JobState | Exception = JobState("finished", (0,))
        self.output = "Beginning\nUpgrade successful\n"
        self.version: str | None = OLD
        self.program: str | None = NEW
        self.sessions: list[dict[str, Any]] = []
        self.visible = True
        self.readable = True
        self.heartbeats: list[list[NodeRow]] = [[]]
        self.said: list[str] = []
        self.told: list[str] = []
        self.started: list[Any] = []
        self.open = 0
        monkeypatch.setattr(tested, "Job", lambda _host, _root, _name: Job(self))
        monkeypatch.setattr(tested.schema, "read", lambda _connection: Schema(self.version, (), 1))
        monkeypatch.setattr(
            tested.schema, "heartbeats", lambda _connection: self.heartbeats.pop(0) if len(self.heartbeats) > 1 else self.heartbeats[0]
        )
        monkeypatch.setattr(tested.schema, "heartbeats_readable", lambda _connection: self.readable)
        monkeypatch.setattr(tested.server_info, "may_see_sessions", lambda _connection: self.visible)
        monkeypatch.setattr(tested.server_info, "sessions", lambda _connection, _database: self.sessions if self.visible else [])
        monkeypatch.setattr(tested.files, "exists", lambda _host, _path: bool(self.output))
        monkeypatch.setattr(tested.files, "make_folder", lambda _host, _path: True)
        monkeypatch.setattr(tested.files, "move", lambda _host, _source, target: self.said.append(f"keep {target.rpartition(chr(92))[0]}"))
        monkeypatch.setattr(tested.Deadline, "pause", lambda _self: True)

    # -- the connection to the database
    options = SqlOptions("sql01")

    def scalar(self, _sql: str) -> str:
        return "Octopus"

    def __enter__(self) -> World:
        self.open += 1
        return self

    def __exit__(self, *_exc: object) -> None:
        self.open -= 1

    def _tell(self, message: str, _percent: float | None = None, count: int | None = None) -> None:
        self.told.append(message if count is None else f"{count}: {message}")

    def upgrade(self, expected: str | None = NEW, check_mode: bool = False) -> dict[str, Any]:
        request = tested.UpgradeRequest("Prod", expected, 60, RunAs(), "C:\\work", check_mode, self._tell)
        cli = SimpleNamespace(program="C:\\Program Files\\Octopus\\Octopus.Server.exe", version=lambda: self.program)
        octopus = SimpleNamespace(one_instance=lambda name: SimpleNamespace(name=name), host=SimpleNamespace(where="octo-a"), cli=cli)
        return tested.SchemaUpgrade(request, octopus, lambda: self).run()


@pytest.fixture
def world(monkeypatch: pytest.MonkeyPatch) -> World:
    return World(monkeypatch)


def test_it_runs_as_a_job_and_its_log_is_kept(world: World) -> None:
    result = world.upgrade()
    (([argv], run_as),) = world.started
    assert argv == ["C:\\Program Files\\Octopus\\Octopus.Server.exe", "database", "--instance=Prod", "--upgrade"]
    assert run_as == RunAs()
    assert (result["changed"], result["job"], result["exit_code"]) == (True, "started", 0)
    assert result["log_tail"] == ["Beginning", "Upgrade successful"]
    assert result["output_path"].startswith("C:\\work\\logs\\schema-")
    assert world.said == ["start", "keep C:\\work\\logs", "remove"]
    assert world.open == 0
    assert not any("hunter2" in line for line in world.told)


def test_scripts_are_counted_as_they_begin_and_in_the_log(world: World) -> None:
    scripts = [f"Executing Database Server script 'Octopus.Script{number}.sql'" for number in (1, 2)]
    world.output = "\n".join(["Beginning database upgrade", *scripts, "Upgrade successful"])
    assert world.upgrade()["scripts"] == 2
    assert world.told[1:5] == ["Beginning database upgrade", f"1: {scripts[0]}", f"2: {scripts[1]}", "Upgrade successful"]


def test_nothing_to_do_where_the_version_has_run(world: World) -> None:
    world.version = NEW
    assert world.upgrade() == {"changed": False, "job": None}
    assert not world.said


def test_check_mode_begins_nothing_and_does_not_mind_running_nodes(world: World) -> None:
    world.sessions = [SESSION]
    world.program = OLD
    assert world.upgrade(check_mode=True) == {"changed": True, "job": None}
    assert not world.said


def test_a_program_of_another_version_is_refused(world: World) -> None:
    world.program = OLD
    with pytest.raises(OctopusError, match=rf"to be {NEW}, .* but it is {OLD}.*octopus_install"):
        world.upgrade()
    assert not world.started


def test_whoever_is_on_the_database_is_named(world: World) -> None:
    world.sessions = [SESSION]
    with pytest.raises(OctopusError, match=r"octopus from OCTO-B with Octopus 2018\.10\.7"):
        world.upgrade()
    assert not world.started


def test_a_heartbeat_that_goes_on_is_a_node_that_runs(world: World) -> None:
    world.heartbeats = [[NodeRow("OCTO-B", "20:00:00", 10.0)], [NodeRow("OCTO-B", "20:00:15", 1.0)]]
    with pytest.raises(OctopusError, match="OCTO-B 1 s ago"):
        world.upgrade()
    assert not world.started


def test_a_heartbeat_that_only_gets_older_is_waited_for(world: World) -> None:
    world.heartbeats = [[NodeRow("OCTO-B", "20:00:00", age)] for age in (10.0, 40.0, 61.0)]
    assert world.upgrade()["changed"]
    assert len(world.heartbeats) == 1


def test_a_product_that_looks_at_no_heartbeats_is_not_waited_for(world: World) -> None:
    world.program = "2021.1.8045"
    world.heartbeats = [[NodeRow("OCTO-A", "20:00:00", 10.0)], [NodeRow("OCTO-A", "20:00:15", 1.0)]]
    assert world.upgrade("2021.1.8045")["changed"]
    world.visible = False
    with pytest.raises(OctopusError, match="OCTO-A"):
        World.upgrade(world, "2021.1.8045")


def test_neither_sessions_nor_heartbeats_are_no_sign_of_stopped_nodes(world: World) -> None:
    world.program, world.readable = "2021.1.8045", False
    assert world.upgrade("2021.1.8045")["changed"]
    world.visible, world.started = False, []
    with pytest.raises(OctopusError, match=r"in a column that is not known\. Grant the login VIEW SERVER STATE"):
        world.upgrade("2021.1.8045")
    assert not world.started
    world.program = NEW  # refuses by itself where nodes run
    assert world.upgrade()["changed"]


def test_the_error_lines_and_where_the_log_is(world: World) -> None:
    world.end = JobState("finished", (1,))
    world.output = (
        "Beginning\n" + "ok\n" * 50 + "Upgrade failed: Script0400 String would be truncated\nPassword=hunter2;Server=x error\nbye\n"
    )
    with pytest.raises(OctopusError) as caught:
        world.upgrade()
    assert "exit code 1: Upgrade failed: Script0400" in caught.value.message
    assert "The whole log is C:\\work\\logs\\schema-" in caught.value.message
    assert "hunter2" not in caught.value.message
    assert world.said[-1] == "remove"


def test_one_that_runs_is_followed_and_not_begun_twice(world: World) -> None:
    world.status = "running"
    assert world.upgrade()["job"] == "attached"
    assert not world.started


def test_one_that_runs_for_another_version_is_not_taken_for_ours(world: World) -> None:
    world.status, world.program = "running", OLD
    with pytest.raises(OctopusError, match=f"is {OLD}"):
        world.upgrade()


def test_one_that_has_failed_is_said_once_and_then_begun_anew(world: World) -> None:
    world.status, world.end = "finished", JobState("finished", (100,))
    with pytest.raises(OctopusError, match="exit code 100, in an earlier run"):
        world.upgrade()
    assert not world.started
    world.end = JobState("finished", (0,))
    assert world.upgrade()["job"] == "started"


def test_one_that_has_ended_well_runs_again_since_the_database_may_have_been_restored(world: World) -> None:
    world.status = "finished"
    assert world.upgrade()["job"] == "started"
    assert world.said.count("remove") == 2
    world.status, world.version = "finished", NEW
    assert world.upgrade() == {"changed": True, "job": "collected"}


def test_a_lost_one_is_said_once(world: World) -> None:
    world.status, world.end, world.output = "lost", HostError("lost"), ""
    with pytest.raises(OctopusError, match=r"without an exit code, in an earlier run.*it printed nothing"):
        world.upgrade()
    assert world.said == ["remove"]


def test_a_deadline_ends_the_job(world: World) -> None:
    world.end = HostTimeout("not done")
    with pytest.raises(OctopusError, match="not done after 60 s and was ended"):
        world.upgrade()
    assert world.said == ["start", "cancel", "keep C:\\work\\logs", "remove"]


def test_a_host_that_is_away_leaves_the_job_alone(world: World) -> None:
    world.end = HostUnreachable("gone")
    with pytest.raises(HostUnreachable):
        world.upgrade()
    assert world.said == ["start"]


def test_an_expected_version_must_be_one() -> None:
    with pytest.raises(OctopusError, match="latest"):
        tested.UpgradeRequest.from_params({"expected_version": "latest"}, False, print)
