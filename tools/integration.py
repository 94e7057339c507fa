# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""``ansible-test integration`` against a lab: starts one, tells the targets about it in integration_config.yml, runs them.

Usage: ``python tools/integration.py [target ...]``
"""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "tests"))

from lab.estate import CLUSTER, DEMO, Lab, LabInstance  # noqa: E402  the lab's folder has to be on the path first
from lab.tentacle.build import install_tentacle  # noqa: E402
from lab.tentacle.configuration import ACTIVE, server  # noqa: E402
from lab.windows.host import WindowsHost  # noqa: E402
from lab.winrm.server import WinRMServer  # noqa: E402

TRUSTED = "AB" * 20  # the thumbprint of the server that the Tentacle polls


def configuration(lab: Lab) -> dict[str, Any]:
    """What the targets know: addresses, accounts and files, nothing of the lab's insides."""
    seal = lab.root / "vault-password"
    seal.write_text(lab.vault_password + "\n", encoding="utf-8")
    seal.chmod(0o600)
    common = {
        "ca_path": str(lab.ca_path),
        "vault_password_file": str(seal),
        "backup_root": lab.backup_share.unc,
        # The same share as this computer has it mounted, to see by another way what was written there.
        "backup_root_here": str(lab.backup_share.volume.root),
        "msi_source": lab.releases.msi_url(),
        "release_feed": lab.releases.feed_url,
    }
    return {"lab": common | {name: _instance(instance) for name, instance in lab.instances.items()}}


def _instance(instance: LabInstance) -> dict[str, Any]:
    spec, own = instance.spec, instance.secrets
    sql = instance.sql.machine.address
    return {
        "name": spec.name,
        "version": spec.version,
        "next_version": spec.ladder[0],
        "ladder": list(spec.ladder),
        "target": spec.target,
        "url": instance.url,
        "api_key": own.api_key,
        "limited_api_key": instance.handle.limited_key,
        "nodes": {host.name: host.address for host in instance.hosts},
        "user": f"LAB\\{spec.name}-admin",
        "password": own.winrm_password,
        "master_key": own.master_key,
        "database": spec.database,
        "sql": {"address": sql, "user": "octopus_upgrade", "password": own.sql_password},
        # What the instance itself logs on to SQL Server as.
        "login": {"user": "octopus", "password": own.octopus_sql_password},
    }


@contextlib.contextmanager
def tentacle(lab: Lab) -> Iterator[dict[str, str]]:
    """A host with a Tentacle that polls a server, which the operator of the demo's node may log on to."""
    host = WindowsHost("tentacle01", lab.network)
    winrm = WinRMServer(host, lab.network)
    install_tentacle(host, "6.3.605", [server(TRUSTED, ACTIVE, "https://octopus-old:10943/", "poll://known/")])
    host.boot()
    winrm.start()
    try:
        yield {"address": host.address, "trusted": TRUSTED}
    finally:
        winrm.stop()
        host.shutdown()


def main() -> int:
    with (
        tempfile.TemporaryDirectory(prefix="octopus-lab-") as folder,
        Lab(Path(folder), DEMO, CLUSTER) as lab,
        tentacle(lab) as polling,
    ):
        config = Path(folder) / "integration_config.yml"
        config.touch(mode=0o600)
        known = configuration(lab)
        known["lab"]["tentacle"] = polling
        config.write_text(yaml.safe_dump(known), encoding="utf-8")
        command = [str(ROOT / "tools" / "ansible_test.sh"), "integration", *sys.argv[1:]]
        environment = dict(os.environ, INTEGRATION_CONFIG=str(config))
        return subprocess.run(command, cwd=ROOT, env=environment, check=False).returncode


if __name__ == "__main__":
    sys.exit(main())
