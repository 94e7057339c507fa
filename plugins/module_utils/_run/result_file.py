# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The result of a run for other programs: a JSON document on the control node."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any


def write(path: Path, result: dict[str, Any]) -> str:
    """Write the result; return why that is not possible, or an empty text."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o755)
        path.write_text(
            json.dumps(result, indent=4, sort_keys=True, ensure_ascii=False) + "\n", encoding="utf-8", errors="backslashreplace"
        )
        path.chmod(0o644)
    except OSError as error:
        return error.strerror or str(error)
    return ""
