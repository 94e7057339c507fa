# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Put package, encrypted secrets and encrypted configurations into a restore point, as far as they are missing."""

from __future__ import annotations

from ansible_collections.octopus.upgrade.plugins.module_utils._octopus.errors import OctopusError
from ansible_collections.octopus.upgrade.plugins.module_utils._secrets.errors import SecretError
from ansible_collections.octopus.upgrade.plugins.module_utils._secrets.stored_secret import LocalFile
from ansible_collections.octopus.upgrade.plugins.module_utils._secrets.vault import VaultKey, is_encrypted
from ansible_collections.octopus.upgrade.plugins.module_utils._windows import disks, files
from ansible_collections.octopus.upgrade.plugins.module_utils._windows.quoting import batch_builtin, batch_word

from . import manifest as form
from .inputs import JOB, There
from .manifest import NODES, PACKAGES
from .new_manifest import local_config
from .node_config import NodeConfig
from .request import CreateRequest, Secret
from .share import Answer, Share, certutil, has_hash, listing, same_text, show


class Staging:
    """One run of it.

    Args:
        request: What the restore point is to hold.
        share: Reaches it.
        there: What it holds already.
        secrets: The encrypted secrets, by file name.
        configs: Each node's configuration.

    Attributes:
        packages: Output of ``dir`` for the folder of packages.
    """

    def __init__(
        self, request: CreateRequest, share: Share, there: There, secrets: dict[str, Secret], configs: dict[str, NodeConfig]
    ) -> None:
        self.request, self.share, self.there = request, share, there
        self.secrets, self.configs = secrets, configs
        self.place = request.place
        self.packages = there.packages
        self.where = f"{share.host.where}: the restore point {request.place.path}"

    def run(self) -> bool:
        """Put there what is missing.

        Returns:
            Whether anything was missing.

        Raises:
            OctopusError: Something cannot be written, or is not what it should be afterwards.
            HostError: The host cannot do it.
        """
        request = self.request
        contents = self._missing_files()
        if self._has_package and not contents:
            return False
        folder = self.share.job_folder(JOB, self.place.path)
        lines = [f"if not exist {batch_word(path + chr(92))} {batch_builtin('mkdir', path)}" for path in self._folders()]
        inputs = {form.file_name(name): content.decode("ascii") for name, content in contents.items()}
        copies = {}
        if not self._has_package:
            name = form.file_name(request.package.path)
            # Only administrators have rights on the folder of packages.
            own = not request.run_as.is_system and not disks.is_unc(request.package.path)
            copies = {name: request.package.path} if own else {}
            lines += self._package_lines(f"{folder}\\{name}" if own else request.package.path, folder)
            request.tell(f"{self.share.host.name}: copying {name} into the restore point")
        for name in contents:
            target = self.place.file(name)
            lines.append(f"{batch_builtin('copy', '/y', '/b', f'{folder}{chr(92)}{form.file_name(name)}', target)} >nul && {show(target)}")
        lines.append(listing(self.place.file(PACKAGES)))
        *answers, listed = self.share.run(JOB, self.place.path, lines, inputs=inputs, copies=copies, timeout=request.timeout)
        self.packages = listed.text
        made = answers[: len(self._folders())]
        bad = next((answer for answer in made if answer.code), None)
        if bad:
            raise OctopusError(
                f"{self.where} cannot be written by a job as {request.run_as.account}: {bad.said} A share is reached with the rights of "
                "job_user, SYSTEM as the computer account."
            )
        rest = answers[len(made) :]
        if not self._has_package:
            self._check_package(rest[0], rest[1])
            rest = rest[2:]
        for (name, content), answer in zip(contents.items(), rest, strict=True):
            if answer.code or not same_text(answer.file, content.decode()):
                reason = answer.said if answer.file is None else "another content is read back."
                raise OctopusError(f"{self.where}: {name} was written but does not hold what it should: {reason}")
        return True

    @property
    def _has_package(self) -> bool:
        return self.there.package_sha256 == self.request.package.sha256

    def _folders(self) -> list[str]:
        return [self.place.file(PACKAGES), *([] if self.request.vault_key is None else [self.place.file(NODES)])]

    def _package_lines(self, source: str, folder: str) -> list[str]:
        target = self.place.file(self.request.package.file)
        part, hashed = f"{target}.part", f"{folder}\\package.hash"
        return [
            f"{batch_builtin('copy', '/y', '/b', source, part)} >nul && {certutil(part)} >{batch_word(hashed)}",
            # certutil reports a failure in its output, so the output is shown where the hash is not the expected one.
            f"{has_hash(hashed, self.request.package.sha256)} && {batch_builtin('move', '/y', part, target)} >nul",
        ]

    def _check_package(self, copied: Answer, placed: Answer) -> None:
        package = self.request.package
        if copied.code:
            raise OctopusError(f"{self.where}: {package.path} cannot be copied to {package.file}: {copied.said} Was it staged there?")
        found = files.hash_in(placed.text)
        if found != package.sha256:
            raise OctopusError(
                f"{self.where}: expected a copy of {package.path} with the SHA-256 {package.sha256}, but found {found or placed.said}. "
                f"It was damaged on the way or on the node. The copy was left as {package.file}.part."
            )
        if placed.code:
            raise OctopusError(f"{self.where}: {package.file}.part cannot be renamed: {placed.said}")

    def _missing_files(self) -> dict[str, bytes]:
        """The encrypted content of each file that is missing or wrong, by name. Without a vault key the control node retains all of them."""
        vault_key = self.request.vault_key
        if vault_key is None:
            for name, config in self.configs.items():
                local = LocalFile(local_config(self.request, name))
                if local.read() != config.content:
                    local.write(config.content)
            return {}
        missing = {
            name: secret.content
            for name, secret in self.secrets.items()
            if not same_text(self.there.files.get(name), secret.content.decode())
        }
        configs = {form.config_file(name): config.content for name, config in self.configs.items()}
        return missing | {file: vault_key.encrypt(content) for file, content in configs.items() if not self._has(file, content, vault_key)}

    def _has(self, file: str, content: bytes, vault_key: VaultKey) -> bool:
        """Whether the restore point has this content, encrypted, in this file."""
        there = self.there.files.get(file)
        if there is None or not is_encrypted(there.encode()):
            return False
        try:
            return vault_key.decrypt(there.encode(), file) == content
        except SecretError:  # half written, or with another password: what is not signed yet may be replaced
            return False
