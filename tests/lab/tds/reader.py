# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Reading the parts of a client's message ([MS-TDS] 2.2.5)."""

from __future__ import annotations

from .packets import ProtocolError

_PLP_NULL = 0xFFFFFFFFFFFFFFFF


class Reader:
    """Takes numbers and strings off the front of a message.

    Every method may raise ProtocolError: the message is shorter than it says.
    """

    def __init__(self, data: bytes, position: int = 0) -> None:
        self.data = data
        self.position = position

    def left(self) -> int:
        return len(self.data) - self.position

    def take(self, count: int) -> bytes:
        taken = self.data[self.position : self.position + count]
        if len(taken) < count:
            raise ProtocolError(f"the message ends {count - len(taken)} bytes early")
        self.position += count
        return taken

    def peek(self) -> int:
        """The next byte, which stays."""
        byte = self.unsigned(1)
        self.position -= 1
        return byte

    def unsigned(self, size: int) -> int:
        return int.from_bytes(self.take(size), "little")

    def signed(self, size: int) -> int:
        return int.from_bytes(self.take(size), "little", signed=True)

    def text(self, count: int) -> str:
        """That many UTF-16 units."""
        return self.take(2 * count).decode("utf-16-le", "surrogatepass")

    def rest_as_text(self) -> str:
        """All that is left, as text."""
        if self.left() % 2:
            raise ProtocolError(f"a text of {self.left()} bytes")
        return self.text(self.left() // 2)

    def b_varchar(self) -> str:
        return self.text(self.unsigned(1))

    def us_varchar(self) -> str:
        return self.text(self.unsigned(2))

    def all_headers(self) -> None:
        """Pass over ALL_HEADERS ([MS-TDS] 2.2.5.3): the transaction descriptor is ours anyway."""
        length = self.unsigned(4)
        if length < 4:
            raise ProtocolError(f"ALL_HEADERS of {length} bytes")
        self.take(length - 4)

    def plp(self) -> bytes | None:
        """Partially length-prefixed bytes ([MS-TDS] 2.2.5.2.3), None for NULL."""
        if self.unsigned(8) == _PLP_NULL:
            return None
        parts = []
        while count := self.unsigned(4):
            parts.append(self.take(count))
        return b"".join(parts)
