# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A client that can be rude: it builds its own packets, and reads tokens without the server's code."""

from __future__ import annotations

import socket
import struct
from types import TracebackType

from patience import patient

PRELOGIN = struct.pack(">BHHBHHB", 0, 11, 6, 1, 17, 1, 0xFF) + bytes(6) + b"\x02"  # version, encryption: not supported
HEADERS = struct.pack("<IIHQI", 22, 18, 2, 0, 1)  # ALL_HEADERS with a transaction descriptor


def scrambled(password: str) -> bytes:
    return bytes((((byte << 4) | (byte >> 4)) & 0xFF) ^ 0xA5 for byte in password.encode("utf-16-le"))


def login7(user: str, password: str, packet_size: int = 4096, version: int = 0x74000004, flags2: int = 0) -> bytes:
    """A LOGIN7 message by the table of [MS-TDS] 2.2.6.4."""
    fixed = struct.pack("<IIIIIBBBBiI", version, packet_size, 0, 0, 0, 0, flags2, 0, 0, 0, 0)
    texts = [b"raw", user.encode("utf-16-le"), scrambled(password), *[b""] * 6]
    texts[0] = "raw".encode("utf-16-le")
    start, table, data = 94, b"", b""
    for text in texts:
        table += struct.pack("<HH", start + len(data), len(text) // 2)
        data += text
    table += bytes(6) + struct.pack("<HHHHHHI", start, 0, start, 0, start, 0, 0)
    body = fixed + table + data
    return struct.pack("<I", len(body) + 4) + body


class RawClient:
    """One connection, in the clear."""

    def __init__(self, port: int) -> None:
        self.socket = socket.create_connection(("127.0.0.1", port), timeout=patient(20))

    def __enter__(self) -> RawClient:
        return self

    def __exit__(self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None) -> None:
        self.socket.close()

    def send(self, kind: int, data: bytes, status: int = 1, step: int = 4000) -> None:
        """One message, in packets of that many bytes; ``status`` is the last one's, less its end bit the others'."""
        parts = [data[start : start + step] for start in range(0, len(data), step)] or [b""]
        for place, part in enumerate(parts):
            bits = status if place == len(parts) - 1 else status & ~1
            self.socket.sendall(struct.pack(">BBHHBB", kind, bits, len(part) + 8, 0, 0, 0) + part)

    def _take(self, count: int) -> bytes:
        data = b""
        while len(data) < count:
            part = self.socket.recv(count - len(data))
            if not part:
                raise EOFError("the server closed the connection")
            data += part
        return data

    def packet(self) -> tuple[int, int, bytes]:
        """Kind, status, content."""
        kind, status, length, _spid, _number, _window = struct.unpack(">BBHHBB", self._take(8))
        return kind, status, self._take(length - 8)

    def answer(self) -> bytes:
        """A whole message of the server."""
        data = b""
        while True:
            _kind, status, part = self.packet()
            data += part
            if status & 1:
                return data

    def open(self, user: str, password: str, **options: int) -> bytes:
        """PRELOGIN and LOGIN7; the answer to the latter."""
        self.send(18, PRELOGIN)
        self.answer()
        self.send(16, login7(user, password, **options))
        return self.answer()

    def batch(self, sql: str, status: int = 1, step: int = 4000) -> bytes:
        self.send(1, HEADERS + sql.encode("utf-16-le"), status, step)
        return self.answer()


def dones(answer: bytes) -> list[tuple[int, int, int]]:
    """The DONE tokens at the end of an answer, one after another: kind, status, count."""
    found: list[tuple[int, int, int]] = []
    while len(answer) >= 13 and answer[-13] in (0xFD, 0xFE, 0xFF):
        kind, status, _command, count = struct.unpack("<BHHQ", answer[-13:])
        found.insert(0, (kind, status, count))
        answer = answer[:-13]
    return found
