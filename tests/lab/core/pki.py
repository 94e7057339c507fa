# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The lab's certificate authority: one key pair a lab, server certificates with IP and DNS names."""

from __future__ import annotations

import ipaddress
import ssl
from datetime import datetime, timedelta, timezone
from functools import cache
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa

VALID = (-1, 30)
"""Days before and after today."""
PrivateKey = rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey


class Authority:
    """Signs server certificates; its own certificate lies at :attr:`path` for clients to trust."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "octopus.upgrade lab CA")])
        self._certificate = (
            self._builder(self._name, self._key)
            .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
            .add_extension(x509.KeyUsage(True, False, False, False, False, True, True, False, False), critical=True)
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(self._key.public_key()), critical=False)
            .sign(self._key, hashes.SHA256())
        )
        path.write_bytes(self._certificate.public_bytes(serialization.Encoding.PEM))

    def _builder(
        self, name: x509.Name, key: PrivateKey, issuer: x509.Name | None = None, days: tuple[int, int] = VALID
    ) -> x509.CertificateBuilder:
        now = datetime.now(timezone.utc)
        return (
            x509.CertificateBuilder()
            .subject_name(name)
            .issuer_name(issuer or self._name)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now + timedelta(days=days[0]))
            .not_valid_after(now + timedelta(days=days[1]))
        )

    def issue(self, *names: str, self_signed: bool = False, days: tuple[int, int] = VALID, identified: bool = True) -> bytes:
        """Key and certificate, as one PEM text, for a server that is reached under these names or addresses.

        Args:
            names: They.
            self_signed: Whether it is nobody's but its own.
            days: From when until when it is valid, counted from today.
            identified: Whether it names its issuer's key. Authorities of old do not, which Python refuses since 3.13
                (https://github.com/ansible/ansible/issues/85460).
        """
        key = _server_key()
        subject = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, names[0])])
        builder = self._builder(subject, key, subject if self_signed else None, days)
        if identified:
            issuer_key = (key if self_signed else self._key).public_key()
            builder = builder.add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(issuer_key), critical=False)
        certificate = (
            builder.add_extension(x509.SubjectAlternativeName([entry for name in names for entry in _general_names(name)]), critical=False)
            .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
            .add_extension(x509.ExtendedKeyUsage([x509.ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
            .sign(key if self_signed else self._key, hashes.SHA256())
        )
        return key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        ) + certificate.public_bytes(serialization.Encoding.PEM)

    def server_context(
        self, folder: Path, *names: str, self_signed: bool = False, days: tuple[int, int] = VALID, identified: bool = True
    ) -> ssl.SSLContext:
        """A TLS context for a server under these names; its key lies in ``folder``."""
        folder.mkdir(parents=True, exist_ok=True)
        path = folder / f"{names[0].replace(':', '_')}.pem"
        path.write_bytes(self.issue(*names, self_signed=self_signed, days=days, identified=identified))
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(path)
        return context


@cache
def _server_key() -> rsa.RSAPrivateKey:
    """The key of every server of this process. Making one takes 50 ms, a lab has up to ten servers, and they differ by their certificates."""
    return rsa.generate_private_key(65537, 2048)


def _general_names(name: str) -> list[x509.GeneralName]:
    """An address counts as a name as well: Microsoft's ODBC driver looks at DNS names only, also where it connects to an address."""
    try:
        return [x509.IPAddress(ipaddress.ip_address(name)), x509.DNSName(name)]
    except ValueError:
        return [x509.DNSName(name)]
