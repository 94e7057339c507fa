# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Real TLS servers on loopback, and what each kind of error is told as: every kind has its own cure, and a proxy is named."""

from __future__ import annotations

import contextlib
import datetime
import ipaddress
import re
import socket
import ssl
import struct
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

pytest.importorskip("winrm")
pytest.importorskip("cryptography")

from ansible_collections.octopus.upgrade.plugins.module_utils._core.tls import TlsProblem, problem
from ansible_collections.octopus.upgrade.plugins.module_utils._core.waiting import Deadline
from ansible_collections.octopus.upgrade.plugins.module_utils._windows import tls
from ansible_collections.octopus.upgrade.plugins.module_utils._windows.connection import WindowsHost
from ansible_collections.octopus.upgrade.plugins.module_utils._windows.errors import HostError, HostRefused, HostUnreachable
from ansible_collections.octopus.upgrade.plugins.module_utils._windows.options import ConnectionOptions
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa

DAY = datetime.timedelta(days=1)


@dataclass
class Pki:
    """An authority, and what it issues."""

    folder: Path

    def __post_init__(self) -> None:
        self.key = ec.generate_private_key(ec.SECP256R1())
        self.name = _name("An authority")
        self.path = self.folder / "authority.pem"
        builder = _builder(self.name, self.name, self.key.public_key(), -1, 30).add_extension(x509.BasicConstraints(True, None), True)
        usage = x509.KeyUsage(True, False, False, False, False, True, True, False, False)
        identifier = x509.SubjectKeyIdentifier.from_public_key(self.key.public_key())
        certificate = builder.add_extension(usage, True).add_extension(identifier, False).sign(self.key, hashes.SHA256())
        self.path.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))

    def issue(
        self,
        *,
        days: tuple[int, int] = (-1, 30),
        address: str = "127.0.0.1",
        self_signed: bool = False,
        identified: bool = True,
        bits: int = 0,
    ) -> Path:
        """Key and certificate in one file."""
        key = rsa.generate_private_key(65537, bits) if bits else ec.generate_private_key(ec.SECP256R1())
        signer = key if self_signed else self.key
        name = _name("A host")
        builder = _builder(name, name if self_signed else self.name, key.public_key(), *days)
        builder = builder.add_extension(x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address(address))]), False)
        if identified:
            builder = builder.add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(signer.public_key()), False)
        path = self.folder / f"host-{len(list(self.folder.iterdir()))}.pem"
        path.write_bytes(
            key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
            + builder.sign(signer, hashes.SHA256()).public_bytes(serialization.Encoding.PEM)
        )
        return path


def _name(common: str) -> object:
    return x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, common)])


def _builder(subject: object, issuer: object, key: object, since: int, until: int) -> object:
    now = datetime.datetime.now(datetime.timezone.utc)
    builder = x509.CertificateBuilder().subject_name(subject).issuer_name(issuer).public_key(key).serial_number(x509.random_serial_number())
    return builder.not_valid_before(now + since * DAY).not_valid_after(now + until * DAY)


@pytest.fixture(scope="module")
def pki(tmp_path_factory):
    return Pki(tmp_path_factory.mktemp("pki"))


@contextlib.contextmanager
def serving(context: ssl.SSLContext | None) -> Iterator[int]:
    """A server that shakes hands, reads a request and resets the connection; without a context, one that answers in HTTP at once."""
    listener = socket.create_server(("127.0.0.1", 0))

    def serve() -> None:
        while True:
            try:
                connection, _address = listener.accept()
            except OSError:
                return
            with contextlib.suppress(OSError), connection:
                if context is None:
                    connection.recv(65536)
                    connection.sendall(b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n")
                    continue
                with context.wrap_socket(connection, server_side=True) as secured:
                    secured.recv(65536)
                    secured.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    try:
        yield listener.getsockname()[1]
    finally:
        listener.shutdown(socket.SHUT_RDWR)
        listener.close()
        thread.join()


def server_context(certificate: Path) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.set_ciphers("ALL:@SECLEVEL=0")  # so that it serves what the client is to refuse
    context.load_cert_chain(certificate)
    return context


def failure(port: int, **given: object) -> HostError:
    """What the connection to a port of this computer fails with."""
    options = {"name": "octo-a", "host": "127.0.0.1", "port": port, "scheme": "https", "username": "u", "password": "S3cret", "proxy": ""}
    host = WindowsHost(ConnectionOptions.from_params({**options, **given}), patience=lambda: Deadline(0))
    with host, pytest.raises(HostError) as caught:
        host.run(["hostname"])
    assert "S3cret" not in caught.value.message
    assert f"octo-a (127.0.0.1:{port}): " in caught.value.message
    return caught.value


@pytest.mark.parametrize(
    ("issued", "said"),
    [
        ({"days": (-30, -1)}, "certificate has expired.*Issue a new certificate"),
        ({"days": (1, 30)}, "not valid yet.*Compare the clocks"),
        ({"address": "127.0.0.9"}, "valid, but not for 127.0.0.1. Set ansible_host"),
        ({"self_signed": True}, r"self-signed, and not in .*authority.pem \(ansible_winrm_ca_trust_path\)"),
        ({"bits": 1024}, "too weak"),
    ],
)
def test_each_certificate_has_its_own_cure(pki, issued, said):
    with serving(server_context(pki.issue(**issued))) as port:
        error = failure(port, ca_trust_path=str(pki.path))
    assert isinstance(error, HostRefused)
    assert re.search(said, error.message)


def test_an_unknown_authority(pki, tmp_path):
    other = Pki(tmp_path)
    with serving(server_context(pki.issue())) as port:
        error = failure(port, ca_trust_path=str(other.path))
    assert isinstance(error, HostRefused)
    assert f"is not trusted, and not in {other.path}" in error.message
    assert error.message.index("Set ansible_winrm_ca_trust_path") < error.message.index("ansible_winrm_server_cert_validation: ignore")


def test_the_strict_check_of_python_3_13(pki):
    """The flag that Python 3.13 sets by itself; the authority is trusted, so that advising to give it would lead nowhere."""
    context = ssl.create_default_context(cafile=str(pki.path))
    context.verify_flags |= ssl.VERIFY_X509_STRICT
    certificate = pki.issue(identified=False)
    with (
        serving(server_context(certificate)) as port,
        socket.create_connection(("127.0.0.1", port)) as raw,
        pytest.raises(ssl.SSLCertVerificationError, match="Authority Key Identifier") as caught,
    ):
        context.wrap_socket(raw, server_hostname="127.0.0.1")
    assert problem(caught.value) is TlsProblem.STRICT
    said = tls.advice(TlsProblem.STRICT, ConnectionOptions(name="a", host="a"))
    assert "Python 3.12" in said
    assert "ansible_winrm_ca_trust_path" not in said


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_an_old_protocol(pki):
    context = server_context(pki.issue())
    context.minimum_version = context.maximum_version = ssl.TLSVersion.TLSv1
    with serving(context) as port:
        error = failure(port, ca_trust_path=str(pki.path))
    assert isinstance(error, HostRefused)
    assert "Enable TLS 1.2 on the host" in error.message


def test_a_port_that_speaks_http(pki):
    with serving(None) as port:
        error = failure(port, ca_trust_path=str(pki.path))
    assert isinstance(error, HostRefused)
    assert f"Port {port} does not speak TLS" in error.message
    assert "ansible_winrm_scheme: http" in error.message


def test_an_authority_file_without_a_certificate(tmp_path, pki):
    empty = tmp_path / "empty.pem"
    empty.write_text("nothing")
    with serving(server_context(pki.issue())) as port:
        error = failure(port, ca_trust_path=str(empty))
    assert isinstance(error, HostRefused)
    assert f"{empty} (ansible_winrm_ca_trust_path) holds no certificate" in error.message


def test_a_client_certificate_that_does_not_fit_its_key(pki):
    first, second = pki.issue(), pki.issue()
    with serving(server_context(pki.issue())) as port:
        error = failure(port, ca_trust_path=str(pki.path), transport=["certificate"], cert_pem=str(first), cert_key_pem=str(second))
    assert isinstance(error, HostRefused)
    assert "nothing was sent. ansible_winrm_cert_pem and ansible_winrm_cert_key_pem" in error.message


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
def test_a_client_certificate_that_the_host_does_not_know(pki, tmp_path, version):
    context = server_context(pki.issue())
    context.minimum_version = context.maximum_version = version
    context.verify_mode = ssl.CERT_REQUIRED
    context.load_verify_locations(pki.path)
    own = str(Pki(tmp_path).issue())
    with serving(context) as port:
        error = failure(port, ca_trust_path=str(pki.path), transport=["certificate"], cert_pem=own, cert_key_pem=own)
    assert re.search("certmapping|TLS 1.3", error.message)


def test_tls_1_3_with_a_client_certificate(pki):
    """https://github.com/ansible/ansible/issues/77768: the handshake succeeds, and the first request ends the connection."""
    context = server_context(pki.issue())
    context.minimum_version = ssl.TLSVersion.TLSv1_3
    own = str(pki.issue())
    with serving(context) as port:
        error = failure(port, ca_trust_path=str(pki.path), transport=["certificate"], cert_pem=own, cert_key_pem=own)
        assert isinstance(error, HostUnreachable)
        assert "turn TLS 1.3 off for the WinRM listener" in error.message
        assert "TLS 1.3" not in failure(port, ca_trust_path=str(pki.path)).message


@pytest.mark.parametrize("source", ["option", "environment"])
def test_a_proxy_is_named(monkeypatch, source):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        free = taken.getsockname()[1]
    url = f"http://user:S3cret@127.0.0.1:{free}"
    if source == "environment":
        monkeypatch.setenv("HTTPS_PROXY", url)
        monkeypatch.setenv("NO_PROXY", "")
        monkeypatch.setenv("no_proxy", "")
    error = failure(5986, proxy=url if source == "option" else None)
    assert isinstance(error, HostUnreachable)
    origin = "ansible_winrm_proxy" if source == "option" else "the environment (HTTPS_PROXY"
    assert f"It was asked through the proxy 127.0.0.1:{free}, from {origin}" in error.message
    assert "through the proxy" not in failure(free).message


def test_the_usual_port_of_the_other_scheme():
    host = WindowsHost(
        ConnectionOptions.from_params(
            {"host": "127.0.0.1", "port": 5986, "scheme": "http", "transport": ["ntlm"], "username": "u", "password": "p"}
        ),
        patience=lambda: Deadline(0),
    )
    with pytest.raises(HostUnreachable, match="Port 5986 is usually WinRM's port for https"), host:
        host.run(["hostname"])


def test_an_authority_of_the_environment_that_is_not_there(pki, monkeypatch):
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", "/none.pem")
    with serving(server_context(pki.issue())) as port:
        error = failure(port)
    assert isinstance(error, HostRefused)
    assert "nothing was sent" in error.message
    assert "/none.pem" in error.message
    assert "REQUESTS_CA_BUNDLE" in error.message
