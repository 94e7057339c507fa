# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The versions that can be had: from the vendor's release feed, a copy of it, or a folder of packages on the control node."""

from __future__ import annotations

import json
import traceback
from pathlib import Path
from typing import Any

from ansible_collections.octopus.upgrade.plugins.module_utils._core.errors import MissingLibrary
from ansible_collections.octopus.upgrade.plugins.module_utils._octopus.errors import OctopusError
from ansible_collections.octopus.upgrade.plugins.module_utils._octopus.path.releases import Release, from_feed, from_names

try:
    import requests
except ImportError:
    REQUESTS_IMPORT_ERROR: str | None = traceback.format_exc()
else:
    REQUESTS_IMPORT_ERROR = None

# https://octopus.com/docs/administration/upgrading/guide/automate-upgrades
DEFAULT_FEED = "https://octopus.com/download/upgrade/v3"
_TIMEOUT = 30  # seconds
_ADVICE = "Give a copy of the feed or a folder with the packages in octopus_release_feed, or the whole path in octopus_ladder."


def read(feed: str, *, validate_certs: bool = True, ca_path: str | None = None) -> list[Release]:
    """Read the published versions, the oldest first.

    Args:
        feed: A URL, the path of a copy of the feed, or of a folder with packages named Octopus.<version>-x64.msi.
        validate_certs: Whether the certificate of a URL is verified.
        ca_path: PEM file with certificates of authorities that are trusted for that.

    Raises:
        OctopusError: It cannot be read.
    """
    if feed.startswith(("https://", "http://")):
        return from_feed(_fetched(feed, (ca_path or True) if validate_certs else False))
    place = Path(feed)
    try:
        if place.is_dir():
            return from_names(entry.name for entry in place.iterdir())
        return from_feed(json.loads(place.read_text(encoding="utf-8-sig")))
    except (OSError, ValueError) as error:
        raise OctopusError(f"cannot read the release feed {feed} on the control node: {error}. {_ADVICE}") from error


def _fetched(url: str, verify: bool | str) -> Any:
    if REQUESTS_IMPORT_ERROR:
        raise MissingLibrary("requests", REQUESTS_IMPORT_ERROR)
    try:
        answer = requests.get(url, timeout=_TIMEOUT, verify=verify)
        answer.raise_for_status()
        return answer.json()
    except (requests.RequestException, ValueError) as error:
        raise OctopusError(f"cannot read the release feed {url}: {error}. {_ADVICE}") from error
