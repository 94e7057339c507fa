# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Kerberos with a real KDC: many connections at once, with two accounts, and no ticket is taken for another's."""

from __future__ import annotations

import os
import tempfile
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
import winrm
from ansible_collections.octopus.upgrade.plugins.module_utils._windows import kerberos as product
from ansible_collections.octopus.upgrade.plugins.module_utils._windows.errors import HostRefused
from lab.winrm import kerberos
from scenarios.windows.setting import JOB_PASSWORD, PASSWORD, World

pytestmark = pytest.mark.skipif(bool(kerberos.missing()), reason=f"not installed: {kerberos.missing()} (see bindep.txt)")

ACCOUNTS = {"octo-admin": PASSWORD, "octo-backup": JOB_PASSWORD}


@pytest.fixture
def domain(make_world: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[World]:
    """Two hosts of a domain; files for a moment's use lie in a folder that has to be empty at the end."""
    world: World = make_world("octo-a", "octo-b")
    kdc = kerberos.Kdc(world.network)
    kdc.start(*world.hosts)
    for server in world.servers:
        server.keytab = kdc.keytab
    folder = tmp_path / "temporary"
    folder.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(folder))
    monkeypatch.setenv("KRB5_CONFIG", str(kdc.config))
    monkeypatch.setenv("KRB5CCNAME", f"FILE:{tmp_path}/nobodys")
    monkeypatch.setenv("PATH", kerberos.PATH)
    yield world
    kdc.stop()
    assert os.environ["KRB5CCNAME"] == f"FILE:{tmp_path}/nobodys"
    assert list(folder.glob(f"{product.PREFIX}*")) == []


def given(host: str, user: str, **more: Any) -> dict[str, Any]:
    return {
        "transport": ["kerberos"],
        "username": f"{user}@{kerberos.REALM}",
        "password": ACCOUNTS[user],
        "kerberos_hostname_override": host,
        **more,
    }


@pytest.mark.parametrize("endpoint", [{"port": 5985}, {"port": 5986, "scheme": "https"}])
def test_connections_at_once_use_their_own_tickets(domain: World, endpoint: dict[str, Any]) -> None:
    trust = {"ca_trust_path": str(domain.network.authority.path)} if endpoint["port"] == 5986 else {}

    def work(case: tuple[str, str]) -> int:
        host, user = case
        with domain.client(host, **given(host, user), **endpoint, **trust) as client:
            return client.run(["hostname"], check=True).exit_code

    cases = [(host, user) for host in domain.hosts for user in ACCOUNTS] * 5
    with ThreadPoolExecutor(8) as pool:
        assert set(pool.map(work, cases)) == {0}
    logons = Counter((event.machine, event["logon"].partition("\\")[2]) for event in domain.ledger.events("winrm.command"))
    assert logons == dict.fromkeys(set(cases), 5)


def test_a_wrong_password_gets_no_ticket(domain: World) -> None:
    with (
        pytest.raises(HostRefused, match="no Kerberos ticket for octo-admin@LAB"),
        domain.client(**given("octo-a", "octo-admin", password="wrong")) as client,
    ):
        client.run(["hostname"])
    assert domain.ledger.events("winrm.request") == []


def test_a_name_that_the_domain_does_not_know_is_ours(domain: World) -> None:
    with (
        pytest.raises(HostRefused, match=r"no ticket for the service HTTP on octo-z, so nothing was sent"),
        domain.client(**given("octo-z", "octo-admin")) as client,
    ):
        client.run(["hostname"])
    assert domain.ledger.events("winrm.request") == []


def test_a_host_outside_the_domain(domain: World) -> None:
    """There is a ticket for it, which it cannot read: the password is right all the same."""
    domain.servers[0].keytab = None
    with (
        pytest.raises(HostRefused, match="Where Kerberos gave a ticket, the password is right"),
        domain.client(**given("octo-a", "octo-admin")) as client,
    ):
        client.run(["hostname"])


def test_the_users_own_ticket(domain: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """kinit_mode: manual, and pywinrm by itself: the cache is the one that the user names."""
    options = domain.options(**given("octo-a", "octo-admin"))
    ticket = product.Ticket(options)
    ticket.obtain()
    monkeypatch.setenv("KRB5CCNAME", ticket.cache or "")
    with domain.client(**given("octo-a", "octo-admin", kinit_mode="manual", password=None)) as client:
        client.run(["hostname"], check=True)
    session = winrm.Session(
        f"http://{options.host}:5985/wsman",
        auth=(options.username or "", ""),
        transport="kerberos",
        kerberos_hostname_override="octo-a",
        proxy=None,
    )
    assert session.run_cmd("hostname").status_code == 0
    ticket.remove()
    monkeypatch.setenv("KRB5CCNAME", f"FILE:{tmp_path}/nobodys")
