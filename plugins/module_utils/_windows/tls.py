# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What to do about a TLS error of a WinRM listener: each kind has its own cure, and to accept any certificate is the last one."""

from __future__ import annotations

from ansible_collections.octopus.upgrade.plugins.module_utils._core.tls import TlsProblem

from .options import HTTP_PORT, HTTPS_PORT, ConnectionOptions

_LAST_RESORT = (
    " Only where nobody can be in between: ansible_winrm_server_cert_validation: ignore accepts any certificate, so that the password may "
    "be sent to another machine."
)
# https://learn.microsoft.com/windows-server/security/tls/tls-registry-settings
_SCHANNEL = "Enable TLS 1.2 on the host (Schannel; Windows Server 2008 R2 and 2012 need updates for it)"


def advice(problem: TlsProblem, options: ConnectionOptions) -> str:
    """Return whose certificate or protocol is meant, and what to do.

    Args:
        problem: What the error is about.
        options: The host.
    """
    renew = "Issue a new certificate for the host, and set its thumbprint at the HTTPS listener (winrm enumerate winrm/config/listener)."
    return {
        TlsProblem.EXPIRED: f"The certificate of the WinRM listener has expired. {renew}{_LAST_RESORT}",
        TlsProblem.NOT_YET_VALID: "The certificate of the WinRM listener is not valid yet. Compare the clocks of the control node and of the "
        "host that issued it.",
        TlsProblem.WRONG_NAME: f"The certificate of the WinRM listener is valid, but not for {options.host}. Set ansible_host to a name that "
        f"is in the certificate, or issue one with {options.host} as subject alternative name.{_LAST_RESORT}",
        TlsProblem.SELF_SIGNED: f"The certificate of the WinRM listener is self-signed{_not_in(options)}. Export it as PEM and set "
        f"ansible_winrm_ca_trust_path to that file, or issue one from an authority.{_LAST_RESORT}",
        TlsProblem.UNKNOWN_AUTHORITY: f"The authority that issued the certificate of the WinRM listener is not trusted{_not_in(options)}. Set "
        f"ansible_winrm_ca_trust_path to a PEM file with the root and the intermediate authorities.{_LAST_RESORT}",
        TlsProblem.REVOKED: f"The certificate of the WinRM listener is revoked. {renew}",
        TlsProblem.STRICT: "The certificate or its authority violates RFC 5280, which Python checks since 3.13; whether the authority is "
        "trusted does not matter here. Reissue what is malformed (often an authority without key identifiers or key usage), or run "
        f"ansible-playbook with Python 3.12 until then.{_LAST_RESORT}",
        TlsProblem.WEAK: "The key or the signature of the certificate is too weak for the OpenSSL of this control node. Issue a certificate "
        f"with at least RSA 2048 and SHA-256.{_LAST_RESORT}",
        TlsProblem.OLD_PROTOCOL: "The host and this control node have no TLS version or cipher in common: OpenSSL refuses TLS 1.0 and 1.1. "
        f"{_SCHANNEL}, or use HTTP with message encryption: ansible_winrm_scheme: http, ansible_port: {HTTP_PORT}, and "
        "ansible_winrm_transport: kerberos or ntlm.",
        TlsProblem.NO_TLS: f"Port {options.port} does not speak TLS. WinRM's port for HTTPS is {HTTPS_PORT}; for HTTP, set "
        f"ansible_winrm_scheme: http and ansible_port: {HTTP_PORT}, with ansible_winrm_transport: kerberos or ntlm.",
        TlsProblem.NO_AUTHORITIES: f"A file on this control node is unusable; nothing was sent. {options.ca_trust_path or 'The file of authorities'} "
        "(ansible_winrm_ca_trust_path) holds no certificate in PEM form.",
        TlsProblem.OWN_CERTIFICATE: "A file on this control node is unusable; nothing was sent. ansible_winrm_cert_pem and "
        "ansible_winrm_cert_key_pem have to be PEM files, the second with the private key of the first, without a passphrase.",
        TlsProblem.CLIENT_CERTIFICATE: "The host does not accept the certificate of ansible_winrm_cert_pem. It has to be mapped to an account "
        "on the host (winrm/config/service/certmapping), its issuer has to be a trusted root there, and it must not be expired.",
    }.get(problem, f"The TLS handshake failed.{_LAST_RESORT}")


def tls13(options: ConnectionOptions) -> str:
    """Return what a connection that is lost at its first request may mean with a client certificate; empty without one."""
    if options.scheme != "https" or not options.cert_pem:
        return ""
    # https://github.com/ansible/ansible/issues/77768, https://github.com/ansible/ansible/issues/81197
    return (
        " With a client certificate, Windows Server 2022 and later end the connection like this over TLS 1.3, where they ask for the certificate "
        "after the handshake: set ansible_winrm_transport: kerberos or ntlm, or turn TLS 1.3 off for the WinRM listener."
    )


def _not_in(options: ConnectionOptions) -> str:
    return f", and not in {options.ca_trust_path} (ansible_winrm_ca_trust_path)" if options.ca_trust_path else ""
