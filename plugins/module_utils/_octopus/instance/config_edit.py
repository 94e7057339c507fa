# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Changes one setting of a configuration file and leaves the rest of the file as it is, byte for byte.

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
    """The positions of a setting's values, and the end of the last setting, in bytes of UTF-8."""

    values: list[tuple[int, int]] = field(default_factory=list)
    end: int | None = None


def with_setting(content: bytes, key: str, value: str) -> bytes:
    """Return the content of the file with a new value of a setting, which is added where it is missing.

    Args:
        content: The present content, in UTF-8 or UTF-16.
        key: The setting, in any letter case.
        value: The new value.

    Raises:
        OctopusError: It is not a configuration file, or the value cannot be written to one. The message contains neither.
    """
    text, encode = _decoded(content)
    data = text.encode("utf-8")
    before = cli_output.settings_in_xml(text, "The configuration file")
    found = _find(data, key)
    element = f"<{_SET} key={quoteattr(key)}>{escape(value)}</{_SET}>".encode()
    if not found.values:
        if found.end is None:
            raise OctopusError(f"Expected an element {_ROOT} in the configuration file to add the setting to, but found none.")
        data = data[: found.end] + element + b"\r\n" + data[found.end :]
    for start, end in reversed(found.values):
        data = data[:start] + element + data[end:]
    after = cli_output.settings_in_xml(data.decode(), "The new configuration file")
    others = {name: one for name, one in before.items() if name.lower() != key.lower()}
    if cli_output.setting(after, key) != value or {name: one for name, one in after.items() if name.lower() != key.lower()} != others:
        raise OctopusError(f"Cannot write the setting {key} to the configuration file without changing its meaning. Nothing was changed.")
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
            # An empty element has one tag only, and its end as reported by expat depends on the version of expat.
            first = _TAG.match(data, begin)
            last = first if first and first[0].endswith(b"/>") else _TAG.match(data, here)
            found.values.append((begin, last.end() if last else len(data)))
        if name == _ROOT and not open_at and data[here : here + 2] == b"</":
            found.end = here

    parser.StartElementHandler, parser.EndElementHandler = start, end
    parser.Parse(data, True)
    return found


def _decoded(content: bytes) -> tuple[str, Callable[[str], bytes]]:
    """Return the text, and the function that encodes a text like the file."""
    marks = ((codecs.BOM_UTF8, "utf-8"), (codecs.BOM_UTF16_LE, "utf-16-le"), (codecs.BOM_UTF16_BE, "utf-16-be"))
    mark, encoding = next(((mark, encoding) for mark, encoding in marks if content.startswith(mark)), (b"", "utf-8"))
    try:
        return content[len(mark) :].decode(encoding), partial(_encoded, mark, encoding)
    except UnicodeDecodeError as error:
        raise OctopusError("Expected the configuration file to be UTF-8 or UTF-16, but it is neither.") from error


def _encoded(mark: bytes, encoding: str, text: str) -> bytes:
    return mark + text.encode(encoding)
