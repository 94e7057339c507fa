# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Files: what cmd.exe, findstr and certutil make of them, and how much room there is."""

from __future__ import annotations

import hashlib
import re

import pytest
from ansible_collections.octopus.upgrade.plugins.module_utils._windows import disks, files
from ansible_collections.octopus.upgrade.plugins.module_utils._windows.connection import WindowsHost
from ansible_collections.octopus.upgrade.plugins.module_utils._windows.errors import HostError

TEXT = 'Grüße, 100 %, %PATH%, "quoted", a & b | c > d ^ e !f!\n\n  indented\ttab\n漢字 Ωμέγα\n'


def test_a_text_comes_back_as_it_was_written(host: WindowsHost, folder: str) -> None:
    path = f"{folder}\\text & more (1).txt"
    files.write_text(host, path, TEXT)
    data = TEXT.replace("\n", "\r\n").encode()
    assert files.read_bytes(host, path) == data
    assert files.read_text(host, path) == TEXT
    assert files.size(host, path) == len(data)
    assert files.sha256(host, path) == hashlib.sha256(data).hexdigest()


def test_long_lines_survive(host: WindowsHost, folder: str) -> None:
    text = f"{'x' * 8000}\n{'y' * 7999}\n"
    files.write_text(host, f"{folder}\\long.txt", text)
    assert files.read_text(host, f"{folder}\\long.txt") == text


def test_any_bytes_survive(host: WindowsHost, folder: str) -> None:
    data = bytes(range(256)) * 300
    path = f"{folder}\\any bytes.bin"
    files.write_bytes(host, path, data)
    assert files.size(host, path) == len(data)
    assert files.sha256(host, path) == hashlib.sha256(data).hexdigest()
    assert not files.exists(host, f"{path}.b64")


def test_utf_16_is_read_as_text(host: WindowsHost, folder: str) -> None:
    path = f"{folder}\\utf-16.log"
    files.write_bytes(host, path, b"\xff\xfe" + TEXT.replace("\n", "\r\n").encode("utf-16-le"))
    assert files.read_text(host, path) == TEXT


def test_what_is_missing_is_missing(host: WindowsHost, folder: str) -> None:
    missing = f"{folder}\\missing\\file.txt"
    assert files.size(host, missing) is None
    assert not files.exists(host, missing)
    assert files.names(host, f"{folder}\\missing") is None
    files.remove(host, missing)
    files.remove_folder(host, f"{folder}\\missing")
    for function in (files.read_bytes, files.sha256):
        with pytest.raises(HostError, match=r"file\.txt"):
            function(host, missing)
    with pytest.raises(HostError, match="cannot write"):
        files.write_text(host, missing, "x")


def test_folders(host: WindowsHost, folder: str) -> None:
    path = f"{folder}\\a\\b c\\d"
    assert files.make_folder(host, path)
    assert not files.make_folder(host, path)
    assert files.names(host, path) == []
    files.write_text(host, f"{path}\\one.txt", "1")
    files.write_text(host, f"{path}\\two.part", "2")
    files.move(host, f"{path}\\two.part", f"{path}\\one.txt")
    assert files.names(host, path) == ["one.txt"]
    assert files.read_text(host, f"{path}\\one.txt") == "2\n"
    files.remove(host, f"{path}\\one.txt")
    assert files.names(host, path) == []
    files.remove_folder(host, f"{folder}\\a")
    assert files.names(host, folder) is not None
    assert not files.exists(host, f"{folder}\\a")


def test_the_hash_of_a_program(host: WindowsHost) -> None:
    assert re.fullmatch("[0-9a-f]{64}", files.sha256(host, "C:\\Windows\\System32\\cmd.exe"))


def test_free_space_is_what_fsutil_says(host: WindowsHost) -> None:
    """``dir /-c`` and fsutil agree, but for what is written between them; a quota makes fsutil's third number smaller."""
    free = disks.free_bytes(host, "C:\\Windows")
    result = host.run(["fsutil", "volume", "diskfree", "C:"], check=True)
    lines = [line.partition(":")[2].partition("(")[0] for line in result.stdout.splitlines() if ":" in line]
    numbers = [int(re.sub(r"\D", "", line)) for line in lines]
    assert len(numbers) >= 3
    assert min(abs(free - number) for number in numbers) < 2**30
    assert 0 < free <= max(numbers)


def test_a_missing_drive_has_no_free_space(host: WindowsHost) -> None:
    with pytest.raises(HostError):
        disks.free_bytes(host, "B:\\")
