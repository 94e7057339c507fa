# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The configuration file in the forms that Tentacles of 2.x to 9.x leave it in, the addresses, the log and the program's output."""

from __future__ import annotations

import pytest
from ansible_collections.octopus.upgrade.plugins.module_utils._core.errors import InvalidValue
from ansible_collections.octopus.upgrade.plugins.module_utils._octopus.errors import OctopusError
from ansible_collections.octopus.upgrade.plugins.module_utils._octopus.tentacle.cli import TentacleCli, service_name, version_in
from ansible_collections.octopus.upgrade.plugins.module_utils._octopus.tentacle.configuration import (
    address_of,
    parse,
    same_place,
    thumbprint_of,
)
from ansible_collections.octopus.upgrade.plugins.module_utils._octopus.tentacle.polls import polled_in
from ansible_collections.octopus.upgrade.tests.unit.windows_host import FakeHost

T = "77751F90F9EEDCEE0C0CD84F7A3CC726AD123FA6"
HEAD = '<?xml version="1.0" encoding="utf-8"?>\r\n<octopus-settings xmlns:xsd="http://www.w3.org/2001/XMLSchema">\r\n'
# Form of the entries for the nodes of a cluster in the vendor's documentation (Polling Tentacles with high availability).
CLUSTER = (
    f'[\r\n  {{"Thumbprint":"{T}","CommunicationStyle":2,"Address":"https://10.0.255.160:10943","Squid":null,"SubscriptionId":"poll://g3/"}},'
    f'\r\n  {{"Thumbprint":"{T}","CommunicationStyle":2,"Address":"https://10.0.255.161:10943","Squid":null,"SubscriptionId":"poll://g3/"}}]'
)
# Form of a configuration that came from 2.x, as in a public test of an importer: a style by its name, and no subscription.
OLD = f'[{{"Thumbprint":"{T}","CommunicationStyle":"TentacleActive","Address":"https://servername:10943","Squid":"SERVERSQUID"}}]'
KUBERNETES = (
    f'[{{"Thumbprint":"{T}","CommunicationStyle":11,"KubernetesTentacleCommunicationMode":"Polling","Address":"https://a:10943/"}}]'
)


def config(servers: str | None, **settings: str) -> bytes:
    values = {"Octopus.Home": "C:\\Octopus", "Tentacle.CertificateThumbprint": "0C", **settings}
    if servers is not None:
        values["Tentacle.Communication.TrustedOctopusServers"] = servers
    rows = "".join(f'  <set key="{name}">{value}</set>\r\n' for name, value in values.items())
    return b"\xef\xbb\xbf" + f"{HEAD}{rows}</octopus-settings>".encode()


def test_a_node_of_a_cluster() -> None:
    found = parse(config(CLUSTER, **{"Tentacle.Services.NoListen": "true"}), "x")
    assert found.polled == ["https://10.0.255.160:10943", "https://10.0.255.161:10943"]
    assert [(one.communication, one.subscription) for one in found.trusted] == [("polling", "poll://g3/")] * 2
    assert (found.listens, found.port, found.home, found.thumbprint) == (False, 10933, "C:\\Octopus", "0C")
    assert "Tentacle.Communication.TrustedOctopusServers" not in found.others


def test_other_forms() -> None:
    (old,) = parse(config(OLD), "x").trusted
    assert (old.communication, old.address, old.subscription) == ("polling", "https://servername:10943", None)
    (listening,) = parse(config(f'[{{"Thumbprint":" {T} ","CommunicationStyle":"TentaclePassive","Address":null}}]'), "x").trusted
    assert (listening.thumbprint, listening.communication, listening.address) == (T, "listening", None)
    assert parse(config(KUBERNETES), "x").trusted[0].communication == "kubernetes"
    assert parse(config(f'[{{"Thumbprint":"{T}","CommunicationStyle":77}}]'), "x").trusted[0].communication == "other"
    assert parse(config(f'[{{"Thumbprint":"{T}"}}]'), "x").trusted[0].communication == "none"
    assert parse(config("null"), "x").trusted == parse(config(None), "x").trusted == ()
    assert parse(config(None), "x").listens is True


@pytest.mark.parametrize(
    "content",
    [b"", config(CLUSTER)[:400], config("[{"), config("[{}]"), config("[7]"), config(None, **{"Tentacle.Services.PortNumber": "x"})],
)
def test_a_broken_file_is_named_and_not_shown(content: bytes) -> None:
    with pytest.raises(OctopusError, match=r"octo-a: C:\\T\.config") as failed:
        parse(content, "octo-a: C:\\T.config")
    assert "poll://" not in str(failed.value)


@pytest.mark.parametrize(
    ("text", "url"),
    [
        ("octopus.example.com", "https://octopus.example.com:10943"),
        (" Octopus:11943 ", "https://octopus:11943"),
        ("https://octopus:10943/", "https://octopus:10943"),
        ("HTTPS://octopus", "https://octopus:10943"),
        ("10.0.255.160", "https://10.0.255.160:10943"),
        ("[fe80::1]:443", "https://[fe80::1]:443"),
        ("[fe80::1]", "https://[fe80::1]:10943"),
    ],
)
def test_address(text: str, url: str) -> None:
    assert address_of(text).url == url
    assert same_place(url + "/") == same_place(url.upper().replace("HTTPS", "https")) == url


@pytest.mark.parametrize(
    "text",
    [
        "",
        "http://octopus:10943",
        "wss://octopus/comms",
        "octopus:0",
        "octopus:99999",
        "a b",
        "x/y",
        "a%b",
        'a"b',
        "u@h",
        "-h",
        "h?x",
        "h:1:2",
    ],
)
def test_no_address(text: str) -> None:
    with pytest.raises(InvalidValue, match="addresses"):
        address_of(text)


def test_thumbprint() -> None:
    assert thumbprint_of(f"\u200e{T[:20].lower()} {T[20:]}") == T
    with pytest.raises(InvalidValue, match="40 hex digits"):
        thumbprint_of(T[1:])


def test_version_is_the_number_without_its_branch() -> None:
    told = '{\r\n  "InformationalVersion": "8.1.1713+Branch.main.Sha.1.2.3",\r\n  "MajorMinorPatch": "8.1.1713",\r\n  "NuGetVersion": "8.1.1713"\r\n}'
    assert version_in(told) == "8.1.1713"
    assert version_in("3.24.0") == "3.24.0"
    assert version_in("Usage: Tentacle <command>") is None


def test_service_name() -> None:
    assert service_name("Tentacle") == "OctopusDeploy Tentacle"
    assert service_name("Second one") == "OctopusDeploy Tentacle: Second one"


def line(file: str, time: str, pid: int, address: str) -> str:
    """A line of the log, with the name of the file before it where findstr has several."""
    said = f"Agent will poll Octopus Server at {address} for subscription poll://a/ expecting thumbprint AB"
    return f"{file}{time}.1234  {pid:>5}      1  INFO  {said}\r\n"


LOG = (
    line("C:\\Octopus\\Logs\\OctopusTentacle.0.txt:", "2026-11-24 03:00:02", 4112, "https://gone:10943/")
    + line("C:\\Octopus\\Logs\\OctopusTentacle.txt:", "2026-12-01 03:00:02", 4112, "https://Old:10943/")
    + line("C:\\Octopus\\Logs\\OctopusTentacle.txt:", "2026-12-01 03:00:02", 4112, "https://new:10943/")
    + line("", "2026-12-01 03:05:02", 14112, "https://other:10943/")
)


def test_log_of_a_process() -> None:
    # Another process had the same id a week before.
    assert polled_in(LOG, 4112) == {"https://old:10943", "https://new:10943"}
    assert polled_in(LOG, 14112) == {"https://other:10943"}
    assert polled_in(LOG, 4) is None and polled_in("", 4112) is None


def cli(version: str = "6.3.605") -> tuple[FakeHost, TentacleCli]:
    program = "C:\\Program Files\\Octopus Deploy\\Tentacle\\Tentacle.exe"
    host = FakeHost({"reg query": (1, ""), f"{program} version": f'{{"MajorMinorPatch": "{version}"}}', f"{program} ": ""})
    return host, TentacleCli(host)


@pytest.mark.parametrize("version", ["3.24.0", "3.25.0", "4.0.0-beta1"])
def test_server_comms_of_a_version_that_makes_up_subscriptions_is_never_run(version: str) -> None:
    host, program = cli(version)
    if "-" in version:
        program._version = (version,)
    with pytest.raises(OctopusError, match="would lose the registration"):
        program.server_comms("Tentacle", T, address_of("new"))
    assert not [command for command in host.commands if "server-comms" in command]


@pytest.mark.parametrize(
    "words",
    [
        ("configure", f"--remove-trust={T}"),
        ("configure", "--reset-trust"),
        ("clear-trusted-servers", "--keep=https://new:10943/"),
        ("deregister-from", "--server=https://old"),
        ("deregister-worker",),
        ("delete-instance", "--instance=Tentacle"),
        ("new-certificate",),
        ("server-comms", "--web-socket=wss://x"),
        ("service", "--uninstall"),
    ],
)
def test_what_ends_the_way_back_is_never_run(words: tuple[str, ...]) -> None:
    host, program = cli()
    before = len(host.commands)
    with pytest.raises(OctopusError, match="is never run"):
        program._run(*words)
    assert len(host.commands) == before
