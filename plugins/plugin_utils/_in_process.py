# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A module's function, called in the worker of ansible-playbook instead of in a process of its own. Private to this collection."""

from __future__ import annotations

import multiprocessing
import os
import threading
import traceback
from collections.abc import Mapping, Sequence
from typing import Any, Protocol

from ansible.errors import AnsibleActionFail
from ansible.module_utils.common.arg_spec import ArgumentSpecValidator
from ansible.module_utils.common.parameters import remove_values
from ansible.module_utils.errors import UnsupportedError
from ansible.utils.display import Display
from ansible.utils.unsafe_proxy import wrap_var
from ansible_collections.octopus.upgrade.plugins.module_utils._core import progress, stopping
from ansible_collections.octopus.upgrade.plugins.module_utils._core.errors import UpgradeError
from ansible_collections.octopus.upgrade.plugins.module_utils._core.module import full_spec

_LAST_REQUEST = (
    90.0  # seconds that a request may take which a thread has sent just before its task was ended: WinRM's read timeout and more
)

display = Display()


class Module(Protocol):
    """A module file of this collection."""

    @property
    def SPEC(self) -> Mapping[str, Any]: ...

    def run(self, params: dict[str, Any], check_mode: bool, diff: bool, /) -> dict[str, Any]: ...


class Arguments:
    """A task's arguments, validated as the module itself would.

    Attributes:
        params: As ``AnsibleModule.params`` has them.

    Raises:
        AnsibleActionFail: They do not fit; the message is AnsibleModule's own.
    """

    def __init__(self, name: str, module: Module, args: Mapping[str, Any]) -> None:
        checked = ArgumentSpecValidator(**full_spec(module.SPEC)).validate(plain(args))
        self._secrets: set[str] = checked._no_log_values
        self.params: dict[str, Any] = checked.validated_parameters
        if checked.error_messages:
            wrong = checked.error_messages[0]
            if isinstance(checked.errors[0], UnsupportedError):
                wrong = f"Unsupported parameters for ({name}) module: {wrong}"
            raise AnsibleActionFail(self.masked(wrong))

    def masked(self, value: Any) -> Any:
        """The value without what the specification marks as ``no_log``."""
        return remove_values(value, self._secrets)


def call(
    module: Module, arguments: Arguments, *, check_mode: bool, diff: bool, environment: Mapping[str, Any], host: str, shown: bool
) -> dict[str, Any]:
    """Call a module's function and give the task's result.

    Args:
        module: The module.
        arguments: Its arguments.
        check_mode: Whether nothing may be changed.
        diff: Whether differences are wanted.
        environment: The task's keyword ``environment``. A worker runs one task, so that it can be the process's own.
        host: The inventory name that progress is shown with.
        shown: Whether progress is shown at all.
    """
    os.environ.update({name: str(value) for name, value in environment.items()})
    parent = multiprocessing.parent_process()
    if parent is not None and parent.pid:
        stopping.belong_to(parent.pid)
    before = set(threading.enumerate())
    try:
        with progress.listening(lambda message: shown and display.display(_for_screen(message, arguments, host))):
            result = {"changed": False, **module.run(arguments.params, check_mode, diff)}
    except UpgradeError as error:
        result = failure(error)
    except Exception as error:  # a bug; as a module's crash it fails the task, with all that is known of it
        result = {"failed": True, "changed": False, "msg": f"{type(error).__name__}: {error}", "exception": traceback.format_exc()}
    except BaseException:
        stopping.stop()
        stopping.join([thread for thread in threading.enumerate() if thread not in before], _LAST_REQUEST)
        raise
    if display.verbosity > 2:
        result["invocation"] = {"module_args": arguments.params}
    return wrap_var(arguments.masked(plain(result)))


def _for_screen(message: progress.Message, arguments: Arguments, host: str) -> progress.Message:
    """A module's message with the host that it is about, and without secrets. A console gets what it is made of along with it."""
    return progress.Message(arguments.masked(message.what), message.percent, message.part, host)


def failure(error: UpgradeError) -> dict[str, Any]:
    """Return the result of a task that has failed on purpose."""
    return {"failed": True, "changed": False, "msg": str(error), **error.result}


def plain(value: Any) -> Any:
    """A value as JSON would carry it to a module: no subclasses of str that Ansible uses for tagging or for vaulted text.

    Raises:
        AnsibleActionFail: It is of a type that no module could get.
    """
    if isinstance(value, Mapping):
        return {str(plain(key)): plain(one) for key, one in value.items()}
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, int):
        return int(value)
    if isinstance(value, float):
        return float(value)
    if isinstance(value, bytes):
        return value.decode("utf-8", "surrogateescape")
    if isinstance(value, str) or type(value).__name__ in ("AnsibleVaultEncryptedUnicode", "EncryptedString"):
        return str.__str__(value) if isinstance(value, str) else str(value)
    if isinstance(value, (Sequence, set, frozenset)):
        return [plain(one) for one in value]
    if hasattr(value, "isoformat"):  # a date or time of YAML
        return value.isoformat()
    raise AnsibleActionFail(f"A module cannot be given a value of the type {type(value).__name__}.")
