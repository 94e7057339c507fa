# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a module reports of the instances of one host."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from .decision import ADD, NOTHING, RESTART

_NEWER = "8.1.1713"  # the first version with clear-trusted-servers (ClearTrustedServersCommand.cs)


@dataclass
class InstanceResult:
    """One instance. ``former`` are the polled addresses that are not of the new server, ``failed`` is why it is left as it was."""

    name: str
    action: str
    reason: str
    before: list[str]
    after: list[str]
    service_state: str | None
    thumbprint: str | None = None
    former: list[str] = field(default_factory=list)
    changed: bool = False
    restarted: bool = False
    confirmed: bool | None = None
    failed: str | None = None

    def left_to_do(self) -> list[str]:
        """Return what a person has to do, as sentences."""
        if self.failed or self.action not in (ADD, NOTHING, RESTART):
            return []
        todo = []
        if self.action != NOTHING and self.service_state != "running":
            what = "has no Windows service" if self.service_state is None else f"has a service that is {self.service_state}"
            todo.append(f"{self.name} {what}: it polls the new addresses after its next start.")
        if self.confirmed is False:
            todo.append(f"The log of {self.name} does not say what it polls: check its health on the new server.")
        if self.former:
            todo.append(
                f"{self.name} still polls {', '.join(self.former)}, for the return. When nobody will return, remove that: from Tentacle {_NEWER} on with "
                "Tentacle.exe clear-trusted-servers, whose --keep has to name every address that stays, then restart the service."
            )
        return todo

    def as_dict(self) -> dict[str, Any]:
        return {
            "name": self.name,
            "thumbprint": self.thumbprint,
            "action": self.action,
            "reason": self.reason,
            "changed": self.changed,
            "addresses_before": self.before,
            "addresses_after": self.after,
            "service_state": self.service_state,
            "restarted": self.restarted,
            "confirmed": self.confirmed,
            "failed": self.failed,
        }


def as_result(version: str | None, instances: Sequence[InstanceResult]) -> dict[str, Any]:
    """Return the module's result."""
    return {
        "changed": any(one.changed for one in instances),
        "version": version,
        "instances": [one.as_dict() for one in instances],
        "left_to_do": [sentence for one in instances for sentence in one.left_to_do()],
    }


def diff(result: dict[str, Any]) -> dict[str, Any]:
    """Return the difference for Ansible: the polled addresses of each instance."""

    def text(key: str) -> str:
        return "".join(f"{one['name']}: {address}\n" for one in result["instances"] for address in one[key])

    return {"before": text("addresses_before"), "after": text("addresses_after")}
