# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What names mean on a host, in whatever language it prints, and whether it can connect."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from ansible_collections.octopus.upgrade.plugins.module_utils._windows import names, reach
from ansible_collections.octopus.upgrade.plugins.module_utils._windows.connection import CommandResult
from ansible_collections.octopus.upgrade.plugins.module_utils._windows.errors import HostError
from ansible_collections.octopus.upgrade.plugins.module_utils._windows.reach import Attempt
from ansible_collections.octopus.upgrade.tests.unit.windows_host import FakeHost, Printed

SERVICES = "HKLM\\SYSTEM\\CurrentControlSet\\Services"


class Host(FakeHost):
    """One whose programs print to standard output whatever their exit code is, as these do."""

    def _answer(self, command: str, options: dict[str, Any]) -> CommandResult:
        result = super()._answer(command, options)
        return replace(result, stdout=result.stdout or result.stderr)


NOBODY: Printed = (1, "Ping-Anforderung konnte Host nicht finden.")
SERVER = "Server:  dns1.example.com\r\nAddress:  10.0.0.53\r\n\r\n"
NOTHING: Printed = (0, SERVER)


def ping(family: int, printed: Printed, name: str = "sql.example.com") -> dict[str, Printed]:
    return {f"ping -{family} -n 1 -w 1 {name}": printed}


def test_all_addresses_of_a_name() -> None:
    german = "\r\nPing wird ausgeführt für sql.example.com [10.1.2.3] mit 32 Bytes Daten:\r\nZeitüberschreitung.\r\n"
    six = "\r\nPing wird ausgeführt für sql.example.com [fe80::7%4] mit 32 Bytes Daten:\r\n"
    dns = f"{SERVER}Name:    sql.example.com\r\nAddresses:  fd00::7\r\n          10.1.2.4\r\n          10.1.2.3\r\nAliases:  db.example.com\r\n\r\n"
    host = Host({**ping(4, (1, german)), **ping(6, (1, six)), "nslookup sql.example.com.": dns})
    assert names.addresses(host, "sql.example.com") == ["10.1.2.3", "10.1.2.4", "fd00::7", "fe80::7"]


def test_the_hosts_file_counts_and_the_dns_server_itself_does_not() -> None:
    host = FakeHost({**ping(4, "Pinging db [10.1.2.3] with 32 bytes", "db"), **ping(6, NOBODY, "db"), "nslookup db": NOTHING})
    assert names.addresses(host, "db") == ["10.1.2.3"]


def test_an_address_stays_and_nobody_is_asked() -> None:
    assert [names.addresses(FakeHost(), one) for one in ("10.1.2.3", "10.20.0.0/16", "fd00::7")] == [
        ["10.1.2.3"],
        ["10.20.0.0/16"],
        ["fd00::7"],
    ]


def test_a_name_without_an_address_is_an_error() -> None:
    host = FakeHost({**ping(4, NOBODY, "db"), **ping(6, NOBODY, "db"), "nslookup db": NOTHING})
    with pytest.raises(HostError, match="neither its own resolver nor DNS has one"):
        names.addresses(host, "db")


@pytest.mark.parametrize("name", ["-t", "a b", "", "10.1.2.3/8", "a&b"])
def test_what_is_no_name_is_not_handed_to_a_program(name: str) -> None:
    with pytest.raises(HostError, match="expected the name of a host"):
        names.addresses(FakeHost(), name)


def values(**of: str) -> str:
    return "".join(f"\r\nHKEY_LOCAL_MACHINE\\X\\{key}\r\n    V    REG_SZ    {text}\r\n" for key, text in of.items())


def test_dns_servers_that_were_set_replace_those_of_dhcp() -> None:
    def found(value: str, **of: str) -> str:
        return values(**of).replace("    V    ", f"    {value}    ")

    four, six = (f"reg query {SERVICES}\\{one}\\Parameters\\Interfaces /s /v" for one in ("Tcpip", "Tcpip6"))
    host = FakeHost(
        {
            f"{four} DhcpNameServer": found("DhcpNameServer", a="10.0.0.53 10.0.0.54", b="10.0.0.99"),
            f"{four} NameServer": found("NameServer", a="", b="10.0.0.1,10.0.0.2"),
            f"{six} DhcpNameServer": (1, "0"),
            f"{six} NameServer": found("NameServer", a="fd00::53"),
        }
    )
    assert names.dns_servers(host) == ["10.0.0.1", "10.0.0.2", "10.0.0.53", "10.0.0.54", "fd00::53"]


def domain(netlogon: str, lookups: dict[str, Printed]) -> FakeHost:
    def value(name: str, kind: str, data: str) -> str:
        return f"\r\nHKEY_LOCAL_MACHINE\\X\r\n    {name}    {kind}    {data}\r\n"

    return FakeHost(
        {
            f"reg query {SERVICES}\\Netlogon /v Start": value("Start", "REG_DWORD", netlogon),
            f"reg query {SERVICES}\\Tcpip\\Parameters /v Domain": value("Domain", "REG_SZ", "corp.example.com"),
            **lookups,
        }
    )


def test_domain_controllers_are_what_the_domain_and_its_records_say() -> None:
    srv = f"{SERVER}"
    srv += "_ldap._tcp.dc._msdcs.corp.example.com SRV service location:\r\n  svr hostname = dc2.corp.example.com\r\n"
    srv += "dc2.corp.example.com internet address = 10.0.0.6\r\n"
    host = domain(
        "0x2",
        {
            "nslookup corp.example.com.": f"{SERVER}Name: corp.example.com\r\nAddress: 10.0.0.5\r\n",
            "nslookup -type=SRV _ldap._tcp.dc._msdcs.corp.example.com.": srv,
        },
    )
    assert names.domain_controllers(host) == ["10.0.0.5", "10.0.0.6"]


def test_a_host_in_no_domain_needs_none_and_one_in_a_domain_needs_some() -> None:
    assert names.domain_controllers(domain("0x3", {})) == []
    with pytest.raises(HostError, match="nobody could log on"):
        names.domain_controllers(domain("0x2", {"nslookup": NOTHING}))


# -- connecting


@pytest.mark.parametrize(
    ("code", "time", "connected"),
    [(28, "0.000412", True), (0, "0,003", True), (7, "0.000000", False), (28, "0.000000", False), (28, "0", False)],
)
def test_a_connection_is_told_by_its_time(code: int, time: str, connected: bool) -> None:
    host = Host({"curl": (code, f"SSH-2.0\ntime_connect={time}")})
    assert reach.attempt(host, "10.1.2.3", 22) == Attempt(code, connected)
    assert reach.attempt(host, "fd00::7", 22) == Attempt(code, connected)
    assert [command.rpartition(" ")[2] for command in host.commands] == ["telnet://10.1.2.3:22", "telnet://[fd00::7]:22"]


def test_a_curl_that_says_nothing_tells_nothing() -> None:
    with pytest.raises(HostError, match=r"expected curl\.exe to say"):
        reach.attempt(FakeHost({"curl": (2, "")}), "10.1.2.3", 22)


REACHED, REFUSED, SILENT, ODD = Attempt(28, True), Attempt(7, False), Attempt(28, False), Attempt(2, False)


@pytest.mark.parametrize(
    ("before", "after", "verdict", "tells"),
    [
        (REACHED, REFUSED, "blocked", True),
        (SILENT, REFUSED, "blocked", True),
        (REACHED, SILENT, "blocked", True),
        (REFUSED, REFUSED, "blocked", False),
        (None, REFUSED, "blocked", False),
        (SILENT, SILENT, "unknown", False),
        (None, SILENT, "unknown", False),
        (REFUSED, SILENT, "unknown", False),
        (REACHED, REACHED, "reached", False),
        (REFUSED, REACHED, "reached", False),
        (None, ODD, "unknown", False),
    ],
)
def test_verdicts(before: Attempt | None, after: Attempt, verdict: str, tells: bool) -> None:
    assert (reach.verdict(before, after), reach.tells(before, after)) == (verdict, tells)
