# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""When a certificate is replaced, and what is refused: by versions whose help says less, and by programs that do not what they say."""

from __future__ import annotations

import pytest
from ansible_collections.octopus.upgrade.plugins.module_utils._octopus.errors import OctopusError
from ansible_collections.octopus.upgrade.plugins.module_utils._octopus.instance import certificate
from ansible_collections.octopus.upgrade.plugins.module_utils._octopus.instance.found import FoundInstance
from ansible_collections.octopus.upgrade.plugins.module_utils._octopus.instance.request import InstanceRequest
from ansible_collections.octopus.upgrade.plugins.module_utils._octopus.instance.results import Change, InstanceResult
from ansible_collections.octopus.upgrade.tests.unit.windows_host import FakeHost

EXE = r"C:\Program Files\Octopus Deploy\Octopus\Octopus.Server.exe"
SOURCE, OWN = "A1" * 20, "B2" * 20
HELP = "      --instance=VALUE\n      --replace\n      --export-pfx=VALUE"


def instance(helped: str = HELP, after: str = OWN, others: frozenset[str] = frozenset({SOURCE}), before: str = SOURCE) -> FoundInstance:
    """An instance whose program makes of one certificate another."""
    has = [before]

    def replaced(_command: str) -> str:
        has.append(after)
        return f"currently:\n{has[-2]}\nnew:\n{after}"

    answers = {
        "reg query": (1, ""),
        f"{EXE} show-thumbprint": lambda _command: f"Octopus Deploy: Server version 2025.3\n{has[-1].lower()}\n",
        f"{EXE} new-certificate --help": helped,
        f"{EXE} new-certificate --instance=A --replace": replaced,
    }
    request = InstanceRequest("A", "present", other_thumbprints=others)
    found = FoundInstance(FakeHost(answers), request, InstanceResult("A", program_version="2025.3"))
    found.may_change = True
    return found


def test_that_of_another_server_is_replaced() -> None:
    found = instance()
    certificate.ensure(found)
    assert found.result.thumbprint == OWN
    assert found.result.changes == [Change("certificate", SOURCE, OWN)]


@pytest.mark.parametrize("others", [frozenset(), frozenset({OWN})])
def test_one_of_its_own_is_left(others: frozenset[str]) -> None:
    found = instance(others=others)
    certificate.ensure(found)
    assert (found.result.thumbprint, found.result.changes) == (SOURCE, [])
    assert not found.host.ran(f"{EXE} new-certificate")


@pytest.mark.parametrize("helped", ["      --instance=VALUE\n      --export-file=VALUE", ""])
def test_a_version_that_cannot_replace_it_is_refused_before_anything(helped: str) -> None:
    found = instance(helped)
    with pytest.raises(OctopusError, match=r"The certificate is as it was, .*octopus_clone_certificate: keep"):
        certificate.ensure(found)
    assert not found.host.ran(f"{EXE} new-certificate --instance")


def test_a_program_that_says_it_has_replaced_it_is_not_believed() -> None:
    found = instance(after=SOURCE)
    with pytest.raises(OctopusError, match="Do not start it"):
        certificate.ensure(found)
    assert found.result.changes == []
