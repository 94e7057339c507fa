# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The journal of the run that a task belongs to, and the steps in it. Private to this collection.

A task that names its ``step`` is durable: that it begins is in the journal before the module acts, and its result after. In a resumed run,
a step that is done does not act again and returns the recorded result.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from ansible.errors import AnsibleActionFail
from ansible.module_utils.common.arg_spec import ArgumentSpecValidator
from ansible_collections.octopus.upgrade.plugins.module_utils._core.errors import UpgradeError
from ansible_collections.octopus.upgrade.plugins.module_utils._run import record
from ansible_collections.octopus.upgrade.plugins.module_utils._run.host_journal import HostJournal, remember
from ansible_collections.octopus.upgrade.plugins.module_utils._run.lock import LockLost
from ansible_collections.octopus.upgrade.plugins.module_utils._windows.connection import CONNECTION_SPEC, ConnectionOptions, WindowsHost
from ansible_collections.octopus.upgrade.plugins.plugin_utils._holder import holder
from ansible_collections.octopus.upgrade.plugins.plugin_utils._kept_shell import kept_shell

# What a result has for the screen or for debugging alone.
_NOT_RECORDED = ("diff", "invocation", "warnings", "deprecations", "exception", "sql")


class Journal:
    """The journal on the coordinator, and its copy on the control node.

    Args:
        path: The journal on the host.
        copy: The copy on the control node.
        host: The open host.
    """

    def __init__(self, path: str, copy: Path, host: WindowsHost) -> None:
        self._there = HostJournal(host, path, holder())
        self._path = path
        self._copy = copy

    def events(self) -> list[record.Event]:
        """What the copy on the control node has."""
        return record.read(self._copy)

    def add(self, kind: str, **fields: Any) -> list[record.Event]:
        """Add an event; all events.

        Raises:
            AnsibleActionFail: It cannot be written, with what the journal amounts to; or the lock is lost, with ``lock_lost``.
        """
        what = fields.get("step") or kind
        try:
            return remember(self._copy, self._there, kind, **fields)
        except LockLost as error:
            raise AnsibleActionFail(
                f"Expected to write the event {what} to the journal {self._path}. {error}", result={"lock_lost": True}
            ) from error
        except (UpgradeError, OSError) as error:
            raise AnsibleActionFail(
                f"Expected to write the event {what} to the journal {self._path}, but: {error} "
                f"What is missing there is kept in {self._copy} and is written along with the next event.",
                result=record.result(self.events()),  # whatever follows has to know how far the run came
            ) from error


@contextlib.contextmanager
def open_journal(params: dict[str, Any], connection: dict[str, Any], last: bool = False) -> Iterator[Journal]:
    """The journal of a run, for one task.

    Args:
        params: ``path`` and ``copy``, the module's option ``journal``.
        connection: The WinRM options of the task's host.
        last: Whether no task follows that writes to it.
    """
    checked = ArgumentSpecValidator(CONNECTION_SPEC).validate({"connection": connection})
    if checked.error_messages:
        raise AnsibleActionFail(f"The journal cannot be reached: {checked.error_messages[0]}")
    copy = Path(params["copy"])
    options = ConnectionOptions.from_params(checked.validated_parameters["connection"])
    with WindowsHost(options) as host, kept_shell(host, copy.with_suffix(".shell"), last=last):
        yield Journal(params["path"], copy, host)


def recorded(result: dict[str, Any]) -> dict[str, Any]:
    """What the journal keeps of a step's result."""
    return {name: value for name, value in result.items() if name not in _NOT_RECORDED and not name.startswith("_ansible")}
