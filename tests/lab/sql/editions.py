# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What depends on the server's version and edition."""

from __future__ import annotations

from dataclasses import dataclass

# Internal database versions and the years of the products; compatibility levels are ten times the major version.
# https://learn.microsoft.com/sql/t-sql/statements/alter-database-transact-sql-compatibility-level; the internal numbers are widely
# reported and not in Microsoft's documentation: *assumed*.
INTERNAL = {9: 611, 10: 655, 11: 706, 12: 782, 13: 852, 14: 869, 15: 904, 16: 957, 17: 998}
YEARS = {9: "2005", 10: "2008", 11: "2012", 12: "2014", 13: "2016", 14: "2017", 15: "2019", 16: "2022", 17: "2025"}
# The oldest level that a version still takes: ALTER DATABASE compatibility level, table of supported levels.
OLDEST_LEVEL = {10: 80, 11: 90, 12: 100, 13: 100, 14: 100, 15: 100, 16: 100, 17: 100}

Version = tuple[int, int, int, int]


def parse_version(text: str) -> Version:
    """
    Raises:
        ValueError: Not three or four numbers, or a major version the lab does not know.
    """
    numbers = [int(part) for part in text.split(".")]
    if not 3 <= len(numbers) <= 4 or numbers[0] not in INTERNAL:
        raise ValueError(f"{text!r} is no SQL Server version the lab knows")
    first, second, third = numbers[:3]
    return first, second, third, numbers[3] if len(numbers) == 4 else 0


@dataclass(frozen=True)
class Product:
    """Version and edition of one instance.

    Attributes:
        engine_edition: SERVERPROPERTY('EngineEdition'): 2 Standard and Web, 3 Enterprise and Developer, 4 Express.
    """

    version: Version
    edition: str = "Standard Edition (64-bit)"
    engine_edition: int = 2

    @property
    def major(self) -> int:
        return self.version[0]

    @property
    def text(self) -> str:
        """ProductVersion."""
        return ".".join(str(part) for part in self.version)

    @property
    def database_version(self) -> int:
        """The internal version of its databases."""
        return INTERNAL[self.major]

    @property
    def level(self) -> int:
        """The compatibility level of a new database."""
        return self.major * 10

    @property
    def year(self) -> str:
        return YEARS[self.major]

    @property
    def short_edition(self) -> str:
        """``Express Edition``: how messages name it."""
        return self.edition.partition(" (")[0]

    @property
    def compresses_backups(self) -> bool:
        """Features supported by the editions: neither Express nor Web (2008 R2 and later)."""
        return self.engine_edition != 4 and not self.edition.startswith("Web")

    @property
    def encrypts_backups(self) -> bool:
        """https://learn.microsoft.com/sql/relational-databases/backup-restore/backup-encryption: 2014, not Express or Web."""
        return self.major >= 12 and self.compresses_backups

    @property
    def is_enterprise(self) -> bool:
        return self.engine_edition == 3

    @property
    def has_snapshots(self) -> bool:
        """Database snapshots: every edition since 2016 SP1, whose build is 13.0.4001; before that Enterprise.

        https://blogs.msdn.microsoft.com/sql_server_team/sql-server-2016-sp1-things-you-should-know/
        """
        return self.is_enterprise or self.version[:3] >= (13, 0, 4001)

    @property
    def banner(self) -> str:
        """@@VERSION."""
        return (
            f"Microsoft SQL Server {self.year} (RTM-CU) - {self.text} (X64) \n\tCopyright (C) Microsoft Corporation\n\t"
            f"{self.edition} on Windows Server 2019 Datacenter 10.0 <X64> (Build 17763: ) (lab)\n"
        )
