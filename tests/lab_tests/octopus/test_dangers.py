# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a running server does to the world outside: each happens, and each is ended by each of the rows that say so."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from types import SimpleNamespace
from typing import Any, cast

import pytest
from lab.core.ledger import Event
from lab.octopus import machine_policy, outside, retention
from lab.octopus.dangers import Outside
from lab.octopus.node import Node
from lab.octopus.releases import NEW_VERSION
from lab.octopus.seed_dangers import polling_uri
from lab.octopus.server_tasks import Execution
from lab.windows.firewall import POLICY, Firewall, Rule, ranges
from lab.windows.registry import Registry
from lab_tests.octopus.silencers import SILENCERS, Rows, prop

NEW, OLD = "2025.3.14357", "2018.10.7"
MINUTE = 60.0


class Server:
    """A node without its process: what it does by itself, and the tasks that it is given, one after the other."""

    def __init__(self, bench: Any, version: str = NEW, **options: Any) -> None:
        self.bench = bench(version, dangers=True, **options)
        self.store = self.bench.store(version)
        self.rows = Rows(self.bench.connection)
        self.is_idle = False
        self.node: Any = SimpleNamespace(
            host=self.bench.machine, store=self.store, name="OCTO01", log=print, idle=lambda: self.is_idle, executions={}
        )
        machine_policy.polls(self.bench.network, polling_uri("OCTO01"), {"the-source"})
        self.outside = Outside(cast(Node, self.node))

    def task(self, name: str, **values: Any) -> str:
        now = self.bench.clock.now()
        row = {"Name": name, "Description": name, "State": "Executing", "QueueTime": now, "HasWarningsOrErrors": False, "Arguments": {}}
        task = self.store.add("ServerTask", row | values)
        Execution(self.node, task)._run()
        return str((self.store.document("ServerTask", task["Id"]) or {})["State"])

    def deploy(self) -> None:
        assert self.task("Deploy", ProjectId="Projects-1", EnvironmentId="Environments-3") == "Success"

    def health(self) -> None:
        """Twice, with as much time between as a target may be unavailable."""
        assert self.task("Health") == "Success"
        self.bench.clock.sleep(machine_policy.span("00:03:00", 0) + 1)
        assert self.task("Health") == "Success"

    def retention(self) -> None:
        self.bench.clock.sleep(5 * MINUTE)
        assert self.task("Retention") == "Success"

    def background(self) -> None:
        """Once; then something happens, and a version of the feed later again."""
        for wait in (0.0, NEW_VERSION + 1):
            self.bench.clock.sleep(wait)
            self.outside._due = [0.0] * len(self.outside._due)
            self.outside.look()
            self.store.add("Event", {"Category": "Modified", "Occurred": self.bench.clock.now(), "Message": "something"})

    def events(self, what: str) -> list[Event]:
        if what == "retention":
            return self.bench.ledger.events("retention")
        return self.bench.ledger.events("contact", what=what)


@pytest.fixture
def server(bench: Any) -> Callable[..., Server]:
    return lambda *args, **options: Server(bench, *args, **options)


# What brings each about.
CAUSES: dict[str, Callable[[Server], None]] = {
    "target": Server.deploy,
    "worker": Server.health,
    "mail": Server.deploy,
    "integration": Server.deploy,
    "machine policy": Server.health,
    "retention": Server.retention,
    "server": Server.deploy,
    "cloud": Server.deploy,
    **dict.fromkeys(("feed", "release", "git", "audit", "telemetry", "upgrade check", "acme"), Server.background),
}


@pytest.mark.parametrize("what", CAUSES)
def test_it_happens_and_the_ledger_says_which_machine_did_it(server: Callable[..., Server], what: str) -> None:
    here = server()
    CAUSES[what](here)
    events = here.events(what)
    assert events and {(event.machine, event["node"]) for event in events} == {("octo01", "OCTO01")}


def test_what_windows_firewall_refuses_is_not_reached(server: Callable[..., Server], monkeypatch: pytest.MonkeyPatch) -> None:
    here, registry = server(), Registry()
    registry.set(f"{POLICY}\\DomainProfile", "EnableFirewall", "REG_DWORD", 1)
    firewall = Firewall(registry)
    firewall.add(Rule("all", frozenset(), ranges("0.0.0.0-255.255.255.255,::/0"), outbound=True))
    monkeypatch.setattr(here.bench.machine, "refuses", firewall.refuses)
    for cause in (Server.deploy, Server.health, Server.background):
        cause(here)
    assert {event["what"] for event in here.bench.ledger.events("contact")} <= set(outside.AT_HOME)
    assert {event["what"] for event in here.bench.ledger.events("refused")} == {*CAUSES} - {*outside.AT_HOME, "retention"}


@pytest.mark.parametrize(("what", "how"), [(what, how) for what, edits in SILENCERS.items() for how in edits])
def test_a_row_ends_it(server: Callable[..., Server], what: str, how: str) -> None:
    here = server()
    SILENCERS[what][how](here.rows)
    CAUSES[what](here)
    assert here.events(what) == []


def test_disabled_targets_do_not_stop_the_steps_that_need_none(server: Callable[..., Server]) -> None:
    here = server()
    SILENCERS["target"]["disabled"](here.rows)
    here.deploy()
    (cloud,), (script,) = here.events("cloud"), here.events("server")
    assert (cloud["account"], cloud["action"], script["step"]) == ("Cloud subscription", "Octopus.AzurePowerShell", "Tell the monitoring")


def test_telemetry_says_who_it_is_and_so_does_the_upgrade_check(server: Callable[..., Server]) -> None:
    here = server()
    here.rows.json("Configuration", "upgradeavailability", lambda document: document.update(InstallationId="another"))
    here.background()
    assert {event["installation_id"] for what in ("telemetry", "upgrade check") for event in here.events(what)} == {"another"}


@pytest.mark.parametrize("on", [True, False])
def test_before_telemetry_had_its_own_row_it_was_the_statistics_setting(server: Callable[..., Server], on: bool) -> None:
    here = server(OLD)
    prop("Configuration", "upgrades", "IncludeStatistics", value=on)(here.rows)
    here.background()
    assert bool(here.events("telemetry")) is on
    assert not any(here.events(what) for what in ("git", "audit", "feed"))  # that version has none of them


def test_mails_lead_to_the_address_that_the_server_has_for_itself(server: Callable[..., Server]) -> None:
    here = server()
    prop("Configuration", "server", "ServerUri", value="https://clone.lab.example/")(here.rows)
    here.deploy()
    (mail,) = here.events("mail")
    assert mail["link"].startswith("https://clone.lab.example/app#/")
    prop("Configuration", "smtp", "SmtpHost", value="")(here.rows)
    assert here.task("TestEmail", Arguments={"EmailAddress": "ops@lab.example"}) == "Failed"


def test_a_certificate_that_is_long_valid_is_not_renewed(server: Callable[..., Server]) -> None:
    here = server()
    prop("Configuration", "letsencrypt", "CertificateExpiryDate", value="2099-01-01T00:00:00Z")(here.rows)
    here.background()
    assert here.events("acme") == []


def test_a_target_that_polls_another_server_is_deleted_and_no_other(server: Callable[..., Server]) -> None:
    here = server()
    before = {row["Name"] for row in here.store.documents("Machine")}
    here.health()
    assert before - {row["Name"] for row in here.store.documents("Machine")} == {"prod-roaming-01"}
    assert here.events("machine policy")[0]["policy"] == "Roaming"


def test_a_target_that_polls_this_server_is_healthy(server: Callable[..., Server]) -> None:
    here = server()
    machine_policy.polls(here.bench.network, polling_uri("OCTO01"), {"octo01"})
    before = here.store.documents("Machine")
    here.health()
    assert here.store.documents("Machine") == before
    assert "prod-roaming-01" in {event["target"] for event in here.events("target")}


def test_a_feed_makes_one_release_a_version_and_none_while_the_server_is_quiet(server: Callable[..., Server]) -> None:
    here = server()
    releases = here.store.count("Release")
    here.background()
    (event,) = here.events("release")
    assert here.store.documents("Release")[-1]["Version"] == event["version"] and here.store.count("Release") == releases + 1
    here.is_idle = True
    before = here.store.documents("ProjectTrigger")
    here.background()
    assert len(here.events("release")) == 1 and here.store.documents("ProjectTrigger") == before


def test_retention_keeps_what_a_release_uses_and_what_is_young(server: Callable[..., Server]) -> None:
    here = server()
    kept = {row["Id"] for row in here.store.documents("NuGetPackage") if row["PackageId"] != "Lab.Nightly"}
    first = here.store.documents("Release")[0]
    here.store.save("Release", {**first, "SelectedPackages": [{"ActionName": "Deploy", "PackageId": "Lab.Nightly", "Version": "0.0.1"}]})
    here.bench.clock.sleep(5 * MINUTE)
    here.retention()
    left = {row["Id"] for row in here.store.documents("NuGetPackage")}
    assert kept | {"packages-Lab.Nightly.0.0.1"} <= left and "packages-Lab.Nightly.0.0.2" not in left
    paths = {event["path"]: event["there"] for event in here.events("retention")}
    assert paths["C:\\Octopus\\Packages\\Spaces-1\\feeds-builtin\\Lab.Nightly\\Lab.Nightly.0.0.2.nupkg"] is True
    assert not any(here.bench.files.read(path) for path in paths)


@pytest.mark.parametrize("forever", [{"ShouldKeepForever": True}, {"Strategy": "Forever"}])
def test_old_releases_go_with_deployments_logs_and_artifacts(server: Callable[..., Server], forever: dict[str, Any]) -> None:
    here = server(size=1.0)
    policy = {"Unit": "Items", "QuantityToKeep": 4, "ShouldKeepForever": False}
    prop("Lifecycle", None, "ReleaseRetentionPolicy", value=policy | forever)(here.rows)
    before = here.store.count("Release")
    here.retention()
    assert here.store.count("Release") == before
    prop("Lifecycle", None, "ReleaseRetentionPolicy", value=policy)(here.rows)
    here.retention()
    assert before - here.store.count("Release") == 4 * 6
    assert {event["of"] for event in here.events("retention")} == {"package", "log", "artifact"}
    there = {row["Id"] for row in here.store.documents("Release")}
    assert {row["ReleaseId"] for row in here.store.documents("Deployment")} <= there


@pytest.mark.parametrize(
    ("cron", "seconds"), [(None, 14400.0), ("0 */5 * * * *", 300.0), ("0 0 */6 * * *", 21600.0), ("0 0 * * * *", 3600.0)]
)
def test_when_retention_is_due(server: Callable[..., Server], cron: str | None, seconds: float) -> None:
    here = server()
    prop("Configuration", "retentionpolicies", "CronExpression", value=cron)(here.rows)
    assert retention.interval(here.store) == seconds


def test_a_schedule_that_the_lab_does_not_know_is_refused(server: Callable[..., Server]) -> None:
    here = server()
    prop("Configuration", "retentionpolicies", "CronExpression", value="0 0 15 * * MON")(here.rows)
    with pytest.raises(ValueError, match="lab:"):
        retention.interval(here.store)


@pytest.mark.parametrize("hours", [5.0, 3.0])
def test_retention_that_is_due_runs_soon_after_a_start_but_not_in_maintenance_mode(world: Any, hours: float) -> None:
    here = world("octo01", version="2021.1.8045", trigger_minutes=6000)
    here.started()
    assert here.octopus("service", "--stop").code == 0
    with here.instance.store() as store:
        last = {"Name": "Retention", "Description": "Apply retention policies", "State": "Success", "HasWarningsOrErrors": False}
        store.add("ServerTask", {**last, "QueueTime": here.clock.now() - timedelta(hours=hours)})
        store.set_maintenance(True)
        mark = here.ledger.mark()
        assert here.octopus("service", "--start").code == 0
        here.started(mark)
        here.pass_time(3 * 30 + 20)  # three looks at the schedules, and one at the queue
        assert not here.ledger.events("octopus", since=mark, what="task", name="Retention")
        store.set_maintenance(False)
        if hours > 4:
            here.wait("task", mark, name="Retention", state="Success")
        else:
            here.pass_time(3 * 30 + 20)
            assert not here.ledger.events("octopus", since=mark, what="task", name="Retention")


@pytest.mark.parametrize(("text", "seconds"), [("00:05:00", 300.0), ("1.02:00:00", 93600.0), (None, 7.0), ("", 7.0)])
def test_time_spans(text: str | None, seconds: float) -> None:
    assert machine_policy.span(text, 7.0) == seconds
