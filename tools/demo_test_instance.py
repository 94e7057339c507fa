# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""``make demo-test-instance``: a new instance gets two projects of a live server, is upgraded, and is removed without a trace.

The records are kept in build/demo-test-instance: result.json, source.json, run.json.
"""

from __future__ import annotations

import json
import shutil
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from stage_play import ROOT, newest_record, play, show

sys.path.insert(0, str(ROOT / "tests"))

from lab.estate import SINGLE, CloneSpec, Lab

OUT = ROOT / "build" / "demo-test-instance"
TEST = CloneSpec("trial", SINGLE.name, ("octo-trial",), projects=("Web Shop", "Billing"))


def main() -> int:
    start = time.monotonic()
    shutil.rmtree(OUT, ignore_errors=True)
    OUT.mkdir(parents=True)
    with tempfile.TemporaryDirectory(prefix="octopus-lab-") as folder, Lab(Path(folder), SINGLE, TEST, scale=40) as lab:
        inventory = lab.write_inventory(OUT / "inventory")
        mark = lab.ledger.mark()
        print("\n==> First act: a test instance with two projects of a live server, upgraded.")
        good = play("test_instance", inventory, OUT) == 0 and _made(lab)
        print("\n==> Second act: what that has changed on the live server.")
        good = _untouched(lab, mark) and good
        print("\n==> Third act: it is removed.")
        good = good and play("remove_test_instance", inventory, OUT) == 0 and _gone(lab)
        shutil.copy(lab.ledger_path, OUT / "ledger.jsonl")
    print(f"\nRecords: {OUT.relative_to(ROOT)}/*.json; {time.monotonic() - start:.0f} s in all.")
    if not good:
        print("demo-test-instance: an act did not end as it should; its output above says why", file=sys.stderr)
    return 0 if good else 1


def _keep(name: str, what: Any) -> None:
    (OUT / f"{name}.json").write_text(json.dumps(what, indent=2) + "\n", encoding="utf-8")


def _made(lab: Lab) -> bool:
    """Whether the projects are there, and nothing that could act."""
    result = json.loads((OUT / "octopus-runs" / f"{TEST.name}.test.json").read_text(encoding="utf-8"))
    record = newest_record(OUT, TEST.name)
    _keep("result", result)
    _keep("run", record)
    show(record)
    with lab.clones[TEST.name].store(result["database"], SINGLE.target) as store:
        counted = {name: store.count(name) for name in ("Project", "Machine", "Worker", "ProjectTrigger")}
    print(
        f"\n{TEST.name}: {', '.join(f'{name} {count}' for name, count in counted.items())}; not carried over: {'; '.join(result['not_carried'])}"
    )
    acting = counted["Machine"] + counted["Worker"] + counted["ProjectTrigger"]
    return bool(record["verdict"] == "upgraded" and counted["Project"] == len(TEST.projects) and not acting)


def _untouched(lab: Lab, mark: int) -> bool:
    """Whether nothing but one export, which is removed again, was written on the source."""
    events = [event for event in lab.ledger.events(since=mark) if event.machine in SINGLE.nodes]
    did = [f"{event['method']} {event['path']}" for event in events if event.kind == "rest" and event["method"] != "GET"]
    did += [f"{event.kind} {event.fields}" for event in events if event.kind in ("winrm.command", "msi")]
    _keep("source", did)
    for one in did:
        print(f"  {one}")
    return len(did) == 2 and "/import-export/export" in did[0] and did[1].startswith("DELETE ")


def _gone(lab: Lab) -> bool:
    place = lab.clones[TEST.name]
    left = [one.name for one in place.sql.databases.values() if TEST.name in one.name]
    left += [name for name in place.hosts[0].services.names() if "octopus" in name.lower()]
    print(f"\nleft of {TEST.name}: {', '.join(left) or 'nothing'}")
    return not left


if __name__ == "__main__":
    sys.exit(main())
