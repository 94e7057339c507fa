# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Who may do what: users, the teams that they are in, and the roles that those have.

Addresses and properties are those of OctopusDeploy/OctopusClients (UserResource, TeamResource, ScopedUserRoleResource, UserRoleResource,
UserPermissionSetResource) and of https://octopus.com/docs/api/scoped-user-roles. Before 2019.1 a team itself names its roles
(``UserRoleIds``), and a role has one list of permissions (``GrantedPermissions``; client commit 858c7032 of 2018-09-07 has both sides).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from ansible_collections.octopus.upgrade.plugins.module_utils._octopus.api.links import plain

from .counts import SERVER
from .reader import Gaps, Reader
from .verdicts import ACCESS, EXPECTED, SUSPICIOUS, WRONG, Difference

_PERMISSIONS = ("GrantedPermissions", "GrantedSpacePermissions", "GrantedSystemPermissions")
_USERS = 25  # whose permissions the server itself is asked for
_ALL = {"spaces": "all", "includeSystem": True}  # MixedScopeConstants in OctopusDeploy/OctopusClients

Access = dict[str, Any]


def read(reader: Reader, gaps: Gaps) -> Access:
    """Read users, teams, roles, and the permissions of up to 25 users. What cannot be read is missing, and among the gaps."""
    api = reader.api
    mixed = _ALL if api.has_spaces else {}
    lists: dict[str, dict[str, Any]] = {"users": {}, "teams": mixed, "userroles": {}}
    if api.has_spaces:
        lists["scopeduserroles"] = mixed
    found = reader.each(lists.items(), lambda entry: list(api.items(f"/api/{entry[0]}", **entry[1])))
    rows = {name: read for (name, _query), read in found.read}
    gaps.take(found, lambda entry: f"{SERVER}/{entry[0]}")
    access: Access = {}
    if "users" in rows:
        access["users"] = {row["Id"]: row.get("Username") or row["Id"] for row in rows["users"]}
        access["inactive"] = [row["Id"] for row in rows["users"] if row.get("IsActive") is False]
        access["permissions"] = _permissions(reader, rows["users"])
    if "userroles" in rows:
        access["roles"], access["vocabulary"] = _roles(rows["userroles"])
    if "teams" in rows and (not api.has_spaces or "scopeduserroles" in rows):
        access["teams"] = _teams(rows["teams"], rows.get("scopeduserroles"))
    return access


def compact(access: Access) -> Access:
    """Return what a baseline keeps: of the roles that the product ships with, only how much they grant."""
    roles = {key: {**role, "permissions": len(role["permissions"])} if role["shipped"] else role for key, role in access["roles"].items()}
    return {key: value for key, value in access.items() if key != "vocabulary"} | {"roles": roles} if "roles" in access else access


def compare(before: Mapping[str, Any], now: Mapping[str, Any], *, upgraded: bool, into_spaces: bool) -> Iterator[Difference]:
    """Compare access.

    Args:
        before: What :func:`read` returned, perhaps compacted.
        now: What it returns now.
        upgraded: Whether the version changed.
        into_spaces: Whether it was before 2019.1 and no longer is: roles are split and teams belong to spaces then.
    """
    yield from _users(before, now, upgraded)
    yield from _team_differences(before, now, upgraded, into_spaces)
    vocabulary = set(now.get("vocabulary", []))
    for key, role in before.get("roles", {}).items():
        after = now.get("roles", {key: role}).get(key)
        if after is None:
            yield _difference(f"role {role['name']}", "there", "gone", EXPECTED if role["shipped"] and upgraded else WRONG, related=key)
        elif role["shipped"]:
            had, has = _number(role["permissions"]), _number(after["permissions"])
            if has < had:
                verdict, why = (WRONG, "") if not has or not upgraded else (EXPECTED, "the product ships with this role")
                yield _difference(f"role {role['name']}", f"{had} permissions", f"{has} permissions", verdict, why=why)
        elif "vocabulary" in now:
            yield from _custom_role(
                role, set(role["permissions"]) - set(after["permissions"]), set(after["permissions"]), vocabulary, upgraded
            )


def _custom_role(role: dict[str, Any], lost: set[str], left: set[str], vocabulary: set[str], upgraded: bool) -> Iterator[Difference]:
    gone = lost - vocabulary if upgraded else set()
    if gone and left:
        yield _difference(f"role {role['name']}", ", ".join(sorted(gone)), "not granted", EXPECTED, why="no role of this version has that")
    if lost - gone or (lost and not left):
        verdict = SUSPICIOUS if upgraded and left else WRONG
        yield _difference(f"role {role['name']}", ", ".join(sorted(lost - gone or lost)), "not granted", verdict)


def _users(before: Mapping[str, Any], now: Mapping[str, Any], upgraded: bool) -> Iterator[Difference]:
    if "users" not in now:
        return
    for key, name in before.get("users", {}).items():
        if key not in now["users"]:
            yield _difference(f"user {name}", "there", "gone", related=key)
        elif key in now["inactive"] and key not in before["inactive"]:
            yield _difference(f"user {name}", "active", "inactive", related=key)
        held, holds = before.get("permissions", {}).get(key), now["permissions"].get(key)
        if held is None or holds is None or holds >= held:
            continue
        verdict = SUSPICIOUS if upgraded and holds else WRONG
        yield _difference(f"user {name}", f"{held} permissions", f"{holds or 'no'} permissions", verdict, related=key)


def _team_differences(before: Mapping[str, Any], now: Mapping[str, Any], upgraded: bool, into_spaces: bool) -> Iterator[Difference]:
    if "teams" not in now:
        return
    names = before.get("users", {})
    for key, team in before.get("teams", {}).items():
        what, after = f"team {team['name']}", now["teams"].get(key)
        if after is None:
            yield _difference(what, "there", "gone", related=key)
            continue
        away = [
            names.get(user, user) for user in sorted(set(team["members"]) - set(after["members"])) if user in now.get("users", {user: ""})
        ]
        if away:
            yield _difference(what, f"with {', '.join(away)}", "without", related=key)
        if after["groups"] < team["groups"]:
            yield _difference(what, f"{team['groups']} external groups", after["groups"], related=key)
        had, has = set(team["roles"]), set(after["roles"])
        if into_spaces:
            had, has = ({role.partition("@")[0] for role in roles} for roles in (had, has))
        lost = sorted(had - has)
        if lost:
            exists = [role for role in lost if role.partition("@")[0] in now.get("roles", {role.partition("@")[0]: None})]
            verdict = SUSPICIOUS if has and upgraded and (into_spaces or not exists) else WRONG
            yield _difference(what, f"role {', '.join(lost)}", "without" if has else "without any role", verdict, related=key)


def _difference(what: str, before: Any, after: Any, verdict: str = WRONG, *, why: str = "", related: str = "") -> Difference:
    return Difference(ACCESS, SERVER, what, before, after, verdict, why, related)


def _number(permissions: list[str] | int) -> int:
    return permissions if isinstance(permissions, int) else len(permissions)


def _roles(rows: list[dict[str, Any]]) -> tuple[dict[str, Any], list[str]]:
    roles = {}
    for row in rows:
        granted = sorted({permission for name in _PERMISSIONS for permission in row.get(name) or []})
        # What cannot be deleted is the product's own.
        roles[row["Id"]] = {"name": row.get("Name") or row["Id"], "shipped": row.get("CanBeDeleted") is False, "permissions": granted}
    return roles, sorted({permission for role in roles.values() for permission in role["permissions"]})


def _teams(teams: list[dict[str, Any]], scoped: list[dict[str, Any]] | None) -> dict[str, Any]:
    roles: dict[str, list[str]] = {row["Id"]: list(row.get("UserRoleIds") or []) for row in teams}
    if scoped is not None:
        roles = {row["Id"]: [] for row in teams}
        for row in scoped:
            roles.setdefault(row["TeamId"], []).append(f"{row['UserRoleId']}@{row.get('SpaceId') or 'system'}")
    return {
        row["Id"]: {
            "name": row.get("Name") or row["Id"],
            "members": sorted(row.get("MemberUserIds") or []),
            "groups": len(row.get("ExternalSecurityGroups") or []),
            "roles": sorted(set(roles[row["Id"]])),
        }
        for row in teams
    }


def _permissions(reader: Reader, users: list[dict[str, Any]]) -> dict[str, int]:
    """How many different permissions the server says that a user has, evenly chosen; teams by external groups count in it."""
    step = max(1, -(-len(users) // _USERS))
    paths = [(row["Id"], plain(row["Links"]["Permissions"])) for row in users[::step] if "Permissions" in (row.get("Links") or {})]
    found = reader.each(paths, lambda entry: reader.api.get(entry[1]))
    return {
        key: len(
            {*(document.get("Permissions") or {}), *(document.get("SpacePermissions") or {}), *(document.get("SystemPermissions") or [])}
        )
        for (key, _path), document in found.read
    }
