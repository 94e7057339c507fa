# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""ansible-playbook that compiles a collection once, and not in each of some two hundred processes.

Ansible's loader of collections compiles what it imports each time anew (ansible.utils.collection_loader), Python's own keeps the compiled code
in ``__pycache__`` and takes it while the source is what it was. Here the former asks the latter; nothing else differs. In a folder of its own,
since Python looks for modules where its script is.
"""

from __future__ import annotations

import sys
from importlib.machinery import SourceFileLoader
from pathlib import Path
from types import CodeType

from ansible.cli import playbook
from ansible.utils.collection_loader import _collection_finder as finder

compiled_anew = finder._AnsibleCollectionPkgLoaderBase.get_code


def get_code(self: finder._AnsibleCollectionPkgLoaderBase, fullname: str) -> CodeType | None:
    """The code of a module or package; None where there is no file of it."""
    path = self.get_filename(fullname)
    if not self._compiled_code and path and Path(path).is_file():
        self._compiled_code = SourceFileLoader(fullname, path).get_code(fullname)
    return compiled_anew(self, fullname)


if __name__ == "__main__":
    finder._AnsibleCollectionPkgLoaderBase.get_code = get_code
    sys.argv[0] = str(Path(sys.executable).parent / "ansible-playbook")
    sys.exit(playbook.main())
