# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The Windows service of an instance, installed and never started."""

from __future__ import annotations

from ansible_collections.octopus.upgrade.plugins.module_utils._octopus.errors import OctopusError
from ansible_collections.octopus.upgrade.plugins.module_utils._windows import services
from ansible_collections.octopus.upgrade.plugins.module_utils._windows.jobs import RunAs

from .found import FoundInstance

_PASSWORD = "OCTOPUS_SERVICE_PASSWORD"  # noqa: S105 - the name of a variable
_LOCAL_SYSTEM = ("localsystem", "system", "nt authority\\system")


class InstanceService:
    """The service that the instance of a host shall have."""

    def __init__(self, found: FoundInstance) -> None:
        self._found = found
        self._host, self._request, self._result = found.host, found.request, found.result

    def run(self) -> None:
        """Install it where it is not, and have account and start type as they are wanted.

        Raises:
            OctopusError: The program cannot do it, or did it and it is not so.
        """
        wanted, there = self._request.service, self._result.service
        account = wanted.account or (None if there else "LocalSystem")
        if there is None or (account and not same_account(account, there["account"])):
            self._found.check_may_change()
            self._result.change("service account" if there else "service", there["account"] if there else None, account)
            switches, env = self._as(account or "", new=there is None)
            if not self._request.check_mode:
                self._request.tell(f"{self._host.name}: installing the service {self._found.service_name}")
                self._found.program.run("service", "--install", "--reconfigure", *switches, env=env)
                self._check(account or "")
        # Anybody may restart the host: a service of its own start then runs before anybody has said so.
        start_type = wanted.start_type
        has = self._result.service["start_type"] if self._result.service else None
        if start_type and has != start_type:
            self._result.change("service start type", has, start_type)
            if not self._request.check_mode:
                services.set_start_type(self._host, self._found.service_name, start_type)
        self._found.look_at_service()

    def _as(self, account: str, new: bool) -> tuple[list[str], dict[str, str] | None]:
        """Return switches and environment for an account. A password goes through the environment, which no process list shows.

        Raises:
            OctopusError: There is no password, or this version takes it only from its command line.
        """
        if account.lower() in _LOCAL_SYSTEM:
            return ([] if new else ["--username=LocalSystem"]), None
        run_as = RunAs(account, self._request.service.password)
        if not run_as.needs_password:
            return [f"--username={account}"], None
        if not run_as.password:
            raise OctopusError(
                f"service_account {account} needs service_password; SYSTEM, a service account of Windows or a gMSA does not."
            )
        if _PASSWORD not in self._found.program.help("service"):
            raise OctopusError(
                f"{self._host.where}: this version ({self._result.program_version}) does not say that it takes the password of {account} from "
                f"the variable {_PASSWORD}, and on a command line everybody on the host could read it. Use LocalSystem or a gMSA, or set the "
                "account in the services console."
            )
        return [f"--username={account}"], {_PASSWORD: run_as.password}

    def _check(self, account: str) -> None:
        now = self._found.look_at_service()
        config = self._result.service
        if now is None or config is None or now.state != "stopped" or not same_account(account, config["account"]):
            found = f"{config['state']} as {config['account']}" if config else "not there"
            raise OctopusError(
                f"{self._host.where}: the service {self._found.service_name} was installed, wanted stopped as {account}, and is {found}."
            )


def same_account(one: str, other: str) -> bool:
    r"""Whether two names mean one account of a host: ``.\\svc`` is ``svc`` there, and LocalSystem has several names."""
    first, second = (_account(name) for name in (one, other))
    if "." in (first[0], second[0]):
        return first[1] == second[1]
    return first == second


def _account(name: str) -> tuple[str, str]:
    low = name.strip().lower()
    if low in _LOCAL_SYSTEM:
        return "nt authority", "system"
    domain, backslash, user = low.rpartition("\\")
    return (domain if backslash else "."), user.replace(" ", "")
