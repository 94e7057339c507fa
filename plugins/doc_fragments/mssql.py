# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations


class ModuleDocFragment:
    """The options of a connection to SQL Server."""

    DOCUMENTATION = r"""
options:
  login_host:
    description:
      - SQL Server, as the control node reaches it. May be written as connection strings do, C(tcp:host,port), or C(host\instance).
    type: str
    required: true
  login_port:
    description: TCP port, where O(login_host) names neither a port nor an instance.
    type: int
    default: 1433
  login_user:
    description: SQL login. Without it the Kerberos ticket of the control node is used.
    type: str
  login_password:
    description: Its password.
    type: str
  driver:
    description:
      - ODBC driver, by its registered name or the path of its library. V(auto) takes Microsoft's newest, then FreeTDS.
    type: str
    default: auto
  encrypt:
    description:
      - V(mandatory) encrypts everything, V(optional) as the server asks, V(strict) is TDS 8.0 (SQL Server 2022 and later,
        and Microsoft's driver 18); with it the certificate is always verified.
    type: str
    choices: [mandatory, optional, strict]
    default: mandatory
  validate_certs:
    description: Whether the server's certificate is verified.
    type: bool
    default: true
  ca_path:
    description: PEM file on the control node with the authority that signed the server's certificate; the system's own without it.
    type: path
  certificate_host:
    description:
      - Name to expect in the server's certificate, where it is not the name in O(login_host). Needs a driver of Microsoft, 18 or later.
      - Microsoft's driver compares names only with names. To use an IP address as O(login_host), name the server here,
        or have the address among the certificate's DNS names.
    type: str
  login_timeout:
    description: Seconds to wait for the connection and the login. A refused login is never tried again.
    type: int
    default: 15
requirements:
  - pyodbc >= 5.1 and an ODBC driver for SQL Server on the control node
"""
