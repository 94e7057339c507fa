# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Whether a process is gone: for certain, or not known."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace

import pytest
from ansible_collections.octopus.upgrade.plugins.module_utils._run import holder as run_holder
from ansible_collections.octopus.upgrade.plugins.module_utils._run.holder import Holder, start_of


@pytest.fixture
def child() -> Iterator[subprocess.Popen]:
    process = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    yield process
    process.kill()
    process.wait()


def test_this_process_lives() -> None:
    here = Holder.of(os.getpid())
    assert here is not None and here.started and here.boot
    assert here.owner.count("@") == 1
    assert not here.is_gone()
    assert Holder.of(os.getpid()) == here
    assert Holder.from_dict(here.to_dict()) == here


def test_one_that_was_killed_is_gone_even_as_a_zombie(child: subprocess.Popen) -> None:
    holder = Holder.of(child.pid)
    assert holder is not None and not holder.is_gone()
    child.kill()
    os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOWAIT)  # it has ended, and nobody has asked for its exit code
    assert holder.is_gone()
    child.wait()
    assert holder.is_gone()
    assert Holder.of(child.pid) is None


def test_a_later_process_of_the_same_number_is_another_one() -> None:
    here = Holder.of(os.getpid())
    assert here is not None
    earlier = replace(here, started="1")
    assert earlier.is_gone()
    assert earlier.token != here.token


@pytest.mark.parametrize("elsewhere", [{"machine": "other"}, {"boot": "other"}, {"namespace": "pid:[1]"}, {"boot": ""}])
def test_of_another_control_node_restart_or_container_nothing_is_known(elsewhere: dict[str, str], child: subprocess.Popen) -> None:
    holder = Holder.of(child.pid)
    assert holder is not None
    child.kill()
    child.wait()
    assert holder.is_gone()
    other = replace(holder, **elsewhere)
    assert not other.is_gone()
    assert other.token != holder.token


def test_nobody_is_gone_whose_start_nobody_tells(child: subprocess.Popen, monkeypatch: pytest.MonkeyPatch) -> None:
    holder = Holder.of(child.pid)
    assert holder is not None
    assert not replace(holder, started="").is_gone()
    monkeypatch.setattr(run_holder, "start_of", lambda _pid: "")
    assert not holder.is_gone()


def test_by_ps_where_there_is_no_proc(child: subprocess.Popen, monkeypatch: pytest.MonkeyPatch) -> None:
    printed = {str(child.pid): "S+   Wed Nov 25  1:02:03 2026\n"}
    monkeypatch.setattr(run_holder.os.path, "isdir", lambda _path: False)
    monkeypatch.setattr(run_holder, "_output", lambda *command: printed.get(command[-1], ""))
    assert start_of(child.pid) == "Wed Nov 25 1:02:03 2026"
    printed[str(child.pid)] = "Z    Wed Nov 25  1:02:03 2026\n"
    assert start_of(child.pid) is None
    printed.clear()
    assert start_of(child.pid) is None
    monkeypatch.setattr(run_holder, "_output", lambda *_command: None)
    assert start_of(child.pid) == ""


@pytest.mark.parametrize("wrong", [{"pid": "12"}, {"pid": 0}, {"pid": -1}, {"started": None}, {"boot": 7}])
def test_what_is_no_process_is_refused(wrong: dict[str, object]) -> None:
    known = {"owner": "a@b", "machine": "m", "boot": "b", "namespace": "", "pid": 7, "started": "1"}
    assert Holder.from_dict(known).pid == 7
    with pytest.raises(ValueError, match="Expected the description of a process"):
        Holder.from_dict(known | wrong)
