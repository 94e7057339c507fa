# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The callback that ends ansible-playbook: in a real one, since only that shows that nothing on the way catches it."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import ansible_collections.octopus.upgrade as collection
import pytest

PLAY = """
- hosts: [one, two, three]
  gather_facts: false
  connection: local
  tasks:
    - ansible.builtin.set_stats:
        data: {octopus_exit_status: "{{ code }}"}
        per_host: true
        aggregate: false
      when: code is defined
    - ansible.builtin.fail:
      when: fails | default(false)
"""


@pytest.mark.parametrize(
    ("enabled", "codes", "fails", "ends"),
    [
        (True, {"one": 0, "two": 21, "three": 20}, True, 21),
        (True, {"one": 22}, False, 22),
        (True, {"one": 0}, True, 2),
        (True, {}, False, 0),
        (False, {"one": 21}, True, 2),
    ],
)
def test_how_it_ends(tmp_path: Path, enabled: bool, codes: dict[str, int], fails: bool, ends: int) -> None:
    tree = Path(next(iter(collection.__path__))).parents[2]
    (tmp_path / "play.yml").write_text(PLAY)
    hosts = "".join(f"{name} code={codes[name]}\n" if name in codes else f"{name}\n" for name in ("one", "two", "three"))
    (tmp_path / "hosts").write_text(hosts)
    environment = {name: value for name, value in os.environ.items() if not name.startswith("ANSIBLE_")} | {
        "ANSIBLE_COLLECTIONS_PATH": str(tree),
        "ANSIBLE_LOCAL_TEMP": str(tmp_path / "tmp"),
    }
    if enabled:
        environment["ANSIBLE_CALLBACKS_ENABLED"] = "octopus.upgrade.exit_status"
    command = [str(Path(sys.executable).parent / "ansible-playbook"), "play.yml", "-i", "hosts", "-e", f'{{"fails": {str(fails).lower()}}}']
    ended = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False, timeout=120)
    assert ended.returncode == ends, ended.stdout + ended.stderr
    assert "PLAY RECAP" in ended.stdout, "the others have had their say"
    assert list((tmp_path / "tmp").glob("*")) == [], "ansible has cleaned up"
