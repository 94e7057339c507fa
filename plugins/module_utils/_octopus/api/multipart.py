# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A form with one file that is sent as it is read. requests itself would read the whole file into memory first."""

from __future__ import annotations

import io
import os
import secrets
from collections.abc import Iterator
from typing import BinaryIO

_CHUNK = 1 << 16


class FileForm:
    """The body of a request, as requests sends it piece by piece: a length, and a file that can be read again from its beginning.

    Args:
        field: Name of the form's field.
        name: File name, without quotes or line breaks.
        content: The file, open for reading; it is read from its beginning.
    """

    def __init__(self, field: str, name: str, content: BinaryIO) -> None:
        boundary = secrets.token_hex(16)
        self.content_type = f"multipart/form-data; boundary={boundary}"
        head = (
            f'--{boundary}\r\nContent-Disposition: form-data; name="{field}"; filename="{name}"\r\n'
            "Content-Type: application/octet-stream\r\n\r\n"
        )
        size = content.seek(0, os.SEEK_END)
        tail = f"\r\n--{boundary}--\r\n"
        self._parts: tuple[BinaryIO, ...] = (io.BytesIO(head.encode()), content, io.BytesIO(tail.encode()))
        self._size = len(head.encode()) + size + len(tail)
        self.seek(0)

    def __len__(self) -> int:
        return self._size

    def __iter__(self) -> Iterator[bytes]:
        while piece := self.read(_CHUNK):
            yield piece

    def read(self, size: int = -1) -> bytes:
        """Return the next bytes, at most ``size`` of them; without a size, all that are left."""
        out = b""
        while size < 0 or len(out) < size:
            piece = self._parts[self._at].read(size - len(out) if size >= 0 else -1)
            if piece:
                out += piece
            elif self._at + 1 < len(self._parts):
                self._at += 1
            else:
                break
        self._position += len(out)
        return out

    def tell(self) -> int:
        """Return the number of bytes that have been read."""
        return self._position

    def seek(self, position: int, _whence: int = 0) -> int:
        """Go back to the beginning, as a request does that is sent again.

        Raises:
            ValueError: Another place is wanted.
        """
        if position:
            raise ValueError(f"A form is read from its beginning, and not from {position}.")
        for part in self._parts:
            part.seek(0)
        self._at = self._position = 0
        return 0
