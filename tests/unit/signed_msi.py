# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Small packages that are really signed: compound files with the streams of an MSI, authorities and signers of the test, and osslsigncode."""

from __future__ import annotations

import shutil
import struct
import subprocess
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

PROGRAM = shutil.which("osslsigncode") or ""
NOW = datetime.now(timezone.utc)
CODE, WEB, TIME = ExtendedKeyUsageOID.CODE_SIGNING, ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.TIME_STAMPING

_SECTOR = 512
_FREE, _END, _FAT, _NONE = 0xFFFFFFFF, 0xFFFFFFFE, 0xFFFFFFFD, 0xFFFFFFFF
_STORAGE_OF_MSI = bytes.fromhex("84100c0000000000c000000000000046")  # the class of the root: {000C1084-0000-0000-C000-000000000046}
STREAMS = {"Table": b"t" * 4096, "Binary": b"b" * 9000}


def compound_file(streams: dict[str, bytes]) -> bytes:
    """A compound file of version 3 with these streams, each of 4096 bytes or more, so that none lies in the mini stream ([MS-CFB])."""
    names = sorted(streams, key=lambda name: (len(name), name.upper()))
    folder_sectors = -(-(len(names) + 1) // 4)
    at, chain, body = 1 + folder_sectors, [_FAT, *range(2, 1 + folder_sectors), _END], b""
    folder = _entry("Root Entry", 5, (_NONE, 1), (_END, 0), _STORAGE_OF_MSI)
    for place, name in enumerate(names, 1):
        data = streams[name]
        count = -(-len(data) // _SECTOR)
        folder += _entry(name, 2, (place + 1 if place < len(names) else _NONE, _NONE), (at, len(data)))
        chain += [*range(at + 1, at + count), _END]
        body += data.ljust(count * _SECTOR, b"\0")
        at += count
    while len(folder) < folder_sectors * _SECTOR:
        folder += _entry("", 0, (_NONE, _NONE), (0, 0))
    header = bytes.fromhex("d0cf11e0a1b11ae1") + bytes(16) + struct.pack("<5H", 0x3E, 3, 0xFFFE, 9, 6) + bytes(6)
    header += struct.pack("<9I", 0, 1, 1, 0, 4096, _END, 0, _END, 0) + struct.pack("<109I", 0, *[_FREE] * 108)
    return header + struct.pack("<128I", *chain, *[_FREE] * (128 - len(chain))) + folder + body


def _entry(name: str, kind: int, links: tuple[int, int], data: tuple[int, int], of: bytes = bytes(16)) -> bytes:
    text = f"{name}\0".encode("utf-16-le") if name else b""
    head = text.ljust(64, b"\0") + struct.pack("<HBB3I", len(text), kind, 1, _NONE, *links)
    return head + of + struct.pack("<IQQIQ", 0, 0, 0, *data)


@dataclass(frozen=True)
class Signer:
    """A certificate and its key, in files that osslsigncode reads."""

    certificate: x509.Certificate
    key: ec.EllipticCurvePrivateKey
    pem: Path
    key_pem: Path


def signer(
    folder: Path,
    name: str,
    issuer: Signer | None = None,
    *,
    usage: x509.ObjectIdentifier | None = CODE,
    days: tuple[int, int] = (-1000, 1000),
) -> Signer:
    """Issue a certificate; an authority, where it has no usage.

    Args:
        folder: Where its files are put.
        name: Its common name; its organisation is the same with ``Ltd``.
        issuer: Who issues it; itself, where there is none.
        usage: What it is for.
        days: When its validity begins and ends, in days from now.
    """
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name), x509.NameAttribute(NameOID.ORGANIZATION_NAME, f"{name} Ltd")])
    build = x509.CertificateBuilder(
        issuer_name=issuer.certificate.subject if issuer else subject,
        subject_name=subject,
        public_key=key.public_key(),
        serial_number=x509.random_serial_number(),
        not_valid_before=NOW + timedelta(days=days[0]),
        not_valid_after=NOW + timedelta(days=days[1]),
    ).add_extension(x509.BasicConstraints(ca=usage is None, path_length=None), critical=True)
    if usage is not None:
        build = build.add_extension(x509.ExtendedKeyUsage([usage]), critical=usage == TIME)
    certificate = build.sign(issuer.key if issuer else key, hashes.SHA256())
    pem, key_pem = folder / f"{name}.pem", folder / f"{name}.key"
    pem.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    key_pem.write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.TraditionalOpenSSL, serialization.NoEncryption())
    )
    return Signer(certificate, key, pem, key_pem)


def sign(source: Path, target: Path, by: Signer, *options: str) -> Path:
    """Sign a package."""
    argv = [PROGRAM, "sign", "-certs", str(by.pem), "-key", str(by.key_pem), *options, "-in", str(source), "-out", str(target)]
    done = subprocess.run(argv, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return target
