# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What each version of the server needs below it: SQL Server, its compatibility level, Windows, .NET. No I/O.

This is for people. Rows of the kind floor decide whether an upgrade may begin: they ask the host and the database.

https://octopus.com/docs/support/compatibility, https://octopus.com/docs/installation/requirements,
https://octopus.com/blog/raising-minimum-requirements-for-octopus-server, and the issues that the rows name.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass

from ..version import Version
from .window import window


@dataclass(frozen=True)
class Floors:
    """The oldest that a version runs on.

    Attributes:
        sql_server: SQL Server's version.
        compatibility_level: What the version does with the database's compatibility level.
        windows: Windows Server of the nodes.
        net: .NET Framework of the nodes, or the runtime that the version brings along.
    """

    sql_server: str
    compatibility_level: str
    windows: str
    net: str

    def as_dict(self) -> dict[str, str]:
        return asdict(self)


_AS_IS, _140 = "left as it is", "raised to 140"
_RAISED = "raised, to which one is not documented"
_FLOORS: tuple[tuple[str, Floors], ...] = (
    ("<3.4", Floors("2008", _AS_IS, "2008", "4.5")),
    (">=3.4,<2018.5", Floors("2008", _AS_IS, "2008", "4.5.1")),
    (">=2018.5,<2019.4", Floors("2008", _AS_IS, "2008", "4.5.2")),
    (">=2019.4,<2019.7", Floors("2008", _AS_IS, "2008 R2", "4.5.2")),
    (">=2019.7,<2020.1", Floors("2008", _AS_IS, "2008 R2", "4.7.2")),
    (">=2020.1,<2020.2", Floors("2016", _AS_IS, "2012 R2", "bundled")),
    (">=2020.2.0,<2020.2.18; >=2020.3.0,<2020.3.6", Floors("2017", _140, "2012 R2", "bundled")),
    (">=2020.2.18,<2020.3; >=2020.3.6,<2026.1.7358", Floors("2016", _RAISED, "2012 R2", "bundled")),
    (">=2026.1.7358", Floors("2016; 2019 for the vendor's support", _RAISED, "2016", "bundled")),
)


def floors(version: Version) -> Floors:
    """What a version needs."""
    return next(found for span, found in _FLOORS if version in window(span))
