# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The action plugins under a real ansible-playbook: whose connection a module gets, and what is refused.

All cases are plays of one playbook, since each start of Ansible costs more than they do.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml
from lab.core.ledger import Event
from patience import patient
from scenarios.windows.setting import ACCOUNT, PASSWORD, SYSTEM, World

ROOT = Path(__file__).resolve().parents[3]


def folders(**more: Any) -> dict[str, Any]:
    return {
        "name": "Copy",
        "octopus.upgrade.octopus_folders_backup": {
            "folders": {"logs": "C:\\Octopus\\TaskLogs"},
            "dest": "C:\\Backups\\{{ item | default(case) }}",
        },
        "register": "kept",
        **more,
    }


def absent(nodes: Any = None, **more: Any) -> dict[str, Any]:
    arguments: dict[str, Any] = {"state": "absent"}
    if nodes is not None:
        arguments["nodes"] = nodes
    return {"name": "Nothing there", "octopus.upgrade.octopus_install": arguments, "register": "kept", **more}


WAIT = {
    "name": "Wait",
    "ansible.builtin.async_status": {"jid": "{{ kept.ansible_job_id }}"},
    "register": "kept",
    "until": "kept.finished",
    "delay": 1,
    "retries": 60,
    "delegate_to": "localhost",
    "vars": {"ansible_connection": "local"},
}
# The environment's proxy is taken where the connection has none: nobody answers there.
BY_PROXY = absent(environment={"http_proxy": "http://127.0.0.1:1"}, vars={"ansible_winrm_proxy": None})
ONE_ATTEMPT = "There was only one attempt"
SSH = "linux has ansible_connection: ssh. Set ansible_connection: winrm (or psrp)"

REFUSED: dict[str, tuple[dict[str, Any], str, str]] = {
    "by ssh": (folders(), "linux", SSH),
    "a node by ssh": (absent(["octo-a", "linux"]), "octo-a", SSH),
    "no such node": (absent(["octo-c"]), "octo-a", "the inventory has no such host. Known: linux, octo-a, octo-b, octo-psrp."),
    "polled": (absent(**{"async": 60, "poll": 1}), "octo-a", "Set poll: 0 and ask with ansible.builtin.async_status"),
    "wrong password": (absent(vars={"ansible_password": "wrong"}), "octo-a", ONE_ATTEMPT),
    "wrong port": (absent(vars={"ansible_port": 1}), "octo-a", "no WinRM answer from http://"),
    "unencrypted": (absent(vars={"ansible_winrm_transport": "basic"}), "octo-a", "basic over HTTP would send the password unencrypted"),
    "wrong argument": (
        {"name": "Wrong", "octopus.upgrade.octopus_install": {"state": "absent", "colour": "blue"}, "register": "kept"},
        "octo-a",
        "Unsupported parameters for (octopus.upgrade.octopus_install) module: colour",
    ),
}
# The cases by name: the tasks, and the host they run on.
CASES: dict[str, tuple[list[dict[str, Any]], str]] = {
    "copied": ([folders()], "octo-a"),
    "loop": ([folders(loop=["one", "two"], check_mode=True, diff=True)], "octo-a"),
    "delegated": ([folders(delegate_to="octo-b")], "octo-a"),
    "no log": ([folders(no_log=True)], "octo-a"),
    "two nodes": ([absent(["octo-a", "octo-b"])], "octo-a"),
    "from the control node": ([absent("octo-b", delegate_to="localhost")], "octo-a"),
    "masked": ([folders(vars={"item": PASSWORD})], "octo-a"),
    "by proxy": ([BY_PROXY], "octo-a"),
    "by proxy before": ([BY_PROXY, absent()], "octo-a"),
    "no nodes": ([absent()], "octo-a"),
    "psrp": ([absent()], "octo-psrp"),
    "psrp and winrm": ([absent(["octo-psrp", "octo-a"])], "octo-a"),
    "async": ([absent(**{"async": 60, "poll": 0}), WAIT], "octo-a"),
    **{name: ([task], host) for name, (task, host, _said) in REFUSED.items()},
}


@dataclass
class Played:
    """What one case came to: its part of the output, the last task's result, and what the world saw of it."""

    output: str
    result: dict[str, Any]
    events: list[Event]

    @property
    def failed(self) -> bool:
        return bool(self.result.get("failed") or self.result.get("unreachable"))

    @property
    def asked(self) -> set[str]:
        return {event.machine for event in self.events if event.kind == "winrm.command"}


def inventory(world: World) -> dict[str, Any]:
    def host_vars(name: str) -> dict[str, Any]:
        return {"ansible_host": world.hosts[name].address}

    return {
        "octopus": {
            "hosts": {name: host_vars(name) for name in world.hosts},
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


@pytest.fixture(scope="module")
def played(make_shared_world: Callable[..., World], tmp_path_factory: pytest.TempPathFactory) -> dict[str, Played]:
    """Every case, run in one ansible-playbook with all the verbosity there is; errors end nothing."""
    world, folder = make_shared_world("octo-a", "octo-b"), tmp_path_factory.mktemp("controller")
    for host in world.hosts.values():
        host.fs.mkdir("C:\\Octopus\\TaskLogs", SYSTEM)
        host.fs.write("C:\\Octopus\\TaskLogs\\one.txt", b"1", SYSTEM)

    def play(case: str, tasks: list[dict[str, Any]], host: str) -> dict[str, Any]:
        keep = {
            "name": "Keep",
            "ansible.builtin.copy": {"content": "{{ kept | to_json }}", "dest": str(folder / f"{case}.json"), "mode": "0600"},
            "delegate_to": "localhost",
            "vars": {"ansible_connection": "local"},
            "no_log": True,
        }
        endless = [{**task, "ignore_errors": True, "ignore_unreachable": True} for task in tasks]
        return {"name": case, "hosts": host, "gather_facts": False, "vars": {"case": case}, "tasks": [*endless, keep]}

    (folder / "inventory.yml").write_text(yaml.safe_dump(inventory(world)))
    (folder / "playbook.yml").write_text(yaml.safe_dump([play(case, *of) for case, of in CASES.items()], sort_keys=False))
    environment = {name: value for name, value in os.environ.items() if not name.startswith("ANSIBLE_")}
    done = subprocess.run(
        [str(Path(sys.executable).parent / "ansible-playbook"), "-i", "inventory.yml", "playbook.yml", "-vvvv"],
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=patient(240),
        check=False,
        env=environment
        | {
            "ANSIBLE_COLLECTIONS_PATH": str(ROOT / "build" / "tree"),
            "ANSIBLE_LOCAL_TEMP": str(folder / "tmp"),
            "ANSIBLE_NOCOLOR": "1",
            "PYTHONPATH": "",
        },
    )
    output = done.stdout + done.stderr
    assert done.returncode == 0, output
    assert PASSWORD not in output
    parts = re.split(r"^PLAY \[(.+?)\] \**$", done.stdout, flags=re.MULTILINE)
    outputs = dict(zip(parts[1::2], parts[2::2], strict=True))
    assert list(outputs) == list(CASES)
    begun, found = 0.0, {}
    for case in CASES:
        kept = folder / f"{case}.json"
        ended = (kept.stat().st_mtime - world.network.clock.epoch.timestamp()) * world.network.clock.scale  # as the ledger counts
        events = [event for event in world.ledger.events() if begun < event.t <= ended]
        found[case], begun = Played(outputs[case], json.loads(kept.read_text()), events), ended
    return found


@pytest.fixture
def case(played: dict[str, Played]) -> Callable[[str], Played]:
    """A case that went well."""

    def went_well(name: str) -> Played:
        assert not played[name].failed, played[name].output
        return played[name]

    return went_well


def test_the_tasks_host_with_progress_and_no_secret(case: Callable[[str], Played]) -> None:
    copied = case("copied")
    assert copied.result["folders"]["logs"]["copied_files"] == 1
    assert copied.asked == {"octo-a"}
    assert "[octo-a] octo-a: copying logs" in copied.output
    assert PASSWORD not in json.dumps(copied.result, ensure_ascii=False)


def test_a_loop_in_check_mode(case: Callable[[str], Played]) -> None:
    loop = case("loop")
    assert [item["folders"]["logs"]["dest"] for item in loop.result["results"]] == ["C:\\Backups\\one\\logs", "C:\\Backups\\two\\logs"]
    assert "1 files to copy" in loop.output
    assert loop.asked == {"octo-a"} and [event for event in loop.events if event.kind == "task.run"] == []


def test_delegation_goes_to_the_other_host(case: Callable[[str], Played]) -> None:
    assert case("delegated").asked == {"octo-b"}


def test_no_log_shows_neither_result_nor_progress(case: Callable[[str], Played]) -> None:
    hidden = case("no log")
    assert "copying logs" not in hidden.output
    assert "C:\\\\Backups" not in hidden.output
    assert hidden.result["folders"]["logs"]["copied_files"] == 1


def test_nodes_are_reached_with_their_own_variables(case: Callable[[str], Played]) -> None:
    assert set(case("two nodes").result["nodes"]) == case("two nodes").asked == {"octo-a", "octo-b"}


def test_nodes_from_the_control_node(case: Callable[[str], Played]) -> None:
    assert set(case("from the control node").result["nodes"]) == {"octo-b"}


def test_a_no_log_argument_is_masked_wherever_it_turns_up(played: dict[str, Played]) -> None:
    """Here it is in a path that is refused, and so in the message. That it is nowhere in the output has been checked for all cases."""
    assert played["masked"].failed and "********" in played["masked"].result["msg"]
    assert PASSWORD not in played["masked"].output + json.dumps(played["masked"].result, ensure_ascii=False)


def test_environment_reaches_the_module_in_the_worker(played: dict[str, Played], case: Callable[[str], Played]) -> None:
    output = played["by proxy"].output
    assert played["by proxy"].failed and ("no WinRM answer" in output or "Cannot connect to proxy" in output), output
    assert set(case("by proxy before").result["nodes"]) == {"octo-a"}, "the next task has its own"


def test_without_nodes_the_tasks_host(case: Callable[[str], Played]) -> None:
    assert set(case("no nodes").result["nodes"]) == {"octo-a"}


def test_a_psrp_host_is_reached_at_the_same_endpoint(case: Callable[[str], Played]) -> None:
    assert set(case("psrp").result["nodes"]) == {"octo-psrp"} and case("psrp").asked == {"octo-b"}
    assert set(case("psrp and winrm").result["nodes"]) == {"octo-psrp", "octo-a"} and case("psrp and winrm").asked == {"octo-a", "octo-b"}


@pytest.mark.parametrize("name", list(REFUSED))
def test_refused_with_what_to_set(played: dict[str, Played], name: str) -> None:
    refused = played[name]
    assert refused.failed
    assert REFUSED[name][2] in " ".join(refused.output.split()).replace('\\"', '"')
    assert refused.asked == set()


def test_a_wrong_password_is_tried_once(played: dict[str, Played]) -> None:
    refused = [event for event in played["wrong password"].events if event.kind == "winrm.request" and event.get("status") == 401]
    # One log-on with NTLM: the first two answers of 401 are part of every exchange.
    assert 0 < len(refused) <= 3


def test_async_without_polling_runs_on_the_control_node(case: Callable[[str], Played]) -> None:
    assert case("async").result["nodes"]["octo-a"]["installed_version"] is None
