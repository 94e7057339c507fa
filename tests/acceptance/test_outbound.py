# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""An outbound rule of Windows Firewall: what the registry has of it, and how curl.exe ends under it. It blocks nobody's addresses only (RFC 5737)."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from ansible_collections.octopus.upgrade.plugins.module_utils._windows import names, outbound_rule, reach
from ansible_collections.octopus.upgrade.plugins.module_utils._windows.connection import WindowsHost

INSTANCE = "acceptance"
REMOTE = "192.0.2.0-192.0.2.7,192.0.2.9-192.0.2.254,192.0.2.255,2001:db8::-2001:db8::ffff"
NAME = outbound_rule.name_of(INSTANCE, REMOTE)


@pytest.fixture
def rule(host: WindowsHost) -> Iterator[str]:
    if outbound_rule.obstacles(host):
        pytest.skip("Windows Firewall does not act by the rules of this host")
    outbound_rule.add(host, NAME, REMOTE)
    yield NAME
    outbound_rule.delete(host, NAME)


def test_a_rule_is_read_back_as_it_was_written(host: WindowsHost, rule: str) -> None:
    [found] = outbound_rule.find(host, INSTANCE)
    assert (found.name, found.active, found.differs(REMOTE)) == (rule, True, "")
    outbound_rule.enable(host, rule, False)
    [found] = outbound_rule.find(host, INSTANCE)
    assert (found.active, found.differs(REMOTE)) == (False, "Active is FALSE")


def test_a_connection_that_it_blocks_ends_at_once(host: WindowsHost, rule: str) -> None:
    assert rule and reach.attempt(host, "192.0.2.1", 443) == reach.Attempt(reach.NOT_CONNECTED, False)
    assert reach.attempt(host, "192.0.2.8", 443).exit_code != 0, "nobody's, and not blocked"


def test_the_hosts_own_name_has_an_address_on_it(host: WindowsHost) -> None:
    name = host.run(["hostname"], check=True).stdout.strip()
    assert names.addresses(host, name)


def test_the_host_says_where_it_sees_us(host: WindowsHost) -> None:
    host.run(["hostname"], check=True)
    assert names.is_address(host.client_address)
