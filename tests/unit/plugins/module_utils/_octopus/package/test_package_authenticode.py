# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The signatures of packages: what is verified, what is refused and why, and what nothing can be said of. The packages are really signed."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path

import pytest

pytest.importorskip("requests")

from ansible_collections.octopus.upgrade.plugins.module_utils._octopus.errors import OctopusError
from ansible_collections.octopus.upgrade.plugins.module_utils._octopus.package import authenticode
from ansible_collections.octopus.upgrade.plugins.module_utils._octopus.package.authenticode import OLDEST, Trust, of_package, verify
from ansible_collections.octopus.upgrade.plugins.module_utils._octopus.package.signature import REFUSED, UNVERIFIED, VERIFIED, Signature
from ansible_collections.octopus.upgrade.plugins.module_utils._octopus.package.source import DEFAULT_SOURCE, PackageSource
from ansible_collections.octopus.upgrade.tests.unit import signed_msi
from ansible_collections.octopus.upgrade.tests.unit.signed_msi import PROGRAM, Signer, sign, signer

VERSION = "2026.2.9853"
NAME = f"Octopus.{VERSION}-x64.msi"
VENDOR, OTHER = "Vendor", "Stranger"
LONG_AGO = str(int((signed_msi.NOW - timedelta(days=500)).timestamp()))


def _usable() -> bool:
    if not PROGRAM:
        return False
    version = authenticode.version_in(authenticode._run(PROGRAM, "--version", whole=True)[1])
    return version is not None and version >= OLDEST


pytestmark = pytest.mark.skipif(not _usable(), reason=f"osslsigncode {OLDEST} or later is not installed")


@dataclass
class Shop:
    """Authorities, signers and packages of the tests."""

    folder: Path
    root: Signer
    vendor: Signer
    extra: dict[str, Signer] = field(default_factory=dict)

    def package(self, name: str, by: Signer | None, *options: str) -> Path:
        plain = self.folder / f"{name}.plain"
        plain.write_bytes(signed_msi.compound_file(signed_msi.STREAMS))
        target = self.folder / f"{name}.msi"
        target.unlink(missing_ok=True)  # osslsigncode overwrites nothing
        return sign(plain, target, by, *options) if by else plain.rename(target)

    def trust(self, *publishers: str, program: str = PROGRAM) -> Trust:
        return Trust(publishers, str(self.root.pem), program)


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Shop:
    folder = tmp_path_factory.mktemp("packages")
    root = signer(folder, "Root", usage=None)
    return Shop(folder, root, signer(folder, VENDOR, root))


@pytest.mark.parametrize("extended", [(), ("-add-msi-dse",)], ids=["", "with MsiDigitalSignatureEx"])
@pytest.mark.parametrize("name", [VENDOR, f"{VENDOR} Ltd"], ids=["common name", "organisation"])
def test_a_package_of_the_expected_publisher_is_verified(shop: Shop, name: str, extended: tuple[str, ...]) -> None:
    package = shop.package("good", shop.vendor, *extended)
    digest = hashlib.sha256(package.read_bytes()).hexdigest()
    found = verify(package, shop.trust("Somebody else", name))
    assert found == Signature(VERIFIED, "", f"O={VENDOR} Ltd,CN={VENDOR}", ["Somebody else", name], str(package), digest)
    assert not found.blocks


def test_without_a_publisher_it_is_told_who_signed(shop: Shop) -> None:
    found = verify(shop.package("any", shop.vendor), shop.trust())
    assert (found.verdict, found.blocks) == (VERIFIED, False)
    assert found.found() == f"that it is signed by O={VENDOR} Ltd,CN={VENDOR}, and that no publisher is expected"


def _changed(shop: Shop) -> Path:
    package = shop.package("changed", shop.vendor)
    data = package.read_bytes()
    package.write_bytes(data.replace(b"b" * 9000, b"b" * 8999 + b"c"))
    assert package.read_bytes() != data
    return package


def _by(name: str, **how: object) -> object:
    """Signed by somebody else whom the trusted root has certified, or by nobody."""

    def make(shop: Shop) -> Path:
        by = signer(shop.folder, name, shop.root, **how)  # type: ignore[arg-type]  # each keyword has its own type
        return shop.package(name, by, "-ac", str(shop.vendor.pem))  # with the publisher's own certificate beside

    return make


def _untrusted(shop: Shop) -> Path:
    return shop.package("untrusted", signer(shop.folder, "Own-vendor", signer(shop.folder, "Own-root", usage=None)))


def _timestamped_by(name: str, *, trusted: bool) -> object:
    """Signed while the certificate was valid, which has expired since; the time is vouched for by an authority."""

    def make(shop: Shop) -> Path:
        vendor = signer(shop.folder, f"{name}-expired", shop.root, days=(-900, -100))
        authority = shop.root if trusted else signer(shop.folder, f"{name}-root", usage=None)
        stamp = signer(shop.folder, f"{name}-stamp", authority, usage=signed_msi.TIME)
        return shop.package(name, vendor, "-TSA-certs", str(stamp.pem), "-TSA-key", str(stamp.key_pem), "-TSA-time", LONG_AGO)

    return make


def _foreign(shop: Shop) -> Path:
    package = shop.folder / "foreign.msi"
    package.write_bytes(b"MZ" + b"\0" * 600)
    return package


WRONG = {
    "changed": (_changed, "its content is not what was signed"),
    "unsigned": (lambda shop: shop.package("unsigned", None), "MSI file has no signature"),
    "other publisher": (_by(OTHER), f"it is signed by O={OTHER} Ltd,CN={OTHER}, and the expected publisher is {VENDOR}"),
    "not for code": (_by("Web", usage=signed_msi.WEB), "no certificate for code signing in it has signed it"),
    "expired": (_by("Late", days=(-900, -100)), "has expired"),
    "not yet": (_by("Early", days=(100, 900)), "is not yet valid"),
    "own authority": (_untrusted, "unable to get local issuer certificate"),
    "self-signed": (lambda shop: shop.package("selfish", signer(shop.folder, "Selfish")), "self-signed certificate"),
    "timestamp of a stranger": (_timestamped_by("stranger", trusted=False), "has expired"),
    "another kind of file": (_foreign, "is not an MSI"),
}


@pytest.mark.parametrize("name", WRONG)
def test_what_is_wrong_is_refused(shop: Shop, name: str) -> None:
    make, reason = WRONG[name]
    found = verify(make(shop), shop.trust(VENDOR))  # type: ignore[operator]
    assert (found.verdict, found.blocks) == (REFUSED, True)
    assert reason in found.reason
    assert found.sha256


def test_a_timestamp_outlives_the_certificate(shop: Shop) -> None:
    package = _timestamped_by("trusted", trusted=True)(shop)  # type: ignore[operator]
    assert verify(package, shop.trust("trusted-expired")).verdict == VERIFIED


def _program(folder: Path, name: str, version: str, then: str) -> str:
    """A program in a folder of its own, that says this version, and else does something."""
    path = folder / name / "osslsigncode"
    path.parent.mkdir()
    path.write_text(f'#!/bin/sh\n[ "$1" = --version ] && {{ echo "osslsigncode {version}, using:"; exit 0; }}\n{then}\n', encoding="utf-8")
    path.chmod(0o755)
    return str(path)


def test_the_program_in_the_path_has_to_be_a_safe_one(shop: Shop, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    package = shop.package("path", shop.vendor)
    old, new = (_program(tmp_path, f"v{version}", version, f'exec {PROGRAM} "$@"') for version in ("2.11", "2.12"))
    trust = Trust((VENDOR,), str(shop.root.pem))
    monkeypatch.setenv("PATH", f"{Path(old).parent}:/usr/bin:/bin")
    found = verify(package, trust)
    assert (found.verdict, found.reason.partition(" can be")[0]) == (UNVERIFIED, f"{old} 2.11")
    assert found.blocks  # a publisher is expected
    assert verify(package, shop.trust(VENDOR, program=old)).verdict == VERIFIED  # named, as its distribution has corrected it
    monkeypatch.setenv("PATH", f"{Path(new).parent}:/usr/bin:/bin")
    assert verify(package, trust).verdict == VERIFIED
    monkeypatch.setenv("PATH", str(tmp_path))
    assert verify(package, trust).reason == "osslsigncode is not installed on the control node"


@pytest.mark.parametrize(
    ("program", "verdict", "reason"),
    [
        (("2.8", ""), UNVERIFIED, "2.8 is too old"),
        (("two", ""), UNVERIFIED, "does not tell its version"),
        (("2.14", 'if [ "$1" = verify ]; then kill -SEGV $$; fi; exec {program} "$@"'), REFUSED, "was ended by signal 11"),
        (
            ("2.14", '{program} "$@" || exit 1; if [ "$1" = verify ]; then touch {package}; fi'),
            REFUSED,
            "was changed while it was verified",
        ),
        (("2.14", "echo nonsense"), UNVERIFIED, "wrote no signature"),
    ],
)
def test_what_the_program_may_do(shop: Shop, tmp_path: Path, program: tuple[str, str], verdict: str, reason: str) -> None:
    package = shop.package("whim", shop.vendor)
    version, then = program
    path = _program(tmp_path, "bin", version, then.format(program=PROGRAM, package=package))
    found = verify(package, shop.trust(VENDOR, program=path))
    assert (found.verdict, reason in found.reason) == (verdict, True), found


def test_what_cannot_be_verified_blocks_where_a_publisher_is_expected(shop: Shop) -> None:
    for path in (None, shop.folder / "missing.msi", shop.folder):
        found = verify(path, shop.trust())
        assert (found.verdict, found.blocks, found.sha256) == (UNVERIFIED, False, None)
        assert verify(path, shop.trust(VENDOR)).blocks
    found = verify(shop.package("idle", shop.vendor), shop.trust(program="/nowhere/osslsigncode"))
    assert (found.verdict, found.sha256 is not None) == (UNVERIFIED, True)  # the nodes still get the package that lies here


def test_a_missing_file_of_authorities_is_a_mistake(shop: Shop) -> None:
    with pytest.raises(OctopusError, match=r"signature_ca_path: there is no file /nowhere\.pem"):
        verify(None, Trust(ca_path="/nowhere.pem"))


def test_the_nodes_have_to_get_the_copy(shop: Shop) -> None:
    package = shop.package("copied", shop.vendor)
    package = package.rename(package.with_name(NAME))
    source = PackageSource(DEFAULT_SOURCE, VERSION)
    found = of_package(source, str(shop.folder), shop.trust(VENDOR))
    assert found.verdict == VERIFIED
    assert source.expected() == (hashlib.sha256(package.read_bytes()).hexdigest(), f"the copy {package} on the control node")
    other = of_package(PackageSource(DEFAULT_SOURCE, VERSION, "ab" * 32), str(shop.folder), shop.trust(VENDOR))
    assert (other.verdict, other.reason) == (
        REFUSED,
        f"the copy {package} has the SHA-256 {found.sha256}, and sha256 says {'ab' * 32}",
    )
    assert of_package(PackageSource(DEFAULT_SOURCE, VERSION), None, shop.trust()).reason == "there is no copy of it on the control node"


def test_the_version_of_the_program() -> None:
    assert authenticode.version_in("osslsigncode 2.14, using:\n\tOpenSSL 3.5.4") == (2, 14)
    assert authenticode.version_in("osslsigncode 2.15-dev, using:") == (2, 15)
    assert authenticode.version_in("openssl 3.0.19") is None
