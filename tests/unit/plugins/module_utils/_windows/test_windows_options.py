# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Which endpoint and transport follow from what Ansible knows, and what is refused before a password is sent."""

from __future__ import annotations

import pytest
from ansible_collections.octopus.upgrade.plugins.module_utils._windows.errors import HostRefused
from ansible_collections.octopus.upgrade.plugins.module_utils._windows.options import ConnectionOptions

ALL = {"basic", "plaintext", "ssl", "certificate", "ntlm", "kerberos", "credssp"}
SOME = ALL - {"kerberos", "credssp"}


def options(**given):
    return ConnectionOptions.from_params(
        {"name": "octo-a", "host": "octo-a.example.com", "username": "admin", "password": "S3cret", **given}
    )


@pytest.mark.parametrize(
    ("given", "endpoint"),
    [
        ({}, "https://octo-a.example.com:5986/wsman"),
        ({"port": 5985}, "http://octo-a.example.com:5985/wsman"),
        ({"scheme": "http"}, "http://octo-a.example.com:5985/wsman"),
        ({"scheme": "http", "port": 5986}, "http://octo-a.example.com:5986/wsman"),
        ({"port": 443, "path": "wsman2"}, "https://octo-a.example.com:443/wsman2"),
        ({"host": "fd00::1"}, "https://[fd00::1]:5986/wsman"),
        ({"host": "10.0.0.1"}, "https://10.0.0.1:5986/wsman"),
    ],
)
def test_endpoint(given, endpoint):
    assert options(**given).endpoint == endpoint


@pytest.mark.parametrize(
    ("given", "supported", "transport"),
    [
        ({}, ALL, "ssl"),
        ({"username": "admin@EXAMPLE.COM"}, ALL, "kerberos"),
        ({"transport": ["kerberos", "ntlm"]}, SOME, "ntlm"),
        ({"transport": ["negotiate"]}, ALL, "ntlm"),
        ({"transport": ["negotiate"], "username": "admin@EXAMPLE.COM"}, ALL, "kerberos"),
        ({"transport": ["negotiate"], "username": "admin@EXAMPLE.COM"}, SOME, "ntlm"),
        ({"transport": ["ntlm"], "port": 5985}, ALL, "ntlm"),
        ({"transport": ["basic"], "port": 5985, "message_encryption": "never"}, ALL, "basic"),
    ],
)
def test_transport(given, supported, transport):
    assert options(**given).chosen_transport(supported) == transport


def test_a_readable_password_is_refused():
    for given in ({"port": 5985}, {"port": 5985, "transport": ["basic"]}):
        with pytest.raises(HostRefused, match="would send the password unencrypted"):
            options(**given).chosen_transport(ALL)


def test_a_transport_that_is_not_installed_is_named():
    with pytest.raises(HostRefused, match="support for the WinRM transport credssp on this control node"):
        options(transport=["credssp"]).chosen_transport(SOME)


def test_no_host_is_refused():
    for params in (None, {}, {"name": "octo-a"}):
        with pytest.raises(HostRefused, match="There is no WinRM connection"):
            ConnectionOptions.from_params(params)


def test_no_secret_in_the_repr():
    assert "S3cret" not in repr(options(proxy="http://user:S3cret@proxy"))


def test_arguments_for_pywinrm():
    arguments = options(ca_trust_path="/ca.pem", operation_timeout=40, proxy="").protocol_arguments("ntlm")
    assert (arguments["transport"], arguments["ca_trust_path"], arguments["proxy"]) == ("ntlm", "/ca.pem", None)
    assert arguments["read_timeout_sec"] > arguments["operation_timeout_sec"] == 40
    assert {"proxy", "ca_trust_path"}.isdisjoint(options().protocol_arguments("ntlm"))


def test_unknown_and_missing_options_do_not_matter():
    assert options(path=None, url="https://node").url == "https://node"
    assert ConnectionOptions.from_params({"host": "h", "delegate": "x"}).name == "h"
