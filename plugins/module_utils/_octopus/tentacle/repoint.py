# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Let the polling Tentacles of one host poll the new addresses of their server too, each of them wholly or not at all."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from ansible_collections.octopus.upgrade.plugins.module_utils._core.errors import TaskFailed, UpgradeError
from ansible_collections.octopus.upgrade.plugins.module_utils._core.progress import Progress
from ansible_collections.octopus.upgrade.plugins.module_utils._octopus.errors import OctopusError
from ansible_collections.octopus.upgrade.plugins.module_utils._windows.connection import WindowsHost
from ansible_collections.octopus.upgrade.plugins.module_utils._windows.errors import HostError

from . import aside, reading
from .cli import TentacleCli
from .configuration import Address, TentacleConfiguration, address_of, parse, same_place, thumbprint_of
from .decision import ADD, CHECK, IGNORE, NOTHING, REFUSE, RESTART, Decision, decide, lost, problems
from .polls import polled_by
from .results import InstanceResult, as_result
from .service import TentacleService


@dataclass(frozen=True)
class Request:
    """What is wanted. ``timeout`` is the seconds that a service may take to stop and start."""

    thumbprint: str
    addresses: tuple[Address, ...]
    instances: tuple[str, ...]
    work_root: str
    timeout: float
    check_mode: bool
    tell: Callable[[str], object] = field(default_factory=Progress)

    @classmethod
    def from_params(cls, params: dict[str, Any], check_mode: bool) -> Request:
        """Read the module's parameters.

        Raises:
            InvalidValue: A thumbprint or an address is none.
        """
        return cls(
            thumbprint_of(params["thumbprint"]),
            tuple(dict.fromkeys(address_of(one) for one in params["addresses"])),
            tuple(params["instances"] or ()),
            params["work_root"],
            float(params["timeout"]),
            check_mode,
        )


@dataclass(frozen=True)
class _Work:
    """One instance: as it was found, the copy of an interrupted run, the configuration to go on from, and what is to be done."""

    found: reading.Instance
    copy: aside.Copy | None
    base: TentacleConfiguration | None
    broken: bool  # whether the file has to be restored from the copy first
    decision: Decision


def move(host: WindowsHost, request: Request) -> dict[str, Any]:
    """Look at the instances of a host, decide for all of them, and then do what there is to do, one after the other.

    Nothing is changed on a host where one instance is refused. One that fails is left as it was, and the next ones are left alone.

    Raises:
        TaskFailed: An instance was refused or failed; the result has all of them.
        OctopusError: The program failed, or no instance of the host trusts the server.
        HostError: The host failed.
    """
    cli = TentacleCli(host)
    work = [_plan(host, cli, request, name, path) for name, path in reading.chosen(host, cli, request.instances)]
    results = [_first_result(one, request) for one in work]
    refused = [f"{one.found.name}: {one.decision.reason}" for one in work if one.decision.action == REFUSE]
    if refused:
        text = f"{host.where}: {len(refused)} of {len(work)} instances of Tentacle cannot be moved safely, so nothing was changed. {' '.join(refused)}"
        raise TaskFailed(text, as_result(cli.version(), results))
    if all(one.decision.action == IGNORE for one in work):
        raise TaskFailed(
            f"{host.where}: expected a Tentacle that trusts a server with the thumbprint {request.thumbprint}, but none of "
            f"{', '.join(one.found.name for one in work)} does. Is it the thumbprint of the server's certificate, and the right host?",
            as_result(cli.version(), results),
        )
    for one, result in zip(work, results, strict=True):
        try:
            _do(host, cli, request, one, result)
        except UpgradeError as error:
            result.failed = str(error)
            raise TaskFailed(f"{host.where}: the Tentacle {one.found.name} failed. {error}", as_result(cli.version(), results)) from error
    return as_result(cli.version(), results)


def _plan(host: WindowsHost, cli: TentacleCli, request: Request, name: str, path: str) -> _Work:
    found = reading.look(host, name, path)
    copy = aside.find(host, request.work_root, path)
    base, broken = found.configuration, False
    if copy and base is None:
        base, broken = parse(copy.content, copy.path), True
    if base is None:
        return _Work(found, copy, base, broken, Decision(REFUSE, found.error or "Its configuration cannot be read."))
    former = parse(copy.content, copy.path) if copy else base
    if copy and (former.others != base.others or lost(former, base)):
        reason = (
            f"An interrupted run has left its former configuration in {copy.path}, and somebody has changed the present one since. Compare them, and "
            "remove that file where the present one is right."
        )
        return _Work(found, copy, base, broken, Decision(REFUSE, reason))
    polls = polled_by(host, base.home, found.service.pid) if found.service and found.service.state == "running" else None
    decision = decide(
        base,
        request.thumbprint,
        request.addresses,
        version=cli.version(),
        service=found.service_state,
        polls=polls,
        interrupted=copy is not None,
    )
    if decision.action == IGNORE and request.instances:
        decision = Decision(REFUSE, f"{decision.reason} It is named in the task.")
    if broken and copy and decision.action == REFUSE:
        decision = Decision(
            REFUSE, f"{decision.reason} An interrupted run has left a part of its configuration; the former one is {copy.path}."
        )
    return _Work(found, copy, base, broken, decision)


def _first_result(one: _Work, request: Request) -> InstanceResult:
    polled = one.base.polled if one.base else []
    result = InstanceResult(one.found.name, one.decision.action, one.decision.reason, polled, list(polled), one.found.service_state)
    result.thumbprint = one.base.thumbprint if one.base else None
    if one.decision.action in (ADD, RESTART, NOTHING):
        result.former = _former(polled, request.addresses)
    if request.check_mode and (one.broken or one.decision.action in (ADD, RESTART)):
        result.after = [*polled, *(address.url for address in one.decision.missing)]
        result.changed = True
    return result


def _former(polled: Sequence[str], wanted: Sequence[Address]) -> list[str]:
    """Return the addresses that are polled and not of the new server: those that a return needs."""
    new = {address.url for address in wanted}
    return [address for address in polled if same_place(address) not in new]


def _do(host: WindowsHost, cli: TentacleCli, request: Request, one: _Work, result: InstanceResult) -> None:
    """Do what was decided for one instance, and verify it; after a failure, leave it as it was.

    Raises:
        OctopusError: It failed; the message says how it was left.
        HostError: The copy could not be made, or not be removed at the end.
    """
    copy, found, action = one.copy, one.found, one.decision.action
    if request.check_mode or (action in (CHECK, IGNORE) and copy is None):
        return
    if action not in (ADD, RESTART) and not one.broken:
        if copy is not None:
            aside.remove(host, copy)  # a run that was interrupted between its last change and its end
        return
    service = TentacleService(host, cli, found, running=copy.running if copy else found.service_state == "running", timeout=request.timeout)
    if copy is None and found.content is not None:
        copy = aside.make(host, request.work_root, found.config_path, found.content, service.running)
    if copy is None or one.base is None:
        raise OctopusError(f"{found.config_path} cannot be read.")  # refused before
    try:
        if one.broken:
            aside.restore(host, request.work_root, found.config_path, copy)
        for address in one.decision.missing:
            request.tell(f"{found.name}: adding {address.url}")
            cli.server_comms(found.name, one.decision.thumbprint, address)
        after = _verified(host, one, one.base)
        result.after = after.polled
        request.tell(f"{found.name}: restarting the service")
        result.restarted = service.restart()
        result.confirmed = service.polls(after.home, [address.url for address in request.addresses])
        _verified(host, one, one.base)  # two runs at once would overwrite each other's entries
    except UpgradeError as error:
        result.after = list(result.before)
        raise OctopusError(f"{error} {_undo(host, request, one, copy, service)}") from error
    result.changed, result.service_state = True, service.state()
    aside.remove(host, copy)


def _undo(host: WindowsHost, request: Request, one: _Work, copy: aside.Copy, service: TentacleService) -> str:
    """Leave an instance as it was, and say how that went. The copy stays where it is not, for the next run."""
    restored, told = aside.put_back(host, request.work_root, one.found.config_path, copy)
    running, more = service.as_before()
    if restored and running:
        with contextlib.suppress(HostError):
            aside.remove(host, copy)
    return f"{told} {more}"


def _verified(host: WindowsHost, one: _Work, before: TentacleConfiguration) -> TentacleConfiguration:
    """Return the configuration as it is now.

    Raises:
        OctopusError: It is not the one before with the new entries.
    """
    now = reading.look(host, one.found.name, one.found.config_path)
    if now.configuration is None:
        raise OctopusError(now.error or "Its configuration cannot be read.")
    wrong = problems(before, now.configuration, one.decision)
    if wrong:
        raise OctopusError(f"Expected nothing but the new addresses in {one.found.config_path}, but {', and '.join(wrong)}.")
    return now.configuration
