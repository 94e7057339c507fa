# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""How each ODBC driver takes the address and the trusted certificates; they have almost no keyword in common.

Microsoft's driver: https://learn.microsoft.com/sql/connect/odbc/dsn-connection-string-attribute. It trusts OpenSSL's default
authorities, which SSL_CERT_FILE overrides at each connection, and compares host names with the certificate's DNS names alone
(both as measured with 18.6).

FreeTDS: https://www.freetds.org/userguide/freetdsconf.html. It verifies a certificate only where its configuration names an authority,
and with SERVER= instead of SERVERNAME= it reads no configuration at all (as measured with 1.3.17: it then accepts any certificate).
"""

from __future__ import annotations

import contextlib
import os
import tempfile
import threading
from collections.abc import Iterator

from ansible_collections.octopus.upgrade.plugins.module_utils._mssql.errors import MssqlError
from ansible_collections.octopus.upgrade.plugins.module_utils._mssql.quoting import freetds_value, odbc_value

from .drivers import Driver
from .options import SqlOptions

APPLICATION = "octopus.upgrade"
_SECTION = "octopus_upgrade"
_ONE_AT_A_TIME = threading.Lock()


def check(options: SqlOptions, driver: Driver) -> None:
    """Refuse what the driver would ignore or handle differently.

    Raises:
        MssqlError: The message says what to set instead.
    """
    freetds = driver.family == "freetds"
    if options.encrypt == "strict" and not options.validate_certs:
        raise MssqlError("encrypt: strict always verifies the certificate. Use encrypt: mandatory with validate_certs: false")
    if options.encrypt == "strict" and freetds:
        raise MssqlError("Expected an ODBC driver that supports encrypt: strict reliably, but found FreeTDS. Use Microsoft's driver 18")
    if options.certificate_host and freetds:
        raise MssqlError(
            "Expected an ODBC driver that supports certificate_host, but found FreeTDS, which only compares the certificate with login_host. "
            f"Use Microsoft's driver 18, or {options.certificate_host} as login_host"
        )
    if options.ca_path and not os.path.isfile(options.ca_path):
        raise MssqlError(f"Expected the file {options.ca_path} (ca_path), but there is no such file on the control node")


def connection_string(options: SqlOptions, driver: Driver, database: str) -> str:
    """The connection string. It holds the password: never print it.

    It ends with a semicolon: FreeTDS takes the closing brace of a last value as part of it (1.3.17).

    Args:
        options: The server and the login.
        driver: The driver.
        database: The database to enter.

    Raises:
        InvalidValue: A value cannot be passed to FreeTDS.
    """
    quote = freetds_value if driver.family == "freetds" else odbc_value
    parts = {"DRIVER": odbc_value(driver.name), "DATABASE": quote(database), "APP": APPLICATION}
    if driver.family == "freetds":
        parts |= {"SERVERNAME": _SECTION, "ClientCharset": "UTF-8"}
    else:
        parts["SERVER"] = odbc_value(options.host if options.named_instance else f"tcp:{options.host},{options.port}")
        parts["Encrypt"] = {"mandatory": "yes", "optional": "no", "strict": "strict"}[options.encrypt]
        if options.encrypt != "strict":
            parts["TrustServerCertificate"] = "no" if options.validate_certs else "yes"
        if options.certificate_host:
            parts["HostNameInCertificate"] = odbc_value(options.certificate_host)
    if options.user:
        parts["UID"] = quote(options.user)
        parts["PWD"] = quote(options.password or "")
    else:
        parts["Trusted_Connection"] = "yes"
    return "".join(f"{key}={value};" for key, value in parts.items())


@contextlib.contextmanager
def surroundings(options: SqlOptions, driver: Driver) -> Iterator[None]:
    """The environment in which the driver connects, restored afterwards. It is the process's, so that one thread at a time connects."""
    with _ONE_AT_A_TIME, contextlib.ExitStack() as stack:
        if driver.family == "freetds":
            conf = stack.enter_context(tempfile.NamedTemporaryFile("w", suffix=".conf", encoding="utf-8"))
            conf.write(freetds_conf(options))
            conf.flush()
            stack.enter_context(_environment("FREETDSCONF", conf.name))
        elif options.ca_path and options.validate_certs:
            stack.enter_context(_environment("SSL_CERT_FILE", options.ca_path))
        yield


def freetds_conf(options: SqlOptions) -> str:
    """FreeTDS's configuration for this one server, without any secret."""
    host, _backslash, instance = options.host.partition("\\")
    lines = [f"[{_SECTION}]", f"host = {host}", f"instance = {instance}" if instance else f"port = {options.port}", "tds version = 7.4"]
    lines.append(f"encryption = {'request' if options.encrypt == 'optional' else 'require'}")
    if options.validate_certs and options.encrypt != "optional":
        lines += [f"ca file = {options.ca_path or 'system'}", "check certificate hostname = yes"]
    return "\n".join(lines) + "\n"


@contextlib.contextmanager
def _environment(name: str, value: str) -> Iterator[None]:
    before = os.environ.get(name)
    os.environ[name] = value
    try:
        yield
    finally:
        if before is None:
            del os.environ[name]
        else:
            os.environ[name] = before
