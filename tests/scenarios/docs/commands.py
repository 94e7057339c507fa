# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Which commands of the documentation are not typed by the new user of test_walk.py, and why."""

from __future__ import annotations

# The guides whose commands that user types after the first plan, in an order that makes sense for one instance and its clone.
STORY = ("guide_clones", "guide_rehearsal", "guide_upgrade", "guide_restore_points")

PACKAGES = "installs packages of the distribution, as root; tools/setup.sh installs the same for the tests"
KERBEROS = "the same packages, for Kerberos"
CHECKOUT = "for those who work on the collection"
TENTACLES = "tests/scenarios/tentacle/test_waves.py runs it"
VERIFY = "tests/scenarios/upgrade/test_cost.py runs it"
TEST_INSTANCE = "tests/scenarios/test_instance/test_life.py runs it"
SITUATION = "needs a situation that another test makes"

NOT_HERE = {
    "sudo apt-get install -y curl git openssl python3-venv unixodbc tdsodbc": PACKAGES,
    "sudo curl -o /etc/yum.repos.d/mssql-release.repo https://packages.microsoft.com/config/rhel/9/prod.repo": PACKAGES,
    "sudo ACCEPT_EULA=Y dnf install -y git openssl python3.12 unixODBC msodbcsql18": PACKAGES,
    "sudo apt-get install -y gcc krb5-user libkrb5-dev python3-dev": KERBEROS,
    "sudo dnf install -y gcc krb5-devel krb5-libs krb5-workstation python3.12-devel": KERBEROS,
    "pip install 'pywinrm[kerberos]'": "compiled against those; tests/scenarios/windows/test_kerberos.py logs in with it",
    "git clone https://github.com/octopus-upgrade/octopus.upgrade && cd octopus.upgrade": CHECKOUT,
    "build/venv/bin/python tools/check.py --list": CHECKOUT,
    "build/venv/bin/python -m pytest -q tests/unit/plugins/module_utils/_octopus": CHECKOUT,
    "ansible-playbook octopus.upgrade.upgrade_inplace --limit octopus_prod -e octopus_break_lock=20261130T101500Z": (
        f"{SITUATION}: tests/scenarios/rollback/test_taken_over.py"
    ),
    "ansible-playbook octopus.upgrade.tentacles --check": TENTACLES,
    "ansible-playbook octopus.upgrade.tentacles": TENTACLES,
    "ansible-playbook octopus.upgrade.test_instance --check": TEST_INSTANCE,
    "ansible-playbook octopus.upgrade.test_instance": TEST_INSTANCE,
    "ansible-playbook octopus.upgrade.remove_test_instance --check": TEST_INSTANCE,
    "ansible-playbook octopus.upgrade.remove_test_instance": TEST_INSTANCE,
    "ansible-playbook octopus.upgrade.verify --limit octopus_prod": VERIFY,
    "ansible-playbook octopus.upgrade.verify -e octopus_baseline_file=before.json": VERIFY,
}
