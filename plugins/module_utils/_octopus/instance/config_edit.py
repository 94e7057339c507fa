# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""One setting of a configuration file changed, with everything else of the file left as it is, byte for byte.

The file is XML: ``<octopus-settings><set key="Octopus.Home">C:\\Octopus</set></octopus-settings>``
(https://octopus.com/docs/administration/managing-infrastructure/server-configuration-file).
"""

from __future__ import annotations

import codecs
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from xml.parsers import expat
from xml.sax.saxutils import escape, quoteattr

from ansible_collections.octopus.upgrade.plugins.module_utils._octopus.errors import OctopusError
from ansible_collections.octopus.upgrade.plugins.module_utils._octopus.host import cli_output

_ROOT, _SET = "octopus-settings", "set"
_TAG = re.compile(rb"<(?:[^>\"']|\"[^\"]*\"|'[^']*')*>")


@dataclass
class _Found:
    """Where the values of a setting stand, and where the file's last setting ends, in bytes of UTF-8."""

    values: list[tuple[int, int]] = field(default_factory=list)
    end: int | None = None


def with_setting(content: bytes, key: str, value: str) -> bytes:
    """Return the file's content with another value of a setting, which is added where it is not there.

    Args:
        content: The file as it is, in UTF-8 or UTF-16.
        key: The setting; letter case does not count.
        value: What it shall be.

    Raises:
        OctopusError: It is no configuration file, or the value cannot be written into one. The message repeats neither.
    """
    text, encode = _decoded(content)
    data = text.encode("utf-8")
    before = cli_output.settings_in_xml(text, "The configuration file")
    found = _find(data, key)
    element = f"<{_SET} key={quoteattr(key)}>{escape(value)}</{_SET}>".encode()
    if not found.values:
        if found.end is None:
            raise OctopusError(f"The configuration file has no element {_ROOT} that a setting can be added to.")
        data = data[: found.end] + element + b"\r\n" + data[found.end :]
    for start, end in reversed(found.values):
        data = data[:start] + element + data[end:]
    after = cli_output.settings_in_xml(data.decode(), "The configuration file as it would be written")
    others = {name: one for name, one in before.items() if name.lower() != key.lower()}
    if cli_output.setting(after, key) != value or {name: one for name, one in after.items() if name.lower() != key.lower()} != others:
        raise OctopusError(f"The setting {key} cannot be written into the configuration file as it should be. Nothing was changed.")
    return encode(data.decode())


def _find(data: bytes, key: str) -> _Found:
    found = _Found()
    parser = expat.ParserCreate("utf-8")
    open_at: list[int | None] = []

    def start(name: str, attributes: dict[str, str]) -> None:
        ours = name == _SET and attributes.get("key", "").lower() == key.lower()
        open_at.append(parser.CurrentByteIndex if ours else None)

    def end(name: str) -> None:
        begin, here = open_at.pop(), parser.CurrentByteIndex
        if begin is not None:
            # An empty element has but one tag; where expat says that it ends depends on its version.
            first = _TAG.match(data, begin)
            last = first if first and first[0].endswith(b"/>") else _TAG.match(data, here)
            found.values.append((begin, last.end() if last else len(data)))
        if name == _ROOT and not open_at and data[here : here + 2] == b"</":
            found.end = here

    parser.StartElementHandler, parser.EndElementHandler = start, end
    parser.Parse(data, True)
    return found


def _decoded(content: bytes) -> tuple[str, Callable[[str], bytes]]:
    """Return the text, and what makes the file's bytes of a text again."""
    for mark, encoding in ((codecs.BOM_UTF8, "utf-8"), (codecs.BOM_UTF16_LE, "utf-16-le"), (codecs.BOM_UTF16_BE, "utf-16-be")):
        if content.startswith(mark):
            return content[len(mark) :].decode(encoding), partial(_encoded, mark, encoding)
    try:
        return content.decode("utf-8"), partial(_encoded, b"", "utf-8")
    except UnicodeDecodeError as error:
        raise OctopusError("The configuration file is neither UTF-8 nor UTF-16.") from error


def _encoded(mark: bytes, encoding: str, text: str) -> bytes:
    return mark + text.encode(encoding)
