# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The log of a start that failed: what the catalogue knows of its last seconds, and nothing older."""

from __future__ import annotations

import pytest
from ansible_collections.octopus.upgrade.plugins.module_utils._octopus.errors import OctopusError
from ansible_collections.octopus.upgrade.plugins.module_utils._octopus.host.instances import OctopusHost
from ansible_collections.octopus.upgrade.plugins.module_utils._octopus.node.start_log import MOST_BYTES, explained, since
from ansible_collections.octopus.upgrade.tests.unit.windows_host import FakeHost

OLD = "2026-11-29 08:00:00.1234      1  FATAL  Invalid column name 'DataVersion'.\n"
LOG = (
    OLD + "2026-11-30 20:43:02.1234      1  INFO   Starting\n"
    "2026-11-30 20:43:20.0100      1  FATAL  The server could not start\n"
    "Autofac.Core.DependencyResolutionException: An exception was thrown\n"
    "   at WebConfigurationMemento\n"
)
FAILED = OctopusError("octo-a: the service stopped by itself.")
CONFIG = '<octopus-settings><set key="Octopus.Home">D:\\Octopus</set></octopus-settings>'


def host(log: str | None, size: int = 400) -> OctopusHost:
    listing = (1, "File Not Found") if log is None else f"11/30/2026  08:43 PM  {size} OctopusServer.txt\n"
    return OctopusHost(
        FakeHost(
            {
                "reg query": (1, ""),
                "C:\\Program Files\\Octopus Deploy\\Octopus\\Octopus.Server.exe list-instances": (
                    '[{"InstanceName": "OctopusServer", "ConfigurationFilePath": "D:\\\\Octopus\\\\a.config"}]'
                ),
                'type "D:\\Octopus\\a.config"': CONFIG,
                'type "D:\\Octopus\\Logs': log or (1, "not found"),
                "dir": listing,
            }
        )
    )


def test_the_row_whose_symptom_the_log_shows_is_named() -> None:
    said = explained(FAILED, host(LOG), "OctopusServer", 20.0).message
    assert said.startswith("octo-a: the service stopped by itself. This is known as null-dynamic: ")
    assert "issues/9251" in said
    assert "dataversion" not in said


def test_a_log_that_shows_nothing_known_leaves_the_error_alone() -> None:
    assert explained(FAILED, host(LOG.partition("Autofac")[0]), "OctopusServer", 20.0) is FAILED


@pytest.mark.parametrize(
    ("log", "size", "why"), [(None, 0, "does not exist"), (LOG, MOST_BYTES + 1, "has 10000001 bytes")], ids=["missing", "large"]
)
def test_a_log_that_is_not_read_is_named_and_hides_nothing(log: str | None, size: int, why: str) -> None:
    said = explained(FAILED, host(log, size), "OctopusServer", 20.0).message
    assert said.startswith(FAILED.message)
    assert "could not be read" in said
    assert why in said


def test_only_the_last_seconds_count_with_the_lines_that_belong_to_them() -> None:
    assert since(LOG, 20.0) == LOG.splitlines()[1:]
    assert since(LOG, 1.0) == LOG.splitlines()[2:]
    assert since("no time\nat all", 20.0) == []
    assert since("2026-99-30 20:43:02.1234 INFO", 20.0) == []
