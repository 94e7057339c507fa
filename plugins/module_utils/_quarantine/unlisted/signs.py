# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a value looks like: a switch that is on, a schedule, an address outside, a secret. Pure functions, no I/O.

Nothing here knows a table of Octopus Server. In doubt a value has the sign: what is harmless is on the list (known), with the reason.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timezone
from typing import Any

SWITCH, SCHEDULE, ADDRESS, SECRET, UNREADABLE = SIGNS = ("switch", "schedule", "address", "secret", "unreadable")

_WORD = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|[0-9]+")
# Names that say that something is off where they are true.
_OFF = {"disabled", "disable", "paused", "suspended", "stopped", "muted", "inactive", "silenced", "off"}
_NOT = _OFF | {"no", "not", "never", "dry", "archived", "revoked", "blocked", "ignored", "skipped", "prevent", "deny", "denied"}
_ASKS = {"is", "has", "allow", "allows", "use", "enable", "enabled", "active", "auto", "should", "can", "on"}
_ON = re.compile(
    r"enabled?|activated?|active|on|auto(?:matic(?:ally)?)?|always|scheduled|running|started|queued|pending|executing|live|online|yes|allowed?",
    re.IGNORECASE,
)
_DOES = re.compile(
    r"(?:Delete|Send|Update|Sync|Synchronize|Deploy|Push|Publish|Notify|Run|Start|Post|Upload|Stream|Poll|Pull|Renew|Purge|Remove|Create|"
    r"Register|Call|Invoke|Trigger|Forward|Export|Import)(?:[A-Z]\w*)?"
)
_TIMES = {"interval", "every", "frequency", "period", "cadence", "poll", "polling", "repeat", "recurrence", "retention", "schedule", "cron"}
_TIMES |= {"minutes", "seconds", "hours", "days", "minute", "second", "hour", "day"}
_DUE = {"next", "due", "schedule", "scheduled", "upcoming", "fire", "run", "start", "starts", "renew"}
_FIELD = r"(?:[0-9*?/,LW#-]|(?:MON|TUE|WED|THU|FRI|SAT|SUN|JAN|FEB|MAR|APR|MAY|JUN|JUL|AUG|SEP|OCT|NOV|DEC))+"
_CRON = re.compile(rf"{_FIELD}(?:\s+{_FIELD}){{4,6}}", re.IGNORECASE)
_REPEATS = re.compile(
    r"@(?:yearly|annually|monthly|weekly|daily|hourly|midnight|reboot)|.*\bFREQ=.*|every\s.*|hourly|daily|weekly|monthly|continuous\w*",
    re.I,
)
_SPAN = re.compile(r"-?(?:\d+\.)?\d{1,2}:\d{2}:\d{2}(?:\.\d+)?")
_ISO_SPAN = re.compile(r"P(?=\d|T\d)(?:\d+[YMWD])*(?:T(?:\d+(?:\.\d+)?[HMS])+)?")
_DATE = re.compile(r"(\d{4}-\d\d-\d\d)(?:[T ](\d\d:\d\d(?::\d\d)?)(?:\.\d+)?)?\s*(Z|[+-]\d\d:?\d\d)?", re.IGNORECASE)
_URL = re.compile(r"\b([a-z][a-z0-9+.-]*)://([^\s\"'<>\\/?#]*)", re.IGNORECASE)
_MAIL = re.compile(r"[^\s@\"'<>:;,/]+@([a-z0-9-]+(?:\.[a-z0-9-]+)*\.[a-z]{2,24})\b", re.IGNORECASE)
_UNC = re.compile(r"\\\\(?![?.]\\)([^\\/\s]+)\\[^\\/\s]+")
_HOST = re.compile(r"(?=[a-z0-9.-]*[a-z])[a-z0-9](?:[a-z0-9-]*[a-z0-9])?(?:\.[a-z0-9-]+)*\.([a-z]{2,24})(?::\d{1,5})?")
_NO_DOMAIN = {
    "json",
    "txt",
    "zip",
    "nupkg",
    "exe",
    "dll",
    "ps",
    "sh",
    "py",
    "md",
    "log",
    "xml",
    "yml",
    "yaml",
    "config",
    "cs",
    "html",
    "png",
}
_CONNECTION = re.compile(r"(?:^|;)\s*(?:server|data source|host|hostname|endpoint|addr|address)\s*=\s*([^;]+)", re.IGNORECASE)
_PLACED = {"host", "hostname", "hosts", "server", "servers", "endpoint", "endpoints", "url", "urls", "uri", "uris", "address", "addresses"}
_PLACED |= {"broker", "brokers", "recipient", "recipients", "webhook", "fqdn", "dns", "smtp", "collector", "peer", "upstream"}
_HIDDEN = {"password", "passwd", "pwd", "secret", "secrets", "token", "tokens", "passphrase", "credential", "credentials", "pfx", "bearer"}
_HIDDEN_KEYS = {
    "api",
    "access",
    "private",
    "signing",
    "shared",
    "account",
    "encryption",
    "subscription",
    "instrumentation",
    "write",
    "routing",
}
_REFERS = {"id", "ids", "type", "name", "count", "length", "kind"}
_SEALED = re.compile(r"[A-Za-z0-9+/]{16,}={0,2}\|[A-Za-z0-9+/]{16,}={0,2}")
_SECRET = re.compile(
    r"-----BEGIN |\bAKIA[0-9A-Z]{16}\b|\bgh[pousr]_[A-Za-z0-9]{20,}|\bxox[abeprs]-|\bglpat-|\beyJ[\w-]{8,}\.eyJ|\bAPI-[A-Z0-9]{20,}|"
    r"://[^/\s:@]+:[^/\s@]+@|(?:^|;)\s*(?:password|pwd|accountkey|sharedaccesskey)\s*=\s*[^;\s]"
)
_RANDOM = re.compile(r"(?=[^\s]*[0-9])(?=[^\s]*[A-Za-z])[A-Za-z0-9+/_=-]{32,}")
_GUID = re.compile(r"\{?[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}\}?", re.IGNORECASE)
_ID = re.compile(r"[A-Za-z]+(?:-[A-Za-z]+)*-\d+|[a-z]+-[A-Za-z]+-\d+")


@dataclass(frozen=True)
class Own:
    """What is the clone's own: hosts whose addresses do not lead outside, in lower case, and the present time of its SQL Server."""

    hosts: frozenset[str] = frozenset()
    now: datetime | None = None

    def outside(self, host: str) -> bool:
        """Whether an address with that host leads anywhere else."""
        name = host.rpartition("@")[2].strip().strip("[]").lower()
        name = name if name.count(":") > 1 else name.partition(":")[0]
        if name in ("", "+", "*", ".", "(local)", "localhost") or name.endswith((".invalid", ".localhost")):
            return False
        try:
            found = ipaddress.ip_address(name)
            if found.is_loopback or found.is_unspecified:
                return False
        except ValueError:
            pass  # a name
        return name not in self.hosts


def words(name: str) -> list[str]:
    """The words of a name, in lower case: ``is``, ``disabled``."""
    return [one.lower() for one in _WORD.findall(name)]


def signs(name: str, value: Any, own: Own) -> set[str]:
    """What a value of that name looks like.

    Args:
        name: Of the column or property.
        value: As the database or the JSON has it; neither an object nor a list.
        own: What is not outside.

    Returns:
        Some of :data:`SIGNS`.
    """
    parts = words(name)
    found = set()
    if _is_on(parts, value):
        found.add(SWITCH)
    if _is_schedule(parts, value, own):
        found.add(SCHEDULE)
    if isinstance(value, str) and value.strip():
        text = value.strip()
        if any(own.outside(host) for host in hosts(text)) or (_names_host(parts, text) and own.outside(text)):
            found.add(ADDRESS)
        if _is_secret(parts, text):
            found.add(SECRET)
    return found


def _is_on(parts: list[str], value: Any) -> bool:
    truth = value if isinstance(value, bool) else _truth(parts, value)
    off = bool(_OFF & set(parts))
    if truth is not None:
        return not truth if off else truth and not _NOT & set(parts)
    if value is None:
        return off and len(parts) <= 2  # neither on nor off: what that means is not known
    return isinstance(value, str) and bool(_ON.fullmatch(value.strip()) or _DOES.fullmatch(value.strip()))


def _truth(parts: list[str], value: Any) -> bool | None:
    """The truth that a text or a number stands for; None where it stands for none."""
    if isinstance(value, str):
        return {"true": True, "false": False}.get(value.strip().lower())
    if isinstance(value, int) and value in (0, 1) and (_ASKS | _OFF) & set(parts):
        return bool(value)
    return None


def _is_schedule(parts: list[str], value: Any, own: Own) -> bool:
    named = set(parts)
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        return value > 0 and bool(_TIMES & named)
    when = value if isinstance(value, datetime) else None
    if isinstance(value, str):
        text = value.strip()
        if _CRON.fullmatch(text) and not _DATE.fullmatch(text):
            return True
        if _SPAN.fullmatch(text) or _ISO_SPAN.fullmatch(text):
            return bool(re.search("[1-9]", text))
        if _REPEATS.fullmatch(text):
            return True
        if text.replace(".", "", 1).isdecimal() and _TIMES & named:
            return float(text) > 0
        when = moment(text)
    if when is None:
        return False
    now = own.now or datetime.now(timezone.utc)
    return (when if when.tzinfo else when.replace(tzinfo=timezone.utc)) > now or bool(_DUE & named)


def moment(text: str) -> datetime | None:
    """The time that a text is, in one of the forms that SQL Server and JSON write; None where it is none."""
    found = _DATE.fullmatch(text)
    if not found:
        return None
    zone = (found[3] or "+00:00").upper().replace("Z", "+00:00")
    zone = zone if ":" in zone else f"{zone[:3]}:{zone[3:]}"
    clock = found[2] or "00:00:00"
    try:
        return datetime.fromisoformat(f"{found[1]}T{clock if len(clock) > 5 else clock + ':00'}{zone}")
    except ValueError:
        return None


def hosts(text: str) -> Iterator[str]:
    """Each host that a text leads to, whatever its name is: of URLs, e-mail and connection strings; of an address that is all of it."""
    for _scheme, host in _URL.findall(text):
        yield host
    yield from _MAIL.findall(text)
    yield from (one.partition(",")[0].removeprefix("tcp:") for one in _CONNECTION.findall(text))
    share = _UNC.match(text)
    if share:
        yield share[1]
    plain = _HOST.fullmatch(text)
    if plain and plain[1] not in _NO_DOMAIN:
        yield text
    bare = text.rpartition(":")[0] if text.count(":") == 1 else text.strip("[]")
    try:
        yield str(ipaddress.ip_address(bare))
    except ValueError:
        return


def _names_host(parts: list[str], text: str) -> bool:
    """Whether a name says that its value is an address, and the value can be one."""
    if not _PLACED & set(parts) or parts[-1] in _REFERS or "://" in text:
        return False
    return not re.search(r"\s", text) and text[0] not in "/~{[" and not _ID.fullmatch(text) and not _GUID.fullmatch(text)


def _is_secret(parts: list[str], text: str) -> bool:
    if _SEALED.fullmatch(text) or _SECRET.search(text):
        return True
    if _GUID.fullmatch(text) or _ID.fullmatch(text) or text.lower() in ("true", "false"):
        return False
    named = bool(_HIDDEN & set(parts)) or ("key" in parts and bool(_HIDDEN_KEYS & set(parts))) or "apikey" in parts
    return (named and parts[-1] not in _REFERS) or bool(_RANDOM.fullmatch(text))
