# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The Windows service of an instance, installed without being started."""

from __future__ import annotations

from ansible_collections.octopus.upgrade.plugins.module_utils._octopus.errors import OctopusError
from ansible_collections.octopus.upgrade.plugins.module_utils._windows import services
from ansible_collections.octopus.upgrade.plugins.module_utils._windows.jobs import RunAs

from .found import FoundInstance

_PASSWORD = "OCTOPUS_SERVICE_PASSWORD"  # noqa: S105 - the name of a variable
_LOCAL_SYSTEM = ("localsystem", "system", "nt authority\\system")


class InstanceService:
    """The wanted service of an instance on a host."""

    def __init__(self, found: FoundInstance) -> None:
        self._found = found
        self._host, self._request, self._result = found.host, found.request, found.result

    def run(self) -> None:
        """Install the service where it is missing, and set its account and start type.

        Raises:
            OctopusError: The program failed, or the service differs afterwards.
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
        # A restart of the host would start an automatic service before anybody wants it to run.
        start_type = wanted.start_type
        has = self._result.service["start_type"] if self._result.service else None
        if start_type and has != start_type:
            self._result.change("service start type", has, start_type)
            if not self._request.check_mode:
                services.set_start_type(self._host, self._found.service_name, start_type)
        self._found.look_at_service()

    def _as(self, account: str, new: bool) -> tuple[list[str], dict[str, str] | None]:
        """Return switches and environment for an account. A password is passed in the environment, which no process list shows.

        Raises:
            OctopusError: There is no password, or the installed version reads it only from its command line.
        """
        if account.lower() in _LOCAL_SYSTEM:
            return ([] if new else ["--username=LocalSystem"]), None
        run_as = RunAs(account, self._request.service.password)
        if not run_as.needs_password:
            return [f"--username={account}"], None
        if not run_as.password:
            raise OctopusError(
                f"service_account: {account} needs service_password. Only SYSTEM, a service account of Windows and a gMSA do not."
            )
        if _PASSWORD not in self._found.program.help("service"):
            raise OctopusError(
                f"{self._host.where}: the help of the installed version ({self._result.program_version}) does not mention the variable "
                f"{_PASSWORD} for the password of {account}, and on a command line everybody on the host could read it. Use LocalSystem or a "
                "gMSA, or set the account in the services console."
            )
        return [f"--username={account}"], {_PASSWORD: run_as.password}

    def _check(self, account: str) -> None:
        now = self._found.look_at_service()
        config = self._result.service
        if now is None or config is None or now.state != "stopped" or not same_account(account, config["account"]):
            found = f"it is {config['state']} as {config['account']}" if config else "it does not exist"
            raise OctopusError(
                f"{self._host.where}: expected the service {self._found.service_name} to be stopped and to run as {account} after its "
                f"installation, but {found}."
            )


def same_account(one: str, other: str) -> bool:
    r"""Whether two names mean the same account of a host: ``.\\svc`` is ``svc`` there, and LocalSystem has several names."""
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
