# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What only a rude or an unusual client does."""

from __future__ import annotations

import struct

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from lab.tds import rpc
from lab.tds.engine_api import Output, SqlError
from lab.tds.login import Encrypt, Encryption, agree, read_login
from lab.tds.packets import ProtocolError
from lab_tests.tds.conftest import WAIT, World
from lab_tests.tds.echo_engine import PASSWORD
from lab_tests.tds.raw_client import HEADERS, RawClient, dones, login7

UTF16 = "utf-16-le"


@pytest.mark.parametrize("asked", [0, 1, 512, 4096, 16000, 70000])
def test_the_packet_size_is_agreed_on(world: World, asked: int) -> None:
    agreed = min(max(asked or 4096, 512), 32767)
    world.engine.answers("much", [("v", "nvarchar(max)")], [["x" * 50_000]])
    with RawClient(world.port) as client:
        welcome = client.open("sa", PASSWORD, packet_size=asked)
        assert str(agreed).encode(UTF16) in welcome
        client.send(1, HEADERS + "much".encode(UTF16))
        sizes = []
        status = 0
        while not status & 1:
            _kind, status, data = client.packet()
            sizes.append(len(data) + 8)
        assert set(sizes[:-1]) == {agreed}
        assert sizes[-1] <= agreed


@pytest.mark.parametrize("step", [1, 7, 512])
def test_a_request_in_many_packets(world: World, step: int) -> None:
    world.engine.answers("select something quite long", [("v", "int")], [[1]])
    with RawClient(world.port) as client:
        client.open("sa", PASSWORD)
        assert dones(client.batch("select something quite long", step=step)) == [(0xFD, 0x10, 1)]


def test_the_reset_bit(world: World) -> None:
    with RawClient(world.port) as client:
        client.open("sa", PASSWORD)
        client.batch("use Shop")
        answer = client.batch("set it", status=0x09)
        assert answer[:6] == bytes.fromhex("e3 0300 12 00 00")  # ENVCHANGE 18
    (session,) = world.engine.sessions
    assert session.happened == ["reset"]
    assert session.database == "master"
    assert [event["sql"] for event in world.ledger.events("sql")] == ["use Shop", "sp_reset_connection", "set it"]


def test_an_attention_that_comes_too_late_is_acknowledged(world: World) -> None:
    with RawClient(world.port) as client:
        client.open("sa", PASSWORD)
        client.batch("set it")
        client.send(6, b"")
        assert dones(client.answer()) == [(0xFD, 0x20, 0)]
        assert dones(client.batch("set it")) == [(0xFD, 0, 0)]


def test_a_request_that_the_client_gives_up_is_not_run(world: World) -> None:
    with RawClient(world.port) as client:
        client.open("sa", PASSWORD)
        assert dones(client.batch("set it", status=0x03)) == [(0xFD, 2, 0)]
        assert not world.engine.seen
        assert dones(client.batch("set it")) == [(0xFD, 0, 0)]


def test_from_severity_20_on_the_connection_ends(world: World) -> None:
    def fail(*_arguments: object) -> None:
        raise SqlError(596, "Cannot continue the execution because the session is in the kill state.", 21)

    world.engine.statements["die"] = fail
    with RawClient(world.port) as client:
        client.open("sa", PASSWORD)
        assert "kill state".encode(UTF16) in client.batch("die")
        with pytest.raises(EOFError):
            client.packet()
    assert world.engine.sessions[0].closed.wait(WAIT)


def test_a_fault_of_the_engine_is_told_and_survived(world: World) -> None:
    def fail(_session: object, _params: object, out: Output) -> None:
        out.info(0, "before")
        raise KeyError("oops")

    world.engine.statements["oops"] = fail
    with RawClient(world.port) as client:
        client.open("sa", PASSWORD)
        assert "lab: internal error: KeyError('oops')".encode(UTF16) in client.batch("oops")
        assert "KeyError" in world.wait("error")["message"]
        assert dones(client.batch("set it")) == [(0xFD, 0, 0)]


def test_integrated_security(world: World) -> None:
    with RawClient(world.port) as client:
        client.send(18, bytes.fromhex("01 0006 0001 ff 02"))
        client.answer()
        client.send(16, login7("", "", flags2=0x80))
        answer = client.answer()
        assert struct.unpack_from("<i", answer, 3) == (18452,)
        with pytest.raises(EOFError):
            client.packet()
    assert not world.engine.sessions


@pytest.mark.parametrize("kind", [7, 17, 99])
def test_messages_that_the_lab_does_not_take(world: World, kind: int) -> None:
    with RawClient(world.port) as client:
        client.open("sa", PASSWORD)
        client.send(kind, b"")
        if kind == 7:
            assert "bulk load".encode(UTF16) in client.answer()
        else:
            with pytest.raises(EOFError):
                client.packet()
    assert world.engine.sessions[0].closed.wait(WAIT)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow], deadline=None, max_examples=60)
@given(data=st.binary(max_size=80), framed=st.booleans())
@example(data=b"GET / HTTP/1.1\r\nHost: sql\r\n\r\n", framed=False)
@example(data=b"\x16\x03\x01\x00\x05hello", framed=False)
def test_a_server_survives_any_first_words(shared: World, data: bytes, framed: bool) -> None:
    with RawClient(shared.port) as client:
        if framed:
            client.send(18, data)
        else:
            client.socket.sendall(data)
    with RawClient(shared.port) as client:
        assert dones(client.open("sa", PASSWORD)) == [(0xFD, 0, 0)]
    assert not shared.tds("internal error")


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow], deadline=None, max_examples=60)
@given(kind=st.sampled_from([1, 3, 14]), data=st.binary(max_size=60), headers=st.booleans())
def test_a_server_survives_any_request(shared: World, kind: int, data: bytes, headers: bool) -> None:
    with RawClient(shared.port) as client:
        client.open("sa", PASSWORD)
        client.send(kind, (HEADERS if headers else b"") + data)
        try:
            client.answer()
        except (EOFError, ConnectionError):
            assert shared.tds("logout")
    assert not shared.tds("internal error")
    assert not [event for event in shared.tds("error") if event["error"] == 50001]


# ------------------------------------------------------------------------------------------------ the parts


@pytest.mark.parametrize(
    ("server", "answers"),
    [  # what the client sends: off, on, not supported, required
        ("off", ["NOT_SUPPORTED", "NOT_SUPPORTED", "NOT_SUPPORTED", "NOT_SUPPORTED"]),
        ("on", ["OFF", "ON", "NOT_SUPPORTED", "ON"]),
        ("required", ["REQUIRED", "ON", "REQUIRED", "ON"]),
    ],
)
def test_encryption_is_agreed_by_the_table(server: str, answers: list[str]) -> None:
    assert [agree(Encrypt(server), {1: bytes((client,))}).name for client in Encryption] == answers
    with pytest.raises(ProtocolError):
        agree(Encrypt(server), {1: b"\x07"})


def test_a_login_shows_no_password() -> None:
    login = read_login(login7("sa", "s3cret é😀"))
    assert login.password == "s3cret é😀"
    assert "s3cret" not in repr(login)


@pytest.mark.parametrize(
    ("text", "means"),
    [
        ("", {}),
        ("@a int", {"a": "int"}),
        ("@P1 nvarchar(4000),@P2 decimal(38, 6)", {"P1": "nvarchar(4000)", "P2": "decimal(38,6)"}),
        (" @a AS sysname , @b varbinary(max) OUTPUT ", {"a": "nvarchar(128)", "b": "varbinary(max)"}),
        ("@a int = 5, @b nvarchar(9) = N'x, @y int' out", {"a": "int", "b": "nvarchar(9)"}),
        ("@a [sys].[datetimeoffset](3)", {"a": "datetimeoffset(3)"}),
    ],
)
def test_declared_parameters(text: str, means: dict[str, str]) -> None:
    assert {name: str(kind) for name, kind in rpc.declared(text).items()} == means


@pytest.mark.parametrize(("text", "number"), [("nonsense", 102), ("@a", 102), ("@a banana", 2715), ("@a int @b int", 102)])
def test_wrongly_declared_parameters(text: str, number: int) -> None:
    with pytest.raises(SqlError) as caught:
        rpc.declared(text)
    assert caught.value.number == number
