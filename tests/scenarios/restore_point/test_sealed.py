# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""octopus_restore_point seals: what is there afterwards, what is refused, and what a broken run leaves."""

from __future__ import annotations

from scenarios.restore_point.setting import Setting


def test_try(cluster: Setting, point: str, no_secrets, job_folders) -> None:
    import time
    print(sorted(str(p.relative_to(cluster.backups)) for p in cluster.backups.rglob("*") if "folders/" not in str(p)))
    t = time.time()
    print(cluster.point("listed")); print(time.time() - t); t = time.time()
    r = cluster.point("verified", **cluster.sql); print(r); print(time.time() - t)
    no_secrets(r)
    assert 0
