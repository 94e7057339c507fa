# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Known jumps that really break in the lab when the catalogue is switched off, and are avoided when it is on."""

from __future__ import annotations

import ctypes.util
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.octopus.upgrade.plugins.module_utils._octopus.path.catalogue import ROWS, recognise
from ansible_collections.octopus.upgrade.plugins.module_utils._octopus.path.releases import Release, resolve
from ansible_collections.octopus.upgrade.plugins.module_utils._octopus.path.solver import Path as UpgradePath
from ansible_collections.octopus.upgrade.plugins.module_utils._octopus.version import Version
from lab.octopus import moments
from scenarios.paths.setting import RELEASES, Instance

NEWEST = str(resolve("latest", [Release(Version.parse(version)) for version in RELEASES]))
CASE_SENSITIVE, CASE_INSENSITIVE, OTHER = "Latin1_General_CS_AS", "SQL_Latin1_General_CP1_CI_AS", "Latin1_General_CI_AI"
BY_ID = {row.id: row for row in ROWS}
Act = Callable[[Instance], object]


@dataclass(frozen=True)
class Case:
    """One row: a jump that breaks by it.

    Attributes:
        bad: The version that the database is put on.
        plant: Makes the row's condition hold; None where it always does.
        repair: What is to be done first where no choice of versions is enough; None where one is.
        stays: The row because of which that is so; empty: this one.
        options: Of the instance.
    """

    row: str
    origin: str
    bad: str
    plant: Act | None = None
    repair: Act | None = None
    options: dict[str, Any] = field(default_factory=dict)
    stays: str = ""


def run(*statements: str) -> Act:
    return lambda instance: instance.execute(*statements)


def _odd_column(instance: Instance) -> None:
    instance.database.column_collations["Project", "Name"] = OTHER


def _even_columns(instance: Instance) -> None:
    instance.database.column_collations.clear()


def _unnamed_version(instance: Instance) -> None:
    yesterday = moments.text(instance.clock.now() - timedelta(days=1))
    instance.execute(f"""INSERT INTO "OctopusServerInstallationHistory" ("Id", "Installed") VALUES ('unnamed', '{yesterday}')""")


def _plain_collation(instance: Instance) -> None:
    instance.database.collation = CASE_INSENSITIVE


ODD_ROLE = run("""INSERT INTO "UserRole" ("Id", "Name", "JSON") VALUES ('userroles-odd', 'Odd', '{"GrantedSpacePermissions": null}')""")
INDEX = "IX_HalibutMessageQueueItem_SequenceNumber"
CASES = (
    Case("channels-0038", "3.2.24", "3.3.10", run("""UPDATE "Channel" SET "ProjectId" = 'Projects-99' WHERE "Id" = 'Channels-1'""")),
    Case("columns-0043", "3.3.27", "3.4.0"),
    Case("collation-0044", "3.3.27", "3.8.9", _odd_column, _even_columns, stays="collation-any"),
    Case("cs-server-collation", "3.4.15", "3.5.9", options={"server": {"collation": CASE_SENSITIVE}, "collation": CASE_INSENSITIVE}),
    Case("cs-database", "3.4.15", "3.17.14", None, _plain_collation, {"collation": CASE_SENSITIVE}),
    Case(
        "nodeid-0089",
        "3.16.5",
        "3.17.13",
        run(
            'ALTER TABLE "Event" ADD COLUMN "RelatedDocumentIds" nvarchar(200)',
            """UPDATE "Event" SET "RelatedDocumentIds" = '|Projects-1|'""",
            """UPDATE "Event" SET "RelatedDocumentIds" = '' WHERE "Id" = (SELECT min("Id") FROM "Event")""",
        ),
    ),
    Case("policy-0045", "3.3.27", "2018.5.4"),
    Case("target-limit", "2018.5.7", "2018.7.0"),
    Case("accounts-0120", "2018.6.15", "2018.7.1"),  # the seed's accounts have such ids
    Case(
        "refs-0127",
        "2018.8.12",
        "2018.12.1",
        run("""UPDATE "DeploymentProcess" SET "JSON" = '{"Steps": [{"Packages": [{"Name": ""}, {"Name": ""}]}]}'"""),
    ),
    Case("move-parent", "2018.10.9", "2019.2.7", options={"packages": "P:"}),
    Case("move-hidden", "2018.10.9", "2019.6.14", lambda instance: instance.files.make("C:\\Octopus\\Packages\\DfsrPrivate")),
    Case("move-slash", "2018.10.9", "2019.6.14", options={"packages": "C:/Octopus/Packages"}),
    Case("interruption-0189", "2018.12.1", "2019.1.10", ODD_ROLE),
    Case("taskviewlog-a", "2019.1.5", "2019.1.8", ODD_ROLE),
    Case("taskviewlog-b", "2018.12.1", "2019.2.4"),
    Case(
        "artifacts-2019.4",
        "2019.3.5",
        "2019.4.6",
        run(
            """INSERT INTO "Artifact" ("Id", "Filename", "Created", "JSON") SELECT 'Artifacts-99', 'a.txt', '2019-01-01', """
            """json_object('ProjectId', 'Projects-99', 'ServerTaskId', "Id") FROM "ServerTask" WHERE "ProjectId" = 'Projects-1' LIMIT 1"""
        ),
    ),
    Case("history-null", "2019.3.5", "2019.6.14", _unnamed_version),
    Case("stop-2019.7.0", "2019.6.14", "2019.7.0"),
    Case(
        "buildinfo-index",
        "2019.9.5",
        "2019.10.12",
        run('CREATE TABLE "PackageMetadata" ("Id" nvarchar(50) PRIMARY KEY, "PackageId" nvarchar(50))'),
    ),
    Case("lvs-0239", "2018.10.9", "2020.1.4"),
    Case("compat-2020.2.14", "2019.13.7", "2020.2.14", options={"level": 130}),
    Case("sql-2017-window", "2019.13.7", "2020.2.7", options={"server": {"version": "13.0.5026.0"}}),
    Case("sql-old-misleading", "2019.13.7", "2020.2.16", options={"server": {"version": "13.0.5026.0"}}),
    Case("logo-mime", "2020.4.0", "2020.5.7", options={"seeding": {"bad_logo": True}}),
    Case("history-0321", "2021.3.13021", "2022.2.8500"),
    Case("history-0321-early", "2021.3.13021", "2022.1.2133"),
    Case(
        "ecs-target",
        "2021.3.8275",
        "2022.3.10863",
        run("""UPDATE "Machine" SET "JSON" = '{"DeploymentTargetTypeId": "aws-ecs-target"}' WHERE "Id" = 'Machines-1'"""),
        run("""DELETE FROM "Machine" WHERE "Id" = 'Machines-1'"""),
    ),
    Case(
        "halibut-0351",
        "2022.3.11043",
        "2022.4.8332",
        run('CREATE TABLE "HalibutMessageQueueItem" ("Id" nvarchar(50) PRIMARY KEY, "SequenceNumber" bigint)'),
        run(f'CREATE INDEX "{INDEX}" ON "HalibutMessageQueueItem" ("SequenceNumber")'),
    ),
    Case("ptm-target-type", "2020.5.7", "2023.4.8432", options={"ptm": True}),
    Case(
        "role-scope-0432",
        "2024.1.12394",
        "2024.2.9193",
        run(
            'CREATE TABLE "ScopedUserRoleProjectGroup" ("Id" nvarchar(50) PRIMARY KEY, "ProjectGroupId" nvarchar(50))',
            """INSERT INTO "ScopedUserRoleProjectGroup" VALUES ('1', 'ProjectGroups-1'), ('2', '')""",
        ),
        run("""DELETE FROM "ScopedUserRoleProjectGroup" WHERE "ProjectGroupId" = ''"""),
    ),
    Case("webconfig-memento", "2018.3.13", "2024.3.13097"),
    Case(
        "null-dynamic",
        "2023.4.8432",
        "2024.4.7017",
        run("""INSERT INTO "Configuration" ("Id", "JSON") VALUES ('dynamic-extensions-scripts', '{"Csp": null}')"""),
        run("""UPDATE "Configuration" SET "JSON" = '{"Csp": []}' WHERE "Id" = 'dynamic-extensions-scripts'"""),
    ),
    Case("collation-any", "2018.10.7", "2021.1.8045", _odd_column, _even_columns),
    Case("dataversion", "2020.5.7", NEWEST),
)
OLDEST = ("3.17.14", "4.1.9", "2018.3.13", "2018.10.8", "2019.13", "2020.5.7", "2021.3.13", "2024.1")


@pytest.fixture
def make(tmp_path: Path) -> Iterator[Callable[..., Instance]]:
    made: list[Instance] = []
    if not ctypes.util.find_library("odbc"):
        pytest.skip("unixODBC is not installed")

    def new(version: str, **options: Any) -> Instance:
        made.append(Instance(tmp_path / str(len(made)), version, **options))
        return made[-1]

    yield new
    for one in made:
        one.close()


def _lived_with(make: Callable[..., Instance], case: Case) -> Instance:
    instance = make(case.origin, **case.options)
    if case.plant:
        case.plant(instance)
    return instance


def _conditions(instance: Instance, case: Case) -> dict[str, bool | None]:
    """What is known. Where no probe decides the row's own condition here, it is unknown."""
    found = instance.conditions()
    when = BY_ID[case.row].when
    return {**found, when: found[when] or None} if when else found


def _ids(path: UpgradePath) -> set[str]:
    return {one.row.id for _jump, one in path.blockers()}


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.row)
def test_a_jump_breaks_without_the_catalogue_and_is_avoided_with_it(make: Callable[..., Instance], case: Case) -> None:
    row = BY_ID[case.row]
    instance = _lived_with(make, case)
    conditions = _conditions(instance, case)
    blind = instance.path(case.bad, (case.bad,), conditions=conditions, off=[row.id])
    assert row.id not in _ids(blind)
    said = instance.walk(blind).get(case.bad)
    assert said, "the lab does not break here"
    if row.symptoms:
        assert row.id in [one.id for one in recognise(said)], said

    instance = _lived_with(make, case)
    assert row.id in _ids(instance.path(case.bad, (case.bad,), conditions=conditions)), "the direct jump is refused"
    available = [*RELEASES, case.bad]
    if case.repair:
        left = _ids(instance.path(NEWEST, releases=available, conditions=conditions))
        assert (case.stays or row.id) in left, "no choice of versions is enough"
        case.repair(instance)
        conditions = instance.conditions()
    path = instance.path(NEWEST, releases=available, conditions=conditions)
    assert row.id not in _ids(path)
    assert instance.walk(path) == {}
    assert instance.version == NEWEST


@pytest.mark.parametrize("origin", OLDEST)
def test_the_solver_leads_to_the_newest_release_where_the_direct_jump_breaks(make: Callable[..., Instance], origin: str) -> None:
    instance = make(origin)
    path = instance.path(NEWEST)
    assert len(path.versions) > 1
    assert path.impossible == []
    assert instance.walk(path) == {}
    assert instance.version == NEWEST

    instance = make(origin)
    direct = instance.path(NEWEST, off=[row.id for row in ROWS if row.kind.breaks])
    assert [str(version) for version in direct.versions] == [NEWEST]
    assert {one.id for one in recognise(instance.walk(direct)[NEWEST])} & {"dataversion", "webconfig-memento"}
