# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a connection lacks on this side, found before anything is sent: later, it would look like the host's refusal."""

from __future__ import annotations

from pathlib import Path

from . import kerberos
from .errors import HostRefused
from .options import ConnectionOptions


def check(options: ConnectionOptions, transport: str) -> None:
    """Check that there is what a transport needs.

    Args:
        options: The host and its account.
        transport: The transport that was chosen.

    Raises:
        HostRefused: Something is missing; the message names the variable. Nothing was sent.
    """
    missing = _missing(options, transport)
    if missing:
        raise HostRefused(f"{options.where}: nothing was sent, because {missing}", options.name)


def _missing(options: ConnectionOptions, transport: str) -> str:
    if not 0 < options.port < 65536:
        return f"{options.port} is no port. Set ansible_port (5986 for HTTPS, 5985 for HTTP)."
    if "/" in options.host or "@" in options.host:
        return f"{options.host!r} is no host name or address. Set ansible_host to the name alone, without a scheme, a port or a path."
    if transport == "certificate" or (transport == "ssl" and (options.cert_pem or options.cert_key_pem)):
        found = _certificate(options)
    elif transport == "kerberos":
        found = _kerberos(options)
    else:
        found = _account(options, transport)
    if not found and options.scheme == "https" and options.server_cert_validation == "validate" and options.ca_trust_path:
        found = _file(options.ca_trust_path, "ansible_winrm_ca_trust_path")
    return found


def _certificate(options: ConnectionOptions) -> str:
    if options.scheme != "https":
        return "a client certificate needs HTTPS. Set ansible_winrm_scheme: https and ansible_port: 5986."
    return _file(options.cert_pem, "ansible_winrm_cert_pem") or _file(options.cert_key_pem, "ansible_winrm_cert_key_pem")


def _kerberos(options: ConnectionOptions) -> str:
    if options.username and "\\" in options.username:
        return f"Kerberos wants an account as user@REALM and found {options.username!r}. Set ansible_user, with the realm in capitals."
    if not kerberos.is_managed(options) or (options.username and options.kinit_args):  # kinit may find the key in a keytab
        return ""
    return _account(options, "kerberos with kinit")


def _account(options: ConnectionOptions, transport: str) -> str:
    if not options.username:
        return f"the transport {transport} needs an account. Set ansible_user."
    if not options.password:
        return f"the transport {transport} needs the password of {options.username!r}. Set ansible_password."
    return ""


def _file(path: str | None, variable: str) -> str:
    if not path:
        return f"the file that {variable} names is needed. Set {variable}."
    try:
        if not Path(path).is_dir():  # a folder of hashed certificates is as good as a file
            with Path(path).open("rb"):
                return ""
    except OSError as error:
        return f"{path} cannot be read: {error.strerror}. Check {variable}."
    return ""
