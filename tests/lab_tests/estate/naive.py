# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A clone as somebody makes it by hand who knows of no quarantine: restore, install, join, start."""

from __future__ import annotations

import json
import subprocess
from dataclasses import dataclass
from typing import Any

from lab.core.filesystem import Logon
from lab.estate import WEB_PORT, Lab, LabClone
from lab.octopus import connection_string, register
from lab.octopus.media import build_msi
from lab.sql.server import SqlServer
from lab.tds.engine_api import LoginRequest, Parameters
from lab.windows import installer
from lab.windows.host import WindowsHost
from lab_tests.sql.collector import Collector
from patience import patient

NAME = "OctopusServer"


@dataclass
class Result:
    code: int
    out: str
    err: str


def sql(server: SqlServer, password: str, text: str) -> list[tuple[Any, ...]]:
    """Run a batch as ``octopus_upgrade``; the rows of its last result set."""
    session = server.login(LoginRequest("octopus_upgrade", password, host="lab-test", program="lab test"))
    answer = Collector()
    try:
        session.batch(text, Parameters(), answer)
    finally:
        session.close()
    assert answer.errors == []
    return answer.rowsets[-1].rows if answer.rowsets else []


def octopus(host: WindowsHost, *words: str) -> Result:
    """Run Octopus.Server.exe as an administrator at a WinRM prompt."""
    line = subprocess.list2cmdline([f"{register.PROGRAM_FOLDER}\\Octopus.Server.exe", *words])
    process = host.spawn(None, line, Logon.network("LAB\\somebody"))
    code = process.wait(patient(60))
    assert code is not None, f"{words[0]} does not end"
    return Result(code, process.output.take().decode("cp437"), process.errors.take().decode("cp437"))


def restore(lab: Lab, clone: LabClone, database: str, mend: bool = True) -> None:
    """The source's database as a new one on the clone's SQL Server; with ``mend`` its users find their logins again."""
    source = clone.source
    path = f"{lab.backup_share.unc}\\{clone.spec.name}.bak"
    quoted = source.spec.database.replace("]", "]]")
    sql(source.sql, source.secrets.sql_password, f"BACKUP DATABASE [{quoted}] TO DISK = '{path}' WITH COPY_ONLY, CHECKSUM, INIT")
    password = clone.secrets.sql_password
    files = sql(clone.sql, password, f"RESTORE FILELISTONLY FROM DISK = '{path}'")
    moves = ", ".join(f"MOVE '{row[0]}' TO 'C:\\Data\\{database}-{at}.mdf'" for at, row in enumerate(files))
    if not clone.sql.machine.fs.is_dir("C:\\Data", clone.sql.logon):
        clone.sql.machine.fs.mkdir("C:\\Data", clone.sql.logon)
    sql(clone.sql, password, f"RESTORE DATABASE [{database}] FROM DISK = '{path}' WITH {moves}")
    if mend:
        sql(clone.sql, password, f"USE [{database}]; ALTER USER [octopus] WITH LOGIN = [octopus]")


def target(clone: LabClone, database: str) -> str:
    """The clone's connection string."""
    password = connection_string.quote(clone.secrets.octopus_sql_password)
    return f"Server={clone.sql.machine.address};Database={database};User ID=octopus;Password={password}"


def install(host: WindowsHost, version: str) -> None:
    run = installer.Run(host, lambda _seconds: None, lambda _line: None)
    assert installer.install(run, build_msi(version), "C:\\", {}) == 0


def join(clone: LabClone, host: WindowsHost, database: str, version: str | None = None) -> None:
    """Install the source's version and join the database, up to the service that is not started."""
    install(host, version or clone.source.spec.version)
    for words in (
        ("create-instance", f"--instance={NAME}", "--config=C:\\Octopus\\OctopusServer.config"),
        ("database", f"--instance={NAME}", "--masterKey", clone.secrets.master_key, "--connectionString", target(clone, database)),
        ("configure", f"--instance={NAME}", f"--webListenPrefixes=https://localhost:{WEB_PORT}/"),
        ("service", f"--instance={NAME}", "--install", "--reconfigure", "--stop"),
    ):
        result = octopus(host, *words)
        assert result.code == 0, f"{words[0]}: {result.err}"


def start(lab: Lab, host: WindowsHost) -> None:
    mark = lab.ledger.mark()
    assert octopus(host, "service", f"--instance={NAME}", "--start").code == 0
    lab.ledger.wait_for(
        lambda event: event.kind == "octopus" and event.machine == host.name and event["what"] == "started", patient(60), mark
    )


def settings(host: WindowsHost) -> dict[str, str]:
    flat: dict[str, str] = json.loads(octopus(host, "show-configuration", "--format=json", "--nologo", "--noconsolelogging").out)
    return flat
