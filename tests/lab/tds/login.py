# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The first messages of a connection: PRELOGIN ([MS-TDS] 2.2.6.5) and LOGIN7 (2.2.6.4)."""

from __future__ import annotations

import struct
from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum, IntEnum

from .packets import DEFAULT, LARGEST, SMALLEST, ProtocolError
from .reader import Reader

TDS_7_3, TDS_7_4, TDS_8_0 = 0x730A0003, 0x74000004, 0x08000000
_VERSION, _ENCRYPTION, _INSTANCE, _THREAD, _MARS, _FEDERATED = 0, 1, 2, 3, 4, 6  # PL_OPTION_TOKEN
_CLIENT_CERTIFICATE = 0x80


class Encrypt(str, Enum):
    """What a server is set to.

    ``OFF``: it cannot encrypt, not even logins. A real server always can, with a certificate it makes itself; *assumed* to be what
    a client meets where that is broken. ``ON``: it can, clients choose; ``REQUIRED``: "Force Encryption";
    ``STRICT``: "Force Strict Encryption" (SQL Server 2022), TDS 8.0 only.
    """

    OFF = "off"
    ON = "on"
    REQUIRED = "required"
    STRICT = "strict"


class Encryption(IntEnum):
    """ENCRYPTION of PRELOGIN. Both sides OFF means: the login packet alone."""

    OFF = 0
    ON = 1
    NOT_SUPPORTED = 2
    REQUIRED = 3


def read_prelogin(body: bytes) -> dict[int, bytes]:
    """The client's options by token.

    Raises:
        ProtocolError: It is malformed.
    """
    options: dict[int, bytes] = {}
    reader = Reader(body)
    while (token := reader.unsigned(1)) != 0xFF:
        offset, length = struct.unpack(">HH", reader.take(4))
        options[token] = body[offset : offset + length]
    if not options.get(_ENCRYPTION):
        raise ProtocolError("a PRELOGIN without ENCRYPTION")
    return options


def agree(server: Encrypt, options: dict[int, bytes]) -> Encryption:
    """The server's answer to what the client wants, by the table of [MS-TDS] 2.2.6.5.

    Raises:
        ProtocolError: The client names a mode that there is not.
    """
    try:
        client = Encryption(options[_ENCRYPTION][0] & ~_CLIENT_CERTIFICATE)
    except ValueError as error:
        raise ProtocolError(f"PRELOGIN encryption {options[_ENCRYPTION][0]}") from error
    if server in (Encrypt.OFF, Encrypt.STRICT):  # under TDS 8.0 there is nothing left to encrypt
        return Encryption.NOT_SUPPORTED
    if server is Encrypt.REQUIRED:
        return Encryption.ON if client in (Encryption.ON, Encryption.REQUIRED) else Encryption.REQUIRED
    if client is Encryption.REQUIRED:
        return Encryption.ON
    return client


def prelogin_answer(options: dict[int, bytes], encryption: Encryption, version: Sequence[int]) -> bytes:
    """The server's PRELOGIN: its version and encryption; no MARS; no federated authentication."""
    major, minor, build = version[:3]
    answer = {
        _VERSION: struct.pack(">BBHH", major, minor, build, 0),
        _ENCRYPTION: bytes((encryption,)),
        _INSTANCE: b"\0",  # the instance name that the client gave is right
        _THREAD: b"",
        _MARS: b"\0",
    }
    if _FEDERATED in options:
        answer[_FEDERATED] = b"\0"
    head, data = b"", b""
    start = 5 * len(answer) + 1
    for token, value in answer.items():
        head += struct.pack(">BHH", token, start + len(data), len(value))
        data += value
    return head + b"\xff" + data


@dataclass(frozen=True)
class Login7:
    """The fields of LOGIN7 that the lab looks at."""

    tds_version: int
    packet_size: int
    host: str
    user: str
    password: str
    program: str
    language: str
    database: str
    integrated: bool
    read_only: bool

    def __repr__(self) -> str:
        return f"Login7(user={self.user!r}, program={self.program!r}, database={self.database!r})"


_FIXED = struct.Struct("<IIIIIIBBBBiI")
_HOST, _USER, _PASSWORD, _PROGRAM, _LANGUAGE, _DATABASE = 0, 1, 2, 3, 7, 8  # places in the table of offsets


def _plain(scrambled: bytes) -> bytes:
    """A password as it was typed: [MS-TDS] 2.2.6.4 swaps the halves of each byte and XORs it with 0xA5."""
    return bytes(((byte ^ 0xA5) << 4 & 0xF0) | ((byte ^ 0xA5) >> 4) for byte in scrambled)


def read_login(body: bytes) -> Login7:
    """
    Raises:
        ProtocolError: It is malformed.
    """
    if len(body) < _FIXED.size + 4 * 9:
        raise ProtocolError(f"a LOGIN7 of {len(body)} bytes")
    _length, version, packet_size, _program, _pid, _connection, _flags1, flags2, kind, _flags3, _zone, _lcid = _FIXED.unpack_from(body)

    def raw(place: int) -> bytes:
        offset, count = struct.unpack_from("<HH", body, _FIXED.size + 4 * place)
        return Reader(body, offset).take(2 * count) if count else b""

    def text(place: int) -> str:
        return raw(place).decode("utf-16-le", "surrogatepass")

    return Login7(
        tds_version=version,
        packet_size=min(max(packet_size or DEFAULT, SMALLEST), LARGEST),
        host=text(_HOST),
        user=text(_USER),
        password=_plain(raw(_PASSWORD)).decode("utf-16-le", "replace"),
        program=text(_PROGRAM),
        language=text(_LANGUAGE),
        database=text(_DATABASE),
        integrated=bool(flags2 & 0x80),
        read_only=bool(kind & 0x20),
    )
