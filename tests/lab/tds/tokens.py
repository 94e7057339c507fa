# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The tokens of a server's answer ([MS-TDS] 2.2.7), as bytes."""

from __future__ import annotations

import struct
from collections.abc import Sequence

from .engine_api import Column
from .types import SqlType

# Status bits of DONE, DONEPROC and DONEINPROC ([MS-TDS] 2.2.7.6).
DONE_MORE, DONE_ERROR, DONE_COUNT, DONE_ATTENTION = 0x01, 0x02, 0x10, 0x20
DONE, DONE_PROCEDURE, DONE_IN_PROCEDURE = 0xFD, 0xFE, 0xFF
ROW = b"\xd1"
# ENVCHANGE types ([MS-TDS] 2.2.7.9).
ENV_DATABASE, ENV_LANGUAGE, ENV_PACKET_SIZE, ENV_COLLATION = 1, 2, 4, 7
ENV_BEGIN, ENV_COMMIT, ENV_ROLLBACK, ENV_RESET = 8, 9, 10, 18
_LONGEST_MESSAGE = 4000  # characters, so that a token's length fits in its 16 bits


def _units(text: str) -> bytes:
    return text.encode("utf-16-le", "surrogatepass")


def b_varchar(text: str) -> bytes:
    raw = _units(text)[:510]
    return bytes((len(raw) // 2,)) + raw


def us_varchar(text: str) -> bytes:
    raw = _units(text)
    return struct.pack("<H", len(raw) // 2) + raw


def _token(kind: int, body: bytes) -> bytes:
    return struct.pack("<BH", kind, len(body)) + body


def env_text(kind: int, new: str, old: str) -> bytes:
    """ENVCHANGE of a text."""
    return _token(0xE3, bytes((kind,)) + b_varchar(new) + b_varchar(old))


def env_bytes(kind: int, new: bytes, old: bytes) -> bytes:
    """ENVCHANGE of bytes: collation, transaction descriptor, reset."""
    return _token(0xE3, bytes((kind, len(new))) + new + bytes((len(old),)) + old)


def message(number: int, text: str, *, severity: int, state: int, line: int, server: str, procedure: str, error: bool) -> bytes:
    """ERROR (2.2.7.10) or INFO (2.2.7.13)."""
    body = (
        struct.pack("<iBB", number, state & 0xFF, severity)
        + us_varchar(text[:_LONGEST_MESSAGE])
        + b_varchar(server)
        + b_varchar(procedure)
        + struct.pack("<I", line)
    )
    return _token(0xAA if error else 0xAB, body)


def done(kind: int, status: int, command: int = 0, count: int | None = None) -> bytes:
    """DONE, DONEPROC or DONEINPROC (2.2.7.6 to 2.2.7.8), with a row count where there is one."""
    if count is not None:
        status |= DONE_COUNT
    return struct.pack("<BHHQ", kind, status, command, count or 0)


def column_metadata(columns: Sequence[Column]) -> bytes:
    """COLMETADATA (2.2.7.4). Whether a column can be updated is said to be unknown."""
    parts = [struct.pack("<BH", 0x81, len(columns) or 0xFFFF)]
    for column in columns:
        parts.append(struct.pack("<IH", 0, 0x0008 | int(column.nullable)) + column.type.type_info() + b_varchar(column.name))
    return b"".join(parts)


def login_ack(tds_version: int, program: str, version: Sequence[int]) -> bytes:
    """LOGINACK (2.2.7.14): interface T-SQL, the TDS version, and the server's name and version."""
    major, minor, build = version[:3]
    body = b"\x01" + struct.pack(">I", tds_version) + b_varchar(program) + struct.pack(">BBH", major, minor, build)
    return _token(0xAD, body)


def return_status(value: int) -> bytes:
    """RETURNSTATUS (2.2.7.18)."""
    return struct.pack("<Bi", 0x79, value)


def return_value(ordinal: int, name: str, kind: SqlType, value: object) -> bytes:
    """RETURNVALUE (2.2.7.19) of an output parameter; its name has its ``@``."""
    return struct.pack("<BH", 0xAC, ordinal) + b_varchar(name) + struct.pack("<BIH", 0x01, 0, 0) + kind.type_info() + kind.encode(value)
