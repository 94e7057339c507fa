#!/usr/bin/env bash
# The linters that want the collection as a built artifact or as a real tree.
# Usage: tools/lint.sh ansible-lint|antsibull-docs|galaxy-importer|antsibull-changelog
set -euo pipefail
cd "$(dirname "$0")/.."
root=$PWD
what=$1
export PATH=$root/build/lint/bin:$PATH
export HOME=$root/build/lint/home
mkdir -p "$HOME"
unset PYTHONPATH
case $what in
  ansible-lint)
    tree=$(tools/copy_tree.sh build/lint/ansible-lint)
    export ANSIBLE_COLLECTIONS_PATH=$root/build/lint/ansible-lint
    cd "$tree"
    exec ansible-lint --offline --profile production --strict
    ;;
  antsibull-docs)
    tree=$(tools/copy_tree.sh build/lint/docs)
    export ANSIBLE_COLLECTIONS_PATH=$root/build/lint/docs
    cd "$tree"
    exec antsibull-docs lint-collection-docs --plugin-docs --validate-collection-refs self .
    ;;
  galaxy-importer)
    rm -rf build/lint/artifact
    mkdir -p build/lint/artifact
    tree=$(tools/copy_tree.sh build/lint/importer)
    # Galaxy wants 1.0.0 or later, and 1.0.0-dev is earlier: what is examined is the release that it becomes.
    sed -i 's/^\(version: .*\)-dev$/\1/' "$tree/galaxy.yml"
    artifact=$(cd "$tree" && rm -rf .git && ansible-galaxy collection build --output-path "$root/build/lint/artifact" | sed -n 's/^Created collection for .* at //p')
    # Its ansible-lint only warns, by fewer rules than ours; sanity has a check of its own, too.
    cat > build/lint/galaxy-importer.cfg <<CONFIG
[galaxy-importer]
LOG_LEVEL_MAIN = INFO
RUN_ANSIBLE_TEST = False
RUN_ANSIBLE_LINT = False
CHECK_REQUIRED_TAGS = True
REQUIRE_V1_OR_GREATER = True
CONFIG
    export GALAXY_IMPORTER_CONFIG=$root/build/lint/galaxy-importer.cfg
    cd build/lint/artifact
    exec python -m galaxy_importer.main "$artifact"
    ;;
  antsibull-changelog)
    # It passes over a fragment of any other name without a word.
    stray=$(find changelogs/fragments -type f ! -name '[!.]*.yml' ! -name '[!.]*.yaml' ! -name .keep)
    if [[ -n $stray ]]; then printf 'not the name of a changelog fragment (NAME.yml): %s\n' "$stray" >&2; exit 1; fi
    antsibull-changelog lint
    antsibull-changelog lint-changelog-yaml --strict changelogs/changelog.yaml
    # The next release, made in a copy: it shows that the fragments can become one, and what it will say.
    tree=$(tools/copy_tree.sh build/lint/changelog)
    version=$(sed -n 's/^version: \(.*\)-dev$/\1/p' galaxy.yml)
    if [[ -z $version ]]; then echo "The version in galaxy.yml is a released one; there is no next release to show."; exit; fi
    mkdir -p build/changelog
    export ANSIBLE_COLLECTIONS_PATH=$root/build/lint/changelog
    (cd "$tree" && antsibull-changelog release --version "$version")
    cp "$tree/CHANGELOG.rst" build/changelog/CHANGELOG.rst
    ;;
  *) echo "unknown linter $what" >&2; exit 2 ;;
esac
