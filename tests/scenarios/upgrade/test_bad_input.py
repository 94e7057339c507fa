# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Bad input: each fails before anything is changed, and says what was wanted, what was found, where, and what to do.

One play has all that an instance alone can get wrong: side by side, so that each also shows that the failure of one stops no other.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest
import yaml
from lab.core.ledger import Event
from lab.estate import SINGLE, InstanceSpec, Lab, LabInstance
from lab.octopus import media
from lab.winrm.logons import Logons
from patience import patient
from scenarios import exact
from scenarios.leftovers import leftovers
from scenarios.operator import Operator, Run
from scenarios.world import World, look

CHANGING_KINDS = ("service.state", "sql.backup", "sql.restore", "msi")
FORKS = 6
LONG = patient(600.0)  # real seconds for many instances in one play


def _own(name: str, number: int) -> InstanceSpec:
    return replace(SINGLE, name=name, nodes=(f"octo{number:02}",), sql=f"sql{number:02}")


# Most cases end before they leave a trace that another one could see, so they share an instance. These do not.
SHARE, HASH, ROOM = _own("share", 2), _own("hash", 3), _own("room", 4)


@dataclass(frozen=True)
class Case:
    """What is wrong with one instance of the inventory, and what is said of it. ``spec``: the instance of the lab that it is."""

    name: str
    variables: Callable[[Lab], dict[str, Any]]
    says: tuple[str, ...]
    spec: InstanceSpec = SINGLE

    @property
    def host(self) -> str:
        return self.spec.nodes[0] if self.spec is not SINGLE else f"{SINGLE.nodes[0]}-{self.instance}"

    @property
    def instance(self) -> str:
        return self.name.replace("_", "-")


def _limited(lab: Lab) -> str:
    return lab.instances["single"].handle.limited_key


def _closed_port(lab: Lab) -> str:
    return f"https://{lab.network.prefix}.250:8443"


def _unsigned(lab: Lab) -> dict[str, Any]:
    folder = lab.root / "copies"
    folder.mkdir(exist_ok=True)
    for version in ("2026.2.9853", "2025.3.14357"):
        (folder / media.file_name(version)).write_bytes(media.build_msi(version))
    return {"octopus_msi_copies": str(folder), "octopus_msi_publishers": ["Vendor"]}


CASES = [
    Case("unknown_version", lambda lab: {"octopus_version": "2026.9.1"}, ("2026.9.1", "Octopus.2026.9.1-x64.msi", "40")),
    Case("no_version", lambda lab: {"octopus_version": "newest"}, ("newest", "latest-patch", "2025.4")),
    Case("lower_version", lambda lab: {"octopus_version": "2024.3.13097"}, ("2024.3.13097", "2025.3.14357", "target_not_older")),
    Case(
        "falling_ladder",
        lambda lab: {"octopus_ladder": ["2026.2.9853", "2025.4.10423", "2026.2.9853"]},
        ("expected octopus_ladder to rise", "2025.4.10423"),
    ),
    Case("unreachable_host", lambda lab: {"ansible_host": f"{lab.network.prefix}.251"}, ("octo01", ".251", "5986")),
    Case("unreachable_api", lambda lab: {"octopus_url": _closed_port(lab)}, (".250:8443",)),
    Case("unreachable_sql", lambda lab: {"octopus_sql_host": f"{lab.network.prefix}.252"}, (".252", "1433")),
    Case("wrong_api_key", lambda lab: {"octopus_api_key": "API-WRONG"}, ("does not accept the API key",)),
    Case("limited_api_key", lambda lab: {"octopus_api_key": _limited(lab)}, ("AdministerSystem",)),
    Case(
        "login_without_rights", lambda lab: {"octopus_sql_user": "weak", "octopus_sql_password": "W3ak!password"}, ("weak", "OctopusDeploy")
    ),
    Case("backup_path", lambda lab: {"octopus_sql_backup_root": "D:\\nowhere"}, ("D:\\nowhere", "SQL Server")),
    Case("other_share", lambda lab: {"octopus_backup_root": "\\\\nas\\other"}, ("\\\\nas\\other",), SHARE),
    Case("no_seal", lambda lab: {"octopus_vault_password_file": ""}, ("octopus_vault_password_file",)),
    Case("unknown_waiver", lambda lab: {"octopus_waivers": ["licence"]}, ("licence", "license_compliant")),
    Case("wrong_hash", lambda lab: {"octopus_msi_sha256": {"2026.2.9853": "0" * 64}}, ("0" * 64, "2026.2.9853"), HASH),
    # A folder in which the package is, and nothing of it is signed.
    Case("wrong_signature", _unsigned, ("package_signature", "2026.2.9853", "Vendor")),
    Case("self_signed_sql", lambda lab: {"octopus_sql_ca_path": ""}, ("certificate",)),
    Case("self_signed_api", lambda lab: {"octopus_ca_path": ""}, ("certificate", "ca_path")),
    Case("too_little_room", lambda lab: {}, ("space_on_node", "octo04"), ROOM),
    Case("wrong_windows_password", lambda lab: {"ansible_password": "wrong"}, ("octo01", "single-admin")),
    Case("wrong_sql_password", lambda lab: {"octopus_sql_password": "wrong"}, ("octopus_upgrade", "18456")),
]
GOOD = [
    Case("check", lambda lab: {}, ()),
    # With what an upgrade can be asked to do besides.
    Case("check_more", lambda lab: {"octopus_test_restore": True, "octopus_database_snapshot": True}, ()),
]
STEPS = ["Enable maintenance mode", "Stop the nodes", "Back up the database", "Upgrade the schema"]
SNAPSHOT, TEST_RESTORE = (
    "Create a database snapshot",
    "Restore the database under another name",
)  # the latter is shown as skipped: there is no backup to test


@dataclass
class Played:
    """One play, and the lab's instances as they were before it."""

    lab: Lab
    run: Run
    before: dict[str, World]
    mark: int
    failed_logons: int

    def events(self, case: Case, *kinds: str) -> list[Event]:
        """What happened since on the machines of a case, by nobody who was there already."""
        machines = (*case.spec.nodes, case.spec.sql)
        events = [event for kind in kinds or (None,) for event in self.lab.ledger.events(kind, since=self.mark)]
        return [event for event in events if event.machine in machines and event.get("by") != "trigger"]


def _inventory(lab: Lab, operator: Operator, cases: Collection[Case]) -> None:
    """Write each case as an instance of its own."""
    path = operator.inventory / "hosts.yml"
    instances = yaml.safe_load(path.read_text())["octopus"]["children"]
    secrets = {name: (operator.inventory / "group_vars" / name / "secrets.yml").read_bytes() for name in instances}
    groups: dict[str, Any] = {}
    for case in cases:
        name, of = f"octopus_{case.name}", f"octopus_{case.spec.name}"
        [address] = instances[of]["hosts"].values()
        own = {"octopus_instance": case.instance} | case.variables(lab)
        # All of it in the group: a variable of the host itself would win over what is wrong with the instance.
        groups[name] = {"hosts": {case.host: {}}, "vars": address | instances[of]["vars"] | own}
        folder = operator.inventory / "group_vars" / name
        folder.mkdir(exist_ok=True)
        (folder / "secrets.yml").write_bytes(secrets[of])
    path.write_text(yaml.safe_dump({"octopus": {"children": groups}}))


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    with Lab(tmp_path_factory.mktemp("bad") / "lab", SINGLE, SHARE, HASH, ROOM) as lab:
        lab.instances["single"].sql.add_login("weak", "W3ak!password")
        yield lab


def _play(lab: Lab, folder: Path, cases: Collection[Case], *arguments: str) -> Played:
    operator = Operator(lab, folder)
    _inventory(lab, operator, cases)
    before = {name: look(instance) for name, instance in lab.instances.items()}
    mark, failed = lab.ledger.mark(), Logons.of(lab.network).failures[_administrator(lab)]
    run = operator.play("upgrade_inplace", "--forks", str(FORKS), *arguments, deadline=LONG)
    return Played(lab, run, before, mark, failed)


@pytest.fixture(scope="module")
def played(lab: Lab, tmp_path_factory: pytest.TempPathFactory) -> Played:
    """The play with everything that is wrong."""
    drive = lab.instances["room"].hosts[0].fs.drives["C"]
    capacity, drive.capacity = drive.capacity, drive.used() + 700 * 1024  # the packages fit, an installation does not
    try:
        return _play(lab, tmp_path_factory.mktemp("operator"), CASES)
    finally:
        drive.capacity = capacity


@pytest.fixture(scope="module")
def checked(lab: Lab, tmp_path_factory: pytest.TempPathFactory) -> Played:
    """A play in check mode over instances with which nothing is wrong."""
    return _play(lab, tmp_path_factory.mktemp("operator"), GOOD, "--check")


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_bad_input_fails_before_anything_is_changed(case: Case, played: Played) -> None:
    text = played.run.failures(case.host)
    assert played.run.code != 0 and text, played.run.output[-3000:]
    for words in case.says:
        assert words in _plain(text), f"{words!r} is not in\n{text[-4000:]}"
    if case.spec is HASH:  # only the download itself can show it: users notice nothing of that either
        record = played.run.record(case.instance)
        assert record["verdict"] == "failed_before_outage"
        _unchanged(played, case, own_runs={f"{record['run_id']}.jsonl"})
    else:
        _nothing_begun(played, case)
        _unchanged(played, case)


def _plain(text: str) -> str:
    """Strings as they are without JSON's escapes."""
    return text.replace("\\\\", "\\")


def _nothing_begun(played: Played, case: Case) -> None:
    """A run that never began leaves no record, not even half of one, and writes nothing anywhere."""
    assert not (played.run.folder / "octopus-runs" / case.instance).exists()
    assert played.events(case, "file") == []


def _unchanged(played: Played, case: Case, own_runs: Collection[str] = ()) -> None:
    """The instance is exactly as it was, and nothing is left over.

    Args:
        own_runs: The journals that a run of its own has left on the coordinator; there is never a lock.
    """
    instance = played.lab.instances[case.spec.name]
    assert [event for event in played.events(case) if event.kind in CHANGING_KINDS] == []
    assert [event for event in played.events(case, "rest") if event["method"] != "GET"] == []
    assert exact.changed(played.before[case.spec.name], look(instance)) == []
    assert _journals(instance) == set(own_runs)
    backups = played.lab.backup_share.volume.root
    assert {path.name for path in (backups / case.instance).rglob("*") if path.is_file()} == set(own_runs), "only copies of journals"
    assert leftovers(played.lab, instance) == []


def _journals(instance: LabInstance) -> set[str]:
    """What there is where journals and locks are."""
    runs = instance.hosts[0].root / "C" / "ProgramData" / "octopus.upgrade" / "runs"
    return {path.name for path in runs.rglob("*") if path.is_file() or path.name == "lock"}


def test_nothing_else_lies_beside_the_backups(played: Played) -> None:
    known = {case.instance for case in CASES}
    assert {path.name for path in played.lab.backup_share.volume.root.iterdir()} <= known


def _administrator(lab: Lab) -> str:
    return next(name for name in lab.network.accounts if name.endswith("single-admin"))


def test_a_wrong_windows_password_is_tried_once(played: Played) -> None:
    logons, account = Logons.of(played.lab.network), _administrator(played.lab)
    assert logons.failures[account] == played.failed_logons + 1
    assert not logons.locked(account)


def test_a_wrong_sql_password_is_tried_once(played: Played) -> None:
    failed = [event for event in played.lab.ledger.events("sql.session", since=played.mark) if event.get("error") == 18456]
    assert len(failed) == 1


@pytest.mark.parametrize("case", GOOD, ids=lambda case: case.name)
def test_check_mode_shows_the_steps_and_changes_nothing(case: Case, checked: Played) -> None:
    """And that an instance with which nothing is wrong gets as far as that, in an inventory like the one above."""
    assert checked.run.code == 0, checked.run.output[-4000:]
    shown = "\n".join(checked.run.tasks(case.host))
    for step in STEPS:
        assert step in shown
    assert (SNAPSHOT in shown) == (case.name == "check_more")
    assert TEST_RESTORE in checked.run.output
    _nothing_begun(checked, case)
    _unchanged(checked, case)
    assert checked.events(case, "task.run") == []


# An inventory that is wrong as a whole stops everything.


def test_a_host_without_an_instance_stops_everything(lab: Lab, tmp_path: Path) -> None:
    run = _play_with_another_host(lab, tmp_path, ["octopus", "hosts"], "stray")
    assert "octopus_instance" in run.output and "stray" in run.output


def test_a_limit_that_cuts_a_cluster_is_refused(lab: Lab, tmp_path: Path) -> None:
    run = _play_with_another_host(lab, tmp_path, ["octopus", "children", "octopus_single", "hosts"], "octo-b", "--limit", "octo-b")
    assert "octo01" in run.output and "--limit" in run.output


def _play_with_another_host(lab: Lab, folder: Path, place: list[str], name: str, *arguments: str) -> Run:
    """Play with one host more in the inventory, and check that this fails before anything is connected to."""
    operator = Operator(lab, folder / "operator")
    path = operator.inventory / "hosts.yml"
    inventory = hosts = yaml.safe_load(path.read_text())
    for step in place:
        hosts = hosts.setdefault(step, {})
    hosts[name] = {"ansible_host": f"{lab.network.prefix}.253"}
    path.write_text(yaml.safe_dump(inventory))
    mark = lab.ledger.mark()
    run = operator.play("upgrade_inplace", *arguments)
    assert run.code != 0
    assert lab.ledger.events("winrm.", since=mark) == []
    return run
