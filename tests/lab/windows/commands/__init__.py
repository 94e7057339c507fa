# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Native commands: one module a command or family, each with COMMANDS (path of the executable: handler)."""

from __future__ import annotations

import importlib
import pkgutil
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from lab.windows.host import WindowsHost


def install_commands(host: WindowsHost) -> None:
    """Write the executables of all modules here and register their handlers."""
    for found in pkgutil.iter_modules(__path__):
        module = importlib.import_module(f"{__name__}.{found.name}")
        for path, handler in getattr(module, "COMMANDS", {}).items():
            if path.lower().endswith("\\curl.exe") and not host.has_curl:
                continue
            name = path.rpartition("\\")[2].lower()
            host.programs[name] = handler
            host.add_program(path, name)
