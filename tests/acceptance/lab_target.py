# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A host of the lab for the acceptance tests, with what a real one is asked to have."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from acceptance import packages
from acceptance.target import SYSTEM32, Target, encode_argv
from ansible_collections.octopus.upgrade.plugins.module_utils._windows.connection import ConnectionOptions
from lab.core.clock import Clock
from lab.core.faults import Faults
from lab.core.ledger import Ledger
from lab.core.network import Network
from lab.windows import host as lab_host
from lab.windows import msi
from lab.windows.process import Process
from lab.winrm.server import WinRMServer

SCALE = 60.0
PASSWORD = "Lösung 1!"
JOB_PASSWORD = "Nächtlich & 2%"
PACKAGES = "C:\\Packages"
SPACED = f"{SYSTEM32.rpartition(chr(92))[0]}\\system 32"


def _argv(process: Process) -> int:
    process.print(encode_argv(process.argv[1:]), end="")
    return 0


def _pause(process: Process) -> int:
    process.sleep(float(process.argv[1]))
    return 0


def _service(process: Process) -> int:
    process.service_running()
    while not process.stop_requested.wait(0.01):
        process.check()
    return 0


@contextmanager
def lab_target(root: Path) -> Iterator[Target]:
    """The host, with WinRM; it ends with the block."""
    clock = Clock(SCALE)
    ledger = Ledger(clock)
    network = Network(root, clock, ledger, Faults(ledger))
    account = network.add_account("octo-admin", PASSWORD)
    job_account = network.add_account("octo-job", JOB_PASSWORD)
    machine = lab_host.WindowsHost("octo-a", network)
    for name, handler in (("argv", _argv), ("pause", _pause), ("service", _service)):
        machine.programs[name] = handler
        machine.add_program(f"C:\\Tools\\{name}.exe", name)
    machine.services.create("OctopusAcceptance", "Acceptance", "C:\\Tools\\service.exe", "LocalSystem", 3)
    _write_packages(machine)
    share = network.add_share("nas", "acceptance", root / "share", {job_account, network.machine_account("octo-a")})
    server = WinRMServer(machine, network)
    machine.boot()
    server.start()
    try:
        yield Target(
            options=ConnectionOptions.from_params(
                {
                    "name": "octo-a",
                    "host": machine.address,
                    "username": account,
                    "password": PASSWORD,
                    "transport": ["ntlm"],
                    "ca_trust_path": str(network.authority.path),
                    "proxy": "",
                }
            ),
            is_lab=True,
            pause=lambda seconds: ["C:\\Tools\\pause.exe", str(seconds)],
            http_404=f"http://{machine.address}:5985/nothing",
            install_argv=lambda host, folder: ["C:\\Tools\\argv.exe"],
            install_spaced=lambda host, folder: _spaced(machine),
            job_account=(job_account, JOB_PASSWORD),
            share=share.unc,
            share_is_elsewhere=True,
            msi_folder=PACKAGES,
            service="OctopusAcceptance",
        )
    finally:
        server.stop()
        machine.shutdown()
        network.close()
    if machine.crashes:
        raise AssertionError("programs of the lab crashed:\n" + "\n".join(machine.crashes))


def _spaced(machine: lab_host.WindowsHost) -> str:
    for name, handler in (("reg.exe", "reg.exe"), ("argv.exe", "argv")):
        machine.add_program(f"{SPACED}\\{name}", handler)
    return SPACED


def _write_packages(machine: lab_host.WindowsHost) -> None:
    machine.fs.mkdir(PACKAGES, machine.system)
    for package in packages.ALL:
        data = msi.build(
            None,
            product_name=packages.NAME,
            product_code=package.code,
            upgrade_code=packages.UPGRADE_CODE,
            version=package.version,
            manufacturer="octopus.upgrade contributors",
            files={"marker.txt": package.name.encode()},
            install_folder=packages.FOLDER,
            seconds=30.0 if package.slow else 1.0,
            reboot=package.reboot,
        )
        machine.fs.write(f"{PACKAGES}\\{package.name}.msi", data, machine.system)
