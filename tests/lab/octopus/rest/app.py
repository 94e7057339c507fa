# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""One node's API as a WSGI app: who calls, in which space, whether writes are allowed, what is remembered."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from typing import Any

from flask import Flask, Response, current_app, g, request
from flask.json.provider import DefaultJSONProvider

from ...core.clock import Clock
from ...core.faults import Faults
from ...core.ledger import Ledger
from . import content, interruptions, nodes, releases, resources, root, server, sign_in, status, tasks, transfer, users
from .context import KEY, Node, allowed, node, store
from .errors import ApiError, install
from .limits import Limiter, inject
from .ports import Store

WRITES = {"POST", "PUT", "DELETE", "PATCH"}
SPACE = re.compile(r"^/api/(?:spaces/)?(?P<space>Spaces-\d+)(?P<rest>/.+)$", re.I)
BY_NAME = re.compile(r"^/api/spaces/(?P<space>(?!all(?:/|$))[^/]+)(?P<rest>/.+)$", re.I)
SPACE_HOME = re.compile(r"^/api/(?P<space>Spaces-\d+)$", re.I)
OF_THE_SPACE_ITSELF = re.compile(r"^/api/spaces/[^/]+/(?:logo|search)$", re.I)
BAD_KEY = (
    "The API key you provided was not valid. Please double-check your API key and try again. "
    "For instructions on finding your API key, please visit: https://oc.to/ApiKey"
)


def create_app(
    store: Store,
    node_name: str,
    version: str,
    clock: Clock,
    ledger: Ledger,
    *,
    faults: Faults | None = None,
    machine: str = "",
    newest: str | None = None,
    rate_limit: int | None = None,
    only_documented: bool = False,
) -> Flask:
    """The API of one running node.

    Args:
        store: The instance's database and folders, as this node sees them.
        node_name: Its name in the cluster; told in the header ``Octopus-Node``.
        version: Of the running binary; decides which endpoints and links there are.
        machine: The host's name in the ledger and for faults; the node's name where empty.
        newest: The newest version that the update check found; None: it found nothing.
        only_documented: Whether nothing is served that only the lab's own assumption supports.
        rate_limit: Requests a lab minute, with a burst of as many; None: off, as after an upgrade from 2026.2 or older.
    """
    app = Flask("lab.octopus.rest")
    app.json = _Json(app)
    app.url_map.strict_slashes = False
    machine = machine or node_name
    app.extensions[KEY] = Node(store, node_name, version, clock, ledger, faults or Faults(ledger), machine, newest, only_documented)
    app.extensions["lab.limiter"] = Limiter(clock, rate_limit)
    app.extensions[sign_in.SESSIONS] = {}
    install(app)
    for part in (root, sign_in, users, server, status, nodes, tasks, interruptions, transfer, content, releases, resources):
        app.register_blueprint(part.api, url_prefix="/api")
    app.before_request(_arrive)
    app.after_request(_leave)
    app.wsgi_app = _Spaces(app.wsgi_app, app.extensions[KEY].has_spaces)  # type: ignore[method-assign]  # as Flask documents it
    return app


class _Json(DefaultJSONProvider):
    """Keeps the order of the keys."""

    sort_keys = False


class _Spaces:
    """``/api/Spaces-1/projects`` is ``/api/projects`` in a space: takes the space out of the path, from 2019.1."""

    def __init__(self, app: Callable[..., Iterable[bytes]], on: bool) -> None:
        self.app = app
        self.on = on

    def __call__(self, environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        path = environ["lab.path"] = environ.get("PATH_INFO", "")
        if self.on and not OF_THE_SPACE_ITSELF.match(path):
            match = SPACE.match(path) or BY_NAME.match(path)
            if match:
                environ["lab.space"] = match["space"]
                environ["PATH_INFO"] = f"/api{match['rest']}"
            elif home := SPACE_HOME.match(path):
                environ["lab.space"], environ["PATH_INFO"] = home["space"], "/api/space-home"
        return self.app(environ, start_response)


def _arrive() -> Response | None:
    g.path = request.environ["lab.path"]
    g.space = request.environ.get("lab.space")
    g.user_name = ""
    response = inject()
    if response is not None:
        return response
    wait = current_app.extensions["lab.limiter"].take()
    if wait is not None:
        raise ApiError(429, "Too many requests. Please try again later.", headers={"Retry-After": str(wait)})
    key = request.headers.get("X-Octopus-ApiKey") or request.args.get("apikey")
    if key:
        user = store().user_for_key(key)
        if user is None or user.get("IsActive") is False:
            raise ApiError(401, BAD_KEY)
        g.user, g.by_key = user, True
        g.user_name = user.get("Username", "")
    elif user := sign_in.by_cookie():
        g.user, g.user_name = user, user.get("Username", "")
    if request.method in WRITES and g.get("user") is not None and store().maintenance() and not allowed("AdministerSystem"):
        # Only administrators may change things (https://octopus.com/docs/administration/managing-infrastructure/maintenance-mode);
        # status and words are assumed.
        raise ApiError(503, "Octopus Server is in maintenance mode: only administrators can make changes until it is turned off.")
    return None


def _leave(response: Response) -> Response:
    here = node()
    response.headers["Octopus-Node"] = here.name
    here.ledger.record(
        "rest",
        here.machine,
        method=request.method,
        path=g.get("path", request.path),
        status=response.status_code,
        user=g.get("user_name", ""),
    )
    return response
