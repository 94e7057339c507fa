# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What is blocked is exactly what is not allowed, for whatever addresses and networks, and it is read back as it was written."""

from __future__ import annotations

import ipaddress
from collections.abc import Sequence

from ansible_collections.octopus.upgrade.plugins.module_utils._windows import firewall, outbound_rule
from hypothesis import example, given
from hypothesis import strategies as st

Network = ipaddress.IPv4Network | ipaddress.IPv6Network

FOUR = st.builds(lambda number, bits: ipaddress.ip_network((number, bits), strict=False), st.integers(0, 2**32 - 1), st.integers(0, 32))
SIX = st.builds(lambda number, bits: ipaddress.ip_network((number, bits), strict=False), st.integers(0, 2**128 - 1), st.integers(0, 128))
NETWORKS = st.lists(st.one_of(FOUR, SIX), max_size=8)


@given(NETWORKS, st.one_of(st.ip_addresses(), st.none()))
@example([ipaddress.ip_network("0.0.0.0/32"), ipaddress.ip_network("0.0.0.2/32"), ipaddress.ip_network("255.255.255.255/32")], None)
def test_each_address_is_either_allowed_or_blocked(networks: Sequence[Network], anywhere: ipaddress.IPv4Address | None) -> None:
    remote = firewall.others(str(one) for one in networks)
    edges = [end for one in networks for end in (one.network_address, one.broadcast_address)]
    beside = [type(end)(int(end) + step) for end in edges for step in (-1, 1) if 0 <= int(end) + step < 2**end.max_prefixlen]
    for address in [*edges, *beside, *([anywhere] if anywhere else [])]:
        allowed = any(one.version == address.version and address in one for one in networks)
        assert outbound_rule.covers(remote, str(address)) is not allowed


@given(NETWORKS)
def test_the_ranges_are_the_fewest_and_are_read_back(networks: Sequence[Network]) -> None:
    remote = firewall.others(str(one) for one in networks)
    found = outbound_rule.spans(remote)
    assert len(found) == len([part for part in remote.split(",") if part])
    fields = "|".join(f"RA{6 if ':' in part else 4}={part}" for part in remote.split(",") if part)
    rule = outbound_rule.parse(f"v2.30|Action=Block|Active=TRUE|Dir=Out|Protocol=6|{fields}|Name=x|")
    assert rule.differs(remote) == ""


@given(NETWORKS)
def test_neither_order_nor_repetition_makes_another_rule(networks: Sequence[Network]) -> None:
    texts = [str(one) for one in networks]
    assert firewall.others(texts) == firewall.others([*reversed(texts), *texts])
