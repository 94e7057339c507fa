# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Opening a session: who gets in, over what encryption, and what is remembered of it."""

from __future__ import annotations

import shutil
import socket
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from lab.core.pki import Authority
from lab.tds.engine_api import LoginRequest
from lab_tests.tds.conftest import WAIT, World, dsn, run_python
from lab_tests.tds.echo_engine import PASSWORD, EchoSession
from patience import patient

CONNECT = """
import sys, pyodbc
pyodbc.pooling = False
pyodbc.connect(sys.argv[1], autocommit=True, timeout=10).close()
"""


@pytest.mark.parametrize("password", ["wrong", "", "p}w;d$é😀"])
def test_a_wrong_password_is_18456(world: World, connect, driver: str, pyodbc, password: str) -> None:
    with pytest.raises(pyodbc.InterfaceError if driver == "microsoft" else pyodbc.Error, match="Login failed for user 'sa'") as caught:
        connect(world, PWD="{" + password.replace("}", "}}") + "}")
    assert caught.value.args[0] == ("28000" if driver == "microsoft" else "42000")
    assert "18456" in str(caught.value)
    refused = world.wait("refused")
    assert (refused["login"], refused["error"]) == ("sa", 18456)
    assert not world.tds("login")


def test_passwords_reach_the_engine_as_typed_and_nobody_else(
    world: World, connect, driver: str, pyodbc, monkeypatch: pytest.MonkeyPatch
) -> None:
    secret = "p}w;d é😀" if driver == "microsoft" else "p{w;d é😀"  # FreeTDS takes "}}" in braces for two, as measured with 1.3.17
    seen = []
    accept = world.engine.login

    def login(request: LoginRequest) -> EchoSession:
        seen.append(request)
        return accept(request)

    monkeypatch.setattr(world.engine, "login", login)
    with pytest.raises(pyodbc.Error, match="18456"):
        connect(world, PWD="{" + secret.replace("}", "}}") + "}")
    assert seen[0].password == secret
    assert secret not in repr(seen[0])
    connect(world)
    events = "".join(str(event.as_dict()) for event in world.ledger.events())
    assert secret not in events
    assert PASSWORD not in events


def test_a_missing_database_is_4060(world: World, connect, driver: str, pyodbc) -> None:
    # The server says both, 4060 first; FreeTDS shows the last.
    says = 'Cannot open database "missing".*4060' if driver == "microsoft" else "Login failed for user 'sa'.*18456"
    with pytest.raises(pyodbc.Error, match=says):
        connect(world, DATABASE="missing")
    assert world.wait("refused")["error"] == 4060


@pytest.mark.parametrize("encrypt", ["on", "required"])
def test_a_login_and_its_logout_are_remembered(make_world: Callable[..., World], connect, driver: str, encrypt: str) -> None:
    world = make_world(encrypt)
    connection = connect(world, DATABASE="Shop", APP="nightly")
    (login,) = world.tds("login")
    spid = world.engine.sessions[0].spid
    encrypted = driver == "microsoft" or encrypt == "required"
    expected = {"login": "sa", "program": "nightly", "database": "Shop", "encrypted": encrypted, "spid": spid, "tds": "0x74000004"}
    assert {name: login[name] for name in expected} == expected
    connection.close()
    assert world.wait("logout")["spid"] == spid
    assert world.engine.sessions[0].closed.wait(WAIT)


@pytest.mark.parametrize(
    ("server", "options", "encrypted"),
    [
        ("on", {"Encrypt": "no"}, False),
        ("on", {"Encrypt": "yes"}, True),
        ("required", {"Encrypt": "no"}, True),
        ("off", {"Encrypt": "no"}, False),
    ],
)
def test_what_microsofts_driver_and_the_server_agree_on(
    make_world: Callable[..., World], pyodbc, server: str, options: dict[str, str], encrypted: bool
) -> None:
    world = make_world(server)
    connection = pyodbc.connect(dsn("microsoft", world.port, **options), autocommit=True, timeout=patient(10))
    assert connection.execute("select ?", "é").fetchval() == "é"
    connection.close()
    assert [login["encrypted"] for login in world.tds("login")] == [encrypted]


def test_encryption_that_the_server_has_not(make_world: Callable[..., World], pyodbc) -> None:
    world = make_world("off")
    with pytest.raises(pyodbc.Error, match="Encryption not supported"):
        pyodbc.connect(dsn("microsoft", world.port, Encrypt="yes"), autocommit=True, timeout=patient(10))
    assert not world.tds("login")


def strict(world: World, folder: Path) -> dict[str, str]:
    """Words for a strict connection that pins the server's certificate."""
    pinned = folder / "0" / "localhost.pem"
    return {"Encrypt": "Strict", "TrustServerCertificate": "", "ServerCertificate": str(pinned), "HostnameInCertificate": "localhost"}


@pytest.mark.parametrize("server", ["on", "required", "strict"])
def test_strict_encryption(make_world: Callable[..., World], pyodbc, tmp_path: Path, server: str) -> None:
    world = make_world(server)
    connection = pyodbc.connect(dsn("microsoft", world.port, **strict(world, tmp_path)), autocommit=True, timeout=patient(10))
    assert connection.execute("select ?", "é" * 9000).fetchval() == "é" * 9000
    connection.close()
    assert [login["encrypted"] for login in world.tds("login")] == [True]


def test_strict_is_newer_than_sql_server_2019(make_world: Callable[..., World], pyodbc, tmp_path: Path) -> None:
    world = make_world("on", version=15)
    with pytest.raises(pyodbc.Error):
        pyodbc.connect(dsn("microsoft", world.port, **strict(world, tmp_path)), autocommit=True, timeout=patient(10))
    assert "SQL Server 2022" in world.wait("handshake failed")["error"]
    with pytest.raises(ValueError, match="SQL Server 2022"):
        make_world("strict", version=15)


def test_a_strict_server_takes_nothing_else(make_world: Callable[..., World], connect, pyodbc, driver: str) -> None:
    world = make_world("strict")
    with pytest.raises(pyodbc.Error):
        connect(world)
    assert "strict" in world.wait("handshake failed")["error"]
    assert not world.tds("login")


@pytest.mark.parametrize(
    ("names", "options", "trusted", "fails_with"),
    [
        (["127.0.0.1"], {}, True, ""),
        (["sql.lab"], {"HostnameInCertificate": "sql.lab"}, True, ""),
        (["sql.lab"], {"HostnameInCertificate": "other.lab"}, True, "name does not match"),
        (["sql.lab"], {}, True, "name does not match"),
        (["127.0.0.1"], {}, False, "certificate verify failed"),
    ],
)
def test_microsofts_driver_verifies_the_certificate(
    make_world: Callable[..., World], names: list[str], options: dict[str, str], *, trusted: bool, fails_with: str, tmp_path: Path
) -> None:
    pytest.importorskip("pyodbc")
    world = make_world(names=names)
    bundle = world.authority.path if trusted else tmp_path / "none.pem"
    bundle.touch()
    words = dsn("microsoft", world.port, TrustServerCertificate="no", Encrypt="yes", **options)
    done = run_python(CONNECT, words, SSL_CERT_FILE=str(bundle), SSL_CERT_DIR=str(tmp_path / "nothing"))
    assert (done.returncode == 0) == (not fails_with), done.stderr
    assert fails_with in done.stderr
    assert len(world.tds("login")) == (0 if fails_with else 1)


@pytest.mark.parametrize(("name", "trusted"), [("127.0.0.1", True), ("localhost", True), ("localhost", False)])
def test_freetds_verifies_the_certificate(world: World, name: str, trusted: bool, tmp_path: Path) -> None:
    pytest.importorskip("pyodbc")
    other = tmp_path / "other.pem"
    if trusted:
        shutil.copy(world.authority.path, other)
    else:
        Authority(other)
    configuration = tmp_path / "freetds.conf"
    configuration.write_text(
        f"[lab]\nhost = {name}\nport = {world.port}\ntds version = 7.4\nencryption = require\nca file = {other}\n"
        f"check certificate hostname = yes\n"
    )
    words = dsn("freetds", world.port, SERVER="", PORT="", SERVERNAME="lab", Encryption="require")
    done = run_python(CONNECT, words, FREETDSCONF=str(configuration))
    assert (done.returncode == 0) == trusted, done.stderr
    assert [login["encrypted"] for login in world.tds("login")] == [True] * trusted


def test_windows_authentication_has_no_trusted_domain(world: World) -> None:
    if not shutil.which("tsql"):
        pytest.skip("FreeTDS's tsql is not installed")
    command = ["tsql", "-H", "127.0.0.1", "-p", str(world.port), "-U", "LAB\\someone", "-P", "x"]
    done = subprocess.run(command, input="exit\n", capture_output=True, text=True, timeout=patient(60), check=False)
    assert "18452" in done.stderr
    assert world.wait("refused")["error"] == 18452


def tsql(world: World, script: str, password: str = PASSWORD, version: str = "7.4") -> subprocess.CompletedProcess[str]:
    if not shutil.which("tsql"):
        pytest.skip("FreeTDS's tsql is not installed")
    command = ["tsql", "-H", "127.0.0.1", "-p", str(world.port), "-U", "sa", "-P", password]
    return subprocess.run(
        command,
        input=script,
        capture_output=True,
        text=True,
        timeout=patient(60),
        check=False,
        env={"LC_ALL": "C.UTF-8", "TDSVER": version},
    )


def test_tsql(world: World) -> None:
    world.engine.answers("select it\n", [("name", "nvarchar(20)"), ("n", "int")], [["é", 7]])
    done = tsql(world, "select it\ngo\nselect nothing\ngo\nexit\n")
    assert "name\tn\né\t7" in done.stdout
    assert "Msg 102 (severity 15, state 1)" in done.stderr
    assert "18456" in tsql(world, "exit\n", password="wrong").stderr


def test_pymssql(world: World) -> None:
    pymssql = pytest.importorskip("pymssql")
    with pytest.raises(pymssql.OperationalError, match="18456"):
        pymssql.connect(server="127.0.0.1", port=str(world.port), user="sa", password="wrong", tds_version="7.4")
    pymssql.connect(server="127.0.0.1", port=str(world.port), user="sa", password=PASSWORD, encryption="require", autocommit=True).close()
    assert [login["encrypted"] for login in world.tds("login")] == [True]


def test_python_tds(world: World) -> None:
    pytds = pytest.importorskip("pytds")
    with pytest.raises(pytds.OperationalError, match="Login failed for user 'sa'"):
        pytds.connect("127.0.0.1", port=world.port, user="sa", password="wrong")
    pytds.connect("127.0.0.1", "Shop", port=world.port, user="sa", password=PASSWORD, readonly=True, appname="me").close()
    request = world.engine.sessions[0].request
    assert (request.database, request.program, request.read_only, request.encrypted) == ("Shop", "me", True, False)


@pytest.mark.parametrize(("version", "number"), [("7.1", "0x71000001"), ("7.2", "0x72090002")])
def test_a_version_of_tds_that_is_too_old(world: World, version: str, number: str) -> None:
    assert "is not supported; use 7.3" in tsql(world, "exit\n", version=version).stderr
    assert number in world.wait("refused")["message"]


def test_the_fault_sql_refuse(world: World, connect, pyodbc, driver: str) -> None:
    armed = world.faults.arm("sql.refuse", "sql", times=None)
    with pytest.raises(pyodbc.Error):
        connect(world)
    assert not world.engine.sessions
    world.faults.disarm(armed)
    assert connect(world).execute("select ?", 1).fetchval() == 1


def test_stop_cuts_every_session_and_frees_the_port(world: World, connect, pyodbc, driver: str) -> None:
    connection = connect(world)
    port = world.port
    world.server.stop()
    assert world.engine.sessions[0].closed.is_set()
    with pytest.raises(pyodbc.Error):
        connection.execute("select ?", 1)
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", port), timeout=1)
    world.server.start()
    assert world.port == port
    assert connect(world).execute("select ?", 1).fetchval() == 1


def test_a_server_without_a_certificate_must_be_told_so(world: World) -> None:
    server = type(world.server)
    with pytest.raises(ValueError, match="needs a certificate"):
        server(world.engine, "127.0.0.1", ledger=world.ledger, machine="sql", faults=world.faults)
