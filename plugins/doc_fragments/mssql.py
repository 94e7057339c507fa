# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations


class ModuleDocFragment:
    """The options of a connection to SQL Server, and of a backup to read."""

    DOCUMENTATION = r"""
options:
  login_host:
    description:
      - SQL Server, as the control node reaches it. Also takes the forms of connection strings, C(tcp:host,port) and C(host\instance).
    type: str
    required: true
  login_port:
    description: TCP port, where O(login_host) names neither a port nor an instance.
    type: int
    default: 1433
  login_user:
    description: SQL login. Without it, the Kerberos ticket of the control node is used.
    type: str
  login_password:
    description: Its password.
    type: str
  driver:
    description:
      - ODBC driver, by its registered name or the path of its library. V(auto) uses Microsoft's newest, then FreeTDS.
    type: str
    default: auto
  encrypt:
    description:
      - V(mandatory) encrypts everything, V(optional) leaves it to the server, V(strict) is TDS 8.0 (SQL Server 2022 and later,
        and Microsoft's driver 18), which always verifies the certificate.
    type: str
    choices: [mandatory, optional, strict]
    default: mandatory
  validate_certs:
    description: Whether the server's certificate is verified.
    type: bool
    default: true
  ca_path:
    description: PEM file on the control node with the authority that signed the server's certificate. Default is the system's own authorities.
    type: path
  certificate_host:
    description:
      - Name to expect in the server's certificate, where it differs from O(login_host). Needs Microsoft's driver 18 or later.
      - Microsoft's driver compares only DNS names. To use an IP address as O(login_host), give the server's name here,
        or include the address in the certificate's DNS names.
    type: str
  login_timeout:
    description: Seconds to wait for the connection and the login. A refused login is never retried.
    type: int
    default: 15
requirements:
  - pyodbc >= 5.1 and an ODBC driver for SQL Server on the control node
"""

    BACKUP = r"""
options:
  path:
    description:
      - The file of the backup, as SQL Server sees it. Its service account opens it on its host, and drive letters are those of that host.
      - For a striped backup, all files in any order.
    type: list
    elements: str
  url:
    description: Instead of O(path), the address of a blob or object, or of all stripes.
    type: list
    elements: str
  credential:
    description: Name of a credential of the server for O(url), where it is not named as the container is.
    type: str
  backup_set_uuid:
    description:
      - The identity of the backup set, as M(octopus.upgrade.mssql_backup) returns it.
      - Without it and O(position), the full backup that was written last. If that one is damaged or cut off it is refused, and no older
        one is used.
    type: str
  position:
    description: The position of the backup set in the file, from 1.
    type: int
"""
