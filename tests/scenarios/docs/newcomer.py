# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Somebody who knows nothing but the guides, with an empty home directory, at a terminal.

They type what the guides say, with the names of a lab in the place of those of the guides: :func:`stand_ins` is all that differs, and
:func:`elsewhere` what the guides take from the internet or a lab's fast clock calls for.
"""

from __future__ import annotations

import json
import os
import pty
import re
import select
import signal
import ssl
import subprocess
import time
from pathlib import Path
from typing import Any

import yaml
from lab.estate import Lab, LabClone, LabInstance
from patience import patient
from scenarios.docs.blocks import ROOT, Block

DEADLINE = patient(580.0)  # real seconds that one command may take
_SECRET = re.compile(r'"|API-')
STATE = '. ~/.state 2>/dev/null; cd "$(cat ~/.folder 2>/dev/null || echo ~)"; {command}\ncode=$?; export -p > ~/.state; pwd > ~/.folder; exit $code'


def stand_ins(lab: Lab, instance: LabInstance, clone: LabClone | None = None) -> dict[str, str]:
    """What a lab has in the place of each name of the guides. An earlier one may contain a later one."""
    secrets = instance.secrets
    for_clone = {}
    if clone is not None:
        for_clone = {
            "https://octo-clone.example.com": clone.url,
            "octo-clone.example.com": clone.hosts[0].address,
            "sql-test.example.com": clone.sql.machine.address,
        }
    return for_clone | {
        "the password of EXAMPLE\\octopus-admin": json.dumps(secrets.winrm_password),
        "the password of octopus_upgrade": json.dumps(secrets.sql_password),
        "API-XXXXXXXXXXXXXXXX": secrets.api_key,
        "git+https://github.com/octopus-upgrade/octopus.upgrade": str(ROOT),
        "https://octopus.example.com": instance.url,
        "octo-a.example.com": instance.hosts[0].address,
        "EXAMPLE\\octopus-admin": f"LAB\\{instance.spec.name}-admin",
        "\\\\nas.example.com\\octopus-backups": lab.backup_share.unc,
    }


def elsewhere(lab: Lab) -> dict[str, Any]:
    """Variables of the lab: where it has what is on the internet otherwise, and that its clocks are fast."""
    return {
        "octopus_msi_source": lab.releases.msi_url(),
        "octopus_msi_ca_path": str(lab.ca_path),
        "octopus_release_feed": lab.releases.feed_url,
        "octopus_clock_tolerance": 10**9,
        "octopus_guard_minutes": round(30 * lab.clock.scale),
    }


class Newcomer:
    """A user with a home directory of their own.

    Args:
        home: An empty folder.
        names: What is said in the place of what, as :func:`stand_ins`.
    """

    def __init__(self, home: Path, names: dict[str, str]) -> None:
        self.home, self.names = home, names
        self.transcript: list[tuple[str, str]] = []  # each command with its output
        self.variables: dict[str, Any] = {}
        self._paste = home.parent / "paste"
        editor = home.parent / "editor"
        editor.write_text(f'#!/bin/sh\nexec cp "{self._paste}" "$1"\n', encoding="utf-8")
        editor.chmod(0o755)
        # What a login gives, and how pip reaches the package index from here. No virtual environment, nothing of Ansible's.
        outer = {name: value for name, value in os.environ.items() if name.startswith("PIP_") or name.lower().endswith("_proxy")}
        programs = [folder for folder in os.environ["PATH"].split(":") if not folder.startswith(os.environ.get("VIRTUAL_ENV") or str(ROOT))]
        self._environment = outer | {
            "HOME": str(home),
            "PATH": ":".join(programs),
            "LANG": "C.UTF-8",
            "TERM": "dumb",
            "EDITOR": str(editor),
            "PIP_PROGRESS_BAR": "off",
        }

    def said(self, text: str) -> str:
        """A text of the guides with the names of the lab."""
        for name, value in self.names.items():
            text = text.replace(name, value)
        return text

    def save(self, block: Block) -> None:
        """Save a block as the file in its caption; a file that ``ansible-vault`` is to create waits for its editor."""
        text, path = self.said(block.text), self.home / "octopus" / block.caption
        if path.name == "vault.yml":
            self._paste.write_text(text, encoding="utf-8")
        else:
            path.write_text(text, encoding="utf-8")

    def bring_authority(self, pem: Path) -> None:
        """Copy the authority's certificate here, in the form that Windows exports it in."""
        folder = self.home / "octopus"
        folder.mkdir(exist_ok=True)
        (folder / "example-ca.cer").write_bytes(ssl.PEM_cert_to_DER_cert(pem.read_text(encoding="utf-8")))

    def bring_variables(self) -> None:
        """Add what no guide says, because it is the lab's."""
        (self.home / "octopus/inventory/group_vars/all/lab.yml").write_text(yaml.safe_dump(self.variables), encoding="utf-8")

    def secrets(self) -> list[str]:
        """What nobody may see: the passwords, and the API key."""
        return [json.loads(value) if value.startswith('"') else value for value in list(self.names.values()) if _SECRET.match(value)]

    def write_transcript(self, path: Path) -> None:
        """Write what was typed and shown, without the secrets that a failure might show."""
        text = "".join(f"$ {command}\n{output}" for command, output in self.transcript)
        for secret in self.secrets():
            text = text.replace(secret, "<secret>")
        path.write_text(text, encoding="utf-8")

    def types(self, command: str) -> str:
        """Run a command of the guides, where the one before has left off.

        Returns:
            What the terminal showed.

        Raises:
            AssertionError: It ended with another status than 0, or not at all.
        """
        code, output = self._run(self.said(command))
        self.transcript.append((command, output))
        assert code == 0, f"$ {command}\n{output[-6000:]}\nended with {code}"
        return output

    def _run(self, command: str) -> tuple[int, str]:
        master, slave = pty.openpty()
        words = ["bash", "-c", STATE.format(command=command)]
        process = subprocess.Popen(words, env=self._environment, stdin=slave, stdout=slave, stderr=slave, start_new_session=True)
        os.close(slave)
        try:
            output = self._read(master, time.monotonic() + DEADLINE)
        except TimeoutError:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
            raise
        finally:
            os.close(master)
        return process.wait(), output

    @staticmethod
    def _read(terminal: int, deadline: float) -> str:
        """Everything that is shown until nobody has the terminal open any more."""
        shown = b""
        while True:
            if not select.select([terminal], [], [], max(0.0, deadline - time.monotonic()))[0]:
                raise TimeoutError(f"the command has not ended; it showed:\n{shown[-3000:].decode(errors='replace')}")
            try:
                piece = os.read(terminal, 65536)
            except OSError:  # EIO: nobody has it open any more
                piece = b""
            if not piece:
                return re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", shown.decode(errors="replace").replace("\r\n", "\n"))
            shown += piece


def grant(instance: LabInstance, script: str, password: str) -> list[str]:
    """Do what the guide's script for SQL Server does; the lab's own SQL has no statement for logins and roles.

    Returns:
        The statements that were left out.

    Raises:
        ValueError: A statement is not one of those that are known here.
    """
    sql, database, skipped = instance.sql, "master", []
    statements = [" ".join(one.split()) for one in re.sub(r"--.*", "", script).replace("\nGO\n", "\n").split(";") if one.strip()]
    for statement in statements:
        if found := re.fullmatch(r"USE (\S+)", statement):
            database = {"OctopusDeploy": instance.spec.database}.get(found[1], found[1])
        elif found := re.fullmatch(r"CREATE LOGIN (\S+) WITH PASSWORD = N'\.\.\.'", statement):
            sql.add_login(found[1], password)
        elif found := re.fullmatch(r"GRANT (VIEW SERVER STATE) TO (\S+)", statement):
            sql.logins[found[2].lower()].permissions.add(found[1])
        elif found := re.fullmatch(r"ALTER SERVER ROLE (\S+) ADD MEMBER (\S+)", statement):
            sql.logins[found[2].lower()].roles.add(found[1])
        elif found := re.fullmatch(r"CREATE USER (\S+) FOR LOGIN (\S+)", statement):
            sql.databases[database.lower()].add_user(found[2], set(), name=found[1])
        elif found := re.fullmatch(r"ALTER ROLE (\S+) ADD MEMBER (\S+)", statement):
            user = sql.databases[database.lower()].user_of(found[2])
            assert user is not None
            user.roles.add(found[1])
        elif statement == "GRANT IMPERSONATE ON LOGIN::[the owner] TO octopus_upgrade":
            skipped.append(statement)  # "not for sa", who owns the lab's database
        else:
            raise ValueError(f"a statement that the walk does not know: {statement}")
    return skipped
