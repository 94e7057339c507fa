# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Record what the callback octopus.upgrade.progress shows in a terminal: of an upgrade in the lab, and of one whose schema upgrade fails.

Writes console-running (the upgrade within its outage), console-upgrade and console-failure to docs/images, each as text and as SVG. Run it again
where the console has changed: ``build/venv/bin/python tools/record_console.py``
"""

from __future__ import annotations

import copy
import html
import os
import pty
import re
import struct
import sys
import tempfile
import termios
from dataclasses import dataclass, field
from fcntl import ioctl
from pathlib import Path

from stage_play import ROOT

sys.path.insert(0, str(ROOT / "tests"))

from lab.estate import DEMO, Lab

OUT = ROOT / "docs" / "images"
COLUMNS, ROWS = 132, 50
ROLLED_BACK = 22  # as octopus.upgrade.exit_status documents it
COMMAND = ["ansible-playbook", "octopus.upgrade.upgrade_inplace", "-i", "inventory"]
SETTINGS = """[defaults]
stdout_callback = octopus.upgrade.progress
callbacks_enabled = octopus.upgrade.exit_status
vault_password_file = vault-password
localhost_warning = false
"""
# SGR numbers of the colours that Ansible uses by default, and what they look like on a dark screen.
COLORS = {"31": "#ff6b68", "32": "#7ec699", "33": "#e6c07b", "34": "#61afef", "35": "#d19afa", "36": "#56b6c2", "37": "#f5f5f5"}
PLAIN, BACK = "#c8ccd4", "#1e2127"
MOMENT = re.compile(r"step +\d+ of \d+ \| .*Upgrade the schema.*Executing")  # the status of the first picture
_CONTROL = re.compile(r"\x1b\[([0-9;?]*)([A-Za-z])|\r|\n|[^\x1b\r\n]+")


@dataclass
class Terminal:
    """A screen without an end, as far as what ansible-playbook prints needs one.

    Attributes:
        lines: Of each line, its characters with their colours.
    """

    lines: list[list[tuple[str, str]]] = field(default_factory=lambda: [[]])
    row: int = 0
    column: int = 0
    color: str = ""

    def feed(self, words: str) -> None:
        """Take what was printed, control sequences and all."""
        for found in _CONTROL.finditer(words):
            if found[0] == "\r":
                self.column = 0
            elif found[0] == "\n":
                self.row, self.column = self.row + 1, 0
                self.lines += [[]] if self.row == len(self.lines) else []
            elif found[2]:
                self._control(found[1], found[2])
            else:
                self._put(found[0])

    def _control(self, argument: str, letter: str) -> None:
        if letter == "A":
            self.row = max(0, self.row - int(argument or 1))
        elif letter == "J":
            del self.lines[self.row + 1 :]
            del self.lines[self.row][self.column :]
        elif letter == "m":
            self.color = next((number for number in argument.split(";") if number in COLORS), "")

    def _put(self, words: str) -> None:
        line = self.lines[self.row]
        line += [(" ", "")] * (self.column - len(line))
        line[self.column : self.column + len(words)] = [(character, self.color) for character in words]
        self.column += len(words)

    def text(self) -> str:
        """The screen without its colours."""
        return "\n".join("".join(character for character, _color in line).rstrip() for line in self.lines).rstrip() + "\n"


def play(folder: Path) -> tuple[int, Terminal, Terminal]:
    """Run the playbook in a terminal. Return its exit status, the screen at its end, and the screen during its first schema upgrade."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("ANSIBLE_")} | {
        "ANSIBLE_COLLECTIONS_PATH": str(ROOT / "build" / "tree"),
        "ANSIBLE_LOCAL_TEMP": str(folder / "tmp"),
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
        "PWD": str(folder),
        "TERM": "xterm-256color",
    }
    child, terminal = pty.fork()
    if child == 0:
        os.chdir(folder)
        os.execvpe(COMMAND[0], COMMAND, environment)  # noqa: S606 - the program is ours, by a fixed name
    ioctl(terminal, termios.TIOCSWINSZ, struct.pack("HHHH", ROWS, COLUMNS, 0, 0))
    screen, moment, pending = Terminal(), Terminal(), b""
    screen.feed(f"$ {' '.join(COMMAND)}\n")
    while True:
        try:
            pending += os.read(terminal, 65536)
        except OSError:  # the other side has closed it
            break
        printed = pending.decode("utf-8", "ignore")
        if re.search(r"\x1b(\[[0-9;]*)?$", printed):
            continue  # the rest of a sequence follows
        pending = b""
        screen.feed(printed)
        if len(moment.lines) == 1 and MOMENT.search("".join(character for character, _color in screen.lines[-1])):
            moment = copy.deepcopy(screen)
    code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    screen.feed(f"$ echo $?\n{code}")
    return code, screen, moment


def svg(screen: Terminal) -> str:
    """The screen as a picture."""
    wide, high, size, edge = 8.4, 19, 14, 16
    longest = max(len(line) for line in screen.lines)
    width, height = round(longest * wide + 2 * edge), round(len(screen.lines) * high + 2 * edge)
    rows = []
    for number, line in enumerate(screen.lines):
        spans = "".join(f'<tspan fill="{COLORS.get(color, PLAIN)}">{html.escape("".join(run))}</tspan>' for color, run in _runs(line))
        if spans:
            rows.append(f'<text x="{edge}" y="{edge + (number + 1) * high - 5}" xml:space="preserve">{spans}</text>')
    return "\n".join(
        [
            f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" viewBox="0 0 {width} {height}">',
            f'<rect width="100%" height="100%" rx="8" fill="{BACK}"/>',
            f'<g font-family="ui-monospace, SFMono-Regular, Menlo, Consolas, monospace" font-size="{size}">',
            *rows,
            "</g>",
            "</svg>",
            "",
        ]
    )


def _runs(line: list[tuple[str, str]]) -> list[tuple[str, list[str]]]:
    runs: list[tuple[str, list[str]]] = []
    for character, color in line:
        if not runs or runs[-1][0] != color:
            runs.append((color, []))
        runs[-1][1].append(character)
    return runs


def keep(name: str, screen: Terminal, folder: Path) -> None:
    """Write a screen, without the path of the folder that only this recording has had."""
    for line in screen.lines:
        words = "".join(character for character, _color in line)
        while (place := words.find(f"{folder}/")) >= 0:
            del line[place : place + len(str(folder)) + 1]
            words = "".join(character for character, _color in line)
    # As the terminal breaks what Ansible itself prints in longer lines.
    screen = Terminal([line[at : at + COLUMNS] for line in screen.lines for at in range(0, max(len(line), 1), COLUMNS)])
    OUT.mkdir(parents=True, exist_ok=True)
    (OUT / f"{name}.txt").write_text(screen.text(), encoding="utf-8")
    (OUT / f"{name}.svg").write_text(svg(screen), encoding="utf-8")
    print(f"-- {name}\n{screen.text()}")


def record(name: str, fails: bool) -> int:
    """Record one upgrade, and return its exit status."""
    with tempfile.TemporaryDirectory(prefix="octopus-lab-") as lab_folder, tempfile.TemporaryDirectory(prefix="octopus-console-") as home:
        folder = Path(home)
        with Lab(Path(lab_folder), DEMO, scale=10) as lab:
            lab.write_inventory(folder / "inventory")
            (folder / "ansible.cfg").write_text(SETTINGS, encoding="utf-8")
            if fails:
                lab.faults.arm("schema.fail", DEMO.nodes[0], committed=True)
            code, screen, moment = play(folder)
        keep(name, screen, folder)
        if not fails:
            keep("console-running", moment, folder)
    return code


def main() -> int:
    upgraded, failed = record("console-upgrade", fails=False), record("console-failure", fails=True)
    if (upgraded, failed) != (0, ROLLED_BACK):
        print(f"record_console: expected the statuses 0 and {ROLLED_BACK}, but found {upgraded} and {failed}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
