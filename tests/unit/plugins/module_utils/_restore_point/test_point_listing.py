# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a job printed of the folder of restore points, read."""

from __future__ import annotations

import pytest
from ansible_collections.octopus.upgrade.plugins.module_utils._octopus.errors import OctopusError
from ansible_collections.octopus.upgrade.plugins.module_utils._restore_point.listing import parse
from ansible_collections.octopus.upgrade.plugins.module_utils._restore_point.share import (
    Answer,
    Place,
    Share,
    has_hash,
    place_of,
    reach,
    show,
)
from ansible_collections.octopus.upgrade.plugins.module_utils._windows.job_survey import TASK_FOLDER
from ansible_collections.octopus.upgrade.plugins.module_utils._windows.jobs import RunAs
from ansible_collections.octopus.upgrade.tests.unit.windows_host import FakeHost

MARK = "--0123--"


def printed(path: str, *files: str | None) -> str:
    return f"{MARK}point\n{path}\n" + "".join(f"{MARK}\n{'' if one is None else '+' + chr(10) + one}" for one in files)


def test_each_folder_with_its_files() -> None:
    text = printed("\\\\nas\\b\\one", '{"id": 1}\n', "signature\nin lines\n", None) + printed("\\\\nas\\b\\t & o", "no end", None, "mark\n")
    one, two = parse(text, MARK)
    assert (one.path, one.manifest, one.signature, one.marker) == ("\\\\nas\\b\\one", '{"id": 1}\n', "signature\nin lines\n", None)
    assert (two.id, two.manifest, two.signature, two.marker) == ("t & o", "no end", None, "mark\n")


def test_a_folder_that_was_cut_off_is_none() -> None:
    assert parse("", MARK) == []
    assert parse(printed("C:\\b\\one", None, None), MARK) == []


def test_an_answer_with_a_file_and_without() -> None:
    assert Answer(0, "+\na\nb").file == "a\nb"
    assert Answer(0, "").file is None
    assert Answer(1, "Access is denied.\n").file is None
    assert Answer(5, "").said == "exit code 5"
    assert Answer(5, " a\n b ").said == "a b"


def test_lines_double_the_percent_sign_and_quote_the_rest() -> None:
    assert show("C:\\100% & x") == 'if exist "C:\\100%% & x" (echo +& type "C:\\100%% & x")'
    assert reach("\\\\nas\\b\\p").startswith('if exist "\\\\nas\\b\\p\\" (ver >nul) else if exist "\\\\nas\\b\\" (')
    assert '"/c:0a0b"' in has_hash("C:\\h", "0a0b") and '"/c:0a 0b"' in has_hash("C:\\h", "0a0b")
    with pytest.raises(ValueError, match="double quote"):
        show('C:\\a"b')


@pytest.mark.parametrize(
    ("given", "root", "point"),
    [
        (("\\\\nas\\b\\p\\one\\", None, None), "\\\\nas\\b\\p", "one"),
        (("//nas/b/p/one", None, "one"), "\\\\nas\\b\\p", "one"),
        (("D:\\b\\one", "D:/B/", None), "D:\\b", "one"),
        ((None, "D:\\b\\", "one"), "D:\\b", "one"),
        ((None, "D:\\b", None), "D:\\b", None),
    ],
)
def test_where_it_is(given: tuple[str | None, str | None, str | None], root: str, point: str | None) -> None:
    assert place_of(*given) == (root, point)
    if point:
        assert Place(root, point).file("x") == f"{root}\\{point}\\x"


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ((None, None, "one"), "Give root, or path"),
        (("D:\\b\\one", None, "two"), "Expected the last part of path to be the id"),
        (("D:\\b\\one", "D:\\c", None), "is not directly below root"),
        (("D:\\one", None, None), "is the root of a drive"),
        ((None, "b\\c", None), "expected an absolute path"),
        ((None, "D:\\b", "a|b"), "Expected the id of a restore point"),
    ],
)
def test_where_it_cannot_be(given: tuple[str | None, str | None, str | None], said: str) -> None:
    with pytest.raises(OctopusError, match=said):
        place_of(*given)


def test_a_look_has_a_job_that_no_run_sees() -> None:
    """Runs list, wait for and remove what is in their task folder and below their folder of jobs."""
    host = FakeHost()
    usual = Share(host, RunAs(), "C:\\W").job("list", "D:\\b")  # type: ignore[arg-type]
    anna, bert = (Share(host, RunAs(), "C:\\W", name).job("list", "D:\\b") for name in ("anna@one", "bert@two"))  # type: ignore[arg-type]
    assert usual.task.startswith(TASK_FOLDER) and usual.folder.startswith("C:\\W\\jobs\\")
    for job in (anna, bert):
        assert not job.task.startswith(TASK_FOLDER) and job.folder.startswith("C:\\W\\looks\\")
    assert len({usual.identity, anna.identity, bert.identity}) == 3
