# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Whether a connection string leads to a database that must be kept off: in doubt it does."""

from __future__ import annotations

import pytest
from ansible_collections.octopus.upgrade.plugins.module_utils._octopus.errors import OctopusError
from ansible_collections.octopus.upgrade.plugins.module_utils._octopus.host import connection_string
from ansible_collections.octopus.upgrade.plugins.module_utils._octopus.instance.same_database import Forbidden, addresses, find

KNOWN = {
    "sql01": {"10.0.0.1"},
    "listener.example.com": {"10.0.0.1", "10.0.0.2"},
    "10.0.0.1": {"10.0.0.1"},
    "sql02.example.com": {"10.0.0.9"},
}


def is_it(wanted: str, never: str, database: str = "Octopus") -> bool:
    found = connection_string.parse(f'Server="{wanted}";Database={database};Integrated Security=True')
    forbidden = Forbidden.from_params([{"server": never, "database": "Octopus"}])
    return find(found, "clone.example.com", lambda: "CLONE01", forbidden, lambda name: KNOWN.get(name, set())) is not None


@pytest.mark.parametrize(
    ("wanted", "never"),
    [
        ("sql01", "SQL01"),
        ("tcp:sql01,1433", "sql01"),
        ("sql01.example.com", "sql01"),
        ("sql01", "sql01.example.com"),
        ("sql01", "listener.example.com"),
        ("listener.example.com", "10.0.0.1"),
        (r"sql01\PROD", r"SQL01\prod"),
        (r"sql01\PROD", "sql01,50123"),  # the instance may have that port
        (r"sql01\PROD,50123", "sql01,50123"),
        (r"np:\\sql01\pipe\sql\query", "sql01"),
        (r"np:\\sql01\pipe\MSSQL$PROD\sql\query", r"sql01\PROD"),
        (".", "clone.example.com"),
        ("(local)", "clone.example.com"),
        ("CLONE01", "clone.example.com"),
    ],
)
def test_it_is_the_same(wanted: str, never: str) -> None:
    assert is_it(wanted, never)
    assert is_it(wanted, never, "OCTOPUS")
    assert not is_it(wanted, never, "Octopus-Clone")


@pytest.mark.parametrize(
    ("wanted", "never"),
    [
        ("sql02.example.com", "sql01"),
        ("sql01.test.example.com", "sql01.example.com"),  # two domains, each with one
        (r"sql01\CLONES", r"sql01\PROD"),
        (r"sql01\CLONES", "sql01"),  # the usual port is the default instance's
        (r"sql01\CLONES", "sql01,1433"),
        ("sql01,1434", "sql01"),
        ("10.0.0.11", "10.0.0.1"),
        (".", "sql01"),
    ],
)
def test_it_is_another(wanted: str, never: str) -> None:
    assert not is_it(wanted, never)


@pytest.mark.parametrize("server", [".", "(local)", "localhost", r".\PROD", "tcp:127.0.0.1"])
def test_a_name_that_means_another_machine_everywhere_is_refused(server: str) -> None:
    with pytest.raises(OctopusError, match="a different machine on each host"):
        Forbidden.from_params([{"server": server, "database": "Octopus"}])


def test_which_one_it_is_can_be_said() -> None:
    [one] = Forbidden.from_params([{"server": "tcp:sql01,1500", "database": "A; B"}])
    assert str(one) == "A; B on sql01,1500"


def test_a_name_that_nobody_knows_has_no_address() -> None:
    assert addresses("no such name.invalid") == set()
    assert "127.0.0.1" in addresses("127.0.0.1")
