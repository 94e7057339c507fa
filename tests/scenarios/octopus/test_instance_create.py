# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""octopus_instance_create and octopus_api_key on a Windows host of the lab that has the program of one generation and nothing else."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

import pytest
import requests
from ansible_collections.octopus.upgrade.plugins.module_utils._windows.connection import WindowsHost as Reached
from ansible_collections.octopus.upgrade.tests.unit.run_module import run_module
from lab.core.clock import Clock
from lab.core.faults import Faults
from lab.core.ledger import Ledger
from lab.core.network import Network
from lab.octopus import connection_string, licence, media, versions
from lab.octopus.build import install_instance, register_programs
from lab.octopus.installation import Installation
from lab.octopus.store import Store
from lab.sql.server import SqlServer
from lab.tds.server import TdsServer
from lab.windows import installer
from lab.windows.host import WindowsHost
from lab.winrm.server import WinRMServer
from patience import patient

VERSION = "2025.3.14357"
NEW = "Octopus test"
SQL_PASSWORD = "Sq1; = '\"{x} & %PATH% 100%"
WINRM_PASSWORD = "Pw!of-the-lab"
SA_PASSWORD = "Sa!of-the-lab"
OTHER = "3D9E1C0B5A7F48E2D6C1B0A99887766554433221"
SERIAL = "12345-67890-TEST"
CONFIG = "C:\\Octopus\\OctopusServer.config"


class Killed(BaseException):
    """The control node is gone."""


@dataclass
class World:
    """A host with the program, and a SQL Server without a database."""

    folder: Path
    network: Network
    host: WindowsHost
    sql: SqlServer
    version: str

    @property
    def ledger(self) -> Ledger:
        return self.network.ledger

    @property
    def reached(self) -> dict[str, Any]:
        return {
            "name": self.host.name,
            "host": self.host.address,
            "port": 5986,
            "username": "operator",
            "password": WINRM_PASSWORD,
            "transport": ["basic"],
            "ca_trust_path": str(self.network.authority.path),
        }

    def create(self, check_mode: bool = False, **options: Any) -> dict[str, Any]:
        address = self.sql.machine.address
        given = {
            "connection": self.reached,
            "database": {"server": address, "name": NEW, "user": "octopus", "password": SQL_PASSWORD},
            "login_host": address,
            "login_user": "sa-of-lab",
            "login_password": SA_PASSWORD,
            "driver": "FreeTDS",
            "ca_path": str(self.network.authority.path),
            "license_file": str(self.folder / "licence.vault"),
            "vault_password_file": str(self.folder / "password"),
            "other_thumbprints": [OTHER],
        }
        return run_module("octopus_instance_create", check_mode, **{**given, **options})

    def installation(self) -> Installation:
        return Installation.load(self.host, "OctopusServer", CONFIG, self.host.system)

    def store(self) -> Store:
        return self.installation().store(self.version)

    def commands(self, since: int = 0) -> list[str]:
        """The commands of the program that change something, in their order."""
        lines = [event["argv"] for event in self.ledger.events("process.start", since=since) if "Octopus.Server.exe" in event["argv"][0]]
        changing = ("create-instance", "database", "configure", "license", "admin", "service", "path")
        return [argv[1] for argv in lines if argv[1] in changing and "--help" not in argv]


@pytest.fixture
def make_world(tmp_path: Path) -> Iterator[Callable[..., World]]:
    if "FreeTDS" not in pytest.importorskip("pyodbc").drivers():
        pytest.skip("FreeTDS's ODBC driver is not registered")
    clock = Clock(200.0)
    ledger = Ledger(clock)
    network = Network(tmp_path / "lab", clock, ledger, Faults(ledger))
    network.add_account("operator", WINRM_PASSWORD)
    running: list[tuple[WindowsHost, WinRMServer, TdsServer]] = []

    def make(version: str = VERSION) -> World:
        machine = WindowsHost("sql01", network)
        machine.fs.add_drive("D", machine.root / "D")
        sql = SqlServer(machine, network, version="15.0.4430.1", edition="Standard Edition (64-bit)", engine_edition=2)
        sql.add_login("octopus", SQL_PASSWORD, roles=["dbcreator"])
        sql.add_login("sa-of-lab", SA_PASSWORD, roles=["sysadmin"])
        host = WindowsHost("test01", network)
        register_programs(host)
        installer.seed(host, media.build_msi(version))
        server = WinRMServer(host, network)
        context = network.authority.server_context(tmp_path / "tls", machine.address, "sql01")
        tds = TdsServer(sql, machine.address, 1433, context, "on", ledger=ledger, machine="sql01", faults=network.faults)
        tds.start()
        connection_string.register_sql(network, sql)
        host.boot()
        server.start()
        running.append((host, server, tds))
        password = tmp_path / "password"
        password.write_text("the vault's own", encoding="utf-8")
        text = licence.text(valid_to=date(2030, 1, 1), serial=SERIAL)
        argv = [sys.executable, "-m", "ansible", "vault", "encrypt", "--vault-password-file", str(password)]
        subprocess.run([*argv, "--output", str(tmp_path / "licence.vault"), "-"], input=text.encode(), check=True, capture_output=True)
        return World(tmp_path, network, host, sql, version)

    yield make
    for host, server, tds in running:
        server.stop()
        tds.stop()
        host.shutdown()
    network.close()


@pytest.mark.parametrize("version", ["3.17.14", "4.1.10", "2026.2.9853"])
def test_every_generation_gets_an_empty_instance(make_world: Callable[..., World], version: str) -> None:
    world = make_world(version)
    check = world.create(check_mode=True)
    assert (check["changed"], check["verified"], check["thumbprint"]) == (True, False, None), check
    assert world.commands() == []
    assert world.sql.database(NEW) is None

    result = world.create()
    assert not result.get("failed"), result["msg"]
    assert (result["changed"], result["verified"], result["service"]) == (True, True, None)
    order = ["configure", "database"] if not versions.at_least(version, "4.0") else ["database", "configure"]
    assert world.commands() == ["create-instance", *order, "license"]
    with world.store() as store:
        assert store.configuration("certificate") == {"Thumbprint": result["thumbprint"]}
        assert store.licence()["SerialNumber"] == SERIAL
        assert {name: store.count(name) for name in ("Project", "Machine", "Worker")} == {"Project": 0, "Machine": 0, "Worker": 0}
        upgrades = store.configuration("upgrades") or {}
        assert (upgrades["AllowChecking"], upgrades["IncludeStatistics"]) == (False, False)

    before = world.ledger.mark()
    again = world.create()
    assert (again["changed"], again["verified"], again["thumbprint"]) == (False, True, result["thumbprint"])
    assert world.commands(before) == []


def test_no_secret_is_in_any_argument_or_left_on_the_disk(make_world: Callable[..., World]) -> None:
    world = make_world()
    result = world.create()
    given = json.dumps({name: value for name, value in result.items() if name != "invocation"})
    parts = ("PATH% 100%", WINRM_PASSWORD, SA_PASSWORD, SERIAL, "the vault", world.installation().master_key)
    for part in parts:
        assert not [event for event in world.ledger.events() if part in json.dumps(event.as_dict(), default=str)]
        assert part not in given
    drives = [path for path in world.host.root.rglob("*") if path.is_file()]
    assert {path.name for path in drives if b"PATH% 100%" in path.read_bytes()} == {"OctopusServer.config"}
    assert [path.name for path in drives if SERIAL.encode() in path.read_bytes() or "octopus.upgrade" in path.parts] == []


def test_a_database_that_exists_is_left_alone(make_world: Callable[..., World]) -> None:
    world = make_world()
    world.sql.create_database(NEW.upper())
    mark = world.ledger.mark()
    assert "but it exists" in world.create()["msg"]
    assert world.commands(mark) == []
    assert not world.host.fs.exists(CONFIG, world.host.system)
    other = world.create(login_host="sql-other.example.com", login_user="x", login_password="y")
    assert "which may be another one" in other["msg"] or "sql-other" in other["msg"]
    never = [{"server": world.sql.machine.address, "database": NEW}]
    assert "must never use" in world.create(never=never)["msg"]


def test_an_instance_with_another_database_is_left_alone(make_world: Callable[..., World]) -> None:
    world = make_world()
    assert world.create()["changed"] is True
    mark = world.ledger.mark()
    database = {"server": world.sql.machine.address, "name": "Another", "user": "octopus", "password": SQL_PASSWORD}
    assert f"Database={NEW}" in world.create(database=database)["msg"].replace('"', "")
    assert world.commands(mark) == []


def test_the_certificate_of_another_server_is_refused(make_world: Callable[..., World]) -> None:
    world = make_world()
    found = world.create()["thumbprint"]
    spaced = " ".join(found[at : at + 2].lower() for at in range(0, 40, 2))
    assert "another server has too" in world.create(other_thumbprints=[OTHER, spaced])["msg"]
    assert "other_thumbprints is empty" in world.create(other_thumbprints=[])["msg"]
    assert "Expected a thumbprint" in world.create(other_thumbprints=["3D9E"])["msg"]


# What a run sends that changes something, in its order. The first is any command: it only looks.
CHANGES = (
    "",
    " create-instance ",
    "OctopusServer.config",
    "new-database",
    "\\jobs\\",
    '"/create"',
    " configure ",
    "licence-",
    " license ",
)


def test_a_run_that_is_killed_is_continued(make_world: Callable[..., World], monkeypatch: pytest.MonkeyPatch) -> None:
    """Killed after each kind of command, one kind further in each run, with the answer lost."""
    world = make_world("2020.5.7")
    to_come, dead = list(CHANGES), [False]
    for name in ("run", "run_cmd"):
        real = getattr(Reached, name)

        def run(self: Reached, line: Any, *, real: Callable[..., Any] = real, **options: Any) -> Any:
            if dead[0]:
                raise Killed
            answer = real(self, line, **options)
            if to_come and to_come[0] in (line if isinstance(line, str) else " ".join(line)) and "--help" not in line:
                to_come.pop(0)
                dead[0] = True
                raise Killed
            return answer

        monkeypatch.setattr(Reached, name, run)
    result, runs = None, 0
    while result is None:
        dead[0], runs = False, runs + 1
        try:
            result = world.create()
        except Killed:
            continue
    assert not result.get("failed"), result["msg"]
    assert (to_come, runs) == ([], len(CHANGES) + 1)
    assert result["verified"] is True
    with world.store() as store:
        assert store.licence()["SerialNumber"] == SERIAL
    again = world.create()
    assert (again["changed"], again["verified"]) == (False, True)
    assert world.commands().count("database") == 1
    drives = [path for path in world.host.root.rglob("*") if path.is_file()]
    assert [path.name for path in drives if SERIAL.encode() in path.read_bytes() or "octopus.upgrade" in path.parts] == []


def test_from_nothing_to_an_instance_with_projects(make_world: Callable[..., World]) -> None:
    """An instance is created, gets an administrator, and the projects of another one; and that other one stays as it is."""
    world = make_world()
    other = WindowsHost("octo01", world.network)
    users: dict[str, Any] = {"sql_login": "octopus", "sql_password": SQL_PASSWORD}
    source = install_instance([other], world.sql, version=VERSION, database="Octopus", seed=1, size=0.1, **users)
    other.boot()
    source.wait_until_healthy(patient(20))
    try:
        with source.store() as store:
            thumbprint = (store.configuration("certificate") or {})["Thumbprint"]
            live = {name: store.count(name) for name in ("Project", "Machine", "ProjectTrigger", "Artifact", "User")}
        assert world.create(other_thumbprints=[thumbprint])["thumbprint"] != thumbprint
        service: dict[str, Any] = {"connections": [world.reached], "listen_prefixes": ["http://+:8080/"], "service_start_type": "manual"}
        assert run_module("octopus_instance", **service)["nodes"]["test01"]["verified"] is True
        mark = world.ledger.mark()
        world.host.services.start("OctopusDeploy")
        world.ledger.wait_for(lambda event: event.kind == "octopus" and event.get("what") == "started", patient(60), mark)

        url = f"http://{world.host.address}:8080"
        key_file = world.folder / "key.vault"
        asked: dict[str, Any] = {
            "connection": world.reached,
            "url": url,
            "allow_http": True,
            "dest": str(key_file),
            "vault_password_file": str(world.folder / "password"),
        }
        assert run_module("octopus_api_key", check_mode=True, **asked)["changed"] is True
        assert not key_file.exists()
        made = run_module("octopus_api_key", **asked)
        assert (made.get("msg"), made["changed"], made["username"]) == (None, True, "octopus-upgrade")
        assert run_module("octopus_api_key", **asked)["changed"] is False
        argv = [sys.executable, "-m", "ansible", "vault", "view", "--vault-password-file", str(world.folder / "password"), str(key_file)]
        key = subprocess.run(argv, check=True, capture_output=True, text=True).stdout.strip()
        assert key.startswith("API-")
        assert key not in json.dumps(made)
        assert not [event for event in world.ledger.events() if key in json.dumps(event.as_dict(), default=str)]
        # The password that the command line had is of no use any more.
        [line] = [event["argv"] for event in world.ledger.events("process.start") if "admin" in event["argv"]]
        once = line[-1].removeprefix("--password=")
        refused = requests.post(f"{url}/api/users/login", json={"Username": "octopus-upgrade", "Password": once}, timeout=patient(20))
        assert refused.status_code == 400
        # The file with the key is lost: another key takes the place of the former one.
        key_file.unlink()
        assert run_module("octopus_api_key", **asked)["changed"] is True
        assert requests.get(f"{url}/api/users/me", headers={"X-Octopus-ApiKey": key}, timeout=patient(20)).status_code == 401
        key = subprocess.run(argv, check=True, capture_output=True, text=True).stdout.strip()

        file, projects = str(world.folder / "projects.zip"), ["Web Shop", "Billing"]
        common: dict[str, Any] = {"allow_http": True, "password": "exp0rt; one", "projects": projects}
        exported = run_module("octopus_projects_export", url=source.urls["octo01"], api_key=source.api_key, dest=file, **common)
        assert (exported.get("msg"), exported["projects"]) == (None, projects)
        target: dict[str, Any] = {**common, "url": url, "api_key": key, "src": file, "source_version": exported["version"]}
        preview = run_module("octopus_projects_import", check_mode=True, **target)
        assert sorted(preview["imported"]) == sorted(projects)
        result = run_module("octopus_projects_import", **target)
        assert (result.get("msg"), sorted(result["imported"])) == (None, sorted(projects))
        assert run_module("octopus_projects_import", **target)["changed"] is False
        with world.store() as store:
            assert sorted(one["Name"] for one in store.documents("Project")) == sorted(projects)
            assert {name: store.count(name) for name in ("Machine", "Worker", "ProjectTrigger", "NuGetPackage")} == dict.fromkeys(
                ("Machine", "Worker", "ProjectTrigger", "NuGetPackage"), 0
            )
        with source.store() as store:
            assert {name: store.count(name) for name in live} == live
        assert "exp0rt; one" not in json.dumps([event.as_dict() for event in world.ledger.events()], default=str)
    finally:
        other.shutdown()
