# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The Authenticode signature of a package, verified on the control node by the program osslsigncode.

The program, not a Python library: the one library that reads an MSI, signify, verifies through oscrypto, whose newest release (1.3.0, of 2022) does
not load with the OpenSSL of Debian 12 and Ubuntu 24.04 (https://github.com/ralphje/signify/issues/57).

Only exit codes decide. What the program writes is shown to people, and never read for a decision; who signed is found by asking it whether the
signer's certificate has the hash of one that lies in the signature.
"""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import subprocess
import tempfile
import traceback
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from ansible_collections.octopus.upgrade.plugins.module_utils._octopus.errors import OctopusError

from .signature import REFUSED, UNVERIFIED, VERIFIED, Signature, publisher
from .source import PackageSource

try:
    from cryptography import x509
    from cryptography.hazmat.primitives.hashes import SHA256
    from cryptography.hazmat.primitives.serialization.pkcs7 import load_der_pkcs7_certificates
    from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID
except ImportError:
    CRYPTOGRAPHY_IMPORT_ERROR: str | None = traceback.format_exc()
else:
    CRYPTOGRAPHY_IMPORT_ERROR = None

PROGRAM = "osslsigncode"
# Before 2.12 a crafted MSI overflows a buffer of the program that verifies it; before 2.9 it has no -ignore-crl.
# https://github.com/mtrojnar/osslsigncode/blob/2.14/NEWS.md
SAFE, OLDEST = (2, 12), (2, 9)
_COMPOUND_FILE = bytes.fromhex("d0cf11e0a1b11ae1")  # the first bytes of an MSI: [MS-CFB] 2.2
_TIMEOUT = 900.0  # seconds; it reads a package of 1.4 GB twice
_CHUNK = 1024 * 1024
_MOST_SAID = 300  # characters


@dataclass(frozen=True)
class Trust:
    """What signatures are verified with.

    Attributes:
        publishers: Names of which the signer has to have one, as common name or organisation; empty for no particular one.
        ca_path: PEM file with the authorities to trust, for signatures and timestamps; None for those of the system.
        program: Path of the osslsigncode to run, whatever its age; None for the one in ``PATH``, which has to be a safe one.
    """

    publishers: tuple[str, ...] = ()
    ca_path: str | None = None
    program: str | None = None


class _Verdict(Exception):
    """The signature is not verified, or refused, for this reason."""

    def __init__(self, verdict: str, reason: str, signer: str | None = None) -> None:
        super().__init__(reason)
        self.verdict, self.reason, self.signer = verdict, reason, signer


def of_package(source: PackageSource, copies: str | None, trust: Trust) -> Signature:
    """Verify the copy of a package, and expect its hash of the packages on the nodes from now on.

    Args:
        source: The package.
        copies: Folder on the control node with a copy of it, under the same name.
        trust: What it is verified with.

    Raises:
        OctopusError: The file of authorities is missing.
    """
    signature = verify(Path(copies, source.name) if copies else None, trust)
    if signature.sha256 is None:
        return signature
    if source.sha256 is None:
        source.expect(signature.sha256, f"the copy {signature.path} on the control node")
    elif source.sha256 != signature.sha256:
        reason = f"the copy {signature.path} has the SHA-256 {signature.sha256}, and sha256 says {source.sha256}"
        return Signature(REFUSED, reason, signature.signer, signature.expected, signature.path, signature.sha256)
    return signature


def verify(path: Path | None, trust: Trust) -> Signature:
    """Verify the signature of an MSI.

    The digest in the signature has to be that of the MSI, and the signer's certificate one for code signing that leads to a trusted authority. It has
    to be valid now or, where a trusted authority has timestamped the signature, at that time. Revocation is not asked, which would need a way out.

    Args:
        path: The file on the control node; None where there is none.
        trust: What it is verified with.

    Raises:
        OctopusError: The file of authorities is missing.
    """
    if trust.ca_path and not Path(trust.ca_path).is_file():
        raise OctopusError(f"signature_ca_path: there is no file {trust.ca_path} on the control node.")
    digest = None
    expected = list(trust.publishers)
    try:
        if path is None:
            raise _Verdict(UNVERIFIED, "there is no copy of it on the control node")
        with path.open("rb") as file:
            before = _identity(os.fstat(file.fileno()))
            digest = _sha256(file)
            signer = _signer(path, file, trust)
            if _identity(path.stat()) != before:
                raise _Verdict(REFUSED, f"{path} was changed while it was verified")
        return Signature(VERIFIED, "", signer, expected, str(path), digest)
    except FileNotFoundError:
        return Signature(UNVERIFIED, f"there is no copy {path} on the control node", None, expected, str(path))
    except OSError as error:
        return Signature(UNVERIFIED, f"the copy cannot be read ({error})", None, expected, str(path), digest)
    except _Verdict as verdict:
        return Signature(verdict.verdict, verdict.reason, verdict.signer, expected, str(path) if path else None, digest)


def _identity(found: os.stat_result) -> tuple[int, ...]:
    return found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns, found.st_ctime_ns


def _sha256(file: BinaryIO) -> str:
    digest = hashlib.sha256()
    while chunk := file.read(_CHUNK):
        digest.update(chunk)
    return digest.hexdigest()


def _signer(path: Path, file: BinaryIO, trust: Trust) -> str:
    """Return the subject of the certificate that signed the file."""
    program = _program(trust)
    file.seek(0)
    if file.read(len(_COMPOUND_FILE)) != _COMPOUND_FILE:  # osslsigncode goes by the content, and reads other kinds of files too
        raise _Verdict(REFUSED, f"{path} is not an MSI")
    options = ["-ignore-crl"]
    if trust.ca_path:
        options += ["-CAfile", trust.ca_path, "-TSA-CAfile", trust.ca_path]
    complaints = []
    for certificate in _for_code_signing(_certificates(program, path)):
        leaf = f"sha256:{certificate.fingerprint(SHA256()).hex()}"
        code, said = _run(program, "verify", "-in", str(path.absolute()), "-require-leaf-hash", leaf, *options)
        if code == 0:
            return _expected_signer(certificate, trust)
        complaints.append(said)
    # What it says of a certificate that merely lies beside the signer's tells nobody why.
    said = next((one for one in complaints if "leaf hash" not in one.lower()), "no certificate for code signing in it has signed it")
    raise _Verdict(REFUSED, f"its signature is not valid ({said})")


def _expected_signer(certificate: x509.Certificate, trust: Trust) -> str:
    subject = certificate.subject
    signer = subject.rfc4514_string()
    names = [str(one.value) for oid in (NameOID.COMMON_NAME, NameOID.ORGANIZATION_NAME) for one in subject.get_attributes_for_oid(oid)]
    if trust.publishers and publisher(names, trust.publishers) is None:
        raise _Verdict(REFUSED, f"it is signed by {signer}, and the expected publisher is {' or '.join(trust.publishers)}", signer)
    return signer


def _program(trust: Trust) -> str:
    if CRYPTOGRAPHY_IMPORT_ERROR:
        raise _Verdict(UNVERIFIED, "the Python library cryptography is missing on the control node")
    program = trust.program or shutil.which(PROGRAM)
    if program is None:
        raise _Verdict(UNVERIFIED, f"{PROGRAM} is not installed on the control node")
    _code, said = _run(program, "--version", whole=True)
    version = version_in(said)
    if version is None:
        raise _Verdict(UNVERIFIED, f"{program} does not tell its version")
    if version < (OLDEST if trust.program else SAFE):
        reason = (
            "is too old"
            if version < OLDEST
            else "can be attacked by a crafted package, unless its distribution has corrected that (then name it)"
        )
        raise _Verdict(UNVERIFIED, f"{program} {'.'.join(map(str, version))} {reason}")
    return program


def version_in(said: str) -> tuple[int, int] | None:
    """Find the version in what ``osslsigncode --version`` writes, such as ``osslsigncode 2.14, using:``."""
    found = re.match(rf"{PROGRAM} (\d+)\.(\d+)", said)
    return (int(found[1]), int(found[2])) if found else None


def _certificates(program: str, path: Path) -> list[x509.Certificate]:
    with tempfile.TemporaryDirectory(prefix="octopus-signature-") as folder:
        signature = Path(folder, "signature.der")
        code, said = _run(program, "extract-signature", "-in", str(path.absolute()), "-out", str(signature))
        if code != 0:
            raise _Verdict(REFUSED, f"no signature can be read from it ({said})")
        try:
            return load_der_pkcs7_certificates(signature.read_bytes())
        except FileNotFoundError as error:
            raise _Verdict(UNVERIFIED, f"{program} wrote no signature") from error
        except ValueError as error:
            raise _Verdict(REFUSED, f"the certificates of its signature cannot be read ({error})") from error


def _for_code_signing(certificates: list[x509.Certificate]) -> Iterator[x509.Certificate]:
    """Yield those that may have signed the package, not the authorities that issued them, which are for code signing too."""
    for certificate in certificates:
        try:
            usages = [one.value for one in certificate.extensions if isinstance(one.value, x509.ExtendedKeyUsage)]
            constraints = [one.value for one in certificate.extensions if isinstance(one.value, x509.BasicConstraints)]
        except (x509.DuplicateExtension, ValueError):  # osslsigncode would refuse it as well
            continue
        if any(ExtendedKeyUsageOID.CODE_SIGNING in usage for usage in usages) and not any(one.ca for one in constraints):
            yield certificate


def _run(program: str, *arguments: str, whole: bool = False) -> tuple[int, str]:
    """Run osslsigncode; its exit code, and what it complains of, for people."""
    try:
        done = subprocess.run(  # noqa: S603 - an argument vector: the program that the user named or installed, with paths
            [program, *arguments],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            env={**os.environ, "LC_ALL": "C"},
            timeout=_TIMEOUT,
            check=False,
        )
    except OSError as error:
        raise _Verdict(UNVERIFIED, f"{program} does not run ({error})") from error
    except subprocess.TimeoutExpired as error:
        raise _Verdict(REFUSED, f"{program} did not end within {_TIMEOUT:.0f} s") from error
    output = done.stdout.decode("utf-8", "replace")
    if done.returncode < 0:
        raise _Verdict(REFUSED, f"{program} was ended by signal {-done.returncode} while it read the package")
    return done.returncode, output if whole else complaint(output)


def complaint(output: str) -> str:
    """Pick from what osslsigncode writes the lines that say what is wrong, for people."""
    lines = list(dict.fromkeys(" ".join(line.split()) for line in output.splitlines() if line.strip()))
    if any("MISMATCH" in line for line in lines):
        return "its content is not what was signed"
    errors = [line.removeprefix("Error: ") for line in lines if line.startswith("Error: ")]
    others = [
        line for line in lines if re.search(r"no signature|fail(ed)? to|unable|unsupported|rejected|mismatch|unrecognized", line, re.I)
    ]
    return "; ".join(errors or others or lines[-2:])[:_MOST_SAID] or "without a word"
