# Everything is done in build/; `make clean` forgets it.
.PHONY: demo demo-rollback demo-clone demo-test-instance lab test check coverage changelog docs services guides chaos table clone-rounds bench clean

PYTHON ?= python3
export PYTHON

demo:
	@tools/setup.sh demo
	@build/venv/bin/python tools/demo.py

demo-rollback:
	@tools/setup.sh demo
	@build/venv/bin/python tools/demo_rollback.py

demo-clone:
	@tools/setup.sh demo
	@build/venv/bin/python tools/demo_clone.py

demo-test-instance:
	@tools/setup.sh demo
	@build/venv/bin/python tools/demo_test_instance.py

# A lab that stays until Ctrl-C, and the commands to run on it
lab:
	@tools/setup.sh demo
	@build/venv/bin/python tools/play_lab.py

test:
	@tools/setup.sh test
	@build/venv/bin/python tools/check.py

# One check or several by name: make check NAME="unit lab"
check:
	@tools/setup.sh test
	@build/venv/bin/python tools/check.py $(NAME)

# Which lines the quick tests run: build/coverage/html, and a table. There is no threshold. PATHS="tests/unit" for some of them
coverage:
	@tools/setup.sh test
	@mkdir -p build/coverage
	@build/venv/bin/python -m pytest -q -p no:cacheprovider --cov --cov-report=html --cov-report=term:skip-covered $(or $(PATHS),tests/unit tests/property)

# What the fragments in changelogs/ make of the next release, in build/changelog
changelog:
	@tools/setup.sh test
	@tools/lint.sh antsibull-changelog

# The documentation as a site, in build/docs
docs:
	@tools/setup.sh test
	@tools/docs_site.sh

# The tests that talk to a real SQL Server and Octopus Server (.github/workflows/services.yml), against a lab
services:
	@tools/setup.sh demo
	@build/venv/bin/python tools/services.py

# Every command of the guides that a lab can run, typed by a new user in a home directory of their own
guides:
	@tools/setup.sh test
	@OCTOPUS_TEST_PATIENCE=$${OCTOPUS_TEST_PATIENCE:-3} OCTOPUS_GUIDES=all build/venv/bin/python -m pytest -q -p no:cacheprovider tests/scenarios/docs

# An upgrade broken at every step of its journal, in every way: CASES="upgrade/apply" for some of them, CASES=full for two of each step
chaos:
	@tools/setup.sh test
	@build/venv/bin/python tools/chaos.py $(CASES)

# Every situation of an instance, times every moment at which an upgrade can fail: CELLS="suspect,dropped/msi" for some of them
table:
	@tools/setup.sh test
	@OCTOPUS_TEST_PATIENCE=$${OCTOPUS_TEST_PATIENCE:-3} OCTOPUS_TABLE=$(or $(CELLS),all) build/venv/bin/python -m pytest -q -p no:cacheprovider -n 2 tests/scenarios/table

# Clones of every generation, ten scheduled refreshes with something going wrong in every second one, a refresh killed at every step
clone-rounds:
	@tools/setup.sh test
	@OCTOPUS_TEST_PATIENCE=$${OCTOPUS_TEST_PATIENCE:-3} OCTOPUS_CLONE_ROUNDS=10 OCTOPUS_CLONE_WORLDS=all OCTOPUS_CLONE_STEPS=all build/venv/bin/python -m pytest -q -p no:cacheprovider -n 2 --dist loadscope tests/scenarios/clone

# How long a rollback takes, against what SQL Server and the file copies need; on a computer that has nothing else to do
bench:
	@tools/setup.sh test
	@build/venv/bin/python -m pytest -q -s -p no:cacheprovider tests/bench

clean:
	rm -rf build
