# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Which API keys the user of a key has."""

from __future__ import annotations

import pytest
from ansible_collections.octopus.upgrade.plugins.module_utils._octopus.api.api_keys import own_keys
from ansible_collections.octopus.upgrade.plugins.module_utils._octopus.errors import OctopusError


class Api:
    url = "https://octopus.lab"

    def __init__(self, user, pages):
        self.user, self.pages, self.asked = user, pages, []

    def get(self, path):
        assert path == "/api/users/me"
        return self.user

    def items(self, path):
        self.asked.append(path)
        return iter(self.pages)


ME = {"Id": "Users-7", "Username": "upgrade-bot"}


@pytest.mark.parametrize(
    ("links", "path"),
    [
        ({"ApiKeys": "/octopus/api/users/Users-7/apikeys{?skip,take}"}, "/octopus/api/users/Users-7/apikeys"),
        (None, "/api/users/Users-7/apikeys"),
    ],
)
def test_all_of_them_by_the_link_or_the_documented_path(links, path):
    api = Api({**ME, "Links": links}, [{"Id": "apikeys-9"}, {"Id": "apikeys-10", "Purpose": "old"}])
    assert own_keys(api) == ["apikeys-10", "apikeys-9"] and api.asked == [path]


def test_an_empty_list_is_no_answer():
    with pytest.raises(OctopusError, match="API keys of upgrade-bot at /api/users/Users-7/apikeys, but it lists none"):
        own_keys(Api(ME, []))
