# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A node's configuration file: read as it is or not at all, and never in a message."""

from __future__ import annotations

import hashlib

import pytest
from ansible_collections.octopus.upgrade.plugins.module_utils._octopus.errors import OctopusError
from ansible_collections.octopus.upgrade.plugins.module_utils._octopus.host.config_file import read
from ansible_collections.octopus.upgrade.plugins.module_utils._restore_point.new_manifest import as_of
from ansible_collections.octopus.upgrade.plugins.module_utils._restore_point.node_config import capture
from ansible_collections.octopus.upgrade.tests.unit.windows_host import FakeHost

PATH = "C:\\Octopus\\OctopusServer.config"
SECRET = "S3cret!"
TEXT = f'<octopus-settings><set key="X">Password={SECRET}</set></octopus-settings>\r\n'


def host(content: bytes, shown: str = TEXT) -> FakeHost:
    """A host on which the file has this content, and the console shows it so."""
    return FakeHost(
        {
            "dir /b": "OctopusServer.config\n",
            "type": shown,
            "certutil": f"SHA256 hash of {PATH}:\n{hashlib.sha256(content).hexdigest()}\nCertUtil: done\n",
            "hostname": "OCTO-A\n",
        }
    )


@pytest.mark.parametrize("content", [TEXT.encode(), TEXT.encode("utf-16")])
def test_the_bytes_are_those_with_the_files_hash(content: bytes) -> None:
    there = host(content)
    assert read(there, PATH) == content
    assert [options.get("secret") for command, options in zip(there.commands, there.given, strict=True) if command.startswith("type")] == [
        True
    ]


def test_what_does_not_come_as_it_is_is_refused() -> None:
    with pytest.raises(OctopusError, match="changed while it was read") as caught:
        read(host(b"other"), PATH)
    assert SECRET not in str(caught.value)


def test_a_file_that_is_not_there_or_on_a_share() -> None:
    assert read(FakeHost({"dir /b": (1, "File Not Found")}), PATH) is None
    with pytest.raises(OctopusError, match="there is no configuration file"):
        capture(FakeHost({"dir /b": (1, "File Not Found")}), {"instance_name": "A", "config_path": PATH}, None)
    for path in ("\\\\nas\\x\\a.config", ""):
        with pytest.raises(OctopusError, match="expected the configuration file on a drive of the node"):
            read(FakeHost(), path)


def test_what_the_manifest_has_already_is_not_asked_for() -> None:
    there = host(TEXT.encode())
    known = {"instance_name": "A", "config_path": PATH, "server_node_name": "N", "service": {"state": "running"}}
    assert capture(there, known, None).facts == known
    assert not there.ran("hostname")
    # Without a name in its file, a node has that of the computer.
    assert capture(there, {"instance_name": "A", "config_path": PATH}, None).facts["server_node_name"] == "OCTO-A"
    assert SECRET not in repr(capture(there, known, None))


@pytest.mark.parametrize(("how", "integrated"), [("User ID=octopus;Password=x", False), ("Integrated Security=SSPI", True)])
def test_a_manifest_says_whether_the_server_logs_in_as_its_account(how: str, integrated: bool) -> None:
    key = "Octopus.Storage.ExternalDatabaseConnectionString"
    text = f'<octopus-settings><set key="{key}">Server=sql;Database=Octopus;{how}</set></octopus-settings>\r\n'
    there = host(text.encode(), text)
    assert capture(there, {"instance_name": "A", "config_path": PATH}, None).facts["integrated_security"] is integrated


@pytest.mark.parametrize(
    ("finished", "now", "moment"),
    [
        ("2026-11-23T21:05:10", "2026-11-23 21:05:12.1234567 +01:00", "2026-11-23T21:05:10+01:00"),
        ("2026-11-23T21:05:10+02:00", None, "2026-11-23T21:05:10+02:00"),
        ("2026-11-23T21:05:10", None, None),
        (None, "2026-11-23 21:05:12 +01:00", None),
    ],
)
def test_the_moment_whose_data_a_backup_has(finished: str | None, now: str | None, moment: str | None) -> None:
    assert as_of(finished, now) == moment
