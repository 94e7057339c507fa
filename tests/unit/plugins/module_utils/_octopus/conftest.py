# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the tests of Octopus share: a fake server, and the API pointed at it."""

from __future__ import annotations

import pytest
from ansible_collections.octopus.upgrade.plugins.module_utils._octopus.api.client import OctopusApi
from ansible_collections.octopus.upgrade.plugins.module_utils._octopus.api.options import ApiOptions
from ansible_collections.octopus.upgrade.tests.unit.octopus_server import FakeServer


@pytest.fixture
def server():
    fake = FakeServer()
    yield fake
    fake.close()


@pytest.fixture
def api(server):
    with OctopusApi(ApiOptions(server.url, "API-SECRET", allow_http=True, timeout=5)) as found:
        yield found
