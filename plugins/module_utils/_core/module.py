# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What every module of this collection is made of: a specification of its arguments and a function ``run(params, check_mode, diff)``.

The action plugins call the function in Ansible's own worker. ``main()`` is for where there is no action plugin: ``async``, ansible-test.
"""

from __future__ import annotations

import traceback
from collections.abc import Callable, Mapping
from typing import Any

from ansible.module_utils.basic import AnsibleModule

from .errors import InvalidValue, UpgradeError

Run = Callable[[dict[str, Any], bool, bool], dict[str, Any]]

# A journal on the host of the task, and its copy on the control node.
JOURNAL_SPEC: dict[str, Any] = {
    "type": "dict",
    "options": {"path": {"type": "str", "required": True}, "copy": {"type": "path", "required": True}},
}

# What makes a task a durable step of a run; documented in the fragment octopus.upgrade.step. The action plugin acts on it.
STEP_SPEC: dict[str, Any] = {
    "step": {"type": "str"},
    "outage": {"type": "str", "choices": ["begins", "ends"]},
    "repeat_until": {"type": "str"},
    "journal_required": {"type": "bool", "default": True},
    "journal": JOURNAL_SPEC,
}


def full_spec(spec: Mapping[str, Any]) -> dict[str, Any]:
    """The keyword arguments that AnsibleModule and ArgumentSpecValidator take, with the options that every module has.

    Args:
        spec: ``argument_spec`` and, where there are any, ``required_if`` and the like.
    """
    return {**spec, "argument_spec": {**STEP_SPEC, **spec["argument_spec"]}}


def run_module(spec: Mapping[str, Any], run: Run) -> None:
    """Be the whole ``main()`` of a module.

    Args:
        spec: As for :func:`full_spec`.
        run: The module's function. An :class:`UpgradeError` makes the task fail with its message and its ``result``.
    """
    module = AnsibleModule(**full_spec(spec), supports_check_mode=True)
    try:
        if module.params["step"]:
            raise InvalidValue("step is kept by the action plugin, which async and a module that is run by itself do not have.")
        result = run(module.params, module.check_mode, module._diff)
    except UpgradeError as error:
        module.fail_json(msg=str(error), **error.result)
    except Exception as error:  # a bug: shown whole, with what the module knows to be secret masked
        module.fail_json(msg=f"{type(error).__name__}: {error}", exception=traceback.format_exc())
    module.exit_json(**{"changed": False, **result})
