#!/usr/bin/env bash
# The documentation as a site, build/docs/site/build/html: the guides, and a page for each module and role. Fails where a reference leads nowhere.
set -euo pipefail
umask 022  # antsibull-docs wants folders that nobody else can write to
cd "$(dirname "$0")/.."
root=$PWD
export PATH=$root/build/lint/bin:$PATH
export HOME=$root/build/lint/home
mkdir -p "$HOME"
unset PYTHONPATH
rm -rf build/docs
mkdir -p build/docs/site/rst
tools/copy_tree.sh build/docs/tree > /dev/null
export ANSIBLE_COLLECTIONS_PATH=$root/build/docs/tree
cd build/docs/site
antsibull-docs sphinx-init --use-current --squash-hierarchy --fail-on-error --sphinx-theme alabaster --dest-dir . --project octopus.upgrade octopus.upgrade
printf 'intersphinx_timeout = 10\n' >> conf.py
antsibull-docs --config-file antsibull-docs.cfg collection --use-current --squash-hierarchy --fail-on-error --dest-dir rst octopus.upgrade
# References to Ansible's own documentation resolve only where docs.ansible.com is reachable, so they are not counted; every other one is.
sphinx-build -q -n -b html -d build/doctrees -c . rst build/html 2> warnings.txt || { cat warnings.txt >&2; exit 1; }
theirs="undefined label: '(ansible_collections\.ansible\.builtin\.|[a-z_]+' \[)"
if grep WARNING warnings.txt | grep -v "failed to reach any of the inventories" | grep -Ev "$theirs"; then exit 1; fi
printf 'build/docs/site/build/html/index.html\n'
