# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Bodies of requests and times in answers."""

from __future__ import annotations

from typing import Any

from flask import request

from ..moments import moment
from .errors import invalid
from .ports import Document


def json_body() -> Document:
    """The request's body.

    Raises:
        ApiError: 400, it is not a JSON object, or its content type is another one.
    """
    if not request.is_json:
        raise invalid(f"The content type of the body is application/json, not '{request.content_type or ''}'.")
    body = request.get_json(silent=True)
    if not isinstance(body, dict):
        raise invalid("The body is not a JSON object.")
    return body


def boolean(body: Document, name: str) -> bool:
    """A property that is true or false and nothing like it.

    Raises:
        ApiError: 400. The text "true" is refused: the API's own clients send booleans.
    """
    value = body.get(name)
    if not isinstance(value, bool):
        raise invalid(f"Error converting value {value!r} of '{name}' to type 'System.Boolean'.")
    return value


def shown(value: Any) -> str | None:
    """A time as the API writes it: ``2022-12-21T20:12:00.354+00:00`` (https://github.com/OctopusDeploy/Issues/issues/7964)."""
    when = moment(value)
    return when.isoformat(timespec="milliseconds") if when else None
