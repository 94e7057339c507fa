# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Dangers that nobody has heard of: tables, rows, columns and properties with made-up names, from a random number."""

from __future__ import annotations

import base64
import gzip
import json
import random
from dataclasses import dataclass, field
from datetime import datetime, timedelta, timezone
from typing import Any

_SYLLABLES = ("bak", "dem", "fol", "gur", "hin", "jat", "kel", "lom", "mur", "nev", "pos", "rul", "sed", "tav", "vig", "wex", "yor", "zim")
_HELD = (
    "Machine",
    "Project",
    "Lifecycle",
    "MachinePolicy",
    "Team",
    "User",
    "Channel",
    "DeploymentEnvironment",
    "Tenant",
    "ProjectGroup",
    "Feed",
)
Statement = tuple[str, tuple[Any, ...]]


@dataclass
class Danger:
    """One danger.

    Attributes:
        what: What it is, for people.
        table: The table that it is in, or the row.
        place: Column and properties.
        row: The whole row where its table is new; what is added to a row otherwise.
        new: The column types of a new table; none where the table is there.
        column: The type of a new column of a table that is there.
        key: The id of the row where its table is there; empty: each row.
        values: What must never be told.
    """

    what: str
    table: str
    place: str
    row: dict[str, Any]
    new: dict[str, str] = field(default_factory=dict)
    column: str = ""
    key: str = ""
    values: tuple[str, ...] = ()

    def names(self, name: str) -> bool:
        """Whether a finding of that name is this danger."""
        return name.lower() == f"unlisted:{self.table}.{self.place}".lower()

    @property
    def statements(self) -> list[Statement]:
        """What plants it, for SQLite."""
        table = self.table.partition("/")[0]
        if self.new:
            columns = ", ".join(f'"{name}" [{kind}]' for name, kind in self.new.items())
            marks = ", ".join("?" * len(self.row))
            names = ", ".join(f'"{name}"' for name in self.row)
            return [
                (f'CREATE TABLE "{table}" ({columns})', ()),
                (f'INSERT INTO "{table}" ({names}) VALUES ({marks})', tuple(self.row.values())),
            ]
        if self.key:
            return [(f'INSERT INTO "{table}" ("Id", "JSON") VALUES (?, ?)', (self.key, json.dumps(self.row)))]
        ((name, value),) = self.row.items()
        if self.column:
            return [(f'ALTER TABLE "{table}" ADD COLUMN "{name}" [{self.column}]', ()), (f'UPDATE "{table}" SET "{name}" = ?', (value,))]
        return [(f'UPDATE "{table}" SET "JSON" = json_set(coalesce("JSON", \'{{}}\'), ?, json(?))', (f"$.{name}", json.dumps(value)))]


class _Maker:
    def __init__(self, rng: random.Random) -> None:
        self.rng = rng
        self.used: set[str] = set()

    def word(self) -> str:
        """A name that is in no language."""
        while True:
            word = "".join(self.rng.choice(_SYLLABLES) for _number in range(self.rng.randint(2, 4))).capitalize()
            if word not in self.used:
                self.used.add(word)
                return word

    def table(self) -> str:
        return self.word() + self.rng.choice(("", "Link", "Relay", "Connection", "Stream", "Job", self.word()))

    def host(self) -> str:
        return f"{self.word().lower()}.{self.word().lower()}.{self.rng.choice(('example', 'com', 'io', 'cloud', 'net'))}"

    def address(self) -> str:
        host = self.host()
        return self.rng.choice(
            (
                f"https://{host}/{self.word()}",
                *(
                    f"wss://{host}:8443/x",
                    f"amqps://{host}",
                    f"{self.word().lower()}@{host}",
                    f"{host}:{self.rng.randint(1024, 65000)}",
                    host,
                ),
                *(f"\\\\{host}\\{self.word()}", f"{self.rng.randint(11, 99)}.{self.rng.randint(0, 255)}.7.{self.rng.randint(1, 254)}"),
            )
        )

    def secret(self) -> str:
        data = base64.b64encode(self.rng.randbytes(32)).decode()
        return self.rng.choice((f"{data}|{base64.b64encode(self.rng.randbytes(16)).decode()}", f"ghp_{self.rng.randbytes(18).hex()}"))

    def switch(self) -> tuple[str, Any]:
        word = self.word()
        return self.rng.choice(
            (
                *((f"Is{word}Enabled", True), (f"{word}Active", True), (f"Allow{word}", True), (word, True), (f"Is{word}Disabled", False)),
                *((f"{word}Paused", False), (f"{word}Mode", self.rng.choice(("Automatic", "Enabled", "On", "Always")))),
                (f"{word}Behavior", self.rng.choice(("SendOnChange", "DeleteUnavailable", "PushAfterRelease"))),
            )
        )

    def schedule(self) -> tuple[str, Any]:
        word = self.word()
        soon = datetime.now(timezone.utc) + timedelta(minutes=self.rng.randint(5, 500_000))
        return self.rng.choice(
            (
                *((word, f"0 */{self.rng.randint(2, 59)} * * * *"), (f"{word}Minutes", self.rng.randint(1, 900)), (word, soon.isoformat())),
                *((f"Next{word}", "2019-02-03T04:05:06Z"), (word, f"00:{self.rng.randint(10, 59)}:00"), (word, "PT15M"), (word, "@hourly")),
            )
        )


def invented(rng: random.Random) -> list[Danger]:
    """Twelve dangers, each another one for each number."""
    make = _Maker(rng)
    text = "nvarchar(max)"
    found: list[Danger] = []

    def new(what: str, column: str, kind: str, value: Any, place: str, *values: str) -> None:
        table = make.table()
        row = {"Id": f"{table}s-1", column: value}
        found.append(Danger(f"{what} in a new table {table}", table, place, row, {"Id": "nvarchar(50)", column: kind}, values=values))

    word = make.word()
    off = rng.random() < 0.5
    name = f"Is{word}Paused" if off else f"Is{word}On"
    new("a bit", name, "bit", 0 if off else 1, name)
    address, column = make.address(), make.word()
    new("an address", column, text, address, column, address)
    secret, column = make.secret(), make.word()
    new("a secret", column, text, secret, column, secret)
    (name, value), inner = make.switch(), make.word()
    new("a switch in JSON", "JSON", text, json.dumps({inner: {"List": [{name: value}]}}), f"{inner}.List.{name}")
    name, value = make.schedule()
    new("a schedule in JSON", "JSON", text, json.dumps({name: value}), name)
    address, inner = make.address(), make.word()
    packed = gzip.compress(json.dumps({inner: address}).encode("utf-16-le"))
    new("an address in compressed JSON", "JSONBlob", "varbinary(max)", packed, inner, address)
    address, inner = make.address(), make.word()
    column = make.word()
    new("JSON in a column of its own", column, text, json.dumps([{inner: address}]), f"{column}.{inner}", address)
    for table in ("Configuration", "ExtensionConfiguration"):
        key = make.word().lower()
        (name, value), secret = make.switch(), make.secret()
        row = {name: value, "Key": secret}
        found.append(Danger(f"a row of {table}, {key}", f"{table}/{key}", name, row, key=key, values=(secret,)))
    held = rng.sample(_HELD, 3)
    name, value = make.switch()
    found.append(Danger(f"a property of {held[0]}", held[0], name, {name: value}))
    inner, address = make.word(), make.address()
    place = f"{inner}.Target"
    found.append(Danger(f"an address in {held[1]}", held[1], place, {inner: {"Target": address}}, values=(address,)))
    name = f"{make.word()}Enabled"
    found.append(Danger(f"a new column of {held[2]}", held[2], name, {name: 1}, column="bit"))
    return found
