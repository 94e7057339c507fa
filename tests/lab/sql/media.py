# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Backup files: media families with one backup set behind the other.

The real format is Microsoft Tape Format with SQL Server's own streams; the lab has a format of its own with the same parts, so that what
can be said of a real file can be said of these: the header of the media, the header of each set, its data in blocks that may carry
checksums (WITH CHECKSUM), pages with the checksums that pages always have (PAGE_VERIFY CHECKSUM), an end without which a set is cut off.
"""

from __future__ import annotations

import json
import os
import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, BinaryIO

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

MAGIC = b"TAPE lab 1\r\n\x1a\n"
_RECORD = struct.Struct("<4sQI")
TAPE, SET, DATA, HOLE, END = b"TAPE", b"SSET", b"DATA", b"HOLE", b"ESET"
PAGES_A_BLOCK = 64
_CRC = struct.Struct("<I")


class MediaError(Exception):
    """A backup file is not what it should be. ``kind``: format (no backup file), cut (it ends early), damage (other bytes), read."""

    def __init__(self, kind: str, text: str, path: Path) -> None:
        super().__init__(f"{text} ({path})")
        self.kind = kind


@dataclass(frozen=True)
class Page:
    """A page of the SQLite file in a backup, and whether its checksum is right."""

    number: int
    data: bytes
    sound: bool


@dataclass
class Part:
    """One set's part in one family: where its blocks are."""

    header: dict[str, Any]
    blocks: list[tuple[int, int, int]] = field(default_factory=list)  # offset, length, checksum
    end: dict[str, Any] | None = None


@dataclass
class Family:
    """One file of a media set, read."""

    path: Path
    header: dict[str, Any]
    parts: list[Part]


# -- writing


def _write(stream: BinaryIO, tag: bytes, payload: bytes, check: bool = True) -> None:
    stream.write(_RECORD.pack(tag, len(payload), zlib.crc32(payload) if check else 0))
    stream.write(payload)


def _json(value: dict[str, Any]) -> bytes:
    return json.dumps(value, default=str).encode()


def blocks(source: Path, damaged: set[int]) -> Iterator[bytes]:
    """A SQLite file's pages with their checksums, some to a block. A damaged page's checksum is wrong, as it was on the disk."""
    size = page_size(source)
    with source.open("rb") as stream:
        number = 1
        block = bytearray()
        while page := stream.read(size):
            crc = zlib.crc32(page) ^ (0xFFFFFFFF if number in damaged else 0)
            block += _CRC.pack(crc) + page
            if number % PAGES_A_BLOCK == 0:
                yield bytes(block)
                block.clear()
            number += 1
        if block:
            yield bytes(block)


def page_size(source: Path) -> int:
    """SQLite's page size, from the file's header (https://www.sqlite.org/fileformat.html 1.3.2)."""
    with source.open("rb") as stream:
        stream.seek(16)
        size = int.from_bytes(stream.read(2), "big")
    return 65536 if size == 1 else size


def write_set(
    paths: list[Path],
    media: dict[str, Any],
    header: dict[str, Any],
    source: Path,
    damaged: set[int],
    *,
    key: bytes | None,
    weight: int,
    new: bool,
) -> int:
    """Append a set to the families at ``paths`` (``new``: begin the media anew); gives the bytes that it takes in all.

    Args:
        key: Encrypts the data.
        weight: Bytes that are only pretended: a hole in the file.
    """
    before = 0 if new else sum(path.stat().st_size for path in paths)
    streams = [path.open("wb" if new else "r+b") for path in paths]
    try:
        for place, stream in enumerate(streams):
            if new:
                stream.write(MAGIC)
                _write(stream, TAPE, _json({**media, "family": place + 1, "families": len(paths)}))
            else:
                stream.seek(0, os.SEEK_END)
            _write(stream, SET, _json(header))
        for place, block in enumerate(blocks(source, damaged)):
            data = zlib.compress(block, 1) if header["compressed"] else block
            if key is not None:
                nonce = os.urandom(12)
                data = nonce + AESGCM(key).encrypt(nonce, data, None)
            _write(streams[place % len(streams)], DATA, data, check=header["checksums"])
        for stream in streams:
            hole = weight // len(streams)
            stream.write(_RECORD.pack(HOLE, hole, 0))
            stream.truncate(stream.tell() + hole)
            stream.seek(hole, os.SEEK_CUR)
            _write(stream, END, _json({"set": header["set_guid"]}))
    finally:
        for stream in streams:
            stream.close()
    return sum(path.stat().st_size for path in paths) - before


# -- reading


def read_family(path: Path) -> Family:
    """The headers in one file.

    Raises:
        MediaError: Format, it is no backup file.
    """
    with path.open("rb") as stream:
        size = os.fstat(stream.fileno()).st_size
        if stream.read(len(MAGIC)) != MAGIC:
            raise MediaError("format", "no media header", path)
        record = _next(stream, size, path)
        if record is None or record[0] != TAPE:
            raise MediaError("format", "no media header", path)
        family = Family(path, _object(stream, record, path), [])
        while (record := _next(stream, size, path)) is not None:
            tag, length, crc = record
            if tag == SET:
                family.parts.append(Part(_object(stream, record, path)))
            elif not family.parts:
                raise MediaError("format", "data before the first set", path)
            elif tag == DATA:
                family.parts[-1].blocks.append((stream.tell(), length, crc))
                stream.seek(length, os.SEEK_CUR)
            elif tag == HOLE:
                stream.seek(length, os.SEEK_CUR)
            elif tag == END:
                family.parts[-1].end = _object(stream, record, path)
            else:
                raise MediaError("format", f"an unknown record at {stream.tell()}", path)
    return family


def _next(stream: BinaryIO, size: int, path: Path) -> tuple[bytes, int, int] | None:
    """The next record's tag, length and checksum; None at the end or where the file is cut off."""
    raw = stream.read(_RECORD.size)
    if len(raw) < _RECORD.size:
        return None
    tag, length, crc = _RECORD.unpack(raw)
    if tag not in (TAPE, SET, DATA, HOLE, END):
        raise MediaError("format", f"an unknown record at {stream.tell()}", path)
    return None if stream.tell() + length > size else (tag, length, crc)


def _object(stream: BinaryIO, record: tuple[bytes, int, int], path: Path) -> dict[str, Any]:
    raw = stream.read(record[1])
    if zlib.crc32(raw) != record[2]:
        raise MediaError("format", "a damaged header", path)
    found: dict[str, Any] = json.loads(raw)
    return found


def check_whole(families: list[Family], position: int) -> None:
    """
    Raises:
        MediaError: Cut, a family ends before the set does.
    """
    for family in families:
        if family.parts[position - 1].end is None:
            raise MediaError("cut", "the backup set ends early", family.path)


def set_pages(families: list[Family], position: int, *, key: bytes | None = None, verify: bool = False) -> Iterator[Page]:
    """The pages of a set, in order.

    Args:
        families: Every family of the media set, in their order.
        position: The set's, from 1.
        verify: Compare the checksums of blocks.

    Raises:
        MediaError: Cut; damage, a block's checksum is wrong or it cannot be opened.
    """
    check_whole(families, position)
    parts = [family.parts[position - 1] for family in families]
    header = parts[0].header
    size = header["page_size"]
    streams = [family.path.open("rb") for family in families]
    try:
        number = 1
        for place in range(sum(len(part.blocks) for part in parts)):
            which, row = place % len(parts), place // len(parts)
            block = _block(streams[which], parts[which].blocks[row], header, families[which].path, key=key, verify=verify)
            for start in range(0, len(block), _CRC.size + size):
                crc = _CRC.unpack_from(block, start)[0]
                data = block[start + _CRC.size : start + _CRC.size + size]
                yield Page(number, data, zlib.crc32(data) == crc)
                number += 1
    finally:
        for stream in streams:
            stream.close()


def _block(stream: BinaryIO, where: tuple[int, int, int], header: dict[str, Any], path: Path, *, key: bytes | None, verify: bool) -> bytes:
    offset, length, crc = where
    stream.seek(offset)
    data = stream.read(length)
    if verify and header["checksums"] and zlib.crc32(data) != crc:
        raise MediaError("damage", f"a wrong checksum at {offset}", path)
    try:
        if key is not None:
            data = AESGCM(key).decrypt(data[:12], data[12:], None)
        return zlib.decompress(data) if header["compressed"] else data
    except (zlib.error, InvalidTag) as error:
        raise MediaError("damage", f"unreadable data at {offset}: {error}", path) from error
