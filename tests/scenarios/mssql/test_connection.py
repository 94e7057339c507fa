# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Certificates, passwords and ports, as both drivers meet them on the wire."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.octopus.upgrade.plugins.module_utils._mssql.connection.connection import connect
from ansible_collections.octopus.upgrade.plugins.module_utils._mssql.connection.options import SqlOptions
from ansible_collections.octopus.upgrade.plugins.module_utils._mssql.errors import MssqlError
from lab.core.pki import Authority
from scenarios.mssql.conftest import NAME, World


def options(world: World, **changes: Any) -> SqlOptions:
    known = SqlOptions.from_params({"login_port": 1433, "encrypt": "mandatory", "validate_certs": True, **world.login})
    return replace(known, **changes)


def test_the_authority_that_is_named_is_trusted(world: World) -> None:
    with connect(options(world)) as connection:
        assert connection.scalar("SELECT 1 AS one") == 1
    (login,) = world.logins("login")
    assert (login["login"], login["encrypted"], login["program"]) == ("backup", True, "octopus.upgrade")


@pytest.mark.parametrize("trusts", ["nobody", "another authority"])
def test_an_unknown_authority_is_refused(world: World, tmp_path: Path, trusts: str) -> None:
    ca_path = None
    if trusts == "another authority":
        ca_path = str(tmp_path / "other.pem")
        Authority(Path(ca_path))
    with pytest.raises(MssqlError, match=r"certificate was not accepted.*ca_path") as caught:
        connect(options(world, ca_path=ca_path))
    assert f"{world.machine.address},1433 as backup" in str(caught.value)
    assert not world.logins("login")


def test_a_self_signed_certificate_is_refused(make_world: Callable[..., World]) -> None:
    world = make_world(self_signed=True)
    result = world.backup()
    assert result["failed"]
    assert "certificate was not accepted" in result["msg"]
    assert "validate_certs: false" in result["msg"]
    assert not world.logins("login")
    assert not world.backups("start")


def test_a_self_signed_certificate_is_taken_where_the_user_says_so(make_world: Callable[..., World]) -> None:
    world = make_world(self_signed=True)
    with connect(options(world, validate_certs=False, ca_path=None)):
        assert [login["encrypted"] for login in world.logins("login")] == [True]


def test_a_self_signed_certificate_is_its_own_authority(make_world: Callable[..., World], tmp_path: Path) -> None:
    world = make_world(self_signed=True)
    pem = (world.folder / "tls" / f"{world.machine.address}.pem").read_bytes()
    pinned = tmp_path / "pinned.pem"
    pinned.write_bytes(pem[pem.index(b"-----BEGIN CERTIFICATE") :])
    with connect(options(world, ca_path=str(pinned))):
        assert world.logins("login")


def test_a_certificate_of_another_name(make_world: Callable[..., World]) -> None:
    world = make_world(names=("other.lab",))
    with pytest.raises(MssqlError, match="certificate was not accepted"):
        connect(options(world))
    if "msodbcsql" not in world.driver:
        with pytest.raises(MssqlError, match=r"other\.lab as login_host"):
            connect(options(world, certificate_host="other.lab"))
        return
    with connect(options(world, certificate_host="other.lab")):
        assert len(world.logins("login")) == 1


def test_strict_encryption(make_world: Callable[..., World]) -> None:
    world = make_world(version="16.0.4135.4", encrypt="strict")
    if "msodbcsql" not in world.driver:
        with pytest.raises(MssqlError, match="Microsoft's driver"):
            connect(options(world, encrypt="strict"))
        return
    with connect(options(world, encrypt="strict", certificate_host=NAME)):
        assert world.logins("login")


def test_a_wrong_password_is_tried_once(world: World) -> None:
    result = world.backup(login_password="wrong")
    assert "Login failed for user 'backup'" in result["msg"]
    assert "tried only once" in result["msg"]
    assert "wrong" not in result["msg"]
    assert [event["error"] for event in world.logins("refused")] == [18456]
    assert not world.logins("login")


def test_a_database_that_is_not_there(world: World) -> None:
    result = world.module("octopus_database_info", database="Missing")
    assert result["failed"]
    # FreeTDS tells only the last of the two errors.
    assert "Missing" in result["msg"]
    assert "4060" in result["msg"] or "18456" in result["msg"]


def test_nothing_listens(world: World) -> None:
    world.tds.stop()
    result = world.backup()
    assert f"SQL Server at {world.machine.address}, TCP port 1433" in result["msg"]
    assert "Connection refused" in result["msg"]
    assert "firewall" in result["msg"]


def test_a_server_that_hangs_up(world: World) -> None:
    world.faults.arm("sql.refuse", NAME, times=None)
    result = world.backup()
    assert result["failed"]
    assert f"{world.machine.address},1433" in result["msg"]


def test_the_password_arrives_as_it_is_and_is_seen_nowhere_else(world: World) -> None:
    with connect(options(world)) as connection:
        assert connection.scalar("SELECT SUSER_SNAME() AS login") == "backup"
        assert world.login["login_password"] not in repr(connection.options)
    assert world.login["login_password"] not in json.dumps([event.as_dict() for event in world.ledger.events()], ensure_ascii=False)


@pytest.mark.parametrize("password", ["a;b", "a}b", "};PWD=x;UID={sa", "{x}", "x}", "'\"=", "日本"])
def test_odd_passwords(world: World, password: str) -> None:
    world.sql.add_login("odd", password)
    if "msodbcsql" not in world.driver and "}" in password and (";" in password or password.startswith("{")):
        with pytest.raises(MssqlError, match="Microsoft's ODBC driver"):
            connect(options(world, user="odd", password=password))
        return
    with connect(options(world, user="odd", password=password)):
        assert [login["login"] for login in world.logins("login")] == ["odd"]
