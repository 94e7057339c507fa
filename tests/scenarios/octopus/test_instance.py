# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""octopus_instance on a Windows host of the lab that has the program and nothing else, and a database beside the source's."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.octopus.upgrade.plugins.module_utils._secrets.stored_secret import fingerprint
from ansible_collections.octopus.upgrade.tests.unit.run_module import run_module
from lab.core.clock import Clock
from lab.core.faults import Faults
from lab.core.ledger import Event, Ledger
from lab.core.network import Network
from lab.octopus import media, register
from lab.octopus.build import InstanceHandle, install_instance, register_programs
from lab.octopus.cli.service_command import create_watchdog
from lab.octopus.installation import CONNECTION, HOME, MASTER_KEY, NODE_NAME, Installation
from lab.sql.server import SqlServer
from lab.windows import installer
from lab.windows.host import WindowsHost
from lab.winrm.server import WinRMServer
from patience import patient

VERSION, OTHER_VERSION = "2025.3.14357", "2026.2.9853"
SOURCE, CLONE = "Octopus", "Octopus [clone]"
KEY, OTHER_KEY = "bGFiLW1hc3Rlci1rZXkhIQ==", "b3RoZXItbWFzdGVyLWtleQ=="
SQL_PASSWORD = "Sq1; = '\"{x} & %PATH% 100%"
SERVICE_PASSWORD = "Svc;1 \"&' %x%"
WINRM_PASSWORD = "Pw!of-the-lab"
VAULT_PASSWORD = "the vault's own"
SHARE = "\\\\nas\\octopus"
PREFIX = "https://+:8443/"
FOLDERS = {name: f"D:\\Clone\\{name}" for name in ("logs", "artifacts", "packages", "imports", "event_exports", "telemetry")}


@dataclass
class World:
    """The clone's host, SQL Server with both databases, and the files that a restore point gives."""

    folder: Path
    network: Network
    host: WindowsHost
    sql: SqlServer
    copy: InstanceHandle
    files: dict[str, str] = field(default_factory=dict)

    @property
    def ledger(self) -> Ledger:
        return self.network.ledger

    @property
    def connection(self) -> dict[str, Any]:
        return {"server": self.sql.machine.address, "database": CLONE, "user": "octopus", "password": SQL_PASSWORD}

    @property
    def source(self) -> dict[str, str]:
        return {"server": self.sql.machine.address, "database": SOURCE}

    @property
    def path(self) -> str:
        return "C:\\Octopus\\OctopusServer.config"

    def reached(self, host: WindowsHost) -> dict[str, Any]:
        return {
            "name": host.name,
            "host": host.address,
            "port": 5986,
            "username": "operator",
            "password": WINRM_PASSWORD,
            "transport": ["basic"],
            "ca_trust_path": str(self.network.authority.path),
        }

    def run(self, check_mode: bool = False, diff: bool = False, **options: Any) -> dict[str, Any]:
        vault = {"vault_password_file": self.files["password"]}
        return run_module("octopus_instance", check_mode, diff, **{"connections": [self.reached(self.host)], **vault, **options})

    def join(self, **options: Any) -> dict[str, Any]:
        given = {"connection": self.connection, "master_key_file": self.files["key"], "never": [self.source], "folders": FOLDERS}
        return self.run(**{**given, "listen_prefixes": [PREFIX], **options})

    def node(self, result: dict[str, Any]) -> dict[str, Any]:
        assert "failed" not in result, result["msg"]
        return result["nodes"][self.host.name]

    def installation(self, name: str = register.DEFAULT, path: str | None = None) -> Installation:
        return Installation.load(self.host, name, path or self.path, self.host.system)

    def config(self) -> bytes:
        return self.host.fs.read(self.path, self.host.system)

    def folders(self) -> dict[str, str | None]:
        with self.copy.store() as store:
            return dict(store.folders())

    def touched(self, since: int) -> list[Event]:
        kinds = ("file", "service.state", "msi", "task.run")
        return [event for event in self.ledger.events(since=since) if event.kind in kinds and event.machine == self.host.name]

    def commands(self, word: str, since: int = 0) -> list[list[str]]:
        """The program's command lines that hold a word."""
        return [event["argv"] for event in self.ledger.events("process.start", since=since) if word in event["argv"]]

    def stands_still(self) -> bool:
        """Whether the clone's service is there, and was never started."""
        started = [event for event in self.ledger.events("octopus") if event.machine == self.host.name and event.get("what") == "started"]
        return self.host.services.query("OctopusDeploy").state == 1 and started == []


def sealed(path: Path, text: str, password: Path) -> str:
    argv = [sys.executable, "-m", "ansible", "vault", "encrypt", "--vault-password-file", str(password), "--output", str(path), "-"]
    subprocess.run(argv, input=text.encode(), check=True, capture_output=True)
    return str(path)


@pytest.fixture
def make_world(tmp_path: Path) -> Iterator[Callable[..., World]]:
    clock = Clock(200.0)
    ledger = Ledger(clock)
    network = Network(tmp_path / "lab", clock, ledger, Faults(ledger))
    network.add_account("operator", WINRM_PASSWORD)
    running: list[tuple[WindowsHost, WinRMServer]] = []

    def make(program: str = VERSION, version: str = VERSION, login: str | None = "octopus") -> World:
        machine = WindowsHost("sql01", network)
        machine.fs.add_drive("D", machine.root / "D")
        sql = SqlServer(machine, network, version="15.0.4430.1", edition="Standard Edition (64-bit)", engine_edition=2)
        sql.add_login("octopus", SQL_PASSWORD)
        host = WindowsHost("clone01", network)
        host.fs.add_drive("D", host.root / "D")
        register_programs(host)
        installer.seed(host, media.build_msi(program))
        handles = []
        # Another host stands for the source's, of which the clone's host knows nothing; it is not started.
        for database, number in ((SOURCE, 1), (CLONE, 2)):
            stranger = WindowsHost(f"octo0{number}", network)
            users: dict[str, Any] = {"sql_login": login, "sql_password": SQL_PASSWORD} if login else {}
            roots: dict[str, Any] = {"folders_root": "C:\\Octopus"}
            made = install_instance([stranger], sql, version=version, database=database, master_key=KEY, seed=1, size=0.1, **users, **roots)
            handles.append(made)
        with handles[1].store() as store:
            store.save_folders({name: f"{SHARE}\\{name}" for name in store.folders()})
        server = WinRMServer(host, network)
        host.boot()
        server.start()
        running.append((host, server))
        password = tmp_path / "password"
        password.write_text(VAULT_PASSWORD, encoding="utf-8")
        world = World(tmp_path, network, host, sql, handles[1], {"password": str(password)})
        world.files["key"] = sealed(tmp_path / "key.vault", KEY + "\n", password)
        world.files["other_key"] = sealed(tmp_path / "other.vault", OTHER_KEY, password)
        return world

    yield make
    for host, server in running:
        server.stop()
        host.shutdown()
    network.close()


@pytest.fixture
def world(make_world: Callable[..., World]) -> World:
    return make_world()


def test_it_joins_sets_the_folders_and_never_starts(world: World) -> None:
    mark = world.ledger.mark()
    result = world.join(service_start_type="manual", server_node_name="CLONE-A", comms_port=10944, force_ssl=True)
    node = world.node(result)
    assert (result["changed"], node["verified"], node["registered"], node["skipped_folders"]) == (True, True, True, [])
    assert node["folders"] == FOLDERS
    assert node["master_key_fingerprint"] == fingerprint(KEY.encode())
    assert (node["database"]["server"], node["database"]["database"]) == (world.sql.machine.address, CLONE)
    assert node["service"] == {"name": "OctopusDeploy", "state": "stopped", "account": "LocalSystem", "start_type": "manual"}
    assert (node["server_node_name"], node["listen_prefixes"], node["home"]) == ("CLONE-A", [PREFIX], "C:\\Octopus")

    there = world.installation()
    assert there.target.password == SQL_PASSWORD
    assert there.target.database == CLONE
    assert there.master_key == KEY
    assert there.settings["Octopus.Communications.ServicesPort"] == "10944"
    assert there.settings["Octopus.WebPortal.ForceSsl"] == "True"
    assert set(world.folders().values()) == set(FOLDERS.values())
    assert world.stands_still()
    # The one of the source is as it was.
    assert not [argv for argv in world.commands("path", mark) if SHARE in " ".join(argv)]
    for refused in ("--create", "--upgrade", "license", "--start", "--restart", "--delete"):
        assert world.commands(refused, mark) == []


def test_no_secret_is_in_any_argument_but_the_master_key(world: World) -> None:
    world.network.add_account("clone-svc", SERVICE_PASSWORD)
    node = world.join(service_account="LAB\\clone-svc", service_password=SERVICE_PASSWORD)
    assert world.node(node)["service"]["account"] == "LAB\\clone-svc"
    given = json.dumps({name: value for name, value in node.items() if name != "invocation"})
    # A part of each that no quoting changes: connection string, XML and JSON each have their own.
    parts = {SQL_PASSWORD: "PATH% 100%", SERVICE_PASSWORD: "Svc;1 ", WINRM_PASSWORD: WINRM_PASSWORD, VAULT_PASSWORD: "the vault"}
    for secret, part in parts.items():
        assert part in secret
        assert not [event for event in world.ledger.events() if part in json.dumps(event.as_dict(), default=str)]
        assert part not in given
    drives = [path for path in world.host.root.rglob("*") if path.is_file()]
    assert {path.name for path in drives if b"PATH% 100%" in path.read_bytes()} == {"OctopusServer.config"}
    left = [path.name for path in drives if "octopus.upgrade" in path.parts]
    assert left == []
    lines = [event["argv"] for event in world.ledger.events("process.start") if KEY in json.dumps(event.as_dict(), default=str)]
    assert {word for argv in lines for word in argv if KEY in word and "cmd.exe" not in argv[0]} <= {f"--masterKey={KEY}"}
    assert KEY not in json.dumps({name: value for name, value in node.items() if name != "invocation"})


def test_a_second_run_changes_nothing(world: World) -> None:
    world.node(world.join())
    before, mark = world.config(), world.ledger.mark()
    again = world.join()
    assert world.node(again)["verified"] is True
    assert again["changed"] is False
    assert again["nodes"]["clone01"]["changes"] == []
    assert world.config() == before
    assert world.touched(mark) == []
    assert world.commands(f"--masterKey={KEY}", mark) == []


def test_a_certificate_of_its_own_is_made_once(world: World) -> None:
    source = world.node(world.join(other_thumbprints=[]))["thumbprint"]
    with world.copy.store() as store:
        assert store.configuration("certificate") == {"Thumbprint": source}
    mark = world.ledger.mark()
    told = world.run(check_mode=True, other_thumbprints=[source.lower()])
    assert (told["changed"], world.node(told)["thumbprint"], world.commands("--replace", mark)) == (True, source, [])
    result = world.run(other_thumbprints=[source])
    own = world.node(result)["thumbprint"]
    assert own != source
    assert result["nodes"]["clone01"]["changes"] == [{"what": "certificate", "before": source, "after": own}]
    with world.copy.store() as store:
        assert store.configuration("certificate") == {"Thumbprint": own}
    again = world.run(other_thumbprints=[source])
    assert (again["changed"], world.node(again)["thumbprint"]) == (False, own)
    assert len(world.commands("--replace", mark)) == 1
    assert world.stands_still()


def test_check_mode_touches_nothing_and_tells_all(world: World) -> None:
    mark = world.ledger.mark()
    result = world.join(check_mode=True, diff=True)
    node = world.node(result)
    assert (result["changed"], node["verified"], node["registered"]) == (True, False, False)
    what = [change["what"] for change in node["changes"]]
    assert what[:3] == ["registration", "connection", "master key"]
    assert {f"folder {name}" for name in FOLDERS} < set(what)
    assert "Password=********" in result["diff"]["after"]
    assert world.touched(mark) == []
    assert not world.host.fs.exists(world.path, world.host.system)
    assert {SHARE} == {str(value).rpartition("\\")[0] for value in world.folders().values()}

    world.node(world.join())
    mark = world.ledger.mark()
    result = world.join(check_mode=True, folders={"packages": "D:\\Else"}, listen_prefixes=["http://+:80/"])
    assert [change["what"] for change in world.node(result)["changes"]] == ["listen_prefixes", "folder packages"]
    assert world.touched(mark) == []
    assert world.join(check_mode=True)["changed"] is False


def test_folders_alone_are_set_anew(world: World) -> None:
    world.node(world.join())
    result = world.run(folders={"packages": "D:\\Else\\Packages\\"}, never=[world.source], diff=True)
    assert world.node(result)["folders"]["packages"] == "D:\\Else\\Packages"
    assert world.folders()["PackagesDirectory"] == "D:\\Else\\Packages"
    assert result["diff"] == {
        "before": "clone01: folder packages: D:\\Clone\\packages\n",
        "after": "clone01: folder packages: D:\\Else\\Packages\n",
    }
    assert world.run(folders={"packages": "d:/else/packages"})["changed"] is False


@pytest.mark.parametrize("name", ["address", "name", "name of the domain", "with port"])
def test_the_sources_database_is_refused(world: World, name: str) -> None:
    address = world.sql.machine.address
    never = {"address": address, "name": "SQL01", "name of the domain": "sql01.lab", "with port": f"tcp:{address},1433"}[name]
    server = address if name in ("address", "with port") else "sql01"
    mark = world.ledger.mark()
    result = world.join(
        connection={**world.connection, "server": server, "database": SOURCE.upper()}, never=[{"server": never, "database": SOURCE}]
    )
    assert "must never use" in result["msg"]
    assert world.touched(mark) == []


def test_an_instance_of_the_source_is_left_alone_or_led_away(world: World) -> None:
    world.node(world.join(connection={**world.connection, "database": SOURCE}, never=[], folders={}))
    before, mark = world.config(), world.ledger.mark()
    assert "must never use" in world.run(never=[world.source], folders=FOLDERS)["msg"]
    assert "must not be removed" in world.run(state="absent", never=[world.source], purge=True)["msg"]
    assert (world.config(), world.touched(mark)) == (before, [])
    assert world.node(world.join())["database"]["database"] == CLONE
    assert world.installation().target.database == CLONE


def test_a_wrong_master_key_leaves_everything_as_it_was(world: World) -> None:
    world.node(world.join())
    before = world.config()
    result = world.join(master_key_file=world.files["other_key"])
    assert "The master key does not match this database" in result["msg"]
    assert "was restored" in result["msg"]
    assert OTHER_KEY not in json.dumps(result["msg"])
    assert world.config() == before
    assert not [name for name in world.host.fs.listdir("C:\\Octopus", world.host.system) if "before-join" in str(name)]
    assert world.join()["changed"] is False


def test_a_wrong_login_leaves_everything_as_it_was(world: World) -> None:
    world.node(world.join())
    before = world.config()
    result = world.join(connection={**world.connection, "password": "wrong; one"})
    assert "Login failed for user 'octopus'" in result["msg"]
    assert "wrong; one" not in json.dumps(result["msg"])
    assert world.config() == before


@pytest.mark.parametrize("program", [OTHER_VERSION, "2024.3.13097"])
def test_a_database_of_another_version_is_refused(make_world: Callable[..., World], program: str) -> None:
    world = make_world(program=program)
    scripts = world.sql.database(CLONE)
    result = world.join()
    assert "schema" in result["msg"]
    assert f"has the version {program}" in result["msg"]
    assert CONNECTION not in world.installation().settings
    assert MASTER_KEY not in world.installation().settings
    assert world.sql.database(CLONE) is scripts
    assert {SHARE} == {str(value).rpartition("\\")[0] for value in world.folders().values()}


def test_a_service_that_runs_is_not_touched(world: World) -> None:
    world.node(world.join(listen_prefixes=["http://+:8080/"]))
    mark = world.ledger.mark()
    world.host.services.start("OctopusDeploy")
    world.ledger.wait_for(lambda event: event.kind == "octopus" and event.get("what") == "started", patient(60), mark)
    before, mark = world.config(), world.ledger.mark()
    assert world.join(listen_prefixes=["http://+:8080/"])["changed"] is False
    result = world.join(folders={"packages": "D:\\Else"}, listen_prefixes=["http://+:8080/"])
    assert "is running" in result["msg"]
    assert "to be stopped" in result["msg"]
    assert "is running" in world.run(state="absent")["msg"]
    assert world.config() == before
    assert [argv for argv in world.commands("path", mark) if "--help" not in argv] == []
    node = world.node(world.join(service_start_type="manual", listen_prefixes=["http://+:8080/"]))
    assert (node["service"]["state"], node["service"]["start_type"]) == ("running", "manual")


def test_a_watchdog_that_would_start_it_is_not_tolerated(world: World) -> None:
    world.node(world.join())
    create_watchdog(world.host, "other", 600)
    assert world.join(folders={"packages": "D:\\Else"})["changed"] is True
    create_watchdog(world.host, "*", 600)  # which does not come while this looks
    assert "watchdog: disabled" in world.join(folders={"packages": "D:\\Else 2"})["msg"]
    assert world.join(folders={"packages": "D:\\Else"})["changed"] is False


def test_the_credentials_of_a_sealed_configuration(world: World, tmp_path: Path) -> None:
    text = (
        '<?xml version="1.0" encoding="utf-8"?>\n<octopus-settings><set key="Octopus.Storage.ExternalDatabaseConnectionString">'
        "Data Source=prod;Initial Catalog=Octopus;uid=octopus;Failover Partner=prod2;Pwd='"
        + SQL_PASSWORD.replace("'", "''").replace("&", "&amp;")
        + "'</set></octopus-settings>"
    )
    config = sealed(tmp_path / "octo01.config.vault", text, Path(world.files["password"]))
    place = {"server": world.sql.machine.address, "database": CLONE}
    world.node(world.join(connection=place, from_config=config))
    found = world.installation()
    assert (found.target.server, found.target.database, found.target.password) == (place["server"], CLONE, SQL_PASSWORD)
    assert "prod" not in found.settings[CONNECTION].lower()
    assert world.join(connection=place, from_config=config)["changed"] is False
    plain = tmp_path / "plain.config"
    plain.write_text(text, encoding="utf-8")
    assert "to be encrypted with Ansible Vault" in world.join(connection=place, from_config=str(plain))["msg"]


def test_another_instance_beside_the_first_and_its_removal(world: World) -> None:
    world.node(world.join())
    first = world.config()
    name, path = "Clone [2] & co", "C:\\Octopus\\Clone [2] & co\\OctopusServer.config"
    options = {"instance_name": name, "listen_prefixes": ["http://+:8081/"], "service_start_type": "manual"}
    node = world.node(world.join(**options))
    assert (node["config_path"], node["service"]["name"]) == (path, f"OctopusDeploy: {name}")
    assert world.installation(name, path).settings[HOME] == "C:\\Octopus\\Clone [2] & co"
    assert world.installation(name, path).settings[NODE_NAME] == "CLONE01"
    assert "is in it" in world.run(state="absent", purge=True)["msg"]

    mark = world.ledger.mark()
    check = world.run(state="absent", instance_name=name, purge=True, check_mode=True)
    assert [change["what"] for change in world.node(check)["changes"]] == ["service", "files", "registration"]
    assert world.touched(mark) == []
    gone = world.run(state="absent", instance_name=name, purge=True)
    assert world.node(gone)["removed"] == ["C:\\Octopus\\Clone [2] & co"]
    assert not world.host.fs.exists(path, world.host.system)
    assert [entry.name for entry in register.entries(world.host, VERSION)[0]] == ["OctopusServer"]
    assert world.config() == first
    assert world.run(state="absent", instance_name=name, purge=True)["changed"] is False
    kept = world.run(state="absent")
    assert world.node(kept)["verified"] is True
    assert world.config() == first  # without purge the files stay
    assert world.sql.database(CLONE) is not None
    assert world.node(world.join())["verified"] is True


def test_an_older_version_has_fewer_folders_and_takes_no_password_from_its_environment(make_world: Callable[..., World]) -> None:
    world = make_world(program="2018.10.7", version="2018.10.7")
    world.network.add_account("clone-svc", SERVICE_PASSWORD)
    refused = world.join(service_account="LAB\\clone-svc", service_password=SERVICE_PASSWORD)
    assert "OCTOPUS_SERVICE_PASSWORD" in refused["msg"]
    node = world.node(world.join())
    assert node["skipped_folders"] == ["imports", "event_exports", "telemetry"]
    assert {name: path for name, path in FOLDERS.items() if name in node["folders"]} == node["folders"]
    assert world.join()["changed"] is False


def integrated(make_world: Callable[..., World], **given: Any) -> tuple[World, dict[str, Any]]:
    """A world whose clone logs in with its computer account, and its connection."""
    world = make_world(login=None, **given)
    account = world.network.machine_account("clone01")
    world.sql.add_login(account)
    database = world.sql.database(CLONE)
    assert database is not None
    database.add_user(account, {"db_owner"})
    return world, {"server": world.sql.machine.address, "database": CLONE, "integrated": True}


def test_integrated_security_goes_through_jobs(make_world: Callable[..., World]) -> None:
    world, place = integrated(make_world)
    node = world.node(world.join(connection=place))
    assert node["folders"] == FOLDERS
    assert node["database"]["integrated"] is True
    assert world.installation().master_key == KEY
    assert world.join(connection=place)["changed"] is False
    assert KEY not in json.dumps([event.as_dict() for event in world.ledger.events("file")], default=str)
    jobs = "C:\\ProgramData\\octopus.upgrade\\jobs"
    assert not world.host.fs.exists(jobs, world.host.system) or list(world.host.fs.listdir(jobs, world.host.system)) == []


def test_a_version_without_set_master_key_needs_credentials_that_reach_the_database(make_world: Callable[..., World]) -> None:
    world, place = integrated(make_world, program="2018.10.7", version="2018.10.7")
    result = world.join(connection=place)
    assert "This version has no command set-master-key" in result["msg"] and "CredSSP" in result["msg"]
    assert "was restored" in result["msg"] and KEY not in result["msg"]
    assert CONNECTION not in world.installation().settings
    assert all("--help" in argv for argv in world.commands("set-master-key"))
    assert not world.host.fs.exists("C:\\ProgramData\\octopus.upgrade\\jobs", world.host.system)


def test_folders_that_the_program_does_not_show_are_a_warning(world: World) -> None:
    world.network.only_documented = True
    result = world.join()
    node = world.node(result)
    assert (node["verified"], node["unverified_folders"]) == (True, ["imports", "event_exports", "telemetry"])
    assert "does not show them" in " ".join(result["warnings"])
    assert set(world.folders().values()) == set(FOLDERS.values())
    again = world.join()
    assert [change["what"] for change in world.node(again)["changes"]] == ["folder imports", "folder event_exports", "folder telemetry"]


@pytest.mark.parametrize("separator", [";", ","])
def test_a_watchdog_of_two_instances_is_refused(world: World, separator: str) -> None:
    create_watchdog(world.host, f"Other{separator}OctopusServer", 5)
    assert "Disable it with octopus_node" in world.join()["msg"]


def test_two_nodes_join_one_after_the_other_and_the_folders_are_set_once(world: World) -> None:
    other = WindowsHost("clone02", world.network)
    register_programs(other)
    installer.seed(other, media.build_msi(VERSION))
    server = WinRMServer(other, world.network)
    other.boot()
    server.start()
    try:
        both = [world.reached(host) for host in (world.host, other)]
        result = world.join(connections=both)
        assert world.node(result)["server_node_name"] == "CLONE01"
        second = result["nodes"]["clone02"]
        assert (second["server_node_name"], second["folders"], second["verified"]) == ("CLONE02", FOLDERS, True)
        assert [change["what"] for change in second["changes"] if change["what"].startswith("folder")] == []
        assert world.join(connections=both)["changed"] is False
    finally:
        server.stop()
        other.shutdown()


def test_what_an_interrupted_run_kept_aside_is_what_comes_back(world: World) -> None:
    world.node(world.join())
    first = world.config()
    world.host.fs.write(f"{world.path}.before-join", first, world.host.system)
    world.host.fs.write(world.path, first.replace(CLONE.encode(), b"Half joined"), world.host.system)
    assert "was restored" in world.join(master_key_file=world.files["other_key"])["msg"]
    assert world.config() == first
    assert world.host.fs.listdir("C:\\Octopus", world.host.system) == ["OctopusServer.config"]


@pytest.mark.parametrize("commands", [8, 16, 24, 32])
def test_what_is_interrupted_is_finished_by_the_next_run(world: World, commands: int) -> None:
    """The connection is lost for good after so many commands; whatever was done by then, the next run has the same end."""
    world.node(world.join(connection={**world.connection, "database": SOURCE}, never=[], folders={}))
    armed = world.network.faults.arm("winrm.drop", "clone01", times=None, skip=commands, action="Command")
    assert world.join()["failed"] is True
    world.network.faults.disarm(armed)
    node = world.node(world.join())
    assert (node["verified"], node["folders"], node["database"]["database"]) == (True, FOLDERS, CLONE)
    assert world.join()["changed"] is False
    assert world.host.fs.listdir("C:\\Octopus", world.host.system) == ["OctopusServer.config"]
    assert world.stands_still()
