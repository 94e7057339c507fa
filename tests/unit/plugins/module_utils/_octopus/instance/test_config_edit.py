# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A configuration file is changed as a whole or not at all, and a message holds nothing of it."""

from __future__ import annotations

import pytest
from ansible_collections.octopus.upgrade.plugins.module_utils._octopus.errors import OctopusError
from ansible_collections.octopus.upgrade.plugins.module_utils._octopus.instance.config_edit import with_setting

KEY = "Octopus.X"


def edited(text: str, value: str = "new") -> str:
    return with_setting(text.encode(), KEY, value).decode()


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (
            '<octopus-settings><set key="octopus.x">old</set></octopus-settings>',
            '<octopus-settings><set key="Octopus.X">new</set></octopus-settings>',
        ),
        (
            "<octopus-settings><set key='Octopus.X'/></octopus-settings>",
            '<octopus-settings><set key="Octopus.X">new</set></octopus-settings>',
        ),
        (
            '<octopus-settings><set a="x>y" key="Octopus.X"><![CDATA[<set>]]></set  ><set key="Z">z</set></octopus-settings>',
            '<octopus-settings><set key="Octopus.X">new</set><set key="Z">z</set></octopus-settings>',
        ),
        (
            '<octopus-settings><!-- <set key="Octopus.X">no</set> --><set key="Z">z</set>\n</octopus-settings>',
            '<octopus-settings><!-- <set key="Octopus.X">no</set> --><set key="Z">z</set>\n<set key="Octopus.X">new</set>\r\n</octopus-settings>',
        ),
    ],
)
def test_the_setting_is_replaced_or_added(before: str, after: str) -> None:
    assert edited(before) == after


@pytest.mark.parametrize("text", ["", "no XML, s3kr1t", "<octopus-settings><set key='a'>s3kr1t</octopus-settings>", "<octopus-settings/>"])
def test_what_is_no_configuration_file_is_refused(text: str) -> None:
    with pytest.raises(OctopusError, match=r"configuration") as caught:
        edited(text)
    assert "s3kr1t" not in str(caught.value)


def test_bytes_of_no_known_encoding_are_refused() -> None:
    with pytest.raises(OctopusError, match="UTF-8 or UTF-16, but it is neither"):
        with_setting(b"<octopus-settings>\xe4</octopus-settings>", KEY, "x")
