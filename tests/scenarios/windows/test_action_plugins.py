# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The action plugins under a real ansible-playbook: whose connection a module gets, and what is refused."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml
from patience import patient
from scenarios.windows.setting import ACCOUNT, PASSWORD, SYSTEM, World

ROOT = Path(__file__).resolve().parents[3]


@pytest.fixture
def two(make_world: Callable[..., World]) -> World:
    world = make_world("octo-a", "octo-b")
    for host in world.hosts.values():
        host.fs.mkdir("C:\\Octopus\\TaskLogs", SYSTEM)
        host.fs.write("C:\\Octopus\\TaskLogs\\one.txt", b"1", SYSTEM)
    return world


@pytest.fixture
def play(two: World, tmp_path: Path) -> Callable[..., tuple[int, str, list[dict[str, Any]]]]:
    """Runs tasks in a play over hosts: gives exit code, output and the results by JSON."""

    def host_vars(name: str) -> dict[str, Any]:
        return {"ansible_host": two.hosts[name].address}

    inventory = {
        "octopus": {
            "hosts": {name: host_vars(name) for name in two.hosts},
            "vars": {
                "ansible_connection": "winrm",
                "ansible_user": ACCOUNT,
                "ansible_password": "{{ vaulted_password }}",
                "vaulted_password": PASSWORD,
                "ansible_winrm_scheme": "http",
                "ansible_port": "{{ 5900 + 85 }}",
                "ansible_winrm_transport": "ntlm",
                "ansible_winrm_proxy": "",
                "broken": "{{ no_such_variable }}",
            },
        },
        "by_psrp": {
            "hosts": {"octo-psrp": host_vars("octo-b")},
            "vars": {
                "ansible_connection": "psrp",
                "ansible_user": ACCOUNT,
                "ansible_password": PASSWORD,
                "ansible_psrp_protocol": "http",
                "ansible_psrp_auth": "ntlm",
                "ansible_psrp_ignore_proxy": True,
            },
        },
        "others": {"hosts": {"linux": {"ansible_connection": "ssh"}}},
    }

    def run(tasks: list[dict[str, Any]], hosts: str = "octo-a", *arguments: str, **variables: Any) -> tuple[int, str, list[dict[str, Any]]]:
        results = tmp_path / "results.json"
        results.unlink(missing_ok=True)
        (tmp_path / "inventory.yml").write_text(yaml.safe_dump(inventory))
        keep = {
            "name": "Keep",
            "ansible.builtin.copy": {"content": "{{ [kept] | flatten | to_json }}", "dest": str(results), "mode": "0600"},
            "delegate_to": "localhost",
            "vars": {"ansible_connection": "local"},
            "check_mode": False,
            "no_log": True,
        }
        playbook = [{"hosts": hosts, "gather_facts": False, "vars": variables, "tasks": [*tasks, keep]}]
        (tmp_path / "playbook.yml").write_text(yaml.safe_dump(playbook, sort_keys=False))
        environment = {name: value for name, value in os.environ.items() if not name.startswith("ANSIBLE_")}
        done = subprocess.run(
            [str(Path(sys.executable).parent / "ansible-playbook"), "-i", "inventory.yml", "playbook.yml", *arguments],
            cwd=tmp_path,
            capture_output=True,
            text=True,
            timeout=patient(120),
            check=False,
            env=environment
            | {
                "ANSIBLE_COLLECTIONS_PATH": str(ROOT / "build" / "tree"),
                "ANSIBLE_LOCAL_TEMP": str(tmp_path / "tmp"),
                "ANSIBLE_NOCOLOR": "1",
                "PYTHONPATH": "",
            },
        )
        return done.returncode, done.stdout + done.stderr, json.loads(results.read_text()) if results.exists() else []

    return run


def folders(**more: Any) -> dict[str, Any]:
    return {
        "name": "Copy",
        "octopus.upgrade.octopus_folders_backup": {
            "folders": {"logs": "C:\\Octopus\\TaskLogs"},
            "dest": "C:\\Backups\\{{ item | default('p') }}",
        },
        "register": "kept",
        **more,
    }


def absent(nodes: Any = None, **more: Any) -> dict[str, Any]:
    arguments: dict[str, Any] = {"state": "absent"}
    if nodes is not None:
        arguments["nodes"] = nodes
    return {"name": "Nothing there", "octopus.upgrade.octopus_install": arguments, "register": "kept", **more}


def asked(world: World) -> set[str]:
    return {event.machine for event in world.ledger.events("winrm.command")}


def test_the_tasks_host_with_progress_and_no_secret(play: Callable[..., Any], two: World) -> None:
    code, output, [result] = play([folders()], "octo-a", "-vvvv")
    assert code == 0, output
    assert result["folders"]["logs"]["copied_files"] == 1
    assert asked(two) == {"octo-a"}
    assert "[octo-a] octo-a: copying logs" in output
    assert PASSWORD not in output
    assert PASSWORD not in json.dumps(result)


def test_a_loop_in_check_mode(play: Callable[..., Any], two: World) -> None:
    code, output, [result] = play([folders(loop=["one", "two"])], "octo-a", "--check", "--diff")
    assert code == 0, output
    assert [item["folders"]["logs"]["dest"] for item in result["results"]] == ["C:\\Backups\\one\\logs", "C:\\Backups\\two\\logs"]
    assert "1 files to copy" in output
    assert two.ledger.events("task.run") == []


def test_delegation_goes_to_the_other_host(play: Callable[..., Any], two: World) -> None:
    code, output, _results = play([folders(delegate_to="octo-b")])
    assert code == 0, output
    assert asked(two) == {"octo-b"}


def test_no_log_shows_neither_result_nor_progress(play: Callable[..., Any]) -> None:
    code, output, _results = play([folders(no_log=True)], "octo-a", "-vvv")
    assert code == 0, output
    assert "copying logs" not in output
    assert "C:\\\\Backups" not in output


def test_nodes_are_reached_with_their_own_variables(play: Callable[..., Any], two: World) -> None:
    code, output, [result] = play([absent(["octo-a", "octo-b"])])
    assert code == 0, output
    assert set(result["nodes"]) == {"octo-a", "octo-b"}
    assert asked(two) == {"octo-a", "octo-b"}


def test_nodes_from_the_control_node(play: Callable[..., Any], two: World) -> None:
    code, output, [result] = play([absent("octo-b", delegate_to="localhost")])
    assert code == 0, output
    assert set(result["nodes"]) == {"octo-b"}


def test_a_no_log_argument_is_masked_wherever_it_turns_up(play: Callable[..., Any]) -> None:
    code, output, _results = play([folders(vars={"item": PASSWORD}, ignore_errors=True)], "octo-a", "-vvv")
    assert code == 0, output
    assert PASSWORD not in output


def test_environment_reaches_the_module_in_the_worker(play: Callable[..., Any], tmp_path: Path) -> None:
    """The proxy of the environment is taken where the connection has none: nobody answers there."""
    tasks = [absent(environment={"http_proxy": "http://127.0.0.1:1"}, vars={"ansible_winrm_proxy": None}, ignore_errors=True), absent()]
    code, output, [result] = play(tasks)
    assert code == 0, output
    assert "no WinRM answer" in output or "Cannot connect to proxy" in output, output
    assert set(result["nodes"]) == {"octo-a"}, "the next task has its own"


def test_wrong_arguments_are_refused_as_by_the_module_itself(play: Callable[..., Any], two: World) -> None:
    code, output, _results = play([{"name": "Wrong", "octopus.upgrade.octopus_install": {"state": "absent", "colour": "blue"}}])
    assert code != 0
    assert "Unsupported parameters for (octopus.upgrade.octopus_install) module: colour" in output
    assert asked(two) == set()


def test_without_nodes_the_tasks_host(play: Callable[..., Any]) -> None:
    code, output, [result] = play([absent()])
    assert code == 0, output
    assert set(result["nodes"]) == {"octo-a"}


def test_a_psrp_host_is_reached_at_the_same_endpoint(play: Callable[..., Any], two: World) -> None:
    code, output, [result] = play([absent()], "octo-psrp")
    assert code == 0, output
    assert set(result["nodes"]) == {"octo-psrp"}
    code, output, [result] = play([absent(["octo-psrp", "octo-a"])], "octo-a")
    assert code == 0, output
    assert set(result["nodes"]) == {"octo-psrp", "octo-a"}
    assert asked(two) == {"octo-a", "octo-b"}


@pytest.mark.parametrize(
    ("task", "hosts", "said"),
    [
        (folders(), "linux", "linux has ansible_connection: ssh. Set ansible_connection: winrm (or psrp)"),
        (absent(["octo-a", "linux"]), "octo-a", "linux has ansible_connection: ssh. Set ansible_connection: winrm (or psrp)"),
        (absent(["octo-c"]), "octo-a", "the inventory has no such host. Known: linux, octo-a, octo-b, octo-psrp."),
        (absent(**{"async": 60, "poll": 1}), "octo-a", "Set poll: 0 and ask with ansible.builtin.async_status"),
        (absent(vars={"ansible_password": "wrong"}), "octo-a", "There was only one attempt"),
        (absent(vars={"ansible_port": 1}), "octo-a", "no WinRM answer from http://"),
        (absent(vars={"ansible_winrm_transport": "basic"}), "octo-a", "basic over HTTP would send the password unencrypted"),
    ],
)
def test_refused_with_what_to_set(play: Callable[..., Any], two: World, task: dict[str, Any], hosts: str, said: str) -> None:
    code, output, _results = play([task], hosts)
    assert code != 0
    assert said in " ".join(output.split()).replace('\\"', '"')


def test_a_wrong_password_is_tried_once(play: Callable[..., Any], two: World) -> None:
    play([absent(vars={"ansible_password": "wrong"})])
    refused = [event for event in two.ledger.events("winrm.request") if event.get("status") == 401]
    # One log-on with NTLM: the first two answers of 401 are part of every exchange.
    assert len(refused) <= 3


def test_async_without_polling_runs_on_the_control_node(play: Callable[..., Any], two: World) -> None:
    tasks = [
        absent(**{"async": 60, "poll": 0}),
        {
            "name": "Wait",
            "ansible.builtin.async_status": {"jid": "{{ kept.ansible_job_id }}"},
            "register": "kept",
            "until": "kept.finished",
            "delay": 1,
            "retries": 60,
            "delegate_to": "localhost",
            "vars": {"ansible_connection": "local"},
        },
    ]
    code, output, [result] = play(tasks)
    assert code == 0, output
    assert result["nodes"]["octo-a"]["installed_version"] is None
