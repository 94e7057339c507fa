# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Windows Installer: exit codes, the Uninstall key, properties, logs, with small packages (see packages.py)."""

from __future__ import annotations

import re
import uuid
from collections.abc import Callable, Iterator

import pytest
from acceptance import packages
from acceptance.packages import ONE, ONE_AGAIN, REBOOT, SLOW, TWO, SmallPackage
from acceptance.target import wait_until
from ansible_collections.octopus.upgrade.plugins.module_utils._windows import files, msi, msi_log, registry
from ansible_collections.octopus.upgrade.plugins.module_utils._windows.connection import WindowsHost
from ansible_collections.octopus.upgrade.plugins.module_utils._windows.errors import HostError
from ansible_collections.octopus.upgrade.plugins.module_utils._windows.jobs import Job

DEADLINE = 300.0
NOT_INSTALLED, OTHER_VERSION, FATAL, CANNOT_OPEN, NO_PACKAGE, NO_LOG = 1605, 1638, 1603, 1619, 1620, 1622


class Installer:
    """Windows Installer of the host, driven as octopus_install does: each run is a job."""

    def __init__(self, host: WindowsHost, folder: str, packages_folder: str) -> None:
        self.host = host
        self.folder = folder
        self._packages = packages_folder
        self.log = ""
        self.jobs: list[Job] = []

    def path(self, package: SmallPackage) -> str:
        return f"{self._packages}\\{package.name}.msi"

    def start(self, line: Callable[[str], str]) -> Job:
        self.log = f"{self.folder}\\msi {uuid.uuid4().hex[:8]}.log"
        job = Job(self.host, self.folder, f"msi-{uuid.uuid4().hex[:8]}")
        job.start([line(self.log)])
        self.jobs.append(job)
        return job

    def _run(self, line: Callable[[str], str]) -> int:
        code = self.start(line).wait(DEADLINE).exit_code
        assert code is not None
        return code

    def install(self, path: str, **properties: str) -> int:
        return self._run(lambda log: msi.install_line(path, log, properties))

    def uninstall(self, code: str) -> int:
        return self._run(lambda log: msi.uninstall_line(code, log))

    def installed(self) -> list[msi.Product]:
        return msi.products(self.host, packages.NAME)


@pytest.fixture
def installer(host: WindowsHost, folder: str, needs: Callable[[str], str]) -> Iterator[Installer]:
    """None of the packages is installed, before and after."""
    made = Installer(host, folder, needs("msi_folder"))
    for product in made.installed():
        assert msi.is_success(made.uninstall(product.code))
    yield made
    for product in made.installed():
        assert msi.is_success(made.uninstall(product.code))
    for job in made.jobs:
        job.remove()


def _as_product(package: SmallPackage) -> msi.Product:
    return msi.Product(package.code, packages.NAME, package.version)


def test_install_upgrade_and_uninstall(installer: Installer) -> None:
    marker = f"{packages.FOLDER}\\marker.txt"
    assert installer.install(installer.path(ONE)) == 0
    assert installer.installed() == [_as_product(ONE)]
    assert files.read_text(installer.host, marker) == "one"
    location = registry.get(installer.host, f"{msi.UNINSTALL}\\{ONE.code}", "InstallLocation")
    assert location is not None
    assert location.rstrip("\\") == packages.FOLDER
    # A major upgrade removes the old entry.
    assert installer.install(installer.path(TWO)) == 0
    assert installer.installed() == [_as_product(TWO)]
    assert files.read_text(installer.host, marker) == "two"
    assert installer.uninstall(TWO.code) == 0
    assert installer.installed() == []
    assert not files.exists(installer.host, marker)


def test_the_same_package_again_is_0(installer: Installer) -> None:
    assert installer.install(installer.path(ONE)) == 0
    assert installer.install(installer.path(ONE)) == 0
    assert installer.installed() == [_as_product(ONE)]


def test_the_same_product_in_another_package_is_1638(installer: Installer) -> None:
    assert installer.install(installer.path(ONE)) == 0
    assert installer.install(installer.path(ONE_AGAIN)) == OTHER_VERSION


def test_an_older_version_over_a_newer_is_1603_and_the_log_says_why(installer: Installer) -> None:
    assert installer.install(installer.path(TWO)) == 0
    assert installer.install(installer.path(ONE)) == FATAL
    assert installer.installed() == [_as_product(TWO)]
    lines = msi.log_errors(installer.host, installer.log)
    assert any("newer version" in line or "Return value 3" in line for line in lines)
    assert "MainEngineThread is returning 1603" in files.read_text(installer.host, installer.log)


def test_a_property_with_spaces_and_a_backslash_at_its_end(installer: Installer) -> None:
    elsewhere = f"{packages.FOLDER} (elsewhere) & more\\"
    assert installer.install(installer.path(ONE), INSTALLLOCATION=elsewhere) == 0
    assert files.read_text(installer.host, f"{elsewhere}marker.txt") == "one"
    assert installer.uninstall(ONE.code) == 0
    assert not files.exists(installer.host, f"{elsewhere}marker.txt")


def test_a_restart_that_is_wanted_is_3010(installer: Installer) -> None:
    code = installer.install(installer.path(REBOOT))
    assert (code, msi.is_success(code)) == (3010, True)
    assert installer.installed() == [_as_product(REBOOT)]


def test_the_log_says_which_action_of_how_many_is_carried_out(installer: Installer) -> None:
    installer.start(lambda log: msi.install_line(installer.path(SLOW), log, {}))
    lines: list[str] = []
    found: list[msi_log.Doing] = []

    def carried_out() -> bool:
        nonlocal lines
        lines = msi_log.look(installer.host, installer.log, lines)
        found.extend(filter(None, [msi_log.read(lines)]))
        return bool(found) and found[-1].number is not None

    wait_until(carried_out, "the slow installation carries its script out")
    number, of = found[-1].number, found[-1].of
    assert number and of and number <= of
    for job in installer.jobs:
        job.wait(DEADLINE)


def test_a_second_installer_is_1618(installer: Installer) -> None:
    first = installer.start(lambda log: msi.install_line(installer.path(SLOW), log, {}))
    log = installer.log

    def began() -> bool:
        try:
            return re.search(r"Action start.*\bINSTALL\.", files.read_text(installer.host, log)) is not None
        except HostError:
            return False  # there is no log yet

    wait_until(began, "the slow installation has begun")
    assert installer.install(installer.path(ONE)) == msi.BUSY
    assert first.wait(DEADLINE).exit_code == 0
    assert installer.installed() == [_as_product(SLOW)]


def test_an_unknown_product_is_1605(installer: Installer) -> None:
    assert installer.uninstall(ONE.code) == NOT_INSTALLED


def test_a_missing_package_is_1619(installer: Installer) -> None:
    assert installer.install(f"{installer.folder}\\missing.msi") == CANNOT_OPEN


def test_a_file_that_is_no_package_is_1620(installer: Installer) -> None:
    path = f"{installer.folder}\\no package.msi"
    files.write_text(installer.host, path, "this is text")
    assert installer.install(path) == NO_PACKAGE


def test_a_log_that_cannot_be_written_is_1622(installer: Installer) -> None:
    line = msi.install_line(installer.path(ONE), f"{installer.folder}\\missing\\x.log", {})
    assert installer.start(lambda log: line).wait(DEADLINE).exit_code == NO_LOG
    assert installer.installed() == []
