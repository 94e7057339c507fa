#!/usr/bin/env bash
# ansible-test in a copy of the working tree, with a home of its own, so that nothing outside build/ is touched.
# Usage: tools/ansible_test.sh sanity|sanity-shipped|units|integration [arguments]
# sanity-shipped leaves out the Python files that are not shipped (galaxy.yml, build_ignore), on which pylint spends most of its time.
set -euo pipefail
cd "$(dirname "$0")/.."
root=$PWD
command=$1
shift
left_out=()
if [[ $command == sanity-shipped ]]; then
  command=sanity
  while IFS= read -r name; do left_out+=(":!$name/*.py"); done < <(sed -n 's,^  - \(tools\|tests/[a-z_]*\)$,\1,p' galaxy.yml)
  ((${#left_out[@]})) || { echo "galaxy.yml names nothing in build_ignore that could be left out" >&2; exit 1; }
fi
tree=$(tools/copy_tree.sh "build/ansible-test/$command" "${left_out[@]}")
# What the integration targets know of the lab (tools/integration.py); it holds the lab's secrets, so it is no tracked file.
if [[ -n ${INTEGRATION_CONFIG:-} ]]; then install -m 600 "$INTEGRATION_CONFIG" "$tree/tests/integration/integration_config.yml"; fi
export HOME=$root/build/ansible-test/home
export PATH=$root/build/venv/bin:$PATH
export OCTOPUS_UPGRADE_REPOSITORY=$root
export ANSIBLE_COLLECTIONS_PATH=$root/build/ansible-test/$command
unset PYTHONPATH
# The pip bootstrap of ansible-test comes from a host that not every network reaches (tools/get_pip.py).
version=$(python - <<'PYTHON'
from ansible_test._internal.python_requirements import get_venv_packages
import sys, types
python = types.SimpleNamespace(version=".".join(map(str, sys.version_info[:2])))
print(get_venv_packages(python)["pip"].replace(".", "_"))
PYTHON
)
mkdir -p "$HOME/.ansible/test/cache"
cp tools/get_pip.py "$HOME/.ansible/test/cache/get_pip_$version.py"
python=$(python -c 'import sys; print(".".join(map(str, sys.version_info[:2])))')
cd "$tree"
# One Python, the one the modules run with here: shims of version managers answer for Pythons that are not installed.
if [[ $command == sanity ]]; then set -- --skip-test changelog "$@"; fi # tools/lint.sh antsibull-changelog is the same linter
exec ansible-test "$command" --color no --python "$python" "$@"
