# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The Octopus Server MSI on one node: staged, installed, upgraded, downgraded, removed, and verified by what is installed afterwards."""

from __future__ import annotations

import time
from dataclasses import dataclass

from ansible_collections.octopus.upgrade.plugins.module_utils._core import stopping
from ansible_collections.octopus.upgrade.plugins.module_utils._octopus.errors import OctopusError
from ansible_collections.octopus.upgrade.plugins.module_utils._octopus.host.cli import SERVER_EXE
from ansible_collections.octopus.upgrade.plugins.module_utils._octopus.host.instances import PRODUCT, OctopusHost
from ansible_collections.octopus.upgrade.plugins.module_utils._octopus.version import Version
from ansible_collections.octopus.upgrade.plugins.module_utils._windows import files, msi, processes
from ansible_collections.octopus.upgrade.plugins.module_utils._windows.connection import WindowsHost
from ansible_collections.octopus.upgrade.plugins.module_utils._windows.errors import HostError, HostTimeout, HostUnreachable
from ansible_collections.octopus.upgrade.plugins.module_utils._windows.job_files import protect_line
from ansible_collections.octopus.upgrade.plugins.module_utils._windows.jobs import Job, job_id
from ansible_collections.octopus.upgrade.plugins.module_utils._windows.quoting import builtin, word

from .request import InstallRequest
from .signature import Signature
from .staging import Staged, stage
from .watch import Watch

_FIRST_PAUSE, _LONGEST_PAUSE = 1.0, 15.0


@dataclass
class NodeInstall:
    """What was found and done on one node."""

    path: str | None = None
    sha256: str | None = None
    stated_by: str | None = None
    signature: Signature | None = None
    size: int | None = None
    fetched: bool = False
    cached_package: msi.CachedPackage | None = None
    was_version: str | None = None
    installed_version: str | None = None
    reboot_required: bool = False
    exit_code: int | None = None
    log_path: str | None = None
    seconds: float = 0.0

    @property
    def changed(self) -> bool:
        return self.fetched or self.was_version != self.installed_version


def bring(host: WindowsHost, request: InstallRequest, result: NodeInstall) -> None:
    """Bring one node to the wanted state.

    Args:
        host: The node.
        request: The wanted state.
        result: Gets what is found and done, also where it fails.

    Raises:
        OctopusError: The package or the installation is not as expected afterwards, or something stands in the way.
        HostError: The host does not do what it is told.
    """
    start = time.monotonic()
    try:
        if request.state == "staged":
            _stage(host, request, result, ask=True)
            if request.check_mode:
                result.cached_package = _cached_package(host, request)
        elif request.state == "present":
            _present(host, request, result)
        else:
            _absent(host, request, result)
    finally:
        result.seconds = round(time.monotonic() - start, 3)


def _installed_version(host: WindowsHost) -> str | None:
    """Return the version of the program on the host; None where none is installed, or the installed product has lost its program."""
    return _installed(host).version


@dataclass(frozen=True)
class _Installed:
    """The products registered with Windows Installer, and the version of the program; None where the program is missing."""

    products: list[msi.Product]
    version: str | None

    @property
    def is_broken(self) -> bool:
        return bool(self.products) and self.version is None

    @property
    def number(self) -> Version | None:
        """Return the version to compare with: that of the program, else the registered one."""
        text = self.version or (self.products[-1].version if self.products else None)
        return Version.parse(text) if text else None


def _installed(host: WindowsHost) -> _Installed:
    products = msi.products(host, PRODUCT)
    if not products:
        return _Installed([], None)
    cli = OctopusHost(host).cli
    # The program states the complete version; Windows Installer may keep only three of its fields. An old program does not state it.
    version = cli.version() or (products[-1].version if files.exists(host, cli.program) else None)
    return _Installed(products, version)


def _stage(host: WindowsHost, request: InstallRequest, result: NodeInstall, ask: bool) -> Staged:
    if request.source is None:
        raise OctopusError("Expected a source to stage the package from, but there is none.")
    staged = stage(host, request.source, request.place, request.tell, check_mode=request.check_mode, ask=ask)
    result.path, result.sha256, result.size, result.fetched = staged.path, staged.sha256, staged.size, staged.fetched
    result.stated_by = staged.stated_by
    return staged


def _cached_package(host: WindowsHost, request: InstallRequest) -> msi.CachedPackage | None:
    """Return what Windows Installer keeps of the package of this version; None where another version or none is installed."""
    found = _installed(host)
    if not found.products or found.number != Version.parse(request.version or ""):
        return None
    return msi.cached_package(host, found.products[-1].code)


def _present(host: WindowsHost, request: InstallRequest, result: NodeInstall) -> None:
    wanted = Version.parse(request.version or "")
    _wait_for_earlier(host, request)
    found = _installed(host)
    result.was_version = result.installed_version = found.version
    is_newer = found.number is not None and found.number > wanted
    if found.number == wanted and not found.is_broken:
        return
    if is_newer and not request.allow_downgrade:
        raise OctopusError(
            f"{host.where}: expected {request.version} or an older version but found {found.number}. A downgrade removes it first, and needs "
            "a database with the schema of the older version. Set allow_downgrade: true if you want this."
        )
    # The hash recorded during staging decides here, not the origin, because an outage must not depend on the internet.
    staged = _stage(host, request, result, ask=False)
    if request.check_mode:
        result.installed_version = request.version
        return
    _refuse_running(host, request)
    if is_newer and staged.fetched and request.source and request.source.expected()[0] is None:
        raise OctopusError(
            f"{host.where}: expected something to state the hash of the package of {request.version}, because a downgrade removes "
            f"{found.number} before Windows Installer opens the package, but nothing does. Give sha256. Nothing was removed."
        )
    removed = is_newer or found.is_broken
    if removed:  # Windows Installer does not replace missing files of a registered product
        _remove(host, request, result)
    log = _log_path(request, f"install-{request.version}")
    line = msi.install_line(staged.path, log, request.properties)
    try:
        _msiexec(host, request, result, _Step(line, log, f"installing {request.version}"))
    except OctopusError as error:
        if not removed:
            raise
        raise OctopusError(
            f"{error.message} {found.number} was removed before, so no version is installed now. Run this again with a good package."
        ) from error
    result.installed_version = _installed_version(host)
    if result.installed_version is None or Version.parse(result.installed_version) != wanted:
        restart = " Files were in use, so restart Windows first." if result.reboot_required else ""
        raise OctopusError(
            f"{host.where}: expected {request.version} to be installed after msiexec ended with {result.exit_code}, but found "
            f"{result.installed_version or 'no program'}.{restart} See {log} on the host."
        )


def _absent(host: WindowsHost, request: InstallRequest, result: NodeInstall) -> None:
    _wait_for_earlier(host, request)
    found = _installed(host)
    result.was_version = result.installed_version = found.version or (found.products[-1].version if found.products else None)
    if result.was_version is None:
        return
    if not request.check_mode:
        _refuse_running(host, request)
        _remove(host, request, result)
    result.installed_version = None


def _remove(host: WindowsHost, request: InstallRequest, result: NodeInstall) -> None:
    for product in msi.products(host, PRODUCT):
        log = _log_path(request, f"uninstall-{product.version}")
        _msiexec(
            host,
            request,
            result,
            _Step(msi.uninstall_line(product.code, log), log, f"removing {product.name} {product.version}", removes=True),
        )
    left = msi.products(host, PRODUCT)
    if left:
        raise OctopusError(
            f"{host.where}: expected {left[0].name} {left[0].version} to be removed, but it is still installed. See {result.log_path} on the "
            "host."
        )
    result.installed_version = None


def _refuse_running(host: WindowsHost, request: InstallRequest) -> None:
    """Refuse to replace a running program.

    Whether a silent installation stops the services, and all of them, is not documented; it does not start them again.

    Raises:
        OctopusError: The program is running.
    """
    running = processes.find(host, image=SERVER_EXE)
    if running:
        pids = ", ".join(str(process.pid) for process in running)
        raise OctopusError(
            f"{host.where}: {SERVER_EXE} is running (process {pids}), so its files are in use. Stop every instance on the host first, with "
            "octopus_node, state: stopped and watchdog: disabled."
        )


def _log_path(request: InstallRequest, name: str) -> str:
    return f"{request.place.work_root.rstrip(chr(92))}\\logs\\{name}.log"


def _job(host: WindowsHost, request: InstallRequest) -> Job:
    """Return the one job for all runs of msiexec on a node: Windows Installer runs one at a time, and a later run finds it."""
    return Job(host, request.place.work_root, job_id("msiexec", PRODUCT))


def _wait_for_earlier(host: WindowsHost, request: InstallRequest) -> None:
    """Wait for an installation that an earlier run left running, because until it ends, the installed version may change.

    Raises:
        HostTimeout: It is still running.
    """
    job = _job(host, request)
    if request.check_mode or not files.exists(host, job.folder):
        return
    if job.poll().status == "running":
        request.tell(f"{host.name}: waiting for an installation that an earlier run started")
        try:
            job.wait(request.place.timeout)
        except (HostTimeout, HostUnreachable):
            raise
        except HostError:  # it was lost, for example by a restart of the host; its outcome shows in the installed version
            request.tell(f"{host.name}: the installation that an earlier run started ended without an exit code")
    job.remove()


@dataclass(frozen=True)
class _Step:
    """One run of msiexec: its line in the command file, and its log."""

    line: str
    log: str
    doing: str
    removes: bool = False


def _msiexec(host: WindowsHost, request: InstallRequest, result: NodeInstall, step: _Step) -> None:
    """Run msiexec as a job; wait while another installation is running.

    Raises:
        OctopusError: It failed; the message quotes the log.
    """
    result.log_path = step.log
    request.tell(f"{host.name}: {step.doing}")
    root, logs = request.place.work_root.rstrip("\\"), step.log.rpartition("\\")[0]
    host.run_cmd(f"{protect_line(root)} && if not exist {word(logs)} {builtin('mkdir', logs)}", check=True, idempotent=True)
    job = _job(host, request)
    give_up = time.monotonic() + request.busy_timeout
    pause = _FIRST_PAUSE
    while True:
        job.start([step.line], restart_lost=True)
        # Always as SYSTEM: another account may lack the right to install.
        state = job.wait(request.place.timeout, tick=Watch(host, step.log, step.doing, request.tell))
        code = result.exit_code = state.exit_code or 0
        attached = job.attached
        job.remove()
        if attached:
            continue  # this was an earlier run, perhaps of another package
        if code != msi.BUSY or time.monotonic() >= give_up:
            break
        request.tell(f"{host.name}: another installation is running, trying again in {pause:.0f} s")
        stopping.check()
        time.sleep(pause)
        pause = min(pause * 2, _LONGEST_PAUSE)
    if msi.is_success(code):
        result.reboot_required = result.reboot_required or code in (msi.REBOOT_REQUIRED, msi.REBOOT_STARTED)
        return
    if code == msi.NOT_INSTALLED and step.removes:
        return
    waited = f" after waiting for {request.busy_timeout:.0f} s" if code == msi.BUSY else ""
    said = " | ".join(msi.log_errors(host, step.log)) or "The log names no error"
    raise OctopusError(
        f"{host.where}: msiexec failed with {msi.meaning(code)}{waited}. {said}. The complete log is {step.log} on the host."
    )
