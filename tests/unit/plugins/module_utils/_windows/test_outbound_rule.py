# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The rule about what a host may reach: read back from the registry, and what keeps it from acting. The whole of it: scenarios/windows/test_outbound.py."""

from __future__ import annotations

import pytest
from ansible_collections.octopus.upgrade.plugins.module_utils._windows import firewall, outbound_rule
from ansible_collections.octopus.upgrade.plugins.module_utils._windows.errors import HostError
from ansible_collections.octopus.upgrade.tests.unit.windows_host import FakeHost, Printed

KEY = "HKLM\\SYSTEM\\CurrentControlSet\\Services\\SharedAccess\\Parameters\\FirewallPolicy"
GROUP = "HKLM\\SOFTWARE\\Policies\\Microsoft\\WindowsFirewall"
REMOTE = firewall.others(["10.1.2.3", "::1"])
NAME = outbound_rule.name_of("copy", REMOTE)
FIELDS = "RA4=0.0.0.0-10.1.2.2|RA4=10.1.2.4-255.255.255.255|RA6=::|RA6=::2-ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff"
ALL_ON = {f"{KEY}\\{name}Profile".lower(): "0x1" for name in ("Domain", "Standard", "Public")}


def rule(name: str = NAME, fields: str = FIELDS, more: str = "", **other: str) -> str:
    first = {"Action": "Block", "Active": "TRUE", "Dir": "Out", "Protocol": "6", **other}
    return f"v2.30|{'|'.join(f'{key}={value}' for key, value in first.items())}|{fields}|{more}Name={name}|"


def test_the_rule_that_was_added_is_recognised() -> None:
    found = outbound_rule.parse(rule())
    assert (found.name, found.active, found.differs(REMOTE)) == (NAME, True, "")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (rule(Active="FALSE"), "Active is FALSE"),
        (rule(Action="Allow"), "Action is Allow"),
        (rule(Dir="In"), "Dir is In"),
        (rule(Protocol="17"), "Protocol is 17"),
        (rule(more="App=C:\\a.exe|"), "it is limited by App"),
        (rule(more="Profile=Public|RPort=443|"), "it is limited by Profile, RPort"),
        (rule(fields="RA4=10.0.0.0/255.0.0.0"), "it has other addresses"),
        (rule(fields=""), "it has other addresses"),
        (rule(fields="RA4=LocalSubnet"), "its addresses cannot be read"),
        ("v2.30|Name=x|", "Action is missing"),
    ],
)
def test_one_that_blocks_less_is_another_one(text: str, said: str) -> None:
    assert outbound_rule.parse(text).differs(REMOTE).startswith(said)


def test_the_same_addresses_may_be_written_in_another_way() -> None:
    halves = "RA4=0.0.0.0/248.0.0.0|RA4=8.0.0.0-10.1.2.2|RA4=10.1.2.4-255.255.255.254|RA4=255.255.255.255|"
    halves += "RA6=::/128|RA6=::2-ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff"
    assert outbound_rule.parse(rule(fields=halves)).differs(REMOTE) == ""


def test_a_name_says_whose_it_is_and_what_it_blocks() -> None:
    other = outbound_rule.name_of("copy", firewall.others(["10.1.2.4"]))
    assert other != NAME and NAME.startswith("octopus.upgrade-outbound-copy-") and outbound_rule.name_of("copy", REMOTE) == NAME


def test_only_rules_of_the_instance_are_found() -> None:
    known = [NAME, outbound_rule.name_of("copy-2", REMOTE), "octopus.upgrade-outbound-copy-of-somebody", "octopus.upgrade-copy"]
    lines = [f"    {{{number}}}    REG_SZ    {rule(name)}" for number, name in enumerate(known)]
    printed = "\r\nHKEY_LOCAL_MACHINE\\X\\FirewallRules\r\n" + "\r\n".join(lines) + "\r\n\r\nEnd of search: 4 match(es) found.\r\n"
    host = FakeHost({f"reg query {KEY}\\FirewallRules /f octopus.upgrade-outbound-copy- /d /reg:64": printed})
    assert [one.name for one in outbound_rule.find(host, "copy")] == [NAME]


def test_a_registry_that_does_not_answer_is_no_absence_of_rules() -> None:
    assert outbound_rule.find(FakeHost({"reg query": (1, "0 gefunden")}), "copy") == []
    with pytest.raises(HostError, match=r"reg\.exe ended with 5"):
        outbound_rule.find(FakeHost({"reg query": (5, "Zugriff verweigert")}), "copy")


@pytest.mark.parametrize(
    ("code", "there", "said"),
    [
        (1, None, "none is there: Ein Wert ist"),
        (0, None, "none is there"),
        (0, rule(Active="FALSE"), "Active is FALSE"),
        (1, rule(), "ended with 1: Ein"),
    ],
)
def test_a_rule_that_is_not_there_as_it_should_be_is_an_error(code: int, there: str | None, said: str) -> None:
    printed: Printed = (1, "0 gefunden") if there is None else f"\r\nHKEY_LOCAL_MACHINE\\X\r\n    {{1}}    REG_SZ    {there}\r\n"
    host = FakeHost({"netsh advfirewall firewall add rule": (code, "Ein Wert ist falsch."), "reg query": printed})
    with pytest.raises(HostError, match=said):
        outbound_rule.add(host, NAME, REMOTE)
    [added] = host.ran("netsh")
    assert f"name={NAME} dir=out action=block protocol=TCP remoteip=0.0.0.0-10.1.2.2,10.1.2.4-255.255.255.255,::,::2-ffff" in added


def test_one_that_stays_is_an_error() -> None:
    host = FakeHost(
        {"netsh advfirewall firewall delete rule": "OK.", "reg query": f"\r\nHKEY_LOCAL_MACHINE\\X\r\n    {{1}}    REG_SZ    {rule()}\r\n"}
    )
    with pytest.raises(HostError, match=f"by hand: netsh advfirewall firewall delete rule name={NAME}"):
        outbound_rule.delete(host, NAME)


def test_all_profiles_are_on() -> None:
    assert outbound_rule.judge(ALL_ON, {}, {}) == []
    assert outbound_rule.judge({**ALL_ON, f"{KEY}\\publicprofile".lower(): "0x0"}, {f"{GROUP}\\publicprofile".lower(): "0x1"}, {}) == []


@pytest.mark.parametrize(
    ("local", "group", "merge", "said"),
    [
        ({f"{KEY}\\standardprofile": "0x0"}, {}, {}, "is off in the private profile"),
        ({f"{KEY}\\standardprofile": "?"}, {}, {}, "is off in the private profile"),
        ({}, {f"{GROUP}\\standardprofile": "0x0"}, {}, "is off in the private profile"),
        ({}, {f"{GROUP}\\privateprofile": "0x0"}, {}, "is off in the private profile"),
        ({f"{KEY}\\mdm\\domainprofile": "0x0"}, {}, {}, "is off in the domain profile"),
        ({}, {}, {f"{GROUP}\\domainprofile": "0x0"}, "a policy lets no rules of the host act in the domain profile"),
        ({}, {}, {f"{KEY}\\mdm\\publicprofile": "0x0"}, "a policy lets no rules of the host act in the public profile"),
    ],
)
def test_what_keeps_rules_from_acting(local: dict[str, str], group: dict[str, str], merge: dict[str, str], said: str) -> None:
    lower = (
        {key.lower(): value for key, value in one.items()} for one in ({**ALL_ON, **{k.lower(): v for k, v in local.items()}}, group, merge)
    )
    [found] = outbound_rule.judge(*lower)
    assert said in found


def test_silence_is_not_on() -> None:
    assert len(outbound_rule.judge({}, {}, {})) == 3
