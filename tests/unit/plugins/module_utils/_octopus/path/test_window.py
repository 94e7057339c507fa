# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Windows of versions."""

from __future__ import annotations

import pytest
from ansible_collections.octopus.upgrade.plugins.module_utils._octopus.errors import OctopusError
from ansible_collections.octopus.upgrade.plugins.module_utils._octopus.path.window import window
from ansible_collections.octopus.upgrade.plugins.module_utils._octopus.version import Version


@pytest.mark.parametrize(
    ("text", "inside", "outside"),
    [
        ("any", ["1.0", "2026.4.1"], []),
        (">=2019.1.0,<2019.2", ["2019.1.0", "2019.1.10"], ["2018.12.1", "2019.2.0", "2019.10.1"]),
        ("<2.0", ["1.6.3"], ["2.0.0", "3.0"]),
        ("<=2018.6.15", ["2018.6.15", "2018.6.2"], ["2018.6.15.1", "2018.7.0"]),
        ("2018.5.0", ["2018.5.0", "2018.5.0.0"], ["2018.5.1"]),
        # A build number orders within its stream only.
        (
            ">=2022.3.0,<2022.3.10780; >=2022.4.0,<2022.4.8151",
            ["2022.3.10405", "2022.4.8150"],
            ["2022.3.11043", "2022.4.8332", "2022.2.9999"],
        ),
        ("<3.5.4~", ["3.5.3"], ["3.5.4"]),
    ],
)
def test_what_is_inside(text: str, inside: list[str], outside: list[str]) -> None:
    found = window(text)
    assert [one for one in inside if Version.parse(one) not in found] == []
    assert [one for one in outside if Version.parse(one) in found] == []
    assert found.deduced == ("~" in text)
    assert str(found) == text


@pytest.mark.parametrize(
    "text", ["", "all", ">=2019.1,>=2019.2", "<2019.1,2019.2", ">2019.1", ">=2019.2,<2019.1", ">=2019.1,<2019.1", "2019"]
)
def test_what_cannot_be_read(text: str) -> None:
    with pytest.raises(OctopusError):
        window(text)
