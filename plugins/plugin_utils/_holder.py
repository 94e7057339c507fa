# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The process that a run lives in, seen from an action plugin. Private to this collection."""

from __future__ import annotations

import multiprocessing
import os

from ansible.errors import AnsibleActionFail
from ansible_collections.octopus.upgrade.plugins.module_utils._run.holder import Holder


def playbook_pid() -> int:
    """The process id of ansible-playbook.

    An action plugin runs in a worker that ansible-playbook forked by multiprocessing, in every strategy. That remembers who forked;
    os.getppid() asks the kernel, which names another process as soon as ansible-playbook is killed and its workers are orphans. A module
    cannot tell at all: between it and the worker are as many shells as become, pipelining and async make.
    """
    parent = multiprocessing.parent_process()
    return os.getpid() if parent is None else parent.pid or os.getppid()


def holder() -> Holder:
    """
    Raises:
        AnsibleActionFail: ansible-playbook is gone: nobody would hear what this worker does.
    """
    found = Holder.of(playbook_pid())
    if found is None:
        raise AnsibleActionFail("ansible-playbook has ended; what is left of it takes no lock and writes no journal.")
    return found
