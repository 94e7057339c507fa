# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The host that the acceptance tests run against; see README.md."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator

import pytest
from acceptance.target import Target, decode_argv, real_target
from ansible_collections.octopus.upgrade.plugins.module_utils._windows import files, registry
from ansible_collections.octopus.upgrade.plugins.module_utils._windows.connection import WindowsHost


@pytest.fixture(scope="session")
def target(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Target]:
    """The real host that the environment names, else one of the lab."""
    real = real_target()
    if real is not None:
        yield real
        return
    from acceptance.lab_target import lab_target  # only here: on a real host's own runner there is no lab

    with lab_target(tmp_path_factory.mktemp("lab")) as lab:
        yield lab


@pytest.fixture
def host(target: Target) -> Iterator[WindowsHost]:
    """A connection of the collection's own, for one test."""
    with WindowsHost(target.options) as connection:
        yield connection


@pytest.fixture(scope="session")
def folder(target: Target) -> Iterator[str]:
    """A folder of this run on the host, removed at the end."""
    path = f"C:\\ProgramData\\octopus.upgrade.acceptance-{uuid.uuid4().hex[:8]}"
    with WindowsHost(target.options) as connection:
        files.make_folder(connection, path)
    yield path
    with WindowsHost(target.options) as connection:
        # A junction goes first and alone: nothing must ever delete through it.
        connection.run_builtin("rmdir", f"{path}\\system 32")
        files.remove_folder(connection, path)


@pytest.fixture(scope="session")
def argv_program(target: Target, folder: str) -> list[str]:
    """A command that prints the arguments which follow, for :func:`acceptance.target.decode_argv`."""
    with WindowsHost(target.options) as connection:
        program = target.install_argv(connection, folder)
        result = connection.run([*program, "probe"])
    if decode_argv(result.stdout) != ["probe"]:
        pytest.skip(f"the host runs no argument printer ({program[0]} ended with {result.exit_code}): is PowerShell restricted there?")
    return program


@pytest.fixture(scope="session")
def spaced(target: Target, folder: str) -> str:
    """A folder with spaces in its path, with reg.exe in it."""
    with WindowsHost(target.options) as connection:
        return target.install_spaced(connection, folder)


@pytest.fixture
def needs(target: Target) -> Callable[[str], str]:
    """``needs("share")``: what the target has of that, or the test is skipped with the reason."""

    def get(name: str) -> str:
        value = getattr(target, name)
        if not value:
            pytest.skip(target.missing[name])
        return value

    return get


@pytest.fixture
def key(host: WindowsHost) -> Iterator[str]:
    """A registry key for one test."""
    path = f"HKLM\\SOFTWARE\\octopus.upgrade.acceptance-{uuid.uuid4().hex[:8]}"
    host.run(["reg", "add", path, "/f", "/reg:64"], check=True)
    yield path
    registry.delete(host, path)
