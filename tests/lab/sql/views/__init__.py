# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The views of the system; importing this registers them all."""

from __future__ import annotations

from . import availability, databases, files, objects, principals, registry, server, sessions

__all__ = ["availability", "databases", "files", "objects", "principals", "registry", "server", "sessions"]
