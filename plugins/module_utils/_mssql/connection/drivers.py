# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The ODBC driver to use: by name, by path, or the best that is installed."""

from __future__ import annotations

import glob
import importlib.util
import os
from collections.abc import Sequence
from dataclasses import dataclass

from ansible_collections.octopus.upgrade.plugins.module_utils._mssql.errors import MssqlError

# In order of preference, with the names that the packages register in odbcinst.ini.
REGISTERED = ("ODBC Driver 18 for SQL Server", "ODBC Driver 17 for SQL Server", "FreeTDS")
# Where packages install the libraries, for systems on which nothing is registered.
LIBRARIES = (
    "/opt/microsoft/msodbcsql18/lib*/libmsodbcsql-18.*.so.*",
    "/opt/microsoft/msodbcsql17/lib*/libmsodbcsql-17.*.so.*",
    "{mssql_python_odbc}/libs/linux/{system}/{machine}/lib/libmsodbcsql-18.*.so.*",
    "{mssql_python}/libs/linux/{system}/{machine}/lib/libmsodbcsql-18.*.so.*",
    "/usr/lib/*/odbc/libtdsodbc.so",
    "/usr/lib64/libtdsodbc.so*",
)
# Microsoft's Python packages that contain the library: the older one had it in itself.
PACKAGES = ("mssql_python_odbc", "mssql_python")


@dataclass(frozen=True)
class Driver:
    """An ODBC driver: the value of DRIVER=, and the family whose keywords it understands."""

    name: str
    family: str  # "msodbcsql" or "freetds"


def family(name: str) -> str:
    """The family of a driver, from its name or path."""
    lower = name.lower()
    return "freetds" if "tds" in lower and "msodbcsql" not in lower else "msodbcsql"


def find(wanted: str, registered: Sequence[str]) -> Driver:
    """Find the driver to use.

    Args:
        wanted: "auto", a registered name, or the path of a library.
        registered: What ``pyodbc.drivers()`` lists.

    Raises:
        MssqlError: It is not installed; the message lists what is.
    """
    if wanted != "auto":
        if os.path.isabs(wanted):
            if not os.path.exists(wanted):
                raise MssqlError(f"Expected the ODBC driver {wanted}, but there is no such file on the control node")
        elif wanted not in registered:
            raise MssqlError(
                f"Expected the ODBC driver {wanted!r}, but the control node has registered only: {', '.join(registered) or 'none'}. "
                "Name one of them, or the path of a driver's library"
            )
        return Driver(wanted, family(wanted))
    found = [name for name in REGISTERED if name in registered] + _libraries()
    # FreeTDS last: it lacks features of Microsoft's drivers. Sorting keeps the order within a family.
    found.sort(key=lambda name: family(name) == "freetds")
    if not found:
        raise MssqlError(
            f"Expected an ODBC driver for SQL Server on the control node, but found none (registered: {', '.join(registered) or 'none'}). "
            "Install Microsoft's msodbcsql18, or FreeTDS (Debian: tdsodbc)"
        )
    return Driver(found[0], family(found[0]))


def _libraries() -> list[str]:
    places = {"machine": os.uname().machine, "system": _system()}
    for package in PACKAGES:
        spec = importlib.util.find_spec(package)
        places[package] = os.path.dirname(spec.origin) if spec and spec.origin else "/nonexistent"
    return [path for pattern in LIBRARIES for path in sorted(glob.glob(pattern.format(**places)))[-1:]]


def _system() -> str:
    """The system whose library in Microsoft's Python packages fits this one."""
    for name, file in (("alpine", "/etc/alpine-release"), ("debian_ubuntu", "/etc/debian_version"), ("suse", "/etc/SUSE-brand")):
        if os.path.exists(file):
            return name
    return "rhel"
