# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""How a real host is named, and that its packages are those of the lab."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET
from pathlib import Path

import pytest
from acceptance import packages
from acceptance.target import PREFIX, decode_argv, encode_argv, real_target

MSI = Path(__file__).parent / "msi"
COMPLETE = {f"{PREFIX}HOST": "octo-vm", f"{PREFIX}USER": "a", f"{PREFIX}PASSWORD": "secret-word"}


def test_without_variables_the_lab_is_the_target() -> None:
    assert real_target({"PATH": "/bin", f"{PREFIX}HOST": ""}) is None


def test_half_a_host_is_a_mistake_never_the_lab() -> None:
    with pytest.raises(ValueError, match=f"{PREFIX}USER and {PREFIX}PASSWORD"):
        real_target({f"{PREFIX}HOST": "octo-vm"})
    with pytest.raises(ValueError, match=f"{PREFIX}HOST is not set"):
        real_target({f"{PREFIX}SHARE": "\\\\nas\\x"})


def test_a_host_has_defaults_and_says_what_is_missing() -> None:
    target = real_target(COMPLETE)
    assert target is not None
    assert (target.options.endpoint, target.options.transport, target.is_lab) == ("https://octo-vm:5986/wsman", ("ntlm",), False)
    assert "secret-word" not in repr(target)
    for name in ("job_account", "share", "msi_folder", "service"):
        assert not getattr(target, name)
        assert PREFIX in target.missing[name]


def test_a_printed_argument_vector_is_read_back() -> None:
    assert decode_argv(encode_argv(["a b", "", "Grüße\t"])) == ["a b", "", "Grüße\t"]


def test_the_real_packages_are_those_of_the_lab() -> None:
    text = (MSI / "small.wxs").read_text(encoding="utf-8")
    package = ET.fromstring(text).find("{http://wixtoolset.org/schemas/v4/wxs}Package")
    assert package is not None
    assert (package.get("Name"), package.get("UpgradeCode")) == (packages.NAME, packages.UPGRADE_CODE)
    assert f'<Directory Id="INSTALLLOCATION" Name="{packages.FOLDER.rpartition(chr(92))[2]}">' in text
    script = (MSI / "build.ps1").read_text(encoding="utf-8")
    rows = re.findall(r"Name = '([^']+)';\s+Version = '([^']+)'; Code = \$codes \+ '([^']+)'; Slow = (\d); Reboot = (\d)", script)
    codes = re.search(r"\$codes = '([^']+)'", script)
    assert codes
    built = [packages.SmallPackage(name, version, codes[1] + end, slow == "1", reboot == "1") for name, version, end, slow, reboot in rows]
    assert tuple(built) == packages.ALL
