# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A ticket for each connection, in a cache that only the thread of that connection uses."""

from __future__ import annotations

import os
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.octopus.upgrade.plugins.module_utils._windows import connection, credentials, kerberos
from ansible_collections.octopus.upgrade.plugins.module_utils._windows.errors import HostRefused
from ansible_collections.octopus.upgrade.plugins.module_utils._windows.options import ConnectionOptions

KINIT = """#!/bin/sh
read password
echo "$password $*" >&2
echo "$2" > "${KRB5CCNAME#FILE:}"
"""


@pytest.fixture
def temporary(tmp_path, monkeypatch):
    """The folder for temporary files, seen to be empty at the end."""
    folder = tmp_path / "tmp"
    folder.mkdir()
    monkeypatch.setattr(kerberos.tempfile, "tempdir", str(folder))
    monkeypatch.setenv("KRB5CCNAME", "FILE:/the/users/own")
    yield folder
    assert os.environ["KRB5CCNAME"] == "FILE:/the/users/own"
    assert list(folder.iterdir()) == []


class Gssapi(threading.local):
    """GSSAPI's default of each thread."""

    cache: str | None = None

    def set(self, _minor: object, name: bytes | None, _old: object) -> int:
        self.cache = None if name is None else name.decode()
        return 0


@pytest.fixture
def gssapi(monkeypatch):
    library = Gssapi()
    monkeypatch.setattr(kerberos, "_ccache_name", lambda: library.set)
    return library


@pytest.fixture
def account(tmp_path):
    def make(script=KINIT, name="admin", **more):
        path = tmp_path / f"kinit-{len(list(tmp_path.iterdir()))}"
        path.write_text(f"#!/bin/sh\n{script}\n")
        path.chmod(0o700)
        return ConnectionOptions(
            name=name,
            host=name,
            username=f"{name}@LAB",
            password="S3cret",
            transport=("kerberos",),
            kinit_command=str(path),
            kerberos_delegation=True,
            **more,
        )

    return make


def content(cache: str | None) -> str:
    assert cache is not None
    return Path(cache.removeprefix("FILE:")).read_text().strip()


def test_a_ticket_of_its_own(account, gssapi, temporary):
    ticket = kerberos.Ticket(account())
    ticket.obtain()
    assert content(ticket.cache) == "admin@LAB"
    assert gssapi.cache is None
    with ticket.used():
        assert gssapi.cache == ticket.cache
    assert gssapi.cache is None
    ticket.remove()
    assert ticket.cache is None


def test_a_ticket_is_renewed_after_an_hour(account, gssapi, temporary):
    now = [0.0]
    ticket = kerberos.Ticket(account(), clock=lambda: now[0])
    ticket.obtain()
    first = ticket.cache
    ticket.obtain()
    assert ticket.cache == first
    now[0] = kerberos.RENEW_AFTER
    ticket.obtain()
    assert ticket.cache != first
    ticket.remove()


def test_threads_do_not_share_tickets(account, gssapi, temporary, monkeypatch):
    """Two accounts at once, many times: what GSSAPI would do at each request of a connection finds that connection's own ticket."""
    monkeypatch.setattr(connection, "_supported_transports", lambda: {"kerberos"})
    seen = []

    class Protocol:
        operation_timeout_sec = 20

        def __init__(self, username: str, **_others: object) -> None:
            self.username = username
            self.transport = self
            self.trust_env = True
            self.hooks: dict[str, list[object]] = {"response": []}

        def build_session(self) -> Any:
            return self

        def close_session(self) -> None:
            """Nothing to close."""

        def _authenticate(self) -> None:
            seen.append((self.username, content(gssapi.cache)))

        def open_shell(self, **_options: object) -> str:
            self._authenticate()
            return "shell"

        def run_command(self, *_arguments: object, **_options: object) -> str:
            self._authenticate()
            return "id"

        def get_command_output_raw(self, *_arguments: object) -> tuple[bytes, bytes, int, bool]:
            return b"", b"", 0, True

        def close_shell(self, *_arguments: object, **_options: object) -> None:
            self._authenticate()

    def work(options: ConnectionOptions) -> int:
        with connection.WindowsHost(options, connect=Protocol) as host:
            return host.run(["hostname"]).exit_code

    slow = account(KINIT.replace("read", "sleep 0.05; read"), "octo-a")
    quick = account(KINIT, "octo-b")
    with ThreadPoolExecutor(4) as pool:
        assert set(pool.map(work, [slow, quick] * 6)) == {0}
    assert len(seen) == 3 * 12
    assert {user == ticket for user, ticket in seen} == {True}


def test_no_ticket(account, gssapi, temporary, tmp_path):
    with pytest.raises(HostRefused, match=r"no Kerberos ticket for admin@LAB: bad \*+") as caught:
        kerberos.Ticket(account("echo bad S3cret >&2; exit 1")).obtain()
    assert "S3cret" not in caught.value.message
    absent = ConnectionOptions(name="a", host="a", username="u", password="p", kinit_command=str(tmp_path / "none"))
    with pytest.raises(HostRefused, match="Install krb5-user"):
        kerberos.Ticket(absent).obtain()
    with pytest.raises(HostRefused, match="within 0 s"):
        kerberos.Ticket(account("exec sleep 10"), timeout=0.2).obtain()


def test_a_ticket_that_is_there_already(temporary):
    ticket = kerberos.Ticket(ConnectionOptions(name="a", host="a", username="u", kinit_command="/none"))
    ticket.obtain()
    with ticket.used():
        assert ticket.cache is None
    assert kerberos.is_managed(ConnectionOptions(name="a", host="a", password="p"))
    assert not kerberos.is_managed(ConnectionOptions(name="a", host="a", password="p", kinit_mode="manual"))


def test_a_library_without_a_cache_for_each_thread_is_refused(account, temporary, monkeypatch):
    def absent() -> None:
        raise AttributeError("undefined symbol: gss_krb5_ccache_name")

    monkeypatch.setattr(kerberos, "_ccache_name", absent)
    with pytest.raises(HostRefused, match=r"undefined symbol.*ansible_winrm_kinit_mode: manual"):
        kerberos.Ticket(account()).obtain()


def test_what_a_killed_process_left_is_removed(account, gssapi, temporary):
    old = time.time() - 3600
    used = kerberos.Ticket(account())
    used.obtain()
    left = temporary / f"{kerberos.PREFIX}left"
    left.mkdir()
    (left / "cache").write_text("a ticket")
    new = temporary / f"{kerberos.PREFIX}new"
    new.mkdir()
    for folder in (left, Path((used.cache or "").removeprefix("FILE:")).parent):
        os.utime(folder, (old, old))
    kerberos.sweep(temporary)
    assert not left.exists()
    assert content(used.cache) == "admin@LAB"
    new.rmdir()
    used.remove()


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"username": "LAB\\admin", "password": "p"}, "user@REALM"),
        ({"username": "admin@LAB", "kinit_mode": "managed"}, "ansible_password"),
        ({"password": "p"}, "ansible_user"),
        ({"username": "admin@LAB", "kinit_mode": "managed", "kinit_args": "-k"}, None),
        ({"username": "admin@LAB"}, None),
        ({}, None),
    ],
)
def test_what_kerberos_needs(given, said):
    options = ConnectionOptions(name="a", host="a", **given)
    if said is None:
        credentials.check(options, "kerberos")
    else:
        with pytest.raises(HostRefused, match=f"nothing was sent.*{said}"):
            credentials.check(options, "kerberos")
