# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Versions of Octopus Server: how they compare, what began or ended with which, and those that the lab's feed offers."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from functools import cache

Numbers = tuple[int, int, int, int]


@cache
def parse(version: str) -> Numbers:
    """Its numbers, filled up to four: 3.x < 4.x < 2018.x. What follows a hyphen is not compared.

    Raises:
        ValueError: Not two to four numbers.
    """
    parts = version.strip().partition("-")[0].split(".")
    if not 2 <= len(parts) <= 4 or not all(part.isdecimal() for part in parts):
        raise ValueError(f"{version!r} is no version of Octopus Server")
    numbers = [int(part) for part in parts] + [0, 0]
    return (numbers[0], numbers[1], numbers[2], numbers[3])


def at_least(version: str, floor: str) -> bool:
    return parse(version) >= parse(floor)


def between(version: str, first: str, end: str) -> bool:
    """Whether it is ``first`` or later, and before ``end``."""
    return parse(first) <= parse(version) < parse(end)


@dataclass(frozen=True)
class Published:
    """One version of the feed, and when it came out."""

    version: str
    released: date


# What the lab's feed offers. The release dates are *assumed* (month and year are near the real ones); the licence check compares
# them with the date to which the licence covers upgrades.
RELEASES: dict[str, Published] = {
    version: Published(version, date(*day))
    for version, day in {
        "3.17.14": (2017, 11, 23),
        "4.0.12": (2017, 12, 4),
        "4.1.10": (2018, 1, 24),
        "2018.3.13": (2018, 4, 12),
        "2018.10.7": (2019, 3, 14),
        "2019.13.7": (2020, 3, 5),
        "2020.5.7": (2021, 1, 14),
        "2021.1.8045": (2021, 9, 16),
        "2022.2.8552": (2022, 11, 17),
        "2023.4.8432": (2024, 2, 22),
        "2024.3.13097": (2024, 11, 21),
        "2025.3.14357": (2025, 11, 13),
        "2025.4.10423": (2026, 2, 12),
        "2026.2.9853": (2026, 8, 20),
    }.items()
}
NEWEST = "2026.2.9853"


def released(version: str) -> date:
    """When it came out; for one that is not in the feed, the date of its nearest older neighbour there (or of the oldest)."""
    older = [one for one in RELEASES if parse(one) <= parse(version)]
    return RELEASES[max(older, key=parse) if older else min(RELEASES, key=parse)].released


# Feature: (first version, first version without it or None). Sources: octopus.com/docs/administration/upgrading, the pages of the
# command line reference, https://github.com/OctopusDeploy/OctopusDSC (version gates), and the issues named.
FEATURES: dict[str, tuple[str, str | None]] = {
    "upgrade_command": ("3.13.9", None),  # before: at service start (OctopusDSC)
    "single_transaction": ("3.16.3", None),  # #3641
    "folders_named": ("4.1", None),  # by show-configuration and the API: #3652, released in December 2017; before, by neither
    "license_shown": ("4.1.3", None),  # by show-configuration
    "workers": ("2018.7", None),
    "skip_license_check": ("2018.8.9", None),  # OctopusDSC
    "spaces": ("2019.1", None),
    "instance_files": ("2019.1", None),  # the change from registry keys to files; version *assumed*
    "node_status": ("2019.3", None),  # #5348; OctopusClients 8e78c9e8 of February 2019 splits the node table
    "cluster_shared": ("2020.2.15", None),
    "node_rank": ("3.0", "2020.3"),
    "imports": ("2021.1", None),
    "service_password_variable": ("2020.1", None),  # *assumed*: documented for newer builds
    "rotate_master_key": ("2022.4", None),
    "refuses_running_nodes": ("2023.2.9755", None),  # #8241
    "event_exports": ("2023.3", None),
    "telemetry": ("2021.1", None),  # *assumed*
    "license_key_required": ("2026.1", None),  # #9828
    "project_export": ("2021.1", None),
}


def has(version: str, feature: str) -> bool:
    """Whether that version has a feature of :data:`FEATURES`."""
    first, end = FEATURES[feature]
    return at_least(version, first) and (end is None or not at_least(version, end))
