# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Windows Remote Management of a lab host: WS-Management on the wire, Windows Remote Shells behind it.

Sources: [MS-WSMV] Web Services Management Protocol Extensions for Windows Vista, DSP0226 WS-Management 1.0,
[MS-NTHT] and [MS-NLMP] for the logon, wsmerror.h of the Windows SDK for the fault codes, and what clients met on real
hosts (issue numbers stand where that is the source). What none of them says is marked *assumed*.

Two simplifications: every account of the lab may use WinRM on every host, and Basic authentication takes them all,
though Windows takes local accounts only there
(https://learn.microsoft.com/windows/win32/winrm/authentication-for-remote-connections). Channel bindings
(CbtHardeningLevel) are not looked at; Kerberos and CredSSP are not offered.
"""
