# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""SQL Server's wire protocol, TDS 7.4 and TDS 8.0 (strict), as its clients need it; the statements are the engine's business.

The specification is [MS-TDS], https://learn.microsoft.com/openspecs/windows_protocols/ms-tds; sections are cited by number.
What is under the wire, see :mod:`lab.tds.engine_api`; the listener is :class:`lab.tds.server.TdsServer`.
"""
