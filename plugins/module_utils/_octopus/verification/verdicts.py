# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a verification says of each difference, and which of them fail it. No I/O."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import asdict, dataclass
from typing import Any

# The change of the version, or a server at work, explains it.
EXPECTED = "expected"
# Somebody should look, and what was upgraded is not rolled back for it: what an administrator or retention may have deleted, and what could
# not be read in time.
SUSPICIOUS = "suspicious"
# Something is lost or broken.
WRONG = "wrong"

# The name of every check: what may be waived.
NODES, COUNTS, PROJECTS, CONTENTS = "nodes_alive", "counts_kept", "projects_open", "contents_kept"
DASHBOARD, ACCESS, DISABLED, HEALTH = "dashboard_shown", "access_kept", "disabled_kept", "targets_healthy"
ROUTES, WAITING = "routes_answer", "tasks_waiting"
NAMES = (NODES, COUNTS, PROJECTS, CONTENTS, DASHBOARD, ACCESS, DISABLED, HEALTH, ROUTES, WAITING)


@dataclass(frozen=True)
class Difference:
    """One difference between a server now and as it was.

    Attributes:
        check: One of :data:`NAMES`.
        space: Id of the space, or ``server``.
        what: The thing that differs.
        before: How it was, or what was expected where nothing is known of before.
        after: How it is.
        verdict: ``expected``, ``suspicious`` or ``wrong``.
        why: What explains it; empty where nothing does.
        related: The document that it is about, for the audit log; empty for a number of them.
    """

    check: str
    space: str
    what: str
    before: Any
    after: Any
    verdict: str = WRONG
    why: str = ""
    related: str = ""

    def as_dict(self, waivers: Collection[str] = ()) -> dict[str, Any]:
        """Return what the module returns of it."""
        found = asdict(self)
        del found["related"]
        return {**found, "waived": self.verdict == WRONG and self.check in waivers}

    def sentence(self) -> str:
        """One line for people."""
        why = f" ({self.why})" if self.why else ""
        return f"{self.check} ({self.space}): {self.what}: {self.before} before, {self.after} now{why}"


def failing(differences: Iterable[Difference], waivers: Collection[str]) -> list[Difference]:
    """Return those that fail the verification: wrong, and not waived by the name of their check."""
    return [one for one in differences if one.verdict == WRONG and one.check not in waivers]


def warned(differences: Iterable[Difference], waivers: Collection[str]) -> list[Difference]:
    """Return those that are only told: suspicious, or waived."""
    return [one for one in differences if one.verdict == SUSPICIOUS or (one.verdict == WRONG and one.check in waivers)]
