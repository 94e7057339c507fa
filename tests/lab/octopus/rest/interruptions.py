# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What tasks ask of people: ``/interruptions`` with ``regarding`` and ``pendingOnly``.

Address, filters and properties: the root's template, InterruptionResource and InterruptionRepository in
https://github.com/OctopusDeploy/OctopusClients.
"""

from __future__ import annotations

from flask import Blueprint, g, request

from .body import shown
from .context import allowed, caller, need, space, store
from .errors import forbidden
from .paging import flag, page
from .ports import Document

api = Blueprint("interruptions", __name__)


def _shape(row: Document) -> Document:
    own = f"/api/interruptions/{row['Id']}"
    return {
        "Id": row["Id"],
        "Title": row.get("Title"),
        "Created": shown(row.get("Created")),
        "IsPending": bool(row.get("IsPending")),
        "TaskId": row["TaskId"],
        "CorrelationId": row.get("CorrelationId"),
        "RelatedDocumentIds": row.get("RelatedDocumentIds") or [],
        "ResponsibleTeamIds": row.get("ResponsibleTeamIds") or [],
        "ResponsibleUserId": row.get("ResponsibleUserId"),
        "HasResponsibility": False,
        "CanTakeResponsibility": True,
        "Links": {"Self": own, "Submit": f"{own}/submit", "Responsible": f"{own}/responsible"},
    }


@api.get("/interruptions")
def listed() -> Document:
    caller()
    where = space() if g.get("space") else None
    if where is not None:
        need("InterruptionView", where)
    rows = [row for row in store().documents("Interruption", where) if allowed("InterruptionView", row.get("SpaceId"))]
    if not rows and store().count("Interruption", where):
        raise forbidden("InterruptionView")
    regarding, pending = request.args.get("regarding"), flag("pendingOnly")
    rows = [row for row in rows if not regarding or regarding in (row["TaskId"], *(row.get("RelatedDocumentIds") or []))]
    return page("Interruption", [row for row in rows if not pending or row.get("IsPending")], _shape)
