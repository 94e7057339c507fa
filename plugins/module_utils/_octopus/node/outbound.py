# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The hosts of a clone, kept by Windows Firewall from reaching anything but what the clone needs, whatever its database says.

The rule is the host's, not the program's: what the server starts (Calamari, scripts) has other paths, and a rule for a service acts only where its
token has a service SID (https://learn.microsoft.com/windows/win32/api/winsvc/ns-winsvc-service_sid_info), which this service is not known to have.
Neither could be verified by trying, and this one can.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from ansible_collections.octopus.upgrade.plugins.module_utils._octopus.errors import OctopusError
from ansible_collections.octopus.upgrade.plugins.module_utils._windows import outbound_rule, reach
from ansible_collections.octopus.upgrade.plugins.module_utils._windows.connection import ConnectionOptions, WindowsHost
from ansible_collections.octopus.upgrade.plugins.module_utils._windows.errors import HostError
from ansible_collections.octopus.upgrade.plugins.module_utils._windows.parallel import failures, on_each

from .outbound_needs import Wanted, wanted_of


def bring_to_state(connections: Sequence[ConnectionOptions], params: dict[str, Any], check_mode: bool) -> dict[str, Any]:
    """Block what hosts may not reach, or remove the rule; the module's result.

    Args:
        connections: The hosts.
        params: As octopus_outbound has them.
        check_mode: Whether to predict only.

    Raises:
        OctopusError: A host refuses, or the rule has no effect there. It is then as it was before.
    """
    present = params["state"] == "present"
    outcomes = on_each(connections, lambda host: _block(host, params, check_mode) if present else _open(host, params, check_mode))
    failed = failures(outcomes)
    if failed:
        raise OctopusError(" ".join(failed))
    found = {name: one for name, one in outcomes.items() if isinstance(one, dict)}
    return {
        "changed": any(one.pop("changed") for one in found.values()),
        "warnings": [f"{name}: {text}" for name, one in found.items() for text in one.pop("warnings")],
        "nodes": found,
    }


def _open(host: WindowsHost, params: dict[str, Any], check_mode: bool) -> dict[str, Any]:
    rules = sorted({rule.name for rule in outbound_rule.find(host, params["instance"])})
    for name in [] if check_mode else rules:
        outbound_rule.delete(host, name)
    return {"changed": bool(rules), "rule": None, "removed": rules, "allowed": {}, "tried": [], "warnings": []}


def _block(host: WindowsHost, params: dict[str, Any], check_mode: bool) -> dict[str, Any]:
    obstacles = outbound_rule.obstacles(host)
    if obstacles:
        raise OctopusError(
            f"{host.where}: expected Windows Firewall to act by the rules of the host, but found: {'; '.join(obstacles)}. Nothing was changed. Turn it "
            "on in all profiles, let policies accept rules of the host, or set octopus_clone_outbound to leave."
        )
    wanted = wanted_of(host, params)
    name = outbound_rule.name_of(params["instance"], wanted.remote)
    rules = outbound_rule.find(host, params["instance"])
    same = [rule for rule in rules if rule.name == name]
    there = bool(same) and not any(rule.differs(wanted.remote) for rule in same)
    others = sorted({rule.name for rule in rules if rule.name != name})
    change = Change(host, name, wanted, there, bool(same), others, {rule.name for rule in rules if rule.active})
    tried = change.predict() if check_mode else change.make()
    return {
        "changed": not there or bool(others),
        "rule": name,
        "removed": others,
        "allowed": wanted.reasons,
        "tried": tried,
        "warnings": [*wanted.warnings, *change.warnings],
    }


@dataclass(eq=False)
class Change:
    """The rule of a host, put in the place of others without a moment in which none of them acts.

    The new one is added, the others are disabled, and what is allowed and what is not are tried. Then the others are deleted, or, where something is
    not as it has to be, they are enabled again and the new one is deleted. A run that dies in between leaves rules that block too much, not too little,
    and the next one finds them by their names.

    Attributes:
        host: The host.
        name: Name of the rule.
        wanted: What it lets through.
        there: Whether it is there already, and as it has to be.
        taken: Whether there is a rule of that name, which somebody may have changed.
        others: The names of the instance's other rules.
        active: The names of its rules that act.
        warnings: What could not be told.
    """

    host: WindowsHost
    name: str
    wanted: Wanted
    there: bool
    taken: bool
    others: Sequence[str]
    active: set[str]
    warnings: list[str] = field(default_factory=list)

    def predict(self) -> list[dict[str, Any]]:
        """Try what can be tried without a change: the rule that is there."""
        return self._verify({}) if self.there and not self.others else []

    def make(self) -> list[dict[str, Any]]:
        """Make the change; what was tried.

        Raises:
            OctopusError: The rule has no effect, or blocks what it must not; everything is as it was.
            HostError: The host refuses, or does not let anybody log on any more; everything is as it was.
        """
        before = {} if self.active else {one: reach.attempt(self.host, *one) for one in self.wanted.outside}
        try:
            if self.taken and not self.there:
                outbound_rule.delete(self.host, self.name)
            if not self.there:
                outbound_rule.add(self.host, self.name, self.wanted.remote)
            self._enable_others(False)
            tried = self._verify(before)
            self._log_on()
        except (OctopusError, HostError) as error:
            self._undo(error)
            raise
        for name in self.others:
            outbound_rule.delete(self.host, name)
        if before and not any(one["made_the_difference"] for one in tried):
            self.warnings.append(
                "nothing outside could be reached before the rule either, so the network alone may be what blocks. Whether the rule does could not be "
                "told."
            )
        return tried

    def _enable_others(self, on: bool) -> None:
        for name in self.others:
            if name in self.active:
                outbound_rule.enable(self.host, name, on)

    def _undo(self, error: OctopusError | HostError) -> None:
        """Restore what was there before.

        Raises:
            OctopusError: That is not possible; it tells both failures.
        """
        try:
            self._enable_others(True)
            if not self.there:
                outbound_rule.delete(self.host, self.name)
        except HostError as second:
            raise OctopusError(
                f"{error} The former state could not be restored: {second} On the console of the host, delete the rule: netsh advfirewall firewall "
                f"delete rule name={self.name}"
            ) from error

    def _verify(self, before: dict[tuple[str, int], reach.Attempt]) -> list[dict[str, Any]]:
        host, tried, wrong = self.host, [], []
        for address, port in self.wanted.outside:
            earlier, now = before.get((address, port)), reach.attempt(host, address, port)
            found = reach.verdict(earlier, now)
            tried.append(_told((address, port), reach.BLOCKED, found, now, reach.tells(earlier, now)))
            if found != reach.BLOCKED:
                wrong.append(f"{address}:{port} to be blocked, but {_said(found, now)}")
        servers, sql_port = self.wanted.sql
        if servers and sql_port is not None:
            attempts = {address: reach.attempt(host, address, sql_port) for address in servers}
            tried += [
                _told((address, sql_port), reach.REACHED, reach.REACHED if one.connected else reach.UNKNOWN, one)
                for address, one in attempts.items()
            ]
            if not any(one.connected for one in attempts.values()):  # a listener has addresses of which one answers
                wrong += [
                    f"SQL Server at {address}:{sql_port} to be reached, but {_said(reach.UNKNOWN, one)}"
                    for address, one in attempts.items()
                ]
        if wrong:
            raise OctopusError(
                f"{host.where}: under the outbound rule {self.name}, expected {'; '.join(wrong)}. The firewall is as it was before. Look for other rules "
                "and firewalls on the host, or set octopus_clone_outbound to leave."
            )
        return tried

    def _log_on(self) -> None:
        """Log on once more, over a connection of its own: domain controllers that are out of reach would lock everybody out."""
        with WindowsHost(self.host.options) as again:
            again.run(["hostname"], check=True, idempotent=True)


def _said(found: str, attempt: reach.Attempt) -> str:
    what = {reach.REACHED: "it was reached", reach.UNKNOWN: "no connection came about"}[found]
    return f"{what} (curl ended with {attempt.exit_code})"


def _told(where: tuple[str, int], expected: str, found: str, attempt: reach.Attempt, difference: bool = False) -> dict[str, Any]:
    return {
        "address": where[0],
        "port": where[1],
        "expected": expected,
        "found": found,
        "exit_code": attempt.exit_code,
        "made_the_difference": difference,
    }
