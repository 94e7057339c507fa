# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Collections page by page: ``skip`` and ``take`` in, ``Items TotalResults ItemsPerPage Links`` out.

As in "Get a list of Octopus Server Nodes" of https://octopus.com/docs/api: 30 a page unless told otherwise.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any
from urllib.parse import urlencode

from flask import g, request

from .errors import invalid
from .ports import Document

PAGE = 30


def number(name: str, default: int) -> int:
    """A query parameter that is a number of at least 0.

    Raises:
        ApiError: 400, it is something else.
    """
    text = request.args.get(name)
    if text is None:
        return default
    if not text.isdecimal():
        raise invalid(f"The value '{text}' of '{name}' is not a number of at least 0.")
    return int(text)


def flag(name: str) -> bool | None:
    """A query parameter that is true or false; None where it is absent.

    Raises:
        ApiError: 400, it is something else.
    """
    text = request.args.get(name)
    if text is None or text == "":
        return None
    if text.lower() not in ("true", "false"):
        raise invalid(f"The value '{text}' of '{name}' is neither true nor false.")
    return text.lower() == "true"


def names(name: str) -> set[str] | None:
    """A query parameter that is a list, repeated or with commas; None where it is absent."""
    found = {part for text in request.args.getlist(name) for part in text.split(",") if part}
    return found or None


def chosen(documents: list[Document]) -> list[Document]:
    """Those that the common filters ``ids``, ``name`` and ``partialName`` leave."""
    ids, name, partial = names("ids"), request.args.get("name"), request.args.get("partialName", "").lower()
    return [
        one
        for one in documents
        if (ids is None or one["Id"] in ids)
        and (not name or str(one.get("Name", "")).lower() == name.lower())
        and (not partial or partial in str(one.get("Name", "")).lower())
    ]


def page(item_type: str, documents: list[Document], shape: Callable[[Document], Document], **more: Any) -> Document:
    """One page of these, each in the API's shape."""
    skip, take = number("skip", 0), number("take", PAGE)
    return sheet(item_type, [shape(one) for one in documents[skip : skip + take]], len(documents), skip, take, **more)


def sheet(item_type: str, items: list[Document], total: int, skip: int, take: int, **more: Any) -> Document:
    """The envelope around the items of one page."""
    last = max(0, math.ceil(total / take) - 1) if take else 0
    links = {"Self": _link(skip, take), "Template": f"{g.path}{{?skip,take}}", "Page.All": _link(0, max(total, 1))}
    if take:
        links["Page.Last"] = _link(last * take, take)
        if skip + take < total:
            links["Page.Next"] = _link(skip + take, take)
        if skip > 0:
            links["Page.Previous"] = _link(max(0, skip - take), take)
    return {
        "ItemType": item_type,
        "TotalResults": total,
        "ItemsPerPage": take,
        "NumberOfPages": last + 1,
        "LastPageNumber": last,
        "Items": items,
        **more,
        "Links": links,
    }


def _link(skip: int, take: int) -> str:
    others = [(name, value) for name, value in request.args.items(multi=True) if name not in ("skip", "take")]
    return f"{g.path}?{urlencode([('skip', skip), ('take', take), *others])}"
