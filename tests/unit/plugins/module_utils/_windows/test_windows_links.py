# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Links in the output of dir, in whatever language, and the line of a job that looks for them."""

from __future__ import annotations

import pytest
from ansible_collections.octopus.upgrade.plugins.module_utils._core.errors import InvalidValue
from ansible_collections.octopus.upgrade.plugins.module_utils._windows import links
from ansible_collections.octopus.upgrade.tests.unit.windows_host import FakeHost

GERMAN = """ Datenträger in Laufwerk C: ist System
 Volumeseriennummer: 1A2B-3C4D

 Verzeichnis von C:\\Octopus\\Packages

23.11.2026  21:00    <VERBINDUNG>   Spaces-2 [E:\\Packages 2]
23.11.2026  21:00    <SYMLINKD>     Spaces-3 [\\\\nas\\packages]
               0 Datei(en),              0 Bytes

 Verzeichnis von C:\\Octopus\\Packages\\feeds

23.11.2026  21:00    <SYMLINK>      a [1].zip [E:\\a.zip]
23.11.2026  21:00             2.048 deduplicated [1].zip
               2 Datei(en),          2.048 Bytes
"""


def test_links_are_told_from_other_reparse_points_by_the_brackets():
    assert links.links_in(GERMAN) == ["Spaces-2 [E:\\Packages 2]", "Spaces-3 [\\\\nas\\packages]", "a [1].zip [E:\\a.zip]"]
    assert links.links_in("Datei nicht gefunden") == []
    assert links.links_in("23.11.2026  21:00    <DIR>          .\r\n23.11.2026  21:00    <DIR>          ..\r\n") == []


def test_looking_on_the_host_itself():
    host = FakeHost({'dir /al /s "C:\\Octopus\\Packages"': GERMAN})
    assert len(links.look(host, "C:\\Octopus\\Packages")) == 3
    assert links.look(FakeHost({"dir": (1, "File Not Found")}), "C:\\Octopus\\Packages") == []


def test_the_line_of_a_job():
    line = links.look_line("D:\\100%", "C:\\job")
    assert line == (
        '(dir /al /s "D:\\100%%" >"C:\\job\\links.txt" 2>nul & "C:\\Windows\\System32\\findstr.exe" "/l" "/c:<" "C:\\job\\links.txt" '
        '&& (echo found)>"C:\\job\\links.found")'
    )
    with pytest.raises(InvalidValue):
        links.look_line('D:\\"', "C:\\job")
