# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Errors as the API tells them: JSON with ``ErrorMessage`` and ``Errors``."""

from __future__ import annotations

import logging
from typing import Any

from flask import Flask, Response, jsonify
from werkzeug.exceptions import HTTPException

LOG = logging.getLogger(__name__)


class ApiError(Exception):
    """An answer that is an error."""

    def __init__(self, status: int, message: str, errors: list[str] | None = None, headers: dict[str, str] | None = None) -> None:
        super().__init__(message)
        self.status = status
        self.message = message
        self.errors = errors or []
        self.headers = headers or {}


def forbidden(permission: str) -> ApiError:
    """In the words of https://github.com/OctopusDeploy/Issues/issues/9333."""
    return ApiError(
        403,
        f"You do not have permission to perform this action. Please contact your Octopus administrator. Missing permission: {permission}",
    )


def not_found(what: str = "") -> ApiError:
    return ApiError(404, f"The resource '{what}' was not found." if what else "The resource you requested was not found.")


def invalid(*errors: str) -> ApiError:
    """400 with what is wrong with the body or query."""
    return ApiError(400, "There was a problem with your request.", list(errors))


def answer(status: int, message: str, errors: list[str], headers: dict[str, str]) -> Response:
    body: dict[str, Any] = {"ErrorMessage": message, "Errors": errors}
    response = jsonify(body)
    response.status_code = status
    response.headers.update(headers)
    return response


def install(app: Flask) -> None:
    """Every error of the app, told as JSON."""

    @app.errorhandler(ApiError)
    def known(error: ApiError) -> Response:
        return answer(error.status, error.message, error.errors, error.headers)

    @app.errorhandler(HTTPException)
    def http(error: HTTPException) -> Response:
        if error.code == 404:
            return answer(404, "The resource you requested was not found.", [], {})
        return answer(error.code or 500, error.description or error.name, [], {})

    @app.errorhandler(Exception)
    def unexpected(error: Exception) -> Response:
        # The product answers so when its database is gone: the request fails, the server stays.
        LOG.warning("request failed: %s: %s", type(error).__name__, error)
        return answer(500, f"{type(error).__name__}: {error}", [], {})
