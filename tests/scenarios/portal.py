# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What has the public address of an instance, in front of a single node."""

from __future__ import annotations

from lab.octopus.load_balancer import Backend, LoadBalancer


class Proxy(LoadBalancer):
    """What has the public address of a single node: it passes on what comes, without asking the node how it is."""

    def _probe(self, backend: Backend) -> None:
        backend.in_rotation = True
