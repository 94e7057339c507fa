# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""octopus_install on hosts of the lab, with packages from its download site."""

from __future__ import annotations

import contextlib
import hashlib
import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from ansible_collections.octopus.upgrade.plugins.module_utils._windows import msi_log
from ansible_collections.octopus.upgrade.tests.unit.run_module import run_module
from lab.octopus import media
from lab.octopus.build import register_programs
from lab.octopus.feed import ReleaseSite
from lab.windows import installer
from lab.windows.process import Process
from scenarios.windows.setting import JOB_ACCOUNT, JOB_PASSWORD, PASSWORD, ROOT, SYSTEM, World

OLD, NEW, NEWEST = "2018.10.7", "2021.1.8045", "2026.2.9853"
LOOKS = 30
STAGED = f"{ROOT}\\packages\\Octopus.{NEW}-x64.msi"


@pytest.fixture
def site(world: World) -> Iterator[ReleaseSite]:
    site = ReleaseSite("releases", world.network)
    for version in (OLD, NEW, NEWEST):
        site.add(version, media.build_msi(version))
    site.start()
    register_programs(world.hosts["octo-a"])
    yield site
    site.stop()


@pytest.fixture
def install(world: World, site: ReleaseSite) -> Callable[..., dict[str, Any]]:
    """Runs the module on all hosts of the world."""

    def run(**options: Any) -> dict[str, Any]:
        given: dict[str, Any] = {
            "connections": [world.params(name) for name in world.hosts],
            "source": site.msi_url(),
            "ca_path": str(world.network.authority.path),
            "version": NEW,
        }
        return run_module("octopus_install", **{**given, **options})

    return run


def node(result: dict[str, Any], name: str = "octo-a") -> dict[str, Any]:
    assert "nodes" in result, result
    return result["nodes"][name]


def downloads(world: World) -> int:
    return len(world.ledger.events("http", method="GET"))


def test_staged_once_and_not_fetched_again(install: Callable[..., Any], world: World) -> None:
    result = install(state="staged")
    digest = hashlib.sha256(media.build_msi(NEW)).hexdigest()
    assert result["changed"]
    assert (node(result)["path"], node(result)["sha256"], node(result)["fetched"]) == (STAGED, digest, True)
    assert world.hosts["octo-a"].fs.read(STAGED, SYSTEM) == media.build_msi(NEW)
    again = install(state="staged")
    assert (again["changed"], node(again)["fetched"], node(again)["size"]) == (False, False, len(media.build_msi(NEW)))
    assert downloads(world) == 1
    assert world.ledger.events("msi") == []


def test_a_damaged_package_on_the_node_is_fetched_anew(install: Callable[..., Any], world: World) -> None:
    install(state="staged")
    data = world.hosts["octo-a"].fs.read(STAGED, SYSTEM)
    world.hosts["octo-a"].fs.write(STAGED, b"x" * len(data), SYSTEM)
    assert node(install(state="staged"))["fetched"]
    assert world.hosts["octo-a"].fs.read(STAGED, SYSTEM) == data


def test_what_arrives_damaged_is_deleted_and_told(install: Callable[..., Any], world: World) -> None:
    world.network.faults.arm("download.corrupt")
    result = install(state="staged")
    assert result["failed"]
    assert "to have the SHA-256" in result["msg"]
    assert "x-amz-meta-sha256" in result["msg"]
    assert world.hosts["octo-a"].fs.listdir(f"{ROOT}\\packages", SYSTEM) == []


def test_a_broken_download_is_told_by_curls_code(install: Callable[..., Any], world: World) -> None:
    world.network.faults.arm("download.fail", times=None)
    result = install(state="staged")
    assert result["failed"]
    assert "curl ended with" in result["msg"]
    assert "octo-a (" in result["msg"]


def test_an_unknown_version_names_url_and_status(install: Callable[..., Any], world: World) -> None:
    result = install(state="staged", version="2021.1.1", check_mode=True)
    assert result["failed"]
    assert "Expected a package of version 2021.1.1" in result["msg"]
    assert "/octopus/Octopus.2021.1.1-x64.msi, but the answer was 40" in result["msg"]
    assert world.ledger.events("winrm.request") == []


def test_a_wrong_hash_of_the_user_is_told(install: Callable[..., Any]) -> None:
    result = install(state="staged", sha256="0" * 64)
    assert "to have the SHA-256 0000" in result["msg"]


def test_check_mode_touches_nothing(install: Callable[..., Any], world: World) -> None:
    for state in ("staged", "present"):
        result = install(state=state, check_mode=True, diff=True)
        assert result["changed"]
        assert node(result)["fetched"]
        assert node(result)["size"] == len(media.build_msi(NEW))
    assert result["diff"] == {"before": "octo-a: not installed\n", "after": f"octo-a: {NEW}\n"}
    for kind in ("file", "task.run", "msi"):
        assert world.ledger.events(kind) == []
    assert downloads(world) == 0


def test_no_room_is_told_before_anything_is_fetched(install: Callable[..., Any], world: World) -> None:
    volume = world.hosts["octo-a"].fs.drives["C"]
    volume.reserved = volume.capacity - volume.used() - 1000
    for check_mode in (True, False):
        result = install(state="staged", check_mode=check_mode)
        assert "the package needs" in result["msg"]
        assert "only 1000 are free" in result["msg"] or check_mode
    assert downloads(world) == 0


def test_install_upgrade_and_nothing_to_do(install: Callable[..., Any], world: World) -> None:
    result = install(version=OLD)
    assert (node(result)["was_version"], node(result)["installed_version"], node(result)["exit_code"]) == (None, OLD, 0)
    result = install(version=NEW, diff=True)
    assert (node(result)["was_version"], node(result)["installed_version"], result["changed"]) == (OLD, NEW, True)
    assert result["diff"] == {"before": f"octo-a: {OLD}\n", "after": f"octo-a: {NEW}\n"}
    mark = world.ledger.mark()
    result = install(version=NEW)
    assert (result["changed"], node(result)["exit_code"]) == (False, None)
    assert world.ledger.events("http", since=mark) == []
    assert world.ledger.events("task.run", since=mark) == []


def test_the_log_is_followed_while_it_is_written(install: Callable[..., Any], world: World) -> None:
    """It is UTF-16, and only what is new comes over the wire."""
    install(version=OLD)
    log = node(install(version=NEW))["log_path"]
    whole = world.hosts["octo-a"].fs.read(log, SYSTEM)
    assert whole.startswith(b"\xff\xfe")
    found: list[msi_log.Doing | None] = []
    lines: list[str] = []
    received = 0
    with world.client() as client:
        for part in range(1, LOOKS + 1):
            # Cut anywhere, in the middle of a line too.
            world.hosts["octo-a"].fs.write(log, whole[: len(whole) * part // (2 * LOOKS) * 2], SYSTEM)
            before, lines = lines, msi_log.look(client, log, lines)
            received += len(lines) - max(0, len(before) - 1)
            found.append(msi_log.read(lines))
    assert len(lines) <= received <= len(lines) + LOOKS, "each line came once, and the last known one with every look"
    copied = [one for one in found if one and one.percent is not None and one.action == "InstallFiles"]
    percents = [one.percent or 0.0 for one in copied]
    assert percents == sorted(percents) and len(percents) > 2
    assert {(one.number, one.of) for one in copied} == {(2, 3)}
    assert found[-1] == msi_log.Doing("RegisterProduct", 3, 3)


def test_a_staged_package_needs_no_internet(install: Callable[..., Any], world: World, site: ReleaseSite) -> None:
    install(state="staged")
    site.stop()
    assert node(install())["installed_version"] == NEW


def test_a_downgrade_is_refused_unless_asked_for(install: Callable[..., Any], world: World) -> None:
    installer.seed(world.hosts["octo-a"], media.build_msi(NEW))
    result = install(version=OLD)
    assert "allow_downgrade" in result["msg"]
    assert world.ledger.events("msi") == []
    result = install(version=OLD, allow_downgrade=True)
    assert (node(result)["was_version"], node(result)["installed_version"]) == (NEW, OLD)


# -- rollback: the package that a restore point kept, on a share


@pytest.fixture
def kept(world: World, site: ReleaseSite) -> dict[str, Any]:
    """The options for it; the new version is installed."""
    world.network.add_share("nas", "backups", world.network.root / "nas", {JOB_ACCOUNT})
    packages = world.network.root / "nas" / "point" / "packages"
    packages.mkdir(parents=True)
    (packages / f"Octopus.{OLD}-x64.msi").write_bytes(media.build_msi(OLD))
    installer.seed(world.hosts["octo-a"], media.build_msi(NEW))
    return {
        "version": OLD,
        "source": f"\\\\nas\\backups\\point\\packages\\Octopus.{OLD}-x64.msi",
        "sha256": hashlib.sha256(media.build_msi(OLD)).hexdigest(),
        "allow_downgrade": True,
        "job_user": JOB_ACCOUNT,
        "job_password": JOB_PASSWORD,
    }


def test_a_downgrade_needs_a_package_whose_hash_is_stated(install: Callable[..., Any], world: World, kept: dict[str, Any]) -> None:
    result = install(**{**kept, "sha256": None})
    assert "Give sha256. Nothing was removed." in result["msg"]
    assert runs(world) == []


def runs(world: World) -> list[tuple[str, str, int]]:
    """What msiexec did."""
    return [(event.fields["action"], event.fields["version"], event.fields["exit_code"]) for event in world.ledger.events("msi")]


def jobs(world: World) -> list[str]:
    """The folders of jobs on the node."""
    fs = world.hosts["octo-a"].fs
    return fs.listdir(f"{ROOT}\\jobs", SYSTEM) if fs.exists(f"{ROOT}\\jobs", SYSTEM) else []


BACK = [("uninstall", NEW, 0), ("install", OLD, 0)]


def test_back_with_the_package_of_the_restore_point(install: Callable[..., Any], world: World, kept: dict[str, Any]) -> None:
    assert node(install(**kept, check_mode=True))["installed_version"] == OLD
    assert runs(world) == []
    result = install(**kept)
    assert (node(result)["was_version"], node(result)["installed_version"], node(result)["fetched"]) == (NEW, OLD, True)
    assert runs(world) == BACK
    assert downloads(world) == 0
    mark = world.ledger.mark()
    again = install(**kept)
    assert (again["changed"], node(again)["exit_code"]) == (False, None)
    for kind in ("msi", "task.run", "file"):
        assert world.ledger.events(kind, since=mark) == []
    assert jobs(world) == []


def test_a_package_that_was_staged_is_not_fetched_from_the_share_again(
    install: Callable[..., Any], world: World, kept: dict[str, Any]
) -> None:
    assert install(version=OLD, state="staged")["changed"]  # from the download site, as before an upgrade
    world.network.share("nas", "backups", "").reachable = False
    result = install(**kept)
    assert (node(result)["installed_version"], node(result)["fetched"]) == (OLD, False)
    assert runs(world) == BACK


def test_a_damaged_package_in_the_restore_point_removes_nothing(install: Callable[..., Any], world: World, kept: dict[str, Any]) -> None:
    path = world.network.root / "nas" / "point" / "packages" / f"Octopus.{OLD}-x64.msi"
    path.write_bytes(b"x" * path.stat().st_size)
    result = install(**kept)
    assert "to have the SHA-256" in result["msg"]
    path.unlink()
    assert "cannot be read or copied" in install(**kept)["msg"]
    assert runs(world) == []
    assert world.hosts["octo-a"].fs.listdir(f"{ROOT}\\packages", SYSTEM) == []


@contextlib.contextmanager
def killed(world: World, switch: str) -> Iterator[None]:
    """Kill the first job that runs msiexec with a switch, as a restart of the host would."""
    over = threading.Event()

    def watch() -> None:
        while not over.wait(0.005):
            for process in world.hosts["octo-a"].processes():
                if process.job and "msiexec" in process.command_line and f" {switch} " in process.command_line:
                    process.job.kill(0x40010004)
                    return

    watcher = threading.Thread(target=watch)
    watcher.start()
    try:
        yield
    finally:
        over.set()
        watcher.join()


@pytest.mark.parametrize(("switch", "done"), [("/x", []), ("/i", BACK[:1])])
def test_a_way_back_that_died_half_way_is_gone_on_with(
    install: Callable[..., Any], world: World, kept: dict[str, Any], switch: str, done: list[tuple[str, str, int]]
) -> None:
    """Killed while the new version is removed, and after that, while the old one is installed."""
    install(**kept, state="staged")
    with killed(world, switch):
        result = install(**kept)
    assert "ended without an exit code" in result["msg"], result
    assert runs(world) == done
    result = install(**kept)
    assert node(result)["installed_version"] == OLD, result
    assert runs(world) == BACK
    assert jobs(world) == []


def test_an_upgrade_that_still_runs_is_waited_for_before_the_way_back(
    install: Callable[..., Any], world: World, kept: dict[str, Any]
) -> None:
    """Looked at before it ends, the old version is there, and nothing seems to be to do."""
    assert node(install(**kept))["installed_version"] == OLD
    assert install(state="staged")["changed"]
    assert "continues on the host" in install(timeout=0)["msg"]
    result = install(**kept)
    assert node(result)["installed_version"] == OLD, result
    assert runs(world) == [*BACK, ("install", NEW, 0), *BACK]
    assert jobs(world) == []


def test_an_installation_that_ended_unseen_is_not_taken_for_another(
    install: Callable[..., Any], world: World, kept: dict[str, Any]
) -> None:
    install(**kept)
    assert install(state="staged")["changed"]
    assert "continues on the host" in install(timeout=0)["msg"]
    result = install()
    assert (node(result)["was_version"], result["changed"]) == (NEW, False)
    assert jobs(world) == []
    assert node(install(**kept))["installed_version"] == OLD
    assert node(install())["installed_version"] == NEW
    assert runs(world) == [*BACK, ("install", NEW, 0), *BACK, ("install", NEW, 0)]


def test_a_program_that_is_gone_is_installed_again(install: Callable[..., Any], world: World) -> None:
    """Registered, and without its files, as after a removal that was cut off."""
    host = world.hosts["octo-a"]
    installer.seed(host, media.build_msi(NEW))
    host.fs.remove("C:\\Program Files\\Octopus Deploy\\Octopus\\Octopus.Server.exe", SYSTEM)
    result = install(version=NEW)
    assert (node(result)["was_version"], node(result)["installed_version"], result["changed"]) == (None, NEW, True)
    assert runs(world) == [("uninstall", NEW, 0), ("install", NEW, 0)]


def test_absent(install: Callable[..., Any], world: World) -> None:
    installer.seed(world.hosts["octo-a"], media.build_msi(NEW))
    assert install(state="absent", version=None, check_mode=True)["changed"]
    result = install(state="absent", version=None)
    assert (result["changed"], node(result)["was_version"], node(result)["installed_version"]) == (True, NEW, None)
    assert not install(state="absent", version=None)["changed"]


def test_a_failed_installation_quotes_its_log(install: Callable[..., Any], world: World) -> None:
    installer.seed(world.hosts["octo-a"], media.build_msi(OLD))
    world.network.faults.arm("msi.fail")
    result = install()
    assert result["failed"]
    assert "msiexec failed with 1603, a fatal error" in result["msg"]
    assert "Installation failed" in result["msg"]
    assert node(result)["log_path"] == f"{ROOT}\\logs\\install-{NEW}.log"
    assert node(install())["installed_version"] == NEW


def test_another_installation_is_waited_for(install: Callable[..., Any], world: World) -> None:
    world.network.faults.arm("msi.busy", times=2)
    result = install()
    assert (node(result)["installed_version"], node(result)["exit_code"]) == (NEW, 0)
    world.network.faults.arm("msi.busy", times=None)
    result = install(version=NEWEST, busy_timeout=0)
    assert "1618, another installation is in progress after waiting for 0 s" in result["msg"]


def test_a_wanted_restart_is_reported(install: Callable[..., Any], world: World) -> None:
    world.network.faults.arm("msi.reboot")
    result = install()
    assert result["reboot_required"]
    assert node(result)["exit_code"] == 3010


def test_a_running_server_is_refused(install: Callable[..., Any], world: World) -> None:
    host = world.hosts["octo-a"]
    host.add_program("C:\\Elsewhere\\Octopus.Server.exe", "runs")

    def runs(process: Process) -> int:
        process.sleep(100000)
        return 0

    host.programs["runs"] = runs
    process = host.spawn("C:\\Elsewhere\\Octopus.Server.exe", "Octopus.Server.exe run", SYSTEM)
    result = install()
    assert f"Octopus.Server.exe is running (process {process.pid})" in result["msg"]
    assert world.ledger.events("msi") == []


def test_a_share_is_reached_by_the_jobs_account(install: Callable[..., Any], world: World) -> None:
    share = world.network.add_share("nas", "software", world.network.root / "nas", {JOB_ACCOUNT})
    (world.network.root / "nas" / f"Octopus.{NEW}-x64.msi").write_bytes(media.build_msi(NEW))
    source = f"{share.unc}\\Octopus.{{version}}-x64.msi"
    refused = install(state="staged", source=source)
    assert "job_user needs the right to read a share" in refused["msg"]
    result = install(state="staged", source=source, job_user=JOB_ACCOUNT, job_password=JOB_PASSWORD)
    assert node(result)["sha256"] == hashlib.sha256(media.build_msi(NEW)).hexdigest()
    seen = str([event.as_dict() for event in world.ledger.events()])
    assert JOB_PASSWORD not in seen
    assert PASSWORD not in seen


def test_without_curl_powershell_fetches(make_world: Callable[..., World]) -> None:
    old = make_world(has_curl=False, os_build="10.0.14393")
    site = ReleaseSite("releases", old.network)
    site.add(NEW, media.build_msi(NEW))
    site.start()
    try:
        result = run_module(
            "octopus_install",
            connections=[old.params()],
            source=site.msi_url(),
            ca_path=str(old.network.authority.path),
            version=NEW,
            state="staged",
        )
    finally:
        site.stop()
    assert node(result)["fetched"]


def test_an_msi_property_that_cannot_be_said_is_refused(install: Callable[..., Any], world: World) -> None:
    result = install(properties={"INSTALLLOCATION": 'C:\\A" & calc'})
    assert "properties: the value of INSTALLLOCATION" in result["msg"]
    assert world.ledger.events("winrm.request") == []
