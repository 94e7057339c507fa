# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What is moved aside, and to where."""

from __future__ import annotations

import pytest
from ansible_collections.octopus.upgrade.plugins.module_utils._octopus.folders import aside

SHARE = "\\\\nas\\backups\\prod\\failed-1"


@pytest.mark.parametrize(
    ("name", "folders", "retain_in", "path"),
    [
        ("logs", {"logs": "C:\\Octopus\\TaskLogs"}, SHARE, "C:\\Octopus\\failed-1-moved"),
        ("logs", {"logs": "D:\\TaskLogs"}, SHARE, "D:\\failed-1-moved"),
        ("logs", {"logs": "\\\\nas\\octopus\\TaskLogs"}, SHARE, "\\\\nas\\octopus\\failed-1-moved"),
        # Never inside a live folder, whose mirror would delete it.
        ("logs", {"logs": "D:\\Data\\Logs", "data": "D:\\Data"}, SHARE, "D:\\failed-1-moved"),
        ("other", {"logs": "D:\\failed-1-moved\\x", "other": "D:\\y"}, SHARE, None),
        ("logs", {"logs": "\\\\nas\\TaskLogs"}, SHARE, None),
        ("logs", {"logs": "C:\\Octopus\\TaskLogs"}, None, None),
        # Nor inside the retained copies.
        ("logs", {"logs": "C:\\x\\failed\\Logs"}, "C:\\x\\failed\\failed", "C:\\x\\failed\\failed-moved"),
    ],
)
def test_the_place_is_on_the_volume_of_the_folder_and_in_no_other(
    name: str, folders: dict[str, str], retain_in: str | None, path: str | None
) -> None:
    place = aside.place_of(name, folders, retain_in)
    assert (place.path if place else None) == path


def _printed(copied: str, there: str, linked: str, room: str) -> str:
    mark = "--octopus.upgrade.aside--\r\n"
    return mark + mark.join((copied, there, linked, room)) + mark


def test_only_links_and_folders_without_a_copy_are_found() -> None:
    live = "C:\\Octopus\\Packages"
    printed = _printed(
        "feeds\r\nold\r\n",
        "Feeds\r\nSpaces-1\r\nSpaces-2\r\nOther\r\n",
        f"{live}\\Spaces-2\r\n{live}\\feeds\\deduplicated.zip\r\n",
        " 0 File(s) 0 bytes\r\n 4 Dir(s) 1000 bytes free\r\n",
    )
    found = aside.found_in(printed, live, ["Spaces-2 [E:\\Packages]"], [f"{live}\\Other\\Artifacts"])
    assert found == aside.Found((f"{live}\\Spaces-2",), ("Spaces-1",), 1000)
    assert aside.found_in("nothing", live, [], []) == aside.Found()


def test_everything_goes_to_its_own_path_after_the_mark() -> None:
    live, place = "C:\\Octopus\\Packages", aside.place_of("packages", {"packages": "C:\\Octopus\\Packages"}, SHARE)
    assert place is not None
    found = aside.Found((f"{live}\\a\\link",), ("Spaces-1",))
    _made, marked, first, second = aside.move_lines(place, "packages", live, "point", found)
    assert "retained-by-restore.txt" in marked
    assert f'move "{live}\\a\\link" "C:\\Octopus\\failed-1-moved\\packages\\a\\link"' in first
    assert f'move "{live}\\Spaces-1" "C:\\Octopus\\failed-1-moved\\packages\\Spaces-1"' in second
