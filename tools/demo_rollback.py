# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""``make demo-rollback``: upgrade, publish, go back; then an upgrade whose schema step fails, and that goes back by itself.

The run records are kept in build/demo-rollback: upgrade.json, rollback.json, automatic.json.
"""

from __future__ import annotations

import json
import shutil
import sys
import tempfile
import time
from pathlib import Path

import requests
from stage_play import ROOT, newest_record, play, show

sys.path.insert(0, str(ROOT / "tests"))

from lab.estate import DEMO, Lab, LabInstance

OUT = ROOT / "build" / "demo-rollback"


def main() -> int:
    start = time.monotonic()
    shutil.rmtree(OUT, ignore_errors=True)
    OUT.mkdir(parents=True)
    with tempfile.TemporaryDirectory(prefix="octopus-lab-") as folder, Lab(Path(folder), DEMO, scale=40) as lab:
        inventory = lab.write_inventory(OUT / "inventory")
        print("\n==> First act: upgrade and publish; somebody works with the new version; then everything goes back.")
        good = _act(inventory, "upgrade", "upgrade_inplace", "upgraded")
        _work(lab.instances[DEMO.name], str(lab.ca_path))
        if good:
            print("\nWithout consent, nothing is lost:")
            good = play("rollback", inventory, OUT) != 0
        good = good and _act(inventory, "rollback", "rollback", "rolled_back", octopus_confirm_loss=True)
        print("\n==> Second act: the schema upgrade fails, and the way back is taken by itself.")
        lab.faults.arm("schema.fail", DEMO.nodes[0], committed=True)
        good = good and _act(inventory, "automatic", "upgrade_inplace", "failed_rolled_back")
        shutil.copy(lab.ledger_path, OUT / "ledger.jsonl")
    print(f"\nRun records: {OUT.relative_to(ROOT)}/*.json; {time.monotonic() - start:.0f} s in all.")
    if not good:
        print("demo-rollback: an act did not end as it should; its output above says why", file=sys.stderr)
    return 0 if good else 1


def _act(inventory: Path, name: str, playbook: str, verdict: str, **variables: object) -> bool:
    """Run a playbook, keep its record, and say whether it ended as it had to."""
    code = play(playbook, inventory, OUT, **variables)
    record = newest_record(OUT, DEMO.name)
    (OUT / f"{name}.json").write_text(json.dumps(record, indent=2) + "\n", encoding="utf-8")
    show(record)
    return record["verdict"] == verdict and (code == 0) == (not verdict.startswith("failed"))


def _work(instance: LabInstance, ca: str) -> None:
    """Create a release, as a user of the upgraded server would."""
    session = requests.Session()
    session.headers["X-Octopus-ApiKey"] = instance.secrets.api_key
    project = session.get(f"{instance.url}/api/Spaces-1/projects/all", timeout=30, verify=ca).json()[0]
    base = f"{instance.url}/api/Spaces-1"
    template = session.get(f"{base}/deploymentprocesses/{project['DeploymentProcessId']}/template", timeout=30, verify=ca).json()
    packages = [{"ActionName": one["ActionName"], "Version": one["VersionSelectedLastRelease"]} for one in template["Packages"]]
    body = {"ProjectId": project["Id"], "Version": "99.0.0", "SelectedPackages": packages}
    answer = session.post(f"{base}/releases", json=body, timeout=30, verify=ca)
    answer.raise_for_status()
    print(f"\nA user creates release 99.0.0 of {project['Name']}.")


if __name__ == "__main__":
    sys.exit(main())
