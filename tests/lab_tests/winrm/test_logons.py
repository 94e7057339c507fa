# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Who gets in, who is counted, who is locked out."""

from __future__ import annotations

import base64
import os
from typing import Any

import pytest
import requests
from lab.winrm.logons import THRESHOLD, Logons
from pypsrp.exceptions import AuthenticationError
from pypsrp.shell import WinRS
from pypsrp.wsman import WSMan
from winrm.exceptions import InvalidCredentialsError

from .conftest import ACCOUNT, PASSWORD, WAIT, Lab

KINDS = pytest.mark.parametrize("kind", ["http", "https"])


@KINDS
def test_a_wrong_password_gets_401_and_is_one_failed_logon(lab: Lab, kind: str) -> None:
    with pytest.raises(InvalidCredentialsError):
        getattr(lab, kind)(password="wrong").open_shell()
    assert lab.server.logons.failures == {ACCOUNT: 1}
    assert [event["status"] for event in lab.requests(failed_logon=ACCOUNT)] == [401]
    assert lab.server.shells.all() == []


@KINDS
def test_five_wrong_passwords_lock_the_account_out(lab: Lab, kind: str) -> None:
    logons = lab.server.logons
    for _attempt in range(THRESHOLD):
        assert not logons.locked(ACCOUNT)
        with pytest.raises(InvalidCredentialsError):
            getattr(lab, kind)(password="wrong").open_shell()
    assert logons.locked(ACCOUNT)
    with pytest.raises(InvalidCredentialsError):
        getattr(lab, kind)().open_shell()
    assert {event["status"] for event in lab.requests(failed_logon=ACCOUNT)} == {401}
    logons.unlock(ACCOUNT)
    assert getattr(lab, kind)().open_shell()


def test_a_good_logon_forgives_the_bad_ones_but_the_count_stays(lab: Lab) -> None:
    for _attempt in range(THRESHOLD - 1):
        with pytest.raises(InvalidCredentialsError):
            lab.https(password="wrong").open_shell()
    lab.https().open_shell()
    with pytest.raises(InvalidCredentialsError):
        lab.https(password="wrong").open_shell()
    assert not lab.server.logons.locked(ACCOUNT)
    assert lab.server.logons.failures[ACCOUNT] == THRESHOLD


@KINDS
def test_an_unknown_account_is_refused(lab: Lab, kind: str) -> None:
    with pytest.raises(InvalidCredentialsError):
        getattr(lab, kind)(username="LAB\\nobody").open_shell()
    assert lab.server.logons.failures == {"LAB\\nobody": 1}


@KINDS
@pytest.mark.parametrize("name", ["octo-admin", "lab\\OCTO-ADMIN", "octo-admin@lab"])
def test_an_account_has_several_spellings(lab: Lab, kind: str, name: str) -> None:
    getattr(lab, kind)(username=name).open_shell()
    assert lab.requests(action="Create")[0]["account"] == ACCOUNT


@pytest.mark.parametrize("ssl", [True, False])
def test_pypsrp_is_refused_like_pywinrm(lab: Lab, ssl: bool) -> None:
    trust: Any = str(lab.network.authority.path)  # pypsrp declares a bool only
    client = WSMan(lab.host.address, ssl=ssl, username=ACCOUNT, password="wrong", cert_validation=trust, no_proxy=True)
    with client, pytest.raises(AuthenticationError), WinRS(client):
        pass
    assert lab.server.logons.failures == {ACCOUNT: 1}


NONSENSE = "Negotiate " + base64.b64encode(b"nonsense").decode()


@pytest.mark.parametrize("header", ["Basic !!!", "Negotiate !!!", NONSENSE, "Digest x", "Basic"])
def test_nonsense_is_refused(lab: Lab, header: str) -> None:
    response = requests.post(
        lab.server.endpoint, data=b"x", headers={"Authorization": header}, verify=str(lab.network.authority.path), timeout=WAIT
    )
    assert response.status_code == 401
    assert response.headers["WWW-Authenticate"] == 'Negotiate, Basic realm="WSMAN"'
    assert lab.server.logons.failures.get(ACCOUNT, 0) == 0


def test_all_hosts_of_a_network_count_together(lab: Lab) -> None:
    assert Logons.of(lab.network) is lab.server.logons


def test_the_environment_is_left_as_it_was(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NTLM_USER_FILE", "theirs")
    lab.http().open_shell()
    assert os.environ["NTLM_USER_FILE"] == "theirs"


def test_shells_belong_to_their_owner(lab: Lab) -> None:
    shell = lab.https().open_shell()
    with pytest.raises(Exception, match="Access is denied"):
        lab.https(username="LAB\\other", password="Other-1!").close_shell(shell)
    assert [one.owner for one in lab.server.shells.all()] == [ACCOUNT]


def test_passwords_are_not_remembered(lab: Lab) -> None:
    lab.https().open_shell()
    lab.http().open_shell()
    assert PASSWORD not in str([event.as_dict() for event in lab.ledger.events()])
