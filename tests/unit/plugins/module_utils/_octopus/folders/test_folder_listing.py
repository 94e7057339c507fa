# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Two listings of a copy: what differs is named, what only looks different is not, and memory does not grow with the number of files."""

from __future__ import annotations

import errno
import time
import tracemalloc
from datetime import datetime, timedelta

import pytest
from ansible_collections.octopus.upgrade.plugins.module_utils._octopus.errors import OctopusError
from ansible_collections.octopus.upgrade.plugins.module_utils._octopus.folders import listing

PATH = "\\\\nas\\backups\\prod\\point\\folders\\packages"
BEGAN = datetime(2026, 3, 1, 23, 0)
# What a line of two listings of 2 million files may cost, for both to take less than 60 seconds.
SECONDS_PER_LINE, LINES = 60 / 4_000_000, 100_000


class Listing:
    """Files with size and time, as robocopy lists them."""

    def __init__(self, path: str = PATH, shift: timedelta = timedelta()) -> None:
        self.files = {f"feeds\\Wéb & more.1.0.{n}.zip": (n, BEGAN + timedelta(seconds=37 * n) + shift) for n in range(50)}
        self.path = path

    def text(self, backwards: bool = False) -> bytes:
        names = sorted(self.files, reverse=backwards)
        lines = [f"\t  \t{self.files[name][0]:>8} {self.files[name][1]:%Y/%m/%d %H:%M:%S}\t{self.path}\\{name}\r\n" for name in names]
        return "".join(lines).encode()


def reads(text: bytes, piece: int = 1000) -> listing.Read:
    def read(take: listing.Take) -> None:
        for start in range(0, len(text), piece):
            take(text[start : start + piece])

    return read


def differences(then: Listing, now: Listing, **how: bool) -> list[str]:
    return listing.differences(reads(then.text()), then.path, reads(now.text(**how), 77), now.path)


def test_the_same_in_another_order_place_or_time_zone_is_the_same():
    assert differences(Listing(), Listing(path="E:\\moved\\folders\\packages"), backwards=True) == []
    assert differences(Listing(), Listing(shift=timedelta(hours=-1))) == []
    assert differences(Listing(), Listing(shift=timedelta(hours=5, minutes=45))) == []


def test_two_files_of_one_size_that_were_swapped_are_found():
    now = Listing()
    one, other = "feeds\\Wéb & more.1.0.3.zip", "feeds\\Wéb & more.1.0.9.zip"
    for listed in (then := Listing(), now):
        listed.files[one] = (7, listed.files[one][1])
        listed.files[other] = (7, listed.files[other][1])
    now.files[one], now.files[other] = now.files[other], now.files[one]
    assert differences(then, now) == [f"{one} was written at another time", f"{other} was written at another time"]


@pytest.mark.parametrize("shift", [timedelta(), timedelta(hours=2)])
def test_what_differs_is_named(shift):
    now = Listing(shift=shift)
    del now.files["feeds\\Wéb & more.1.0.1.zip"]
    now.files["evil.exe"] = (1, BEGAN)
    name = "feeds\\Wéb & more.1.0.2.zip"
    now.files[name] = (3, now.files[name][1])
    found = differences(Listing(), now)
    assert found == ["evil.exe was added", "feeds\\Wéb & more.1.0.1.zip is missing", f"{name} has 3 bytes instead of 2"]


def test_a_line_that_is_no_file_is_not_passed_over():
    with pytest.raises(OctopusError, match="cannot read the line 'ERROR 5 Access is denied'"):
        listing.differences(reads(b"\r\n ERROR 5 Access is denied\r\n"), PATH, reads(Listing().text()), PATH)


def _large(changed: int) -> listing.Read:
    line = b"\t  \t%8d 2026/03/%02d 10:%02d:%02d\t%b\\feeds\\%06d\\package.%d.nupkg\r\n"
    lines = (line % (n * 7 + (n == changed), n % 28 + 1, n % 60, n % 59, PATH.encode(), n, n) for n in range(LINES))
    return reads(b"".join(lines), 100_000)


def test_two_million_files_cost_less_than_a_minute():
    then, now = _large(-1), _large(LINES // 2)
    began = time.process_time()
    found = listing.differences(then, PATH, now, PATH)
    spent = time.process_time() - began
    assert found == [f"feeds\\{LINES // 2:06}\\package.{LINES // 2}.nupkg has {LINES // 2 * 7 + 1} bytes instead of {LINES // 2 * 7}"]
    assert spent < 2 * LINES * SECONDS_PER_LINE


def test_memory_does_not_grow_with_the_number_of_files():
    tracemalloc.start()
    try:
        assert listing.differences(reads(Listing().text()), PATH, reads(Listing().text()), PATH) == []
        few = tracemalloc.get_traced_memory()[1]
        tracemalloc.reset_peak()
        sums = listing._Sums(PATH)
        for number in range(40):
            sums.take(b"".join(b"\t 5 2026/03/01 10:00:00\t%d\\%d\r\n" % (number, n) for n in range(500)))
        assert tracemalloc.get_traced_memory()[1] < few + 2_000_000
    finally:
        tracemalloc.stop()


class Full:
    """A temporary file on a disk that is full after some bytes."""

    def __init__(self, room: int) -> None:
        self.room = room

    def write(self, data: bytes) -> None:
        self.room -= len(data)
        if self.room < 0:
            raise OSError(errno.ENOSPC, "No space left on device")

    def flush(self) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    def close(self) -> None:
        pass


@pytest.mark.parametrize(("room", "readings"), [(None, 1), (-1, 2), (0, 2), (10**9, 2)])
def test_each_host_is_read_once_unless_the_control_node_has_no_room_for_a_copy(monkeypatch, room, readings):
    """Not even a file, not even a byte, or all of it but what a buffer still holds."""
    now, counts = Listing(), [0, 0]
    now.files["evil.exe"] = (1, BEGAN)

    def counted(number: int, text: bytes) -> listing.Read:
        def read(take: listing.Take) -> None:
            counts[number] += 1
            reads(text)(take)

        return read

    def full() -> Full:
        if room == -1:
            raise OSError(errno.ENOSPC, "No space left on device")
        return Full(room)

    if room is not None:
        monkeypatch.setattr(listing.tempfile, "TemporaryFile", full)
    assert listing.differences(counted(0, Listing().text()), PATH, counted(1, now.text()), PATH) == ["evil.exe was added"]
    assert counts == [readings, readings]
