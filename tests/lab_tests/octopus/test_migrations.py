# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Schema upgrades: what they change, refuse and leave behind."""

from __future__ import annotations

import hashlib
from datetime import date, timedelta
from typing import Any

import pytest
from lab.octopus import crypto, licence, moments, scripts, starting
from lab.octopus.migrations import UpgradeFailed, UpgradeRefused

LADDER = ("2021.1.8045", "2025.3.14357", "2026.2.9853")


def columns(bench: Any, table: str) -> set[str]:
    return {row[1] for row in bench.rows(f'PRAGMA table_info("{table}")')}


def test_the_ladder_from_2018_changes_what_the_versions_changed(bench: Any) -> None:
    made = bench("2018.10.7")
    assert "SpaceId" not in columns(made, "Project")
    assert {"Rank", "LastSeen"} <= columns(made, "OctopusServerNode")
    before = {
        table: made.rows(f'SELECT count(*) FROM "{table}"') for table in ("Project", "Release", "Deployment", "NuGetPackage", "Event")
    }
    packages = {row["Id"]: made.store("2018.10.7").package(row) for row in made.store("2018.10.7").documents("NuGetPackage")}
    seen = made.rows('SELECT "LastSeen" FROM "OctopusServerNode"')
    assert made.upgrade(LADDER[0]) > 10
    assert {row[0] for row in made.rows('SELECT "SpaceId" FROM "Project"')} == {"Spaces-1"}
    assert not {"Rank", "LastSeen"} & columns(made, "OctopusServerNode")
    assert made.rows('SELECT "LastSeen" FROM "OctopusServerNodeStatus"') == seen
    for version in LADDER[1:]:
        assert made.upgrade(version) > 0
    assert {table: made.rows(f'SELECT count(*) FROM "{table}"') for table in before} == before
    store = made.store(LADDER[-1])
    assert {row["Id"]: store.package(row) for row in store.documents("NuGetPackage")} == packages
    assert all(hashlib.sha1(store.package(row)).hexdigest() == row["Hash"] for row in store.documents("NuGetPackage"))
    assert made.upgrade(LADDER[-1]) == 0
    assert set(store.folders()) > {"ImportsDirectory", "EventExportsDirectory"}
    administrator = store.user_for_key(made.seeded.api_key)
    assert administrator is not None and administrator["Username"] == "admin"
    assert {("AdministerSystem", None), ("ProjectEdit", "Spaces-1")} <= store.grants(administrator["Id"])


def test_packages_move_where_the_database_says_they_are(bench: Any) -> None:
    made = bench("2018.10.7")
    fs, logon = made.machine.fs, made.logon
    names = fs.listdir("C:\\Octopus\\Packages", logon)
    made.upgrade("2019.13.7")
    assert fs.listdir("C:\\Octopus\\Packages", logon) == ["Spaces-1"]
    assert fs.listdir("C:\\Octopus\\Packages\\Spaces-1\\feeds-builtin", logon) == names
    assert [event["what"] for event in made.ledger.events("octopus") if event["what"] == "packages moved"] == ["packages moved"]


@pytest.mark.parametrize(("path", "version"), [("C:/Octopus/Packages", "2019.6.1"), ("\\\\nas\\gone", "2019.13.7")])
def test_an_odd_package_folder_stops_the_upgrade_and_the_schema_stays(bench: Any, path: str, version: str) -> None:
    made = bench("2018.10.7")
    made.store("2018.10.7").save_folders({"PackagesDirectory": path})
    with pytest.raises(UpgradeFailed, match="could not be moved"):
        made.upgrade(version)
    assert scripts.schema_version(made.connection) == "2018.10"
    assert "SpaceId" not in columns(made, "Project")


def test_a_failing_script_rolls_the_schema_back_but_not_the_files(bench: Any) -> None:
    made = bench("2018.10.7")
    made.faults.arm("schema.fail", script=next(one for one in scripts.SCRIPTS if one.version == "2020.2").journal.rpartition(".")[2])
    with pytest.raises(UpgradeFailed):
        made.upgrade("2021.1.8045")
    assert scripts.schema_version(made.connection) == "2018.10"
    assert made.machine.fs.listdir("C:\\Octopus\\Packages", made.logon) == ["Spaces-1"]
    assert all(made.store("2018.10.7").package(row) is None for row in made.store("2018.10.7").documents("NuGetPackage"))


def test_a_half_done_script_leaves_its_mark(bench: Any) -> None:
    made = bench("2020.5.7")
    made.faults.arm("schema.fail", committed=True)
    with pytest.raises(UpgradeFailed):
        made.upgrade("2021.1.8045")
    assert made.rows('SELECT count(*) FROM "UpgradeLeftover"')[0][0] == 1


def test_a_schema_newer_than_the_binary_is_refused(bench: Any) -> None:
    made = bench("2021.1.8045")
    with pytest.raises(UpgradeRefused, match="newer than this version"):
        made.upgrade("2020.5.7")


@pytest.mark.parametrize(
    ("start", "target", "ptm", "message"),
    [
        ("2020.5.7", "2023.4.8432", True, "Invalid column name 'DeploymentTargetType'"),
        ("2021.3.12912", "2022.2.8551", False, "Unexpected upgrade history detected"),
    ],
)
def test_broken_jumps(bench: Any, start: str, target: str, ptm: bool, message: str) -> None:
    made = bench(start, license_xml=licence.text(ptm=ptm))
    with pytest.raises(UpgradeFailed, match=message):
        made.upgrade(target)
    assert scripts.schema_version(made.connection) in (start, "2020.5")


def test_a_script_that_was_left_out_stops_the_start_and_not_the_upgrade(bench: Any) -> None:
    made = bench("2020.5.7")
    assert made.upgrade("2026.2.9853") > 0
    with pytest.raises(starting.StartError, match="Invalid column name 'DataVersion'"):
        starting.check(made.store("2026.2.9853"), "2026.2.9853")
    assert "DataVersion" not in columns(made, "Project")


def test_hops_cure_the_broken_jumps(bench: Any) -> None:
    made = bench("2020.5.7", license_xml=licence.text(ptm=True))
    for version in LADDER:
        assert made.upgrade(version) > 0


def test_a_licence_that_ended_before_the_release_is_refused(bench: Any) -> None:
    made = bench("2020.5.7", license_xml=licence.text(valid_to=date(2022, 1, 1)))
    with pytest.raises(UpgradeRefused, match="does not cover"):
        made.upgrade("2025.3.14357")
    assert made.upgrade("2021.1.8045") > 0
    assert made.upgrade("2025.3.14357", skip_license_check=True) > 0


def test_no_licence_at_all_is_refused_from_2026(bench: Any) -> None:
    made = bench("2025.3.14357", license_xml=None)
    with pytest.raises(UpgradeRefused, match="license key is required"):
        made.upgrade("2026.2.9853", skip_license_check=True)


def test_nodes_that_look_alive(bench: Any) -> None:
    made = bench("2021.1.8045", nodes=["OCTO01", "OCTO02"])
    made.store("2021.1.8045").heartbeat("OCTO02")
    with pytest.raises(UpgradeRefused, match="OCTO02"):
        made.upgrade("2025.3.14357")
    stale = moments.text(made.clock.now() - timedelta(seconds=60))
    made.connection.execute('UPDATE "OctopusServerNodeStatus" SET "LastSeen" = ?', (stale,))
    assert made.upgrade("2025.3.14357") > 0


def test_older_versions_begin_under_running_nodes_and_die_of_a_deadlock(bench: Any) -> None:
    made = bench("2020.5.7", nodes=["OCTO01", "OCTO02"])
    with pytest.raises(UpgradeFailed, match="deadlock"):
        made.upgrade("2022.2.8552", others=["OCTO02"])
    assert scripts.schema_version(made.connection) == "2020.5"


def test_the_same_seed_gives_the_same_data_and_secrets_need_the_key(bench: Any) -> None:
    one, other = bench("2020.5.7"), bench("2020.5.7")
    assert one.seeded == other.seeded
    assert one.seeded.api_key not in repr(one.seeded)
    query = 'SELECT "Id", "PackageId", "Version", json_extract("JSON", \'$.Hash\') FROM "NuGetPackage"'
    assert one.rows(query) == other.rows(query)
    store = one.store("2020.5.7")
    account = store.documents("Account")[0]
    assert store.secret(account["Password"]) == "password of Deploy account"
    with pytest.raises(crypto.CryptoError):
        crypto.decrypt(crypto.new_master_key(b"another"), account["Password"])
    assert one.seeded.api_key not in "\n".join(one.connection._inner.iterdump())


def test_what_lies_in_the_folders_belongs_to_rows(bench: Any) -> None:
    made = bench("2018.10.7")
    store = made.store("2018.10.7")
    done = [task for task in store.documents("ServerTask") if task["State"] != "Queued"]
    assert len(done) > 20 and all(store.task_log(task) for task in done)
    artifacts = store.documents("Artifact")
    assert artifacts == [] or all(store.artifact(one) for one in artifacts)
    logos = [store.logo(project) for project in store.documents("Project")]
    assert len(logos) >= 3 and all(logo and logo[0].startswith(b"\x89PNG") for logo in logos)
