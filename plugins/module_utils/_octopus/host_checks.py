# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Whether each node's Windows is ready for an installation, and set up as it is meant to be. Pure functions, no I/O."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from .check import Check, size, unknown
from .plan_facts import Facts
from .room_checks import INSTALL_FACTOR

# Less free on a drive in use is little whatever the upgrade writes there: logs of the service and of the installer (assumed).
_LITTLE = 1024**3


def checks(facts: Facts, path: list[str]) -> Iterator[Check]:
    """Yield the checks.

    Args:
        facts: What preflight read.
        path: The versions to go through.
    """
    for node, host, instance in facts.each():
        readiness = host.get("readiness")
        if readiness is not None:
            yield _reboot(node, readiness)
            yield _installer(node, readiness)
        yield from _drives(node, host, instance, _unpacked(facts, path))
        yield from _watchdog(node, host)
        yield from _start_type(node, instance)
        yield from _configuration(node, instance)
    yield from _accounts(facts)


def _reboot(node: str, readiness: Mapping[str, Any]) -> Check:
    found = readiness.get("reboot_pending")
    return Check(
        "no_reboot_pending",
        None if found is None else not found,
        "no restart of Windows that is due, which an installation may ask for again or fail on",
        unknown("the registry does not say") if found is None else "; ".join(found) or "none",
        node,
        "Restart the node before the upgrade.",
        blocking=False,
    )


def _installer(node: str, readiness: Mapping[str, Any]) -> Check:
    busy = readiness.get("installation_in_progress")
    return Check(
        "no_other_installation",
        None if busy is None else not busy,
        "no other installation in progress, for which Windows Installer would refuse the package (1618)",
        unknown("the registry does not say") if busy is None else "one that runs, or was interrupted" if busy else "none",
        node,
        "Wait until it has ended. One that was interrupted is finished or undone by running it again, or by a restart of the node.",
    )


def _unpacked(facts: Facts, path: list[str]) -> int | None:
    """The bytes of the largest installation on the way; None where that is not known."""
    sizes = [package.get("size") for version in path for package in (facts.packages.get(version) or {}).values()]
    return max(int(one) for one in sizes if one) * (INSTALL_FACTOR - 1) if any(sizes) else None


def _drives(node: str, host: Mapping[str, Any], instance: Mapping[str, Any], unpacked: int | None) -> Iterator[Check]:
    """The drives beside the system's, which space_on_node has: of the program, which is unpacked there, and of the instance's home."""
    system = str(host.get("system_drive") or "C:").upper()
    program = str((host.get("program") or {}).get("path") or "")[:2].upper()
    home = str(instance.get("home") or "")[:2].upper()
    needed = {home: _LITTLE, **({program: unpacked or _LITTLE} if program else {})}
    for drive, wanted in sorted(needed.items()):
        if drive[1:] != ":" or drive == system:
            continue
        free = (host.get("free_bytes") or {}).get(drive)
        yield Check(
            "space_on_drives",
            None if free is None else int(free) >= wanted,
            f"{size(wanted)} free on drive {drive}, {'where the program is installed' if drive == program else 'where the instance has its home'}",
            size(int(free)) if free is not None else unknown("the drive does not say how much is free"),
            node,
            "Free some space there." if free is not None else "Check it yourself, then waive this check by name.",
            blocking=drive == program,
        )


def _watchdog(node: str, host: Mapping[str, Any]) -> Iterator[Check]:
    found = host.get("watchdog")
    if found:
        yield Check(
            "watchdog_enabled",
            bool(found.get("enabled")),
            "the watchdog to be enabled, as it is again after the upgrade",
            "that it is" if found.get("enabled") else f"that the task {found.get('task_name')} is disabled, and will stay so",
            node,
            "Enable it if nobody has meant that: an upgrade by hand that broke off may have left it so.",
            blocking=False,
        )


def _start_type(node: str, instance: Mapping[str, Any]) -> Iterator[Check]:
    kind = (instance.get("service") or {}).get("start_type")
    if kind:
        yield Check(
            "service_starts_itself",
            kind != "disabled",
            "a service that Windows starts, or that can be started",
            f"the start type {kind}" + (", which the upgrade sets again at its end" if kind == "disabled" else ""),
            node,
            "Set it to automatic, unless somebody means it not to come back after a restart of the node.",
            blocking=False,
        )


def _configuration(node: str, instance: Mapping[str, Any]) -> Iterator[Check]:
    if instance and "configuration_error" in instance:
        error = instance["configuration_error"]
        yield Check(
            "configuration_readable",
            not error,
            "the program to show the configuration of the instance",
            str(error or "that it does"),
            node,
            "Only what is in its file was read. Run Octopus.Server.exe show-configuration on the node, and see what keeps it from answering.",
            blocking=False,
        )


def _accounts(facts: Facts) -> Iterator[Check]:
    accounts = {node: (instance.get("service") or {}).get("account") for node, _host, instance in facts.each()}
    known = {str(account).lower() for account in accounts.values() if account}
    if len(facts.nodes) > 1 and known:
        yield Check(
            "service_accounts_agree",
            len(known) == 1 if all(accounts.values()) else None,
            "the services of all nodes to run as one account, with the same rights on database, shares and targets",
            ", ".join(f"{account or 'unknown'} on {node}" for node, account in accounts.items()),
            facts.instance,
            "Set the same account on every node, unless they are meant to differ.",
            blocking=False,
        )
