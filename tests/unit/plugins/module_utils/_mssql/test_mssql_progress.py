# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What is told of a backup or a restore."""

from __future__ import annotations

from ansible_collections.octopus.upgrade.plugins.module_utils._mssql.connection.connection import Message
from ansible_collections.octopus.upgrade.plugins.module_utils._mssql.progress import percents

GB = 1024**3


def test_percent_and_megabytes_per_second_from_the_messages_of_the_server() -> None:
    told: list[tuple[str, float | None]] = []
    times = iter((100.0, 120.0, 180.0))
    report = percents(lambda *said: told.append(said), "Backing up Octopus", 10 * GB, clock=lambda: next(times))
    report(Message(3211, "20 Prozent verarbeitet."))
    report(Message(4035, "Processed 100 pages for database 'Octopus'"))
    report(Message(3211, "90 percent processed."))
    assert told == [
        ("Backing up Octopus: 2.0 GB of 10.0 GB, 102.4 MB/s, about 2 min left", 20.0),
        ("Backing up Octopus: 9.0 GB of 10.0 GB, 115.2 MB/s, about 9 s left", 90.0),
    ]


def test_without_a_size_there_is_only_the_percentage() -> None:
    told: list[tuple[str, float | None]] = []
    percents(lambda *said: told.append(said), "Restoring Octopus")(Message(3211, "5 percent processed."))
    assert told == [("Restoring Octopus", 5.0)]
