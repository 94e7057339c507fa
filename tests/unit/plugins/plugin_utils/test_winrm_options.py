# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""From a connection plugin's options to ours. With real plugins and ansible-playbook: tests/scenarios/windows."""

from __future__ import annotations

import pytest
from ansible_collections.octopus.upgrade.plugins.module_utils._windows.options import CONNECTION_SPEC
from ansible_collections.octopus.upgrade.plugins.plugin_utils._winrm_options import (
    PSRP_OPTIONS,
    WINRM_EXTRAS,
    WINRM_OPTIONS,
    ConnectionRefused,
    options_of,
)


class Plugin:
    def __init__(self, transport, /, **options):
        self.transport = transport
        self._options = options

    def get_option(self, name):
        return self._options.get(name)


def winrm(**options):
    return Plugin("winrm", **{"remote_addr": "10.0.0.1", "port": 5986, "remote_user": "admin", "remote_password": "pw", **options})


def psrp(**options):
    return Plugin("psrp", **{"remote_addr": "10.0.0.1", "path": "wsman", "operation_timeout": 20, "read_timeout": 30, **options})


def test_every_option_is_one_of_the_modules():
    ours = set(CONNECTION_SPEC["connection"]["options"])
    assert {*WINRM_OPTIONS, *WINRM_EXTRAS.values(), *PSRP_OPTIONS} <= ours


def test_winrm():
    extras = {"ansible_winrm_server_cert_validation": "ignore", "ansible_winrm_read_timeout_sec": 99, "ansible_winrm_nonsense": 1}
    options = options_of(winrm(_extras=extras, transport=["ntlm"]), "octo-a", "https://node")
    assert options == {
        "name": "octo-a",
        "url": "https://node",
        "host": "10.0.0.1",
        "port": 5986,
        "username": "admin",
        "password": "pw",
        "transport": ["ntlm"],
        "server_cert_validation": "ignore",
        "read_timeout": 99,
    }


def test_winrms_timeout_sets_both():
    options = options_of(winrm(connection_timeout=60), "octo-a")
    assert (options["operation_timeout"], options["read_timeout"]) == (60, 70)


@pytest.mark.parametrize(
    ("given", "scheme", "port"),
    [
        ({}, "https", 5986),
        ({"port": 5985}, "http", 5985),
        ({"protocol": "http"}, "http", 5985),
        ({"port": 1, "protocol": "http"}, "http", 1),
    ],
)
def test_psrp(given, scheme, port):
    options = options_of(psrp(auth="negotiate", **given), "octo-a")
    assert (options["scheme"], options["port"], options["path"], options["transport"]) == (scheme, port, "/wsman", "negotiate")


def test_psrp_proxy_and_timeouts():
    options = options_of(psrp(ignore_proxy=True, operation_timeout=40), "octo-a")
    assert (options["proxy"], options["read_timeout"]) == ("", 50)
    assert options_of(psrp(ignore_proxy=True, proxy="http://p"), "octo-a")["proxy"] == "http://p"


def test_anything_else_is_refused():
    with pytest.raises(ConnectionRefused, match=r"linux has ansible_connection: ssh\. Set ansible_connection: winrm \(or psrp\)"):
        options_of(Plugin("ssh"), "linux")


def test_both_fragments_document_the_same_endpoint():
    """ansible-test reads fragments without running them, so that the options of an endpoint are written twice."""
    import yaml
    from ansible_collections.octopus.upgrade.plugins.doc_fragments.windows import ModuleDocFragment

    one = yaml.safe_load(ModuleDocFragment.DOCUMENTATION)["options"]["connection"]["suboptions"]
    assert one == yaml.safe_load(ModuleDocFragment.NODES)["options"]["connections"]["suboptions"]
