# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A node at its own address that answers to the portal's name, and what the control node cannot ask told from what a server does."""

from __future__ import annotations

import ipaddress
import ssl
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta, timezone
from pathlib import Path

import pytest
from ansible_collections.octopus.upgrade.plugins.module_utils._octopus.api.client import OctopusApi
from ansible_collections.octopus.upgrade.plugins.module_utils._octopus.api.http import Answered, Asked
from ansible_collections.octopus.upgrade.plugins.module_utils._octopus.api.options import ApiOptions
from ansible_collections.octopus.upgrade.plugins.module_utils._octopus.errors import NotAsked, OctopusError
from ansible_collections.octopus.upgrade.tests.unit.octopus_server import Answer, FakeServer
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

PORTAL = "octopus.example.com"
HTTP_SYS = {"Server": "Microsoft-HTTPAPI/2.0", "Content-Type": "text/html; charset=us-ascii"}


class Authority:
    """A certificate authority; ``path`` is what a client trusts."""

    def __init__(self, folder: Path, name: str) -> None:
        self.path = folder / f"{name}.pem"
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, name)])
        usage = x509.KeyUsage(True, False, False, False, False, True, True, False, False)
        made = self._builder(self._name, self._key).add_extension(x509.BasicConstraints(True, 0), True).add_extension(usage, True)
        made = made.add_extension(x509.SubjectKeyIdentifier.from_public_key(self._key.public_key()), False)
        self.path.write_bytes(made.sign(self._key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM))

    def context(self, name: str, days: int = 30, identifier: bool = True) -> ssl.SSLContext:
        """A server's TLS with a certificate for a name."""
        key = ec.generate_private_key(ec.SECP256R1())
        made = self._builder(x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, name)]), key, days)
        try:
            alternative: x509.GeneralName = x509.IPAddress(ipaddress.ip_address(name))
        except ValueError:
            alternative = x509.DNSName(name)
        made = made.add_extension(x509.SubjectAlternativeName([alternative]), False)
        if identifier:
            made = made.add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(self._key.public_key()), False)
        path = self.path.with_name(f"{name}-{days}.server")
        pkcs8 = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
        path.write_bytes(pkcs8 + made.sign(self._key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM))
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(path)
        return context

    def _builder(self, subject: x509.Name, key: ec.EllipticCurvePrivateKey, days: int = 30) -> x509.CertificateBuilder:
        now = datetime.now(timezone.utc)
        return (
            x509.CertificateBuilder(subject_name=subject, issuer_name=self._name, public_key=key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - timedelta(days=90))
            .not_valid_after(now + timedelta(days=days))
        )


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("authority"), "known")


@pytest.fixture
def serve() -> Iterator[Callable[[ssl.SSLContext], FakeServer]]:
    servers: list[FakeServer] = []

    def made(context: ssl.SSLContext) -> FakeServer:
        server = FakeServer(context)
        servers.append(server)
        return server

    yield made
    for server in servers:
        server.close()


def ask(server: FakeServer, authority: Authority, portal: str | None = f"https://{PORTAL}", **more) -> OctopusApi:
    return OctopusApi(ApiOptions(server.url, "API-SECRET", ca_path=str(authority.path), portal_url=portal), retries=0, **more)


def test_a_node_whose_certificate_is_for_the_portal_is_asked_for_that_name_at_its_own_address(authority, serve):
    server = serve(authority.context(PORTAL))
    with ask(server, authority) as api:
        assert str(api.version) == "2018.10.7"
        api.get("/api")
    port = server.url.rpartition(":")[2]
    assert [request.headers["Host"] for request in server.requests] == [f"{PORTAL}:{port}"] * 2
    assert server.names == [PORTAL], "one handshake under the right name, kept for what follows"


def test_writing_changes_the_name_too_because_nothing_was_sent_yet(authority, serve):
    server = serve(authority.context(PORTAL))
    server.answers["PUT /api/x"] = {"Id": "1"}
    with ask(server, authority) as api:
        assert api.put("/api/x", {}) == {"Id": "1"}
    assert len(server.sent("PUT")) == 1


def test_a_node_known_under_its_own_name_is_asked_for_that(authority, serve):
    server = serve(authority.context("127.0.0.1"))
    with ask(server, authority) as api:
        api.get("/api")
    assert server.requests[0].headers["Host"].startswith("127.0.0.1:")


def test_a_prefix_for_the_portal_alone_gets_its_name_in_the_header(authority, server):
    def http_sys(request):
        known = request.headers["Host"].startswith(PORTAL)
        return {"Version": "2018.10.7"} if known else Answer(b"<h2>Bad Request - Invalid Hostname</h2>", 400, HTTP_SYS)

    server.answers["GET /api"] = http_sys
    options = ApiOptions(server.url, portal_url=f"http://{PORTAL}/octopus")
    with OctopusApi(options, retries=0) as api:
        assert str(api.version) == "2018.10.7"


@pytest.mark.parametrize("portal", [None, "https://127.0.0.1", "https://elsewhere.example.com"])
def test_a_certificate_for_neither_name_says_so(authority, serve, portal):
    with pytest.raises(NotAsked, match=r"not for the name in this address.*octopus_node_url"):
        ask(serve(authority.context(PORTAL)), authority, portal).get("/api")


def test_each_reason_for_distrust_has_its_own_remedy(authority, serve, tmp_path):
    with pytest.raises(NotAsked, match=r"expired: renew it"):
        ask(serve(authority.context("127.0.0.1", days=-1)), authority).get("/api")
    with pytest.raises(NotAsked, match=r"authority's certificate in ca_path"):
        ask(serve(Authority(tmp_path, "unknown").context("127.0.0.1")), authority).get("/api")
    gone = ApiOptions("https://127.0.0.1:9", ca_path=str(tmp_path / "gone.pem"))
    with pytest.raises(NotAsked, match=r"Is ca_path .*gone.pem. a file of certificates"):
        OctopusApi(gone, retries=0).get("/api")


def test_python_3_13_and_certificates_without_an_authority_key_identifier(authority, serve):
    server = serve(authority.context("127.0.0.1", identifier=False))
    if not ssl.create_default_context().verify_flags & getattr(ssl, "VERIFY_X509_STRICT", 0):
        assert ask(server, authority).get("/api"), "before Python 3.13 that is good enough"
        return
    with pytest.raises(NotAsked, match="an older Python"):
        ask(server, authority).get("/api")


def test_a_name_that_the_control_node_cannot_resolve_and_a_proxy_that_is_not_there(authority, monkeypatch):
    options = ApiOptions("https://octo-a.invalid", portal_url=f"https://{PORTAL}")
    for name in ("https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.delenv(name, raising=False)
    with pytest.raises(NotAsked, match="cannot resolve the name"):
        OctopusApi(options, retries=0).get("/api")
    monkeypatch.setenv("https_proxy", "http://127.0.0.1:9")
    with pytest.raises(NotAsked, match="no_proxy"):
        OctopusApi(options, retries=0).get("/api")


def test_a_server_that_is_down_or_has_no_certificate_was_asked(server):
    plain = ApiOptions(server.url.replace("http:", "https:"), timeout=2)
    with pytest.raises(OctopusError) as caught:
        OctopusApi(plain, retries=0).get("/api")
    assert "TLS" in caught.value.message or "SSL" in caught.value.message
    with pytest.raises(OctopusError, match="no connection") as caught:
        OctopusApi(ApiOptions("https://127.0.0.1:9"), retries=0).get("/api")
    assert not isinstance(caught.value, NotAsked)


def test_what_the_control_node_cannot_ask_is_asked_another_way(authority, serve, tmp_path):
    asked: list[Asked] = []

    def other_way(one: Asked) -> Answered:
        asked.append(one)
        return Answered(200, "application/json", b'{"Version": "2021.1.8045"}')

    server = serve(Authority(tmp_path, "unknown").context("127.0.0.1"))
    with ask(server, authority, other_way=other_way) as api:
        assert str(api.version) == "2021.1.8045"
        assert api.put("/api/x?y=1", {"a": "ü"}) == {"Version": "2021.1.8045"}
        assert api.digest("/api/z")[1] == 26
    assert [(one.method, one.path) for one in asked] == [("GET", "/api"), ("PUT", "/api/x?y=1"), ("GET", "/api/z")]
    assert asked[1].headers["X-Octopus-ApiKey"] == "API-SECRET"
    assert asked[1].body == '{"a": "\\u00fc"}'
    assert "no trust" in asked[2].error.message
    assert server.requests == []
