# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The callback that shows a run: what it prints of Ansible's own events, in a terminal and without one, and that no play fails by it."""

from __future__ import annotations

import io
import os
import pty
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import ansible_collections.octopus.upgrade as collection
import pytest
from ansible_collections.octopus.upgrade.plugins.callback import progress
from ansible_collections.octopus.upgrade.plugins.module_utils._core.progress import Message
from ansible_collections.octopus.upgrade.plugins.plugin_utils import _console_screen
from ansible_collections.octopus.upgrade.plugins.plugin_utils._console_text import GOOD, Line

# What roles of the collection do with Ansible, and what users may do: only a real one shows whether its events are understood.
PLAY = """
- hosts: [one, two]
  gather_facts: false
  connection: local
  vars: {octopus_instance: prod, ansible_python_interpreter: "{{ ansible_playbook_python }}"}
  strategy: ansible.builtin.host_pinned
  tasks:
    - name: Answer failures
      block:
        - {name: Skip this, ansible.builtin.command: exit 1, when: false}
        - {name: Ignore this, ansible.builtin.fail: {msg: no matter}, ignore_errors: true}
        - {name: Hide this, ansible.builtin.fail: {msg: s3cret}, no_log: true, ignore_errors: true}
        - {name: Say something, ansible.builtin.debug: {msg: [first line, second line]}}
        - {name: Change something, ansible.builtin.command: echo changed}
        - {name: Try again, ansible.builtin.command: "false", retries: 1, delay: 0, until: false, ignore_errors: true}
        - {name: Fail on an item, ansible.builtin.fail: {msg: "bad {{ item }}"}, loop: [apple, pear], when: item == 'pear'}
      rescue:
        - {name: Keep the error, ansible.builtin.set_fact: {error: "{{ ansible_failed_result.results[1].msg }}"}}
    - {name: Report it, ansible.builtin.fail: {msg: "bad pear"}, when: inventory_hostname == 'two'}
"""


def _environment(folder: Path) -> dict[str, str]:
    tree = Path(next(iter(collection.__path__))).parents[2]
    return {name: value for name, value in os.environ.items() if not name.startswith("ANSIBLE_")} | {
        "ANSIBLE_COLLECTIONS_PATH": str(tree),
        "ANSIBLE_LOCAL_TEMP": str(folder / "tmp"),
        "ANSIBLE_STDOUT_CALLBACK": "octopus.upgrade.progress",
        "TERM": "xterm",
    }


def _play(folder: Path, *arguments: str) -> list[str]:
    (folder / "play.yml").write_text(PLAY)
    (folder / "hosts").write_text("one\ntwo\n")
    return [str(Path(sys.executable).parent / "ansible-playbook"), "play.yml", "-i", "hosts", *arguments]


def test_a_play_without_a_terminal(tmp_path: Path) -> None:
    ended = subprocess.run(
        _play(tmp_path), cwd=tmp_path, env=_environment(tmp_path), capture_output=True, text=True, check=False, timeout=300
    )
    told = ended.stdout
    assert ended.returncode == 2, told + ended.stderr
    assert told.splitlines()[0] == "play.yml"
    assert "octopus.upgrade.progress has failed" not in told + ended.stderr
    assert "\x1b" not in told and "\r" not in told and "TASK [" not in told and "s3cret" not in told
    assert told.count("Ignore this: no matter (this does not stop the run)") == 2
    assert told.count("prod  second line") == 2 and told.count("prod  Change something") == 2
    assert told.count("it is tried again") >= 2
    assert told.count("FAILED  Fail on an item") == 2 and told.count("bad pear") == 2, "once for each host, and not again by the report"
    assert "Skip this" not in told and "Keep the error" not in told


def test_a_play_in_a_terminal_and_one_with_v(tmp_path: Path) -> None:
    def shown(*arguments: str) -> str:
        master, slave = pty.openpty()
        with subprocess.Popen(_play(tmp_path, *arguments), cwd=tmp_path, env=_environment(tmp_path), stdout=slave, stderr=slave) as process:
            os.close(slave)
            printed = b""
            while True:
                try:
                    printed += os.read(master, 65536)
                except OSError:  # nobody has it open any more
                    break
            os.close(master)
            assert process.wait(300) == 2
        return printed.decode()

    told = shown()
    assert "prod  Change something" in told and "has failed (" not in told
    assert "\x1b[" in told and told.rstrip().endswith("in all"), "coloured, and nothing is left below"
    assert "TASK [Change something]" in shown("-v")


# -- the screen


class Display:
    """Ansible's, as far as the screen needs it."""

    verbosity = 0

    def __init__(self, stream: io.StringIO) -> None:
        self._stream = stream
        self.warnings: list[str] = []

    def display(self, msg: str, color: str | None = None) -> None:
        self._stream.write(f"{msg}\n")

    def warning(self, msg: str) -> None:
        self.warnings.append(msg)


def screen(display: Display, heard: list[str], status: list[str], live: bool = True) -> _console_screen.Screen:
    made = _console_screen.Screen(display, live, heard.append, lambda: None, lambda _width: status)  # type: ignore[arg-type]
    made.open()
    return made


def test_the_status_is_taken_away_before_anything_is_printed(monkeypatch: pytest.MonkeyPatch) -> None:
    printed = io.StringIO()
    monkeypatch.setattr(sys, "stdout", printed)
    display, heard, status = Display(printed), [], ["one runs", "two runs"]
    tested = screen(display, heard, status)
    tested.show([Line("begun", GOOD)])
    display.display("a warning of Ansible's")
    display.display(Message("copying", 40, host="octo-a"))
    status.clear()
    tested.show([])
    tested.close()
    display.display("afterwards")
    away = "\x1b[1A\r\x1b[J"
    assert printed.getvalue() == (f"begun\none runs\ntwo runs\r{away}a warning of Ansible's\none runs\ntwo runs\r{away}afterwards\n")
    assert heard == ["[octo-a] copying (40 %)"]
    assert "display" not in vars(display), "the display is Ansible's own again"


def test_a_worker_prints_the_way_that_ansible_does(monkeypatch: pytest.MonkeyPatch) -> None:
    printed = io.StringIO()
    display, heard = Display(printed), []
    tested = screen(display, heard, ["runs"])
    monkeypatch.setattr(_console_screen.os, "getpid", lambda: -1)
    with tested.lock:
        display.display(Message("copying", host="octo-a"))
    assert printed.getvalue() == "[octo-a] copying\n" and heard == []


def test_an_error_of_its_own_fails_no_play(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(progress.context, "CLIARGS", {})
    callback = progress.CallbackModule()
    display: Any = Display(io.StringIO())
    callback._display = display
    callback._screen = screen(display, [], [], live=False)
    callback._on = True
    taken_over = []
    monkeypatch.setattr(progress.Default, "v2_runner_on_start", lambda _self, host, _task: taken_over.append(host.get_name()))
    broken = SimpleNamespace(args={}, name="a task")  # neither an action nor a role
    for _again in range(2):
        callback.v2_runner_on_start(SimpleNamespace(get_name=lambda: "octo-a"), broken)
    assert taken_over == ["octo-a", "octo-a"]
    [warning] = display.warnings
    assert "octopus.upgrade.progress has failed (AttributeError" in warning and "the default output goes on" in warning
